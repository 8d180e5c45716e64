//! The device that runs compiled steps on the CPU.

use super::device::{Arg, Device, Entry, Ran};
use super::interpreter::leaf_value;
use super::pace::Pace;
use super::setup::Ready;
use crate::cpu::Isa;
use crate::cpu::emit::{self, Code};
use crate::cpu::machine::{Argument, Arrays, Job, Machine};
use crate::cpu::memory::Block;
use crate::ir::interp::{self, Fault};
use crate::ir::{DType, Graph, LeafKind, Module, Tensor, Type};
use crate::kernel::{Home, Layout, Step};
use crate::program::{PlaceId, ResidentId};
use std::time::Instant;

/// Compiled steps as a device. A step is compiled when it is first called.
#[derive(Debug)]
pub struct CompiledDevice<'a> {
    module: &'a Module,
    steps: Vec<Step>,
    codes: Vec<Option<Code>>,
    /// The types of each step's reports.
    reports: Vec<Vec<Type>>,
    isa: Isa,
    arrays: Arrays,
    /// How each place lies.
    layouts: Vec<Layout>,
    machine: Machine,
    /// How fast each step is.
    paces: Vec<Pace>,
}

/// Calls, and seconds, of a queue from which its time says something of its step.
const SEVERAL: usize = 4;
const LONG: f64 = 2e-3;

impl<'a> CompiledDevice<'a> {
    /// A device at the start of a run. `steps` are the module's, by its indices.
    pub fn new(
        module: &'a Module,
        steps: Vec<Step>,
        ready: Ready,
        threads: usize,
        isa: Isa,
    ) -> CompiledDevice<'a> {
        assert_eq!(steps.len(), module.steps.len(), "each step of the module has been compiled");
        let reports = |graph: &Graph| -> Vec<Type> {
            graph.reports.iter().map(|report| graph.ty(report.value).clone()).collect()
        };
        let mut layouts = vec![None; module.places.len()];
        for buffer in steps.iter().flat_map(|step| &step.buffers) {
            if let Home::Place(place) = buffer.home {
                let first = layouts[place].get_or_insert(buffer.layout);
                assert_eq!(*first, buffer.layout, "steps lay {} out in two ways", buffer.name);
            }
        }
        let layouts: Vec<Layout> = layouts.into_iter().map(Option::unwrap_or_default).collect();
        // One by one, so that no more than one is in memory twice.
        let place = |(tensor, layout): (Tensor, &Layout)| {
            let elements = layout.elements(&tensor.ty.shape).expect("the place fits the memory");
            let mut block = Block::new(elements * tensor.ty.dtype.size());
            block.lay_out(&tensor, *layout);
            block
        };
        let places = ready.places.into_iter().zip(&layouts).map(place);
        let residents = ready.residents.into_iter().map(Block::taking);
        CompiledDevice {
            module,
            codes: steps.iter().map(|_| None).collect(),
            reports: module.steps.iter().map(reports).collect(),
            isa,
            arrays: Arrays { places: places.collect(), residents: residents.collect() },
            machine: Machine::new(threads, &steps),
            paces: vec![Pace::default(); steps.len()],
            steps,
            layouts,
        }
    }

    /// The code of a step, compiled now if it has not been.
    pub fn code(&mut self, step: usize) -> &Code {
        let (steps, isa) = (&self.steps, self.isa);
        self.codes[step].get_or_insert_with(|| match emit::emit(&steps[step], isa) {
            Ok(code) => code,
            Err(error) => panic!("a bug of the compiler: step {} has no code: {error}", steps[step].name),
        })
    }

    /// How many threads the device runs on.
    pub fn threads(&self) -> usize {
        self.machine.threads()
    }

    /// Why a call cannot be made, as the reference interpreter finds it. The places are as before it.
    fn explain(&mut self, entry: &Entry, reports: &[Vec<Tensor>], base: u64) -> Fault {
        let places: Vec<Tensor> = (0..self.module.places.len()).map(|place| self.read(place)).collect();
        let residents: Vec<Tensor> = (0..self.module.residents.len()).map(|at| self.resident(at)).collect();
        let report = |call: u64, report: usize| reports[(call - base) as usize][report].clone();
        let graph = &self.module.steps[entry.step];
        match interp::run(graph, &|leaf| leaf_value(leaf, entry, &residents, &places, &report)) {
            Err(fault) => fault,
            Ok(_) => panic!("a bug of the compiler: only the compiled {} has a fault", graph.name),
        }
    }
}

impl Device for CompiledDevice<'_> {
    fn run(&mut self, queue: &[Entry]) -> Ran {
        let Some(base) = queue.first().map(|entry| entry.first) else { return Ran::default() };
        for entry in queue {
            self.code(entry.step);
        }
        let (module, steps, codes, reports) = (self.module, &self.steps, &self.codes, &self.reports);
        let job = |entry: &Entry| Job {
            step: &steps[entry.step],
            code: codes[entry.step].as_ref().expect("the queue's steps have been compiled"),
            calls: entry.count,
            run: entry.run as u32,
            args: arguments(module, queue, entry),
            reports: &reports[entry.step],
        };
        let jobs: Vec<Job<'_>> = queue.iter().map(job).collect();
        let calls: usize = queue.iter().map(|entry| entry.count).sum();
        let alike = queue.iter().all(|entry| entry.step == queue[0].step) && calls >= SEVERAL;
        let pace = &mut self.paces[queue[0].step];
        let alone = alike && self.machine.threads() > 1 && pace.alone();
        let threads = if alone { 1 } else { self.machine.threads() };
        let began = Instant::now();
        let outcome = self.machine.run(&jobs, &mut self.arrays, threads);
        let time = began.elapsed().as_secs_f64();
        // What one thread has done counts however short it is, so that the team's turn comes again.
        if alike && (alone || time >= LONG) {
            pace.took(alone, time / calls as f64);
        }
        let fault = outcome.fault.map(|(entry, call)| queue[entry].call(call));
        let fault = fault.map(|entry| self.explain(&entry, &outcome.reports, base));
        Ran { reports: outcome.reports, fault }
    }

    fn read(&mut self, place: PlaceId) -> Tensor {
        let ty = &self.module.places[place].ty;
        self.arrays.places[place].gathered(ty, self.layouts[place].runs(&ty.shape))
    }

    fn write(&mut self, place: PlaceId, value: &Tensor) {
        let declared = &self.module.places[place];
        assert_eq!(value.ty, declared.ty, "the new value of {}", declared.name);
        self.arrays.places[place].lay_out(value, self.layouts[place]);
    }

    fn resident(&self, resident: ResidentId) -> Tensor {
        self.arrays.residents[resident].tensor(&self.module.residents[resident].ty, 0)
    }

    fn rows(&self, resident: ResidentId, rows: &[usize]) -> Tensor {
        let ty = &self.module.residents[resident].ty;
        let row: usize = ty.shape[1..].iter().product();
        let part = Type::new(ty.dtype, [&[rows.len()], &ty.shape[1..]].concat());
        let runs = rows.iter().enumerate().map(|(to, from)| (to * row, from * row, row));
        self.arrays.residents[resident].gathered(&part, runs)
    }
}

/// The arguments of an entry's calls.
fn arguments(module: &Module, queue: &[Entry], entry: &Entry) -> Vec<Argument> {
    let declared = module.steps[entry.step].leaves.iter().filter(|l| l.kind == LeafKind::Arg);
    let mut types: Vec<Option<&Type>> = vec![None; entry.args.len()];
    for leaf in declared {
        types[leaf.index] = Some(&leaf.ty);
    }
    let of = |(arg, ty): (&Arg, Option<&Type>)| match arg {
        Arg::Batch { resident, start, size } => {
            let row: usize = module.residents[*resident].ty.shape[1..].iter().product();
            Argument::Rows { resident: *resident, start: start * row, step: size * row }
        }
        Arg::Scalar(value) => {
            // What no leaf names, no kernel reads.
            Argument::Value(Tensor::scalar(ty.map_or(DType::F64, |ty| ty.dtype), *value))
        }
        Arg::Tensor(tensor) => Argument::Value(tensor.clone()),
        Arg::Report { call, report } => {
            let holds = |e: &Entry| (e.first..e.first + e.count as u64).contains(call);
            let job = queue.iter().position(holds).expect("the call stands earlier in the queue");
            Argument::Report { job, call: (call - queue[job].first) as usize, report: *report }
        }
    };
    entry.args.iter().zip(types).map(of).collect()
}
