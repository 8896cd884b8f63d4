//! The tables for a paper: LaTeX with booktabs, to be read in with `\input`.

use super::table::Table;
use super::{Report, Section};

/// All tables.
pub fn render(report: &Report) -> String {
    let mut text = format!("% {}\n% Needs \\usepackage{{booktabs}}.\n", commented(&report.title));
    report.about.iter().for_each(|line| text.push_str(&format!("% {}\n", commented(line))));
    let tables = |section: &Section| section.tables.iter().map(table).collect::<String>();
    report.sections.iter().for_each(|section| text.push_str(&tables(section)));
    text
}

fn table(table: &Table) -> String {
    let columns = "l".repeat(table.words) + &"r".repeat(table.columns.len() - table.words);
    let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
    let mut text = format!("\n\\begin{{table}}\n\\centering\\footnotesize\n\\caption{{{}}}\n", escaped(&table.title));
    text.push_str(&format!("\\label{{tab:{}}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n", table.id));
    text.push_str(&line(table.columns.iter().map(|name| escaped(name)).collect()));
    text.push_str("\\midrule\n");
    for row in &table.rows {
        let cell = |content| {
            let printed = escaped(&table.printed(content));
            if row.quoted && !printed.is_empty() { format!("\\textit{{{printed}}}") } else { printed }
        };
        text.push_str(&line(row.cells.iter().map(cell).collect()));
    }
    text.push_str("\\bottomrule\n\\end{tabular}\n");
    let notes = table.all_notes();
    if !notes.is_empty() {
        let notes: Vec<String> = notes.iter().map(|note| escaped(note)).collect();
        text.push_str(&format!("\n\\parbox{{\\linewidth}}{{\\footnotesize {}}}\n", notes.join(" ")));
    }
    text.push_str("\\end{table}\n");
    text
}

/// One line of a comment.
fn commented(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Without meaning to LaTeX.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', letter]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("$<$"),
            '>' => escaped.push_str("$>$"),
            '²' => escaped.push_str("$^2$"),
            '×' => escaped.push_str("$\\times$"),
            '–' => escaped.push_str("--"),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
