//! The report as Markdown.

use super::svg::Figure;
use super::table::Table;
use super::{Part, Report, Section};

/// The whole report; figures are linked by their file names.
pub fn render(report: &Report) -> String {
    let mut text = format!("# {}\n\n", escaped(&report.title));
    report.about.iter().for_each(|line| text.push_str(&format!("- {}\n", escaped(line))));
    report.sections.iter().for_each(|own| section(&mut text, own));
    text
}

fn section(text: &mut String, section: &Section) {
    text.push_str(&format!("\n## {}\n", escaped(section.title)));
    contents(text, &section.text, &section.tables, &section.figures);
    section.parts.iter().for_each(|own| part(text, own));
    if let Some(code) = &section.code {
        text.push_str(&format!("\n```r\n{code}```\n"));
    }
}

fn part(text: &mut String, part_of: &Part) {
    text.push_str(&format!("\n### {}\n", escaped(&part_of.title)));
    contents(text, &part_of.text, &part_of.tables, &part_of.figures);
    part_of.parts.iter().for_each(|own| part(text, own));
}

fn contents(text: &mut String, paragraphs: &[String], tables: &[Table], figures: &[Figure]) {
    for paragraph in paragraphs {
        text.push_str(&format!("\n{}\n", escaped(paragraph)));
    }
    tables.iter().for_each(|own| table(text, own));
    for figure in figures {
        text.push_str(&format!("\n![{}]({}.svg)\n", escaped(&figure.title), figure.id));
    }
}

fn table(text: &mut String, table: &Table) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    text.push_str(&format!("\n#### {}\n\n", escaped(&table.title)));
    for sentence in &table.reading {
        text.push_str(&format!("{}\n\n", escaped(sentence)));
    }
    text.push_str(&line(table.columns.iter().map(|name| escaped(name)).collect()));
    let rule = |place: usize| if place < table.words { "---" } else { "---:" }.to_owned();
    text.push_str(&line((0..table.columns.len()).map(rule).collect()));
    for row in &table.rows {
        let cell = |content| {
            let printed = escaped(&table.printed(content));
            if row.quoted && !printed.is_empty() { format!("*{printed}*") } else { printed }
        };
        text.push_str(&line(row.cells.iter().map(cell).collect()));
    }
    for note in table.all_notes() {
        text.push_str(&format!("\n{}\n", escaped(&note)));
    }
}

/// Without meaning to Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '*' | '_' | '`' | '\\' | '#' | '~' => escaped.extend(['\\', letter]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
