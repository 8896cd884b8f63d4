//! Files of a checkpoint that go along with an exported model.
//!
//! Only those of a few known names, and of those only the contents: a link is followed, as a folder of the hub's cache
//! holds nothing but links, and what it leads to has to be a file of bounded size that is what its name says. A link to
//! something else of the user's (a key, a list of passwords) is refused by name, and so is one to a pipe or a device.

use crate::error::{Error, Result};
use locus_files::{FolderDraft, NotWritten};
use std::path::Path;

/// Bytes of a companion at most; the largest published tokenizer has a tenth of it.
pub const LARGEST: u64 = 256 << 20;

/// The names, and what such a file holds.
const COMPANIONS: [(&str, Holds); 7] = [
    ("tokenizer.json", Holds::Json),
    ("tokenizer_config.json", Holds::Json),
    ("special_tokens_map.json", Holds::Json),
    ("generation_config.json", Holds::Json),
    ("vocab.json", Holds::Json),
    ("merges.txt", Holds::Merges),
    ("chat_template.jinja", Holds::Template),
];

#[derive(Clone, Copy)]
enum Holds {
    Json,
    /// Two tokens a line, after a line that says the version.
    Merges,
    /// A template that writes messages out.
    Template,
}

/// Copies the companions that are there.
///
/// # Errors
/// One is not a file, is too large, or is not what its name says; it cannot be read or written.
pub fn copy(source: &Path, into: &FolderDraft) -> Result<()> {
    for (name, holds) in COMPANIONS {
        let from = source.join(name);
        if from.symlink_metadata().is_err() {
            continue;
        }
        let unfit = |what: &str| {
            Error::Request(format!(
                "{}: {what}, so it is not copied; put the model's own file there or remove it",
                from.display()
            ))
        };
        let bytes = locus_files::bytes(&from, LARGEST).map_err(|error| unfit(&error.to_string()))?;
        match holds {
            Holds::Json if !is_object(&bytes) => return Err(unfit("it is not a JSON object")),
            Holds::Merges if !are_merges(&bytes) => return Err(unfit("it does not have two tokens per line")),
            Holds::Template if !is_template(&bytes) => return Err(unfit("it is not a chat template")),
            _ => into.write(name, &bytes).map_err(NotWritten::at(&from))?,
        }
    }
    Ok(())
}

fn is_object(bytes: &[u8]) -> bool {
    // without keeping its values
    serde_json::from_slice::<std::collections::HashMap<String, serde::de::IgnoredAny>>(bytes).is_ok()
}

fn are_merges(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut lines = text.lines().skip_while(|line| line.starts_with("#version"));
    lines.all(|line| line.is_empty() || line.split(' ').filter(|token| !token.is_empty()).count() == 2)
}

/// Whether a text has tags of Jinja and names `messages`, which is what transformers fills in.
fn is_template(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let has = |open: &str, close: &str| text.split_once(open).is_some_and(|(_, rest)| rest.contains(close));
    text.contains("messages") && (has("{%", "%}") || has("{{", "}}"))
}

#[cfg(test)]
mod tests {
    use super::{COMPANIONS, copy};
    use locus_files::FolderDraft;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn export(source: &Path, place: &Path) -> Result<Vec<String>, String> {
        let draft = FolderDraft::new(place).expect("a draft");
        copy(source, &draft).map_err(|error| error.to_string())?;
        let mut names: Vec<String> = draft
            .path()
            .read_dir()
            .expect("a folder")
            .flatten()
            .map(|entry| entry.file_name().into_string().expect("a name"))
            .collect();
        assert!(
            draft
                .path()
                .read_dir()
                .expect("a folder")
                .flatten()
                .all(|entry| entry.file_type().expect("a kind").is_file())
        );
        names.sort();
        Ok(names)
    }

    /// A folder of the hub's cache: every name is a link to a file by its hash.
    #[test]
    fn links_into_a_cache_are_copied_as_their_contents() {
        let folder = tempfile::tempdir().expect("a folder");
        let (blobs, snapshot) = (folder.path().join("blobs"), folder.path().join("snapshots/1"));
        std::fs::create_dir_all(&blobs).and_then(|()| std::fs::create_dir_all(&snapshot)).expect("folders");
        std::fs::write(blobs.join("a"), "{\"model\": {}}").expect("written");
        std::fs::write(blobs.join("b"), "#version: 0.2\nĠ t\nh e\n\n").expect("written");
        std::fs::write(blobs.join("c"), "{% for message in messages %}{{ message.content }}{% endfor %}")
            .expect("written");
        symlink("../../blobs/c", snapshot.join("chat_template.jinja")).expect("a link");
        symlink("../../blobs/a", snapshot.join("tokenizer.json")).expect("a link");
        symlink("../../blobs/b", snapshot.join("merges.txt")).expect("a link");
        symlink("../../blobs/a", snapshot.join("notes.json")).expect("a link");
        let copied = export(&snapshot, &folder.path().join("out")).expect("copied");
        assert_eq!(copied, ["chat_template.jinja", "merges.txt", "tokenizer.json"]);
    }

    #[test]
    fn what_is_not_what_its_name_says_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "root:$6$abc:19000:0:99999:7:::\n").expect("written");
        let key = folder.path().join("key");
        std::fs::write(&key, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n").expect("written");
        let list = folder.path().join("list");
        std::fs::write(&list, "[1, 2, 3]").expect("written");
        for (index, (name, _)) in COMPANIONS.into_iter().enumerate() {
            for (round, leads_to) in
                [&secret, &key, &list, Path::new("/dev/zero"), folder.path()].into_iter().enumerate()
            {
                let source = folder.path().join(format!("{index}-{round}"));
                std::fs::create_dir(&source).expect("a folder");
                symlink(leads_to, source.join(name)).expect("a link");
                let place = folder.path().join("out");
                let error = export(&source, &place).expect_err("refused");
                assert!(error.contains(name) && error.contains("not copied"), "{error}");
                assert!(!place.exists());
            }
        }
    }
}
