//! Which device to compute on, and why.

use crate::error::Error;
use locus_protocol::{Device as DeviceInfo, DeviceRequest, NumberFormat};
use procfs::process::{MMapPath, Process};
use std::path::PathBuf;
use tch::{Cuda, Device, Kind};

/// A number format as libtorch calls it.
#[must_use]
pub fn kind(format: NumberFormat) -> Kind {
    match format {
        NumberFormat::Float32 => Kind::Float,
        NumberFormat::BFloat16 => Kind::BFloat16,
        NumberFormat::Float16 => Kind::Half,
    }
}

/// The device that was taken.
#[derive(Clone, Debug)]
pub struct ChosenDevice {
    /// The device.
    pub device: Device,
    /// Its name and one line that says why.
    pub info: DeviceInfo,
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
            return Err(format!("there is a driver, but the libtorch in {} has no CUDA part", folder.display()));
        }
        open_library(&library.to_string_lossy())
            .map_err(|error| format!("there is a driver, but {} cannot be opened ({error})", library.display()))
    });
}

/// Opens a library for good.
#[allow(unsafe_code)]
fn open_library(name: &str) -> Result<(), String> {
    // SAFETY: these are system and libtorch libraries whose initialisers are meant to be run by opening them; the
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

/// Chooses a device. Call [`open_cuda`] at the start of the program.
///
/// # Errors
/// A GPU that was asked for and is not there; a number format that needs one.
pub fn choose(request: DeviceRequest, format: NumberFormat) -> Result<ChosenDevice, Error> {
    let why_not = match CUDA.get() {
        Some(Ok(())) if Cuda::is_available() => None,
        Some(Ok(())) => Some("CUDA is loaded but finds no GPU".to_owned()),
        Some(Err(reason)) => Some(reason.clone()),
        None => Some("CUDA was not looked for".to_owned()),
    };
    let (device, reason) = match (request, why_not) {
        (DeviceRequest::Cpu, _) => (Device::Cpu, "asked for".to_owned()),
        (DeviceRequest::Automatic, Some(reason)) => (Device::Cpu, reason),
        (DeviceRequest::Automatic, None) => (Device::Cuda(0), format!("{} GPU(s) found", Cuda::device_count())),
        (DeviceRequest::Cuda(index), None) if (index as i64) < Cuda::device_count() => {
            (Device::Cuda(index), "asked for".to_owned())
        }
        (DeviceRequest::Cuda(index), None) => {
            let count = Cuda::device_count();
            return Err(Error::Device(format!("there is no GPU {index}; this machine has {count}: choose another")));
        }
        (DeviceRequest::Cuda(_), Some(reason)) => {
            return Err(Error::Device(format!("CUDA cannot be used: {reason}; use --device cpu")));
        }
    };
    if device == Device::Cpu && format != NumberFormat::Float32 {
        return Err(Error::Device("the CPU computes in float32 only; leave out --dtype or use a GPU".to_owned()));
    }
    Ok(ChosenDevice { device, info: DeviceInfo { name: locus_engine::edit::device_name(device), reason } })
}
