//! The browser's own file system, through the worker that may write there (`public/copy.js`).

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use futures::channel::oneshot;
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageEvent, Worker};

use super::seal::object;

/// Why a file was not read or written. The database knows nothing of it and goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the copy's worker: {0}")]
pub struct OpfsError(String);

impl OpfsError {
    #[must_use]
    pub fn silent() -> Self {
        Self("it does not answer".into())
    }
}

type Answer = Result<JsValue, OpfsError>;

/// The worker of this tab. It does one thing after the other, in the order in which it was asked.
#[derive(Debug)]
pub struct Opfs {
    worker: Worker,
    waiting: Rc<RefCell<VecDeque<oneshot::Sender<Answer>>>>,
    _listeners: [Closure<dyn FnMut(MessageEvent)>; 2],
}

impl Opfs {
    /// Starts it from the file at this address.
    ///
    /// # Errors
    /// [`OpfsError`]; a browser without such files says so with the first answer.
    pub fn start(url: &str) -> Result<Self, OpfsError> {
        let worker = Worker::new(url).map_err(|error| OpfsError(format!("{error:?}")))?;
        let waiting: Rc<RefCell<VecDeque<oneshot::Sender<Answer>>>> = Rc::default();
        let asked = waiting.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let member = |name: &str| Reflect::get(&event.data(), &name.into()).unwrap_or_default();
            let answer = match member("error").as_string() {
                Some(error) => Err(OpfsError(error)),
                None => Ok(member("answer")),
            };
            let waits = asked.borrow_mut().pop_front();
            waits.map(|waits| waits.send(answer)); // whoever asked need not wait
        });
        // Its file is missing: nobody will be answered.
        let asked = waiting.clone();
        let on_error = Closure::<dyn FnMut(MessageEvent)>::new(move |_| asked.borrow_mut().clear());
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, waiting, _listeners: [on_message, on_error] })
    }

    /// What lies in every tab's file, in the order in which they were last written.
    ///
    /// # Errors
    /// [`OpfsError`]
    pub async fn read(&self) -> Result<Vec<Vec<u8>>, OpfsError> {
        let files = self.ask("read", &[]).await?;
        Ok(files.unchecked_into::<Array>().iter().map(|file| file.unchecked_into::<Uint8Array>().to_vec()).collect())
    }

    /// These bytes take the place of this tab's file and of those of tabs that have ended. Asked for at once; what this
    /// gives tells when it is done.
    pub fn begin(&self, bytes: &[u8]) -> impl Future<Output = Result<(), OpfsError>> + use<> {
        let answer = self.ask("begin", bytes);
        async { answer.await.map(drop) }
    }

    /// These bytes stand at the end of this tab's file; likewise.
    pub fn append(&self, bytes: &[u8]) -> impl Future<Output = Result<(), OpfsError>> + use<> {
        let answer = self.ask("append", bytes);
        async { answer.await.map(drop) }
    }

    /// No file stays but those of other tabs that live; likewise.
    pub fn forget(&self) -> impl Future<Output = Result<(), OpfsError>> + use<> {
        let answer = self.ask("forget", &[]);
        async { answer.await.map(drop) }
    }

    fn ask(&self, job: &str, bytes: &[u8]) -> impl Future<Output = Answer> + use<> {
        let (tell, told) = oneshot::channel();
        let bytes = Uint8Array::from(bytes);
        let message = object(&[("job", job.into()), ("bytes", bytes.clone().into())]);
        if self.worker.post_message_with_transfer(&message, &Array::of1(&bytes.buffer())).is_ok() {
            self.waiting.borrow_mut().push_back(tell);
        }
        async { told.await.unwrap_or_else(|_| Err(OpfsError::silent())) }
    }
}

impl Drop for Opfs {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}
