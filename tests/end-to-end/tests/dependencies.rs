//! What the packages that Locus is built from allow, need, and bring twice; nothing is downloaded.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Licenses under which parts may be handed on with a program that is MIT or Apache-2.0.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// Packages that are there in several versions, because packages that we use want different ones.
const TWICE: [&str; 33] = [
    "base64",
    "bit-set",
    "bit-vec",
    "block-buffer",
    "cfg_aliases",
    "cpufeatures",
    "crypto-common",
    "darling",
    "darling_core",
    "darling_macro",
    "digest",
    "getrandom",
    "glam",
    "hashbrown",
    "libloading",
    "miniz_oxide",
    "num-bigint",
    "object",
    "rand",
    "rand_chacha",
    "rand_core",
    "roxmltree",
    "safetensors",
    "sha2",
    "signal-hook",
    "syn",
    "thiserror",
    "thiserror-impl",
    "toml",
    "toml_datetime",
    "winnow",
    "zstd",
    "zstd-safe",
];

/// `1.90` or `1.90.0` as numbers.
fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|number| number.parse().unwrap_or_else(|_| panic!("{text}"))).collect()
}

/// Whether a license expression can be met with allowed licenses: of alternatives one, of several that count together all.
fn can_be_met(license: &str) -> bool {
    let plain = license.replace(['(', ')'], "").replace(" / ", " OR ").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|one| ALLOWED.contains(&one.trim())))
}

#[test]
fn packages_have_known_licenses_and_build_with_the_oldest_rust_and_few_come_twice() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cargo.args(["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", &target]);
    let output = cargo.current_dir(root).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let text = |package: &Value, field: &str| package[field].as_str().map(str::to_owned);
    let named = |package: &Value| text(package, "name").expect("a name");

    let own = packages.iter().find(|package| named(package) == "locus").expect("our own");
    let oldest = version(&text(own, "rust_version").expect("rust-version"));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages {
        let (name, license) = (named(package), text(package, "license").unwrap_or_default());
        assert!(can_be_met(&license), "{name} has the license {license:?}");
        if let Some(needed) = text(package, "rust_version") {
            assert!(version(&needed) <= oldest, "{name} needs Rust {needed}; raise rust-version, or take an older one");
        }
        versions.entry(name).or_default().insert(text(package, "version").expect("a version"));
    }
    let twice: BTreeSet<&str> =
        versions.iter().filter(|(_, versions)| versions.len() > 1).map(|(name, _)| name.as_str()).collect();
    let known = BTreeSet::from(TWICE);
    let new: Vec<_> = twice.iter().filter(|name| !known.contains(*name)).collect();
    assert!(new.is_empty(), "several versions of {new:?}: take the one that is there, or add it to the list");
    let gone: Vec<_> = known.difference(&twice).collect();
    assert!(gone.is_empty(), "one version of {gone:?} now: take it off the list");
}

#[test]
fn license_expressions_are_read() {
    for license in
        ["MIT", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "GPL-3.0 OR MIT", "Apache-2.0 / MIT"]
    {
        assert!(can_be_met(license), "{license}");
    }
    for license in ["", "GPL-3.0", "MIT AND GPL-3.0", "AGPL-3.0-only", "(GPL-3.0 OR LGPL-3.0) AND MIT"] {
        assert!(!can_be_met(license), "{license}");
    }
}
