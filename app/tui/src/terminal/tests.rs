//! A panic of the drawing thread gives the terminal back before it is reported. The child is this very test binary.

use super::Terminal;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::Read;

const CHILD: &str = "LOCUS_TUI_PANIC_CHILD";

#[test]
fn child() {
    if std::env::var_os(CHILD).is_some() {
        let (sender, _messages) = crossbeam_channel::bounded(64);
        let terminal = Terminal::take(sender).expect("a terminal");
        eprintln!("captured, not shown");
        assert!(std::env::var_os(CHILD).is_none(), "the drawing thread had to fail here");
        drop(terminal);
    }
}

#[test]
fn a_panic_of_the_drawing_thread_gives_the_terminal_back_first() {
    let pty = native_pty_system().openpty(PtySize::default()).expect("pty");
    let mut command = CommandBuilder::new(std::env::current_exe().expect("this binary"));
    command.args(["terminal::tests::child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, "1");
    command.env("RUST_BACKTRACE", "0");
    let mut child = pty.slave.spawn_command(command).expect("child");
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().expect("reader");
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
    }
    child.wait().expect("end");
    let text = String::from_utf8_lossy(&bytes);
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what:?} in {text:?}"));
    assert!(place("\x1b[?1049h") < place("\x1b[?1049l"));
    assert!(place("\x1b[?1049l") < place("the drawing thread had to fail here"));
    assert!(place("\x1b[?25h") < place("the drawing thread had to fail here"));
    assert!(!text.contains("captured, not shown"));
}
