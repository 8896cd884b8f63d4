//! The building blocks of a decoder block: projection, norm, MLP activation.

use super::architecture::{Activation, Norm};
use tch::{Kind, Tensor};

/// Squeezes values into ± `cap` by a hyperbolic tangent; leaves them where there is none.
pub fn capped(values: Tensor, cap: Option<f64>) -> Tensor {
    match cap {
        Some(cap) => (values / cap).tanh() * cap,
        None => values,
    }
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
    pub fn apply(&self, input: &Tensor) -> Tensor {
        let product = if self.input_first { input.matmul(&self.weight) } else { input.matmul(&self.weight.tr()) };
        match &self.bias {
            Some(bias) => product + bias,
            None => product,
        }
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
    pub fn apply(&self, input: &Tensor) -> Tensor {
        match self.kind {
            Norm::Layer => {
                input.layer_norm(self.weight.size(), Some(&self.weight), self.bias.as_ref(), self.epsilon, false)
            }
            Norm::RootMeanSquare => {
                let mean_square = input.square().mean_dim(-1, true, None);
                input * (mean_square + self.epsilon).rsqrt() * &self.weight
            }
            Norm::RootMeanSquareAroundOne => {
                let wide = if input.kind() == Kind::Double { Kind::Double } else { Kind::Float };
                let (kind, input, weight) = (input.kind(), input.to_kind(wide), self.weight.to_kind(wide));
                let mean_square = input.square().mean_dim(-1, true, None);
                (input * (mean_square + self.epsilon).rsqrt() * (weight + 1.0)).to_kind(kind)
            }
        }
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
    pub fn key(&self, input: &Tensor) -> Tensor {
        let up = self.up.apply(input);
        match &self.gate {
            Some(gate) => self.activate(&gate.apply(input)) * up,
            None => self.activate(&up),
        }
    }

    fn activate(&self, input: &Tensor) -> Tensor {
        match self.activation {
            Activation::GeluTanh => input.gelu("tanh"),
            Activation::Gelu => input.gelu("none"),
            Activation::Silu => input.silu(),
            Activation::Relu => input.relu(),
        }
    }
}
