//! Every call of a plugin is watched: the model's weights are compared before and after, whatever the plugin says.

use crate::error::Error;
use crate::model::loaded::Loaded;
use locus_engine::edit::{Seal, put_back};

/// Makes a call of the plugin `id` and sees that it has left every parameter of the model alone. One that has not is
/// told by name, and the weights are what they were.
///
/// # Errors
/// Those of the call; the plugin wrote into the model.
pub fn sealed<T>(loaded: &Loaded, id: &str, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let seal = Seal::of([loaded.stack.base(), loaded.stack.model()]);
    let outcome = call();
    let broken = seal.broken();
    let Some(first) = broken.first() else { return outcome };
    let more = match broken.len() {
        1 => String::new(),
        many => format!(" and {} more parameters", many - 1),
    };
    let what = match restore(loaded, id, &broken) {
        Ok(()) => "the weights are restored, and the fact is left unedited".to_owned(),
        Err(error) => format!("the weights cannot be restored ({error}); load the model again"),
    };
    Err(Error::plugin(id, locus_plugin::Error::Failed(format!("it wrote into `{first}`{more} of the model; {what}"))))
}

/// Puts the bits of the checkpoint, and of the edits in place, back into the parameters of these names.
fn restore(loaded: &Loaded, id: &str, names: &[String]) -> Result<(), Error> {
    put_back(loaded.stack.base(), &loaded.folder, names)?;
    if loaded.stack.applied().is_empty() {
        return Ok(());
    }
    let rebuilt = loaded.stack.trial(id, &[])?;
    let _guard = tch::no_grad_guard();
    for name in names {
        if let Some((value, mut now)) = rebuilt.parameter(name).zip(loaded.stack.model().parameter(name)) {
            now.f_copy_(&value).map_err(locus_engine::Error::from)?;
        }
    }
    Ok(())
}
