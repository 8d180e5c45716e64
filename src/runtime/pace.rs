//! Whether a team is worth its threads: where another program takes one's core, the others wait for it at every
//! barrier, and one thread alone may be faster. Which bits come out does not depend on it.

/// The team has lost a queue when it takes more than this share of one thread's time, ...
const LOSES: f64 = 0.95;
/// ... and is left when it has lost so many in a row: one is late now and then.
const LOSSES: u32 = 3;
/// One thread works for a queue, then for two, four and more until the team wins again, but never for more.
const PATIENCE: u32 = 32;

/// How long a call of one step takes, as measured last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Queues so far. The first meets cold memory, and says nothing.
    queues: u32,
    alone: Option<f64>,
    together: Option<f64>,
    /// How many queues in a row the team has lost.
    losses: u32,
    /// Queues that one thread has yet to do.
    left: u32,
    /// How many it was given last.
    given: u32,
}

impl Pace {
    /// Whether the next queue is one thread's.
    pub fn alone(&self) -> bool {
        // One queue says what one thread takes.
        self.left > 0 || (self.together.is_some() && self.alone.is_none())
    }

    /// What a queue took, in seconds a call.
    pub fn took(&mut self, alone: bool, time: f64) {
        self.queues = self.queues.saturating_add(1);
        if self.queues == 1 {
            return;
        }
        if alone {
            self.alone = Some(time);
            self.left = self.left.saturating_sub(1);
            return;
        }
        self.together = Some(time);
        if self.alone.is_none_or(|one| time < LOSES * one) {
            (self.losses, self.given) = (0, 0);
            return;
        }
        self.losses += 1;
        if self.losses >= LOSSES {
            self.given = (2 * self.given).clamp(1, PATIENCE);
            self.left = self.given;
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
        // A cold start and a queue that is late now and then are no reason.
        let course = course(|at| if at == 0 || at % 10 == 7 { 3.0 } else { 0.6 }, 100);
        assert_eq!(course.iter().filter(|alone| **alone).count(), 1);
        assert!(!course[0] && !course[1] && course[2] && !course[3]);
    }

    #[test]
    fn a_team_that_loses_is_left_and_tried_now_and_then() {
        let course = course(|_| 1.4, 100);
        let together = course.iter().filter(|alone| !**alone).count();
        assert!((5..=15).contains(&together), "{course:?}");
    }

    #[test]
    fn a_team_that_recovers_is_taken_again() {
        let course = course(|at| if at < 20 { 1.5 } else { 0.55 }, 100);
        assert!(course[12] && course[60..].iter().all(|alone| !*alone), "{course:?}");
    }
}
