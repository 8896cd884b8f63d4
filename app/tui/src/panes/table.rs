//! What a pane shows as a table: for the clipboard and for files.

use super::Panes;
use crate::input::Effect;
use crate::looks::picture;
use crate::state::{Change, State, Tone, Wish, arrange};
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
    /// The rows.
    pub rows: Vec<Vec<Value>>,
    /// The row under the cursor.
    pub cursor: usize,
}

/// How much of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The row under the cursor.
    Row,
    /// All of it.
    Table,
}

impl Table {
    /// Tab-separated text, with the names of the columns where it is the whole table.
    #[must_use]
    pub fn tab_separated(&self, extent: Extent) -> String {
        // it is pasted somewhere, perhaps into a shell: a cell ends neither its line nor its column
        let cell = |cell: &Value| shown(&one_line(&cell_text(cell))).into_owned();
        let line = |cells: &[Value]| cells.iter().map(cell).collect::<Vec<_>>().join("\t");
        match extent {
            Extent::Row => self.rows.get(self.cursor).map(|row| line(row)).unwrap_or_default(),
            Extent::Table => {
                let mut text = self.columns.join("\t");
                for row in &self.rows {
                    text.push('\n');
                    text.push_str(&line(row));
                }
                text.push('\n');
                text
            }
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

/// A cell that neither ends its line nor begins the next cell.
fn one_line(cell: &str) -> String {
    cell.replace(['\n', '\r', '\t'], " ")
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

    /// Copies that table or its row under the cursor.
    pub fn copy(&self, state: &State, extent: Extent) -> Vec<Wish> {
        let what = match extent {
            Extent::Row => "the row",
            Extent::Table => "the table",
        };
        let copy = |table: Table| Effect::Copy { what: what.to_owned(), text: table.tab_separated(extent) }.into();
        self.table(state).map(copy).into_iter().collect()
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
    use super::{Extent, Table};
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
        assert_eq!(table.tab_separated(Extent::Table), "layer\tnote\n0\ta, \"b\"\n1\t\n");
        assert_eq!(table.tab_separated(Extent::Row), "1\t");
        assert_eq!(table.comma_separated(), "layer,note\r\n0,\"a, \"\"b\"\"\"\r\n1,\r\n");
        assert_eq!(table.markdown(), "| layer | note |\n| --- | --- |\n| 0 | a, \"b\" |\n| 1 |  |\n");
        // a prompt with line breaks stays one row everywhere, and whole in CSV and JSON
        let rows = vec![vec![json!("References\n \r\nCategory:\tit"), json!("a|b")]];
        let broken = Table { rows, cursor: 0, ..table.clone() };
        assert_eq!(broken.tab_separated(Extent::Row), "References    Category: it\ta|b");
        assert_eq!(broken.markdown().lines().count(), 3);
        let mut read = csv::Reader::from_reader(std::io::Cursor::new(broken.comma_separated()));
        let records: Vec<csv::StringRecord> = read.records().collect::<Result<_, _>>().expect("records");
        assert_eq!(records, [vec!["References\n \r\nCategory:\tit", "a|b"]]);
        // neither HTML nor a link nor what a terminal obeys, and CSV holds the text as it is
        let rows = vec![vec![json!("<b>&[x](y)`\\\u{1b}"), json!(null)]];
        let hostile = Table { rows, cursor: 0, ..table.clone() };
        assert!(hostile.markdown().contains(r"| &lt;b&gt;&amp;\[x](y)\`\\\\u{1b} |"), "{}", hostile.markdown());
        assert_eq!(hostile.tab_separated(Extent::Row), "<b>&[x](y)`\\\\u{1b}\t");
        assert!(hostile.comma_separated().contains("<b>&[x](y)`\\\u{1b}"));
        let back: serde_json::Value = serde_json::from_str(&table.json()).expect("json");
        assert_eq!(back[0]["layer"], json!(0));
    }
}
