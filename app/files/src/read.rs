//! Files that are read: what is none is said, and nothing is read without end.

use crate::refusal::kind;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a file. Links are followed.
///
/// # Errors
/// It is a folder, a pipe or a device; it cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    // a pipe without a writer is not waited for
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if about.is_file() {
        return Ok(file);
    }
    let message = format!("it is {}, not a file", kind(about.file_type()));
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// All bytes of a file that has at most `most`.
///
/// # Errors
/// Those of [`open`]; it has more bytes.
pub fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > most {
        return Err(too_large(length, most));
    }
    let mut read = Vec::new();
    // it may grow meanwhile, and some files say that they are empty
    file.take(most.saturating_add(1)).read_to_end(&mut read)?;
    if read.len() as u64 > most {
        return Err(too_large(read.len() as u64, most));
    }
    Ok(read)
}

/// The text of a file that has at most `most` bytes.
///
/// # Errors
/// Those of [`bytes`]; it is not UTF-8.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(bytes(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn too_large(length: u64, most: u64) -> io::Error {
    let message = format!("it has {}, but at most {} are read", size(length), size(most));
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

/// A number of bytes in the largest unit of which there is one, as in `1.5 GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| bytes >> shift > 0);
    #[expect(clippy::cast_precision_loss, reason = "told with one digit")]
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(name, shift)| format!("{:.1} {name}", bytes as f64 / (1_u64 << shift) as f64),
    )
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_in_units_that_people_read() {
        let sizes = [17, 1023, 1 << 20, 3 << 29, 5 << 40].map(size);
        assert_eq!(sizes, ["17 bytes", "1023 bytes", "1.0 MiB", "1.5 GiB", "5.0 TiB"]);
    }
}
