//! Charts: groups of bars with whiskers, dots on lines, curves; all on logarithmic scales, because brokers differ by
//! powers of ten.

use super::figure::significant;
use super::statistics::Spread;
use super::svg::{Anchor, COLOURS, Drawing, Scale, width_of};

const WIDTH_PX: f64 = 900.0;
const MARGIN_PX: f64 = 16.0;
/// Title and legend.
const HEAD_PX: f64 = 66.0;
/// Room behind the longest bar for its value.
const VALUE_PX: f64 = 96.0;
const BAR_PX: f64 = 13.0;
const BAR_GAP_PX: f64 = 2.0;
const GROUP_GAP_PX: f64 = 12.0;
/// Room for the numbers below the scale.
const FOOT_PX: f64 = 36.0;
/// Half the height of a whisker's end.
const CAP_PX: f64 = 3.0;
/// The height of the curves' field.
const CURVES_PX: f64 = 300.0;

/// What belongs together: a row of the page.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) label: String,
    /// A value for each series, and how it is written; `None` where there is none.
    pub(super) bars: Vec<Option<(Spread, String)>>,
    /// What is to be reached.
    pub(super) target: Option<f64>,
    /// What cannot be passed.
    pub(super) bound: Option<f64>,
}

/// Horizontal bars, a group a row.
pub(super) fn bars(title: &str, note: &str, series: &[String], groups: &[Group]) -> Option<String> {
    let start_px = labels_px(groups.iter().map(|group| group.label.as_str()));
    let values = groups.iter().flat_map(|group| {
        let spreads = group.bars.iter().flatten().flat_map(|(it, _)| [it.least, it.most]);
        spreads.chain(group.target).chain(group.bound)
    });
    let scale = Scale::of(values, start_px, WIDTH_PX - VALUE_PX - MARGIN_PX)?;
    let heights: Vec<f64> = groups.iter().map(group_px).collect();
    let bottom = HEAD_PX + heights.iter().sum::<f64>();
    let mut drawing = Drawing::new(WIDTH_PX, bottom + FOOT_PX);
    let has = |part: fn(&Group) -> Option<f64>| groups.iter().any(|group| part(group).is_some());
    let marks = [
        has(|group| group.target).then_some(("target", "to be reached")),
        has(|group| group.bound).then_some(("bound", "bare relay")),
    ];
    head(&mut drawing, title, series, &marks);
    grid(&mut drawing, scale, bottom, note);
    let mut y = HEAD_PX;
    for (group, height) in groups.iter().zip(heights) {
        let middle = y + (height - GROUP_GAP_PX) / 2.0;
        drawing.text(start_px - 8.0, middle + 4.0, Anchor::End, "", &group.label);
        group_bars(&mut drawing, group, scale, y);
        for (value, class) in [(group.target, "target"), (group.bound, "bound")] {
            if let Some(x) = value.map(|value| scale.px(value)) {
                drawing.line((x, y - 3.0), (x, y + height - GROUP_GAP_PX + 1.0), class);
            }
        }
        y += height;
    }
    Some(drawing.finish(title))
}

fn group_bars(drawing: &mut Drawing, group: &Group, scale: Scale, top: f64) {
    let start_px = scale.px(0.0);
    let marks = [group.target, group.bound].map(|mark| mark.map(|value| scale.px(value)));
    let mut y = top;
    for (place, bar) in group.bars.iter().enumerate() {
        let Some((spread, text)) = bar else { continue };
        let middle = y + BAR_PX / 2.0;
        let width = (scale.px(spread.median) - start_px).max(1.0);
        drawing.bar(start_px, y, width, BAR_PX, COLOURS[place % COLOURS.len()]);
        let (from, to) = (scale.px(spread.least), scale.px(spread.most));
        whisker(drawing, (from, middle), (to, middle));
        // A value stands behind whatever mark would run through it.
        let mut x = to.max(start_px + width) + 7.0;
        for mark in marks.iter().flatten() {
            if *mark >= x - 4.0 && *mark <= x + width_of(text) {
                x = mark + 6.0;
            }
        }
        drawing.text(x, middle + 4.0, Anchor::Start, "", text);
        y += BAR_PX + BAR_GAP_PX;
    }
}

/// The range of the runs.
fn whisker(drawing: &mut Drawing, from: (f64, f64), to: (f64, f64)) {
    drawing.line(from, to, "whisker");
    let is_upright = (from.0 - to.0).abs() < (from.1 - to.1).abs();
    let cap = if is_upright { (CAP_PX, 0.0) } else { (0.0, CAP_PX) };
    for (x, y) in [from, to] {
        drawing.line((x - cap.0, y - cap.1), (x + cap.0, y + cap.1), "whisker");
    }
}

/// How high a group is, with the gap behind it.
fn group_px(group: &Group) -> f64 {
    let bars = group.bars.iter().flatten().map(|_| BAR_PX + BAR_GAP_PX).sum::<f64>();
    bars.max(BAR_PX) + GROUP_GAP_PX
}

/// Some values of a group on one line, such as quantiles.
#[derive(Clone, Debug)]
pub(super) struct Dots {
    pub(super) label: String,
    /// For each series, values that grow.
    pub(super) lines: Vec<Option<Vec<f64>>>,
    pub(super) target: Option<f64>,
}

/// Dots on horizontal lines, a group a row; the first dot of a line is small, the last one large.
pub(super) fn dots(title: &str, note: &str, series: &[String], groups: &[Dots]) -> Option<String> {
    let start_px = labels_px(groups.iter().map(|group| group.label.as_str()));
    let values = groups
        .iter()
        .flat_map(|group| group.lines.iter().flatten().flatten().copied().chain(group.target));
    let scale = Scale::of(values, start_px, WIDTH_PX - VALUE_PX - MARGIN_PX)?;
    let height = |group: &Dots| {
        group.lines.iter().flatten().map(|_| BAR_PX + BAR_GAP_PX).sum::<f64>().max(BAR_PX)
            + GROUP_GAP_PX
    };
    let bottom = HEAD_PX + groups.iter().map(height).sum::<f64>();
    let mut drawing = Drawing::new(WIDTH_PX, bottom + FOOT_PX);
    let has_target = groups.iter().any(|group| group.target.is_some());
    head(&mut drawing, title, series, &[has_target.then_some(("target", "p99 to be reached"))]);
    grid(&mut drawing, scale, bottom, note);
    let mut y = HEAD_PX;
    for group in groups {
        let height = height(group);
        let middle = y + (height - GROUP_GAP_PX) / 2.0;
        drawing.text(start_px - 8.0, middle + 4.0, Anchor::End, "", &group.label);
        let mut line_y = y + BAR_PX / 2.0;
        for (place, line) in group.lines.iter().enumerate() {
            let Some(values) = line else { continue };
            let colour = COLOURS[place % COLOURS.len()];
            let points: Vec<(f64, f64)> =
                values.iter().map(|&value| (scale.px(value), line_y)).collect();
            drawing.path(&points, colour);
            let mut radius = 3.0;
            for &point in &points {
                drawing.dot(point, radius, colour);
                radius += 0.7;
            }
            if let (Some(last), Some(&(x, _))) = (values.last(), points.last()) {
                let text = significant(*last);
                drawing.text(x + 10.0, line_y + 4.0, Anchor::Start, "", &text);
            }
            line_y += BAR_PX + BAR_GAP_PX;
        }
        if let Some(x) = group.target.map(|value| scale.px(value)) {
            drawing.line((x, y - 3.0), (x, y + height - GROUP_GAP_PX + 1.0), "target");
        }
        y += height;
    }
    Some(drawing.finish(title))
}

/// A curve of each series over values that people chose.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Where, and what was measured there.
    pub(super) points: Vec<(f64, Spread)>,
}

/// Curves on two logarithmic scales.
pub(super) fn curves(
    title: &str,
    axes: (&str, &str),
    series: &[String],
    curves: &[Curve],
) -> Option<String> {
    let points = || curves.iter().flat_map(|curve| curve.points.iter());
    let bottom = HEAD_PX + CURVES_PX;
    let start_px = 100.0;
    let across = Scale::tight(points().map(|(x, _)| *x), start_px, WIDTH_PX - VALUE_PX)?;
    let up = Scale::of(points().flat_map(|(_, y)| [y.least, y.most]), bottom, HEAD_PX + 14.0)?;
    let mut drawing = Drawing::new(WIDTH_PX, bottom + FOOT_PX);
    head(&mut drawing, title, series, &[]);
    for tick in up.ticks() {
        let y = up.px(tick);
        drawing.line((start_px, y), (WIDTH_PX - VALUE_PX, y), "grid");
        drawing.text(start_px - 8.0, y + 4.0, Anchor::End, "quiet", &short(tick));
    }
    for tick in across.ticks() {
        let x = across.px(tick);
        drawing.line((x, HEAD_PX + 14.0), (x, bottom), "grid");
        drawing.text(x, bottom + 16.0, Anchor::Middle, "quiet", &short(tick));
    }
    drawing.text(start_px - 8.0, HEAD_PX + 2.0, Anchor::End, "quiet", axes.1);
    drawing.text(WIDTH_PX - MARGIN_PX, bottom + 16.0, Anchor::End, "quiet", axes.0);
    for (place, curve) in curves.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let at = |(x, spread): &(f64, Spread)| (across.px(*x), up.px(spread.median));
        drawing.path(&curve.points.iter().map(at).collect::<Vec<_>>(), colour);
        for point in &curve.points {
            let (x, y) = at(point);
            whisker(&mut drawing, (x, up.px(point.1.least)), (x, up.px(point.1.most)));
            drawing.dot((x, y), 4.0, colour);
            // The first series is the one that lies above the others, if it is any good.
            let shift = if place == 0 { -9.0 } else { 17.0 };
            drawing.text(x + 8.0, y + shift, Anchor::Start, "", &short(point.1.median));
        }
    }
    Some(drawing.finish(title))
}

fn labels_px<'a>(labels: impl Iterator<Item = &'a str>) -> f64 {
    MARGIN_PX + labels.map(width_of).fold(60.0, f64::max) + 8.0
}

fn head(drawing: &mut Drawing, title: &str, series: &[String], marks: &[Option<(&str, &str)>]) {
    drawing.text(MARGIN_PX, 26.0, Anchor::Start, "title", title);
    let mut x = MARGIN_PX;
    for (place, name) in series.iter().enumerate() {
        drawing.bar(x, 39.0, 12.0, 12.0, COLOURS[place % COLOURS.len()]);
        drawing.text(x + 18.0, 49.0, Anchor::Start, "", name);
        x += 18.0 + width_of(name) + 16.0;
    }
    for (class, name) in marks.iter().flatten() {
        drawing.line((x + 5.0, 38.0), (x + 5.0, 52.0), class);
        drawing.text(x + 14.0, 49.0, Anchor::Start, "", name);
        x += 14.0 + width_of(name) + 16.0;
    }
}

fn grid(drawing: &mut Drawing, scale: Scale, bottom: f64, note: &str) {
    for tick in scale.ticks() {
        let x = scale.px(tick);
        drawing.line((x, HEAD_PX - 6.0), (x, bottom), "grid");
        drawing.text(x, bottom + 16.0, Anchor::Middle, "quiet", &short(tick));
    }
    drawing.text(MARGIN_PX, bottom + 16.0, Anchor::Start, "quiet", note);
}

/// A number in few characters: `1.5 M`.
pub(super) fn short(value: f64) -> String {
    match value {
        value if value >= 999_500.0 => format!("{} M", significant(value / 1e6)),
        value if value >= 9_995.0 => format!("{} k", significant(value / 1e3)),
        value => significant(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(median: f64) -> Spread {
        Spread { median, least: median / 2.0, most: median * 2.0, runs: 3 }
    }

    fn group(label: &str) -> Group {
        Group {
            label: label.to_owned(),
            bars: vec![
                Some((spread(0.1), "0.1".to_owned())),
                None,
                Some((spread(9.0), "9".to_owned())),
            ],
            target: Some(0.2),
            bound: Some(0.03),
        }
    }

    #[test]
    fn a_bar_is_drawn_for_each_value_and_none_for_what_is_missing() {
        let series = ["a", "b", "c"].map(str::to_owned);
        let svg = bars("title", "note", &series, &[group("x"), group("y")]).expect("a chart");
        // Two bars for each of two groups, and three in the legend.
        assert_eq!(svg.matches("rx=\"2\"").count(), 4 + 3);
        assert_eq!(svg.matches("class=\"target\"").count(), 2 + 1);
        assert!(svg.contains("bare relay") && svg.contains("note"));
        assert!(bars("title", "", &series, &[]).is_none());
    }

    #[test]
    fn a_long_label_moves_the_bars_to_the_right() {
        let start = |label: &str| {
            let svg = bars("t", "", &["a".to_owned()], &[group(label)]).expect("a chart");
            let bar = svg.split("<rect x=\"").nth(3).expect("a bar").to_owned();
            bar.split('"').next().and_then(|x| x.parse::<f64>().ok()).expect("a number")
        };
        assert!(start("a label that is much longer than the others") > start("short"));
    }

    #[test]
    fn dots_and_curves_have_their_lines() {
        let series = ["a".to_owned()];
        let lines = vec![Some(vec![0.1, 0.2, 0.9])];
        let groups = [Dots { label: "x".to_owned(), lines, target: None }];
        let svg = dots("t", "ms", &series, &groups).expect("a chart");
        assert_eq!((svg.matches("<circle").count(), svg.matches("<polyline").count()), (3, 1));
        let points = vec![(1.0, spread(4_000.0)), (1_000.0, spread(1.4e6))];
        let svg = curves("t", ("window", "per s"), &series, &[Curve { points }]).expect("a chart");
        assert!(svg.contains("1.4 M") && svg.contains("4000"), "{svg}");
    }

    #[test]
    fn large_numbers_are_short() {
        let shown = [0.18, 4_000.0, 12_340.0, 1_420_000.0, 1e8].map(short);
        assert_eq!(shown, ["0.18", "4000", "12.3 k", "1.42 M", "100 M"]);
    }
}
