//! Files of tensors that carry the SHA-256 of their own contents, so that a flipped bit anywhere in them is found.
//!
//! The digits stand as `"checksum":"…"` in a JSON text of the file's metadata. They count as noughts while the hash is
//! taken, so that it covers the whole file: names, shapes, texts and numbers. A file of which parts are read carries the
//! SHA-256 of its header besides, as `"header":"…"`, taken with both as noughts; what the header says of its parts is then
//! to be believed.

use crate::hex;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

/// What stands in the place of the digits until they are known.
pub const UNSEALED: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What stands before the digits: JSON inside of a JSON string. Text of a user cannot look like that there, as its
/// quotation marks have more strokes before them.
const MARK: &[u8] = br#"\"checksum\":\""#;

/// What stands before the digits of the header's own hash.
const HEADER_MARK: &[u8] = br#"\"header\":\""#;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;
/// A file's header says how long it is in so many bytes.
const SIZE: usize = 8;

/// Puts the hash of a file's contents, which have [`UNSEALED`] in its place, into them.
///
/// # Errors
/// The contents have no such place.
pub fn seal(contents: &mut [u8]) -> Result<()> {
    let place = header(contents).and_then(place).ok_or_else(no_place)?;
    let digits = hex(&Sha256::digest(&*contents));
    contents[place].copy_from_slice(digits.as_bytes());
    Ok(())
}

/// Whether contents are what they were when they were sealed; `None` where they have no seal.
pub fn is_whole(contents: &[u8]) -> Option<bool> {
    let place = place(header(contents)?)?;
    let mut hash = Sha256::new();
    hash.update(&contents[..place.start]);
    hash.update(UNSEALED);
    hash.update(&contents[place.end..]);
    Some(hex(&hash.finalize()).as_bytes() == &contents[place])
}

/// Whether a header, with its length before it, has a place for a hash, whatever the entry is called that it stands in.
pub fn has_place(header: &[u8]) -> bool {
    place(header).is_some()
}

/// The same as [`seal`] for a file, which may be larger than the memory.
///
/// # Errors
/// The file has no place for a hash, or cannot be read or written.
pub fn seal_file(file: &Path) -> Result<()> {
    let mut opened = File::options().read(true).write(true).open(file)?;
    let header = header_of(&mut opened)?.ok_or_else(no_place)?;
    let place = place(&header).ok_or_else(no_place)?;
    if let Some(of_header) = place_after(&header, HEADER_MARK) {
        opened.seek(SeekFrom::Start(of_header.start as u64))?;
        opened.write_all(hash_of_header(&header).as_bytes())?;
    }
    opened.rewind()?;
    let mut hash = Sha256::new();
    take(&mut opened, &mut hash)?;
    opened.seek(SeekFrom::Start(place.start as u64))?;
    opened.write_all(hex(&hash.finalize()).as_bytes())
}

/// The same as [`is_whole`] for a file.
///
/// # Errors
/// The file cannot be read.
pub fn is_file_whole(file: &Path) -> Result<Option<bool>> {
    let mut opened = locus_files::open(file)?;
    let Some(header) = header_of(&mut opened)? else { return Ok(None) };
    let Some(place) = place(&header) else { return Ok(None) };
    let mut hash = Sha256::new();
    hash.update(&header[..place.start]);
    hash.update(UNSEALED);
    hash.update(&header[place.end..]);
    take(&mut opened, &mut hash)?;
    Ok(Some(hex(&hash.finalize()).as_bytes() == &header[place]))
}

/// Whether a header, with its length before it, is what it was when its file was sealed; `None` where it has no hash of its
/// own.
pub fn is_header_whole(header: &[u8]) -> Option<bool> {
    let place = place_after(header, HEADER_MARK)?;
    Some(hash_of_header(header).as_bytes() == &header[place])
}

/// The hash of a header without the digits in it.
fn hash_of_header(header: &[u8]) -> String {
    let mut blank = header.to_vec();
    for mark in [MARK, HEADER_MARK] {
        if let Some(place) = place_after(header, mark) {
            blank[place].copy_from_slice(UNSEALED.as_bytes());
        }
    }
    hex(&Sha256::digest(&blank))
}

/// Hashes a file from where it stands to its end.
fn take(file: &mut File, hash: &mut Sha256) -> Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            length => hash.update(&block[..length]),
        }
    }
}

/// The header with its length before it, out of whole contents.
fn header(contents: &[u8]) -> Option<&[u8]> {
    let length = contents.first_chunk::<SIZE>().map(|bytes| u64::from_le_bytes(*bytes))?;
    contents.get(..SIZE.checked_add(usize::try_from(length).ok()?)?)
}

/// The header with its length before it, out of a file that is read from its beginning; `None` where the file is shorter.
fn header_of(file: &mut File) -> Result<Option<Vec<u8>>> {
    let whole = file.metadata()?.len();
    let mut size = [0; SIZE];
    match file.read_exact(&mut size) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u64::from_le_bytes(size);
    if length > whole.saturating_sub(SIZE as u64) {
        return Ok(None);
    }
    let mut header = size.to_vec();
    file.take(length).read_to_end(&mut header)?;
    Ok(Some(header))
}

/// Where the digits are.
fn place(header: &[u8]) -> Option<Range<usize>> {
    place_after(header, MARK)
}

fn place_after(header: &[u8], mark: &[u8]) -> Option<Range<usize>> {
    let start = header.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let end = start + UNSEALED.len();
    (header.get(end) == Some(&b'\\')).then_some(start..end)
}

fn no_place() -> Error {
    Error::other("there is no place for its checksum")
}

#[cfg(test)]
mod tests {
    use super::{UNSEALED, is_file_whole, is_whole, seal, seal_file};
    use crate::tensor_files;
    use crate::test_numbers::Numbers;

    fn unsealed() -> Vec<u8> {
        let tensors = [("a".to_owned(), Numbers::new(1).normal(&[3]))];
        let says = format!(r#"{{"version":2,"checksum":"{UNSEALED}","text":"a \"checksum\":\"b\""}}"#);
        tensor_files::bytes(&tensors, &[("entry", &says)]).expect("bytes")
    }

    #[test]
    fn every_flipped_bit_is_found_in_memory_and_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.safetensors");
        let mut whole = unsealed();
        std::fs::write(&file, &whole).expect("written");
        assert_eq!(is_whole(&whole), Some(false), "noughts are no hash");
        seal(&mut whole).expect("sealed");
        seal_file(&file).expect("sealed");
        assert!(std::fs::read(&file).expect("the file") == whole, "both ways give the same bytes");
        assert_eq!((is_whole(&whole), is_file_whole(&file).expect("read")), (Some(true), Some(true)));
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[place] ^= 1 << bit;
                assert_ne!(is_whole(&flipped), Some(true), "byte {place}, bit {bit}");
            }
            std::fs::write(&file, [&whole[..place], &[whole[place] ^ 4][..], &whole[place + 1..]].concat())
                .expect("written");
            assert_ne!(is_file_whole(&file).expect("read"), Some(true), "byte {place}");
        }
        assert_ne!(is_whole(&whole[..whole.len() - 1]), Some(true));
    }

    #[test]
    fn what_has_no_place_for_a_seal_is_told() {
        let mut bytes = tensor_files::bytes(&[], &[("entry", "{}")]).expect("bytes");
        assert_eq!(is_whole(&bytes), None);
        assert!(seal(&mut bytes).is_err() && seal(&mut [0; 3]).is_err() && is_whole(&[255; 20]).is_none());
    }
}
