//! What a right program is made of: places with shapes, steps with what they compute, data.

use super::memory::megabytes;
use super::output::{count, table};
use crate::compile::{Built, Compiled};
use crate::kernel::cost;
use crate::program::{PlaceKind, Program, TensorType};
use crate::runtime::Planned;
use serde::Serialize;
use std::fmt::Write;

/// The parts of a program.
#[derive(Debug, Serialize)]
pub struct Summary {
    program: String,
    #[serde(skip)]
    doc: Option<String>,
    params: Vec<Tensor>,
    states: Vec<Tensor>,
    steps: Vec<Step>,
    data: Vec<Tensor>,
    /// Bytes that a run on one thread holds while it trains, by what they are.
    memory: Vec<(&'static str, usize)>,
}

#[derive(Debug, Serialize)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    #[serde(skip)]
    shown: String,
}

#[derive(Debug, Serialize)]
struct Step {
    name: String,
    form: String,
    declared: bool,
    flops: usize,
    kernels: usize,
    /// Read and written by the kernels of a call, each range once a kernel.
    bytes: usize,
    /// What a call needs beside places and data: the arena, and the scratch of one thread.
    peak: usize,
}

impl Summary {
    /// Of a program and its compiled steps.
    pub fn of(program: &Program, compiled: &Compiled) -> Summary {
        let places = |kind: PlaceKind| {
            let of_kind = program.places.iter().filter(move |p| p.kind == kind);
            of_kind.map(|p| tensor(&p.name, &p.ty)).collect()
        };
        let step = |(step, built): (&crate::program::Step, &Built)| {
            let cost = cost::of_step(&built.step);
            Step {
                name: step.name.clone(),
                form: step.form.clone(),
                declared: step.declared,
                flops: cost.flops as usize,
                kernels: built.step.kernels.len(),
                bytes: (cost.read + cost.written) as usize,
                peak: built.step.arena + built.step.scratch,
            }
        };
        let steps = compiled.kernels.iter().map(|built| &built.step);
        let planned = Planned::of(program, &compiled.module, steps, 1);
        let setup = &program.setup;
        let residents = setup.residents.iter();
        Summary {
            program: program.name.clone(),
            doc: program.doc.clone(),
            params: places(PlaceKind::Param),
            states: places(PlaceKind::State),
            steps: program.steps.iter().zip(&compiled.kernels).map(step).collect(),
            data: residents.map(|r| tensor(&r.name, &setup.body.values[r.value].ty)).collect(),
            memory: planned.parts().into_iter().filter(|(_, bytes)| *bytes > 0).collect(),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = self.program.clone();
        if let Some(line) = self.doc.as_deref().and_then(|d| d.lines().next()) {
            let _ = write!(text, ": {line}");
        }
        text.push('\n');
        tensors(&mut text, "params", &self.params);
        tensors(&mut text, "states", &self.states);
        let (steps, expressions): (Vec<&Step>, Vec<&Step>) = self.steps.iter().partition(|s| s.declared);
        for (title, part) in [("steps", steps), ("expressions of the schedule", expressions)] {
            if !part.is_empty() {
                let _ = write!(text, "\n{title}\n{}", table(&step_rows(&part), &[1, 2, 3, 4]));
            }
        }
        tensors(&mut text, "data", &self.data);
        let all = ("in all", self.memory.iter().map(|(_, bytes)| bytes).sum());
        let row = |(name, bytes): &(&str, usize)| vec![(*name).to_owned(), megabytes(*bytes)];
        let rows: Vec<Vec<String>> = self.memory.iter().chain([&all]).map(row).collect();
        let _ = write!(text, "\nmemory while training, on one thread\n{}", table(&rows, &[1]));
        text
    }

    /// For scripts: one object on one line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers can be written as JSON") + "\n"
    }
}

/// Name, FLOPs, and how often if several look the same (an expression that stands in two places).
fn step_rows(steps: &[&Step]) -> Vec<Vec<String>> {
    let mut rows: Vec<(Vec<String>, usize)> = Vec::new();
    for s in steps {
        let name = if s.form.is_empty() { s.name.clone() } else { format!("{} {}", s.name, s.form) };
        let kernels = if s.kernels == 1 { "1 kernel".to_owned() } else { format!("{} kernels", s.kernels) };
        let row = vec![
            name,
            format!("{} FLOPs", count(s.flops)),
            kernels,
            format!("{} bytes moved", count(s.bytes)),
            format!("{} bytes of memory", count(s.peak)),
        ];
        match rows.iter_mut().find(|(r, _)| *r == row) {
            Some((_, times)) => *times += 1,
            None => rows.push((row, 1)),
        }
    }
    let often = |(mut row, times): (Vec<String>, usize)| {
        if times > 1 {
            row.push(format!("in {times} places"));
        }
        row
    };
    rows.into_iter().map(often).collect()
}

fn tensor(name: &str, ty: &TensorType) -> Tensor {
    let axis = |(extent, name): (&usize, &Option<std::sync::Arc<str>>)| match name {
        Some(name) => format!("{name} = {}", count(*extent)),
        None => count(*extent),
    };
    let axes: Vec<String> = ty.shape.iter().zip(&ty.names).map(axis).collect();
    let elem = match ty.elem {
        crate::program::Elem::Real => String::new(),
        crate::program::Elem::Int | crate::program::Elem::Bool => format!(": {}", ty.elem.name()),
    };
    Tensor { name: name.to_owned(), shape: ty.shape.clone(), shown: format!("[{}]{elem}", axes.join(", ")) }
}

fn tensors(text: &mut String, title: &str, tensors: &[Tensor]) {
    if tensors.is_empty() {
        return;
    }
    let elements = |t: &Tensor| t.shape.iter().product::<usize>();
    let row = |t: &Tensor| vec![t.name.clone(), t.shown.clone(), count(elements(t))];
    let mut rows: Vec<Vec<String>> = tensors.iter().map(row).collect();
    if rows.len() > 1 {
        rows.push(vec!["in all".into(), String::new(), count(tensors.iter().map(elements).sum())]);
    }
    let _ = write!(text, "\n{title}\n{}", table(&rows, &[2]));
}
