//! Runs that start where something changes must give what whole runs give, and edits taken back must leave no trace.

mod support;

use locus_engine::edit::{EditStack, WeightEdit};
use locus_engine::model::{Action, Checkpoint, Model, Tap, Taps};
use locus_engine::run::{Layout, Prepared, Trunks, capture, read_off};
use locus_plugin::{Cell, Cells, Delta, Form, Read, Site, SuffixRequest};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use std::sync::OnceLock;
use support::numbers::Numbers;
use support::{cases, down, golden};
use tch::{Device, Kind, Tensor};

/// Sums in another order differ by this much at most, relative to 1.
const TOLERANCE: f64 = 2e-4;

thread_local! {
    static MODELS: OnceLock<Vec<Model>> = const { OnceLock::new() };
}

fn with_models<T>(use_them: impl FnOnce(&[Model]) -> T) -> T {
    MODELS.with(|models| {
        use_them(models.get_or_init(|| {
            tch::set_num_threads(1);
            let load = |folder: std::path::PathBuf| {
                Model::load(&folder.join("model"), Device::Cpu, Kind::Float).expect("model")
            };
            let set = |name: &str| cases(&golden().join(name)).into_iter();
            // a set from elsewhere may hold families that are not supported
            let known = |folder: &std::path::PathBuf| Checkpoint::look(&folder.join("model")).is_ok();
            set("methods").chain(set("arch").filter(known)).map(load).collect()
        }))
    })
}

/// Rows of different lengths, a site, and where in each row something is added and read.
#[derive(Clone, Debug)]
struct Plan {
    model: usize,
    rows: Vec<Vec<i64>>,
    site: u8,
    layer: usize,
    places: Vec<(usize, usize)>,
    parameter: Option<usize>,
    seed: u32,
}

fn plans() -> impl Strategy<Value = Plan> {
    let row = proptest::collection::vec(5i64..300, 2..12);
    let rows = proptest::collection::vec(row, 1..5);
    let places = proptest::collection::vec((0usize..100, 0usize..100), 5);
    (0usize..64, rows, 0u8..5, 0usize..100, places, proptest::option::of(0usize..100), 0u32..1000).prop_map(
        |(model, rows, site, layer, places, parameter, seed)| Plan {
            model,
            rows,
            site,
            layer,
            places,
            parameter,
            seed,
        },
    )
}

fn site(kind: u8, layer: usize) -> Site {
    match kind {
        0 => Site::Embedding,
        1 => Site::Residual(layer),
        2 => Site::AttentionOut(layer),
        3 => Site::MlpOut(layer),
        _ => Site::MlpKey(layer),
    }
}

fn check(plan: &Plan, model: &Model) {
    let mut random = Numbers::new(plan.seed);
    let layers = model.architecture.layers;
    let site = site(plan.site, plan.layer % layers);
    let width = match site {
        Site::MlpKey(_) => model.architecture.inner,
        Site::Embedding => model.architecture.embedded(),
        _ => model.architecture.hidden,
    };
    let mut request = SuffixRequest { rows: plan.rows.clone(), ..SuffixRequest::default() };
    let mut added = Vec::new();
    for (row, ids) in plan.rows.iter().enumerate() {
        let (add, read) = plan.places[row];
        added.push(Cell { row, position: add % ids.len() });
        request.read.push(Read { cell: Cell { row, position: read % ids.len() }, token: 7 });
    }
    request.distributions.push(Cell { row: 0, position: plan.rows[0].len() - 1 });
    request.add.push(Cells { site, cells: added.clone() });
    // the streams of two layers, one of which the addition may reach first
    let captured = [plan.layer % layers, (plan.layer + 1) % layers].map(Site::Residual);
    request.capture.extend(captured.map(|site| Cells { site, cells: added.clone() }));
    let count = added.len() as i64;
    let value = random.normal(&[count, width]) * 0.3;
    let value = value.set_requires_grad(true);
    let mut parameters = Vec::new();
    if let Some(layer) = plan.parameter {
        let name = down(model, layer % layers);
        let weight = model.parameter(&name).expect("weight");
        parameters.push(&weight + random.like(&weight) * 0.01);
        request.parameters.push(name);
    }
    if let Site::MlpKey(layer) = site
        && let Some(experts) = model.architecture.experts_of(layer)
    {
        let error = Prepared::new(model, request).err().expect("no key").to_string();
        assert!(error.starts_with(&experts.said(layer)), "{error}");
        return;
    }
    // the whole run
    let replaced: Vec<(String, Tensor)> =
        request.parameters.iter().cloned().zip(parameters.iter().map(Tensor::shallow_clone)).collect();
    let variant = model.with_parameters(&replaced).expect("variant");
    let layout = Layout::whole(&plan.rows);
    let cells = layout.flat_all(&added, Device::Cpu).expect("cells");
    let capture = |site| Tap { cells: Some(cells.shallow_clone()), ..Tap::capture(site) };
    let [first, second] = captured.map(capture);
    // what is captured is what is there before anything is added at the same place
    let adds = Tap { site, cells: Some(cells.shallow_clone()), action: Action::Add(value.shallow_clone()) };
    let mut taps = Taps::new(vec![first, second, adds]);
    let stream = variant
        .forward(&layout.ids(&plan.rows, Device::Cpu).expect("libtorch"), &layout.batch, &mut taps)
        .expect("libtorch");
    let reads: Vec<Cell> = request.read.iter().map(|read| read.cell).collect();
    let whole = variant
        .logits(&stream.index_select(0, &layout.flat_all(&reads, Device::Cpu).expect("reads")))
        .expect("libtorch");
    let whole = whole.log_softmax(-1, None).select(1, 7);
    let whole_gradient = Tensor::run_backward(&[whole.sum(Kind::Float)], &[&value], false, false).remove(0);
    // the run from where something changes
    let prepared = Prepared::new(model, request).expect("prepared");
    let repetition = prepared.repeat(model, &[value.shallow_clone()], &parameters).expect("repetition");
    let below = prepared.watched_below().map_or(0, |below| below.size()[0]);
    assert_eq!(repetition.watched.size(), [layers as i64 - below, model.architecture.hidden]);
    assert!(!repetition.watched.requires_grad(), "what is shown is no part of the graph");
    let at_the_top = variant.logits(&repetition.watched).expect("logits").log_softmax(-1, None);
    let last = read_off(&at_the_top, &[7]).expect("read").get(-1).get(0).log().double_value(&[]);
    assert!((last - whole.double_value(&[0])).abs() < 1e-4, "the lens at the top is the prediction");
    let ours = &repetition.output.log_probabilities;
    let gradient = Tensor::run_backward(&[ours.sum(Kind::Float)], &[&value], false, false).remove(0);
    let off = |a: &Tensor, b: &Tensor| ((a - b).abs().max() / (b.abs().max() + 1.0)).double_value(&[]);
    for (index, ours) in repetition.output.captured.iter().enumerate() {
        let whole = taps.captured(index).expect("reached");
        assert!(off(ours, whole) < TOLERANCE, "captured {index}: {:e}", off(ours, whole));
    }
    assert!(off(ours, &whole) < TOLERANCE, "log-probabilities: {:e}", off(ours, &whole));
    assert!(off(&gradient, &whole_gradient) < TOLERANCE, "gradient: {:e}", off(&gradient, &whole_gradient));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))), ..ProptestConfig::default() })]

    #[test]
    fn a_suffix_run_equals_the_whole_run(plan in plans()) {
        with_models(|models| check(&plan, &models[plan.model % models.len()]));
    }

    #[test]
    fn a_capture_that_goes_on_equals_a_whole_one(
        model in 0usize..100,
        moves in proptest::collection::vec((proptest::option::of(0usize..100), 1u8..5, 0usize..100, 0usize..2), 1..8),
        seed in 0u32..1000,
    ) {
        with_models(|models| {
            let base = &models[model % models.len()];
            let mut random = Numbers::new(seed);
            let layers = base.architecture.layers;
            let rows = [vec![vec![5, 9, 11, 8], vec![7, 6]], vec![vec![5, 9, 11, 8, 4], vec![3]]];
            let mut trunks = Trunks::default();
            let mut variant = base.with_parameters(&[]).expect("copy");
            for (changed, kind, layer, which) in moves {
                if let Some(name) = changed.and_then(|layer| base.architecture.blocks[layer % layers].down()) {
                    let name = format!("{name}.weight");
                    let weight = variant.parameter(&name).expect("weight");
                    let weight = &weight + random.like(&weight) * 0.05;
                    variant = variant.with_parameters(&[(name.clone(), weight)]).expect("variant");
                    trunks.forget(base, &name);
                }
                let site = site(kind, layer % layers);
                let cells = (0..2).map(|row| Cell { row, position: rows[which][row].len() - 1 }).collect();
                let cells = [Cells { site, cells }];
                let Ok(whole) = capture(&variant, &rows[which], &cells) else { continue };
                let went_on = trunks.capture(&variant, &rows[which], &cells).expect("a capture");
                let off = ((&went_on[0] - &whole[0]).abs().max() / (whole[0].abs().max() + 1.0)).double_value(&[]);
                assert!(off < TOLERANCE, "{site:?} of rows {which}: {off:e}");
            }
        });
    }

    #[test]
    fn edits_taken_back_in_any_order_leave_the_weights_bit_by_bit(
        moves in proptest::collection::vec((0u8..4, 0usize..100, 0u32..100), 1..12),
    ) {
        with_models(|models| {
            let base = models[0].with_parameters(&[]).expect("copy");
            let before: Vec<Tensor> = base.parameters().into_iter().map(|(_, tensor)| tensor.copy()).collect();
            let mut stack = EditStack::new(base);
            let mut depth = 0;
            for (kind, layer, seed) in moves {
                match kind {
                    0 | 1 => {
                        let layer = layer % models[0].architecture.layers;
                        stack.apply(edit(&models[0], layer, kind == 0, seed)).expect("apply");
                        depth += 1;
                        assert!(!stack.is_unedited().expect("libtorch"));
                    }
                    2 => {
                        let undone = stack.undo().expect("undo");
                        assert_eq!(undone, depth > 0);
                        depth -= usize::from(undone);
                    }
                    _ => depth += usize::from(stack.redo().expect("redo").is_some()),
                }
                assert_eq!(stack.applied().len(), depth);
            }
            while stack.undo().expect("undo") {}
            assert!(stack.is_unedited().expect("libtorch"));
            for (before, (name, after)) in before.iter().zip(stack.model().parameters()) {
                assert_eq!(*before, after, "{name}");
            }
        });
    }
}

/// Every family at every site: what an MLP's output meets on its way to the stream (a norm, a factor) is not the same in all.
#[test]
fn what_is_added_at_any_site_takes_the_way_of_the_whole_run_in_every_family() {
    with_models(|models| {
        for (number, model) in models.iter().enumerate() {
            for kind in 0..5 {
                let layer = (number + usize::from(kind)) % model.architecture.layers;
                let rows = vec![vec![5, 17, 80, 33], vec![9, 140, 41]];
                let places = vec![(1, 3), (2, 2)];
                check(&Plan { model: number, rows, site: kind, layer, places, parameter: None, seed: 3 }, model);
            }
        }
    });
}

fn edit(model: &Model, layer: usize, low_rank: bool, seed: u32) -> WeightEdit {
    let parameter = down(model, layer);
    let size = model.parameter(&parameter).expect("weight").size();
    let mut random = Numbers::new(seed);
    let mut random = |size: &[i64]| random.normal(size);
    let form = if low_rank {
        Form::LowRank { left: random(&[size[0], 2]), right: random(&[2, size[1]]) }
    } else {
        Form::Dense(random(&size))
    };
    WeightEdit { title: "random".to_owned(), deltas: vec![Delta { parameter, form }], ..WeightEdit::default() }
}
