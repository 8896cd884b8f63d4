//! Hyperparameter files of published code: JSON of the authors of ROME and MEMIT, YAML of EasyEdit. Their names are
//! translated, fields that Locus does not need are ignored, and what it cannot reproduce is refused.

use crate::cli::Failure;
use locus_protocol::PluginReady;
use serde_json::{Map, Number, Value};
use std::path::Path;

/// Bytes of a file at most.
const LARGEST: u64 = 1 << 20;

/// Their names, and ours.
const NAMES: &[(&str, &str)] = &[
    ("v_num_grad_steps", "steps"),
    ("num_steps", "steps"),
    ("v_lr", "learning_rate"),
    ("lr", "learning_rate"),
    ("v_weight_decay", "weight_decay"),
    ("weight_decay", "weight_decay"),
    ("clamp_norm_factor", "clamp"),
    ("kl_factor", "kl_factor"),
    ("fact_token", "fact_token"),
    ("mom2_adjustment", "second_moment"),
    ("mom2_update_weight", "second_moment_weight"),
    ("context_template_length_params", "contexts"),
    ("norm_constraint", "norm_constraint"),
    ("objective_optimization", "target_positions"),
    ("batch_size", "facts_at_once"),
];

/// What says where a model or its modules are, or how their program runs: Locus knows by itself, or is told elsewhere.
const PASSED_OVER: &[&str] = &[
    "alg_name",
    "attn_module_tmp",
    "device",
    "fp16",
    "layer_module_tmp",
    "lm_head_module",
    "ln_f_module",
    "max_length",
    "mlp_module_tmp",
    "model_name",
    "model_parallel",
    "rewrite_module_tmp",
    "stats_dir",
    "tokenizer_class",
];

/// What Locus does in one way only: the name, the value that says so as null does, and what is done.
const ONE_WAY: &[(&str, &str, &str)] = &[
    ("layer_selection", "all", "all layers of `layers` are edited"),
    ("wd_power_law", "null", "the weight decay is the same for any number of facts"),
];

/// What of them says over which text second moments are taken.
const OF_MOMENTS: &[&str] = &["mom2_dataset", "mom2_dtype", "mom2_n_samples"];

/// What a file says to one method.
#[derive(Debug, Default, PartialEq)]
pub struct Published {
    /// Hyperparameters of the method, by Locus's names.
    pub settings: Map<String, Value>,
    pub layers: Vec<usize>,
    /// What is to be told.
    pub notes: Vec<String>,
}

/// Reads a file for a method, on a model of so many layers.
///
/// # Errors
/// The file cannot be read or is no table; a field that says what Locus cannot do, or what this model has not.
pub fn read(file: &Path, method: &PluginReady, layers: Option<usize>) -> Result<Published, Failure> {
    let bad = |what: String| Failure::usage(format!("{}: {what}", file.display()));
    let text = locus_files::text(file, LARGEST)
        .map_err(|error| bad(format!("cannot be read ({error}); check the path and its permissions")))?;
    // what is JSON is YAML as well
    let fields: Map<String, Value> =
        serde_yaml_ng::from_str(&text).map_err(|error| bad(format!("neither JSON nor YAML of fields: {error}")))?;
    translate(&fields, method, layers).map_err(bad)
}

fn translate(fields: &Map<String, Value>, method: &PluginReady, layers: Option<usize>) -> Result<Published, String> {
    let mut published = Published::default();
    let mut unknown = Vec::new();
    let mut of_moments = false;
    for (name, value) in fields {
        if name == "layers" {
            published.layers = edited(value, layers)?;
        } else if name == "v_loss_layer" {
            loss_layer(value, layers)?;
        } else if OF_MOMENTS.contains(&name.as_str()) {
            of_moments = true;
        } else if let Some((_, ours)) = NAMES.iter().find(|(theirs, _)| theirs == name) {
            let value = translated(name, value)?;
            let Some(field) = method.hyperparameters.iter().find(|field| field.name == *ours) else {
                without_counterpart(name, &value, &method.id)?;
                continue;
            };
            let value = as_declared(field, value);
            field.check(&value).map_err(|error| format!("field `{name}`: {error}"))?;
            published.settings.insert((*ours).to_owned(), value);
        } else if let Some((_, only, done)) = ONE_WAY.iter().find(|(theirs, ..)| theirs == name) {
            if !value.is_null() && value.as_str() != Some(*only) {
                return Err(format!("field `{name}` is {value}, but here {done}; set it to {only}, or remove it"));
            }
        } else if !PASSED_OVER.contains(&name.as_str()) {
            unknown.push(format!("`{name}`"));
        }
    }
    if !unknown.is_empty() {
        let are = if unknown.len() == 1 { "is not a setting of" } else { "are not settings of" };
        published.notes.push(format!("{} {are} `{}`", unknown.join(", "), method.id));
    }
    if of_moments {
        let text = "second moments are computed over Locus's own corpus, or that of --corpus, and not as the file says";
        published.notes.push(text.to_owned());
    }
    Ok(published)
}

/// The layers that are edited.
fn edited(value: &Value, count: Option<usize>) -> Result<Vec<usize>, String> {
    let list = value.as_array().and_then(|list| list.iter().map(|one| one.as_u64()?.try_into().ok()).collect());
    let list: Vec<usize> = list.ok_or_else(|| format!("field `layers` is {value} and must be a list of layers"))?;
    match (list.iter().max(), count) {
        (Some(&layer), Some(count)) if layer >= count => Err(format!(
            "field `layers` names layer {layer}, but this model has layers 0 to {}",
            count.saturating_sub(1)
        )),
        _ => Ok(list),
    }
}

/// Their loss is read after a layer, which has to be the last one.
fn loss_layer(value: &Value, count: Option<usize>) -> Result<(), String> {
    let layer = value.as_u64().ok_or_else(|| format!("field `v_loss_layer` is {value} and must be a layer"))?;
    let Some(last) = count.map(|count| count.saturating_sub(1) as u64) else { return Ok(()) };
    let place = match layer.cmp(&last) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Less => "lies before",
        std::cmp::Ordering::Greater => "lies beyond",
    };
    Err(format!(
        "field `v_loss_layer` is {layer}, which {place} the last layer of this model, {last}; the file is for another \
         model, and the loss is read after the last layer"
    ))
}

/// A value in our terms.
fn translated(name: &str, value: &Value) -> Result<Value, String> {
    Ok(match (name, value) {
        // no constraint
        ("norm_constraint", Value::Bool(false) | Value::Null) => Value::from(0.0),
        ("context_template_length_params", _) => Value::from(contexts(name, value)?),
        ("objective_optimization", Value::String(text)) => match text.as_str() {
            "prompt_last" => Value::from("last_prompt_token"),
            "target_new" => Value::from("teacher_forced"),
            other => return Err(format!("field `{name}` is `{other}` and must be prompt_last or target_new")),
        },
        // YAML of some versions takes 5e-1 for a text
        (_, Value::String(text)) if text.parse::<f64>().is_ok() => {
            text.parse().ok().and_then(Number::from_f64).map_or_else(|| value.clone(), Value::Number)
        }
        _ => value.clone(),
    })
}

/// How many texts are sampled, by pairs of a length and how many texts have it: half of them have 5 tokens, the others 10.
fn contexts(name: &str, value: &Value) -> Result<u64, String> {
    let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
        Some([length, count]) => Some((length.as_u64()?, count.as_u64()?)),
        _ => None,
    };
    let pairs: Option<Vec<(u64, u64)>> = value.as_array().and_then(|pairs| pairs.iter().map(pair).collect());
    let pairs = pairs.ok_or_else(|| format!("field `{name}` is {value} and must be a list of [length, count]"))?;
    let sum = |is_meant: &dyn Fn(u64) -> bool| {
        let meant = pairs.iter().filter(|(length, _)| is_meant(*length));
        meant.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count))
    };
    let (short, long, all) = (sum(&|length| length == 5), sum(&|length| length == 10), sum(&|_| true));
    // an odd one is short
    if short.saturating_add(long) == all && (short == long || Some(short) == long.checked_add(1)) {
        return Ok(all);
    }
    Err(format!(
        "field `{name}` is {value}, but half of the sampled texts have 5 tokens and the others 10, as in [[5, 10], \
         [10, 10]]; remove it, or give texts with `context_templates`"
    ))
}

/// A number as the hyperparameter wants it: `5` for a number with a fraction, `20.0` for a whole one.
fn as_declared(field: &locus_protocol::Hyperparameter, value: Value) -> Value {
    if field.check(&value).is_ok() {
        return value;
    }
    let Some(number) = value.as_f64() else { return value };
    let whole = number.fract() == 0.0 && number.abs() < 1e15;
    let other = if value.is_f64() && whole {
        Some(Value::from(number as i64))
    } else {
        Number::from_f64(number).map(Value::Number)
    };
    other.filter(|other| field.check(other).is_ok()).unwrap_or(value)
}

/// A field of theirs that the method has no name for: what it says must be what the method does.
fn without_counterpart(name: &str, value: &Value, method: &str) -> Result<(), String> {
    let is_so = match name {
        // a method without this choice always weighs what the layer keeps
        "mom2_adjustment" => value.as_bool() == Some(true),
        "kl_factor" => value.as_f64() == Some(0.0),
        "batch_size" => true,
        _ => false,
    };
    if is_so {
        Ok(())
    } else {
        Err(format!("field `{name}` is {value}, but `{method}` has no such setting; remove it, or use another method"))
    }
}

/// Lays settings that were typed over those of the file, and gives the layers: typed ones go first.
pub fn over(published: Published, typed: Map<String, Value>, layers: Vec<usize>) -> (Map<String, Value>, Vec<usize>) {
    let mut all = published.settings;
    all.extend(typed);
    (all, if layers.is_empty() { published.layers } else { layers })
}

#[cfg(test)]
mod tests {
    use super::{Published, translate};
    use locus_protocol::PluginReady;
    use serde_json::{Map, Value, json};

    fn method(fields: &[(&str, Value)]) -> PluginReady {
        let field = |(name, kind): &(&str, Value)| {
            let mut field = json!({"name": name, "help": "h", "default": 0});
            field.as_object_mut().expect("an object").extend(kind.as_object().cloned().expect("an object"));
            field
        };
        let fields: Vec<Value> = fields.iter().map(field).collect();
        serde_json::from_value(json!({
            "kind": "method", "id": "m", "title": "m", "version": "1", "cite": "", "file": "f", "interface": "1.0",
            "compiler": "c", "hyperparameters": fields,
        }))
        .expect("a plugin")
    }

    fn float() -> Value {
        json!({"type": "float", "min": 0.0, "max": 100.0})
    }

    fn read(text: &str, layers: usize, fields: &[(&str, Value)]) -> Result<Published, String> {
        let map: Map<String, Value> = serde_yaml_ng::from_str(text).expect("fields");
        translate(&map, &method(fields), Some(layers))
    }

    #[test]
    fn files_of_both_kinds_are_translated() {
        let integer = json!({"type": "integer", "min": 0, "max": 1000});
        let fields = [
            ("steps", integer.clone()),
            ("contexts", integer),
            ("learning_rate", float()),
            ("clamp", float()),
            ("second_moment", json!({"type": "bool"})),
        ];
        let yaml = "alg_name: ROME\nlayers: [5]\nv_num_grad_steps: 25\nv_lr: 5e-1\nv_loss_layer: 31\nclamp_norm_factor: 4\n\
                    mom2_adjustment: false\ncontext_template_length_params: [[5, 10], [10, 10]]\nmom2_dataset: wikipedia\n";
        let got = read(yaml, 32, &fields).expect("translated");
        let wanted = json!({"steps": 25, "learning_rate": 0.5, "clamp": 4.0, "second_moment": false, "contexts": 20});
        let floats = |map: Map<String, Value>| -> Vec<(String, Option<f64>, Option<bool>)> {
            map.into_iter().map(|(name, value)| (name, value.as_f64(), value.as_bool())).collect()
        };
        assert_eq!(floats(got.settings), floats(wanted.as_object().cloned().expect("an object")));
        assert_eq!(got.layers, [5]);
        assert_eq!(got.notes.len(), 1, "{:?}", got.notes);
        let json = r#"{"layers": [17], "v_num_grad_steps": 20, "v_loss_layer": 47, "something_new": 3}"#;
        let got = read(json, 48, &fields).expect("translated");
        assert_eq!((got.layers, got.settings["steps"].as_u64()), (vec![17], Some(20)));
        assert_eq!(got.notes, ["`something_new` is not a setting of `m`"]);
        let got = read("one: 1\ntwo: 2\nlayer_selection: all\nwd_power_law: null\n", 48, &fields).expect("translated");
        assert_eq!(got.notes, ["`one`, `two` are not settings of `m`"]);
        for (lengths, count) in [("[]", 0), ("[[5, 1]]", 1), ("[[10, 3], [5, 4]]", 7), ("[[3, 0], [5, 2], [10, 2]]", 4)]
        {
            let got = read(&format!("context_template_length_params: {lengths}"), 48, &fields).expect(lengths);
            assert_eq!(got.settings["contexts"].as_u64(), Some(count), "{lengths}");
        }
    }

    #[test]
    fn what_does_not_fit_the_model_or_the_method_is_said() {
        let refused = |text: &str, word: &str| {
            let error = read(text, 28, &[("clamp", float())]).expect_err(text);
            assert!(error.contains(word), "{error}");
        };
        refused("v_loss_layer: 31", "lies beyond the last layer");
        refused("v_loss_layer: 20", "lies before the last layer");
        refused("layers: [3, 30]", "layer 30, but this model");
        refused("clamp_norm_factor: -1", "`clamp_norm_factor`");
        refused("v_weight_decay: 0.5", "has no such setting");
        refused("mom2_adjustment: false", "has no such setting");
        refused("objective_optimization: both", "prompt_last");
        refused("layer_selection: random", "`layer_selection` is \"random\", but here all layers");
        refused("wd_power_law: [0.5, 1]", "`wd_power_law`");
        for lengths in ["[[3, 20]]", "[[5, 20]]", "[[10, 10]]", "[[5, 10], [10, 12]]", "[[5, 10], [10, 10], [3, 1]]"] {
            refused(&format!("context_template_length_params: {lengths}"), "`context_template_length_params` is");
        }
        refused("context_template_length_params: 20", "must be a list");
        assert_eq!(read("mom2_adjustment: true\nv_loss_layer: 27", 28, &[]).expect("as it is"), Published::default());
    }
}
