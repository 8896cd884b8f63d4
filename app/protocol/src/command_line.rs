//! What was done in the workbench as a shell command: the same order, the same numbers.

use crate::shell::quote;
use crate::{
    EditOrder, Fact, HyperparameterKind, Intervention, NoiseDraws, PluginKind, PluginReady, TraceAnswer, TraceKind,
    TraceOrder,
};
use serde_json::{Map, Value};

/// What the commands of a session have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// Flags of the program that the session was started with: the model, its facts, plugins, the device.
    pub flags: &'a [String],
    /// The facts that belong to the model.
    pub facts: &'a [Fact],
    /// Loaded methods and objectives, to tell defaults from settings.
    pub plugins: &'a [PluginReady],
}

impl Surroundings<'_> {
    /// The command that makes an edit with the edits of these operations in place, with all settings. Where
    /// `found_on_unedited`, they are applied on top of one another, but each was found on the unedited model.
    #[must_use]
    pub fn edit(&self, order: &EditOrder, in_place: &[u64], found_on_unedited: bool) -> String {
        let mut where_on = with_edits(in_place);
        where_on.extend(found_on_unedited.then(|| "--on-unedited".to_owned()));
        let Some(fact) = self.facts_of(order) else {
            let order = serde_json::to_string(order).unwrap_or_default();
            return format!("{} <<'END'\n{order}\nEND", self.line(&["edit", "--orders", "-"], where_on));
        };
        let mut words =
            vec!["--method".to_owned(), order.method.clone(), "--objective".to_owned(), order.objective.clone()];
        if !order.layers.is_empty() {
            let layers: Vec<String> = order.layers.iter().map(ToString::to_string).collect();
            words.extend(["--layers".to_owned(), layers.join(",")]);
        }
        words.extend(fact);
        let sides = [
            (PluginKind::Method, &order.method, &order.method_settings, "--set"),
            (PluginKind::Objective, &order.objective, &order.objective_settings, "--set-objective"),
        ];
        for (kind, id, given, flag) in sides {
            words.extend(self.settings(kind, id, given).into_iter().flat_map(|pair| [flag.to_owned(), pair]));
        }
        words.extend(["--seed".to_owned(), order.seed.to_string()]);
        if order.free_generation > 0 {
            words.extend(["--free-generation".to_owned(), order.free_generation.to_string()]);
        }
        if order.no_scores {
            words.push("--no-scores".to_owned());
        }
        words.extend(where_on);
        let mut flags = self.flags.to_vec();
        if let Some(tokens) = order.corpus_tokens {
            // what was asked for this edit goes before what was for all
            if let Some(place) = flags.iter().position(|flag| flag == "--corpus-tokens") {
                flags.drain(place..(place + 2).min(flags.len()));
            }
            flags.extend(["--corpus-tokens".to_owned(), tokens.to_string()]);
        }
        Surroundings { flags: &flags, ..*self }.line(&["edit"], words)
    }

    /// The command that makes a trace with the edits of these operations in place, with all settings.
    #[must_use]
    pub fn trace(&self, order: &TraceOrder, in_place: &[u64]) -> String {
        let fact = &order.fact;
        let typed = || {
            let pairs =
                [("--prompt", fact.marked()), ("--true", fact.target_true.clone()), ("--new", fact.target_new.clone())];
            let pairs = pairs.into_iter().filter(|(_, text)| !text.is_empty());
            pairs.flat_map(|(flag, text)| [flag.to_owned(), text]).collect()
        };
        let mut words: Vec<String> = self.recorded(fact).unwrap_or_else(typed);
        let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if order.answer != TraceAnswer::True {
            flag("--answer", order.answer.written());
        }
        match order.intervention {
            Intervention::SeverMlp => flag("--sever", "mlp".to_owned()),
            Intervention::SeverAttention => flag("--sever", "attention".to_owned()),
            _ => flag("--kind", kind_word(order.kind).to_owned()),
        }
        match order.intervention {
            Intervention::AblateZero => flag("--ablate", "zero".to_owned()),
            Intervention::AblateMean => flag("--ablate", "mean".to_owned()),
            Intervention::AblateResample => flag("--ablate", "resample".to_owned()),
            Intervention::Restore | Intervention::SeverMlp | Intervention::SeverAttention => {}
        }
        flag("--window", order.window.to_string());
        flag("--samples", order.samples.to_string());
        flag("--noise", noise_word(order));
        flag("--seed", order.seed.to_string());
        if let Some(file) = &order.noise_file {
            flag("--noise-file", file.display().to_string());
        }
        let switches =
            [(order.replace, "--replace"), (order.same_noise, "--same-noise"), (order.preview_only, "--preview")];
        words.extend(switches.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned()));
        words.extend(with_edits(in_place));
        self.line(&["trace"], words)
    }

    /// One line: the program, the session's flags, the command.
    fn line(&self, command: &[&str], words: Vec<String>) -> String {
        let program = std::iter::once("locus").chain(command.iter().copied()).map(str::to_owned);
        let all = program.chain(words).chain(self.flags.iter().cloned());
        all.map(|word| quote(&word)).collect::<Vec<_>>().join(" ")
    }

    /// The flags that name the facts of an order; `None` where flags cannot.
    fn facts_of(&self, order: &EditOrder) -> Option<Vec<String>> {
        if order.more.is_empty() {
            return self.recorded(&order.fact).or_else(|| typed(&order.fact));
        }
        let case = |fact: &Fact| self.facts.contains(fact).then(|| fact.case_id.map(|case| case.to_string())).flatten();
        let cases: Vec<String> = order.facts().map(case).collect::<Option<_>>()?;
        Some(vec!["--cases".to_owned(), cases.join(","), "--together".to_owned()])
    }

    /// `--case`, for a fact of the model's list or one that differs from it in its new target only.
    fn recorded(&self, fact: &Fact) -> Option<Vec<String>> {
        let like = |known: &&Fact| {
            let same = Fact { target_new: fact.target_new.clone(), case_id: fact.case_id, ..(*known).clone() };
            known.case_id.is_some() && same == *fact
        };
        let known = self.facts.iter().find(like)?;
        // of records with the same number the first is taken
        let first = self.facts.iter().find(|other| other.case_id == known.case_id)?;
        let mut words = vec!["--case".to_owned(), known.case_id?.to_string()];
        if known.target_new != fact.target_new {
            words.extend(["--new".to_owned(), fact.target_new.clone()]);
        }
        std::ptr::eq(first, known).then_some(words)
    }

    /// All settings of a plugin, those of the order before the defaults.
    fn settings(&self, kind: PluginKind, id: &str, given: &Map<String, Value>) -> Vec<String> {
        let plugin = self.plugins.iter().find(|plugin| plugin.kind == kind && plugin.id == id);
        let Some(plugin) = plugin else {
            return given.iter().map(|(name, value)| format!("{name}={}", typed_value(value))).collect();
        };
        let setting = |field: &crate::Hyperparameter| {
            let value = given.get(&field.name).unwrap_or(&field.default);
            let text = if field.kind == HyperparameterKind::List { value.to_string() } else { typed_value(value) };
            format!("{}={text}", field.name)
        };
        plugin.hyperparameters.iter().map(setting).collect()
    }
}

/// The flag that applies edits of the journal.
fn with_edits(operations: &[u64]) -> Vec<String> {
    let numbers: Vec<String> = operations.iter().map(ToString::to_string).collect();
    if numbers.is_empty() { Vec::new() } else { vec!["--with-edits".to_owned(), numbers.join(",")] }
}

/// The flags of a fact that is nothing but its prompt and targets.
fn typed(fact: &Fact) -> Option<Vec<String>> {
    let read = Fact::from_marked(&fact.marked(), &fact.target_true, &fact.target_new).ok()?;
    let pairs = [("--prompt", fact.marked()), ("--true", fact.target_true.clone()), ("--new", fact.target_new.clone())];
    (read == *fact).then(|| pairs.into_iter().flat_map(|(flag, text)| [flag.to_owned(), text]).collect())
}

fn typed_value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn kind_word(kind: TraceKind) -> &'static str {
    match kind {
        TraceKind::Hidden => "hidden",
        TraceKind::Mlp => "mlp",
        TraceKind::Attention => "attention",
    }
}

fn noise_word(order: &TraceOrder) -> String {
    match (order.noise_level, order.noise_draws) {
        (Some(level), NoiseDraws::Uniform) => format!("u{level}"),
        (Some(level), NoiseDraws::Normal) => level.to_string(),
        (None, _) => format!("s{}", order.noise_deviations),
    }
}

#[cfg(test)]
mod tests {
    use super::Surroundings;
    use crate::{
        EditOrder, Fact, Hyperparameter, HyperparameterKind, PluginKind, PluginReady, TraceAnswer, TraceKind,
        TraceOrder,
    };
    use serde_json::json;

    fn fact() -> Fact {
        let fact = Fact::from_marked("The capital of {France} is", "Paris", "Rome").expect("a fact");
        Fact { case_id: Some(7), paraphrases: vec!["France's capital is".into()], ..fact }
    }

    fn plugin(kind: PluginKind, id: &str) -> PluginReady {
        let field = |name: &str, default, kind| Hyperparameter {
            name: name.into(),
            help: "h".into(),
            default,
            unit: String::new(),
            kind,
        };
        let fields = vec![
            field("steps", json!(20), HyperparameterKind::Integer { min: 1, max: 100 }),
            field("texts", json!(["{}", "It's {}"]), HyperparameterKind::List),
            field("word", json!("last"), HyperparameterKind::Text),
        ];
        serde_json::from_value(json!({
            "kind": kind, "id": id, "title": id, "version": "1", "cite": "", "file": "f", "interface": "1.0",
            "compiler": "c", "hyperparameters": fields,
        }))
        .expect("a plugin")
    }

    fn order(fact: Fact) -> EditOrder {
        serde_json::from_value(json!({
            "fact": fact, "method": "m", "objective": "o", "layers": [1, 2], "method_settings": {"steps": 5}, "seed": 3,
        }))
        .expect("an order")
    }

    #[test]
    fn all_settings_are_there_and_a_shell_reads_them() {
        let (facts, flags) = ([fact()], ["--threads".to_owned(), "1".to_owned()]);
        let plugins = [plugin(PluginKind::Method, "m")];
        let there = Surroundings { flags: &flags, facts: &facts, plugins: &plugins };
        let line = there.edit(&order(fact()), &[], false);
        let words = "locus edit --method m --objective o --layers 1,2 --case 7 --set steps=5 --set TEXTS --set word=last \
                     --seed 3 --threads 1";
        let expected = words.split(' ').map(|word| if word == "TEXTS" { r#"texts=["{}","It's {}"]"# } else { word });
        assert_eq!(shlex::split(&line).expect(&line), expected.collect::<Vec<_>>());
        // another new target, as the workbench makes it of a record
        let amended = Fact { target_new: "New York".into(), case_id: None, ..fact() };
        assert!(there.edit(&order(amended), &[], false).contains("--case 7 --new 'New York' --set"));
    }

    #[test]
    fn a_fact_that_was_typed_is_typed_again() {
        let there = Surroundings::default();
        let plain = Fact { case_id: None, paraphrases: Vec::new(), ..fact() };
        let line = there.edit(&order(plain.clone()), &[], false);
        assert!(line.contains("--prompt 'The capital of {France} is' --true Paris --new Rome --set steps=5"), "{line}");
        // what flags cannot say goes as it is
        let line = there.edit(&order(fact()), &[], false);
        let told = line.strip_prefix("locus edit --orders - <<'END'\n").and_then(|rest| rest.strip_suffix("\nEND"));
        assert_eq!(serde_json::from_str::<EditOrder>(told.expect(&line)).expect("an order"), order(fact()));
        let line = there.trace(&TraceOrder::new(plain.clone(), TraceKind::Mlp), &[]);
        assert!(
            line.starts_with("locus trace --prompt 'The capital of {France} is' --true Paris --new Rome --kind mlp")
        );
        assert!(line.contains("--noise s3 --seed 1"), "{line}");
        let line = there.trace(&TraceOrder::new(plain.clone(), TraceKind::Mlp), &[3, 5]);
        assert!(line.ends_with("--seed 1 --with-edits 3,5") && !line.contains("--answer"), "{line}");
        let model = TraceOrder { answer: TraceAnswer::Model, ..TraceOrder::new(plain.clone(), TraceKind::Mlp) };
        assert!(there.trace(&model, &[]).contains(" --answer model --kind mlp "));
        assert!(there.edit(&order(plain.clone()), &[4], true).ends_with("--seed 3 --with-edits 4 --on-unedited"));
        let unscored = EditOrder { no_scores: true, ..order(plain.clone()) };
        assert!(there.edit(&unscored, &[], false).ends_with("--seed 3 --no-scores"));
        let says = EditOrder { free_generation: 10, ..order(plain) };
        assert!(there.edit(&says, &[], false).ends_with("--seed 3 --free-generation 10"));
        let fewer = EditOrder { corpus_tokens: Some(4000), ..says };
        assert!(there.edit(&fewer, &[], false).ends_with("--free-generation 10 --corpus-tokens 4000"));
        let flags = ["--corpus-tokens", "5000000", "--threads", "1"].map(str::to_owned);
        let asked = Surroundings { flags: &flags, ..there }.edit(&fewer, &[], false);
        assert!(asked.ends_with("--free-generation 10 --threads 1 --corpus-tokens 4000"), "{asked}");
        assert!(there.edit(&order(fact()), &[4], false).starts_with("locus edit --orders - --with-edits 4 <<'END'"));
    }

    #[test]
    fn facts_that_are_edited_together_are_named_in_their_order() {
        let other = Fact { case_id: Some(3), subject: "Italy".into(), ..fact() };
        let facts = [other.clone(), fact()];
        let there = Surroundings { facts: &facts, ..Surroundings::default() };
        let together = EditOrder { more: vec![other], ..order(fact()) };
        assert!(there.edit(&together, &[], false).contains("--cases 7,3 --together"));
    }
}
