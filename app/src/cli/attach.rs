//! `locus attach`: the workbench on an engine that runs already.

use crate::cli::arguments::Common;
use crate::cli::workbench::{check_terminal, options, show};
use crate::cli::{Failure, output, tables};
use locus_link::{Hello, Way, runtime};
use locus_records::Places;

/// Joins an engine that runs, or lists those that do.
///
/// # Errors
/// There is none, or several and none was named; there is no terminal.
pub fn run(common: &Common, process: Option<u32>, list: bool, watch: bool) -> Result<(), Failure> {
    let way = match &common.engine {
        Some(_) if list || process.is_some() => {
            let message = "with `locus attach` names the engine itself, as in 'ssh node locus-engine --stdio --join PROCESS'; \
                           leave --list and the number out";
            return Err(Failure::usage(format!("--engine: {message}")));
        }
        Some(command) => Way::Command(command.clone()),
        None => {
            let running = runtime::running()
                .map_err(|error| Failure::failed(format!("the running engines cannot be listed ({error})")))?;
            if list {
                return tell(common, &running);
            }
            Way::Socket(choose(&running, process)?)
        }
    };
    check_terminal()?;
    let places = Places::find()?;
    let mut shown = options(common, &places)?;
    shown.memory = Some(places.state.join("workbench.json"));
    show(way, Hello::joining(watch), shown)
}

/// The engine to join.
fn choose(running: &[runtime::Running], process: Option<u32>) -> Result<std::path::PathBuf, Failure> {
    let numbers = || running.iter().map(|engine| engine.process.to_string()).collect::<Vec<_>>().join(", ");
    match (process, running) {
        (None, []) => Err(Failure::failed("no engine is running; `locus` starts one, and --keep keeps it running")),
        (None, [engine]) => Ok(engine.socket.clone()),
        (None, _) => Err(Failure::usage(format!("several engines are running; name one of {}", numbers()))),
        (Some(process), _) => {
            let found = running.iter().find(|engine| engine.process == process);
            found.map(|engine| engine.socket.clone()).ok_or_else(|| match running {
                [] => Failure::failed(format!("no engine {process} is running, nor any other")),
                _ => Failure::failed(format!("no engine {process} is running; running: {}", numbers())),
            })
        }
    }
}

fn tell(common: &Common, running: &[runtime::Running]) -> Result<(), Failure> {
    if common.json {
        return running.iter().try_for_each(|engine| Ok(output::json(engine)?));
    }
    if running.is_empty() {
        return Ok(output::print("no engine is running")?);
    }
    let mut table = tables::table(["process", "model", "kept", "socket"]);
    for engine in running {
        let kept = if engine.keep { "yes" } else { "no" };
        let socket = engine.socket.display().to_string();
        table.add_row([engine.process.to_string(), engine.model.clone(), kept.to_owned(), socket]);
    }
    Ok(output::print(&table.to_string())?)
}
