//! Prompts and tokens against what a model can read.

use crate::folder::Folder;
use locus_engine::model::{Batch, Taps};
use serde_json::json;
use tch::{Device, Kind, Tensor};

#[test]
fn a_prompt_that_is_longer_than_the_context_is_refused_wherever_it_runs() {
    for base in ["gpt2", "llama", "opt"] {
        let model = Folder::of(base).load().expect("a model");
        let context = model.architecture.context;
        let run = |tokens: i64| {
            let ids = Tensor::zeros([tokens], (Kind::Int64, Device::Cpu));
            model.forward(&ids, &Batch::whole(1, tokens), &mut Taps::default())
        };
        assert_eq!(run(context).expect("it fits").size()[0], context);
        let error = run(context + 1).expect_err("it does not fit").to_string();
        assert!(error.contains(&format!("{} tokens", context + 1)) && error.contains("shorten"), "{error}");
    }
}

#[test]
fn a_token_without_a_row_is_refused_by_its_name() {
    let folder = Folder::of("gpt2");
    let tokenizer = &mut folder.json("tokenizer.json");
    tokenizer["added_tokens"].as_array_mut().expect("a list").push(json!({"id": 591, "content": "<new>",
        "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}));
    folder.write_json("tokenizer.json", tokenizer);
    let model = folder.load().expect("a model");
    assert!(model.notes.iter().any(|note| note.contains("`<new>`")), "{:?}", model.notes);
    model.tokenizer.encode("The capital of France is").expect("known tokens");
    let error = model.tokenizer.encode("The <new> capital").expect_err("no row").to_string();
    assert!(error.contains("<new>") && error.contains("591"), "{error}");
}

#[test]
fn a_context_of_a_million_positions_costs_nothing_before_it_is_used() {
    let folder = Folder::of("llama");
    folder.set("max_position_embeddings", json!(1_u64 << 32));
    let model = folder.load().expect("a table of this length would not fit into memory");
    assert_eq!(model.architecture.context, 1 << 32);
}
