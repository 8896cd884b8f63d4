//! Second moments and every method with every objective, loaded as plugins, against the published runs. Each run is
//! listed by name with the deviation that comes closest to its tolerance (`--show-output`).

#[path = "../../../engine/tests/support/mod.rs"]
mod support;

mod bench;
mod case;
mod fine_tuning;
mod ledger;
mod memit;
mod moments;
mod rome;
