//! The changes of the edits in place as a low-rank adapter in the layout of the library peft.
//!
//! A projection gets `lora_B · lora_A`, with a scale of one. Factors of several edits stand side by side; what is
//! dense is factored again, to the rank that reproduces it.

use crate::edit::{Changed, by_parameter};
use crate::error::{Doing, Error, Result};
use crate::model::Model;
use crate::tensor_files::write;
use locus_files::{FolderDraft, NotWritten};
use locus_plugin::{Delta, Form};
use serde_json::{Map, Value, json};
use std::path::Path;
use tch::{Kind, Tensor};

/// Singular values that together are below this share of the change's norm are left out: what float32 cannot hold.
const NEGLIGIBLE: f64 = 1e-6;

/// A change of a projection as factors, in the orientation of peft: `[outputs, rank]` times `[rank, inputs]`.
struct Factors {
    module: String,
    outputs: Tensor,
    inputs: Tensor,
}

/// Writes the changes of `deltas` as a new folder; `source` is the folder of the unedited model. `listen` hears how many
/// of the changed projections are factored of how many, and can stop it by an error.
///
/// # Errors
/// The model has experts; a change is none of a projection, or of full rank; the folder is there already, or cannot be written; what `listen`
/// returns.
pub fn adapter<'a>(
    model: &Model,
    deltas: impl Iterator<Item = &'a Delta>,
    source: &Path,
    folder: &Path,
    listen: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<()> {
    let architecture = &model.architecture;
    // peft reads such an adapter and changes nothing by it
    if (0..architecture.layers).any(|layer| architecture.experts_of(layer).is_some()) {
        let message =
            "peft cannot put an adapter on a model whose layers have experts; write the whole model with --folder";
        return Err(Error::Request(message.to_owned()));
    }
    let factors = factors(model, deltas, listen)?;
    let draft = FolderDraft::new(folder).map_err(NotWritten::at(folder))?;
    let mut tensors = Vec::new();
    for Factors { module, outputs, inputs } in &factors {
        tensors.push((format!("base_model.model.{module}.lora_A.weight"), inputs.f_contiguous()?));
        tensors.push((format!("base_model.model.{module}.lora_B.weight"), outputs.f_contiguous()?));
    }
    write(&tensors, &draft, "adapter_model.safetensors", &mut |_, _| Ok(()))?;
    let text = format!("{:#}\n", config(model, &factors, source));
    draft.write("adapter_config.json", text.as_bytes()).map_err(NotWritten::at(folder))?;
    Ok(draft.commit().map_err(NotWritten::at(folder))?)
}

/// What peft has to know. Each module has a rank of its own; the scale, `lora_alpha / r`, is one everywhere.
fn config(model: &Model, factors: &[Factors], source: &Path) -> Value {
    let rank = |factors: &Factors| factors.inputs.size()[0];
    let ranks: Map<String, Value> =
        factors.iter().map(|factors| (factors.module.clone(), rank(factors).into())).collect();
    let highest = factors.iter().map(rank).max().unwrap_or(1);
    json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": source.canonicalize().unwrap_or_else(|_| source.to_owned()),
        "inference_mode": true,
        "r": highest,
        "lora_alpha": highest,
        "rank_pattern": ranks,
        "alpha_pattern": ranks,
        "target_modules": factors.iter().map(|factors| factors.module.as_str()).collect::<Vec<_>>(),
        // GPT-2 keeps its projections input first
        "fan_in_fan_out": model.architecture.special.stored_input_first,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_rslora": false,
        "use_dora": false,
        "modules_to_save": null,
    })
}

/// The changes by module, each once.
fn factors<'a>(
    model: &Model,
    deltas: impl Iterator<Item = &'a Delta>,
    listen: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Vec<Factors>> {
    let _guard = tch::no_grad_guard();
    let mut changed = by_parameter(model, deltas)?;
    changed.sort_by(|one, other| one.name.cmp(&other.name));
    let all = changed.len() as u64;
    let mut factored = |(done, changed): (u64, &Changed<'_>)| {
        listen(done, all)?;
        one(model, &changed.name, &changed.forms)
    };
    (0..).zip(&changed).map(&mut factored).collect()
}

fn one(model: &Model, parameter: &str, forms: &[&Form]) -> Result<Factors> {
    let module = parameter.strip_suffix(".weight").filter(|module| is_projection(model, module)).ok_or_else(|| {
        Error::Request(format!(
            "the change of `{parameter}` is not of a projection's weight, and an adapter can contain no other; write the whole \
             model with --folder"
        ))
    })?;
    let (left, right) = match side_by_side(forms)? {
        Some(factors) => factors,
        None => decomposed(parameter, forms)?,
    };
    // [rows, rank] times [rank, columns] in the orientation of the checkpoint
    let (outputs, inputs) =
        if model.architecture.special.stored_input_first { (right.f_tr()?, left.f_tr()?) } else { (left, right) };
    Ok(Factors { module: module.to_owned(), outputs, inputs })
}

/// Whether a module is a projection of a block.
fn is_projection(model: &Model, module: &str) -> bool {
    model.architecture.blocks.iter().any(|block| block.projections().any(|name| name == module))
}

/// Factors beside each other, where all changes have some and the rank stays below the full one.
fn side_by_side(forms: &[&Form]) -> Result<Option<(Tensor, Tensor)>> {
    let float = |tensor: &Tensor| tensor.f_detach()?.f_to_kind(Kind::Float);
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    for form in forms {
        let Form::LowRank { left, right } = form else { return Ok(None) };
        lefts.push(float(left)?);
        rights.push(float(right)?);
    }
    let (left, right) = (Tensor::f_cat(&lefts, 1)?, Tensor::f_cat(&rights, 0)?);
    let ((rows, rank), (_, columns)) = (left.size2()?, right.size2()?);
    Ok((rank < rows.min(columns)).then_some((left, right)))
}

/// The sum of all changes as factors of the rank that reproduces it.
fn decomposed(parameter: &str, forms: &[&Form]) -> Result<(Tensor, Tensor)> {
    let double = |tensor: &Tensor| tensor.f_detach()?.f_to_kind(Kind::Double);
    let whole = |form: &&Form| match form {
        Form::Dense(whole) => double(whole),
        Form::LowRank { left, right } => double(left)?.f_matmul(&double(right)?),
    };
    let none = || Error::Request(format!("there is no change of `{parameter}`"));
    let (first, more) = forms.split_first().ok_or_else(none)?;
    let sum = |sum: Tensor, next: &&Form| sum.f_add(&whole(next)?);
    let whole = whole(first).and_then(|first| more.iter().try_fold(first, sum));
    // torch.linalg.svd takes a name of a driver here, and none on the CPU
    let decomposed = whole.and_then(|whole| whole.f_svd(true, true));
    let (vectors, values, columns) = decomposed.doing(|| format!("decomposing the change of `{parameter}`"))?;
    let rows = columns.f_tr()?;
    let squares = Vec::<f64>::try_from(values.f_square()?.f_to_device(tch::Device::Cpu)?)?;
    let rank = rank(&squares);
    let full = squares.len();
    if rank == full {
        return Err(Error::Request(format!(
            "the change of `{parameter}` has full rank {full}, so an adapter would contain more numbers than the weight; write the whole model with --folder, or the change with --save"
        )));
    }
    let rank = rank as i64;
    let left = vectors.f_narrow(1, 0, rank)?.f_mul(&values.f_narrow(0, 0, rank)?)?;
    Ok((left.f_to_kind(Kind::Float)?, rows.f_narrow(0, 0, rank)?.f_to_kind(Kind::Float)?.f_contiguous()?))
}

/// How many singular values are needed: at least one.
fn rank(squares: &[f64]) -> usize {
    let bound = squares.iter().sum::<f64>() * NEGLIGIBLE * NEGLIGIBLE;
    let mut rest = 0.0;
    let negligible = squares.iter().rev().take_while(|&&square| {
        rest += square;
        rest <= bound
    });
    (squares.len() - negligible.count()).max(1)
}

#[cfg(test)]
mod tests {
    use super::{decomposed, rank, side_by_side};
    use crate::test_numbers::Numbers;
    use locus_plugin::Form;

    #[test]
    fn the_rank_is_what_reproduces_the_change() {
        assert_eq!(rank(&[4.0, 1.0, 1e-14]), 2);
        assert_eq!(rank(&[4.0, 1.0, 1e-3]), 3);
        assert_eq!(rank(&[0.0, 0.0]), 1);
        let mut random = Numbers::new(1);
        let (left, right) = (random.normal(&[20, 3]), random.normal(&[3, 12]));
        let whole = left.matmul(&right);
        let (again, rows) = decomposed("w", &[&Form::Dense(whole.shallow_clone())]).expect("factors");
        assert_eq!((again.size(), rows.size()), (vec![20, 3], vec![3, 12]));
        let off = (again.matmul(&rows) - &whole).norm().double_value(&[]) / whole.norm().double_value(&[]);
        assert!(off < 1e-6, "{off}");
    }

    #[test]
    fn a_change_of_full_rank_is_refused_with_the_remedy() {
        let change = Form::Dense(Numbers::new(2).normal(&[20, 12]));
        let error = decomposed("h.3.w", &[&change]).expect_err("full rank").to_string();
        assert!(error.contains("`h.3.w` has full rank 12") && error.contains("--folder"), "{error}");
    }

    #[test]
    fn factors_of_several_edits_stand_side_by_side() {
        let mut random = Numbers::new(3);
        let dense = Form::Dense(random.normal(&[20, 12]));
        let mut factors = |rank| Form::LowRank { left: random.normal(&[20, rank]), right: random.normal(&[rank, 12]) };
        let (one, other, many) = (factors(2), factors(3), factors(9));
        let (left, right) = side_by_side(&[&one, &other]).expect("two dimensions").expect("factors");
        assert_eq!((left.size(), right.size()), (vec![20, 5], vec![5, 12]));
        let none = |forms: &[&Form]| side_by_side(forms).expect("two dimensions").is_none();
        assert!(none(&[&one, &other, &many]), "more than the full rank");
        assert!(none(&[&one, &dense]));
    }
}
