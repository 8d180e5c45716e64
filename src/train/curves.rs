//! The numbers reported so far, as `write_curves` draws them.
//!
//! A curve has a point for each epoch: the mean of what was reported in it. Epochs are counted on
//! through the phases of the run. What is reported outside of an epoch is a point of its own, and
//! where there are no epochs at all the points are counted.

use crate::data::plot::{self, Curve, Mark};
use crate::runtime::trace::Moment;
use std::sync::Arc;

/// The numbers reported, by name.
#[derive(Clone, Debug, Default)]
pub struct Curves {
    /// Whether they are kept.
    pub kept: bool,
    /// Epochs begun.
    pub(super) epochs: u64,
    /// Phase and number of the last of them.
    pub(super) last: Option<(Option<Arc<str>>, usize)>,
    /// Phases with the epochs begun before.
    pub(super) phases: Vec<(u64, Arc<str>)>,
    pub(super) series: Vec<Series>,
}

/// The numbers of one name.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub name: String,
    pub points: Vec<Point>,
}

/// Numbers that are one point.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// Epochs begun before its own.
    pub epoch: u64,
    /// Whether it is of an epoch.
    pub within: bool,
    pub sum: f64,
    pub count: u64,
}

impl Curves {
    /// A number was reported.
    pub fn add(&mut self, moment: &Moment, name: &str, value: f64) {
        if !self.kept {
            return;
        }
        let within = moment.epoch.is_some();
        if let Some(epoch) = moment.epoch {
            let here = Some((moment.phase.clone(), epoch));
            if self.last != here {
                let before = self.last.as_ref().and_then(|(phase, _)| phase.as_ref());
                if let Some(phase) = moment.phase.as_ref().filter(|phase| before != Some(phase)) {
                    self.phases.push((self.epochs, Arc::clone(phase)));
                }
                self.last = here;
                self.epochs += 1;
            }
        }
        let epoch = if within { self.epochs - 1 } else { self.epochs };
        let at = self.series.iter().position(|s| s.name == name).unwrap_or_else(|| {
            self.series.push(Series { name: name.to_owned(), points: Vec::new() });
            self.series.len() - 1
        });
        let points = &mut self.series[at].points;
        match points.last_mut().filter(|last| within && last.within && last.epoch == epoch) {
            Some(last) => {
                last.sum += value;
                last.count += 1;
            }
            None => points.push(Point { epoch, within, sum: value, count: 1 }),
        }
    }

    /// The curves of some names as a drawing; nothing was reported under some, perhaps.
    pub fn drawn(&self, names: &[&str]) -> String {
        let curve = |name: &&str| {
            let series = self.series.iter().find(|s| s.name == **name);
            let point = |(at, p): (usize, &Point)| {
                let x = if self.epochs == 0 { at as f64 } else { p.epoch as f64 };
                (x, p.sum / p.count as f64)
            };
            let points = series.map(|s| s.points.iter().enumerate().map(point).collect());
            Curve { name: (*name).to_owned(), points: points.unwrap_or_default() }
        };
        let curves: Vec<Curve> = names.iter().map(curve).collect();
        let mark = |(epoch, phase): &(u64, Arc<str>)| Mark { at: *epoch as f64, name: phase.to_string() };
        let marks: Vec<Mark> = self.phases.iter().map(mark).collect();
        plot::svg(&curves, &marks, if self.epochs == 0 { "report" } else { "epoch" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(phase: Option<&str>, epoch: Option<usize>) -> Moment {
        Moment { phase: phase.map(Arc::from), epoch, iteration: 0 }
    }

    fn points(curves: &Curves, name: &str) -> Vec<(u64, f64)> {
        let series = curves.series.iter().find(|s| s.name == name).expect("it was reported");
        series.points.iter().map(|p| (p.epoch, p.sum / p.count as f64)).collect()
    }

    #[test]
    fn epochs_are_counted_through_phases_and_averaged() {
        let mut curves = Curves { kept: true, ..Curves::default() };
        for (phase, epochs) in [("one", 2), ("two", 1)] {
            for epoch in 0..epochs {
                for minibatch in 0..4 {
                    curves.add(&at(Some(phase), Some(epoch)), "cost", (epoch * 10 + minibatch) as f64);
                }
                curves.add(&at(Some("inner"), None), "rate", 0.5);
                curves.add(&at(Some(phase), Some(epoch)), "valid", 1.0);
            }
        }
        assert_eq!(points(&curves, "cost"), [(0, 1.5), (1, 11.5), (2, 1.5)]);
        assert_eq!(points(&curves, "valid"), [(0, 1.0), (1, 1.0), (2, 1.0)]);
        assert_eq!(points(&curves, "rate"), [(1, 0.5), (2, 0.5), (3, 0.5)]);
        let phases: Vec<(u64, &str)> = curves.phases.iter().map(|(at, name)| (*at, &**name)).collect();
        assert_eq!(phases, [(0, "one"), (2, "two")]);
    }

    #[test]
    fn without_epochs_reports_are_counted() {
        let mut curves = Curves { kept: true, ..Curves::default() };
        (0..3).for_each(|i| curves.add(&at(None, None), "a", f64::from(i)));
        let drawn = curves.drawn(&["a", "never"]);
        assert!(drawn.contains(">report<") && drawn.contains("nothing was reported"), "{drawn}");
    }
}
