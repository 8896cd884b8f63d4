//! The golden numbers under other processor instructions.

use crate::cargo_with;
use anyhow::{Context, Result};
use std::path::Path;

/// The tests that compare with golden numbers.
const TESTS: [&str; 4] = ["golden_architectures", "golden_metrics", "golden_traces", "golden_methods"];
/// What `LOCUS_INSTRUCTIONS` has them compute with, besides what is the same on every processor, which is what they do
/// without it.
const INSTRUCTIONS: [&str; 2] = ["avx2", "own"];

/// Compares once more with AVX2 and with all that this processor has. Nothing is built for it.
pub fn compare_with_other_instructions(root: &Path) -> Result<()> {
    // the whole workspace, as it was built before: with a part of it dependencies would have other features
    let mut arguments = vec!["test", "--workspace", "--release"];
    arguments.extend(TESTS.iter().flat_map(|test| ["--test", test]));
    for instructions in INSTRUCTIONS {
        eprintln!("golden numbers, instructions: {instructions}");
        cargo_with(root, &arguments, &[("LOCUS_INSTRUCTIONS", instructions)])
            .with_context(|| format!("golden numbers with LOCUS_INSTRUCTIONS={instructions}"))?;
    }
    Ok(())
}
