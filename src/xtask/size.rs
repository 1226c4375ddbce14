//! What a first visit fetches: every file that the service worker keeps, in bytes, against the bound.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::dist::{self, Finish};
use crate::precache::{self, WORKER};
use crate::shell::{Outcome, Stop};
use crate::workspace::Workspace;

/// What all of it should come to, as brotli: some seconds on the slowest network that a venue has. Not reached yet.
const BROTLI_BYTES_AIM: u64 = 250_000;
/// What it may not grow beyond until then.
const BROTLI_BYTES_MAX: u64 = 1_164_000;

/// Builds the client, prints the table, and succeeds if it is within the bound.
pub fn report(workspace: &Workspace) -> Outcome<ExitCode> {
    let dist = dist::build(workspace, Finish::Shipped)?;
    let worker = fs::read_to_string(dist.join(WORKER)).map_err(|error| {
        Stop(format!("{} cannot be read: {error}; remove target/dist and try again", dist.join(WORKER).display()))
    })?;
    let mut files = precache::listed(&worker);
    if files.is_empty() {
        return Err(Stop("the service worker lists no files; remove target/dist and try again".into()));
    }
    let mut sizes: Vec<(String, u64, u64)> = Vec::new();
    for file in files.drain(..) {
        let raw = bytes(&dist, &file)?;
        let packed = if precache::shrinks(&file) { bytes(&dist, &format!("{file}.br"))? } else { raw };
        sizes.push((file, raw, packed));
    }
    sizes.sort_by_key(|&(_, _, packed)| std::cmp::Reverse(packed));
    println!("{:>10} {:>10}", "raw", "brotli");
    for (file, raw, packed) in &sizes {
        println!("{raw:>10} {packed:>10}  {file}");
    }
    let (raw, packed) = sizes.iter().fold((0, 0), |(raws, packs), (_, raw, packed)| (raws + raw, packs + packed));
    println!("{raw:>10} {packed:>10}  in all; {BROTLI_BYTES_MAX} as brotli is the bound, {BROTLI_BYTES_AIM} the aim");
    if packed > BROTLI_BYTES_MAX {
        println!("{} bytes too many", packed - BROTLI_BYTES_MAX);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn bytes(dist: &Path, file: &str) -> Outcome<u64> {
    fs::metadata(dist.join(file))
        .map(|metadata| metadata.len())
        .map_err(|_| Stop(format!("{file} is listed but not there; remove target/dist and try again")))
}
