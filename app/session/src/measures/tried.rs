//! Edits that are tried and not put in place: several are kept beside each other at the price of their changes.

use super::judging::Aims;
use locus_engine::edit::WeightEdit;
use locus_protocol::Applied;
use std::rc::Rc;

/// An edit that was tried.
pub struct TriedEdit {
    /// The edit with its changes.
    pub edit: Rc<WeightEdit>,
    /// Its effects, as measured when it was tried.
    pub would: Applied,
    /// What it aims at.
    pub aims: Aims,
    /// The file of tensors that are kept with it.
    pub artifacts: Rc<[u8]>,
    /// The edits that it was tried on top of; none for the unedited model.
    pub on_top_of: Vec<u64>,
}
