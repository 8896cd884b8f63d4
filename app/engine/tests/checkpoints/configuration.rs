//! The configuration and the files beside it: what is taken, told and refused. Fields that are refused are cases of
//! `tests/golden/options.json`.

use crate::folder::Folder;
use serde_json::{Value, json};

#[test]
fn what_changes_no_number_is_taken_and_what_nobody_knows_is_told() {
    let folder = Folder::of("llama");
    folder.set("unsloth_version", json!("2026.1")).set("auto_map", json!({"AutoConfig": "x.Y"}));
    folder.set("temperature", json!(0.6)).set("sliding_window", Value::Null).set("use_sliding_window", json!(false));
    assert!(folder.load().expect("a model").notes.is_empty());
    folder.set("made_by", json!("hand"));
    let notes = folder.load().expect("a model").notes;
    assert!(notes.len() == 1 && notes[0].contains("`made_by` is not known"), "{notes:?}");
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
        put("3").refused(&[name, "its contents are invalid"]);
        put("[]").refused(&[name, "its contents are invalid"]);
        std::fs::write(folder.file(name), [0xff, 0xfe]).expect("written");
        folder.refused(&[name, "not UTF-8"]);
        std::fs::remove_file(folder.file(name)).expect("removed");
        std::fs::create_dir(folder.file(name)).expect("a folder");
        folder.refused(&[name, "it is a folder"]);
    }
    let folder = Folder::of("gpt2");
    std::fs::write(folder.file("config.json"), "[]").expect("written");
    folder.refused(&["config.json: not a JSON object"]);
    let folder = Folder::of("gpt2");
    folder.write_json("tokenizer_config.json", &json!({"tokenizer_class": 3}));
    folder.refused(&["tokenizer_config.json", "expected a string"]);
}
