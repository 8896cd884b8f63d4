//! The key, and the rank-one change that maps it to the value (Meng et al. 2022, equation 2).

use crate::RomeParameters;
use locus_key_value::{Contexts, Values, bare_rows, context_rows};
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
}

impl<'a> Place<'a> {
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
    let cells = Cells { site: Site::MlpKey(place.layer), cells: placed.cells };
    let keys = host.capture_of(&placed.facts, &placed.rows, &[cells])?.remove(0);
    let mean = keys.to_kind(Kind::Float).mean_dim(0, false, None);
    let whitened = match parameters.second_moment {
        true => Some(host.solve_second_moment(place.layer, &mean.unsqueeze(0))?.get(0)),
        false => None,
    };
    let direction = whitened.as_ref().unwrap_or(&mean);
    let direction = direction / direction.norm();
    Ok(Key { mean, whitened, direction })
}

/// The change of the down-projection after which the bare prompt's key is mapped to the value.
pub fn insert(place: Place<'_>, key: &Key, values: &Values, same_key: bool, host: &dyn Host) -> Result<Insertion> {
    let placed = bare_rows(place.alone(), place.number, place.token, host)?;
    let at = |site| Cells { site, cells: placed.cells.clone() };
    let sites = [at(Site::MlpKey(place.layer)), at(Site::MlpOut(place.layer))];
    let captured = host.capture_of(&placed.facts, &placed.rows, &sites)?;
    let current = |index: usize| captured[index].get(0).to_kind(Kind::Float);
    let (input, output) = (current(0), current(1));
    let asked = if same_key { &key.mean } else { &input };
    let product = asked.dot(&key.direction);
    let divisor = product.double_value(&[]);
    if divisor.abs() < 1e-12 || !divisor.is_finite() {
        let message =
            format!("the key of `{}` and its direction are at right angles; set same_key", place.edit.subject);
        return Err(Error::Failed(message));
    }
    let written = (values.wanted().get(0) - &output) / product;
    let mut artifacts = vec![
        ("k_mean", key.mean.shallow_clone()),
        ("u", key.direction.shallow_clone()),
        ("target_init", values.start.get(0)),
        ("delta", values.delta.get(0)),
        ("cur_input", input),
        ("cur_output", output),
        ("v", written.shallow_clone()),
    ];
    artifacts.extend(key.whitened.as_ref().map(|whitened| ("cinv_k", whitened.shallow_clone())));
    Ok(Insertion { written, divisor, artifacts })
}
