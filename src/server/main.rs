//! Reads what was asked for, opens the ledger, serves.

use std::{io::IsTerminal, net::SocketAddr, path::Path, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::{net::TcpListener, sync::watch};
use yingke_server::{
    admin::{self, AdminError},
    demo, http, import, pack_check,
    settings::{Command, Data, Pack, Settings},
    verify,
};

/// How long open requests may take to end before they are cut.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    match obey(settings.command).await {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("yingke-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn obey(command: Command) -> Result<String, AdminError> {
    let now = http::system_clock()();
    match command {
        Command::Init { data, organisation } => admin::init(&data, &organisation, now).await,
        Command::Venue(command) => admin::venue(command, now).await,
        Command::Staff(command) => admin::staff(command, now).await,
        Command::Device(command) => admin::device(command, now).await,
        Command::Demo { data, show: true } => demo::show(&data).await,
        Command::Demo { data, show: false } => demo::make(&data, now).await,
        Command::Serve { data, listen, metrics, app } => serve(&data, listen, metrics, app.as_deref()).await,
        Command::Backup { data, file, sealed } => admin::backup(&data, &file, &sealed).await,
        Command::Restore { data, file, sealed, replace } => admin::restore(&data, &file, &sealed, replace, now).await,
        Command::Import { data, file, venue, author, map, skip_known, write } => {
            let wish = import::Wish { file: &file, map: &map, skip_known };
            admin::import(&data, &wish, &venue, &author, write, now).await
        }
        Command::Export { data, file, kind } => admin::export(&data, &kind, &file).await,
        Command::Pack(Pack::Check { file }) => pack_check::run(&file),
        Command::Verify { data } => {
            let (ledger, organisation) = admin::open(&data).await?;
            let findings = verify::run(&*ledger, organisation).await?;
            ledger.close().await;
            if findings.faults.is_empty() {
                Ok(findings.to_string())
            } else {
                Err(AdminError::Asked(findings.to_string().trim_end().into()))
            }
        }
    }
}

async fn serve(
    data: &Data,
    listen: SocketAddr,
    metrics: Option<SocketAddr>,
    app: Option<&Path>,
) -> Result<String, AdminError> {
    let asked = |sentence: String| AdminError::Asked(sentence);
    if let Some(app) = app
        && !app.join("index.html").is_file()
    {
        return Err(asked(format!("{} holds no index.html; `cargo xtask dist` makes the app's files", app.display())));
    }
    // The ports first: nothing is opened, let alone altered, when one is taken.
    let bound = async |address: SocketAddr, option: &str| {
        let listener = TcpListener::bind(address).await;
        listener
            .map_err(|error| asked(format!("{address} cannot be listened on: {error}; another one: {option} ADDRESS")))
    };
    let listener = bound(listen, "--listen").await?;
    let metrics = match metrics {
        Some(address) => Some(bound(address, "--metrics").await?),
        None => None,
    };
    let address = listener.local_addr().unwrap_or(listen);
    let (ledger, _) = admin::open(data).await?;

    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();

    let (end, ending) = watch::channel(false);
    let state = http::App::new(ledger.clone(), http::system_clock(), ending.clone());
    if let Some(listener) = metrics {
        tokio::spawn(axum::serve(listener, http::metrics_router(&state)).into_future());
    }
    let router = http::router(state, app);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let drained = {
        let mut ending = ending.clone();
        async move {
            let _ = ending.wait_for(|ending| *ending).await;
        }
    };
    let server = tokio::spawn(axum::serve(listener, service).with_graceful_shutdown(drained).into_future());
    tracing::info!(%address, "listening on {address}");
    asked_to_end().await;
    tracing::info!("ending: open requests are finished first");
    // The receiver lives in this function.
    let _ = end.send(true);
    if tokio::time::timeout(DRAIN, server).await.is_err() {
        tracing::warn!("some requests took too long and were cut");
    }
    ledger.close().await;
    Ok(String::new())
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
