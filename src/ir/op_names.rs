//! What operations are called in rule chains and messages.

use super::op::{ArgReduce, Binary, Cells, Compare, Op, Reduce, Unary, Window};

/// The operation's name in the texts people read: `log`, `stop_gradient`, `sum`.
pub fn op_name(op: &Op) -> &'static str {
    names(op).0
}

/// The name of the rule that differentiates it: `grad of log`.
pub fn grad_rule(op: &Op) -> &'static str {
    names(op).1
}

macro_rules! both {
    ($name:literal) => {
        ($name, concat!("grad of ", $name))
    };
}

fn names(op: &Op) -> (&'static str, &'static str) {
    match op {
        Op::Leaf(_) => both!("leaf"),
        Op::Const(_) => both!("constant"),
        Op::Iota { .. } => both!("iota"),
        Op::Unary(f) => match f {
            Unary::Neg => both!("neg"),
            Unary::Abs => both!("abs"),
            Unary::Sign => both!("sign"),
            Unary::Exp => both!("exp"),
            Unary::Log => both!("log"),
            Unary::Log1p => both!("log1p"),
            Unary::Expm1 => both!("expm1"),
            Unary::Sqrt => both!("sqrt"),
            Unary::Tanh => both!("tanh"),
            Unary::Sigmoid => both!("sigmoid"),
            Unary::Softplus => both!("softplus"),
            Unary::Relu => both!("relu"),
            Unary::Erf => both!("erf"),
            Unary::Sin => both!("sin"),
            Unary::Cos => both!("cos"),
            Unary::Floor => both!("floor"),
            Unary::Round => both!("round"),
            Unary::Not => both!("not"),
        },
        Op::Binary(f) => match f {
            Binary::Add => both!("add"),
            Binary::Sub => both!("sub"),
            Binary::Mul => both!("mul"),
            Binary::Div => both!("div"),
            Binary::FloorDiv => both!("floor_div"),
            Binary::Mod => both!("mod"),
            Binary::Pow => both!("pow"),
            Binary::Max => both!("max"),
            Binary::Min => both!("min"),
            Binary::And => both!("and"),
            Binary::Or => both!("or"),
            Binary::ShiftRight => both!("shift_right"),
            Binary::MulHigh => both!("mul_high"),
        },
        Op::Compare(f) => match f {
            Compare::Eq => both!("eq"),
            Compare::Ne => both!("ne"),
            Compare::Lt => both!("lt"),
            Compare::Le => both!("le"),
            Compare::Gt => both!("gt"),
            Compare::Ge => both!("ge"),
        },
        Op::Select => both!("select"),
        Op::Cast(_) => both!("cast"),
        Op::Transpose { .. } => both!("transpose"),
        Op::Broadcast { .. } => both!("broadcast"),
        Op::Reshape => both!("reshape"),
        Op::Slice { .. } => both!("slice"),
        Op::Pad { .. } => both!("pad"),
        Op::Concat { .. } => both!("concat"),
        Op::Reverse { .. } => both!("reverse"),
        Op::Reduce { op, .. } => match op {
            Reduce::Sum => both!("sum"),
            Reduce::Prod => both!("prod"),
            Reduce::Max => both!("reduce max"),
            Reduce::Min => both!("reduce min"),
            Reduce::Any => both!("any"),
            Reduce::All => both!("all"),
        },
        Op::ArgReduce { op, .. } => match op {
            ArgReduce::Max => both!("argmax"),
            ArgReduce::Min => both!("argmin"),
        },
        Op::Contract(_) => both!("contract"),
        Op::WindowReduce { op, .. } => match op {
            Window::Max(_) => both!("window max"),
            Window::Sum => both!("window sum"),
        },
        Op::WindowSpread { cells, .. } => match cells {
            Cells::Largest(_) => both!("window spread"),
            Cells::Every => both!("window fill"),
        },
        Op::WindowPick { .. } => both!("window pick"),
        Op::Gather { .. } => both!("gather"),
        Op::ScatterAdd { .. } => both!("scatter_add"),
        Op::RandomBits { .. } => both!("random_bits"),
        Op::Scan(_) => both!("scan"),
        Op::Result(_) => both!("result of scan"),
        Op::StopGradient => both!("stop_gradient"),
        Op::Grad => both!("grad"),
    }
}
