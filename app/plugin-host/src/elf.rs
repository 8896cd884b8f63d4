//! Reads what a shared library says of itself, without running anything of it.

use crate::error::LoadError;
use locus_plugin::glue::SOURCE_SECTION;
use locus_plugin::glue::abi::{ENTRY_SYMBOL, SECTION};
use object::elf::{ELFCLASS64, ELFDATA2LSB, ELFMAG, EM_AARCH64, EM_X86_64, ET_DYN};
use object::read::elf::{ElfFile64, FileHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, ReadRef};
use std::path::Path;

/// The bytes of the stamp's section, those of the folder it was built from where they are there, and which entry functions
/// are exported.
pub(crate) struct Contents {
    pub(crate) stamp: Vec<u8>,
    pub(crate) source: Vec<u8>,
    pub(crate) entries: Vec<String>,
}

/// Reads `data`, the contents of `file`.
pub(crate) fn read<'data, R: ReadRef<'data>>(file: &Path, data: R) -> Result<Contents, LoadError> {
    let not_a_library = |reason: &str| LoadError::NotALibrary { file: file.to_owned(), reason: reason.to_owned() };
    let magic = data.read_bytes_at(0, 4).unwrap_or_default();
    if magic != ELFMAG {
        return Err(not_a_library("it is not an ELF file"));
    }
    let kind = data.read_bytes_at(4, 2).unwrap_or_default();
    if kind != [ELFCLASS64.0, ELFDATA2LSB.0] {
        return Err(not_a_library("it is not a 64-bit little-endian ELF file"));
    }
    let library = ElfFile64::<LittleEndian, R>::parse(data)
        .map_err(|error| not_a_library(&format!("it is truncated or damaged: {error}")))?;
    let header = library.elf_header();
    let machine = if cfg!(target_arch = "aarch64") { EM_AARCH64 } else { EM_X86_64 };
    if header.e_machine(LittleEndian) != machine {
        return Err(not_a_library("it is for another processor architecture"));
    }
    if header.e_type(LittleEndian) != ET_DYN {
        return Err(not_a_library("it is an executable or an object file"));
    }
    let section = library
        .section_by_name(SECTION)
        .ok_or_else(|| LoadError::NoEntry { file: file.to_owned(), reason: format!("it has no section {SECTION}") })?;
    let stamp = section.data().map_err(|error| not_a_library(&format!("it is truncated: {error}")))?;
    let source = library.section_by_name(SOURCE_SECTION).and_then(|section| section.data().ok()).unwrap_or_default();
    let prefix = ENTRY_SYMBOL.trim_end_matches(|character: char| character.is_ascii_digit());
    let entries = library
        .dynamic_symbols()
        .filter(ObjectSymbol::is_definition)
        .filter_map(|symbol| symbol.name().ok())
        .filter(|name| name.starts_with(prefix))
        .map(str::to_owned)
        .collect();
    Ok(Contents { stamp: stamp.to_vec(), source: source.to_vec(), entries })
}
