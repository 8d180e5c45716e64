//! The memory of a run: what it is planned to hold while it trains, and what the system says it held.

use crate::ir::{Module, PlaceDecl};
use crate::kernel::{Home, Layout, Step};
use crate::program::host::{Expr, ExprKind, Loop, Over, Stmt, StmtKind, VarId};
use crate::program::{PlaceId, Program};
use std::collections::BTreeMap;

/// Bytes that `dlc` itself holds while a program trains: code, what the compiler leaves behind, stacks. Measured
/// as the resident set of the shipped models less all else that is planned: 14 to 20 MB on Linux on x86-64.
pub const PROGRAM: usize = 15_000_000;

/// Bytes of arguments and reports from which a queue of calls is carried out although there is little work in it.
pub const QUEUED: usize = 2_000_000;

/// Bytes of arguments and reports from which the calls since the last look at the params are let go.
pub const SINCE: usize = 16_000_000;

/// Bytes that a call takes whose reports a list of the schedule waits for, beside the elements of tensors.
pub const CALL: usize = 300;

/// Calls that a queue of 50 ms holds, in the plan; only of steps that take microseconds there are more.
const CALLS: usize = 1024;

/// What a run holds while it trains, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Resident arrays as they lie in memory.
    pub data: usize,
    /// Params and states as they lie in memory.
    pub places: usize,
    /// The copy of them from which calls can be made again, and one of the largest on its way there.
    pub replay: usize,
    /// Snapshots that variables of the schedule hold.
    pub snapshots: usize,
    /// What lives from kernel to kernel of a step, of the step that needs most.
    pub arena: usize,
    /// The threads' own memory, likewise.
    pub scratch: usize,
    /// Reports of the calls of a queue, and of those that a list of the schedule waits for.
    pub reports: usize,
    /// The program itself.
    pub program: usize,
}

impl Planned {
    /// Of a program and its compiled steps.
    pub fn of<'s>(
        program: &Program,
        module: &Module,
        steps: impl Iterator<Item = &'s Step>,
        threads: usize,
    ) -> Planned {
        let mut layouts = vec![Layout::Rows; module.places.len()];
        let mut planned = Planned { program: PROGRAM, ..Planned::default() };
        for step in steps {
            planned.arena = planned.arena.max(step.arena);
            planned.scratch = planned.scratch.max(step.scratch * threads);
            for buffer in &step.buffers {
                if let Home::Place(place) = buffer.home {
                    layouts[place] = buffer.layout;
                }
            }
        }
        planned.data = module.residents.iter().map(|resident| resident.ty.bytes()).sum();
        let sizes: Vec<usize> = module.places.iter().map(|place| place.ty.bytes()).collect();
        let laid_out = |(place, layout): (&PlaceDecl, &Layout)| {
            layout.elements(&place.ty.shape).unwrap_or(0) * place.ty.dtype.size()
        };
        planned.places = module.places.iter().zip(&layouts).map(laid_out).sum();
        planned.replay = sizes.iter().sum::<usize>() + sizes.iter().max().copied().unwrap_or(0);
        let mut held = Held { sizes: &sizes, ..Held::default() };
        held.block(&program.host.body);
        planned.snapshots = held.snapshots.values().sum();
        let slots = module.steps.iter().map(|step| {
            let bytes = step.reports.iter().map(|report| step.ty(report.value).bytes().next_multiple_of(64));
            // In the slots, and as tensors.
            2 * bytes.sum::<usize>()
        });
        let queued = |one: usize| (one * CALLS).min(QUEUED).max(one);
        planned.reports = slots.map(queued).max().unwrap_or(0) + held.listed * CALL;
        planned
    }

    /// All of it.
    pub fn total(&self) -> usize {
        self.parts().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Its parts and what they are called.
    pub fn parts(&self) -> [(&'static str, usize); 8] {
        [
            ("data", self.data),
            ("params and states", self.places),
            ("their copy to go back to", self.replay),
            ("snapshots", self.snapshots),
            ("values between kernels", self.arena),
            ("the threads' scratch", self.scratch),
            ("reports", self.reports),
            ("the program itself", self.program),
        ]
    }
}

/// What variables of the schedule hold.
#[derive(Default)]
struct Held<'a> {
    sizes: &'a [usize],
    /// The largest snapshot that each variable is given.
    snapshots: BTreeMap<VarId, usize>,
    /// The most calls that one list holds.
    listed: usize,
}

impl Held<'_> {
    fn block(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            match &stmt.kind {
                StmtKind::Let(vars, value) => {
                    if let (ExprKind::Snapshot(places), [var]) = (&value.kind, vars.as_slice()) {
                        self.snapshot(*var, places);
                    }
                    self.list(value);
                }
                StmtKind::Set(var, value) => {
                    if let ExprKind::Snapshot(places) = &value.kind {
                        self.snapshot(*var, places);
                    }
                    self.list(value);
                }
                StmtKind::For(_, body) | StmtKind::Phase(_, body) => self.block(body),
                StmtKind::If(_, yes, no) => {
                    self.block(yes);
                    self.block(no);
                }
                StmtKind::Do(value) | StmtKind::Report(_, value) => self.list(value),
                StmtKind::Stop | StmtKind::Assert(..) | StmtKind::Restore(..) => {}
            }
        }
    }

    fn snapshot(&mut self, var: VarId, places: &[PlaceId]) {
        let bytes: usize = places.iter().map(|place| self.sizes[*place]).sum();
        let most = self.snapshots.entry(var).or_default();
        *most = bytes.max(*most);
    }

    /// A list of what calls for minibatches report, or what is made of one.
    fn list(&mut self, value: &Expr) {
        match &value.kind {
            ExprKind::Fold(_, list) => self.list(list),
            ExprKind::Collect { over, .. } => {
                let Loop { over: Over::Batches(batches), .. } = &**over else { return };
                self.listed = self.listed.max(batches.count);
            }
            _ => {}
        }
    }
}

/// The most that the process has held since it began or since [`forget_peak`], in bytes, if the system says it.
pub fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// From here on [`peak`] counts anew; whether the system does that.
pub fn forget_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}
