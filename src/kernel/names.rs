//! What buffers, kernels, variables and counters are called in the printed form.

use super::{BufferId, IndexVar, Step, Var};
use crate::ir::print::{LETTERS, is_plain, is_plain_char};
use std::collections::BTreeMap;

/// Labels of a step's buffers and kernels: the name where it is a plain word that no earlier one has,
/// otherwise something like it.
pub struct Labels {
    buffers: Vec<String>,
    kernels: Vec<String>,
}

impl Labels {
    /// Those of a step.
    pub fn of(step: &Step) -> Labels {
        Labels {
            buffers: unique(step.buffers.iter().map(|b| plain(&b.name, 'b')), &[]),
            kernels: unique(step.kernels.iter().map(|k| plain(&k.name, 'k')), &["loop"]),
        }
    }

    /// A buffer's label; that of a buffer which does not exist reads back as none.
    pub fn buffer(&self, id: BufferId) -> String {
        self.buffers.get(id.0 as usize).cloned().unwrap_or_else(|| format!("no buffer {}", id.0))
    }

    /// A kernel's label.
    pub fn kernel(&self, index: usize) -> String {
        self.kernels.get(index).cloned().unwrap_or_else(|| format!("no kernel {index}"))
    }
}

/// i to z, a to h, then v26, v27, …
pub fn variable(var: Var) -> String {
    LETTERS.chars().nth(var.0 as usize).map_or_else(|| format!("v{}", var.0), String::from)
}

/// A variable, or a counter as c0, c1, …
pub fn index_variable(var: IndexVar) -> String {
    match var {
        IndexVar::Loop(var) => variable(var),
        IndexVar::Counter(counter) => format!("c{counter}"),
    }
}

/// What a word of the printed form is as a variable or counter.
pub fn index_variable_of(word: &str) -> Option<IndexVar> {
    let letter = LETTERS.find(word).filter(|_| word.len() == 1);
    let var = letter.map(|at| at as u32).or_else(|| word.strip_prefix('v').and_then(|n| n.parse().ok()));
    let counter = || word.strip_prefix('c').and_then(|n| n.parse().ok()).map(IndexVar::Counter);
    var.map(|v| IndexVar::Loop(Var(v))).or_else(counter)
}

/// The characters of a name that a plain word may have, as a word.
fn plain(name: &str, first: char) -> String {
    let kept: String = name.chars().filter(|c| is_plain_char(*c)).collect();
    if is_plain(&kept) { kept } else { format!("{first}{kept}") }
}

/// Of equal labels the second gets `~2` and so on; no plain word holds `~`.
fn unique(labels: impl Iterator<Item = String>, reserved: &[&str]) -> Vec<String> {
    let mut taken: BTreeMap<String, usize> = reserved.iter().map(|r| ((*r).to_owned(), 1)).collect();
    let one = |label: String| {
        let count = taken.entry(label.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { label } else { format!("{label}~{count}") }
    };
    labels.map(one).collect()
}
