//! The cells of a heat map, computed in one sweep upwards through the layers.
//!
//! A cell changes nothing below its first restored layer and nothing before its token, so it joins the
//! batch at that layer, with that token as its first column, and earlier positions come from the
//! corrupted run. The batch grows from layer to layer; each layer's weights are read once per sweep.

use super::request::Kind;
use super::runs::Runs;
use crate::error::Result;
use crate::model::{Action, Batch, KeysValues, Model, Site, Span, Tap, Taps};
use std::ops::Range;
use tch::Tensor;

/// A finished heat map.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// What was restored.
    pub kind: Kind,
    /// Layers of a window (ignored for [`Kind::Hidden`]).
    pub window: usize,
    /// Restored probability by token of the prompt and layer. Rows before the subject hold the
    /// corrupted probability: restoring there has no effect.
    pub scores: Vec<Vec<f64>>,
}

/// What a running sweep tells. An error returned by the listener stops the sweep; [`crate::Error::Cancelled`] for one.
#[derive(Clone, Debug)]
pub enum Report<'a> {
    /// A block was run; a point for cancelling.
    Layer(usize),
    /// All cells of one token are finished.
    Row {
        /// The token's position in the prompt.
        token: usize,
        /// Restored probability by layer.
        scores: &'a [f64],
    },
}

/// Layers that a window of `width` centred at `layer` restores, clipped to the model (spec methods.md 1.3).
#[must_use]
pub fn window_layers(layer: usize, width: usize, layers: usize) -> Range<usize> {
    layer.saturating_sub(width / 2)..layers.min(layer + width.div_ceil(2))
}

/// Restores every cell of `kind`, `tokens_at_once` rows of the map in one sweep, and tells `listen` of each.
///
/// # Errors
/// What `listen` returns.
pub fn heat_map(
    model: &Model,
    runs: &Runs,
    kind: Kind,
    window: usize,
    tokens_at_once: usize,
    listen: &mut dyn FnMut(Report<'_>) -> Result<()>,
) -> Result<HeatMap> {
    let _guard = tch::no_grad_guard();
    let layers = model.architecture.layers;
    let mut scores = vec![vec![runs.corrupted_score; layers]; runs.first_changed];
    for (token, row) in scores.iter().enumerate() {
        listen(Report::Row { token, scores: row })?;
    }
    let tokens: Vec<usize> = (runs.first_changed..runs.prompt_tokens).collect();
    for group in tokens.chunks(tokens_at_once.max(1)) {
        let sweep = Sweep { model, runs, kind, window };
        for (&token, row) in group.iter().zip(sweep.run(group, listen)?) {
            listen(Report::Row { token, scores: &row })?;
            scores.push(row);
        }
    }
    Ok(HeatMap { kind, window, scores })
}

struct Sweep<'a> {
    model: &'a Model,
    runs: &'a Runs,
    kind: Kind,
    window: usize,
}

impl Sweep<'_> {
    /// Scores by token of `group` and layer.
    fn run(&self, group: &[usize], listen: &mut dyn FnMut(Report<'_>) -> Result<()>) -> Result<Vec<Vec<f64>>> {
        let layers = self.model.architecture.layers;
        let hidden = self.model.architecture.hidden;
        let mut streams: Vec<Option<Tensor>> = group.iter().map(|_| None).collect();
        let mut cells = 0;
        for layer in 0..=layers {
            while cells < layers && self.joins_before(cells) == layer {
                for (&token, stream) in group.iter().zip(&mut streams) {
                    let entering = self.entering(token, cells);
                    *stream = Some(match stream.take() {
                        Some(earlier) => Tensor::cat(&[earlier, entering], 0),
                        None => entering,
                    });
                }
                cells += 1;
            }
            if layer < layers && cells > 0 {
                self.advance(layer, group, cells, &mut streams);
            }
            listen(Report::Layer(layer))?;
        }
        let samples = self.runs.samples;
        let finished = streams.iter().flatten().map(|stream| {
            let columns = stream.size()[0] / (cells as i64 * samples);
            self.runs.scores(self.model, &stream.reshape([cells as i64, samples, columns, hidden]))
        });
        Ok(finished.collect())
    }

    /// The layers that the cell centred at `layer` restores.
    fn restored(&self, layer: usize) -> Range<usize> {
        match self.kind {
            Kind::Hidden => layer..layer + 1,
            Kind::Mlp | Kind::Attention => window_layers(layer, self.window, self.model.architecture.layers),
        }
    }

    /// The first block that the cell centred at `layer` must run.
    fn joins_before(&self, layer: usize) -> usize {
        match self.kind {
            Kind::Hidden => layer + 1,
            Kind::Mlp | Kind::Attention => self.restored(layer).start,
        }
    }

    /// The stream with which a cell joins, `[samples · columns, hidden]` from `token` on.
    fn entering(&self, token: usize, layer: usize) -> Tensor {
        let corrupted = &self.runs.corrupted_streams[self.joins_before(layer)];
        let skipped = (token - self.runs.first_changed) as i64;
        let stream = corrupted.narrow(1, skipped, corrupted.size()[1] - skipped);
        let stream = match self.kind {
            Kind::Hidden => {
                let restored = self.runs.clean_module(self.kind, layer).get(token as i64);
                let restored = restored.reshape([1, 1, -1]).expand([stream.size()[0], 1, -1], false);
                Tensor::cat(&[restored, stream.narrow(1, 1, stream.size()[1] - 1)], 1)
            }
            Kind::Mlp | Kind::Attention => stream,
        };
        stream.reshape([-1, stream.size()[2]])
    }

    /// Runs one block for the active cells of all tokens of the group.
    fn advance(&self, layer: usize, group: &[usize], cells: usize, streams: &mut [Option<Tensor>]) {
        let rows = cells as i64 * self.runs.samples;
        let span = |&token: &usize| Span { rows, columns: self.runs.tokens - token as i64, first: token as i64 };
        let batch = Batch { spans: group.iter().map(span).collect(), forest: None };
        let memory = &self.runs.corrupted_memory[layer];
        let prefixes: Vec<KeysValues> = group.iter().map(|&token| memory.prefix(token as i64, cells as i64)).collect();
        let prefixes: Vec<_> = prefixes.iter().map(Some).collect();
        let flat: Vec<Tensor> = streams.iter().flatten().map(Tensor::shallow_clone).collect();
        let flat = if flat.len() == 1 { flat[0].shallow_clone() } else { Tensor::cat(&flat, 0) };
        let mut taps = Taps::new(self.restoration(layer, group, cells, &batch).into_iter().collect());
        let (flat, _) = self.model.block(layer, &flat, &batch, &prefixes, &mut taps, false);
        for (index, stream) in streams.iter_mut().enumerate() {
            let span = batch.spans[index];
            *stream = Some(flat.narrow(0, batch.start(index), span.rows * span.columns));
        }
    }

    /// Puts the clean module output of `layer` into every active cell whose window holds the layer.
    fn restoration(&self, layer: usize, group: &[usize], cells: usize, batch: &Batch) -> Option<Tap> {
        let site = match self.kind {
            Kind::Hidden => return None,
            Kind::Mlp => Site::MlpOut(layer),
            Kind::Attention => Site::AttentionOut(layer),
        };
        let samples = self.runs.samples;
        let concerned: Vec<usize> = (0..cells).filter(|&cell| self.restored(cell).contains(&layer)).collect();
        let mut indices = Vec::new();
        let mut sources = Vec::new();
        for (index, &token) in group.iter().enumerate() {
            for &cell in &concerned {
                let first_row = cell as i64 * samples;
                indices.extend((first_row..first_row + samples).map(|row| batch.flat(index, row, token as i64)));
                sources.extend((0..samples).map(|_| token as i64));
            }
        }
        if indices.is_empty() {
            return None;
        }
        let device = self.model.device;
        let clean = self.runs.clean_module(self.kind, layer);
        Some(Tap {
            site,
            cells: Some(Tensor::from_slice(&indices).to_device(device)),
            action: Action::Replace(clean.index_select(0, &Tensor::from_slice(&sources).to_device(device))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::window_layers;

    /// The examples of spec methods.md 1.3, L = 28.
    #[test]
    fn windows_are_clipped_as_published() {
        assert_eq!(window_layers(9, 1, 28), 9..10);
        assert_eq!(window_layers(9, 3, 28), 8..11);
        assert_eq!(window_layers(9, 10, 28), 4..14);
        assert_eq!(window_layers(0, 5, 28), 0..3);
        assert_eq!(window_layers(27, 5, 28), 25..28);
        assert_eq!(window_layers(0, 10, 28), 0..5);
    }
}
