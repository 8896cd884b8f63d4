//! `locus sweep status`.

use super::queued::Queued;
use crate::cli::arguments::Common;
use crate::cli::tables::pairs;
use crate::cli::{Failure, output};
use locus_protocol::counted;
use locus_sweep::{Status, status};
use serde_json::json;
use std::path::Path;

/// Says how far a sweep is.
///
/// # Errors
/// The folder holds no sweep.
pub fn run(common: &Common, folder: &Path) -> Result<(), Failure> {
    let queued = Queued::of(folder);
    let status = match (status(folder), &queued) {
        // elements wait, and none has begun
        (Err(_), Some(queued)) if !folder.join("sweep.json").exists() => {
            let rows = [("sweep", "no element has begun yet".to_owned())].into_iter().chain(queued.rows(false));
            match common.json {
                true => output::json(&json!({ "complete": false, "cluster": queued.json() }))?,
                false => output::print(&pairs(rows))?,
            }
            return Ok(());
        }
        (status, _) => status?,
    };
    status.complaints().iter().for_each(|complaint| output::complain(complaint));
    if common.json {
        return Ok(output::json(&json!({
            "title": status.title,
            "model": status.model,
            "facts": status.facts,
            "left_out": status.left_out,
            "cells": status.all,
            "done": status.done,
            "failed": status.failed,
            "complete": status.is_complete(),
            "workers": status.workers.iter().filter(|worker| worker.lives).map(|worker| &worker.name).collect::<Vec<_>>(),
            "seconds": status.seconds,
            "cluster": queued.as_ref().map(Queued::json),
        }))?);
    }
    Ok(output::print(&text(&status, queued.as_ref()))?)
}

fn text(status: &Status, queued: Option<&Queued>) -> String {
    let living: Vec<&str> = status.workers.iter().filter(|it| it.lives).map(|it| it.name.as_str()).collect();
    let died = status.workers.iter().filter(|it| !it.lives && !it.ended).count();
    let share = 100.0 * status.done as f64 / status.all.max(1) as f64;
    let failed: usize = status.failed.values().sum();
    let mut rows = vec![
        ("sweep", status.title.clone()),
        ("model", status.model.clone()),
        ("facts", counted(status.facts, "fact")),
    ];
    rows.extend(status.left_out.iter().map(|(why, count)| ("", format!("{count} left out: {why}"))));
    rows.push(("cells", format!("{} of {} done ({share:.0} %)", status.done, status.all)));
    if failed > 0 {
        rows.push(("failed", format!("{failed}; `locus sweep run --out … --retry-failed` retries them")));
        rows.extend(status.failed.iter().map(|(why, count)| ("", format!("{count}: {why}"))));
    }
    if status.other_rows > 0 {
        rows.push((
            "other rows",
            format!(
                "{}: from other builds of a plugin, or from another \
                                          grid",
                status.other_rows
            ),
        ));
    }
    rows.push(("computed", format!("{:.0} s", status.seconds)));
    let working = match (living.len(), status.is_complete()) {
        (0, true) => "nobody; the sweep is complete".to_owned(),
        (0, false) if queued.and_then(Queued::left).is_some_and(|left| left > 0) => "nobody yet; some wait".to_owned(),
        (0, false) => "nobody; `locus sweep run --out …` resumes".to_owned(),
        _ => living.join(", "),
    };
    rows.push(("at work", working));
    rows.extend(queued.into_iter().flat_map(|queued| queued.rows(status.is_complete())));
    if died > 0 {
        rows.push(("died", format!("{}; others take over their cells", counted(died, "worker"))));
    }
    pairs(rows)
}
