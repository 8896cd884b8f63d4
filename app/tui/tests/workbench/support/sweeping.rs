//! Events of a sweep on a twelve-layer model: two edits, six facts, two localizers. The numbers are made up, of the shape
//! that such sweeps have: scores do not peak where the trace does.

use locus_protocol::{Event, JobId, Localized, SweepRow, SweepStarted, SweptCell, SweptFact};

/// Layers of the model.
pub const LAYERS: usize = 12;
/// Facts of the sweep.
pub const FACTS: usize = 6;

/// What the sweep starts from.
pub fn started(job: JobId) -> Event {
    Event::Sweep(SweepStarted {
        job,
        folder: "sweeps/20261129T120000Z-rome".into(),
        title: "rome and memit on six facts".into(),
        layers: LAYERS,
        facts: FACTS,
        left_out: [("the model does not say the true answer".to_owned(), 2)].into(),
        cells: 2 * LAYERS * FACTS,
        localizations: 2 * FACTS,
        seconds: Some(75.0),
        ..SweepStarted::default()
    })
}

fn swept(job: JobId, row: SweepRow) -> Event {
    Event::Swept { job, row: Box::new(row) }
}

/// The facts as the unedited model has them.
pub fn facts(job: JobId) -> Vec<Event> {
    let fact =
        |number: usize| SweptFact { key: format!("f{number}"), fact: number.to_string(), ..SweptFact::default() };
    (0..FACTS).map(|number| swept(job, SweepRow::Fact(fact(number)))).collect()
}

/// Where two localizers find the facts.
pub fn localized(job: JobId) -> Vec<Event> {
    let row = |localizer: &str, number: usize, effects: Vec<f64>| {
        let key = format!("{localizer}{number}");
        let (fact, localizer) = (number.to_string(), localizer.to_owned());
        swept(job, SweepRow::Localized(Localized { key, fact, localizer, effects, ..Localized::default() }))
    };
    let hill = |top: f64, layer: usize| (-(layer as f64 - top).powi(2) / 8.0).exp();
    let of_fact = |number: usize| {
        let shift = number as f64 / 6.0;
        let trace = (0..LAYERS).map(|layer| 0.3 * hill(4.0 + shift, layer) - 0.01).collect();
        let gradient = (0..LAYERS).map(|layer| 12.0 * hill(8.0 - shift, layer)).collect();
        [row("causal trace", number, trace), row("attribution", number, gradient)]
    };
    (0..FACTS).flat_map(of_fact).collect()
}

/// A cell that was measured.
pub fn cell(job: JobId, edit: &str, layer: usize, fact: usize) -> Event {
    let spread = (fact as f64 - 2.5) / 25.0;
    let rewrite = if edit == "rome" { 0.95 - 0.04 * layer as f64 } else { 0.6 + 0.02 * layer as f64 };
    let numbers = [
        ("rewrite_score", rewrite + spread),
        ("paraphrase_score", 0.9 * rewrite + 2.0 * spread),
        ("neighborhood_score", 0.7 + 0.02 * layer as f64 + spread),
        ("overall_score", 0.8 * rewrite + 0.1 + spread),
    ];
    swept(
        job,
        SweepRow::Cell(SweptCell {
            key: format!("{edit} {layer} {fact}"),
            fact: fact.to_string(),
            edit: edit.to_owned(),
            method: edit.to_owned(),
            objective: "error-injection".to_owned(),
            layer,
            window: 1,
            layers: vec![layer],
            numbers: numbers.map(|(name, value)| (name.to_owned(), value)).into(),
            time: "2026-11-29T12:00:00.000Z".to_owned(),
            ..SweptCell::default()
        }),
    )
}

/// A cell that failed.
pub fn failed(job: JobId, edit: &str, layer: usize, fact: usize) -> Event {
    match cell(job, edit, layer, fact) {
        Event::Swept { row, .. } => match *row {
            SweepRow::Cell(cell) => {
                let failed = Some("the weights would not be finite; lower the learning rate".to_owned());
                swept(job, SweepRow::Cell(SweptCell { numbers: [].into(), failed, ..cell }))
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The cells of an edit at these layers.
pub fn cells(job: JobId, edit: &str, layers: std::ops::Range<usize>) -> Vec<Event> {
    layers.flat_map(|layer| (0..FACTS).map(move |fact| cell(job, edit, layer, fact))).collect()
}

/// A sweep that is half done.
pub fn half(job: JobId) -> Vec<Event> {
    let mut events = facts(job);
    events.push(started(job));
    events.extend(localized(job));
    events.extend(cells(job, "rome", 0..LAYERS));
    events.extend(cells(job, "memit", 0..5));
    events.extend((0..3).map(|fact| cell(job, "memit", 5, fact)));
    events
}
