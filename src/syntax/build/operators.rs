//! The precedence of operators, read from the flat list that the grammar gives.
//!
//! Tightest first: `^` (right to left), `-x`, `* / // % @`, `+ -`, comparisons, `not`, `and`, `or`,
//! `..`, and `if … then … else` around it all.

use super::{Builder, Node};
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::parser::Rule;

/// An operand or operator of the flat list.
enum Piece<'p> {
    Prefix(UnaryOp, Span),
    Infix(Option<BinaryOp>, Span),
    Operand(Node<'p>),
}

/// The list and how far it is read.
struct Pieces<'p> {
    all: std::iter::Peekable<std::vec::IntoIter<Piece<'p>>>,
    whole: Span,
}

/// The levels that read left to right, loosest first, and the one that does not chain.
const OR: usize = 0;
const AND: usize = 1;
const COMPARE: usize = 2;
const SUM: usize = 3;
const PRODUCT: usize = 4;

fn level(op: BinaryOp) -> usize {
    use BinaryOp::*;
    match op {
        Or => OR,
        And => AND,
        Add | Sub => SUM,
        Mul | Div | FloorDiv | Mod | MatMul => PRODUCT,
        Pow => PRODUCT + 1,
        _ => COMPARE,
    }
}

impl Builder<'_> {
    /// An expression.
    pub(crate) fn expr(&mut self, pair: Node<'_>) -> Expr {
        let whole = self.span(&pair);
        let (mut choices, mut pieces) = (Vec::new(), Vec::new());
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::choice => choices.push(part),
                Rule::postfix => pieces.push(Piece::Operand(part)),
                Rule::prefix => {
                    let op = if part.as_str().starts_with('-') { UnaryOp::Neg } else { UnaryOp::Not };
                    let at = self.span(&part);
                    let end = at.start + op.text().len() as u32;
                    pieces.push(Piece::Prefix(op, Span { end, ..at }));
                }
                Rule::infix => {
                    let span = self.span(&part);
                    pieces.push(Piece::Infix(operator(self.source.slice(span)), span));
                }
                _ => {}
            }
        }
        let operators = pieces.iter().filter(|p| !matches!(p, Piece::Operand(_))).count();
        let more = operators + choices.len();
        self.deeper(more, whole, |b| b.choices(choices, pieces, whole)).unwrap_or_else(|| self.no_expr(whole))
    }

    fn choices(&mut self, choices: Vec<Node<'_>>, pieces: Vec<Piece<'_>>, whole: Span) -> Expr {
        let heads: Vec<(Span, Vec<Expr>)> =
            choices.into_iter().map(|c| (self.span(&c), self.exprs(c))).collect();
        let mut pieces = Pieces { all: pieces.into_iter().peekable(), whole };
        let mut value = self.range(&mut pieces);
        for (at, exprs) in heads.into_iter().rev() {
            let span = Span { end: whole.end, ..at };
            let mut exprs = exprs.into_iter();
            let cond = Box::new(exprs.next().unwrap_or_else(|| self.no_expr(at)));
            let then = Box::new(exprs.next().unwrap_or_else(|| self.no_expr(at)));
            value = Expr { kind: ExprKind::If { cond, then, otherwise: Box::new(value) }, span };
        }
        value
    }

    fn range(&mut self, p: &mut Pieces<'_>) -> Expr {
        let mut value = self.left_to_right(p, OR);
        let mut ranges = 0;
        while let Some(Piece::Infix(None, _)) = p.all.peek() {
            p.all.next();
            ranges += 1;
            let hi = self.left_to_right(p, OR);
            let span = value.span.to(hi.span);
            if ranges == 2 {
                self.range_chain(span);
            }
            value = Expr { kind: ExprKind::Range { lo: Box::new(value), hi: Box::new(hi) }, span };
        }
        value
    }

    fn left_to_right(&mut self, p: &mut Pieces<'_>, at: usize) -> Expr {
        let mut value = self.tighter(p, at);
        let mut chain: Vec<(BinaryOp, Span)> = Vec::new();
        // Where the operand before the next operator begins.
        let mut last = value.span;
        while let Some(Piece::Infix(Some(op), op_span)) = p.all.peek() {
            let (op, op_span) = (*op, *op_span);
            if level(op) != at {
                break;
            }
            p.all.next();
            let rhs = self.tighter(p, at);
            if at == COMPARE && !chain.is_empty() {
                self.comparison_chain(value.span, last, (op, op_span), rhs.span, chain.len());
            }
            if op == BinaryOp::MatMul && chain.iter().any(|(o, _)| *o != BinaryOp::MatMul) {
                self.product_chain(value.span, &chain, op_span, rhs.span);
            }
            chain.push((op, op_span));
            last = rhs.span;
            let span = value.span.to(rhs.span);
            value = Expr {
                kind: ExprKind::Binary { op, op_span, lhs: Box::new(value), rhs: Box::new(rhs) },
                span,
            };
        }
        value
    }

    fn tighter(&mut self, p: &mut Pieces<'_>, at: usize) -> Expr {
        match at {
            AND => self.not(p),
            PRODUCT => self.unary(p),
            _ => self.left_to_right(p, at + 1),
        }
    }

    fn not(&mut self, p: &mut Pieces<'_>) -> Expr {
        let mut nots = Vec::new();
        while let Some(Piece::Prefix(UnaryOp::Not, span)) = p.all.peek() {
            nots.push(*span);
            p.all.next();
        }
        let value = self.left_to_right(p, COMPARE);
        wrap(UnaryOp::Not, nots, value)
    }

    fn unary(&mut self, p: &mut Pieces<'_>) -> Expr {
        let mut minus = Vec::new();
        while let Some(Piece::Prefix(op, span)) = p.all.peek() {
            let (op, span) = (*op, *span);
            p.all.next();
            if op == UnaryOp::Not {
                self.misplaced_not(span);
            } else {
                minus.push(span);
            }
        }
        let value = self.power(p);
        wrap(UnaryOp::Neg, minus, value)
    }

    /// `a ^ -b ^ c`, right to left, without recursion.
    fn power(&mut self, p: &mut Pieces<'_>) -> Expr {
        let mut operands = vec![(Vec::new(), self.operand(p))];
        let mut ops = Vec::new();
        while let Some(Piece::Infix(Some(BinaryOp::Pow), span)) = p.all.peek() {
            ops.push(*span);
            p.all.next();
            let mut minus = Vec::new();
            while let Some(Piece::Prefix(op, span)) = p.all.peek() {
                let (op, span) = (*op, *span);
                p.all.next();
                if op == UnaryOp::Not {
                    self.misplaced_not(span);
                } else {
                    minus.push(span);
                }
            }
            operands.push((minus, self.operand(p)));
        }
        let mut right: Option<Expr> = None;
        while let Some((minus, operand)) = operands.pop() {
            let value = match right.take() {
                None => operand,
                Some(rhs) => {
                    let op_span = ops.pop().unwrap_or(rhs.span);
                    let span = operand.span.to(rhs.span);
                    let (lhs, rhs) = (Box::new(operand), Box::new(rhs));
                    Expr { kind: ExprKind::Binary { op: BinaryOp::Pow, op_span, lhs, rhs }, span }
                }
            };
            right = Some(wrap(UnaryOp::Neg, minus, value));
        }
        right.unwrap_or_else(|| self.no_expr(p.whole))
    }

    fn operand(&mut self, p: &mut Pieces<'_>) -> Expr {
        match p.all.next() {
            Some(Piece::Operand(pair)) => self.postfix(pair),
            _ => self.no_expr(p.whole),
        }
    }

    fn misplaced_not(&mut self, span: Span) {
        self.problem(
            Diagnostic::error(codes::SYNTAX, "`not` binds less tightly than the operator before it")
                .label(span, "so it cannot stand here")
                .help("put it in parentheses: `a == (not b)`"),
        );
    }

    fn comparison_chain(&mut self, before: Span, middle: Span, op: (BinaryOp, Span), rhs: Span, n: usize) {
        if n > 1 {
            return;
        }
        let (first, middle) = (self.source.slice(before), self.source.slice(middle));
        let help = format!("{first} and {middle} {} {}", op.0.text(), self.source.slice(rhs));
        self.problem(
            Diagnostic::error(codes::SYNTAX, "comparisons do not chain")
                .label(op.1, "the second comparison in a row")
                .help(help),
        );
    }

    fn product_chain(&mut self, before: Span, chain: &[(BinaryOp, Span)], at: Span, rhs: Span) {
        let Some((op, split)) = chain.iter().rev().find(|(o, _)| *o != BinaryOp::MatMul) else { return };
        let (left, right) = (self.source.slice(before), self.source.slice(rhs));
        let text = |start: u32, end: u32| self.source.slice(Span { start, end, ..before }).trim();
        let (head, tail) = (text(before.start, split.start), text(split.end, before.end));
        let op = op.text();
        let title = format!("`@` after `{op}`: which of the two comes first is not said");
        let problem = Diagnostic::error(codes::MATMUL_CHAIN, title)
            .label(at, format!("applies to `{left}` or to `{tail}`"))
            .help(format!("`({left}) @ {right}` or `{head} {op} ({tail} @ {right})`"));
        self.problem(problem);
    }
}

/// `ops` before `value`, the last of them closest to it.
fn wrap(op: UnaryOp, ops: Vec<Span>, mut value: Expr) -> Expr {
    for op_span in ops.into_iter().rev() {
        let span = op_span.to(value.span);
        value = Expr { kind: ExprKind::Unary { op, op_span, operand: Box::new(value) }, span };
    }
    value
}

/// The operator of a text; none is `..`.
fn operator(text: &str) -> Option<BinaryOp> {
    use BinaryOp::*;
    let all = [Pow, Mul, Div, FloorDiv, Mod, MatMul, Add, Sub, Eq, Ne, Lt, Le, Gt, Ge, And, Or];
    all.into_iter().find(|o| o.text() == text)
}
