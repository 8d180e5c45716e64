//! The words of the printed form: one table for each list of functions, for the printer one way and
//! for the reader the other. A function without a word does not compile.

use super::graph::LeafKind;
use super::op::{ArgReduce, Binary, Compare, Reduce, Ties, Unary};
use super::types::DType;

macro_rules! words {
    ($doc:literal, $ty:ident, $name:ident, $parse:ident, $($variant:ident $word:literal)*) => {
        #[doc = concat!("The word for ", $doc, ".")]
        pub fn $name(value: $ty) -> &'static str {
            match value {
                $($ty::$variant => $word,)*
            }
        }

        #[doc = concat!("The word's meaning, if it is one for ", $doc, ".")]
        pub fn $parse(word: &str) -> Option<$ty> {
            match word {
                $($word => Some($ty::$variant),)*
                _ => None,
            }
        }
    };
}

words! {
    "a kind of leaf", LeafKind, kind_name, kind_of,
    Arg "arg"
    Place "place"
    Resident "resident"
    Raw "raw"
    Drawn "drawn"
    Run "run"
    Carried "carried"
    Scanned "scanned"
    Captured "captured"
    Turn "turn"
}

words! {
    "a function of one operand", Unary, unary_name, unary_of,
    Neg "neg"
    Abs "abs"
    Sign "sign"
    Exp "exp"
    Log "log"
    Log1p "log1p"
    Expm1 "expm1"
    Sqrt "sqrt"
    Tanh "tanh"
    Sigmoid "sigmoid"
    Softplus "softplus"
    Relu "relu"
    Erf "erf"
    Sin "sin"
    Cos "cos"
    Floor "floor"
    Round "round"
    Not "not"
}

words! {
    "a function of two operands", Binary, binary_name, binary_of,
    Add "add"
    Sub "sub"
    Mul "mul"
    Div "div"
    FloorDiv "floor_div"
    Mod "mod"
    Pow "pow"
    Max "max"
    Min "min"
    And "and"
    Or "or"
    ShiftRight "shift_right"
    MulHigh "mul_high"
}

words! {
    "a comparison", Compare, compare_name, compare_of,
    Eq "eq"
    Ne "ne"
    Lt "lt"
    Le "le"
    Gt "gt"
    Ge "ge"
}

words! {
    "a reduction", Reduce, reduce_name, reduce_of,
    Sum "reduce_sum"
    Prod "reduce_prod"
    Max "reduce_max"
    Min "reduce_min"
    Any "reduce_any"
    All "reduce_all"
}

words! {
    "the index of an extreme element", ArgReduce, arg_reduce_name, arg_reduce_of,
    Max "argmax"
    Min "argmin"
}

words! {
    "a rule for ties", Ties, ties_name, ties_of,
    First "first"
    All "all"
}

words! {
    "an element type", DType, dtype_name, dtype_of,
    F32 "f32"
    F64 "f64"
    I32 "i32"
    Bool "bool"
}
