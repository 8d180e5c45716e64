//! Initial draws as tensors.
//!
//! [`crate::random::draw_all`] makes the numbers; here they are rounded once to the program's
//! precision. Draws of a NumPy stream are made whether needed or not, since the later ones follow
//! from the earlier; the others only if the setup names them.

use crate::diag::{Diagnostic, codes};
use crate::ir::{DType, LeafKind, Module, Tensor};
use crate::program::{Dist, Draw, Precision, Program, StreamSource};
use crate::random::{self, Drawn};

/// The draws that the setup's leaves name, by the program's indices.
pub fn draw_all(program: &Program, module: &Module) -> Result<Vec<Option<Tensor>>, Diagnostic> {
    let all = &program.setup.draws;
    let needed = |at: usize| module.setup.leaves.iter().any(|l| l.kind == LeafKind::Drawn && l.index == at);
    let numpy = |draw: &Draw| matches!(draw.stream, StreamSource::Numpy { .. });
    let made: Vec<usize> = (0..all.len()).filter(|at| numpy(&all[*at]) || needed(*at)).collect();
    let draws: Vec<Draw> = made.iter().map(|at| all[*at].clone()).collect();
    let mut tensors = vec![None; all.len()];
    // One by one: the numbers are f64 until they are tensors.
    for ((at, draw), drawn) in made.into_iter().zip(&draws).zip(random::one_by_one(&draws)) {
        let drawn = drawn.map_err(|reason| mistake(&draws, reason))?;
        if needed(at) {
            tensors[at] = Some(tensor(draw, drawn, module.precision));
        }
    }
    Ok(tensors)
}

/// The message, at the first draw that cannot be made.
fn mistake(draws: &[Draw], reason: String) -> Diagnostic {
    let fails = |count: &usize| random::draw_all(&draws[..*count]).is_err();
    let error = Diagnostic::error(codes::NUMBER, reason);
    match (1..=draws.len()).find(fails) {
        Some(count) => error.label(draws[count - 1].span, "drawn here"),
        None => error,
    }
}

/// A draw of the schedule, for the time `run` that it is made, from 0.
pub fn in_run(draw: &Draw, run: u32, precision: Precision) -> Tensor {
    tensor(draw, random::draw_in_run(draw, run), precision)
}

fn tensor(draw: &Draw, drawn: Drawn, precision: Precision) -> Tensor {
    let ty = crate::lower::tensor_type(&draw.ty, precision);
    let mut values = match drawn {
        Drawn::Real(values) => values,
        Drawn::Int(values) => values.into_iter().map(|v| v as f64).collect(),
    };
    if let (Dist::Uniform(low, high), StreamSource::Philox { .. }) = (&draw.dist, &draw.stream) {
        values.iter_mut().for_each(|v| *v = below(*v, *low, *high, ty.dtype));
    }
    Tensor::from_f64s(ty.dtype, ty.shape, &values)
}

/// A uniform number that rounding to the type must not lift to the upper bound.
fn below(value: f64, low: f64, high: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F32 if low < high && value as f32 >= high as f32 => f64::from((high as f32).next_down()),
        DType::F64 if low < high && value >= high => high.next_down(),
        DType::F32 | DType::F64 | DType::I32 | DType::Bool => value,
    }
}
