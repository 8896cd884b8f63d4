//! `locus sweep status`.

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
    let status = status(folder)?;
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
        }))?);
    }
    Ok(output::print(&text(&status))?)
}

fn text(status: &Status) -> String {
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
        rows.push(("failed", format!("{failed}; `locus sweep run --out … --retry-failed` computes them again")));
        rows.extend(status.failed.iter().map(|(why, count)| ("", format!("{count}: {why}"))));
    }
    if status.other_rows > 0 {
        rows.push(("other rows", format!("{}: of other builds of a plugin, or of another grid", status.other_rows)));
    }
    rows.push(("computed", format!("{:.0} s", status.seconds)));
    let working = match (living.len(), status.is_complete()) {
        (0, true) => "nobody; the sweep is complete".to_owned(),
        (0, false) => "nobody; `locus sweep run --out …` goes on".to_owned(),
        _ => living.join(", "),
    };
    rows.push(("at work", working));
    if died > 0 {
        rows.push(("died", format!("{}; what they were at is taken over", counted(died, "worker"))));
    }
    pairs(rows)
}
