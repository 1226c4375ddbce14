//! A text as a code that a camera reads.

use fast_qr::{ECL, QRBuilder};

use super::Text;
use crate::view::prelude::*;

/// Modules of white around a code. Source: ISO/IEC 18004, the quiet zone.
const QUIET: usize = 4;

/// SVG path data of the dark modules, row by row, in a square of so many modules; `None` for a text that no code holds.
#[must_use]
pub fn qr_path(text: &str) -> Option<(String, usize)> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let mut path = String::new();
    for y in 0..code.size {
        let mut x = 0;
        while x < code.size {
            let run = (x..code.size).take_while(|x| code[y][*x].value()).count();
            if run > 0 {
                path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET));
            }
            x += run.max(1);
        }
    }
    Some((path, code.size + 2 * QUIET))
}

/// A code, black on white in every theme. Nothing where the text is too long for one.
#[component]
pub fn QrCode(
    text: String,
    /// What it is, for who cannot see it.
    #[prop(into)]
    label: Text,
) -> impl IntoView {
    qr_path(&text).map(|(path, side)| {
        view! {
            <svg class="qr" role="img" viewBox=format!("0 0 {side} {side}") aria-label=move || label.get()>
                <path d=path></path>
            </svg>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_with_its_finders_and_room_around_them() {
        let (path, side) = qr_path("YK1:ABC").unwrap();
        assert_eq!(side, 21 + 2 * QUIET);
        // The first row begins with the edge of a finder and ends with that of another.
        assert!(path.starts_with("M4 4h7v1h-7z"), "{path}");
        assert!(path.contains("M18 4h7v1h-7z"), "{path}");
        assert_eq!(qr_path(&"x".repeat(5_000)), None);
    }
}
