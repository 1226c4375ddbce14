//! Builds the client for release: what Trunk makes, then optimised, hashed, listed for the service worker, packed.
//!
//! Trunk compiles and binds; the bytes are final only after wasm-opt, so names are given here and not by Trunk. The
//! result appears in `target/dist` at once and complete, or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::fingerprint;
use crate::precache::{self, PAGE, Site, WORKER};
use crate::shell::{self, Outcome, Stop};
use crate::styles;
use crate::tools::Tools;
use crate::wasm_target::{TARGET, Toolchain};
use crate::workspace::Workspace;

/// How much care goes into a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// As small as it gets: what ships.
    #[default]
    Shipped,
    /// For looking at what one has just changed: there in a minute, some times larger.
    Rough,
}

impl Finish {
    /// The profile in the workspace's manifest.
    const fn profile(self) -> &'static str {
        match self {
            Self::Shipped => "client",
            Self::Rough => "client-rough",
        }
    }
}

/// Builds the client unless nothing has changed since the last time. Returns where it is.
pub fn build(workspace: &Workspace, finish: Finish) -> Outcome<PathBuf> {
    let dist = workspace.dist();
    let made_from = format!("{}\n{}", finish.profile(), fingerprint::of(&workspace.root, fingerprint::CLIENT_INPUTS)?);
    let record = workspace.place("dist.made-from");
    if dist.join(PAGE).is_file() && fs::read_to_string(&record).is_ok_and(|before| before == made_from) {
        println!("the client in {} is up to date", dist.display());
        return Ok(dist);
    }
    let began = Instant::now();
    let builder = Builder::find(workspace, finish)?;
    let site = builder.site()?;
    // A record of a build that is being replaced must not vouch for half of the next one.
    let _ = fs::remove_file(&record);
    put_in_place(&site, &dist, finish)?;
    fs::write(&record, made_from).map_err(|error| unwritable(&record, &error))?;
    println!("the client is in {} ({})", dist.display(), shell::seconds(began.elapsed()));
    Ok(dist)
}

/// What compiles for browsers, and where.
pub struct Builder<'a> {
    workspace: &'a Workspace,
    finish: Finish,
    toolchain: Toolchain,
    tools: Tools,
}

impl<'a> Builder<'a> {
    pub fn find(workspace: &'a Workspace, finish: Finish) -> Outcome<Self> {
        Ok(Self { workspace, finish, toolchain: Toolchain::find(workspace)?, tools: Tools::find(workspace)? })
    }

    /// A cargo that builds for browsers.
    pub fn cargo(&self) -> Command {
        self.command(self.toolchain.cargo())
    }

    /// The program that runs tests for browsers in one; it comes with wasm-bindgen's own.
    pub fn test_runner(&self) -> PathBuf {
        self.tools.wasm_bindgen.with_file_name("wasm-bindgen-test-runner")
    }

    fn site(&self) -> Outcome<Site> {
        styles::write(self.workspace)?;
        self.fetch()?;
        let made = self.trunk()?;
        let mut site = read(&made)?;
        // Compiled in; as people write them they are for whoever changes them, not for tablets.
        site.retain(|file, _| !file.starts_with("packs/"));
        let page = without_comments(&precache::text_of(&site, PAGE)?);
        site.insert(PAGE.to_owned(), page.into_bytes());
        for script in ["boot.js", "copy.js", WORKER] {
            let code = without_comment_lines(&precache::text_of(&site, script)?);
            site.insert(script.to_owned(), code.into_bytes());
        }
        self.optimise(&mut site, "yingke_bg.wasm")?;

        precache::rename_by_digest(&mut site, "yingke_bg.wasm", "yingke", &["yingke.js", PAGE])?;
        precache::rename_by_digest(&mut site, "yingke.js", "yingke", &[PAGE])?;
        precache::rename_by_digest(&mut site, "app.css", "app", &[PAGE])?;
        precache::rename_by_digest(&mut site, "boot.js", "boot", &[PAGE])?;
        for worker in self.workspace.workers() {
            let name = self.worker(&mut site, worker)?;
            name_worker(&mut site, worker, &name)?;
        }
        let name = precache::rename_by_digest(&mut site, "copy.js", "copy", &[])?;
        name_worker(&mut site, "copy", &name)?;
        precache::fill_worker(&mut site)?;
        Ok(site)
    }

    /// Gets the crates that a clone has not seen yet: Trunk runs offline, so that it fetches no tools of its own.
    fn fetch(&self) -> Outcome<()> {
        let mut command = self.command(self.toolchain.cargo());
        command.args(["fetch", "--locked", "--target", TARGET]);
        shell::long(&mut command, "fetching crates")
    }

    fn trunk(&self) -> Outcome<PathBuf> {
        let made = self.workspace.place("trunk");
        let mut command = self.command(&self.tools.trunk);
        command
            .args(["build", "--release", "--offline", "--locked", "--cargo-profile", self.finish.profile(), "--dist"])
            .arg(&made)
            .env("YINGKE_DIST", "1") // Trunk.toml: the sheets are joined already
            .env_remove("NO_COLOR"); // Trunk takes nothing but true and false
        shell::long(&mut command, "compiling the client")?;
        Ok(made)
    }

    /// Builds a worker that does beside the page what takes long. Returns its file's name.
    fn worker(&self, site: &mut Site, worker: &str) -> Outcome<String> {
        let binary = &format!("{worker}-worker");
        let mut cargo = self.command(self.toolchain.cargo());
        cargo.args(["build", "--locked", "--offline", "--package", "yingke-app", "--bin", binary]);
        cargo.args(["--profile", self.finish.profile(), "--target", TARGET]);
        shell::long(&mut cargo, &format!("compiling the {worker} worker"))?;
        let wasm = self.client_target().join(TARGET).join(self.finish.profile()).join(format!("{binary}.wasm"));

        let folder = self.workspace.place(worker);
        let mut bindgen = self.command(&self.tools.wasm_bindgen);
        bindgen.args(["--target", "no-modules", "--no-typescript", "--out-name", worker, "--out-dir"]);
        bindgen.arg(&folder).arg(&wasm);
        shell::quiet(&mut bindgen)?;

        for (file, bytes) in read(&folder)? {
            site.insert(file, bytes);
        }
        let (code, glue) = (format!("{worker}_bg.wasm"), format!("{worker}.js"));
        self.optimise(site, &code)?;
        let text = precache::text_of(site, &glue)? + &WORKER_START.replace("CODE", &code);
        site.insert(glue.clone(), text.into_bytes());
        precache::rename_by_digest(site, &code, worker, &[&glue])?;
        precache::rename_by_digest(site, &glue, worker, &[])
    }

    /// Builds the page that `bench client` measures: the client's storage and replica without its screens, made with the
    /// same care. Its glue and its wasm.
    pub fn bench_page(&self) -> Outcome<Site> {
        self.fetch()?;
        let mut cargo = self.command(self.toolchain.cargo());
        cargo.args([
            "build",
            "--locked",
            "--offline",
            "--package",
            "yingke-app",
            "--bin",
            "bench",
            "--features",
            "bench",
        ]);
        cargo.args(["--profile", self.finish.profile(), "--target", TARGET]);
        shell::long(&mut cargo, "compiling the page that is measured")?;
        let wasm = self.client_target().join(TARGET).join(self.finish.profile()).join("bench.wasm");

        let folder = self.workspace.place("bench-page");
        let mut bindgen = self.command(&self.tools.wasm_bindgen);
        bindgen.args(["--target", "web", "--no-typescript", "--out-name", "ours-glue", "--out-dir"]);
        bindgen.arg(&folder).arg(&wasm);
        shell::quiet(&mut bindgen)?;
        let mut site = read(&folder)?;
        self.optimise(&mut site, "ours-glue_bg.wasm")?;
        Ok(site)
    }

    /// Shrinks a wasm file of the site in place.
    fn optimise(&self, site: &mut Site, file: &str) -> Outcome<()> {
        if self.finish == Finish::Rough {
            return Ok(());
        }
        let folder = self.workspace.place("wasm-opt");
        let (before, after) = (folder.join(file), folder.join(format!("small-{file}")));
        let bytes = site.get(file).ok_or_else(|| Stop(format!("the build made no {file}")))?;
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&before, bytes))
            .map_err(|error| unwritable(&before, &error))?;
        let mut command = self.command(&self.tools.wasm_opt);
        command.args(["-Oz", "--strip-debug", "--strip-producers", "--strip-target-features"]);
        command.arg(&before).arg("--output").arg(&after);
        shell::long(&mut command, &format!("shrinking {file}"))?;
        let small = fs::read(&after).map_err(|error| Stop(format!("{} cannot be read: {error}", after.display())))?;
        site.insert(file.to_owned(), small);
        Ok(())
    }

    /// A program that works on the client: right toolchain, own target folder, so that native builds need not wait.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.workspace.root)
            .env("CARGO_TARGET_DIR", self.client_target())
            .env("RUST_BACKTRACE", "0"); // Trunk's own would bury the compiler's words
        self.toolchain.set_up(&mut command, &self.tools.folders(), self.finish);
        command
    }

    fn client_target(&self) -> PathBuf {
        self.workspace.cargo_target.join("client-build")
    }
}

/// Starts a worker's wasm. What the page says before it listens is kept and handed over.
const WORKER_START: &str = "
const early = [];
self.onmessage = (event) => early.push(event);
wasm_bindgen({ module_or_path: \"/CODE\" }).then(() => early.forEach((event) => self.onmessage(event)));
";

/// Says in the page where a worker's file is: the client asks there.
fn name_worker(site: &mut Site, worker: &str, file: &str) -> Outcome<()> {
    let meta = format!("<meta name=\"{worker}-worker\" content=\"/{file}\">\n</head>");
    let page = precache::text_of(site, PAGE)?.replacen("</head>", &meta, 1);
    site.insert(PAGE.to_owned(), page.into_bytes());
    Ok(())
}

/// All files under `folder`, by their path within it. Type declarations are for editors, not for browsers.
fn read(folder: &Path) -> Outcome<Site> {
    let mut site = Site::new();
    for file in fingerprint::files(folder, &["."])? {
        let name = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        let bytes = fs::read(&file).map_err(|error| Stop(format!("{} cannot be read: {error}", file.display())))?;
        if !name.ends_with(".d.ts") {
            site.insert(name.trim_start_matches("./").to_owned(), bytes);
        }
    }
    Ok(site)
}

/// The page without what is said to its authors.
fn without_comments(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, comment)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after.trim_start());
    }
    out + rest
}

/// A script without the lines that are said to its authors. Our own have no text of several lines that could hold one.
fn without_comment_lines(script: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    script.split_inclusive('\n').filter(is_code).collect()
}

/// Writes the site beside its place, packed copies too, then swaps it in.
fn put_in_place(site: &Site, dist: &Path, finish: Finish) -> Outcome<()> {
    let began = Instant::now();
    let partial = dist.with_extension("partial");
    let old = dist.with_extension("old");
    for leftover in [&partial, &old] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).map_err(|error| unwritable(leftover, &error))?;
        }
    }
    for (name, bytes) in site {
        let file = partial.join(name);
        let folder = file.parent().unwrap_or(&partial);
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        let write = |ending: &str, bytes: &[u8]| {
            let file = partial.join(format!("{name}{ending}"));
            fs::write(&file, bytes).map_err(|error| unwritable(&file, &error))
        };
        write("", bytes)?;
        if precache::shrinks(name) {
            write(".br", &brotli(bytes, finish))?;
            write(".gz", &gzip(bytes, finish))?;
        }
    }
    let swapped = if dist.exists() { fs::rename(dist, &old) } else { Ok(()) }.and_then(|()| fs::rename(&partial, dist));
    swapped.map_err(|error| unwritable(dist, &error))?;
    // The old build is of no more use; if it cannot be removed, the next build tries again.
    let _ = fs::remove_dir_all(&old);
    println!("packing {} files: {}", site.len(), shell::seconds(began.elapsed()));
    Ok(())
}

/// As small as brotli gets. The window covers the largest file, so that all of it can refer to all of it.
fn brotli(bytes: &[u8], finish: Finish) -> Vec<u8> {
    let mut packed = Vec::new();
    let quality = if finish == Finish::Shipped { 11 } else { 1 };
    let mut writer = brotli::CompressorWriter::new(&mut packed, 4096, quality, 24);
    writer.write_all(bytes).expect("a Vec takes all that it is given");
    drop(writer);
    packed
}

fn gzip(bytes: &[u8], finish: Finish) -> Vec<u8> {
    let effort = if finish == Finish::Shipped { flate2::Compression::best() } else { flate2::Compression::fast() };
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), effort);
    writer.write_all(bytes).and_then(|()| writer.finish()).expect("a Vec takes all that it is given")
}

fn unwritable(path: &Path, error: &std::io::Error) -> Stop {
    Stop(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn packed_copies_unpack_to_the_same_bytes() {
        let bytes = "迎客 ".repeat(1000).into_bytes();
        let mut unpacked = Vec::new();
        brotli::Decompressor::new(&brotli(&bytes, Finish::Shipped)[..], 4096).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, bytes);
        unpacked.clear();
        flate2::read::GzDecoder::new(&gzip(&bytes, Finish::Shipped)[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, bytes);
    }

    #[test]
    fn a_page_loses_its_comments_and_nothing_else() {
        assert_eq!(without_comments("<p>a</p>\n<!-- why -->\n<p>b</p><!-- open"), "<p>a</p>\n<p>b</p>");
    }

    #[test]
    fn a_script_loses_its_lines_of_comment_and_nothing_else() {
        let script = "// why\nconst a = \"//b\"; // how\n\n  // when\n  a();\n";
        assert_eq!(without_comment_lines(script), "const a = \"//b\"; // how\n\n  a();\n");
    }

    #[test]
    fn a_new_build_leaves_nothing_of_the_old_one() {
        let root = std::env::temp_dir().join(format!("yingke-dist-{}", std::process::id()));
        let dist = root.join("dist");
        put_in_place(&Site::from([("old.js".into(), b"1".to_vec())]), &dist, Finish::Shipped).unwrap();
        let site = Site::from([("new.js".into(), b"2".to_vec()), ("icons/a.png".into(), b"3".to_vec())]);
        put_in_place(&site, &dist, Finish::Shipped).unwrap();
        let names: Vec<String> = read(&dist).unwrap().into_keys().collect();
        assert_eq!(names, ["icons/a.png", "new.js", "new.js.br", "new.js.gz"]);
        fs::remove_dir_all(&root).unwrap();
    }
}
