//! Tables, for people and, in a pipe, for programs.

use crate::cli::output;
use comfy_table::CellAlignment;
use comfy_table::presets::NOTHING;
use locus_protocol::shown::{message, shortened, shown};
use locus_protocol::{
    Aim, AimVerdict, Applied, AverageEffects, EditInPlace, Intervention, LayerRow, PromptScore, TokenRole, TraceKind,
    TraceStarted, WeightChange, counted,
};

/// Characters of a cell that are shown; `--json` has all.
const LONGEST_CELL: usize = 500;

/// Characters of a column's name that are shown.
const LONGEST_NAME: usize = 60;

/// A plain table. What is in its cells is one line, and nothing that a terminal obeys. In a pipe its cells are separated by
/// tabs.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns that are aligned to the right.
    right: Vec<usize>,
}

impl Table {
    pub fn add_row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|cell| cell.as_ref().to_owned()).collect());
    }

    /// Aligns columns to the right.
    pub fn right(&mut self, columns: impl IntoIterator<Item = usize>) {
        self.right.extend(columns);
    }

    fn aligned(&self) -> comfy_table::Table {
        let cut = |cells: &[String], most: usize| -> Vec<String> {
            cells.iter().map(|cell| shown(&shortened(cell, most)).into_owned()).collect()
        };
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        if !self.head.is_empty() {
            table.set_header(cut(&self.head, LONGEST_NAME));
        }
        self.rows.iter().for_each(|row| _ = table.add_row(cut(row, LONGEST_CELL)));
        for &column in &self.right {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    /// The same with tabs between its cells.
    fn separated(&self) -> String {
        let cell = |cell: &String| shown(&shortened(cell.trim(), LONGEST_CELL)).replace('\t', " ");
        let lines = std::iter::once(&self.head).chain(&self.rows);
        lines.map(|row| row.iter().map(cell).collect::<Vec<_>>().join("\t")).collect::<Vec<_>>().join("\n")
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if output::is_for_people() { self.aligned().fmt(formatter) } else { formatter.write_str(&self.separated()) }
    }
}

/// A plain table with a head.
pub fn table<S: AsRef<str>>(head: impl IntoIterator<Item = S>) -> Table {
    let head = head.into_iter().map(|name| name.as_ref().to_owned()).collect();
    Table { head, rows: Vec::new(), right: Vec::new() }
}

/// Names and values, one pair a line.
pub fn pairs<N: Into<String>>(pairs: impl IntoIterator<Item = (N, String)>) -> String {
    let mut table = table([""; 0]);
    pairs.into_iter().for_each(|(name, value)| table.add_row([name.into(), value]));
    table.aligned().to_string()
}

/// Aligns all columns but the first to the right.
pub fn numbers(table: &mut Table) {
    table.right(1..table.head.len());
}

/// A number of bytes as people write it.
#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
pub fn bytes(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut size = bytes as f64 / 1000.0;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    if bytes < 1000 { format!("{bytes} B") } else { format!("{size:.1} {}", units[unit]) }
}

/// A number between 0 and 1 with three digits.
pub fn share(value: f64) -> String {
    format!("{value:.3}")
}

/// The cell of a heat map with the largest indirect effect.
pub struct Peak {
    /// The effect: restored minus corrupted probability, or the share that an ablation deletes.
    pub effect: f64,
    /// Position of the token.
    pub token: usize,
    pub layer: usize,
}

/// The cell with the largest indirect effect.
pub fn peak(started: &TraceStarted, scores: &[Vec<f64>]) -> Option<Peak> {
    let cells = scores.iter().enumerate().flat_map(|(token, row)| {
        row.iter().enumerate().map(move |(layer, score)| Peak { effect: started.effect(*score), token, layer })
    });
    cells.max_by(|a, b| a.effect.total_cmp(&b.effect))
}

/// Position of the last subject token.
pub fn last_subject(started: &TraceStarted) -> usize {
    started.tokens.iter().rposition(|token| token.subject).unwrap_or(0)
}

/// A heat map as numbers: effects in hundredths, one row per token. `estimated` says that they are of first order.
pub fn trace(started: &TraceStarted, scores: &[Vec<f64>], estimated: bool) -> String {
    let order = &started.order;
    let states = match order.kind {
        TraceKind::Hidden => "hidden states".to_owned(),
        TraceKind::Mlp => format!("MLP outputs, window {}", order.window),
        TraceKind::Attention => format!("attention outputs, window {}", order.window),
    };
    let mut text = format!(
        "Causal trace of “{}” → {}: {states} {}\n",
        shown(&shortened(&order.fact.prompt(), LONGEST_CELL)),
        shown(&shortened(&started.answer_in_words(), LONGEST_CELL)),
        order.intervention.title()
    );
    let prompts = counted(started.donors.len(), "prompt");
    text += &match order.intervention {
        Intervention::AblateZero => format!("clean {:.3}\n", started.clean),
        Intervention::AblateMean => {
            format!("clean {:.3} (mean over {prompts} of other facts, seed {})\n", started.clean, order.seed)
        }
        Intervention::AblateResample => {
            format!(
                "clean {:.3} (states of {}, seed {})\n",
                started.clean,
                shown(&message(&started.donors.join(", "))),
                order.seed
            )
        }
        _ => format!(
            "clean {:.3}, corrupted {:.3} (noise {:.4}, {}, seed {})\n",
            started.clean,
            started.corrupted,
            started.noise_level,
            counted(order.samples, "sample"),
            order.seed
        ),
    };
    text += &format!("on {}\n", started.model());
    let undefined = started.undefined();
    text += match (order.intervention.is_ablation(), estimated) {
        _ if undefined.is_some() => "",
        (false, false) => "indirect effect in hundredths, by token (* subject) and layer\n\n",
        (false, true) => {
            "first-order estimate of the indirect effect in hundredths, by token (* subject) and layer\n\n"
        }
        (true, false) => "share of the probability that is lost, in hundredths, by token (* subject) and layer\n\n",
        (true, true) => {
            "first-order estimate of the share of the probability that is lost, in hundredths, by token (* subject) \
             and layer\n\n"
        }
    };
    if let Some(why) = &undefined {
        let why = shown(&message(why)).into_owned();
        text += &format!(
            "no effect is defined: {why}\nprobability of the answer with each state {}, by token (* subject) and layer\n\n",
            order.intervention.title()
        );
    }
    let mut table =
        table(std::iter::once("token".to_owned()).chain((0..started.layers).map(|layer| layer.to_string())));
    for (token, row) in started.tokens.iter().zip(scores) {
        let mark = if token.subject { "*" } else { " " };
        let effects = row.iter().map(|score| match undefined {
            Some(_) => share(*score),
            None => format!("{:.0}", 100.0 * started.effect(*score)),
        });
        let effects = effects.map(|number| if number == "-0" { "0".to_owned() } else { number });
        table.add_row(std::iter::once(format!("{mark}{}", token.text)).chain(effects).collect::<Vec<_>>());
    }
    numbers(&mut table);
    text += &table.to_string();
    if undefined.is_none()
        && let Some(peak) = peak(started, scores)
    {
        let last = started.tokens.len() - 1;
        let place = match peak.token {
            token if token == last_subject(started) => "the last subject token".to_owned(),
            token if token == last => "the last token".to_owned(),
            token => format!("token {token}"),
        };
        text += &format!("\n\nlargest effect {:.3} at {place}, layer {}", peak.effect, peak.layer);
    }
    text
}

/// Average effects by token role and layer, with half-widths of their confidence intervals.
pub fn averages(kinds: &[AverageEffects]) -> String {
    let mut parts = Vec::new();
    if let Some(first) = kinds.first() {
        parts.push(format!(
            "{} traced, {} left out; clean {:.3}, corrupted {:.3}, average total effect {:.3} ± {:.3}\n\
             average indirect effects in hundredths ± half of the 95 % confidence interval, by layer",
            counted(first.facts, "fact"),
            first.left_out,
            first.clean,
            first.corrupted,
            first.clean - first.corrupted,
            first.interval
        ));
        let most = kinds.iter().map(|effects| effects.not_lowered).max().unwrap_or(0);
        if most > 0 {
            parts.push(format!(
                "the noise does not lower the answer of {most} of these facts: their effects are undefined, and enter \
                 the averages as computed"
            ));
        }
    }
    for effects in kinds {
        let what = match effects.kind {
            TraceKind::Hidden => "hidden states".to_owned(),
            TraceKind::Mlp => format!("MLP outputs, window {}", effects.window),
            TraceKind::Attention => format!("attention outputs, window {}", effects.window),
        };
        let head = effects.roles.iter().map(|role| format!("{} ({})", role_name(role.role), role.count));
        let mut table = table(std::iter::once("layer".to_owned()).chain(head));
        let layers = effects.roles.iter().map(|role| role.effects.len()).max().unwrap_or(0);
        for layer in 0..layers {
            let cells = effects.roles.iter().map(|role| {
                let of = |values: &[f64]| values.get(layer).copied().unwrap_or(f64::NAN) * 100.0;
                format!("{:.1} ± {:.1}", of(&role.effects), of(&role.intervals))
            });
            table.add_row(std::iter::once(layer.to_string()).chain(cells).collect::<Vec<_>>());
        }
        numbers(&mut table);
        parts.push(format!("{what} restored\n{table}"));
    }
    parts.join("\n\n")
}

const fn role_name(role: TokenRole) -> &'static str {
    match role {
        TokenRole::FirstSubject => "first subject",
        TokenRole::MiddleSubject => "middle subject",
        TokenRole::LastSubject => "last subject",
        TokenRole::FirstSubsequent => "first subsequent",
        TokenRole::Further => "further",
        TokenRole::Last => "last",
    }
}

/// Rows of an edit, before and after, beside the trace where there is one.
pub fn layers(before: &[LayerRow], after: &[LayerRow], trace: Option<(&TraceStarted, &[Vec<f64>])>) -> String {
    let head = ["layer", "trace subject", "trace last", "‖ΔW‖/‖W‖", "p(new)", "→", "p(true)", "→"];
    let mut table = table(head);
    for (old, new) in before.iter().zip(after) {
        let effect = |token: fn(&TraceStarted) -> usize| {
            trace.map_or_else(String::new, |(started, scores)| {
                let effect = started.effect(scores[token(started)][new.layer]);
                if started.undefined().is_none() { format!("{effect:.2}") } else { String::new() }
            })
        };
        table.add_row(vec![
            new.layer.to_string(),
            effect(last_subject),
            effect(|started| started.tokens.len() - 1),
            new.weight_change.map_or_else(String::new, |change| format!("{change:.4}")),
            share(old.probability_new),
            share(new.probability_new),
            share(old.probability_true),
            share(new.probability_true),
        ]);
    }
    numbers(&mut table);
    table.to_string()
}

/// Which weights changed, and by how much.
pub fn moved(changes: &[WeightChange]) -> String {
    let line = |change: &WeightChange| {
        format!("{}: changed by {:.4}, {:.2e} of its norm", shown(&change.parameter), change.norm, change.relative)
    };
    changes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What an edit did to the record's prompts.
pub fn before_after(applied: &Applied, new: &str, truth: &str) -> String {
    let (before, after) = (&applied.scores.before, &applied.scores.after);
    let mut table = table([
        "prompts".to_owned(),
        format!("p({new})"),
        "→".to_owned(),
        format!("p({truth})"),
        "→".to_owned(),
        "new wins".to_owned(),
        "→".to_owned(),
    ]);
    let groups = [
        ("rewrite", &before.rewrite, &after.rewrite),
        ("paraphrase", &before.paraphrase, &after.paraphrase),
        ("neighborhood", &before.neighborhood, &after.neighborhood),
    ];
    for (name, before, after) in groups.into_iter().filter(|(_, before, _)| !before.is_empty()) {
        let mean = |scores: &[PromptScore], value: fn(&PromptScore) -> f64| {
            share(scores.iter().map(value).sum::<f64>() / scores.len() as f64)
        };
        let wins = |scores: &[PromptScore]| {
            format!("{}/{}", scores.iter().filter(|score| score.new > score.truth).count(), scores.len())
        };
        table.add_row(vec![
            name.to_owned(),
            mean(before, |score| score.new),
            mean(after, |score| score.new),
            mean(before, |score| score.truth),
            mean(after, |score| score.truth),
            wins(before),
            wins(after),
        ]);
    }
    numbers(&mut table);
    let tops = |tokens: &[locus_protocol::TopToken]| {
        let listed = tokens.iter().map(|token| format!("“{}” {:.3}", shown(token.text.trim()), token.probability));
        listed.collect::<Vec<_>>().join(", ")
    };
    let verdict = applied.verdict.as_ref();
    let verdict = verdict.map_or_else(String::new, |verdict| format!("{}\n\n", shown(&message(&verdict.words()))));
    let mut text = format!(
        "{verdict}{table}\n\nnext token before: {}\nnext token after:  {}",
        tops(&before.top),
        tops(&after.top)
    );
    if let Some(aim) = aim(&applied.aim) {
        text += &format!("\naimed at: {}", shown(&message(&aim)));
    }
    for said in &applied.said {
        let after = said.after.as_deref().unwrap_or_default();
        text += &format!(
            "\nsays before: {}\nsays after:  {}",
            shown(&shortened(&said.before, LONGEST_CELL)),
            shown(&shortened(after, LONGEST_CELL))
        );
    }
    let names = ["rewrite", "paraphrase", "neighborhood", "relations", "overall"];
    let score = |name: &&str| Some(format!("{name} {}", share(*applied.numbers.get(&format!("{name}_score"))?)));
    let scores: Vec<String> = names.iter().filter_map(score).collect();
    if !scores.is_empty() {
        text += &format!("\nscores: {}", scores.join(", "));
    }
    for note in &applied.notes {
        text += &format!("\nnote: {}", shown(&message(note)));
    }
    text
}

/// What an objective aimed at, in words; nothing where it is not told.
fn aim(aim: &Aim) -> Option<String> {
    let mut text = format!("{}“{}”", if aim.lowers { "a lower p of " } else { "" }, aim.target.trim());
    if !aim.baseline.trim().is_empty() {
        text += &format!(" against “{}”", aim.baseline.trim());
    }
    if aim.noise_level > 0.0 {
        text += &format!(", under noise on the subject (deviation {:.4})", aim.noise_level);
    }
    (!aim.target.is_empty()).then_some(text)
}

/// The edits in place with the sizes of their changes.
pub fn in_place(edits: &[EditInPlace], unedited: bool) -> String {
    if edits.is_empty() {
        let weights = if unedited { "; the weights are bit for bit those of the checkpoint" } else { "" };
        return format!("no edit is in place{weights}");
    }
    let mut table = table(["edit", "facts", "‖ΔW‖", "‖ΔW‖/‖W‖", "verdict", "what"]);
    for edit in edits {
        table.add_row(vec![
            edit.number.to_string(),
            edit.facts.to_string(),
            format!("{:.4}", edit.norm),
            format!("{:.4}", edit.relative),
            edit.verdict.as_ref().map_or_else(|| "not recorded".to_owned(), AimVerdict::headline),
            edit.title.clone(),
        ]);
    }
    table.right(0..4);
    format!("in place:\n\n{table}")
}

#[cfg(test)]
mod tests {
    use super::before_after;
    use locus_protocol::{AimVerdict, Applied};

    /// Texts of facts, models and plugins stand in their line, whatever they hold.
    #[test]
    fn nothing_that_came_from_elsewhere_begins_a_line_of_its_own() {
        let forged = "a\nnote: forged\u{1b}[2J";
        let verdict = AimVerdict { why: format!("p(“{forged}”) 0.1 < p(true) 0.2"), ..AimVerdict::default() };
        let mut applied = Applied { verdict: Some(verdict), notes: vec![forged.to_owned()], ..Applied::default() };
        applied.aim.target = forged.to_owned();
        let text = before_after(&applied, forged, forged);
        assert_eq!(text.matches("note: forged\\u{1b}[2J").count(), 5, "{text}");
        assert!(!text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("note: forged")), "{text}");
    }
}
