//! Memory use of the process, the machine and its GPUs.

use serde::{Deserialize, Serialize};

/// Memory in use, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident memory of this process.
    pub resident: u64,
    /// One entry per GPU of the machine.
    #[serde(default)]
    pub gpus: Vec<GpuMemory>,
}

/// Memory of one GPU, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuMemory {
    /// Used by all processes.
    pub used: u64,
    /// Used by this process.
    pub ours: u64,
    pub total: u64,
    /// Share of time in which it computed, in percent.
    pub busy: u32,
}
