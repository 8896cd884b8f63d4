//! Deviations of one run, each held against its tolerance.

use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// Deviations of one run by quantity.
pub struct Ledger {
    run: String,
    entries: Vec<(String, f64, f64)>,
}

impl Ledger {
    /// Nothing compared yet.
    pub fn new(run: String) -> Self {
        Self { run, entries: Vec::new() }
    }

    /// Notes a deviation; one beyond its tolerance fails the test.
    pub fn note(&mut self, quantity: &str, deviation: f64, tolerance: f64) {
        assert!(deviation <= tolerance, "{}: {quantity} is off by {deviation:e} of {tolerance:e}", self.run);
        match self.entries.iter_mut().find(|(known, _, _)| known == quantity) {
            Some(entry) if deviation / tolerance > entry.1 / entry.2 => (entry.1, entry.2) = (deviation, tolerance),
            Some(_) => {}
            None => self.entries.push((quantity.to_owned(), deviation, tolerance)),
        }
    }

    /// Notes the norm of a difference over the norm of the golden tensor.
    pub fn relative(&mut self, quantity: &str, ours: &Tensor, golden: &Tensor, tolerance: f64) {
        self.note(quantity, relative(ours, golden), tolerance);
    }

    /// Prints the run's line.
    pub fn print(&self) {
        let share = |entry: &&(String, f64, f64)| entry.1 / entry.2;
        let worst = self.entries.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
        let (quantity, deviation, tolerance) = worst.expect("something was compared");
        println!(
            "{}: {} quantities; closest to its tolerance: {quantity} {deviation:.1e} of {tolerance:.0e}",
            self.run,
            self.entries.len()
        );
    }
}

/// The largest deviation of each quantity over all runs of a method.
#[derive(Default)]
pub struct Totals(BTreeMap<String, (f64, f64)>);

impl Totals {
    /// Takes a run in.
    pub fn add(&mut self, ledger: &Ledger) {
        for (quantity, deviation, tolerance) in &ledger.entries {
            // quantities of single layers count as one
            let quantity = match quantity.strip_prefix("layer").and_then(|rest| rest.split_once('.')) {
                Some((_, rest)) => rest,
                None => quantity,
            };
            let worst = self.0.entry(quantity.to_owned()).or_insert((0.0, *tolerance));
            if deviation / tolerance > worst.0 / worst.1 {
                *worst = (*deviation, *tolerance);
            }
        }
    }

    /// Prints a line per quantity.
    pub fn print(&self, what: &str) {
        for (quantity, (deviation, tolerance)) in &self.0 {
            println!("{what}, largest of all runs: {quantity} {deviation:.1e} of {tolerance:.0e}");
        }
    }
}

/// The norm of a difference over the norm of the golden tensor.
pub fn relative(ours: &Tensor, golden: &Tensor) -> f64 {
    let (ours, golden) = (ours.to_kind(Kind::Double), golden.to_kind(Kind::Double));
    assert_eq!(ours.size(), golden.size(), "shape");
    ((ours - &golden).norm() / golden.norm()).double_value(&[])
}
