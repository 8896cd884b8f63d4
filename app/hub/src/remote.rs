//! What the hub is asked, and what it answers: the files of a revision, what one of them is, and its bytes.

use crate::environment::Hub;
use crate::error::{Error, Result};
use crate::id::{MAIN, ModelId};
use crate::layout::{is_commit, is_plain};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, BodyReader, RequestBuilder};

/// How long a connection may take, and how long a pause within one.
const CONNECTING: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes of a list of files, at most.
const LARGEST_LIST: u64 = 16 << 20;
/// Redirects that are followed.
const HOPS: u32 = 5;
/// Pause before the hub is asked again.
pub const PAUSE: Duration = Duration::from_secs(1);
/// Letters of what the hub says of itself that are passed on.
const LONGEST_WORDS: usize = 200;

/// The files of a revision.
pub struct Listing {
    pub commit: String,
    /// Paths of its files.
    pub files: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Described {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// What the hub says of a file.
#[derive(Clone, Debug)]
pub struct About {
    /// Names its contents: the SHA-256 of a large file, git's hash of a small one.
    pub etag: String,
    /// Size of the file in bytes.
    pub size: u64,
}

impl About {
    /// The SHA-256 that its bytes must have, where the hub says it.
    pub fn sha256(&self) -> Option<&str> {
        let is_digest = self.etag.len() == 64 && self.etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then_some(self.etag.as_str())
    }
}

/// Bytes of a file as they come.
pub struct Coming {
    /// Where in the file they begin.
    pub begin: u64,
    /// The stream that the bytes are read from.
    pub reader: BodyReader<'static>,
}

/// A line to the hub for one model.
pub struct Remote<'a> {
    hub: &'a Hub,
    id: &'a ModelId,
    follows: Agent,
    stays: Agent,
}

impl<'a> Remote<'a> {
    pub fn new(hub: &'a Hub, id: &'a ModelId) -> Self {
        let agent = |redirects: u32| {
            // certificates of the machine: those of a company's proxy are among them
            let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
            let config = Agent::config_builder()
                .tls_config(tls)
                .user_agent(concat!("locus/", env!("CARGO_PKG_VERSION")))
                .http_status_as_error(false)
                .max_redirects(redirects)
                .max_redirects_will_error(false)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .timeout_connect(Some(CONNECTING))
                .timeout_recv_response(Some(SILENCE))
                .timeout_per_read(Some(SILENCE));
            Agent::new_with_config(config.build())
        };
        Self { hub, id, follows: agent(HOPS), stays: agent(0) }
    }

    fn with_headers(&self, request: RequestBuilder<WithoutBody>) -> RequestBuilder<WithoutBody> {
        let request = request.header("accept-encoding", "identity");
        match &self.hub.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// Asks again after a pause where an error may pass; `goes_on` says before that whether to.
    fn patiently<T>(
        &self,
        goes_on: &mut dyn FnMut() -> bool,
        may_pass: fn(&Error) -> bool,
        ask: impl Fn() -> Result<T>,
    ) -> Result<T> {
        let mut failed = 0;
        loop {
            match ask() {
                Err(error) if may_pass(&error) => {
                    failed += 1;
                    if failed >= self.hub.tries {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
            if !goes_on() {
                return Err(Error::Stopped { id: self.id.clone() });
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The commit of the revision, and its files. A hub that cannot be reached is told at once: it is the first question.
    ///
    /// # Errors
    /// The hub cannot be reached, does not show it, or is busy for long.
    pub fn list(&self, goes_on: &mut dyn FnMut() -> bool) -> Result<Listing> {
        self.patiently(goes_on, |error| matches!(error, Error::Busy { .. }), || self.list_once())
    }

    fn list_once(&self) -> Result<Listing> {
        let (endpoint, ModelId { name, revision }) = (&self.hub.endpoint, self.id);
        let url = format!("{endpoint}/api/models/{name}/revision/{}", as_part(revision));
        let what = format!("the files of {}", self.id);
        let mut answer = self.call(self.with_headers(self.follows.get(url)), &what)?;
        let text = answer.body_mut().with_config().limit(LARGEST_LIST).read_to_vec();
        let text = text.map_err(|error| self.unreachable(&error))?;
        let described: Described =
            serde_json::from_slice(&text).map_err(|error| self.odd(&what, &format!("no list of files ({error})")))?;
        if !is_commit(&described.sha) {
            return Err(self.odd(&what, "its commit is not a hash"));
        }
        let files = described.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
        Ok(Listing { commit: described.sha, files })
    }

    fn address(&self, commit: &str, file: &str) -> String {
        format!("{}/{}/resolve/{commit}/{file}", self.hub.endpoint, self.id.name)
    }

    /// What a file is.
    ///
    /// # Errors
    /// The hub cannot be reached or is busy for long, or does not show it.
    pub fn describe(&self, commit: &str, file: &str, goes_on: &mut dyn FnMut() -> bool) -> Result<About> {
        self.patiently(goes_on, Error::passes, || self.describe_once(commit, file))
    }

    fn describe_once(&self, commit: &str, file: &str) -> Result<About> {
        let mut url = self.address(commit, file);
        let mut hops = 0;
        // within the hub redirects are followed; one that leads to where the bytes lie has the headers itself
        let answer = loop {
            let answer = self.call(self.with_headers(self.stays.head(&url)), file)?;
            match within(answer.headers()).filter(|_| answer.status().is_redirection() && hops < HOPS) {
                Some(path) => url = format!("{}{path}", origin(&self.hub.endpoint)),
                None => break answer,
            }
            hops += 1;
        };
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let etag = header("x-linked-etag").or_else(|| header("etag")).unwrap_or_default();
        let etag = etag.trim_start_matches("W/").trim_matches('"').to_owned();
        let whole = header("content-length").filter(|_| answer.status().is_success());
        let size = header("x-linked-size").or(whole).and_then(|size| size.parse().ok());
        match size {
            Some(size) if is_plain(&etag) => Ok(About { etag, size }),
            Some(_) => Err(self.odd(file, "it has no ETag that names its contents")),
            None => Err(self.odd(file, "its size is missing")),
        }
    }

    /// The bytes of a file from `begin` on, or from its first where the hub gives no others.
    ///
    /// # Errors
    /// The hub cannot be reached, or does not show it.
    pub fn bytes(&self, commit: &str, file: &str, begin: u64) -> Result<Coming> {
        let mut request = self.with_headers(self.follows.get(self.address(commit, file)));
        if begin > 0 {
            request = request.header("range", format!("bytes={begin}-"));
        }
        let answer = self.call(request, file)?;
        let begin = match answer.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.headers().get("content-range").and_then(|value| value.to_str().ok());
                let from = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
                if from != Some(begin) {
                    return Err(self.odd(file, "other bytes arrived than were requested"));
                }
                begin
            }
            StatusCode::OK => 0,
            other => return Err(self.odd(file, &format!("status {other}"))),
        };
        Ok(Coming { begin, reader: answer.into_body().into_reader() })
    }

    fn call(&self, request: RequestBuilder<WithoutBody>, what: &str) -> Result<Response<Body>> {
        let answer = request.call().map_err(|error| self.unreachable(&error))?;
        match answer.status() {
            status if status.is_success() || status.is_redirection() => Ok(answer),
            status => Err(self.refused(status, answer.headers(), what)),
        }
    }

    /// What it means that the hub does not give something.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, what: &str) -> Error {
        let word = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (name, revision) = (self.id.name.clone(), self.id.revision.clone());
        let has_token = self.hub.token.is_some();
        let is_main = revision == MAIN;
        match (word("x-error-code"), status.as_u16()) {
            (_, status @ (429 | 500 | 502..=504)) => {
                Error::Busy { endpoint: self.hub.endpoint.clone(), what: what.to_owned(), status }
            }
            (Some("GatedRepo"), _) | (None, 403) => Error::Gated { name, has_token },
            (Some("RevisionNotFound"), _) => Error::NoRevision { name, revision },
            // it says that of a model that is not there as well, so that nobody learns which are
            (Some("RepoNotFound"), _) => Error::NotFound { name, has_token },
            (_, 401) if has_token => Error::Token,
            (_, 401) => Error::Gated { name, has_token },
            (None, 404) if is_main => Error::NotFound { name, has_token },
            (None, 404) => Error::NoRevision { name, revision },
            (_, code) => {
                let said: String = word("x-error-message").unwrap_or_default().chars().take(LONGEST_WORDS).collect();
                self.odd(what, format!("status {code} {said}").trim())
            }
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Error {
        Error::Unreachable { endpoint: self.hub.endpoint.clone(), why: error.to_string() }
    }

    pub fn odd(&self, what: &str, why: &str) -> Error {
        Error::Answer { endpoint: self.hub.endpoint.clone(), what: what.to_owned(), why: why.to_owned() }
    }
}

/// Where a redirect leads, if it stays with who was asked.
fn within(headers: &HeaderMap) -> Option<&str> {
    let place = headers.get("location")?.to_str().ok()?;
    (place.starts_with('/') && !place.starts_with("//")).then_some(place)
}

/// Scheme and host of an address.
fn origin(endpoint: &str) -> &str {
    let host = endpoint.find("://").map_or(0, |at| at + 3);
    endpoint[host..].find('/').map_or(endpoint, |at| &endpoint[..host + at])
}

/// A revision as one part of a path.
fn as_part(revision: &str) -> String {
    revision.replace('/', "%2F").replace('+', "%2B")
}

#[cfg(test)]
mod tests {
    use super::{as_part, origin};

    #[test]
    fn addresses_are_put_together_as_the_hub_reads_them() {
        assert_eq!(as_part("refs/pr/3"), "refs%2Fpr%2F3");
        assert_eq!(origin("http://mirror:80/hub/of/us"), "http://mirror:80");
        assert_eq!(origin("http://mirror:80"), "http://mirror:80");
    }
}
