//! Texts put before the prompt, so that key and value do not hang on one wording.

use locus_plugin::{Error, Host, Result, SampleRequest};

/// Templates with `{}` in the prompt's place.
#[derive(Clone, Debug)]
pub struct Contexts(pub Vec<String>);

impl Contexts {
    /// The bare prompt and sampled texts before it: `starts` by (text to start from, samples, tokens of each, the
    /// start included). An empty start is the end-of-text token.
    ///
    /// # Errors
    /// Those of the host.
    pub fn sampled(starts: &[(&str, usize, usize)], seed: u64, host: &dyn Host) -> Result<Self> {
        let mut templates = vec!["{}".to_owned()];
        // counted in tokens, so that the host tells each of them
        let asked = || starts.iter().enumerate().filter(|(_, start)| start.1 > 0);
        let (mut done, all) = (0, asked().map(|(_, start)| start.2 as u64).sum());
        for (number, &(start, count, tokens)) in asked() {
            host.progress("sampling contexts", done, all)?;
            done += tokens as u64;
            let seed = seed + (tokens + 100 * number) as u64;
            let request = SampleRequest { prompt: start.to_owned(), count, tokens, seed, noised: None };
            let texts = host.sample(&request)?;
            templates.extend(texts.iter().map(|text| format!("{}. {{}}", text.replace(['{', '}'], " "))));
        }
        Ok(Self(templates))
    }

    /// Every context with the prompt's template in it.
    pub fn around<'a>(&'a self, template: &'a str) -> impl Iterator<Item = String> + 'a {
        self.0.iter().map(|context| context.replacen("{}", template, 1))
    }
}

/// Checks templates that a user gave.
///
/// # Errors
/// One that has not exactly one `{}`.
pub fn check_contexts(templates: &[String]) -> Result<Contexts> {
    match templates.iter().find(|text| text.matches("{}").count() != 1) {
        Some(bad) => Err(Error::Request(format!("the context template `{bad}` must contain {{}} exactly once"))),
        None => Ok(Contexts(templates.to_vec())),
    }
}
