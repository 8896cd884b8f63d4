//! The files of a new crate. They lie beside this file as they are, with the names of an example in them.

use super::checkout::Checkout;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A method in Rust.
    Method,
    /// An objective in Rust.
    Objective,
    /// A method in C.
    MethodInC,
}

/// A plugin's name in the spellings that its files need.
pub struct Names {
    /// `my-method`.
    id: String,
    /// `my_method`.
    library: String,
    /// `MyMethod`.
    type_name: String,
    /// `My method`.
    title: String,
}

impl Names {
    /// The spellings of `my-method`.
    pub fn new(id: &str) -> Self {
        let words: Vec<&str> = id.split('-').filter(|word| !word.is_empty()).collect();
        let mut title = words.join(" ");
        title.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
        let type_name = words.iter().map(|word| format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..])).collect();
        Self { id: id.to_owned(), library: id.replace('-', "_"), type_name, title }
    }

    /// A template's text with these names in the place of those of the example.
    fn put_into(&self, text: &str, example: &Self) -> String {
        text.replace(&example.id, &self.id)
            .replace(&example.library, &self.library)
            .replace(&example.type_name, &self.type_name)
            .replace(&example.title, &self.title)
    }
}

impl Template {
    /// The files with their paths in the crate's folder.
    pub fn files(self, names: &Names, checkout: &Checkout) -> Vec<(PathBuf, String)> {
        let example = Names::new(if self == Self::Objective { "my-objective" } else { "my-method" });
        let text = |text: &str| names.put_into(text, &example);
        let manifest = |text_of: &str| {
            let test_host = toml_text(&checkout.api.join("test-host"));
            text(text_of).replace("\"@API@\"", &toml_text(&checkout.api)).replace("\"@TEST_HOST@\"", &test_host)
        };
        let libraries = format!("LD_LIBRARY_PATH={}", checkout.libtorch.join("lib").display());
        let config = include_str!("templates/config.toml")
            .replace("@LIBTORCH@", &toml_text(&checkout.libtorch))
            .replace("@LIBRARIES@", &toml::Value::from(libraries).to_string())
            .replace("@BUILD_DIR@", &toml_text(&checkout.build_dir));
        let in_rust = |cargo: &str, source: &str| {
            let mut files = vec![
                ("Cargo.toml".into(), manifest(cargo)),
                ("src/lib.rs".into(), text(source)),
                (".cargo/config.toml".into(), config.clone()),
                (".gitignore".into(), include_str!("templates/gitignore").to_owned()),
            ];
            // the same versions, so that what is compiled already fits
            files.extend(checkout.lock.clone().map(|lock| ("Cargo.lock".into(), lock)));
            files
        };
        match self {
            Self::Method => {
                in_rust(include_str!("templates/method/Cargo.toml"), include_str!("templates/method/src/lib.rs"))
            }
            Self::Objective => {
                in_rust(include_str!("templates/objective/Cargo.toml"), include_str!("templates/objective/src/lib.rs"))
            }
            Self::MethodInC => vec![
                (format!("{}.c", names.library).into(), text(include_str!("templates/method-c/my_method.c"))),
                (
                    "Makefile".into(),
                    text(include_str!("templates/method-c/Makefile"))
                        .replace("@API@", &checkout.api.display().to_string()),
                ),
                (".gitignore".into(), include_str!("templates/method-c/gitignore").to_owned()),
            ],
        }
    }

    /// The command that builds it.
    pub fn build(self) -> &'static str {
        if self == Self::MethodInC { "make" } else { "cargo build --release" }
    }

    /// Where the library is then, in the crate's folder.
    pub fn library(self, name: &str) -> String {
        let file = format!("lib{}.so", name.replace('-', "_"));
        if self == Self::MethodInC { format!("./{file}") } else { format!("target/release/{file}") }
    }

    /// The flags of `locus edit` that take it.
    pub fn flags(self, name: &str) -> String {
        match self {
            Self::Method | Self::MethodInC => format!("--method {name}"),
            Self::Objective => format!("--method METHOD --objective {name}"),
        }
    }
}

/// A path as TOML writes a text.
fn toml_text(path: &Path) -> String {
    toml::Value::from(path.display().to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn a_name_is_spelt_as_files_need_it() {
        let names = Names::new("rank-2-nudge");
        assert_eq!((names.library.as_str(), names.type_name.as_str()), ("rank_2_nudge", "Rank2Nudge"));
        assert_eq!(names.title, "Rank 2 nudge");
        assert_eq!(
            names.put_into("MyMethod my-method my_method My method", &Names::new("my-method")),
            "Rank2Nudge rank-2-nudge rank_2_nudge Rank 2 nudge"
        );
    }
}
