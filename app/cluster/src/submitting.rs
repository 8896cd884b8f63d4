//! Handing arrays in, within what the cluster allows.

use crate::arrays::{shares, sizes};
use crate::directives::Directives;
use crate::error::{Error, Result};
use crate::script::{Script, quoted};
use crate::slurm::{self, Limits};
use crate::submission::{Array, Files, Submission};
use std::path::PathBuf;

/// What is to be submitted.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The folder of the sweep, on a disk that all nodes share.
    pub folder: PathBuf,
    /// The text of the grid.
    pub grid: String,
    /// The program with its flags, up to `sweep run`.
    pub program: Vec<String>,
    /// What is asked of Slurm.
    pub directives: Directives,
    pub elements: usize,
    /// How many of them may run at a time; all without it.
    pub at_once: Option<usize>,
    /// Whether each takes a fixed part of the cells.
    pub sharded: bool,
    /// Seconds before the time limit at which they are told to stop.
    pub notice: u64,
    /// How often each may come back.
    pub requeues: u32,
    /// Lines before the program.
    pub setup: Vec<String>,
    pub teardown: Vec<String>,
    /// Arguments of `srun`; `None` starts the program without it.
    pub srun: Option<String>,
    /// Version of the program.
    pub version: String,
    /// Writes the script, and submits nothing.
    pub write_only: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// What the folder remembers.
    pub submission: Submission,
    /// The commands: those that were run, or that are to be run.
    pub commands: Vec<String>,
    /// What should be known besides.
    pub notes: Vec<String>,
    /// Why not all elements were submitted, in Slurm's words.
    pub stopped_by: Option<String>,
}

/// Writes the batch script and submits it, an array after the other.
///
/// # Errors
/// There is no sbatch; it refuses the first array; the folder cannot be written.
pub fn submit(draft: &Draft) -> Result<Submitted> {
    if !draft.write_only {
        slurm::is_there()?;
    }
    let limits = slurm::limits();
    let plan = sizes(draft.elements, limits.largest_array);
    let at_once = at_once(draft, &limits, &plan)?;
    let files = Files::take(&draft.folder, &draft.grid)?;
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let script = Script {
        directives: &draft.directives,
        program: &draft.program,
        grid: &files.grid,
        folder: &draft.folder,
        path: &files.script,
        elements: draft.elements,
        in_arrays: limits.largest_array > 1,
        sharded: draft.sharded,
        notice: draft.notice,
        requeues: draft.requeues,
        setup: &draft.setup,
        teardown: &draft.teardown,
        srun: draft.srun.as_deref(),
        version: &draft.version,
        time: &time,
    };
    locus_files::write(&files.script, script.text().as_bytes()).map_err(Error::written(&files.script))?;
    let (program, elements) = (draft.version.clone(), draft.elements);
    let submission = Submission { program, time, script: files.script.clone(), elements, arrays: Vec::new() };
    let mut done = Submitted { submission, commands: Vec::new(), notes: Vec::new(), stopped_by: None };
    if let Some(why) = &limits.guessed {
        done.notes.push(format!("assuming that arrays have at most {} elements: {why}", limits.largest_array));
    }
    let mut first = 0;
    for (place, size) in plan.iter().enumerate() {
        let share = at_once.as_ref().map(|shares| shares[place]);
        let ended = hand_in(draft, &files, limits.largest_array > 1, first, *size, share, &mut done);
        first += size;
        match ended {
            Ok(()) => {}
            Err(error @ Error::Refused { .. }) if done.submission.arrays.is_empty() => {
                files.remove();
                return Err(error);
            }
            Err(error) if done.submission.arrays.is_empty() => return Err(error),
            Err(Error::Refused { words, .. }) => {
                done.stopped_by = Some(words);
                break;
            }
            Err(error) => {
                done.stopped_by = Some(error.to_string());
                break;
            }
        }
    }
    Ok(done)
}

/// How many elements of each array may run at a time.
fn at_once(draft: &Draft, limits: &Limits, plan: &[usize]) -> Result<Option<Vec<usize>>> {
    let Some(at_once) = draft.at_once.filter(|at_once| *at_once < draft.elements) else { return Ok(None) };
    let none = || {
        Error::Directive(format!(
            "--at-once {at_once} cannot be kept over {} arrays, into which MaxArraySize {} splits {} elements; ask \
             for at most {} elements",
            plan.len(),
            limits.largest_array,
            draft.elements,
            limits.largest_array.max(1) * at_once
        ))
    };
    shares(at_once, plan).ok_or_else(none).map(Some)
}

/// Submits some elements as one array. Where Slurm takes no array of this size, or no more jobs of this user, smaller ones
/// are tried until it takes none.
fn hand_in(
    draft: &Draft,
    files: &Files,
    in_arrays: bool,
    first: usize,
    elements: usize,
    share: Option<usize>,
    done: &mut Submitted,
) -> Result<()> {
    let mut arguments = Vec::new();
    if in_arrays {
        let share = share.filter(|share| *share < elements).map(|share| format!("%{share}")).unwrap_or_default();
        arguments.push(format!("--array=0-{}{share}", elements - 1));
    }
    arguments.push(files.script.display().to_string());
    arguments.push(first.to_string());
    let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
    let command = format!("sbatch {}", words.join(" "));
    if draft.write_only {
        done.commands.push(command);
        return Ok(());
    }
    match slurm::sbatch(&draft.directives, &arguments) {
        Ok(job) => {
            done.commands.push(command);
            done.submission.arrays.push(Array { job: job.number, cluster: job.cluster, first, elements });
            // what is in the queue is remembered whatever comes next
            done.submission.write(&files.record)
        }
        Err(Error::Refused { words, .. }) if elements > 1 && is_too_many(&words) => {
            let (half, rest) = (elements / 2, elements - elements / 2);
            // what may run at once is divided over both
            let [one, other] = match share.map(|share| shares(share, &[half, rest])) {
                None => [None; 2],
                Some(Some(parts)) => [parts.first().copied(), parts.last().copied()],
                Some(None) => {
                    hand_in(draft, files, in_arrays, first, half, share, done)?;
                    return Err(used_up(draft));
                }
            };
            hand_in(draft, files, in_arrays, first, half, one, done)?;
            hand_in(draft, files, in_arrays, first + half, rest, other, done)
        }
        Err(error) => Err(error),
    }
}

/// Why there is no further array.
fn used_up(draft: &Draft) -> Error {
    let at_once = draft.at_once.unwrap_or(draft.elements);
    Error::Directive(format!("--at-once {at_once} cannot be kept over a further array"))
}

/// Whether Slurm would take fewer.
fn is_too_many(words: &str) -> bool {
    ["Invalid job array specification", "MaxSubmitJob", "job submit limit"].iter().any(|known| words.contains(known))
}
