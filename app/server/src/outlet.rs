//! What is written to one front: by its own thread, and now and then by another one that cannot wait.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError, TryLockError};

/// The way to one front.
pub struct Outlet {
    stream: OwnedFd,
    /// Held while a whole message is written.
    whole: Mutex<()>,
}

impl Outlet {
    pub fn new(stream: OwnedFd) -> Self {
        Self { stream, whole: Mutex::new(()) }
    }

    /// Writes whole messages, and waits as long as that takes. `false` where nobody reads any more.
    pub fn write(&self, mut bytes: &[u8]) -> bool {
        let _whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            match rustix::io::write(&self.stream, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Writes a short message at once if that needs no waiting; `false` where it does.
    pub fn write_now(&self, bytes: &[u8]) -> bool {
        let _whole = match self.whole.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        // a pipe or socket that can be written to has room for a short message
        let mut ready = [PollFd::from_borrowed_fd(self.stream.as_fd(), PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let has_room = poll(&mut ready, Some(&at_once)).is_ok_and(|count| count == 1);
        has_room && rustix::io::write(&self.stream, bytes).is_ok_and(|written| written == bytes.len())
    }
}
