//! Runs that start where something changes must give what whole runs give, and edits taken back must leave no trace.

mod support;

use locus_engine::edit::{EditStack, WeightEdit};
use locus_engine::model::{Action, Model, Tap, Taps};
use locus_engine::run::{Layout, Prepared};
use locus_plugin::{Cell, Cells, Delta, Form, Read, Site, SuffixRequest};
use proptest::prelude::*;
use std::sync::OnceLock;
use support::{cases, golden};
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
            cases(&golden().join("methods")).into_iter().map(load).collect()
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
    seed: i64,
}

fn plans() -> impl Strategy<Value = Plan> {
    let row = proptest::collection::vec(5i64..300, 2..12);
    let rows = proptest::collection::vec(row, 1..5);
    let places = proptest::collection::vec((0usize..100, 0usize..100), 5);
    (0usize..8, rows, 0u8..5, 0usize..100, places, proptest::option::of(0usize..100), 0i64..1000).prop_map(
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
    tch::manual_seed(plan.seed);
    let layers = model.architecture.layers;
    let site = site(plan.site, plan.layer % layers);
    let width = if matches!(site, Site::MlpKey(_)) { model.architecture.inner } else { model.architecture.hidden };
    let mut request = SuffixRequest { rows: plan.rows.clone(), ..SuffixRequest::default() };
    let mut added = Vec::new();
    for (row, ids) in plan.rows.iter().enumerate() {
        let (add, read) = plan.places[row];
        added.push(Cell { row, position: add % ids.len() });
        request.read.push(Read { cell: Cell { row, position: read % ids.len() }, token: 7 });
    }
    request.distributions.push(Cell { row: 0, position: plan.rows[0].len() - 1 });
    request.add.push(Cells { site, cells: added.clone() });
    let count = added.len() as i64;
    let value = Tensor::randn([count, width], (Kind::Float, Device::Cpu)) * 0.3;
    let value = value.set_requires_grad(true);
    let mut parameters = Vec::new();
    if let Some(layer) = plan.parameter {
        let name = format!("{}.weight", model.architecture.blocks[layer % layers].down);
        let weight = model.parameter(&name).expect("weight");
        parameters.push(&weight + weight.randn_like() * 0.01);
        request.parameters.push(name);
    }
    // the whole run
    let replaced: Vec<(String, Tensor)> =
        request.parameters.iter().cloned().zip(parameters.iter().map(Tensor::shallow_clone)).collect();
    let variant = model.with_parameters(&replaced).expect("variant");
    let layout = Layout::whole(&plan.rows);
    let cells = layout.flat_all(&added, Device::Cpu).expect("cells");
    let mut taps = Taps::new(vec![Tap { site, cells: Some(cells), action: Action::Add(value.shallow_clone()) }]);
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
    let below = prepared.watched_below().expect("libtorch").map_or(0, |below| below.size()[0]);
    assert_eq!(repetition.lens.size(), [layers as i64 - below, model.architecture.vocabulary]);
    let last = repetition.lens.get(-1).get(7).double_value(&[]);
    assert!((last - whole.double_value(&[0])).abs() < 1e-4, "the lens at the top is the prediction");
    let ours = &repetition.output.log_probabilities;
    let gradient = Tensor::run_backward(&[ours.sum(Kind::Float)], &[&value], false, false).remove(0);
    let off = |a: &Tensor, b: &Tensor| ((a - b).abs().max() / (b.abs().max() + 1.0)).double_value(&[]);
    assert!(off(ours, &whole) < TOLERANCE, "log-probabilities: {:e}", off(ours, &whole));
    assert!(off(&gradient, &whole_gradient) < TOLERANCE, "gradient: {:e}", off(&gradient, &whole_gradient));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_suffix_run_equals_the_whole_run(plan in plans()) {
        with_models(|models| check(&plan, &models[plan.model % models.len()]));
    }

    #[test]
    fn edits_taken_back_in_any_order_leave_the_weights_bit_by_bit(
        moves in proptest::collection::vec((0u8..4, 0usize..100, 0i64..100), 1..12),
    ) {
        with_models(|models| {
            let base = models[0].with_parameters(&[]).expect("copy");
            let before: Vec<Tensor> = base.parameters().into_iter().map(|(_, tensor)| tensor.copy()).collect();
            let mut stack = EditStack::new(base);
            let mut depth = 0;
            for (kind, layer, seed) in moves {
                tch::manual_seed(seed);
                match kind {
                    0 | 1 => {
                        let layer = layer % models[0].architecture.layers;
                        stack.apply(edit(&models[0], layer, kind == 0)).expect("apply");
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

fn edit(model: &Model, layer: usize, low_rank: bool) -> WeightEdit {
    let parameter = format!("{}.weight", model.architecture.blocks[layer].down);
    let size = model.parameter(&parameter).expect("weight").size();
    let random = |size: &[i64]| Tensor::randn(size, (Kind::Float, Device::Cpu));
    let form = if low_rank {
        Form::LowRank { left: random(&[size[0], 2]), right: random(&[2, size[1]]) }
    } else {
        Form::Dense(random(&size))
    };
    WeightEdit { title: "random".to_owned(), deltas: vec![Delta { parameter, form }], ..WeightEdit::default() }
}
