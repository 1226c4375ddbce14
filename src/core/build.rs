//! Tables that are made from the data of well-kept crates when the program is built.

use std::{env, path::PathBuf};

#[path = "build/packs.rs"]
mod packs;
#[path = "build/pinyin.rs"]
mod pinyin;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    packs::write(&manifest_dir.join("../../public/packs"), &out_dir);
    pinyin::write(&out_dir);
}
