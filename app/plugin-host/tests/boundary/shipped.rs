//! The plugins that ship, in the host with which authors test theirs.

use crate::support::{library, method, objective};
use locus_plugin_host::load;
use locus_plugin_test::{TestHost, fact};

/// Each method with one objective, and each objective with one method.
const PAIRS: [(&str, &str); 7] = [
    ("fine-tuning", "error-injection"),
    ("memit", "error-injection"),
    ("rome", "error-injection"),
    ("fine-tuning", "fact-amplification"),
    ("fine-tuning", "fact-erasure"),
    ("fine-tuning", "fact-forcing"),
    ("fine-tuning", "tracing-reversal"),
];

#[test]
fn every_edit_brings_the_target_nearer_to_the_aim() {
    for (of_method, of_objective) in PAIRS {
        let method = method(&load(&library(&format!("locus-{of_method}"))).expect("loads"), of_method);
        let objective = objective(&load(&library(&format!("locus-{of_objective}"))).expect("loads"), of_objective);
        // with other noise in each run the losses of so few steps go up and down
        let settings: &[_] = if of_objective == "fact-forcing" { &[("redraw", "no")] } else { &[] };
        let host = TestHost::new();
        let trial = host.trial((&*method, &[]), (&*objective, settings), &fact());
        let trial = trial.unwrap_or_else(|error| panic!("{of_method} with {of_objective}: {error}"));
        let nearer = if trial.goal.lowers { trial.after < trial.before } else { trial.after > trial.before };
        assert!(nearer, "{of_method} with {of_objective}: {} {} {:?}", trial.before, trial.after, trial.losses);
        assert_eq!(host.prepared(), 0, "{of_method} with {of_objective}");
    }
}
