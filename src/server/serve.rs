//! Serving until somebody asks to end: the ports first, then the ledger, and at the end open requests.

use std::{io::IsTerminal, net::SocketAddr, path::Path, time::Duration};

use axum_server::Handle;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    admin::{self, AdminError},
    authority, connections, files, http,
    reminders::post::Post,
    settings::{Data, Push, Tls},
    tls,
};

/// How long open requests may take to end before they are cut.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a client may take to say what it wants. Its body may take longer, as long as it goes on.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// How long a client may take nothing of what is written to it. It may be as slow as it is, as long as it goes on.
const WRITE_WAIT: Duration = Duration::from_secs(30);

/// What is served, and where.
#[derive(Debug)]
pub struct Wish<'a> {
    pub data: &'a Data,
    pub listen: SocketAddr,
    pub metrics: Option<SocketAddr>,
    /// Where tablets fetch the private authority's certificate.
    pub install: Option<SocketAddr>,
    pub tls: &'a Tls,
    pub push: Push,
    pub app: Option<&'a Path>,
    /// Versions of the app that no tablet is to use any more.
    pub withdrawn: Vec<String>,
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// [`AdminError`], with nothing opened, let alone altered.
pub async fn run(wish: Wish<'_>) -> Result<String, AdminError> {
    if let Some(app) = wish.app
        && !app.join("index.html").is_file()
    {
        return Err(asked(format!("{} holds no index.html; `cargo xtask dist` makes the app's files", app.display())));
    }
    let secure = tls::secure(wish.tls, &wish.data.folder).await.map_err(|error| asked(error.to_string()))?;
    let listener = bound(wish.listen, "--listen").await?;
    let metrics = match wish.metrics {
        Some(address) => Some(bound(address, "--metrics").await?),
        None => None,
    };
    let install = match wish.install {
        Some(address) => {
            let authority = authority::installable(&wish.data.folder)
                .map_err(|error| asked(format!("{error}; `yingke-server ca` makes the authority")))?;
            Some((bound(address, "--install").await?, authority))
        }
        None => None,
    };
    let address = listener.local_addr().unwrap_or(wish.listen);
    let connections_max = connections::allowed();
    let (ledger, _) = admin::open(wish.data).await?;
    trace_on_stderr();

    let (end, ending) = watch::channel(false);
    let state = http::App::new(ledger.clone(), http::system_clock(), ending)
        .reminding(Post::of_this_machine(wish.push.hosts, wish.push.contact))
        .withdrawing(wish.withdrawn.clone());
    if let Some(listener) = metrics {
        tokio::spawn(axum::serve(listener, http::metrics_router(&state)).into_future());
    }
    if let Some((listener, authority)) = install {
        tokio::spawn(axum::serve(listener, http::authority_router(authority)).into_future());
    }
    tokio::spawn(state.clone().keep_time());
    tokio::spawn(state.clone().keep_reminding());
    let router = http::router(state, wish.app);
    let router = if secure.is_some() { tls::strict(router) } else { router };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    let server = listener.into_std().and_then(axum_server::from_tcp).map_err(|error| asked(error.to_string()))?;
    let mut server = server.handle(handle.clone()).first_request_timeout(HEAD_WAIT);
    server.http_builder().http1().header_read_timeout(HEAD_WAIT);
    let server = match secure {
        Some(secure) => {
            tokio::spawn(secure.kept);
            tokio::spawn(connections::secured(server, secure.config, connections_max, WRITE_WAIT).serve(service))
        }
        None => tokio::spawn(connections::plain(server, connections_max, WRITE_WAIT).serve(service)),
    };
    match wish.app.map(files::version) {
        None => tracing::warn!("no app is served: --app DIR names the folder with its files"),
        Some(None) => {}
        Some(Some(version)) if wish.withdrawn.contains(&version) => {
            tracing::warn!(
                "the app in --app is version {version}, which is withdrawn: tablets have no newer one to go to"
            );
        }
        Some(Some(version)) => tracing::info!("the app in --app is version {version}"),
    }
    tracing::info!(%address, "listening on {address}");
    asked_to_end().await;
    tracing::info!("ending: open requests are finished first");
    // The receiver lives in the handlers' state.
    let _ = end.send(true);
    handle.graceful_shutdown(Some(DRAIN));
    if !matches!(server.await, Ok(Ok(()))) {
        tracing::warn!("the server did not end in good order");
    }
    ledger.close().await;
    Ok(String::new())
}

fn asked(sentence: impl Into<String>) -> AdminError {
    AdminError::Asked(sentence.into())
}

async fn bound(address: SocketAddr, option: &str) -> Result<TcpListener, AdminError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| {
        // Linux keeps the ports below 1024 for those who have been given them.
        let hint = match error.kind() {
            std::io::ErrorKind::PermissionDenied => "; `setcap cap_net_bind_service=+ep` on the program allows it",
            _ => "",
        };
        asked(format!("{address} cannot be listened on: {error}{hint}; another one: {option} ADDRESS"))
    })
}

fn trace_on_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Ctrl-C, or the signal that service managers send.
async fn asked_to_end() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("a handler of SIGTERM can be set");
        tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}
