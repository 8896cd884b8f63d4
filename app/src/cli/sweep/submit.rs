//! `locus sweep submit`.

use crate::cli::arguments::Common;
use crate::cli::submit_arguments::{SlurmArguments, SweepSubmit};
use crate::cli::{Failure, flags, hub, output};
use locus_cluster::{Directive, Directives, Draft, Submitted, quoted, submissions, submit};
use locus_hub::Named;
use locus_protocol::counted;
use locus_sweep::{Grid, Ledger, is_foreign};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Elements at most: more are never of use, and a typing error is noticed.
const MOST: usize = 100_000;
/// Seconds by which Slurm may send a signal too early (manual page of sbatch, `--signal`).
const EARLY: u64 = 60;

/// Submits a sweep to Slurm, after checking that its elements can start.
///
/// # Errors
/// A grid, a folder or directives that make no sense; there is no sbatch; it refuses.
pub fn run(common: &Common, asked: &SweepSubmit) -> Result<(), Failure> {
    if asked.elements == 0 || asked.elements > MOST {
        return Err(Failure::usage(format!("--elements must be from 1 to {MOST}")));
    }
    if asked.at_once == Some(0) {
        return Err(Failure::usage("--at-once must be at least 1; leave it out for all elements"));
    }
    let directives = directives(asked)?;
    let folder = std::path::absolute(&asked.out)?;
    let (grid, facts) = match &asked.grid {
        Some(path) => {
            let (grid, text) = Grid::read(path).map_err(usage)?;
            suits(&folder, &grid)?;
            let beside = path.parent().unwrap_or(Path::new(""));
            (text, grid.facts.file.map(|file| beside.join(file)))
        }
        None => {
            let ledger = Ledger::read(&folder).map_err(usage)?;
            let source = PathBuf::from(&ledger.identity().facts_source);
            let text = locus_files::text(&ledger.grid_file(), 1 << 20)?;
            (text, Some(source).filter(|file| file.is_absolute() && file.exists()))
        }
    };
    let program = program(common, facts)?;
    let draft = Draft {
        folder,
        grid,
        program,
        directives,
        elements: asked.elements,
        at_once: asked.at_once,
        sharded: asked.sharded,
        notice: asked.notice,
        requeues: if asked.no_requeue { 0 } else { asked.requeues },
        setup: lines("--setup", &asked.setup)?,
        teardown: lines("--teardown", &asked.teardown)?,
        srun: asked.srun.clone().map(|text| lines("--srun", &[text])).transpose()?.map(|lines| lines.concat()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        write_only: asked.write_only,
    };
    plain(&draft.folder)?;
    if draft.directives.seconds().is_some_and(|limit| limit <= asked.notice + EARLY) {
        output::complain(&format!(
            "--time: Slurm may tell an element to stop as soon as it begins, up to {EARLY} s before the {} s of \
             --notice; give more time",
            asked.notice
        ));
    }
    tell(common, asked, &draft, &submit(&draft)?)
}

/// What the flags ask of Slurm, free lines included.
fn directives(asked: &SweepSubmit) -> Result<Directives, Failure> {
    // every field is looked at: a new flag must say here which directive it is
    let SlurmArguments {
        partition,
        account,
        qos,
        time,
        cpus_per_task,
        mem,
        mem_per_cpu,
        mem_per_gpu,
        gres,
        gpus,
        gpus_per_node,
        gpus_per_task,
        constraint,
        nodelist,
        exclude,
        reservation,
        exclusive,
        dependency,
        job_name,
        comment,
        mail_type,
        mail_user,
        wckey,
    } = &asked.directives;
    let cpus = cpus_per_task.map(|count| count.to_string());
    let named = [
        ("partition", partition),
        ("account", account),
        ("qos", qos),
        ("time", time),
        ("cpus-per-task", &cpus),
        ("mem", mem),
        ("mem-per-cpu", mem_per_cpu),
        ("mem-per-gpu", mem_per_gpu),
        ("gres", gres),
        ("gpus", gpus),
        ("gpus-per-node", gpus_per_node),
        ("gpus-per-task", gpus_per_task),
        ("constraint", constraint),
        ("nodelist", nodelist),
        ("exclude", exclude),
        ("reservation", reservation),
        ("dependency", dependency),
        ("job-name", job_name),
        ("comment", comment),
        ("mail-type", mail_type),
        ("mail-user", mail_user),
        ("wckey", wckey),
    ];
    let given = |(name, value): (&str, &Option<String>)| Some(Directive::new(name, value.clone()?));
    let mut all: Vec<Directive> = named.into_iter().filter_map(given).collect();
    all.extend(exclusive.then(|| Directive::switch("exclusive")));
    for line in &asked.sbatch {
        all.push(Directive::free(line)?);
    }
    Ok(Directives::new(all, asked.notice)?)
}

/// The program that each element runs, with the flags that this one was given; its files are named in full, as a node starts
/// it elsewhere.
fn program(common: &Common, facts: Option<PathBuf>) -> Result<Vec<String>, Failure> {
    if !common.apply.is_empty() || !common.with_edits.is_empty() {
        let message = "a sweep edits the unedited model: leave out --apply and --with-edits";
        return Err(Failure::usage(message));
    }
    if common.journal.is_some() {
        let message = "only one program at a time can write a journal, and there are several elements: leave it out; \
                       their output is in cluster/logs of the folder";
        return Err(Failure::usage(format!("--journal: {message}")));
    }
    let mut common = Common { facts: common.facts.clone().or(facts), ..hub::settled(common)? };
    let is_here = common.engine.is_none();
    common.engine = common.engine.map(|command| engine(&command)).transpose()?;
    let files = [("--model", &mut common.model), ("--facts", &mut common.facts), ("--corpus", &mut common.corpus)];
    let plugins = common.plugins.iter_mut().map(|file| ("--plugin", file));
    for (flag, path) in files.into_iter().filter_map(|(flag, path)| Some((flag, path.as_mut()?))).chain(plugins) {
        // the id of a model, which the engine's own machine knows
        if flag == "--model" && matches!(Named::of(path), Named::Id(_)) {
            continue;
        }
        *path = std::path::absolute(&path)?;
        if is_here && !path.exists() {
            return Err(Failure::usage(format!("{flag} {}: there is no such file or folder", path.display())));
        }
        plain(path)?;
    }
    let own = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("the location of this program cannot be determined ({error})")))?;
    let mut words = vec![own.display().to_string()];
    words.extend(flags::of(&common));
    words.extend(["sweep".to_owned(), "run".to_owned()]);
    Ok(words)
}

/// The command by which each element starts its engine, with its program named in full.
fn engine(command: &str) -> Result<String, Failure> {
    let refused = |message: &str| Err(Failure::usage(format!("--engine `{command}`: {message}")));
    if command.contains(char::is_control) {
        return refused("a batch script cannot contain this command; write it on one line");
    }
    let Some(mut words) = shlex::split(command) else { return refused("a quotation mark is not closed") };
    if words.iter().any(|word| word == "--join") {
        return refused("the elements would share one engine; leave out --join, so that each starts its own");
    }
    let Some(program) = words.first_mut() else { return refused("name a command") };
    if !program.contains('/') {
        // looked for on the node, where --setup may put it in the path
        return Ok(command.to_owned());
    }
    let path = std::path::absolute(&*program)?;
    if !path.is_file() {
        return refused("there is no such program; name one on a disk that all nodes see");
    }
    *program = path.display().to_string();
    Ok(words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
}

/// Refuses a path that the script could not hold.
fn plain(path: &Path) -> Result<(), Failure> {
    match path.to_str().filter(|text| !text.contains(char::is_control)) {
        Some(_) => Ok(()),
        None => {
            let message = "a batch script cannot contain this name; choose one of printable characters on one line";
            Err(Failure::usage(format!("{}: {message}", path.display())))
        }
    }
}

/// Lines of shell, one each.
fn lines(flag: &str, lines: &[String]) -> Result<Vec<String>, Failure> {
    match lines.iter().any(|line| line.contains(['\n', '\r', '\0'])) {
        false => Ok(lines.to_vec()),
        true => Err(Failure::usage(format!("{flag} contains a line break; give the flag once for each line"))),
    }
}

/// Refuses a folder that holds another sweep, or something else.
fn suits(folder: &Path, grid: &Grid) -> Result<(), Failure> {
    let another = |which: &str| {
        let message = format!("the folder contains another sweep: its grid ({which}) differs; name another folder");
        Failure::usage(format!("{}: {message}", folder.display()))
    };
    if folder.join("sweep.json").exists() {
        return if Ledger::read(folder).map_err(usage)?.grid() == grid { Ok(()) } else { Err(another("sweep.toml")) };
    }
    let names = |folder: &Path| -> Result<Vec<String>, Failure> {
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Failure::failed(format!("{}: cannot be read ({error})", folder.display()))),
        }
    };
    if names(folder)?.iter().any(|name| is_foreign(name)) {
        let message = "the folder contains something other than a sweep; name a new one";
        return Err(Failure::usage(format!("{}: {message}", folder.display())));
    }
    // no element has begun, but some may wait
    for name in names(&folder.join("cluster"))?.iter().filter(|name| name.ends_with(".toml")) {
        let file = folder.join("cluster").join(name);
        if Grid::read(&file).is_ok_and(|(other, _)| other != *grid) {
            return Err(another(&format!("cluster/{name}")));
        }
    }
    Ok(())
}

/// Says what was done.
fn tell(common: &Common, asked: &SweepSubmit, draft: &Draft, done: &Submitted) -> Result<(), Failure> {
    let submission = &done.submission;
    let submitted = submission.submitted();
    done.notes.iter().for_each(|note| output::complain(note));
    if common.json {
        output::json(&json!({
            "folder": draft.folder,
            "script": submission.script,
            "elements": submission.elements,
            "submitted": submitted,
            "arrays": submission.arrays,
            "commands": done.commands,
            "stopped_by": done.stopped_by,
        }))?;
    } else {
        output::print(&text(asked, draft, done)?)?;
    }
    let Some(why) = &done.stopped_by else { return Ok(()) };
    let all = submission.elements;
    let rest = match draft.sharded {
        // the parts of the others are nobody's
        true => "submit again once there is room: finished parts take no time".to_owned(),
        false => {
            format!("{} the whole work; submit again for more", if submitted == 1 { "it does" } else { "they do" })
        }
    };
    let message = format!("{submitted} of {all} elements are submitted ({why}); {rest}");
    if draft.sharded {
        return Err(Failure::failed(message));
    }
    output::complain(&message);
    Ok(())
}

fn text(asked: &SweepSubmit, draft: &Draft, done: &Submitted) -> Result<String, Failure> {
    let mut text = vec![format!("wrote {}", done.submission.script.display())];
    for (place, command) in done.commands.iter().enumerate() {
        text.push(match done.submission.arrays.get(place) {
            None => format!("to submit: {command}"),
            Some(array) => {
                let (first, last) = (array.first + 1, array.first + array.elements);
                let which =
                    if first == last { format!("element {first}") } else { format!("elements {first} to {last}") };
                format!("job {}: {which}, by {command}", array.job)
            }
        });
    }
    let jobs: Vec<String> = submissions(&draft.folder)?
        .iter()
        .filter(|it| it.script == done.submission.script)
        .flat_map(|it| it.arrays.iter().map(|array| array.job.clone()))
        .collect();
    if !jobs.is_empty() {
        let (out, program) = (quoted(&asked.out.display().to_string()), quoted(&draft.program[0]));
        let folder = quoted(&draft.folder.display().to_string());
        let wrapped = quoted(&format!("{program} sweep merge {folder} --out {folder}.jsonl"));
        text.push(format!("{} in {}", counted(done.submission.submitted(), "element"), counted(jobs.len(), "array")));
        text.push(format!("how far it is:     locus sweep status {out}"));
        text.push(format!("to end it:         scancel {}", jobs.join(" ")));
        text.push(format!("rows when it ends: sbatch --dependency=afterany:{} --wrap {wrapped}", jobs.join(":")));
    }
    Ok(text.join("\n"))
}

fn usage(error: locus_sweep::Error) -> Failure {
    Failure::usage(error.to_string())
}
