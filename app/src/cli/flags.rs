//! The flags of all commands, as they would be typed again.

use crate::cli::arguments::{Common, Zsre};
use clap::ValueEnum;
use std::path::PathBuf;

/// The flags that make another command see the same model, facts and plugins; what is as by default is left out.
pub fn of(common: &Common) -> Vec<String> {
    // every field is looked at: a new flag must say here whether it matters
    let Common {
        model,
        device,
        dtype,
        facts,
        skip_bad,
        zsre,
        corpus,
        corpus_tokens,
        corpus_column,
        corpus_sample,
        float64_sums,
        plugins,
        // a command that is shown names the edits in place by their operations, those of files as well
        apply: _,
        with_edits: _,
        // what the workbench alone starts with
        fresh: _,
        json: _,
        journal: _,
        reproducible,
        engine,
        keep: _,
        config,
        threads,
    } = common;
    let path = |path: &PathBuf| path.display().to_string();
    let word =
        |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| value().map(|word| word.get_name().to_owned());
    let mut given: Vec<(&str, Option<String>)> = vec![
        ("--model", model.as_ref().map(path)),
        ("--device", (device != "auto").then(|| device.clone())),
        ("--dtype", word(&|| dtype.to_possible_value()).filter(|name| name != "float32")),
        ("--facts", facts.as_ref().map(path)),
        ("--zsre", word(&|| zsre.to_possible_value()).filter(|_| *zsre != Zsre::Statement)),
        ("--corpus", corpus.as_ref().map(path)),
        ("--corpus-tokens", corpus_tokens.map(|count| count.to_string())),
        ("--corpus-column", corpus_column.clone()),
        ("--corpus-sample", corpus_sample.map(|count| count.to_string())),
        ("--config", config.as_ref().map(path)),
        ("--engine", engine.clone()),
        ("--threads", threads.map(|count| count.to_string())),
    ];
    given.extend(plugins.iter().map(|file| ("--plugin", Some(path(file)))));
    let mut flags: Vec<String> =
        given.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten().collect();
    let switches = [(*skip_bad, "--skip-bad"), (*float64_sums, "--float64-sums"), (*reproducible, "--reproducible")];
    flags.extend(switches.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned()));
    flags
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::cli::Arguments;
    use clap::Parser;

    #[test]
    fn flags_that_were_typed_come_back_and_defaults_do_not() {
        let read = |line: &str| Arguments::try_parse_from(line.split(' ')).expect(line).common;
        assert_eq!(of(&read("locus")), Vec::<String>::new());
        let line = "locus --model m --device cpu --dtype bfloat16 --facts f --zsre question --corpus c --corpus-tokens 9 \
                    --corpus-column t --corpus-sample 3 --threads 2 --plugin a.so --plugin b.so --skip-bad --float64-sums \
                    --reproducible";
        assert_eq!(of(&read(line)).join(" "), line.trim_start_matches("locus "));
    }
}
