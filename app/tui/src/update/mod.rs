//! State and input in, state and effects out. Nothing here reads a clock, a file or a terminal.

mod building;
mod endings;
mod engine;
mod events;
mod following;
mod keys;
mod replay;

pub use replay::replay;

use crate::input::{Effect, Input};
use crate::looks::duration;
use crate::overlays::{Overlay, Sheet, SheetKind};
use crate::state::{State, Tone};
use crate::workbench::Workbench;
use locus_protocol::{Command, LogLevel};

/// Changes the state by one input.
pub fn update(workbench: &mut Workbench, input: Input) -> Vec<Effect> {
    let effects = match workbench.state.link.follows {
        Some(_) => following::fold_read_only(workbench, input),
        None => fold(workbench, input),
    };
    if !matches!(workbench.overlay, Some(Overlay::Form(_))) {
        workbench.state.end_variant_form();
    }
    workbench.state.want_looks();
    effects
}

fn fold(workbench: &mut Workbench, input: Input) -> Vec<Effect> {
    let state = &mut workbench.state;
    match input {
        Input::Tick(now) => tick(state, now),
        Input::Key(key) => keys::press(workbench, key),
        Input::Paste(text) => keys::paste(workbench, &text),
        Input::Resize(columns, rows) => {
            let changed = state.screen.size != (columns, rows);
            state.screen.size = (columns, rows);
            changed.then_some(Effect::Redraw).into_iter().collect()
        }
        Input::Engine(event) => events::absorb(workbench, *event),
        Input::Build { number, event } => building::absorb(workbench, number, event),
        Input::Analysis { number, event } => {
            let wishes = workbench.panes.analysis.take(&workbench.state, number, event);
            workbench.grant(wishes)
        }
        Input::EngineGone => {
            state.engine.gone = true;
            (state.jobs.job, state.jobs.standing_by) = (None, None);
            state.jobs.waiting.clear();
            let text = format!("the engine ended unexpectedly; {} leaves, then start again", state.key("quit"));
            state.note(LogLevel::Error, &text);
            state.say(Tone::Bad, text);
            Vec::new()
        }
        Input::Welcome(welcome) => {
            engine::welcome(state, &welcome);
            Vec::new()
        }
        Input::EngineDied(death) => engine::died(workbench, &death),
        Input::EngineNotStarted(why) => {
            engine::not_started(state, why);
            Vec::new()
        }
        Input::EngineStarted => engine::started(state),
        Input::Control { yours, next_job } => {
            engine::control(state, yours, next_job);
            Vec::new()
        }
        Input::CaughtUp { controls } => {
            engine::caught_up(state, controls);
            Vec::new()
        }
        Input::Continued { away } => {
            if away.as_secs() > 0 {
                state.say(Tone::Plain, format!("back after {}", duration(away)));
            }
            vec![Effect::Redraw]
        }
        Input::NoPager { title, text } => {
            workbench.overlay = Some(Overlay::Sheet(Sheet::new(SheetKind::Text { title, text })));
            Vec::new()
        }
        Input::Reloaded(Ok(read)) => {
            state.take_over(*read);
            Vec::new()
        }
        Input::Reloaded(Err(why)) => {
            state.say(Tone::Bad, format!("settings not reloaded: {why}"));
            Vec::new()
        }
        Input::Answer(answer) => {
            let (tone, text) = answer.map_or_else(|text| (Tone::Bad, text), |text| (Tone::Good, text));
            state.notices.say(state.now, tone, text);
            Vec::new()
        }
    }
}

fn tick(state: &mut State, now: std::time::Duration) -> Vec<Effect> {
    state.now = state.now.max(now);
    state.notices.expire(state.now);
    let due = state.next_tokens.due.is_some_and(|due| due <= state.now);
    if !due || state.ready_for_a_look().is_err() {
        return Vec::new();
    }
    state.next_tokens.due = None;
    let fact = state.fact().cloned();
    if let Some(fact) = &fact {
        state.next_tokens.ask(fact);
    }
    let asked = fact.map(|fact| Effect::Send(Box::new(Command::Predict { fact })));
    let mut effects: Vec<Effect> = asked.into_iter().collect();
    effects.extend(state.order_look());
    effects
}

/// Whether keys go into a text, so that letters are no commands.
#[must_use]
pub fn is_typing(workbench: &Workbench) -> bool {
    workbench.panes.typing().is_some() || workbench.overlay.as_ref().is_some_and(Overlay::is_typing)
}
