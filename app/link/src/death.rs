//! How an engine ended, in words.

use locus_protocol::{Blame, JobId, JobKind};
use std::path::PathBuf;

/// The exit code by which a program says that memory or the device did not suffice.
const DEVICE: i32 = 4;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// With an exit code.
    Exit(i32),
    Signal(i32),
    /// Its streams ended; nobody here knows why.
    Cut,
    /// It was ended from here, since it did not answer.
    Stuck,
}

/// A job that was running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub job: JobId,
    pub kind: JobKind,
    pub title: String,
}

/// How an engine ended that was not told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// How its process ended.
    pub how: How,
    /// The plugin whose code ran.
    pub plugin: Option<String>,
    /// The library that was being opened.
    pub opening: Option<PathBuf>,
    /// The job that ran.
    pub running: Option<Running>,
    /// What it said last on standard error.
    pub last_words: Vec<String>,
}

impl Death {
    /// One sentence: what ended, how, in which plugin and job.
    #[must_use]
    pub fn sentence(&self) -> String {
        let how = match self.how {
            How::Exit(DEVICE) => "the engine ran out of memory or lost its device (exit code 4)".to_owned(),
            How::Exit(code) => format!("the engine ended with exit code {code}"),
            How::Signal(signal) => format!("the engine was terminated by {}", named(signal)),
            How::Cut => "the connection to the engine was lost".to_owned(),
            How::Stuck => "the engine stopped responding and was ended".to_owned(),
        };
        let inside = match (&self.opening, &self.plugin) {
            (Some(file), _) => format!(" while {} was opened", file.display()),
            (None, Some(plugin)) => format!(" in the plugin `{plugin}`"),
            (None, None) => String::new(),
        };
        let job = self.running.as_ref().map(|running| format!(" during “{}”", running.title)).unwrap_or_default();
        format!("{how}{inside}{job}")
    }

    /// Who is to blame: the plugin whose code ran, else the machine.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self.plugin.is_some() || self.opening.is_some() {
            true if self.how != How::Exit(DEVICE) => Blame::Plugin,
            _ => Blame::Device,
        }
    }
}

/// A signal as people know it.
fn named(signal: i32) -> String {
    let what = match signal {
        4 => "an illegal instruction",
        6 => "abort",
        7 | 11 => "a memory fault",
        8 => "an arithmetic error",
        9 => "killed, perhaps by the kernel for lack of memory",
        15 => "terminated",
        24 => "the limit on CPU time",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({what})")
}

#[cfg(test)]
mod tests {
    use super::{Death, How, Running};
    use locus_protocol::{Blame, JobKind};

    #[test]
    fn the_sentence_names_plugin_and_job() {
        let running = Running { job: 3, kind: JobKind::Edit, title: "hostile for “a b”".to_owned() };
        let death = Death {
            how: How::Signal(11),
            plugin: Some("hostile".to_owned()),
            opening: None,
            running: Some(running),
            last_words: Vec::new(),
        };
        let said = death.sentence();
        assert_eq!(
            said,
            "the engine was terminated by signal 11 (a memory fault) in the plugin `hostile` during “hostile for “a b””"
        );
        assert_eq!(death.blame(), Blame::Plugin);
        let killed = Death { how: How::Signal(9), plugin: None, ..death.clone() };
        assert_eq!(killed.blame(), Blame::Device);
        assert_eq!(Death { how: How::Exit(4), ..death }.blame(), Blame::Device);
    }
}
