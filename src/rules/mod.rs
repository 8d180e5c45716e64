//! Rewrite rules of the tensor IR: tables of rows, each with its algebra as text.
//!
//! A row looks at one node and its operands and may say what to put in its place. Rules are
//! directional and never worse; each has a test named after it. What they must not do:
//!
//! * `x * 0` stays, for x may be infinite or NaN;
//! * sums and products are not regrouped beyond what a row says, so a two-pass variance stays one;
//! * a node that a remaining `grad` is taken with respect to is *opaque*: it is not rewritten or
//!   shared, and no pattern looks into it, for the path to it would vanish.
//!
//! | table | subject |
//! | --- | --- |
//! | [`stability`] | what mathematics means, without overflow and cancellation |
//! | [`loops`] | the same, where what it is taken of is a loop's result |
//! | [`algebra`] | neutral elements, signs, powers |
//! | [`fold`] | arithmetic on constants |
//! | [`structure`] | views of views, choices already made |
//! | [`scatter`] | scatter-adds that are comparisons |

pub mod algebra;
pub mod cross_entropy;
mod facts;
pub mod fold;
pub mod loops;
mod rewriter;
pub mod scatter;
pub mod softmax;
pub mod stability;
pub mod structure;

pub use facts::Facts;
pub use rewriter::{Fired, Rewriter, Trace, drop_dead, rewrite};
pub(crate) use rewriter::{finish, live, with_respect_to};

use crate::ir::NodeId;

/// What a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Numbers that would overflow, cancel or become NaN.
    Stability,
    /// Less to compute.
    Algebra,
    /// Fewer and plainer views.
    Structure,
}

/// A rewrite rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its name, as rule chains and `dlc` show it.
    pub name: &'static str,
    /// What it says, as text.
    pub algebra: &'static str,
    /// What it is for.
    pub subject: Subject,
    /// The node to put in a node's place, if the rule fits. Nothing is emitted unless it does.
    pub apply: fn(&mut Rewriter, NodeId) -> Option<NodeId>,
}

/// Every rule of every table.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    let tables: [&[Rule]; 10] = [
        loops::LOOPS,
        stability::LOGARITHMS,
        stability::COMPLEMENTS,
        stability::EXPONENTIALS,
        softmax::SOFTMAX,
        cross_entropy::CROSS_ENTROPY,
        algebra::ALGEBRA,
        fold::FOLD,
        structure::STRUCTURE,
        scatter::SCATTER,
    ];
    tables.into_iter().flatten().chain(structure::CHOICES).chain(scatter::SUMS)
}
