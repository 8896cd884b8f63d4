//! Keys and values before what repetitions run. The first repetition computes them: who only asks what was captured, or has other
//! large things to do before, does without their memory.

use super::entry::Entry;
use crate::error::Result;
use crate::model::{KeysValues, Model, Reading, Taps};
use crate::run::Layout;
use locus_plugin::SuffixRequest;
use std::cell::RefCell;
use std::rc::Rc;
use tch::Tensor;

/// By layer from the first block that repetitions run, and by span of theirs, or of all spans that are attended together.
pub(super) type ByLayer = Vec<Vec<Option<KeysValues>>>;

pub(super) struct Prefixes {
    /// First block that repetitions run.
    first: usize,
    state: RefCell<State>,
}

enum State {
    /// Nothing comes before what repetitions run.
    Nothing,
    /// The tokens before it, and their residual stream at the entry, `[tokens, hidden]`.
    Entering(Layout, Tensor),
    Known(Rc<ByLayer>),
}

impl Prefixes {
    /// Of rows of which repetitions run what comes from `cuts` on; `stream`, `[tokens, hidden]`, is that of the `whole` rows at
    /// the entry.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn new(
        model: &Model,
        request: &SuffixRequest,
        (entry, cuts): (Entry, &[i64]),
        (whole, stream): (&Layout, &Tensor),
        after: &Layout,
    ) -> Result<Self> {
        let first = entry.first_block();
        if cuts.iter().all(|&cut| cut == 0) {
            return Ok(Self { first, state: RefCell::new(State::Nothing) });
        }
        let mut before = Layout::before(&request.rows, cuts);
        if after.batch.together.is_some() {
            before = before.in_one(model.device)?;
        }
        let stream = stream.f_index_select(0, &whole.indices_of(&before, model.device)?)?;
        Ok(Self { first, state: RefCell::new(State::Entering(before, stream)) })
    }

    /// Those of all layers; `after` is what repetitions run.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn of(&self, model: &Model, after: &Layout) -> Result<Rc<ByLayer>> {
        let known = match &*self.state.borrow() {
            State::Known(known) => return Ok(known.clone()),
            State::Nothing => (self.first..model.architecture.layers).map(|_| none(after)).collect(),
            State::Entering(before, stream) => self.computed(model, before, stream, after)?,
        };
        let known = Rc::new(known);
        *self.state.borrow_mut() = State::Known(known.clone());
        Ok(known)
    }

    fn computed(&self, model: &Model, before: &Layout, entering: &Tensor, after: &Layout) -> Result<ByLayer> {
        let _guard = tch::no_grad_guard();
        let layers = model.architecture.layers;
        // of the last block nothing is read but keys and values
        let unread = before.batch.read(&Rc::new(Reading::of(&before.batch, &[], model.device)?));
        let mut stream = entering.shallow_clone();
        let mut prefixes = Vec::with_capacity(layers - self.first);
        for layer in self.first..layers {
            let mut taps = Taps::default();
            let kept = if layer + 1 == layers {
                model.block_until_key(layer, &stream, &unread, &[], &mut taps, true)?.2
            } else {
                let (next, kept) = model.block(layer, &stream, &before.batch, &[], &mut taps, true)?;
                stream = next;
                kept
            };
            let mut kept =
                kept.iter().map(|kept| kept.packed().map(Some)).collect::<Result<Vec<Option<KeysValues>>>>()?;
            prefixes.push(match &after.batch.together {
                // rows stand in the order of their cuts, those that have nothing before them first
                Some(rectangle) => {
                    kept.into_iter().flatten().map(|kept| rectangle.prefixes(kept).map(Some)).collect::<Result<_>>()?
                }
                None => {
                    let of_span = |span| before.span_of(after.first_row(span)).and_then(|index| kept[index].take());
                    (0..after.batch.spans.len()).map(of_span).collect()
                }
            });
        }
        Ok(prefixes)
    }
}

fn none(layout: &Layout) -> Vec<Option<KeysValues>> {
    let count = if layout.batch.together.is_some() { 1 } else { layout.batch.spans.len() };
    (0..count).map(|_| None).collect()
}
