//! The cells of a grid on a model and its facts, each with the key of everything that determines it.

use crate::error::{Error, Result};
use crate::grid::{Grid, window_of};
use crate::identity::{Identity, fact_mark, hash};
use locus_protocol::{EditOrder, Fact, Measures};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// One edit of one fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Everything that determines it, hashed.
    pub key: String,
    /// The fact's place in the sweep.
    pub fact: usize,
    /// The edit's place in the grid.
    pub edit: usize,
    /// Id of the objective.
    pub objective: String,
    /// The layer around which the edit lies.
    pub layer: usize,
    /// The layers that it changes.
    pub layers: Vec<usize>,
    pub seed: u64,
}

/// One localizer on one fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Localization {
    /// Everything that determines it, hashed.
    pub key: String,
    /// The fact's place in the sweep.
    pub fact: usize,
    /// The localizer's place in the grid.
    pub localizer: usize,
}

/// All cells and localizations of a sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The cells: those of one edit, objective, layer and seed stand together, facts in their order.
    pub cells: Vec<Cell>,
    /// The localizations, those of one localizer together.
    pub localizations: Vec<Localization>,
}

impl Plan {
    /// The cells of a grid for these facts.
    ///
    /// # Errors
    /// The grid names layers that the model does not have; `path` is the grid's.
    pub fn new(path: &Path, grid: &Grid, identity: &Identity, facts: &[Fact]) -> Result<Self> {
        let (mut plan, mut keys) = (Self::default(), Keys::default());
        let marks: Vec<String> = facts.iter().map(fact_mark).collect();
        let (mark, measures) = (identity.mark(), grid.measures.measures());
        for (number, edit) in grid.edits.iter().enumerate() {
            let centers = edit.centers(identity.layers).map_err(|error| Error::Grid {
                path: path.to_owned(),
                message: format!("the edit `{}`: {error}", edit.label()),
            })?;
            for objective in &edit.objectives {
                for &layer in &centers {
                    let layers = window_of(layer, edit.window, identity.layers);
                    for &seed in &grid.seeds {
                        let determines = determines(grid, number, objective, &layers, seed, identity, &measures);
                        let cell = |(fact, of)| Cell {
                            key: keys.own(hash(&["cell", &mark, of, &determines]), &edit.label()),
                            fact,
                            edit: number,
                            objective: objective.clone(),
                            layer,
                            layers: layers.clone(),
                            seed,
                        };
                        plan.cells.extend(marks.iter().map(String::as_str).enumerate().map(cell));
                    }
                }
            }
        }
        for (localizer, axis) in grid.localizers.iter().enumerate() {
            let settings = Value::Object(axis.settings.clone()).to_string();
            let one = |(fact, of)| Localization {
                key: keys.own(hash(&["localization", &mark, of, &axis.kind, &settings]), &axis.label()),
                fact,
                localizer,
            };
            plan.localizations.extend(marks.iter().map(String::as_str).enumerate().map(one));
        }
        Ok(plan)
    }

    /// The keys of all rows but those of facts.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let of_cells = self.cells.iter().map(|cell| cell.key.as_str());
        of_cells.chain(self.localizations.iter().map(|found| found.key.as_str()))
    }

    /// The key of a fact's own row.
    #[must_use]
    pub fn fact_key(identity: &Identity, fact: &Fact) -> String {
        hash(&["fact", &identity.mark(), &fact_mark(fact)])
    }
}

/// Keys of a plan so far.
#[derive(Default)]
struct Keys(BTreeSet<String>);

impl Keys {
    /// The key of a row. Where an edit or a localizer before it comes to the same, the name makes another key of it,
    /// since every name has rows of its own.
    fn own(&mut self, key: String, name: &str) -> String {
        let key = if self.0.contains(&key) { hash(&["again", &key, name]) } else { key };
        self.0.insert(key.clone());
        key
    }
}

impl Cell {
    /// What the engine is asked.
    #[must_use]
    pub fn order(&self, grid: &Grid, fact: &Fact) -> EditOrder {
        let edit = &grid.edits[self.edit];
        EditOrder {
            fact: fact.clone(),
            method: edit.method.clone(),
            objective: self.objective.clone(),
            layers: self.layers.clone(),
            method_settings: edit.settings_for(&self.objective),
            objective_settings: edit.settings_of(&self.objective),
            seed: self.seed,
            more: Vec::new(),
            free_generation: 0,
            no_scores: false,
            corpus_tokens: None,
        }
    }
}

/// What determines a cell besides model and fact, as text. Names of edits do not.
fn determines(
    grid: &Grid,
    edit: usize,
    objective: &str,
    layers: &[usize],
    seed: u64,
    identity: &Identity,
    measures: &Measures,
) -> String {
    let edit = &grid.edits[edit];
    let plugin = |id: &str| identity.plugins.get(id).map(|mark| mark.sha256.as_str()).unwrap_or_default().to_owned();
    let sorted = |settings: Map<String, Value>| settings.into_iter().collect::<std::collections::BTreeMap<_, _>>();
    json!({
        "method": edit.method,
        "method_file": plugin(&edit.method),
        "objective": objective,
        "objective_file": plugin(objective),
        "layers": layers,
        "settings": sorted(edit.settings_for(objective)),
        "objective_settings": sorted(edit.settings_of(objective)),
        "seed": seed,
        "measures": measures,
        "skip_marked": grid.facts.skip_marked,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::Plan;
    use crate::grid::Grid;
    use crate::identity::Identity;
    use locus_protocol::{Fact, PluginMark};
    use std::collections::BTreeSet;
    use std::path::Path;

    fn facts() -> Vec<Fact> {
        ["France", "Italy", "Spain"].map(|name| Fact { subject: name.into(), ..Fact::default() }).to_vec()
    }

    fn identity() -> Identity {
        let plugins =
            [("one".to_owned(), PluginMark { id: "one".into(), sha256: "aa".into(), ..PluginMark::default() })];
        Identity { layers: 4, plugins: plugins.into(), ..Identity::default() }
    }

    fn plan(text: &str, identity: &Identity) -> Plan {
        let grid = Grid::parse(Path::new("g"), text).expect("grid");
        Plan::new(Path::new("g"), &grid, identity, &facts()).expect("plan")
    }

    const GRID: &str = "seeds = [0, 1]\n[[edits]]\nmethod = \"one\"\nobjectives = [\"a\", \"b\"]\nwindow = 3\n\
                        [[localizers]]\nkind = \"random-layer\"\n";

    #[test]
    fn every_cell_has_a_key_of_its_own() {
        let plan = plan(GRID, &identity());
        assert_eq!((plan.cells.len(), plan.localizations.len()), (3 * 2 * 4 * 2, 3));
        let keys: BTreeSet<&String> = plan.cells.iter().map(|cell| &cell.key).collect();
        assert_eq!(keys.len(), plan.cells.len());
        assert_eq!(plan.cells[0].layers, [0, 1]);
    }

    #[test]
    fn keys_hang_on_what_determines_the_numbers_and_not_on_names() {
        let keys = |text: &str, identity: &Identity| -> Vec<String> {
            plan(text, identity).cells.into_iter().map(|cell| cell.key).collect()
        };
        let plain = keys(GRID, &identity());
        assert_eq!(plain, keys(&GRID.replace("method =", "name = \"x\"\nmethod ="), &identity()));
        for other in [
            GRID.replace("window = 3", "window = 3\nsettings = { steps = 2 }"),
            GRID.replace("window = 3", "window = 3\nobjective-settings = { a = { copies = 2 }, b = { copies = 1 } }"),
            format!("[measures]\nper-token = true\n{}", GRID.replace("seeds = [0, 1]\n", "")),
        ] {
            assert!(keys(&other, &identity()).iter().all(|key| !plain.contains(key)), "{other}");
        }
        let mut rebuilt = identity();
        rebuilt.plugins.entry("one".into()).and_modify(|mark| mark.sha256 = "bb".into());
        assert!(keys(GRID, &rebuilt).iter().all(|key| !plain.contains(key)), "another build of the method");
        let other = Identity { program: "2".into(), ..identity() };
        assert!(keys(GRID, &other).iter().all(|key| !plain.contains(key)), "another program");
    }

    #[test]
    fn edits_and_localizers_that_come_to_the_same_have_rows_of_their_own() {
        let edit = |name: &str, layers: &str| {
            format!("[[edits]]\nname = \"{name}\"\nmethod = \"one\"\nobjectives = [\"a\"]\nlayers = \"{layers}\"\n")
        };
        let localizer = |name: &str| format!("[[localizers]]\nname = \"{name}\"\nkind = \"random-layer\"\n");
        let once = plan(&(edit("early", "0-1") + &localizer("x")), &identity());
        let twice =
            plan(&(edit("early", "0-1") + &edit("all", "all") + &localizer("x") + &localizer("y")), &identity());
        assert_eq!((twice.cells.len(), twice.localizations.len()), (3 * (2 + 4), 3 * 2));
        let of_cells = twice.cells.iter().map(|cell| &cell.key);
        let keys: BTreeSet<&String> = of_cells.chain(twice.localizations.iter().map(|found| &found.key)).collect();
        assert_eq!(keys.len(), 3 * (2 + 4) + 3 * 2);
        // rows that are there already stay
        assert_eq!(twice.cells[..3 * 2], once.cells);
        assert_eq!(twice.localizations[..3], once.localizations);
    }

    #[test]
    fn a_window_wider_than_the_model_is_refused() {
        let of = |window: usize| {
            let grid = GRID.replace("window = 3", &format!("window = {window}"));
            let grid = Grid::parse(Path::new("g.toml"), &grid).expect("grid");
            Plan::new(Path::new("g.toml"), &grid, &identity(), &facts()).map_err(|error| error.to_string())
        };
        let cells = of(4).expect("the whole model").cells;
        assert_eq!(
            cells.iter().map(|cell| &cell.layers).collect::<BTreeSet<_>>().len(),
            4,
            "each center is another edit"
        );
        let says = "g.toml: the edit `one-5`: a window of 5 layers is wider than the model, which has 4; give \
                    `window = 4` or less";
        assert_eq!(of(5), Err(says.to_owned()));
    }

    #[test]
    fn a_layer_beyond_the_model_is_named() {
        let grid = GRID.replace("window = 3", "layers = [2, 7]");
        let grid = Grid::parse(Path::new("g.toml"), &grid).expect("grid");
        let error = Plan::new(Path::new("g.toml"), &grid, &identity(), &facts()).expect_err("beyond").to_string();
        assert_eq!(error, "g.toml: the edit `one`: there is no layer 7; the model has layers 0 to 3");
    }
}
