//! The host of the published code's pattern: every run is one forward of the whole network over all rows, padded to the
//! longest, with logits at every position. Methods run on it unchanged, so that both ways do the same and must give the
//! same.

use locus_engine::model::{Action, Batch, Model, Tap, Taps};
use locus_engine::moments::SecondMoments;
use locus_plugin::call::{Answer, Arguments};
use locus_plugin::services::{Services, name, serve};
use locus_plugin::suffix::{added_and_parameters, named};
use locus_plugin::{Cell, Cells, Error, Host, Level, Result, Suffix, SuffixOutput, SuffixRequest};
use std::cell::RefCell;
use tch::{Kind, Tensor};

/// Runs as the published code does; the rest is the engine's.
pub struct PlainHost<'a> {
    engine: &'a dyn Host,
    model: &'a Model,
    moments: &'a SecondMoments,
    solves: Solves,
    variant: RefCell<Option<Model>>,
    prepared: RefCell<Vec<SuffixRequest>>,
}

/// How second moments are solved with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solves {
    /// By what is kept of them, as ROME keeps an inverse.
    Kept,
    /// By a decomposition of their own, as MEMIT solves at every layer of every edit.
    Anew,
}

impl<'a> PlainHost<'a> {
    /// Full forwards of `model`; `engine` serves what is no run.
    pub fn new(engine: &'a dyn Host, model: &'a Model, moments: &'a SecondMoments, solves: Solves) -> Self {
        Self { engine, model, moments, solves, variant: RefCell::default(), prepared: RefCell::default() }
    }
}

/// Rows padded on the right.
struct Padded {
    ids: Tensor,
    batch: Batch,
    width: usize,
}

impl Padded {
    fn new(rows: &[Vec<i64>], model: &Model) -> Self {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |row: &Vec<i64>| row.iter().copied().chain(std::iter::repeat(0)).take(width).collect::<Vec<_>>();
        let ids: Vec<i64> = rows.iter().flat_map(padded).collect();
        let batch = Batch::whole(rows.len() as i64, width as i64);
        Self { ids: Tensor::from_slice(&ids).to_device(model.device), batch, width }
    }

    fn flat<'c>(&self, cells: impl IntoIterator<Item = &'c Cell>, model: &Model) -> Tensor {
        let flat: Vec<i64> = cells.into_iter().map(|cell| (cell.row * self.width + cell.position) as i64).collect();
        Tensor::from_slice(&flat).to_device(model.device)
    }

    fn captures(&self, cells: &[Cells], model: &Model) -> Vec<Tap> {
        let tap = |cells: &Cells| Tap { cells: Some(self.flat(&cells.cells, model)), ..Tap::capture(cells.site) };
        cells.iter().map(tap).collect()
    }
}

impl Host for PlainHost<'_> {
    fn call(&self, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
        match service {
            name::REPLACE_PARAMETERS => {
                self.engine.call(service, arguments)?;
                serve(self, service, arguments)
            }
            name::CAPTURE | name::PREPARE_SUFFIX | name::RUN_SUFFIX | name::FIXED_CAPTURES | name::RELEASE_SUFFIX => {
                serve(self, service, arguments)
            }
            name::SOLVE_SECOND_MOMENT if self.solves == Solves::Anew => serve(self, service, arguments),
            _ => self.engine.call(service, arguments),
        }
    }

    fn log(&self, level: Level, text: &str) {
        self.engine.log(level, text);
    }

    fn cancelled(&self) -> bool {
        self.engine.cancelled()
    }
}

impl Services for PlainHost<'_> {
    fn replace_parameters(&self, names: &[String], values: &[Tensor]) -> Result<()> {
        let variant = self.model.with_parameters(&named(names, values)?).map_err(failed)?;
        *self.variant.borrow_mut() = Some(variant);
        Ok(())
    }

    fn capture_of(&self, _facts: &[usize], rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
        let _guard = tch::no_grad_guard();
        let variant = self.variant.borrow();
        let model = variant.as_ref().unwrap_or(self.model);
        let padded = Padded::new(rows, model);
        let mut taps = Taps::new(padded.captures(cells, model));
        let stream = model.forward(&padded.ids, &padded.batch, &mut taps).map_err(failed)?;
        let _logits = model.logits(&stream).map_err(failed)?;
        Ok((0..cells.len()).filter_map(|index| taps.captured(index).map(Tensor::shallow_clone)).collect())
    }

    fn solve_second_moment(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let mean = self
            .moments
            .mean(layer)
            .map_err(failed)?
            .ok_or_else(|| Error::Request(format!("no second moment of layer {layer}")))?;
        let solved = Tensor::f_linalg_solve(&mean.to_kind(Kind::Double), &keys.to_kind(Kind::Double).tr(), true)?;
        Ok(solved.tr().to_kind(keys.kind()))
    }

    fn prepare_suffix(&self, request: &SuffixRequest) -> Result<Suffix> {
        self.prepared.borrow_mut().push(request.clone());
        Ok(Suffix(self.prepared.borrow().len() as u64 - 1))
    }

    fn release_suffix(&self, _suffix: Suffix) -> Result<()> {
        Ok(())
    }

    fn run_suffix(&self, suffix: Suffix, added: usize, tensors: &[Tensor]) -> Result<SuffixOutput> {
        let (added, parameters) = added_and_parameters(added, tensors)?;
        let prepared = self.prepared.borrow();
        let request = &prepared[suffix.0 as usize];
        let given: Vec<(String, Tensor)> =
            request.parameters.iter().cloned().zip(parameters.iter().map(Tensor::shallow_clone)).collect();
        let model = self.model.with_parameters(&given).map_err(failed)?;
        let padded = Padded::new(&request.rows, &model);
        let mut taps = padded.captures(&request.capture, &model);
        for (cells, value) in request.add.iter().zip(added) {
            let value = value.f_expand([cells.cells.len() as i64, -1], false)?;
            let action = Action::Add(value);
            taps.push(Tap { site: cells.site, cells: Some(padded.flat(&cells.cells, &model)), action });
        }
        let mut taps = Taps::new(taps);
        let stream = model.forward(&padded.ids, &padded.batch, &mut taps).map_err(failed)?;
        let log_probabilities = model.logits(&stream).map_err(failed)?.f_log_softmax(-1, Kind::Float)?;
        let tokens: Vec<i64> = request.read.iter().map(|read| read.token).collect();
        let tokens = Tensor::from_slice(&tokens).to_device(model.device).unsqueeze(1);
        let read = log_probabilities.index_select(0, &padded.flat(request.read.iter().map(|read| &read.cell), &model));
        Ok(SuffixOutput {
            log_probabilities: read.gather(1, &tokens, false).squeeze_dim(1),
            distributions: log_probabilities.index_select(0, &padded.flat(&request.distributions, &model)),
            captured: (0..request.capture.len())
                .filter_map(|index| taps.captured(index).map(Tensor::shallow_clone))
                .collect(),
        })
    }
}

/// The engine's error as a plugin sees it.
fn failed(error: locus_engine::Error) -> Error {
    Error::Failed(error.to_string())
}
