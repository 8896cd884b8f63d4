//! The stamp of a plugin's file, and whether it fits this program.
#![allow(unsafe_code)]

use crate::elf;
use crate::error::LoadError;
use locus_plugin::glue::abi::{
    ENTRY_SYMBOL, FLAG_BY_NAME_ONLY, FLAG_LIBTORCH, INTERFACE_MAJOR, INTERFACE_MINOR, LocusStamp, MAGIC,
};
use object::{ReadCache, ReadRef};
use std::mem::offset_of;
use std::path::{Path, PathBuf};

unsafe extern "C" {
    /// Of the libtorch that runs.
    safe fn aoti_torch_abi_version() -> u64;
}

/// What a plugin's file says of itself before anything of it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub file: PathBuf,
    /// Major and minor version of the interface it speaks.
    pub interface: (u16, u16),
    /// `TORCH_ABI_VERSION` of the libtorch it needs, if it needs one.
    pub libtorch: Option<u64>,
    /// The target it was built for.
    pub target: String,
    /// Version of the package `locus-plugin` it was built with; empty without.
    pub author_package: String,
    pub compiler: String,
    /// Its name and version.
    pub plugin: String,
    /// Scans of folders pass it over.
    pub by_name_only: bool,
    /// The folder it was built from, where the file says so.
    pub source: Option<PathBuf>,
}

/// Reads the stamp of a file. Nothing of the file runs, and whether it fits this program is for [`Stamp::check`].
///
/// # Errors
/// The file cannot be read, is no library, exports no plugin, or has a damaged stamp.
pub fn inspect(file: &Path) -> Result<Stamp, LoadError> {
    let unreadable = |reason: String| LoadError::Unreadable { file: file.to_owned(), reason };
    let opened = locus_files::open(file).map_err(|error| unreadable(error.to_string()))?;
    Stamp::read(file, &ReadCache::new(opened))
}

impl Stamp {
    /// Reads the stamp out of `data`, the contents of `file`.
    pub(crate) fn read<'data, R: ReadRef<'data>>(file: &Path, data: R) -> Result<Self, LoadError> {
        let elf::Contents { stamp, source, entries } = elf::read(file, data)?;
        let damaged = |reason: String| LoadError::DamagedStamp { file: file.to_owned(), reason };
        if stamp.len() < FIXED {
            return Err(damaged(format!("it has only {} bytes", stamp.len())));
        }
        // what a shorter one does not say is nought
        let mut bytes = [0; size_of::<LocusStamp>()];
        let there = stamp.len().min(bytes.len());
        bytes[..there].copy_from_slice(&stamp[..there]);
        let read: LocusStamp = zerocopy::transmute!(bytes);
        if read.magic != MAGIC {
            return Err(damaged("it does not begin with LOCUSPLG".to_owned()));
        }
        let size = read.struct_size as usize;
        if size < FIXED || size > stamp.len() {
            return Err(damaged(format!("it declares {size} bytes, but there are {}", stamp.len())));
        }
        let major = read.interface_major;
        let ours = major != INTERFACE_MAJOR || entries.iter().any(|entry| entry == ENTRY_SYMBOL);
        if entries.is_empty() || !ours {
            let reason = format!("it has a stamp but no function locus_plugin_entry_v{major}");
            return Err(LoadError::NoEntry { file: file.to_owned(), reason });
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        Ok(Self {
            file: file.to_owned(),
            interface: (major, read.interface_minor),
            libtorch: (read.flags & FLAG_LIBTORCH != 0).then_some(read.torch),
            target: text(&read.target),
            author_package: text(&read.author_package),
            compiler: text(&read.compiler),
            plugin: text(&read.plugin),
            by_name_only: read.flags & FLAG_BY_NAME_ONLY != 0,
            source: String::from_utf8(source).ok().filter(|folder| folder.starts_with('/')).map(PathBuf::from),
        })
    }

    /// Whether the file fits this program.
    ///
    /// # Errors
    /// Another interface, another target or another libtorch.
    pub fn check(&self) -> Result<(), LoadError> {
        let file = self.file.clone();
        if self.interface.0 != INTERFACE_MAJOR {
            let needs = format!("{INTERFACE_MAJOR}.{INTERFACE_MINOR}");
            return Err(LoadError::Interface { file, has: self.interface(), needs });
        }
        let ours = locus_plugin::glue::TARGET;
        if self.target != ours {
            let has = if self.target.is_empty() { "an unknown target" } else { &self.target };
            return Err(LoadError::Target { file, has: has.to_owned(), needs: ours.to_owned() });
        }
        let running = aoti_torch_abi_version();
        match self.libtorch {
            Some(built_with) if built_with != running => {
                Err(LoadError::Libtorch { file, has: libtorch_version(built_with), needs: libtorch_version(running) })
            }
            _ => Ok(()),
        }
    }

    /// The interface it speaks, as `major.minor`.
    #[must_use]
    pub fn interface(&self) -> String {
        format!("{}.{}", self.interface.0, self.interface.1)
    }

    /// The last word of the plugin's name and version.
    pub(crate) fn version(&self) -> &str {
        self.plugin.rsplit_once(' ').map_or("", |(_, version)| version)
    }
}

/// Bytes of a stamp that never change.
const FIXED: usize = 32;

const _: () = assert!(offset_of!(LocusStamp, target) == FIXED);

fn libtorch_version(number: u64) -> String {
    let byte = |shift: u32| number >> shift & 0xff;
    let version = format!("{}.{}.{}", byte(56), byte(48), byte(40));
    match number & 0xff_ffff_ffff {
        0 => version,
        tag => format!("{version} (tag {tag})"),
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;
    use std::path::Path;

    /// The reader meets foreign bytes: whatever they are, it answers.
    #[test]
    fn no_file_makes_the_reader_panic() {
        let file = std::env::current_exe().expect("path").with_file_name("liblocus_error_injection.so");
        let mut bytes = std::fs::read(&file).expect("a plugin");
        let whole = Stamp::read(&file, bytes.as_slice()).expect("a stamp");
        let (mut state, mut refused) = (1_u64, 0);
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for _ in 0..20_000 {
            let places: Vec<usize> = (0..1 + random(4))
                .map(|_| match random(4) {
                    0 => random(64),
                    1 => bytes.len() - 1 - random(3000),
                    2 => random(4096),
                    _ => random(bytes.len()),
                })
                .collect();
            let before: Vec<u8> = places.iter().map(|&place| bytes[place]).collect();
            for &place in &places {
                bytes[place] = [0, 1, 0x7f, 0x80, 0xff, bytes[place] ^ 0x10][random(6)];
            }
            refused += usize::from(Stamp::read(Path::new("x"), bytes.as_slice()).is_err());
            for (&place, &byte) in places.iter().zip(&before).rev() {
                bytes[place] = byte;
            }
        }
        assert_eq!(Stamp::read(&file, bytes.as_slice()).expect("as before"), whole);
        assert!((1000..19_000).contains(&refused), "{refused} of 20 000 refused");
    }
}
