//! Where a new crate finds the plugin interface, libtorch, and what is compiled already.

use crate::cli::Failure;
use std::path::{Path, PathBuf};

/// The checkout that this program was built from.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The libtorch and the folder of cargo that it was built with.
const LIBTORCH: &str = env!("LOCUS_BUILT_WITH_LIBTORCH");
const BUILD_DIR: &str = env!("LOCUS_BUILT_IN");

/// What a new crate is built with.
pub struct Checkout {
    /// The package `locus-plugin`.
    pub api: PathBuf,
    /// Folder with `include` and `lib`.
    pub libtorch: PathBuf,
    /// Folder in which cargo has compiled the dependencies.
    pub build_dir: PathBuf,
    /// The versions of the dependencies, as cargo keeps them.
    pub lock: Option<String>,
}

impl Checkout {
    /// The one that `--api` names, or the one that this program was built from.
    ///
    /// # Errors
    /// There is no plugin interface.
    pub fn find(given: Option<&Path>) -> Result<Self, Failure> {
        let root = given.unwrap_or(Path::new(ROOT));
        // a checkout, or the package in it
        let candidates = [root.join("plugin-api"), root.to_owned()];
        let holds_it = |folder: &&PathBuf| folder.join("include/locus_plugin.h").is_file();
        let api = candidates.iter().find(holds_it).and_then(|folder| folder.canonicalize().ok());
        let api = api.ok_or_else(|| {
            let folder = root.display();
            Failure::usage(match given {
                Some(_) => format!("--api {folder}: there is no plugin interface; name a checkout of Locus"),
                None => format!(
                    "the checkout that this program was built from is gone from {folder}; name one with --api DIR"
                ),
            })
        })?;
        let root = api.parent().unwrap_or(&api);
        let own = |folder: &str, other: PathBuf| {
            let folder = PathBuf::from(folder);
            if folder.is_dir() { folder } else { other }
        };
        Ok(Self {
            libtorch: own(LIBTORCH, root.join(".libtorch/torch")),
            build_dir: own(BUILD_DIR, root.join("target")),
            lock: std::fs::read_to_string(root.join("Cargo.lock")).ok(),
            api,
        })
    }

    /// Names of the packages that are compiled with the interface.
    pub fn packages(&self) -> Vec<String> {
        let lock = self.lock.as_deref().and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
        let packages = lock.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        packages.iter().filter_map(|package| Some(package.get("name")?.as_str()?.to_owned())).collect()
    }
}
