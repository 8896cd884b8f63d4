//! `locus trace` in all its forms: estimates, severed and ablated traces, averages, tables, and what it refuses.

use locus_end_to_end::{Home, facts, files};
use locus_protocol::{Event, Intervention, TokenRole, TraceAnswer, TraceKind};
use std::collections::BTreeSet;

fn refused(home: &Home, code: i32, named: &[&str], arguments: &[&str]) {
    let before = files(&home.path(""));
    let sentence = home.run(arguments).sentence(code);
    for name in named {
        assert!(sentence.contains(name), "no {name:?} in the answer to {arguments:?}: {sentence}");
    }
    assert_eq!(files(&home.path("")), before, "{arguments:?} wrote something");
}

#[test]
fn every_intervention_is_reached_by_a_flag() {
    let home = Home::new();
    let flags: [(&[&str], Intervention, bool); 6] = [
        (&[], Intervention::Restore, true),
        (&["--sever", "mlp"], Intervention::SeverMlp, false),
        (&["--sever", "attention"], Intervention::SeverAttention, false),
        (&["--ablate", "zero"], Intervention::AblateZero, true),
        (&["--ablate", "mean"], Intervention::AblateMean, true),
        (&["--ablate", "resample"], Intervention::AblateResample, true),
    ];
    for (arguments, intervention, estimated) in flags {
        let records = home.run([&["trace", "--case", "3", "--json"], arguments].concat()).well().records();
        let [trace] = &records.traces()[..] else { panic!("not one trace") };
        assert_eq!(trace.started.order.intervention, intervention);
        assert_eq!(trace.scores.len(), trace.started.tokens.len());
        let previews = records.events.iter().filter(|event| matches!(event, Event::TracePreview { .. })).count();
        assert_eq!(previews, usize::from(estimated), "{intervention:?}");
        assert_eq!(records.numbers_that_are_none(), Vec::<String>::new());
        let text = home.run([&["trace", "--case", "3"], arguments].concat()).well().out;
        assert!(text.lines().next().is_some_and(|line| line.ends_with(intervention.title())), "{text}");
    }
}

#[test]
fn a_flag_says_which_answer_is_traced() {
    let home = Home::new();
    let trace = |answer: &[&str]| {
        let records = home.run([&["trace", "--case", "3", "--json"], answer].concat()).well().records();
        let [trace] = &records.traces()[..] else { panic!("not one trace") };
        trace.started.clone()
    };
    let truth = trace(&[]);
    let (new, model) = (trace(&["--answer", "new"]), trace(&["--answer", "model"]));
    let fact = &truth.order.fact;
    assert_eq!((truth.answer.trim(), new.answer.trim()), (fact.target_true.trim(), fact.target_new.trim()));
    assert!(model.correct && model.answer.trim() == fact.target_true.trim() && model.clean == truth.clean);
    assert!(new.clean < 0.1, "the model does not say it: {}", new.clean);
    let typed = trace(&["--answer", fact.target_new.trim()]);
    assert_eq!(
        (typed.order.answer.clone(), typed.clean),
        (TraceAnswer::Text(fact.target_new.trim().into()), new.clean)
    );
    let text = home.run(["trace", "--case", "3", "--preview", "--answer", "new"]).well().out;
    assert!(text.contains(&format!("→ new “{}”", fact.target_new.trim())), "{text}");
    refused(
        &home,
        2,
        &["--new is missing"],
        &["trace", "--prompt", "{Oslo} is in", "--true", "Norway", "--answer", "new"],
    );
    let text = home.run(["trace", "--prompt", "{Oslo} is in", "--answer", "model", "--preview"]).well().out;
    assert!(text.contains("→ model's “"), "{text}");
}

#[test]
fn the_estimate_alone_has_no_exact_rows() {
    let home = Home::new();
    let records = home.run(["trace", "--case", "3", "--preview", "--json"]).well().records();
    assert!(records.events.iter().any(|event| matches!(event, Event::TracePreview { .. })));
    assert!(!records.events.iter().any(|event| matches!(event, Event::TraceRow { .. })));
    let text = home.run(["trace", "--case", "3", "--preview"]).well().out;
    assert!(text.contains("first-order estimate") && text.contains("largest effect"), "{text}");
}

#[test]
fn facts_that_are_too_improbable_are_not_called_unknown() {
    let all = ["trace", "--all", "--limit", "2", "--unknown-too", "--least-probability", "1"];
    let (_, said) = Home::new().run(all).warnings_and_sentence(1);
    assert!(said.ends_with("none of the 2 facts has an answer of probability 1; lower --least-probability"), "{said}");
}

#[test]
fn averages_and_their_table() {
    let home = Home::new();
    let all = ["trace", "--all", "--limit", "4", "--unknown-too", "--window", "5", "--csv", "cells.csv"];
    let records = home.run([&all[..], &["--json"]].concat()).well().records();
    let averages: Vec<_> = records
        .events
        .iter()
        .filter_map(|event| match event {
            Event::AverageEffects(effects) => Some(effects.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        averages.iter().map(|effects| (effects.kind, effects.window)).collect::<Vec<_>>(),
        [(TraceKind::Hidden, 1), (TraceKind::Mlp, 5), (TraceKind::Attention, 5)]
    );
    for effects in &averages {
        assert_eq!(effects.facts, 4);
        let last = effects.roles.iter().find(|role| role.role == TokenRole::Last).expect("a last token");
        assert_eq!((last.count, last.effects.len(), last.intervals.len()), (4, 12, 12));
    }
    // the table against the records
    let table = std::fs::read_to_string(home.path("cells.csv")).expect("the table");
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().expect("a head").split(',').collect();
    assert_eq!(
        head[..8].join(","),
        "input_id,orig_pred_prob,corrupted_pred_prob,subj_begin_idx,subj_end_idx,token_idx,layer_idx,restore_prob"
    );
    assert_eq!(
        head[8..].join(","),
        "token_str,module,seq_len,last_seq_token,is_correct,is_subj_token,trace_window_size,edits,undefined"
    );
    let traces = records.traces();
    let cells: usize = traces.iter().map(|trace| trace.scores.concat().len()).sum();
    assert_eq!(lines.clone().count(), cells, "one row for each cell");
    let column = |name: &str| head.iter().position(|known| *known == name).expect("a column");
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let mut expected = traces.iter().flat_map(|trace| {
        let greatest = trace.scores.concat().into_iter().fold(trace.started.clean, f64::max);
        trace.scores.iter().enumerate().flat_map(move |(token, row)| {
            row.iter().enumerate().map(move |(layer, score)| (token, layer, *score, greatest))
        })
    });
    for row in &rows {
        let number = |name: &str| row[column(name)].parse::<f64>().expect("a number");
        let (token, layer, score, greatest) = expected.next().expect("a cell");
        assert_eq!((number("token_idx"), number("layer_idx")), (token as f64, layer as f64));
        assert_eq!((number("restore_prob"), number("orig_pred_prob")), (score, greatest));
        let begin = number("subj_begin_idx");
        assert_eq!(row[column("is_subj_token")] == "True", token as f64 >= begin);
        assert_eq!(row[column("last_seq_token")] == "True", number("seq_len") == token as f64 + 1.0);
    }
    let modules: BTreeSet<&str> = rows.iter().map(|row| row[column("module")]).collect();
    assert_eq!(modules, BTreeSet::from(["None", "attn", "mlp"]));
    let inputs: BTreeSet<&str> = rows.iter().map(|row| row[column("input_id")]).collect();
    assert_eq!(inputs, BTreeSet::from(["0", "1", "2", "3"]), "places in the file");
    let text = home.run(&all[..]).well().out;
    assert!(text.contains("4 facts traced") && text.contains("last subject (4)"), "{text}");
}

#[test]
fn one_trace_as_a_table() {
    let home = Home::new();
    let _ = home.run(["trace", "--case", "3", "--kind", "mlp", "--csv", "one.csv"]).well();
    let table = std::fs::read_to_string(home.path("one.csv")).expect("the table");
    let place = facts().iter().position(|fact| fact.case_id == Some(3)).expect("case 3").to_string();
    assert!(table.lines().count() > 12);
    assert!(
        table.lines().skip(1).all(|line| line.starts_with(&format!("{place},")) && line.ends_with(",3,,")),
        "{table}"
    );
}

#[test]
fn flags_that_make_no_sense() {
    let home = Home::new();
    let trace = |more: &[&'static str]| [&["trace", "--case", "3"], more].concat();
    refused(&home, 2, &["--sever", "--kind"], &trace(&["--sever", "mlp", "--kind", "mlp"]));
    refused(&home, 2, &["--noise must be a number, sK or uX", "ux"], &trace(&["--noise", "ux"]));
    refused(&home, 2, &["--csv", "--preview"], &trace(&["--preview", "--csv", "x.csv"]));
    refused(&home, 2, &["--csv no/such/x.csv: its folder does not exist"], &trace(&["--csv", "no/such/x.csv"]));
    refused(&home, 1, &["--preview", "--sever"], &trace(&["--preview", "--sever", "mlp"]));
    refused(&home, 1, &["--replace"], &trace(&["--ablate", "zero", "--replace"]));
    refused(&home, 1, &["--same-noise"], &trace(&["--sever", "mlp", "--noise-file", "x"]));
    refused(&home, 2, &["--limit"], &["trace", "--all", "--limit", "0"]);
    refused(&home, 2, &["--least-probability"], &["trace", "--all", "--least-probability", "7"]);
    refused(&home, 2, &["--samples"], &["trace", "--all", "--limit", "1", "--samples", "0"]);
    for arguments in [
        &["trace", "--limit", "3"][..],
        &["trace", "--all", "--case", "3"],
        &["trace", "--same-noise"],
        &["trace", "--ablate", "one"],
        &["trace", "--sever", "mlp", "--ablate", "zero"],
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}");
    }
}
