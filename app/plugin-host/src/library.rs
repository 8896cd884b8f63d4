//! Opens a plugin's file and reads its tables.
#![allow(unsafe_code)]

use crate::declaration;
use crate::error::{LoadError, word};
use crate::loaded::{Function, LoadedMethod, LoadedObjective, ObjectiveFunctions, describe, entry_failure};
use crate::open_call::undisturbed;
use crate::stamp::Stamp;
use crate::table::HOST;
use crate::trust;
use crate::watch;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use locus_files::scratch;
use locus_plugin::glue::abi::{
    ENTRY_SYMBOL, LocusBytes, LocusEntry, LocusMethod, LocusObjective, LocusPlugin, Table, View, field,
};
use locus_plugin::glue::borrow_slice;
use locus_plugin::object::{Description, MethodObject, ObjectiveObject};
use locus_protocol::{PluginKind, PluginReady};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a plugin's file at most.
const LARGEST: u64 = 1 << 30;
/// Most methods, and most objectives, of one library.
const MOST: usize = 64;

/// One method or objective of a loaded library.
#[derive(Clone)]
pub struct LoadedPlugin {
    /// What is told of it.
    pub ready: PluginReady,
    pub object: PluginObject,
}

/// A method or an objective.
#[derive(Clone)]
pub enum PluginObject {
    Method(Arc<dyn MethodObject>),
    Objective(Arc<dyn ObjectiveObject>),
}

/// Checks and opens a file. It stays open as long as the process runs, also when nothing of it is used any more.
///
/// # Errors
/// The first check that fails.
pub fn load(file: &Path) -> Result<Vec<LoadedPlugin>, LoadError> {
    Contents::read(file)?.load()
}

/// A file as it was at one moment: checks and loading see the same bytes.
pub(crate) struct Contents {
    file: PathBuf,
    bytes: Vec<u8>,
}

impl Contents {
    pub(crate) fn read(file: &Path) -> Result<Self, LoadError> {
        // Tells folders and missing files apart, and does not read what is no plugin.
        crate::inspect(file)?;
        let unreadable =
            |error: std::io::Error| LoadError::Unreadable { file: file.to_owned(), reason: error.to_string() };
        // whoever may not write to it and to its folder cannot exchange it between the two
        trust::file(file, &file.metadata().map_err(unreadable)?)?;
        Ok(Self { file: file.to_owned(), bytes: locus_files::bytes(file, LARGEST).map_err(unreadable)? })
    }

    /// Tells whether two files are the same.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// Checks and opens it.
    pub(crate) fn load(&self) -> Result<Vec<LoadedPlugin>, LoadError> {
        let stamp = Stamp::read(&self.file, self.bytes.as_slice())?;
        stamp.check()?;
        // initializers of libraries are known to switch the rounding of tiny numbers
        let found = undisturbed(&self.file.display().to_string(), || {
            watch::opening(&self.file, || {
                let library = self.open_copy()?;
                let plugin = self.enter(&library)?;
                self.read_tables(plugin)
            })
        })?;
        let mut loaded = Vec::new();
        for (description, object) in found {
            loaded.push(self.accept(&stamp, &description, object, &loaded)?);
        }
        Ok(loaded)
    }

    /// Opens a copy under a name that was never used: the system takes a known name for a library that is open
    /// already, and a file that is overwritten while it is open takes the program down.
    fn open_copy(&self) -> Result<ManuallyDrop<Library>, LoadError> {
        let refused = |reason: String| LoadError::Open { file: self.file.clone(), reason };
        let places = [Some(std::env::temp_dir()), self.file.parent().map(Path::to_owned)];
        let mut first_failure = None;
        for place in places.into_iter().flatten() {
            let failure = match scratch(&place, ".locus-plugin-", ".so", &self.bytes) {
                Err(error) => format!("cannot copy it to {}: {error}", place.display()),
                // SAFETY: runs the initializers of a library whose stamp fits this program, and which nobody but the
                // user may have put there; that they do no harm is the author's promise, which nothing can check.
                Ok(copy) => match unsafe { Library::open(Some(&*copy), RTLD_NOW | RTLD_LOCAL) } {
                    Ok(library) => return Ok(ManuallyDrop::new(library)),
                    Err(error) => without_path(&system_text(&error), &copy),
                },
            };
            // Only a folder from which nothing may run is worth a second try elsewhere.
            let again = failure.contains("cannot copy") || failure.contains("failed to map segment");
            let failure = first_failure.get_or_insert(failure);
            if !again {
                return Err(refused(failure.clone()));
            }
        }
        Err(refused(first_failure.unwrap_or_default()))
    }

    /// Calls the entry function.
    fn enter(&self, library: &Library) -> Result<View<LocusPlugin>, LoadError> {
        // SAFETY: a function of this name has this type in the interface whose major version is in the name.
        let entry = unsafe { library.get::<LocusEntry>(ENTRY_SYMBOL) };
        let entry =
            entry.map_err(|error| LoadError::NoEntry { file: self.file.clone(), reason: system_text(&error) })?;
        let (mut plugin, mut error) = (std::ptr::null(), LocusBytes::empty());
        // SAFETY: the host's table is a static; the two places are empty and this function's own.
        let status = unsafe { entry(&raw const HOST, &raw mut plugin, &raw mut error) };
        // SAFETY: the entry function has filled the error or left it empty, and gave away what it put there.
        if let Some(error) = unsafe { entry_failure(status, error) } {
            return Err(LoadError::StartUp { file: self.file.clone(), reason: error.to_string() });
        }
        // SAFETY: null, odd or a table: that is the author's promise. It lives, since the library is never closed.
        unsafe { table(plugin, "the plugin's table") }.map_err(|reason| self.unusable(reason))
    }

    /// Reads the tables and asks each for its description.
    fn read_tables(&self, plugin: View<LocusPlugin>) -> Result<Vec<(Description, PluginObject)>, LoadError> {
        let methods = (field!(plugin, LocusPlugin, methods), field!(plugin, LocusPlugin, method_count));
        let objectives = (field!(plugin, LocusPlugin, objectives), field!(plugin, LocusPlugin, objective_count));
        // SAFETY: that as many pointers are there as the table says is the author's promise; they live, since the library is
        // never closed.
        let (methods, objectives) = unsafe { (list(methods, "methods"), list(objectives, "objectives")) };
        let methods = methods.map_err(|reason| self.unusable(reason))?;
        let objectives = objectives.map_err(|reason| self.unusable(reason))?;
        if methods.is_empty() && objectives.is_empty() {
            return Err(self.unusable("it contains neither a method nor an objective".to_owned()));
        }
        let undescribed = |error: locus_plugin::Error| self.bad(format!("it cannot be described: {error}"));
        let mut found = Vec::new();
        for (index, &table) in methods.iter().enumerate() {
            let (description, edit, plan) =
                method_functions(table).map_err(|reason| self.unusable(format!("method {index}: {reason}")))?;
            // SAFETY: it is `describe` of a method's table of a library that is never closed.
            let description = unsafe { describe(description) }.map_err(undescribed)?;
            let method = LoadedMethod { description: description.clone(), plan, edit };
            found.push((description, PluginObject::Method(Arc::new(method))));
        }
        for (index, &table) in objectives.iter().enumerate() {
            let (description, functions) =
                objective_functions(table).map_err(|reason| self.unusable(format!("objective {index}: {reason}")))?;
            // SAFETY: it is `describe` of an objective's table of a library that is never closed.
            let description = unsafe { describe(description) }.map_err(undescribed)?;
            let objective = LoadedObjective { description: Arc::new(description.clone()), functions };
            found.push((description, PluginObject::Objective(Arc::new(objective))));
        }
        Ok(found)
    }

    fn accept(
        &self,
        stamp: &Stamp,
        description: &Description,
        object: PluginObject,
        before: &[LoadedPlugin],
    ) -> Result<LoadedPlugin, LoadError> {
        declaration::check(description).map_err(|reason| self.bad(reason))?;
        let info = &description.info;
        let kind = object.kind();
        if before.iter().any(|other| other.ready.kind == kind && other.ready.id == info.id) {
            return Err(self.bad(format!("it contains the {} `{}` twice", word(kind), info.id)));
        }
        let version = if info.version.is_empty() { stamp.version().to_owned() } else { info.version.clone() };
        let ready = PluginReady {
            kind,
            id: info.id.clone(),
            title: info.title.clone(),
            version,
            cite: info.cite.clone(),
            file: self.file.clone(),
            interface: stamp.interface(),
            compiler: stamp.compiler.clone(),
            source: stamp.source.clone(),
            hyperparameters: description.hyperparameters.clone(),
            layers: Vec::new(),
            with_objective: BTreeMap::new(),
        };
        Ok(LoadedPlugin { ready, object })
    }

    fn unusable(&self, reason: String) -> LoadError {
        LoadError::Table { file: self.file.clone(), reason }
    }

    fn bad(&self, reason: String) -> LoadError {
        LoadError::Declaration { file: self.file.clone(), reason }
    }
}

impl PluginObject {
    /// Whether it is a method or an objective.
    #[must_use]
    pub fn kind(&self) -> PluginKind {
        match self {
            Self::Method(_) => PluginKind::Method,
            Self::Objective(_) => PluginKind::Objective,
        }
    }
}

/// `describe`, `edit` and, where there is one, `plan`.
fn method_functions(method: *const LocusMethod) -> Result<(Function, Function, Option<Function>), String> {
    // SAFETY: null, odd or a table: that is the author's promise. It lives, since the library is never closed.
    let method = unsafe { table(method, "its table") }?;
    let functions = (field!(method, LocusMethod, describe).flatten(), field!(method, LocusMethod, edit).flatten());
    match functions {
        (Some(describe), Some(edit)) => Ok((describe, edit, field!(method, LocusMethod, plan).flatten())),
        _ => Err("a function is missing".to_owned()),
    }
}

fn objective_functions(objective: *const LocusObjective) -> Result<(Function, ObjectiveFunctions), String> {
    // SAFETY: null, odd or a table: that is the author's promise. It lives, since the library is never closed.
    let objective = unsafe { table(objective, "its table") }?;
    let functions = (
        field!(objective, LocusObjective, describe).flatten(),
        field!(objective, LocusObjective, create).flatten(),
        field!(objective, LocusObjective, destroy).flatten(),
        field!(objective, LocusObjective, goal).flatten(),
        field!(objective, LocusObjective, loss).flatten(),
    );
    match functions {
        (Some(describe), Some(create), Some(destroy), Some(goal), Some(loss)) => {
            Ok((describe, ObjectiveFunctions { create, destroy, goal, loss }))
        }
        _ => Err("a function is missing".to_owned()),
    }
}

/// A table of a library, called `name`.
///
/// # Safety
/// `pointer` is null, odd, or a table with as many bytes as it says, which stays and does not change.
unsafe fn table<T: Table>(pointer: *const T, name: &str) -> Result<View<T>, String> {
    // SAFETY: as the caller promises.
    unsafe { View::of(pointer) }.map_err(|reason| format!("{name} {reason}"))
}

/// A list of tables: its first pointer and its length, as far as the plugin's table has these fields.
type Pointers<T> = (Option<*const *const T>, Option<usize>);

/// A list of pointers to tables.
///
/// # Safety
/// Where the first is neither null nor odd, as many are there as the second says, which stay and do not change.
unsafe fn list<T>(pointers: Pointers<T>, name: &str) -> Result<&'static [*const T], String> {
    let (Some(pointers), Some(count)) = pointers else { return Ok(&[]) };
    if count > MOST {
        return Err(format!("it declares {count} {name}, but at most {MOST} are allowed"));
    }
    // SAFETY: as the caller promises.
    unsafe { borrow_slice(pointers, count, name) }.map_err(|_| format!("its list of {name} is null or misaligned"))
}

/// What the system says: libloading's own text is only the name of the function that failed.
fn system_text(error: &libloading::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}

/// The private copy is nobody's business.
fn without_path(text: &str, copy: &Path) -> String {
    let copy = copy.display().to_string();
    text.trim_start_matches(&format!("{copy}: ")).replace(&copy, "it")
}
