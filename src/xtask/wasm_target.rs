//! Which Rust toolchain builds the client: the first of three ways that works.
//!
//! `wasm32-unknown-unknown` may be missing, and rustup's server may be out of reach. Debian carries a toolchain and the
//! standard library's source in its own archive, and builds the library along with the client. It stays apart from the
//! person's own toolchain, which goes on building everything native.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::dist::Finish;
use crate::shell::{self, Outcome, Stop};
use crate::system;
use crate::workspace::Workspace;

pub const TARGET: &str = "wasm32-unknown-unknown";

/// How long rustup may take. Its server answers within this, or is out of reach and would be tried for minutes.
const RUSTUP_WAIT_MAX: Duration = Duration::from_secs(20);

/// What a program does not need that nobody debugs in place: text for `{:?}`, and the line of each panic.
const SMALL: &str = "-Zfmt-debug=none -Zlocation-detail=none";

/// Ends at a panic without a word, so that neither words nor the way there are kept; newer compilers only. Nothing of the
/// client reads what a panic says.
const SILENT: &str = "-Zunstable-options -Cpanic=immediate-abort";

/// The packages of Debian's toolchain, the linker aside: its number follows the LLVM of the compiler.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm"];

/// Where Debian puts a toolchain's programs.
const DEBIAN_BIN: &str = "/usr/bin";

pub enum Toolchain {
    /// The person's own, with the target installed. With the standard library's source beside it, that is built along.
    Own { builds_std: bool },
    /// Debian's, which builds the standard library as well, for size.
    Debian,
}

impl Toolchain {
    pub fn find(workspace: &Workspace) -> Outcome<Self> {
        if target_installed(workspace) {
            println!("WebAssembly: your Rust toolchain has {TARGET}");
            return Ok(Self::own(workspace));
        }
        // Before rustup, because it is here only where rustup could not help.
        if debian_ready(workspace) {
            println!("WebAssembly: your Rust toolchain lacks {TARGET}, Debian's (rustc-web) builds the client");
            return Ok(Self::Debian);
        }
        if shell::on_path("rustup").is_some() {
            println!("WebAssembly: {TARGET} is missing, asking rustup for it …");
            let mut rustup = Command::new("rustup");
            rustup.current_dir(&workspace.root).args(["target", "add", TARGET]);
            if shell::succeeds_within(&mut rustup, RUSTUP_WAIT_MAX) && target_installed(workspace) {
                println!("WebAssembly: rustup has added {TARGET}");
                return Ok(Self::own(workspace));
            }
            println!("WebAssembly: rustup could not get it in {} s", RUSTUP_WAIT_MAX.as_secs());
        }
        install_debian(workspace).map_err(|Stop(why)| Stop(no_way(&why)))?;
        println!("WebAssembly: Debian's toolchain (rustc-web) builds the client");
        Ok(Self::Debian)
    }

    /// The person's own toolchain, with the library's source if it has it or rustup can get it.
    fn own(workspace: &Workspace) -> Self {
        if !std_source_installed(workspace) && shell::on_path("rustup").is_some() {
            println!("WebAssembly: asking rustup for the standard library's source, which makes the client smaller …");
            let mut rustup = Command::new("rustup");
            rustup.current_dir(&workspace.root).args(["component", "add", "rust-src"]);
            shell::succeeds_within(&mut rustup, RUSTUP_WAIT_MAX);
        }
        let builds_std = std_source_installed(workspace);
        if !builds_std {
            println!("WebAssembly: without that source the client is some 30 kB larger; rustup component add rust-src");
        }
        Self::Own { builds_std }
    }

    /// Makes `command`, and every cargo that it starts, build with this toolchain and find `tools` first.
    pub fn set_up(&self, command: &mut Command, tools: &[&Path], finish: Finish) {
        let mut folders = tools.to_vec();
        if matches!(self, Self::Debian) {
            folders.push(Path::new(DEBIAN_BIN));
            command
                .env("CARGO", Path::new(DEBIAN_BIN).join("cargo"))
                .env("RUSTC", Path::new(DEBIAN_BIN).join("rustc"))
                .env_remove("RUSTUP_TOOLCHAIN") // both set by the cargo that runs us, for its own toolchain
                .env_remove("LD_LIBRARY_PATH");
        }
        // A toolchain of Debian has no library of its own for the browser; the person's own has one, good enough to look at.
        let builds_std = match self {
            Self::Own { builds_std } => *builds_std && finish == Finish::Shipped,
            Self::Debian => true,
        };
        if builds_std {
            command
                .env("RUSTC_BOOTSTRAP", "1") // building std is not stable yet
                .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                .env("CARGO_UNSTABLE_BUILD_STD_FEATURES", "optimize_for_size")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", self.flags());
        }
        command.env("PATH", shell::path_with(folders));
    }

    fn flags(&self) -> String {
        let mut asked = Command::new("rustc");
        asked.args(SILENT.split(' ')).arg("--print=cfg").env("RUSTC_BOOTSTRAP", "1");
        let is_silent = matches!(self, Self::Own { .. }) && shell::quiet(&mut asked).is_ok();
        if is_silent { format!("{SMALL} {SILENT}") } else { SMALL.into() }
    }

    pub fn cargo(&self) -> OsString {
        match self {
            Self::Own { .. } => std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            Self::Debian => Path::new(DEBIAN_BIN).join("cargo").into(),
        }
    }
}

/// Whether the person's own toolchain can build for the browser.
pub fn target_installed(workspace: &Workspace) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(&workspace.root).args(["--print", "target-libdir", "--target", TARGET]);
    shell::quiet(&mut rustc).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Whether the source of the standard library lies beside the person's own toolchain.
fn std_source_installed(workspace: &Workspace) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(&workspace.root).args(["--print", "sysroot"]);
    shell::quiet(&mut rustc)
        .is_ok_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std").is_dir())
}

fn debian_ready(workspace: &Workspace) -> bool {
    system::has_apt()
        && DEBIAN_PACKAGES.iter().all(|package| system::installed(package))
        && linker_package().is_ok_and(|linker| system::installed(&linker))
        && new_enough(workspace).is_ok()
}

fn install_debian(workspace: &Workspace) -> Outcome<()> {
    if !system::has_apt() {
        return Err(Stop("this system has no apt-get".into()));
    }
    system::know("rustc-web")?;
    new_enough(workspace)?;
    let linker = linker_package()?;
    let packages: Vec<&str> = DEBIAN_PACKAGES.into_iter().chain([linker.as_str()]).collect();
    system::install(&packages, "building the client for browsers")
}

/// The linker of the LLVM that Debian's compiler was built with, read from the packages' own dependencies.
fn linker_package() -> Outcome<String> {
    let mut told = String::new();
    for package in ["rust-web-llvm", "libstd-rust-web-dev"] {
        told.push_str(&shell::quiet(Command::new("apt-cache").args([
            "depends",
            "--recurse",
            "--no-suggests",
            package,
        ]))?);
    }
    let number = llvm_number(&told)
        .ok_or_else(|| Stop("the packages of rustc-web name no LLVM, so its linker is not known".into()))?;
    Ok(format!("lld-{number}"))
}

/// The LLVM that a list of dependencies names: `Depends: llvm-22` or `Depends: libllvm22`.
fn llvm_number(dependencies: &str) -> Option<u32> {
    dependencies.lines().find_map(|line| {
        let package = line.trim().trim_start_matches('|').strip_prefix("Depends: ")?;
        package.strip_prefix("llvm-").or_else(|| package.strip_prefix("libllvm"))?.parse().ok()
    })
}

/// Whether the archive's compiler knows the Rust that the workspace is written in.
fn new_enough(workspace: &Workspace) -> Outcome<()> {
    let policy = shell::quiet(Command::new("apt-cache").args(["policy", "rustc-web"]))?;
    let manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml")).unwrap_or_default();
    let needed =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"')).and_then(version);
    let offered = candidate(&policy);
    match (offered.and_then(version), needed) {
        (None, _) => Err(Stop("this system's archive has no rustc-web".into())),
        (Some(offered), Some(needed)) if offered < needed => {
            let (major, minor) = offered;
            Err(Stop(format!(
                "this system's archive has rustc-web {major}.{minor} only, {}.{} is needed",
                needed.0, needed.1
            )))
        }
        (Some(_), _) => Ok(()),
    }
}

fn candidate(policy: &str) -> Option<&str> {
    policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))
}

/// Major and minor of `1.96.0+dfsg1-1~deb12u2`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|next: char| !next.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn no_way(why: &str) -> String {
    format!(
        "the client cannot be built for browsers: {why}. Three ways were tried: {TARGET} in your Rust toolchain, \
         rustup, and Debian's rustc-web. One of these helps: `rustup target add {TARGET}` where rustup's server can be \
         reached, or on Debian 12 and later `sudo apt-get install {}` and the lld package of its LLVM",
        DEBIAN_PACKAGES.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_follows_the_llvm_of_the_compiler() {
        assert_eq!(
            llvm_number("rust-web-llvm\n  Depends: libc6\n  Depends: llvm-22\n  Conflicts: <rust-llvm>\n"),
            Some(22)
        );
        assert_eq!(llvm_number("libstd-rust-web-1.85\n  Depends: libc6\n |Depends: libllvm19\n"), Some(19));
        assert_eq!(llvm_number("gcc\n  Depends: libc6\n  Suggests: llvm-14\n  Depends: llvm-runtime\n"), None);
    }

    #[test]
    fn an_archive_without_the_package_has_no_version() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  Version table:\n";
        assert_eq!(candidate(policy).and_then(version), Some((1, 96)));
        assert_eq!(candidate("rustc-web:\n  Candidate: (none)\n").and_then(version), None);
        assert_eq!(candidate("").and_then(version), None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(version("1.100.0") > version("1.90"));
    }

    #[test]
    fn the_last_word_names_all_three_ways_and_what_to_type() {
        let sentence = no_way("this system has no apt-get");
        for part in ["rustup target add wasm32-unknown-unknown", "apt-get install rustc-web", "no apt-get"] {
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
