//! The tables for a paper: LaTeX with booktabs, to be read in with `\input`. A table that is too wide for a page is cut into
//! blocks of columns, one that is too long is a `longtable`.

use super::lines::in_lines;
use super::table::Table;
use super::{Report, Section, visit};

/// What stands at the beginning of the file: what it needs, and what becomes of letters that the engine may not have.
const HEAD: &str = "\
% Needs \\usepackage{booktabs,longtable}. Tables fit a line of 160 mm (A4 with margins of 25 mm).
% A letter that pdfLaTeX has none for is printed by its number; XeLaTeX and LuaLaTeX print the letter.
\\ifdefined\\locusletter\\else\\DeclareRobustCommand{\\locusletter}[2]{\\ifdefined\\Umathchar #2\\else U+#1\\allowbreak\\fi}\\fi
\\ifdefined\\LTcapwidth\\setlength{\\LTcapwidth}{\\linewidth}\\fi
";
/// Points of a line of 160 mm, and those between two columns.
const ROOM: f64 = 452.0;
const BETWEEN: f64 = 6.0;
/// Points that words take at most before they stand in lines, and letters of a line of a head.
const WORDS: f64 = 130.0;
const HEAD_LETTERS: usize = 16;
/// Lines of a table and its notes that a page holds, and letters of a line of notes.
const LINES: usize = 50;
const NOTE_LETTERS: usize = 105;

pub fn render(report: &Report) -> String {
    let mut text = format!("% {}\n", commented(&report.title));
    report.about.iter().for_each(|line| text.push_str(&format!("% {}\n", commented(line))));
    text.push_str(HEAD);
    report.sections.iter().for_each(|own| section(&mut text, own));
    text
}

fn section(text: &mut String, section: &Section) {
    visit(section, &mut |tables, _| {
        if !tables.is_empty() {
            tables.iter().for_each(|own| text.push_str(&table(own)));
            // LaTeX holds few tables that have no page yet
            text.push_str("\\clearpage\n");
        }
    });
}

/// How wide a cell is in points, in Computer Modern of 8 points; widths of letters are rounded up.
fn width(text: &str) -> f64 {
    let of = |letter: char| match letter {
        '.' | ',' | ';' | ':' | '[' | ']' | 'i' | 'l' | 'j' | '\'' => 2.5,
        ' ' | '-' | 'f' | 'r' | 's' | 't' | '(' | ')' | 'I' => 3.4,
        'a' | 'c' | 'e' | 'g' | 'o' | 'z' | '0'..='9' | '–' | '²' => 4.3,
        letter if letter.is_ascii_lowercase() && !matches!(letter, 'm' | 'w') => 4.8,
        letter if letter.is_ascii() || ('À'..='ÿ').contains(&letter) => 7.3,
        '×' | '…' | '—' | '−' => 9.0,
        // by its number
        _ => 34.0,
    };
    text.chars().map(of).sum::<f64>() + BETWEEN
}

fn table(table: &Table) -> String {
    let in_line = |column: usize, is_head: bool, text: &str| match (is_head, column < table.words) {
        (true, _) => in_lines(text, HEAD_LETTERS, usize::MAX).iter().map(|line| width(line)).fold(0.0, f64::max),
        (false, true) => width(text).min(WORDS + BETWEEN),
        (false, false) => width(text),
    };
    let blocks = table.blocks(ROOM, in_line);
    let (title, id) = (escaped(&table.title), &table.id);
    let notes: Vec<String> = table.reading.iter().chain(&table.all_notes()).map(|note| escaped(note)).collect();
    let notes = notes.join(" ");
    let heads = table.columns.iter().map(|name| in_lines(name, HEAD_LETTERS, usize::MAX).len()).max().unwrap_or(1);
    let lines = (table.rows.len() + heads + 2) * blocks.len() + notes.chars().count() / NOTE_LETTERS;
    let is_long = lines > LINES;
    let size = "\\footnotesize\\setlength{\\tabcolsep}{3pt}";
    let mut text = String::from("\n");
    if is_long {
        text.push_str(&format!("\\begingroup{size}\n"));
        for (number, block) in blocks.iter().enumerate() {
            let caption = if number == 0 {
                format!("\\caption{{{title}}}\\label{{tab:{id}}}")
            } else {
                text.push_str("\\addtocounter{table}{-1}");
                format!("\\caption[]{{{title}, columns continued}}")
            };
            let (columns, head, body) = (columns(table, block), head(table, block), body(table, block));
            text.push_str(&format!(
                "\\begin{{longtable}}{{{columns}}}\n{caption} \\\\\n\\toprule\n{head}\\midrule\n\\endfirsthead\n\\toprule\n\
                 {head}\\midrule\n\\endhead\n\\bottomrule\n\\endlastfoot\n{body}\\end{{longtable}}\n"
            ));
        }
        text.push_str(&format!("\\noindent {notes}\\par\\endgroup\n"));
        return text;
    }
    text.push_str(&format!(
        "\\begin{{table}}[htbp]\n\\centering{size}\n\\caption{{{title}}}\n\\label{{tab:{id}}}\\par\\smallskip\n"
    ));
    for (number, block) in blocks.iter().enumerate() {
        let between = if number == 0 { "" } else { "\n\\medskip\n" };
        let (columns, head, body) = (columns(table, block), head(table, block), body(table, block));
        text.push_str(&format!(
            "{between}\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"
        ));
    }
    text.push_str(&format!("\n\\medskip\n\\parbox{{\\linewidth}}{{\\footnotesize {notes}}}\n\\end{{table}}\n"));
    text
}

fn columns(table: &Table, block: &[usize]) -> String {
    let of = |place: &usize| match (*place < table.words, has_lines(table, *place)) {
        (true, true) => format!("p{{{WORDS}pt}}"),
        (true, false) => "l".to_owned(),
        (false, _) => "r".to_owned(),
    };
    block.iter().map(of).collect()
}

/// Whether the words of a column are too many for a line.
fn has_lines(table: &Table, column: usize) -> bool {
    let is_wide = |row: &super::Row| width(&table.printed(&row.cells[column])) > WORDS + BETWEEN;
    column < table.words && table.rows.iter().any(is_wide)
}

fn head(table: &Table, block: &[usize]) -> String {
    let name = |place: &usize| {
        let lines: Vec<String> = in_lines(&table.columns[*place], HEAD_LETTERS, usize::MAX);
        let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
        let side = if *place < table.words { 'l' } else { 'r' };
        if lines.len() == 1 { lines.concat() } else { format!("\\shortstack[{side}]{{{}}}", lines.join("\\\\")) }
    };
    line(block.iter().map(name).collect())
}

fn body(table: &Table, block: &[usize]) -> String {
    let has_lines: Vec<bool> = (0..table.columns.len()).map(|column| has_lines(table, column)).collect();
    let row = |row: &super::Row| {
        let cell = |place: &usize| {
            let printed = escaped(&table.printed(&row.cells[*place]));
            let printed = if row.quoted && !printed.is_empty() { format!("\\textit{{{printed}}}") } else { printed };
            if has_lines[*place] { format!("\\raggedright {printed}") } else { printed }
        };
        line(block.iter().map(cell).collect())
    };
    table.rows.iter().map(row).collect()
}

/// A row. An empty group stands before it, so that a bracket in its first cell is no option of the row before.
fn line(cells: Vec<String>) -> String {
    format!("{{}}{} \\\\\n", cells.join(" & "))
}

/// One line of a comment.
fn commented(text: &str) -> String {
    text.replace(|letter: char| letter.is_control(), " ")
}

/// A text without meaning to LaTeX. Letters that not every font has go through `\\locusletter`, which takes the letter's
/// number and the letter.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', letter]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("$<$"),
            '>' => escaped.push_str("$>$"),
            '|' => escaped.push_str("\\textbar{}"),
            '"' | '”' => escaped.push_str("''"),
            '“' => escaped.push_str("``"),
            '’' => escaped.push('\''),
            '‘' => escaped.push('`'),
            '²' => escaped.push_str("$^2$"),
            '×' => escaped.push_str("$\\times$"),
            '·' => escaped.push_str("$\\cdot$"),
            '−' => escaped.push_str("$-$"),
            '–' => escaped.push_str("--"),
            '—' => escaped.push_str("---"),
            '…' => escaped.push_str("\\ldots{}"),
            '\u{a0}' => escaped.push('~'),
            // letters that every encoding of fonts has or makes
            'À'..='ÿ' if !matches!(letter, 'Ð' | 'ð' | 'Þ' | 'þ' | '÷') => escaped.push(letter),
            letter if letter.is_control() => escaped.push(' '),
            letter if letter.is_ascii() => escaped.push(letter),
            other => escaped.push_str(&format!("\\locusletter{{{:04X}}}{{{other}}}", other as u32)),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_a_meaning_to_latex() {
        assert_eq!(escaped("a_b & 50 % <x> | \"y\""), "a\\_b \\& 50 \\% $<$x$>$ \\textbar{} ''y''");
        assert_eq!(escaped("é 方\n"), "é \\locusletter{65B9}{方} ");
        assert_eq!(escaped("\\^~"), "\\textbackslash{}\\textasciicircum{}\\textasciitilde{}");
    }
}
