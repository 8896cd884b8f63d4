//! Joins the standard streams to an engine that runs on this machine, so that `ssh` can carry a front to it.

use locus_link::runtime;
use std::io::Write;
use std::os::unix::net::UnixStream;

/// Copies both ways until one end closes. 0 stands for the only engine that runs.
///
/// # Errors
/// Exit code and sentence.
pub fn run(process: u32) -> Result<(), (u8, String)> {
    let failed = |error: std::io::Error| (1, format!("no engine can be joined ({error})"));
    let running = runtime::running().map_err(failed)?;
    let engine = match (process, running.as_slice()) {
        (0, [engine]) => engine,
        (0, []) => return Err((1, "no engine is running on this machine".to_owned())),
        (0, _) => {
            let numbers: Vec<String> = running.iter().map(|engine| engine.process.to_string()).collect();
            return Err((2, format!("several engines are running; name one with --join: {}", numbers.join(", "))));
        }
        (process, running) => running
            .iter()
            .find(|engine| engine.process == process)
            .ok_or_else(|| (1, format!("--join {process}: no engine with that process number is running")))?,
    };
    let mut there = UnixStream::connect(&engine.socket).map_err(failed)?;
    let mut back = there.try_clone().map_err(failed)?;
    let to_engine = std::thread::Builder::new().name("to engine".to_owned()).spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut there);
        let _ = there.shutdown(std::net::Shutdown::Write);
    });
    to_engine.map_err(failed)?;
    let mut out = Flushing(std::io::stdout());
    let _ = std::io::copy(&mut back, &mut out);
    Ok(())
}

/// Standard output without a buffer: a line waits for nobody.
struct Flushing(std::io::Stdout);

impl Write for Flushing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut out = self.0.lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
