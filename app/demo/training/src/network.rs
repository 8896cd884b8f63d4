//! The network in training form: GPT-2's decoder with autograd, and hooks for the two training tricks
//! and for measuring. Parameters carry their Hugging Face names and layouts, so saving is a plain copy.

use tch::nn::{Init, VarStore};
use tch::{Device, IndexOp, Kind, Tensor};

use crate::error::TrainingError;
use crate::tokenizer::VOCABULARY;

pub const LAYERS: usize = 12;
/// Width of the residual stream.
pub const WIDTH: i64 = 96;
pub const HEADS: i64 = 4;
pub const POSITIONS: i64 = 128;
pub const EPSILON: f64 = 1e-5;

/// Group of the optimizer for parameters without weight decay (biases and norms).
pub const NO_DECAY: usize = 0;
/// Group of the optimizer for matrices.
pub const DECAY: usize = 1;

struct Affine {
    weight: Tensor,
    bias: Tensor,
}

struct Block {
    norm_1: Affine,
    attention_in: Affine,
    attention_out: Affine,
    norm_2: Affine,
    mlp_in: Affine,
    mlp_out: Affine,
}

pub struct Network {
    /// All parameters, by name, for the optimizer and for saving.
    pub variables: VarStore,
    token_embedding: Tensor,
    position_embedding: Tensor,
    blocks: Vec<Block>,
    final_norm: Affine,
}

/// What a run changes on its way; each hook gets a tensor and gives its replacement.
#[derive(Default)]
pub struct Hooks<'a> {
    /// First position index; rows then use positions `offset..offset + length`.
    pub offset: i64,
    /// `true` where a query (row) may see a key (column), `[batch, 1, length, length]`; `None`: causal.
    pub visible: Option<&'a Tensor>,
    /// Token embeddings before the position is added, `[batch, length, width]`.
    pub embedding: Option<&'a dyn Fn(Tensor) -> Tensor>,
    /// Output of the block with the given index, `[batch, length, width]`.
    pub residual: Option<&'a dyn Fn(usize, Tensor) -> Tensor>,
}

impl Network {
    /// A network with fresh weights, drawn from libtorch's global generator.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn new(device: Device) -> Result<Self, TrainingError> {
        let variables = VarStore::new(device);
        let root = variables.root();
        let normal = |stdev| Init::Randn { mean: 0.0, stdev };
        let matrix = |path: &str, dims: &[i64], stdev: f64| {
            let mut at = root.set_group(DECAY);
            let mut parts = path.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    return at.f_var(part, dims, normal(stdev));
                }
                at = at / part;
            }
            at.f_var("weight", dims, normal(stdev))
        };
        let vector = |path: &str, size: i64, value: f64| {
            let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
            let at = parents.split('.').fold(root.set_group(NO_DECAY), |at, part| at / part);
            at.f_var(name, &[size], Init::Const(value))
        };
        let affine = |name: String, input: i64, output: i64, stdev: f64| {
            Ok::<_, TrainingError>(Affine {
                weight: matrix(&format!("{name}.weight"), &[input, output], stdev)?,
                bias: vector(&format!("{name}.bias"), output, 0.0)?,
            })
        };
        let norm = |name: String| {
            Ok::<_, TrainingError>(Affine {
                weight: vector(&format!("{name}.weight"), WIDTH, 1.0)?,
                bias: vector(&format!("{name}.bias"), WIDTH, 0.0)?,
            })
        };
        // GPT-2's initialization: projections back into the residual stream are scaled down by its depth.
        let (stdev, residual) = (0.02, 0.02 / (2.0 * LAYERS as f64).sqrt());
        let token_embedding = matrix("wte.weight", &[VOCABULARY as i64, WIDTH], stdev)?;
        let position_embedding = matrix("wpe.weight", &[POSITIONS, WIDTH], stdev)?;
        let mut blocks = Vec::with_capacity(LAYERS);
        for layer in 0..LAYERS {
            blocks.push(Block {
                norm_1: norm(format!("h.{layer}.ln_1"))?,
                attention_in: affine(format!("h.{layer}.attn.c_attn"), WIDTH, 3 * WIDTH, stdev)?,
                attention_out: affine(format!("h.{layer}.attn.c_proj"), WIDTH, WIDTH, residual)?,
                norm_2: norm(format!("h.{layer}.ln_2"))?,
                mlp_in: affine(format!("h.{layer}.mlp.c_fc"), WIDTH, 4 * WIDTH, stdev)?,
                mlp_out: affine(format!("h.{layer}.mlp.c_proj"), 4 * WIDTH, WIDTH, residual)?,
            });
        }
        let final_norm = norm("ln_f".to_owned())?;
        Ok(Self { variables, token_embedding, position_embedding, blocks, final_norm })
    }

    /// Residual stream after the last block and the final norm, `[batch, length, width]`.
    pub fn hidden(&self, ids: &Tensor, hooks: &Hooks) -> Tensor {
        let length = ids.size()[1];
        let mut embedded = Tensor::embedding(&self.token_embedding, ids, -1, false, false);
        if let Some(change) = hooks.embedding {
            embedded = change(embedded);
        }
        let mut residual = embedded + self.position_embedding.i(hooks.offset..hooks.offset + length);
        let causal = Tensor::ones([length, length], (Kind::Bool, ids.device())).tril(0);
        let visible = hooks.visible.unwrap_or(&causal);
        for (layer, block) in self.blocks.iter().enumerate() {
            residual = block.attention(residual, visible);
            let inner = block.mlp_in.apply(&block.norm_2.normalize(&residual)).gelu("tanh");
            residual = &residual + block.mlp_out.apply(&inner);
            if let Some(change) = hooks.residual {
                residual = change(layer, residual);
            }
        }
        self.final_norm.normalize(&residual)
    }

    /// Logits for hidden states of any shape `[..., width]`, by the tied embedding.
    pub fn logits(&self, hidden: &Tensor) -> Tensor {
        hidden.matmul(&self.token_embedding.tr())
    }

    /// The token embedding, `[vocabulary, width]`.
    pub fn token_embedding(&self) -> &Tensor {
        &self.token_embedding
    }
}

impl Block {
    fn attention(&self, residual: Tensor, visible: &Tensor) -> Tensor {
        let (batch, length, _) = residual.size3().unwrap_or((1, 1, WIDTH));
        let head = WIDTH / HEADS;
        let projected = self.attention_in.apply(&self.norm_1.normalize(&residual));
        let parts = projected.view([batch, length, 3, HEADS, head]).permute([2, 0, 3, 1, 4]);
        let (query, key, value) = (parts.i(0), parts.i(1), parts.i(2));
        let scores = query.matmul(&key.transpose(-2, -1)) / (head as f64).sqrt();
        let weights = scores.masked_fill(&visible.logical_not(), f64::NEG_INFINITY).softmax(-1, Kind::Float);
        let mixed = weights.matmul(&value).transpose(1, 2).reshape([batch, length, WIDTH]);
        residual + self.attention_out.apply(&mixed)
    }
}

impl Affine {
    /// `x W + b` with `W` as `[in, out]`, GPT-2's layout.
    fn apply(&self, input: &Tensor) -> Tensor {
        input.matmul(&self.weight) + &self.bias
    }

    fn normalize(&self, input: &Tensor) -> Tensor {
        input.layer_norm([WIDTH], Some(&self.weight), Some(&self.bias), EPSILON, false)
    }
}
