//! The device that needs no compiled code: each call goes through the reference interpreter.

use super::device::{Arg, CallId, Device, Entry, Ran};
use super::setup::Ready;
use crate::ir::interp::{self, Outcome};
use crate::ir::tensor::Element;
use crate::ir::{Buffer, DType, Graph, Leaf, LeafKind, Module, Tensor, Type};
use crate::program::{PlaceId, ResidentId};

/// The reference interpreter as a device. Copies of places are free: clones share their elements.
#[derive(Debug)]
pub struct Interpreter<'a> {
    module: &'a Module,
    residents: Vec<Tensor>,
    places: Vec<Tensor>,
}

impl<'a> Interpreter<'a> {
    /// A device at the start of a run.
    pub fn new(module: &'a Module, ready: Ready) -> Interpreter<'a> {
        Interpreter { module, residents: ready.residents, places: ready.places }
    }

    fn call(
        &self,
        graph: &Graph,
        entry: &Entry,
        ran: &[Vec<Tensor>],
        base: CallId,
    ) -> Result<Outcome, interp::Fault> {
        let report = |call: CallId, report: usize| ran[(call - base) as usize][report].clone();
        interp::run(graph, &|leaf| leaf_value(leaf, entry, &self.residents, &self.places, &report))
    }
}

/// The value of a step's leaf in a call.
pub fn leaf_value(
    leaf: &Leaf,
    entry: &Entry,
    residents: &[Tensor],
    places: &[Tensor],
    report: &dyn Fn(CallId, usize) -> Tensor,
) -> Tensor {
    match leaf.kind {
        LeafKind::Place => places[leaf.index].clone(),
        LeafKind::Resident => residents[leaf.index].clone(),
        LeafKind::Arg => match &entry.args[leaf.index] {
            Arg::Batch { resident, start, size } => rows(&residents[*resident], *start, *size),
            Arg::Scalar(value) => Tensor::scalar(leaf.ty.dtype, *value),
            Arg::Tensor(tensor) => tensor.clone(),
            Arg::Report { call, report: at } => report(*call, *at),
        },
        LeafKind::Run => Tensor::from_i32([], vec![entry.run as u32 as i32]),
        LeafKind::Raw | LeafKind::Drawn => panic!("a step reads the setup's {}", leaf.name),
        LeafKind::Carried | LeafKind::Scanned | LeafKind::Captured | LeafKind::Turn => {
            panic!("{} stands outside its scan", leaf.name)
        }
    }
}

/// Rows `start .. start + count` of an array; no more than there are.
fn rows(array: &Tensor, start: usize, count: usize) -> Tensor {
    fn part<T: Element>(array: &Tensor, from: usize, to: usize) -> Buffer {
        T::buffer(array.elements::<T>()[from..to].to_vec())
    }
    let mut shape = array.ty.shape.clone();
    let row: usize = shape[1..].iter().product();
    let start = start.min(shape[0]);
    shape[0] = count.min(shape[0] - start);
    let (from, to) = (start * row, (start + shape[0]) * row);
    let data = match array.ty.dtype {
        DType::F32 => part::<f32>(array, from, to),
        DType::F64 => part::<f64>(array, from, to),
        DType::I32 => part::<i32>(array, from, to),
        DType::Bool => part::<bool>(array, from, to),
    };
    Tensor { ty: Type::new(array.ty.dtype, shape), data: data.into() }
}

/// Rows of an array in an order, which must all be there.
fn chosen_rows(array: &Tensor, order: &[usize]) -> Tensor {
    fn part<T: Element>(array: &Tensor, row: usize, order: &[usize]) -> Buffer {
        let all = array.elements::<T>();
        T::buffer(order.iter().flat_map(|at| all[at * row..(at + 1) * row].iter().copied()).collect())
    }
    let mut shape = array.ty.shape.clone();
    let row: usize = shape[1..].iter().product();
    shape[0] = order.len();
    let data = match array.ty.dtype {
        DType::F32 => part::<f32>(array, row, order),
        DType::F64 => part::<f64>(array, row, order),
        DType::I32 => part::<i32>(array, row, order),
        DType::Bool => part::<bool>(array, row, order),
    };
    Tensor { ty: Type::new(array.ty.dtype, shape), data: data.into() }
}

impl Device for Interpreter<'_> {
    fn run(&mut self, queue: &[Entry]) -> Ran {
        let mut ran = Ran::default();
        let Some(base) = queue.first().map(|entry| entry.first) else { return ran };
        for entry in queue {
            let graph = &self.module.steps[entry.step];
            for at in 0..entry.count {
                match self.call(graph, &entry.call(at), &ran.reports, base) {
                    Ok(outcome) => {
                        for (update, value) in graph.updates.iter().zip(outcome.updates) {
                            self.places[graph.leaves[update.leaf].index] = value;
                        }
                        ran.reports.push(outcome.reports);
                    }
                    Err(fault) => {
                        ran.fault = Some(fault);
                        return ran;
                    }
                }
            }
        }
        ran
    }

    fn read(&mut self, place: PlaceId) -> Tensor {
        self.places[place].clone()
    }

    fn write(&mut self, place: PlaceId, value: &Tensor) {
        assert_eq!(
            value.ty, self.module.places[place].ty,
            "the new value of {}",
            self.module.places[place].name
        );
        self.places[place] = value.clone();
    }

    fn resident(&self, resident: ResidentId) -> Tensor {
        self.residents[resident].clone()
    }

    fn rows(&self, resident: ResidentId, rows: &[usize]) -> Tensor {
        chosen_rows(&self.residents[resident], rows)
    }
}
