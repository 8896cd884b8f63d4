//! Generates the training text: facts, descriptions and filler, packed into rows of tokens.
//!
//! 72 % of the sentences state a fact, 10 % describe a subject ("X is a ..."), 18 % are filler. A fifth
//! are cut at a random token and closed with a full stop: editing methods prepend cut-off samples to a
//! prompt as context, and the model must not be thrown by them.

use std::ops::Range;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokenizers::Tokenizer;

use crate::error::TrainingError;
use crate::tokenizer::EOS_ID;
use crate::world::World;

/// Tokens of a training row.
pub const ROW: usize = 64;

const FACTS: f64 = 0.72;
const DESCRIPTIONS: f64 = 0.10;
const LEAD_IN: f64 = 0.12;
const CUT: f64 = 0.2;
const SENTENCES_PER_DOCUMENT: std::ops::RangeInclusive<usize> = 1..=3;

/// A sentence before tokenization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The text, ending in a full stop.
    pub text: String,
    /// Bytes of the subject, if it has one.
    pub subject: Option<Range<usize>>,
    /// Bytes of the answer with its leading space, if it states a fact.
    pub answer: Option<Range<usize>>,
}

/// Tokens of a sentence or of a packed row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    pub ids: Vec<i64>,
    /// First and last token of each whole mention of a subject.
    pub mentions: Vec<(usize, usize)>,
    /// Positions that hold an answer.
    pub answers: Vec<usize>,
}

/// An endless, seeded stream of sentences and rows.
pub struct Corpus<'a> {
    world: &'a World,
    tokenizer: &'a Tokenizer,
    rng: ChaCha8Rng,
}

impl<'a> Corpus<'a> {
    /// A stream that depends on nothing but its arguments.
    pub fn new(world: &'a World, tokenizer: &'a Tokenizer, seed: u64) -> Self {
        Self { world, tokenizer, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next sentence, whole.
    pub fn sentence(&mut self) -> Sentence {
        let draw: f64 = self.rng.random();
        if draw < FACTS {
            self.fact()
        } else if draw < FACTS + DESCRIPTIONS {
            self.description()
        } else {
            let plan = self.choose(&self.world.grammar.filler.sentences).to_owned();
            Sentence { text: self.fill(&plan) + ".", subject: None, answer: None }
        }
    }

    /// The next row of exactly [`ROW`] tokens: documents of one to three sentences, each closed by the
    /// end-of-text token, the last one cut off where the row is full. A row starts with a document.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn row(&mut self) -> Result<Tokens, TrainingError> {
        let mut row = Tokens::default();
        while row.ids.len() < ROW {
            for index in 0..self.rng.random_range(SENTENCES_PER_DOCUMENT) {
                let sentence = self.sentence();
                let mut tokens = tokenize(self.tokenizer, &sentence, index > 0)?;
                if self.rng.random_bool(CUT) {
                    let length = self.rng.random_range(1..tokens.ids.len());
                    tokens.truncate(length);
                    tokens.ids.push(self.full_stop()?);
                }
                row.append(&tokens);
            }
            row.ids.push(i64::from(EOS_ID));
        }
        row.truncate(ROW);
        Ok(row)
    }

    /// Readable text of at least `tokens` tokens, one document a line, for second moments.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn text(&mut self, tokens: usize) -> Result<String, TrainingError> {
        let mut text = String::new();
        let mut count = 0;
        while count < tokens {
            let sentences: Vec<String> = (0..self.rng.random_range(2..=6)).map(|_| self.sentence().text).collect();
            let line = sentences.join(" ");
            count += self.tokenizer.encode_fast(line.as_str(), false)?.len();
            text.push_str(&line);
            text.push('\n');
        }
        Ok(text)
    }

    fn fact(&mut self) -> Sentence {
        let fact = self.choose(&self.world.facts);
        let template = *self.choose(&fact.trained);
        let template = &self.world.relation_of(fact).templates[template];
        let subject = self.world.subject_of(fact);
        let mut text = String::new();
        if self.rng.random_bool(LEAD_IN) {
            text.push_str(self.choose::<String>(&self.world.grammar.lead_ins));
            text.push(' ');
            text.push_str(&lower_first(template));
        } else {
            text.push_str(template);
        }
        let (text, subject) = put_subject(&text, subject);
        let start = text.len();
        let text = format!("{text} {}.", fact.answer);
        let answer = start..text.len() - 1;
        Sentence { text, subject: Some(subject), answer: Some(answer) }
    }

    fn description(&mut self) -> Sentence {
        let subject = self.choose(&self.world.subjects);
        let plan = match self.world.grammar.descriptions.get(&subject.table) {
            Some(plans) => self.choose(plans).to_owned(),
            None => "{} is a name".to_owned(),
        };
        let (text, range) = put_subject(&self.fill(&plan), &subject.name);
        Sentence { text: text + ".", subject: Some(range), answer: None }
    }

    fn fill(&mut self, plan: &str) -> String {
        let mut text = String::new();
        let mut rest = plan;
        while let Some((before, tail)) = rest.split_once('<') {
            let (name, after) = tail.split_once('>').unwrap_or((tail, ""));
            text.push_str(before);
            if let Some(words) = self.world.grammar.words.get(name) {
                text.push_str(self.choose::<String>(words));
            }
            rest = after;
        }
        text + rest
    }

    fn full_stop(&self) -> Result<i64, TrainingError> {
        let stop = self.tokenizer.encode_fast(".", false)?;
        Ok(i64::from(stop.get_ids()[0]))
    }

    fn choose<T>(&mut self, items: &'a [T]) -> &'a T {
        items.choose(&mut self.rng).unwrap_or(&items[0])
    }
}

impl Tokens {
    /// Keeps the first `length` tokens; mentions and answers that are no longer whole are forgotten.
    fn truncate(&mut self, length: usize) {
        self.ids.truncate(length);
        self.mentions.retain(|&(_, last)| last < length);
        self.answers.retain(|&position| position < length);
    }

    fn append(&mut self, other: &Tokens) {
        let offset = self.ids.len();
        self.ids.extend(&other.ids);
        self.mentions.extend(other.mentions.iter().map(|&(first, last)| (first + offset, last + offset)));
        self.answers.extend(other.answers.iter().map(|&position| position + offset));
    }
}

/// Tokenizes a sentence and finds its subject and answer; `follows` puts a space before it.
///
/// # Errors
/// When the tokenizer fails.
pub fn tokenize(tokenizer: &Tokenizer, sentence: &Sentence, follows: bool) -> Result<Tokens, TrainingError> {
    let shift = usize::from(follows);
    let text = if follows { format!(" {}", sentence.text) } else { sentence.text.clone() };
    let encoding = tokenizer.encode(text, false)?;
    let overlapping = |bytes: &Range<usize>| -> Vec<usize> {
        let (start, end) = (bytes.start + shift, bytes.end + shift);
        let offsets = encoding.get_offsets().iter().enumerate();
        offsets.filter(|(_, (from, to))| *from < end && *to > start).map(|(index, _)| index).collect()
    };
    let mentions = sentence.subject.as_ref().map(&overlapping).unwrap_or_default();
    Ok(Tokens {
        ids: encoding.get_ids().iter().map(|&id| i64::from(id)).collect(),
        mentions: mentions.first().copied().zip(mentions.last().copied()).into_iter().collect(),
        answers: sentence.answer.as_ref().map(overlapping).unwrap_or_default(),
    })
}

fn put_subject(template: &str, subject: &str) -> (String, Range<usize>) {
    let start = template.find("{}").unwrap_or(0);
    (template.replacen("{}", subject, 1), start..start + subject.len())
}

/// Lower-cases the first letter, unless the text starts with the subject.
fn lower_first(template: &str) -> String {
    let mut letters = template.chars();
    match letters.next() {
        Some(first) if first != '{' => first.to_lowercase().chain(letters).collect(),
        _ => template.to_owned(),
    }
}
