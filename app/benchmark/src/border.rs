//! What the border between front and engine costs: the same edit in this process and over it, taking turns.

use anyhow::{Context, Result, bail};
use locus_link::{Engine, Hello, News, ToEngine, Way, line_of};
use locus_plugin_host::SearchPaths;
use locus_protocol::{Command, EditOrder, Event, Fact, JobId, Load, ModelSource, OpenPlugins, Outcome, Start, Task};
use locus_session::{Handles, SessionOptions};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Steps of one edit.
const STEPS: u64 = 200;
/// Times that each way has its turn.
const TURNS: usize = 5;
/// How long an engine may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// An engine, on either side of a border.
trait Side {
    fn send(&mut self, command: Command) -> Result<()>;
    fn receive(&mut self) -> Result<Event>;
}

impl Side for Handles {
    fn send(&mut self, command: Command) -> Result<()> {
        Ok(self.commands.send(command)?)
    }

    fn receive(&mut self) -> Result<Event> {
        Ok(self.events.recv()?)
    }
}

impl Side for Engine {
    fn send(&mut self, order: Command) -> Result<()> {
        self.tell(ToEngine::Do { order });
        Ok(())
    }

    fn receive(&mut self) -> Result<Event> {
        loop {
            match self.news().recv()? {
                News::Event(event) => return Ok(*event),
                News::Gone(death) => bail!("{}", death.sentence()),
                _ => {}
            }
        }
    }
}

/// What one edit came to.
#[derive(Default)]
struct Turn {
    steps: Vec<f64>,
    events: usize,
    bytes: usize,
    seconds: f64,
}

/// Runs a job; gives when its steps came, and what came in all.
fn run(side: &mut dyn Side, job: JobId, task: impl Into<Task>) -> Result<(Turn, Vec<Event>)> {
    let (start, mut turn, mut events) = (Instant::now(), Turn::default(), Vec::new());
    side.send(Command::start(job, task))?;
    let mut last = start;
    loop {
        let event = side.receive()?;
        turn.events += 1;
        match &event {
            Event::Step(_) => {
                turn.steps.push(last.elapsed().as_secs_f64());
                last = Instant::now();
            }
            Event::Finished { job: ended, outcome, .. } if *ended == job => {
                if *outcome != Outcome::Done {
                    bail!("{outcome:?}");
                }
                turn.seconds = start.elapsed().as_secs_f64();
                turn.bytes = events.iter().map(|event| line_of(event).len()).sum();
                return Ok((turn, events));
            }
            _ => {}
        }
        events.push(event);
    }
}

/// The shortest time between two steps that half of all steps keep to.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints step times, events and bytes of an edit of the model in `folder`, in this process and over the border.
pub fn cost(folder: &Path) -> Result<()> {
    let own = std::env::current_exe()?;
    let beside = own.parent().context("the program lies in a folder")?;
    let cache = tempfile::tempdir()?;
    let threads = Some(tch::get_num_threads());
    let search = SearchPaths::new(Some(beside), None, None, &[]);
    let start = Start { threads, open_plugins: OpenPlugins::AtStart, ..Start::default() };
    let mut near = locus_session::start(SessionOptions::new(start.clone(), cache.path().to_owned(), search))?;
    let hello = Hello { every_event: true, ..Hello::new(start) };
    let program: PathBuf = beside.join("locus-engine");
    let begun = Instant::now();
    let mut far = Engine::start(&Way::Program(program), &hello)?;
    let first = far.receive().map(|_| begun.elapsed())?;
    let fact = loaded(&mut near, folder)?;
    let (mut in_process, mut over_border) = (Turn::default(), Turn::default());
    if loaded(&mut far, folder)? != fact {
        bail!("the two sides have other facts");
    }
    for turn in 1..=TURNS as u64 {
        for (side, sum) in [(&mut near as &mut dyn Side, &mut in_process), (&mut far, &mut over_border)] {
            let (one, _) = run(side, turn, order(&fact))?;
            sum.steps.extend(one.steps);
            sum.events += one.events;
            sum.bytes += one.bytes;
            sum.seconds += one.seconds;
        }
    }
    println!(
        "{:<52} {:>10} {:>10} {:>10}",
        "a fine-tuning edit in this process and over a pipe", "step", "events/s", "bytes/step"
    );
    for (name, turn) in [("in this process", in_process), ("over the border", over_border)] {
        let steps = turn.steps.len().max(1);
        println!(
            "{name:<52} {:>7.2} ms {:>10.0} {:>10}",
            1000.0 * median(turn.steps),
            turn.events as f64 / turn.seconds,
            turn.bytes / steps
        );
    }
    println!("{:<52} {:>7.0} ms", "from the start of an engine to its first record", 1000.0 * first.as_secs_f64());
    let _ = near.commands.send(Command::Quit);
    drop(near.events);
    let _ = near.thread.join();
    far.tell(ToEngine::End);
    far.leave(PATIENCE, |_| {});
    Ok(())
}

fn loaded(side: &mut dyn Side, folder: &Path) -> Result<Fact> {
    let (_, events) = run(side, 0, Load { source: ModelSource::Folder(folder.to_owned()) })?;
    let facts = events.into_iter().find_map(|event| match event {
        Event::Facts { facts, .. } => facts.into_iter().next(),
        _ => None,
    });
    facts.context("there are no facts")
}

/// An edit whose steps are short, so that what they tell weighs.
fn order(fact: &Fact) -> EditOrder {
    let settings = json!({"steps": STEPS, "stop_below": 0.0});
    EditOrder {
        fact: fact.clone(),
        method: "fine-tuning".to_owned(),
        objective: "error-injection".to_owned(),
        layers: vec![10],
        method_settings: settings.as_object().cloned().unwrap_or_default(),
        ..EditOrder::default()
    }
}
