//! Reads what was asked for, and does it.

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, parser::ValueSource};
use yingke_server::{
    admin::{self, AdminError},
    demo, http, import, serve,
    settings::{Command, Settings},
    verify,
};

#[tokio::main]
async fn main() -> ExitCode {
    let typed = Settings::command().get_matches();
    let settings = Settings::from_arg_matches(&typed).unwrap_or_else(|error| error.exit());
    if is_elsewhere(&typed) {
        eprintln!("yingke-server: on the database that YINGKE_DATABASE names; --data only says what lies beside it");
    }
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

/// Whether somebody said a folder and the environment says that the database is not in it.
fn is_elsewhere(typed: &ArgMatches) -> bool {
    let mut of_command = typed;
    while let Some((_, further)) = of_command.subcommand() {
        of_command = further;
    }
    let is = |id: &str, source| {
        of_command.ids().any(|known| known.as_str() == id) && of_command.value_source(id) == Some(source)
    };
    is("folder", ValueSource::CommandLine) && is("database", ValueSource::EnvVariable)
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
        Command::Serve { data, listen, metrics, install, tls, push, app, withdrawn } => {
            let app = app.as_deref();
            serve::run(serve::Wish { data: &data, listen, metrics, install, tls: &tls, push, app, withdrawn }).await
        }
        Command::Ca { data, hosts, install_port } => admin::ca(&data, &hosts, install_port, now).await,
        Command::Backup { data, file, sealed } => admin::backup(&data, &file, &sealed).await,
        Command::Restore { data, file, sealed, replace } => admin::restore(&data, &file, &sealed, replace, now).await,
        Command::Import { data, file, venue, author, map, skip_known, write } => {
            let wish = import::Wish { file: &file, map: &map, skip_known };
            admin::import(&data, &wish, &venue, &author, write, now).await
        }
        Command::Export { data, file, kind } => admin::export(&data, &kind, &file).await,
        Command::Person { data, person, file } => admin::person(&data, &person, &file).await,
        Command::Erase { data, person, author, write } => admin::erase(&data, &person, &author, write, now).await,
        Command::Retention { data, months, author, write: _ } => {
            admin::retention(&data, &months, author.as_deref(), now).await
        }
        Command::Pack(command) => admin::pack(command, now).await,
        Command::Verify { data } => {
            let (ledger, organisation) = admin::open(&data).await?;
            let findings = verify::with_pictures(&*ledger, organisation).await?;
            ledger.close().await;
            if findings.faults.is_empty() {
                Ok(findings.to_string())
            } else {
                Err(AdminError::Asked(findings.to_string().trim_end().into()))
            }
        }
    }
}
