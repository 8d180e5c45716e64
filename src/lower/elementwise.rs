//! Elementwise functions: operands convert to the type that the function works in, then broadcast
//! to the result's shape.

use super::Lower;
use crate::ir::{Binary, Compare, DType, NodeId, Type, Unary};
use crate::program::MapOp;

impl Lower<'_> {
    /// An elementwise function with a result of type `ty`.
    pub(super) fn map(&mut self, op: MapOp, args: &[NodeId], ty: &Type) -> NodeId {
        match op {
            MapOp::Neg => self.unary(Unary::Neg, args, ty),
            MapOp::Abs => self.unary(Unary::Abs, args, ty),
            MapOp::Sign => self.unary(Unary::Sign, args, ty),
            MapOp::Exp => self.unary(Unary::Exp, args, ty),
            MapOp::Log => self.unary(Unary::Log, args, ty),
            MapOp::Log1p => self.unary(Unary::Log1p, args, ty),
            MapOp::Expm1 => self.unary(Unary::Expm1, args, ty),
            MapOp::Sqrt => self.unary(Unary::Sqrt, args, ty),
            MapOp::Tanh => self.unary(Unary::Tanh, args, ty),
            MapOp::Sigmoid => self.unary(Unary::Sigmoid, args, ty),
            MapOp::Softplus => self.unary(Unary::Softplus, args, ty),
            MapOp::Relu => self.relu(args, ty),
            MapOp::Erf => self.unary(Unary::Erf, args, ty),
            MapOp::Sin => self.unary(Unary::Sin, args, ty),
            MapOp::Cos => self.unary(Unary::Cos, args, ty),
            MapOp::Floor => self.whole(Unary::Floor, args, ty),
            MapOp::Round => self.whole(Unary::Round, args, ty),
            MapOp::Not => self.unary(Unary::Not, args, ty),
            MapOp::Add => self.binary(Binary::Add, args, ty),
            MapOp::Sub => self.binary(Binary::Sub, args, ty),
            MapOp::Mul => self.binary(Binary::Mul, args, ty),
            MapOp::Div => {
                assert!(ty.dtype.is_real(), "a quotient is real");
                self.binary(Binary::Div, args, ty)
            }
            MapOp::FloorDiv => self.binary(Binary::FloorDiv, args, ty),
            MapOp::Mod => self.binary(Binary::Mod, args, ty),
            MapOp::Pow => self.binary(Binary::Pow, args, ty),
            MapOp::Max => self.binary(Binary::Max, args, ty),
            MapOp::Min => self.binary(Binary::Min, args, ty),
            MapOp::And => self.binary(Binary::And, args, ty),
            MapOp::Or => self.binary(Binary::Or, args, ty),
            MapOp::Eq => self.compare(Compare::Eq, args, ty),
            MapOp::Ne => self.compare(Compare::Ne, args, ty),
            MapOp::Lt => self.compare(Compare::Lt, args, ty),
            MapOp::Le => self.compare(Compare::Le, args, ty),
            MapOp::Gt => self.compare(Compare::Gt, args, ty),
            MapOp::Ge => self.compare(Compare::Ge, args, ty),
            MapOp::Where => {
                let condition = self.operand(args[0], DType::Bool, &ty.shape);
                let a = self.operand(args[1], ty.dtype, &ty.shape);
                let b = self.operand(args[2], ty.dtype, &ty.shape);
                self.b.select(condition, a, b)
            }
            MapOp::Clamp => {
                let [x, low, high] = [0, 1, 2].map(|i| self.operand(args[i], ty.dtype, &ty.shape));
                let raised = self.b.binary(Binary::Max, x, low);
                self.b.binary(Binary::Min, raised, high)
            }
        }
    }

    /// A function of one operand, in the result's type.
    fn unary(&mut self, op: Unary, args: &[NodeId], ty: &Type) -> NodeId {
        let a = self.operand(args[0], ty.dtype, &ty.shape);
        self.b.unary(op, a)
    }

    /// A rounding function: what is whole already stays, and the result may be asked for as `int`.
    fn whole(&mut self, op: Unary, args: &[NodeId], ty: &Type) -> NodeId {
        let rounded = if self.b.dtype(args[0]).is_real() { self.b.unary(op, args[0]) } else { args[0] };
        self.operand(rounded, ty.dtype, &ty.shape)
    }

    /// max(x, 0): a primitive for reals, a maximum for integers.
    fn relu(&mut self, args: &[NodeId], ty: &Type) -> NodeId {
        if ty.dtype.is_real() {
            return self.unary(Unary::Relu, args, ty);
        }
        let a = self.operand(args[0], ty.dtype, &ty.shape);
        self.b.with_constant(Binary::Max, a, 0.0)
    }

    /// A function of two operands, in the result's type.
    fn binary(&mut self, op: Binary, args: &[NodeId], ty: &Type) -> NodeId {
        let a = self.operand(args[0], ty.dtype, &ty.shape);
        let b = self.operand(args[1], ty.dtype, &ty.shape);
        self.b.binary(op, a, b)
    }

    /// A comparison, in the operands' common type.
    fn compare(&mut self, op: Compare, args: &[NodeId], ty: &Type) -> NodeId {
        let common = self.common(args[0], args[1]);
        // Order among truth values is that of 0 and 1.
        let common = match op {
            Compare::Eq | Compare::Ne => common,
            Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge => match common {
                DType::Bool => DType::I32,
                DType::F32 | DType::F64 | DType::I32 => common,
            },
        };
        let a = self.operand(args[0], common, &ty.shape);
        let b = self.operand(args[1], common, &ty.shape);
        self.b.compare(op, a, b)
    }

    /// The type in which two operands meet: `real` before `int` before `bool`.
    fn common(&self, a: NodeId, b: NodeId) -> DType {
        let (a, b) = (self.b.dtype(a), self.b.dtype(b));
        if a.is_real() || b.is_real() {
            self.real()
        } else if a == DType::I32 || b == DType::I32 {
            DType::I32
        } else {
            DType::Bool
        }
    }
}
