//! `locus facts`.

use crate::cli::arguments::Common;
use crate::cli::client::Client;
use crate::cli::{Failure, output, tables};
use locus_protocol::counted;
use locus_protocol::shown::shown;

/// Lists the facts that contain the text, in any case.
///
/// # Errors
/// They cannot be read.
pub fn run(common: &Common, search: Option<&str>) -> Result<(), Failure> {
    let client = Client::with_model_alone(common)?;
    let wanted = search.unwrap_or_default().to_lowercase();
    let facts = client.known.facts.iter().filter(|fact| {
        let text = format!("{} {} {}", fact.prompt(), fact.target_true, fact.target_new).to_lowercase();
        text.contains(&wanted)
    });
    if client.json() {
        for fact in facts {
            output::json(fact)?;
        }
        return Ok(());
    }
    let mut table = tables::table(["case", "prompt", "true", "new"]);
    let mut count = 0;
    for fact in facts {
        let case = fact.case_id.map_or_else(String::new, |case| case.to_string());
        table.add_row(vec![case, fact.marked(), fact.target_true.clone(), fact.target_new.clone()]);
        count += 1;
    }
    output::print(&table.to_string())?;
    let all = counted(client.known.facts.len(), "fact");
    Ok(output::below(&format!("{count} of {all}; {}", shown(&client.known.facts_source)))?)
}
