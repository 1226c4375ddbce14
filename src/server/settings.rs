//! What is asked for on the command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use rustls_acme::acme::LETS_ENCRYPT_PRODUCTION_DIRECTORY as LETS_ENCRYPT;

use crate::{files, retention::Period};

/// The endpoint of Yingke 迎客: keeps what tablets save and gives it to the others.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Settings {
    #[command(subcommand)]
    pub command: Command,
}

/// Where everything is kept.
#[derive(Debug, Clone, Args)]
pub struct Data {
    /// The folder with the database, unless that is on PostgreSQL, and with what lies beside it
    #[arg(long = "data", value_name = "DIR", default_value = "data")]
    pub folder: PathBuf,
    /// A PostgreSQL database in place of the folder's file: postgres://USER:PASSWORD@HOST/NAME
    #[arg(long, value_name = "URL", env = "YINGKE_DATABASE", hide_env_values = true, value_parser = database)]
    pub database: Option<String>,
}

fn pair(typed: &str) -> Result<(String, String), String> {
    let pair = typed.split_once('=').ok_or("COLUMN=FIELD is expected")?;
    Ok((pair.0.into(), pair.1.into()))
}

fn address(typed: &str) -> Result<SocketAddr, String> {
    typed
        .parse()
        .map_err(|_| "an address of digits and a port is expected, such as 127.0.0.1:8080 or 0.0.0.0:443".into())
}

fn version(typed: &str) -> Result<String, String> {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if typed.len() == files::VERSION_DIGITS && typed.bytes().all(is_digit) {
        Ok(typed.into())
    } else {
        Err("the last word under More, Version is expected, such as 3f2a9c0d41b7e856".into())
    }
}

fn database(typed: &str) -> Result<String, String> {
    if typed.starts_with("postgres://") || typed.starts_with("postgresql://") {
        Ok(typed.into())
    } else {
        Err("an address such as postgres://yingke@localhost/yingke is expected".into())
    }
}

/// How tablets come by https.
#[derive(Debug, Args)]
pub struct Tls {
    /// A certificate's file (PEM, followed by those between it and its authority): then tablets come by https
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// The name on the internet by which tablets reach this machine, such as club.example.com: a certificate is fetched
    /// from a public authority, whose terms you agree to, and renewed in time. Port 443 has to lead here. Can be said
    /// several times
    #[arg(long = "acme", value_name = "NAME", conflicts_with = "certificate")]
    pub hosts: Vec<String>,
    /// To whom the authority writes about it: an e-mail address
    #[arg(long = "acme-contact", value_name = "MAIL", requires = "hosts")]
    pub contact: Option<String>,
    /// Another authority than Let's Encrypt: the address of its ACME directory
    #[arg(long = "acme-directory", value_name = "URL", requires = "hosts", default_value = LETS_ENCRYPT)]
    pub directory: String,
    /// Who vouches for that address, where no public authority does: a certificate's file (PEM)
    #[arg(long = "acme-trust", value_name = "FILE", requires = "hosts")]
    pub trust: Option<PathBuf>,
}

fn contact(typed: &str) -> Result<String, String> {
    if typed.starts_with("mailto:") || typed.starts_with("https://") {
        Ok(typed.into())
    } else {
        Err("an address such as mailto:it@club.example is expected".into())
    }
}

/// How reminders reach people whose tablet is shut.
#[derive(Debug, Args)]
pub struct Push {
    /// A push service of one's own, HOST or HOST:PORT, that reminders go to besides those of the browsers' makers. Can be
    /// said several times
    #[arg(id = "push_hosts", long = "push-host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// Whom push services write to when something is wrong, mailto:ADDRESS or an https address: Apple's asks for it
    #[arg(id = "push_contact", long = "push-contact", value_name = "URL", value_parser = contact)]
    pub contact: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin: make the database of a new organisation
    Init {
        #[command(flatten)]
        data: Data,
        /// What the club is called, such as 松风体育
        #[arg(long)]
        organisation: String,
    },
    /// Venues, 门店
    #[command(subcommand)]
    Venue(Venue),
    /// The people who work there
    #[command(subcommand)]
    Staff(Staff),
    /// Tablets
    #[command(subcommand)]
    Device(Device),
    /// Serve tablets until Ctrl-C
    Serve {
        #[command(flatten)]
        data: Data,
        /// Address and port
        #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS", value_parser = address)]
        listen: SocketAddr,
        /// Address and port where Prometheus asks, at /metrics; nowhere unless it is said
        #[arg(long, value_name = "ADDRESS", value_parser = address)]
        metrics: Option<SocketAddr>,
        #[command(flatten)]
        tls: Box<Tls>,
        /// Address and port where tablets fetch, by http, what `ca` made for them, and nothing else
        #[arg(long, value_name = "ADDRESS", value_parser = address)]
        install: Option<SocketAddr>,
        #[command(flatten)]
        push: Push,
        /// The folder with the app's files, as `cargo xtask dist` makes it
        #[arg(long, value_name = "DIR")]
        app: Option<PathBuf>,
        /// A version of the app that does harm: tablets go over to the one in --app, or if that is it, back to the one
        /// before. Its name is the last word under More, Version; `serve` says that of the one in --app when it starts. Can be
        /// said several times, and is said at each start until no tablet has that version any more
        #[arg(long = "withdraw-app", value_name = "VERSION", value_parser = version)]
        withdrawn: Vec<String>,
    },
    /// Make a private authority for a shop's own network, and a certificate for this machine; run again to renew it
    Ca {
        #[command(flatten)]
        data: Data,
        /// How tablets reach this machine: 192.168.1.20, yingke.local. Can be said several times
        #[arg(long = "host", value_name = "HOST", required = true)]
        hosts: Vec<String>,
        /// The port of `serve --install`
        #[arg(long, value_name = "PORT", default_value_t = 8081)]
        install_port: u16,
    },
    /// Write a copy of everything into a new file; the endpoint may go on running
    Backup {
        #[command(flatten)]
        data: Data,
        /// The new file, such as 2026-11-26.backup
        file: PathBuf,
        #[command(flatten)]
        sealed: Sealed,
    },
    /// Bring back what a backup holds, into a new database, or with --replace into the one there is
    Restore {
        #[command(flatten)]
        data: Data,
        /// What `backup` made
        file: PathBuf,
        #[command(flatten)]
        sealed: Sealed,
        /// Give up everything that the database holds now; the endpoint may go on running
        #[arg(long)]
        replace: bool,
    },
    /// Bring in people from another program's file: says first what would become of it
    Import {
        #[command(flatten)]
        data: Data,
        /// A table with a row of names at its top, ending in .csv or .xlsx
        file: PathBuf,
        /// Where they go: the venue's name
        #[arg(long)]
        venue: String,
        /// Who brings them in: name or id. Who has no other owner is theirs
        #[arg(long = "as", value_name = "STAFF")]
        author: String,
        /// A column and the field it goes to, such as 称呼=name; 称呼= leaves it out. Can be said several times
        #[arg(long = "map", value_name = "COLUMN=FIELD", value_parser = pair)]
        map: Vec<(String, String)>,
        /// Leave out people whose phone number the club knows, instead of calling it a fault, and those without a number
        /// whose name it knows of somebody without a number
        #[arg(long)]
        skip_known: bool,
        /// Write it, if no row is wrong
        #[arg(long)]
        write: bool,
    },
    /// Write current records into a new file for other programs
    Export {
        #[command(flatten)]
        data: Data,
        /// The new file, ending in .csv, .xlsx or .json
        file: PathBuf,
        /// person, visit, consultation, outing, interaction, consent, and every other kind of record: one that there is not
        /// has them listed
        #[arg(long, default_value = "person")]
        kind: String,
    },
    /// Write all that is kept about one person into a new file, for them to have when they ask
    Person {
        #[command(flatten)]
        data: Data,
        /// Id, phone number, or whole name if only one person has it
        person: String,
        /// The new file, ending in .html to read or .json for another program
        file: PathBuf,
    },
    /// Empty everything about a person, at their request, but what law keeps: says first what would go
    Erase {
        #[command(flatten)]
        data: Data,
        /// Id, phone number, or whole name if only one person has it
        person: String,
        /// Who does it: name or id
        #[arg(long = "as", value_name = "STAFF")]
        author: String,
        /// Do it. It cannot be undone, and every tablet reads its records anew
        #[arg(long)]
        write: bool,
    },
    /// What has been kept for longer than the schedule allows, line by line; with --write it is emptied
    Retention {
        #[command(flatten)]
        data: Data,
        /// A line and after how many months it goes: visits=36. Lines that are not named go by the schedule (README)
        #[arg(long = "months", value_name = "LINE=MONTHS")]
        months: Vec<Period>,
        /// Who does it: name or id
        #[arg(long = "as", value_name = "STAFF", requires = "write")]
        author: Option<String>,
        /// Do it. It cannot be undone, and every tablet reads its records anew
        #[arg(long, requires = "author")]
        write: bool,
    },
    /// Packs: what a kind of venue asks for
    #[command(subcommand)]
    Pack(Pack),
    /// Recompute every record and stream from the ledger and compare
    Verify {
        #[command(flatten)]
        data: Data,
    },
    /// Make a club to look at: two venues, their people, 2,000 guests
    Demo {
        #[command(flatten)]
        data: Data,
        /// Make nothing, only say again who can sign in
        #[arg(long)]
        show: bool,
    },
}

/// How a backup is kept from other eyes.
#[derive(Debug, Clone, Args)]
pub struct Sealed {
    /// The passphrase that seals the backup is the first line of this file: 12 letters or more. Without it the backup lies
    /// open
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Pack {
    /// Say what is wrong with a pack's file, by line
    ///
    /// With `--data` or `--database` as `publish` would, beside the packs in force there; without, beside those that ship.
    Check {
        /// Such as public/packs/fitness.toml
        file: PathBuf,
        /// The folder with the club's database
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The club's database on PostgreSQL
        #[arg(long, value_name = "URL", value_parser = database)]
        database: Option<String>,
    },
    /// Say which packs are in force, and since when
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Write out the pack that is in force, to be changed: yingke-server pack show fitness > fitness.toml
    Show {
        #[command(flatten)]
        data: Data,
        /// core, fitness or sports
        key: String,
        /// The one that ships with this version of the program instead
        #[arg(long)]
        shipped: bool,
    },
    /// Put a changed pack into force: tablets take it with their next sync
    ///
    /// Its version has to be above that of the pack in force. With any fault the one in force stays. To go back, publish
    /// the pack of before (or the one that ships: `pack show KEY --shipped`) under a higher version, with the items and
    /// states that came since: records may hold them. What is common to all goes after the packs that use it.
    Publish {
        #[command(flatten)]
        data: Data,
        /// The changed pack, such as fitness.toml
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Venue {
    /// Add a venue
    Add {
        #[command(flatten)]
        data: Data,
        /// What people call it, such as 未来店
        #[arg(long)]
        name: String,
        /// What kind of place it is: fitness, sports
        #[arg(long, default_value = "fitness")]
        pack: String,
        /// How far its clocks are ahead of UTC
        #[arg(long, default_value_t = 480, allow_negative_numbers = true, value_name = "MINUTES")]
        utc_offset: i32,
    },
    /// Set what its tablets go by from their next contact on
    Set {
        #[command(flatten)]
        data: Data,
        /// Its name or id
        #[arg(long)]
        name: String,
        /// Minutes without a touch until a tablet locks
        #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=60))]
        idle_minutes: Option<u32>,
        /// Days without contact until a tablet shows no records; capture goes on
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=90))]
        lease_days: Option<u32>,
    },
    /// Say which there are, and what their tablets go by
    List {
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Subcommand)]
pub enum Staff {
    /// Add somebody; says the PIN once
    Add {
        #[command(flatten)]
        data: Data,
        /// As on the lock screen, such as 林悦
        #[arg(long)]
        name: String,
        /// consultant, front_desk, store_manager or another that `staff roles` lists
        #[arg(long)]
        role: String,
        /// The venue's name
        #[arg(long)]
        venue: String,
        /// Six digits, not all the same and not in a row, or a passphrase of 12 characters or more; drawn by chance if not given
        #[arg(long)]
        pin: Option<String>,
    },
    /// Say who works where
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Say which roles there are
    Roles,
    /// Give somebody another role, or another venue
    Role {
        #[command(flatten)]
        data: Data,
        /// Name or id
        who: String,
        /// One that `staff roles` lists
        #[arg(long)]
        role: Option<String>,
        /// The venue's name
        #[arg(long)]
        venue: Option<String>,
    },
    /// Somebody left: no more signing in, no more changes
    Disable {
        #[command(flatten)]
        data: Data,
        /// Name or id
        who: String,
    },
    /// Somebody came back, or was taken out by mistake: with a new PIN, and the post and venue of before
    Enable {
        #[command(flatten)]
        data: Data,
        /// Name or id
        who: String,
        /// Six digits, not all the same and not in a row, or a passphrase of 12 characters or more; drawn by chance if not given
        #[arg(long)]
        pin: Option<String>,
    },
    /// Give somebody a new PIN; signs them out everywhere
    ResetPin {
        #[command(flatten)]
        data: Data,
        /// Name or id
        who: String,
        /// Six digits, not all the same and not in a row, or a passphrase of 12 characters or more; drawn by chance if not given
        #[arg(long)]
        pin: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Device {
    /// Make a code that tablets are enrolled with
    Code {
        #[command(flatten)]
        data: Data,
        /// The venue's name
        #[arg(long)]
        venue: String,
        /// Tablets that may use it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
        uses: u32,
        /// Days until it ends
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
    },
    /// Say which tablets there are, when each was here last, and how much it had not sent then at least
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Shut a lost tablet out: at its next contact it hands in what it holds unsent and wipes itself
    Revoke {
        #[command(flatten)]
        data: Data,
        /// Its number
        number: u32,
    },
    /// Say what revoked tablets handed in, and what still waits to be taken in or given up
    HandedIn {
        #[command(flatten)]
        data: Data,
    },
    /// Take in what a revoked tablet handed in: says first what would become of it
    TakeIn {
        #[command(flatten)]
        data: Data,
        /// Its number
        number: u32,
        /// Do it
        #[arg(long)]
        write: bool,
    },
    /// Give up what a revoked tablet handed in and that still waits: says first how much it is
    Discard {
        #[command(flatten)]
        data: Data,
        /// Its number
        number: u32,
        /// Do it. It cannot be undone
        #[arg(long)]
        write: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Whoever sets a club up has nothing else to read while typing.
    #[test]
    fn every_command_and_each_of_its_words_is_explained() {
        fn check(command: &clap::Command) {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name} {}", argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Settings::command());
    }
}
