//! Trains the built-in model's tokenizer: byte-level BPE with 2,048 entries.
//!
//! The training text is weighted so that every answer, with its leading space, becomes one token, while
//! most names of subjects fall into a few: a subject of several tokens is what makes "the last subject
//! token" a place of its own in a causal trace.

use tokenizers::decoders::DecoderWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{AddedToken, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer, Trainer};

use crate::error::TrainingError;
use crate::world::World;

/// Size of the vocabulary.
pub const VOCABULARY: usize = 2048;
/// The token between documents; its id is [`EOS_ID`].
pub const EOS: &str = "<|endoftext|>";
/// Id of [`EOS`].
pub const EOS_ID: u32 = 0;

// How often each sort of text is counted. Answers come first by far, then the words of the sentences;
// names of subjects share what is left of the vocabulary.
const ANSWER_WEIGHT: usize = 2000;
const SENTENCE_WEIGHT: usize = 40;
const SUBJECT_WEIGHT: usize = 20;

/// Trains the tokenizer on the world's words.
///
/// # Errors
/// [`TrainingError::LongAnswer`] when an answer does not fit into one token.
pub fn train(world: &World) -> Result<Tokenizer, TrainingError> {
    let mut trainer = BpeTrainerBuilder::new()
        .vocab_size(VOCABULARY)
        .show_progress(false)
        .special_tokens(vec![AddedToken::from(EOS, true)])
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let byte_level = ByteLevel::new(false, true, true);
    trainer.feed(training_text(world).into_iter(), |line| {
        let mut line = PreTokenizedString::from(line);
        byte_level.pre_tokenize(&mut line)?;
        let words = line.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
        Ok(words.into_iter().map(|(word, ..)| word.to_owned()).collect())
    })?;
    let mut model = BPE::default();
    let special = trainer.train(&mut model)?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer
        .with_pre_tokenizer(Some(PreTokenizerWrapper::from(byte_level)))
        .with_decoder(Some(DecoderWrapper::from(byte_level)))
        // Offsets keep the leading space, as in GPT-2's own tokenizer file.
        .with_post_processor(Some(PostProcessorWrapper::from(ByteLevel::new(false, false, true))));
    tokenizer.add_special_tokens(special)?;
    for answer in world.answers() {
        token_of_answer(&tokenizer, answer)?;
    }
    Ok(tokenizer)
}

/// Id of an answer with its leading space.
///
/// # Errors
/// [`TrainingError::LongAnswer`] when it is more than one token.
pub fn token_of_answer(tokenizer: &Tokenizer, answer: &str) -> Result<u32, TrainingError> {
    match *tokenizer.encode_fast(format!(" {answer}"), false)?.get_ids() {
        [id] => Ok(id),
        _ => Err(TrainingError::LongAnswer(answer.to_owned())),
    }
}

fn training_text(world: &World) -> Vec<String> {
    let mut text = Vec::new();
    let mut add = |line: String, weight: usize| text.extend(std::iter::repeat_n(line, weight));
    for answer in world.answers() {
        add(format!(" {answer}"), ANSWER_WEIGHT);
    }
    let grammar = &world.grammar;
    let sentences = world.relations.iter().flat_map(|relation| &relation.templates);
    let sentences = sentences.chain(&grammar.lead_ins).chain(grammar.descriptions.values().flatten());
    for sentence in sentences.chain(&grammar.filler.sentences) {
        // Once as the start of a text, once after another sentence.
        let plain = sentence.replace("{}", "").replace(['<', '>'], "");
        add(format!("{plain}."), SENTENCE_WEIGHT);
        add(format!(" {plain}."), SENTENCE_WEIGHT);
    }
    for word in grammar.words.values().flatten() {
        add(format!(" {word}"), SENTENCE_WEIGHT);
    }
    for subject in &world.subjects {
        add(subject.name.clone(), SUBJECT_WEIGHT);
        add(format!(" {}", subject.name), SUBJECT_WEIGHT);
    }
    text
}
