//! The decoder: embedding, blocks, unembedding, each of which can be run by itself.

use super::Tokenizer;
use super::architecture::{Architecture, Residual};
use super::attention::{Attention, Inputs};
use super::batch::{Batch, KeysValues};
use super::layers::{Mlp, Normalisation, Projection, capped};
use super::rotary::RotaryTable;
use super::taps::{Site, Taps};
use super::weights::Weights;
use crate::error::{Doing, Error, Result};
use std::cell::OnceCell;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// A loaded model with its tokenizer. Weights are shared between variants, see [`Self::with_parameters`].
#[derive(Debug)]
pub struct Model {
    /// What the configuration says.
    pub architecture: Arc<Architecture>,
    /// The checkpoint's tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// Where the weights are.
    pub device: Device,
    /// Number format of weights and activations.
    pub kind: Kind,
    /// What is to be told of the checkpoint, once it is loaded.
    pub notes: Vec<String>,
    /// What [`crate::moments::fingerprint`] gives, once it was asked for.
    pub(crate) fingerprint: OnceCell<String>,
    weights: Weights,
    token_embedding: Tensor,
    /// One number, rounded to the number format of the model, as transformers has it.
    embedding_scale: Option<Tensor>,
    position_embedding: Option<Tensor>,
    blocks: Vec<Block>,
    final_norm: Normalisation,
    unembedding: Projection,
    rotary: Option<Arc<RotaryTable>>,
}

#[derive(Debug)]
struct Block {
    attention_norm: Normalisation,
    attention: Attention,
    attention_output_norm: Option<Normalisation>,
    mlp_norm: Option<Normalisation>,
    mlp: Mlp,
    mlp_output_norm: Option<Normalisation>,
}

/// Keys and values of one layer, one entry per span of the batch.
pub type LayerKeysValues = Vec<KeysValues>;

impl Model {
    pub(super) fn assemble(
        architecture: Arc<Architecture>,
        tokenizer: Arc<Tokenizer>,
        weights: Weights,
        rotary: Option<Arc<RotaryTable>>,
        device: Device,
        kind: Kind,
    ) -> Result<Self> {
        let token_embedding = weights.get(&format!("{}.weight", architecture.token_embedding))?;
        let positions = architecture.special.positions.as_ref();
        let position_embedding = positions.map(|table| weights.positions(table)).transpose()?;
        let scalar = |scale| Tensor::f_scalar_tensor(scale, (kind, device));
        let embedding_scale = architecture.special.embedding_scale.map(scalar).transpose()?;
        let biases = architecture.biases;
        let unembedding = match &architecture.head.stored {
            Some(name) => weights.projection(name, false, biases.head)?,
            None => Projection {
                weight: token_embedding.shallow_clone(),
                bias: biases.head.then(|| weights.get(&architecture.head.bias())).transpose()?,
                input_first: false,
            },
        };
        let blocks =
            (0..architecture.layers).map(|layer| Block::read(&architecture, layer, &weights)).collect::<Result<_>>()?;
        let final_norm = weights.norm(&architecture.final_norm, &architecture)?;
        Ok(Self {
            architecture,
            tokenizer,
            device,
            kind,
            notes: Vec::new(),
            fingerprint: OnceCell::new(),
            weights,
            token_embedding,
            embedding_scale,
            position_embedding,
            blocks,
            final_norm,
            unembedding,
            rotary,
        })
    }

    /// The same model with some parameters in other values, gradients intact; everything else is shared. This
    /// model stays as it is: an edited model is a variant of an unedited one.
    ///
    /// # Errors
    /// A parameter that the checkpoint does not have, or a value of another shape.
    pub fn with_parameters(&self, replacements: &[(String, Tensor)]) -> Result<Self> {
        Self::assemble(
            self.architecture.clone(),
            self.tokenizer.clone(),
            self.weights.with(replacements)?,
            self.rotary.clone(),
            self.device,
            self.kind,
        )
    }

    /// The parameter `name` of the checkpoint, sharing storage.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Tensor> {
        self.weights.find(name)
    }

    /// The one name of the parameter that `name` means, which plugins are told: with the model's prefix, whether the
    /// checkpoint stores it or not, and the token embedding's for an unembedding that is tied to it. `None` where there is
    /// no such parameter.
    #[must_use]
    pub fn name_of(&self, name: &str) -> Option<String> {
        let stored = self.weights.first_name(name)?;
        let (prefix, head) = (self.architecture.prefix(), self.architecture.head.names);
        let is_whole = stored.starts_with(prefix)
            || head.iter().any(|head| stored.strip_prefix(head).is_some_and(|rest| rest.starts_with('.')));
        Some(if is_whole { stored.to_owned() } else { format!("{prefix}{stored}") })
    }

    /// All tensors of the checkpoint by name, in order, sharing storage.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        self.weights.all()
    }

    /// Number of parameters: entries of all tensors that the decoder reads, tied ones once.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.weights.parameters()
    }

    /// Whether the down-projection of `layer` has a bias.
    #[must_use]
    pub fn down_projection_has_bias(&self, layer: usize) -> bool {
        self.blocks.get(layer).is_some_and(|block| block.mlp.down.bias.is_some())
    }

    /// Input of block 0, `[tokens, hidden]`, for the flat token ids `[tokens]` of `batch`.
    ///
    /// # Errors
    /// A prompt that is longer than the context; those of libtorch.
    pub fn embed(&self, ids: &Tensor, batch: &Batch, taps: &mut Taps) -> Result<Tensor> {
        let (needed, context) = (batch.longest(), self.architecture.context);
        if needed > context {
            let message = format!("a prompt of {needed} tokens does not fit: the model reads {context}; shorten it");
            return Err(Error::Request(message));
        }
        let mut embed = || {
            let embedded = Tensor::f_embedding(&self.token_embedding, ids, -1, false, false)?;
            let embedded = taps.visit(Site::Embedding, embedded)?;
            let embedded = match &self.embedding_scale {
                Some(scale) => embedded.f_mul(scale)?,
                None => embedded,
            };
            Ok(match &self.position_embedding {
                Some(table) => embedded.f_add(&table.f_index_select(0, &batch.positions(self.device)?)?)?,
                None => embedded,
            })
        };
        let embedded: Result<Tensor> = embed();
        embedded.doing(|| "embedding the tokens".to_owned())
    }

    /// Output of the token embedding for `ids` `[tokens]`, without positions: what subject noise is added to.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn token_embeddings(&self, ids: &Tensor) -> Result<Tensor> {
        Tensor::f_embedding(&self.token_embedding, ids, -1, false, false).doing(|| "embedding the tokens".to_owned())
    }

    /// Embeddings of `ids` `[tokens]` with `noise` `[.., tokens, hidden]` on them: added in float64, then rounded, as the
    /// published code adds it.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn noised_embeddings(&self, ids: &Tensor, noise: &Tensor) -> Result<Tensor> {
        let noised = || {
            let clean = self.token_embeddings(ids)?.f_to_kind(Kind::Double)?;
            Ok(clean.f_add(&noise.f_to_device(self.device)?)?.f_to_kind(self.kind)?)
        };
        let noised: Result<Tensor> = noised();
        noised.doing(|| "adding noise to the embeddings".to_owned())
    }

    /// Runs block `layer` on the residual stream `[tokens, hidden]`.
    ///
    /// `prefixes` holds, per span, the keys and values of this layer at positions before
    /// the span's first. With `keep`, the keys and values of the spans' own positions come back.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn block(
        &self,
        layer: usize,
        stream: &Tensor,
        batch: &Batch,
        prefixes: &[Option<&KeysValues>],
        taps: &mut Taps,
        keep: bool,
    ) -> Result<(Tensor, LayerKeysValues)> {
        let (stream, key, kept) = self.block_until_key(layer, stream, batch, prefixes, taps, keep)?;
        Ok((self.block_from_key(layer, &stream, &key, taps)?, kept))
    }

    /// Runs block `layer` up to the MLP key: the residual stream without the MLP's output `[tokens, hidden]`, the
    /// key `[tokens, inner]`, and the keys and values of attention as in [`Self::block`].
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn block_until_key(
        &self,
        layer: usize,
        stream: &Tensor,
        batch: &Batch,
        prefixes: &[Option<&KeysValues>],
        taps: &mut Taps,
        keep: bool,
    ) -> Result<(Tensor, Tensor, LayerKeysValues)> {
        let rotary = self.rotary.as_deref();
        let attend =
            |block: &Block, normalised: &Tensor| block.attention.apply(normalised, batch, rotary, prefixes, keep);
        let run = self.blocks[layer].until_key(layer, self.architecture.residual, stream, taps, attend);
        run.doing(|| running(layer))
    }

    /// The rest of block `layer`: the residual stream after it, from what [`Self::block_until_key`] gave.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn block_from_key(&self, layer: usize, stream: &Tensor, key: &Tensor, taps: &mut Taps) -> Result<Tensor> {
        self.blocks[layer].after_key(layer, stream, key, taps).doing(|| running(layer))
    }

    /// Logits `[.., vocabulary]` of residual streams `[.., hidden]` (final norm and unembedding).
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn logits(&self, stream: &Tensor) -> Result<Tensor> {
        let normalised = self.final_norm.apply(stream);
        let logits = normalised.and_then(|normalised| self.unembedding.apply(&normalised));
        let logits = logits.and_then(|logits| capped(logits, self.architecture.special.logit_cap));
        logits.doing(|| "reading logits".to_owned())
    }

    /// Residual stream after the last block of a whole batch, `[tokens, hidden]`.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn forward(&self, ids: &Tensor, batch: &Batch, taps: &mut Taps) -> Result<Tensor> {
        let mut stream = self.embed(ids, batch, taps)?;
        for layer in 0..self.architecture.layers {
            stream = self.block(layer, &stream, batch, &[], taps, false)?.0;
        }
        Ok(stream)
    }
}

fn running(layer: usize) -> String {
    format!("running block {layer}")
}

/// The output of a module as it reaches the residual stream.
fn normed(norm: Option<&Normalisation>, output: Tensor) -> Result<Tensor> {
    match norm {
        Some(norm) => norm.apply(&output),
        None => Ok(output),
    }
}

impl Block {
    /// The residual stream without the MLP's output, the MLP key, and what `attend` keeps.
    fn until_key(
        &self,
        layer: usize,
        residual: Residual,
        stream: &Tensor,
        taps: &mut Taps,
        attend: impl FnOnce(&Self, &Tensor) -> Result<(Tensor, LayerKeysValues)>,
    ) -> Result<(Tensor, Tensor, LayerKeysValues)> {
        let normalised = self.attention_norm.apply(stream)?;
        let (attention, kept) = attend(self, &normalised)?;
        let attention = taps.visit(Site::AttentionOut(layer), attention)?;
        let attention = normed(self.attention_output_norm.as_ref(), attention)?;
        // gradients add up in the order in which these are computed
        let (after, mlp_input) = match residual {
            Residual::Sequential => {
                let after = stream.f_add(&attention)?;
                let input = normed(self.mlp_norm.as_ref(), after.shallow_clone())?;
                (after, input)
            }
            Residual::ParallelSharedNorm => (stream.f_add(&attention)?, normalised),
            Residual::ParallelTwoNorms => {
                let input = self.mlp_norm.as_ref().map_or(Ok(normalised), |norm| norm.apply(stream))?;
                (stream.f_add(&attention)?, input)
            }
        };
        let key = taps.visit(Site::MlpKey(layer), self.mlp.key(&mlp_input)?)?;
        Ok((after, key, kept))
    }

    /// The residual stream after the block.
    fn after_key(&self, layer: usize, stream: &Tensor, key: &Tensor, taps: &mut Taps) -> Result<Tensor> {
        let mlp = taps.changed(layer, key, self.mlp.down.apply(key)?)?;
        let mlp = taps.visit(Site::MlpOut(layer), mlp)?;
        let mlp = normed(self.mlp_output_norm.as_ref(), mlp)?;
        taps.visit(Site::Residual(layer), stream.f_add(&mlp)?)
    }

    fn read(architecture: &Architecture, layer: usize, weights: &Weights) -> Result<Self> {
        let names = &architecture.blocks[layer];
        let first = architecture.special.stored_input_first;
        let projection = |name: &str, biased: bool| weights.projection(name, first, biased);
        let biases = architecture.biases;
        let norm = |name: &Option<String>| name.as_ref().map(|name| weights.norm(name, architecture)).transpose();
        let gate = match &names.gate {
            Some(name) => Some(projection(name, biases.mlp)?),
            None => None,
        };
        Ok(Self {
            attention_norm: weights.norm(&names.attention_norm, architecture)?,
            attention: Attention {
                inputs: Inputs::read(&names.queries_keys_values, |name| projection(name, biases.queries_keys_values))?,
                output: projection(&names.attention_output, biases.attention_output)?,
                scale: architecture.attention_scale_of(layer),
                cap: architecture.special.attention_cap,
                heads: architecture.heads,
                key_value_heads: architecture.key_value_heads,
                head_width: architecture.head_width,
                window: architecture.special.attention_window.get(layer).copied().flatten(),
            },
            attention_output_norm: norm(&names.attention_output_norm)?,
            mlp_norm: norm(&names.mlp_norm)?,
            mlp_output_norm: norm(&names.mlp_output_norm)?,
            mlp: Mlp {
                up: projection(&names.up, biases.mlp)?,
                gate,
                down: projection(&names.down, biases.mlp)?,
                activation: architecture.activation,
            },
        })
    }
}
