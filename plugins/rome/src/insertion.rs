//! The key, and the rank-one change that maps it to the value (Meng et al. 2022, equation 2).

use crate::RomeParameters;
use locus_key_value::{Contexts, Placed, Search, Values, bare_rows, context_rows};
use locus_plugin::tch::{Kind, Tensor};
use locus_plugin::{Cells, Edit, Error, Host, Result, Site};

/// Facts that are looked for together, each as if it were alone.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub edits: &'a [Edit],
    /// The number of the first of them in the request.
    pub first: usize,
    pub layer: usize,
}

/// What was found, by fact.
pub struct Found {
    pub keys: Vec<Key>,
    pub values: Values,
    /// Changes of the down-projection after which the bare prompt's key is mapped to the value.
    pub insertions: Vec<Insertion>,
}

/// The key of one fact.
pub struct Key {
    /// Mean key over the contexts, `[inner]`.
    pub mean: Tensor,
    /// `C⁻¹` times the mean key, `[inner]`; absent without second moments.
    pub whitened: Option<Tensor>,
    /// Direction in which the weights change, `[inner]`, of length 1.
    pub direction: Tensor,
}

/// The change of one down-projection, `written directionᵀ`.
pub struct Insertion {
    /// Direction in which the layer's output changes, `[hidden]`.
    pub written: Tensor,
    /// Product of the key that is asked for and its direction.
    pub divisor: f64,
    /// Numbers and tensors worth keeping, by the names of the published code.
    pub artifacts: Vec<(&'static str, Tensor)>,
}

/// Finds keys, values and the changes that follow from them. The prompts run up to the layer once: the run of the
/// optimization has the keys, too, and what the bare prompt has at the layer.
pub fn find(facts: Facts<'_>, contexts: &Contexts, parameters: &RomeParameters, host: &dyn Host) -> Result<Found> {
    let Facts { edits, first, layer } = facts;
    let settings = parameters.value_settings()?;
    let placed = context_rows(edits, first, contexts, settings.token, host)?;
    let search = Search::new(edits, first, (Site::MlpOut(layer), Some(layer)), contexts, settings, host)?;
    let known = search.keys(&placed)?;
    // where noise is drawn anew in every run, runs of their own have draws of their own, in the published order
    let captured = match &known {
        Some(keys) => keys.shallow_clone(),
        None => {
            let cells = Cells { site: Site::MlpKey(layer), cells: placed.cells.clone() };
            host.capture_of(&placed.facts, &placed.rows, &[cells])?.remove(0)
        }
    };
    let captured = captured.to_kind(Kind::Float);
    let keys = keys(&captured, layer, contexts.0.len(), parameters, host)?;
    let values = search.values()?;
    let bare = bare_rows(edits, first, settings.token, host)?;
    let bare_first = bare.rows.iter().eq(placed.rows.iter().step_by(contexts.0.len()));
    let at_layer = match known {
        Some(_) if bare_first => {
            let step = contexts.0.len() as i64;
            [captured.f_slice(0, 0, None, step)?, values.start.shallow_clone()]
        }
        _ => at_layer(&bare, layer, host)?,
    };
    let same_key = parameters.same_key && !parameters.published();
    let one = |(fact, (edit, key))| inserted(edit, fact, key, &values, same_key, &at_layer);
    let insertions = edits.iter().zip(&keys).enumerate().map(one).collect::<Result<_>>()?;
    Ok(Found { keys, values, insertions })
}

/// By fact: the mean of its keys over its rows, which stand together, whitened.
fn keys(
    keys: &Tensor,
    layer: usize,
    contexts: usize,
    parameters: &RomeParameters,
    host: &dyn Host,
) -> Result<Vec<Key>> {
    let rows = contexts as i64;
    let means: Vec<Tensor> =
        (0..keys.size()[0] / rows).map(|fact| keys.narrow(0, fact * rows, rows).mean_dim(0, false, None)).collect();
    let whitened = match parameters.second_moment {
        true => Some(host.solve_second_moment(layer, &Tensor::stack(&means, 0))?),
        false => None,
    };
    let key = |(fact, mean): (i64, Tensor)| {
        let whitened = whitened.as_ref().map(|whitened| whitened.get(fact));
        let direction = whitened.as_ref().unwrap_or(&mean);
        let direction = direction / direction.norm();
        Key { mean, whitened, direction }
    };
    Ok((0..).zip(means).map(key).collect())
}

/// Keys and outputs of the layer at the facts' tokens of the bare prompts.
fn at_layer(bare: &Placed, layer: usize, host: &dyn Host) -> Result<[Tensor; 2]> {
    let at = |site| Cells { site, cells: bare.cells.clone() };
    let captured = host.capture_of(&bare.facts, &bare.rows, &[at(Site::MlpKey(layer)), at(Site::MlpOut(layer))])?;
    Ok([captured[0].to_kind(Kind::Float), captured[1].to_kind(Kind::Float)])
}

/// The change for one fact; `fact` is its place among the values and what was captured.
fn inserted(
    edit: &Edit,
    fact: usize,
    key: &Key,
    values: &Values,
    same_key: bool,
    [inputs, outputs]: &[Tensor; 2],
) -> Result<Insertion> {
    let fact = fact as i64;
    let (input, output) = (inputs.get(fact), outputs.get(fact));
    let asked = if same_key { &key.mean } else { &input };
    let product = asked.dot(&key.direction);
    let divisor = product.double_value(&[]);
    if divisor.abs() < 1e-12 || !divisor.is_finite() {
        let message = format!("the key of `{}` and its direction are orthogonal; set same_key", edit.subject);
        return Err(Error::Failed(message));
    }
    let written = (values.wanted().get(fact) - &output) / product;
    let mut artifacts = vec![
        ("k_mean", key.mean.shallow_clone()),
        ("u", key.direction.shallow_clone()),
        ("target_init", values.start.get(fact)),
        ("delta", values.delta.get(fact)),
        ("cur_input", input),
        ("cur_output", output),
        ("v", written.shallow_clone()),
    ];
    artifacts.extend(key.whitened.as_ref().map(|whitened| ("cinv_k", whitened.shallow_clone())));
    Ok(Insertion { written, divisor, artifacts })
}
