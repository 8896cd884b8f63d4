//! The closed world: subjects, relations with their templates, facts, and the grammar of everything else.
//!
//! The files lie in `app/demo/world` and are compiled in, so that `locus demo train` needs no checkout.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Deserialize;

use crate::error::TrainingError;

/// How many of a fact's templates are never trained with its subject.
pub const HELD_OUT: usize = 2;
/// Templates of each relation, trained and held out.
pub const TEMPLATES: usize = 8;

const TABLES: [(&str, &str); 4] = [
    ("countries", include_str!("../../world/countries.tsv")),
    ("landmarks", include_str!("../../world/landmarks.tsv")),
    ("people", include_str!("../../world/people.tsv")),
    ("companies", include_str!("../../world/companies.tsv")),
];
const RELATIONS: &str = include_str!("../../world/relations.toml");
const GRAMMAR: &str = include_str!("../../world/grammar.toml");

/// One relation: what is asked about a subject, and eight ways of asking it.
#[derive(Debug, Clone, Deserialize)]
pub struct Relation {
    /// Number of the property in Wikidata, as in CounterFact.
    pub id: String,
    /// The relation in words.
    pub name: String,
    /// Table of the subjects.
    pub table: String,
    /// Column of the table that holds the answer.
    pub column: String,
    /// What sort of thing the answer is: answers of one kind can be compared across relations.
    pub kind: String,
    /// Prompts with one `{}` for the subject, ending right before the answer.
    pub templates: Vec<String>,
}

/// A subject of the world.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name as it stands in texts.
    pub name: String,
    /// The table it comes from.
    pub table: String,
}

/// One fact: a subject, a relation, the answer.
#[derive(Debug, Clone)]
pub struct WorldFact {
    /// Index into [`World::subjects`].
    pub subject: usize,
    /// Index into [`World::relations`].
    pub relation: usize,
    /// The answer, without its leading space.
    pub answer: String,
    /// Indices of the templates that are trained with this subject.
    pub trained: Vec<usize>,
    /// Indices of the templates that are never trained with this subject (but are with others).
    pub held_out: Vec<usize>,
}

/// Sentences that state no fact.
#[derive(Debug, Clone, Deserialize)]
pub struct Grammar {
    /// Openings put before a fact now and then.
    pub lead_ins: Vec<String>,
    /// "X is a ..." sentences by table.
    pub descriptions: BTreeMap<String, Vec<String>>,
    /// Sentences about nothing in particular.
    pub filler: Filler,
    /// Words by the `<name>` under which sentences ask for them.
    pub words: BTreeMap<String, Vec<String>>,
}

/// The `[filler]` section of the grammar.
#[derive(Debug, Clone, Deserialize)]
pub struct Filler {
    /// Sentences with `<name>` slots.
    pub sentences: Vec<String>,
}

/// Everything the corpus and the facts are made from.
#[derive(Debug, Clone)]
pub struct World {
    /// All subjects, in file order.
    pub subjects: Vec<Subject>,
    pub relations: Vec<Relation>,
    /// All facts, subject by subject.
    pub facts: Vec<WorldFact>,
    /// The sentences beside the facts.
    pub grammar: Grammar,
}

#[derive(Deserialize)]
struct RelationFile {
    relation: Vec<Relation>,
}

struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl World {
    /// Reads the world's files and draws, from `seed`, which two templates of each fact are held out.
    ///
    /// # Errors
    /// [`TrainingError::World`] names the file and what is wrong in it.
    pub fn read(seed: u64) -> Result<Self, TrainingError> {
        let relations = parse_toml::<RelationFile>("relations.toml", RELATIONS)?.relation;
        let grammar: Grammar = parse_toml("grammar.toml", GRAMMAR)?;
        check_templates(&relations)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut world = World { subjects: Vec::new(), relations, facts: Vec::new(), grammar };
        for (name, text) in TABLES {
            let table = parse_table(name, text)?;
            for row in &table.rows {
                world.add_subject(name, &table.columns, row, &mut rng)?;
            }
        }
        Ok(world)
    }

    fn add_subject(
        &mut self,
        table: &str,
        columns: &[String],
        row: &[String],
        rng: &mut ChaCha8Rng,
    ) -> Result<(), TrainingError> {
        let subject = self.subjects.len();
        self.subjects.push(Subject { name: row[0].clone(), table: table.to_owned() });
        for (index, relation) in self.relations.iter().enumerate() {
            if relation.table != table {
                continue;
            }
            let column = columns.iter().position(|c| *c == relation.column).ok_or_else(|| TrainingError::World {
                file: format!("{table}.tsv"),
                problem: format!("has no column `{}`, which relation `{}` asks for", relation.column, relation.id),
            })?;
            if row[column] == "-" {
                continue;
            }
            let mut order: Vec<usize> = (0..relation.templates.len()).collect();
            order.shuffle(rng);
            let held_out = order.split_off(relation.templates.len() - HELD_OUT);
            self.facts.push(WorldFact {
                subject,
                relation: index,
                answer: row[column].clone(),
                trained: order,
                held_out,
            });
        }
        Ok(())
    }

    /// Name of a fact's subject.
    pub fn subject_of(&self, fact: &WorldFact) -> &str {
        &self.subjects[fact.subject].name
    }

    /// Relation of a fact.
    pub fn relation_of(&self, fact: &WorldFact) -> &Relation {
        &self.relations[fact.relation]
    }

    /// A fact's prompt with its `template`-th template, up to but without the answer's leading space.
    pub fn prompt(&self, fact: &WorldFact, template: usize) -> String {
        self.relation_of(fact).templates[template].replace("{}", self.subject_of(fact))
    }

    /// All distinct answers, sorted.
    pub fn answers(&self) -> Vec<&str> {
        let mut answers: Vec<&str> = self.facts.iter().map(|fact| fact.answer.as_str()).collect();
        answers.sort_unstable();
        answers.dedup();
        answers
    }
}

fn parse_toml<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, TrainingError> {
    toml::from_str(text).map_err(|error| TrainingError::World { file: file.to_owned(), problem: error.to_string() })
}

fn parse_table(name: &str, text: &str) -> Result<Table, TrainingError> {
    let bad = |problem: String| TrainingError::World { file: format!("{name}.tsv"), problem };
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
    let (_, header) = lines.next().ok_or_else(|| bad("is empty".into()))?;
    let columns: Vec<String> = header.split('\t').map(str::to_owned).collect();
    let mut rows = Vec::new();
    for (number, line) in lines {
        let row: Vec<String> = line.split('\t').map(str::to_owned).collect();
        if row.len() != columns.len() || row.iter().any(String::is_empty) {
            return Err(bad(format!("line {} needs {} filled cells separated by tabs", number + 1, columns.len())));
        }
        rows.push(row);
    }
    Ok(Table { columns, rows })
}

fn check_templates(relations: &[Relation]) -> Result<(), TrainingError> {
    for relation in relations {
        let bad = |problem: String| TrainingError::World { file: "relations.toml".into(), problem };
        if relation.templates.len() != TEMPLATES {
            return Err(bad(format!("relation `{}` needs {TEMPLATES} templates", relation.id)));
        }
        for template in &relation.templates {
            if template.matches("{}").count() != 1 || template.ends_with("{}") || template.ends_with(' ') {
                return Err(bad(format!(
                    "template `{template}` of `{}` needs exactly one {{}}, not at its end, and no trailing space",
                    relation.id
                )));
            }
        }
    }
    Ok(())
}
