//! Changes of parameters: checked before they are believed, and measured.

use crate::error::{Doing, Error, Result};
use crate::hex;
use crate::model::Model;
use crate::number_formats::is_floating;
use crate::room::room;
use locus_plugin::{Delta, Form};
use locus_protocol::WeightChange;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

/// Checks what a method gave back: known parameters, fitting shapes, finite floating-point numbers.
///
/// # Errors
/// [`Error::Plugin`] with what is wrong; nothing has been applied then.
pub fn check(model: &Model, plugin: &str, deltas: &[Delta]) -> Result<()> {
    let wrong = |message: String| Error::Plugin { plugin: plugin.to_owned(), message };
    if deltas.is_empty() {
        return Err(wrong("it returned no change; the fact is left unedited".to_owned()));
    }
    for delta in deltas {
        let name = &delta.parameter;
        let parameter = model.parameter(name).ok_or_else(|| {
            wrong(format!("it changed `{name}`, which the model does not have; the fact is left unedited"))
        })?;
        let parts = match &delta.form {
            Form::Dense(difference) => vec![difference],
            Form::LowRank { left, right } => vec![left, right],
        };
        for part in &parts {
            match part.f_kind() {
                Ok(kind) if is_floating(kind) => {}
                Ok(kind) => {
                    return Err(wrong(format!("its change of `{name}` holds {kind:?}, not floating-point numbers")));
                }
                Err(_) => {
                    return Err(wrong(format!("its change of `{name}` has an unknown number format")));
                }
            }
        }
        let (wanted, given) = (parameter.size(), shape(&delta.form));
        if given.as_deref() != Some(&wanted[..]) {
            let given =
                given.map_or_else(|| "factors that do not fit each other".to_owned(), |size| format!("{size:?}"));
            return Err(wrong(format!(
                "its change of `{name}` has shape {given}, not {wanted:?}; the fact is left unedited"
            )));
        }
        if !stays_finite(&delta.form, &parameter)? {
            let message = format!(
                "its change of `{name}` is not finite (NaN or infinity) in the number format of the weights; the fact is \
                 left unedited"
            );
            return Err(wrong(message));
        }
    }
    Ok(())
}

/// Whether a change is finite as it was given, as it is added up, and in the parameter that comes out.
fn stays_finite(form: &Form, parameter: &Tensor) -> Result<bool> {
    let _guard = tch::no_grad_guard();
    let given = match form {
        Form::Dense(whole) => is_finite(whole)?,
        Form::LowRank { left, right } => is_finite(left)? && is_finite(right)?,
    };
    if !given {
        return Ok(false);
    }
    let difference = difference(form, parameter)?;
    let edited = parameter.f_to_kind(difference.kind())?.f_add(&difference)?;
    Ok(is_finite(&difference)? && is_finite(&edited.f_to_kind(parameter.kind())?)?)
}

/// Whether all numbers of a tensor are.
pub(super) fn is_finite(tensor: &Tensor) -> Result<bool> {
    let _guard = tch::no_grad_guard();
    Ok(tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0)
}

/// Shape of the whole difference; `None` where the factors do not fit.
fn shape(form: &Form) -> Option<Vec<i64>> {
    match form {
        Form::Dense(difference) => Some(difference.size()),
        Form::LowRank { left, right } => match (left.size()[..].as_ref(), right.size()[..].as_ref()) {
            ([rows, rank], [same, columns]) if rank == same => Some(vec![*rows, *columns]),
            _ => None,
        },
    }
}

/// The whole difference in float32 at least, on the device of `parameter`.
pub(super) fn difference(form: &Form, parameter: &Tensor) -> Result<Tensor> {
    let wide = if parameter.kind() == Kind::Double { Kind::Double } else { Kind::Float };
    // laid out alike wherever it comes from, so that a product has the same bits each time
    let place = |tensor: &Tensor| tensor.f_detach()?.f_to_kind(wide)?.f_to_device(parameter.device())?.f_contiguous();
    let whole = match form {
        Form::Dense(whole) => place(whole),
        Form::LowRank { left, right } => place(left).and_then(|left| left.f_matmul(&place(right)?)),
    };
    whole.doing(|| "computing a change of the weights".to_owned())
}

/// All changes of one parameter.
pub(crate) struct Changed<'a> {
    /// Its one name, whichever of its names the changes give it, see [`Model::name_of`].
    pub name: String,
    /// Its value before the changes.
    pub value: Tensor,
    /// The changes, in their order.
    pub forms: Vec<&'a Form>,
}

/// Changes by the parameters that they change, each parameter once, in the order in which they come first.
///
/// # Errors
/// The model has no such parameter.
pub(crate) fn by_parameter<'a>(model: &Model, deltas: impl Iterator<Item = &'a Delta>) -> Result<Vec<Changed<'a>>> {
    let mut all: Vec<Changed<'a>> = Vec::new();
    for Delta { parameter, form } in deltas {
        let found = model.name_of(parameter).and_then(|name| Some((model.parameter(&name)?, name)));
        let missing =
            || Error::Request(format!("the model has no parameter `{parameter}` to change; name one of its own"));
        let (value, name) = found.ok_or_else(missing)?;
        match all.iter_mut().find(|known| known.name == name) {
            Some(known) => known.forms.push(form),
            None => all.push(Changed { name, value, forms: vec![form] }),
        }
    }
    Ok(all)
}

/// How far each changed parameter moved from where it was, by all changes of it together.
///
/// # Errors
/// A change of a parameter that the model does not have; those of libtorch.
pub fn weight_changes(model: &Model, deltas: &[Delta]) -> Result<Vec<WeightChange>> {
    let _guard = tch::no_grad_guard();
    let change = |Changed { name, value, forms }: Changed<'_>| {
        let mut differences = forms.iter().map(|form| difference(form, &value));
        let first = differences.next().unwrap_or_else(|| Ok(value.f_zeros_like()?))?;
        let whole = differences.try_fold(first, |sum, next| Ok::<_, Error>(sum.f_add(&next?)?))?;
        let norm = whole.f_norm()?.f_double_value(&[])?;
        let relative = norm / value.f_to_kind(Kind::Float)?.f_norm()?.f_double_value(&[])?;
        Ok(WeightChange { layer: layer_of(model, &name), parameter: name, norm, relative })
    };
    by_parameter(model, deltas.iter())?.into_iter().map(change).collect()
}

/// The hash of a change's whole difference; nothing where the model lacks the parameter.
pub(super) fn difference_hash(model: &Model, delta: &Delta) -> Result<String> {
    let _guard = tch::no_grad_guard();
    match model.parameter(&delta.parameter) {
        Some(parameter) => Ok(hex(&hash(&difference(&delta.form, &parameter)?)?)),
        None => Ok(String::new()),
    }
}

/// A hash of the exact bits.
pub(super) fn hash(tensor: &Tensor) -> Result<Vec<u8>> {
    bits(tensor).doing(|| "reading weights to hash them".to_owned()).map(|bytes| Sha256::digest(&bytes).to_vec())
}

/// The numbers of a tensor in row-major order, in float32 at least.
fn bits(tensor: &Tensor) -> Result<Vec<u8>> {
    let _guard = tch::no_grad_guard();
    let flat = tensor.f_to_device(Device::Cpu)?.f_contiguous()?.f_reshape([-1])?;
    // half-precision numbers widen without loss
    let flat = if flat.kind() == Kind::Double { flat } else { flat.f_to_kind(Kind::Float)? };
    let count = flat.numel() * if flat.kind() == Kind::Double { 8 } else { 4 };
    let mut bytes = room(count)?;
    bytes.resize(count, 0);
    flat.f_copy_data_u8(&mut bytes, flat.numel())?;
    Ok(bytes)
}

/// The layer whose down-projection, or whose experts, a parameter belongs to, whichever of its names it is given.
pub(super) fn layer_of(model: &Model, parameter: &str) -> Option<usize> {
    let parameter = model.name_of(parameter)?;
    let owns = |module: &str| parameter.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'));
    model.architecture.blocks.iter().position(|block| owns(block.mlp.module()))
}

/// Bytes that changes take in memory.
#[must_use]
pub fn bytes_of(deltas: &[Delta]) -> u64 {
    let bytes = |tensor: &Tensor| (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64;
    let of_form = |form: &Form| match form {
        Form::Dense(whole) => bytes(whole),
        Form::LowRank { left, right } => bytes(left) + bytes(right),
    };
    deltas.iter().map(|delta| of_form(&delta.form)).sum()
}
