//! Where the engine is, and what it starts from, out of the flags.

use crate::cli::Failure;
use crate::cli::arguments::{Common, Dtype};
use locus_link::{Death, Engine, Hello, How, LeftOut, LinkError, News, Way};
use locus_protocol::{
    Blame, DeviceRequest, JournalChoice, ModelSource, MomentsOptions, NumberFormat, OneDevice, OpenPlugins, Reading,
    Reuse, Role, Start, StepRows,
};
use locus_records::Places;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Most threads: no processor has more.
const MOST_THREADS: i32 = 1024;
/// The exit code of a device that fails or lacks memory.
const DEVICE: i32 = 4;
/// Name of the engine's program, which is beside this one.
const PROGRAM: &str = "locus-engine";

/// The way to a new engine.
///
/// # Errors
/// The location of this program cannot be determined; cargo cannot build the engine.
pub fn way(common: &Common) -> Result<Way, Failure> {
    match &common.engine {
        Some(command) => Ok(Way::Command(command.clone())),
        None => Ok(Way::Program(program()?)),
    }
}

/// The engine's program, beside this one. `cargo run` builds this program alone: then cargo is asked for the rest.
///
/// # Errors
/// The location of this program cannot be determined; cargo cannot build the engine.
pub fn program() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("the location of this program cannot be determined ({error})")))?;
    let program = own.with_file_name(PROGRAM);
    // what cargo sets for the programs that it runs, and not for those that it tests
    let package = std::env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == env!("CARGO_PKG_NAME"));
    if let (Some(cargo), true) = (std::env::var_os("CARGO"), package) {
        build(Path::new(&cargo), &own)?;
    }
    Ok(program)
}

/// Has cargo build the engine and the plugins as it built this program.
fn build(cargo: &Path, own: &Path) -> Result<(), Failure> {
    let is_release = own.parent().is_some_and(|folder| folder.ends_with("release"));
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--workspace"]).args(is_release.then_some("--release"));
    if let Some(manifest) = std::env::var_os("CARGO_MANIFEST_DIR") {
        command.current_dir(manifest);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::failed(format!("cargo could not build the engine and the plugins ({status})"))),
        Err(error) => Err(Failure::failed(format!("{}: cargo cannot be started ({error})", cargo.display()))),
    }
}

/// Refuses a command that works on files of this machine where the engine is on another one.
///
/// # Errors
/// There is a flag `--engine`.
pub fn refuse_elsewhere(common: &Common, command: &str) -> Result<(), Failure> {
    match &common.engine {
        None => Ok(()),
        Some(_) => Err(Failure::usage(format!(
            "--engine: `locus {command}` reads files on the machine that it runs on; run it there, without the flag"
        ))),
    }
}

/// Says hello to a new engine and waits for the answer; news that come before it go to `early`.
///
/// # Errors
/// There is no engine, it refuses, or it ends.
pub fn start(way: &Way, hello: &Hello, mut early: impl FnMut(News)) -> Result<Engine, Ended> {
    let engine = Engine::start(way, hello)?;
    loop {
        match engine.news().recv() {
            Ok(News::Welcome(_)) => return Ok(engine),
            Ok(News::Refused { message, blame }) => return Err(Ended::Failed(Failure::job(&message, blame))),
            Ok(News::Gone(death)) => return Err(Ended::Died(death)),
            Ok(news) => early(news),
            Err(_) => return Err(Ended::Failed(Failure::failed("the engine has ended; please report it"))),
        }
    }
}

/// Why there is no engine.
pub enum Ended {
    /// It cannot be started, or refuses.
    Failed(Failure),
    Died(Box<Death>),
}

impl From<LinkError> for Ended {
    fn from(error: LinkError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Command { .. } => Self::usage(error.to_string()),
            _ => Self::job(&error.to_string(), Blame::Device),
        }
    }
}

/// What is said of an engine that died, and the exit code.
pub fn died(death: &Death) -> Failure {
    if let (How::Exit(DEVICE), Some(last)) = (death.how, death.last_words.last())
        && last.starts_with("locus: out of memory")
    {
        // it has said so itself
        return Failure { message: String::new(), code: DEVICE as u8 };
    }
    let words: Vec<&str> = death.last_words.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    // what it said itself has been passed on
    let remedy = match &death.opening {
        Some(_) => "; it is left out until it changes",
        None if words.is_empty() => "; what was recorded before is kept",
        None => "; what was recorded before is kept, and its last output is above",
    };
    Failure::job(&format!("{}{remedy}", death.sentence()), death.blame())
}

/// Notes the library that was being opened when an engine died, so that the next one leaves it out: here, or in the hello
/// where the engine is elsewhere.
pub fn leave_out(way: &Way, hello: &mut Hello, death: &Death) -> bool {
    let Some(file) = &death.opening else { return false };
    match way {
        Way::Command(_) => {
            let is_new = hello.leave_out.as_ref() != Some(file);
            hello.leave_out = Some(file.clone());
            is_new
        }
        _ => {
            let Ok(places) = Places::find() else { return false };
            let mut left_out = LeftOut::of(&places.state);
            !left_out.has(file) && left_out.add(&places.state, file).is_ok()
        }
    }
}

/// The model that the flags name.
pub fn source(common: &Common) -> ModelSource {
    common.model.clone().map_or(ModelSource::BuiltIn, ModelSource::Folder)
}

/// What an engine starts from, out of the flags of a command.
///
/// # Errors
/// Flags out of range or in contradiction.
pub fn start_of(common: &Common) -> Result<Start, Failure> {
    if common.threads.is_some_and(|threads| threads < 1) {
        return Err(Failure::usage("--threads must be at least 1"));
    }
    if common.reproducible && common.threads.is_some_and(|threads| threads != 1) {
        let message = "the reproducible mode computes on one thread; leave --threads out, or --reproducible (in the \
                       workbench `reproducible = true` of workbench.toml)";
        return Err(Failure::usage(format!("--threads: {message}")));
    }
    if common.threads.is_some_and(|threads| threads > MOST_THREADS) {
        return Err(Failure::usage(format!("--threads must be at most {MOST_THREADS}")));
    }
    // files of another machine are looked at there
    for file in common.apply.iter().filter(|_| common.engine.is_none()) {
        let why = match locus_files::open(file) {
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => "there is no such file".to_owned(),
            Err(error) => format!("cannot be read ({error})"),
        };
        let message = format!("--apply {}: {why}; give one that `locus edit --save FILE` wrote", file.display());
        return Err(Failure::usage(message));
    }
    if common.corpus_tokens == Some(0) {
        return Err(Failure::usage("--corpus-tokens must be at least 1"));
    }
    if common.corpus_sample == Some(0) {
        return Err(Failure::usage("--corpus-sample must be at least 1"));
    }
    Ok(Start {
        device: device(&common.device)?,
        number_format: match common.dtype {
            Dtype::Float32 => NumberFormat::Float32,
            Dtype::Bfloat16 => NumberFormat::BFloat16,
            Dtype::Float16 => NumberFormat::Float16,
            Dtype::Float64 => NumberFormat::Float64,
        },
        threads: common.threads,
        reproducible: common.reproducible,
        facts: common.facts.clone(),
        reading: Reading { skip_bad: common.skip_bad, zsre: common.zsre.into(), seed: 0 },
        corpus: common.corpus.clone(),
        corpus_tokens: common.corpus_tokens,
        moments: MomentsOptions {
            column: common.corpus_column.clone(),
            sample: common.corpus_sample,
            float64_sums: common.float64_sums,
            keep_every: None,
            reuse: Reuse::Taken,
            ask: false,
        },
        plugins: common.plugins.clone(),
        open_plugins: OpenPlugins::AtStart,
        journal: common.journal.clone().map_or(JournalChoice::None, JournalChoice::File),
        apply: common.apply.clone(),
        role: Role::Command,
        step_rows: StepRows::None,
    })
}

fn device(text: &str) -> Result<DeviceRequest, Failure> {
    let one = |name: &str| match name.split_once(':') {
        None if name == "cpu" => Some(OneDevice::Cpu),
        None if name == "cuda" => Some(OneDevice::Cuda(0)),
        Some(("cuda", index)) => index.parse().ok().map(OneDevice::Cuda),
        _ => None,
    };
    let devices: Option<Vec<OneDevice>> = text.split(',').map(one).collect();
    match devices.as_deref() {
        _ if text == "auto" => Ok(DeviceRequest::Automatic),
        Some([OneDevice::Cpu]) => Ok(DeviceRequest::Cpu),
        Some([OneDevice::Cuda(index)]) => Ok(DeviceRequest::Cuda(*index)),
        Some(several) => Ok(DeviceRequest::Several(several.to_vec())),
        None => {
            let message = format!(
                "--device must be auto, cpu, cuda or cuda:N, or several of them as in cuda:0,cuda:1, not `{text}`"
            );
            Err(Failure::usage(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::device;
    use locus_protocol::{DeviceRequest, OneDevice};

    #[test]
    fn one_device_or_several_are_named() {
        let read = |text: &str| device(text).ok();
        assert_eq!(read("auto"), Some(DeviceRequest::Automatic));
        assert_eq!(read("cuda"), Some(DeviceRequest::Cuda(0)));
        assert_eq!(read("cuda:3"), Some(DeviceRequest::Cuda(3)));
        let both = vec![OneDevice::Cuda(1), OneDevice::Cuda(0)];
        assert_eq!(read("cuda:1,cuda:0"), Some(DeviceRequest::Several(both)));
        let halves = vec![OneDevice::Cpu, OneDevice::Cpu];
        assert_eq!(read("cpu,cpu"), Some(DeviceRequest::Several(halves)));
        for bad in ["", "tpu", "cuda:", "cuda:-1", "cuda:0,", "auto,cpu", "cuda:0 cuda:1", "cpu:0"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
