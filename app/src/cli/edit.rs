//! `locus edit`.

use crate::cli::arguments::{Common, EditArguments};
use crate::cli::client::Client;
use crate::cli::{Failure, fact, output, settings, tables};
use locus_protocol::{Applied, Command, EditOrder, EditStarted, Event, Fact, PluginKind, SaveTarget};
use locus_session::Preference;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// An edit: what it started from and what it did.
#[derive(Default)]
pub struct Edited {
    /// What it started from.
    pub started: Option<EditStarted>,
    /// What it did.
    pub applied: Option<Applied>,
}

/// Edits one fact after the other, each on the unedited model.
///
/// # Errors
/// Those of the jobs.
pub fn run(common: &Common, arguments: &EditArguments) -> Result<(), Failure> {
    check_save(arguments)?;
    let mut client = Client::with_model(common)?;
    let orders = orders(&client, arguments)?;
    let count = orders.len();
    for (index, order) in orders.into_iter().enumerate() {
        let edited = edit(&mut client, order)?;
        if !client.json() {
            print(&edited)?;
        }
        if index + 1 < count {
            client.undo()?;
        }
    }
    save(&mut client, arguments)
}

/// Looks whether `--save` can be written before anything is computed for it.
///
/// # Errors
/// The file is a folder, or its folder is not there.
pub fn check_save(arguments: &EditArguments) -> Result<(), Failure> {
    let Some(file) = &arguments.save else { return Ok(()) };
    let bad = |what: &str| Err(Failure::usage(format!("--save {}: {what}", file.display())));
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    match parent {
        _ if file.is_dir() => bad("it is a folder; name a file"),
        Some(parent) if !parent.is_dir() => bad("its folder is not there; make it first"),
        _ => Ok(()),
    }
}

/// Writes the changes of the edits in place where `--save` asks for it.
///
/// # Errors
/// Those of the job.
pub fn save(client: &mut Client, arguments: &EditArguments) -> Result<(), Failure> {
    if let Some(file) = &arguments.save {
        client.job(|job| Command::Save { job, target: SaveTarget::Deltas(file.clone()) }, &mut |_| {})?;
        if !client.json() {
            output::print(&format!("wrote {}", file.display()))?;
        }
    }
    Ok(())
}

/// Orders an edit.
///
/// # Errors
/// Those of the job.
pub fn edit(client: &mut Client, order: EditOrder) -> Result<Edited, Failure> {
    let mut edited = Edited::default();
    client.job(|job| Command::Edit { job, order }, &mut |event| match event {
        Event::Edit(started) => edited.started = Some(started.clone()),
        Event::Applied(applied) => edited.applied = Some(applied.clone()),
        _ => {}
    })?;
    Ok(edited)
}

/// Prints what an edit did.
fn print(edited: &Edited) -> Result<(), Failure> {
    if let (Some(started), Some(applied)) = (&edited.started, &edited.applied) {
        let fact = &started.order.fact;
        output::print(&format!("Edit: {}\n", applied.title))?;
        output::print(&tables::layers(&started.rows, &applied.rows, None))?;
        output::print("")?;
        output::print(&tables::before_after(applied, &fact.target_new, &fact.target_true))?;
    }
    Ok(())
}

/// The orders of a file, or the one that the flags make.
///
/// # Errors
/// A file that holds none; flags that do not fit the plugins.
pub fn orders(client: &Client, arguments: &EditArguments) -> Result<Vec<EditOrder>, Failure> {
    if let Some(file) = &arguments.orders {
        return read_orders(client, file);
    }
    let order = order(client, arguments)?;
    let fact = fact::choose(&arguments.fact, &client.known.facts)?;
    for (flag, target) in [("--new", &fact.target_new), ("--true", &fact.target_true)] {
        if target.is_empty() {
            return Err(Failure::usage(format!("{flag} is missing: give the answer's text")));
        }
    }
    Ok(vec![EditOrder { fact, ..order }])
}

/// The order that the flags make, without its fact.
///
/// # Errors
/// Flags that do not fit the plugins.
pub fn order(client: &Client, arguments: &EditArguments) -> Result<EditOrder, Failure> {
    let plugins = &client.known.plugins;
    let method = arguments.method.as_deref().unwrap_or_default();
    let method = settings::plugin(plugins, PluginKind::Method, method)?;
    let objectives = settings::ids(plugins, PluginKind::Objective);
    let objective = match (&arguments.objective, &objectives[..]) {
        (Some(id), _) => id.clone(),
        (None, ids) if ids.contains(&Preference::shipped().objective) => Preference::shipped().objective,
        (None, [only]) => only.clone(),
        (None, []) => return Err(Failure::plugin("no objective is loaded; name one with --plugin FILE")),
        (None, all) => return Err(Failure::usage(format!("--objective is missing: there are {}", all.join(", ")))),
    };
    let objective = settings::plugin(plugins, PluginKind::Objective, &objective)?;
    Ok(EditOrder {
        fact: Fact::default(),
        method: method.id.clone(),
        objective: objective.id.clone(),
        layers: arguments.layers.as_deref().map(settings::layers).transpose()?.unwrap_or_default(),
        method_settings: settings::read(method, arguments.settings_file.as_deref(), &arguments.settings)?,
        objective_settings: settings::read(objective, None, &arguments.objective_settings)?,
        seed: arguments.seed,
        more: Vec::new(),
    })
}

/// The orders of a file, one a line.
///
/// # Errors
/// A file that cannot be read or holds none.
pub fn read_orders(client: &Client, file: &Path) -> Result<Vec<EditOrder>, Failure> {
    let bad = |what: String| Failure::usage(format!("--orders {}: {what}", file.display()));
    let read = if file == Path::new("-") { standard_input(client)? } else { std::fs::read_to_string(file) };
    let text = read.map_err(|error| {
        bad(format!("cannot be read ({error}); give a file with one JSON object a line, or - for standard input"))
    })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let orders = lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| bad(format!("line {}: not an edit order: {error}", index + 1)))
        })
        .collect::<Result<Vec<EditOrder>, _>>()?;
    if orders.is_empty() {
        return Err(bad("it holds no order; write one JSON object a line".to_owned()));
    }
    Ok(orders)
}

/// All of standard input. A thread of its own waits for it, so that the user can stop that as well.
///
/// # Errors
/// The user stopped it.
fn standard_input(client: &Client) -> Result<std::io::Result<String>, Failure> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        let _ = sender.send(std::io::read_to_string(std::io::stdin()));
    })?;
    loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(read) => return Ok(read),
            Err(RecvTimeoutError::Timeout) if client.interrupt().has_come() => {
                return Err(Failure::cancelled("no order was read"));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::failed("standard input cannot be read")),
        }
    }
}
