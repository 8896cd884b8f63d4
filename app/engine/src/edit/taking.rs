//! Changes become the host's: checked, in the numbers in which they are kept, and shared with nobody.

use super::deltas::{check, is_finite};
use super::handed::copied;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::number_formats::number_format;
use locus_plugin::{Delta, Form};
use tch::{Kind, Tensor};

/// Takes over what a method gave back. A change is kept in float32, or in float64 for a parameter of that kind; a
/// plugin that keeps its tensors and writes into them later changes nothing here.
///
/// # Errors
/// [`Error::Plugin`] with what is wrong; nothing has been applied then.
pub fn take_over(model: &Model, plugin: &str, deltas: Vec<Delta>) -> Result<Vec<Delta>> {
    check(model, plugin, &deltas)?;
    let _guard = tch::no_grad_guard();
    deltas.into_iter().map(|delta| own(model, plugin, delta)).collect()
}

fn own(model: &Model, plugin: &str, Delta { parameter, form }: Delta) -> Result<Delta> {
    let missing = || wrong(plugin, format!("it changed `{parameter}`, which the model does not have"));
    let changed = model.parameter(&parameter).ok_or_else(missing)?;
    let kind = if changed.kind() == Kind::Double { Kind::Double } else { Kind::Float };
    let keep = |part: &Tensor| {
        let kept = copied(&part.f_detach()?.f_to_device(model.device)?.f_to_kind(kind)?.f_contiguous()?)?;
        match is_finite(&kept)? {
            true => Ok(kept),
            false => {
                Err(wrong(plugin, format!("its change of `{parameter}` is not finite in {}", number_format(kind))))
            }
        }
    };
    let form = match &form {
        Form::Dense(difference) => Form::Dense(keep(difference)?),
        Form::LowRank { left, right } => Form::LowRank { left: keep(left)?, right: keep(right)? },
    };
    Ok(Delta { parameter, form })
}

/// A change that is not finite.
pub(super) fn wrong(plugin: &str, what: String) -> Error {
    let message = format!("{what} (NaN or infinity); the fact is left unedited");
    Error::Plugin { plugin: plugin.to_owned(), message }
}
