//! The cells of a heat map, computed in one sweep upwards through the layers.
//!
//! A cell changes nothing below its first changed layer and nothing before its token, so it joins the
//! batch at that layer, with that token as its first column, and earlier positions come from the
//! run that the cells stand on. The batch grows from layer to layer; each layer's weights are read once per sweep.

use super::pass::{Pass, answer_probabilities};
use super::request::Kind;
use crate::error::Result;
use crate::model::{Action, Batch, KeysValues, Model, Site, Span, Tap, Taps};
use std::ops::Range;
use tch::Tensor;

/// What a running sweep tells. An error returned by the listener stops the sweep; [`crate::Error::Cancelled`] for one.
#[derive(Clone, Debug)]
pub enum Report<'a> {
    /// A block was run; a point for cancelling.
    Layer(usize),
    /// All cells of one token are finished.
    Row {
        /// The token's position in the prompt.
        token: usize,
        /// Probability of the answer by layer.
        scores: &'a [f64],
    },
}

/// Layers that a window of `width` centred at `layer` changes, clipped to the model.
#[must_use]
pub fn window_layers(layer: usize, width: usize, layers: usize) -> Range<usize> {
    layer.saturating_sub(width / 2)..layers.min(layer + width.div_ceil(2))
}

/// All cells of one kind on one run.
pub(super) struct Sweep<'a> {
    pub model: &'a Model,
    /// The run that the cells change.
    pub pass: &'a Pass,
    /// Rows per cell; as many as the pass has, or more where that has one.
    pub rows: i64,
    pub answer: &'a [i64],
    pub kind: Kind,
    pub window: usize,
    /// What a cell puts in at a layer and a token: `[rows, hidden]` or `[1, hidden]`.
    pub source: &'a dyn Fn(usize, usize) -> Result<Tensor>,
    /// A module whose outputs at the cell's token are held, in all layers, at those of another run (severed).
    pub held: Option<(Kind, &'a Pass)>,
}

impl Sweep<'_> {
    /// Scores by token of `group` and layer.
    pub fn run(&self, group: &[usize], listen: &mut dyn FnMut(Report<'_>) -> Result<()>) -> Result<Vec<Vec<f64>>> {
        let layers = self.model.architecture.layers;
        // what is held changes the run that cells stand on: it runs along, ahead of them
        let lead = usize::from(self.held.is_some());
        let leading = |&token: &usize| if lead == 1 { flat(&self.standing(token, 0)?).map(Some) } else { Ok(None) };
        let mut streams: Vec<Option<Tensor>> = group.iter().map(leading).collect::<Result<_>>()?;
        let mut cells = 0;
        for layer in 0..=layers {
            while cells < layers && self.joins_before(cells) == layer {
                for (&token, stream) in group.iter().zip(&mut streams) {
                    let entering = self.entering(token, cells, stream.as_ref().filter(|_| lead == 1))?;
                    *stream = Some(match stream.take() {
                        Some(earlier) => Tensor::f_cat(&[earlier, entering], 0)?,
                        None => entering,
                    });
                }
                cells += 1;
            }
            if layer < layers && lead + cells > 0 {
                self.advance(layer, group, lead, cells, &mut streams)?;
            }
            listen(Report::Layer(layer))?;
        }
        let finished = streams.iter().flatten().map(|stream| -> Result<Vec<f64>> {
            let all = stream.f_reshape([(lead + cells) as i64, self.rows, -1, stream.size()[1]])?;
            // every row of a token has as many columns
            answer_probabilities(self.model, self.answer, &all.f_narrow(0, lead as i64, cells as i64)?)
        });
        finished.collect()
    }

    /// The layers that the cell centred at `layer` changes.
    fn changed(&self, layer: usize) -> Range<usize> {
        match self.kind {
            Kind::Hidden => layer..layer + 1,
            Kind::Mlp | Kind::Attention => window_layers(layer, self.window, self.model.architecture.layers),
        }
    }

    /// The first block that the cell centred at `layer` must run.
    fn joins_before(&self, layer: usize) -> usize {
        match self.kind {
            Kind::Hidden => layer + 1,
            Kind::Mlp | Kind::Attention => self.changed(layer).start,
        }
    }

    /// The unchanged stream entering block `layer` from `token` on, `[rows, columns, hidden]`.
    fn standing(&self, token: usize, layer: usize) -> Result<Tensor> {
        let stream = &self.pass.streams[layer];
        let skipped = (token - self.pass.first) as i64;
        Ok(stream.f_narrow(1, skipped, stream.size()[1] - skipped)?.f_expand([self.rows, -1, -1], false)?)
    }

    /// The stream with which a cell joins, `[rows · columns, hidden]` from `token` on. Where something is held,
    /// `leading` is the stream of the batch, whose first rows are the run that cells stand on.
    fn entering(&self, token: usize, layer: usize, leading: Option<&Tensor>) -> Result<Tensor> {
        let columns = self.pass.tokens - token as i64;
        let stream = match leading {
            Some(all) => all.f_narrow(0, 0, self.rows * columns)?.f_reshape([self.rows, columns, -1])?,
            None => self.standing(token, self.joins_before(layer))?,
        };
        flat(&match self.kind {
            Kind::Hidden => {
                let put = (self.source)(layer, token)?.f_unsqueeze(1)?.f_expand([self.rows, 1, -1], false)?;
                Tensor::f_cat(&[put, stream.f_narrow(1, 1, columns - 1)?], 1)?
            }
            Kind::Mlp | Kind::Attention => stream,
        })
    }

    /// Runs one block for the leading run and the active cells of all tokens of the group.
    fn advance(
        &self,
        layer: usize,
        group: &[usize],
        lead: usize,
        cells: usize,
        streams: &mut [Option<Tensor>],
    ) -> Result<()> {
        let rows = (lead + cells) as i64 * self.rows;
        let span = |&token: &usize| Span { rows, columns: self.pass.tokens - token as i64, first: token as i64 };
        let batch = Batch::of(group.iter().map(span).collect());
        let memory = &self.pass.memory[layer];
        let repeats = rows / self.pass.rows;
        let prefixes = group.iter().map(|&token| memory.prefix(token as i64, repeats));
        let prefixes = prefixes.collect::<Result<Vec<KeysValues>>>()?;
        let prefixes: Vec<_> = prefixes.iter().map(Some).collect();
        let whole: Vec<Tensor> = streams.iter().flatten().map(Tensor::shallow_clone).collect();
        let whole = if whole.len() == 1 { whole[0].shallow_clone() } else { Tensor::f_cat(&whole, 0)? };
        let taps = [self.change(layer, group, lead, cells, &batch)?, self.hold(layer, group, lead + cells, &batch)?];
        let mut taps = Taps::new(taps.into_iter().flatten().collect());
        let (whole, _) = self.model.block(layer, &whole, &batch, &prefixes, &mut taps, false)?;
        for (index, stream) in streams.iter_mut().enumerate() {
            let span = batch.spans[index];
            *stream = Some(whole.f_narrow(0, batch.start(index), span.rows * span.columns)?);
        }
        Ok(())
    }

    /// Puts the source's output of the module at `layer` into every active cell whose window holds the layer.
    fn change(&self, layer: usize, group: &[usize], lead: usize, cells: usize, batch: &Batch) -> Result<Option<Tap>> {
        let Some(site) = site(self.kind, layer) else { return Ok(None) };
        let concerned: Vec<usize> =
            (0..cells).filter(|&cell| self.changed(cell).contains(&layer)).map(|cell| lead + cell).collect();
        let value = |token: usize| Ok((self.source)(layer, token)?.f_expand([self.rows, -1], false)?);
        self.replacement(site, group, &concerned, batch, &value)
    }

    /// Holds the severed module at `layer` in every member of the batch.
    fn hold(&self, layer: usize, group: &[usize], members: usize, batch: &Batch) -> Result<Option<Tap>> {
        let Some((kind, held)) = self.held else { return Ok(None) };
        let Some(site) = site(kind, layer) else { return Ok(None) };
        let all: Vec<usize> = (0..members).collect();
        self.replacement(site, group, &all, batch, &|token| held.at(kind, layer, token))
    }

    /// Puts `value` `[rows, hidden]` of each token of the group in its place in some members of the batch.
    fn replacement(
        &self,
        site: Site,
        group: &[usize],
        members: &[usize],
        batch: &Batch,
        value: &dyn Fn(usize) -> Result<Tensor>,
    ) -> Result<Option<Tap>> {
        if members.is_empty() {
            return Ok(None);
        }
        let mut indices = Vec::new();
        let mut values = Vec::new();
        for (index, &token) in group.iter().enumerate() {
            for &member in members {
                let first_row = member as i64 * self.rows;
                indices.extend((first_row..first_row + self.rows).map(|row| batch.flat(index, row, token as i64)));
            }
            values.push(value(token)?.f_repeat([members.len() as i64, 1])?);
        }
        Ok(Some(Tap {
            site,
            cells: Some(Tensor::f_from_slice(&indices)?.f_to_device(self.model.device)?),
            action: Action::Replace(Tensor::f_cat(&values, 0)?),
        }))
    }
}

/// `[rows, columns, hidden]` as a flat stream.
fn flat(stream: &Tensor) -> Result<Tensor> {
    Ok(stream.f_reshape([-1, stream.size()[2]])?)
}

/// Where the output of a module is tapped; the residual stream is cut between blocks instead.
fn site(kind: Kind, layer: usize) -> Option<Site> {
    match kind {
        Kind::Hidden => None,
        Kind::Mlp => Some(Site::MlpOut(layer)),
        Kind::Attention => Some(Site::AttentionOut(layer)),
    }
}

#[cfg(test)]
mod tests {
    use super::window_layers;

    /// A model of 28 layers.
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
