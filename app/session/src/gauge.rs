//! Memory in use, told from time to time from a thread of its own.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use locus_engine::resident;
use locus_protocol::{Event, GpuMemory, Memory};
use nvml_wrapper::Nvml;
use nvml_wrapper::enums::device::UsedGpuMemory;
use std::time::Duration;

/// How often memory is looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// Changes smaller than this are not told: an idle screen stays still.
const GRAIN: u64 = 16 << 20;

/// Looks at memory until `stop` is closed.
pub fn watch(events: &Sender<Event>, stop: &Receiver<()>) {
    let nvml = Nvml::init().ok();
    let mut last = None;
    loop {
        let memory = Memory { resident: resident().unwrap_or(0) / GRAIN * GRAIN, gpus: gpus(nvml.as_ref()) };
        if last.as_ref() != Some(&memory) {
            if events.send(Event::Memory(memory.clone())).is_err() {
                return;
            }
            last = Some(memory);
        }
        if stop.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn gpus(nvml: Option<&Nvml>) -> Vec<GpuMemory> {
    let Some(nvml) = nvml else { return Vec::new() };
    let count = nvml.device_count().unwrap_or(0);
    (0..count).filter_map(|index| gpu(nvml, index)).collect()
}

fn gpu(nvml: &Nvml, index: u32) -> Option<GpuMemory> {
    let device = nvml.device_by_index(index).ok()?;
    let memory = device.memory_info().ok()?;
    let own = std::process::id();
    let processes = device.running_compute_processes().unwrap_or_default();
    let ours = processes.iter().filter(|process| process.pid == own).map(|process| match process.used_gpu_memory {
        UsedGpuMemory::Used(bytes) => bytes,
        UsedGpuMemory::Unavailable => 0,
    });
    Some(GpuMemory {
        used: memory.used / GRAIN * GRAIN,
        ours: ours.sum::<u64>() / GRAIN * GRAIN,
        total: memory.total,
        busy: device.utilization_rates().map_or(0, |rates| rates.gpu / 5 * 5),
    })
}
