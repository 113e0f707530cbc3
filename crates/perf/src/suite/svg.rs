//! Drawings in SVG, as far as the plots need them.
//!
//! A drawing brings its own background, so that it can be read on any page, and turns dark where the reader wants that.

use std::fmt::Write;

/// The width of a character of the text, in pixels, reckoned rather too wide.
const CHARACTER_PX: f64 = 6.6;

/// Colours that can be told from each other on a light and on a dark background, also by those who see fewer.
pub(super) const COLOURS: [&str; 6] =
    ["#2f81f7", "#d2691e", "#8957e5", "#2da44e", "#bf3989", "#9a6700"];

const STYLE: &str = "
    text { font: 12px -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; fill: #1f2328; paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
    .title { font-size: 15px; font-weight: 600 }
    .quiet { fill: #59636e }
    .card { fill: #ffffff; stroke: #d1d9e0 }
    .grid { stroke: #d1d9e0; stroke-width: 1 }
    .whisker { stroke: #1f2328; stroke-width: 1; fill: none }
    .target { stroke: #cf222e; stroke-width: 2 }
    .bound { stroke: #59636e; stroke-width: 2; stroke-dasharray: 2 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; stroke: #0d1117 }
      .quiet { fill: #9198a1 }
      .card { fill: #0d1117; stroke: #3d444d }
      .grid { stroke: #3d444d }
      .whisker { stroke: #e6edf3 }
      .target { stroke: #ff7b72 }
      .bound { stroke: #9198a1 }
    }
";

/// What has been drawn so far.
#[derive(Debug)]
pub(super) struct Drawing {
    width: f64,
    height: f64,
    body: String,
}

/// On which side of its point a text stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        let _ = writeln!(
            self.body,
            r#"  <text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#
        );
    }

    pub(super) fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str) {
        let _ = writeln!(
            self.body,
            r#"  <rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2" fill="{colour}"/>"#
        );
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.body,
            r#"  <line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#
        );
    }

    pub(super) fn dot(&mut self, at: (f64, f64), radius: f64, colour: &str) {
        let (x, y) = at;
        let _ = writeln!(
            self.body,
            r#"  <circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{colour}"/>"#
        );
    }

    pub(super) fn path(&mut self, points: &[(f64, f64)], colour: &str) {
        let mut joined = String::new();
        for (x, y) in points {
            let _ = write!(joined, "{x:.1},{y:.1} ");
        }
        let _ = writeln!(
            self.body,
            r#"  <polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            joined.trim_end()
        );
    }

    /// The file.
    pub(super) fn finish(self, title: &str) -> String {
        let Self { width, height, body } = self;
        let (title, card) = (escaped(title), (width - 1.0, height - 1.0));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\">\n  <title>{title}</title>\n  <style>{STYLE}  </style>\n  <rect x=\"0.5\" y=\"0.5\" width=\"{}\" \
             height=\"{}\" rx=\"6\" class=\"card\"/>\n{body}</svg>\n",
            card.0, card.1
        )
    }
}

/// How wide a text is at most, in pixels.
pub(super) fn width_of(text: &str) -> f64 {
    text.chars().map(|_| CHARACTER_PX).sum()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// From values to pixels, a power of ten being as wide as another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Powers of ten: the least and the most.
    from: i32,
    until: i32,
    start_px: f64,
    end_px: f64,
}

impl Scale {
    /// A scale on which all positive `values` have a place; `None` when there are none.
    /// The least of them stands a little behind the start, so that its bar can be seen.
    pub(super) fn of(
        values: impl IntoIterator<Item = f64>,
        start_px: f64,
        end_px: f64,
    ) -> Option<Self> {
        /// A twentieth of a power of ten.
        const ROOM: f64 = 0.05;
        Self::with_room(values, ROOM, start_px, end_px)
    }

    /// A scale on which the least value may stand at the start.
    pub(super) fn tight(
        values: impl IntoIterator<Item = f64>,
        start_px: f64,
        end_px: f64,
    ) -> Option<Self> {
        Self::with_room(values, 0.0, start_px, end_px)
    }

    fn with_room(
        values: impl IntoIterator<Item = f64>,
        room: f64,
        start_px: f64,
        end_px: f64,
    ) -> Option<Self> {
        let logs = values.into_iter().filter(|&it| it > 0.0 && it.is_finite()).map(f64::log10);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for log in logs {
            (least, most) = (least.min(log), most.max(log));
        }
        if least > most {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "logarithms of figures have two digits"
        )]
        let (from, until) = ((least - room).floor() as i32, most.ceil() as i32);
        Some(Self { from, until: until.max(from + 1), start_px, end_px })
    }

    /// Where a value stands; what is too small stands at the start.
    pub(super) fn px(self, value: f64) -> f64 {
        if value <= 0.0 {
            return self.start_px;
        }
        let span = f64::from(self.until - self.from);
        let share = ((value.log10() - f64::from(self.from)) / span).clamp(0.0, 1.0);
        self.start_px + share * (self.end_px - self.start_px)
    }

    /// The powers of ten on it.
    pub(super) fn ticks(self) -> impl Iterator<Item = f64> {
        (self.from..=self.until).map(|power| 10_f64.powi(power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_equally_far_apart() {
        let scale = Scale::of([0.2, 0.0, 30.0], 100.0, 400.0).expect("a scale");
        assert_eq!(scale.ticks().collect::<Vec<_>>(), [0.1, 1.0, 10.0, 100.0]);
        assert_eq!([0.1, 1.0, 100.0].map(|value| scale.px(value).round()), [100.0, 200.0, 400.0]);
        assert_eq!((scale.px(0.0), scale.px(1e9)), (100.0, 400.0));
        assert_eq!(Scale::of([0.0], 0.0, 1.0), None);
    }

    #[test]
    fn a_single_value_has_a_scale_too() {
        let scale = Scale::of([10.0], 0.0, 1.0).expect("a scale");
        assert!(scale.ticks().count() >= 2);
    }

    #[test]
    fn what_is_written_is_xml() {
        let mut drawing = Drawing::new(10.0, 20.0);
        drawing.text(1.0, 2.0, Anchor::End, "quiet", "a < b & \"c\"");
        let svg = drawing.finish("x > y");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;") && svg.contains("x &gt; y"));
    }
}
