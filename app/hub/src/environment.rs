//! Where cache and hub are, and who asks, by the variables that `huggingface_hub` reads.

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The address that the hub is known by; HF_ENDPOINT names another one.
const ENDPOINT: &str = "https://huggingface.co";
/// Bytes of a file with a token, at most.
const LARGEST_TOKEN: u64 = 1 << 16;
/// Connections in a row that bring nothing, and answers in a row that the hub is busy, until a download fails.
const TRIES: usize = 5;

/// A hub and its cache on this machine.
#[derive(Clone, Debug)]
pub struct Hub {
    /// The folder with a folder for each model: HF_HUB_CACHE, or `hub` in HF_HOME.
    pub cache: PathBuf,
    /// Address without a slash at its end: HF_ENDPOINT.
    pub endpoint: String,
    /// What says who asks: HF_TOKEN, or the file that `hf auth login` writes.
    pub token: Option<String>,
    /// Whether nothing may be asked: HF_HUB_OFFLINE.
    pub offline: bool,
    /// Connections in a row that bring no further byte, and answers in a row that the hub is busy, until a download fails;
    /// none is tried again where it is 0.
    pub tries: usize,
}

impl Hub {
    /// As the variables of this process say.
    ///
    /// # Errors
    /// Nothing says where the cache is; HF_ENDPOINT is no address.
    pub fn from_environment() -> Result<Self> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// As variables say; one that is empty is not set.
    ///
    /// # Errors
    /// Those of [`Self::from_environment`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let set = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let text =
            |names: &[&str]| Some(set(names)?.to_string_lossy().trim().to_owned()).filter(|text| !text.is_empty());
        let user = set(&["HOME"]).map(PathBuf::from);
        let folder = |names: &[&str]| set(names).map(|value| own(Path::new(&value), user.as_deref()));
        let home = folder(&["HF_HOME"]).or_else(|| {
            let cache = folder(&["XDG_CACHE_HOME"]).or_else(|| Some(user.as_ref()?.join(".cache")))?;
            Some(cache.join("huggingface"))
        });
        let cache = folder(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]).or_else(|| Some(home.as_ref()?.join("hub")));
        let endpoint = text(&["HF_ENDPOINT"]).unwrap_or_else(|| ENDPOINT.to_owned());
        if !["https://", "http://"].iter().any(|scheme| endpoint.len() > scheme.len() && endpoint.starts_with(scheme)) {
            return Err(Error::Endpoint(endpoint));
        }
        let token_file = folder(&["HF_TOKEN_PATH"]).or_else(|| Some(home?.join("token")));
        let token = text(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]).or_else(|| {
            let text = locus_files::text(&token_file?, LARGEST_TOKEN).ok()?;
            Some(text.trim().to_owned()).filter(|token| !token.is_empty())
        });
        let offline = text(&["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]);
        Ok(Self {
            cache: cache.ok_or(Error::NoCache)?,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token,
            offline: offline.is_some_and(|word| ["1", "ON", "YES", "TRUE"].contains(&word.to_uppercase().as_str())),
            tries: TRIES,
        })
    }
}

/// A path with `~` read as the user's folder.
fn own(path: &Path, user: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), user) {
        (Ok(rest), Some(user)) => user.join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ENDPOINT, Hub};
    use crate::error::Error;
    use std::path::Path;

    fn hub(set: &[(&str, &str)]) -> Result<Hub, Error> {
        Hub::from_variables(|name| Some(set.iter().find(|(known, _)| *known == name)?.1.into()))
    }

    #[test]
    fn the_cache_is_where_the_variables_say() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[("HOME", "/h")], "/h/.cache/huggingface/hub"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")], "/c/huggingface/hub"),
            (&[("HOME", "/h"), ("HF_HOME", "/f"), ("XDG_CACHE_HOME", "/c")], "/f/hub"),
            (&[("HOME", "/h"), ("HF_HOME", "~/f")], "/h/f/hub"),
            (&[("HF_HUB_CACHE", "/k"), ("HF_HOME", "/f")], "/k"),
            (&[("HF_HUB_CACHE", ""), ("HF_HOME", "/f")], "/f/hub"),
        ];
        for (set, cache) in cases {
            assert_eq!(hub(set).expect(cache).cache, Path::new(cache));
        }
        assert!(matches!(hub(&[]), Err(Error::NoCache)));
    }

    #[test]
    fn address_and_network_are_as_the_variables_say() {
        let with = |name, value| hub(&[("HOME", "/h"), (name, value)]);
        assert_eq!(with("HF_ENDPOINT", "http://mirror:8080/").expect("an address").endpoint, "http://mirror:8080");
        assert_eq!(with("HF_ENDPOINT", "").expect("none").endpoint, ENDPOINT);
        assert!(matches!(with("HF_ENDPOINT", "mirror"), Err(Error::Endpoint(text)) if text == "mirror"));
        for (value, offline) in [("1", true), ("true", true), ("YES", true), ("0", false), ("no", false), ("", false)] {
            assert_eq!(with("HF_HUB_OFFLINE", value).expect(value).offline, offline, "{value}");
        }
    }

    #[test]
    fn a_token_comes_from_its_variable_or_from_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().to_str().expect("text");
        assert_eq!(hub(&[("HF_HOME", home)]).expect("none").token, None);
        std::fs::write(folder.path().join("token"), "of-the-file\n").expect("written");
        assert_eq!(hub(&[("HF_HOME", home)]).expect("one").token.as_deref(), Some("of-the-file"));
        let both = hub(&[("HF_HOME", home), ("HF_TOKEN", " of-the-variable ")]).expect("both");
        assert_eq!(both.token.as_deref(), Some("of-the-variable"));
    }
}
