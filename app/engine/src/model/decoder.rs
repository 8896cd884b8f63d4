//! The decoder: embedding, blocks, unembedding, each of which can be run by itself.

use super::Tokenizer;
use super::architecture::{Architecture, LayerRotary, Rotary};
use super::batch::{Batch, KeysValues};
use super::block::Block;
use super::layers::{Normalization, Projection, capped, scaled};
use super::places::{Place, Places, across};
use super::reading::Reading;
use super::rotary::RotaryTable;
use super::taps::{Site, Taps};
use super::weights::Weights;
use crate::at_once;
use crate::error::{Doing, Error, Result};
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// A loaded model with its tokenizer. Weights are shared between variants, see [`Self::with_parameters`].
#[derive(Debug)]
pub struct Model {
    /// What the configuration says.
    pub architecture: Arc<Architecture>,
    pub tokenizer: Arc<Tokenizer>,
    /// Where everything is but layers that lie elsewhere, and where whatever is read of a run is.
    pub device: Device,
    /// Number format of weights and activations.
    pub kind: Kind,
    /// Where each layer is.
    pub places: Places,
    /// What is to be told of the checkpoint, once it is loaded.
    pub notes: Vec<String>,
    /// What [`crate::moments::fingerprint`] gives, once it was asked for.
    pub(crate) fingerprint: OnceCell<String>,
    weights: Weights,
    token_embedding: Tensor,
    /// From the token embedding to the residual stream, and from there to the unembedding, where these are narrower.
    narrow: Option<[Projection; 2]>,
    /// One number, rounded to the number format of the model, as transformers has it.
    embedding_scale: Option<Tensor>,
    position_embedding: Option<Tensor>,
    blocks: Vec<Block>,
    final_norm: Option<Normalization>,
    unembedding: Projection,
    rotaries: Rotaries,
}

/// The tables of angles that layers share.
#[derive(Clone, Debug)]
pub(super) struct Rotaries {
    /// Of [`Architecture::rotary`].
    main: Option<Arc<RotaryTable>>,
    /// Of [`Special::other_rotary`](super::architecture::Special::other_rotary).
    other: Option<Arc<RotaryTable>>,
}

impl Rotaries {
    pub(super) fn new(architecture: &Architecture, device: Device) -> Result<Self> {
        let table = |rotary: Option<&Rotary>| rotary.map(|rotary| RotaryTable::new(rotary, device)).transpose();
        let main = table(architecture.rotary.as_ref())?.map(Arc::new);
        Ok(Self { main, other: table(architecture.special.other_rotary.as_ref())?.map(Arc::new) })
    }

    fn of(&self, architecture: &Architecture, layer: usize) -> Option<Arc<RotaryTable>> {
        match architecture.special.layer_rotary.get(layer).unwrap_or(&LayerRotary::Main) {
            LayerRotary::Main => self.main.clone(),
            LayerRotary::Other => self.other.clone(),
            LayerRotary::Still => None,
        }
    }
}

/// Keys and values of one layer, one entry per span of the batch.
pub type LayerKeysValues = Vec<KeysValues>;

impl Model {
    pub(super) fn assemble(
        architecture: Arc<Architecture>,
        tokenizer: Arc<Tokenizer>,
        weights: Weights,
        rotaries: Rotaries,
        places: Places,
    ) -> Result<Self> {
        let Place { device, kind } = places.home;
        let token_embedding = weights.get(&format!("{}.weight", architecture.token_embedding))?;
        let projection = |name: &str| weights.projection(name, false, false);
        let narrow = architecture.special.narrow_embedding.as_ref();
        let narrow = narrow.map(|narrow| Ok::<_, Error>([projection(&narrow.into)?, projection(&narrow.out)?]));
        let narrow = narrow.transpose()?;
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
        let block = |layer| Block::read(&architecture, layer, &weights, rotaries.of(&architecture, layer));
        let blocks = (0..architecture.layers).map(block).collect::<Result<_>>()?;
        let final_norm = architecture.final_norm.as_ref();
        let final_norm = final_norm.map(|name| weights.norm(name, &architecture)).transpose()?;
        Ok(Self {
            architecture,
            tokenizer,
            device,
            kind,
            places,
            notes: Vec::new(),
            fingerprint: OnceCell::new(),
            weights,
            token_embedding,
            narrow,
            embedding_scale,
            position_embedding,
            blocks,
            final_norm,
            unembedding,
            rotaries,
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
            self.rotaries.clone(),
            self.places.clone(),
        )
    }

    /// `tensor` at home, gradients intact: where embeddings and unembedding are, and all that is read of a run.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn at_home(&self, tensor: &Tensor) -> Result<Tensor> {
        if self.places.are_several() { across(tensor, self.places.home) } else { Ok(tensor.shallow_clone()) }
    }

    /// The parameter `name` of the checkpoint, sharing storage, where its layer is.
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

    /// The name of the bias of the down-projection of `layer`, where it is a single one and has one.
    #[must_use]
    pub fn down_projection_bias(&self, layer: usize) -> Option<String> {
        self.blocks.get(layer).filter(|block| block.down_has_bias())?;
        Some(format!("{}.bias", self.architecture.blocks.get(layer)?.down()?))
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
            let embedded = taps.visit(Site::Embedding, embedded, self.places.home)?;
            let embedded = match &self.embedding_scale {
                Some(scale) => embedded.f_mul(scale)?,
                None => embedded,
            };
            let embedded = match &self.narrow {
                Some([into, _]) => into.apply(&embedded)?,
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

    /// Output of the token embedding for `ids` `[tokens]`, `[tokens, embedded]`, without positions: what subject noise is
    /// added to.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn token_embeddings(&self, ids: &Tensor) -> Result<Tensor> {
        Tensor::f_embedding(&self.token_embedding, ids, -1, false, false).doing(|| "embedding the tokens".to_owned())
    }

    /// Embeddings of `ids` `[tokens]` with `noise` `[.., tokens, embedded]` on them: added in float64, then rounded, as the
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
        let (stream, kept) = self.block_there(layer, stream, batch, prefixes, taps, keep)?;
        Ok((self.at_home(&stream)?, kept))
    }

    /// Like [`Self::block`]; the stream stays where the layer is, for runs that do nothing with it before the next block.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn block_there(
        &self,
        layer: usize,
        stream: &Tensor,
        batch: &Batch,
        prefixes: &[Option<&KeysValues>],
        taps: &mut Taps,
        keep: bool,
    ) -> Result<(Tensor, LayerKeysValues)> {
        let (stream, key, kept) = self.until_key_there(layer, stream, batch, prefixes, taps, keep)?;
        Ok((self.after_key_there(layer, &stream, &key, taps)?, kept))
    }

    /// Runs block `layer` up to the MLP key: the residual stream without the MLP's output `[tokens, hidden]`, the
    /// key `[tokens, inner]`, and the keys and values of attention as in [`Self::block`]. Experts have no key in common:
    /// what they read, `[tokens, hidden]`, comes in its place.
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
        let (stream, key, kept) = self.until_key_there(layer, stream, batch, prefixes, taps, keep)?;
        Ok((self.at_home(&stream)?, self.at_home(&key)?, kept))
    }

    fn until_key_there(
        &self,
        layer: usize,
        stream: &Tensor,
        batch: &Batch,
        prefixes: &[Option<&KeysValues>],
        taps: &mut Taps,
        keep: bool,
    ) -> Result<(Tensor, Tensor, LayerKeysValues)> {
        let mut run = || {
            at_once::reach_block()?;
            let moved;
            let (stream, batch) = if self.places.are_several() {
                moved = (across(stream, self.places.of(layer))?, batch.on(self.places.of(layer))?);
                (&moved.0, &moved.1)
            } else {
                (stream, batch)
            };
            let taps = (&mut *taps, self.places.home);
            self.blocks[layer].until_key(layer, self.architecture.residual, stream, batch, prefixes, taps, keep)
        };
        run().doing(|| running(layer))
    }

    /// The rest of block `layer`: the residual stream after it, from what [`Self::block_until_key`] gave.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn block_from_key(&self, layer: usize, stream: &Tensor, key: &Tensor, taps: &mut Taps) -> Result<Tensor> {
        self.at_home(&self.after_key_there(layer, stream, key, taps)?)
    }

    fn after_key_there(&self, layer: usize, stream: &Tensor, key: &Tensor, taps: &mut Taps) -> Result<Tensor> {
        let mut run = || {
            let moved;
            let (stream, key) = if self.places.are_several() {
                let place = self.places.of(layer);
                moved = (across(stream, place)?, across(key, place)?);
                (&moved.0, &moved.1)
            } else {
                (stream, key)
            };
            self.blocks[layer].after_key(layer, stream, key, (taps, self.places.home))
        };
        run().doing(|| running(layer))
    }

    /// The residual stream after block `layer` from what enters it and what its attention puts out, each `[tokens, hidden]`,
    /// and with `mlp` in the place of what its MLP does.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn block_from_attention(
        &self,
        layer: usize,
        stream: &Tensor,
        attention: &Tensor,
        mlp: Option<&Tensor>,
    ) -> Result<Tensor> {
        let run = || {
            let there = |tensor: &Tensor| {
                if self.places.are_several() {
                    across(tensor, self.places.of(layer))
                } else {
                    Ok(tensor.shallow_clone())
                }
            };
            let (stream, attention, mlp) = (there(stream)?, there(attention)?, mlp.map(there).transpose()?);
            let (residual, home) = (self.architecture.residual, self.places.home);
            let written =
                self.blocks[layer].behind_attention(layer, residual, (&stream, &attention), mlp.as_ref(), home)?;
            self.at_home(&written)
        };
        run().doing(|| running(layer))
    }

    /// Logits `[.., vocabulary]` of residual streams `[.., hidden]` (final norm, where there is one, and unembedding).
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn logits(&self, stream: &Tensor) -> Result<Tensor> {
        let read = || -> Result<Tensor> {
            let mut stream = stream.shallow_clone();
            if let Some(norm) = &self.final_norm {
                stream = norm.apply(&stream)?;
            }
            if let Some([_, out]) = &self.narrow {
                stream = out.apply(&stream)?;
            }
            let special = &self.architecture.special;
            capped(scaled(self.unembedding.apply(&stream)?, special.logit_scale)?, special.logit_cap)
        };
        read().doing(|| "reading logits".to_owned())
    }

    /// Residual stream after the last block of a whole batch, `[tokens, hidden]`.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn forward(&self, ids: &Tensor, batch: &Batch, taps: &mut Taps) -> Result<Tensor> {
        let mut stream = self.embed(ids, batch, taps)?;
        for layer in 0..self.architecture.layers {
            stream = self.block_there(layer, &stream, batch, &[], taps, false)?.0;
        }
        self.at_home(&stream)
    }

    /// The same at the tokens `cells` alone, flat indices of the batch: `[cells, hidden]`. The last block runs for those only;
    /// no tap is behind its keys and values.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn forward_to(&self, ids: &Tensor, batch: &Batch, taps: &mut Taps, cells: &[i64]) -> Result<Tensor> {
        let reading = Rc::new(Reading::of(batch, cells, self.device)?);
        let mut stream = self.embed(ids, batch, taps)?;
        let (last, narrow) = (self.architecture.layers - 1, batch.read(&reading));
        taps.read_alone((!reading.is_whole()).then_some((last, reading.cells())))?;
        for layer in 0..=last {
            let batch = if layer == last { &narrow } else { batch };
            stream = self.block_there(layer, &stream, batch, &[], taps, false)?.0;
        }
        taps.read_alone(None)?;
        reading.in_order(&self.at_home(&stream)?, cells)
    }
}

fn running(layer: usize) -> String {
    format!("running block {layer}")
}
