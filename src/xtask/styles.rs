//! Joins the sheets of `style/` into one: a tablet fetches one file, the workspace keeps one file a component.
//!
//! The order is that of the cascade: the layers' own order first, then tokens, base, components by name, utilities.
//! Only comments and needless white space go. A rewriting minifier would have to know `light-dark()`, nesting and
//! whatever comes next; brotli gains back what this one leaves.

use std::fs;
use std::path::PathBuf;

use crate::fingerprint;
use crate::shell::{Outcome, Stop};
use crate::workspace::Workspace;

const FIRST: &[&str] = &["style/layers.css", "style/tokens.css", "style/base.css"];
const LAST: &[&str] = &["style/utilities.css"];

/// Writes `target/style/app.css`, where index.html expects it.
pub fn write(workspace: &Workspace) -> Outcome<PathBuf> {
    let mut text = String::new();
    for sheet in sheets(workspace)? {
        let css =
            fs::read_to_string(&sheet).map_err(|error| Stop(format!("{} cannot be read: {error}", sheet.display())))?;
        text.push_str(&shorten(&css));
    }
    let joined = workspace.place("style").join("app.css");
    // Left alone when nothing changed: `trunk serve` watches this file and would build for ever.
    if fs::read_to_string(&joined).is_ok_and(|before| before == text) {
        return Ok(joined);
    }
    let wrote = fs::create_dir_all(workspace.place("style")).and_then(|()| fs::write(&joined, text));
    wrote.map_err(|error| Stop(format!("{} cannot be written: {error}", joined.display())))?;
    Ok(joined)
}

fn sheets(workspace: &Workspace) -> Outcome<Vec<PathBuf>> {
    let all = fingerprint::files(&workspace.root, &["style"])?;
    let fixed = |names: &[&str]| names.iter().map(|name| workspace.root.join(name)).collect::<Vec<_>>();
    let (first, last) = (fixed(FIRST), fixed(LAST));
    let is_component = |sheet: &&PathBuf| {
        sheet.extension().is_some_and(|end| end == "css") && !first.contains(sheet) && !last.contains(sheet)
    };
    let components = all.iter().filter(is_component);
    let fixed_if_there =
        |sheets: &[PathBuf]| sheets.iter().filter(|sheet| sheet.is_file()).cloned().collect::<Vec<_>>();
    Ok([fixed_if_there(&first), components.cloned().collect(), fixed_if_there(&last)].concat())
}

/// CSS without comments and without white space that means nothing.
fn shorten(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(next) = rest.chars().next() {
        if next == '"' || next == '\'' {
            let string = string_at(rest);
            out.push_str(string);
            rest = &rest[string.len()..];
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
            space(&mut out);
        } else if next.is_ascii_whitespace() {
            rest = rest.trim_ascii_start();
            space(&mut out);
        } else {
            // `--empty: ;` needs its space; everywhere else these stand well without one before them.
            if matches!(next, '{' | '}' | ';' | ',') && out.ends_with(' ') && !out.ends_with(": ") {
                out.pop();
            }
            if next == '}' && out.ends_with(';') && !out.ends_with(": ;") {
                out.pop();
            }
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// One space, where one may be needed.
fn space(out: &mut String) {
    if !out.is_empty() && !out.ends_with([' ', '{', '}', ';', ',']) {
        out.push(' ');
    }
}

/// The string that `text` begins with, quotes included.
fn string_at(text: &str) -> &str {
    let quote = text.chars().next();
    let mut escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        if Some(next) == quote && !escaped {
            return &text[..=at];
        }
        escaped = next == '\\' && !escaped;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(css: &str, shortened: &str) {
        assert_eq!(shorten(css), shortened);
    }

    #[test]
    fn comments_and_white_space_go() {
        check(
            "/* why */\n@layer reset, tokens ;\n\n.a > .b , .c {\n  color : red ;\n}\n",
            "@layer reset,tokens;.a > .b,.c{color : red}",
        );
    }

    #[test]
    fn strings_stay_as_they_are() {
        check(r#"q::before { content: "/* no */  \"{" ; }"#, r#"q::before{content: "/* no */  \"{"}"#);
    }

    #[test]
    fn selectors_keep_the_spaces_that_mean_something() {
        check(".a :hover { & .b { x: 1 } }", ".a :hover{& .b{x: 1}}");
        check("a/**/b {}", "a b{}");
        check(
            "@media (width >= 64rem) and (hover) { a { b: calc(1px + 2px) } }",
            "@media (width >= 64rem) and (hover){a{b: calc(1px + 2px)}}",
        );
    }

    #[test]
    fn new_colours_and_empty_properties_survive() {
        check(
            ":root { --ink: light-dark(oklch(0.2 0.018 175 / 0.5), #fff); --empty: ; }",
            ":root{--ink: light-dark(oklch(0.2 0.018 175 / 0.5),#fff);--empty: ;}",
        );
    }
}
