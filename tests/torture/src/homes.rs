//! Homes that are looked at before and after, and their journals.

use crate::judging::{Ending, Ran, first_lines};
use locus_end_to_end::{Home, files, is_whole_safetensors};
use locus_protocol::Event;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Words of a command.
pub fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Contents of all files below a folder, by their paths in it.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |(name, _): (PathBuf, u64)| Some((name.clone(), std::fs::read(folder.join(name)).ok()?));
    files(folder).into_iter().filter_map(read).collect()
}

/// Writes files below a folder.
///
/// # Errors
/// One cannot be written.
pub fn lay_out(folder: &Path, contents: &BTreeMap<PathBuf, Vec<u8>>) -> std::io::Result<()> {
    for (name, bytes) in contents {
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, bytes)?;
    }
    Ok(())
}

/// The journal of operations of a home as `locus log --json` reads it.
///
/// # Errors
/// It cannot be read, or its numbers are not 1, 2, 3, …
pub fn operations(home: &Home) -> Result<Vec<Value>, String> {
    let ran = Ran::program(home, &words("log --json"), "");
    if ran.ending()? != Ending::Done {
        return Err(format!("the journal of operations cannot be read: {}", first_lines(&ran.err)));
    }
    let read = |line: &str| serde_json::from_str(line).map_err(|error| format!("log: {error}: {}", first_lines(line)));
    let operations: Vec<Value> = ran.out.lines().map(read).collect::<Result<_, String>>()?;
    let operations: Vec<Value> = operations.into_iter().filter(|it| it["number"].is_u64()).collect();
    let numbers: Vec<u64> = operations.iter().filter_map(|operation| operation["number"].as_u64()).collect();
    let counted: Vec<u64> = (1..=numbers.len() as u64).collect();
    if numbers == counted { Ok(operations) } else { Err(format!("lost or doubled: operations are {numbers:?}")) }
}

/// How many of them are edits; what is taken back between two edits of a command is an operation as well.
pub fn edits_of(operations: &[Value]) -> usize {
    operations.iter().filter(|operation| operation["kind"] == "edit").count()
}

/// What is kept of edits is whole, each file.
///
/// # Errors
/// One is not.
pub fn whole_deltas(home: &Home) -> Result<(), String> {
    for (name, bytes) in contents(&home.path("state/locus/deltas")) {
        let finished =
            name.extension().is_some_and(|end| end == "safetensors") && !name.to_string_lossy().starts_with('.');
        if finished && !is_whole_safetensors(&bytes) {
            return Err(format!("half a file of changes: {}", name.display()));
        }
    }
    Ok(())
}

/// All that was done comes out with the same bits when it is done again.
///
/// # Errors
/// Something does not.
pub fn replays(home: &Home) -> Result<(), String> {
    let ran = Ran::program(home, &words("replay"), "");
    match ran.ending()? {
        Ending::Done => Ok(()),
        Ending::Refused(sentence) => Err(format!("replay: {sentence}: {}", first_lines(&ran.out))),
    }
}

/// Edits that were told as done.
pub fn told_as_done(out: &str) -> usize {
    let applied = |line: &&str| matches!(serde_json::from_str::<Event>(line), Ok(Event::Applied(_)));
    out.lines().filter(applied).count()
}
