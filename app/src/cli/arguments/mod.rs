//! All commands and flags; completions and the manual page are generated from them.

mod analyze;
mod compare;
mod deltas;
mod edit;
mod eval;
mod fact;
mod plugin;
mod selftest;
mod stats;
mod sweep;
mod trace;

pub use analyze::AnalyzeArguments;
pub use compare::{CompareArguments, Number};
pub use deltas::DeltasAction;
pub use edit::{EditArguments, OrderArguments};
pub use eval::EvalArguments;
pub use fact::FactArguments;
pub use plugin::{Language, NewPlugin, OfferedKind, PluginAction};
pub use selftest::SelftestArguments;
pub use stats::StatsAction;
pub use sweep::{SweepAction, SweepRun};
pub use trace::TraceArguments;

use clap::{Args, Parser, Subcommand, ValueEnum};
use locus_protocol::ZsreReading;
use std::path::PathBuf;

/// Finds where a language model stores a fact, edits it there or anywhere else, and shows whether the location says
/// anything about the edit.
///
/// Without a command, it opens the workbench.
#[derive(Debug, Parser)]
#[command(name = "locus", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Follows the run of another process live and read-only, from the journal that it writes: a file of --journal or
    /// of --json, or without FILE the workbench's own. Given the folder of a sweep, follows that sweep.
    #[arg(long, value_name = "FILE or DIR")]
    pub follow: Option<Option<PathBuf>>,
    /// Flags of all commands.
    #[command(flatten)]
    pub common: Common,
}

/// Flags of all commands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Flags of all commands")]
pub struct Common {
    /// Model folder in Hugging Face format (config.json, *.safetensors, tokenizer.json), or the id of a model on the
    /// Hugging Face hub, ORG/NAME or ORG/NAME@REVISION, downloaded if it is not in the hub's cache [default: the
    /// built-in model].
    #[arg(long, short, global = true, value_name = "DIR or ID")]
    pub model: Option<PathBuf>,
    /// Device: auto, cpu, cuda, cuda:N, or several (cuda:0,cuda:1), which share the layers by free memory.
    #[arg(long, global = true, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Dtype of weights and activations.
    #[arg(long, global = true, value_enum, default_value_t = Dtype::Float32, value_name = "FORMAT")]
    pub dtype: Dtype,
    /// Facts: a JSON list or JSON Lines of CounterFact (also flattened), zsRE or known-facts records [default: the
    /// model's own or the built-in facts].
    #[arg(long, global = true, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// Skips bad records of the facts file and lists them, instead of refusing the file.
    #[arg(long, global = true)]
    pub skip_bad: bool,
    /// How to read zsRE records.
    #[arg(long, global = true, value_enum, default_value_t = Zsre::Statement, value_name = "READING")]
    pub zsre: Zsre,
    /// Corpus for second moments: text with one document per line, JSON Lines (.jsonl) or Parquet (.parquet) [default:
    /// the built-in corpus].
    #[arg(long, global = true, value_name = "FILE")]
    pub corpus: Option<PathBuf>,
    /// Tokens of the corpus to use [default: ten per entry of the MLP key, at least 60,000].
    #[arg(long, global = true, value_name = "N")]
    pub corpus_tokens: Option<usize>,
    /// Column or field of the corpus that contains the text [default: text].
    #[arg(long, global = true, value_name = "NAME")]
    pub corpus_column: Option<String>,
    /// Documents of the corpus to use, chosen as in the published code (100000 there) [default: all].
    #[arg(long, global = true, value_name = "N")]
    pub corpus_sample: Option<usize>,
    /// Accumulates second moments in float64 instead of float32.
    #[arg(long, global = true)]
    pub float64_sums: bool,
    /// Plugin to load in addition to those beside the program, in the user's folder and in LOCUS_PLUGINS; repeatable.
    #[arg(long = "plugin", global = true, value_name = "FILE")]
    pub plugins: Vec<PathBuf>,
    /// Applies the edits of a file, written by `locus edit --save`, before anything else, and in the workbench no
    /// others; repeatable.
    #[arg(long, global = true, value_name = "FILE")]
    pub apply: Vec<PathBuf>,
    /// Applies the edits of these operations in the journal before anything else, exactly as they were made: 3,5; see
    /// `locus log`.
    #[arg(long, global = true, value_name = "NUMBERS", value_delimiter = ',', conflicts_with = "apply")]
    pub with_edits: Vec<u64>,
    /// Starts the workbench without the edits that were in place at the end of the last session.
    #[arg(long, global = true)]
    pub fresh: bool,
    /// Prints the engine's records as JSON Lines instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// Also appends every record to this file; `picture` reads it instead.
    #[arg(long, global = true, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Computes the same bits on every x86-64 processor: one thread, and no code for particular processors. Slower; see
    /// docs/operations.md.
    #[arg(long, global = true)]
    pub reproducible: bool,
    /// Command that starts the engine and connects to its standard streams, as in 'ssh node locus-engine --stdio';
    /// files and folders are then those of the engine's machine [default: the program locus-engine beside this one].
    #[arg(long, global = true, value_name = "COMMAND")]
    pub engine: Option<String>,
    /// Keeps the engine running when the workbench exits or its connection drops; `locus attach` joins it again.
    #[arg(long, global = true)]
    pub keep: bool,
    /// Settings file that overrides your own workbench.toml, in the same format; see `locus config show`.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// CPU threads [default: all cores; one for a small model].
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<i32>,
}

/// Readings of zsRE records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Zsre {
    /// As in Hase et al. (2023): “Question: … Answer:”, the answer is the true target, another record's answer the new
    /// one.
    Statement,
    /// As in ROME and MEMIT: the bare question, the answer is the new target.
    Question,
}

impl From<Zsre> for ZsreReading {
    fn from(zsre: Zsre) -> Self {
        match zsre {
            Zsre::Statement => Self::Statement,
            Zsre::Question => Self::Question,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// 32 bits, as for every published number.
    Float32,
    /// 16 bits with the range of float32; slower than float32 on a CPU.
    Bfloat16,
    /// 16 bits; far slower than float32 on a CPU.
    Float16,
    /// 64 bits, for reference numbers: twice the memory, half the speed or less.
    Float64,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Opens the workbench on the built-in model; without a terminal, prints the same run as text.
    Demo {
        /// `train` trains the built-in model from scratch instead.
        #[command(subcommand)]
        train: Option<DemoAction>,
    },
    /// Traces a fact: how much of its probability comes back when one state of the clean run is restored.
    Trace(Box<TraceArguments>),
    /// Edits facts, each on the unedited model unless --sequence is given, and prints what changed.
    Edit(Box<EditArguments>),
    /// Tries edits of one fact side by side, by default one for each method, without applying any.
    Compare(Box<CompareArguments>),
    /// Measures an edit on every fact of a file, or without --method the model as it is, and prints averages with
    /// confidence intervals.
    Eval(Box<EvalArguments>),
    /// Edits many facts at many places and measures each edit alone: facts × methods × objectives × layers × seeds.
    Sweep {
        #[command(subcommand)]
        action: SweepAction,
    },
    /// Answers from a sweep whether localization informs editing: the published regressions, stricter statistics, and
    /// what is lost when a rule picks the layer. Needs no model.
    Analyze(AnalyzeArguments),
    /// Lists the facts of the model, or those of --facts.
    Facts {
        /// Only facts that contain this text.
        search: Option<String>,
    },
    /// Lists and checks plugins.
    #[command(alias = "plugins")]
    Plugin {
        /// What to do; without it, they are listed.
        #[command(subcommand)]
        action: Option<PluginAction>,
    },
    /// Lists the editing methods.
    #[command(alias = "method")]
    Methods,
    /// Lists the objectives that an edit can have.
    #[command(alias = "objective")]
    Objectives,
    /// Describes a model, lists models, and downloads them.
    Model {
        /// What to do; without it, the model is described.
        #[command(subcommand)]
        action: Option<ModelAction>,
    },
    /// Lists the models on this machine that --model can name.
    Models,
    /// Runs traces, second moments, edits and an export of the built-in model, compares them with recorded float64
    /// results, and measures how fast this machine is.
    Selftest(SelftestArguments),
    /// Lists, collects, checks, imports and exports second moments of the MLP keys.
    Stats {
        /// What to do; without it, they are listed.
        #[command(subcommand)]
        action: Option<StatsAction>,
    },
    /// Inspects and applies files of edits.
    Deltas {
        #[command(subcommand)]
        action: DeltasAction,
    },
    /// Lists what was done to models: every edit, undo and redo of the workbench, and every edit of a command.
    Log,
    /// Shows everything known about one operation: order, settings, results, and where its change is stored.
    Show {
        /// Number of the operation, see `locus log`.
        number: u64,
    },
    /// Undoes an edit, so that the next start of the workbench does not apply it; without a number, the last edit.
    Undo {
        /// Operation that made the edit, see `locus log`.
        number: Option<u64>,
    },
    /// Redoes an edit, so that the next start of the workbench applies it; without a number, the last one undone.
    Redo {
        /// Operation that made the edit, see `locus log`; also one of a command.
        number: Option<u64>,
    },
    /// Runs operations again on the model, including undo and redo, and says whether the numbers are the same.
    Replay {
        /// Numbers of operations, see `locus log` [default: all of the model].
        numbers: Vec<u64>,
    },
    /// Edits facts and writes the edited model, or its changes, for the libraries transformers and peft.
    Export {
        /// The edits, all in one model.
        #[command(flatten)]
        orders: Box<EditArguments>,
        /// New folder for the edited model, which transformers loads.
        #[arg(long, value_name = "DIR", required_unless_present = "adapter")]
        folder: Option<PathBuf>,
        /// New folder for the changes as a low-rank adapter of the unedited model, which peft loads.
        #[arg(long, value_name = "DIR")]
        adapter: Option<PathBuf>,
    },
    /// Draws the workbench as it was at the end of a recorded session: the file of --journal, or the workbench's own
    /// journal.
    Picture(PictureArguments),
    /// Joins a running engine, with or without a workbench; without a process number, the only one that runs.
    Attach {
        /// Process number of the engine, see --list.
        process: Option<u32>,
        /// Lists the running engines.
        #[arg(long, conflicts_with_all = ["process", "watch"])]
        list: bool,
        /// Only watches; the other workbench stays in control.
        #[arg(long)]
        watch: bool,
    },
    /// Shows the settings that the program starts with, and where it looks for files.
    Config {
        /// What to do; without it, the settings are shown.
        #[command(subcommand)]
        action: Option<ConfigAction>,
    },
    /// Prints what a bug report needs: terminal, device, libtorch, plugins, folders.
    Doctor,
    /// Prints completions for a shell.
    Completions {
        /// Shell to write them for.
        shell: clap_complete::Shell,
    },
    /// Prints the manual page.
    Man,
    /// Prints the version.
    #[command(hide = true)]
    Version,
}

#[derive(Clone, Debug, Args)]
pub struct PictureArguments {
    /// Columns and rows of the terminal.
    #[arg(long, default_value = "120x40", value_name = "SIZE")]
    pub size: String,
    /// Keys to press first, by name, separated by spaces: "3 z".
    #[arg(long, default_value = "", value_name = "KEYS", hide_default_value = true)]
    pub keys: String,
    /// SVG file to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What else the demo does.
#[derive(Clone, Debug, Subcommand)]
pub enum DemoAction {
    /// Trains the built-in model from scratch into a folder (about a quarter of an hour).
    Train {
        /// Folder for the trained model.
        #[arg(long, default_value = "built-in-model", value_name = "DIR")]
        out: PathBuf,
        /// Random seed; the built-in model was trained with 1.
        #[arg(long, default_value_t = locus_demo::SEED)]
        seed: u64,
    },
}

/// What to do with settings.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigAction {
    /// Lists every setting that the program starts with: workbench, model defaults, and keys.
    Show {
        /// Shows which file each setting comes from.
        #[arg(long)]
        origin: bool,
        /// Only settings whose names begin with this: method, layers, settings, pair, keys.
        name: Option<String>,
    },
    /// Lists the folders and files that the program looks for.
    Path,
    /// Prints a JSON schema of workbench.toml, for editors that check and complete it.
    Schema,
}

/// What to do with a model.
#[derive(Debug, Subcommand)]
pub enum ModelAction {
    /// Shows family, sizes, dtype, device, and whether taps change the model's output.
    Info,
    /// The same as `locus models`.
    List,
    /// Downloads a model from the Hugging Face hub, or what has changed in it, into the hub's cache and prints its
    /// folder. Resumes interrupted downloads.
    Download {
        /// Id of the model, ORG/NAME or ORG/NAME@REVISION.
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::Parser;

    fn is_taken(line: &str) -> bool {
        Arguments::try_parse_from(["locus"].into_iter().chain(line.split(' '))).is_ok()
    }

    #[test]
    fn flags_of_an_edit_go_together_as_each_command_needs_them() {
        for taken in [
            "edit --method m --objective o --layers 3 --set a=1 --set-objective a=1 --settings-file f --parity p --seed 1",
            "edit --method m --cases 1-3 --together --free-generation",
            "edit --method m --free-generation 5",
            "edit --apply f",
            "edit p n",
            "edit p --new n --true t --layers 3 --set a=1 --seed 1 --on-unedited",
            "edit p n --method m --subject s --free-generation",
            "export p n --folder f",
            "trace p --true t",
            "edit --orders f --on-unedited",
            "edit --orders f --parity p --free-generation 5",
            "eval",
            "eval --seed 1",
            "eval --method m --objective o --layers 3 --set a=1 --set-objective a=1 --settings-file f --parity p --seed 1",
            "eval --method m --limit 3 --batch 2",
            "eval --orders f --parity p --seed 1",
            "export --method m --folder f",
        ] {
            assert!(is_taken(taken), "{taken}");
        }
        let said = ["--method m", "--case 1", "--cases 1", "--prompt p", "--subject s", "--true t", "--new n"];
        let said = said.into_iter().chain(["--objective o", "--layers 3", "--set a=1", "--set-objective a=1"]);
        let said = said.chain(["--settings-file f", "--together", "--seed 1"]);
        let refused =
            said.flat_map(|flag| [format!("edit --orders f {flag}"), format!("export --folder f --orders f {flag}")]);
        let of_a_method = ["--objective o", "--layers 3", "--set a=1", "--set-objective a=1", "--settings-file f"];
        let without = of_a_method.into_iter().chain(["--parity p", "--batch 2"]).map(|flag| format!("eval {flag}"));
        let typed =
            ["edit p n --orders f", "edit p n --new n", "edit p n --case 1", "edit p n --cases 1", "trace p --all"];
        let typed = typed.into_iter().map(str::to_owned);
        let others = ["edit", "export --folder f", "eval --orders f --method m", "eval --orders f --limit 3"];
        let others = others.into_iter().chain(["eval --orders f --batch 3"]).map(str::to_owned);
        // what would be passed over in silence
        let with_orders = of_a_method.map(|flag| format!("eval --orders f {flag}"));
        let applied =
            of_a_method.into_iter().chain(["--parity p", "--seed 1", "--case 1", "--prompt p", "--on-unedited"]);
        let applied = applied.chain(["--free-generation"]);
        let applied = applied.map(|flag| format!("edit --apply f {flag}"));
        for refused in refused.chain(without).chain(others).chain(with_orders).chain(applied).chain(typed) {
            assert!(!is_taken(&refused), "{refused}");
        }
    }
}
