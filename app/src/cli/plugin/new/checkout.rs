//! Where a new crate finds the plugin interface, libtorch, and what is compiled already.

use crate::cli::Failure;
use locus_protocol::Machine;
use std::path::{Path, PathBuf};

/// The checkout that this program was built from.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What a new crate is built with.
pub struct Checkout {
    /// Folder of the package `locus-plugin`.
    pub api: PathBuf,
    /// Folder with `include` and `lib`.
    pub libtorch: PathBuf,
    /// Folder in which cargo has compiled the dependencies.
    pub build_dir: PathBuf,
    /// The versions of the dependencies, as cargo keeps them.
    pub lock: Option<String>,
}

impl Checkout {
    /// The one that `--api` names, or the one that this program was built from; `engine` says what the engine was built with.
    ///
    /// # Errors
    /// There is no plugin interface.
    pub fn find(given: Option<&Path>, engine: &Machine) -> Result<Self, Failure> {
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
        let is_own = Path::new(ROOT).canonicalize().is_ok_and(|own| own == root);
        let first = |folders: [PathBuf; 2]| {
            let [first, other] = folders;
            if first.is_dir() { first } else { other }
        };
        let (ours, theirs) = (PathBuf::from(&engine.built_with), root.join(".libtorch/torch"));
        // what is built for another checkout goes into that one's folders; libtorch is only read
        Ok(Self {
            libtorch: first(if is_own { [ours, theirs] } else { [theirs, ours] }),
            build_dir: match is_own {
                true => first([PathBuf::from(&engine.built_in), root.join("target")]),
                false => root.join("target"),
            },
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

#[cfg(test)]
mod tests {
    use super::{Checkout, ROOT};
    use locus_protocol::Machine;
    use std::path::Path;

    #[test]
    fn what_is_built_for_another_checkout_goes_into_its_folders() {
        let other = tempfile::tempdir().expect("a folder");
        let include = other.path().join("plugin-api/include");
        std::fs::create_dir_all(&include).expect("a folder");
        std::fs::write(include.join("locus_plugin.h"), "").expect("a file");
        let root = other.path().canonicalize().expect("there");
        for given in [other.path().to_owned(), other.path().join("plugin-api")] {
            let found = Checkout::find(Some(&given), &Machine::default()).expect("a checkout");
            assert_eq!((found.api, found.build_dir), (root.join("plugin-api"), root.join("target")), "{given:?}");
        }
        std::fs::create_dir_all(root.join(".libtorch/torch")).expect("a folder");
        assert_eq!(
            Checkout::find(Some(&root), &Machine::default()).expect("a checkout").libtorch,
            root.join(".libtorch/torch")
        );
        let built_in = root.join("cargo");
        std::fs::create_dir(&built_in).expect("a folder");
        let engine = Machine { built_in: built_in.display().to_string(), ..Machine::default() };
        assert_eq!(Checkout::find(Some(Path::new(ROOT)), &engine).expect("the own one").build_dir, built_in);
    }
}
