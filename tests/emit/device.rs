//! The compiled device beside the interpreter's: the same queue, arguments of every kind, a fault.

use dlc::cpu::Isa;
use dlc::ir::interp::FaultKind;
use dlc::ir::{
    Builder, DType, LeafKind, Module, PlaceDecl, Report, ResidentDecl, Tensor, Type, Unary, Update,
};
use dlc::kernel::{Item, Step};
use dlc::program::{PlaceKind, Precision};
use dlc::runtime::{Arg, CompiledDevice, Device, Entry, Interpreter, Ready};

/// A step `learn(x[1, 4], rate, k)`: s <- s + rate * tanh(x) + table[k], reports the sum of s and s itself.
/// A step `look(bias)`: reports s + bias + run.
fn module() -> Module {
    let real = |shape: &[usize]| Type::new(DType::F32, shape.to_vec());
    let mut b = Builder::new("learn");
    let x = b.leaf(LeafKind::Arg, 0, "x", real(&[1, 4]));
    let rate = b.leaf(LeafKind::Arg, 1, "rate", real(&[]));
    let k = b.leaf(LeafKind::Arg, 2, "k", Type::scalar(DType::I32));
    let s = b.leaf(LeafKind::Place, 0, "s", real(&[4]));
    let table = b.leaf(LeafKind::Resident, 1, "table", real(&[3, 4]));
    let x = b.reshape(x, &[4]);
    let tanh = b.unary(Unary::Tanh, x);
    let rate = b.broadcast(rate, &[], &[4]);
    let moved = b.mul(rate, tanh);
    let row = b.gather(table, &[0], &[k]);
    let sum = b.add(s, moved);
    let sum = b.add(sum, row);
    let total = b.sum(sum, &[0]);
    let mut learn = b.graph;
    let leaf = learn.leaves.iter().position(|l| l.kind == LeafKind::Place).expect("s is a leaf");
    learn.updates = vec![Update { leaf, value: sum, span: None }];
    learn.reports = vec![
        Report { name: "total".into(), value: total, span: None },
        Report { name: "s".into(), value: sum, span: None },
    ];

    let mut b = Builder::new("look");
    let s = b.leaf(LeafKind::Place, 0, "s", real(&[4]));
    let bias = b.leaf(LeafKind::Arg, 0, "bias", real(&[4]));
    let run = b.leaf(LeafKind::Run, 0, "run", Type::scalar(DType::I32));
    let run = b.cast(run, DType::F32);
    let run = b.broadcast(run, &[], &[4]);
    let sum = b.add(s, bias);
    let sum = b.add(sum, run);
    let mut look = b.graph;
    look.reports = vec![Report { name: "seen".into(), value: sum, span: None }];

    Module {
        precision: Precision::F32,
        places: vec![PlaceDecl { name: "s".into(), kind: PlaceKind::State, ty: real(&[4]) }],
        residents: vec![
            ResidentDecl { name: "data".into(), ty: real(&[10, 4]) },
            ResidentDecl { name: "table".into(), ty: real(&[3, 4]) },
        ],
        steps: vec![learn, look],
        families: vec![0, 1],
        ..Module::default()
    }
}

fn steps(module: &Module) -> Vec<Step> {
    let of = |graph| {
        let fused = dlc::fuse::fuse(graph);
        let mut step = dlc::kernel::schedule::schedule(graph, &fused, &dlc::plan::plan(graph, &fused));
        // No place is written before all checks are done.
        step.order = (0..step.kernels.len()).flat_map(|at| [Item::Kernel(at), Item::Barrier]).collect();
        step
    };
    module.steps.iter().map(of).collect()
}

fn ready() -> Ready {
    let numbers = |count: usize| (0..count).map(|v| v as f64 / 7.0 - 1.0).collect::<Vec<f64>>();
    Ready {
        residents: vec![
            Tensor::from_f64s(DType::F32, vec![10, 4], &numbers(40)),
            Tensor::from_f64s(DType::F32, vec![3, 4], &numbers(12)),
        ],
        places: vec![Tensor::from_f64s(DType::F32, vec![4], &[0.5, -1.0, 2.0, 0.0])],
    }
}

fn learn(first: u64, count: usize, run: u64, k: f64) -> Entry {
    let batch = Arg::Batch { resident: 0, start: 4, size: 1 };
    Entry { step: 0, first, count, run, args: vec![batch, Arg::Scalar(0.25), Arg::Scalar(k)] }
}

fn near(a: &Tensor, b: &Tensor) {
    assert_eq!(a.ty, b.ty);
    for (a, b) in a.as_f64s().iter().zip(b.as_f64s()) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} {b}");
    }
}

#[test]
fn a_queue_gives_what_the_interpreter_gives() {
    let module = module();
    let queue = [
        learn(10, 5, 0, 1.0),
        Entry {
            step: 1,
            first: 15,
            count: 3,
            run: u64::from(u32::MAX),
            args: vec![Arg::Tensor(Tensor::from_f64s(DType::F32, vec![4], &[1.0, 2.0, 3.0, 4.0]))],
        },
        learn(18, 2, 5, 2.0),
        Entry { step: 1, first: 20, count: 1, run: 7, args: vec![Arg::Report { call: 12, report: 1 }] },
    ];
    let mut expected = Interpreter::new(&module, ready());
    let of_interpreter = expected.run(&queue);
    for threads in 1..=3 {
        let mut device = CompiledDevice::new(&module, steps(&module), ready(), threads, Isa::best());
        assert_eq!(device.resident(1), ready().residents[1]);
        let found = device.run(&queue);
        assert_eq!(found.fault, None);
        assert_eq!(found.reports.len(), of_interpreter.reports.len());
        for (a, b) in found.reports.iter().flatten().zip(of_interpreter.reports.iter().flatten()) {
            near(a, b);
        }
        near(&device.read(0), &expected.read(0));
        let value = Tensor::from_f64s(DType::F32, vec![4], &[9.0, 8.0, 7.0, 6.0]);
        device.write(0, &value);
        assert_eq!(device.read(0), value);
    }
}

#[test]
fn a_fault_ends_the_queue_before_its_call() {
    let module = module();
    let queue = [learn(0, 3, 0, 1.0), learn(3, 2, 3, 5.0), learn(5, 1, 5, 0.0)];
    let mut expected = Interpreter::new(&module, ready());
    let of_interpreter = expected.run(&queue);
    let fault = of_interpreter.fault.expect("row 5 of 3");
    assert!(matches!(fault.message, FaultKind::IndexOutOfRange { value: 5, .. }));
    for threads in 1..=2 {
        let mut device = CompiledDevice::new(&module, steps(&module), ready(), threads, Isa::best());
        let found = device.run(&queue);
        assert_eq!(found.fault.as_ref(), Some(&fault));
        assert_eq!(found.reports.len(), 3);
        near(&device.read(0), &expected.read(0));
    }
}
