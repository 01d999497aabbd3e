//! The picture: a bar for each ratio to the bare reflector, its range, and what must and what is hoped to be reached.

use std::fmt::Write as _;

use super::figure::{Goal, KEYS};
use super::report::Report;

/// Where the bars begin, and how long one of 1 is.
const LEFT: f64 = 250.0;
const UNIT: f64 = 480.0;
/// Height of a line with a bar, and where the first begins.
const LINE: f64 = 34.0;
const TOP: f64 = 64.0;
const WIDTH: f64 = LEFT + UNIT + 90.0;

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
    for tenth in (0..=10).step_by(2) {
        let x = LEFT + UNIT * f64::from(tenth) / 10.0;
        line(&mut svg, (x, TOP, x, bottom), "#ddd", "");
        text(
            &mut svg,
            x,
            bottom + 18.0,
            "middle",
            &format!("{}.{}", tenth / 10, tenth % 10),
        );
    }
    for (place, (key, figure)) in bars.iter().enumerate() {
        let y = TOP + LINE * place as f64;
        let x = |value: f64| LEFT + UNIT * value.clamp(0.0, 1.1);
        text(&mut svg, LEFT - 10.0, y + 22.0, "end", key.what);
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"18\" fill=\"#4a7fb5\"/>",
            y + 8.0,
            x(figure.median) - LEFT
        );
        line(
            &mut svg,
            (x(figure.low), y + 17.0, x(figure.high), y + 17.0),
            "#123",
            " stroke-width=\"2\"",
        );
        let mut end = figure.high;
        if let Goal::AtLeast(must, aim) = key.goal {
            end = end.max(aim);
            line(
                &mut svg,
                (x(must), y + 4.0, x(must), y + 30.0),
                "#c33",
                " stroke-width=\"2\"",
            );
            line(
                &mut svg,
                (x(aim), y + 4.0, x(aim), y + 30.0),
                "#383",
                " stroke-width=\"2\" stroke-dasharray=\"4 2\"",
            );
        }
        text(
            &mut svg,
            x(end) + 8.0,
            y + 22.0,
            "start",
            &key.text(figure.median),
        );
    }
    let y = bottom + 44.0;
    line(
        &mut svg,
        (LEFT, y - 10.0, LEFT, y + 4.0),
        "#c33",
        " stroke-width=\"2\"",
    );
    text(&mut svg, LEFT + 8.0, y, "start", "must");
    line(
        &mut svg,
        (LEFT + 70.0, y - 10.0, LEFT + 70.0, y + 4.0),
        "#383",
        " stroke-width=\"2\" stroke-dasharray=\"4 2\"",
    );
    text(&mut svg, LEFT + 78.0, y, "start", "aim");
    svg + "</svg>\n"
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
