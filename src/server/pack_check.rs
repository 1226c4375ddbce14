//! `yingke-server pack check FILE`: what is wrong with a pack that somebody wrote, by file and line.
//!
//! The very checks that the build makes of the packs that ship. A venue's own pack may use what the common one names,
//! so that one is read first, unless the file is a common one itself.

use std::{fs, path::Path};

use yingke_core::pack::{Pack, VenueKind, source};

use crate::admin::AdminError;

const COMMON: &str = include_str!("../../public/packs/core.toml");

/// Checks one file.
///
/// # Errors
/// Says file, line and fault of the first thing that is wrong, or that the file cannot be read.
pub fn run(file: &Path) -> Result<String, AdminError> {
    let text = fs::read_to_string(file)
        .map_err(|error| AdminError::Asked(format!("{} cannot be read: {error}", file.display())))?;
    let fault = |(at, fault): source::Fault| {
        AdminError::Asked(format!("{}:{}: {fault}", file.display(), source::line(&text, at)))
    };
    let mut names = source::Names::default();
    let key = source::key_of(&text).map_err(fault)?;
    let common = if key == "core" {
        String::new()
    } else {
        let built = source::compile(COMMON, &mut names, None);
        built.map_err(|(_, fault)| AdminError::Asked(format!("the common pack: {fault}")))?.text
    };
    let built = source::compile(&text, &mut names, None).map_err(fault)?;
    let kind = VenueKind::from_key(&key);
    let pack = Pack::read(kind, &common, &built.text)
        .map_err(|error| AdminError::Asked(format!("{}: {error}", file.display())))?;
    let forms: usize = pack.forms.len();
    let fields: usize = pack.forms.iter().map(|form| form.fields().count()).sum();
    Ok(format!(
        "{}: no fault; with the common pack {forms} forms of {fields} fields, {} checklists, {} talks\n",
        file.display(),
        pack.checklists.len(),
        pack.prompts.len(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        fs::write(&file, text).unwrap();
        let answer = match run(&file) {
            Ok(answer) => answer,
            Err(error) => error.to_string(),
        };
        answer.replace(&*file.to_string_lossy(), "own.toml")
    }

    const FITNESS: &str = include_str!("../../public/packs/fitness.toml");

    /// The line on which a text stands.
    fn line_of(text: &str) -> usize {
        FITNESS[..FITNESS.find(text).unwrap()].lines().count() + usize::from(FITNESS.find(text) == Some(0))
    }

    #[test]
    fn a_pack_that_ships_has_no_fault() {
        assert!(checked(FITNESS).starts_with("own.toml: no fault"), "{}", checked(FITNESS));
        assert!(checked(COMMON).starts_with("own.toml: no fault"));
    }

    #[test]
    fn a_fault_is_told_with_file_and_line() {
        for (wrong, right, fault) in [
            ("needs = [\"filled(true_reason)\"]", "needs = [\"filed(true_reason)\"]", "there is no guard `filed`"),
            (
                "needs = [\"filled(true_reason)\"]",
                "needs = [\"filled(truth)\"]",
                "record transfer has no field `truth`",
            ),
            ("key = \"record_reason\",", "key = \"record_reason\", why = \"\",", "unknown field `why`"),
            ("to = \"reason_recorded\"", "to = \"reasons\"", "SM-09 has no state `reasons`"),
            ("type = \"enum(transfer_reason)\"", "type = \"enum(reasons)\"", "there is no list `reasons`"),
        ] {
            let told = checked(&FITNESS.replacen(wrong, right, 1));
            let place = format!("own.toml:{}: ", line_of(wrong));
            assert!(told.starts_with("own.toml:") && told.contains(fault), "{told}");
            assert!(told.starts_with(&place) || told.contains("unknown field"), "{told}, not {place}");
        }
        assert!(
            checked("key = \"zoo\"\nversion = 1\ntitle = [\"a\", \"b\", \"c\"]\n").contains(":1: `zoo` is no pack")
        );
        assert!(checked("key = ").contains("own.toml:1: "));
    }
}
