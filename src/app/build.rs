//! Turns `words/*.toml` into one function a sentence, so that a key that is missing in one language, or takes
//! other arguments there, does not compile.
//!
//! Why not a library: the one made for Leptos brings the Unicode project's data tools into every build and a
//! type for each sentence into the wasm; this is a table of texts.

use std::{collections::BTreeMap, env, fmt::Write, fs, path::Path};

const LANGUAGES: [&str; 3] = ["zh_hans", "zh_hant", "en"];

fn main() {
    println!("cargo::rerun-if-changed=words");
    let mut entries: BTreeMap<String, [String; 3]> = BTreeMap::new();
    let mut files: Vec<_> =
        fs::read_dir("words").expect("words/ is beside this file").flatten().map(|f| f.path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "toml")) {
        let text = fs::read_to_string(file).expect("a file of words can be read");
        let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (key, value) in table {
            let texts = LANGUAGES.map(|language| {
                let text = value.get(language).and_then(toml::Value::as_str);
                text.unwrap_or_else(|| panic!("{}: `{key}` is missing in {language}", file.display())).to_owned()
            });
            if entries.insert(key.clone(), texts).is_some() {
                panic!("{}: `{key}` is there twice", file.display());
            }
        }
    }
    let out = Path::new(&env::var("OUT_DIR").expect("cargo says where to write")).join("words.rs");
    fs::write(out, generate(&entries)).expect("the generated words can be written");
}

fn generate(entries: &BTreeMap<String, [String; 3]>) -> String {
    let mut code = String::from("impl Words {\n");
    let mut table = String::new();
    for (index, (key, texts)) in entries.iter().enumerate() {
        let arguments = placeholders(key, &texts[0]);
        for text in texts {
            let mut other = placeholders(key, text);
            other.sort();
            let mut sorted = arguments.clone();
            sorted.sort();
            // English may leave the number out of a sentence about exactly one.
            assert!(other == sorted || key.ends_with("_one"), "words: `{key}` takes other arguments in one language");
        }
        let _ = writeln!(code, "    /// {}", texts[0].replace('\n', " "));
        if arguments.is_empty() {
            let _ = writeln!(code, "    #[must_use] pub fn {key}(self) -> &'static str {{ self.pick({index}) }}");
        } else {
            let list: Vec<String> = arguments.iter().map(|name| format!("{name}: impl std::fmt::Display")).collect();
            let refs: Vec<String> = arguments.iter().map(|name| format!("&{name}")).collect();
            let _ = writeln!(
                code,
                "    #[must_use] pub fn {key}(self, {}) -> String {{ fill(self.pick({index}), &[{}]) }}",
                list.join(", "),
                refs.join(", ")
            );
        }
        let texts: Vec<String> = texts.iter().map(|text| format!("{:?}", numbered(text, &arguments))).collect();
        let _ = writeln!(table, "    [{}],", texts.join(", "));
    }
    plurals(entries, &mut code);
    let _ = write!(code, "}}\n\npub(super) static TABLE: [[&str; 3]; {}] = [\n{table}];\n", entries.len());
    code
}

/// For `x_one` and `x_other` a function `x` that takes the number and picks.
fn plurals(entries: &BTreeMap<String, [String; 3]>, code: &mut String) {
    for (key, texts) in entries {
        let Some(stem) = key.strip_suffix("_one") else { continue };
        let Some(other) = entries.get(&format!("{stem}_other")) else { continue };
        let arguments = placeholders(key, &other[0]);
        assert!(arguments.first().is_some_and(|name| name == "count"), "words: `{stem}_other` begins with {{count}}");
        let own = placeholders(key, &texts[0]);
        assert_eq!(own, arguments, "words: `{key}` takes other arguments than `{stem}_other`");
        let rest: String = arguments[1..].iter().map(|name| format!(", {name}: impl std::fmt::Display")).collect();
        let names = arguments.join(", ");
        let _ = writeln!(
            code,
            "    #[must_use] pub fn {stem}(self, count: usize{rest}) -> String {{ if count == 1 {{ self.{stem}_one({names}) }} else {{ self.{stem}_other({names}) }} }}"
        );
    }
}

/// The names in braces, in the order in which they first occur.
fn placeholders(key: &str, text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let end = rest[start..].find('}').unwrap_or_else(|| panic!("words: `{key}` has a brace that is not closed"));
        let name = rest[start + 1..start + end].trim().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
        rest = &rest[start + end + 1..];
    }
    names
}

/// Each `{name}` as a control character: the number of the argument.
fn numbered(text: &str, arguments: &[String]) -> String {
    let mut text = text.to_owned();
    for (index, name) in arguments.iter().enumerate() {
        let mark = char::from(u8::try_from(index + 1).expect("a sentence takes few arguments")).to_string();
        text = text.replace(&format!("{{{name}}}"), &mark);
    }
    text
}
