//! A line to an engine that is slow, and may be cut: `slow-line MILLISECONDS BYTES PROGRAM ARGUMENTS...` starts a program,
//! carries its standard streams with that delay each way, and drops the line once so many bytes have come from it (0:
//! never). What ssh is to an engine on another machine.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Carries bytes, each as late as the delay says, until one end closes or `most` have been carried; gives their number.
fn carry(mut from: impl Read + Send + 'static, mut to: impl Write, delay: Duration, most: u64) -> u64 {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    let mut carried = 0;
    for (due, bytes) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        carried += bytes.len() as u64;
        if most > 0 && carried > most || to.write_all(&bytes).and_then(|()| to.flush()).is_err() {
            return carried;
        }
    }
    carried
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number =
        |what: &str| arguments.next().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{what}"));
    let (delay, most): (u64, u64) = (number("a delay"), number("a number of bytes"));
    let delay = Duration::from_millis(delay);
    let program = arguments.next().expect("a program");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let (input, output) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
    thread::spawn(move || carry(std::io::stdin(), input, delay, 0));
    let carried = carry(output, std::io::stdout(), delay, most);
    // as a line that drops, not as a program that ends: the other side is left alone
    std::process::exit(if most > 0 && carried > most { 255 } else { 0 });
}
