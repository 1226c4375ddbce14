//! What things cost: figures and ratios, printed. Nothing fails by time, since time depends on the machine.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::postgres::{self, Cluster};
use crate::run;
use crate::shell::{self, Outcome, Stop};
use crate::workspace::Workspace;

/// What the person asked for.
pub struct Wish {
    pub what: Option<String>,
    pub data: Option<PathBuf>,
    pub sizes: Option<String>,
}

pub fn run(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    match wish.what.as_deref() {
        Some("core") => core(workspace, wish),
        Some("server") => server(workspace),
        _ => Err(Stop("say which: `cargo xtask bench core` or `cargo xtask bench server`".into())),
    }
}

/// The pure parts, natively.
fn core(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    let mut bench = workspace.cargo();
    bench.args(["bench", "--package", "yingke-core", "--bench", "core", "--locked", "--quiet", "--"]);
    if let Some(data) = &wish.data {
        // Where the person is, not where cargo runs it.
        let data = std::path::absolute(data).map_err(|error| Stop(format!("{}: {error}", data.display())))?;
        bench.arg("--data").arg(data);
    }
    if let Some(sizes) = &wish.sizes {
        bench.args(["--sizes", sizes]);
    }
    println!("measuring core: {}", shell::words(&bench));
    let status = bench.status().map_err(|error| Stop(format!("cargo does not start: {error}")))?;
    if status.success() { Ok(ExitCode::SUCCESS) } else { Err(Stop("the bench ended early, see above".into())) }
}

/// The endpoint in a process of its own, on a file and on a private PostgreSQL.
fn server(workspace: &Workspace) -> Outcome<ExitCode> {
    run::build_server(workspace)?;
    let cluster = Cluster::start()?;
    println!(
        "aims: 10,000 changes/s on SQLite and 5,000 on PostgreSQL; a no-op sync in 10 ms (p99) and 600 bytes; 100,000 people \
         in 2 s and 100 bytes each"
    );
    for url in [None, Some(cluster.url())] {
        let mut bench = workspace.cargo();
        bench.args(["bench", "--package", "yingke-tests", "--bench", "server", "--locked", "--quiet"]);
        bench.env("YINGKE_SERVER", workspace.server()).envs(url.map(|url| (postgres::VARIABLE, url)));
        let status = bench.status().map_err(|error| Stop(format!("cargo does not start: {error}")))?;
        if !status.success() {
            return Err(Stop("the bench ended early, see above".into()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
