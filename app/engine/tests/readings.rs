//! Runs whose last block is done for the tokens alone that are read, against runs of all of it, on every architecture.

mod support;

use locus_engine::model::{Action, Batch, Forest, LowRankChange, Model, Reading, RowChanges, Site, Tap, Taps};
use locus_engine::run::{Layout, capture, next_token_log_probabilities};
use locus_plugin::{Cell, Cells};
use std::rc::Rc;
use support::numbers::Numbers;
use support::{architectures, deviation};
use tch::{Device, Kind, Tensor};

/// The golden architectures, with shorter rows besides.
fn models() -> Vec<(String, Model, Vec<Vec<i64>>)> {
    let more = |(name, model, mut rows): (String, Model, Vec<Vec<i64>>)| {
        let longest = rows.iter().max_by_key(|row| row.len()).expect("rows").clone();
        rows.extend((1..longest.len()).step_by(2).map(|cut| longest[cut..].to_vec()));
        rows.retain(|row| row.len() as i64 <= model.architecture.context);
        (name, model, rows)
    };
    architectures().into_iter().map(more).collect()
}

/// By name: the tokens of a batch and the batch.
fn batches(model: &Model, rows: &[Vec<i64>]) -> Vec<(&'static str, Tensor, Batch)> {
    let mut forest = Forest::of(model);
    for row in rows {
        forest.plant(row, |_| false);
    }
    let laid = |layout: Layout| (layout.ids(rows, Device::Cpu).expect("ids"), layout.batch);
    let (spans, of_spans) = laid(Layout::whole(rows));
    let (rectangle, in_one) = laid(Layout::whole(rows).in_one(Device::Cpu).expect("libtorch"));
    vec![
        ("forest", forest.ids(Device::Cpu).expect("ids"), forest.batch(Device::Cpu).expect("batch")),
        ("spans", spans, of_spans),
        ("rectangle", rectangle, in_one),
    ]
}

/// Some tokens of so many, in the ways in which they are read.
fn readings(tokens: i64) -> Vec<Vec<i64>> {
    let every = |step: usize, first: i64| (first..tokens).step_by(step).collect::<Vec<i64>>();
    let backwards = every(5, 1).into_iter().rev().chain([1, 0]).collect();
    vec![every(1, 0), every(3, 2), every(7, 0), vec![tokens - 1], vec![0], backwards]
}

#[test]
fn a_token_that_is_read_gives_what_it_gives_among_all() {
    let _guard = tch::no_grad_guard();
    let mut compared = 0;
    for (name, model, rows) in models() {
        let (last, hidden) = (model.architecture.layers - 1, model.architecture.hidden);
        for (kind, ids, batch) in batches(&model, &rows) {
            let whole = model.forward(&ids, &batch, &mut Taps::default()).expect("libtorch");
            let scale = whole.abs().max().double_value(&[]);
            for cells in readings(batch.tokens()) {
                let read = model.forward_to(&ids, &batch, &mut Taps::default(), &cells).expect("libtorch");
                let wanted = whole.index_select(0, &Tensor::from_slice(&cells));
                assert_eq!(read.size(), [cells.len() as i64, hidden], "{name}, {kind}");
                let off = deviation(&read, &wanted) / scale;
                assert!(off < 2e-5, "{name}, {kind}, {} cells: {off:e}", cells.len());
                compared += 1;
            }
            // a change of the last block's weights that some tokens see, and what a tap puts in behind attention
            let inner = model.architecture.inner;
            let mut random = Numbers::new(1);
            let change =
                LowRankChange { layer: last, left: random.normal(&[hidden, 1]), right: random.normal(&[1, inner]) };
            let cells = readings(batch.tokens()).remove(1);
            let owners: Vec<usize> = (0..batch.tokens() as usize).map(|token| token % 2).collect();
            let changes = || RowChanges::new(&[&[change.shared()], &[]], &owners, Device::Cpu).expect("libtorch");
            if model.architecture.experts_of(last).is_none() {
                let taps = || Taps::default().with_changes(changes());
                let whole = model.forward(&ids, &batch, &mut taps()).expect("libtorch");
                let read = model.forward_to(&ids, &batch, &mut taps(), &cells).expect("libtorch");
                let wanted = whole.index_select(0, &Tensor::from_slice(&cells));
                let off = deviation(&read, &wanted) / whole.abs().max().double_value(&[]);
                assert!(off < 2e-5, "{name}, {kind}, changed: {off:e}");
            }
            let reading = Rc::new(Reading::of(&batch, &cells, Device::Cpu).expect("libtorch"));
            let put = |cell: i64, site: Site| Tap {
                site,
                cells: Some(Tensor::from_slice(&[cell])),
                action: Action::Add(Tensor::ones([1, hidden], (Kind::Float, Device::Cpu))),
            };
            for site in [Site::AttentionOut(last), Site::MlpOut(last), Site::Residual(last)] {
                let whole = model.forward(&ids, &batch, &mut Taps::new(vec![put(cells[1], site)])).expect("libtorch");
                let mut below = model.embed(&ids, &batch, &mut Taps::default()).expect("libtorch");
                for layer in 0..last {
                    below = model.block(layer, &below, &batch, &[], &mut Taps::default(), false).expect("libtorch").0;
                }
                let mut taps = Taps::new(vec![put(reading.place(cells[1]).expect("read"), site)]);
                let read = model.block(last, &below, &batch.read(&reading), &[], &mut taps, false).expect("libtorch").0;
                let wanted = whole.index_select(0, &Tensor::from_slice(&cells));
                let off = deviation(&read, &wanted) / whole.abs().max().double_value(&[]);
                assert!(off < 2e-5, "{name}, {kind}, {site:?}: {off:e}");
            }
        }
    }
    assert!(compared > 0);
}

/// Rows end where nothing of them is read any more, and the highest block where its last site is; what is captured is what a
/// whole run has there.
#[test]
fn captured_activations_are_those_of_whole_runs() {
    for (name, model, rows) in models() {
        let top = model.architecture.layers - 1;
        let sites = |layer: usize| {
            let key = model.architecture.experts_of(layer).is_none().then_some(Site::MlpKey(layer));
            [Site::AttentionOut(layer), Site::MlpOut(layer), Site::Residual(layer)].into_iter().chain(key)
        };
        let cell = |row: usize, position: usize| Cell { row, position: position.min(rows[row].len() - 1) };
        let some: Vec<Cell> =
            (0..rows.len()).step_by(2).map(|row| cell(row, row % 3)).chain([cell(1, 2), cell(1, 0)]).collect();
        let layout = Layout::whole(&rows);
        let all = layout.flat_all(&some, Device::Cpu).expect("cells");
        for layer in [0, top] {
            let asked: Vec<Cells> = sites(layer).map(|site| Cells { site, cells: some.clone() }).collect();
            let _guard = tch::no_grad_guard();
            let mut taps = Taps::new(asked.iter().map(|cells| Tap::capture(cells.site)).collect());
            let _ = model
                .forward(&layout.ids(&rows, Device::Cpu).expect("ids"), &layout.batch, &mut taps)
                .expect("libtorch");
            let alone = asked
                .iter()
                .map(|cells| capture(&model, &rows, std::slice::from_ref(cells)).expect("captured").remove(0));
            let together = capture(&model, &rows, &asked).expect("captured");
            for (index, (together, alone)) in together.iter().zip(alone).enumerate() {
                let whole = taps.captured(index).expect("reached").index_select(0, &all);
                for ours in [together, &alone] {
                    let off = deviation(ours, &whole) / whole.abs().max().double_value(&[]);
                    assert!(off < 2e-5, "{name}, {:?}: {off:e}", asked[index].site);
                }
            }
        }
        let none = Cells { site: Site::Residual(top), cells: Vec::new() };
        assert_eq!(capture(&model, &rows, &[none]).expect("nothing")[0].size()[0], 0, "{name}");
        let read = next_token_log_probabilities(&model, &rows, &some).expect("read");
        let whole = model.forward(&layout.ids(&rows, Device::Cpu).expect("ids"), &layout.batch, &mut Taps::default());
        let logits = model.logits(&whole.expect("libtorch").index_select(0, &all)).expect("logits");
        let off = deviation(&read, &logits.log_softmax(-1, Kind::Float));
        assert!(off < 1e-3, "{name}: {off:e}");
    }
}
