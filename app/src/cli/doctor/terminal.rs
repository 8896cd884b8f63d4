//! The terminal, and what the workbench makes of it.

use super::Findings;
use crate::cli::output;
use locus_protocol::ModelSource;
use locus_tui::{Depth, WorkbenchOptions};
use std::process::{Command, Stdio};

/// Everything that is known of the terminal.
pub fn findings() -> Findings {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| "not set".to_owned());
    let chosen = WorkbenchOptions::from_environment(ModelSource::BuiltIn);
    let colors = match chosen.colors {
        Depth::None => "none",
        Depth::Sixteen => "16",
        Depth::Indexed => "256",
        Depth::True => "16 million",
    };
    let size = output::size().map_or_else(
        || "unknown".to_owned(),
        |(columns, rows)| {
            let small = if columns < 80 || rows < 24 { "; the workbench needs at least 80x24" } else { "" };
            format!("{columns}x{rows}{small}")
        },
    );
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
        Some(format!("{value} ({name})"))
    });
    let glyphs = if chosen.ascii { "ASCII" } else { "Unicode" };
    let mut findings = vec![
        ("terminal", output::has_terminal().to_string()),
        ("size", size),
        ("TERM", variable("TERM")),
        ("COLORTERM", variable("COLORTERM")),
        ("NO_COLOR", variable("NO_COLOR")),
        ("colors", colors.to_owned()),
        ("locale", locale.unwrap_or_else(|| "not set".to_owned())),
        ("glyphs", glyphs.to_owned()),
        ("TMUX", tmux()),
    ];
    let ssh = if std::env::var_os("SSH_CONNECTION").is_some() { "set" } else { "not set" };
    findings.push(("SSH_CONNECTION", ssh.to_owned()));
    findings.push(("frames a second", chosen.frames_per_second.to_string()));
    findings
}

/// Whether there is a tmux around, and its version.
fn tmux() -> String {
    let Some(socket) = std::env::var_os("TMUX").filter(|value| !value.is_empty()) else { return "not set".to_owned() };
    let mut command = Command::new("tmux");
    command.arg("-V").stdin(Stdio::null()).stderr(Stdio::null());
    let version = command.output().ok().filter(|output| output.status.success());
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!("{} ({})", version.unwrap_or_else(|| "of unknown version".to_owned()), socket.to_string_lossy())
}
