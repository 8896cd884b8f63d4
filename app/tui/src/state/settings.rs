//! What the edit form says: method, objective, layers and the hyperparameters that differ from their defaults.

use super::Engine;
use locus_protocol::{
    EditOrder, Fact, Hyperparameter, HyperparameterKind, MOST_SAID_TOKENS, PluginKind, counted, read_layers,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why settings ask for no edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoOrder {
    /// No plugin of this kind is loaded.
    NoPlugin(PluginKind),
    /// A fact has no new target: its subject, or `None` where it is the only fact.
    NoNewTarget(Option<String>),
    /// No fact is selected.
    NoFact,
    /// A setting has a value that it cannot have; the sentence names it.
    Wrong(String),
}

impl From<String> for NoOrder {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

/// Why a text names no layers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "layers must be like `5`, `3-6` or `3,5`, each from 0 to {last}, or empty for the method's own choice; not `{text}`"
)]
pub struct LayerChoiceError {
    text: String,
    last: usize,
}

/// Reads layers as typed; nothing leaves them to the method.
///
/// # Errors
/// The text is something else, or a layer is not in the model.
pub fn parse_layers(text: &str, layers: usize) -> Result<Vec<usize>, LayerChoiceError> {
    let wrong = || LayerChoiceError { text: text.trim().to_owned(), last: layers.saturating_sub(1) };
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let chosen = read_layers(text).map_err(|_| wrong())?;
    if chosen.last().is_some_and(|&last| last >= layers) {
        return Err(wrong());
    }
    Ok(chosen)
}

/// Tokens that the model says freely after each prompt where nothing else is typed.
pub const FREE_GENERATION: usize = 10;

/// Reads how many tokens the model is to say freely, as typed; nothing is the default.
///
/// # Errors
/// One sentence: the text is no number, or too large.
pub fn parse_free_generation(text: &str) -> Result<usize, String> {
    if text.trim().is_empty() {
        return Ok(FREE_GENERATION);
    }
    let read = text.trim().parse::<usize>().ok().filter(|tokens| *tokens <= MOST_SAID_TOKENS);
    read.ok_or_else(|| {
        format!(
            "free generation must be a number of tokens from 0, which switches it off, to {MOST_SAID_TOKENS}, not `{}`",
            text.trim()
        )
    })
}

/// A hyperparameter's place: kind of plugin, the plugin's id, the hyperparameter's name.
type Place = (PluginKind, String, String);

/// What the edit form says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Layers as typed, such as `5` or `3-6`; empty leaves them to the method.
    pub layers: String,
    /// Tokens that the model says freely after each prompt of the record, as typed.
    pub free_generation: String,
    method: Option<String>,
    objective: Option<String>,
    #[serde(with = "places")]
    values: BTreeMap<Place, String>,
}

/// Hyperparameters in a file: a list, since a place is no name.
mod places {
    use super::Place;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub fn serialize<S: Serializer>(values: &BTreeMap<Place, String>, serializer: S) -> Result<S::Ok, S::Error> {
        values.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Place, String>, D::Error> {
        Ok(Vec::<(Place, String)>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl Settings {
    /// Settings with a method and an objective chosen beforehand; else the first that is loaded.
    #[must_use]
    pub fn new(method: Option<String>, objective: Option<String>) -> Self {
        Self { method, objective, ..Self::default() }
    }

    /// Settings that ask what an order asks.
    #[must_use]
    pub fn of_order(engine: &Engine, order: &EditOrder) -> Self {
        let layers: Vec<String> = order.layers.iter().map(usize::to_string).collect();
        let mut settings = Self::new(Some(order.method.clone()), Some(order.objective.clone()));
        settings.layers = layers.join(",");
        if order.free_generation != FREE_GENERATION {
            settings.free_generation = order.free_generation.to_string();
        }
        let both = [
            (PluginKind::Method, &order.method, &order.method_settings),
            (PluginKind::Objective, &order.objective, &order.objective_settings),
        ];
        for (kind, plugin, values) in both {
            for parameter in engine.hyperparameters(kind, plugin) {
                if let Some(value) = values.get(&parameter.name) {
                    settings.set(kind, plugin, &parameter.name, &shown_value(value));
                }
            }
        }
        settings
    }

    /// Takes over what other settings say; where they choose no plugin, the choice stays.
    pub fn take_over(&mut self, other: Self) {
        (self.layers, self.free_generation, self.values) = (other.layers, other.free_generation, other.values);
        self.method = other.method.or(self.method.take());
        self.objective = other.objective.or(self.objective.take());
    }

    pub fn choose(&mut self, kind: PluginKind, id: &str) {
        match kind {
            PluginKind::Method => self.method = Some(id.to_owned()),
            PluginKind::Objective => self.objective = Some(id.to_owned()),
        }
    }

    /// Everything that the settings say, by name: method, objective, layers, then hyperparameters as typed or by default.
    #[must_use]
    pub fn listed(&self, engine: &Engine) -> Vec<(String, String)> {
        let chosen = |kind| self.chosen(engine, kind).unwrap_or_default().to_owned();
        let (method, objective) = (chosen(PluginKind::Method), chosen(PluginKind::Objective));
        let layers = match self.layers.trim() {
            "" => "the method's choice".to_owned(),
            layers => layers.to_owned(),
        };
        let mut listed = vec![
            ("method".to_owned(), method.clone()),
            ("objective".to_owned(), objective.clone()),
            ("layers".to_owned(), layers),
            ("free generation".to_owned(), self.free_generation_words()),
        ];
        for (kind, plugin) in [(PluginKind::Method, &method), (PluginKind::Objective, &objective)] {
            for parameter in engine.hyperparameters(kind, plugin) {
                let default = match kind {
                    PluginKind::Method => engine.default_with(&method, &objective, parameter),
                    PluginKind::Objective => &parameter.default,
                };
                let typed = self.typed(kind, plugin, &parameter.name);
                listed.push((parameter.name.clone(), typed.map_or_else(|| shown_value(default), str::to_owned)));
            }
        }
        listed
    }

    /// How far the model is to say something freely, in words.
    fn free_generation_words(&self) -> String {
        match parse_free_generation(&self.free_generation) {
            Ok(0) => "off".to_owned(),
            Ok(tokens) => counted(tokens, "token"),
            Err(_) => self.free_generation.clone(),
        }
    }

    /// Id of the chosen plugin of a kind.
    #[must_use]
    pub fn chosen<'a>(&'a self, engine: &'a Engine, kind: PluginKind) -> Option<&'a str> {
        let wish = match kind {
            PluginKind::Method => &self.method,
            PluginKind::Objective => &self.objective,
        };
        let wished = wish.as_deref().filter(|id| engine.plugin(kind, id).is_some());
        wished.or_else(|| engine.of_kind(kind).next().map(|plugin| plugin.id.as_str()))
    }

    /// Chooses the next or the previous plugin of a kind.
    pub fn step_plugin(&mut self, engine: &Engine, kind: PluginKind, forward: bool) {
        let ids: Vec<_> = engine.of_kind(kind).map(|plugin| plugin.id.as_str()).collect();
        let Some(place) = self.chosen(engine, kind).and_then(|id| ids.iter().position(|known| *known == id)) else {
            return;
        };
        let next = if forward { place + 1 } else { place + ids.len() - 1 } % ids.len();
        let wish = match kind {
            PluginKind::Method => &mut self.method,
            PluginKind::Objective => &mut self.objective,
        };
        *wish = Some(ids[next].to_owned());
    }

    /// A hyperparameter as typed; `None` where it has its default.
    #[must_use]
    pub fn typed(&self, kind: PluginKind, plugin: &str, name: &str) -> Option<&str> {
        self.values.get(&(kind, plugin.to_owned(), name.to_owned())).map(String::as_str)
    }

    /// Sets a hyperparameter; nothing typed takes it back to its default.
    pub fn set(&mut self, kind: PluginKind, plugin: &str, name: &str, text: &str) {
        let place = (kind, plugin.to_owned(), name.to_owned());
        if text.trim().is_empty() {
            self.values.remove(&place);
        } else {
            self.values.insert(place, text.to_owned());
        }
    }

    /// What is wrong with a hyperparameter as typed.
    #[must_use]
    pub fn complaint(&self, kind: PluginKind, plugin: &str, parameter: &Hyperparameter) -> Option<String> {
        self.typed(kind, plugin, &parameter.name).and_then(|text| parameter.parse(text).err())
    }

    /// The next or the previous of a hyperparameter's choices, where it has some.
    #[must_use]
    pub fn next_choice(
        &self,
        kind: PluginKind,
        plugin: &str,
        parameter: &Hyperparameter,
        forward: bool,
    ) -> Option<String> {
        let choices: Vec<String> = match &parameter.kind {
            HyperparameterKind::Bool => vec!["yes".into(), "no".into()],
            HyperparameterKind::Choice { choices } => choices.clone(),
            _ => return None,
        };
        let default = shown_value(&parameter.default);
        let now = self.typed(kind, plugin, &parameter.name).unwrap_or(&default);
        let place = choices.iter().position(|choice| choice == now).unwrap_or(0);
        let step = if forward { 1 } else { choices.len().saturating_sub(1) };
        choices.get((place + step) % choices.len().max(1)).cloned()
    }

    /// The order that an edit of facts, the first first, with these settings is.
    ///
    /// # Errors
    /// A plugin, a target or a fact is missing, or a setting is wrong.
    pub fn order(&self, engine: &Engine, facts: Vec<Fact>) -> Result<EditOrder, NoOrder> {
        let plugin = |kind: PluginKind| self.chosen(engine, kind).ok_or(NoOrder::NoPlugin(kind));
        let (method, objective) = (plugin(PluginKind::Method)?, plugin(PluginKind::Objective)?);
        if let Some(fact) = facts.iter().find(|fact| fact.target_new.is_empty()) {
            return Err(NoOrder::NoNewTarget((facts.len() > 1).then(|| fact.subject.clone())));
        }
        let mut facts = facts.into_iter();
        let fact = facts.next().ok_or(NoOrder::NoFact)?;
        let layers = engine.model.as_ref().map_or(0, |model| model.layers);
        Ok(EditOrder {
            fact,
            method: method.to_owned(),
            objective: objective.to_owned(),
            layers: parse_layers(&self.layers, layers).map_err(|error| error.to_string())?,
            method_settings: self.given(engine, PluginKind::Method, method)?,
            objective_settings: self.given(engine, PluginKind::Objective, objective)?,
            seed: 0,
            more: facts.collect(),
            free_generation: parse_free_generation(&self.free_generation)?,
            no_scores: false,
            corpus_tokens: None,
        })
    }

    /// A plugin's hyperparameters that were typed.
    fn given(&self, engine: &Engine, kind: PluginKind, plugin: &str) -> Result<Map<String, Value>, String> {
        let mut given = Map::new();
        for parameter in engine.hyperparameters(kind, plugin) {
            if let Some(text) = self.typed(kind, plugin, &parameter.name) {
                given.insert(parameter.name.clone(), parameter.parse(text)?);
            }
        }
        Ok(given)
    }
}

/// A value as a user would type it.
#[must_use]
pub fn shown_value(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{FREE_GENERATION, Settings, parse_free_generation, parse_layers};
    use crate::state::Engine;
    use locus_protocol::EditOrder;

    #[test]
    fn layers_are_those_of_the_model_or_left_to_the_method() {
        assert_eq!(parse_layers("7, 3-4,11", 12), Ok(vec![3, 4, 7, 11]));
        assert_eq!(parse_layers("  ", 12), Ok(vec![]));
        for wrong in ["12", "3-12", "6-3", "x", "0-99999999999"] {
            let error = parse_layers(wrong, 12).expect_err(wrong).to_string();
            assert!(error.contains("from 0 to 11"), "{error}");
        }
    }

    #[test]
    fn free_generation_is_a_number_of_tokens_and_comes_back_from_an_order() {
        let typed = ["", " ", "0", " 12 ", "100000"].map(|text| parse_free_generation(text).expect(text));
        assert_eq!(typed, [FREE_GENERATION, FREE_GENERATION, 0, 12, 100_000]);
        for wrong in ["-1", "x", "100001", "1.5"] {
            let error = parse_free_generation(wrong).expect_err(wrong);
            assert!(error.contains("switches it off") && error.contains(wrong), "{error}");
        }
        for tokens in [0, FREE_GENERATION, 25] {
            let order = EditOrder { free_generation: tokens, ..EditOrder::default() };
            let settings = Settings::of_order(&Engine::default(), &order);
            assert_eq!(parse_free_generation(&settings.free_generation), Ok(tokens));
        }
    }
}
