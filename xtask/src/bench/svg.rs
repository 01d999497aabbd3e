//! The picture: a bar for each ratio to the bare reflector, its range, and what must and what is hoped to be reached.

use std::fmt::Write as _;

use super::figure::{Figure, Goal, KEYS, Key};
use super::report::Report;

/// Where the bars begin, and how long one of 1 is.
const LEFT: f64 = 250.0;
const UNIT: f64 = 480.0;
/// Height of a line with a bar, and where the first begins.
const LINE: f64 = 34.0;
const TOP: f64 = 64.0;
const WIDTH: f64 = LEFT + UNIT + 90.0;

/// Strokes: of a range and of what must be reached, and of what is hoped for.
const BROAD: &str = " stroke-width=\"2\"";
const DASHED: &str = " stroke-width=\"2\" stroke-dasharray=\"4 2\"";
/// Colours of the two.
const MUST: &str = "#c33";
const AIM: &str = "#383";

/// Draws it.
pub fn draw(report: &Report) -> String {
    let bars: Vec<_> = KEYS
        .iter()
        .filter(|key| key.bar)
        .filter_map(|key| Some((key, report.figures.get(key.name)?)))
        .collect();
    let bottom = TOP + LINE * bars.len() as f64;
    let height = bottom + 56.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\">llamar's kernel path, compared with a bare XDP reflector</text>\n"
    );
    text(
        &mut svg,
        16.0,
        46.0,
        "start",
        "answers a second / frames a second, medians and ranges of one interleaved run",
    );
    scale(&mut svg, bottom);
    for (place, (key, figure)) in bars.into_iter().enumerate() {
        bar(&mut svg, TOP + LINE * place as f64, key, figure);
    }
    legend(&mut svg, bottom + 44.0);
    svg + "</svg>\n"
}

/// Where a ratio is.
fn across(ratio: f64) -> f64 {
    LEFT + UNIT * ratio.clamp(0.0, 1.1)
}

/// Upright lines from the first bar to the last, and their numbers below.
fn scale(svg: &mut String, bottom: f64) {
    for tenth in (0..=10).step_by(2) {
        let x = across(f64::from(tenth) / 10.0);
        line(svg, (x, TOP, x, bottom), "#ddd", "");
        let number = format!("{}.{}", tenth / 10, tenth % 10);
        text(svg, x, bottom + 18.0, "middle", &number);
    }
}

/// A ratio with its range and its goals.
fn bar(svg: &mut String, y: f64, key: &Key, figure: &Figure) {
    text(svg, LEFT - 10.0, y + 22.0, "end", key.what);
    let _ = writeln!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"18\" fill=\"#4a7fb5\"/>",
        y + 8.0,
        across(figure.median) - LEFT
    );
    let (low, high) = (across(figure.low), across(figure.high));
    line(svg, (low, y + 17.0, high, y + 17.0), "#123", BROAD);
    let mut end = figure.high;
    if let Goal::AtLeast(must, aim) = key.goal {
        end = end.max(aim);
        mark(svg, across(must), (y + 4.0, y + 30.0), MUST, BROAD);
        mark(svg, across(aim), (y + 4.0, y + 30.0), AIM, DASHED);
    }
    let ratio = key.text(figure.median);
    text(svg, across(end) + 8.0, y + 22.0, "start", &ratio);
}

/// What the marks of goals mean.
fn legend(svg: &mut String, y: f64) {
    let height = (y - 10.0, y + 4.0);
    mark(svg, LEFT, height, MUST, BROAD);
    text(svg, LEFT + 8.0, y, "start", "must");
    mark(svg, LEFT + 70.0, height, AIM, DASHED);
    text(svg, LEFT + 78.0, y, "start", "aim");
}

fn mark(svg: &mut String, x: f64, (top, bottom): (f64, f64), colour: &str, stroke: &str) {
    line(svg, (x, top, x, bottom), colour, stroke);
}

fn line(svg: &mut String, (x1, y1, x2, y2): (f64, f64, f64, f64), colour: &str, more: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"{more}/>"
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ratio_has_its_bar_and_each_goal_its_mark() {
        let mut report = Report::default();
        for key in KEYS {
            report.figure(key.name, &[0.5, 0.6, 0.7]);
        }
        let svg = draw(&report);
        let bars = KEYS.iter().filter(|key| key.bar).count();
        assert_eq!(svg.matches("#4a7fb5").count(), bars);
        assert_eq!(svg.matches("#c33").count(), bars + 1);
        assert_eq!(svg.matches(">0.600<").count(), bars);
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }
}
