//! Texts put before the prompt, so that key and value do not hang on one wording (spec methods.md 2.1).

use crate::RomeParameters;
use locus_plugin::{Error, Host, Result, SampleRequest};

/// Templates with `{}` in the prompt's place; the first is the bare prompt.
pub fn templates(parameters: &RomeParameters, seed: u64, host: &dyn Host) -> Result<Vec<String>> {
    if !parameters.context_templates.is_empty() {
        if let Some(bad) = parameters.context_templates.iter().find(|text| text.matches("{}").count() != 1) {
            return Err(Error::Request(format!("the context template `{bad}` must contain {{}} exactly once")));
        }
        return Ok(parameters.context_templates.clone());
    }
    let mut templates = vec!["{}".to_owned()];
    // half of the texts have 5 tokens, half have 10, the end-of-text token included, as published
    let count = parameters.contexts.unsigned_abs() as usize;
    for (tokens, count) in [(5, count.div_ceil(2)), (10, count / 2)] {
        if count > 0 {
            host.progress("sampling contexts", tokens as u64, 10)?;
            let request = SampleRequest { prompt: String::new(), count, tokens, seed: seed + tokens as u64 };
            let texts = host.sample(&request)?;
            templates.extend(texts.iter().map(|text| format!("{}. {{}}", text.replace(['{', '}'], " "))));
        }
    }
    Ok(templates)
}

/// The edit's template within a context template.
pub fn within(context: &str, template: &str) -> String {
    context.replacen("{}", template, 1)
}
