//! How true what jobs tell of themselves is: by phase, what was told of it against the time that truly passed, how long
//! nothing was told, and how long a job goes on after it was cancelled in the middle of the phase.

use anyhow::{Context, Result, bail};
use locus_plugin_host::SearchPaths;
use locus_protocol::{
    Command, EditOrder, EvaluateOrder, Event, Fact, JobId, Load, Measures, ModelSource, OpenPlugins, Outcome, Phase,
    Reading, Rescore, SaveTarget, SecondMomentsTask, Start, Task, TraceKind, TraceOrder, Undo,
};
use locus_session::{Handles, SessionOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// From this share of a phase on, what is told counts.
const FROM: f64 = 0.1;
/// Phases that are shorter than this are over before anybody reads about them.
const SHORT: f64 = 0.3;
/// How long an engine may say nothing.
const PATIENCE: Duration = Duration::from_secs(3600);
/// The phase that steps of a method are.
const STEPS: &str = "steps";

/// What was told, when.
struct Tick {
    at: f64,
    phase: String,
    done: u64,
    total: u64,
}

/// One run of a job.
struct Run {
    ticks: Vec<Tick>,
    /// Times at which anything was told.
    told: Vec<f64>,
    seconds: f64,
}

/// A phase as it was told, from its first record to that of the next.
struct Lap<'a> {
    phase: &'a str,
    ticks: &'a [Tick],
    begins: f64,
    ends: f64,
}

impl Run {
    fn laps(&self) -> Vec<Lap<'_>> {
        let first = self.ticks.first().map_or(self.seconds, |tick| tick.at);
        let mut laps = vec![Lap { phase: "(before the first)", ticks: &[], begins: 0.0, ends: first }];
        for ticks in self.ticks.chunk_by(|one, next| one.phase == next.phase && one.done <= next.done) {
            if let Some(lap) = laps.last_mut() {
                lap.ends = ticks[0].at;
            }
            laps.push(Lap { phase: &ticks[0].phase, ticks, begins: ticks[0].at, ends: self.seconds });
        }
        laps
    }

    /// The longest time in a stretch in which nothing was told.
    fn silence(&self, begins: f64, ends: f64) -> f64 {
        let inside = self.told.iter().copied().filter(|at| (begins..ends).contains(at));
        let times: Vec<f64> = std::iter::once(begins).chain(inside).chain([ends]).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
    }
}

impl Lap<'_> {
    fn seconds(&self) -> f64 {
        self.ends - self.begins
    }

    /// The greatest difference of the share that is told, and that of the time, once a tenth is over; none where no share
    /// is told.
    fn deviation(&self) -> Option<f64> {
        let until = self.ticks.iter().skip(1).map(|tick| tick.at).chain([self.ends]);
        let share = |at: f64| (at - self.begins) / self.seconds().max(1e-9);
        let told = self.ticks.iter().zip(until).filter(|(tick, _)| tick.total > 1);
        let both = told.flat_map(|(tick, until)| {
            let told = (tick.done as f64 / tick.total as f64).min(1.0);
            // what was told stands until the next is
            [tick.at, until].map(|at| (share(at), told))
        });
        both.filter(|(passed, _)| *passed >= FROM).map(|(passed, told)| (passed - told).abs()).reduce(f64::max)
    }
}

/// When a job is cancelled: when a record of a phase says that half of it is done, or so long after its beginning.
struct Cancel {
    phase: Option<String>,
    after: f64,
}

impl Cancel {
    /// The time at which it is due, where that is known yet.
    fn due(&self, ticks: &[Tick]) -> Option<f64> {
        let Some(phase) = &self.phase else { return Some(self.after) };
        let mut inside = ticks.iter().filter(|tick| tick.phase == *phase);
        let begins = inside.clone().next()?.at + self.after;
        let half = inside.find(|tick| tick.total > 1 && 2 * tick.done + 1 >= tick.total);
        Some(half.map_or(begins, |tick| tick.at.min(begins)))
    }
}

/// A session with a model of its own.
struct Bench {
    handles: Handles,
    next: JobId,
}

impl Bench {
    /// Runs a job, and cancels it where that is given: what was told, and the delay until it had ended.
    fn run(&mut self, task: Task, cancel: Option<&Cancel>) -> Result<(Run, Option<f64>, Vec<Event>)> {
        self.next += 1;
        let job = self.next;
        let start = Instant::now();
        self.handles.commands.send(Command::start(job, task))?;
        let mut run = Run { ticks: Vec::new(), told: Vec::new(), seconds: 0.0 };
        let (mut cancelled, mut events) = (None, Vec::new());
        loop {
            let due = cancel.filter(|_| cancelled.is_none()).and_then(|cancel| cancel.due(&run.ticks));
            let wait =
                due.map_or(PATIENCE, |due| Duration::from_secs_f64((due - start.elapsed().as_secs_f64()).max(0.0)));
            let Ok(event) = self.handles.events.recv_timeout(wait) else {
                if due.is_none() {
                    bail!("the engine is gone");
                }
                self.handles.control.cancel(job);
                cancelled = Some(start.elapsed().as_secs_f64());
                continue;
            };
            let at = start.elapsed().as_secs_f64();
            run.told.push(at);
            match &event {
                Event::Progress { phase, done, total, .. } => {
                    run.ticks.push(Tick { at, phase: name(phase), done: *done, total: *total });
                }
                // a step is told once its numbers are there
                Event::Step(step) if step.step < step.steps => {
                    let (done, total) = (step.step + 1, step.steps);
                    run.ticks.push(Tick { at, phase: STEPS.to_owned(), done, total });
                }
                Event::Finished { job: ended, outcome, .. } if *ended == job => {
                    run.seconds = at;
                    if let Outcome::Failed { error, .. } = outcome {
                        bail!("{error}");
                    }
                    let delay = cancelled.filter(|_| *outcome != Outcome::Done).map(|when| at - when);
                    return Ok((run, delay, events));
                }
                Event::Memory(_) => {
                    run.told.pop();
                }
                _ => {}
            }
            events.push(event);
        }
    }
}

fn name(phase: &Phase) -> String {
    match phase {
        Phase::Method(words) => words.clone(),
        phase => {
            serde_json::to_value(phase).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
        }
    }
}

/// A job, what puts things back after it, and what of it to do anew before each time.
struct Measured {
    what: &'static str,
    task: Task,
    /// Done after each whole run.
    after: Option<Task>,
    /// Done before each run.
    before: Option<Task>,
    /// A folder whose second moments are removed before each run.
    forgets: Option<PathBuf>,
}

impl Measured {
    fn new(what: &'static str, task: impl Into<Task>) -> Self {
        Self { what, task: task.into(), after: None, before: None, forgets: None }
    }
}

/// Prints what every job tells of itself on the model in `folder`.
pub fn truth(folder: &Path, facts: Option<&Path>, corpus_tokens: usize, only: Option<&str>) -> Result<()> {
    let own = std::env::current_exe()?;
    let beside = own.parent().context("the program lies in a folder")?;
    let cache = tempfile::tempdir()?;
    let start = Start {
        open_plugins: OpenPlugins::AtStart,
        facts: facts.map(Path::to_owned),
        reading: Reading::default(),
        corpus_tokens: Some(corpus_tokens),
        ..Start::default()
    };
    let search = SearchPaths::new(Some(beside), None, None, &[]);
    let handles = locus_session::start(SessionOptions::new(start, cache.path().to_owned(), search))?;
    let mut bench = Bench { handles, next: 0 };
    let load = Load { source: ModelSource::Folder(folder.to_owned()) };
    let (_, _, events) = bench.run(load.clone().into(), None)?;
    let known = events.into_iter().find_map(|event| match event {
        Event::Facts { facts, .. } if !facts.is_empty() => Some(facts),
        _ => None,
    });
    let facts = known.context("there are no facts; give --facts FILE")?;
    println!("{:<26} {:<24} {:>8} {:>9} {:>10} {:>9}", "job", "phase", "seconds", "off by", "silent for", "cancelled");
    for job in jobs(load, &facts, cache.path()) {
        if only.is_none_or(|only| job.what.contains(only)) {
            measure(&mut bench, &job)?;
        }
    }
    let _ = bench.handles.commands.send(Command::Quit);
    drop(bench.handles.events);
    let _ = bench.handles.thread.join();
    Ok(())
}

fn jobs(load: Load, facts: &[Fact], cache: &Path) -> Vec<Measured> {
    let fact = facts[0].clone();
    let edit = |method: &str| EditOrder {
        fact: fact.clone(),
        method: method.to_owned(),
        objective: "error-injection".to_owned(),
        free_generation: 10,
        ..EditOrder::default()
    };
    let many: Vec<Fact> = facts.iter().take(4).cloned().collect();
    let undone = |what, method: &str| Measured { after: Some(Undo::LAST.into()), ..Measured::new(what, edit(method)) };
    let mut eight = edit("memit");
    eight.more = facts.iter().skip(1).take(7).cloned().collect();
    let with_edit = EvaluateOrder { edit: Some(edit("rome")), ..EvaluateOrder::default() };
    let measures = Measures { free_generation: 10, ..Measures::default() };
    let collecting = Measured {
        forgets: Some(cache.join("second-moments")),
        ..Measured::new("second moments", SecondMomentsTask::Collect)
    };
    vec![
        Measured::new("load", load),
        Measured::new("trace", TraceOrder::new(fact.clone(), TraceKind::Hidden)),
        Measured::new("trace of MLP outputs", TraceOrder::new(fact.clone(), TraceKind::Mlp)),
        collecting,
        undone("ROME", "rome"),
        undone("MEMIT", "memit"),
        Measured { after: Some(Undo::LAST.into()), ..Measured::new("MEMIT, 8 facts", eight) },
        undone("fine-tuning", "fine-tuning"),
        Measured::new("evaluate, 4 facts", EvaluateOrder { facts: many, measures, ..EvaluateOrder::default() }),
        Measured::new("evaluate an edit", with_edit),
        Measured { before: Some(edit("rome").into()), ..Measured::new("undo", Undo::LAST) },
        Measured {
            before: Some(edit("rome").into()),
            after: Some(Undo::LAST.into()),
            ..Measured::new("score all edits anew", Rescore::default())
        },
        Measured::new("export the model", SaveTarget::Model(cache.join("exported"))),
    ]
}

fn measure(bench: &mut Bench, job: &Measured) -> Result<()> {
    let prepared = |bench: &mut Bench| -> Result<()> {
        if let Some(folder) = job.forgets.as_ref().filter(|folder| folder.exists()) {
            std::fs::remove_dir_all(folder)?;
        }
        let exported = match &job.task {
            Task::Save(SaveTarget::Model(folder)) => Some(folder),
            _ => None,
        };
        if let Some(folder) = exported.filter(|folder| folder.exists()) {
            std::fs::remove_dir_all(folder)?;
        }
        job.before.iter().try_for_each(|before| bench.run(before.clone(), None).map(|_| ()))
    };
    prepared(bench)?;
    let (run, ..) = bench.run(job.task.clone(), None)?;
    if let Some(after) = &job.after {
        bench.run(after.clone(), None)?;
    }
    let mut what = job.what;
    for lap in run.laps() {
        if lap.seconds() < SHORT {
            continue;
        }
        prepared(bench)?;
        let cancel = match lap.ticks {
            [] => Cancel { phase: None, after: f64::midpoint(lap.begins, lap.ends) },
            _ => Cancel { phase: Some(lap.phase.to_owned()), after: lap.seconds() / 2.0 },
        };
        let (_, delay, _) = bench.run(job.task.clone(), Some(&cancel))?;
        if let Some(after) = job.after.as_ref().filter(|_| delay.is_none()) {
            bench.run(after.clone(), None)?;
        }
        let deviation = lap.deviation().map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        let delay = delay.map_or_else(|| "not".to_owned(), |delay| format!("{delay:.2} s"));
        println!(
            "{what:<26} {:<24} {:>6.2} s {deviation:>9} {:>8.2} s {delay:>9}",
            lap.phase,
            lap.seconds(),
            run.silence(lap.begins, lap.ends)
        );
        what = "";
    }
    println!("{:<26} {:<24} {:>6.2} s", if what.is_empty() { "" } else { job.what }, "in all", run.seconds);
    Ok(())
}
