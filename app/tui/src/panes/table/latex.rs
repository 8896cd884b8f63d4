//! Tables as LaTeX, for `\input`; the package booktabs draws their rules.

use super::{Table, cell_text};
use locus_analysis::report::latex::escaped;
use serde_json::Value;

impl Table {
    /// A table in LaTeX: numbers are set to the right.
    #[must_use]
    pub fn latex(&self) -> String {
        let is_number = |column: usize| {
            let mut cells =
                self.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_null()).peekable();
            cells.peek().is_some() && cells.all(Value::is_number)
        };
        let sides: String = (0..self.columns.len()).map(|column| if is_number(column) { 'r' } else { 'l' }).collect();
        // an empty group, so that a bracket in a first cell is no option of the row before
        let line = |cells: Vec<String>| format!("{{}}{} \\\\\n", cells.join(" & "));
        let head = line(self.columns.iter().map(|name| escaped(name)).collect());
        let rows = self.rows.iter().map(|row| line(row.iter().map(|cell| escaped(&cell_text(cell))).collect()));
        let caption = match self.title.is_empty() {
            true => String::new(),
            false => format!("\\caption{{{}}}\n", escaped(&self.title)),
        };
        format!(
            "% \\usepackage{{booktabs}}; letters that the fonts lack can be given another form:\n\
             \\providecommand{{\\locusletter}}[2]{{#2}}\n\\begin{{table}}[htbp]\n\\centering\n{caption}\
             \\begin{{tabular}}{{{sides}}}\n\\toprule\n{head}\\midrule\n{}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n",
            rows.collect::<String>()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use serde_json::json;

    #[test]
    fn nothing_in_a_cell_means_anything_to_latex() {
        let table = Table {
            name: "layers".into(),
            title: "ROME & 50 %".into(),
            columns: vec!["layer".into(), "p_new".into()],
            rows: vec![vec![json!(0), json!("a_b & \\end{tabular}")], vec![json!(1), json!(null)]],
            cursor: 0,
        };
        let text = table.latex();
        assert!(text.contains("\\begin{tabular}{rl}\n\\toprule\n{}layer & p\\_new \\\\\n\\midrule\n"), "{text}");
        assert!(text.contains("{}0 & a\\_b \\& \\textbackslash{}end\\{tabular\\} \\\\\n{}1 &  \\\\\n"), "{text}");
        assert!(text.contains("\\caption{ROME \\& 50 \\%}"), "{text}");
        assert_eq!(text.matches("\\end{tabular}").count(), 1);
    }
}
