//! What jobs tell of how far they are, and how soon they end that are canceled: by phase, without a clock. The channel
//! of events takes one at a time, so that a job is never further than what was heard of it.

// all of it is a test, as its `mod` says
#[cfg(test)]
use crate::SessionOptions;
use crate::emitter::Emitter;
use crate::thread::run;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use locus_plugin_host::SearchPaths;
use locus_protocol::{
    Command, Control, EditOrder, EvaluateOrder, Event, Fact, JobId, JobKind, Load, Measures, ModelSource, Outcome,
    Phase, Rescore, SaveTarget, SecondMomentsTask, Start, Task, TraceKind, TraceOrder, Undo,
};
use serde_json::json;
use std::path::Path;

/// Records of the same phase that may come after a cancellation: the one that was on its way, and that of the step in which
/// it was looked at.
const ON_ITS_WAY: usize = 2;

/// One record of how far a job is.
#[derive(Clone, Debug, PartialEq)]
struct Tick {
    phase: String,
    done: u64,
    total: u64,
}

struct Bench {
    commands: Sender<Command>,
    events: Receiver<Event>,
    control: Control,
    facts: Vec<Fact>,
    next: JobId,
}

fn tick(event: &Event) -> Option<Tick> {
    match event {
        Event::Progress { phase: Phase::Method(phase), done, total, .. } => {
            Some(Tick { phase: phase.clone(), done: *done, total: *total })
        }
        Event::Progress { phase, done, total, .. } => {
            Some(Tick { phase: format!("{phase:?}"), done: *done, total: *total })
        }
        Event::Step(step) if step.step < step.steps => {
            Some(Tick { phase: "steps".to_owned(), done: step.step + 1, total: step.steps })
        }
        _ => None,
    }
}

impl Bench {
    /// A session with the built-in model, which plugins beside the test belong to.
    fn with(folder: &Path, scenes: impl FnOnce(&mut Self)) {
        let test = std::env::current_exe().expect("test");
        let search = SearchPaths::new(test.parent(), None, None, &[]);
        let start = Start { threads: Some(1), corpus_tokens: Some(4000), ..Start::default() };
        let options = SessionOptions::new(start, folder.to_owned(), search);
        let (sender, events) = bounded(0);
        let (commands, orders) = unbounded();
        let emitter = Emitter::new(sender, &[]).expect("no journal").without_breath();
        let control = Control::default();
        let looked_at = control.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || run(options, &orders, emitter, &looked_at));
            let mut bench = Self { commands, events, control, facts: Vec::new(), next: 0 };
            bench.run(Load { source: ModelSource::BuiltIn }.into(), |_, _| {});
            scenes(&mut bench);
            let Self { commands, events, .. } = bench;
            commands.send(Command::Quit).expect("an engine");
            events.into_iter().for_each(drop);
        });
    }

    /// Runs a job to its end; `hear` hears of each record, with a way to cancel.
    fn run(&mut self, task: Task, mut hear: impl FnMut(&Tick, &dyn Fn())) -> Outcome {
        self.next += 1;
        let job = self.next;
        let cancel = || self.control.cancel(job);
        self.commands.send(Command::start(job, task)).expect("an engine");
        let mut facts = None;
        let outcome = loop {
            let event = self.events.recv().expect("an engine");
            if let Some(tick) = tick(&event) {
                hear(&tick, &cancel);
            }
            match event {
                Event::Finished { job: ended, outcome, .. } if ended == job => break outcome,
                Event::Facts { facts: told, .. } => facts = Some(told),
                _ => {}
            }
        };
        self.facts = facts.unwrap_or_else(|| std::mem::take(&mut self.facts));
        outcome
    }

    fn ticks(&mut self, task: &Task) -> Vec<Tick> {
        let mut ticks = Vec::new();
        let outcome = self.run(task.clone(), |tick, _| ticks.push(tick.clone()));
        assert_eq!(outcome, Outcome::Done, "{}", task.title());
        ticks
    }

    fn jobs(&self, folder: &Path) -> Vec<Task> {
        let fact = self.facts[0].clone();
        let edit = |method: &str, settings: serde_json::Value| EditOrder {
            fact: fact.clone(),
            method: method.to_owned(),
            objective: "error-injection".to_owned(),
            layers: if method == "memit" { vec![3, 4] } else { vec![4] },
            method_settings: settings.as_object().cloned().unwrap_or_default(),
            free_generation: 3,
            ..EditOrder::default()
        };
        let measures = Measures { free_generation: 3, ..Measures::default() };
        let rome = edit("rome", json!({"steps": 4, "contexts": 4}));
        vec![
            Load { source: ModelSource::BuiltIn }.into(),
            TraceOrder::new(fact.clone(), TraceKind::Hidden).into(),
            SecondMomentsTask::CollectFewer { tokens: 6000 }.into(),
            rome.clone().into(),
            edit("memit", json!({"steps": 4})).into(),
            edit("fine-tuning", json!({"steps": 4, "stop_below": 0.0})).into(),
            EvaluateOrder { facts: self.facts[..2].to_vec(), measures, ..EvaluateOrder::default() }.into(),
            EvaluateOrder { edit: Some(rome), ..EvaluateOrder::default() }.into(),
            Rescore::default().into(),
            SaveTarget::Model(folder.join("exported")).into(),
            Undo::LAST.into(),
        ]
    }
}

#[test]
fn every_job_tells_how_far_it_is_and_never_goes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    Bench::with(folder.path(), |bench| {
        for task in bench.jobs(folder.path()) {
            let ticks = bench.ticks(&task);
            let title = task.title();
            assert!(ticks.len() >= 3, "{title} tells nothing: {ticks:?}");
            for phase in ticks.chunk_by(|one, next| one.phase == next.phase) {
                for pair in phase.windows(2) {
                    assert!(pair[0].done <= pair[1].done, "{title}: {pair:?}");
                    assert!(pair[0].total == pair[1].total || phase[0].phase == "SecondMoments", "{title}: {pair:?}");
                }
                assert!(phase.iter().all(|tick| tick.done <= tick.total), "{title}: {phase:?}");
            }
        }
    });
}

#[test]
fn a_job_that_is_cancelled_in_any_of_its_phases_ends_before_the_next_step() {
    let folder = tempfile::tempdir().expect("a folder");
    Bench::with(folder.path(), |bench| {
        for task in bench.jobs(folder.path()) {
            let ticks = bench.ticks(&task);
            let title = task.title();
            // as it was before: what the job makes is taken back, or gone
            let restore = |bench: &mut Bench| {
                if task.kind() == JobKind::Edit {
                    assert_eq!(bench.run(Undo::LAST.into(), |_, _| {}), Outcome::Done);
                }
                let _ = std::fs::remove_dir_all(folder.path().join("exported"));
                let _ = std::fs::remove_dir_all(folder.path().join("second-moments"));
            };
            let again = [JobKind::Undo, JobKind::Rescore].contains(&task.kind());
            if !again {
                restore(bench);
            }
            let mut phases: Vec<&str> = ticks.iter().map(|tick| tick.phase.as_str()).collect();
            phases.dedup();
            phases.sort_unstable();
            phases.dedup();
            for phase in phases {
                let mut after = None;
                let outcome = bench.run(task.clone(), |tick, cancel| match &mut after {
                    None if tick.phase == phase => {
                        cancel();
                        after = Some(Vec::new());
                    }
                    Some(heard) => heard.push(tick.clone()),
                    None => {}
                });
                // of an undo the last phase cannot be stopped any more
                let is_last = ticks.last().is_some_and(|tick| tick.phase == phase);
                if task.kind() == JobKind::Undo && is_last && outcome == Outcome::Done {
                    continue;
                }
                let heard = after.unwrap_or_default();
                assert!(matches!(outcome, Outcome::Cancelled { .. }), "{title}, {phase}: {outcome:?}, {heard:?}");
                assert!(heard.len() <= ON_ITS_WAY, "{title} goes on after a cancellation in {phase}: {heard:?}");
            }
            // the jobs after it find what it makes
            if !again {
                assert_eq!(bench.run(task.clone(), |_, _| {}), Outcome::Done, "{title}");
            }
        }
    });
}
