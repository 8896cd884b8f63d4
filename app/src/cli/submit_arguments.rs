//! Flags of `locus sweep submit`.

use clap::Args;
use std::path::PathBuf;

/// What to hand to Slurm.
#[derive(Clone, Debug, Args)]
pub struct SweepSubmit {
    /// The grid, see configs/sweeps and docs/sweeps.md; that of the folder without it.
    pub grid: Option<PathBuf>,
    /// Folder of the rows, on a disk that all nodes share; it is made where it is not there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Programs that share the work, each one element of an array with a node's part of its own.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub elements: usize,
    /// Elements that may run at a time; all of them without it.
    #[arg(long, value_name = "N")]
    pub at_once: Option<usize>,
    /// Gives each element a fixed part of the cells; without it each takes what nobody else is at.
    #[arg(long)]
    pub sharded: bool,
    /// Seconds before the time limit at which an element is told to stop; Slurm may do so up to 60 s earlier.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub notice: u64,
    /// How often an element that is told to stop, or that is pre-empted, goes back into the queue.
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "no_requeue")]
    pub requeues: u32,
    /// Has no element go back into the queue, by itself or by Slurm.
    #[arg(long)]
    pub no_requeue: bool,
    /// Writes the batch script, says how to submit it, and submits nothing.
    #[arg(long)]
    pub write_only: bool,
    /// Line of shell before the program, repeatable: 'module load cuda'.
    #[arg(long, value_name = "LINE")]
    pub setup: Vec<String>,
    /// Line of shell after it, repeatable.
    #[arg(long, value_name = "LINE")]
    pub teardown: Vec<String>,
    /// Starts the program by srun with these arguments: '--gpu-bind=closest'; an empty text for none.
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    pub srun: Option<String>,
    /// Any other directive of sbatch, repeatable: 'licenses=a:1'.
    #[arg(long, value_name = "DIRECTIVE", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,
    /// What is asked of Slurm.
    #[command(flatten)]
    pub directives: SlurmArguments,
}

/// Directives of sbatch, by the names that they have there.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Directives of Slurm")]
pub struct SlurmArguments {
    /// Partition.
    #[arg(long, value_name = "NAMES")]
    pub partition: Option<String>,
    /// Account that is charged.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Quality of service.
    #[arg(long, value_name = "NAME")]
    pub qos: Option<String>,
    /// Time limit of an element: minutes, hours:minutes:seconds or days-hours.
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// Processors of an element.
    #[arg(long, value_name = "N")]
    pub cpus_per_task: Option<u32>,
    /// Memory of an element, as in 32G.
    #[arg(long, value_name = "SIZE")]
    pub mem: Option<String>,
    /// Memory for each processor.
    #[arg(long, value_name = "SIZE")]
    pub mem_per_cpu: Option<String>,
    /// Memory for each GPU.
    #[arg(long, value_name = "SIZE")]
    pub mem_per_gpu: Option<String>,
    /// Generic resources, as in gpu:1; sites differ in which of the four ways to ask for a GPU they want.
    #[arg(long, value_name = "LIST")]
    pub gres: Option<String>,
    /// GPUs of an element.
    #[arg(long, value_name = "N")]
    pub gpus: Option<String>,
    /// GPUs of a node.
    #[arg(long, value_name = "N")]
    pub gpus_per_node: Option<String>,
    /// GPUs of a task.
    #[arg(long, value_name = "N")]
    pub gpus_per_task: Option<String>,
    /// Features of a node, as in a100.
    #[arg(long, value_name = "FEATURES")]
    pub constraint: Option<String>,
    /// Nodes to use.
    #[arg(long, value_name = "NODES")]
    pub nodelist: Option<String>,
    /// Nodes not to use.
    #[arg(long, value_name = "NODES")]
    pub exclude: Option<String>,
    /// Reservation.
    #[arg(long, value_name = "NAME")]
    pub reservation: Option<String>,
    /// Shares no node with other jobs.
    #[arg(long)]
    pub exclusive: bool,
    /// Jobs that must begin or end first, as in afterany:123.
    #[arg(long, value_name = "JOBS")]
    pub dependency: Option<String>,
    /// Name of the jobs; that of the folder without it.
    #[arg(long, value_name = "NAME")]
    pub job_name: Option<String>,
    /// Comment.
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// When to write mail, as in END,FAIL.
    #[arg(long, value_name = "WHEN")]
    pub mail_type: Option<String>,
    /// To whom.
    #[arg(long, value_name = "USER")]
    pub mail_user: Option<String>,
    /// Workload characterization key.
    #[arg(long, value_name = "KEY")]
    pub wckey: Option<String>,
}
