//! A whole program as graphs: what every stage after `lower` takes and gives.

use super::graph::Graph;
use super::types::Type;
use crate::program::{PlaceKind, Precision};
use std::sync::Arc;

/// What the compiler works on below the checked program; the schedule stays beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// What `real` is.
    pub precision: Precision,
    /// Params and states, by the index of leaves of kind `Place`.
    pub places: Vec<PlaceDecl>,
    /// Resident arrays, by the index of leaves of kind `Resident`.
    pub residents: Vec<ResidentDecl>,
    /// What happens once, before the run. Leaves are of kind `Raw` and `Drawn`; it reports each
    /// resident under its name, then the initial value of each place under its name.
    pub setup: Graph,
    /// The steps, by the program's indices.
    pub steps: Vec<Graph>,
    /// For each step its family: the compiled forms of one declared step, which share one count of
    /// runs, that of leaves of kind `Run`. Numbers from 0, without gaps.
    pub families: Vec<usize>,
}

/// A param or state.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceDecl {
    /// Its path: `below.W`.
    pub name: Arc<str>,
    /// Param or state.
    pub kind: PlaceKind,
    /// Its type.
    pub ty: Type,
}

/// An array that is there before the run and never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct ResidentDecl {
    /// Its path: `digits.train.x`.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
}
