//! The team of threads that runs compiled code, and the barrier between them.
//!
//! The team is entered once a queue. Between kernels its threads wait for each other by spinning, as
//! a sleep costs more than most kernels last; who has spun for a while yields, so that a thread whose
//! core is taken by someone else gets it back.

use std::sync::atomic::{AtomicU32, Ordering};

/// Turns of spinning before a thread yields.
const SPINS: u32 = 4000;

/// Threads that run one function together. The first is the caller.
pub struct Team {
    threads: usize,
    pool: Option<rayon::ThreadPool>,
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Team of {}", self.threads)
    }
}

impl Team {
    /// A team of `threads`, or of one where the system gives no threads.
    pub fn new(threads: usize) -> Team {
        if threads <= 1 {
            return Team { threads: 1, pool: None };
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads - 1).build().ok();
        Team { threads: if pool.is_some() { threads } else { 1 }, pool }
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `work` on the first so many threads with the thread's number, and comes back when all have.
    pub fn run(&self, threads: usize, work: &(dyn Fn(usize) + Sync)) {
        match self.pool.as_ref().filter(|_| threads > 1) {
            None => work(0),
            Some(pool) => pool.in_place_scope(|scope| {
                scope.spawn_broadcast(move |_, at| {
                    if at.index() + 1 < threads {
                        work(at.index() + 1);
                    }
                });
                work(0);
            }),
        }
    }
}

/// A word on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Alone(AtomicU32);

/// Where all threads of a team wait for all, and where a fault is made known: it is seen by all at
/// the same crossing, so that they leave together.
#[derive(Debug)]
pub struct Barrier {
    threads: u32,
    arrived: Alone,
    crossings: Alone,
    /// Written by the last to arrive, before it lets the others go.
    verdict: AtomicU32,
    fault: Alone,
}

impl Barrier {
    /// A barrier for so many threads.
    pub fn new(threads: usize) -> Barrier {
        Barrier {
            threads: threads as u32,
            arrived: Alone::default(),
            crossings: Alone::default(),
            verdict: AtomicU32::new(0),
            fault: Alone::default(),
        }
    }

    /// For how many threads it is.
    pub fn threads(&self) -> usize {
        self.threads as usize
    }

    /// The word that compiled code makes non-zero on a fault.
    pub fn fault_word(&self) -> &AtomicU32 {
        &self.fault.0
    }

    /// Waits for all; whether a fault stood when the last arrived.
    pub fn wait(&self) -> bool {
        if self.threads == 1 {
            return self.fault.0.load(Ordering::Relaxed) != 0;
        }
        let crossing = self.crossings.0.load(Ordering::Relaxed);
        if self.arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.0.store(0, Ordering::Relaxed);
            self.verdict.store(self.fault.0.load(Ordering::Relaxed), Ordering::Relaxed);
            self.crossings.0.store(crossing.wrapping_add(1), Ordering::Release);
        } else {
            let mut spins = 0;
            while self.crossings.0.load(Ordering::Acquire) == crossing {
                spins += 1;
                if spins < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
            }
        }
        self.verdict.load(Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn every_thread_runs_and_none_passes_the_barrier_alone() {
        for threads in 1..=3 {
            let team = Team::new(threads);
            let barrier = Barrier::new(threads);
            let count = AtomicUsize::new(0);
            team.run(threads, &|_| {
                for turn in 1..=200 {
                    count.fetch_add(1, Ordering::Relaxed);
                    assert!(!barrier.wait());
                    assert_eq!(count.load(Ordering::Relaxed), turn * threads);
                    assert!(!barrier.wait());
                }
            });
        }
    }

    #[test]
    fn a_fault_is_seen_by_all_at_the_same_crossing() {
        let team = Team::new(3);
        for late in 0..50 {
            let barrier = Barrier::new(3);
            let left = [const { AtomicUsize::new(0) }; 3];
            team.run(3, &|thread| {
                for turn in 0.. {
                    if thread == 1 && turn == late {
                        barrier.fault_word().store(1, Ordering::Relaxed);
                    }
                    if barrier.wait() {
                        left[thread].store(turn, Ordering::Relaxed);
                        return;
                    }
                }
            });
            assert!(left.iter().all(|l| l.load(Ordering::Relaxed) == late));
        }
    }
}
