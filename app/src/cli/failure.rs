//! How a command ends when it does not succeed.

use locus_protocol::Blame;

/// What to say on standard error, and the exit code: 1 failed, 2 usage, 3 plugin, 4 device, 130 canceled.
#[derive(Debug)]
pub struct Failure {
    /// One sentence; empty when all has been said.
    pub message: String,
    pub code: u8,
}

impl Failure {
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// The arguments do not make sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// A plugin is to blame.
    pub fn plugin(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 3 }
    }

    /// The user stopped it; says what was kept.
    pub fn cancelled(kept: &str) -> Self {
        Self { message: format!("canceled; {kept}"), code: 130 }
    }

    /// Nobody reads the output any more.
    pub fn silent() -> Self {
        Self { message: String::new(), code: 1 }
    }

    pub fn job(error: &str, blame: Blame) -> Self {
        let code = match blame {
            Blame::Request => 1,
            Blame::Plugin => 3,
            Blame::Device => 4,
        };
        Self { message: error.to_owned(), code }
    }
}

impl From<locus_sweep::Error> for Failure {
    fn from(error: locus_sweep::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<locus_cluster::Error> for Failure {
    fn from(error: locus_cluster::Error) -> Self {
        match error {
            locus_cluster::Error::Directive(message) => Self::usage(message),
            error => Self::failed(error.to_string()),
        }
    }
}

impl From<locus_records::NoHome> for Failure {
    fn from(error: locus_records::NoHome) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<locus_records::Error> for Failure {
    fn from(error: locus_records::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::silent() } else { Self::failed(error.to_string()) }
    }
}
