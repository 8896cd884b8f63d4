//! A session with its layers over two devices, both of them the CPU: traces, edits by every method, scores and what is taken
//! back are the same bits as on one.

mod support;

use locus_protocol::{
    Applied, Device, DeviceRequest, EditOrder, EvaluateOrder, Event, Measures, OneDevice, TraceKind, TraceOrder,
    TraceStarted, Undo,
};
use serde_json::json;
use support::Session;

/// What a session says of traces, edits and scores, without times.
fn told(request: DeviceRequest) -> (Device, Vec<String>) {
    let (mut session, loaded) = Session::open_with(|options| {
        options.start.device = request;
        options.start.corpus_tokens = Some(600);
    });
    let ready = loaded.into_iter().find_map(|event| if let Event::Model(ready) = event { Some(ready) } else { None });
    let ready = ready.expect("a model");
    let mut all = vec![ready.fingerprint];
    for kind in [TraceKind::Hidden, TraceKind::Mlp] {
        let order = TraceOrder { samples: 3, ..TraceOrder::new(session.facts[0].clone(), kind) };
        for event in session.done(order) {
            match event {
                Event::Trace(TraceStarted { clean, corrupted, .. }) => all.push(format!("{clean} {corrupted}")),
                Event::TracePreview { scores, .. } => all.push(format!("{scores:?}")),
                Event::TraceRow { token, scores, .. } => all.push(format!("{token} {scores:?}")),
                _ => {}
            }
        }
    }
    let edits =
        [("rome", vec![4], json!({})), ("memit", vec![4, 7], json!({})), ("fine-tuning", vec![8], json!({"steps": 4}))];
    for (method, layers, settings) in edits {
        let order = EditOrder {
            fact: session.facts[1].clone(),
            method: method.to_owned(),
            objective: "error-injection".to_owned(),
            layers,
            method_settings: settings.as_object().cloned().unwrap_or_default(),
            ..EditOrder::default()
        };
        for event in session.done(order) {
            match event {
                Event::Applied(Applied { scores, changes, weights, metrics, .. }) => {
                    all.push(format!("{method}: {scores:?} {changes:?} {weights:?} {metrics:?}"));
                }
                Event::Step(step) => all.push(format!("{method}: {:?} {:?}", step.losses, step.rows)),
                _ => {}
            }
        }
    }
    let measures = Measures { said_tokens: 4, ..Measures::default() };
    for event in session.done(EvaluateOrder { facts: session.facts[..2].to_vec(), edit: None, measures }) {
        if let Event::Evaluated(evaluated) = event {
            all.push(format!("{:?} {:?}", evaluated.numbers, evaluated.said));
        }
    }
    for left in (0..3).rev() {
        for event in session.done(Undo::LAST) {
            if let Event::Edits { unedited, applied, .. } = event {
                assert_eq!((applied.len(), unedited), (left, left == 0), "taken back");
            }
        }
    }
    (ready.device, all)
}

#[test]
fn layers_over_two_devices_give_what_they_give_on_one() {
    let (one, alone) = told(DeviceRequest::Cpu);
    let (two, both) = told(DeviceRequest::Several(vec![OneDevice::Cpu, OneDevice::Cpu]));
    assert_eq!((one.name.as_str(), one.reason.as_str()), ("cpu", "asked for"));
    assert_eq!(two.name, "cpu,cpu");
    assert_eq!(two.reason, "asked for; layers 0 to 5 on cpu, layers 6 to 11 on cpu");
    assert!(alone.len() > 20, "{}", alone.len());
    for (one, two) in alone.iter().zip(&both) {
        assert_eq!(one, two);
    }
    assert_eq!(alone.len(), both.len());
}
