//! A private PostgreSQL for a test run: on a free port, in a temporary folder, gone with the run.
//!
//! PostgreSQL refuses to run as root, so there it runs as a user that owns nothing else.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::shell::{self, Outcome, Stop};
use crate::system;

/// What tests find it by.
pub const VARIABLE: &str = "YINGKE_POSTGRES";

/// Where Debian puts the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Users that may run it when we are root: the package's own, or the one that owns nothing.
const USERS: [&str; 2] = ["postgres", "nobody"];
const START_MAX: Duration = Duration::from_secs(60);

/// Makes a cluster in the folder `$1` with the programs in `$2` and serves it on port `$3` until standard input ends:
/// however the one who holds the other end is ended, the server goes with it and takes the folder along. It keeps what
/// it says it has written, as a real one does; only how the cluster is made is not synced.
const SERVE: &str = r#"
trap '' INT
"$2/initdb" --pgdata "$1/data" --username=yingke --auth=trust --encoding=UTF8 --locale=C --no-sync >"$1/log" 2>&1
"$2/postgres" -D "$1/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$1" -c fsync=on \
    -c max_connections=300 -c shared_buffers=64MB >>"$1/log" 2>&1 </dev/null &
cat >/dev/null
kill -QUIT "$!"
wait
rm -rf "$1"
"#;

/// A running cluster; dropping it stops it and removes what it wrote.
pub struct Cluster {
    server: Child,
    port: u16,
}

impl Cluster {
    pub fn start() -> Outcome<Self> {
        let programs = programs()?;
        let folder = std::env::temp_dir().join(format!("yingke-postgres-{}", std::process::id()));
        let port = free_port()?;
        fs::create_dir_all(&folder).map_err(|error| Stop(format!("{} cannot be made: {error}", folder.display())))?;
        let mut command = if is_root() {
            let user = USERS.into_iter().find(|user| shell::quiet(Command::new("id").args(["-u", user])).is_ok());
            let user =
                user.ok_or_else(|| Stop("PostgreSQL refuses to run as root, and there is no user nobody".into()))?;
            shell::quiet(Command::new("chown").arg(user).arg(&folder))?;
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", SERVE, "sh"]).arg(&folder).arg(&programs).arg(port.to_string());
        println!("starting a private PostgreSQL on port {port} …");
        let server = command
            .current_dir("/") // ours may be one that this user cannot enter
            .env_remove("PGDATA")
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| Stop(format!("PostgreSQL cannot be started: {error}")))?;
        let cluster = Self { server, port };
        let ready = programs.join("pg_isready");
        let began = Instant::now();
        while shell::quiet(Command::new(&ready).args(["-h", "127.0.0.1", "-p", &port.to_string()])).is_err() {
            if began.elapsed() > START_MAX {
                let told = fs::read_to_string(folder.join("log")).unwrap_or_default();
                return Err(Stop(format!("PostgreSQL did not start:\n{told}")));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(cluster)
    }

    /// Without a database: tests make their own.
    pub fn url(&self) -> String {
        format!("postgres://yingke@127.0.0.1:{}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        // Nothing to do about one that does not end.
        let _ = self.server.wait();
    }
}

/// The folder of the newest version's programs, installed now if there is none.
fn programs() -> Outcome<PathBuf> {
    let on_path = || shell::on_path("initdb")?.parent().map(Path::to_owned);
    if let Some(found) = newest(Path::new(DEBIAN)).or_else(on_path) {
        return Ok(found);
    }
    system::install(&["postgresql"], "testing the endpoint on PostgreSQL")?;
    newest(Path::new(DEBIAN)).ok_or_else(|| Stop(format!("postgresql is installed, and {DEBIAN} holds no initdb")))
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(folder).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
        let programs = path.join("bin");
        programs.join("initdb").is_file().then_some((version, programs))
    });
    versions.max().map(|(_, programs)| programs)
}

fn is_root() -> bool {
    shell::quiet(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}

fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| Stop(format!("no port is free: {error}")))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| Stop(format!("no port is free: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_found_by_number() {
        let root = std::env::temp_dir().join(format!("yingke-versions-{}", std::process::id()));
        for version in ["9", "15", "16"] {
            fs::create_dir_all(root.join(version).join("bin")).unwrap();
        }
        for version in ["9", "15"] {
            fs::write(root.join(version).join("bin/initdb"), "").unwrap();
        }
        assert_eq!(newest(&root), Some(root.join("15/bin")));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(newest(&root), None);
    }
}
