//! All commands and flags; completions and the manual are made from the same table.

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

/// Finds where a language model keeps a fact, edits it there or anywhere else, and shows whether the one says
/// anything about the other.
///
/// Without a command it opens the workbench.
#[derive(Debug, Parser)]
#[command(name = "locus", version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Shows the run of another process live and read-only, from the journal that it writes: one of --journal, of --json
    /// in a file, or without FILE the workbench's own. The folder of a sweep shows that sweep.
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
    /// Model folder in the layout of Hugging Face (config.json, *.safetensors, tokenizer.json), or the id of a model on its
    /// hub, ORG/NAME or ORG/NAME@REVISION, which is downloaded where the hub's cache lacks it; the built-in model without it.
    #[arg(long, short, global = true, value_name = "DIR or ID")]
    pub model: Option<PathBuf>,
    /// Device: auto, cpu, cuda, cuda:N, or several (cuda:0,cuda:1), over which the layers are laid by free memory.
    #[arg(long, global = true, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Number format of weights and activations.
    #[arg(long, global = true, value_enum, default_value_t = Dtype::Float32, value_name = "FORMAT")]
    pub dtype: Dtype,
    /// Facts: a JSON list or JSON Lines of CounterFact (also flattened), zsRE or known-facts records; the model's own
    /// or the built-in facts without it.
    #[arg(long, global = true, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// Leaves bad records of the facts file out, listing them, instead of refusing the file.
    #[arg(long, global = true)]
    pub skip_bad: bool,
    /// What becomes of zsRE records.
    #[arg(long, global = true, value_enum, default_value_t = Zsre::Statement, value_name = "READING")]
    pub zsre: Zsre,
    /// Corpus for second moments: text with one document a line, JSON Lines (.jsonl) or Parquet (.parquet); the
    /// built-in corpus without it.
    #[arg(long, global = true, value_name = "FILE")]
    pub corpus: Option<PathBuf>,
    /// Tokens of the corpus to use; ten per entry of the MLP key, 60,000 at least, without it.
    #[arg(long, global = true, value_name = "N")]
    pub corpus_tokens: Option<usize>,
    /// Column or field of the corpus that holds the text [default: text].
    #[arg(long, global = true, value_name = "NAME")]
    pub corpus_column: Option<String>,
    /// Documents of the corpus to take, chosen as the published code does (100000 there); all without it.
    #[arg(long, global = true, value_name = "N")]
    pub corpus_sample: Option<usize>,
    /// Sums second moments up in float64 instead of float32.
    #[arg(long, global = true)]
    pub float64_sums: bool,
    /// Plugin to load besides those found beside the program, in the user's folder and in LOCUS_PLUGINS; repeatable.
    #[arg(long = "plugin", global = true, value_name = "FILE")]
    pub plugins: Vec<PathBuf>,
    /// Puts the edits of a file in place before anything else, as `locus edit --save` wrote it, and in the workbench no
    /// others; repeatable.
    #[arg(long, global = true, value_name = "FILE")]
    pub apply: Vec<PathBuf>,
    /// Puts the edits of these operations of the journal in place before anything else, as they were made: 3,5; see
    /// `locus log`.
    #[arg(long, global = true, value_name = "NUMBERS", value_delimiter = ',', conflicts_with = "apply")]
    pub with_edits: Vec<u64>,
    /// Starts the workbench without the edits that were in place at the end of the last session.
    #[arg(long, global = true)]
    pub fresh: bool,
    /// Prints the engine's records as JSON Lines instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// File to which every record is appended as well; `picture` reads it instead.
    #[arg(long, global = true, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Computes the same bits on every x86-64 processor: one thread, and none of the code that only some processors
    /// have. Slower; see docs/operations.md.
    #[arg(long, global = true)]
    pub reproducible: bool,
    /// Command that starts the engine and speaks with it on its standard streams, as in 'ssh node locus-engine --stdio'; the
    /// program locus-engine beside this one without it. Files and folders are those of the machine that it runs on.
    #[arg(long, global = true, value_name = "COMMAND")]
    pub engine: Option<String>,
    /// Has the engine go on when the workbench is left or its line drops; `locus attach` joins it again.
    #[arg(long, global = true)]
    pub keep: bool,
    /// File of settings that goes over your own workbench.toml, and has the same form; see `locus config show`.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// CPU threads; all cores without it, one for a small model.
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<i32>,
}

/// Readings of zsRE records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Zsre {
    /// As Hase et al. (2023): “Question: … Answer:”, the answer is true, another record's answer is the new target.
    Statement,
    /// As ROME and MEMIT: the bare question, the answer is the new target.
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

/// Number formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// 32 bits, what every published number was computed in.
    Float32,
    /// 16 bits with the range of 32; slower than 32 on a CPU.
    Bfloat16,
    /// 16 bits; far slower than 32 on a CPU.
    Float16,
    /// 64 bits, for numbers to compare with: twice the memory, half the speed or less.
    Float64,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The workbench on the built-in model; the same run as text where there is no terminal.
    Demo {
        /// `train` trains the built-in model anew instead.
        #[command(subcommand)]
        train: Option<DemoAction>,
    },
    /// Traces a fact: how much of its probability comes back when one state of the clean run is restored.
    Trace(Box<TraceArguments>),
    /// Edits facts, each on the unedited model unless --sequence says otherwise, and prints what changed.
    Edit(Box<EditArguments>),
    /// Tries edits of one fact side by side, a variant for each method without flags; nothing is put in place.
    Compare(Box<CompareArguments>),
    /// Measures an edit on every fact of a file, or without --method the model as it is, and averages with confidence
    /// intervals.
    Eval(Box<EvalArguments>),
    /// Edits many facts at many places and measures each edit alone: facts × methods × objectives × layers × seeds.
    Sweep {
        /// What to do.
        #[command(subcommand)]
        action: SweepAction,
    },
    /// Answers from a sweep whether localization informs editing: the published regressions, what a statistician would
    /// ask for, and what a rule loses that picks the layer. Needs no model.
    Analyze(AnalyzeArguments),
    /// Lists the facts.
    Facts {
        /// Only facts in which these letters occur.
        search: Option<String>,
    },
    /// Lists and checks plugins.
    #[command(alias = "plugins")]
    Plugin {
        /// What to do; they are listed without it.
        #[command(subcommand)]
        action: Option<PluginAction>,
    },
    /// Lists the methods that edit.
    #[command(alias = "method")]
    Methods,
    /// Lists what an edit can be for.
    #[command(alias = "objective")]
    Objectives,
    /// Says what a model is, lists models, and downloads them.
    Model {
        /// What to do; it is described without it.
        #[command(subcommand)]
        action: Option<ModelAction>,
    },
    /// Lists the models on this machine that --model can name.
    Models,
    /// Runs the built-in model through traces, second moments, edits and an export, compares with recorded float64 results,
    /// and measures how fast this machine is.
    Selftest(SelftestArguments),
    /// Second moments of the MLP keys: lists, collects, checks, imports and exports them.
    Stats {
        /// What to do; they are listed without it.
        #[command(subcommand)]
        action: Option<StatsAction>,
    },
    /// Looks into files of edits, and puts them in place.
    Deltas {
        /// What to do.
        #[command(subcommand)]
        action: DeltasAction,
    },
    /// Lists what was done to models: every edit, undo and redo of the workbench, and every edit of a command.
    Log,
    /// Says all that is known of one operation: order, settings, results, where its change lies.
    Show {
        /// Its number, see `locus log`.
        number: u64,
    },
    /// Takes an edit back in what the next start of the workbench puts in place; the last one without a number.
    Undo {
        /// The operation that made it, see `locus log`.
        number: Option<u64>,
    },
    /// Puts an edit on again in what the next start of the workbench puts in place; the one taken back last without a
    /// number.
    Redo {
        /// The operation that made it, see `locus log`; also one of a command.
        number: Option<u64>,
    },
    /// Runs operations again on the model, undo and redo among them, and says whether the numbers are the same.
    Replay {
        /// Their numbers, see `locus log`; all of the model without one.
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
    /// Draws the workbench as it was at the end of a session's records: --journal, or else the workbench's own journal.
    Picture(PictureArguments),
    /// Joins an engine that runs without its workbench, or another one's: the only one without a process number.
    Attach {
        /// The engine's process, see --list.
        process: Option<u32>,
        /// Lists the engines that run.
        #[arg(long, conflicts_with_all = ["process", "watch"])]
        list: bool,
        /// Looks on only; the other workbench goes on ordering.
        #[arg(long)]
        watch: bool,
    },
    /// Says what the program starts with, and where it looks for files.
    Config {
        /// What to do; what the program starts with is shown without it.
        #[command(subcommand)]
        action: Option<ConfigAction>,
    },
    /// Says what a bug report needs: terminal, device, libtorch, plugins, folders.
    Doctor,
    /// Prints completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Prints the manual page.
    Man,
    /// Prints the version.
    #[command(hide = true)]
    Version,
}

/// What to draw.
#[derive(Clone, Debug, Args)]
pub struct PictureArguments {
    /// Columns and rows of the terminal.
    #[arg(long, default_value = "120x40", value_name = "SIZE")]
    pub size: String,
    /// Keys to press first, by their names, with blanks between: "3 z".
    #[arg(long, default_value = "", value_name = "KEYS", hide_default_value = true)]
    pub keys: String,
    /// SVG file to write; standard output without it.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What else the demo does.
#[derive(Clone, Debug, Subcommand)]
pub enum DemoAction {
    /// Trains the built-in model from scratch into a folder (about a quarter of an hour).
    Train {
        /// Folder to write.
        #[arg(long, default_value = "built-in-model", value_name = "DIR")]
        out: PathBuf,
        /// Seed of everything random; the shipped model has 1.
        #[arg(long, default_value_t = locus_demo::SEED)]
        seed: u64,
    },
}

/// What to do with settings.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigAction {
    /// Lists every setting that the program starts with: those of the workbench, what suits the model, and keys.
    Show {
        /// Says which file each comes from.
        #[arg(long)]
        origin: bool,
        /// Only settings whose names begin so: method, layers, settings, pair, keys.
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
    /// Family, sizes, number format, device, and whether taps change it.
    Info,
    /// The same as `locus models`.
    List,
    /// Downloads a model of the Hugging Face hub into its cache, or what has changed of it, and prints its folder. Goes on
    /// where it was cut off.
    Download {
        /// Its id, ORG/NAME or ORG/NAME@REVISION.
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
