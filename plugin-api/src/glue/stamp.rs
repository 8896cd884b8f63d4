//! What a plugin says of itself before anything of it runs.

use super::abi::{FLAG_BY_NAME_ONLY, FLAG_LIBTORCH, INTERFACE_MAJOR, INTERFACE_MINOR, LocusStamp, MAGIC};

/// The target that this package was built for.
pub const TARGET: &str = env!("LOCUS_TARGET");

/// The stamp of a plugin built with this package.
#[must_use]
pub const fn stamp(package: &str, version: &str, by_name_only: bool) -> LocusStamp {
    LocusStamp {
        magic: MAGIC,
        struct_size: size_of::<LocusStamp>() as u32,
        interface_major: INTERFACE_MAJOR,
        interface_minor: INTERFACE_MINOR,
        flags: if by_name_only { FLAG_LIBTORCH | FLAG_BY_NAME_ONLY } else { FLAG_LIBTORCH },
        reserved: 0,
        torch: decimal(env!("LOCUS_TORCH")),
        target: filled(TARGET, "", ""),
        author_package: filled(env!("CARGO_PKG_VERSION"), "", ""),
        compiler: filled(env!("LOCUS_COMPILER"), "", ""),
        plugin: filled(package, " ", version),
        reserved_end: [0; 32],
    }
}

/// Name of the ELF section that holds the folder a plugin was built from. It is not part of the contract: a plugin
/// without it is only not rebuilt from the workbench.
pub const SOURCE_SECTION: &str = ".locus_source";

/// The bytes of that section.
#[must_use]
pub const fn source<const N: usize>(folder: &str) -> [u8; N] {
    filled(folder, "", "")
}

/// Three texts one after the other, cut or filled up with zeros.
const fn filled<const N: usize>(first: &str, second: &str, third: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let texts = [first.as_bytes(), second.as_bytes(), third.as_bytes()];
    let (mut end, mut text) = (0, 0);
    while text < texts.len() {
        let mut index = 0;
        while index < texts[text].len() && end < N {
            bytes[end] = texts[text][index];
            (end, index) = (end + 1, index + 1);
        }
        text += 1;
    }
    bytes
}

const fn decimal(digits: &str) -> u64 {
    let (mut number, mut index) = (0, 0);
    while index < digits.len() {
        number = number * 10 + (digits.as_bytes()[index] - b'0') as u64;
        index += 1;
    }
    number
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_stamp_holds_its_texts() {
        let stamp = super::stamp("locus-example", "1.2.3", true);
        assert_eq!(&stamp.plugin[..20], b"locus-example 1.2.3\0");
        assert_eq!((stamp.struct_size, stamp.flags), (256, 3));
        assert_eq!(stamp.torch >> 56, 2);
        assert!(super::stamp(&"x".repeat(99), "1", false).plugin.iter().all(|byte| *byte == b'x'));
    }
}
