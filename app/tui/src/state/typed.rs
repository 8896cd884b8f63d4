//! Lines that were typed after `:`, the last first, each once.

use serde::{Deserialize, Serialize};

/// Lines that are kept.
const KEPT: usize = 100;

/// Lines that were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Typed(Vec<String>);

impl Typed {
    /// A line was typed; where it was typed before it comes in front.
    pub fn add(&mut self, line: String) {
        self.0.retain(|known| *known != line);
        self.0.insert(0, line);
        self.0.truncate(KEPT);
    }

    /// The lines, the last first.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Typed};

    #[test]
    fn a_line_stands_once_and_the_oldest_give_way() {
        let mut typed = Typed::default();
        for line in ["trace", "layer 3", "trace"] {
            typed.add(line.to_owned());
        }
        assert_eq!(typed.lines(), ["trace", "layer 3"]);
        (0..2 * KEPT).for_each(|number| typed.add(format!("layer {number}")));
        assert_eq!(typed.lines().len(), KEPT);
    }
}
