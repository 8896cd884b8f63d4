//! What front and engine say to each other.

use locus_protocol::{Blame, Command, Event, JobId, Start};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of what front and engine say to each other; it rises when one of them would misunderstand the other. A field that
/// is added with a default does not raise it.
pub const PROTOCOL: u32 = 1;

/// What a front says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "an order is made once and handed on; a box would be in every pattern")]
pub enum ToEngine {
    /// The first message of every front.
    Hello(Box<Hello>),
    /// Carry out an order.
    Do { order: Command },
    /// Cancel a job, running or waiting.
    Cancel {
        /// The job, whether it runs, waits, or stands by.
        job: JobId,
    },
    /// Have a job wait where it is, or go on.
    Pause {
        job: JobId,
        /// Whether it is to wait.
        wait: bool,
    },
    /// Whether the engine goes on when no front is left.
    Keep {
        /// `true` if it goes on.
        keep: bool,
    },
    /// End, whatever was chosen before.
    End,
}

/// The first thing that a front says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the front.
    pub protocol: u32,
    /// Version of the front's program.
    pub program: String,
    /// What to start from; nothing where the front joins an engine that runs.
    #[serde(default)]
    pub start: Option<Box<Start>>,
    /// Whether the front only looks on.
    #[serde(default)]
    pub watch: bool,
    /// Whether it needs every event as it was: a command that prints them. Otherwise rows are merged for a front that is slow.
    #[serde(default)]
    pub every_event: bool,
    /// Whether other fronts may join.
    #[serde(default)]
    pub shared: bool,
    /// Whether the engine goes on when no front is left.
    #[serde(default)]
    pub keep: bool,
    /// A library that ended an earlier engine when it was opened: it is left out until it changes.
    #[serde(default)]
    pub leave_out: Option<PathBuf>,
}

impl Hello {
    /// A hello of this program for a new engine.
    #[must_use]
    pub fn new(start: Start) -> Self {
        Self { start: Some(Box::new(start)), ..Self::joining(false) }
    }

    /// A hello of this program for a running engine.
    #[must_use]
    pub fn joining(watch: bool) -> Self {
        Self { protocol: PROTOCOL, program: env!("CARGO_PKG_VERSION").to_owned(), watch, ..Self::default() }
    }
}

/// What an engine says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum FromEngine {
    /// The answer to a hello.
    Welcome(Box<Welcome>),
    /// The other answer: nothing was started.
    Refused {
        message: String,
        /// Whether a plugin, a device or the request is to blame.
        blame: Blame,
    },
    Event {
        event: Box<Event>,
    },
    /// Foreign code is entered or left. It is said before that code runs, so that the last word of an engine that dies names
    /// who was at work.
    Inside {
        /// The plugin whose code runs; none where the engine's own does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plugin: Option<String>,
        /// The library that is being opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opening: Option<PathBuf>,
    },
    /// Another front has taken the engine over, or has given it back.
    Control {
        /// Whether this front may order.
        yours: bool,
        /// The least number that a job may have.
        next_job: JobId,
    },
    /// The engine goes on when no front is left, or does not, from now on.
    Kept {
        /// `true` if it goes on.
        keep: bool,
    },
    /// All that happened before this front came has been told.
    CaughtUp,
}

/// Who an engine is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`PROTOCOL`] of the engine.
    pub protocol: u32,
    /// Version of its program.
    pub program: String,
    /// Number of its process.
    pub process: u32,
    /// Where other fronts may join it.
    #[serde(default)]
    pub socket: Option<PathBuf>,
    /// The file that every event is written to.
    #[serde(default)]
    pub journal: Option<PathBuf>,
    /// Whether this front may order.
    pub controls: bool,
    /// Whether it goes on when no front is left.
    #[serde(default)]
    pub keep: bool,
    /// The least number that a job may have.
    pub next_job: JobId,
    /// The model that it has loaded; empty where it has none.
    #[serde(default)]
    pub model: String,
}

/// The machine that an engine runs on, as `locus doctor` tells it.
pub use locus_protocol::Machine;

/// What is wrong between two versions of the protocol; nothing where they agree.
#[must_use]
pub fn disagreement(front: (u32, &str), engine: (u32, &str)) -> Option<String> {
    (front.0 != engine.0).then(|| {
        format!(
            "locus {} speaks version {} of the protocol and the engine, locus-engine {}, speaks version {}; install the same \
             version of both",
            front.1, front.0, engine.1, engine.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{FromEngine, Hello, PROTOCOL, ToEngine, disagreement};
    use crate::line_of;
    use locus_protocol::{Command, Event, LayerRow, Start, Step};

    #[test]
    fn what_is_said_is_understood() {
        let said = [
            ToEngine::Hello(Box::new(Hello::new(Start::default()))),
            ToEngine::Do { order: Command::Quit },
            ToEngine::Cancel { job: 3 },
            ToEngine::Pause { job: 3, wait: true },
            ToEngine::Keep { keep: true },
            ToEngine::End,
        ];
        for message in said {
            let line = serde_json::to_string(&message).expect("JSON");
            assert_eq!(serde_json::from_str::<ToEngine>(&line).expect(&line), message);
        }
        // a newer engine may say more of itself
        let inside: FromEngine = serde_json::from_str(r#"{"say":"inside","plugin":"rome","since":3}"#).expect("known");
        assert_eq!(inside, FromEngine::Inside { plugin: Some("rome".to_owned()), opening: None });
    }

    /// What docs/processes.md promises, for numbers of full length and all that a row can hold but a method's own.
    #[test]
    fn a_step_keeps_to_its_budget() {
        for layers in [12, 48, 126] {
            let row = |layer| LayerRow {
                layer,
                probability_new: f64::from(1.0_f32 / 3.0) * 1e-7,
                probability_true: f64::from(0.1_f32),
                rank_new: Some(250_000),
                rank_true: Some(249_999),
                weight_change: Some(f64::from(0.012_345_679_f32)),
                ..LayerRow::default()
            };
            let losses = ["loss", "negative log-likelihood", "divergence of the essence", "weight decay"];
            let step = Step {
                job: 999,
                step: 9_999,
                steps: 10_000,
                layer: 125,
                losses: losses.map(|name| (name.to_owned(), 1.0 / 3.0)).into(),
                rows: (0..layers).map(row).collect(),
            };
            let bytes = line_of(&FromEngine::Event { event: Box::new(Event::Step(step)) }).len();
            assert!(bytes <= 400 + 180 * layers, "{layers} layers: {bytes} bytes");
        }
    }

    #[test]
    fn versions_that_differ_are_said_to() {
        assert_eq!(disagreement((PROTOCOL, "0.1.0"), (PROTOCOL, "0.2.0")), None);
        let said = disagreement((1, "0.1.0"), (2, "0.2.0")).expect("they differ");
        assert!(said.contains("version 1") && said.contains("version 2") && said.contains("install"), "{said}");
    }
}
