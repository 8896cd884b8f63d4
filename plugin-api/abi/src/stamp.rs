//! The stamp: what a plugin file says of itself before anything of it runs.

use zerocopy::{FromBytes, Immutable, KnownLayout};

/// First bytes of every stamp.
pub const MAGIC: [u8; 8] = *b"LOCUSPLG";
/// Name of the ELF section that holds the stamp.
pub const SECTION: &str = ".locus_plugin";
/// Name of the stamp.
pub const STAMP_SYMBOL: &str = "LOCUS_PLUGIN_STAMP";
/// Name of the entry function of this major version.
pub const ENTRY_SYMBOL: &str = "locus_plugin_entry_v2";

/// The plugin calls libtorch itself, so it needs the libtorch it was built with.
pub const FLAG_LIBTORCH: u32 = 1;
/// Folder scans skip the file: it is loaded only if it is named. For experiments and test fixtures.
pub const FLAG_BY_NAME_ONLY: u32 = 2;

/// Stored in the section `.locus_plugin`, under the name `LOCUS_PLUGIN_STAMP`. It has no pointers. The first 32
/// bytes never change, in any version. Texts are UTF-8, padded with zero bytes.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
pub struct LocusStamp {
    /// Magic number: the bytes `LOCUSPLG`.
    pub magic: [u8; 8],
    /// Size of the stamp in bytes.
    pub struct_size: u32,
    /// Major version of the contract that the plugin uses.
    pub interface_major: u16,
    /// Minor version of the contract that the plugin uses.
    pub interface_minor: u16,
    /// What else it needs: `LOCUS_FLAG_...`, combined.
    pub flags: u32,
    /// Always zero.
    pub reserved: u32,
    /// libtorch's `TORCH_ABI_VERSION` of the headers it was built with; 0 without libtorch.
    pub torch: u64,
    /// The target it was built for, as rustc calls it.
    pub target: [u8; 40],
    /// Version of the package `locus-plugin` it was built with; empty without.
    pub author_package: [u8; 24],
    /// Compiler that it was built with, and its version.
    pub compiler: [u8; 64],
    /// Name and version of the plugin.
    pub plugin: [u8; 64],
    /// Always zero.
    pub reserved_end: [u8; 32],
}
