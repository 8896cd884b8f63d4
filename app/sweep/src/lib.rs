//! Sweeps as files (Hase et al. 2023): the grid that says what is swept, the ledger of rows that several programs share,
//! and what is read of it without a model.
//!
//! [`Grid`] is the file that a user writes; [`Plan`] are its cells on a model and its facts, each with the key of
//! everything that determines it. [`Ledger`] is the folder of rows. [`status`], [`merge`] and [`layer_table`] read it.

mod error;
mod grid;
mod identity;
mod ledger;
mod merging;
mod plan;
mod progress;
mod space;
mod study;
mod table;

pub use error::{Error, Result};
pub use grid::{EditAxis, FactChoice, Grid, LayerChoice, LocalizerAxis, MeasureChoice, window_of};
pub use identity::{Identity, TWICE, fact_mark};
pub use ledger::{Claim, Damage, Ledger, Rows, Worker, WorkerState, is_foreign, read_rows};
pub use merging::{Merged, merge};
pub use plan::{Cell, Localization, Plan};
pub use progress::{Status, of as status_of, status};
pub use space::free_space;
pub use study::{SCORES, Scored, score_names, study};
pub use table::{LayerRow, Score, Table, layer_table};
