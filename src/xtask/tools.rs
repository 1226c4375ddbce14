//! Programs of others, each in a pinned version: Trunk, wasm-bindgen and wasm-opt, which make a web client out of a compiled
//! one, and what tests need.
//!
//! They lie in the user's cache, one folder per name and version, so that every clone finds them and the machine's other
//! projects are left alone. A folder appears under its name only once it is complete.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Outcome, Stop};
use crate::system;
use crate::workspace::Workspace;

const TRUNK_VERSION: &str = "0.21.14";
const BINARYEN_VERSION: &str = "132.0.0";
const CARGO_DENY_VERSION: &str = "0.20.2";
const GECKODRIVER_VERSION: &str = "0.37.1";
const SCHEMATHESIS_VERSION: &str = "4.32.5";

/// Where each program is.
pub struct Tools {
    pub trunk: PathBuf,
    pub wasm_bindgen: PathBuf,
    pub wasm_opt: PathBuf,
}

impl Tools {
    pub fn find(workspace: &Workspace) -> Outcome<Self> {
        let bindgen_version = workspace.locked_version("wasm-bindgen")?;
        Ok(Self {
            trunk: cargo_tool(workspace, "trunk", "trunk", TRUNK_VERSION, true)?,
            // Its lock file can name a version that a copy of the registry does not have yet.
            wasm_bindgen: cargo_tool(workspace, "wasm-bindgen-cli", "wasm-bindgen", &bindgen_version, false)?,
            wasm_opt: wasm_opt()?,
        })
    }

    /// The folders to put on PATH for Trunk, which looks for its helpers there.
    pub fn folders(&self) -> Vec<&Path> {
        [&self.trunk, &self.wasm_bindgen, &self.wasm_opt].into_iter().filter_map(|program| program.parent()).collect()
    }
}

/// Looks at the licences and sources of what we build on.
pub fn cargo_deny(workspace: &Workspace) -> Outcome<PathBuf> {
    cargo_tool(workspace, "cargo-deny", "cargo-deny", CARGO_DENY_VERSION, true)
}

/// Stands between tests and Firefox.
pub fn geckodriver(workspace: &Workspace) -> Outcome<PathBuf> {
    cargo_tool(workspace, "geckodriver", "geckodriver", GECKODRIVER_VERSION, true)
}

fn cargo_tool(workspace: &Workspace, package: &str, program: &str, version: &str, locked: bool) -> Outcome<PathBuf> {
    if let Some(program) = shell::on_path(program).filter(|program| is_version(program, version)) {
        return Ok(program);
    }
    let name = format!("{package}-{version}");
    let inside = Path::new("bin").join(program);
    once(&name, &inside, version, |folder| {
        let mut command = workspace.cargo();
        command.args(["install", package, "--version", version, "--root"]).arg(folder);
        if locked {
            command.arg("--locked");
        }
        // Whole-program optimisation of a tool that waits for compilers costs minutes and gains nothing.
        command
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env_remove("CARGO_TARGET_DIR"); // its pieces are of no use to the workspace
        shell::long(&mut command, &format!("building {package} {version}, once for this machine, some minutes"))
    })
}

fn wasm_opt() -> Outcome<PathBuf> {
    let name = format!("binaryen-{BINARYEN_VERSION}");
    let inside = Path::new("node_modules/.bin/wasm-opt");
    let major = BINARYEN_VERSION.split('.').next().unwrap_or(BINARYEN_VERSION);
    if shell::on_path("npm").is_none() {
        system::install(&["nodejs", "npm"], "making the client small (wasm-opt, from npm)")?;
    }
    once(&name, inside, major, |folder| {
        let mut command = Command::new("npm");
        command
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--no-save",
                "--ignore-scripts",
                "--loglevel=error",
                "--prefix",
            ])
            .arg(folder)
            .arg(format!("binaryen@{BINARYEN_VERSION}"));
        shell::long(&mut command, &format!("fetching wasm-opt (binaryen {BINARYEN_VERSION}), once for this machine"))
    })
}

/// Holds the endpoint against its OpenAPI document. It lies in the target folder: what Python installs knows its own
/// place and cannot be moved there once it is complete.
pub fn schemathesis(workspace: &Workspace) -> Outcome<PathBuf> {
    let folder = workspace.place(&format!("schemathesis-{SCHEMATHESIS_VERSION}"));
    let program = folder.join("bin/schemathesis");
    if is_version(&program, SCHEMATHESIS_VERSION) {
        return Ok(program);
    }
    let can_make = || shell::quiet(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok();
    if !can_make() {
        system::install(&["python3", "python3-venv"], "testing the OpenAPI document (schemathesis, from PyPI)")?;
    }
    let cannot = |error: std::io::Error| Stop(format!("{} cannot be removed: {error}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(cannot)?;
    }
    shell::quiet(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut install = Command::new(folder.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    install.arg(format!("schemathesis=={SCHEMATHESIS_VERSION}"));
    shell::long(&mut install, &format!("fetching schemathesis {SCHEMATHESIS_VERSION}, once for this clone"))?;
    if is_version(&program, SCHEMATHESIS_VERSION) {
        return Ok(program);
    }
    Err(Stop(format!("schemathesis was installed but does not run; remove {} and try again", folder.display())))
}

/// The program `inside` the cache folder `name`, made by `install` if it is not there in that version.
fn once(name: &str, inside: &Path, version: &str, install: impl FnOnce(&Path) -> Outcome<()>) -> Outcome<PathBuf> {
    let cache = cache()?;
    let folder = cache.join(name);
    let program = folder.join(inside);
    if is_version(&program, version) {
        return Ok(program);
    }
    let partial = cache.join(format!(".{name}-{}", std::process::id()));
    let cannot = |error: std::io::Error| Stop(format!("{} cannot be written: {error}", cache.display()));
    fs::create_dir_all(&partial).map_err(cannot)?;
    let installed = install(&partial);
    if installed.is_ok() && is_version(&partial.join(inside), version) {
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(cannot)?;
        }
        return fs::rename(&partial, &folder).map_err(cannot).map(|()| program);
    }
    // What is left of it says nothing that the message does not.
    let _ = fs::remove_dir_all(&partial);
    installed?;
    Err(Stop(format!("{name} was installed but does not run; remove {} and try again", folder.display())))
}

fn cache() -> Outcome<PathBuf> {
    let from_home = || std::env::home_dir().map(|home| home.join(".cache"));
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(from_home)
        .map(|cache| cache.join("yingke").join("tools"))
        .ok_or_else(|| Stop("there is no home folder to keep tools in; set XDG_CACHE_HOME to a folder".into()))
}

fn is_version(program: &Path, version: &str) -> bool {
    program.exists()
        && shell::quiet(Command::new(program).arg("--version")).is_ok_and(|told| names_version(&told, version))
}

/// Whether `trunk 0.21.14` or `wasm-opt version 132 (version_132)` is the wanted version.
fn names_version(told: &str, version: &str) -> bool {
    told.split_whitespace().any(|word| word == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_from_a_longer_one() {
        assert!(names_version("trunk 0.21.14\n", "0.21.14"));
        assert!(names_version("wasm-opt version 132 (version_132)\n", "132"));
        assert!(!names_version("wasm-bindgen 0.2.130\n", "0.2.13"));
        assert!(!names_version("", "132"));
    }
}
