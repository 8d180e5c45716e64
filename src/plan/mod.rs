//! Where every kept value lies, for how long, and how much memory that takes.
//!
//! [`plan`] gives each value that pieces keep a [`Storage`]. What only its own cluster reads lies in the
//! scratch of the thread, a block at a time, over what it is made of where that may be; the value of a product that one
//! other piece turns into something of the same shape, a tile at a time. What each thread computes for itself lies in its own memory, all else
//! whole in one arena; of both, parts are taken again once their last reader is done. A place is written over in
//! place; the division into clusters has seen to it that nobody reads the old value later.

mod arena;
mod in_place;
pub mod lanes;
pub mod layout;
mod over;
mod tiles;

pub use layout::Layout;
pub use tiles::Tile;

use crate::fuse::{Fused, Moments, Share, Source, What};
use crate::ir::{DType, Graph, NodeId, Op};
use arena::{Arena, Interval};
use std::collections::BTreeMap;

/// Where everything lies.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Each kept value.
    pub values: BTreeMap<Source, Storage>,
    /// The current carried values of scans, by scan and position.
    pub carried: BTreeMap<(NodeId, usize), Storage>,
    /// Products done by tiles: the product's piece, and how.
    pub tiles: BTreeMap<usize, Tile>,
    /// Pieces that write over a place in the stead of another: the piece of a contraction, that of the sink.
    pub in_place: BTreeMap<usize, usize>,
    /// How places lie, by their index in the module; one that is not here lies row by row.
    pub layouts: BTreeMap<usize, Layout>,
    /// The plans of scans' bodies.
    pub loops: BTreeMap<NodeId, Plan>,
    /// Bytes of the arena.
    pub arena: usize,
    /// Bytes of each thread's own memory: first what other clusters read, then scratch.
    pub scratch: usize,
}

/// Where a value lies, and in which form.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// The memory.
    pub memory: Memory,
    /// Element type.
    pub dtype: DType,
    /// Extents in memory, row-major: the value's, or shorter where only a part is held.
    pub held: Vec<usize>,
    /// The axis of which only the owner's block is held.
    pub block: Option<usize>,
    /// The axis of which only a tile is held.
    pub tile: Option<usize>,
    /// The axis whose elements are neighbours, if it is not the last.
    pub inner: Option<usize>,
    /// Elements behind each index of the outermost of the other axes, or behind each row of a matrix, that mean nothing.
    pub gap: usize,
}

/// A kind of memory, and a byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Shared by the team.
    Arena(usize),
    /// Shared by the team too, in several copies that calls take by turns.
    Alternate(Copies),
    /// A thread's own, for other clusters of the call.
    Own(usize),
    /// The same, in several copies that calls take by turns.
    OwnAlternate(Copies),
    /// A thread's own, for a block; behind all that other clusters read.
    Scratch(usize),
}

/// Memory that the calls of a run take by turns: call c the copy c modulo their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// The first byte of the first.
    pub first: usize,
    /// Bytes from one to the next.
    pub apart: usize,
    /// How many there are.
    pub count: usize,
}

impl Copies {
    /// The byte at which a call's copy begins.
    pub fn of_call(&self, call: usize) -> usize {
        self.first + self.apart * (call % self.count)
    }

    /// The byte at which the last one begins.
    pub fn last(&self) -> usize {
        self.first + self.apart * (self.count - 1)
    }
}

impl Storage {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.elements() * self.dtype.size()
    }

    /// Elements held, with those that mean nothing.
    pub fn elements(&self) -> usize {
        let gaps = self.outermost().map_or(0, |axis| self.gap * self.held[axis]);
        self.held.iter().product::<usize>() + gaps
    }

    /// The extents in memory; one for all where there are gaps.
    pub fn extents(&self) -> Vec<usize> {
        if self.gap == 0 { self.held.clone() } else { vec![self.elements()] }
    }

    /// The outermost of the axes behind which there may be gaps.
    pub fn outermost(&self) -> Option<usize> {
        match self.inner {
            Some(inner) => Some(usize::from(inner == 0)),
            None => (self.held.len() == 2).then_some(0),
        }
    }

    /// The same with gaps where planes would else lie at distances that a cache maps to one place.
    fn with_gap(self) -> Storage {
        let Some(outermost) = self.outermost().filter(|_| self.inner.is_some()) else { return self };
        let plane = self.strides()[outermost] as usize * self.dtype.size();
        let gap = if plane.is_multiple_of(ALIASED) { LINE / self.dtype.size() } else { 0 };
        Storage { gap, ..self }
    }

    /// The same with gaps that let the rows of a matrix begin on cache lines, a vector of them then being in one; not at
    /// distances that a cache maps to few places. Where rows are short, gaps would be much of them; where they begin on lines
    /// already, they stay.
    fn with_rows_on_lines(self) -> Storage {
        let [rows, columns] = self.held[..] else { return self };
        let size = self.dtype.size();
        let bytes = columns * size;
        if rows < 2 || bytes < LONG_ROW_BYTES || bytes.is_multiple_of(LINE) {
            return self;
        }
        let whole = bytes.next_multiple_of(LINE);
        let whole = if whole.is_multiple_of(ALIASED / 4) { whole + LINE } else { whole };
        Storage { gap: (whole - bytes) / size, ..self }
    }

    /// Elements of the axis that lies innermost instead of the last; 1 if it is the last.
    pub fn lanes(&self) -> usize {
        self.inner.map_or(1, |axis| self.held[axis])
    }

    /// Elements between two neighbours along each axis.
    pub fn strides(&self) -> Vec<i64> {
        let Some(inner) = self.inner else {
            let mut along = strides(&self.held);
            if let Some(outermost) = self.outermost() {
                along[outermost] += self.gap as i64;
            }
            return along;
        };
        let width = self.held[inner] as i64;
        let mut others = self.held.clone();
        others[inner] = 1;
        let mut along: Vec<i64> = strides(&others).into_iter().map(|by| by * width).collect();
        along[inner] = 1;
        if let Some(outermost) = self.outermost() {
            along[outermost] += self.gap as i64;
        }
        along
    }
}

/// Bytes of a cache line, and a distance of which a first cache maps few multiples to different places.
const LINE: usize = 64;
const ALIASED: usize = 2048;
/// Bytes of a row from which it may begin on a line of its own.
const LONG_ROW_BYTES: usize = 512;

/// Row-major strides of a shape.
pub fn strides(shape: &[usize]) -> Vec<i64> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as i64;
    }
    strides
}

/// Gives everything its place in memory.
pub fn plan(graph: &Graph, fused: &Fused) -> Plan {
    let mut all = Memories::default();
    let mut plan = layout(graph, fused, &mut all);
    let last = all.time.saturating_sub(1);
    match fused.calls.ahead {
        // The last phase of a call runs beside the first of the next, in each thread before it.
        None => all.arena.period = (!fused.calls.closed).then_some(last),
        Some(ahead) => all.ahead(Moments::new(last, ahead)),
    }
    let own = all.own.bytes();
    settle(&mut plan, &all.arena.offsets(), &all.own.offsets(), own);
    plan.arena = all.arena.bytes();
    plan.scratch = scratch(&plan);
    plan
}

/// The most scratch that a kernel of the plan, or of its loops, takes.
fn scratch(plan: &Plan) -> usize {
    plan.loops.values().map(scratch).fold(plan.scratch, usize::max)
}

/// What all graphs of a step lie in, and the moments so far: one for each phase.
#[derive(Default)]
struct Memories {
    arena: Arena,
    own: Arena,
    time: usize,
}

impl Memories {
    /// A value for all threads, from one moment to another.
    fn arena(&mut self, storage: Storage, from: usize, to: usize) -> Storage {
        let number = self.arena.take(Interval { from, to, bytes: storage.bytes() });
        Storage { memory: Memory::Arena(number), ..storage }
    }

    /// The same in copies: while the next call writes one, this call's is still read. Of more than two some are always
    /// in use.
    fn alternate(&mut self, storage: Storage, count: usize, (from, to): (usize, usize)) -> Storage {
        let (interval, copies) = self.copies(&storage, count, (from, to));
        let first = self.arena.take(interval);
        Storage { memory: Memory::Alternate(Copies { first, ..copies }), ..storage }
    }

    fn copies(&self, storage: &Storage, count: usize, (from, to): (usize, usize)) -> (Interval, Copies) {
        let apart = storage.bytes().next_multiple_of(LINE);
        let (from, to) = if count > 2 { (0, self.time.saturating_sub(1)) } else { (from, to) };
        (Interval { from, to, bytes: count * apart }, Copies { first: 0, apart, count })
    }

    /// One that each thread has for itself.
    fn own(&mut self, storage: Storage, from: usize, to: usize) -> Storage {
        let number = self.own.take(Interval { from, to, bytes: storage.bytes() });
        Storage { memory: Memory::Own(number), ..storage }
    }

    /// The same in copies.
    fn own_alternate(&mut self, storage: Storage, count: usize, (from, to): (usize, usize)) -> Storage {
        let (interval, copies) = self.copies(&storage, count, (from, to));
        let first = self.own.take(interval);
        Storage { memory: Memory::OwnAlternate(Copies { first, ..copies }), ..storage }
    }

    /// The beginning of the next call comes at these moments; loops are in other phases, so that the first ones are
    /// phases, and the last one is too.
    fn ahead(&mut self, moments: Moments) {
        for of in [&mut self.arena, &mut self.own] {
            of.period = Some(moments.period());
            for interval in &mut of.intervals {
                (interval.from, interval.to) = (moments.of(interval.from), moments.of(interval.to));
            }
        }
    }
}

/// Storage for one graph; in place of a byte of the arena stands the number of the interval.
fn layout(graph: &Graph, fused: &Fused, all: &mut Memories) -> Plan {
    let in_place = in_place::in_place(fused);
    let mut plan = Plan { tiles: tiles::tiles(graph, fused), in_place, ..Plan::default() };
    let mut cluster_of = vec![0; fused.pieces.len()];
    for (nth, cluster) in fused.clusters.iter().enumerate() {
        cluster.pieces.iter().for_each(|p| cluster_of[*p] = nth);
    }
    // The moment of each cluster: a loop lasts from that of its phase to another.
    let mut moments = Vec::new();
    for same in fused.clusters.chunk_by(|a, b| a.phase == b.phase) {
        let begin = all.time;
        for cluster in same {
            all.time = begin;
            if let What::Loop(id, body) = &fused.pieces[cluster.pieces[0]].what {
                let Op::Scan(scan) = graph.op(*id) else { unreachable!("a loop is a scan") };
                let inner = layout(&scan.body, body, all);
                plan.loops.insert(*id, inner);
            }
            all.time = all.time.max(begin + 1);
            moments.push((begin, all.time - 1));
        }
    }
    let lanes: Vec<bool> =
        fused.clusters.iter().map(|cluster| lanes::has_lanes(graph, fused, cluster)).collect();
    let last_reader = |source: Source, home: usize| {
        let readers =
            (0..fused.pieces.len()).filter(|p| fused.pieces[*p].reads.iter().any(|r| r.source == source));
        readers.map(|p| cluster_of[p]).fold(home, usize::max)
    };
    for (nth, piece) in fused.pieces.iter().enumerate() {
        let home = cluster_of[nth];
        match &piece.what {
            What::Value(_) if plan.in_place.contains_key(&nth) => {}
            What::Value(id) | What::Joined(id) => {
                let source = Source::Node(*id);
                let ty = graph.ty(*id);
                let last = last_reader(source, home);
                let whole = Storage {
                    memory: Memory::Arena(0),
                    dtype: ty.dtype,
                    held: ty.shape.clone(),
                    block: None,
                    tile: None,
                    inner: None,
                    gap: 0,
                };
                let on_lines = |storage: Storage| match lanes::may_have_rows_apart(graph, *id) {
                    true => storage.with_rows_on_lines(),
                    false => storage,
                };
                let share = fused.clusters[home].share;
                let copies = fused.calls.copies.get(&source).copied();
                let (from, to) = (moments[home].0, moments[last].1);
                let storage = match (share.owner(), piece.owner, copies) {
                    (Some(owner), Some(axis), _) if last == home && axis < piece.outer => {
                        let mut held = ty.shape.clone();
                        held[axis] = owner.unit.min(owner.extent);
                        let tile = plan.tiles.get(&nth).map(|t| {
                            held[t.axis] = t.size;
                            t.axis
                        });
                        let lanes = tile.is_none() && lanes[home] && lanes::may_be_lanes(graph, *id, axis);
                        // A sum lies as those of its blocks do, along which it is gone through.
                        let of_blocks = || plan.values.get(&Source::Partial(*id))?.inner?.checked_sub(1);
                        let inner = lanes.then_some(axis).or_else(of_blocks);
                        let memory = Memory::Scratch(0);
                        let storage = Storage { memory, held, block: Some(axis), tile, inner, ..whole };
                        if lanes::may_have_gaps(graph, *id) { storage.with_gap() } else { storage }
                    }
                    (.., Some(count)) if share == Share::Each => {
                        all.own_alternate(on_lines(whole), count, (from, to))
                    }
                    (.., Some(count)) => all.alternate(on_lines(whole), count, (from, to)),
                    _ if share == Share::Each => all.own(on_lines(whole), from, to),
                    _ => all.arena(on_lines(whole), from, to),
                };
                plan.values.insert(source, storage);
            }
            What::Partial(id) => {
                let source = Source::Partial(*id);
                let last = last_reader(source, home);
                let held = [&[piece.blocks()], &piece.extents[..piece.outer]].concat();
                let dtype = graph.ty(*id).dtype;
                // The blocks come first.
                let inner = columns(graph, *id, &piece.extents[..piece.outer]).map(|axis| axis + 1);
                let memory = Memory::Arena(0);
                let whole = Storage { memory, dtype, held, block: None, tile: None, inner, gap: 0 };
                let (from, to) = (moments[home].0, moments[last].1);
                let storage = match fused.calls.copies.get(&source) {
                    Some(count) => all.alternate(whole, *count, (from, to)),
                    None => all.arena(whole, from, to),
                };
                plan.values.insert(source, storage);
            }
            What::Loop(id, _) => results(graph, fused, *id, &cluster_of, &moments, all, &mut plan),
            What::Sink(_) | What::Enter(..) => {}
        }
    }
    share_scratch(graph, fused, &cluster_of, &mut plan);
    plan
}

/// Extent below which an axis makes poor columns of a product, and from which another is worth being them.
const FEW: usize = 16;
const MANY: usize = 32;

/// The axis of a product's result that had better be its columns than the last: a long one that one factor
/// alone has.
fn columns(graph: &Graph, id: NodeId, outer: &[usize]) -> Option<usize> {
    let Op::Contract(spec) = graph.op(id) else { return None };
    let only = |axis: usize| {
        let v = spec.output[axis];
        let has = |of: usize| spec.operands[of].iter().any(|a| a.terms.iter().any(|(w, _)| *w == v));
        has(0) != has(1)
    };
    let longest =
        (0..outer.len()).filter(|axis| outer[*axis] >= MANY && only(*axis)).max_by_key(|a| outer[*a]);
    longest.filter(|_| outer.last().is_some_and(|last| *last < FEW))
}

/// Storage for the carried values and the stacks of a scan.
fn results(
    graph: &Graph,
    fused: &Fused,
    id: NodeId,
    cluster_of: &[usize],
    moments: &[(usize, usize)],
    all: &mut Memories,
    plan: &mut Plan,
) {
    let Op::Scan(scan) = graph.op(id) else { unreachable!("a loop is a scan") };
    let loop_piece = fused.pieces.iter().position(|p| matches!(&p.what, What::Loop(of, _) if *of == id));
    let home = cluster_of[loop_piece.expect("the scan has its piece")];
    for (at, ty) in scan.results().into_iter().enumerate() {
        let nodes: Vec<NodeId> = graph
            .ids()
            .filter(|r| {
                *graph.op(*r) == Op::Result(at) && graph.inputs(*r) == [id] && fused.stored[r.index()]
            })
            .collect();
        if at >= scan.carried && nodes.is_empty() {
            continue;
        }
        let reads = |p: &usize, source| fused.pieces[*p].reads.iter().any(|r| r.source == source);
        let enters = |p: &usize| matches!(fused.pieces[*p].what, What::Enter(of, n) if of == id && n == at);
        let pieces = 0..fused.pieces.len();
        let first = pieces.clone().filter(enters).map(|p| cluster_of[p]).fold(home, usize::min);
        let last = nodes.iter().fold(home, |last, node| {
            let readers = pieces.clone().filter(|p| reads(p, Source::Node(*node))).map(|p| cluster_of[p]);
            readers.fold(last, usize::max)
        });
        let whole = Storage {
            memory: Memory::Arena(0),
            dtype: ty.dtype,
            held: ty.shape,
            block: None,
            tile: None,
            inner: None,
            gap: 0,
        };
        let storage = all.arena(whole, moments[first].0, moments[last].1);
        for node in nodes {
            plan.values.insert(Source::Node(node), storage.clone());
        }
        plan.carried.insert((id, at), storage);
    }
}

/// Gives what lies in scratch its byte: within a cluster, memory is taken again after the last reader, or by the last
/// reader itself.
fn share_scratch(graph: &Graph, fused: &Fused, cluster_of: &[usize], plan: &mut Plan) {
    for (nth, cluster) in fused.clusters.iter().enumerate() {
        let mut scratch = Arena::default();
        let mut held: Vec<(Source, usize)> = Vec::new();
        for (step, p) in cluster.pieces.iter().enumerate() {
            let piece = &fused.pieces[*p];
            let (What::Value(id) | What::Joined(id)) = piece.what else { continue };
            let source = Source::Node(id);
            let Some(storage) = plan.values.get(&source) else { continue };
            let Memory::Scratch(_) = storage.memory else { continue };
            let reads = |q: &usize| fused.pieces[*q].reads.iter().any(|r| r.source == source);
            let last = cluster.pieces.iter().rposition(|q| reads(q) && cluster_of[*q] == nth).unwrap_or(step);
            // What a product reads that is moved to its user is read there.
            let last = cluster.pieces[..=last]
                .iter()
                .filter(|q| reads(q))
                .filter_map(|q| plan.tiles.get(q).map(|t| t.user).or(plan.in_place.get(q).copied()))
                .filter_map(|user| cluster.pieces.iter().position(|q| *q == user))
                .fold(last, usize::max);
            let beneath = match storage.bytes() {
                over::LARGE.. => over::sources(graph, piece),
                _ => Vec::new(),
            };
            let under = beneath.into_iter().find_map(|of| {
                let alike = plan.values.get(&of).is_some_and(|old| over::alike(old, storage));
                let (_, slot) = held.iter().rfind(|(source, _)| alike && *source == of)?;
                (scratch.intervals[*slot].to == step).then_some(*slot)
            });
            let slot = under
                .unwrap_or_else(|| scratch.take(Interval { from: step, to: last, bytes: storage.bytes() }));
            scratch.intervals[slot].to = last;
            held.push((source, slot));
        }
        let offsets = scratch.offsets();
        for (source, slot) in held {
            plan.values.get_mut(&source).expect("it was just there").memory = Memory::Scratch(offsets[slot]);
        }
        plan.scratch = plan.scratch.max(scratch.bytes());
    }
}

/// Puts bytes in place of the numbers of intervals, and scratch behind what each thread keeps.
fn settle(plan: &mut Plan, arena: &[usize], own: &[usize], behind: usize) {
    for storage in plan.values.values_mut().chain(plan.carried.values_mut()) {
        match &mut storage.memory {
            Memory::Arena(number) => *number = arena[*number],
            Memory::Own(number) => *number = own[*number],
            Memory::Alternate(copies) => copies.first = arena[copies.first],
            Memory::OwnAlternate(copies) => copies.first = own[copies.first],
            Memory::Scratch(byte) => *byte += behind,
        }
    }
    plan.scratch += behind;
    plan.loops.values_mut().for_each(|inner| settle(inner, arena, own, behind));
}
