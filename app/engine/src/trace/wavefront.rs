//! The cells of a heat map, computed in one sweep upwards through the layers.
//!
//! A cell changes nothing below its first changed layer and nothing before its token, so it joins the
//! batch at that layer, with that token as its first column, and earlier positions come from the
//! run that the cells stand on. The batch grows from layer to layer; each layer's weights are read once per sweep.

use super::pass::{Pass, answer_probabilities};
use super::request::Kind;
use crate::error::Result;
use crate::model::{Action, Batch, KeysValues, Model, Reading, Site, Span, Tap, Taps};
use std::ops::Range;
use std::rc::Rc;
use tch::Tensor;

/// What a running sweep tells. An error returned by the listener stops the sweep; [`crate::Error::Cancelled`] for one.
#[derive(Clone, Debug)]
pub enum Report<'a> {
    /// A block was run; a point for canceling.
    Block {
        /// Positions that went through a block so far, of all cells: what the map's time goes with.
        done: u64,
        /// The same once the map is whole.
        total: u64,
    },
    /// All cells of one token are finished.
    Row {
        /// The token's position in the prompt.
        token: usize,
        /// Probability of the answer by layer.
        scores: &'a [f64],
    },
}

/// Layers that a window of `width` centered at `layer` changes, clipped to the model.
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
    /// The run whose hidden states are restored: the first column that differs from it does so no more where it is restored,
    /// since nothing before it does, and is known in all later layers.
    pub settled: Option<&'a Pass>,
    /// Probability of the answer where a cell changes nothing that is read.
    pub unchanged: f64,
}

/// Cells of neighboring layers that have changed the same so far: they run once, until the window of one of them ends.
type Member = Range<usize>;

impl Sweep<'_> {
    /// Positions that go through block `layer` for some cells of the tokens of `group`, in one row of each cell.
    pub fn positions(&self, layer: usize, group: &[usize], cells: &Range<usize>) -> u64 {
        // those of later layers come with a run of their own, which counts with the first
        let lead = usize::from(self.held.is_some() && cells.start == 0);
        let all = self.members(layer, &(0..self.model.architecture.layers));
        let here = all.iter().filter(|member| cells.contains(&member.start)).count();
        let columns: i64 = group.iter().map(|&token| self.columns(token, layer)).sum();
        (lead + here) as u64 * u64::try_from(columns).unwrap_or(0)
    }

    /// Scores by token of `group` and by layer of `cells`; `listen` hears of each block that was run, by its number.
    pub fn run(
        &self,
        group: &[usize],
        cells: &Range<usize>,
        listen: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Vec<Vec<f64>>> {
        let layers = self.model.architecture.layers;
        // what is held changes the run that cells stand on: it runs along, ahead of them
        let lead = usize::from(self.held.is_some());
        let leading = |&token: &usize| if lead == 1 { flat(&self.standing(token, 0)?).map(Some) } else { Ok(None) };
        let mut streams: Vec<Option<Tensor>> = group.iter().map(leading).collect::<Result<_>>()?;
        let mut members: Vec<Member> = Vec::new();
        for layer in 0..layers {
            let now = self.members(layer, cells);
            if now != members {
                for (&token, stream) in group.iter().zip(&mut streams) {
                    *stream = self.regrouped(token, layer, &members, &now, stream.as_ref())?;
                }
                members = now;
            }
            if lead + members.len() > 0 {
                self.advance(layer, group, &members, &mut streams)?;
                listen(layer)?;
            }
        }
        self.scores(group, cells, &members, &streams)
    }

    /// The layers that the cell centered at `layer` changes.
    fn changed(&self, layer: usize) -> Range<usize> {
        match self.kind {
            Kind::Hidden => layer..layer + 1,
            Kind::Mlp | Kind::Attention => window_layers(layer, self.window, self.model.architecture.layers),
        }
    }

    /// The first block that the cell centered at `layer` must run: what the lowest that it changes gives is known.
    fn joins_before(&self, layer: usize) -> usize {
        self.changed(layer).start + 1
    }

    /// Those of `cells` that run block `layer`, in order: cells whose windows begin together are one until the first of
    /// the windows ends.
    fn members(&self, layer: usize, cells: &Range<usize>) -> Vec<Member> {
        let mut members: Vec<(Range<usize>, Member)> = Vec::new();
        for cell in cells.clone().filter(|&cell| self.joins_before(cell) <= layer) {
            let changed = self.changed(cell);
            let so_far = changed.start..changed.end.min(layer + 1);
            match members.last_mut().filter(|(known, _)| *known == so_far) {
                Some((_, member)) => member.end = cell + 1,
                None => members.push((so_far, cell..cell + 1)),
            }
        }
        members.into_iter().map(|(_, member)| member).collect()
    }

    /// Number of members of the batch that are ahead of the cells.
    fn lead(&self) -> usize {
        usize::from(self.held.is_some())
    }

    /// The run that a token's own column is known from, if it is and nobody reads it.
    fn settled(&self, token: usize) -> Option<&Pass> {
        let is_read = self.pass.tokens - token as i64 <= self.answer.len() as i64;
        self.settled.filter(|_| token == self.pass.first && !is_read)
    }

    /// The first column that runs for the cells of a token.
    fn begin(&self, token: usize) -> i64 {
        token as i64 + i64::from(self.settled(token).is_some())
    }

    /// Columns that run block `layer` for the cells of a token; behind the last only those that are read are left.
    fn columns(&self, token: usize, layer: usize) -> i64 {
        let all = self.pass.tokens - self.begin(token);
        if layer < self.model.architecture.layers { all } else { all.min(self.answer.len() as i64) }
    }

    /// The unchanged stream entering block `layer` from `token` on, `[rows, columns, hidden]`.
    fn standing(&self, token: usize, layer: usize) -> Result<Tensor> {
        let stream = &self.pass.streams[layer];
        let columns = self.columns(token, layer);
        Ok(stream.f_narrow(1, stream.size()[1] - columns, columns)?.f_expand([self.rows, -1, -1], false)?)
    }

    /// The stream of all members before block `layer`, flat, out of that of those there were before: some of them part, and
    /// some join.
    fn regrouped(
        &self,
        token: usize,
        layer: usize,
        before: &[Member],
        now: &[Member],
        stream: Option<&Tensor>,
    ) -> Result<Option<Tensor>> {
        let size = self.rows * self.columns(token, layer);
        let of = |first: usize, count: usize| {
            stream.map(|stream| stream.f_narrow(0, first as i64 * size, count as i64 * size)).transpose()
        };
        let lead = self.lead();
        let leading = if lead == 1 { of(0, 1)? } else { None };
        // the members that go on side by side are one piece
        let mut pieces: Vec<Tensor> = leading.iter().map(Tensor::shallow_clone).collect();
        let parent = |member: &Member| before.iter().position(|known| known.contains(&member.start));
        let mut next = 0;
        while next < now.len() {
            match parent(&now[next]) {
                Some(first) => {
                    let side_by_side = (0..).zip(&now[next..]);
                    let count =
                        side_by_side.take_while(|(place, member)| parent(member) == Some(first + place)).count();
                    pieces.extend(of(lead + first, count)?);
                    next += count;
                }
                None => {
                    pieces.push(self.entering(token, layer, now[next].start, leading.as_ref())?);
                    next += 1;
                }
            }
        }
        Ok(if pieces.is_empty() { None } else { Some(Tensor::f_cat(&pieces, 0)?) })
    }

    /// The stream with which a cell joins before block `layer`, `[rows · columns, hidden]`. Where something is held,
    /// `leading` is that of the run that cells stand on.
    fn entering(&self, token: usize, layer: usize, cell: usize, leading: Option<&Tensor>) -> Result<Tensor> {
        let columns = self.columns(token, layer);
        let stream = match leading {
            Some(leading) => leading.f_reshape([self.rows, columns, -1])?,
            None => self.standing(token, layer)?,
        };
        // the token's own column is not there where it is known, nor behind the last block, unless it is read
        if columns < self.pass.tokens - token as i64 {
            return flat(&stream);
        }
        let changed = self.changed(cell).start;
        let put = (self.source)(changed, token)?;
        let put = match self.kind {
            Kind::Hidden => put,
            Kind::Mlp | Kind::Attention => {
                let at = |all: &Tensor| all.f_select(1, (token - self.pass.first) as i64);
                let (stream, put) = (at(&self.pass.streams[changed])?, put.f_expand([self.rows, -1], false)?);
                let stream = stream.f_expand([self.rows, -1], false)?;
                if self.kind == Kind::Attention {
                    self.model.block_from_attention(changed, &stream, &put, None)?
                } else {
                    let attention = at(self.pass.activation(Kind::Attention, changed))?;
                    let attention = attention.f_expand([self.rows, -1], false)?;
                    self.model.block_from_attention(changed, &stream, &attention, Some(&put))?
                }
            }
        };
        let put = put.f_unsqueeze(1)?.f_expand([self.rows, 1, -1], false)?;
        flat(&Tensor::f_cat(&[put, stream.f_narrow(1, 1, columns - 1)?], 1)?)
    }

    /// Runs one block for the leading run and the members of all tokens of the group.
    fn advance(&self, layer: usize, group: &[usize], members: &[Member], streams: &mut [Option<Tensor>]) -> Result<()> {
        let lead = self.lead();
        let rows = (lead + members.len()) as i64 * self.rows;
        let whole = self.pass.tokens;
        let span = |&token: &usize| Span { rows, columns: self.columns(token, layer), first: self.begin(token), whole };
        let mut batch = Batch::of(group.iter().map(span).collect());
        let prefix = |&token: &usize| self.settled(token).unwrap_or(self.pass).memory[layer].before(self.begin(token));
        let prefixes = group.iter().map(prefix);
        let prefixes = prefixes.collect::<Result<Vec<KeysValues>>>()?;
        let prefixes: Vec<_> = prefixes.iter().map(Some).collect();
        let entering: Vec<Tensor> = streams.iter().flatten().map(Tensor::shallow_clone).collect();
        let entering = if entering.len() == 1 { entering[0].shallow_clone() } else { Tensor::f_cat(&entering, 0)? };
        let concerned: Vec<usize> =
            (lead..).zip(members).filter(|(_, member)| self.changes(member, layer)).map(first).collect();
        let all: Vec<usize> = (0..lead + members.len()).collect();
        // behind the last block, only what is read is there
        let is_last = layer + 1 == self.model.architecture.layers;
        if is_last {
            batch.reading = Some(Rc::new(self.reading(group, &batch)?));
        }
        let changed = self.cells(group, &concerned, &batch);
        let change = |value: &dyn Fn(usize) -> Result<Tensor>, kind, members: &[usize], cells: &[i64]| {
            self.replacement(kind, layer, group, members, cells, value)
        };
        let source = |token: usize| Ok((self.source)(layer, token)?.f_expand([self.rows, -1], false)?);
        let mut taps: Vec<Tap> = change(&source, self.kind, &concerned, &changed)?.into_iter().collect();
        if let Some((kind, held)) = self.held {
            taps.extend(change(&|token| held.at(kind, layer, token), kind, &all, &self.cells(group, &all, &batch))?);
        }
        let mut taps = Taps::new(taps);
        if self.kind == Kind::Mlp && !is_last && !changed.is_empty() {
            taps.run_mlp_for(layer, self.others(&changed, batch.tokens())?);
        }
        let (after, _) = self.model.block(layer, &entering, &batch, &prefixes, &mut taps, false)?;
        let mut begun = 0;
        for (&token, stream) in group.iter().zip(streams) {
            let count = rows * self.columns(token, layer + 1);
            *stream = Some(after.f_narrow(0, begun, count)?);
            begun += count;
        }
        Ok(())
    }

    /// Whether the window of a member holds the layer.
    fn changes(&self, member: &Member, layer: usize) -> bool {
        self.kind != Kind::Hidden && self.changed(member.start).contains(&layer)
    }

    /// The last columns of every row, from which the answer is read.
    fn reading(&self, group: &[usize], batch: &Batch) -> Result<Reading> {
        let mut cells = Vec::new();
        for (index, (&token, span)) in group.iter().zip(&batch.spans).enumerate() {
            let read = self.columns(token, self.model.architecture.layers);
            for row in 0..span.rows {
                let end = batch.start(index) + (row + 1) * span.columns;
                cells.extend(end - read..end);
            }
        }
        Reading::of(batch, &cells, self.model.device)
    }

    /// Flat indices of the tokens' own columns in some members of the batch, by token; of those that are read alone where not
    /// all are.
    fn cells(&self, group: &[usize], members: &[usize], batch: &Batch) -> Vec<i64> {
        let mut cells = Vec::with_capacity(group.len() * members.len() * self.rows as usize);
        for (index, &token) in group.iter().enumerate() {
            for &member in members {
                let first_row = member as i64 * self.rows;
                cells.extend((first_row..first_row + self.rows).map(|row| batch.flat(index, row, token as i64)));
            }
        }
        match &batch.reading {
            Some(reading) => cells.into_iter().filter_map(|cell| reading.place(cell)).collect(),
            None => cells,
        }
    }

    /// All but some of so many tokens.
    fn others(&self, cells: &[i64], tokens: i64) -> Result<Tensor> {
        let mut is_other = vec![true; usize::try_from(tokens).unwrap_or(0)];
        cells.iter().for_each(|&cell| is_other[cell as usize] = false);
        let others: Vec<i64> = (0..).zip(is_other).filter(|(_, is_other)| *is_other).map(first).collect();
        Ok(Tensor::f_from_slice(&others)?.f_to_device(self.model.device)?)
    }

    /// Puts `value` `[rows, hidden]` of each token of the group in the place of what the module puts out at `cells`, the
    /// tokens' own columns in some members of the batch.
    fn replacement(
        &self,
        kind: Kind,
        layer: usize,
        group: &[usize],
        members: &[usize],
        cells: &[i64],
        value: &dyn Fn(usize) -> Result<Tensor>,
    ) -> Result<Option<Tap>> {
        let Some(site) = site(kind, layer).filter(|_| !cells.is_empty()) else { return Ok(None) };
        // a token's column is read in all members or in none
        let of_token = members.len() * self.rows as usize;
        let skipped = group.len() - cells.len() / of_token;
        let mut values = Vec::new();
        for &token in &group[skipped..] {
            values.push(value(token)?.f_repeat([members.len() as i64, 1])?);
        }
        Ok(Some(Tap {
            site,
            cells: Some(Tensor::f_from_slice(cells)?.f_to_device(self.model.device)?),
            action: Action::Replace(Tensor::f_cat(&values, 0)?),
        }))
    }

    /// Scores by token and by layer of `cells`, from the streams of `members` behind the last block.
    fn scores(
        &self,
        group: &[usize],
        cells: &Range<usize>,
        members: &[Member],
        streams: &[Option<Tensor>],
    ) -> Result<Vec<Vec<f64>>> {
        let layers = self.model.architecture.layers;
        let read = self.answer.len() as i64;
        let (mut ends, mut by_token) = (Vec::new(), Vec::new());
        for (&token, stream) in group.iter().zip(streams) {
            let mut now = self.members(layers, cells);
            // what joins here changes a column that nobody reads, unless it is the last of the prompt
            if self.pass.tokens - token as i64 > read && self.held.is_none() {
                now.retain(|member| self.joins_before(member.start) < layers);
            }
            let stream = self.regrouped(token, layers, members, &now, stream.as_ref())?;
            let size = self.rows * read;
            if let Some(stream) = stream.filter(|_| !now.is_empty()) {
                ends.push(stream.f_narrow(0, self.lead() as i64 * size, now.len() as i64 * size)?);
            }
            by_token.push(now);
        }
        let hidden = self.model.architecture.hidden;
        let found = if ends.is_empty() {
            Vec::new()
        } else {
            let ends = Tensor::f_cat(&ends, 0)?.f_reshape([-1, self.rows, read, hidden])?;
            answer_probabilities(self.model, self.answer, &ends)?
        };
        let mut found = found.into_iter();
        let row = |members: Vec<Member>| {
            let mut scores = vec![self.unchanged; cells.len()];
            for member in members {
                let score = found.next().unwrap_or(f64::NAN);
                member.for_each(|cell| scores[cell - cells.start] = score);
            }
            scores
        };
        Ok(by_token.into_iter().map(row).collect())
    }
}

/// The first of a pair.
fn first<A, B>((first, _): (A, B)) -> A {
    first
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
