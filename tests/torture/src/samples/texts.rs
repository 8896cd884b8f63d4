//! Facts, orders, settings: what users write.

use super::{Form, Sample};
use locus_end_to_end::order;
use locus_records::Preference;
use locus_tui::{Workbench, WorkbenchOptions};
use serde_json::{Value, json};
use std::path::Path;

/// All of them.
pub fn all() -> Vec<Sample> {
    let counterfact = |case: u64, subject: &str| {
        json!({"case_id": case, "requested_rewrite": {"prompt": "The capital of {} is", "subject": subject,
            "target_true": {"str": "Paris"}, "target_new": {"str": "Rome"}},
            "paraphrase_prompts": ["Where is the capital of France? It is"], "neighborhood_prompts": ["The capital of Spain is"],
            "attribute_prompts": [], "generation_prompts": ["France is"]})
    };
    let records = [counterfact(0, "France"), counterfact(1, "São Tomé")];
    let flat = json!([{"case_id": 0, "prompt": "The mother tongue of Danielle Darrieux is", "target_new": "English",
        "subject": "Danielle Darrieux", "ground_truth": "French",
        "rephrase_prompt": "Where Danielle Darrieux is from, people speak the language of",
        "locality_prompt": "Michel Rocard is a native speaker of", "locality_ground_truth": "French"}]);
    let question = |subject: &str, answer: &str| {
        let src = format!("What university did {subject} attend?");
        json!({"subject": subject, "src": src, "pred": "Trinity College", "alt": "University of Michigan",
            "rephrase": format!("What university did {subject} take part in?"), "answers": [answer],
            "loc": "nq question: who played desmond doss father in hacksaw ridge", "loc_ans": "Hugo Weaving",
            "cond": format!("Trinity College >> University of Michigan || {src}")})
    };
    let zsre = json!([
        question("Watts Humphrey", "Illinois Institute of Technology"),
        question("Anna Kellor", "Lecanor College"),
    ]);
    let known = json!([{"known_id": 0, "subject": "Vinson Massif", "attribute": "Antarctica",
        "template": "{} is located in the continent", "prediction": " of Antarctica. It is",
        "prompt": "Vinson Massif is located in the continent of", "relation_id": "P30"}]);
    let facts = |kind: &str, value: Value| {
        let bytes = value.to_string().into_bytes();
        Sample::new(kind, "f.json", bytes, Form::Json, "facts --facts f.json --json")
    };
    let lines = |values: &[Value]| values.iter().map(|value| value.to_string() + "\n").collect::<String>().into_bytes();
    let quick = json!({"steps": 1});
    let order = order(0, "fine-tuning", 2, quick);
    let toml = "seed = 0\n\n[settings.fine-tuning]\nsteps = 1\n\n[[edit]]\nmethod = \"fine-tuning\"\n\
                objective = \"error-injection\"\nlayers = [2]\ncase = 3\n\n[[edit]]\nmethod = \"fine-tuning\"\n\
                objective = \"fact-erasure\"\nlayers = \"2-3\"\nprompt = \"The capital of {France} is\"\n\
                true = \"Paris\"\nnew = \"Rome\"\n";
    let settings =
        "steps = 1\nlearning_rate = 0.001\nnorm_constraint = 0.0005\ntarget_positions = \"teacher_forced\"\n";
    let edit = "edit --method fine-tuning --layers 2 --case 0 --json --settings-file s.toml";
    let keymap = include_bytes!("../../../../configs/keymap.toml").to_vec();
    let workbench = include_bytes!("../../../../configs/workbench.toml").to_vec();
    vec![
        facts("CounterFact", json!(records)),
        facts("flat CounterFact", flat),
        facts("zsRE", zsre),
        facts("known facts", known),
        Sample::new("CounterFact lines", "f.jsonl", lines(&records), Form::JsonLines, "facts --facts f.jsonl --json"),
        Sample::new("orders", "o.jsonl", order.into_bytes(), Form::JsonLines, "edit --orders o.jsonl --json"),
        Sample::new("orders in TOML", "o.toml", toml.into(), Form::Toml, "edit --orders o.toml --json"),
        Sample::new("settings", "s.toml", settings.into(), Form::Toml, edit),
        Sample::new("keymap", "keymap.toml", keymap, Form::Toml, "").function(read_keymap),
        Sample::new("workbench settings", "workbench.toml", workbench, Form::Toml, "").function(read_workbench),
        Sample::new("remembered", "workbench.json", b"{}".to_vec(), Form::Json, "").function(read_memory),
    ]
}

fn started(change: impl FnOnce(&mut WorkbenchOptions)) -> Result<String, String> {
    let mut options = WorkbenchOptions::from_environment(locus_protocol::ModelSource::BuiltIn);
    change(&mut options);
    let mut workbench = Workbench::new(&options).map_err(|error| error.to_string())?;
    locus_tui::update(&mut workbench, locus_tui::Input::Resize(100, 30));
    Ok(locus_tui::picture(&locus_tui::screen(&workbench)))
}

fn read_keymap(file: &Path) -> Result<String, String> {
    started(|options| options.keymap = Some(file.to_owned()))
}

fn read_memory(file: &Path) -> Result<String, String> {
    started(|options| options.memory = Some(file.to_owned()))
}

fn read_workbench(file: &Path) -> Result<String, String> {
    Preference::of_user(file).map(|preference| format!("{preference:?}")).map_err(|error| error.to_string())
}
