//! Runs a step both ways and compares what it leaves.

use dlc::cpu::Isa;
use dlc::cpu::emit::{Code, emit};
use dlc::cpu::machine::{Argument, Arrays, Job, Machine};
use dlc::cpu::memory::Block;
use dlc::ir::tensor::Buffer as Array;
use dlc::ir::{Tensor, Type};
use dlc::kernel::interp::{self, Memory, Team};
use dlc::kernel::{Home, Layout, Step};

/// The instruction sets of this machine.
pub fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available())
}

/// What a step works on: the places and what does not change.
#[derive(Clone)]
pub struct Start {
    /// Arguments, the same for each call.
    pub args: Vec<Tensor>,
    /// Places.
    pub places: Vec<Tensor>,
    /// Resident arrays.
    pub residents: Vec<Tensor>,
    /// The count of runs before the first call.
    pub run: u32,
}

/// What a number of calls leave.
pub struct Left {
    /// Places.
    pub places: Vec<Tensor>,
    /// Reports of each call made.
    pub reports: Vec<Vec<Tensor>>,
    /// Whether the next one had a fault.
    pub fault: bool,
}

/// The types of a step's reports.
pub fn report_types(step: &Step) -> Vec<Type> {
    let mut types = Vec::new();
    for buffer in &step.buffers {
        if let Home::Report(at) = buffer.home {
            types.resize(types.len().max(at + 1), Type::scalar(buffer.dtype));
            types[at] = Type::new(buffer.dtype, buffer.shape.clone());
        }
    }
    types
}

/// How a place lies.
fn layout(step: &Step, place: usize) -> Layout {
    let found = step.buffers.iter().find(|b| b.home == Home::Place(place));
    found.map_or(Layout::Rows, |b| b.layout)
}

fn laid_out(step: &Step, place: usize, value: &Tensor) -> Array {
    layout(step, place).laid_out(&value.ty.shape, &value.data).into_owned()
}

/// Calls through the interpreter.
pub fn interpreted(step: &Step, start: &Start, calls: usize, team: Team) -> Left {
    let mut left = Left { places: start.places.clone(), reports: Vec::new(), fault: false };
    for call in 0..calls {
        let here = Start {
            args: start.args.clone(),
            places: left.places.clone(),
            residents: start.residents.clone(),
            run: start.run.wrapping_add(call as u32),
        };
        let next = in_a_row(step, &here, 1, team);
        if next.fault {
            left.fault = true;
            return left;
        }
        left.places = next.places;
        left.reports.extend(next.reports);
    }
    left
}

/// Calls through the interpreter as they follow each other by their barriers; the reports are the last one's.
pub fn in_a_row(step: &Step, start: &Start, calls: usize, team: Team) -> Left {
    let mut left = Left { places: start.places.clone(), reports: Vec::new(), fault: false };
    let mut memory = Memory::new(step);
    memory.args = start.args.iter().map(|t| t.data.clone()).collect();
    memory.residents = start.residents.iter().map(|t| t.data.clone()).collect();
    memory.places = start.places.iter().enumerate().map(|(at, t)| laid_out(step, at, t)).collect();
    memory.run = start.run as i32;
    left.fault = interp::run_in_a_row(step, &mut memory, team, calls);
    let tensor = |(array, ty): (Array, &Type)| Tensor::new(ty.shape.clone(), array);
    let types: Vec<Type> = left.places.iter().map(|t| t.ty.clone()).collect();
    let places = memory.places.iter().zip(&types).enumerate();
    let places = places.map(|(at, (a, ty))| (layout(step, at).row_major(&ty.shape, a).into_owned(), ty));
    left.places = places.map(tensor).collect();
    left.reports.push(memory.reports.into_iter().zip(&report_types(step)).map(tensor).collect());
    left
}

/// Calls through machine code.
pub fn compiled(step: &Step, code: &Code, start: &Start, calls: usize, threads: usize) -> Left {
    let args = start.args.iter().cloned().map(Argument::Value).collect();
    compiled_with(step, code, (start, args), calls, threads)
}

/// The same with arguments that may differ from call to call.
pub fn compiled_with(
    step: &Step,
    code: &Code,
    (start, args): (&Start, Vec<Argument>),
    calls: usize,
    threads: usize,
) -> Left {
    let mut arrays = Arrays {
        places: start
            .places
            .iter()
            .enumerate()
            .map(|(at, t)| Block::holding(&laid_out(step, at, t)))
            .collect(),
        residents: start.residents.iter().map(Block::of).collect(),
    };
    let types = report_types(step);
    let job = Job { step, code, calls, run: start.run, args, reports: &types };
    let mut machine = Machine::new(threads, std::slice::from_ref(step));
    let outcome = machine.run(&[job], &mut arrays, threads);
    let places = arrays.places.iter().zip(&start.places).enumerate().map(|(at, (block, t))| {
        let layout = layout(step, at);
        let held = layout.elements(&t.ty.shape).expect("it is in memory");
        let held = block.tensor(&Type::new(t.ty.dtype, vec![held]), 0);
        Tensor::new(t.ty.shape.clone(), layout.row_major(&t.ty.shape, &held.data).into_owned())
    });
    let places = places.collect();
    Left { places, reports: outcome.reports, fault: outcome.fault.is_some() }
}

/// Whether two tensors have the same bits, any NaN being as good as another.
pub fn same(a: &Tensor, b: &Tensor) -> bool {
    a.ty == b.ty
        && match (&*a.data, &*b.data) {
            (Array::F32(x), Array::F32(y)) => {
                x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()))
            }
            (Array::F64(x), Array::F64(y)) => {
                x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()))
            }
            (x, y) => x == y,
        }
}

/// Compares both ways on every instruction set, with 1, 2 and 3 threads.
pub fn agree(step: &Step, start: &Start, calls: usize) -> Result<(), String> {
    let expected = interpreted(step, start, calls, Team::default());
    for isa in isas() {
        let code = emit(step, isa)?;
        for threads in 1..=3 {
            let found = compiled(step, &code, start, calls, threads);
            let on = format!("{} with {threads} threads", isa.name());
            if found.fault != expected.fault || found.reports.len() != expected.reports.len() {
                return Err(format!("{on}: fault {} {}", found.fault, found.reports.len()));
            }
            if expected.fault {
                // These kernels write places beside their checks, which a verified step does not.
                continue;
            }
            for (place, (a, b)) in expected.places.iter().zip(&found.places).enumerate() {
                if !same(a, b) {
                    return Err(format!("{on}: place {place}\n{:?}\n{:?}", a.data, b.data));
                }
            }
            for (call, (a, b)) in expected.reports.iter().zip(&found.reports).enumerate() {
                if let Some(at) = (0..a.len()).find(|at| !same(&a[*at], &b[*at])) {
                    return Err(format!(
                        "{on}: call {call}, report {at}\n{:?}\n{:?}",
                        a[at].data, b[at].data
                    ));
                }
            }
        }
    }
    Ok(())
}
