//! How much memory a heat map takes.

use crate::model::Architecture;
use crate::run::LOGITS_AT_ONCE;

/// What a heat map is made of, as far as its memory goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapSize {
    /// Tokens of the prompt and all but the last of the answer.
    pub tokens: usize,
    /// Position of the first token that differs between runs; 0 where none does.
    pub first: usize,
    /// Rows of a cell: noised copies.
    pub samples: usize,
    /// Tokens of the answer.
    pub answer: usize,
    /// Rows of the map that are computed at once.
    pub at_once: usize,
    /// Bytes of a number.
    pub number: usize,
}

/// What libraries keep for themselves, in bytes.
const KEPT: u64 = 16 << 20;

/// Bytes that a heat map takes at most beside the model. With `h` numbers of the residual stream, `q` of all queries, `k` of all
/// keys and `i` of the MLP, `L` layers, `T` tokens of which `C` come from the first that differs on, `N` samples and `G` rows of
/// the map at once, these are, in numbers:
///
/// - `L T (3h + 2k)` for the clean run and `L N (3h C + 2k T)` for the noised one: streams, outputs of attention and MLP, keys
///   and values;
/// - `R (12h + 2q + 4k + 4i)` for a block, with `R = L N G C` tokens that run through it: what enters it and what its parts
///   make of it one after the other;
/// - `L N (2q T + 5 A C max(T, 16))` for the attention of one row of the map, with `A` heads: keys and values with what is
///   before them, and scores;
/// - what is read at the end, beside what blocks have let go and an allocator keeps: of as many distributions as have 2²⁴
///   numbers, or one for each cell, sample and token of the answer where these are fewer, and 32 of them normalized.
///
/// An eighth more is for the gaps between pieces of memory, and 16 MiB for what libraries keep.
#[must_use]
pub fn map_bytes(architecture: &Architecture, size: MapSize) -> u64 {
    let MapSize { tokens, first, samples, answer, at_once, number } = size;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let (h, i) = (count(architecture.hidden), count(architecture.inner));
    let (heads, width) = (count(architecture.heads), count(architecture.head_width));
    let (q, k) = (heads * width, count(architecture.key_value_heads) * width);
    let (layers, t, n) = (architecture.layers as u64, tokens as u64, samples as u64);
    let c = tokens.saturating_sub(first) as u64;
    let runs = layers * t * (3 * h + 2 * k) + layers * n * (3 * h * c + 2 * k * t);
    let rows = layers * n * at_once as u64 * c;
    let block = rows * (12 * h + 2 * q + 4 * k + 4 * i);
    let attention = layers * n * (2 * q * t + 5 * heads * c * t.max(16));
    let vocabulary = count(architecture.vocabulary);
    let distributions = layers * n * at_once as u64 * answer as u64;
    let read = (distributions * vocabulary).min(LOGITS_AT_ONCE as u64 + vocabulary) + 2 * 32 * vocabulary;
    let numbers = runs + block + attention + read;
    number as u64 * (numbers + numbers / 8) + KEPT
}
