//! A server on this machine that plays the hub: one model, with faults as a test wants them.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub const MODEL: &str = "org/tiny";
pub const COMMIT: &str = "1111111111111111111111111111111111111111";
pub const OLDER: &str = "2222222222222222222222222222222222222222";

/// What the server has, and how it misbehaves.
#[derive(Clone, Default)]
pub struct Faults {
    /// Cuts the body of a file after so many bytes, so many times.
    pub cut: Option<(&'static str, usize, usize)>,
    /// Sends other bytes than the hash says.
    pub damaged: Option<&'static str>,
    /// The status and error code with which it refuses everything but the list of files.
    pub gated: Option<(u16, &'static str)>,
    /// Says another size of a file.
    pub size: Option<(&'static str, u64)>,
    /// Sends all of a file, whatever was asked for.
    pub whole: bool,
    /// Answers with a status where a path holds these letters, so many times.
    pub busy: Option<(&'static str, u16, usize)>,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub line: String,
    pub range: Option<String>,
    pub token: Option<String>,
    pub host: String,
    /// Bytes of the body that was sent.
    pub sent: usize,
}

pub struct Server {
    pub port: u16,
    pub faults: Arc<Mutex<Faults>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// Files by name; what ends in safetensors or bin is large, and lies elsewhere.
pub type Files = BTreeMap<&'static str, Vec<u8>>;

/// A model as it lies on the hub, with files that Locus does not need.
pub fn files() -> Files {
    let weights = |seed: u32| (0..300_000_u32).map(|place| (place.wrapping_mul(seed) >> 7) as u8).collect::<Vec<u8>>();
    BTreeMap::from([
        ("config.json", br#"{"model_type": "gpt2"}"#.to_vec()),
        ("tokenizer.json", br#"{"version": "1.0"}"#.to_vec()),
        ("merges.txt", b"#version: 0.2\n".to_vec()),
        ("model.safetensors", weights(2_654_435_761)),
        ("pytorch_model.bin", weights(40_503)),
        ("README.md", b"# Tiny\n".to_vec()),
        ("onnx/model.onnx", vec![7; 1000]),
    ])
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_large(name: &str) -> bool {
    name.ends_with("safetensors") || name.ends_with("bin")
}

/// What names the contents of a file: a SHA-256, or as many digits as git's hash has.
pub fn etag(name: &str, bytes: &[u8]) -> String {
    let digest = sha256(bytes);
    if is_large(name) { digest } else { digest[..40].to_owned() }
}

impl Server {
    pub fn start(files: Files, faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = Self { port, faults: Arc::new(Mutex::new(faults)), asked: Arc::default() };
        let (faults, asked) = (Arc::clone(&server.faults), Arc::clone(&server.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (files, faults, asked) = (files.clone(), Arc::clone(&faults), Arc::clone(&asked));
                std::thread::spawn(move || answer(&stream, port, &files, &faults, &asked));
            }
        });
        server
    }

    /// What was asked since the last look.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().expect("asked"))
    }

    /// The bodies that were asked for since the last look: file, range, bytes sent.
    pub fn bodies(&self) -> Vec<(String, Option<String>, usize)> {
        let bodies = self.asked().into_iter().filter(|asked| asked.line.starts_with("GET /cdn/"));
        bodies.map(|asked| (asked.line.replace("GET /cdn/", ""), asked.range, asked.sent)).collect()
    }
}

fn answer(stream: &TcpStream, port: u16, files: &Files, faults: &Mutex<Faults>, asked: &Mutex<Vec<Asked>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(line) = lines.next() else { return };
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: BTreeMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let header = |name: &str| headers.get(name).cloned();
    let host = header("host").unwrap_or_default();
    let mut noted = Asked { line, range: header("range"), token: header("authorization"), host, sent: 0 };
    let mut faults = faults.lock().expect("faults");
    let (head, body) = respond(&noted, port, files, &mut faults);
    drop(faults);
    let is_head = noted.line.starts_with("HEAD ");
    noted.sent = if is_head { 0 } else { body.len() };
    asked.lock().expect("asked").push(noted);
    let mut out = stream;
    let _ = out.write_all(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes());
    if !is_head {
        let _ = out.write_all(&body);
    }
}

/// Status line and headers, and the body.
fn respond(asked: &Asked, port: u16, files: &Files, faults: &mut Faults) -> (String, Vec<u8>) {
    let (_, path) = asked.line.split_once(' ').expect("a request line");
    let refused =
        |status: u16, code: &str| (format!("{status} No\r\nX-Error-Code: {code}\r\nContent-Length: 0"), Vec::new());
    if let Some((part, status, times)) = &mut faults.busy
        && path.contains(*part)
        && *times > 0
    {
        *times -= 1;
        return refused(*status, "");
    }
    if let Some(rest) = path.strip_prefix("/api/models/") {
        return match rest.strip_prefix(MODEL).and_then(|rest| rest.strip_prefix("/revision/")) {
            None => refused(401, "RepoNotFound"),
            Some("main" | COMMIT) => listing(COMMIT, files),
            Some("v1.0" | "refs%2Fpr%2F3") => listing(OLDER, files),
            Some(_) => refused(404, "RevisionNotFound"),
        };
    }
    if let Some((status, code)) = faults.gated {
        return refused(status, code);
    }
    if let Some(name) = path.strip_prefix("/cdn/") {
        return body(asked, name, &files[name], faults);
    }
    let rest = path.strip_prefix(&format!("/{MODEL}/resolve/")).unwrap_or_default();
    let found = rest.split_once('/').and_then(|(commit, name)| Some((commit, files.get_key_value(name)?)));
    let Some((commit, (name, bytes))) = found else { return refused(404, "EntryNotFound") };
    let size = faults.size.filter(|(file, _)| file == name).map_or(bytes.len() as u64, |(_, size)| size);
    let etag = etag(name, bytes);
    if asked.line.starts_with("HEAD ") && !is_large(name) {
        return (
            format!("200 OK\r\nX-Repo-Commit: {commit}\r\nETag: W/\"{etag}\"\r\nContent-Length: {size}"),
            Vec::new(),
        );
    }
    // another name of this machine, as the large files of the hub are elsewhere
    let place = format!("Location: http://localhost:{port}/cdn/{name}\r\nContent-Length: 0");
    (
        format!(
            "302 Found\r\nX-Repo-Commit: {commit}\r\nX-Linked-ETag: \"{etag}\"\r\nX-Linked-Size: {size}\r\n{place}"
        ),
        Vec::new(),
    )
}

fn listing(commit: &str, files: &Files) -> (String, Vec<u8>) {
    let siblings: Vec<String> = files.keys().map(|name| format!(r#"{{"rfilename": "{name}"}}"#)).collect();
    let text = format!(r#"{{"id": "{MODEL}", "sha": "{commit}", "siblings": [{}]}}"#, siblings.join(", "));
    (format!("200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", text.len()), text.into_bytes())
}

fn body(asked: &Asked, name: &str, bytes: &[u8], faults: &mut Faults) -> (String, Vec<u8>) {
    let range = asked.range.as_deref().filter(|_| !faults.whole);
    let begin: usize = range.map_or(0, |range| {
        range.trim_start_matches("bytes=").trim_end_matches('-').parse().expect("a range from a byte on")
    });
    let mut rest = bytes[begin..].to_vec();
    let head = match range {
        Some(_) => format!("206 Partial Content\r\nContent-Range: bytes {begin}-{}/{}", bytes.len() - 1, bytes.len()),
        None => "200 OK".to_owned(),
    };
    let head = format!("{head}\r\nContent-Length: {}", rest.len());
    if faults.damaged == Some(name) {
        rest[0] ^= 1;
    }
    if let Some((file, at, times)) = &mut faults.cut
        && *file == name
        && *times > 0
    {
        *times -= 1;
        rest.truncate(*at);
    }
    (head, rest)
}
