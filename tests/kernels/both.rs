//! One step in every way there is: the tensor IR's interpreter, the kernel IR's, machine code.

use crate::run::{self, Start};
use dlc::cpu::Isa;
use dlc::ir::interp as oracle;
use dlc::ir::{Buffer, DType, Graph, Leaf, LeafKind, Op, Tensor};
use dlc::kernel::Step;
use dlc::kernel::interp::Team;
use dlc::kernel::print::{exact, print};
use dlc::kernel::read::read;
use dlc::kernel::verify::verify;

/// A step's form as kernels.
pub fn kernels(graph: &Graph) -> Step {
    let fused = dlc::fuse::fuse(graph);
    let mut plan = dlc::plan::plan(graph, &fused);
    dlc::plan::layout::arrange(&mut [(graph, &fused, &mut plan)]);
    dlc::kernel::schedule::schedule(graph, &fused, &plan)
}

/// The verifier accepts it, and it reads back as printed.
pub fn sound(step: &Step) -> Result<(), String> {
    verify(step).map_err(|found| format!("the verifier: {}", found.join("\n    ")))?;
    match read(&print(step, &exact)) {
        Ok(back) if back == *step => Ok(()),
        Ok(_) => Err("it reads back as something else".to_owned()),
        Err(error) => Err(format!("it does not read back: {error}")),
    }
}

/// Values of a graph's leaves by kind, as steps take them.
pub fn start(graph: &Graph, values: &[Tensor]) -> Start {
    let mut start = Start { args: Vec::new(), places: Vec::new(), residents: Vec::new(), run: 0 };
    for (leaf, value) in graph.leaves.iter().zip(values) {
        match leaf.kind {
            LeafKind::Arg => put(&mut start.args, leaf.index, value),
            LeafKind::Place => put(&mut start.places, leaf.index, value),
            LeafKind::Resident => put(&mut start.residents, leaf.index, value),
            LeafKind::Run => start.run = value.as_f64s()[0] as u32,
            LeafKind::Raw
            | LeafKind::Drawn
            | LeafKind::Carried
            | LeafKind::Scanned
            | LeafKind::Captured
            | LeafKind::Turn => panic!("a step reads {:?}", leaf.kind),
        }
    }
    start
}

fn put(list: &mut Vec<Tensor>, at: usize, value: &Tensor) {
    // What no leaf names, no kernel reads.
    while list.len() <= at {
        list.push(Tensor::scalar(value.ty.dtype, 0.0));
    }
    list[at] = value.clone();
}

/// One call by the kernel IR's interpreter against the tensor IR's, within a bound relative to the largest
/// element of each value; teams of other sizes and backwards give the same bits. Gives whether it has a fault.
pub fn near(graph: &Graph, step: &Step, values: &[Tensor], bound: f64) -> Result<bool, String> {
    let start = start(graph, values);
    let at = |leaf: &Leaf| {
        let nth = graph.leaves.iter().position(|l| l.kind == leaf.kind && l.index == leaf.index);
        values[nth.expect("a leaf of the graph")].clone()
    };
    let wanted = oracle::run(graph, &at);
    let alone = Team { threads: 1, backwards: false };
    let found = run::interpreted(step, &start, 1, alone);
    for team in [Team { threads: 3, backwards: false }, Team { threads: 2, backwards: true }] {
        let other = run::interpreted(step, &start, 1, team);
        let equal = |a: &[Tensor], b: &[Tensor]| a.iter().zip(b).all(|(a, b)| run::same(a, b));
        let reports = found.reports.iter().zip(&other.reports).all(|(a, b)| equal(a, b));
        // Two calls in a row, as they follow each other without all waiting for all.
        let [one, several] = [alone, team].map(|team| run::in_a_row(step, &start, 2, team));
        if one.fault != several.fault || !equal(&one.places, &several.places) {
            return Err(format!("{team:?}: other bits than one thread's in two calls"));
        }
        if found.fault != other.fault || !reports || !equal(&found.places, &other.places) {
            return Err(format!("{team:?}: other bits than one thread's"));
        }
    }
    let wanted = match wanted {
        Ok(wanted) if !found.fault => wanted,
        Ok(_) => return Err("a fault that the tensor IR does not have".to_owned()),
        Err(_) if found.fault => return Ok(true),
        // What of a loop's stacks nobody reads is not computed, nor is what is wrong with it.
        Err(fault) if matches!(graph.op(fault.node), Op::Scan(_)) => return Ok(false),
        Err(fault) => return Err(format!("no fault, but the tensor IR: {}", fault.message)),
    };
    for (update, wanted) in graph.updates.iter().zip(&wanted.updates) {
        let leaf = &graph.leaves[update.leaf];
        close(&found.places[leaf.index], wanted, bound, &leaf.name)?;
    }
    for (at, leaf) in graph.leaves.iter().enumerate() {
        let changes = leaf.kind != LeafKind::Place || graph.updates.iter().any(|u| u.leaf == at);
        if !changes && !run::same(&found.places[leaf.index], &values[at]) {
            return Err(format!("{} has changed", leaf.name));
        }
    }
    for (nth, (report, wanted)) in graph.reports.iter().zip(&wanted.reports).enumerate() {
        close(&found.reports[0][nth], wanted, bound, &format!("report {}", report.name))?;
    }
    Ok(false)
}

/// Equal within a bound relative to the largest element; whole numbers and truth values to the last bit.
fn close(found: &Tensor, wanted: &Tensor, bound: f64, what: &str) -> Result<(), String> {
    let bound = if wanted.ty.dtype.is_real() { bound } else { 0.0 };
    let (a, b) = (found.as_f64s(), wanted.as_f64s());
    if found.ty.dtype != wanted.ty.dtype || a.len() != b.len() {
        return Err(format!("{what}: {} where {} is wanted", found.ty, wanted.ty));
    }
    let scale = b.iter().filter(|v| v.is_finite()).fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (x, y)) in a.iter().zip(&b).enumerate() {
        let same = x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= bound * scale;
        if !same {
            return Err(format!("{what}, element {i} of {}: {x}, the tensor IR says {y}", wanted.ty));
        }
    }
    Ok(())
}

/// Some calls by machine code, on each instruction set with 1, 2 and 3 threads, against the kernel IR's
/// interpreter, bit for bit. After a fault the places are as before its call.
pub fn equal(graph: &Graph, step: &Step, values: &[Tensor], calls: usize) -> Result<(), String> {
    let start = start(graph, values);
    run::agree(step, &start, calls)?;
    let one = run::interpreted(step, &start, 1, Team::default());
    if one.fault {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            let code = dlc::cpu::emit::emit(step, isa)?;
            let left = run::compiled(step, &code, &start, 1, 2);
            if !left.places.iter().zip(&start.places).all(|(a, b)| run::same(a, b)) {
                return Err(format!("{}: a place has changed in a call with a fault", isa.name()));
            }
        }
    }
    Ok(())
}

/// Numbers that come out of nothing but a seed.
pub struct Numbers(pub u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn unit(&mut self) -> f64 {
        self.next() as f64 / f64::from(1u32 << 31)
    }

    /// A tensor for a leaf: small reals, indices that are in range everywhere.
    pub fn leaf(&mut self, leaf: &Leaf) -> Tensor {
        let count = leaf.ty.elements();
        let data = match leaf.ty.dtype {
            DType::F32 => Buffer::F32((0..count).map(|_| (self.unit() * 0.9 + 0.05) as f32).collect()),
            DType::F64 => Buffer::F64((0..count).map(|_| self.unit() * 0.9 + 0.05).collect()),
            DType::I32 => Buffer::I32((0..count).map(|_| (self.next() % 2) as i32).collect()),
            DType::Bool => Buffer::Bool((0..count).map(|_| self.next().is_multiple_of(2)).collect()),
        };
        Tensor { ty: leaf.ty.clone(), data: data.into() }
    }
}
