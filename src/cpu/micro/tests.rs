//! Every product on every available instruction set against the contract written as a loop over
//! indices, bit for bit: shapes with every tail, strides, tables of offsets, every way to start.

use super::{
    DECAYED, Dot, Known, Lanes, OLD, PARTIALS, PLUS, Products, SCALED, ZERO, products_f32, products_f64,
};
use crate::cpu::Isa;
use crate::kernel::zeros::{BLOCK, adds_nothing, left_out};
use proptest::prelude::*;

trait Real:
    Copy + PartialEq + std::fmt::Debug + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self>
{
    fn of(value: f64) -> Self;
    fn fma(self, b: Self, c: Self) -> Self;
    fn bits(self) -> u64;
    fn kernels(isa: Isa) -> Products<Self>;
}

macro_rules! real {
    ($t:ty, $products:ident) => {
        impl Real for $t {
            fn of(value: f64) -> $t {
                value as $t
            }
            fn fma(self, b: $t, c: $t) -> $t {
                self.mul_add(b, c)
            }
            /// All NaN are one: which of them comes out is left open.
            fn bits(self) -> u64 {
                if self.is_nan() { u64::MAX } else { self.to_bits().into() }
            }
            fn kernels(isa: Isa) -> Products<$t> {
                $products(isa)
            }
        }
    };
}

real!(f32, products_f32);
real!(f64, products_f64);

/// Numbers from a seed, some of them special.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 >> 33
    }

    fn real<T: Real>(&mut self) -> T {
        let ordinary = self.next() as f64 / f64::from(1u32 << 30) - 1.0;
        T::of(match self.next() % 200 {
            0 => 0.0,
            1 => -0.0,
            2 => f64::from(f32::MIN_POSITIVE) * ordinary,
            3 => 1e30 * ordinary,
            4 => -1e-30,
            5 if self.next().is_multiple_of(40) => f64::INFINITY,
            _ => ordinary,
        })
    }

    fn many<T: Real>(&mut self, count: usize) -> Vec<T> {
        (0..count).map(|_| self.real()).collect()
    }
}

/// A table of `count` offsets in any order, none below `apart` from another; or none.
fn table(numbers: &mut Numbers, count: usize, apart: usize, wanted: bool) -> Option<Vec<i32>> {
    let mut places: Vec<i32> = (0..count as i32).map(|t| t * apart as i32).collect();
    for i in (1..count).rev() {
        places.swap(i, numbers.next() as usize % (i + 1));
    }
    wanted.then_some(places)
}

fn pointer(table: &Option<Vec<i32>>) -> *const i32 {
    table.as_ref().map_or(std::ptr::null(), |t| t.as_ptr())
}

fn offset(table: &Option<Vec<i32>>, step: usize, t: usize) -> usize {
    table.as_ref().map_or(t * step, |table| table[t] as usize)
}

#[derive(Clone, Copy, Debug)]
struct Case {
    m: usize,
    n: usize,
    k: usize,
    /// Added to each stride.
    slack: usize,
    /// The first operand as columns of `k`, or rows.
    transposed: bool,
    a_table: bool,
    b_table: bool,
    start: i64,
    outer: usize,
    seed: u64,
}

/// What old values are multiplied by.
const SCALE: f64 = 0.7;

/// What is fetched ahead need not be there.
const ANYWHERE: i64 = 0x7000_1234_5678;

impl Case {
    /// What a sum goes on from.
    fn so_far<T: Real>(&self, c: T) -> T {
        if self.start == OLD { c } else { T::of(0.0) }
    }

    /// A sum with what it is added to at the end.
    fn ended<T: Real>(&self, c: T, sum: T) -> T {
        match self.start {
            PLUS => c + sum,
            SCALED => T::of(SCALE) * c + sum,
            DECAYED => (c + T::of(SCALE) * c) + sum,
            _ => sum,
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let extent = || prop_oneof![0..4usize, 1..20usize, 14..90usize, 60..140usize];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0..5i64);
    ((extent(), extent(), extent()), 0..3usize, flags, 0..4usize, any::<u64>()).prop_map(
        |((m, n, k), slack, (transposed, a_table, b_table, start), outer, seed)| Case {
            m,
            n,
            k,
            slack,
            transposed,
            a_table,
            b_table,
            start,
            outer,
            seed,
        },
    )
}

fn same<T: Real>(isa: Isa, case: Case, got: &[T], want: &[T]) {
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.bits(), want.bits(), "{isa:?} at {i}: {got:?}, not {want:?}, {case:?}");
    }
}

fn lanes<T: Real>(case: Case) {
    let Case { m, n, k, slack, .. } = case;
    let mut numbers = Numbers(case.seed);
    let (a_row, a_step) = if case.transposed { (1, m + slack) } else { (k + slack, 1) };
    let (b_step, c_row) = (n + slack, n + slack);
    let a_off = table(&mut numbers, k, a_step, case.a_table);
    let b_off = table(&mut numbers, k, b_step, case.b_table);
    let a: Vec<T> = numbers.many((m + slack) * (k + slack) + m * k);
    let b: Vec<T> = numbers.many(k * b_step + n);
    let before: Vec<T> = numbers.many(m * c_row + 40);
    let mut want = before.clone();
    for i in 0..m {
        for j in 0..n {
            let c = &mut want[20 + i * c_row + j];
            let mut sum = case.so_far(*c);
            for t in 0..k {
                let x = a[i * a_row + offset(&a_off, a_step, t)];
                sum = x.fma(b[offset(&b_off, b_step, t) + j], sum);
            }
            *c = case.ended(*c, sum);
        }
    }
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        let mut got = before.clone();
        let args = Lanes {
            a: a.as_ptr(),
            b: b.as_ptr(),
            c: got[20..].as_mut_ptr(),
            a_off: pointer(&a_off),
            b_off: pointer(&b_off),
            a_row: a_row as i64,
            a_step: a_step as i64,
            b_step: b_step as i64,
            c_row: c_row as i64,
            m: m as i64,
            n: n as i64,
            k: k as i64,
            start: case.start,
            known: std::ptr::null_mut(),
            ahead: ANYWHERE * (case.seed % 2) as i64,
            scale: T::of(SCALE),
        };
        // SAFETY: the vectors hold all that the strides and tables reach.
        unsafe { (T::kernels(isa).lanes)(&args) };
        same(isa, case, &got, &want);
    }
}

/// Numbers of which some blocks of 64 rows and terms have many zeros, others few.
fn sparse<T: Real>(case: Case) {
    let Case { m, n, k, slack, .. } = case;
    let mut numbers = Numbers(case.seed);
    let (a_row, a_step) = if case.transposed { (1, m + slack) } else { (k + slack, 1 + 2 * (slack / 2)) };
    let (b_step, c_row) = (n + slack, n + slack);
    let at = |i: usize, t: usize| i * a_row + t * a_step;
    let mut a: Vec<T> = numbers.many(at(m, k) + 1);
    let share = |i: usize, t: usize| [0, 30, 48, 52, 100][(case.seed as usize + i / 64 + 3 * (t / 64)) % 5];
    for (i, t) in (0..m).flat_map(|i| (0..k).map(move |t| (i, t))) {
        if numbers.next() % 100 >= share(i, t) {
            a[at(i, t)] = T::of(if numbers.next().is_multiple_of(2) { 0.0 } else { -0.0 });
        }
    }
    let b: Vec<T> = numbers.many(k * b_step + n);
    let before: Vec<T> = numbers.many(m * c_row + 40);
    let counts = |i: usize, t: usize| a[at(i, t)] != T::of(0.0);
    let is_left_out = |i: usize, t: usize| {
        let rows = i / BLOCK * BLOCK..m.min((i / BLOCK + 1) * BLOCK);
        let terms = t / BLOCK * BLOCK..k.min((t / BLOCK + 1) * BLOCK);
        let cells = rows.clone().flat_map(|i| terms.clone().map(move |t| (i, t)));
        let count = cells.filter(|(i, t)| counts(*i, *t)).count();
        !counts(i, t) && left_out(count, rows.len(), terms.len())
    };
    let mut want = before.clone();
    for i in 0..m {
        let out: Vec<bool> = (0..k).map(|t| is_left_out(i, t)).collect();
        if case.start == PLUS && adds_nothing(&out) {
            continue;
        }
        for j in 0..n {
            let c = &mut want[20 + i * c_row + j];
            let mut sum = case.so_far(*c);
            for t in (0..k).filter(|t| !out[*t]) {
                sum = a[at(i, t)].fma(b[t * b_step + j], sum);
            }
            *c = case.ended(*c, sum);
        }
    }
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        let mut got = before.clone();
        let args = Lanes {
            a: a.as_ptr(),
            b: b.as_ptr(),
            c: got[20..].as_mut_ptr(),
            a_off: std::ptr::null(),
            b_off: std::ptr::null(),
            a_row: a_row as i64,
            a_step: a_step as i64,
            b_step: b_step as i64,
            c_row: c_row as i64,
            m: m as i64,
            n: n as i64,
            k: k as i64,
            start: case.start,
            known: std::ptr::null_mut(),
            ahead: 0,
            scale: T::of(SCALE),
        };
        // SAFETY: the vectors hold all that the strides reach.
        unsafe { (T::kernels(isa).sparse)(&args) };
        same(isa, case, &got, &want);
        // With what has been marked before.
        if let (1, Some(marks)) = (a_step, T::kernels(isa).marks) {
            let mut known = vec![0; Known::words(m, k)];
            known[0] = 1;
            let (known, across) = (known.as_mut_ptr(), k.div_ceil(BLOCK) as i64);
            let mut got = before.clone();
            let args = Lanes { c: got[20..].as_mut_ptr(), known, ..args };
            // SAFETY: as above, and the words are as many as it takes.
            unsafe {
                marks(a.as_ptr(), a_row as i64, m as i64, k as i64, known.add(1).cast(), across);
                (T::kernels(isa).sparse)(&args);
            }
            same(isa, case, &got, &want);
        }
        // With what the first product has found out of the left operand.
        let mut known = vec![0; Known::words(m, k)];
        for _ in 0..2 {
            let mut got = before.clone();
            let args = Lanes { c: got[20..].as_mut_ptr(), known: known.as_mut_ptr(), ..args };
            // SAFETY: as above, and the words are as many as it takes.
            unsafe { (T::kernels(isa).sparse)(&args) };
            same(isa, case, &got, &want);
        }
    }
}

fn dot<T: Real>(case: Case, bands: usize) {
    let Case { m, n, k, slack, outer, .. } = case;
    let columns = n * bands;
    let mut numbers = Numbers(case.seed);
    let run = k + slack;
    let (a_row, b_row) = (outer * run + slack, outer * run + 2 * slack);
    // Bands overlap in the right operand by all but a term, and lie one behind the other in the result.
    let b_band = run + 1;
    let (c_row, c_col, c_band) =
        if case.transposed { (1, m + slack, n * (m + slack)) } else { (columns + slack, 1, n) };
    let a_off = table(&mut numbers, outer, run, case.a_table || outer > 1);
    let b_off = table(&mut numbers, outer, run, case.b_table || outer > 1);
    let a: Vec<T> = numbers.many(m * a_row + k);
    let b: Vec<T> = numbers.many(n * b_row + bands * b_band + k);
    let before: Vec<T> = numbers.many((m + slack) * (columns + slack) + 40);
    let mut want = before.clone();
    for i in 0..m {
        for (h, j) in (0..bands).flat_map(|h| (0..n).map(move |j| (h, j))) {
            let mut p = [T::of(0.0); PARTIALS];
            for o in 0..outer {
                for t in 0..k {
                    let x = a[i * a_row + offset(&a_off, 0, o) + t];
                    let y = b[j * b_row + h * b_band + offset(&b_off, 0, o) + t];
                    p[t % PARTIALS] = x.fma(y, p[t % PARTIALS]);
                }
            }
            for half in [8, 4, 2, 1] {
                for l in 0..half {
                    p[l] = p[l] + p[l + half];
                }
            }
            let c = &mut want[20 + i * c_row + j * c_col + h * c_band];
            let sum = if case.start == OLD { *c + p[0] } else { p[0] };
            *c = case.ended(*c, sum);
        }
    }
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        let mut got = before.clone();
        let args = Dot {
            a: a.as_ptr(),
            b: b.as_ptr(),
            c: got[20..].as_mut_ptr(),
            a_off: pointer(&a_off),
            b_off: pointer(&b_off),
            outer: outer as i64,
            a_row: a_row as i64,
            b_row: b_row as i64,
            c_row: c_row as i64,
            c_col: c_col as i64,
            m: m as i64,
            n: n as i64,
            bands: bands as i64,
            b_band: b_band as i64,
            c_band: c_band as i64,
            ahead: ANYWHERE * (case.seed % 2) as i64,
            k: k as i64,
            start: case.start,
            scale: T::of(SCALE),
        };
        // SAFETY: the vectors hold all that the strides and tables reach.
        unsafe { (T::kernels(isa).dot)(&args) };
        same(isa, case, &got, &want);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn lanes_add_up_term_by_term(case in cases()) {
        lanes::<f32>(case);
        lanes::<f64>(case);
    }

    #[test]
    fn zeros_are_left_out_by_the_rule(case in cases()) {
        sparse::<f32>(case);
        sparse::<f64>(case);
    }

    #[test]
    fn dots_add_up_in_sixteen_parts_and_a_tree(case in cases(), bands in 0..4usize) {
        dot::<f32>(case, bands);
        dot::<f64>(case, bands);
    }
}

/// Columns around the ends of up to so many vectors, of every width there is.
fn widths(vectors: usize) -> impl Iterator<Item = usize> {
    let ends = (1..=vectors).flat_map(|v| [2, 4, 8, 16].map(|lanes| v * lanes));
    ends.flat_map(|end| [end - 1, end, end + 1]).collect::<std::collections::BTreeSet<_>>().into_iter()
}

/// Random shapes leave a fifth of the tiles out in a run; these take all of them, and all of the routines for few terms.
#[test]
fn every_tile_has_its_turn() {
    let mut seed = 0;
    let mut case = |m: usize, n: usize, k: usize, tables: bool| {
        seed += 1;
        let flags = (seed % 2 == 0, seed as i64 % 5);
        Case {
            m,
            n,
            k,
            slack: 0,
            transposed: flags.0,
            a_table: tables,
            b_table: tables,
            start: flags.1,
            outer: 1,
            seed,
        }
    };
    for (m, n) in (1..=24).flat_map(|m| widths(8).map(move |n| (m, n))) {
        for case in [case(m, n, 3, false), case(m, n, 3, true)] {
            lanes::<f32>(case);
            lanes::<f64>(case);
        }
    }
    for (m, n) in [9, 20].into_iter().flat_map(|m| widths(8).map(move |n| (m, n))) {
        for (k, start) in [1, 2].into_iter().flat_map(|k| (0..5).map(move |start| (k, start))) {
            let case = Case { start, ..case(m, n, k, false) };
            lanes::<f32>(case);
            lanes::<f64>(case);
            sparse::<f32>(case);
            sparse::<f64>(case);
        }
    }
    for (m, n) in (1..=10).flat_map(|m| (1..=10).map(move |n| (m, n))) {
        for case in [case(m, n, 40, false), case(m, n, 80, true)] {
            dot::<f32>(case, 1);
            dot::<f64>(case, 1);
        }
    }
}

/// Sums of up to eight terms for each accumulator, of few rows, go their own way.
#[test]
fn short_dots_are_the_same_sums() {
    let lengths = [1, 8, 15, 16, 17, 40, 64, 77, 89, 104, 113, 127, 128, 129];
    for (m, n, k) in (1..6).flat_map(|m| [1, 4, 7, 41].map(|n| lengths.map(|k| (m, n, k)))).flatten() {
        for start in 0..5 {
            let (transposed, seed) = (m % 2 == 0, (m * 1000 + n * 10 + k) as u64);
            let (slack, outer) = (n % 3, 1);
            let case =
                Case { m, n, k, slack, transposed, a_table: false, b_table: false, start, outer, seed };
            dot::<f32>(case, 1);
            dot::<f64>(case, 1);
        }
    }
}

/// Rounded up terms leave sums of -0, which a lane without a term must not turn to +0.
#[test]
fn a_sum_of_minus_zero_stays_one() {
    let tiny = f32::MIN_POSITIVE;
    let (a, b) = (vec![-tiny; 135], vec![tiny; 135]);
    let isas = || Isa::ALL.into_iter().filter(|isa| isa.available());
    for (isa, k) in isas().flat_map(|isa| [35, 135].map(|k| (isa, k))) {
        let mut c = [1.0f32; 1];
        let args = Dot {
            a: a.as_ptr(),
            b: b.as_ptr(),
            c: c.as_mut_ptr(),
            a_off: std::ptr::null(),
            b_off: std::ptr::null(),
            outer: 1,
            a_row: k,
            b_row: k,
            c_row: 1,
            c_col: 1,
            m: 1,
            n: 1,
            bands: 1,
            b_band: 0,
            c_band: 0,
            ahead: 0,
            k,
            start: ZERO,
            scale: 0.0,
        };
        // SAFETY: one result of at most 135 terms.
        unsafe { (products_f32(isa).dot)(&args) };
        assert_eq!(c[0].to_bits(), (-0.0f32).to_bits(), "{isa:?}, {k} terms");
    }
}
