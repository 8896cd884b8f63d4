//! All commands and flags; completions and the manual are made from the same table.

use crate::cli::operations_arguments::DeltasAction;
use crate::cli::trace_arguments::TraceArguments;
use clap::{Args, Parser, Subcommand, ValueEnum};
use locus_protocol::{Measures, ZsreReading};
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
    /// in a file, or without FILE the workbench's own.
    #[arg(long, value_name = "FILE")]
    pub follow: Option<Option<PathBuf>>,
    /// Flags of all commands.
    #[command(flatten)]
    pub common: Common,
}

/// Flags of all commands.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Model folder in the layout of Hugging Face (config.json, *.safetensors, tokenizer.json); the built-in model
    /// without it.
    #[arg(long, short, global = true, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Device: auto, cpu, cuda or cuda:N.
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
    /// 16 bits with the range of 32, on a GPU.
    Bfloat16,
    /// 16 bits, on a GPU.
    Float16,
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
    /// Measures an edit on every fact of a file, or the model as it is, and averages with confidence intervals.
    Eval(Box<EvalArguments>),
    /// Lists the facts.
    Facts {
        /// Only facts in which these letters occur.
        search: Option<String>,
    },
    /// Lists and checks plugins.
    Plugin {
        /// What to do.
        #[command(subcommand)]
        action: PluginAction,
    },
    /// Says what a model is.
    Model {
        /// What to do.
        #[command(subcommand)]
        action: ModelAction,
    },
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
    /// Says what a bug report needs: terminal, device, libtorch, plugins, folders.
    Doctor,
    /// Prints completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Prints the manual page.
    Man,
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

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub enum PluginAction {
    /// Lists methods and objectives, and files that were refused.
    List,
    /// Shows one plugin's hyperparameters.
    Show {
        /// Its id.
        id: String,
    },
    /// Checks one file as loading does, and then what it does on the model: settings, reports, layers, cancelling, the
    /// same result twice, undo, memory, and answers instead of panics to nonsense. Exit code 3 when something fails.
    Check {
        /// The file.
        file: PathBuf,
        /// Edits that are made one after the other to see whether memory grows; a slow method makes fewer.
        #[arg(long, default_value_t = 100, value_name = "N")]
        edits: usize,
    },
    /// Writes a crate that builds, is checked, and edits, into a new folder: a plugin to start from.
    New(NewPlugin),
}

/// Which crate.
#[derive(Clone, Debug, Args)]
pub struct NewPlugin {
    /// Name of folder, package and plugin: lower-case letters, digits and dashes.
    pub name: String,
    /// What it offers.
    #[arg(long, value_enum, default_value_t = OfferedKind::Method)]
    pub kind: OfferedKind,
    /// What it is written in. A method may be written in C, which needs nothing but a C compiler.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub language: Language,
    /// Folder in which the new folder goes.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub into: PathBuf,
    /// Checkout of Locus whose plugin interface it is built with; the one that this program was built from without it.
    #[arg(long, value_name = "DIR")]
    pub api: Option<PathBuf>,
}

/// What a plugin offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OfferedKind {
    /// Decides which weights move.
    Method,
    /// Decides what an edit is for.
    Objective,
}

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Safe Rust with tch's tensors.
    Rust,
    /// C99 with the header alone.
    C,
}

/// What to do with second moments.
#[derive(Clone, Debug, Subcommand)]
pub enum StatsAction {
    /// Lists those that are kept, finished or not, and where.
    #[command(alias = "list")]
    Show,
    /// Collects those of all layers of the model now. Ctrl-C keeps what is there; the same command goes on.
    Collect {
        /// Seconds after which the state is written, so that a run that is killed goes on from there.
        #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
        keep_every: f64,
    },
    /// Checks a file: shape, symmetry, eigenvalues, dead keys, deviation from float64, and whether it is the model's.
    Verify {
        /// The file; the one that an edit of the model would use without it.
        file: Option<PathBuf>,
    },
    /// Takes over second moments that were published for the model; its edits use them from then on.
    Import {
        /// A .npz file of one layer, a folder of such files (wikipedia_stats), or a safetensors file.
        path: PathBuf,
        /// The layer, where the name of the file does not say it.
        #[arg(long, value_name = "N")]
        layer: Option<usize>,
    },
    /// Writes second moments for other programs.
    Export {
        /// Folder for one .npz file a layer as the authors of ROME publish them, or a .safetensors file.
        to: PathBuf,
        /// The file they are read from; the one that an edit of the model would use without it.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Layers to write: 5, 3-6 or 3,5; all without it.
        #[arg(long, value_name = "LAYERS")]
        layers: Option<String>,
        /// Number of documents that .npz files say they hold, which the published code compares with its own.
        #[arg(long, value_name = "N")]
        sample_size: Option<u64>,
    },
}

/// What to do with a model.
#[derive(Debug, Subcommand)]
pub enum ModelAction {
    /// Family, sizes, number format, device, and whether taps change it.
    Info,
}

/// Which fact.
#[derive(Clone, Debug, Default, Args)]
pub struct FactArguments {
    /// Number of a record of the facts file (its case_id).
    #[arg(long, value_name = "N", conflicts_with = "prompt")]
    pub case: Option<u64>,
    /// Prompt with the subject in braces: "The capital of {France} is".
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Subject, where the prompt has no braces.
    #[arg(long, value_name = "TEXT", requires = "prompt")]
    pub subject: Option<String>,
    /// The answer that is true.
    #[arg(long = "true", value_name = "TEXT")]
    pub target_true: Option<String>,
    /// The answer an edit puts in.
    #[arg(long = "new", value_name = "TEXT")]
    pub target_new: Option<String>,
}

/// What to edit.
#[derive(Clone, Debug, Default, Args)]
pub struct EditArguments {
    /// Which fact.
    #[command(flatten)]
    pub fact: FactArguments,
    /// Numbers of records: 0-99, 3,5-7 or all; each is an edit of its own unless --together says otherwise.
    #[arg(long, value_name = "NUMBERS", conflicts_with_all = ["case", "prompt", "target_true", "target_new"])]
    pub cases: Option<String>,
    /// Edits the facts of --cases in one go, with a method that takes many.
    #[arg(long, requires = "cases")]
    pub together: bool,
    /// Id of the method; see `locus plugin list`.
    #[arg(long, value_name = "ID", required_unless_present_any = ["orders", "apply", "with_edits"])]
    pub method: Option<String>,
    /// Id of the objective; the one in configs/workbench.toml without it.
    #[arg(long, value_name = "ID")]
    pub objective: Option<String>,
    /// Layers to edit: 5, 3-6 or 3,5; the method chooses without it.
    #[arg(long, value_name = "LAYERS")]
    pub layers: Option<String>,
    /// Sets a hyperparameter of the method; @FILE reads a list, one a line; repeatable.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
    /// Sets a hyperparameter of the objective; repeatable.
    #[arg(long = "set-objective", value_name = "NAME=VALUE")]
    pub objective_settings: Vec<String>,
    /// TOML file of the method's hyperparameters; --set wins over it.
    #[arg(long, value_name = "FILE")]
    pub settings_file: Option<PathBuf>,
    /// Follows a published code to its quirks: sets the hyperparameter `parity` of method and objective where they
    /// have one and it is not set otherwise.
    #[arg(long, value_name = "NAME")]
    pub parity: Option<String>,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// File of edit orders: one JSON object a line as in the `order` of an edit record, or TOML with [[edit]] tables
    /// as in configs/orders; - is standard input.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "method", "objective", "case", "cases", "prompt", "target_true", "target_new", "layers", "settings",
            "objective_settings", "settings_file",
        ]
    )]
    pub orders: Option<PathBuf>,
    /// Makes each edit on top of the earlier ones instead of on the unedited model, and lists what is in place.
    #[arg(long)]
    pub sequence: bool,
    /// Finds each edit on the unedited model even where edits are in place, and puts it on top of them; its numbers are
    /// those with all of them in place.
    #[arg(long)]
    pub on_unedited: bool,
    /// With --sequence: takes the edit with this number back at the end, whatever came after it; repeatable.
    #[arg(long, value_name = "N")]
    pub undo: Vec<u64>,
    /// Writes the changes of all edits in place at the end as a safetensors file, for --apply and `locus deltas`.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// What to measure.
#[derive(Clone, Debug, Args)]
pub struct EvalArguments {
    /// Id of the method; the model as it is without it.
    #[arg(long, value_name = "ID")]
    pub method: Option<String>,
    /// Id of the objective; the one in configs/workbench.toml without it.
    #[arg(long, value_name = "ID", requires = "method")]
    pub objective: Option<String>,
    /// Layers to edit: 5, 3-6 or 3,5; the method chooses without it.
    #[arg(long, value_name = "LAYERS", requires = "method")]
    pub layers: Option<String>,
    /// Sets a hyperparameter of the method; @FILE reads a list, one a line; repeatable.
    #[arg(long = "set", value_name = "NAME=VALUE", requires = "method")]
    pub settings: Vec<String>,
    /// Sets a hyperparameter of the objective; repeatable.
    #[arg(long = "set-objective", value_name = "NAME=VALUE", requires = "method")]
    pub objective_settings: Vec<String>,
    /// Follows a published code to its quirks, as in `locus edit`.
    #[arg(long, value_name = "CODE", requires = "method")]
    pub parity: Option<String>,
    /// TOML file of the method's hyperparameters; --set wins over it.
    #[arg(long, value_name = "FILE", requires = "method")]
    pub settings_file: Option<PathBuf>,
    /// File of edit orders, one JSON object a line as in the `order` of an edit record, each measured on its own facts;
    /// - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "limit", "batch"])]
    pub orders: Option<PathBuf>,
    /// Seed of everything random; each fact's own draws follow from it and from the fact.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Takes only the first facts of the file.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Facts that are edited together.
    #[arg(long, default_value_t = 1, value_name = "N", requires = "method")]
    pub batch: usize,
    /// Leaves out facts that the unedited model does not say.
    #[arg(long)]
    pub correct_only: bool,
    /// Leaves out facts whose true answer is not more probable than this; the published bound without a number.
    #[arg(long, value_name = "P", num_args = 0..=1, default_missing_value = "0.02")]
    pub least_probability: Option<f64>,
    /// Leaves out what scores say little about: facts whose answer lies in the subject or whose new answer is the true
    /// one, and neighborhood prompts that mention the subject or are there twice.
    #[arg(long)]
    pub skip_marked: bool,
    /// Measures the entropy of texts on the records' generation prompts.
    #[arg(long)]
    pub fluency: bool,
    /// Measures the perplexity of what the unedited model says of the subject.
    #[arg(long)]
    pub essence: bool,
    /// Measures likeness to reference texts: folder with tfidf_vocab.json, idf.npy and attribute_snippets.json.
    #[arg(long, value_name = "DIR")]
    pub consistency: Option<PathBuf>,
    /// Judges success by the mean over a target's tokens, as ROME and MEMIT do, not by the joint probability.
    #[arg(long)]
    pub per_token: bool,
    /// Takes normalised scores from the first prompt of each kind only, as the published code does.
    #[arg(long)]
    pub first_prompt: bool,
    /// Tokens that the model says after each prompt before and after; 0 for none.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub said_tokens: usize,
    /// JSON Lines file with one line a fact, to which each is appended when it is done; facts that are there already
    /// are not measured again.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// CSV file to write, one row a fact.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

impl EvalArguments {
    /// What is measured.
    pub fn measures(&self) -> Measures {
        Measures {
            per_token: self.per_token,
            first_prompt: self.first_prompt,
            correct_only: self.correct_only,
            least_probability: self.least_probability,
            skip_marked: self.skip_marked,
            essence: self.essence,
            fluency: self.fluency,
            texts: Vec::new(),
            consistency: self.consistency.clone(),
            said_tokens: self.said_tokens,
            seed: self.seed,
        }
    }
}
