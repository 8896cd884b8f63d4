//! The order of the modules, as the table in `lib.rs` draws it: none knows one below it, and no pane knows another.

use proc_macro2::{TokenStream, TokenTree};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read(file: &Path) -> syn::File {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The modules of the table in the order of their rows.
fn table(lib: &syn::File) -> Vec<String> {
    let line = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    let lines = lib.attrs.iter().filter_map(line);
    lines.filter_map(|line| Some(line.trim().strip_prefix("| `")?.split('`').next()?.to_owned())).collect()
}

/// All files with the modules that they are.
fn modules(folder: &Path, inside: &[String]) -> Vec<(PathBuf, Vec<String>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_stem().expect("a name").to_string_lossy().into_owned();
        let mut module = inside.to_vec();
        if entry.is_dir() {
            module.push(name);
            found.extend(modules(&entry, &module));
        } else {
            if !["mod", "lib"].contains(&name.as_str()) {
                module.push(name);
            }
            found.push((entry, module));
        }
    }
    found
}

/// Paths of a module that lead out of it, from the root of the crate.
struct Paths {
    module: Vec<String>,
    found: Vec<Vec<String>>,
}

impl Paths {
    fn note(&mut self, path: &[String]) {
        let ups = path.iter().take_while(|part| *part == "super").count();
        match path.first().map(String::as_str) {
            Some("crate") => self.found.push(path[1..].to_vec()),
            Some("super") => {
                let from = self.module.len().checked_sub(ups).expect("no path leads out of the crate");
                self.found.push([&self.module[..from], &path[ups..]].concat());
            }
            _ => {}
        }
    }

    fn note_use(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.note_use(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.note(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_use(before, tree)),
        }
    }

    /// Macros hold paths as tokens.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(name) => path.push(name.to_string()),
                TokenTree::Punct(mark) if mark.as_char() == ':' => continue,
                TokenTree::Group(group) => {
                    self.note(&std::mem::take(&mut path));
                    self.note_tokens(group.stream());
                }
                _ => self.note(&std::mem::take(&mut path)),
            }
        }
        self.note(&path);
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_use(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note(&path.segments.iter().map(|part| part.ident.to_string()).collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    /// `pub(crate)` is no path that leads anywhere.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.note_tokens(item.tokens.clone());
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }
}

fn paths(file: &Path, module: &[String]) -> Vec<Vec<String>> {
    let mut paths = Paths { module: module.to_vec(), found: Vec::new() };
    paths.visit_file(&read(file));
    paths.found
}

#[test]
fn no_module_knows_one_below_it() {
    let lib = read(&sources().join("lib.rs"));
    let order = table(&lib);
    let mut declared: Vec<String> = lib
        .items
        .iter()
        .filter_map(|item| if let syn::Item::Mod(item) = item { Some(item.ident.to_string()) } else { None })
        .collect();
    let mut listed = order.clone();
    declared.sort();
    listed.sort();
    assert_eq!(listed, declared, "the table in lib.rs lists the modules");
    let place = |name: &str| order.iter().position(|known| known == name);
    let mut seen = 0;
    for (file, module) in modules(&sources(), &[]) {
        let Some(own) = module.first().and_then(|name| place(name)) else { continue };
        for path in paths(&file, &module) {
            let name = path.first().map_or("the crate's root", String::as_str);
            let other = place(name).unwrap_or_else(|| panic!("{}: {path:?} is in no module", file.display()));
            assert!(other <= own, "{} uses {name}, which is below it in the table of lib.rs", file.display());
            seen += usize::from(other < own);
        }
    }
    assert!(seen > 200, "{seen} paths from one module to another were found");
}

#[test]
fn no_pane_knows_another() {
    let panes: Vec<String> = read(&sources().join("panes/mod.rs"))
        .items
        .iter()
        .filter_map(|item| if let syn::Item::Mod(item) = item { Some(item.ident.to_string()) } else { None })
        .filter(|name| !["action", "table"].contains(&name.as_str()))
        .collect();
    assert_eq!(panes.len(), locus_tui::PANES.len(), "{panes:?}");
    for (file, module) in modules(&sources().join("panes"), &["panes".to_owned()]) {
        let Some(own) = module.get(1) else { continue };
        for path in paths(&file, &module).iter().filter(|path| path.first().is_some_and(|name| name == "panes")) {
            let other = path.get(1).filter(|name| panes.contains(name) && *name != own);
            assert_eq!(other, None, "{} uses another pane; what both need belongs to `state`", file.display());
        }
    }
}

#[test]
fn a_path_that_leads_out_is_found_wherever_it_stands() {
    let found = |source: &str| {
        let mut paths = Paths { module: vec!["panes".to_owned(), "trace".to_owned()], found: Vec::new() };
        paths.visit_file(&syn::parse_file(source).expect("Rust"));
        paths.found.iter().map(|path| path.join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(found("use super::{Pane, super::view::{draw, x as y}};"), ["panes Pane", "view draw", "view x"]);
    assert_eq!(found("fn f() -> crate::view::A { super::super::run::go() }"), ["view A", "run go"]);
    assert_eq!(found("fn f() { vec![(1, crate::view::draw(2))]; }"), ["view draw"]);
    assert_eq!(found("macro_rules! m { () => { $crate::view::draw() } }"), ["view draw"]);
    assert_eq!(found("mod tests { use super::super::table; use super::own; }"), ["panes table", "panes trace own"]);
    assert_eq!(found("pub(crate) fn f() {}"), [""; 0]);
    assert_eq!(found("use std::fmt; fn f() { self::g() }"), [""; 0]);
}

/// Every test that the manual of the workbench names is there.
#[test]
fn the_manual_names_tests_that_are_there() {
    let root = sources().join("../../..");
    let manual = std::fs::read_to_string(root.join("docs/workbench.md")).expect("the manual");
    let section = manual.split("## What users bring with them").nth(1).expect("the table of habits");
    let named: Vec<&str> = section.split('`').filter(|text| text.contains("::") && !text.contains(' ')).collect();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        let (file, function) = name.split_once("::").expect(name);
        let places = ["app/tui/tests/workbench", "tests/end-to-end/tests"];
        let is_there = places.iter().any(|folder| {
            let text = std::fs::read_to_string(root.join(folder).join(format!("{file}.rs"))).unwrap_or_default();
            text.contains(&format!("fn {function}()"))
        });
        assert!(is_there, "docs/workbench.md names the test {name}, which is not there");
    }
}
