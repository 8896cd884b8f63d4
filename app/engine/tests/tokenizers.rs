//! Tokens, subject ranges and targets of the kinds of tokenizer in `tests/tokenizers` equal those of transformers. `cargo
//! xtask tokenizers` makes the expected ones.

use locus_engine::evaluate::{remarks, without_doubtful_neighbors};
use locus_engine::model::Tokenizer;
use locus_protocol::Fact;
use locus_records::facts;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folders() -> Vec<PathBuf> {
    let all = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/tokenizers");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(all)
        .expect("folder")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 17, "{folders:?}");
    folders
}

fn name(folder: &Path) -> String {
    folder.file_name().expect("name").to_string_lossy().into_owned()
}

fn kind(name: &str) -> Tokenizer {
    let folder = folders().into_iter().find(|folder| folder.ends_with(name)).expect(name);
    Tokenizer::read(&folder).expect(name)
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).expect("numbers")
}

#[test]
fn tokens_subjects_and_targets_equal_those_of_transformers() {
    for folder in folders() {
        let tokenizer = Tokenizer::read(&folder).expect("tokenizer");
        let expected = std::fs::read_to_string(folder.join("expected.json")).expect("expected");
        let cases: Vec<Value> = serde_json::from_str(&expected).expect("JSON");
        assert!(cases.len() >= 27);
        for case in &cases {
            let text = |name: &str| case[name].as_str().expect("text");
            let (template, subject, target) = (text("template"), text("subject"), text("target"));
            let what = format!("{}: {template} | {subject} | {target}", name(&folder));
            let prompt = tokenizer.prompt(template, subject, None).expect(&what);
            assert_eq!(prompt.ids, numbers::<i64>(&case["ids"]), "{what}");
            assert_eq!([prompt.subject.start, prompt.subject.end], *numbers::<usize>(&case["subject_range"]), "{what}");
            let whole = tokenizer.prompt(template, subject, Some(target)).expect(&what);
            assert_eq!(whole.ids[whole.prompt..], numbers::<i64>(&case["target_ids"]), "{what}");
            assert_eq!((&whole.ids[..whole.prompt], &whole.subject), (&prompt.ids[..], &prompt.subject), "{what}");
            // whatever spaces stand at the border, it is one
            for (template, target) in
                [(format!("{template} "), target.to_owned()), (template.into(), format!(" {target}"))]
            {
                assert_eq!(tokenizer.prompt(&template, subject, Some(&target)).expect(&what), whole, "{what}");
            }
        }
    }
}

#[test]
fn every_built_in_fact_is_found_by_every_kind() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../demo/assets/facts.json");
    let facts = facts::read(&file).expect("facts");
    assert_eq!(facts.len(), 1197);
    for folder in folders() {
        let tokenizer = Tokenizer::read(&folder).expect("tokenizer");
        for fact in &facts {
            let what = format!("{}: {}", name(&folder), fact.marked());
            let tokens = tokenizer.prompt(&fact.template, &fact.subject, Some(&fact.target_true)).expect(&what);
            let text = tokenizer.decode(&tokens.ids[tokens.subject.clone()]).expect("text");
            assert!(text.trim().starts_with(&fact.subject), "{what}: {text}");
            let target = tokenizer.decode(&tokens.ids[tokens.prompt..]).expect("text");
            assert_eq!(target.trim(), fact.target_true, "{what}");
            // the same tokens in a row that a method makes of it, after other text and before the target
            let row = tokenizer.encode(&format!("It is far. {} {}", fact.prompt(), fact.target_true)).expect("row");
            let found = tokenizer.subject_in_row(&row, &fact.template, &fact.subject).expect(&what);
            assert_eq!(found.len(), tokens.subject.len() + offset(&tokenizer, fact), "{what}");
            assert!(tokenizer.decode(&row[found]).expect("text").trim().starts_with(&fact.subject), "{what}");
        }
    }
}

/// How many tokens more a subject has inside a text than at its beginning.
fn offset(tokenizer: &Tokenizer, fact: &Fact) -> usize {
    let inside = tokenizer.prompt(&format!("It is far. {}", fact.template), &fact.subject, None).expect("tokens");
    inside.subject.len() - tokenizer.prompt(&fact.template, &fact.subject, None).expect("tokens").subject.len()
}

#[test]
fn tokens_shown_side_by_side_are_the_text() {
    for folder in folders() {
        let tokenizer = Tokenizer::read(&folder).expect("tokenizer");
        for text in ["Steve Jobs was the founder of", "Two  blanks,\nand a line", "Łódź"] {
            let ids = tokenizer.encode(text).expect("ids");
            let pieces = tokenizer.pieces(&ids);
            assert_eq!(pieces.len(), ids.len());
            let shown = pieces.concat();
            assert!(!shown.contains('\u{fffd}') && !shown.contains(['Ġ', '▁']), "{}: {shown}", name(&folder));
            // Unigram folds blanks, and writes line breaks as it likes
            if name(&folder) != "unigram" && text.is_ascii() {
                assert!(shown.ends_with(text), "{}: {shown:?}", name(&folder));
                let marks = shown.strip_suffix(text).expect("marks");
                assert!(["", "<s>", "</s>", "<bos>", "<|begin_of_text|>", "<|endoftext|>"].contains(&marks), "{marks}");
            }
        }
    }
    let split = kind("llama2").pieces(&kind("llama2").encode("The mood of 😀 is").expect("ids"));
    assert!(split.concat().contains("<0xF0><0x9F><0x98><0x80>"), "{split:?}");
}

#[test]
fn text_that_goes_on_gets_nothing_in_front() {
    for name in ["llama2", "metaspace", "byte-level-prefix-space", "unigram", "gemma", "byte-level"] {
        let tokenizer = kind(name);
        let following = |text: &str| tokenizer.encode_following(text).expect("ids");
        let (paris, rome) = (following(" Paris"), following(" Rome"));
        assert_ne!(paris[0], rome[0], "{name}: no lone mark in front of all targets");
        assert_eq!(tokenizer.decode(&paris).expect("text"), " Paris", "{name}");
        let joined = tokenizer.joined("The capital of France is", "Paris").expect("joined");
        assert_eq!(joined.target(), paris, "{name}");
    }
}

#[test]
fn one_beginning_of_text_and_never_two() {
    for (name, mark) in [
        ("llama2", "<s>"),
        ("gemma", "<bos>"),
        ("gemma-no-template", "<bos>"),
        ("byte-level-bos", "<|begin_of_text|>"),
        ("byte-level-bos-asked", "<|endoftext|>"),
    ] {
        let tokenizer = kind(name);
        let plain = tokenizer.encode("The capital of France is").expect("ids");
        let own = tokenizer.encode(&format!("{mark}The capital of France is")).expect("ids");
        assert_eq!(tokenizer.piece(plain[0]), mark, "{name}");
        assert_eq!(own.iter().filter(|&&id| id == plain[0]).count(), 1, "{name}: {own:?}");
        assert_eq!(tokenizer.notes().len(), usize::from(name == "gemma-no-template"), "{:?}", tokenizer.notes());
    }
    assert_ne!(kind("llama2-no-bos").piece(kind("llama2-no-bos").encode("The").expect("ids")[0]), "<s>");
}

#[test]
fn what_a_border_token_holds_besides_the_subject_is_known() {
    // a vocabulary that merges over the border
    let folder = tempfile::tempdir().expect("folder");
    let vocabulary = r#"{"<unk>":0,"▁":1,"S":2,"p":3,"ai":4,"n":5,"'":6,"s":7,"'s":8,"n's":9,"▁Spai":10,"▁Spa":11,"i":12,"▁S":13,"a":14,"▁Sp":15,"is":16,"▁is":17}"#;
    let merges = r#"["▁ S","▁S p","▁Sp a","▁Spa i","' s","n 's","i s","▁ is"]"#;
    let json = format!(
        r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":{{"type":"Sequence","normalizers":[{{"type":"Prepend","prepend":"▁"}},{{"type":"Replace","pattern":{{"String":" "}},"content":"▁"}}]}},"pre_tokenizer":null,"post_processor":null,"decoder":{{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}},"model":{{"type":"BPE","dropout":null,"unk_token":"<unk>","continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{vocabulary},"merges":{merges}}}}}"#
    );
    std::fs::write(folder.path().join("tokenizer.json"), json).expect("written");
    let tokenizer = Tokenizer::read(folder.path()).expect("tokenizer");
    let tokens = tokenizer.prompt("{}'s is", "Spain", None).expect("tokens");
    assert_eq!((tokens.subject, tokens.glued), (0..2, [String::new(), "'s".to_owned()]));
    let fact = Fact { template: "{}'s is".into(), subject: "Spain".into(), ..Fact::default() };
    let remarks = remarks(&tokenizer, &fact).expect("remarks");
    assert!(remarks[0].text.contains("`n's`, which also contains `'s`"), "{remarks:?}");
}

#[test]
fn what_spoils_a_fact_is_said() {
    let tokenizer = kind("byte-level");
    let said = |fact: &Fact| {
        let remarks = remarks(&tokenizer, fact).expect("remarks");
        (
            remarks.iter().any(|remark| remark.kind.spoils_scores()),
            remarks.into_iter().map(|remark| remark.text).collect::<Vec<_>>(),
        )
    };
    let fact = |marked: &str, truth: &str, new: &str| Fact::from_marked(marked, truth, new).expect(marked);
    let clean = fact("The capital of {France} is", "Paris", "Rome");
    assert_eq!(said(&clean), (false, Vec::new()));
    for (fact, spoiled, words) in [
        (fact("{Beirut} is the capital city of", "Beirut", "Rome"), true, "`Beirut` is the subject"),
        (fact("{Apple A5} is made by", "Apple", "Google"), true, "is part of the subject"),
        (fact("The language of {Russia} is", "Russian", "French"), true, "contains the subject"),
        (fact("{Song Kai} plays as", "midfielder", "midfielder"), true, "there is nothing to edit"),
        (fact("{Korea} lies in", "South Korea", "South Africa"), true, "begin with the same token"),
        (fact("France loves France and {France} is", "large", "tiny"), false, "3 times; the one at character 25"),
        (
            Fact { neighborhood: vec!["Denmark-Norway is in".into()], ..fact("{Norway} is in", "Europe", "Asia") },
            false,
            "mentions the subject",
        ),
        (
            Fact { neighborhood: vec!["Rome is in".into(); 2], ..fact("{Norway} is in", "Europe", "Asia") },
            false,
            "more than once",
        ),
    ] {
        let (spoils, texts) = said(&fact);
        assert!(spoils == spoiled && texts.iter().any(|text| text.contains(words)), "{words}: {texts:?}");
    }
    let doubtful = vec!["Maryland Route 223 is in".to_owned(), "Maryland Route 22 is in".into(), "Rome is in".into()];
    let fact = Fact { neighborhood: doubtful, ..fact("{Maryland Route 22} is in", "Maryland", "Ohio") };
    let kept = without_doubtful_neighbors(&fact).neighborhood;
    assert_eq!(kept, ["Maryland Route 223 is in", "Rome is in"]);
}

#[test]
fn padding_and_truncation_are_switched_off() {
    let tokenizer = kind("fixed-padding");
    assert_eq!(tokenizer.encode("a").expect("ids").len(), 1);
    assert!(
        tokenizer.encode("one two three four five six seven eight nine ten eleven twelve").expect("ids").len() >= 12
    );
}

#[test]
fn merges_that_are_left_out_at_random_are_not() {
    let source = folders().into_iter().find(|folder| folder.ends_with("byte-level")).expect("byte-level");
    let mut json: Value =
        serde_json::from_slice(&std::fs::read(source.join("tokenizer.json")).expect("file")).expect("JSON");
    json["model"]["dropout"] = 0.9.into();
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("tokenizer.json"), json.to_string()).expect("written");
    let (plain, dropping) = (kind("byte-level"), Tokenizer::read(folder.path()).expect("tokenizer"));
    let text = "Steve Jobs was the founder of the company that made the telephone";
    for _ in 0..5 {
        assert_eq!(dropping.encode(text).expect("ids"), plain.encode(text).expect("ids"));
    }
    let told = &dropping.notes()[plain.notes().len()..];
    assert!(told.len() == 1 && told[0].contains("`dropout` is 0.9"), "{told:?}");
}
