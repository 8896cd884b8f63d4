//! The key, and the rank-one change that maps it to the value (Meng et al. 2022, equation 2).

use crate::RomeParameters;
use locus_key_value::{Contexts, Placed, Values, bare_rows, context_rows};
use locus_plugin::tch::{Kind, Tensor};
use locus_plugin::{Cells, Edit, Error, FactToken, Host, Result, Site};

/// Which fact is edited at which layer.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The fact.
    pub edit: &'a Edit,
    /// Its number in the request.
    pub number: usize,
    /// The layer.
    pub layer: usize,
    /// The token whose key stands for the fact.
    pub token: FactToken,
    /// Whether no other fact is edited with it.
    pub is_alone: bool,
}

impl<'a> Place<'a> {
    /// A sentence about the fact, which is named where there are others.
    pub fn said_of(&self, text: String) -> String {
        if self.is_alone { text } else { format!("{}: {text}", self.edit.subject) }
    }

    /// The fact as a list of one.
    pub fn alone(&self) -> &'a [Edit] {
        std::slice::from_ref(self.edit)
    }
}

/// The fact's key.
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
    /// `[hidden]`.
    pub written: Tensor,
    /// Product of the key that is asked for and its direction.
    pub divisor: f64,
    /// Numbers and tensors worth keeping, by the names of the published code.
    pub artifacts: Vec<(&'static str, Tensor)>,
}

/// Averages the key at the fact's token over the contexts and whitens it.
pub fn direction(place: Place<'_>, contexts: &Contexts, parameters: &RomeParameters, host: &dyn Host) -> Result<Key> {
    let placed = context_rows(place.alone(), place.number, contexts, place.token, host)?;
    Ok(keys(&placed, place.layer, contexts, parameters, host)?.remove(0))
}

/// The same for several facts, all of them numbers of the request.
pub fn directions(
    edits: &[Edit],
    layer: usize,
    contexts: &Contexts,
    parameters: &RomeParameters,
    host: &dyn Host,
) -> Result<Vec<Key>> {
    let placed = context_rows(edits, 0, contexts, parameters.value_settings()?.token, host)?;
    keys(&placed, layer, contexts, parameters, host)
}

/// By fact: its key over its rows, which stand together.
fn keys(
    placed: &Placed,
    layer: usize,
    contexts: &Contexts,
    parameters: &RomeParameters,
    host: &dyn Host,
) -> Result<Vec<Key>> {
    let cells = Cells { site: Site::MlpKey(layer), cells: placed.cells.clone() };
    let keys = host.capture_of(&placed.facts, &placed.rows, &[cells])?.remove(0).to_kind(Kind::Float);
    let rows = contexts.0.len() as i64;
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

/// The change of the down-projection after which the bare prompt's key is mapped to the value.
pub fn insert(place: Place<'_>, key: &Key, values: &Values, same_key: bool, host: &dyn Host) -> Result<Insertion> {
    let placed = bare_rows(place.alone(), place.number, place.token, host)?;
    let captured = captured(&placed, place.layer, host)?;
    inserted(place.edit, 0, key, values, same_key, &captured)
}

/// The same for several facts, all of them numbers of the request.
pub fn insert_all(
    edits: &[Edit],
    layer: usize,
    keys: &[Key],
    values: &Values,
    same_key: bool,
    token: FactToken,
    host: &dyn Host,
) -> Result<Vec<Insertion>> {
    let captured = captured(&bare_rows(edits, 0, token, host)?, layer, host)?;
    let one = |(fact, (edit, key))| inserted(edit, fact, key, values, same_key, &captured);
    edits.iter().zip(keys).enumerate().map(one).collect()
}

/// Keys and outputs of the layer at the facts' tokens of the bare prompts.
fn captured(placed: &Placed, layer: usize, host: &dyn Host) -> Result<[Tensor; 2]> {
    let at = |site| Cells { site, cells: placed.cells.clone() };
    let sites = [at(Site::MlpKey(layer)), at(Site::MlpOut(layer))];
    let captured = host.capture_of(&placed.facts, &placed.rows, &sites)?;
    Ok([captured[0].to_kind(Kind::Float), captured[1].to_kind(Kind::Float)])
}

/// `fact` is its place among the values and what was captured.
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
        let message = format!("the key of `{}` and its direction are at right angles; set same_key", edit.subject);
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
