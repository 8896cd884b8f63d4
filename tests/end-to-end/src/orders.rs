//! Edit orders about the built-in facts.

use crate::Home;
use locus_protocol::{EditOrder, Fact};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// The built-in facts, as the program lists them.
///
/// # Panics
/// It does not list them.
#[must_use]
pub fn facts() -> &'static [Fact] {
    static FACTS: OnceLock<Vec<Fact>> = OnceLock::new();
    FACTS.get_or_init(|| {
        let ended = Home::new().run(["facts", "--json"]).well();
        let lines = ended.out.lines().filter(|line| line.contains("\"template\""));
        let facts: Vec<Fact> = lines.map(|line| serde_json::from_str(line).expect(line)).collect();
        assert!(facts.len() > 100, "{} facts", facts.len());
        facts
    })
}

/// A built-in fact by its number.
///
/// # Panics
/// There is none of that number.
#[must_use]
pub fn fact(case: u64) -> &'static Fact {
    facts().iter().find(|fact| fact.case_id == Some(case)).expect("a fact of that number")
}

/// The number of the fact that the demo and the workbench begin with on the built-in model.
pub const FIRST: u64 = 30;

/// An order to edit the fact of that number at one layer.
#[must_use]
pub fn order_of(case: u64, method: &str, layer: usize, settings: Value) -> EditOrder {
    EditOrder {
        fact: fact(case).clone(),
        method: method.to_owned(),
        objective: "error-injection".to_owned(),
        layers: vec![layer],
        method_settings: settings.as_object().cloned().unwrap_or_default(),
        objective_settings: Map::new(),
        seed: 0,
        more: Vec::new(),
        free_generation: 0,
        no_scores: false,
        corpus_tokens: None,
    }
}

/// The same as a line of `--orders`.
///
/// # Panics
/// An order cannot be written.
#[must_use]
pub fn order(case: u64, method: &str, layer: usize, settings: Value) -> String {
    serde_json::to_string(&order_of(case, method, layer, settings)).expect("an order") + "\n"
}

/// Orders that take minutes, at every layer.
#[must_use]
pub fn long_orders() -> String {
    (0..12).map(|layer| order(90 * layer as u64, "rome", layer, json!({"steps": 1000}))).collect()
}
