//! Every citation leads somewhere: links and paths of documents and comments to files that there are, anchors to headings,
//! and numbers of sections and equations to a paper or page that is named beside them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders at the root that paths in texts begin with.
const PLACES: [&str; 7] = ["app/", "configs/", "docs/", "plugin-api/", "plugins/", "tests/", "xtask/"];
/// What stands in such a path for a name: of a file that is still to be made, or of any.
const PLACEHOLDERS: [&str; 3] = ["NAME", "DIR", "*"];
/// A page that the program writes.
const REPORT: &str = "report.md";
/// Words that count parts of a document.
const PARTS: [&str; 14] = [
    "section",
    "sections",
    "equation",
    "equations",
    "appendix",
    "table",
    "tables",
    "figure",
    "figures",
    "chapter",
    "sec.",
    "eq.",
    "app.",
    "fig.",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("root")
}

/// All files below the root with one of these endings, by their path from there; nothing that is built or given.
fn files(ends: &[&str]) -> Vec<(String, String)> {
    let (root, mut found) = (root(), Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_given = name.starts_with('.') || ["target", "shared"].contains(&name.as_str());
            if path.is_dir() && !path.is_symlink() && !is_given {
                folders.push(path);
            } else if ends.iter().any(|end| name.ends_with(end)) {
                let text = std::fs::read_to_string(&path).expect("text");
                found.push((path.strip_prefix(&root).expect("below the root").display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}

/// The comments of a source, those of neighboring lines together.
fn comments(name: &str, text: &str) -> Vec<String> {
    let mark = if [".py", ".toml", ".sh"].iter().any(|end| name.ends_with(end)) { "#" } else { "//" };
    let (mut blocks, mut block) = (Vec::new(), String::new());
    for line in text.lines() {
        // a mark behind code has a blank before it, and an address has none
        let start = if line.trim_start().starts_with(mark) { line.find(mark) } else { line.find(&format!(" {mark} ")) };
        match start {
            Some(start) => {
                block.push_str(line[start..].trim_start_matches([' ', '/', '#', '!']));
                block.push(' ');
            }
            None if !block.is_empty() => blocks.push(std::mem::take(&mut block)),
            None => {}
        }
    }
    blocks.push(block);
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// Paragraphs, rows and items of a page; blocks of code are left out.
fn paragraphs(text: &str) -> Vec<String> {
    text.split("```").step_by(2).flat_map(|part| part.split("\n\n").map(|text| text.replace('\n', " "))).collect()
}

/// What a heading is called in an address.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter);
    heading.trim().to_lowercase().chars().filter(kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// Whether a file or folder is there, and the heading in it where one is named.
fn leads_somewhere(folder: &Path, target: &str) -> bool {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let there = folder.join(path);
    let has_heading = || {
        let page = std::fs::read_to_string(&there).unwrap_or_default();
        anchors(&page).contains(heading)
    };
    there.exists() && (heading.is_empty() || has_heading())
}

/// The targets of `[words](target)` that are no addresses of other machines.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.contains(' ')).collect()
}

/// The words that are paths of this repository: those that begin with one of its folders.
fn paths(text: &str) -> Vec<&str> {
    let is_of_path = |letter: char| letter.is_alphanumeric() || "/._-#*".contains(letter);
    let words = text.split(|letter: char| !is_of_path(letter)).map(|word| word.trim_end_matches(['.', '-', '#', '/']));
    let is_path = |word: &&str| PLACES.iter().any(|place| word.len() > place.len() && word.starts_with(place));
    words.filter(is_path).filter(|word| !PLACEHOLDERS.iter().any(|name| word.contains(name))).collect()
}

/// Names of pages of docs/ that stand alone, with a heading or without.
fn pages(text: &str) -> Vec<&str> {
    let is_of_name = |letter: char| letter.is_alphanumeric() || "/._-#".contains(letter);
    let words = text.split(|letter: char| !is_of_name(letter)).map(|word| word.trim_end_matches(['.', '-', '#']));
    let is_page = |word: &&str| {
        let page = word.split('#').next().unwrap_or_default();
        !word.contains('/') && page.len() > 3 && page.ends_with(".md") && page != REPORT
    };
    words.filter(is_page).collect()
}

/// What a text counts of a document without naming which: a section or equation by its number, a page with
/// a number behind it.
fn unnamed(text: &str) -> Option<String> {
    let names_one =
        ["et al.", "arXiv", "ROME", "MEMIT", ".md", "paper", "and Nanda"].iter().any(|name| text.contains(name));
    let bare = |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '.').to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.iter().zip(words.iter().skip(1)).find_map(|(word, number)| {
        let start = number.trim_start_matches(['(', '`']).chars().next()?;
        let is_page = bare(word).ends_with(".md") && number.contains('.') && start.is_ascii_digit();
        let is_part = PARTS.contains(&bare(word).as_str()) && start.is_ascii_digit() && !names_one;
        let is_sign = (word.ends_with('§') || number.starts_with('§')) && !names_one;
        let is_document = ["spec", "specification", "design"].contains(&bare(word).as_str()) && start.is_ascii_digit();
        (is_page || is_part || is_sign || is_document).then(|| format!("{word} {number}"))
    })
}

/// Sources whose comments are read.
fn sources() -> Vec<(String, String)> {
    files(&[".rs", ".toml", ".py", ".h", ".c", ".cpp"])
}

/// What is wrong, in a list that is empty.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "these lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn links_of_pages_lead_to_files_and_headings() {
    let (root, mut wrong, mut seen) = (root(), Vec::new(), 0);
    for (name, text) in files(&[".md"]) {
        let folder = root.join(&name).parent().expect("folder").to_owned();
        for target in links(&text) {
            seen += 1;
            let page = if target.starts_with('#') {
                format!("{}{target}", root.join(&name).display())
            } else {
                target.to_owned()
            };
            if !leads_somewhere(&folder, &page) {
                wrong.push(format!("{name}: {target}"));
            }
        }
    }
    assert!(seen > 50, "only {seen} links");
    assert_none(&wrong);
}

#[test]
fn paths_in_pages_and_comments_are_there() {
    let (root, mut wrong, mut seen) = (root(), Vec::new(), 0);
    // the changelog tells of what was there once
    let is_history = |name: &str| name == "CHANGELOG.md";
    let pages_of_text =
        files(&[".md"]).into_iter().filter(|(name, _)| !is_history(name)).map(|(name, text)| (name, paragraphs(&text)));
    let of_sources = sources().into_iter().map(|(name, text)| {
        let comments = comments(&name, &text);
        (name, comments)
    });
    for (name, texts) in pages_of_text.chain(of_sources) {
        for text in &texts {
            let alone = pages(text).into_iter().map(|page| (root.join("docs"), page));
            for (folder, path) in paths(text).into_iter().map(|path| (root.clone(), path)).chain(alone) {
                seen += 1;
                // a crate of another repository has such folders, too, and a page may be one of the root
                let here = root.join(&name).parent().expect("folder").to_owned();
                if ![&folder, &root, &here].iter().any(|folder| leads_somewhere(folder, path)) {
                    wrong.push(format!("{name}: {path}"));
                }
            }
        }
    }
    assert!(seen > 200, "only {seen} paths");
    assert_none(&wrong);
}

#[test]
fn numbers_of_sections_stand_beside_what_they_count() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let found = comments(&name, &text).into_iter().filter_map(|block| unnamed(&block));
        wrong.extend(found.map(|found| format!("{name}: {found}")));
    }
    assert_none(&wrong);
}

#[test]
fn what_leads_nowhere_is_found() {
    let docs = root().join("docs");
    assert!(leads_somewhere(&docs, "algorithms.md#noise") && leads_somewhere(&docs, "../README.md"));
    assert!(!leads_somewhere(&docs, "algorithms.md#nowhere") && !leads_somewhere(&docs, "nowhere.md"));
    assert_eq!(links("[a](docs/x.md#y), [b](https://example.org)"), ["docs/x.md#y"]);
    assert_eq!(
        paths("see `app/engine/src/trace/mod.rs`, app/NAME and tests/golden."),
        ["app/engine/src/trace/mod.rs", "tests/golden"]
    );
    assert_eq!(pages("as metrics.md#intervals says, and docs/x.md"), ["metrics.md#intervals"]);
    assert_eq!(anchor("Does localization inform editing?"), "does-localization-inform-editing");
    for text in ["as in section 2.4", "see methods.md 2.4", "(equation 3)", "§ 5 says", "specification 3.2"] {
        assert!(unnamed(text).is_some(), "{text}");
    }
    for text in ["(Meng et al. 2022, section 2)", "the tables 3 of the paper", "see docs/metrics.md", "a table of 3"] {
        assert_eq!(unnamed(text), None, "{text}");
    }
    let source = "/// As in\n/// section 3.\nfn a() {} // and [b](c)\nlet url = \"http://x\";";
    assert_eq!(comments("a.rs", source), ["As in section 3. and [b](c) "]);
}
