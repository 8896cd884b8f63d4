//! One block of the decoder: attention and MLP, and what they write to the residual stream.

use super::architecture::{Architecture, MlpNames, Residual};
use super::attention::{Attention, Inputs};
use super::batch::{Batch, KeysValues};
use super::decoder::LayerKeysValues;
use super::experts::ExpertMlps;
use super::layers::{Gate, Mlp, Normalization, scaled};
use super::places::Place;
use super::rotary::RotaryTable;
use super::taps::{Site, Taps};
use super::weights::Weights;
use crate::error::Result;
use std::sync::Arc;
use tch::Tensor;

/// One block as it is read from a checkpoint.
#[derive(Debug)]
pub struct Block {
    attention_norm: Option<Normalization>,
    rotary: Option<Arc<RotaryTable>>,
    residual_scale: Option<f64>,
    attention: Attention,
    attention_output_norm: Option<Normalization>,
    mlp_norm: Option<Normalization>,
    mlp: BlockMlp,
    mlp_output_norm: Option<Normalization>,
    attention_sum_norm: Option<Normalization>,
    mlp_sum_norm: Option<Normalization>,
}

/// What stands in the place of a block's MLP.
#[derive(Debug)]
enum BlockMlp {
    One(Mlp),
    Experts(ExpertMlps),
}

/// The output of a module as it reaches the residual stream.
fn normed(norm: Option<&Normalization>, output: Tensor) -> Result<Tensor> {
    match norm {
        Some(norm) => norm.apply(&output),
        None => Ok(output),
    }
}

impl Block {
    /// Whether the down-projection of a single MLP has a bias.
    pub fn down_has_bias(&self) -> bool {
        matches!(&self.mlp, BlockMlp::One(mlp) if mlp.down.bias.is_some())
    }

    /// The residual stream without the MLP's output, the MLP key or what experts read, and what attention keeps, as
    /// [`Model::block_until_key`](super::Model::block_until_key) gives them; what taps take is at `home`. Where not all tokens
    /// of the batch are read after the block, stream and key are those of the tokens that are.
    #[expect(clippy::too_many_arguments, reason = "what a run through a block is made of")]
    pub fn until_key(
        &self,
        layer: usize,
        residual: Residual,
        stream: &Tensor,
        batch: &Batch,
        prefixes: &[Option<&KeysValues>],
        (taps, home): (&mut Taps, Place),
        keep: bool,
    ) -> Result<(Tensor, Tensor, LayerKeysValues)> {
        let normalized = normed(self.attention_norm.as_ref(), stream.shallow_clone())?;
        let (attention, kept) = self.attention.apply(&normalized, batch, self.rotary.as_deref(), prefixes, keep)?;
        let reading = batch.read_alone();
        let read = |all: &Tensor| reading.map_or_else(|| Ok(all.shallow_clone()), |reading| reading.part(all));
        let stream = &read(stream)?;
        let attention = taps.visit(Site::AttentionOut(layer), attention, home)?;
        let (after, mlp_input) = self.after_attention(residual, stream, &attention, || read(&normalized))?;
        let mlp_input = match taps.mlp_cells(layer, mlp_input.device())? {
            Some(cells) => mlp_input.f_index_select(0, &cells)?,
            None => mlp_input,
        };
        let key = match &self.mlp {
            BlockMlp::One(mlp) => taps.visit(Site::MlpKey(layer), mlp.key(&mlp_input)?, home)?,
            BlockMlp::Experts(_) => mlp_input,
        };
        Ok((after, key, kept))
    }

    /// The residual stream without the MLP's output, and the MLP's input, from what attention puts out. `normalized` is the
    /// input of attention.
    fn after_attention(
        &self,
        residual: Residual,
        stream: &Tensor,
        attention: &Tensor,
        normalized: impl FnOnce() -> Result<Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        let attention = normed(self.attention_output_norm.as_ref(), attention.shallow_clone())?;
        let attention = scaled(attention, self.residual_scale)?;
        // gradients add up in the order in which these are computed
        Ok(match residual {
            Residual::Sequential => {
                let after = normed(self.attention_sum_norm.as_ref(), stream.f_add(&attention)?)?;
                let input = normed(self.mlp_norm.as_ref(), after.shallow_clone())?;
                (after, input)
            }
            Residual::ParallelSharedNorm => (stream.f_add(&attention)?, normalized()?),
            Residual::ParallelTwoNorms => {
                let input = match &self.mlp_norm {
                    Some(norm) => norm.apply(stream)?,
                    None => normalized()?,
                };
                (stream.f_add(&attention)?, input)
            }
        })
    }

    /// The residual stream after the block from what enters it and what attention puts out, and with `mlp` in the place of
    /// what the MLP does.
    pub fn behind_attention(
        &self,
        layer: usize,
        residual: Residual,
        (stream, attention): (&Tensor, &Tensor),
        mlp: Option<&Tensor>,
        home: Place,
    ) -> Result<Tensor> {
        let normalized = || normed(self.attention_norm.as_ref(), stream.shallow_clone());
        let (after, input) = self.after_attention(residual, stream, attention, normalized)?;
        if let Some(mlp) = mlp {
            let mlp = scaled(normed(self.mlp_output_norm.as_ref(), mlp.shallow_clone())?, self.residual_scale)?;
            return normed(self.mlp_sum_norm.as_ref(), after.f_add(&mlp)?);
        }
        let key = match &self.mlp {
            BlockMlp::One(mlp) => mlp.key(&input)?,
            BlockMlp::Experts(_) => input,
        };
        self.after_key(layer, &after, &key, (&mut Taps::default(), home))
    }

    /// The residual stream after the block.
    pub fn after_key(
        &self,
        layer: usize,
        stream: &Tensor,
        key: &Tensor,
        (taps, home): (&mut Taps, Place),
    ) -> Result<Tensor> {
        let mlp = match &self.mlp {
            BlockMlp::One(mlp) => taps.changed(layer, key, mlp.down.apply(key)?)?,
            BlockMlp::Experts(experts) => experts.apply(key)?,
        };
        let mlp = match taps.mlp_cells(layer, mlp.device())? {
            Some(cells) => stream.f_zeros_like()?.f_index_copy(0, &cells, &mlp)?,
            None => mlp,
        };
        let mlp = taps.visit(Site::MlpOut(layer), mlp, home)?;
        let mlp = scaled(normed(self.mlp_output_norm.as_ref(), mlp)?, self.residual_scale)?;
        taps.visit(Site::Residual(layer), normed(self.mlp_sum_norm.as_ref(), stream.f_add(&mlp)?)?, home)
    }

    /// The block `layer` of the checkpoint's `weights`.
    pub fn read(
        architecture: &Architecture,
        layer: usize,
        weights: &Weights,
        rotary: Option<Arc<RotaryTable>>,
    ) -> Result<Self> {
        let names = &architecture.blocks[layer];
        let special = &architecture.special;
        let projection = |name: &str, biased: bool| weights.projection(name, special.stored_input_first, biased);
        let biases = architecture.biases;
        let norm = |name: &Option<String>| name.as_ref().map(|name| weights.norm(name, architecture)).transpose();
        let mlp = match &names.mlp {
            MlpNames::One { up, gate, down } => {
                let up = projection(up, biases.mlp)?;
                let (gate, up) = match gate {
                    Some(name) => (Gate::Own(projection(name, biases.mlp)?), up),
                    None if special.gate_with_up => up.halves().map(|(gate, up)| (Gate::Own(gate), up))?,
                    None => (Gate::None, up),
                };
                let down = projection(down, biases.mlp)?;
                BlockMlp::One(Mlp { up, gate, down, activation: architecture.activation, limit: None })
            }
            MlpNames::Experts { router, experts } => {
                BlockMlp::Experts(ExpertMlps::read(architecture, router, experts, weights)?)
            }
        };
        Ok(Self {
            attention_norm: norm(&names.attention_norm)?,
            rotary,
            residual_scale: special.residual_scale,
            attention: Attention {
                inputs: Inputs::read(&names.queries_keys_values, |name| projection(name, biases.queries_keys_values))?,
                query_norm: norm(&names.query_norm)?,
                key_norm: norm(&names.key_norm)?,
                norm_of: special.query_key_norm,
                sinks: names.sinks.as_ref().map(|name| weights.get(name)).transpose()?,
                output: projection(&names.attention_output, biases.attention_output)?,
                scale: architecture.attention_scale_of(layer),
                cap: special.attention_cap,
                heads: architecture.heads,
                key_value_heads: architecture.key_value_heads,
                head_width: architecture.head_width,
                window: special.attention_window.get(layer).copied().flatten(),
            },
            attention_output_norm: norm(&names.attention_output_norm)?,
            mlp_norm: norm(&names.mlp_norm)?,
            mlp_output_norm: norm(&names.mlp_output_norm)?,
            attention_sum_norm: norm(&names.attention_sum_norm)?,
            mlp_sum_norm: norm(&names.mlp_sum_norm)?,
            mlp,
        })
    }
}
