//! Words that users type as commands by guess, and the commands that do what they mean.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use locus_protocol::shown::message;

/// Words, and the sentence that answers them.
const WORDS: &[(&[&str], &str)] = &[
    (
        &["list", "ls"],
        "name what to list: `locus facts`, `locus methods`, `locus objectives`, `locus models`, `locus log` (edits) or \
         `locus stats` (second moments)",
    ),
    (
        &["layers", "layer"],
        "`locus model info` shows how many layers a model has, `locus trace` which ones matter for a fact, and \
         --layers of `locus edit` chooses the ones to edit",
    ),
    (
        &["run", "exec", "start"],
        "`locus` alone opens the workbench, `locus trace` and `locus edit` take a fact, `locus eval` takes many, and `locus \
         sweep run` a grid",
    ),
    (
        &["bench", "benchmark", "evaluate", "measure", "score", "test"],
        "`locus eval` measures an edit on every fact of a file; `cargo xtask bench` in a checkout measures how fast \
         the program is",
    ),
    (&["gui", "tui", "ui", "workbench", "open", "shell", "repl", "interactive"], "`locus` alone opens the workbench"),
    (
        &["predict", "ask", "say", "says", "generate", "complete", "chat", "prompt"],
        "`locus trace \"The capital of {France} is\"` shows what the model predicts after a prompt and where that \
         comes from",
    ),
    (
        &["locate", "find", "localize", "localise", "causal-trace", "tracing", "search"],
        "`locus trace` shows where a fact is stored, and `locus facts WORD` finds facts",
    ),
    (
        &["load", "use", "download", "pull", "import"],
        "every command takes --model with a folder or an id of the Hugging Face hub; `locus models` lists those on \
         this machine, and `locus model download ID` downloads one",
    ),
    (
        &["rewrite", "inject", "update", "set", "change"],
        "`locus edit \"The capital of {France} is\" Rome` edits a fact",
    ),
    (&["diff", "versus", "vs"], "`locus compare` puts edits of a fact side by side"),
    (
        &["history", "journal", "edits", "operations", "status"],
        "`locus log` lists all operations, `locus show N` shows one of them, `locus sweep status DIR` a sweep, and \
         `locus attach --list` the running engines",
    ),
    (
        &["revert", "rollback", "restore", "reset"],
        "`locus undo` undoes an edit, and `locus --fresh` starts without any",
    ),
    (&["save", "write"], "`locus edit --save FILE` saves an edit, and `locus export` writes the edited model"),
    (
        &["apply", "patch", "merge"],
        "`locus deltas apply FILE` applies saved edits, as --apply FILE does before any command",
    ),
    (&["info", "about"], "`locus model info` describes a model, and `locus doctor` this machine"),
    (
        &["install", "new", "init", "create"],
        "`locus plugin new NAME` creates a plugin to start from; nothing else needs to be installed",
    ),
    (
        &["check", "verify", "lint"],
        "`locus plugin check FILE` checks a plugin, and `locus stats verify` second moments",
    ),
    (&["train"], "`locus demo train` trains the built-in model; Locus trains no other"),
    (&["data", "dataset", "records", "cases", "fact"], "`locus facts` lists the facts, and --facts FILE loads others"),
    (
        &["settings", "options", "preferences", "set-up", "setup", "configure"],
        "`locus config show` lists the settings that the program starts with",
    ),
    (&["moments", "covariance", "cov", "second-moments", "cache"], "`locus stats` lists and collects second moments"),
    (
        &["serve", "server", "engine", "connect"],
        "`locus attach` joins a running engine, and --engine COMMAND starts one elsewhere",
    ),
    (
        &["tutorial", "guide", "docs", "example", "examples", "tour"],
        "`locus demo` is a tour on the built-in model, and README.md describes the first ten minutes",
    ),
    (&["quit", "exit", "q"], "commands end by themselves; in the workbench, q quits"),
];

/// What to use instead of an unknown command; `None` for a word that is not listed.
pub fn answer(error: &clap::Error) -> Option<String> {
    let typed = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(typed))) => typed,
        _ => return None,
    };
    if typed.contains(['{', ' ']) {
        return Some(format!(
            "“{}” comes without a command: `locus trace \"…\"` traces a prompt, and `locus edit \"…\" Rome` edits it",
            message(typed)
        ));
    }
    let said = WORDS.iter().find(|(words, _)| words.contains(&typed.to_lowercase().as_str()))?;
    Some(format!("there is no command `{typed}`: {}", said.1))
}

#[cfg(test)]
mod tests {
    use super::{WORDS, answer};
    use crate::cli::arguments::Arguments;
    use clap::{CommandFactory, Parser};

    #[test]
    fn every_word_is_answered_with_commands_that_there_are() {
        let command = Arguments::command();
        let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let mut words = WORDS.iter().flat_map(|(words, _)| words.iter()).collect::<Vec<_>>();
        for word in &words {
            let error = Arguments::try_parse_from(["locus", word]).expect_err(word);
            assert!(answer(&error).is_some(), "{word}: {error}");
            assert!(!known.contains(word), "{word} is a command");
        }
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count, "a word has two answers");
        for (_, said) in WORDS {
            for named in said.split('`').filter_map(|part| part.strip_prefix("locus ")) {
                let named = named.split_whitespace().next().unwrap_or_default();
                assert!(named.starts_with('-') || known.contains(&named), "`locus {named}`: {said}");
            }
        }
    }

    #[test]
    fn what_nobody_has_thought_of_is_left_to_the_suggestions() {
        let error = Arguments::try_parse_from(["locus", "trac"]).expect_err("no command");
        assert_eq!(answer(&error), None);
        assert!(error.to_string().contains("trace"), "{error}");
        let error = Arguments::try_parse_from(["locus", "The capital of {France} is"]).expect_err("no command");
        assert!(answer(&error).is_some_and(|said| said.contains("locus trace")));
    }
}
