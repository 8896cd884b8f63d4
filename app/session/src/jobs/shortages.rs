//! A job that runs short of memory goes on with less at once and says so in the log.

// all of it is a test, as its `mod` says
#[cfg(test)]
use super::{load, trace};
use crate::SessionOptions;
use crate::emitter::Emitter;
use crate::pace::Pace;
use crate::worker::Worker;
use crossbeam_channel::unbounded;
use locus_engine::at_once::{Batched, Provoked, provoke};
use locus_plugin_host::SearchPaths;
use locus_protocol::{
    Command, Control, Event, Fact, Load, LogLevel, ModelSource, Outcome, Start, Task, TraceKind, TraceOrder,
};

#[test]
fn a_trace_goes_on_with_smaller_batches_and_the_next_job_begins_anew() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().expect("a folder");
    let (sender, events) = unbounded();
    let (_, commands) = unbounded::<Command>();
    let control = Control::default();
    let emitter = Emitter::new(sender, &[]).expect("an emitter").without_breath();
    let start = Start { threads: Some(1), ..Start::default() };
    let search = SearchPaths::new(None, None, None, &[]);
    let options = SessionOptions::new(start, folder.path().join("cache"), search);
    let mut worker = Worker::new(options, Pace::new(emitter, &commands, &control, |_, _, _| {}));
    load::run(&mut worker, 0, &Load { source: ModelSource::BuiltIn })
        .map_err(|stopped| stopped.error)
        .expect("a model");
    let fact = Fact {
        target_true: " France".into(),
        ..Fact::from_marked("{Paris} is in", "France", "Italy").expect("a fact")
    };
    let order = TraceOrder { samples: 3, ..TraceOrder::new(fact, TraceKind::Hidden) };
    let mut job = 1;
    let mut traced = |shortage: Option<Provoked>| {
        let task: Task = order.clone().into();
        worker.pace.begin(job, &task);
        let _ = events.try_iter().count();
        provoke(shortage);
        let result = trace::run(worker.job(job).expect("a model"), order.clone());
        provoke(None);
        let took = worker.pace.stop();
        worker.pace.end(job, took, result);
        job += 1;
        let (mut rows, mut warnings, mut outcome) = (Vec::new(), Vec::new(), None);
        for event in events.try_iter() {
            match event {
                Event::TraceRow { token, scores, .. } => rows.push((token, scores)),
                Event::Log { level: LogLevel::Warning, text, .. } => warnings.push(text),
                Event::Finished { outcome: ended, .. } => outcome = Some(ended),
                _ => {}
            }
        }
        (rows, warnings, outcome.expect("an end"))
    };
    let (whole, warnings, outcome) = traced(None);
    assert!(outcome == Outcome::Done && !whole.is_empty() && warnings.is_empty(), "{outcome:?} {warnings:?}");
    let above = |above| Some(Provoked { work: Batched::Cells, above, blocks: 1 });
    // twice: the second job knows nothing of what the first had to do
    for _ in 0..2 {
        let (rows, warnings, outcome) = traced(above(2));
        assert_eq!(outcome, Outcome::Done);
        assert!(warnings.iter().all(|text| text.contains("cells of a heat map instead of")), "{warnings:?}");
        assert!(!warnings.is_empty());
        assert_eq!(rows.len(), whole.len());
        for ((token, scores), (wanted, expected)) in rows.iter().zip(&whole) {
            assert_eq!(token, wanted);
            scores.iter().zip(expected).for_each(|(one, other)| assert!((one - other).abs() < 1e-5, "{one} {other}"));
        }
    }
    let (_, _, outcome) = traced(above(0));
    let Outcome::Failed { error, blame } = outcome else { panic!("{outcome:?}") };
    assert!(error.contains("for one cell of a heat map alone (1.0 MiB asked for, 0 bytes free)"), "{error}");
    assert_eq!(blame, locus_protocol::Blame::Device);
    assert_eq!(traced(None).0, whole, "the session goes on");
}
