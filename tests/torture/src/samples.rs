//! Valid files of every kind that the program reads, and what reads each.

mod corpora;
mod texts;

use crate::homes::words;
use crate::judging::{Ran, first_lines};
use crate::pool;
use anyhow::{Context, Result};
use locus_end_to_end::{Home, plugin, program};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// What a file is made of, which says how it can be spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON document.
    Json,
    /// A JSON document a line.
    JsonLines,
    /// TOML.
    Toml,
    /// Lines of text.
    Text,
    /// safetensors.
    Tensors,
    /// Other bytes.
    Bytes,
}

/// What reads a file.
#[derive(Clone, Copy, Debug)]
pub enum Reader {
    /// The program with the sample's arguments.
    Program,
    /// The same with a cache of its own, where it changes what the cache holds.
    ProgramWithCache,
    /// A function of the program's, for what only a workbench with a terminal reads: what it made of the file, or its
    /// sentence.
    Function(fn(&Path) -> std::result::Result<String, String>),
}

/// A valid file.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is.
    pub kind: String,
    /// Where it lies in the home.
    pub file: PathBuf,
    /// Its contents.
    pub bytes: Vec<u8>,
    /// What lies beside it.
    pub beside: Vec<(PathBuf, Vec<u8>)>,
    /// What the program is told.
    pub arguments: Vec<String>,
    /// What it is made of.
    pub form: Form,
    /// What reads it.
    pub reader: Reader,
    /// Whether a damage has to be noticed wherever it is: it holds a checksum of itself.
    pub sealed: bool,
    /// What the program makes of it as it is.
    pub numbers: String,
}

impl Sample {
    fn new(kind: &str, file: &str, bytes: Vec<u8>, form: Form, arguments: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            file: file.into(),
            bytes,
            beside: Vec::new(),
            arguments: words(arguments),
            form,
            reader: Reader::Program,
            sealed: false,
            numbers: String::new(),
        }
    }

    fn function(self, reader: fn(&Path) -> std::result::Result<String, String>) -> Self {
        Self { reader: Reader::Function(reader), ..self }
    }

    fn with_own_cache(self) -> Self {
        Self { reader: Reader::ProgramWithCache, ..self }
    }

    fn sealed(self) -> Self {
        Self { sealed: true, ..self }
    }

    /// Has it read with other contents.
    ///
    /// # Errors
    /// A home cannot be made.
    pub fn read(&self, bytes: &[u8]) -> Result<Ran> {
        let home = match self.reader {
            Reader::ProgramWithCache => Home::cold(),
            Reader::Program | Reader::Function(_) => Home::new(),
        };
        let write = |file: &Path, bytes: &[u8]| {
            let place = home.path("").join(file);
            std::fs::create_dir_all(place.parent().context("a folder")?)?;
            std::fs::write(&place, bytes).with_context(|| place.display().to_string())
        };
        for (file, bytes) in &self.beside {
            write(file, bytes)?;
        }
        write(&self.file, bytes)?;
        if let Reader::Function(function) = self.reader {
            let file = home.path("").join(&self.file);
            let read = catch_unwind(|| function(&file));
            let (code, out, err) = match read {
                Ok(Ok(out)) => (0, out, String::new()),
                Ok(Err(sentence)) => (1, String::new(), format!("locus: {sentence}\n")),
                Err(_) => (101, String::new(), "it panicked".to_owned()),
            };
            return Ok(Ran::told(code, out, err));
        }
        Ok(Ran::program(&home, &self.arguments, ""))
    }
}

/// All samples.
///
/// # Errors
/// A file cannot be made.
pub fn all() -> Result<Vec<Sample>> {
    let mut samples = models()?;
    samples.extend(texts::all());
    samples.extend(corpora::all()?);
    samples.extend(made()?);
    Ok(samples)
}

/// The samples, each read once as it is.
///
/// # Errors
/// The program refuses one.
pub fn read_as_they_are(samples: Vec<Sample>) -> Result<Vec<Sample>> {
    let read: Vec<Result<Sample>> = pool::each(samples, |mut sample| {
        let ran = sample.read(&sample.bytes)?;
        let said = || first_lines(&ran.err);
        anyhow::ensure!(ran.code == Some(0), "{} as it is: {:?} {}", sample.kind, ran.code, said());
        sample.numbers = ran.numbers();
        Ok(sample)
    });
    let refused: Vec<String> = read.iter().filter_map(|read| Some(format!("{:#}", read.as_ref().err()?))).collect();
    anyhow::ensure!(refused.is_empty(), "valid files are refused:\n{}", refused.join("\n"));
    read.into_iter().collect()
}

/// The folder of golden checkpoints.
fn checkpoints() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/arch")
}

/// The files of small checkpoints, traced.
fn models() -> Result<Vec<Sample>> {
    let trace = "trace --model m --samples 2 --json --prompt {France} --true Paris";
    let mut samples = Vec::new();
    for (family, files) in [
        ("gpt2", &["config.json", "tokenizer.json", "model.safetensors"][..]),
        ("llama", &["config.json", "tokenizer.json", "model.safetensors.index.json"]),
        ("gemma2", &["config.json", "model.safetensors"]),
        ("phi", &["config.json"]),
        ("gpt_neox", &["config.json"]),
        ("opt", &["config.json"]),
    ] {
        let mut contents = Vec::new();
        for entry in std::fs::read_dir(checkpoints().join(family).join("model"))? {
            let path = entry?.path();
            let name = path.file_name().context("a name")?.to_owned();
            contents.push((Path::new("m").join(name), std::fs::read(&path)?));
        }
        for name in files {
            let file = Path::new("m").join(name);
            let (own, beside) = contents.iter().cloned().partition::<Vec<_>, _>(|(path, _)| *path == file);
            // not every family keeps its weights in one file
            let Some((_, bytes)) = own.into_iter().next() else { continue };
            let form = if name.ends_with(".safetensors") { Form::Tensors } else { Form::Json };
            let kind = format!("{family} {name}");
            samples.push(Sample { beside, ..Sample::new(&kind, "", bytes, form, trace) });
            if let Some(last) = samples.last_mut() {
                last.file = file;
            }
        }
    }
    Ok(samples)
}

/// Files that the program itself makes.
fn made() -> Result<Vec<Sample>> {
    let home = Home::new();
    let run = |line: &str| {
        let ran = Ran::program(&home, &words(line), "");
        anyhow::ensure!(ran.code == Some(0), "locus {line}: {ran:?}");
        Ok(())
    };
    let quick = "--method fine-tuning --set steps=2 --layers 2";
    run(&format!("edit --case 0 {quick} --save d.safetensors --journal j.jsonl"))?;
    run(&format!("edit --cases 1,2 --sequence {quick}"))?;
    // what commands made is put in place for the workbench, and one of it taken back
    for line in ["redo 1", "redo 3", "undo 3"] {
        run(line)?;
    }
    run("stats export moments --layers 2")?;
    run("eval --limit 2 --said-tokens 0 --out e.jsonl")?;
    let read = |name: &str| std::fs::read(home.path(name)).with_context(|| name.to_owned());
    let mut beside = Vec::new();
    for entry in std::fs::read_dir(home.path("state/locus/deltas"))? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_owned();
        beside.push((Path::new("state/locus/deltas").join(name), std::fs::read(&path)?));
    }
    let mut samples = vec![
        Sample::new(
            "delta, shown",
            "d.safetensors",
            read("d.safetensors")?,
            Form::Tensors,
            "deltas show d.safetensors --json",
        ),
        Sample::new(
            "delta, applied",
            "d.safetensors",
            read("d.safetensors")?,
            Form::Tensors,
            "deltas apply d.safetensors --json",
        )
        .sealed(),
        Sample::new(
            "journal of events",
            "j.jsonl",
            read("j.jsonl")?,
            Form::JsonLines,
            "picture --journal j.jsonl --size 80x24",
        ),
        Sample::new(
            "results of eval",
            "e.jsonl",
            read("e.jsonl")?,
            Form::JsonLines,
            "eval --limit 2 --said-tokens 0 --out e.jsonl",
        ),
    ];
    let journal = Path::new("state/locus/operations.jsonl");
    for (what, line) in [("listed", "log --json"), ("undone", "undo --json"), ("run again", "replay --json")] {
        let bytes = std::fs::read(home.path("").join(journal))?;
        let sample = Sample::new(&format!("journal of operations, {what}"), "", bytes, Form::JsonLines, line);
        samples.push(Sample { file: journal.to_owned(), beside: beside.clone(), ..sample });
    }
    for entry in std::fs::read_dir(home.path("moments"))? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
        let line = format!("stats import moments/{name} --json");
        let sample = Sample::new("published second moments", "", std::fs::read(&path)?, Form::Bytes, &line);
        samples.push(Sample { file: Path::new("moments").join(&name), ..sample.with_own_cache() });
    }
    for entry in std::fs::read_dir(home.cache().join("second-moments"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "safetensors") {
            let line = "stats verify k.safetensors --json";
            let sample =
                Sample::new("kept second moments", "k.safetensors", std::fs::read(&path)?, Form::Tensors, line);
            samples.push(sample.sealed());
        }
    }
    Ok(samples)
}

/// A plugin's file, which is spoilt in its own way: flipped bits of code are another program, and nothing can be said of
/// what it does.
pub fn plugin_file() -> Result<Sample> {
    let bytes = std::fs::read(plugin("locus-rome")).with_context(|| program().display().to_string())?;
    Ok(Sample::new("plugin", "p.so", bytes, Form::Bytes, "plugin list --plugin p.so --json"))
}
