//! How many connections may be open at once: fewer than the files that the system lets the process open, so that the
//! database is reached however many clients come. One too many is closed at once, and its tablet comes again.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum_server::accept::Accept;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// Files for what is no connection of a client: the database, the app, messages to push services. Where there are few
/// files, half of them.
const FILES_KEPT: usize = 256;

/// As many connections as the system's limit leaves room for, which is raised as far as it goes.
#[must_use]
pub fn allowed() -> usize {
    let files = files_max().min(Semaphore::MAX_PERMITS);
    files.saturating_sub(FILES_KEPT).max(files / 2)
}

#[cfg(unix)]
fn files_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // What cannot be raised stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn files_max() -> usize {
    usize::MAX
}

/// Lets so many connections in.
#[derive(Debug, Clone)]
pub struct Bounded<A> {
    inner: A,
    connections_max: usize,
    left: Arc<Semaphore>,
    is_told: Arc<AtomicBool>,
}

impl<A> Bounded<A> {
    #[must_use]
    pub fn new(inner: A, connections_max: usize) -> Self {
        let left = Arc::new(Semaphore::new(connections_max));
        Self { inner, connections_max, left, is_told: Arc::default() }
    }

    fn place(&self) -> io::Result<Arc<OwnedSemaphorePermit>> {
        let place = self.left.clone().try_acquire_owned();
        // Told once, until it is long past: not at each of those who come and go at the limit.
        if place.is_err() && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("no more connections are taken until others end; the limit of open files decides how many");
        } else if self.left.available_permits() > self.connections_max / 2 {
            self.is_told.store(false, Ordering::Relaxed);
        }
        place.map(Arc::new).map_err(|_| io::Error::other("as many connections as can be are open"))
    }
}

type Accepting<S, T> = Pin<Box<dyn Future<Output = io::Result<(S, Placed<T>)>> + Send>>;

impl<A, I, S> Accept<I, S> for Bounded<A>
where
    A: Accept<I, S, Future: Send + 'static>,
{
    type Stream = A::Stream;
    type Service = Placed<A::Service>;
    type Future = Accepting<A::Stream, A::Service>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (place, accepted) = (self.place(), self.inner.accept(stream, service));
        Box::pin(async move {
            let place = place?;
            let (stream, inner) = accepted.await?;
            Ok((stream, Placed { inner, _place: place }))
        })
    }
}

/// What answers on a connection. It lives as long as that, and holds its place.
#[derive(Debug, Clone)]
pub struct Placed<S> {
    inner: S,
    _place: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<R>, R> Service<R> for Placed<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.inner.call(request)
    }
}
