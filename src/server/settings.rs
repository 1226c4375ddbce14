//! What is asked for on the command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// The endpoint of Yingke 迎客: keeps what tablets save and gives it to the others.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Settings {
    #[command(subcommand)]
    pub command: Command,
}

/// The folder that holds everything.
#[derive(Debug, Clone, Args)]
pub struct Data {
    /// The folder with the database
    #[arg(long = "data", value_name = "DIR", default_value = "data")]
    pub folder: PathBuf,
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
        #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// The folder with the app's files, as `cargo xtask dist` makes it
        #[arg(long, value_name = "DIR")]
        app: Option<PathBuf>,
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

#[derive(Debug, Subcommand)]
pub enum Pack {
    /// Say what is wrong with a pack's file, by line
    Check {
        /// Such as public/packs/fitness.toml
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Venue {
    /// Add a venue
    Add {
        #[command(flatten)]
        data: Data,
        #[arg(long)]
        name: String,
        /// What kind of place it is: fitness, sports
        #[arg(long, default_value = "fitness")]
        pack: String,
        /// How far its clocks are ahead of UTC
        #[arg(long, default_value_t = 480, allow_negative_numbers = true, value_name = "MINUTES")]
        utc_offset: i32,
    },
    /// Say which there are
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
        #[arg(long)]
        name: String,
        /// consultant, reception, front_desk, front_desk_supervisor, cs_supervisor, pt_manager, store_manager
        #[arg(long)]
        role: String,
        /// The venue's name
        #[arg(long)]
        venue: String,
        /// Six digits; drawn by chance if not given
        #[arg(long)]
        pin: Option<String>,
    },
    /// Say who works where
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Somebody left: no more signing in, no more changes
    Disable {
        #[command(flatten)]
        data: Data,
        /// Name or id
        who: String,
    },
    /// Give somebody a new PIN; signs them out everywhere
    ResetPin {
        #[command(flatten)]
        data: Data,
        /// Name or id
        who: String,
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
    /// Say which tablets there are, and when each was here last
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Shut a lost tablet out
    Revoke {
        #[command(flatten)]
        data: Data,
        /// Its number
        number: u32,
    },
}
