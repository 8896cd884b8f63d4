//! The order of packages and modules that ARCHITECTURE.md names, compared with what depends on what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("root")
}

fn architecture() -> String {
    std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md")
}

/// What stands between the marks of code in a line.
fn named(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// All files below a folder that end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path()) {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if entry.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&entry, end));
        } else if name.ends_with(end) {
            found.push(entry);
        }
    }
    found
}

/// Packages by name: their folders, and the packages of ours that they are built with.
fn packages() -> BTreeMap<String, (String, Vec<String>)> {
    let root = root();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
        let needs = manifest.get("dependencies").and_then(toml::Value::as_table);
        let needs = needs.map(|needs| needs.keys().cloned().collect()).unwrap_or_default();
        let folder = file.parent()?.strip_prefix(&root).ok()?.to_string_lossy().into_owned();
        Some((name, (folder, needs)))
    };
    let mut packages: BTreeMap<_, (_, Vec<String>)> = files(&root, "Cargo.toml").into_iter().filter_map(read).collect();
    let names: BTreeSet<String> = packages.keys().cloned().collect();
    packages.values_mut().for_each(|(_, needs)| needs.retain(|needed| names.contains(needed)));
    packages
}

#[test]
fn packages_depend_downwards_in_the_table() {
    let text = architecture();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<&str> = rows.filter_map(|row| named(row).first().copied()).collect();
    let row = |folder: &str| {
        // the binary's package lies in `app`, its sources below
        let folder = if folder == "app" { "app/src/".to_owned() } else { format!("{folder}/") };
        let fits = rows.iter().enumerate().filter(|(_, row)| folder.starts_with(**row));
        let longest = fits.max_by_key(|(_, row)| row.len());
        longest.map(|(place, _)| place).unwrap_or_else(|| panic!("{folder} is in no row of the table"))
    };
    let packages = packages();
    assert!(packages.len() > 20, "{packages:?}");
    let mut edges = 0;
    for (name, (folder, needs)) in &packages {
        for needed in needs {
            let below = &packages[needed].0;
            edges += 1;
            assert!(
                row(folder) <= row(below),
                "{name} ({folder}) depends on {needed} ({below}), which stands above it"
            );
        }
    }
    assert!(edges > 40, "{edges}");
}

/// The modules at the top of a package that its code names.
#[derive(Default)]
struct Named(BTreeSet<String>);

impl Named {
    fn tree(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.0.extend([path.ident.to_string()]),
            syn::UseTree::Name(name) => self.0.extend([name.ident.to_string()]),
            syn::UseTree::Rename(name) => self.0.extend([name.ident.to_string()]),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree)),
            syn::UseTree::Glob(_) => {}
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'a> Visit<'a> for Named {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_use_path(&mut self, path: &'a syn::UsePath) {
        if path.ident == "crate" { self.tree(&path.tree) } else { visit::visit_use_path(self, path) }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate")
            && let Some(module) = segments.next()
        {
            self.0.insert(module.ident.to_string());
        }
        visit::visit_path(self, path);
    }
}

/// Modules at the top of a package, each with those of the others that it names outside of its tests.
fn modules(sources: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut modules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(sources, ".rs") {
        let within = file.strip_prefix(sources).expect("within");
        let first = within.iter().next().expect("a name").to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        let parsed = syn::parse_file(&std::fs::read_to_string(&file).expect("source")).expect("Rust");
        // a file of tests alone has tests behind its imports as well
        let is_a_test =
            parsed.items.iter().any(|item| matches!(item, syn::Item::Use(item) if is_for_tests(&item.attrs)));
        if module == "lib" || module == "main" || is_a_test {
            continue;
        }
        let mut named = Named::default();
        named.visit_file(&parsed);
        modules.entry(module).or_default().extend(named.0);
    }
    let all: BTreeSet<String> = modules.keys().cloned().collect();
    for (module, named) in &mut modules {
        named.retain(|other| other != module && all.contains(other));
    }
    modules
}

#[test]
fn modules_know_of_those_before_them_only() {
    let text = architecture();
    let mut held = 0;
    for line in text.lines().filter(|line| line.starts_with("- In `app/")) {
        let [folder, order @ ..] = &named(line)[..] else { panic!("{line}") };
        let modules = modules(&root().join(folder));
        let listed: BTreeSet<&str> = order.iter().copied().collect();
        assert_eq!(listed, modules.keys().map(String::as_str).collect(), "{folder}: what is there, and what is listed");
        let place = |module: &str| order.iter().position(|other| *other == module).expect("listed");
        for (module, named) in &modules {
            for other in named {
                assert!(place(other) < place(module), "{folder}: {module} names {other}, which comes after it");
            }
        }
        held += 1;
    }
    assert!(held >= 2, "the order of engine and session is in ARCHITECTURE.md");
}

#[test]
fn a_name_in_code_counts_and_one_in_a_test_does_not() {
    let text = "use crate::{a::X, b}; fn f() { crate::c::g(); } #[cfg(test)] mod tests { use crate::d; }";
    let mut named = Named::default();
    named.visit_file(&syn::parse_file(text).expect("Rust"));
    assert_eq!(named.0.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
}

/// Names of the modules of a folder, one a file or folder.
fn rooms(folder: &str) -> BTreeSet<String> {
    let entries =
        std::fs::read_dir(root().join(folder)).expect("folder").map(|entry| entry.expect("entry").file_name());
    entries.map(|name| name.to_string_lossy().trim_end_matches(".rs").to_owned()).filter(|name| name != "mod").collect()
}

/// What the table of ARCHITECTURE.md says of a new job: what it is asked and how it runs are a file each of the same name,
/// and nothing of the engine asks which task it has but the one place that hands it on.
#[test]
fn a_job_is_a_file_of_what_it_is_asked_and_one_of_how_it_runs() {
    let (asked, run) = (rooms("app/protocol/src/jobs"), rooms("app/session/src/jobs"));
    let without: Vec<&String> = asked.difference(&run).collect();
    assert!(asked.len() > 10 && without.is_empty(), "these tasks run nowhere: {without:?}");
    let sources = root().join("app/session/src");
    for file in files(&sources, ".rs") {
        let text = std::fs::read_to_string(&file).expect("source");
        let is_the_place = file.ends_with("session/src/jobs/mod.rs");
        assert_eq!(text.contains("Task::"), is_the_place, "{} asks which task it has", file.display());
    }
}

/// All files that the table names are there.
#[test]
fn the_table_of_what_is_new_names_files_that_are_there() {
    let text = architecture();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| a ") || line.starts_with("| an ")).collect();
    assert!(rows.len() >= 7, "{rows:?}");
    for row in rows {
        let is_path = |name: &&str| name.contains('/') || name.ends_with(".md");
        let paths: Vec<&str> = named(row).into_iter().filter(is_path).collect();
        for path in &paths {
            let there = path.split("/NAME/").next().unwrap_or(path).replace("/NAME.rs", "");
            assert!(root().join(&there).exists(), "{path} in “{row}”");
        }
        let count = row.trim_end_matches('|').rsplit('|').next().and_then(|count| count.trim().parse::<usize>().ok());
        assert_eq!(count, Some(paths.len()), "{row}");
    }
}
