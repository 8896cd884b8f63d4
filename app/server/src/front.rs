//! One front that has come: its hello is answered, then it is told what happens, and heard.

use crate::hub::{Hub, Standing};
use crate::outlet::Outlet;
use locus_link::{FromEngine, Hello, Lines, PROTOCOL, ToEngine, Welcome, disagreement, line_of};
use locus_protocol::Blame;
use std::io::Read;
use std::sync::Arc;

/// A hello out of a line.
///
/// # Errors
/// It is none, or of a front of another version: one sentence.
pub fn hello(line: &[u8]) -> Result<Hello, String> {
    let value: serde_json::Value =
        serde_json::from_slice(line).map_err(|error| format!("the first line is not a hello from locus ({error})"))?;
    let said = |name: &str| value[name].as_str().unwrap_or("of an unknown version").to_owned();
    let theirs = value["protocol"].as_u64().and_then(|version| u32::try_from(version).ok()).unwrap_or_default();
    if let Some(sentence) = disagreement((theirs, &said("program")), (PROTOCOL, env!("CARGO_PKG_VERSION"))) {
        return Err(sentence);
    }
    match serde_json::from_value(value) {
        Ok(ToEngine::Hello(hello)) => Ok(*hello),
        Ok(_) => Err("the first line is not a hello from locus".to_owned()),
        Err(error) => Err(format!("the first line is not a hello from locus ({error})")),
    }
}

/// What is said to a front that does not get in.
pub fn refusal(message: String, blame: Blame) -> Vec<u8> {
    line_of(&FromEngine::Refused { message, blame })
}

/// Lets a front in and serves it from two threads of its own.
pub fn serve(hub: &Arc<Hub>, hello: &Hello, outlet: Arc<Outlet>, input: impl Read + Send + 'static) {
    let welcome = |Standing { keep, next_job, model }: Standing| {
        let welcome = Welcome {
            protocol: PROTOCOL,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            socket: hub.files().socket.clone(),
            journal: hub.files().journal.clone(),
            controls: !hello.watch,
            keep,
            next_job,
            model,
        };
        line_of(&FromEngine::Welcome(Box::new(welcome)))
    };
    let number = hub.enter(outlet, hello.watch, hello.every_event, welcome);
    let (telling, hearing) = (Arc::clone(hub), Arc::clone(hub));
    let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
        if std::thread::Builder::new().name(name.to_owned()).spawn(body).is_err() {
            hub.leave(number);
        }
    };
    spawn("tell", Box::new(move || telling.tell(number)));
    spawn(
        "hear",
        Box::new(move || {
            let mut lines = Lines::new(input);
            while let Ok(Some(line)) = lines.read() {
                // what a newer front says and this program does not know
                let Ok(message) = serde_json::from_slice(line) else { continue };
                hearing.hear(number, message);
            }
            hearing.leave(number);
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::hello;
    use locus_link::{Hello, ToEngine, line_of};
    use locus_protocol::Start;

    #[test]
    fn a_front_of_another_version_is_told_so() {
        let ours = Hello::new(Start::default());
        let line = line_of(&ToEngine::Hello(Box::new(ours.clone())));
        assert_eq!(hello(&line), Ok(ours.clone()));
        let newer = Hello { protocol: 99, program: "9.0.0".to_owned(), ..ours };
        let said = hello(&line_of(&ToEngine::Hello(Box::new(newer)))).expect_err("another version");
        assert!(said.contains("locus 9.0.0 speaks version 99") && said.contains("install the same"), "{said}");
        assert!(hello(b"GET / HTTP/1.1").expect_err("no hello").contains("not a hello"));
        assert!(hello(br#"{"say":"end"}"#).is_err());
    }
}
