//! The machine's limits: fused multiply-adds a second, and bytes a second at a size of memory.
#![allow(unsafe_code)]

use crate::models::{EXAMPLES, PIXELS, Work};
use dlc::cpu::Isa;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// How long one measurement goes on, and how many there are: the best of them is the limit.
const WINDOW: Duration = Duration::from_millis(25);
const TRIES: usize = 10;

/// Bytes of the training split, which is larger than caches.
const DATA: usize = EXAMPLES * PIXELS * 4;

/// What is done with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pass {
    /// Every number is read.
    Read,
    /// Every number is read, changed and written.
    Update,
}

/// Limits of the machine with one instruction set and number of threads. Each is measured when first needed; the peak
/// again for each model, because a shared machine has bad moments, and the best stands.
pub struct Limits {
    isa: Isa,
    threads: usize,
    peak: f64,
    bandwidths: BTreeMap<(Pass, usize), f64>,
}

impl Limits {
    /// Measures the peak.
    pub fn new(isa: Isa, threads: usize) -> Limits {
        // Where there are no vector instructions to call by name, the machine's best are the limit.
        let isa = if isa == Isa::Portable { Isa::best() } else { isa };
        let mut limits = Limits { isa, threads, peak: 0.0, bandwidths: BTreeMap::new() };
        limits.measure_peak();
        limits
    }

    fn measure_peak(&mut self) {
        let isa = self.isa;
        self.peak = self.peak.max(best(self.threads, &|_| Box::new(move || fma(isa))));
    }

    /// Microseconds that a minibatch takes at least.
    pub fn roofline(&mut self, work: &Work) -> f64 {
        self.measure_peak();
        let bytes = |numbers: usize| 4.0 * numbers as f64;
        let weights = 4 * work.weights;
        let moved = bytes(work.data) / self.bandwidth(Pass::Read, DATA)
            + bytes(work.reads) / self.bandwidth(Pass::Read, weights)
            + bytes(work.updates) / self.bandwidth(Pass::Update, weights);
        moved.max(work.flops as f64 / self.peak) * 1e6
    }

    /// One line about them.
    pub fn describe(&mut self, work: &Work) -> String {
        let weights = 4 * work.weights;
        let memory = self.bandwidth(Pass::Read, DATA);
        let (read, updated) = (self.bandwidth(Pass::Read, weights), self.bandwidth(Pass::Update, weights));
        let [peak, memory, read, updated] = [self.peak, memory, read, updated].map(|rate| rate / 1e9);
        let (isa, threads, size) = (self.isa.name(), self.threads, weights as f64 / 1e6);
        format!(
            "{isa}, threads {threads}: {peak:.0} GFLOP/s; {memory:.1} GB/s read from memory; of {size:.2} MB \
             {read:.0} GB/s read, {updated:.0} updated"
        )
    }

    /// Bytes a second, each counted once, of an array of so many bytes that the threads share.
    fn bandwidth(&mut self, pass: Pass, bytes: usize) -> f64 {
        let (isa, threads) = (self.isa, self.threads);
        *self.bandwidths.entry((pass, bytes)).or_insert_with(|| {
            best(threads, &|_| {
                let mut part = vec![1.0_f32; bytes / 4 / threads];
                Box::new(move || {
                    match pass {
                        Pass::Read => read(isa, black_box(&part)),
                        Pass::Update => update(isa, black_box(&mut part)),
                    }
                    part.len() as f64 * 4.0
                })
            })
        })
    }
}

/// What a thread does again and again; it gives how much that was.
type Turn = Box<dyn FnMut() -> f64>;

/// The most a second that all threads do together, of some tries.
fn best(threads: usize, turn: &(dyn Fn(usize) -> Turn + Sync)) -> f64 {
    let (start, end) = (Barrier::new(threads), Barrier::new(threads));
    let one = |at: usize| -> Vec<f64> {
        let mut turn = turn(at);
        turn();
        let rates = (0..TRIES).map(|_| {
            start.wait();
            let began = Instant::now();
            let mut done = 0.0;
            while began.elapsed() < WINDOW {
                done += turn();
            }
            let rate = done / began.elapsed().as_secs_f64();
            end.wait();
            rate
        });
        rates.collect()
    };
    let all: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|at| scope.spawn(move || one(at))).collect();
        let mut all = vec![one(0)];
        all.extend(others.into_iter().map(|other| other.join().expect("a thread measures")));
        all
    });
    (0..TRIES).map(|at| all.iter().map(|rates| rates[at]).sum()).fold(0.0, f64::max)
}

/// Turns of the loop over accumulators.
const TURNS: usize = 20_000;

/// Operations of some fused multiply-adds that do not wait for each other.
fn fma(isa: Isa) -> f64 {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has the instruction set.
        Isa::Avx512 => unsafe { x86::fma_512() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has the instruction set.
        Isa::Avx2 => unsafe { x86::fma_256() },
        _ => {
            let mut sums = black_box([[1.0_f32; 4]; 16]);
            for _ in 0..TURNS {
                sums.iter_mut().flatten().for_each(|sum| *sum = sum.mul_add(0.999, 0.001));
            }
            black_box(sums);
            (2 * TURNS * 64) as f64
        }
    }
}

/// Reads numbers.
fn read(isa: Isa, part: &[f32]) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has the instruction set.
        Isa::Avx512 => unsafe { x86::read_512(part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has the instruction set.
        Isa::Avx2 => unsafe { x86::read_256(part) },
        _ => {
            let mut sums = [0.0_f32; 32];
            for line in part.as_chunks::<32>().0 {
                sums.iter_mut().zip(line).for_each(|(sum, x)| *sum += x);
            }
            black_box(sums);
        }
    }
}

/// Changes numbers.
fn update(isa: Isa, part: &mut [f32]) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has the instruction set.
        Isa::Avx512 => unsafe { x86::update_512(part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has the instruction set.
        Isa::Avx2 => unsafe { x86::update_256(part) },
        _ => part.iter_mut().for_each(|x| *x = *x * 0.5 + 0.5),
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::TURNS;
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// The three loops for one width: accumulators, numbers to a vector, and the instructions.
    macro_rules! loops {
        ($features:literal, $count:literal, $lanes:literal, $set:ident, $fma:ident, $add:ident, $load:ident,
         $store:ident, $fma_loop:ident, $read:ident, $update:ident) => {
            #[target_feature(enable = $features)]
            pub fn $fma_loop() -> f64 {
                let (a, b) = (black_box($set(0.999)), black_box($set(0.001)));
                let mut sums = [$set(1.0); $count];
                for _ in 0..TURNS {
                    for sum in &mut sums {
                        *sum = $fma(*sum, a, b);
                    }
                }
                black_box(sums);
                (2 * TURNS * $count * $lanes) as f64
            }

            #[target_feature(enable = $features)]
            pub fn $read(part: &[f32]) {
                let mut sums = [$set(0.0); 8];
                for line in part.as_chunks::<{ 8 * $lanes }>().0 {
                    for (at, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: inside the line.
                        *sum = $add(*sum, unsafe { $load(line.as_ptr().add(at * $lanes)) });
                    }
                }
                black_box(sums);
            }

            #[target_feature(enable = $features)]
            pub fn $update(part: &mut [f32]) {
                let half = black_box($set(0.5));
                for line in part.as_chunks_mut::<{ 8 * $lanes }>().0 {
                    for at in 0..8 {
                        // SAFETY: inside the line.
                        unsafe {
                            let place = line.as_mut_ptr().add(at * $lanes);
                            $store(place, $fma($load(place), half, half));
                        }
                    }
                }
            }
        };
    }

    loops!(
        "avx2,fma",
        12,
        8,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        fma_256,
        read_256,
        update_256
    );
    loops!(
        "avx512f",
        24,
        16,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        fma_512,
        read_512,
        update_512
    );
}
