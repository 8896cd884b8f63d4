//! The building blocks of a decoder block: projection, norm, MLP activation.

use super::architecture::{Activation, Norm};
use super::pointwise::gelu_tanh;
use super::products::product;
use super::work;
use crate::error::Result;
use tch::{Kind, Tensor};

/// Squeezes values into ± `cap` by a hyperbolic tangent; leaves them where there is none.
pub fn capped(values: Tensor, cap: Option<f64>) -> Result<Tensor> {
    Ok(match cap {
        Some(cap) => values.f_div_scalar(cap)?.f_tanh()?.f_mul_scalar(cap)?,
        None => values,
    })
}

/// Values times a factor, where there is one.
pub fn scaled(values: Tensor, scale: Option<f64>) -> Result<Tensor> {
    match scale {
        Some(scale) => Ok(values.f_mul_scalar(scale)?),
        None => Ok(values),
    }
}

/// An affine map; `weight` keeps the orientation of the checkpoint.
#[derive(Debug)]
pub struct Projection {
    /// `[in, out]` if `input_first`, else `[out, in]`.
    pub weight: Tensor,
    /// `[out]`.
    pub bias: Option<Tensor>,
    /// Whether `weight` is stored `[in, out]`, as by GPT-2.
    pub input_first: bool,
}

impl Projection {
    /// `[.., in]` to `[.., out]`.
    pub fn apply(&self, input: &Tensor) -> Result<Tensor> {
        let (entries, inputs) = (self.weight.numel(), input.size().last().copied().unwrap_or(1).max(1));
        work::note(input.numel() as i64 / inputs, entries, entries * self.weight.kind().elt_size_in_bytes());
        product(input, &self.weight, self.input_first, self.bias.as_ref())
    }

    /// The two projections that give the first and the second half of the outputs, sharing storage.
    pub fn halves(&self) -> Result<(Self, Self)> {
        let half = self.weight.size2().map(|(rows, columns)| if self.input_first { columns } else { rows })? / 2;
        Ok((self.outputs(0, half)?, self.outputs(half, half)?))
    }

    /// The projection that gives `count` of the outputs, from the one `from` on, sharing storage.
    pub fn outputs(&self, from: i64, count: i64) -> Result<Self> {
        let bias = self.bias.as_ref().map(|bias| bias.f_narrow(0, from, count)).transpose()?;
        let weight = self.weight.f_narrow(i64::from(self.input_first), from, count)?;
        Ok(Self { weight, bias, input_first: self.input_first })
    }
}

/// A norm of the residual stream.
#[derive(Debug)]
pub struct Normalization {
    pub kind: Norm,
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub epsilon: f64,
}

impl Normalization {
    /// `[.., hidden]` to the same shape.
    pub fn apply(&self, input: &Tensor) -> Result<Tensor> {
        Ok(match self.kind {
            Norm::Layer => {
                input.f_layer_norm(self.weight.size(), Some(&self.weight), self.bias.as_ref(), self.epsilon, false)?
            }
            Norm::LayerWithoutBias => {
                let kind = input.kind();
                let (input, weight) = (widened(input)?, widened(&self.weight)?);
                let width = *input.size().last().unwrap_or(&0);
                let normalized = input.f_layer_norm([width], None::<Tensor>, None::<Tensor>, self.epsilon, false)?;
                normalized.f_mul(&weight)?.f_to_kind(kind)?
            }
            Norm::RootMeanSquare => {
                let kind = input.kind();
                let input = widened(input)?;
                input.f_mul(&self.root_mean_square(&input)?)?.f_to_kind(kind)?.f_mul(&self.weight)?
            }
            Norm::RootMeanSquareWide => {
                let kind = input.kind();
                let (input, weight) = (widened(input)?, widened(&self.weight)?);
                input.f_mul(&self.root_mean_square(&input)?)?.f_mul(&weight)?.f_to_kind(kind)?
            }
            Norm::RootMeanSquareAroundOne => {
                let kind = input.kind();
                let (input, weight) = (widened(input)?, widened(&self.weight)?);
                let scaled = input.f_mul(&self.root_mean_square(&input)?)?;
                scaled.f_mul(&weight.f_add_scalar(1.0)?)?.f_to_kind(kind)?
            }
        })
    }

    /// What the last dimension is multiplied with so that its mean square is 1.
    fn root_mean_square(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.f_square()?.f_mean_dim(-1, true, None)?.f_add_scalar(self.epsilon)?.f_rsqrt()?)
    }
}

/// Half-precision values in float32, which sums of squares need; others as they are.
fn widened(values: &Tensor) -> Result<Tensor> {
    let wide = if values.kind() == Kind::Double { Kind::Double } else { Kind::Float };
    Ok(values.f_to_kind(wide)?)
}

/// A single MLP: that of a block, or one expert.
#[derive(Debug)]
pub struct Mlp {
    pub up: Projection,
    pub gate: Gate,
    pub down: Projection,
    pub activation: Activation,
    /// Gates are at most this, and what they open is within ± this and has one added (gpt-oss).
    pub limit: Option<f64>,
}

/// What opens and closes the up-projection's output.
#[derive(Debug)]
pub enum Gate {
    /// No gate: the activation applies to the up-projection's output.
    None,
    /// A projection of its own.
    Own(Projection),
    /// The even outputs of the up-projection are gates, the odd ones what they open (gpt-oss).
    InTurn,
}

impl Mlp {
    /// The key: input of the down-projection, `[.., inner]`.
    pub fn key(&self, input: &Tensor) -> Result<Tensor> {
        let up = self.up.apply(input)?;
        let (gate, up) = match &self.gate {
            Gate::None => return self.activate(&up),
            Gate::Own(gate) => (gate.apply(input)?, up),
            Gate::InTurn => (up.f_slice(-1, 0, None, 2)?, up.f_slice(-1, 1, None, 2)?),
        };
        match self.limit {
            None => Ok(self.activate(&gate)?.f_mul(&up)?),
            Some(limit) => {
                let opened = up.f_clamp(-limit, limit)?.f_add_scalar(1.0)?;
                Ok(self.activate(&gate.f_clamp_max(limit)?)?.f_mul(&opened)?)
            }
        }
    }

    /// What the MLP makes of its input `[tokens, hidden]`, the same shape.
    pub fn apply(&self, input: &Tensor) -> Result<Tensor> {
        self.down.apply(&self.key(input)?)
    }

    fn activate(&self, input: &Tensor) -> Result<Tensor> {
        Ok(match self.activation {
            Activation::GeluTanh => gelu_tanh(input)?,
            Activation::Gelu => input.f_gelu("none")?,
            Activation::Silu => input.f_silu()?,
            Activation::QuickGelu => input.f_mul(&input.f_mul_scalar(1.702)?.f_sigmoid()?)?,
            Activation::Relu => input.f_relu()?,
            Activation::SquaredRelu => input.f_relu()?.f_square()?,
        })
    }
}
