//! Arrays of a numpy archive, of which nothing is unpacked beyond what is expected: a few kilobytes of an archive can
//! unpack to gigabytes, and a header can promise anything.

use npyz::NpyFile;
use npyz::npz::{NpzArchive, file_name_from_array_name};
use std::io::{self, Chain, Cursor, Read, Seek, Take};
use zip::result::ZipError;

/// Bytes of an entry that holds one number, its header with it.
pub const SMALL: u64 = 16 << 10;
/// Bytes of a header at most.
const LARGEST_HEADER: usize = 4096;
/// Brackets in each other in a header: a dictionary that holds a tuple.
const DEEPEST: usize = 8;
/// What stands in front of a header: a mark, the version, and its length in two bytes or four.
const MARK: &[u8] = b"\x93NUMPY";

/// What is read of one array.
pub type Entry<'a> = NpyFile<Chain<Cursor<Vec<u8>>, Take<zip::read::ZipFile<'a>>>>;

/// The array of a name, of which at most `most` bytes are unpacked; `None` where there is none.
///
/// # Errors
/// It is damaged or has more bytes.
pub fn entry<'a, R: Read + Seek>(
    archive: &'a mut NpzArchive<R>,
    name: &str,
    most: u64,
) -> io::Result<Option<Entry<'a>>> {
    let file = match archive.zip_archive().by_name(&file_name_from_array_name(name)) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(ZipError::Io(error)) => return Err(error),
        Err(error) => return Err(io::Error::other(error)),
    };
    if file.size() > most {
        return Err(io::Error::other(format!(
            "entry `{name}` unpacks to {} bytes, {most} at most are right",
            file.size()
        )));
    }
    array(file.take(most)).map(Some).map_err(|error| io::Error::other(format!("entry `{name}`: {error}")))
}

/// The array of a file of its own, or of an entry.
///
/// # Errors
/// Its header is none.
pub fn array<R: Read>(mut file: R) -> io::Result<NpyFile<Chain<Cursor<Vec<u8>>, R>>> {
    let header = header(&mut file)?;
    NpyFile::new(Cursor::new(header).chain(file))
}

/// The shape that an array says it has; nothing but its header is unpacked.
///
/// # Errors
/// It is damaged.
pub fn shape<R: Read + Seek>(archive: &mut NpzArchive<R>, name: &str) -> io::Result<Option<Vec<u64>>> {
    Ok(entry(archive, name, u64::MAX)?.map(|entry| entry.shape().to_vec()))
}

/// The bytes of a header with what stands in front of it, where it is of a sensible size and depth.
fn header(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; MARK.len() + 2];
    file.read_exact(&mut bytes)?;
    if !bytes.starts_with(MARK) {
        return Err(io::Error::other("it is not a numpy array"));
    }
    let mut size = [0; 4];
    let width = if bytes[MARK.len()] == 1 { 2 } else { 4 };
    file.read_exact(&mut size[..width])?;
    bytes.extend_from_slice(&size[..width]);
    let size = u32::from_le_bytes(size) as usize;
    if size > LARGEST_HEADER {
        return Err(io::Error::other(format!("its header claims {size} bytes")));
    }
    let start = bytes.len();
    bytes.resize(start + size, 0);
    file.read_exact(&mut bytes[start..])?;
    let mut depth = 0_usize;
    for byte in &bytes[start..] {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(io::Error::other("its header does not describe an array"));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{SMALL, entry, shape};
    use npyz::npz::NpzArchive;
    use std::io::{Cursor, Write};
    use zip::write::FileOptions;

    fn array(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&u16::try_from(header.len()).expect("short").to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn archive(entry: &[u8], method: zip::CompressionMethod) -> NpzArchive<Cursor<Vec<u8>>> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("a.npy", FileOptions::default().compression_method(method)).expect("an entry");
        zip.write_all(entry).expect("written");
        NpzArchive::new(zip.finish().expect("an archive")).expect("an archive")
    }

    #[test]
    fn an_archive_that_unpacks_to_much_is_refused_before_it_is_unpacked() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4096, 4096), }\n";
        let bomb = array(header, &vec![0; 4096 * 4096 * 8]);
        let mut packed = archive(&bomb, zip::CompressionMethod::Deflated);
        assert_eq!(shape(&mut packed, "a").expect("a header"), Some(vec![4096, 4096]));
        let error = entry(&mut packed, "a", SMALL).err().expect("too much").to_string();
        assert!(error.contains("unpacks to 134217"), "{error}");
        assert!(entry(&mut packed, "b", SMALL).expect("read").is_none());
    }

    #[test]
    fn headers_that_promise_anything_are_refused() {
        let nested = "(".repeat(4000);
        let long = " ".repeat(5000);
        for header in [nested.as_str(), long.as_str(), "{'descr': ", "\u{1b}"] {
            let mut stored = archive(&array(header, &[]), zip::CompressionMethod::Stored);
            assert!(entry(&mut stored, "a", SMALL).is_err(), "{header:.20}");
        }
        let mut huge = b"\x93NUMPY\x02\x00".to_vec();
        huge.extend_from_slice(&u32::MAX.to_le_bytes());
        let mut stored = archive(&huge, zip::CompressionMethod::Stored);
        let error = entry(&mut stored, "a", SMALL).err().expect("no header").to_string();
        assert!(error.contains("4294967295"), "{error}");
        let mut endless = archive(
            &array("{'descr': '<f8', 'fortran_order': False, 'shape': (18446744073709551615, 3), }\n", &[]),
            zip::CompressionMethod::Stored,
        );
        assert_eq!(shape(&mut endless, "a").expect("a header"), Some(vec![u64::MAX, 3]));
    }
}
