//! What a pane shows: a kind of pane may stand on the screen several times, each time with a source of its own.

use super::{Attempt, Change, EditView, Stage, State};
use locus_protocol::{Fact, Intervention, LayerRow, TraceAnswer, TraceKind};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// A state of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// With the edits in place; during an edit what it makes of the model.
    #[default]
    AsItIs,
    /// The model without any edit in place.
    Unedited,
    /// With the edits in place but this one, by its number.
    Without(u64),
    /// With a variant of Compare, by its letter.
    Variant(char),
}

/// What one pane shows, and where its cursor is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// The fact that it stays on; the selected one without it.
    pub fact: Option<Box<Fact>>,
    pub of: Of,
    /// Which model its numbers are differences from.
    pub against: Option<Of>,
    /// The layer under its own cursor, where it does not move with the others.
    pub layer: Option<usize>,
    /// The token under that cursor, and the prompt that it belongs to.
    pub token: Option<(String, usize)>,
    /// The row at which the selected rows begin that end at the cursor.
    #[serde(skip)]
    pub anchor: Option<usize>,
}

/// The kind of a pane, from the name of one of its views: `layers` of `layers#2`.
#[must_use]
pub fn kind_of(view: &str) -> &str {
    view.split('#').next().unwrap_or(view)
}

/// The state as one view of a pane sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    state: &'a State,
    view: &'a View,
}

impl Deref for Seen<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.state
    }
}

impl<'a> Seen<'a> {
    /// The state through a view.
    #[must_use]
    pub const fn new(state: &'a State, view: &'a View) -> Self {
        Self { state, view }
    }

    /// What all panes share.
    #[must_use]
    pub const fn all(&self) -> &'a State {
        self.state
    }

    #[must_use]
    pub const fn view(&self) -> &'a View {
        self.view
    }

    /// The fact that is shown.
    #[must_use]
    pub fn fact(&self) -> Option<&'a Fact> {
        self.view.fact.as_deref().or_else(|| self.state.fact())
    }

    /// Whether a row is among the selected ones, which end at the one under the cursor.
    #[must_use]
    pub fn is_selected(&self, row: usize, cursor: usize) -> bool {
        self.view.anchor.is_some_and(|anchor| (anchor.min(cursor)..=anchor.max(cursor)).contains(&row))
    }

    /// The layer under the cursor.
    #[must_use]
    pub fn layer(&self) -> usize {
        let last = self.state.layers().saturating_sub(1);
        self.view.layer.map_or_else(|| self.state.layer(), |layer| layer.min(last))
    }

    /// Moves the cursor that the view has, its own or that of all.
    #[must_use]
    pub fn choose_layer(&self, layer: usize) -> Change {
        match self.view.layer {
            None => Change::ChooseLayer(layer),
            Some(_) => {
                let layer = Some(layer.min(self.layers().saturating_sub(1)));
                Change::View(Box::new(View { layer, ..self.view.clone() }))
            }
        }
    }

    /// The next layer after the one under the cursor that the edit which is shown changes, from the first again after the
    /// last.
    #[must_use]
    pub fn next_edited_layer(&self) -> Option<usize> {
        let layers = &self.edit(self.view.of)?.layers;
        let after = layers.iter().filter(|layer| **layer > self.layer()).min();
        after.or_else(|| layers.iter().min()).copied()
    }

    /// The layer with the greatest effect at the last token of the subject, by the newest trace of hidden states.
    #[must_use]
    pub fn most_effective_layer(&self) -> Option<usize> {
        let in_place = self.edits_of(self.view.of)?;
        let (traces, fact) = (&self.state.traces, self.fact()?);
        let of_model = traces.of_model(fact, TraceKind::Hidden, Intervention::Restore, &in_place);
        let trace = of_model.or_else(|| traces.of(fact, TraceKind::Hidden))?;
        trace.peak(Some(trace.last_subject_token()?)).map(|peak| peak.layer)
    }

    /// What was tried of a variant with the fact that is shown.
    #[must_use]
    pub fn attempt(&self, letter: char) -> Option<&'a Attempt> {
        let variant = self.state.compare.variants.list.iter().find(|variant| variant.letter == letter)?;
        self.state.attempt_with(variant, self.fact()?)
    }

    /// The edit that a model is due to, for the fact that is shown: of the model as it is the running one, or one of the
    /// fact.
    #[must_use]
    pub fn edit(&self, of: Of) -> Option<&'a EditView> {
        match of {
            Of::AsItIs => {
                let view = self.state.edits.shown()?;
                let same = self.fact().is_none_or(|fact| *fact == view.order.fact);
                let works = self.view.fact.is_none() && (view.stage == Stage::Running || self.state.edits.running());
                (works || same).then_some(view)
            }
            Of::Unedited | Of::Without(_) => None,
            Of::Variant(letter) => Some(&self.attempt(letter)?.view),
        }
    }

    /// Rows of the unedited model for the fact that is shown, from wherever they are known.
    #[must_use]
    pub fn unedited_rows(&self) -> Option<&'a [LayerRow]> {
        let fact = self.fact()?;
        let told = self.state.next_tokens.told.as_ref();
        let told = told.filter(|told| told.edits == 0 && told.is_about(fact)).map(|told| &told.rows[..]);
        let edits = self.state.edits.shown().into_iter().chain(self.state.compare.views());
        let before = edits.filter(|edit| edit.on_top_of.is_empty() && edit.order.fact == *fact);
        let looked = self.left_out(Of::Unedited).map(|seen| &seen.rows[..]);
        told.into_iter().chain(before.map(|edit| &edit.before[..])).chain(looked).find(|rows| !rows.is_empty())
    }

    /// Numbers of the edits that a model has, where it is one that could be traced.
    #[must_use]
    pub fn edits_of(&self, of: Of) -> Option<Vec<u64>> {
        match of {
            Of::AsItIs => Some(self.state.edits.numbers()),
            Of::Unedited => Some(Vec::new()),
            Of::Without(edit) => {
                let mut numbers = self.state.edits.numbers();
                let place = numbers.iter().position(|number| *number == edit)?;
                numbers.remove(place);
                Some(numbers)
            }
            Of::Variant(letter) => {
                let attempt = self.attempt(letter)?;
                let number = attempt.number?;
                Some(attempt.on_top_of.iter().copied().chain([number]).collect())
            }
        }
    }

    /// Which answer of the fact that is shown is traced on a model: what was chosen, else what the model says where an edit
    /// of the fact is in place, else the true target.
    #[must_use]
    pub fn traced_answer(&self, of: Of) -> TraceAnswer {
        let Some(fact) = self.fact() else { return TraceAnswer::True };
        let in_place = self.edits_of(of).unwrap_or_default();
        let edits = &self.state.edits.applied;
        let is_edited = edits.iter().any(|edit| in_place.contains(&edit.number) && edit.edits(fact));
        match self.state.traces.chosen_answer(fact) {
            Some(chosen) => chosen.clone(),
            None if is_edited => TraceAnswer::Model,
            None => TraceAnswer::True,
        }
    }

    /// A model in a few words.
    #[must_use]
    pub fn words(&self, of: Of) -> String {
        match of {
            Of::AsItIs => "as it is".to_owned(),
            Of::Unedited => "unedited".to_owned(),
            Of::Without(edit) => format!("edit {edit} left out"),
            Of::Variant(letter) => {
                let variants = &self.state.compare.variants.list;
                let variant = variants.iter().find(|variant| variant.letter == letter);
                variant.map_or_else(
                    || format!("{letter} (none)"),
                    |variant| format!("{letter} {}", variant.names(&self.state.engine).0),
                )
            }
        }
    }

    /// A model as the subject of a sentence.
    #[must_use]
    pub fn model(&self, of: Of) -> String {
        match of {
            Of::AsItIs => "the model as it is".to_owned(),
            Of::Unedited => "the unedited model".to_owned(),
            Of::Without(edit) => format!("the model without edit {edit}"),
            Of::Variant(_) => format!("the model with variant {}", self.words(of)),
        }
    }

    /// What a title says of the view; nothing where it shows what all panes show. `names_model`: the title says anyhow which
    /// model the numbers are of.
    #[must_use]
    pub fn title(&self, names_model: bool) -> Option<String> {
        let View { fact, of, against, layer, .. } = self.view;
        let is_named = names_model && *of == Of::Unedited;
        let model = (*of != Of::AsItIs && !is_named || against.is_some()).then(|| self.words(*of));
        let difference = against.map(|against| format!("minus {}", self.words(against)));
        let fact = fact.as_ref().map(|fact| format!("of {}", fact.subject));
        let alone = layer.map(|_| "own cursor".to_owned());
        let parts: Vec<String> = [model, difference, fact, alone].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

impl State {
    /// The view with the keys.
    #[must_use]
    pub fn seen(&self) -> Seen<'_> {
        Seen::new(self, self.screen.windows.view(&self.screen.view))
    }

    /// A view by its name.
    #[must_use]
    pub fn seen_by(&self, view: &str) -> Seen<'_> {
        Seen::new(self, self.screen.windows.view(view))
    }

    /// The models that a view can show: the model as it is, the unedited one, where several edits are in place the model
    /// without each, the newest first, each variant.
    #[must_use]
    pub fn sources(&self) -> Vec<Of> {
        let edits = self.edits.applied.iter().rev().filter(|_| self.edits.applied.len() > 1);
        let without = edits.map(|edit| Of::Without(edit.number));
        let variants = self.compare.variants.list.iter().map(|variant| Of::Variant(variant.letter));
        [Of::AsItIs, Of::Unedited].into_iter().chain(without).chain(variants).collect()
    }
}
