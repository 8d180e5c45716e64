//! The memory of a run as `--timings` shows it: what was planned, and what the system says was held.

use super::output::table;
use crate::runtime::memory::{Planned, forget_peak, peak};

/// While data are read and laid out, at most so many times their bytes are held, in tenths.
const READING: usize = 15;

/// What was planned, and the most that was held in each part of the run, if the system says it.
#[derive(Debug)]
pub struct Memory {
    planned: Planned,
    reading: Option<usize>,
    training: Option<usize>,
    /// Whether the second part was counted by itself.
    apart: bool,
}

impl Memory {
    /// The data are laid out, the schedule begins.
    pub fn begun(planned: Planned) -> Memory {
        let reading = peak();
        Memory { planned, reading, training: None, apart: forget_peak() }
    }

    /// The schedule has ended.
    pub fn ended(&mut self) {
        self.training = if self.apart { peak() } else { None };
    }

    /// A table for people.
    pub fn text(&self) -> String {
        let row = |stage: &str, planned: usize, held: Option<usize>| {
            let ratio = held.filter(|_| planned > 0).map(|held| held as f64 / planned as f64);
            vec![
                stage.to_owned(),
                megabytes(planned),
                held.map_or("unknown".to_owned(), megabytes),
                ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
            ]
        };
        let head = ["memory", "planned", "held at most", "ratio"].map(str::to_owned).to_vec();
        // Beside little data there is still the program.
        let Planned { data, places, program, .. } = &self.planned;
        let most = (data * READING / 10).max(data + places + program);
        let reading = row("until training", most, self.reading);
        let training = row("training", self.planned.total(), self.training);
        let parts = self.planned.parts().into_iter().filter(|(_, bytes)| *bytes > 0);
        let parts = parts.map(|(name, bytes)| vec![format!("  {name}"), megabytes(bytes)]);
        let rows: Vec<Vec<String>> = [head, reading, training].into_iter().chain(parts).collect();
        table(&rows, &[1, 2, 3])
    }
}

/// `219.8 MB`.
pub fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
