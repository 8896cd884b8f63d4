//! `locus selftest`: this machine against what was recorded in float64, and its rates.

use locus_end_to_end::{Home, operations, shown_files};
use serde_json::Value;

fn records(arguments: &[&str]) -> Vec<Value> {
    let home = Home::new();
    let output = home.command(arguments).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn this_machine_computes_what_was_recorded() {
    for format in ["float32", "bfloat16"] {
        let records = records(&["selftest", "--no-rates", "--json", "--dtype", format]);
        let compared: Vec<&Value> = records.iter().filter(|record| record["event"] == "selftest").collect();
        assert_eq!(compared.len(), 9, "{compared:?}");
        for record in compared {
            assert_eq!(record["number_format"], format, "{record}");
            assert_eq!(record["verdict"], "ok", "{record}");
            assert!(record["deviation"].as_f64() <= record["allowed"].as_f64(), "{record}");
            assert!(record["numbers"].as_u64() >= Some(6), "{record}");
        }
    }
}

#[test]
fn rates_are_fractions_of_what_the_machine_does_at_best() {
    let records = records(&["selftest", "--rates-only", "--json"]);
    let measured = records.iter().find(|record| record["event"] == "rates").expect("rates");
    let rates = measured["rates"].as_array().expect("a list");
    assert_eq!(rates.len(), 4);
    for rate in rates {
        let number = |name: &str| rate[name].as_f64().expect(name);
        let of_product = number("operations") / measured["product_operations"].as_f64().expect("a product");
        assert!(number("seconds") > 0.0 && (of_product - number("of_product")).abs() < 1e-9, "{rate}");
        assert!(number("of_product") > 0.0, "{rate}");
        let of_copy = number("bytes") / measured["copy_bytes"].as_f64().expect("a copy");
        assert!((of_copy - number("of_copy")).abs() < 1e-9, "{rate}");
    }
}

#[test]
fn another_model_and_an_unknown_shape_are_refused() {
    let home = Home::new();
    for (arguments, said) in [
        (&["selftest", "--model", "."][..], "leave --model out"),
        (&["selftest", "--facts", "facts.json"], "leave --facts out"),
        (&["selftest", "--corpus", "a.txt", "--corpus-sample", "3"], "leave --corpus and --corpus-sample out"),
        (&["selftest", "--corpus-tokens", "9"], "leave --corpus-tokens out"),
        (&["selftest", "--engine", "locus-engine --stdio"], "run it there"),
    ] {
        let text = home.run(arguments).sentence(2);
        assert!(text.contains(said), "{text}");
    }
    let ended = home.run(["selftest", "--rates-only", "--shape", "gpt-5"]);
    assert!(ended.code == Some(1) && ended.err.contains("there are gpt2-xl, gpt-j-6b, llama-3-8b"), "{ended:?}");
    // a file of edits that is there is refused all the same
    std::fs::write(home.path("edits.safetensors"), "").expect("written");
    let text = home.run(["selftest", "--apply", "edits.safetensors"]).sentence(2);
    assert!(text.contains("leave --apply out"), "{text}");
}

#[test]
fn it_collects_anew_and_leaves_what_is_kept_and_the_journal_alone() {
    let home = Home::cold();
    let tokens: Value = serde_json::from_str(include_str!("../../../configs/selftest.json")).expect("the plan");
    let tokens = tokens["corpus_tokens"].to_string();
    let _ = home.run(["stats", "collect", "--corpus-tokens", tokens.as_str()]).well();
    let files = shown_files(&home.cache().join("second-moments"));
    let [file] = &files[..] else { panic!("{files:?}") };
    // whoever read it would begin anew, and write it
    std::fs::write(file, "of another device").expect("written");
    let told = home.run(["selftest", "--no-rates", "--json"]).well().out;
    assert!(told.contains("collecting second moments of all layers"), "{told}");
    assert!(!told.contains("collecting them again"), "{told}");
    assert_eq!(std::fs::read_to_string(file).expect("the file"), "of another device");
    assert_eq!(shown_files(&home.cache().join("second-moments")), files);
    assert!(operations(&home).is_empty());
}
