//! What is trained, and how far it may go.

use crate::FineTuningParameters;
use locus_plugin::tch::nn::VarStore;
use locus_plugin::tch::{Kind, Tensor, no_grad};
use locus_plugin::{EditRequest, Edited, Error, Host, ModelInfo, Result};

/// A trained parameter, or some of its rows.
struct Trained {
    name: String,
    /// The rows that are trained, `[n]` int64; `None` for all.
    rows: Option<Tensor>,
    /// The parameter as it was, in float32.
    whole: Tensor,
    /// What is trained as it was.
    original: Tensor,
    /// What is trained as it is.
    current: Tensor,
    /// The least and the most that entries may become.
    bounds: Option<(Tensor, Tensor)>,
}

/// All that is trained.
pub struct Weights {
    /// The variables of the optimizer.
    pub variables: VarStore,
    trained: Vec<Trained>,
    /// The bound that was taken from the weights, where none was given.
    derived: Option<f64>,
    /// Share of the entries that the bounds held back in the last update, a float32 number on the device.
    held_back: Tensor,
}

impl Weights {
    /// Weight and bias of the down-projections of the request's layers, as the published code selects them, or the
    /// embeddings of the subjects' tokens.
    pub fn new(request: &EditRequest, parameters: &FineTuningParameters, host: &dyn Host) -> Result<Self> {
        let model = host.model()?;
        let chosen = if parameters.trains_embeddings() {
            vec![(model.token_embedding.clone(), Some(subject_tokens(request, host)?))]
        } else {
            down_projections(&request.layers, &model)?.into_iter().map(|name| (name, None)).collect()
        };
        // an output of a down-projection is a sum over the inner width, an embedding is read as it is
        let inputs = if parameters.trains_embeddings() { 1 } else { model.inner };
        let (mut trained, mut variables, mut derived) = (Vec::new(), None, None);
        for (index, (name, rows)) in chosen.into_iter().enumerate() {
            let whole = host.parameter(&name)?.detach().to_kind(Kind::Float);
            let rows = rows.map(|rows| Tensor::from_slice(&rows).to_device(whole.device()));
            let original = rows.as_ref().map_or_else(|| whole.shallow_clone(), |rows| whole.index_select(0, rows));
            let store: &VarStore = variables.get_or_insert_with(|| VarStore::new(whole.device()));
            let current = store.root().f_var_copy(&format!("w{index}"), &original)?;
            let near = match parameters.norm_constraint {
                // that of the first one holds for all: biases have no size of their own
                given if given < 0.0 => *derived.get_or_insert(own_size(&original, inputs)?),
                given => given,
            };
            let bounds = (near > 0.0).then(|| (&original - near, &original + near));
            trained.push(Trained { name, rows, whole, original, current, bounds });
        }
        let variables =
            variables.ok_or_else(|| Error::Request("there is nothing to train; choose a layer".to_owned()))?;
        let held_back = Tensor::zeros([], (Kind::Float, variables.device()));
        Ok(Self { variables, trained, derived, held_back })
    }

    /// The bound that was taken from the weights, where none was given.
    pub fn derived(&self) -> Option<f64> {
        self.derived
    }

    /// Names of the parameters.
    pub fn names(&self) -> Vec<String> {
        self.trained.iter().map(|trained| trained.name.clone()).collect()
    }

    /// The parameters as they are now, with gradients to what is trained.
    pub fn current(&self) -> Result<Vec<Tensor>> {
        let now = |trained: &Trained| match &trained.rows {
            Some(rows) => Ok(trained.whole.f_index_copy(0, rows, &trained.current)?),
            None => Ok(trained.current.shallow_clone()),
        };
        self.trained.iter().map(now).collect()
    }

    /// Puts every entry back into its bounds, and counts those that were beyond.
    pub fn clamp(&mut self) -> Result<()> {
        no_grad(|| {
            let (mut beyond, mut entries) = (self.held_back.f_zeros_like()?, 0);
            for trained in &mut self.trained {
                let Some((least, most)) = &trained.bounds else { continue };
                let clamped = trained.current.f_clamp_tensor(Some(least), Some(most))?;
                beyond += clamped.f_ne_tensor(&trained.current)?.f_sum(Kind::Float)?;
                entries += clamped.numel();
                trained.current.f_copy_(&clamped)?;
            }
            self.held_back = beyond / (entries.max(1) as f64);
            Ok(())
        })
    }

    /// Share of the entries that the bounds held back in the last update, on the device.
    pub fn held_back(&self) -> &Tensor {
        &self.held_back
    }

    /// The same as a number.
    pub fn last_held_back(&self) -> Result<f64> {
        Ok(self.held_back.f_double_value(&[])?)
    }

    /// Adds all changes to what is given back.
    pub fn put_into(&self, edited: Edited) -> Edited {
        self.trained.iter().fold(edited, |edited, trained| {
            let change = trained.current.detach() - &trained.original;
            match &trained.rows {
                Some(rows) => {
                    let places = rows.one_hot(trained.whole.size()[0]).to_kind(Kind::Float);
                    edited.low_rank(&trained.name, places.tr().contiguous(), change)
                }
                None => edited.dense(&trained.name, change),
            }
        })
    }
}

/// How far entries may move where nobody says it: their root mean square over the root of the inputs that an output sums
/// up, so that a change of all of them in one direction is about as large as an output is anyway.
fn own_size(weight: &Tensor, inputs: i64) -> Result<f64> {
    let square = weight.f_square()?.f_mean(Kind::Double)?.f_double_value(&[])?;
    Ok((square / inputs.max(1) as f64).sqrt())
}

/// Names of weight and bias of the down-projections.
fn down_projections(layers: &[usize], model: &ModelInfo) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for &layer in layers {
        let down = model.down_projections.get(layer).ok_or_else(|| {
            Error::Request(format!("there is no layer {layer}; the model has layers 0 to {}", model.layers - 1))
        })?;
        names.push(down.weight.clone());
        names.extend(down.bias.clone());
    }
    Ok(names)
}

/// The tokens of all subjects, each once.
fn subject_tokens(request: &EditRequest, host: &dyn Host) -> Result<Vec<i64>> {
    let mut tokens = Vec::new();
    for edit in &request.edits {
        let fact = host.tokenize_prompt(&edit.template, &edit.subject, "")?;
        tokens.extend(&fact.ids[fact.subject]);
    }
    tokens.sort_unstable();
    tokens.dedup();
    Ok(tokens)
}
