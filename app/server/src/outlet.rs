//! What is written to one front: by its own thread, and now and then by another one that cannot wait.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// The way to one front.
pub struct Outlet {
    stream: OwnedFd,
    /// Held while a whole message is written.
    whole: Mutex<()>,
    /// What is to be written as soon as somebody may: the last of its kind.
    late: Mutex<Option<Vec<u8>>>,
}

impl Outlet {
    pub fn new(stream: OwnedFd) -> Self {
        Self { stream, whole: Mutex::new(()), late: Mutex::new(None) }
    }

    /// Writes whole messages, and waits as long as that takes. `false` where nobody reads any more.
    pub fn write(&self, mut bytes: &[u8]) -> bool {
        let whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            match rustix::io::write(&self.stream, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        drop(whole);
        self.catch_up();
        true
    }

    /// Writes a short message, in the place of an earlier one of these that still waits: at once if that needs no waiting,
    /// else behind what is being written.
    pub fn write_soon(&self, bytes: Vec<u8>) {
        *self.late() = Some(bytes);
        self.catch_up();
    }

    fn late(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, where nobody else writes: who does comes here afterwards.
    fn catch_up(&self) {
        while self.late().is_some() {
            let _whole = match self.whole.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            // a pipe or socket that can be written to has room for a short message
            let mut ready = [PollFd::from_borrowed_fd(self.stream.as_fd(), PollFlags::OUT)];
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            if !poll(&mut ready, Some(&at_once)).is_ok_and(|count| count == 1) {
                return;
            }
            let Some(bytes) = self.late().take() else { return };
            if !rustix::io::write(&self.stream, &bytes).is_ok_and(|written| written == bytes.len()) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outlet;
    use std::io::Read;

    #[test]
    fn the_last_of_what_came_while_somebody_wrote_is_written_behind_it() {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let outlet = Outlet::new(writer.into());
        {
            let _writes = outlet.whole.lock().expect("nobody else");
            outlet.write_soon(b"opening\n".to_vec());
            outlet.write_soon(b"nothing\n".to_vec());
        }
        assert!(outlet.write(b"event\n"));
        outlet.write_soon(b"plugin\n".to_vec());
        drop(outlet);
        let mut told = String::new();
        reader.read_to_string(&mut told).expect("text");
        assert_eq!(told, "event\nnothing\nplugin\n");
    }
}
