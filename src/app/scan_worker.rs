//! A worker of its own for the browsers that read no codes by themselves: finds a QR code in a picture of the camera, which
//! takes longer than a frame.
//!
//! In: `{ width, height, pixels }`, four bytes a pixel. Out: what the code says, or `null` where none is to be read.

mod worker_port;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type Asked;
    #[wasm_bindgen(method, getter)]
    fn width(this: &Asked) -> u32;
    #[wasm_bindgen(method, getter)]
    fn height(this: &Asked) -> u32;
    #[wasm_bindgen(method, getter)]
    fn pixels(this: &Asked) -> Vec<u8>;
}

fn main() {
    worker_port::answers(|asked: Asked| {
        let found = read(asked.width() as usize, asked.height() as usize, &asked.pixels());
        found.map_or(JsValue::NULL, JsValue::from)
    });
}

/// The first code of a picture that can be read.
fn read(width: usize, height: usize, pixels: &[u8]) -> Option<String> {
    // The reader takes pixels as they come.
    if width == 0 || height == 0 || pixels.len() < width * height * 4 {
        return None;
    }
    // As bright as an eye sees it (ITU-R BT.601).
    let grey = |pixel: &[u8]| {
        let [red, green, blue] = [0, 1, 2].map(|part| u32::from(pixel[part]));
        ((red * 299 + green * 587 + blue * 114) / 1_000) as u8
    };
    let picture: Vec<u8> = pixels[..width * height * 4].chunks_exact(4).map(grey).collect();
    let mut reader = quircs::Quirc::new();
    let mut codes = reader.identify(width, height, &picture);
    codes.find_map(|code| String::from_utf8(code.ok()?.decode().ok()?.payload).ok())
}

#[cfg(test)]
mod tests {
    use fast_qr::{ECL, QRBuilder};

    use super::*;

    /// A code of so many pixels held askew, in a light that falls from the left.
    fn picture(text: &str, side: usize, degrees: f64) -> Vec<u8> {
        let code = QRBuilder::new(text).ecl(ECL::M).build().expect("a pass has room in a code");
        let squares = (code.size + 8) as f64;
        let (sin, cos) = degrees.to_radians().sin_cos();
        let mut pixels = Vec::new();
        for y in 0..480 {
            for x in 0..640 {
                let (left, top) = (f64::from(x) - 320.0, f64::from(y) - 240.0);
                let of = |along: f64| (along * squares / side as f64 + squares / 2.0).floor();
                let (column, row) = (of(left * cos + top * sin), of(top * cos - left * sin));
                let on_paper = (0.0..squares).contains(&column) && (0.0..squares).contains(&row);
                let in_code = |at: f64| (at as usize).checked_sub(4).filter(|at| *at < code.size);
                let is_dark = on_paper
                    && in_code(column).zip(in_code(row)).is_some_and(|(column, row)| code[row][column].value());
                let shade = f64::from(x) / 8.0;
                let grey = (if is_dark {
                    25.0
                } else if on_paper {
                    150.0 + shade
                } else {
                    80.0 + shade
                }) as u8;
                pixels.extend([grey, grey, grey, 255]);
            }
        }
        pixels
    }

    #[test]
    fn a_code_that_is_held_askew_is_read() {
        let pass = format!("YK1:{}", "0123456789ABCDEF".repeat(17));
        for degrees in [0.0, 9.0, 45.0, 180.0, 263.0] {
            for side in [330, 270] {
                assert_eq!(read(640, 480, &picture(&pass, side, degrees)).as_ref(), Some(&pass), "{degrees} {side}");
            }
        }
    }

    #[test]
    fn whatever_else_is_before_the_camera_is_no_fault() {
        let mut chance = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = move || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance as usize
        };
        let code = picture("YK1:0123456789ABCDEF", 300, 20.0);
        for _ in 0..40 {
            // A code with stains and stripes on it, cut off somewhere.
            let mut pixels = code.clone();
            for _ in 0..draw() % 12 {
                let (left, top, width, height) = (draw() % 640, draw() % 480, 1 + draw() % 200, 1 + draw() % 200);
                let grey = draw() as u8;
                for y in top..(top + height).min(480) {
                    pixels[(y * 640 + left) * 4..(y * 640 + (left + width).min(640)) * 4].fill(grey);
                }
            }
            let rows = 1 + draw() % 480;
            let text = read(640, rows, &pixels);
            assert!(text.is_none() || text.as_deref() == Some("YK1:0123456789ABCDEF"), "{text:?}");
        }
        let noise: Vec<u8> = (0..640 * 480 * 4).map(|_| draw() as u8).collect();
        assert_eq!(read(640, 480, &noise), None);
    }

    #[test]
    fn what_is_no_picture_of_a_code_says_nothing() {
        assert_eq!(read(0, 0, &[]), None);
        assert_eq!(read(4, 4, &[255; 63]), None, "a pixel short");
        assert_eq!(read(64, 48, &[128; 64 * 48 * 4]), None);
    }
}
