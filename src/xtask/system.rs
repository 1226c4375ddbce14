//! System packages: told by name and reason, asked for where there is somebody to ask, installed by apt.

use std::io::{IsTerminal, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::shell::{self, Outcome, Stop};

static YES: AtomicBool = AtomicBool::new(false);

/// `--yes` was given: nobody is asked.
pub fn assume_yes(yes: bool) {
    YES.store(yes, Ordering::Relaxed);
}

/// Installs those of `packages` that are missing, after saying which and why.
pub fn install(packages: &[&str], why: &str) -> Outcome<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !has_apt() {
        return Err(Stop(format!(
            "{why} needs {list}; this system has no apt-get, so please install them its own way"
        )));
    }
    println!("{why} needs these system packages: {list}");
    if !agreed() {
        return Err(Stop(format!("nothing was installed; to do it by hand: sudo apt-get install {list}")));
    }
    if !known(&missing) {
        shell::long(apt().arg("update"), "asking the package archive what there is")?;
    }
    // --no-remove: a package that would push out one of yours is refused rather than installed.
    let mut command = apt();
    command.args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(&missing);
    shell::long(&mut command, &format!("installing {list}")).map_err(|Stop(_)| {
        Stop(format!("apt-get could not install {list} (see above); by hand: sudo apt-get install {list}"))
    })
}

pub fn installed(package: &str) -> bool {
    let asked = shell::output(Command::new("dpkg-query").args(["--show", "--showformat=${Status}", package]));
    asked.is_ok_and(|answer| answer.stdout.ends_with(b" installed"))
}

pub fn has_apt() -> bool {
    shell::on_path("apt-get").is_some()
}

/// Whether a small file system may be mounted here: tried on a folder of its own.
pub fn may_mount() -> bool {
    let folder = std::env::temp_dir().join(format!("yingke-mount-{}", std::process::id()));
    let mount = |folder: &std::path::Path| {
        shell::output(Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder))
            .is_ok_and(|done| done.status.success())
    };
    let may = std::fs::create_dir(&folder).is_ok() && mount(&folder);
    if may {
        let _ = shell::output(Command::new("umount").arg(&folder));
    }
    let _ = std::fs::remove_dir(&folder);
    may
}

/// Makes sure that the archive's list of packages is there; a fresh container has none.
pub fn know(package: &str) -> Outcome<()> {
    if known(&[package]) {
        return Ok(());
    }
    shell::long(apt().arg("update"), "asking the package archive what there is")
}

fn known(packages: &[&str]) -> bool {
    packages.iter().all(|package| {
        let asked = shell::output(Command::new("apt-cache").args(["show", "--quiet=2", "--no-all-versions", package]));
        asked.is_ok_and(|answer| answer.status.success() && !answer.stdout.is_empty())
    })
}

fn apt() -> Command {
    let root = shell::quiet(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0");
    let mut command = Command::new(if root { "apt-get" } else { "sudo" });
    if !root {
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    // Another install may be under way; it is waited for.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "-o", "DPkg::Lock::Timeout=300"]);
    command
}

fn agreed() -> bool {
    if YES.load(Ordering::Relaxed) || !std::io::stdin().is_terminal() {
        return true;
    }
    print!("Install them now? [Y/n] ");
    let mut typed = String::new();
    // A terminal that went away has not agreed.
    let read = std::io::stdout().flush().and_then(|()| std::io::stdin().read_line(&mut typed));
    read.is_ok() && matches!(typed.trim().to_lowercase().as_str(), "" | "y" | "yes")
}
