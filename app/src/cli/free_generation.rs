//! What an edit changes in the model's free generation, as a table.

use crate::cli::tables::{self, share};
use locus_protocol::Applied;

/// Rows of the table: what they are called, and the name of their number.
const ROWS: [(&str, &str); 6] = [
    ("rewrite says target", "rewrite_says"),
    ("rewrite says target exactly", "rewrite_says_exactly"),
    ("paraphrase says target", "paraphrase_says"),
    ("paraphrase says target exactly", "paraphrase_says_exactly"),
    ("neighborhood says true answer", "neighborhood_says"),
    ("neighborhood says true answer exactly", "neighborhood_says_exactly"),
];

/// Shares of the prompts, before and after, where the model was to say so many tokens; why there are none otherwise.
pub fn table(applied: &Applied, tokens: usize) -> String {
    if applied.aim.noise_level > 0.0 {
        return "free generation: not computed, because the objective puts noise on the subject".to_owned();
    }
    let mut table = tables::table([&format!("free generation, {tokens} tokens"), "before", "after"]);
    let number = |name: &str| applied.numbers.get(name).map_or_else(String::new, |value| share(*value));
    for (title, name) in ROWS {
        let (before, after) = (number(&format!("before.{name}")), number(&format!("after.{name}")));
        if !before.is_empty() || !after.is_empty() {
            table.add_row([title, &before, &after]);
        }
    }
    if applied.numbers.contains_key("neighborhood_kept") {
        table.add_row(["neighborhood kept", "", &number("neighborhood_kept")]);
    }
    tables::numbers(&mut table);
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::table;
    use locus_protocol::{Aim, Applied};
    use std::collections::BTreeMap;

    #[test]
    fn shares_stand_before_and_after_and_noise_is_told() {
        let numbers = [("before.rewrite_says", 0.0), ("after.rewrite_says", 1.0), ("neighborhood_kept", 0.25)];
        let numbers: BTreeMap<String, f64> = numbers.map(|(name, value)| (name.to_owned(), value)).into();
        let text = table(&Applied { numbers, ..Applied::default() }, 10);
        let row = |title: &str| {
            let line = text.lines().find(|line| line.trim().starts_with(title)).expect(&text);
            line.split_whitespace().filter(|word| word.parse::<f64>().is_ok()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((row("rewrite says target").as_str(), row("neighborhood kept").as_str()), ("0.000 1.000", "0.250"));
        assert!(text.contains("10 tokens") && !text.contains("paraphrase"), "{text}");
        let noised = Applied { aim: Aim { noise_level: 0.1, ..Aim::default() }, ..Applied::default() };
        assert!(table(&noised, 10).contains("not computed"));
    }
}
