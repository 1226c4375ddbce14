//! Reads the token sheet as a browser would and holds it to the contrast that the language promises.

use std::collections::BTreeMap;

const SHEET: &str = include_str!("../../../style/tokens.css");

/// Text on ground, and the least contrast (WCAG 2.2) in every theme.
const PAIRS: [(&str, &str, f64); 14] = [
    ("ink", "paper", 7.0),
    ("ink-2", "paper", 7.0),
    ("ink-3", "paper", 4.5),
    ("ink-3", "sunk", 4.5),
    ("edge", "paper", 3.0),
    ("on-pine", "pine", 7.0),
    ("pine-ink", "pine-wash", 7.0),
    ("ink-2", "pine-wash", 4.5),
    ("on-rail", "rail", 7.0),
    ("saved", "saved-wash", 4.5),
    ("unsent", "unsent-wash", 4.5),
    ("late", "late-wash", 4.5),
    ("conflict", "conflict-wash", 4.5),
    ("pine", "paper", 3.0),
];

/// A colour as it stands in the sheet: OKLCH lightness, chroma, hue in degrees.
#[derive(Clone, Copy, Debug)]
struct Colour {
    lightness: f64,
    chroma: f64,
    hue_deg: f64,
}

impl Colour {
    fn parse(text: &str) -> Self {
        let inner = text.trim().strip_prefix("oklch(").and_then(|text| text.strip_suffix(')'));
        let inner = inner.unwrap_or_else(|| panic!("not an oklch colour: {text}"));
        let numbers: Vec<f64> = inner.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [lightness, chroma, hue_deg] = numbers[..] else { panic!("three numbers, not {inner}") };
        Self { lightness, chroma, hue_deg }
    }

    /// Relative luminance. Source: Ottosson, "A perceptual color space for image processing", 2020.
    fn luminance(self) -> f64 {
        let (a, b) = (self.chroma * self.hue_deg.to_radians().cos(), self.chroma * self.hue_deg.to_radians().sin());
        let long = (self.lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let middle = (self.lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let short = (self.lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
        let red = 4.076_741_662_1 * long - 3.307_711_591_3 * middle + 0.230_969_929_2 * short;
        let green = -1.268_438_004_6 * long + 2.609_757_401_1 * middle - 0.341_319_396_5 * short;
        let blue = -0.004_196_086_3 * long - 0.703_418_614_7 * middle + 1.707_614_701_0 * short;
        0.2126 * red.clamp(0.0, 1.0) + 0.7152 * green.clamp(0.0, 1.0) + 0.0722 * blue.clamp(0.0, 1.0)
    }
}

fn contrast(text: Colour, ground: Colour) -> f64 {
    let (text, ground) = (text.luminance(), ground.luminance());
    (text.max(ground) + 0.05) / (text.min(ground) + 0.05)
}

/// The declarations `--color-NAME: VALUE;` of the first block after `selector`.
fn declared(selector: &str) -> BTreeMap<String, String> {
    let start = SHEET.find(selector).unwrap_or_else(|| panic!("{selector} is in the sheet")) + selector.len();
    let block = SHEET[start..].split('}').next().unwrap();
    block
        .split(';')
        .filter_map(|line| line.trim().strip_prefix("--color-")?.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// Every colour in light, dark and sunlight.
fn themes() -> [(&'static str, BTreeMap<String, Colour>); 3] {
    let both = declared(":root {");
    let sunlight = declared(":root[data-theme=\"sunlight\"] {");
    let side = |second: bool| {
        both.iter()
            .filter_map(|(name, value)| {
                let (light, dark) = value.strip_prefix("light-dark(")?.strip_suffix(')')?.split_once(", ")?;
                Some((name.clone(), Colour::parse(if second { dark } else { light })))
            })
            .collect::<BTreeMap<_, _>>()
    };
    let own = sunlight.iter().map(|(name, value)| (name.clone(), Colour::parse(value))).collect();
    [("light", side(false)), ("dark", side(true)), ("sunlight", own)]
}

#[test]
fn every_pair_reads_in_every_theme() {
    let mut faint = Vec::new();
    for (theme, colours) in themes() {
        for (text, ground, least) in PAIRS {
            let of = |name: &str| *colours.get(name).unwrap_or_else(|| panic!("{theme} has --color-{name}"));
            let got = contrast(of(text), of(ground));
            if got < least {
                faint.push(format!("{text} on {ground}, {theme}: {got:.2}, at least {least}"));
            }
        }
    }
    assert!(faint.is_empty(), "{}", faint.join("\n"));
}

#[test]
fn contrast_is_measured_as_the_standard_measures_it() {
    let (white, black) = (Colour::parse("oklch(1 0 0)"), Colour::parse("oklch(0 0 0)"));
    assert!((contrast(white, black) - 21.0).abs() < 0.01);
    // Measured for the language: pine on paper, light, is 7.4.
    let (pine, paper) = (Colour::parse("oklch(0.43 0.082 172)"), Colour::parse("oklch(0.982 0.006 85)"));
    assert!((contrast(pine, paper) - 7.4).abs() < 0.06);
}

#[test]
fn every_theme_has_every_colour() {
    let [(_, light), (_, dark), (_, sunlight)] = themes();
    assert!(light.keys().eq(dark.keys()));
    assert!(light.keys().eq(sunlight.keys()), "sunlight has {:?}", sunlight.keys());
    assert_eq!(light.len(), 22);
}

#[test]
fn more_contrast_is_the_sunlight_theme() {
    let chosen = declared(":root[data-theme=\"sunlight\"] {");
    let asked_for = declared(":root:not([data-theme]) {");
    assert_eq!(chosen, asked_for);
}
