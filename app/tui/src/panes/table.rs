//! What a pane shows as a table: for the clipboard and for files.

mod latex;

use super::{PANES, Panes};
use crate::input::Effect;
use crate::looks::{picture, width};
use crate::state::{Change, State, Tone, View, Wish, arrange};
use locus_protocol::counted;
use locus_protocol::shown::shown;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Map, Value};

/// A table without its looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it is, in one word; the name of an exported file begins with it.
    pub name: String,
    /// What it shows and of which model, for whoever reads the file; empty where the name says all.
    pub title: String,
    /// Names of the columns, the same in every version of the program.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    /// The row under the cursor.
    pub cursor: usize,
}

/// How much of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The selected rows; without any the one under the cursor.
    Row,
    /// The selected rows; without any all of it.
    Rows,
    Table,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With tabs between cells; the names of the columns only where it is the whole table.
    Tabs,
    Markdown,
    /// As a JSON list of objects.
    Json,
}

impl Table {
    /// A part of it: `further` rows beyond the one under the cursor, upwards below zero, where rows are selected.
    #[must_use]
    pub fn part(mut self, extent: Extent, further: Option<isize>) -> Self {
        let further = match (extent, further) {
            (Extent::Table, _) | (Extent::Rows, None) => return self,
            (Extent::Row | Extent::Rows, further) => further.unwrap_or(0),
        };
        let other = self.cursor.saturating_add_signed(further);
        let (first, last) = (self.cursor.min(other), self.cursor.max(other));
        self.rows = self.rows.into_iter().skip(first).take(last - first + 1).collect();
        self.cursor -= first;
        self
    }

    /// Its rows with tabs between cells.
    #[must_use]
    pub fn lines(&self) -> String {
        // it is pasted somewhere, perhaps into a shell: a cell ends neither its line nor its column
        let cell = |cell: &Value| cell_line(cell);
        let line = |cells: &Vec<Value>| cells.iter().map(cell).collect::<Vec<_>>().join("\t");
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The same below the names of the columns.
    #[must_use]
    pub fn tab_separated(&self) -> String {
        [self.columns.join("\t"), self.lines(), String::new()].join("\n")
    }

    /// It as a text.
    #[must_use]
    pub fn written(&self, extent: Extent, form: Form) -> String {
        match (form, extent) {
            (Form::Tabs, Extent::Table) => self.tab_separated(),
            (Form::Tabs, _) => self.lines(),
            (Form::Markdown, _) => self.markdown(),
            (Form::Json, _) => self.json(),
        }
    }

    /// Comma-separated text with a header.
    #[must_use]
    pub fn comma_separated(&self) -> String {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(Vec::new());
        let rows = self.rows.iter().map(|row| row.iter().map(cell_text).collect());
        for line in std::iter::once(self.columns.clone()).chain(rows) {
            // memory takes everything
            let _ = writer.write_record(line);
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    /// A table in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let escaped = |cell: &str| {
            // what Markdown and the HTML in it would read as something else
            let marks = [
                ("\\", "\\\\"),
                ("&", "&amp;"),
                ("<", "&lt;"),
                (">", "&gt;"),
                ("|", "\\|"),
                ("[", "\\["),
                ("`", "\\`"),
            ];
            marks
                .into_iter()
                .fold(shown(&one_line(cell)).into_owned(), |text, (mark, written)| text.replace(mark, written))
        };
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule = line(self.columns.iter().map(|_| "---".to_owned()).collect());
        let rows = self.rows.iter().map(|row| line(row.iter().map(|cell| escaped(&cell_text(cell))).collect()));
        let title = if self.title.is_empty() { String::new() } else { format!("{}\n\n", escaped(&self.title)) };
        title + &line(self.columns.iter().map(|name| escaped(name)).collect()) + &rule + &rows.collect::<String>()
    }

    /// Its columns below each other, as wide as their widest cell; the last one as it comes.
    #[must_use]
    pub fn aligned(&self) -> String {
        let mut lines: Vec<Vec<String>> = vec![self.columns.clone()];
        lines.extend(self.rows.iter().map(|row| row.iter().map(cell_line).collect()));
        let widest = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| width(cell)).max();
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| widest(column).unwrap_or(0)).collect();
        let padded =
            |(cell, wide): (&String, &usize)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell))));
        let line = |cells: &Vec<String>| {
            let line = cells.iter().zip(&widths).map(padded).collect::<Vec<_>>().join("  ");
            line.trim_end().to_owned()
        };
        let title = (!self.title.is_empty()).then(|| format!("{}\n", one_line(&self.title)));
        title.into_iter().chain(lines.iter().map(line)).map(|line| line + "\n").collect()
    }

    /// A JSON list of objects.
    #[must_use]
    pub fn json(&self) -> String {
        let object = |row: &Vec<Value>| -> Value {
            self.columns.iter().cloned().zip(row.iter().cloned()).collect::<Map<String, Value>>().into()
        };
        let rows: Vec<Value> = self.rows.iter().map(object).collect();
        let mut text = serde_json::to_string_pretty(&rows).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// A cell without quotes.
fn cell_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// A cell on one line, with nothing in it that a terminal would obey.
fn cell_line(cell: &Value) -> String {
    shown(&one_line(&cell_text(cell))).into_owned()
}

/// A cell that neither ends its line nor begins the next cell.
fn one_line(cell: &str) -> String {
    cell.replace(['\n', '\r', '\t'], " ")
}

/// Selects no rows any more, where some are.
pub fn unselect(state: &State) -> Option<Wish> {
    let view = state.seen().view();
    view.anchor?;
    Some(Change::View(Box::new(View { anchor: None, ..view.clone() })).into())
}

/// Least size of an exported picture.
const PICTURE: (u16, u16) = (110, 45);

impl Panes {
    /// Whether the pane with the keys has a table.
    #[must_use]
    pub fn has_table(&self, state: &State) -> bool {
        self.get(state.pane()).is_some_and(|pane| pane.has_table(&state.seen()))
    }

    /// The table of the pane with the keys.
    fn table(&self, state: &State) -> Option<Table> {
        self.get(state.pane())?.table(&state.seen()).filter(|table| !table.rows.is_empty())
    }

    /// The row under the cursor of the pane with the keys, where rows of it can be selected.
    #[must_use]
    pub fn row(&self, state: &State) -> Option<usize> {
        self.get(state.pane())?.row(&state.seen())
    }

    /// Copies that table or a part of it; what was selected is so no more.
    pub fn copy(&self, state: &State, extent: Extent, form: Form) -> Vec<Wish> {
        let Some(table) = self.table(state) else { return Vec::new() };
        let all = table.rows.len();
        let table = table.part(extent, self.further(state));
        let what = match table.rows.len() {
            1 => "the row".to_owned(),
            rows if rows == all => "the table".to_owned(),
            rows => counted(rows, "row"),
        };
        let mut wishes = vec![Effect::Copy { what, text: table.written(extent, form) }.into()];
        wishes.extend(unselect(state));
        wishes
    }

    /// How many rows further than the cursor the selected ones go; nothing where none are.
    fn further(&self, state: &State) -> Option<isize> {
        let anchor = state.seen().view().anchor?;
        isize::try_from(anchor).ok()?.checked_sub_unsigned(self.row(state)?)
    }

    /// Copies what is under the cursor; a value that is missing leaves the clipboard as it is.
    pub fn copy_cell(&self, state: &State) -> Vec<Wish> {
        let cell = self.get(state.pane()).and_then(|pane| pane.cell(&state.seen()));
        let cell = cell.map(|(what, value)| (what, cell_line(&value))).filter(|(_, text)| !text.is_empty());
        cell.map_or_else(
            || {
                let text = format!("nothing is under the cursor here; {} copies the row", state.key("copy-row"));
                vec![Wish::say(Tone::Plain, text)]
            },
            |(what, text)| vec![Effect::Copy { what, text }.into()],
        )
    }

    /// Whether the pane with the keys has anything to read in a pager, without making it.
    #[must_use]
    pub fn has_pages(&self, state: &State) -> bool {
        self.get(state.pane()).is_some_and(|pane| pane.has_text(&state.seen()) || pane.has_table(&state.seen()))
    }

    /// All that the pane with the keys has to say, for a pager: its text, else its table.
    #[must_use]
    pub fn paged(&self, state: &State) -> Option<Effect> {
        let pane = self.get(state.pane())?;
        let title = PANES.get(state.screen.focus()).map_or("", |pane| pane.title).to_owned();
        let text = pane.text(&state.seen()).or_else(|| Some(self.table(state)?.aligned()))?;
        Some(Effect::Page { title, text })
    }

    /// The pane with the keys alone, with room for what a small window hides.
    fn picture(&self, state: &State) -> Option<String> {
        let area = arrange(state).panes.iter().find(|(view, _)| *view == state.screen.view).map(|(_, area)| *area);
        let (columns, rows) = area.map_or(PICTURE, |area| (area.width.max(PICTURE.0), area.height.max(PICTURE.1)));
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        self.get(state.pane())?.draw(&state.seen(), buffer.area, &mut buffer);
        Some(picture(&buffer))
    }

    /// Writes the table of the pane with the keys, and the pane as a picture, to files.
    pub fn export(&self, state: &State) -> Vec<Wish> {
        let Some(table) = self.table(state) else {
            return vec![Wish::say(Tone::Plain, "this pane has no table yet")];
        };
        let number = state.exports + 1;
        let save = |ending: &str, contents: String| -> Wish {
            Effect::Save { name: format!("locus-{}-{number}.{ending}", table.name), contents }.into()
        };
        let mut wishes =
            vec![save("csv", table.comma_separated()), save("json", table.json()), save("md", table.markdown())];
        wishes.extend(self.picture(state).map(|picture| save("svg", picture)));
        wishes.push(Change::Exported.into());
        wishes
    }
}

#[cfg(test)]
mod tests {
    use super::{Extent, Form, Table};
    use serde_json::json;

    #[test]
    fn a_table_is_written_in_four_ways() {
        let table = Table {
            name: "layers".into(),
            title: String::new(),
            columns: vec!["layer".into(), "note".into()],
            rows: vec![vec![json!(0), json!("a, \"b\"")], vec![json!(1), json!(null)]],
            cursor: 1,
        };
        assert_eq!(table.tab_separated(), "layer\tnote\n0\ta, \"b\"\n1\t\n");
        assert_eq!(table.clone().part(Extent::Row, None).lines(), "1\t");
        assert_eq!(table.aligned(), "layer  note\n0      a, \"b\"\n1\n");
        assert_eq!(table.comma_separated(), "layer,note\r\n0,\"a, \"\"b\"\"\"\r\n1,\r\n");
        assert_eq!(table.markdown(), "| layer | note |\n| --- | --- |\n| 0 | a, \"b\" |\n| 1 |  |\n");
        // a prompt with line breaks stays one row everywhere, and whole in CSV and JSON
        let rows = vec![vec![json!("References\n \r\nCategory:\tit"), json!("a|b")]];
        let broken = Table { rows, cursor: 0, ..table.clone() };
        assert_eq!(broken.lines(), "References    Category: it\ta|b");
        assert_eq!(broken.markdown().lines().count(), 3);
        let mut read = csv::Reader::from_reader(std::io::Cursor::new(broken.comma_separated()));
        let records: Vec<csv::StringRecord> = read.records().collect::<Result<_, _>>().expect("records");
        assert_eq!(records, [vec!["References\n \r\nCategory:\tit", "a|b"]]);
        // neither HTML nor a link nor what a terminal obeys, and CSV holds the text as it is
        let rows = vec![vec![json!("<b>&[x](y)`\\\u{1b}"), json!(null)]];
        let hostile = Table { rows, cursor: 0, ..table.clone() };
        assert!(hostile.markdown().contains(r"| &lt;b&gt;&amp;\[x](y)\`\\\\u{1b} |"), "{}", hostile.markdown());
        assert_eq!(hostile.lines(), "<b>&[x](y)`\\\\u{1b}\t");
        assert!(hostile.comma_separated().contains("<b>&[x](y)`\\\u{1b}"));
        let back: serde_json::Value = serde_json::from_str(&table.json()).expect("json");
        assert_eq!(back[0]["layer"], json!(0));
    }

    #[test]
    fn selected_rows_are_a_part_whichever_way_they_were_selected() {
        let rows: Vec<Vec<serde_json::Value>> = (0..6).map(|row| vec![json!(row)]).collect();
        let table = Table { columns: vec!["row".into()], rows, cursor: 3, ..Table::default() };
        let part = |extent, further| table.clone().part(extent, further).written(Extent::Row, Form::Tabs);
        assert_eq!(part(Extent::Row, None), "3");
        assert_eq!(part(Extent::Row, Some(-2)), "1\n2\n3");
        assert_eq!(part(Extent::Rows, Some(1)), "3\n4");
        assert_eq!(part(Extent::Rows, Some(9)), "3\n4\n5", "no further than the end");
        assert_eq!(part(Extent::Rows, None), part(Extent::Table, Some(1)), "all of it");
        assert_eq!(
            table.clone().part(Extent::Row, Some(-2)).written(Extent::Row, Form::Json).matches("row").count(),
            3
        );
    }
}
