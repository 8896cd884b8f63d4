//! Files that are read: what is none, and what has no end, is said at once.

use locus_files::{bytes, open, text};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;

#[test]
fn pipes_devices_and_folders_are_said_and_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    let link = folder.path().join("link");
    symlink("/dev/zero", &link).expect("a link");
    for (path, word) in [
        (pipe.as_path(), "it is a pipe"),
        (folder.path(), "it is a folder"),
        (Path::new("/dev/zero"), "it is a device"),
        (&link, "it is a device"),
    ] {
        for error in [open(path).err(), bytes(path, 10).err(), text(path, 10).err()] {
            assert!(error.expect("no file").to_string().contains(word), "{}", path.display());
        }
    }
    assert_eq!(bytes(&folder.path().join("no"), 10).expect_err("none").kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn what_is_too_large_is_said_before_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large");
    File::create(&file).and_then(|file| file.set_len(1 << 40)).expect("a file with a hole");
    let error = bytes(&file, 64 << 20).expect_err("too large").to_string();
    assert_eq!(error, "it has 1.0 TiB, but at most 64.0 MiB are read");
    std::fs::write(&file, b"abc").expect("written");
    assert_eq!(bytes(&file, 3).expect("read"), b"abc");
    assert!(bytes(&file, 2).is_err());
    std::fs::write(&file, [0xff, 0xfe]).expect("written");
    assert!(text(&file, 10).expect_err("no text").to_string().contains("not UTF-8"));
    // files of the system say that they are empty
    assert!(text(Path::new("/proc/self/status"), 1 << 20).expect("read").contains("VmRSS"));
}
