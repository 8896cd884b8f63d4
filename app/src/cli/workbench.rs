//! The workbench: the terminal in front, the engine in a process of its own.

use crate::cli::arguments::Common;
use crate::cli::engine::{leave_out, source, start_of, way};
use crate::cli::{Failure, flags, hub, interrupt, output, reproducible};
use locus_link::{Engine, Hello, LinkError, Way};
use locus_protocol::{JournalChoice, Role, Start, StepRows};
use locus_records::Places;
use locus_tui::{Ending, Handles};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How long the engine may take to end; a step of a big model takes seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether nothing was named that belongs to a model: then the list of models shows first.
pub fn names_nothing(common: &Common) -> bool {
    common.model.is_none() && common.facts.is_none() && common.apply.is_empty()
}

/// Opens the workbench, with the list of models first where one is to be chosen. Where a signal or a terminal that is gone
/// ended it, it counts as cancelled.
///
/// # Errors
/// There is no terminal; the terminal fails; there is no engine.
pub fn run(common: &Common, chooses: bool) -> Result<(), Failure> {
    check_terminal()?;
    if !common.with_edits.is_empty() {
        let message = "--with-edits is for commands; the workbench restores the edits of its last session, and U \
                       lists them";
        return Err(Failure::usage(message));
    }
    let places = Places::find()?;
    let preferred = reproducible::preference(common)?;
    let keep = common.keep || preferred.keep;
    // edits that were asked for go before those of earlier sessions
    let takes_over = !common.fresh && common.apply.is_empty();
    let mut start = Start { role: Role::Workbench { takes_over }, step_rows: StepRows::AsShown, ..start_of(common)? };
    let common = &hub::settled(common)?;
    if start.journal == JournalChoice::None {
        // what is seen is also written down
        start.journal = JournalChoice::Workbench;
    }
    // somebody is there to choose
    start.moments.ask = true;
    let hello = Hello { shared: true, keep, ..Hello::new(start) };
    let mut shown = options(common, &places)?;
    shown.chooses = chooses;
    shown.memory = Some(places.state.join("workbench.json"));
    (shown.method, shown.objective) = (Some(preferred.method), Some(preferred.objective));
    show(way(common)?, hello, shown)
}

/// What every workbench is shown with.
///
/// # Errors
/// Settings that cannot be read, or say something that is not.
pub fn options(common: &Common, places: &Places) -> Result<locus_tui::WorkbenchOptions, Failure> {
    let mut shown = locus_tui::WorkbenchOptions::from_environment(source(common));
    read_own(&mut shown, common, places)?;
    shown.flags = flags::of(common);
    // folders are those of the engine's machine
    if common.engine.is_none() {
        shown.models = crate::cli::models::known();
        shown.look_at = Some(crate::cli::models::known_in);
    }
    shown.sweep_folder.clone_from(&places.sweeps);
    Ok(shown)
}

/// Has a workbench start with the user's own files of settings and keys, and read them again when asked to.
///
/// # Errors
/// Settings that cannot be read, or say something that is not.
pub fn read_own(shown: &mut locus_tui::WorkbenchOptions, common: &Common, places: &Places) -> Result<(), Failure> {
    shown.keymap = Some(places.config.join("keymap.toml"));
    shown.settings = std::iter::once(places.config.join("workbench.toml")).chain(common.config.clone()).collect();
    shown.own = locus_tui::Own::of(&reproducible::preference(common)?).map_err(Failure::usage)?;
    Ok(())
}

/// That there is a terminal.
///
/// # Errors
/// There is no terminal.
pub fn check_terminal() -> Result<(), Failure> {
    if output::has_terminal() {
        return Ok(());
    }
    Err(Failure::usage(
        "the workbench needs a terminal for input and output; see `locus --help` for commands without one",
    ))
}

/// Shows the workbench on a new engine, or on one that runs.
///
/// # Errors
/// There is no engine; the terminal fails.
pub fn show(way: Way, hello: Hello, shown: locus_tui::WorkbenchOptions) -> Result<(), Failure> {
    locus_allocator::before_the_end(locus_tui::give_back);
    let (joined, keep) = (hello.start.is_none(), hello.keep || hello.start.is_none());
    let first = Engine::start(&way, &hello)?;
    let (orders, news) = ends(&first)?;
    let engine = Rc::new(RefCell::new(Some(first)));
    let again = (!joined).then(|| again(way, hello, Rc::clone(&engine)));
    let handles = Handles { orders, news, again, joined, keep };
    interrupt::watches();
    let result = locus_tui::run(handles, shown);
    if let Some(engine) = engine.borrow_mut().take() {
        // its end is not waited for longer than a user waits for the shell
        engine.leave(PATIENCE, |_| {});
    }
    ended(result)
}

/// Starts an engine in the place of one that ended.
fn again(way: Way, mut hello: Hello, engine: Rc<RefCell<Option<Engine>>>) -> locus_tui::Again {
    Box::new(move |death, recorded| {
        if let Some(death) = death {
            leave_out(&way, &mut hello, death);
        }
        if let Some(start) = hello.start.as_mut().filter(|_| recorded) {
            // what this session has put in place stands in the journal, edits of files among it
            start.apply.clear();
            start.role = Role::Workbench { takes_over: true };
        }
        // the one that ended has nothing to wait for
        *engine.borrow_mut() = None;
        let another = Engine::start(&way, &hello).map_err(|error| error.to_string())?;
        let ends = ends(&another).map_err(|error| error.to_string())?;
        *engine.borrow_mut() = Some(another);
        Ok(ends)
    })
}

type Ends = (crossbeam_channel::Sender<locus_link::ToEngine>, crossbeam_channel::Receiver<locus_link::News>);

fn ends(engine: &Engine) -> Result<Ends, LinkError> {
    let gone = || LinkError::Thread(std::io::Error::other("the engine takes no orders"));
    Ok((engine.orders().ok_or_else(gone)?, engine.news().clone()))
}

/// How a workbench that was left ends the program.
///
/// # Errors
/// It was cut off, or failed.
pub fn ended(result: anyhow::Result<Ending>) -> Result<(), Failure> {
    match result {
        Ok(Ending::Left { said }) => said.into_iter().try_for_each(|line| Ok(output::print(&line)?)),
        Ok(Ending::CutOff) => Err(Failure { message: String::new(), code: 130 }),
        Ok(Ending::Refused { message, blame }) => Err(Failure::job(&message, blame)),
        Err(error) => Err(Failure::failed(format!("{error:#}"))),
    }
}
