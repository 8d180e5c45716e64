//! Elementwise operations, conversions, random numbers.

use super::{Maker, Value};
use dlc::ir::{Binary, Compare, DType, NodeId, Unary};

const TAME: [Unary; 9] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Relu,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Softplus,
    Unary::Erf,
    Unary::Sin,
    Unary::Cos,
];

impl Maker<'_> {
    pub(super) fn unary(&mut self) {
        let v = self.real();
        match self.r.below(8) {
            0 if v.exact => {
                let f = self.r.of(&[Unary::Floor, Unary::Round, Unary::Sign]);
                let id = self.b.unary(f, v.id);
                self.keep(id, v.most + 1.0, 1.0, true);
            }
            1 => {
                let f = self.r.of(&[Unary::Exp, Unary::Expm1]);
                let small = self.small(v, 3.0);
                let id = self.b.unary(f, small.id);
                self.keep(id, 21.0, 8.0, false);
            }
            2 => {
                let f = self.r.of(&[Unary::Log, Unary::Sqrt, Unary::Log1p]);
                let positive = self.positive(v, 0.3);
                let id = self.b.unary(f, positive.id);
                self.keep(id, 1.3 + positive.most, 1.0, false);
            }
            3 => {
                let id = self.b.stop_gradient(v.id);
                self.keep(id, v.most, 1.0, v.exact);
            }
            _ => {
                let f = self.r.of(&TAME);
                let id = self.b.unary(f, v.id);
                let exact = matches!(f, Unary::Neg | Unary::Abs | Unary::Relu) && v.exact;
                self.keep(id, v.most.max(1.0) + 1.0, 1.0, exact);
            }
        }
    }

    /// At most so large.
    fn small(&mut self, v: Value, bound: f64) -> Value {
        if v.most <= bound {
            return v;
        }
        Value { id: self.b.unary(Unary::Sin, v.id), most: 1.0, exact: false }
    }

    /// At least `floor`.
    fn positive(&mut self, v: Value, floor: f64) -> Value {
        let id = self.b.unary(Unary::Abs, v.id);
        let id = self.b.with_constant(Binary::Add, id, floor);
        Value { id, most: v.most + floor, exact: v.exact }
    }

    pub(super) fn binary(&mut self) {
        let v = self.real();
        let w = self.partner(v);
        let exact = v.exact && w.exact;
        let (id, most, exact) = match self.r.below(9) {
            0 | 1 => (self.b.add(v.id, w.id), v.most + w.most, exact),
            2 => (self.b.sub(v.id, w.id), v.most + w.most, exact),
            3 | 4 => (self.b.mul(v.id, w.id), v.most * w.most, exact),
            5 => {
                let f = self.r.of(&[Binary::Max, Binary::Min]);
                (self.b.binary(f, v.id, w.id), v.most.max(w.most), exact)
            }
            6 => {
                let by = self.positive(w, 0.5);
                (self.b.div(v.id, by.id), v.most * 2.0, exact)
            }
            7 => {
                let base = self.positive(v, 0.5);
                let exponent = self.small(w, 2.0);
                (self.b.binary(Binary::Pow, base.id, exponent.id), (base.most + 2.0).powi(2), false)
            }
            _ if exact => {
                let f = self.r.of(&[Binary::FloorDiv, Binary::Mod]);
                let by = self.positive(w, 0.5);
                (self.b.binary(f, v.id, by.id), 2.0 * v.most + by.most, true)
            }
            _ => (self.b.mul(v.id, v.id), v.most * v.most, exact),
        };
        self.keep(id, most, most.abs().sqrt(), exact);
    }

    pub(super) fn compare_or_logic(&mut self) {
        let Some(v) = self.find(|_, v| v.exact) else { return };
        let w = self.partner(v);
        if !w.exact {
            return;
        }
        let id = if self.b.dtype(v.id) == DType::Bool {
            match self.r.below(3) {
                0 => self.b.unary(Unary::Not, v.id),
                1 => self.b.binary(Binary::And, v.id, w.id),
                _ => self.b.binary(Binary::Or, v.id, w.id),
            }
        } else {
            self.comparison(v, w)
        };
        self.keep(id, 1.0, 1.0, true);
    }

    fn comparison(&mut self, v: Value, w: Value) -> NodeId {
        let all = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];
        let f = self.r.of(&all);
        self.b.compare(f, v.id, w.id)
    }

    pub(super) fn select(&mut self) {
        let v = self.any();
        let w = self.partner(v);
        let shape = self.shape_of(v);
        let known = self.find(|b, c| b.dtype(c.id) == DType::Bool && b.shape(c.id) == shape);
        let condition = match known {
            Some(c) => c.id,
            None => {
                let Some(c) = self.find(|b, c| c.exact && b.shape(c.id) == shape) else { return };
                let d = self.partner(c);
                if !d.exact {
                    return;
                }
                self.comparison(c, d)
            }
        };
        let id = self.b.select(condition, v.id, w.id);
        self.keep(id, v.most.max(w.most), 1.0, v.exact && w.exact);
    }

    /// A whole number; made of what there is.
    pub(super) fn whole(&mut self) -> Value {
        match self.find(|b, v| b.dtype(v.id) == DType::I32) {
            Some(v) if self.r.below(4) > 0 => v,
            Some(_) | None => {
                let shape = self.shape(2);
                if shape.is_empty() {
                    return Value { id: self.b.constant(DType::I32, 3.0), most: 3.0, exact: true };
                }
                let axis = self.r.below(shape.len());
                Value { id: self.b.iota(&shape, axis), most: 500.0, exact: true }
            }
        }
    }

    /// Brought into `0..extent`, unless faults are wanted.
    pub(super) fn within(&mut self, v: NodeId, extent: usize) -> NodeId {
        if self.options.faults && self.r.below(3) == 0 {
            return v;
        }
        self.b.with_constant(Binary::Mod, v, extent as f64)
    }

    pub(super) fn integer(&mut self) {
        let v = self.whole();
        let w = self.partner(v);
        let id = match self.r.below(8) {
            0 => {
                let f = self.r.of(&[Unary::Neg, Unary::Abs, Unary::Sign, Unary::Relu]);
                self.b.unary(f, v.id)
            }
            1 => {
                let f = self.r.of(&[Binary::FloorDiv, Binary::Mod]);
                let by = if self.options.faults { w.id } else { self.from(w.id, 1.0) };
                self.b.binary(f, v.id, by)
            }
            2 => {
                let exponent = if self.options.faults { w.id } else { self.from(w.id, 0.0) };
                let exponent = self.b.with_constant(Binary::Min, exponent, 5.0);
                self.b.binary(Binary::Pow, v.id, exponent)
            }
            3 => {
                let f = self.r.of(&[Binary::ShiftRight, Binary::MulHigh]);
                self.b.binary(f, v.id, w.id)
            }
            _ => {
                let all = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min];
                let f = self.r.of(&all);
                self.b.binary(f, v.id, w.id)
            }
        };
        self.keep(id, 1.0, 1.0, true);
    }

    fn from(&mut self, v: NodeId, least: f64) -> NodeId {
        self.b.with_constant(Binary::Max, v, least)
    }

    pub(super) fn cast(&mut self) {
        let v = self.any();
        let (from, real) = (self.b.dtype(v.id), self.options.real);
        match from {
            DType::F32 | DType::F64 if v.exact => {
                let to = self.r.of(&[DType::I32, DType::Bool]);
                let id = self.b.cast(v.id, to);
                self.keep(id, 1.0, 1.0, true);
            }
            DType::F32 | DType::F64 => {}
            DType::I32 if self.r.below(4) == 0 => {
                let id = self.b.cast(v.id, DType::Bool);
                self.keep(id, 1.0, 1.0, true);
            }
            DType::I32 => {
                let small = self.b.with_constant(Binary::Mod, v.id, 7.0);
                let id = self.b.cast(small, real);
                self.keep(id, 7.0, 1.0, true);
            }
            DType::Bool => {
                let to = self.r.of(&[DType::I32, real]);
                let id = self.b.cast(v.id, to);
                self.keep(id, 1.0, 1.0, true);
            }
        }
    }

    /// Random words, at times as reals in 0..1.
    pub(super) fn random(&mut self) {
        let scalar =
            |b: &dlc::ir::Builder, v: &Value| b.dtype(v.id) == DType::I32 && b.shape(v.id).is_empty();
        let mut word = || match self.find(scalar) {
            Some(v) => v.id,
            None => self.b.constant(DType::I32, 11.0),
        };
        let inputs = vec![word(), word()];
        let shape = self.shape(3);
        let key = [self.r.bits() as u32, self.r.bits() as u32];
        let ty = dlc::ir::Type::new(DType::I32, shape);
        let bits = self.b.push(dlc::ir::Op::RandomBits { key }, inputs, ty);
        if self.r.below(3) == 0 {
            return self.keep(bits, 1.0, 1.0, true);
        }
        let top = self.b.with_constant(Binary::ShiftRight, bits, 8.0);
        let number = self.b.cast(top, self.options.real);
        let id = self.b.with_constant(Binary::Mul, number, 1.0 / f64::from(1 << 24));
        self.keep(id, 1.0, 1.0, true);
    }
}
