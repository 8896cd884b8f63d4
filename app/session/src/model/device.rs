//! Which device to compute on, and why.

use crate::error::Error;
use crate::gauge;
use locus_engine::edit::device_name;
use locus_engine::model::{Checkpoint, Places};
use locus_protocol::{Device as DeviceInfo, DeviceRequest, NumberFormat, OneDevice};
use procfs::process::{MMapPath, Process};
use std::ops::Range;
use std::path::PathBuf;
use tch::{Cuda, Device, Kind};

/// A number format as libtorch calls it.
#[must_use]
pub fn kind(format: NumberFormat) -> Kind {
    match format {
        NumberFormat::Float32 => Kind::Float,
        NumberFormat::BFloat16 => Kind::BFloat16,
        NumberFormat::Float16 => Kind::Half,
        NumberFormat::Float64 => Kind::Double,
    }
}

/// The devices that were taken.
#[derive(Clone, Debug)]
pub struct ChosenDevices {
    /// One, or those that the layers are laid over.
    pub devices: Vec<Device>,
    /// Their names and one line that says why.
    pub info: DeviceInfo,
}

impl ChosenDevices {
    /// Whether all of them are the CPU.
    pub fn are_cpu(&self) -> bool {
        self.devices.iter().all(|device| *device == Device::Cpu)
    }

    /// Lays the layers of a checkpoint over them by what is free on each now.
    pub fn lay(&self, checkpoint: &Checkpoint, kind: Kind) -> Places {
        let free = |device: &Device| {
            let Device::Cuda(index) = device else { return None };
            // one that is named twice is shared by both
            let times = self.devices.iter().filter(|other| *other == device).count() as u64;
            Some(gauge::free_of_card(*index)? / times.max(1))
        };
        let devices: Vec<_> = self.devices.iter().map(|device| (*device, free(device))).collect();
        checkpoint.lay(&devices, kind)
    }

    /// What is said of them once a model is there.
    pub fn told(self, places: &Places) -> DeviceInfo {
        let DeviceInfo { name, reason } = self.info;
        let on = |(device, layers): (Device, &Range<usize>)| {
            format!("layers {} to {} on {}", layers.start, layers.end - 1, device_name(device))
        };
        let laid: Vec<String> = places.stretches().map(on).collect();
        let reason = if laid.is_empty() { reason } else { format!("{reason}; {}", laid.join(", ")) };
        DeviceInfo { name, reason }
    }
}

/// What [`open_cuda`] found; kept so that the choice can say why.
static CUDA: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();

/// Opens libtorch's CUDA half where the machine has a driver. It must be the first thing that a program does: any
/// look at libtorch before it pins the CPU for the life of the process. The executable links only the CPU half, so
/// that the same file runs where there is no CUDA at all.
pub fn open_cuda() {
    CUDA.get_or_init(|| {
        if let Err(error) = open_library("libcuda.so.1") {
            return Err(format!("no NVIDIA driver on this machine ({error})"));
        }
        let folder = libtorch_folder().ok_or("libtorch_cpu.so was not found among the loaded libraries")?;
        let library = folder.join("libtorch_cuda.so");
        if !library.exists() {
            return Err(format!("there is a driver, but the libtorch in {} is built without CUDA", folder.display()));
        }
        open_library(&library.to_string_lossy())
            .map_err(|error| format!("there is a driver, but {} cannot be opened ({error})", library.display()))
    });
}

/// Opens a library for good.
#[allow(unsafe_code)]
fn open_library(name: &str) -> Result<(), String> {
    // SAFETY: these are system and libtorch libraries whose initializers are meant to be run by opening them; the
    // handle is never closed, so nothing can point into unmapped code.
    match unsafe { libloading::Library::new(name) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)),
    }
}

/// The folder that libtorch_cpu.so was loaded from.
fn libtorch_folder() -> Option<PathBuf> {
    libtorch()?.parent().map(PathBuf::from)
}

/// The file of the libtorch that runs.
pub fn libtorch() -> Option<PathBuf> {
    let maps = Process::myself().and_then(|process| process.maps()).ok()?;
    maps.into_iter().find_map(|map| match map.pathname {
        MMapPath::Path(file) if file.ends_with("libtorch_cpu.so") => Some(file),
        _ => None,
    })
}

/// Chooses a device, or takes those that were asked for. Call [`open_cuda`] at the start of the program.
///
/// # Errors
/// A GPU that was asked for and is not there; a number format that needs one.
pub fn choose(request: &DeviceRequest, format: NumberFormat) -> Result<ChosenDevices, Error> {
    let (devices, reason) = match (request, why_no_card()) {
        (DeviceRequest::Automatic, Some(reason)) => (vec![Device::Cpu], reason),
        (DeviceRequest::Automatic, None) => (vec![Device::Cuda(0)], format!("{} GPU(s) found", Cuda::device_count())),
        (DeviceRequest::Cpu, _) => (vec![Device::Cpu], "asked for".to_owned()),
        (DeviceRequest::Cuda(index), why) => (vec![card(*index, why)?], "asked for".to_owned()),
        (DeviceRequest::Several(several), why) => {
            let one = |device: &OneDevice| match device {
                OneDevice::Cpu => Ok(Device::Cpu),
                OneDevice::Cuda(index) => card(*index, why.clone()),
            };
            (several.iter().map(one).collect::<Result<_, _>>()?, "asked for".to_owned())
        }
    };
    let is_slow = devices.contains(&Device::Cpu) && matches!(format, NumberFormat::BFloat16 | NumberFormat::Float16);
    let reason = if is_slow { format!("{reason}; slower there than float32, but in half the memory") } else { reason };
    let names: Vec<String> = devices.iter().copied().map(device_name).collect();
    Ok(ChosenDevices { devices, info: DeviceInfo { name: names.join(","), reason } })
}

/// Why no GPU can be used, if none can.
fn why_no_card() -> Option<String> {
    match CUDA.get() {
        Some(Ok(())) if Cuda::is_available() => None,
        Some(Ok(())) => Some("CUDA is loaded but finds no GPU".to_owned()),
        Some(Err(reason)) => Some(reason.clone()),
        None => Some("CUDA was not probed".to_owned()),
    }
}

/// The GPU with a number.
fn card(index: usize, why_not: Option<String>) -> Result<Device, Error> {
    let count = Cuda::device_count();
    match why_not {
        Some(reason) => Err(Error::Device(format!("CUDA cannot be used: {reason}; use --device cpu"))),
        None if (index as i64) < count => Ok(Device::Cuda(index)),
        None => Err(Error::Device(format!("there is no GPU {index}; this machine has {count}: choose another"))),
    }
}

#[cfg(test)]
mod tests {
    use super::choose;
    use locus_protocol::{DeviceRequest, NumberFormat, OneDevice};
    use tch::Device;

    #[test]
    fn several_devices_are_taken_in_their_order_and_all_of_them_must_be_there() {
        let twice = DeviceRequest::Several(vec![OneDevice::Cpu, OneDevice::Cpu]);
        let chosen = choose(&twice, NumberFormat::Float32).expect("the CPU, twice");
        assert_eq!(chosen.devices, [Device::Cpu, Device::Cpu]);
        assert!(chosen.are_cpu() && chosen.info.name == "cpu,cpu", "{chosen:?}");
        let half = choose(&twice, NumberFormat::BFloat16).expect("half the memory, on the CPU too");
        assert!(half.info.reason.contains("slower there than float32"), "{half:?}");
        // without a look at CUDA there is none
        let other = DeviceRequest::Several(vec![OneDevice::Cpu, OneDevice::Cuda(0)]);
        let error = choose(&other, NumberFormat::Float32).expect_err("no card").to_string();
        assert!(error.contains("CUDA cannot be used"), "{error}");
    }
}
