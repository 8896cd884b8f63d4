//! Breaks long names into lines.

/// A text in lines of so many letters; what is more than so many lines ends in an ellipsis.
pub fn in_lines(text: &str, letters: usize, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let line = lines.last_mut().map(|line| (line.chars().count(), line));
            let Some((used, line)) = line else { break };
            let between = usize::from(used > 0);
            if used + between + word.len() <= letters {
                line.extend(std::iter::repeat_n(' ', between).chain(word.drain(..)));
            } else if used > 0 {
                lines.push(String::new());
            } else {
                line.extend(word.drain(..letters));
                lines.push(String::new());
            }
        }
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(line) = lines.last_mut() {
            *line = line.chars().take(letters - 1).chain(['…']).collect();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_lines_and_none_is_longer() {
        assert_eq!(in_lines("one layer, the best on other facts", 20, 3), ["one layer, the best", "on other facts"]);
        let long = in_lines(&"方法".repeat(90), 10, 2);
        assert!(long.len() == 2 && long.iter().all(|line| line.chars().count() <= 10) && long[1].ends_with('…'));
        assert_eq!(in_lines("", 10, 2), [""]);
    }
}
