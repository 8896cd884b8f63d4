//! Memory in use, told from time to time from a thread of its own.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use locus_engine::resident;
use locus_protocol::{Event, GpuMemory, Memory};
use nvml_wrapper::Nvml;
use nvml_wrapper::enums::device::UsedGpuMemory;
use procfs::Current;
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

/// The driver of GPUs with its version, and the GPUs.
pub fn driver() -> (String, Vec<String>) {
    let Ok(nvml) = Nvml::init() else { return Default::default() };
    let version = nvml.sys_driver_version().unwrap_or_else(|_| "of unknown version".to_owned());
    let card = |index: u32| {
        let device = nvml.device_by_index(index).ok()?;
        let name = device.name().unwrap_or_else(|_| "a GPU".to_owned());
        let memory = device.memory_info().map_or(0, |memory| memory.total >> 20);
        Some(format!("{index}: {name}, {memory} MiB"))
    };
    (format!("NVIDIA {version}"), (0..nvml.device_count().unwrap_or(0)).filter_map(card).collect())
}

/// Bytes that are free on the card that libtorch calls `index`; `None` where that cannot be known.
pub fn free_of_card(index: usize) -> Option<u64> {
    let nvml = Nvml::init().ok()?;
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let device = match card_of(visible.as_deref(), index)? {
        Card::Number(number) => nvml.device_by_index(number).ok()?,
        Card::Uuid(uuid) => nvml.device_by_uuid(uuid).ok()?,
    };
    Some(device.memory_info().ok()?.free)
}

/// How the driver calls a card.
#[derive(Debug, PartialEq)]
enum Card<'a> {
    Number(u32),
    Uuid(&'a str),
}

/// The card that is `index` among those that `CUDA_VISIBLE_DEVICES` lists, or among all without it.
fn card_of(visible: Option<&str>, index: usize) -> Option<Card<'_>> {
    let Some(list) = visible.filter(|list| !list.trim().is_empty()) else {
        return u32::try_from(index).ok().map(Card::Number);
    };
    let name = list.split(',').nth(index)?.trim();
    Some(name.parse().map_or(Card::Uuid(name), Card::Number))
}

/// The processor, and the memory of the machine.
pub fn processor() -> String {
    let info = procfs::CpuInfo::current().ok();
    let name = info.as_ref().and_then(|info| info.model_name(0)).unwrap_or("unknown").to_owned();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = procfs::Meminfo::current().map_or(0, |memory| memory.mem_total >> 20);
    format!("{name}, {cores} threads, {memory} MiB")
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

#[cfg(test)]
mod tests {
    use super::{Card, card_of};

    #[test]
    fn cards_are_counted_among_those_that_are_visible() {
        assert_eq!(card_of(None, 1), Some(Card::Number(1)));
        assert_eq!(card_of(Some("3, 5"), 1), Some(Card::Number(5)));
        assert_eq!(card_of(Some("GPU-1a,GPU-2b"), 1), Some(Card::Uuid("GPU-2b")));
        assert_eq!(card_of(Some("3"), 1), None);
        assert_eq!(card_of(Some(""), 0), Some(Card::Number(0)));
    }
}
