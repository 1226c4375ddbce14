//! What things cost: figures and ratios, printed. Nothing fails by time, since time depends on the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::dist::{Builder, Finish};
use crate::engines;
use crate::postgres::{self, Cluster};
use crate::run;
use crate::shell::{self, Outcome, Stop};
use crate::system;
use crate::workspace::Workspace;

/// The page of each contender, as `tests/bench/client/pages` has them, and what runs beside one.
const PAGES: [&str; 7] = ["floor", "ours", "dexie", "rxdb", "tinybase", "sqlite", "sqlite-worker"];

/// What the person asked for.
pub struct Wish {
    pub what: Option<String>,
    pub data: Option<PathBuf>,
    pub sizes: Option<String>,
    /// Which contenders, of `client`.
    pub only: Option<String>,
    /// How the page of `client` is made.
    pub finish: Finish,
}

pub fn run(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    match wish.what.as_deref() {
        Some("core") => core(workspace, wish),
        Some("server") => server(workspace),
        Some("client") => client(workspace, wish),
        _ => Err(Stop("say which: `cargo xtask bench core`, `bench client` or `bench server`".into())),
    }
}

/// The pure parts, natively.
fn core(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    let mut bench = bench(workspace, "yingke-core", "core");
    bench.arg("--");
    add_data(&mut bench, wish)?;
    println!("measuring core: {}", shell::words(&bench));
    measured(&mut bench)
}

/// Storage, replica and search in Chromium, beside raw IndexedDB and what a team would pick instead.
fn client(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    let (driver, chrome) = engines::chromium()?;
    let site = workspace.place("bench-client");
    let written = |error: std::io::Error| Stop(format!("{} cannot be written: {error}", site.display()));
    fs::create_dir_all(&site).map_err(written)?;
    for (name, bytes) in Builder::find(workspace, wish.finish)?.bench_page()? {
        fs::write(site.join(name), bytes).map_err(written)?;
    }
    fs::copy(workspace.root.join("public/boot.js"), site.join("boot.js")).map_err(written)?;
    peers(&workspace.root.join("tests/bench/client"), &workspace.place("bench-peers"), &site)?;
    let mut bench = bench(workspace, "yingke-tests", "client");
    bench.args(["--profile", "dev"]); // it only asks; what is measured is in the browser
    bench.arg("--");
    add_data(&mut bench, wish)?;
    if let Some(only) = &wish.only {
        bench.args(["--only", only]);
    }
    bench.env("YINGKE_BENCH_SITE", &site).env("CHROMEDRIVER", driver).env("CHROME", chrome);
    measured(&mut bench)
}

/// Fetches the peers in their pinned versions and bundles each page with what it needs.
fn peers(source: &Path, work: &Path, site: &Path) -> Outcome<()> {
    if shell::on_path("npm").is_none() {
        system::install(&["nodejs", "npm"], "measuring peers, which come from npm")?;
    }
    let written = |error: std::io::Error| Stop(format!("{} cannot be written: {error}", work.display()));
    fs::create_dir_all(work.join("pages")).map_err(written)?;
    let mut pages = Vec::new();
    for page in PAGES.iter().chain(&["bench"]) {
        let page = Path::new("pages").join(format!("{page}.js"));
        fs::copy(source.join(&page), work.join(&page)).map_err(written)?;
        pages.push(page);
    }
    for file in ["package.json", "package-lock.json"] {
        fs::copy(source.join(file), work.join(file)).map_err(written)?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(work).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    shell::long(&mut npm, "fetching peers")?;
    let mut esbuild = Command::new(work.join("node_modules/.bin/esbuild"));
    esbuild.current_dir(work).args(pages.iter().filter(|page| !page.ends_with("bench.js")));
    esbuild.args(["--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning"]);
    esbuild.args(["--external:/ours-glue.js", "--define:process.env.NODE_ENV=\"production\""]);
    esbuild.arg(format!("--outdir={}", site.display()));
    shell::quiet(&mut esbuild)?;
    let sqlite = work.join("node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3.wasm");
    fs::copy(&sqlite, site.join("sqlite3.wasm")).map_err(|error| Stop(format!("{}: {error}", sqlite.display())))?;
    Ok(())
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
        let mut bench = bench(workspace, "yingke-tests", "server");
        bench.env("YINGKE_SERVER", workspace.server()).envs(url.map(|url| (postgres::VARIABLE, url)));
        measured(&mut bench)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A bench of one crate; what follows `--` is its own.
fn bench(workspace: &Workspace, package: &str, name: &str) -> Command {
    let mut bench = workspace.cargo();
    bench.args(["bench", "--package", package, "--bench", name, "--locked", "--quiet"]);
    bench
}

fn add_data(bench: &mut Command, wish: &Wish) -> Outcome<()> {
    if let Some(data) = &wish.data {
        // Where the person is, not where cargo runs it.
        let data = std::path::absolute(data).map_err(|error| Stop(format!("{}: {error}", data.display())))?;
        bench.arg("--data").arg(data);
    }
    if let Some(sizes) = &wish.sizes {
        bench.args(["--sizes", sizes]);
    }
    Ok(())
}

fn measured(bench: &mut Command) -> Outcome<ExitCode> {
    let status = bench.status().map_err(|error| Stop(format!("cargo does not start: {error}")))?;
    if status.success() { Ok(ExitCode::SUCCESS) } else { Err(Stop("the bench ended early, see above".into())) }
}
