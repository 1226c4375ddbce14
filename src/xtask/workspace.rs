//! Where things are: the checkout, cargo's target folder, and our own places under `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::shell::{self, Outcome, Stop};

/// The client's crate and the binary in it that runs in a worker, if the crate has one.
const APP: &str = "yingke-app";
/// Workers of the client that are programs of their own, by the name that the page says.
const WORKERS: [&str; 2] = ["unlock", "scan"];

pub struct Workspace {
    pub root: PathBuf,
    /// Where cargo puts native builds: `target`, unless `CARGO_TARGET_DIR` says otherwise.
    pub cargo_target: PathBuf,
    packages: Vec<Value>,
}

impl Workspace {
    pub fn find() -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .filter(|root| root.join("Cargo.lock").is_file())
            .ok_or_else(|| Stop("the checkout has moved since xtask was built; `cargo clean -p xtask` helps".into()))?
            .to_owned();
        let mut metadata = cargo(&root);
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        let text = shell::quiet(&mut metadata)?;
        let unclear = || Stop("`cargo metadata` answered something unexpected; is cargo up to date?".into());
        let mut metadata: Value = serde_json::from_str(&text).map_err(|_| unclear())?;
        let cargo_target = metadata["target_directory"].as_str().ok_or_else(unclear)?.into();
        let Value::Array(packages) = metadata["packages"].take() else { return Err(unclear()) };
        Ok(Self { root, cargo_target, packages })
    }

    /// A native cargo, as the person's own shell would start it.
    pub fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// What says which crates there are.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("Cargo.toml")
    }

    pub fn place(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// The built client, as the server serves it.
    pub fn dist(&self) -> PathBuf {
        self.place("dist")
    }

    pub fn server(&self) -> PathBuf {
        self.cargo_target.join("release").join(format!("yingke-server{}", std::env::consts::EXE_SUFFIX))
    }

    /// The same as tests build it: without the minutes that optimising takes.
    pub fn server_unoptimised(&self) -> PathBuf {
        self.cargo_target.join("debug").join(format!("yingke-server{}", std::env::consts::EXE_SUFFIX))
    }

    /// The client's workers that are programs of their own; the binary of `unlock` is `unlock-worker`.
    pub fn workers(&self) -> impl Iterator<Item = &'static str> {
        WORKERS.into_iter().filter(|worker| self.targets(APP, "bin").any(|name| name == format!("{worker}-worker")))
    }

    /// Names of a package's targets of one kind, such as `bin` or `test`.
    pub fn targets<'a>(&'a self, package: &'a str, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let targets = self.packages.iter().filter(move |found| found["name"] == package);
        targets
            .flat_map(|found| found["targets"].as_array().into_iter().flatten())
            .filter(move |target| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|its| its == kind)))
            .filter_map(|target| target["name"].as_str())
    }

    /// The version of `package` that Cargo.lock holds.
    pub fn locked_version(&self, package: &str) -> Outcome<String> {
        let lock = std::fs::read_to_string(self.root.join("Cargo.lock"))
            .map_err(|error| Stop(format!("Cargo.lock cannot be read: {error}")))?;
        locked_version(&lock, package)
            .ok_or_else(|| Stop(format!("Cargo.lock names no {package}; `cargo generate-lockfile` makes it anew")))
    }
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_version_is_that_of_the_very_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.2.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"r\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
