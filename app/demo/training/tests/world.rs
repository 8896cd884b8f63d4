//! The closed world, its corpus, its tokenizer and its records hold together.

#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use locus_demo_training::corpus::{Corpus, ROW};
use locus_demo_training::facts::{PROMPTS, records};
use locus_demo_training::tokenizer::{self, EOS, EOS_ID, VOCABULARY, token_of_answer};
use locus_demo_training::train::SEED;
use locus_demo_training::world::{HELD_OUT, TEMPLATES, World};

fn world() -> World {
    World::read(SEED).unwrap()
}

#[test]
fn world_is_of_the_promised_size_and_names_no_subject_twice() {
    let world = world();
    let names: HashSet<&str> = world.subjects.iter().map(|subject| subject.name.as_str()).collect();
    assert_eq!(names.len(), world.subjects.len());
    assert!(names.len() >= 420, "{} subjects", names.len());
    assert!(world.facts.len() >= 1100, "{} facts", world.facts.len());
    assert_eq!(world.relations.len(), 11);
    for fact in &world.facts {
        let templates: HashSet<usize> = fact.trained.iter().chain(&fact.held_out).copied().collect();
        assert_eq!((templates.len(), fact.held_out.len()), (TEMPLATES, HELD_OUT));
    }
}

#[test]
fn every_template_is_trained_with_some_subject() {
    let world = world();
    let seen: HashSet<(usize, usize)> =
        world.facts.iter().flat_map(|fact| fact.trained.iter().map(|&template| (fact.relation, template))).collect();
    assert_eq!(seen.len(), world.relations.len() * TEMPLATES);
}

#[test]
fn every_answer_is_one_token_and_texts_survive_the_tokenizer() {
    let world = world();
    let tokenizer = tokenizer::train(&world).unwrap();
    assert_eq!(tokenizer.get_vocab_size(true), VOCABULARY);
    assert_eq!(tokenizer.token_to_id(EOS), Some(EOS_ID));
    let ids: HashSet<u32> = world.answers().iter().map(|answer| token_of_answer(&tokenizer, answer).unwrap()).collect();
    assert_eq!(ids.len(), world.answers().len());
    let mut lengths = Vec::new();
    for fact in &world.facts {
        let text = format!("{} {}.", world.prompt(fact, fact.trained[0]), fact.answer);
        let encoding = tokenizer.encode(text.as_str(), false).unwrap();
        assert_eq!(tokenizer.decode(encoding.get_ids(), false).unwrap(), text);
        // The answer's token is the same behind its prompt as alone: no merge reaches across the space.
        let prompt = tokenizer.encode(world.prompt(fact, fact.trained[0]), false).unwrap();
        assert_eq!(encoding.get_ids()[prompt.len()], token_of_answer(&tokenizer, &fact.answer).unwrap());
        lengths.push(tokenizer.encode(format!(" {}", world.subject_of(fact)), false).unwrap().len());
    }
    let short = lengths.iter().filter(|&&length| (2..=5).contains(&length)).count();
    assert!(2 * short > lengths.len(), "only {short} of {} facts have a subject of 2 to 5 tokens", lengths.len());
    for text in ["Ünïcode ⟨bytes⟩", " two  spaces\nand a line", ""] {
        let encoding = tokenizer.encode(text, false).unwrap();
        assert_eq!(tokenizer.decode(encoding.get_ids(), false).unwrap(), text);
    }
}

#[test]
fn corpus_follows_from_its_seed_alone() {
    let world = world();
    let tokenizer = tokenizer::train(&world).unwrap();
    let rows = |seed| {
        let mut corpus = Corpus::new(&world, &tokenizer, seed);
        (0..50).map(|_| corpus.row().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(rows(3), rows(3));
    assert_ne!(rows(3), rows(4));
    assert_eq!(tokenizer::train(&world).unwrap().to_string(false).unwrap(), tokenizer.to_string(false).unwrap());
}

#[test]
fn rows_are_full_and_mark_whole_subjects_and_answers() {
    let world = world();
    let tokenizer = tokenizer::train(&world).unwrap();
    let subjects: HashSet<&str> = world.subjects.iter().map(|subject| subject.name.as_str()).collect();
    let answers: HashSet<&str> = world.answers().into_iter().collect();
    let mut corpus = Corpus::new(&world, &tokenizer, 9);
    let (mut mentions, mut marked) = (0, 0);
    for _ in 0..300 {
        let row = corpus.row().unwrap();
        assert_eq!(row.ids.len(), ROW);
        let text = |first: usize, last: usize| {
            let ids: Vec<u32> = row.ids[first..=last].iter().map(|&id| id as u32).collect();
            tokenizer.decode(&ids, false).unwrap().trim_start().to_owned()
        };
        for &(first, last) in &row.mentions {
            assert!(subjects.contains(text(first, last).as_str()), "`{}`", text(first, last));
            mentions += 1;
        }
        for &answer in &row.answers {
            assert!(answers.contains(text(answer, answer).as_str()), "`{}`", text(answer, answer));
            marked += 1;
        }
    }
    assert!(mentions > 900 && marked > 700, "{mentions} mentions, {marked} answers");
}

#[test]
fn held_out_templates_never_meet_their_subject_in_the_corpus() {
    let world = world();
    let tokenizer = tokenizer::train(&world).unwrap();
    let lowered = |text: &str| text[..1].to_lowercase() + &text[1..];
    let held_out: HashSet<String> = world
        .facts
        .iter()
        .flat_map(|fact| fact.held_out.iter().map(|&template| lowered(&world.prompt(fact, template))))
        .collect();
    let mut corpus = Corpus::new(&world, &tokenizer, 11);
    let (mut seen, mut with_lead_in) = (0, 0);
    for _ in 0..20_000 {
        let sentence = corpus.sentence();
        let Some(answer) = sentence.answer else { continue };
        let mut prompt = &sentence.text[..answer.start];
        for lead_in in &world.grammar.lead_ins {
            if let Some(rest) = prompt.strip_prefix(lead_in.as_str()) {
                prompt = rest.trim_start();
                with_lead_in += 1;
            }
        }
        assert!(!held_out.contains(&lowered(prompt)), "held out, yet in the corpus: {}", sentence.text);
        seen += 1;
    }
    assert!(seen > 13_000 && with_lead_in > 1_000, "{seen} facts, {with_lead_in} with a lead-in");
}

#[test]
fn records_follow_counterfact() {
    let world = world();
    let mut truth: HashMap<String, (&str, &str)> = HashMap::new();
    for fact in &world.facts {
        for &template in &fact.trained {
            let before = truth.insert(world.prompt(fact, template), (world.subject_of(fact), &fact.answer));
            assert!(before.is_none(), "two facts share the prompt `{}`", world.prompt(fact, template));
        }
    }
    let records = records(&world, SEED);
    assert!(records.len() > 1000, "{} records", records.len());
    for (index, record) in records.iter().enumerate() {
        let rewrite = &record.requested_rewrite;
        let (old, new) = (rewrite.target_true.str.as_str(), rewrite.target_new.str.as_str());
        assert_eq!(record.case_id, index);
        assert_eq!(rewrite.prompt.matches("{}").count(), 1);
        let prompt = rewrite.prompt.replace("{}", &rewrite.subject);
        assert_eq!(truth[&prompt], (rewrite.subject.as_str(), old));
        assert_ne!(old, new);
        assert_eq!(record.paraphrase_prompts.len(), HELD_OUT);
        for paraphrase in &record.paraphrase_prompts {
            assert!(paraphrase.contains(&rewrite.subject) && !truth.contains_key(paraphrase), "{paraphrase}");
        }
        for (prompts, answer) in [(&record.neighborhood_prompts, old), (&record.attribute_prompts, new)] {
            assert_eq!(prompts.len(), PROMPTS);
            for prompt in prompts {
                let (subject, true_answer) = truth[prompt];
                assert_eq!(true_answer, answer, "{prompt}");
                assert_ne!(subject, rewrite.subject);
            }
        }
        let distinct: HashSet<&String> = record.neighborhood_prompts.iter().collect();
        assert_eq!(distinct.len(), PROMPTS);
        assert_eq!(record.generation_prompts.len(), PROMPTS);
        assert!(record.generation_prompts.iter().all(|prompt| prompt.contains(&rewrite.subject)));
    }
}
