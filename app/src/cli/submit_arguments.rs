//! Flags of `locus sweep submit`.

use clap::Args;
use std::path::PathBuf;

/// What to hand to Slurm.
#[derive(Clone, Debug, Args)]
pub struct SweepSubmit {
    /// File of the grid, see configs/sweeps and docs/sweeps.md [default: the grid in the folder].
    pub grid: Option<PathBuf>,
    /// Folder of the rows, on a disk that all nodes share; created if missing.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Number of array elements that share the work, each with its own allocation.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub elements: usize,
    /// Elements that may run at the same time [default: all].
    #[arg(long, value_name = "N")]
    pub at_once: Option<usize>,
    /// Gives each element a fixed part of the cells; otherwise each takes cells that no other is working on.
    #[arg(long)]
    pub sharded: bool,
    /// Seconds before the time limit at which an element is told to stop; Slurm may do so up to 60 s earlier.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub notice: u64,
    /// How often an element that is told to stop, or that is preempted, is requeued.
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "no_requeue")]
    pub requeues: u32,
    /// Never requeues an element, neither by itself nor by Slurm.
    #[arg(long)]
    pub no_requeue: bool,
    /// Writes the batch script and says how to submit it, without submitting it.
    #[arg(long)]
    pub write_only: bool,
    /// Shell line to run before the program, repeatable: 'module load cuda'.
    #[arg(long, value_name = "LINE")]
    pub setup: Vec<String>,
    /// Shell line to run after the program, repeatable.
    #[arg(long, value_name = "LINE")]
    pub teardown: Vec<String>,
    /// Starts the program with srun and these arguments: '--gpu-bind=closest'; an empty text for none.
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    pub srun: Option<String>,
    /// Any other sbatch directive, repeatable: 'licenses=a:1'.
    #[arg(long, value_name = "DIRECTIVE", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,
    /// Directives of the jobs.
    #[command(flatten)]
    pub directives: SlurmArguments,
}

/// Directives of sbatch, by their names there.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Slurm directives")]
pub struct SlurmArguments {
    /// Partitions to run in.
    #[arg(long, value_name = "NAMES")]
    pub partition: Option<String>,
    /// Account to charge for the jobs.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Quality of service (QOS) of the jobs.
    #[arg(long, value_name = "NAME")]
    pub qos: Option<String>,
    /// Time limit of each element: minutes, hours:minutes:seconds or days-hours.
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// CPUs of each element.
    #[arg(long, value_name = "N")]
    pub cpus_per_task: Option<u32>,
    /// Memory of each element, as in 32G.
    #[arg(long, value_name = "SIZE")]
    pub mem: Option<String>,
    /// Memory for each CPU.
    #[arg(long, value_name = "SIZE")]
    pub mem_per_cpu: Option<String>,
    /// Memory for each GPU.
    #[arg(long, value_name = "SIZE")]
    pub mem_per_gpu: Option<String>,
    /// Generic resources, as in gpu:1; sites differ in which of the four GPU flags they want.
    #[arg(long, value_name = "LIST")]
    pub gres: Option<String>,
    /// GPUs of each element.
    #[arg(long, value_name = "N")]
    pub gpus: Option<String>,
    /// GPUs of each node.
    #[arg(long, value_name = "N")]
    pub gpus_per_node: Option<String>,
    /// GPUs of each task.
    #[arg(long, value_name = "N")]
    pub gpus_per_task: Option<String>,
    /// Node features, as in a100.
    #[arg(long, value_name = "FEATURES")]
    pub constraint: Option<String>,
    /// Nodes that must be used.
    #[arg(long, value_name = "NODES")]
    pub nodelist: Option<String>,
    /// Nodes that must not be used.
    #[arg(long, value_name = "NODES")]
    pub exclude: Option<String>,
    /// Reservation to run in.
    #[arg(long, value_name = "NAME")]
    pub reservation: Option<String>,
    /// Does not share nodes with other jobs.
    #[arg(long)]
    pub exclusive: bool,
    /// Jobs that must begin or end first, as in afterany:123.
    #[arg(long, value_name = "JOBS")]
    pub dependency: Option<String>,
    /// Name of the jobs [default: the name of the folder].
    #[arg(long, value_name = "NAME")]
    pub job_name: Option<String>,
    /// Comment on the jobs.
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// When to send mail, as in END,FAIL.
    #[arg(long, value_name = "WHEN")]
    pub mail_type: Option<String>,
    /// User who gets the mail.
    #[arg(long, value_name = "USER")]
    pub mail_user: Option<String>,
    /// Workload characterization key of the jobs.
    #[arg(long, value_name = "KEY")]
    pub wckey: Option<String>,
}
