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
    /// The variables of the optimiser.
    pub variables: VarStore,
    trained: Vec<Trained>,
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
        let mut trained = Vec::new();
        let mut variables = None;
        for (index, (name, rows)) in chosen.into_iter().enumerate() {
            let whole = host.parameter(&name)?.detach().to_kind(Kind::Float);
            let rows = rows.map(|rows| Tensor::from_slice(&rows).to_device(whole.device()));
            let original = rows.as_ref().map_or_else(|| whole.shallow_clone(), |rows| whole.index_select(0, rows));
            let store: &VarStore = variables.get_or_insert_with(|| VarStore::new(whole.device()));
            let current = store.root().f_var_copy(&format!("w{index}"), &original)?;
            let near = parameters.norm_constraint;
            let bounds = (near > 0.0).then(|| (&original - near, &original + near));
            trained.push(Trained { name, rows, whole, original, current, bounds });
        }
        let variables =
            variables.ok_or_else(|| Error::Request("there is nothing to train; choose a layer".to_owned()))?;
        Ok(Self { variables, trained })
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

    /// Puts every entry back into its bounds.
    pub fn clamp(&mut self) -> Result<()> {
        no_grad(|| {
            for trained in &mut self.trained {
                let Some((least, most)) = &trained.bounds else { continue };
                let clamped = trained.current.f_clamp_tensor(Some(least), Some(most))?;
                trained.current.f_copy_(&clamped)?;
            }
            Ok(())
        })
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
