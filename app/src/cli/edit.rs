//! `locus edit`.

use crate::cli::arguments::{Common, EditArguments};
use crate::cli::client::Client;
use crate::cli::{Failure, free_generation, orders, output, tables};
use locus_files::Draft;
use locus_protocol::shown::{message, shown};
use locus_protocol::{Applied, EditOrder, EditStarted, Event, Keep, SaveTarget, StepRows, TriedOn, Try, Undo};

/// An edit: the numbers before it, and its result.
#[derive(Default)]
pub struct Edited {
    /// The order and the scores before it; `None` until the edit starts.
    pub started: Option<EditStarted>,
    /// The changes and the scores after it; `None` until it is applied.
    pub applied: Option<Applied>,
}

/// Makes the edits, each on the unedited model or, with `--sequence`, on top of the earlier ones.
///
/// # Errors
/// Those of the jobs.
pub fn run(common: &Common, arguments: &EditArguments) -> Result<(), Failure> {
    check_save(arguments)?;
    orders::check(common, arguments)?;
    if let Some(number) = arguments.undo.first().filter(|_| !arguments.sequence) {
        return Err(Failure::usage(format!("--undo {number}: undoes one of several edits in place; add --sequence")));
    }
    let mut client = client(common, arguments)?;
    let orders = orders::read(&mut client, arguments)?;
    if arguments.sequence || orders.is_empty() {
        sequence(&mut client, arguments, orders)?;
    } else {
        let count = orders.len();
        for (index, order) in orders.into_iter().enumerate() {
            let edited = edit(&mut client, order, arguments.on_unedited)?;
            if !client.json() {
                print(&edited)?;
            }
            if index + 1 < count {
                client.history(Undo::LAST)?;
            }
        }
    }
    save(&mut client, arguments)
}

/// An engine with the model, whose steps tell what the arguments ask for.
///
/// # Errors
/// There are no records that it would tell them in; the engine or the model is not to be had.
pub fn client(common: &Common, arguments: &EditArguments) -> Result<Client, Failure> {
    if arguments.step_rows && !common.json && common.journal.is_none() {
        let message = "--step-rows: adds to the records of --json or --journal FILE; add one of them, or leave it out";
        return Err(Failure::usage(message));
    }
    let step_rows = if arguments.step_rows { StepRows::All } else { StepRows::None };
    Client::with_model_and(common, |start| start.step_rows = step_rows)
}

/// Makes the edits on top of each other, undoes those of `--undo`, and prints the edits in place.
///
/// # Errors
/// Those of the jobs; no edit in place has such a number.
pub fn sequence(client: &mut Client, arguments: &EditArguments, orders: Vec<EditOrder>) -> Result<(), Failure> {
    let mut in_place = client.known.in_place.clone();
    let highest = (in_place.len() + orders.len()) as u64;
    if let Some(number) = arguments.undo.iter().find(|number| !(1..=highest).contains(*number)) {
        let there_are = if highest == 1 { "there is one edit".to_owned() } else { format!("edits are 1 to {highest}") };
        return Err(Failure::usage(format!("--undo {number}: {there_are}; name one of them")));
    }
    for order in orders {
        let edited = edit(client, order, arguments.on_unedited)?;
        if !client.json() {
            print(&edited)?;
            output::print("")?;
        }
        in_place.extend(edited.applied.iter().map(Applied::in_place));
    }
    let mut unedited = false;
    for &edit in &arguments.undo {
        if let Event::Edits { applied, unedited: none, .. } = client.history(Undo::of(edit))? {
            (in_place, unedited) = (applied, none);
        }
    }
    if !client.json() {
        output::print(&tables::in_place(&in_place, unedited))?;
    }
    Ok(())
}

/// Looks whether `--save` can be written before anything is computed for it.
///
/// # Errors
/// The file is a folder, or its folder is not there; another program writes it.
pub fn check_save(arguments: &EditArguments) -> Result<(), Failure> {
    let Some(file) = &arguments.save else { return Ok(()) };
    let refused = |refusal| Failure::usage(format!("--save {}: {refusal}", file.display()));
    // tried, and given up at once: the engine writes it at the end
    Draft::exclusive(file).map(drop).map_err(refused)
}

/// Writes the changes of the edits in place where `--save` asks for it.
///
/// # Errors
/// Those of the job.
pub fn save(client: &mut Client, arguments: &EditArguments) -> Result<(), Failure> {
    if let Some(file) = &arguments.save {
        client.job(SaveTarget::Deltas(file.clone()), &mut |_| {})?;
        if !client.json() {
            output::print(&format!("wrote {}", shown(&file.display().to_string())))?;
        }
    }
    Ok(())
}

/// Orders an edit. With `on_unedited` it is found on the unedited model, and put on top of what is in place.
///
/// # Errors
/// Those of the jobs.
pub fn edit(client: &mut Client, order: EditOrder, on_unedited: bool) -> Result<Edited, Failure> {
    let mut edited = Edited::default();
    let mut listen = |event: &Event| match event {
        Event::Edit(started) => edited.started = Some(started.clone()),
        Event::Applied(applied) => edited.applied = Some(applied.clone()),
        _ => {}
    };
    if on_unedited {
        let tried = client.job(Try { order, on: TriedOn::Unedited }, &mut listen)?;
        client.job(Keep { tried }, &mut listen)?;
    } else {
        client.job(order, &mut listen)?;
    }
    Ok(edited)
}

/// Prints what an edit did.
fn print(edited: &Edited) -> Result<(), Failure> {
    if let (Some(started), Some(applied)) = (&edited.started, &edited.applied) {
        let fact = &started.order.fact;
        output::print(&format!("Edit: {}\n", shown(&message(&applied.title))))?;
        if started.order.no_scores {
            return Ok(output::print(&tables::moved(&applied.changes))?);
        }
        output::print(&tables::layers(&started.rows, &applied.rows, None))?;
        output::print("")?;
        output::print(&tables::before_after(applied, &fact.target_new, &fact.target_true))?;
        if started.order.free_generation > 0 {
            output::print(&format!("\n{}", free_generation::table(applied, started.order.free_generation)))?;
        }
    }
    Ok(())
}
