//! Tables that are made from the data of well-kept crates, and from the packs, when the program is built.

use std::{env, fs, path::Path, path::PathBuf, process};

mod named;
#[path = "build/packs.rs"]
mod packs;
#[path = "build/pinyin.rs"]
mod pinyin;

/// What the client ships while its screens know no more: today's forms and what they name. The feature `full` is
/// on for the endpoint and the tests, and for the client as soon as its screens are there.
const ONLY: packs::Only = packs::Only {
    forms: &["F-01", "F-02", "F-03", "F-04", "person"],
    lists: &[
        "gender",
        "salutation",
        "lead_source",
        "info_source",
        "interest",
        "intent_level",
        "visit_purpose",
        "visit_outcome",
        "consult_mode",
        "channel",
        "contact_result",
        "consent_purpose",
        "cooperation",
        "area_kind",
        "outing_form",
    ],
    checklists: &["CL-03"],
    prompts: &["S-08"],
    parameters: &[
        "outing.min_numbers",
        "outing.ask_minutes",
        "outing.flow_max_minutes",
        "outing.first_call_hour",
        "reception.handover_max_seconds",
        "trial.handover_max_minutes",
    ],
};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=named.rs");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let only = env::var_os("CARGO_FEATURE_FULL").is_none().then_some(ONLY);
    write_packs(&manifest_dir.join("../../public/packs"), &out_dir, only);
    pinyin::write(&out_dir);
}

/// Writes each pack's texts and the kinds of record that packs add, or says what is wrong and ends the build.
fn write_packs(packs_dir: &Path, out_dir: &Path, only: Option<packs::Only>) {
    let mut names = packs::Names::default();
    for name in packs::PACKS {
        let path = packs_dir.join(format!("{name}.toml"));
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            eprintln!("error: {}: {error}", path.display());
            process::exit(1);
        });
        let built = packs::compile(&text, &mut names, only).unwrap_or_else(|(at, fault)| {
            eprintln!("error: public/packs/{name}.toml:{}: {fault}", packs::line(&text, at));
            process::exit(1);
        });
        for (ending, text) in [("pack", &built.text), ("work", &built.work)] {
            fs::write(out_dir.join(format!("{name}.{ending}")), text).expect("OUT_DIR can be written");
        }
    }
    let kinds = if only.is_some() { "&[]\n".into() } else { packs::kinds(&names) };
    fs::write(out_dir.join("kinds.rs"), kinds).expect("OUT_DIR can be written");
}
