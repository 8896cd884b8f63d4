//! The flags of commands that edit.

use crate::cli::arguments::FactArguments;
use clap::{ArgGroup, Args};
use std::path::PathBuf;

/// Flags for what a file of orders specifies itself.
const SAID_BY_ORDERS: [&str; 16] = [
    "marked",
    "target",
    "objective",
    "case",
    "cases",
    "together",
    "prompt",
    "subject",
    "target_true",
    "target_new",
    "layers",
    "settings",
    "objective_settings",
    "settings_file",
    "hyperparameters",
    "seed",
];

#[derive(Clone, Debug, Args)]
#[command(
    group(ArgGroup::new("edited").args(["marked", "method"]).multiple(true)),
    group(ArgGroup::new("ordered").args(["marked", "method", "orders"]).multiple(true)),
    mut_arg("method", |method| method.required_unless_present_any(["marked", "orders", "apply", "with_edits"])),
    mut_arg("orders", |orders| orders.conflicts_with_all(SAID_BY_ORDERS)),
    mut_args(|flag| match flag.get_id().as_str() {
        "marked" => flag,
        // without a method or a prompt there is no edit that they say something of
        id if SAID_BY_ORDERS.contains(&id) => flag.requires("edited"),
        // nor of these, where no file of orders takes its place
        "parity" | "on_unedited" | "free_generation" | "no_scores" | "step_rows" => flag.requires("ordered"),
        _ => flag,
    })
)]
pub struct EditArguments {
    #[command(flatten)]
    pub fact: FactArguments,
    /// The new target of the edit.
    #[arg(value_name = "NEW", conflicts_with = "target_new")]
    pub target: Option<String>,
    /// Numbers of records: 0-99, 3,5-7 or all; one edit per record unless --together is given.
    #[arg(long, value_name = "NUMBERS", conflicts_with_all = ["case", "typed", "target_true", "target_new"])]
    pub cases: Option<String>,
    /// Edits the facts of --cases in one edit, with a method that takes several facts.
    #[arg(long, requires = "cases")]
    pub together: bool,
    /// How they are edited.
    #[command(flatten)]
    pub order: OrderArguments,
    /// Generates at most this many tokens after every prompt of the edited record, before and after the edit, and looks
    /// for the target in them; 20 if no number is given.
    #[arg(long, value_name = "TOKENS", num_args = 0..=1, default_missing_value = "20")]
    pub free_generation: Option<usize>,
    /// Makes each edit on top of the earlier ones instead of on the unedited model, and lists the edits in place.
    #[arg(long)]
    pub sequence: bool,
    /// Computes each edit on the unedited model even if edits are in place, and applies it on top of them; scores are
    /// measured with all of them in place.
    #[arg(long)]
    pub on_unedited: bool,
    /// With --sequence: undoes the edit with this number at the end, even if others came after it; repeatable.
    #[arg(long, value_name = "N")]
    pub undo: Vec<u64>,
    /// Makes the edit without scoring the model before and after, which is faster; prints only which weights changed
    /// and by how much.
    #[arg(long, conflicts_with = "free_generation")]
    pub no_scores: bool,
    /// With --json or --journal: adds the logit-lens readings of all layers to the record of each optimization step,
    /// which makes edits slower.
    #[arg(long)]
    pub step_rows: bool,
    /// Writes the changes of all edits in place at the end to a safetensors file, for --apply and `locus deltas`.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// The flags that make an edit order, the same for all commands that edit.
#[derive(Clone, Debug, Default, Args)]
pub struct OrderArguments {
    /// Id of the method, see `locus plugin list`; with a PROMPT, it defaults to the one in workbench.toml.
    #[arg(long, value_name = "ID")]
    pub method: Option<String>,
    /// Id of the objective [default: the one in workbench.toml].
    #[arg(long, value_name = "ID")]
    pub objective: Option<String>,
    /// Layers to edit: 5, 3-6 or 3,5 [default: chosen by the method].
    #[arg(long, value_name = "LAYERS")]
    pub layers: Option<String>,
    /// Sets a hyperparameter of the method; @FILE reads a list from a file, one item per line; repeatable.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
    /// Sets a hyperparameter of the objective; repeatable.
    #[arg(long = "set-objective", value_name = "NAME=VALUE")]
    pub objective_settings: Vec<String>,
    /// TOML file of the method's hyperparameters; --set overrides it.
    #[arg(long, value_name = "FILE")]
    pub settings_file: Option<PathBuf>,
    /// Hyperparameters in the format of published code: JSON of the authors of ROME and MEMIT, YAML of EasyEdit;
    /// --layers, --settings-file and --set override it.
    #[arg(long, value_name = "FILE")]
    pub hyperparameters: Option<PathBuf>,
    /// Reproduces published code down to its quirks: sets the hyperparameter `parity` of the method and the objective
    /// if they have one and it is not set otherwise.
    #[arg(long, value_name = "NAME")]
    pub parity: Option<String>,
    /// Random seed; `locus eval` combines it with each fact.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// File of edit orders: one JSON object per line, like the `order` of an edit record, or TOML with `[[edit]]` tables,
    /// as in configs/orders; - is standard input. `locus eval` measures each order on its own facts.
    #[arg(long, value_name = "FILE", conflicts_with = "method")]
    pub orders: Option<PathBuf>,
}
