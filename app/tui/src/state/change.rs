//! What panes, overlays and actions may ask for. Nothing else changes on their behalf: they see the state and do not hold
//! it.

use super::{Order, Settings, State, Tone, Tree, Variants, View, Windows};
use crate::input::Effect;
use crate::looks::Colors;
use locus_protocol::{Command, EditOrder, Fact, JobId, ModelSource, PluginKind, Task, TraceAnswer, TriedOn};
use std::path::PathBuf;
use tui_input::Input;

/// What is asked for.
#[derive(Debug)]
pub enum Wish {
    /// Something outside of the workbench.
    Do(Effect),
    /// A change of what all panes share.
    Change(Change),
    /// Something over the panes.
    Open(Opening),
    /// An action, by its name; where it cannot run, a message says why.
    Run(&'static str),
    /// What a line after `:` asks for; where it cannot be done, a message says why.
    Type(String),
}

impl From<Change> for Wish {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl From<Effect> for Wish {
    fn from(effect: Effect) -> Self {
        Self::Do(effect)
    }
}

impl Wish {
    #[must_use]
    pub fn say(tone: Tone, text: impl Into<String>) -> Self {
        Self::Change(Change::Say(tone, text.into()))
    }

    /// An order that is no job.
    #[must_use]
    pub fn send(command: Command) -> Self {
        Self::Do(Effect::Send(Box::new(command)))
    }

    /// A job; it gets its number when it is ordered.
    #[must_use]
    pub fn order(title: String, task: impl Into<Task>) -> Self {
        Self::Change(Change::Order { title, task: Box::new(task.into()) })
    }
}

/// What can lie over the panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    Help,
    /// The loaded model, its device and memory, and the plugins.
    Model,
    Error,
    /// The last trace or edit as a command.
    Command,
    Palette,
    Form,
    /// The edits in place.
    Edits,
    Jobs,
    /// Models that can be opened.
    Models,
    /// What cargo says of a plugin's crate.
    BuildOutput,
    /// A text whose probability is traced.
    TraceText,
    /// Whether to edit on top of an edit of the same fact, or to replace it.
    EditAgain,
    Quit,
}

/// A change of what all panes share.
#[derive(Debug)]
pub enum Change {
    Say(Tone, String),
    /// A pane has the keys, and is on the screen.
    Focus(&'static str),
    /// A view of a pane has the keys.
    GoTo(String),
    /// The view that had the keys before a pane was gone to has them again.
    GoBack,
    /// The view with the keys shows something else.
    View(Box<View>),
    /// How a screen with room for one pane is split all the same.
    SmallSplit(Option<Tree>),
    /// The pane with the keys has the whole screen, or not.
    Zoom(bool),
    Windows(Windows),
    /// Ctrl-c was pressed with nothing to cancel.
    Interrupted,
    /// A fact is selected, by its place among those shown.
    SelectFact(usize),
    /// A fact is selected where the filter lets it through.
    ShowFact(Box<Fact>),
    /// A fact that was typed comes in front and is selected.
    AddFact(Box<Fact>),
    /// The next tokens of the selected fact are asked for.
    AskNextTokens,
    /// The facts are filtered.
    Filter(Input),
    /// The cursor moves in the text that they are filtered by.
    MoveInFilter(Input),
    /// The facts are sorted in the next order.
    NextFactOrder,
    /// The selected fact is marked, or its mark taken away.
    ToggleMark,
    /// All facts that are shown are marked.
    MarkShown,
    /// All marks are taken away.
    UnmarkAll,
    /// The cursor goes to a layer, and the next edit works on it.
    ChooseLayer(usize),
    /// The cursor goes to a layer.
    MoveLayer(usize),
    /// The table of layers stands still, or follows again.
    ToggleFreeze,
    /// A job is ordered.
    Order {
        title: String,
        /// What the engine is to do.
        task: Box<Task>,
    },
    /// Which answer of a fact is traced.
    TraceAnswer(Box<Fact>, TraceAnswer),
    /// An edit is undone, and then the fact is edited again; where the first comes to nothing, so does the second.
    Replace {
        /// The number of the edit.
        edit: u64,
        /// A few words on the second.
        title: String,
        order: Box<EditOrder>,
    },
    /// Jobs that have ended are ordered once more, all of them after another one where there is something to do first; where
    /// that comes to nothing, so do they.
    AllAgain {
        /// What is done first.
        first: Option<Box<Task>>,
        orders: Vec<Order>,
    },
    /// A job that has ended is ordered once more.
    OrderAgain(Box<Order>),
    /// The job that the engine's end cut off is run again, now or once the model is there again.
    RunLostAgain,
    /// It is not run again.
    ForgetLost,
    /// The model is loaded.
    Load,
    /// Another model is loaded in its place.
    Open(ModelSource),
    Cancel(JobId),
    /// A job that waits does so no more.
    DropWaiting(JobId),
    /// The running job pauses, or goes on.
    TogglePause,
    /// What the edit form says.
    Settings(Settings),
    /// Layers as they were typed.
    TypeLayers(String),
    /// The edit form is about a variant, by its place.
    BeginVariantForm(usize),
    /// The edit form is about the next edit.
    EndVariantForm,
    Variants(Variants),
    /// The model that variants are measured on.
    MeasureOn(TriedOn),
    /// The crate of a plugin is built.
    Build {
        plugin: (PluginKind, String),
        folder: PathBuf,
    },
    StopBuild,
    /// The next or the previous complaint of cargo's has the cursor.
    StepProblem(bool),
    /// The first line of cargo's that is shown; none follows the end.
    ScrollBuild(Option<usize>),
    /// Files were exported under the next number.
    Exported,
    /// A line was typed after `:`.
    Typed(String),
    /// Roles have other colors.
    Colors(Colors),
}

impl State {
    /// Changes what was asked for; what it has the world do is returned.
    pub fn change(&mut self, change: Change) -> Vec<Effect> {
        match change {
            Change::Say(tone, text) => self.say(tone, text),
            Change::Focus(pane) => self.screen.focus_on(pane),
            Change::GoTo(view) => self.screen.go_to(&view),
            Change::GoBack => self.screen.go_back(),
            Change::View(view) => {
                let shown = self.screen.windows.view(&self.screen.view);
                if (shown.of, shown.against) != (view.of, view.against) {
                    self.left_outs.try_again();
                }
                self.screen.windows.set_view(&self.screen.view, *view);
            }
            Change::SmallSplit(tree) => self.screen.small = tree,
            Change::Zoom(zoomed) => self.screen.zoomed = zoomed,
            Change::Windows(windows) => self.screen.windows = windows,
            Change::Interrupted => self.keyboard.interrupted = Some(self.now),
            Change::SelectFact(place) => {
                self.facts.select(place);
                self.want_prediction();
            }
            Change::ShowFact(fact) => self.facts.select_fact(&fact),
            Change::AddFact(fact) => {
                self.facts.add(*fact);
                self.screen.windows.unselect(Some("fact"));
                // The same prompt may have other targets now.
                self.next_tokens.told = None;
                self.want_prediction();
            }
            Change::AskNextTokens => self.want_prediction(),
            Change::Filter(filter) => {
                self.facts.set_filter(filter);
                self.screen.windows.unselect(Some("fact"));
                self.want_prediction();
            }
            Change::MoveInFilter(filter) => self.facts.filter = filter,
            Change::NextFactOrder => {
                self.facts.step_order();
                self.screen.windows.unselect(Some("fact"));
            }
            Change::ToggleMark => {
                self.facts.toggle_mark();
                self.want_prediction();
            }
            Change::MarkShown => self.facts.mark_shown(),
            Change::UnmarkAll => self.facts.unmark_all(),
            Change::ChooseLayer(layer) => self.choose_layer(layer),
            Change::MoveLayer(layer) => self.layer.place = layer,
            Change::ToggleFreeze => self.edits.toggle_freeze(),
            Change::Order { title, task } => {
                let waited = self.jobs.waiting.len();
                // of these it shows in their place that they wait
                let is_told = !matches!(*task, Task::Try(_) | Task::Undo(_) | Task::Redo(_));
                let effects = self.order(title, *task);
                if is_told
                    && self.jobs.waiting.len() > waited
                    && let Some(words) = self.waits_words()
                {
                    self.say(Tone::Plain, words);
                }
                return effects;
            }
            Change::TraceAnswer(fact, answer) => self.traces.choose_answer(&fact, answer),
            Change::Replace { edit, title, order } => return self.replace(edit, title, *order),
            Change::AllAgain { first, orders } => return self.order_all_again(first.map(|first| *first), orders),
            Change::OrderAgain(order) => return self.order_again(&order),
            Change::RunLostAgain => return self.run_lost_again(),
            Change::ForgetLost => self.link.lost = None,
            Change::Load => return self.load(),
            Change::Open(source) => return self.open(source),
            Change::Cancel(job) => return self.cancel(job),
            Change::DropWaiting(job) => return self.drop_waiting(job),
            Change::TogglePause => return self.toggle_pause(),
            Change::Settings(settings) => {
                self.form.settings = settings;
                self.suit_plugins();
            }
            Change::TypeLayers(text) => {
                self.layer.chosen = true;
                self.form.settings.layers = text;
            }
            Change::BeginVariantForm(place) => self.begin_variant_form(place),
            Change::EndVariantForm => self.end_variant_form(),
            Change::Variants(variants) => self.compare.variants = variants,
            Change::MeasureOn(on) => self.compare.on = on,
            Change::Build { plugin, folder } => {
                self.build.begin(plugin, folder.clone());
                return vec![Effect::Build { number: self.build.number, folder }];
            }
            Change::StopBuild => {
                self.build.stop();
                return vec![Effect::StopBuild];
            }
            Change::StepProblem(forward) => self.build.step(forward),
            Change::ScrollBuild(scroll) => self.build.scroll = scroll,
            Change::Exported => self.exports += 1,
            Change::Typed(line) => self.typed.add(line),
            Change::Colors(colors) => self.screen.theme = self.screen.theme.with(colors),
        }
        Vec::new()
    }
}
