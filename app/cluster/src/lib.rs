//! Sweeps on a cluster: Slurm starts the programs, and the ledger of the sweep says what is left to do. There is no scheduler of
//! ours, and nothing that has to stay up.
//!
//! An *element* is one program of a job array, and several arrays are one [`Submission`] where one cannot hold all elements.
//! [`Directives`] are what is asked of Slurm, checked; [`Script`] is the text that it runs; [`submit`] hands the arrays in;
//! [`queue`] says what became of them. Facts of Slurm are those of version 22.05 (its manual pages sbatch, scancel, scontrol
//! and squeue).

mod arrays;
mod directives;
mod error;
mod programs;
mod queue;
mod script;
mod slurm;
mod submission;
mod submitting;
mod time;

pub use directives::{Directive, Directives};
pub use error::{Error, Result};
pub use queue::{InQueue, queue};
pub use script::{Script, quoted};
pub use slurm::{Limits, is_there, limits};
pub use submission::{Array, Submission, submissions};
pub use submitting::{Draft, Submitted, submit};
