//! The command line: one file per command, all on top of the same engine as the workbench.

mod analyze;
mod arguments;
mod attach;
mod client;
mod compare;
mod config;
mod csv_file;
mod deltas;
mod demo;
mod doctor;
mod edit;
mod engine;
mod eval;
mod export;
mod fact;
mod facts;
mod failure;
mod flags;
mod follow;
mod follow_sweep;
mod free_generation;
mod hub;
mod interrupt;
mod layers;
mod ledger;
mod log;
mod model;
mod models;
mod orders;
mod output;
mod picture;
mod plugin;
mod replay;
mod reproducible;
mod screening;
mod selftest;
mod settings;
mod stats;
mod submit_arguments;
mod summary;
mod sweep;
mod tables;
mod trace;
mod trace_csv;
mod undo;
mod words;
mod workbench;

pub use arguments::Arguments;
pub use failure::Failure;
pub use output::complain;

use arguments::Command;
use clap::{CommandFactory, Parser};
use locus_protocol::PluginKind;
use std::process::ExitCode;

/// The arguments. What is wrong with them has been said otherwise, and so has `--help`.
///
/// # Errors
/// The exit code.
pub fn read_arguments() -> Result<Arguments, ExitCode> {
    Arguments::try_parse().map_err(|error| {
        if error.use_stderr() {
            match words::answer(&error) {
                Some(said) => output::complain(&said),
                None => output::refuse(error),
            }
            return ExitCode::from(2);
        }
        // our own words
        let _ = error.print();
        ExitCode::SUCCESS
    })
}

/// Does what the arguments say.
///
/// # Errors
/// What to say, and the exit code.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let opens_workbench = matches!(arguments.command, None | Some(Command::Demo { train: None }));
    let common = reproducible::settle(arguments.common, opens_workbench)?;
    match (arguments.follow, &arguments.command) {
        (Some(file), None) => return follow::run(&common, file.as_deref()),
        (Some(_), Some(_)) => return Err(Failure::usage("--follow is the workbench's: leave the command out")),
        (None, _) => {}
    }
    match arguments.command {
        None => workbench::run(&common, workbench::names_nothing(&common)),
        Some(Command::Demo { train }) => demo::run(&common, train),
        Some(Command::Trace(order)) => trace::run(&common, &order),
        Some(Command::Edit(order)) => edit::run(&common, &order),
        Some(Command::Compare(arguments)) => compare::run(&common, &arguments),
        Some(Command::Analyze(arguments)) => analyze::run(&common, &arguments),
        Some(Command::Sweep { action }) => sweep::run(&common, action),
        Some(Command::Eval(arguments)) => eval::run(&common, &arguments),
        Some(Command::Facts { search }) => facts::run(&common, search.as_deref()),
        Some(Command::Plugin { action }) => plugin::run(&common, action.as_ref()),
        Some(Command::Methods) => plugin::of_kind(&common, PluginKind::Method),
        Some(Command::Objectives) => plugin::of_kind(&common, PluginKind::Objective),
        Some(Command::Model { action: None | Some(arguments::ModelAction::Info) }) => model::info(&common),
        Some(Command::Models | Command::Model { action: Some(arguments::ModelAction::List) }) => models::run(&common),
        Some(Command::Model { action: Some(arguments::ModelAction::Download { id }) }) => hub::download(&common, &id),
        Some(Command::Stats { action }) => stats::run(&common, action.as_ref()),
        Some(Command::Deltas { action }) => deltas::run(&common, &action),
        Some(Command::Log) => log::log(&common),
        Some(Command::Show { number }) => log::show(&common, number),
        Some(Command::Undo { number }) => undo::undo(&common, number),
        Some(Command::Redo { number }) => undo::redo(&common, number),
        Some(Command::Replay { numbers }) => replay::run(&common, &numbers),
        Some(Command::Export { orders, folder, adapter }) => {
            export::run(&common, &orders, folder.as_deref(), adapter.as_deref())
        }
        Some(Command::Picture(arguments)) => picture::run(&common, &arguments),
        Some(Command::Attach { process, list, watch }) => attach::run(&common, process, list, watch),
        Some(Command::Config { action }) => config::run(&common, action.as_ref()),
        Some(Command::Doctor) => doctor::run(&common),
        Some(Command::Selftest(arguments)) => selftest::run(&common, &arguments),
        Some(Command::Completions { shell }) => {
            // not straight into standard output: it panics when nobody reads that any more
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "locus", &mut text);
            Ok(output::raw(&text)?)
        }
        Some(Command::Version) => Ok(output::print(concat!("locus ", env!("CARGO_PKG_VERSION")))?),
        Some(Command::Man) => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut text)?;
            Ok(output::raw(&text)?)
        }
    }
}
