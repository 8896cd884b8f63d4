//! `locus plugin new`: writes a whole crate that builds, is checked, and edits.

mod checkout;
mod template;

use crate::cli::arguments::{Common, Language, NewPlugin, OfferedKind};
use crate::cli::client::Client;
use crate::cli::{Failure, output};
use checkout::Checkout;
use locus_files::{FolderDraft, Refusal};
use locus_protocol::shown::shown;
use locus_protocol::{Inspect, Inspected, PluginKind};
use std::path::{Path, PathBuf};
use template::{Names, Template};

/// Names that cargo or Rust keep for themselves.
const RESERVED: [&str; 9] = ["test", "core", "std", "alloc", "proc-macro", "build", "deps", "examples", "incremental"];

/// Writes the crate and says what to do next.
///
/// # Errors
/// A name that will not do; a folder that is there already; no plugin interface to build with.
pub fn run(common: &Common, arguments: &NewPlugin) -> Result<(), Failure> {
    let NewPlugin { name, kind, language, into, api } = arguments;
    check_name(name)?;
    let template = match (kind, language) {
        (OfferedKind::Method, Language::Rust) => Template::Method,
        (OfferedKind::Objective, Language::Rust) => Template::Objective,
        (OfferedKind::Method, Language::C) => Template::MethodInC,
        (OfferedKind::Objective, Language::C) => {
            let message = "--language c: an objective must keep the gradient of its loss, which needs libtorch; write \
                           it in Rust";
            return Err(Failure::usage(message));
        }
    };
    let folder = into.join(name);
    if folder.symlink_metadata().is_ok() {
        let message = format!("{} already exists; choose another name or another --into", folder.display());
        return Err(Failure::usage(message));
    }
    let Inspected::Machine(engine) = Client::inspect(common, Inspect::Machine)? else {
        return Err(Failure::failed("the engine sent something else; please report it"));
    };
    let checkout = Checkout::find(api.as_deref(), &engine)?;
    check_is_free(common, &checkout, name, *kind)?;
    write(into, name, &template.files(&Names::new(name), &checkout))?;
    if common.json {
        let told = serde_json::json!({ "folder": folder, "library": folder.join(template.library(name)) });
        return Ok(output::json(&told)?);
    }
    let library = template.library(name);
    output::print(&format!("wrote {}\n\nnext steps:\n", shown(&folder.display().to_string())))?;
    output::print(&format!("    cd {}", shown(&quoted(&folder))))?;
    output::print(&format!("    {}", template.build()))?;
    output::print(&format!("    locus plugin check {library}"))?;
    output::print(&format!("    locus edit --plugin {library} {} --case 0", template.flags(name)))?;
    Ok(output::print(&format!("    locus --plugin {library}"))?)
}

/// The id, the folder, the package and the library are all called so.
fn check_name(name: &str) -> Result<(), Failure> {
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    let starts = name.starts_with(|character: char| character.is_ascii_lowercase());
    if !starts || name.ends_with('-') || name.len() > 48 || !name.chars().all(fits) {
        return Err(Failure::usage(format!(
            "a plugin's name must be a letter and then lowercase letters, digits and dashes, at most 48, not `{name}`"
        )));
    }
    if RESERVED.contains(&name) {
        return Err(Failure::usage(format!("`{name}` is reserved by cargo or Rust; choose another name")));
    }
    Ok(())
}

/// Neither a plugin nor a package that the crate is built with may be called so already.
fn check_is_free(common: &Common, checkout: &Checkout, name: &str, kind: OfferedKind) -> Result<(), Failure> {
    if checkout.packages().iter().any(|package| package == name) {
        return Err(Failure::usage(format!(
            "`{name}` is the name of a package that plugins are built with; choose another name"
        )));
    }
    let mut client = Client::start(&Common { json: false, ..common.clone() })?;
    client.plugins()?;
    let kind = match kind {
        OfferedKind::Method => PluginKind::Method,
        OfferedKind::Objective => PluginKind::Objective,
    };
    match client.known.plugins.iter().find(|known| known.kind == kind && known.id == name) {
        Some(known) => {
            let message = format!("{} already contains a plugin `{name}`; choose another name", known.file.display());
            Err(Failure::usage(message))
        }
        None => Ok(()),
    }
}

/// Writes all files into a folder beside the one they are for, and then gives it its name.
fn write(into: &Path, name: &str, files: &[(PathBuf, String)]) -> Result<(), Failure> {
    let bad = |what: &str, error: &std::io::Error| {
        Failure::failed(format!("{}: {what} ({error}); name another folder with --into", into.display()))
    };
    if !into.is_dir() {
        return Err(Failure::usage(format!("--into {}: there is no such folder; create it first", into.display())));
    }
    // gone again with all that is in it unless it gets its name
    let named = into.join(name);
    let refused = |refusal| Failure::usage(format!("{}: {refusal}", named.display()));
    let unfinished = FolderDraft::new(&named).map_err(|refusal| match refusal {
        Refusal::Io(error) => bad("nothing can be written there", &error),
        refusal => refused(refusal),
    })?;
    for (path, text) in files {
        unfinished
            .write(path, text.as_bytes())
            .map_err(|error| bad(&format!("{} cannot be written", path.display()), &error))?;
    }
    unfinished.commit().map_err(|refusal| match refusal {
        Refusal::Io(error) => bad(&format!("the folder {name} cannot be created"), &error),
        refusal => refused(refusal),
    })
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    locus_protocol::shell_quote(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_ids_and_packages_at_once() {
        for good in ["a", "my-method", "rank-2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "My", "2nd", "-a", "a-", "a_b", "a/b", "../a", "test", &"x".repeat(49)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
