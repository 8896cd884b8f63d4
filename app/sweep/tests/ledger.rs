//! The ledger as several workers use it.

use locus_protocol::{PluginMark, SweepRow, SweptCell, SweptFact};
use locus_sweep::{Identity, Ledger, Worker, merge, status};
use std::path::{Path, PathBuf};

const GRID: &str = "[[edits]]\nmethod = \"one\"\nobjectives = [\"aim\"]\n";

fn identity() -> Identity {
    Identity { program: "1".into(), layers: 2, ..Identity::default() }
}

/// The same with a plugin that was built again or not.
fn built(sha256: &str) -> Identity {
    let mark = PluginMark { id: "one".into(), sha256: sha256.into(), ..PluginMark::default() };
    Identity { plugins: [("one".to_owned(), mark)].into(), ..identity() }
}

fn fact(name: &str) -> SweepRow {
    SweepRow::Fact(SweptFact { key: format!("f-{name}"), fact: name.into(), ..SweptFact::default() })
}

fn cell(key: &str, fact: &str, layer: usize, score: f64) -> SweepRow {
    let numbers = [("rewrite_score".to_owned(), score)].into();
    let (edit, objective) = ("one".to_owned(), "aim".to_owned());
    SweepRow::Cell(SweptCell {
        key: key.into(),
        fact: fact.into(),
        edit,
        objective,
        layer,
        numbers,
        ..SweptCell::default()
    })
}

fn open(folder: &Path) -> Ledger {
    Ledger::open(folder, Some(GRID), &identity()).expect("ledger")
}

#[test]
fn rows_of_two_workers_are_one_sweep() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path().join("sweep");
    let ledger = open(&at);
    let mut one = Worker::begin(&ledger).expect("worker");
    one.add(&[fact("a"), cell("k1", "a", 0, 0.5)]).expect("rows");
    let mut rows = ledger.rows().expect("rows");
    assert_eq!(rows.len(), 2);
    one.add(&[cell("k2", "a", 1, 0.25)]).expect("row");
    let fresh: Vec<String> = rows.refresh().expect("fresh").iter().map(|row| row.key().to_owned()).collect();
    assert_eq!(fresh, ["k2"]);
    let status = status(&at).expect("status");
    assert_eq!((status.all, status.done, status.facts), (2, 2, 1));
    assert!(status.workers[0].lives && status.is_complete());
    drop(one);
    assert!(!locus_sweep::status(&at).expect("status").workers[0].lives);
}

#[test]
fn facts_beyond_the_number_that_is_asked_for_are_none_of_the_sweep() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path().join("sweep");
    let ledger = Ledger::open(&at, Some(&format!("[facts]\ncount = 2\n{GRID}")), &identity()).expect("ledger");
    let looked_at = |index: usize, left_out: Option<&str>| {
        let (key, fact, left_out) = (format!("f{index}"), index.to_string(), left_out.map(str::to_owned));
        SweepRow::Fact(SweptFact { key, fact, index, left_out, ..SweptFact::default() })
    };
    let rows = [
        looked_at(3, None),
        looked_at(0, None),
        looked_at(1, Some("unknown")),
        looked_at(2, None),
        looked_at(4, Some("unknown")),
    ];
    Worker::begin(&ledger).expect("worker").add(&rows).expect("rows");
    let status = status(&at).expect("status");
    assert_eq!((status.facts, status.all, status.left_out.values().sum::<usize>()), (2, 4, 1));
}

#[test]
fn a_torn_last_line_is_no_row_and_a_damaged_one_is_told() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path().join("sweep");
    let ledger = open(&at);
    let mut text = serde_json::to_string(&fact("a")).expect("text") + "\nnonsense\n";
    text += &serde_json::to_string(&cell("k1", "a", 0, 0.5)).expect("text")[..40];
    let file = at.join("rows/machine-1-x.jsonl");
    std::fs::write(&file, &text).expect("file");
    let mut rows = ledger.rows().expect("rows");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows.damage().iter().map(|damage| damage.line).collect::<Vec<_>>(), [2]);
    let whole = serde_json::to_string(&cell("k1", "a", 0, 0.5)).expect("text") + "\n";
    std::fs::write(&file, text + &whole[40..]).expect("file");
    assert_eq!(rows.refresh().expect("fresh").len(), 1, "the line has its end now");
    assert!(status(&at).expect("status").complaints()[0].contains("line 2 is not a row"));
}

#[test]
fn a_group_is_claimed_by_one_and_taken_over_from_the_dead() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path().join("sweep");
    let ledger = open(&at);
    let (one, other) = (Worker::begin(&ledger).expect("one"), Worker::begin(&ledger).expect("other"));
    let held = one.claim("group").expect("claim").expect("it is free");
    assert!(other.claim("group").expect("claim").is_none(), "one that lives has it");
    drop(held);
    let held = other.claim("group").expect("claim").expect("it was given back");
    assert!(!held.is_taken_over());
    drop(held);
    // of a process that is no more, on this machine
    std::fs::write(at.join("claims/group.1"), "gone").expect("claim");
    let taken = one.claim("group").expect("claim").expect("its worker is dead");
    assert!(taken.is_taken_over());
    assert!(other.claim("group").expect("claim").is_none(), "only one takes it over");
    drop(taken);
    assert_eq!(std::fs::read_dir(at.join("claims")).expect("claims").count(), 0, "nothing is left behind");
}

#[test]
fn many_at_once_never_hold_the_same_group() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path().join("sweep");
    let ledger = open(&at);
    std::fs::write(at.join("claims/group.1"), "gone").expect("claim");
    let (held, most) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let worker = Worker::begin(&ledger).expect("worker");
                for _ in 0..20 {
                    if let Some(claim) = worker.claim("group").expect("claim") {
                        let now = held.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                        most.fetch_max(now, std::sync::atomic::Ordering::SeqCst);
                        std::thread::yield_now();
                        held.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(claim);
                    }
                }
            });
        }
    });
    assert_eq!(most.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn another_sweep_is_refused_by_what_differs() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path().join("sweep");
    open(&at);
    let refused = |grid: Option<&str>, identity: &Identity| match Ledger::open(&at, grid, identity) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    assert_eq!(refused(Some(GRID), &identity()), "");
    assert_eq!(refused(None, &identity()), "");
    assert_eq!(refused(Some(&format!("# a comment\n{GRID}")), &identity()), "", "the same grid in other words");
    assert!(refused(Some(&GRID.replace("one", "two")), &identity()).contains("its grid (sweep.toml) differs"));
    let other = Identity { program: "2".into(), ..identity() };
    assert!(refused(None, &other).contains("the program differs: 2 here, 1 there"));
    let plain = folder.path().join("plain");
    std::fs::create_dir(&plain).expect("folder");
    std::fs::write(plain.join("notes.txt"), "mine").expect("file");
    let error = Ledger::open(&plain, Some(GRID), &identity()).expect_err("not ours").to_string();
    assert!(error.contains("contains something other than a sweep"), "{error}");
    assert!(Ledger::open(&plain, None, &identity()).expect_err("no grid").to_string().contains("there is no sweep"));
}

#[test]
fn rows_of_two_builds_of_a_plugin_do_not_meet() {
    let folder = tempfile::tempdir().expect("folder");
    let [one, same, other] = ["one", "same", "other"].map(|name| folder.path().join(name));
    let open = |at: &Path, grid: Option<&str>, sha256: &str| Ledger::open(at, grid, &built(sha256));
    for (at, sha256) in [(&one, "aa"), (&same, "aa"), (&other, "bb")] {
        open(at, Some(GRID), sha256).expect("ledger");
    }
    assert!(open(&one, None, "aa").is_ok(), "the same build goes on");
    for grid in [None, Some(GRID)] {
        let error = open(&one, grid, "bb").expect_err("another build").to_string();
        let says = "the build of the plugin `one` differs: bb here, aa there; name another folder, or put the earlier \
                    build back";
        assert!(error.ends_with(says), "{error}");
    }
    assert!(merge(&[one.clone(), same]).is_ok(), "the same build on another machine");
    let error = merge(&[one, other]).expect_err("another build").to_string();
    assert!(error.contains("the build of the plugin `one` differs: bb here, aa there; merge them"), "{error}");
}

#[test]
fn merging_is_repeatable_and_refuses_what_does_not_belong() {
    let folder = tempfile::tempdir().expect("folder");
    let [one, two, other] = ["one", "two", "other"].map(|name| folder.path().join(name));
    let mut worker = Worker::begin(&open(&one)).expect("worker");
    worker.add(&[fact("a"), cell("k2", "a", 1, 0.25), cell("k1", "a", 0, 0.5)]).expect("rows");
    let mut worker = Worker::begin(&open(&two)).expect("worker");
    let failed = SweepRow::Cell(SweptCell { key: "k2".into(), failed: Some("NaN".into()), ..SweptCell::default() });
    worker.add(&[fact("a"), cell("k1", "a", 0, 0.5), failed, cell("k3", "a", 1, 0.75)]).expect("rows");
    let merged = merge(&[one.clone(), two.clone()]).expect("merged");
    assert_eq!(merged.rows.iter().map(SweepRow::key).collect::<Vec<_>>(), ["f-a", "k1", "k2", "k3"]);
    assert!(merged.rows.iter().all(|row| row.failed().is_none()), "numbers go before failures");
    assert_eq!((merged.doubled, merged.conflicts.len()), (3, 0));
    let turned: [PathBuf; 2] = [two.clone(), one.clone()];
    assert_eq!(merge(&turned).expect("turned").text(), merged.text(), "the same bytes in any order");
    worker.add(&[cell("k1", "a", 0, 0.9)]).expect("row");
    let conflicts = merge(&[one.clone(), two]).expect("merged").conflicts;
    assert!(conflicts.iter().any(|text| text.contains("rewrite_score is 0.5 and 0.9")), "{conflicts:?}");
    Ledger::open(&other, Some(GRID), &Identity { program: "2".into(), ..identity() }).expect("ledger");
    // a line that is no row is told; a torn last line is what a kill leaves
    let file = one.join("rows/machine-1-x.jsonl");
    let whole = serde_json::to_string(&cell("k4", "a", 1, 0.5)).expect("text");
    std::fs::write(&file, format!("{whole}\nnonsense\n{}", &whole[..40])).expect("file");
    let merged = merge(std::slice::from_ref(&one)).expect("merged");
    assert_eq!((merged.rows.len(), merged.conflicts.len(), merged.damage.len()), (4, 0, 1), "{merged:?}");
    let told = &merged.damage[0];
    assert!(told.contains("machine-1-x.jsonl: line 2 is not a row") && told.contains("is left out"), "{told}");
    let error = merge(&[one, other]).expect_err("another program").to_string();
    assert!(error.contains("the program differs: 2 here, 1 there"), "{error}");
}
