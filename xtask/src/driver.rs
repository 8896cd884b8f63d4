//! The NVIDIA driver of this machine.

use std::path::Path;

/// Where the driver says its version.
const FILE: &str = "/proc/driver/nvidia/version";
/// The oldest driver that runs CUDA 13, which the published libtorch 2.11 is built with.
const OLDEST: u32 = 580;

/// A driver, by its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// As the driver writes it; empty where it does not say.
    version: String,
}

impl Driver {
    /// The driver of this machine, if it has one: the module's own file, or, in a container, the device of a card.
    pub fn of_this_machine() -> Option<Self> {
        match std::fs::read_to_string(FILE) {
            Ok(text) => Some(Self::read(&text)),
            Err(_) if Path::new("/dev/nvidiactl").exists() => Some(Self { version: String::new() }),
            Err(_) => None,
        }
    }

    fn read(text: &str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let is_version = |word: &&str| word.contains('.') && word.split('.').all(|part| part.parse::<u32>().is_ok());
        Self { version: first.split_whitespace().find(is_version).unwrap_or_default().to_owned() }
    }

    /// One sentence: which it is, and whether it can run what will be fetched.
    pub fn says(&self) -> String {
        let newer = "an older one cannot run it: update the driver, or use --cpu";
        match self.version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
            Some(major) if major >= OLDEST => format!("the NVIDIA driver {} runs CUDA 13", self.version),
            Some(_) => format!("the NVIDIA driver is {}, but CUDA 13 needs {OLDEST} or newer; {newer}", self.version),
            None => format!("this machine has an NVIDIA driver; CUDA 13 needs {OLDEST} or newer, {newer}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Driver;

    #[test]
    fn the_version_is_read_and_judged() {
        let file = |version: &str| {
            format!("NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue Sep  2\nGCC version: 13.3.0\n")
        };
        let says = |version: &str| Driver::read(&file(version)).says();
        assert_eq!(says("580.65.06"), "the NVIDIA driver 580.65.06 runs CUDA 13");
        assert!(says("535.183.01").starts_with("the NVIDIA driver is 535.183.01, but CUDA 13 needs 580"));
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  595.12  Release Build\n";
        assert_eq!(Driver::read(open).says(), "the NVIDIA driver 595.12 runs CUDA 13");
        assert!(Driver::read("").says().contains("580 or newer"));
    }
}
