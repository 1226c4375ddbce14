//! Everything on this machine: the client built, the server started, a demo club to look at.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::dist::{self, Finish};
use crate::shell::{self, Outcome, Stop};
use crate::workspace::Workspace;

const PORT: u16 = 8080;

/// What the person asked for.
pub struct Wish {
    pub empty: bool,
    pub finish: Finish,
    pub port: Option<u16>,
    pub data: Option<PathBuf>,
}

/// Serves until Ctrl-C. The server takes this process over, so signals reach it and nothing is left behind.
pub fn serve(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    let port = wish.port.unwrap_or(PORT);
    let address = format!("127.0.0.1:{port}");
    // Asked before the minutes of building, not after.
    if let Err(error) = TcpListener::bind(&address) {
        let why = if error.kind() == ErrorKind::AddrInUse { "it is in use".into() } else { error.to_string() };
        let other = port.checked_add(1).unwrap_or(PORT);
        return Err(Stop(format!("port {port} cannot be used: {why}; another one: cargo xtask run --port {other}")));
    }
    let dist = dist::build(workspace, wish.finish)?;
    build_server(workspace)?;
    let data = wish.data.clone().unwrap_or_else(|| workspace.place(if wish.empty { "empty" } else { "demo" }));
    prepare(workspace, &data, wish.empty)?;

    println!("\nYingke 迎客: http://{address}   (Ctrl-C ends it; data in {})\n", data.display());
    let mut server = Command::new(workspace.server());
    server.arg("serve").args(["--listen", &address]).arg("--data").arg(&data).arg("--app").arg(&dist);
    become_server(&mut server)
}

pub fn build_server(workspace: &Workspace) -> Outcome<()> {
    let mut command = workspace.cargo();
    command.args(["build", "--release", "--locked", "--package", "yingke-server"]);
    shell::long(&mut command, "building the server")
}

/// Lays out a new data folder; in one that is there, nothing is touched and the demo's names are said again.
fn prepare(workspace: &Workspace, data: &Path, empty: bool) -> Outcome<()> {
    let server = |words: &[&str]| {
        let mut command = Command::new(workspace.server());
        command.args(words).arg("--data").arg(data);
        command
    };
    let is_new = fs::read_dir(data).map_or(true, |mut files| files.next().is_none());
    if !is_new {
        // A folder of a real club knows no demo, and needs none.
        if let Ok(told) = shell::quiet(server(&["demo"]).arg("--show")) {
            print!("{told}");
        }
        return Ok(());
    }
    fs::create_dir_all(data)
        .map_err(|error| Stop(format!("{} cannot be made: {error}; another place: --data DIR", data.display())))?;
    let told = if empty {
        shell::quiet(server(&["init"]).args(["--organisation", "迎客"]))?
    } else {
        println!("making the demo club …");
        shell::quiet(&mut server(&["demo"]))?
    };
    print!("{told}");
    Ok(())
}

#[cfg(unix)]
fn become_server(server: &mut Command) -> Outcome<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = server.exec(); // returns only if it failed
    Err(Stop(format!("the server cannot be started: {error}; `cargo build --release -p yingke-server` may say more")))
}

#[cfg(not(unix))]
fn become_server(server: &mut Command) -> Outcome<ExitCode> {
    let status = server.status().map_err(|error| Stop(format!("the server cannot be started: {error}")))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
