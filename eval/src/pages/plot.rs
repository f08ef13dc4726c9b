//! Scatter plots as inline SVG: quality against a cost, the efficient systems
//! joined and named.

use std::fmt::Write;

use super::facts::{self, Point};
use super::html::escape;
use super::{decimals, quantity};
use crate::experiment::ExperimentReport;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 340.0;
/// Left, right, top, bottom.
const MARGIN: (f64, f64, f64, f64) = (56.0, 24.0, 20.0, 44.0);

/// Room that a system's name takes.
const NAME_WIDTH: f64 = 240.0;
const NAME_HEIGHT: f64 = 14.0;

/// Draws points; nothing for fewer than two.
///
/// The horizontal axis is logarithmic when costs differ by more than five.
pub(super) fn scatter(
    report: &ExperimentReport,
    points: &[Point<'_>],
    (cost, quality): (&str, &str),
) -> String {
    if points.len() < 2 {
        return String::new();
    }
    let costs = || points.iter().map(|point| point.cost.max(1e-9));
    let (low, high) = (costs().fold(f64::MAX, f64::min), costs().fold(f64::MIN, f64::max));
    let scale = Axis { low, high, logarithmic: high / low > 5.0 };
    let qualities = || points.iter().map(|point| point.quality);
    let (worst, best) =
        (qualities().fold(f64::MAX, f64::min), qualities().fold(f64::MIN, f64::max));
    let pad = ((best - worst) * 0.08).max(0.005);
    let vertical = Axis { low: worst - pad, high: best + pad, logarithmic: false };
    let x = |value: f64| MARGIN.0 + scale.share(value) * (WIDTH - MARGIN.0 - MARGIN.1);
    let y = |value: f64| HEIGHT - MARGIN.3 - vertical.share(value) * (HEIGHT - MARGIN.2 - MARGIN.3);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} against {}\">",
        escape(quality),
        escape(cost)
    );
    let mut draw = |text: String| {
        // Writing to a String cannot fail.
        let _ = svg.write_str(&text);
    };
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let value = vertical.low + share * (vertical.high - vertical.low);
        let (at, right) = (y(value), WIDTH - MARGIN.1);
        draw(format!(
            "<line class=\"rule\" x1=\"{}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            MARGIN.0,
            MARGIN.0 - 6.0,
            at + 4.0,
            decimals(value).get(..4).unwrap_or_default()
        ));
        let value = scale.at(share);
        draw(format!(
            "<text class=\"tick\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(value),
            HEIGHT - MARGIN.3 + 16.0,
            quantity(value)
        ));
    }
    draw(format!(
        "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        WIDTH / 2.0,
        HEIGHT - 6.0,
        escape(cost)
    ));
    let front: Vec<&Point<'_>> = points.iter().filter(|point| point.efficient).collect();
    let line: Vec<String> =
        front.iter().map(|point| format!("{:.1},{:.1}", x(point.cost), y(point.quality))).collect();
    draw(format!("<polyline class=\"front\" points=\"{}\"/>", line.join(" ")));
    for point in points {
        let leg = point.system.system.strategy.split(' ').next().unwrap_or_default();
        draw(format!(
            "<circle class=\"dot {leg}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{}\"><title>{}: {} at {}</title></circle>",
            x(point.cost),
            y(point.quality),
            if point.efficient { 5.5 } else { 4.0 },
            escape(&facts::label(report, &point.system.system)),
            decimals(point.quality),
            quantity(point.cost)
        ));
    }
    // Names of efficient systems, best first; one that would lie on another is
    // left to the dot's title.
    let mut named: Vec<(f64, f64)> = Vec::new();
    for point in front.iter().rev() {
        let (left, at) = (x(point.cost), y(point.quality).max(MARGIN.2));
        if named.iter().any(|&(x, y)| (x - left).abs() < NAME_WIDTH && (y - at).abs() < NAME_HEIGHT)
        {
            continue;
        }
        named.push((left, at));
        let (anchor, shift) = if left > WIDTH * 0.6 { ("end", -9.0) } else { ("start", 9.0) };
        draw(format!(
            "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            left + shift,
            at - 6.0,
            escape(&facts::label(report, &point.system.system))
        ));
    }
    svg.push_str("</svg>");
    svg
}

struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Axis {
    /// Where `value` lies, from 0 to 1; in the middle of an axis without length.
    fn share(&self, value: f64) -> f64 {
        let place = |value: f64| if self.logarithmic { value.max(1e-9).ln() } else { value };
        let length = place(self.high) - place(self.low);
        if length <= 0.0 { 0.5 } else { (place(value) - place(self.low)) / length }
    }

    /// The value at a share of the axis.
    fn at(&self, share: f64) -> f64 {
        if self.logarithmic {
            (self.low.ln() + share * (self.high.ln() - self.low.ln())).exp()
        } else {
            self.low + share * (self.high - self.low)
        }
    }
}
