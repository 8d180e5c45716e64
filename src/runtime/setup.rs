//! What happens once before the run: files and draws become resident arrays and initial values.

use super::draw;
use super::raw::{self, Files};
use super::rows::{self, Leaves};
use super::view::{self, Loaded};
use crate::diag::{Diagnostic, Problems};
use crate::ir::{LeafKind, Module, Tensor};
use crate::program::{Elem, Precision, Program};
use std::path::Path;

/// What the run starts from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ready {
    /// Resident arrays, by the module's indices.
    pub residents: Vec<Tensor>,
    /// Initial values of places, by the module's indices.
    pub places: Vec<Tensor>,
}

/// Reads files, makes the initial draws and evaluates the setup. `folder` is the program file's.
/// Files that nothing needs are not read; draws of a NumPy stream are all made.
pub fn prepare(program: &Program, module: &Module, folder: &Path) -> Result<Ready, Problems> {
    let raws = read(program, module, folder)?;
    let drawn = draw::draw_all(program, module).map_err(|error| vec![error])?;
    let outcome = rows::reports(&module.setup, Leaves { raws, drawn });
    let mut residents = outcome.map_err(|fault| vec![super::fault::in_setup(&module.setup, &fault)])?;
    let places = residents.split_off(module.residents.len());
    assert_eq!(places.len(), module.places.len(), "the setup reports every place");
    Ok(Ready { residents, places })
}

/// The raw arrays that the setup's leaves name, file after file; what no leaf names of a file is forgotten.
fn read(program: &Program, module: &Module, folder: &Path) -> Result<Vec<Option<Loaded>>, Problems> {
    let declared = &program.setup.raws;
    let mut loaded: Vec<Option<Loaded>> = vec![None; declared.len()];
    let mut problems = Problems::new();
    let mut files = Files::new(folder);
    let mut todo: Vec<usize> =
        module.setup.leaves.iter().filter(|l| l.kind == LeafKind::Raw).map(|l| l.index).collect();
    todo.sort_unstable();
    while let Some(first) = todo.first() {
        let (reader, path, _) = raw::call(&declared[*first].source);
        let (here, later): (Vec<usize>, Vec<usize>) = todo.iter().partition(|at| {
            let (r, p, _) = raw::call(&declared[**at].source);
            (r, p) == (reader, path)
        });
        // Whole numbers and truth values are looked at as the file has them.
        let real = |at: &usize| declared[*at].ty.elem == Elem::Real;
        files.narrow(module.precision == Precision::F32 && here.iter().all(real));
        for at in here {
            let ty = crate::lower::tensor_type(&declared[at].ty, module.precision);
            match files.loaded(&declared[at], &ty) {
                Ok(array) => loaded[at] = Some(array),
                Err(problem) => {
                    let again = problems
                        .iter()
                        .any(|p: &Diagnostic| p.title == problem.title && p.notes == problem.notes);
                    if !again {
                        problems.push(problem);
                    }
                }
            }
        }
        files.forget(|_, _| false);
        view::part(&mut loaded);
        todo = later;
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}
