//! The experts of one block at work.

use super::description::{ExpertLayout, Routing};
use crate::error::{Error, Result};
use crate::model::architecture::Architecture;
use crate::model::layers::{Gate, Mlp, Projection};
use crate::model::weights::Weights;
use tch::{Device, Kind, Tensor};

/// The experts of one block with their router.
#[derive(Debug)]
pub struct ExpertMlps {
    router: Projection,
    chosen: i64,
    routing: Routing,
    each: Vec<Mlp>,
}

impl ExpertMlps {
    /// Reads the experts below the name `experts` and their router; what is stored together is shared, not copied.
    ///
    /// # Errors
    /// A tensor is missing; those of libtorch.
    pub fn read(architecture: &Architecture, router: &str, experts: &str, weights: &Weights) -> Result<Self> {
        let none = || Error::Request(format!("the architecture says nothing of the experts in `{experts}`"));
        let about = architecture.special.experts.as_ref().ok_or_else(none)?;
        let (activation, limit) = (architecture.activation, about.limit);
        let each: Result<Vec<Mlp>> = match about.layout {
            ExpertLayout::Each { gate, up, down } => {
                let one = |number: i64| {
                    let read = |name: &str| weights.projection(&format!("{experts}.{number}.{name}"), false, false);
                    Ok(Mlp { up: read(up)?, gate: Gate::Own(read(gate)?), down: read(down)?, activation, limit })
                };
                (0..about.count).map(one).collect()
            }
            ExpertLayout::Together | ExpertLayout::TogetherInTurn => {
                let input_first = about.layout == ExpertLayout::TogetherInTurn;
                let all = |name: &str| -> Result<(Tensor, Option<Tensor>)> {
                    let bias = about.biased.then(|| weights.get(&format!("{experts}.{name}_bias"))).transpose()?;
                    Ok((weights.get(&format!("{experts}.{name}"))?, bias))
                };
                let (both, down) = (all("gate_up_proj")?, all("down_proj")?);
                let one = |number: i64| {
                    let of = |(weight, bias): &(Tensor, Option<Tensor>)| -> Result<Projection> {
                        let bias = bias.as_ref().map(|bias| bias.f_get(number)).transpose()?;
                        Ok(Projection { weight: weight.f_get(number)?, bias, input_first })
                    };
                    let (both, down) = (of(&both)?, of(&down)?);
                    let (up, gate) = if input_first {
                        (both, Gate::InTurn)
                    } else {
                        both.halves().map(|(gate, up)| (up, Gate::Own(gate)))?
                    };
                    Ok(Mlp { up, gate, down, activation, limit })
                };
                (0..about.count).map(one).collect()
            }
        };
        let router = weights.projection(router, false, about.biased)?;
        Ok(Self { router, chosen: about.chosen, routing: about.routing, each: each? })
    }

    /// What the experts make of their input `[tokens, hidden]`, the same shape: for each token the sum of what those that
    /// it takes make of it, each times its weight.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn apply(&self, input: &Tensor) -> Result<Tensor> {
        let (weights, experts) = self.route(input)?;
        let device = input.device();
        // which rows an expert multiplies must be known where products are ordered: the one look at the device
        let experts = Vec::<i64>::try_from(experts.f_to_device(Device::Cpu)?.f_reshape([-1])?)?;
        let mut order: Vec<i64> = (0..experts.len() as i64).collect();
        order.sort_by_key(|&place| experts[place as usize]);
        let mut rows_of = vec![0_i64; self.each.len()];
        for &expert in &experts {
            rows_of[expert as usize] += 1;
        }
        let mut back = vec![0; order.len()];
        for (index, &place) in order.iter().enumerate() {
            back[place as usize] = index as i64;
        }
        let tokens: Vec<i64> = order.iter().map(|place| place / self.chosen).collect();
        let rows = input.f_index_select(0, &Tensor::f_from_slice(&tokens)?.f_to_device(device)?)?;
        let mut outputs = Vec::new();
        let mut first = 0;
        for (&count, mlp) in rows_of.iter().zip(&self.each) {
            if count > 0 {
                outputs.push(mlp.apply(&rows.f_narrow(0, first, count)?)?);
                first += count;
            }
        }
        if outputs.is_empty() {
            return Ok(input.f_zeros_like()?);
        }
        let back = Tensor::f_from_slice(&back)?.f_to_device(device)?;
        let outputs = Tensor::f_cat(&outputs, 0)?.f_index_select(0, &back)?;
        let outputs = outputs.f_reshape([-1, self.chosen, input.size()[1]])?.f_mul(&weights.f_unsqueeze(-1)?)?;
        Ok(outputs.f_sum_dim_intlist([1].as_slice(), false, input.kind())?)
    }

    /// Weights and numbers of the experts that each token takes, both `[tokens, chosen]`.
    fn route(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
        let logits = self.router.apply(input)?;
        // shares of half-precision numbers are taken in float32
        let wide = if logits.kind() == Kind::Double { Kind::Double } else { Kind::Float };
        let logits = logits.f_to_kind(wide)?;
        let (weights, experts) = match self.routing {
            Routing::ShareOfAll => logits.f_softmax(-1, None)?.f_topk(self.chosen, -1, true, true)?,
            Routing::ShareOfChosen => {
                let (logits, experts) = logits.f_topk(self.chosen, -1, true, true)?;
                (logits.f_softmax(-1, None)?, experts)
            }
        };
        Ok((weights.f_to_kind(input.kind())?, experts))
    }
}
