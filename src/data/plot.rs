//! Curves as an SVG drawing: a panel for each, one under the other, over one axis.

use std::fmt::Write;

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// Its points, from left to right; one that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// A place on the axis that bears a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub at: f64,
    /// Its name.
    pub name: String,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 34.0;
const HEIGHT: f64 = 170.0;
const GAP: f64 = 44.0;
const BOTTOM: f64 = 46.0;
const COLOURS: [&str; 6] = ["#1f6fb4", "#c8501e", "#2c8c4a", "#8a4fa8", "#a8761a", "#4a4a4a"];

/// The drawing. `axis` is what is counted along it.
pub fn svg(curves: &[Curve], marks: &[Mark], axis: &str) -> String {
    let panels = curves.len().max(1) as f64;
    let height = TOP + panels * HEIGHT + (panels - 1.0) * GAP + BOTTOM;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let xs = Scale::of(curves.iter().flat_map(finite).map(|p| p.0), LEFT, WIDTH - RIGHT);
    for (at, curve) in curves.iter().enumerate() {
        let top = TOP + at as f64 * (HEIGHT + GAP);
        panel(&mut out, curve, marks, &xs, top, COLOURS[at % COLOURS.len()]);
    }
    text(&mut out, (LEFT + WIDTH - RIGHT) / 2.0, height - 10.0, "middle", "#333", axis);
    out.push_str("</svg>\n");
    out
}

fn panel(out: &mut String, curve: &Curve, marks: &[Mark], xs: &Scale, top: f64, colour: &str) {
    let bottom = top + HEIGHT;
    text(out, LEFT, top - 18.0, "start", colour, &curve.name);
    if finite(curve).next().is_none() {
        text(out, LEFT + 10.0, top + HEIGHT / 2.0, "start", "#999", "nothing was reported");
    } else {
        let ys = Scale::of(finite(curve).map(|p| p.1), bottom, top);
        for tick in ys.ticks() {
            let y = ys.place(tick);
            line(out, (LEFT, y), (WIDTH - RIGHT, y), "#e4e4e4");
            text(out, LEFT - 8.0, y + 4.0, "end", "#333", &ys.label(tick));
        }
        for mark in marks.iter().filter(|m| xs.holds(m.at)) {
            let x = xs.place(mark.at);
            line(out, (x, top), (x, bottom), "#bbb");
            text(out, x + 4.0, top - 4.0, "start", "#777", &mark.name);
        }
        stroke(out, curve, xs, &ys, colour);
    }
    for tick in xs.ticks().into_iter().filter(|tick| tick.fract() == 0.0) {
        let x = xs.place(tick);
        line(out, (x, bottom), (x, bottom + 4.0), "#333");
        text(out, x, bottom + 17.0, "middle", "#333", &xs.label(tick));
    }
    let frame =
        format!("<rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{HEIGHT}\"", WIDTH - RIGHT - LEFT);
    let _ = writeln!(out, "{frame} fill=\"none\" stroke=\"#333\"/>");
}

/// The curve itself: lines between neighbours, and a dot where a point stands alone.
fn stroke(out: &mut String, curve: &Curve, xs: &Scale, ys: &Scale, colour: &str) {
    for run in curve.points.split(|p| !p.1.is_finite()).filter(|run| !run.is_empty()) {
        let placed: Vec<(f64, f64)> = run.iter().map(|p| (xs.place(p.0), ys.place(p.1))).collect();
        if let [(x, y)] = placed.as_slice() {
            let _ = writeln!(out, "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"2.5\" fill=\"{colour}\"/>");
            continue;
        }
        let points: Vec<String> = placed.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
        let points = points.join(" ");
        let _ = writeln!(
            out,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
        );
    }
}

fn finite(curve: &Curve) -> impl Iterator<Item = (f64, f64)> + '_ {
    curve.points.iter().copied().filter(|p| p.1.is_finite())
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.2}\" y1=\"{y1:.2}\" x2=\"{x2:.2}\" y2=\"{y2:.2}\" stroke=\"{colour}\"/>"
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, colour: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.2}\" y=\"{y:.2}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>"
    );
}

/// From numbers to places on the drawing.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    /// Between two ticks.
    step: f64,
}

impl Scale {
    /// Of all these numbers, with room where they are all one.
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Scale {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        let room = if low == high { low.abs().max(1.0) * 0.1 } else { 0.0 };
        let (low, high) = (low - room, high + room);
        // The largest of 1, 2, 5, 10, … that gives at least four parts.
        let rough = (high - low) / 4.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [5.0, 2.0, 1.0].into_iter().map(|m| m * power).find(|s| *s <= rough).unwrap_or(power);
        Scale { low, high, from, to, step }
    }

    fn holds(&self, value: f64) -> bool {
        value >= self.low && value <= self.high
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step).ceil();
        let count = ((self.high / self.step).floor() - first) as usize;
        (0..=count.min(20)).map(|i| (first + i as f64) * self.step).collect()
    }

    /// With as many digits as tell two ticks apart.
    fn label(&self, tick: f64) -> String {
        if self.step >= 1e6 || self.step < 1e-5 {
            return format!("{tick:.1e}");
        }
        let digits = (-self.step.log10().floor()).max(0.0) as usize;
        let label = format!("{tick:.digits$}");
        if label.trim_start_matches(['-', '0', '.']).is_empty() { "0".to_owned() } else { label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_labelled_apart() {
        let scale = Scale::of([0.0712, 0.1297].into_iter(), 0.0, 1.0);
        let labels: Vec<String> = scale.ticks().into_iter().map(|t| scale.label(t)).collect();
        assert_eq!(labels, ["0.08", "0.09", "0.10", "0.11", "0.12"]);
        let scale = Scale::of([-3.0, 900.0].into_iter(), 0.0, 1.0);
        let labels: Vec<String> = scale.ticks().into_iter().map(|t| scale.label(t)).collect();
        assert_eq!(labels, ["0", "200", "400", "600", "800"]);
        assert!(Scale::of([2.0, 2.0].into_iter(), 0.0, 1.0).ticks().len() > 2);
        assert!(!Scale::of([].into_iter(), 0.0, 1.0).ticks().is_empty());
    }

    #[test]
    fn gaps_points_alone_and_odd_names() {
        let points = vec![(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 4.0)];
        let drawn = svg(&[Curve { name: "a < b & c".to_owned(), points }], &[], "epoch");
        assert_eq!(drawn.matches("<polyline").count(), 1);
        assert_eq!(drawn.matches("<circle").count(), 1);
        assert!(drawn.contains("a &lt; b &amp; c") && !drawn.contains("NaN"));
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    }
}
