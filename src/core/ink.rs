//! What a pen drew: strokes in a box of 960 x 400, written short enough to be kept within the record that was signed.
//!
//! ```text
//! 120,80/3,-2/4,5;200,90/1,1      two strokes: where each begins, then how far from one point to the next
//! ```

/// The box that a drawing lies in, width and height: half a pixel of the pad in which people sign.
pub const INK_BOX: (i32, i32) = (960, 400);
/// Characters of a drawing, at most: a long name in cursive takes some 2,000, so that a change stays a few kB.
pub const INK_CHARACTERS_MAX: usize = 8_000;
/// How far the drawing may come to lie from the pen's way, in units of the box; each further try doubles it.
const NEAR: f64 = 1.0;

/// Strokes, each at least one point, all of them within [`INK_BOX`]. Its `Debug` shows no drawing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Ink {
    strokes: Vec<Vec<(i32, i32)>>,
}

impl Ink {
    /// Reads what [`Ink::text`] wrote; `None` if it is nothing that it writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > INK_CHARACTERS_MAX {
            return None;
        }
        let mut strokes = Vec::new();
        for stroke in text.split(';') {
            let mut points: Vec<(i32, i32)> = Vec::new();
            for point in stroke.split('/') {
                let (x, y) = point.split_once(',')?;
                let (x, y) = (number(x)?, number(y)?);
                let (from_x, from_y) = points.last().copied().unwrap_or_default();
                let at = (from_x + x, from_y + y);
                if !(0..=INK_BOX.0).contains(&at.0) || !(0..=INK_BOX.1).contains(&at.1) {
                    return None;
                }
                points.push(at);
            }
            strokes.push(points);
        }
        Some(Self { strokes })
    }

    /// The drawing as it is kept: no spaces, at most [`INK_CHARACTERS_MAX`] characters; empty if nothing was drawn.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for stroke in &self.strokes {
            let mut from = (0, 0);
            for (place, (x, y)) in stroke.iter().enumerate() {
                let mark = match (place, text.is_empty()) {
                    (0, true) => "",
                    (0, false) => ";",
                    _ => "/",
                };
                text.push_str(&format!("{mark}{},{}", x - from.0, y - from.1));
                from = (*x, *y);
            }
        }
        text
    }

    /// One stroke more, along these points; what lies outside of the box is moved to its edge. Points that a line
    /// between others passes are left out. `false`, and nothing changed, if the drawing would grow too long.
    pub fn draw(&mut self, points: &[(i32, i32)]) -> bool {
        let inside = |(x, y): &(i32, i32)| ((*x).clamp(0, INK_BOX.0), (*y).clamp(0, INK_BOX.1));
        let points: Vec<(i32, i32)> = points.iter().map(inside).collect();
        let before = self.text().len();
        let mut near = NEAR;
        while !points.is_empty() && near < 16.0 {
            self.strokes.push(thinned(&points, near));
            if self.text().len() <= INK_CHARACTERS_MAX {
                return true;
            }
            self.strokes.pop();
            near *= 2.0;
        }
        debug_assert_eq!(before, self.text().len());
        false
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strokes.is_empty()
    }

    #[must_use]
    pub fn strokes(&self) -> &[Vec<(i32, i32)>] {
        &self.strokes
    }
}

impl std::fmt::Debug for Ink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ink").field("strokes", &self.strokes.len()).finish()
    }
}

/// A whole number as [`Ink::text`] writes it: no plus, no zeros before it.
fn number(text: &str) -> Option<i32> {
    let number: i32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The points without those that lie within `near` of the line between their neighbours that stay: Douglas and
/// Peucker's way, without recursion, since a stroke may have thousands of points.
fn thinned(points: &[(i32, i32)], near: f64) -> Vec<(i32, i32)> {
    let mut stays = vec![false; points.len()];
    let last = points.len() - 1;
    (stays[0], stays[last]) = (true, true);
    let mut parts = vec![(0, last)];
    while let Some((from, to)) = parts.pop() {
        let away = |place: &usize| distance(points[*place], points[from], points[to]);
        let farthest = (from + 1..to).max_by(|one, other| away(one).total_cmp(&away(other)));
        if let Some(place) = farthest.filter(|place| away(place) > near) {
            stays[place] = true;
            parts.extend([(from, place), (place, to)]);
        }
    }
    let kept = points.iter().zip(stays).filter_map(|(point, stays)| stays.then_some(*point));
    let mut kept: Vec<(i32, i32)> = kept.collect();
    kept.dedup();
    kept
}

/// How far a point is from the line between two others, ends included.
fn distance(point: (i32, i32), from: (i32, i32), to: (i32, i32)) -> f64 {
    let vector = |a: (i32, i32), b: (i32, i32)| (f64::from(b.0 - a.0), f64::from(b.1 - a.1));
    let (line, out) = (vector(from, to), vector(from, point));
    let length = line.0 * line.0 + line.1 * line.1;
    let along = if length > 0.0 { ((out.0 * line.0 + out.1 * line.1) / length).clamp(0.0, 1.0) } else { 0.0 };
    let (x, y) = (out.0 - along * line.0, out.1 - along * line.1);
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbtest::arbtest;

    #[test]
    fn a_drawing_is_written_short_and_read_again() {
        let mut ink = Ink::default();
        assert!(ink.draw(&[(120, 80), (123, 78), (127, 90)]) && ink.draw(&[(200, 90)]));
        assert_eq!(ink.text(), "120,80/3,-2/4,12;200,90");
        assert_eq!(Ink::parse(&ink.text()), Some(ink));
    }

    #[test]
    fn what_no_pen_drew_is_none() {
        for text in ["", ";", "1", "1,2,3", "1,2;", "961,0", "0,401", "5,5/-6,0", "+1,2", "01,2", "1, 2", "a,b", "1,2/"]
        {
            assert_eq!(Ink::parse(text), None, "{text}");
        }
        assert_eq!(Ink::parse(&"1,1;".repeat(INK_CHARACTERS_MAX)), None);
    }

    #[test]
    fn points_along_a_line_are_left_out_and_corners_stay() {
        let along: Vec<(i32, i32)> = (0..100).map(|x| (x, 10)).chain((10..200).map(|y| (99, y))).collect();
        let mut ink = Ink::default();
        assert!(ink.draw(&along));
        assert_eq!(ink.strokes(), [vec![(0, 10), (99, 10), (99, 199)]]);
    }

    #[test]
    fn a_drawing_keeps_to_its_box_and_its_length() {
        let mut ink = Ink::default();
        assert!(ink.draw(&[(-5, 500), (2_000, -1)]));
        assert_eq!(ink.strokes(), [vec![(0, 400), (960, 0)]]);
        // Scribbling on and on: what no longer fits is refused, and what was drawn stays.
        let scribble: Vec<(i32, i32)> = (0..4_000).map(|n| (n * 37 % 960, n * 53 % 400)).collect();
        while ink.draw(&scribble[..400]) {}
        let kept = ink.text();
        assert!(kept.len() <= INK_CHARACTERS_MAX && !ink.draw(&scribble) && ink.text() == kept);
        assert_eq!(Ink::parse(&kept), Some(ink));
    }

    #[test]
    fn any_way_of_the_pen_comes_back_near_to_where_it_was() {
        arbtest(|u| {
            let points: Vec<(i16, i16)> = u.arbitrary()?;
            let points: Vec<(i32, i32)> =
                points.into_iter().map(|(x, y)| (i32::from(x).rem_euclid(961), i32::from(y).rem_euclid(401))).collect();
            let mut ink = Ink::default();
            if ink.draw(&points) {
                let kept = &ink.strokes()[0];
                assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
                assert_eq!(Ink::parse(&ink.text()).as_ref(), Some(&ink));
            }
            let text: String = u.arbitrary()?;
            let _ = Ink::parse(&text);
            Ok(())
        });
    }
}
