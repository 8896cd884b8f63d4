//! `locus --follow DIR`: the workbench on a sweep that somebody else computes, live and read-only.

use crate::cli::Failure;
use crate::cli::arguments::Common;
use crate::cli::engine::source;
use crate::cli::workbench::{ended, read_own};
use crossbeam_channel::{SendError, Sender, bounded, unbounded};
use locus_link::News;
use locus_protocol::{Event, JobId, LogLevel, SweepRow, SweepStarted};
use locus_records::Places;
use locus_sweep::{Ledger, Rows, status_of};
use std::path::Path;
use std::time::Duration;

/// How often the folder is looked at.
const PAUSE: Duration = Duration::from_millis(500);
/// Events that may wait for the screen.
const WAITING: usize = 4096;
/// The number under which the sweep is told.
const JOB: JobId = 1;

/// Shows the rows of a folder and what is added to them, until the user leaves.
///
/// # Errors
/// The folder holds no sweep; the terminal fails.
pub fn run(common: &Common, places: &Places, folder: &Path) -> Result<(), Failure> {
    let ledger = Ledger::read(folder).map_err(|error| Failure::usage(format!("--follow {error}")))?;
    let (sender, news) = bounded(WAITING);
    let (orders, nobody) = unbounded();
    let mut shown = locus_tui::WorkbenchOptions::from_environment(source(common));
    read_own(&mut shown, common, places)?;
    shown.follows = Some(folder.display().to_string());
    shown.zoomed_on = Some("sweep");
    // it ends with the program
    std::thread::Builder::new().name("sweep".to_owned()).spawn(move || {
        // nobody listens any more
        let _ = tell(&ledger, &sender);
        // orders have somewhere to go until then
        drop(nobody);
    })?;
    let handles = locus_tui::Handles { orders, news, again: None, joined: false, keep: true };
    ended(locus_tui::run(handles, shown))
}

/// Tells the rows that there are, and then those that come, as long as anybody listens.
fn tell(ledger: &Ledger, sender: &Sender<News>) -> Result<(), SendError<News>> {
    let mut rows: Option<Rows> = None;
    let (mut complaint, mut is_told) = (String::new(), false);
    loop {
        let fresh = match &mut rows {
            Some(rows) => rows.refresh(),
            None => ledger.rows().map(|read| {
                let all: Vec<SweepRow> = read.iter().cloned().collect();
                rows = Some(read);
                all
            }),
        };
        match (fresh, &rows) {
            (Ok(fresh), Some(known)) => {
                let is_news = !fresh.is_empty() || !is_told;
                for row in fresh {
                    sender.send(event(Event::Swept { job: JOB, row: Box::new(row) }))?;
                }
                if is_news {
                    sender.send(event(Event::Sweep(started(ledger, known))))?;
                    is_told = true;
                }
            }
            // once, not as often as it is tried again
            (Err(error), _) if error.to_string() != complaint => {
                complaint = error.to_string();
                let (source, level) = ("sweep".to_owned(), LogLevel::Error);
                sender.send(event(Event::Log { source, level, text: complaint.clone() }))?;
            }
            _ => {}
        }
        std::thread::sleep(PAUSE);
    }
}

fn event(event: Event) -> News {
    News::Event(Box::new(event))
}

/// What the folder says of its sweep.
fn started(ledger: &Ledger, rows: &Rows) -> SweepStarted {
    let status = status_of(ledger, rows);
    let localizations = status.facts * ledger.grid().localizers.len();
    SweepStarted {
        job: JOB,
        folder: ledger.folder().to_owned(),
        title: status.title,
        layers: ledger.identity().layers,
        facts: status.facts,
        left_out: status.left_out,
        cells: status.all.saturating_sub(localizations),
        localizations,
        done: status.done,
        ..SweepStarted::default()
    }
}

#[cfg(test)]
mod tests {
    use super::tell;
    use crossbeam_channel::{Receiver, bounded};
    use locus_link::News;
    use locus_protocol::{Event, SweepRow, SweepStarted, SweptCell, SweptFact};
    use locus_sweep::{Identity, Ledger, Worker};
    use std::time::Duration;

    const GRID: &str = "title = \"two\"\n[[edits]]\nmethod = \"one\"\nobjectives = [\"aim\"]\n[[localizers]]\nkind = \"random-layer\"\n";

    fn cell(key: &str, layer: usize) -> SweepRow {
        let (edit, objective) = ("one".to_owned(), "aim".to_owned());
        SweepRow::Cell(SweptCell { key: key.into(), fact: "a".into(), edit, objective, layer, ..SweptCell::default() })
    }

    /// Keys of the rows that are told until the folder is told of.
    fn heard(news: &Receiver<News>) -> (Vec<String>, SweepStarted) {
        let mut keys = Vec::new();
        loop {
            let Ok(News::Event(event)) = news.recv_timeout(Duration::from_secs(20)) else { panic!("nothing is told") };
            match *event {
                Event::Swept { row, .. } => keys.push(row.key().to_owned()),
                Event::Sweep(started) => return (keys, started),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_rows_of_the_folder_are_told_and_then_those_that_come() {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = Identity { layers: 2, ..Identity::default() };
        let ledger = Ledger::open(&folder.path().join("sweep"), Some(GRID), &identity).expect("a ledger");
        let mut worker = Worker::begin(&ledger).expect("a worker");
        let fact = SweepRow::Fact(SweptFact { key: "f".into(), fact: "a".into(), ..SweptFact::default() });
        worker.add(&[fact, cell("one", 0)]).expect("rows");
        let (sender, news) = bounded(16);
        let telling = std::thread::spawn(move || tell(&ledger, &sender));
        let (keys, started) = heard(&news);
        assert_eq!(keys, ["f", "one"]);
        assert_eq!((started.title.as_str(), started.layers, started.facts), ("two", 2, 1));
        assert_eq!((started.cells, started.localizations, started.done), (2, 1, 1));
        worker.add(&[cell("two", 1)]).expect("a row");
        let (keys, started) = heard(&news);
        assert_eq!((keys, started.done), (vec!["two".to_owned()], 2));
        drop(news);
        worker.add(&[cell("three", 1)]).expect("a row");
        assert!(telling.join().expect("a thread").is_err(), "it ends where nobody listens");
    }
}
