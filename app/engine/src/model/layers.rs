//! The building blocks of a decoder block: projection, norm, MLP activation.

use super::architecture::{Activation, Norm};
use crate::error::Result;
use tch::{Kind, Tensor};

/// Squeezes values into ± `cap` by a hyperbolic tangent; leaves them where there is none.
pub fn capped(values: Tensor, cap: Option<f64>) -> Result<Tensor> {
    Ok(match cap {
        Some(cap) => values.f_div_scalar(cap)?.f_tanh()?.f_mul_scalar(cap)?,
        None => values,
    })
}

/// An affine map; `weight` keeps the orientation of the checkpoint.
#[derive(Debug)]
pub struct Projection {
    /// `[in, out]` if `input_first`, else `[out, in]`.
    pub weight: Tensor,
    /// `[out]`.
    pub bias: Option<Tensor>,
    /// Orientation of `weight`.
    pub input_first: bool,
}

impl Projection {
    /// `[.., in]` to `[.., out]`.
    pub fn apply(&self, input: &Tensor) -> Result<Tensor> {
        let product =
            if self.input_first { input.f_matmul(&self.weight)? } else { input.f_matmul(&self.weight.f_tr()?)? };
        Ok(match &self.bias {
            Some(bias) => product.f_add(bias)?,
            None => product,
        })
    }
}

/// A norm of the residual stream.
#[derive(Debug)]
pub struct Normalisation {
    pub kind: Norm,
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub epsilon: f64,
}

impl Normalisation {
    /// `[.., hidden]` to the same shape.
    pub fn apply(&self, input: &Tensor) -> Result<Tensor> {
        Ok(match self.kind {
            Norm::Layer => {
                input.f_layer_norm(self.weight.size(), Some(&self.weight), self.bias.as_ref(), self.epsilon, false)?
            }
            Norm::RootMeanSquare => {
                let mean_square = input.f_square()?.f_mean_dim(-1, true, None)?;
                let scale = mean_square.f_add_scalar(self.epsilon)?.f_rsqrt()?;
                input.f_mul(&scale)?.f_mul(&self.weight)?
            }
            Norm::RootMeanSquareAroundOne => {
                let wide = if input.kind() == Kind::Double { Kind::Double } else { Kind::Float };
                let (kind, input, weight) = (input.kind(), input.f_to_kind(wide)?, self.weight.f_to_kind(wide)?);
                let mean_square = input.f_square()?.f_mean_dim(-1, true, None)?;
                let scale = mean_square.f_add_scalar(self.epsilon)?.f_rsqrt()?;
                input.f_mul(&scale)?.f_mul(&weight.f_add_scalar(1.0)?)?.f_to_kind(kind)?
            }
        })
    }
}

/// The MLP of one block.
#[derive(Debug)]
pub struct Mlp {
    pub up: Projection,
    pub gate: Option<Projection>,
    pub down: Projection,
    pub activation: Activation,
}

impl Mlp {
    /// The key: input of the down-projection, `[.., inner]`.
    pub fn key(&self, input: &Tensor) -> Result<Tensor> {
        let up = self.up.apply(input)?;
        match &self.gate {
            Some(gate) => Ok(self.activate(&gate.apply(input)?)?.f_mul(&up)?),
            None => self.activate(&up),
        }
    }

    fn activate(&self, input: &Tensor) -> Result<Tensor> {
        Ok(match self.activation {
            Activation::GeluTanh => input.f_gelu("tanh")?,
            Activation::Gelu => input.f_gelu("none")?,
            Activation::Silu => input.f_silu()?,
            Activation::Relu => input.f_relu()?,
        })
    }
}
