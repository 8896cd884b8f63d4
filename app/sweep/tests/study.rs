//! The rows of a folder as the tables of its analysis.

use locus_analysis::{Cell, Study};
use locus_protocol::{SweepRow, SweptCell, SweptFact};
use locus_sweep::{Identity, Ledger, Worker, study};

const EDITS: &str = "[[edits]]\nmethod = \"one\"\nobjectives = [\"aim\"]\n";

fn studied(grid: &str, rows: &[SweepRow]) -> Study {
    let folder = tempfile::tempdir().expect("folder");
    let identity = Identity { program: "1".into(), layers: 2, ..Identity::default() };
    let ledger = Ledger::open(&folder.path().join("sweep"), Some(grid), &identity).expect("ledger");
    Worker::begin(&ledger).expect("worker").add(rows).expect("rows");
    study(&ledger, &ledger.rows().expect("rows"), &[])
}

fn fact(name: &str) -> SweepRow {
    SweepRow::Fact(SweptFact { key: format!("f-{name}"), fact: name.into(), ..SweptFact::default() })
}

fn cell(fact: &str, layer: usize, seed: u64, score: f64) -> SweepRow {
    SweepRow::Cell(SweptCell {
        key: format!("{fact} {layer} {seed}"),
        fact: fact.into(),
        edit: "one".into(),
        objective: "aim".into(),
        layer,
        seed,
        numbers: [("rewrite_score".to_owned(), score)].into(),
        ..SweptCell::default()
    })
}

#[test]
fn a_study_names_all_seeds_and_takes_their_mean() {
    let rows = [fact("a"), cell("a", 0, 4, 0.25), cell("a", 0, 0, 0.75), cell("a", 1, 4, 0.5)];
    let study = studied(&format!("seeds = [4, 0]\n{EDITS}"), &rows);
    assert_eq!((study.identity.seeds.as_slice(), study.identity.spoken_seeds().as_str()), (&[4, 0][..], "4 and 0"));
    let missing = Cell::Missing("not measured".to_owned());
    assert_eq!(study.panels[0].scores, [[Cell::Value(0.5), missing]], "a fact counts once all its seeds are there");
}
