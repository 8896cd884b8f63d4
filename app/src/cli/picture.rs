//! `locus picture`: the workbench's screen at the end of a journal, as SVG.

use crate::cli::arguments::{Common, PictureArguments};
use crate::cli::{Failure, output};
use locus_files::{Refusal, Sink};
use locus_protocol::{Event, Fact, ModelSource};
use locus_records::Places;
use locus_records::{Preference, facts};
use locus_tui::{Depth, Input, Key, Own, Workbench, WorkbenchOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest side of a screen, in cells.
const LONGEST: u16 = 500;
/// Bytes of a journal that are read at most.
const LARGEST: u64 = 2 << 30;

/// Draws the last session of a journal.
///
/// # Errors
/// A journal or facts file that cannot be read, a size or key that is none, a picture that cannot be written.
pub fn run(common: &Common, arguments: &PictureArguments) -> Result<(), Failure> {
    let size = size(&arguments.size)?;
    let keys = keys(&arguments.keys)?;
    let journal = match &common.journal {
        Some(journal) => journal.clone(),
        None => Places::find()?.state.join("journal.jsonl"),
    };
    let mut events = last_session(&journal)?;
    add_facts(&mut events, common.facts.as_deref())?;
    let mut workbench = Workbench::new(&options()).map_err(|error| Failure::failed(error.to_string()))?;
    locus_tui::update(&mut workbench, Input::Resize(size.0, size.1));
    for event in events {
        locus_tui::replay(&mut workbench, event);
    }
    for key in keys {
        // what a key orders is not carried out: there is no engine
        locus_tui::update(&mut workbench, Input::Key(key));
    }
    let svg = locus_tui::picture(&locus_tui::screen(&workbench));
    match &arguments.out {
        Some(file) => write(file, &svg),
        None => Ok(output::raw(svg.as_bytes())?),
    }
}

/// The same pictures everywhere: nothing from the environment, and all colors that a picture has.
pub fn options() -> WorkbenchOptions {
    let preferred = Preference::shipped();
    WorkbenchOptions {
        flags: Vec::new(),
        chooses: false,
        models: Vec::new(),
        look_at: None,
        source: ModelSource::BuiltIn,
        ascii: false,
        colors: Depth::True,
        keymap: None,
        settings: Vec::new(),
        own: Own::default(),
        memory: None,
        method: Some(preferred.method),
        objective: Some(preferred.objective),
        follows: None,
        zoomed_on: None,
        export_folder: PathBuf::from("."),
        sweep_folder: PathBuf::from("."),
        began: Duration::ZERO,
        frames_per_second: 1,
    }
}

fn size(text: &str) -> Result<(u16, u16), Failure> {
    let side = |text: &str| text.parse::<u16>().ok().filter(|cells| (1..=LONGEST).contains(cells));
    let sides = text.split_once('x').and_then(|(columns, rows)| Some((side(columns)?, side(rows)?)));
    let message = || format!("--size must be COLUMNSxROWS as in 120x40, each from 1 to {LONGEST}, not `{text}`");
    sides.ok_or_else(|| Failure::usage(message()))
}

fn keys(text: &str) -> Result<Vec<Key>, Failure> {
    let key = |name: &str| name.parse().map_err(|error| Failure::usage(format!("--keys: {error}")));
    text.split_whitespace().map(key).collect()
}

/// The records from the last hello on; a journal holds one session after the other.
fn last_session(journal: &Path) -> Result<Vec<Event>, Failure> {
    let file = journal.display();
    let advice = "give a file that the workbench or a command with --json wrote";
    let unreadable = |error| Failure::failed(format!("--journal {file}: cannot be read ({error}); {advice}"));
    let text = locus_files::text(journal, LARGEST).map_err(unreadable)?;
    let mut events = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let event: Event = serde_json::from_str(line).map_err(|error| {
            Failure::failed(format!("--journal {file}, line {number}: not a record ({error}); {advice}"))
        })?;
        if matches!(event, Event::Hello { .. }) {
            events.clear();
        }
        events.push(event);
    }
    if events.is_empty() {
        return Err(Failure::failed(format!("--journal {file}: it contains no record; {advice}")));
    }
    Ok(events)
}

/// Records leave the facts out, so they are put in again behind the model: those of `file`, those of the built-in
/// model, or those that were traced or edited.
fn add_facts(events: &mut Vec<Event>, file: Option<&Path>) -> Result<(), Failure> {
    let built_in = |event: &Event| matches!(event, Event::Model(model) if model.name == "built-in");
    let (source, facts) = if let Some(file) = file {
        let facts = facts::read(file).map_err(|error| Failure::failed(error.to_string()))?;
        (file.display().to_string(), facts)
    } else if events.iter().any(built_in) {
        built_in_facts()?
    } else {
        ("this session".to_owned(), ordered_facts(events))
    };
    if let Some(place) = events.iter().position(|event| matches!(event, Event::Model(_))) {
        events.insert(place + 1, Event::Facts { source, facts });
    }
    Ok(())
}

/// The facts of the built-in model, and what to call them.
///
/// # Errors
/// The compiled-in facts are damaged.
pub fn built_in_facts() -> Result<(String, Vec<Fact>), Failure> {
    Ok(("built-in facts".to_owned(), facts::parse(locus_demo::FACTS).map_err(Failure::failed)?))
}

fn ordered_facts(events: &[Event]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for event in events {
        let fact = match event {
            Event::Trace(started) => &started.order.fact,
            Event::Edit(started) => &started.order.fact,
            _ => continue,
        };
        if !facts.contains(fact) {
            facts.push(fact.clone());
        }
    }
    facts
}

/// Writes the picture, whole or not at all.
fn write(file: &Path, svg: &str) -> Result<(), Failure> {
    let refused = |refusal: Refusal| Failure::failed(format!("--out {}: {refusal}", file.display()));
    let mut sink = Sink::open(file).map_err(refused)?;
    sink.write_all(svg.as_bytes()).map_err(|error| refused(error.into()))?;
    sink.commit().map_err(refused)
}
