//! Reading a template: the text that `view!` makes of markup, so that a screen's code names only what may change.
//!
//! A part is a control character and its text up to the next one. `view!` writes them, `src/markup`.

/// One part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// An element begins, with this tag.
    Open(&'static str),
    Close,
    Text(&'static str),
    /// An attribute of the element that began last, or the place where the next hole's value goes.
    Attribute(&'static str, Option<&'static str>),
    /// A listener, a reference or a child: the next hole says which.
    Hole,
}

/// The parts of `template`, in order.
pub(super) fn parts(template: &'static str) -> impl Iterator<Item = Part> {
    let mut rest = template;
    std::iter::from_fn(move || {
        let (mark, text) = next(&mut rest)?;
        Some(match mark {
            1 => Part::Open(text),
            2 => Part::Close,
            3 => Part::Text(text),
            4 => {
                let value = next(&mut rest).filter(|(mark, _)| *mark == 5).map(|(_, value)| value);
                Part::Attribute(text, value)
            }
            _ => Part::Hole,
        })
    })
}

fn next(rest: &mut &'static str) -> Option<(u8, &'static str)> {
    let mark = *rest.as_bytes().first()?;
    let text = &rest[1..];
    let end = text.bytes().position(|byte| (1..=6).contains(&byte)).unwrap_or(text.len());
    *rest = &text[end..];
    Some((mark, &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_reads_as_it_was_written() {
        let template = "\u{1}p\u{4}class\u{5}a b\u{4}id\u{6}\u{6}\u{3}客人\n\u{1}br\u{2}\u{6}\u{2}";
        let read: Vec<Part> = parts(template).collect();
        assert_eq!(
            read,
            [
                Part::Open("p"),
                Part::Attribute("class", Some("a b")),
                Part::Attribute("id", None),
                Part::Hole,
                Part::Text("客人\n"),
                Part::Open("br"),
                Part::Close,
                Part::Hole,
                Part::Close
            ]
        );
    }
}
