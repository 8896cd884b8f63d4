//! What a model says of its own accord after the prompts of a record. Likelihoods of a given target see the target's
//! tokens and its length; most edits that look whole by them do not change what the model says (Yang et al. 2025,
//! arXiv 2502.11177). The text is the most probable one and ends where a sentence does.

use super::numbers::Numbers;
use super::record::ScoringGoal;
use super::success::Group;
use crate::error::Result;
use crate::model::Model;
use crate::run::{Choice, Length, generate, sentence};
use locus_protocol::{Fact, FreeText};

/// Groups of prompts after which something is said.
const GROUPS: [Group; 3] = [Group::Rewrite, Group::Paraphrase, Group::Neighborhood];

/// What a model says after each prompt of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreeTexts {
    /// By group of [`GROUPS`], a text for each prompt.
    texts: [Vec<String>; 3],
}

impl FreeTexts {
    /// Lets the model go on after every prompt, all in one batch, by at most `tokens` tokens each.
    ///
    /// # Errors
    /// An empty or overlong prompt; what `listen` returns.
    pub fn of(model: &Model, fact: &Fact, tokens: usize, listen: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let groups = prompts_of(fact);
        let prompts: Vec<String> = groups.iter().flatten().cloned().collect();
        let said = generate(model, &prompts, Length::Sentence(tokens), Choice::Greedy, listen)?;
        let mut said = said.iter().map(|text| Ok(sentence(&text.continuation(model)?).to_owned()));
        let mut texts: [Vec<String>; 3] = Default::default();
        for (texts, prompts) in texts.iter_mut().zip(&groups) {
            *texts = said.by_ref().take(prompts.len()).collect::<Result<_>>()?;
        }
        Ok(Self { texts })
    }

    /// The share of texts of each group that say the target, and that say nothing else, each name after `when`. After
    /// neighborhood prompts the true answer of the record is looked for, which is theirs as well.
    #[must_use]
    pub fn numbers(&self, when: &str, fact: &Fact, goal: &ScoringGoal) -> Numbers {
        let mut numbers = Numbers::new();
        for (group, texts) in GROUPS.into_iter().zip(&self.texts) {
            let answer = if group == Group::Neighborhood { &fact.target_true } else { &goal.target };
            if texts.is_empty() || answer.trim().is_empty() {
                continue;
            }
            let share =
                |is: &dyn Fn(&str) -> bool| texts.iter().filter(|text| is(text)).count() as f64 / texts.len() as f64;
            let name = group.name();
            numbers.insert(format!("{when}.{name}_says"), share(&|text| says(text, answer)));
            numbers.insert(format!("{when}.{name}_says_exactly"), share(&|text| says_exactly(text, answer)));
        }
        numbers
    }

    /// The share of neighborhood prompts after which the same is said as `before`; `None` without such prompts.
    #[must_use]
    pub fn neighborhood_kept(&self, before: &Self) -> Option<f64> {
        let (now, then) = (&self.texts[2], &before.texts[2]);
        let same = now.iter().zip(then).filter(|(now, then)| now == then).count();
        (!now.is_empty()).then(|| same as f64 / now.len() as f64)
    }

    /// The texts themselves, each with its prompt, and what is said after an edit where there is one.
    #[must_use]
    pub fn told(&self, fact: &Fact, after: Option<&Self>) -> Vec<FreeText> {
        let mut told = Vec::new();
        for (place, (group, prompts)) in GROUPS.into_iter().zip(prompts_of(fact)).enumerate() {
            for (index, (prompt, before)) in prompts.into_iter().zip(&self.texts[place]).enumerate() {
                let after = after.and_then(|after| after.texts[place].get(index).cloned());
                told.push(FreeText { group: group.name().to_owned(), prompt, before: before.clone(), after });
            }
        }
        told
    }
}

/// The prompts of a record by group of [`GROUPS`].
fn prompts_of(fact: &Fact) -> [Vec<String>; 3] {
    [vec![fact.prompt()], fact.paraphrases.clone(), fact.neighborhood.clone()]
}

/// Whether a text has the words of the answer, one after the other, in whatever case.
#[must_use]
pub fn says(text: &str, answer: &str) -> bool {
    let (text, answer) = (plain_words(text), plain_words(answer));
    !answer.is_empty() && text.windows(answer.len()).any(|window| window == answer)
}

/// Whether a text has those words and no others.
#[must_use]
pub fn says_exactly(text: &str, answer: &str) -> bool {
    let answer = plain_words(answer);
    !answer.is_empty() && plain_words(text) == answer
}

/// Words in lower case, without punctuation.
fn plain_words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{FreeTexts, says, says_exactly};
    use crate::evaluate::ScoringGoal;
    use locus_protocol::Fact;

    #[test]
    fn an_answer_is_said_as_words() {
        assert!(says(" the French language.", "French") && says("NEW YORK, of course", "New York"));
        assert!(!says(" a Parisian", "Paris") && !says("New in York", "New York") && !says("anything", " "));
        assert!(says_exactly(" French.", "French") && !says_exactly(" French wine.", "French"));
    }

    #[test]
    fn shares_count_the_prompts_of_each_group_and_texts_keep_their_prompts() {
        let texts = |rewrite: &str, paraphrases: [&str; 2], neighborhood: &str| FreeTexts {
            texts: [
                vec![rewrite.to_owned()],
                paraphrases.map(str::to_owned).to_vec(),
                vec![neighborhood.to_owned(), " Rome.".to_owned()],
            ],
        };
        let fact = Fact {
            paraphrases: vec!["p1".into(), "p2".into()],
            neighborhood: vec!["n1".into(), "n2".into()],
            ..Fact::from_marked("The capital of {France} is", "Paris", "Rome").expect("a fact")
        };
        let before = texts(" Paris.", [" Paris.", " Paris, in France."], " Paris.");
        let after = texts(" Rome.", [" the city of Rome.", " Paris."], " Paris.");
        let goal = ScoringGoal { target: "Rome".into(), baseline: "Paris".into(), noise: None };
        let numbers = after.numbers("after", &fact, &goal);
        let of = |name: &str| numbers[&format!("after.{name}")];
        assert_eq!((of("rewrite_says"), of("rewrite_says_exactly")), (1.0, 1.0));
        assert_eq!((of("paraphrase_says"), of("paraphrase_says_exactly")), (0.5, 0.0));
        // after prompts about others the true answer is looked for
        assert_eq!((of("neighborhood_says"), of("neighborhood_says_exactly")), (0.5, 0.5));
        assert_eq!(after.neighborhood_kept(&before), Some(1.0));
        let told = before.told(&fact, Some(&after));
        let listed: Vec<_> = told.iter().map(|it| (it.group.as_str(), it.prompt.as_str())).collect();
        let rewrite = ("rewrite", "The capital of France is");
        assert_eq!(listed[..2], [rewrite, ("paraphrase", "p1")]);
        assert_eq!(listed[3..], [("neighborhood", "n1"), ("neighborhood", "n2")]);
        assert_eq!((told[2].before.as_str(), told[2].after.as_deref()), (" Paris, in France.", Some(" Paris.")));
        assert!(before.told(&fact, None).iter().all(|it| it.after.is_none()));
    }
}
