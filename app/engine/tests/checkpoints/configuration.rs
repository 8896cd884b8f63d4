//! The configuration: fields that are not handled, mistyped or impossible are refused by name, with value and remedy.

use crate::folder::Folder;
use serde_json::{Value, json};

#[test]
fn fields_that_change_numbers_and_are_not_handled_are_refused_by_name() {
    for (base, field, value) in [
        ("llama", "quantization_config", json!({"quant_method": "bitsandbytes"})),
        ("llama", "sliding_window", json!(4096)),
        ("llama", "logits_scaling", json!(8.0)),
        ("llama", "residual_multiplier", json!(0.2)),
        ("llama", "final_logit_softcapping", json!(30.0)),
        ("llama", "partial_rotary_factor", json!(0.5)),
        ("llama", "per_layer_config", json!({"0": {"head_dim": 4}})),
        ("qwen2", "use_qk_norm", json!(true)),
        ("gpt2", "add_cross_attention", json!(true)),
        ("gpt2", "is_encoder_decoder", json!(true)),
        ("gpt2", "rope_theta", json!(10000.0)),
        ("gptj", "rope_scaling", json!({"type": "linear", "factor": 2.0})),
        ("gpt_neox", "rope_theta", json!(10000.0)),
        ("phi", "qk_layernorm", json!(true)),
        ("gemma2", "use_bidirectional_attention", json!(true)),
        ("opt", "do_layer_norm_before", json!(false)),
        ("opt", "word_embed_proj_dim", json!(16)),
        ("opt", "_remove_final_layer_norm", json!(true)),
    ] {
        let folder = Folder::of(base);
        folder.set(field, value).refused(&["config.json", field]);
    }
}

#[test]
fn what_changes_no_number_is_taken_and_what_nobody_knows_is_told() {
    let folder = Folder::of("llama");
    folder.set("unsloth_version", json!("2026.1")).set("auto_map", json!({"AutoConfig": "x.Y"}));
    folder.set("temperature", json!(0.6)).set("sliding_window", Value::Null).set("use_sliding_window", json!(false));
    assert!(folder.load().expect("a model").notes.is_empty());
    // no tensor's shape shows how many heads there are
    let without = Folder::of("gpt2");
    let notes = without.set("n_head", json!("<take out>")).load();
    let notes = notes.map(|model| model.notes).map_err(|error| error.to_string());
    assert!(notes.as_ref().is_err_and(|error| error.contains("`n_head` is 12 and must divide")), "{notes:?}");
    folder.set("made_by", json!("hand"));
    let notes = folder.load().expect("a model").notes;
    assert!(notes.len() == 1 && notes[0].contains("`made_by` is not known"), "{notes:?}");
}

#[test]
fn values_of_another_kind_are_refused_with_what_they_are() {
    for (base, field, value, words) in [
        ("gpt2", "n_embd", json!("32"), "is \"32\" and must be a whole number"),
        ("gpt2", "n_layer", json!(4.0), "is 4.0 and must be a whole number"),
        ("gpt2", "n_head", json!(-4), "is -4 and must be a whole number"),
        ("gpt2", "n_layer", json!(10_000_000), "from 1 to 4096"),
        ("gpt2", "n_positions", json!(1_000_000_000_000_000_000_i64), "must be a whole number"),
        ("gpt2", "tie_word_embeddings", json!("false"), "must be true or false"),
        ("gpt2", "layer_norm_epsilon", json!("1e-5"), "must be a positive number"),
        ("gpt2", "layer_norm_epsilon", json!(-1e-5), "must be a positive number"),
        ("gpt2", "activation_function", json!("quick_gelu"), "known are gelu_new"),
        ("gpt2", "eos_token_id", json!("x"), "token id"),
        ("llama", "num_key_value_heads", json!(3), "must divide"),
        ("llama", "num_attention_heads", json!(7), "must divide"),
        ("gpt2", "n_head", json!(7), "must divide"),
        ("llama", "rope_scaling", json!("linear"), "must be an object or null"),
        ("llama", "rope_scaling", json!({"type": "linear"}), "`rope_scaling.factor` is missing"),
        ("llama", "rope_scaling", json!({"type": "linear", "factor": "4"}), "must be a positive number"),
        (
            "llama",
            "rope_scaling",
            json!({"type": "su", "factor": 4}),
            "is \"su\": this rotary scaling is not supported",
        ),
        ("llama", "rope_scaling", json!({"type": "linear", "factor": 4, "x": 1}), "has no such field"),
        ("gemma2", "layer_types", json!(["full_attention"]), "lists 1 layers"),
        ("gpt_neo", "attention_layers", json!(["local", "local", "local", "local"]), "differ"),
    ] {
        Folder::of(base).set(field, value).refused(&["config.json", field.split('.').next().expect("a name"), words]);
    }
    let folder = Folder::of("gpt2");
    std::fs::write(folder.file("config.json"), "[]").expect("written");
    folder.refused(&["config.json: not a JSON object"]);
}

#[test]
fn the_end_of_text_is_what_the_checkpoint_names() {
    let folder = Folder::of("gpt2");
    let end = |folder: &Folder| folder.load().expect("a model").tokenizer.end_of_text();
    let token = |id: i64| folder.load().expect("a model").tokenizer.decode(&[id]).expect("a text");
    assert_eq!(end(&folder), "<|endoftext|>");
    let (fifth, sixth) = (token(5), token(6));
    folder.set("eos_token_id", json!(5));
    assert_eq!(end(&folder), fifth);
    folder.set("eos_token_id", json!([6, 5]));
    assert_eq!(folder.load().expect("a model").tokenizer.ends_of_text(), [sixth.clone(), fifth.clone()]);
    folder.set("eos_token_id", Value::Null);
    folder.write_json("generation_config.json", &json!({"eos_token_id": [5]}));
    assert_eq!(end(&folder), fifth);
    // by its name only where no file names one
    folder.write_json("generation_config.json", &json!({}));
    assert_eq!(end(&folder), "<|endoftext|>");
    folder.set("eos_token_id", json!(100_000));
    let model = folder.load().expect("a model");
    assert!(model.notes.iter().any(|note| note.contains("names token 100000")), "{:?}", model.notes);
}

#[test]
fn a_file_that_is_there_and_cannot_be_read_is_refused_by_its_name() {
    for name in ["tokenizer_config.json", "generation_config.json"] {
        let folder = Folder::of("gpt2");
        let put = |text: &str| {
            std::fs::write(folder.file(name), text).expect("written");
            &folder
        };
        std::fs::remove_file(folder.file(name)).ok();
        folder.load().expect("a folder may lack it");
        put("{").refused(&[name, "not valid JSON"]);
        put("3").refused(&[name, "does not hold what it should"]);
        std::fs::write(folder.file(name), [0xff, 0xfe]).expect("written");
        folder.refused(&[name, "not UTF-8"]);
        std::fs::remove_file(folder.file(name)).expect("removed");
        std::fs::create_dir(folder.file(name)).expect("a folder");
        folder.refused(&[name, "it is a folder"]);
    }
    let folder = Folder::of("gpt2");
    folder.write_json("tokenizer_config.json", &json!({"tokenizer_class": 3}));
    folder.refused(&["tokenizer_config.json", "expected a string"]);
}
