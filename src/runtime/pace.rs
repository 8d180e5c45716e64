//! Whether a team is worth its threads: where another program takes one's core, the others wait for it at every
//! barrier, and one thread alone may be faster. Which bits come out does not depend on it.

/// The team is left when it takes more than this share of one thread's time, ...
const LOSES: f64 = 0.95;
/// ... and taken again when it takes less than this, ...
const WINS: f64 = 0.85;
/// ... which is tried again after so many queues.
const PATIENCE: u32 = 16;

/// How long a call of one step takes, as measured last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    alone: Option<f64>,
    together: Option<f64>,
    /// How many queues one thread has done since the team was left; none while it is at work.
    left: Option<u32>,
}

impl Pace {
    /// Whether the next queue is one thread's.
    pub fn alone(&self) -> bool {
        match self.left {
            Some(queues) => queues % PATIENCE != PATIENCE - 1,
            // One queue says what one thread takes.
            None => self.together.is_some() && self.alone.is_none(),
        }
    }

    /// What a queue took, in seconds a call.
    pub fn took(&mut self, alone: bool, time: f64) {
        if alone {
            self.alone = Some(time)
        } else {
            self.together = Some(time)
        }
        self.left = self.left.map(|queues| queues.wrapping_add(1));
        let (Some(one), Some(team)) = (self.alone, self.together) else { return };
        match self.left {
            None if team > LOSES * one => self.left = Some(0),
            Some(_) if !alone && team < WINS * one => self.left = None,
            None | Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each queue is done by, where the team takes so long in turn and one thread always 1.
    fn course(team: impl Fn(usize) -> f64, queues: usize) -> Vec<bool> {
        let mut pace = Pace::default();
        let queue = |at| {
            let alone = pace.alone();
            pace.took(alone, if alone { 1.0 } else { team(at) });
            alone
        };
        (0..queues).map(queue).collect()
    }

    #[test]
    fn a_team_that_wins_works() {
        let course = course(|_| 0.6, 100);
        assert_eq!(course.iter().filter(|alone| **alone).count(), 1);
        assert!(!course[0] && course[1] && !course[2]);
    }

    #[test]
    fn a_team_that_loses_is_left_and_tried_now_and_then() {
        let course = course(|_| 1.4, 100);
        let together = course.iter().filter(|alone| !**alone).count();
        assert!((2..=8).contains(&together), "{course:?}");
    }

    #[test]
    fn a_team_that_recovers_is_taken_again() {
        let course = course(|at| if at < 20 { 1.5 } else { 0.55 }, 100);
        assert!(course[10] && course[50..].iter().all(|alone| !*alone), "{course:?}");
    }
}
