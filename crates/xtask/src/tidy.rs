//! The rules of the house that a compiler does not know.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{cargo::cargo, paths};

/// Named as the crate whose place it takes.
const ENGINE: &str = "engineioxide";

/// Which of our own crates a crate may be built on. `gateway` and `testkit` see all.
const MAY_USE: [(&str, &[&str]); 7] = [
    ("starling-kernel", &[]),
    ("starling-backend", &["starling-kernel"]),
    ("starling-features", &["starling-kernel"]),
    ("starling-edge", &["starling-kernel", ENGINE]),
    (ENGINE, &[]),
    ("starling-xtask", &[]),
    ("starling-loadgen", &["starling-xtask"]),
];

/// Runs every check and reports all that is wrong.
pub fn run() -> Result<()> {
    let mut wrong = wrong_dependencies(&own_dependencies()?);
    wrong.extend(broken_links(&paths::root())?);
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}", wrong.join("\n"))
}

/// Our crates with those of our crates that they are built on (tests may use more).
fn own_dependencies() -> Result<BTreeMap<String, Vec<String>>> {
    let output = cargo()
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .output()
        .context("cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    Ok(packages
        .iter()
        .map(|package| (text(&package["name"]), used(package)))
        .collect())
}

fn used(package: &Value) -> Vec<String> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.filter(|d| d["kind"] != "dev")
        .map(|d| text(&d["name"]))
        .filter(|n| n.starts_with("starling-") || n == ENGINE)
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn wrong_dependencies(crates: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, allowed) in MAY_USE {
        for used in crates.get(name).into_iter().flatten() {
            if !allowed.contains(&used.as_str()) {
                wrong.push(format!("{name} must not depend on {used}"));
            }
        }
    }
    wrong
}

/// Relative links in the README and in docs/ that lead nowhere.
fn broken_links(root: &Path) -> Result<Vec<String>> {
    let mut pages = vec![root.join("README.md")];
    if let Ok(dir) = fs::read_dir(root.join("docs")) {
        pages.extend(dir.flatten().map(|entry| entry.path()));
    }
    let mut wrong = Vec::new();
    for page in pages
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "md") && p.exists())
    {
        let markdown = fs::read_to_string(page)?;
        let base = page.parent().unwrap_or(root);
        let broken = links(&markdown)
            .into_iter()
            .filter(|link| !base.join(link).exists());
        wrong.extend(
            broken.map(|link| format!("{}: no such file: {}", page.display(), link.display())),
        );
    }
    Ok(wrong)
}

/// Targets of `[..](target)` that are files of the repository.
fn links(markdown: &str) -> Vec<PathBuf> {
    let targets = markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let files = targets
        .map(|t| t.split('#').next().unwrap_or(t))
        .filter(|t| !t.is_empty());
    files
        .filter(|t| !t.contains("://") && !t.starts_with("mailto:"))
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_point_one_way() {
        assert_eq!(
            wrong_dependencies(&own_dependencies().unwrap()),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_feature_that_uses_the_edge_is_reported() {
        let crates = BTreeMap::from([(
            "starling-features".to_owned(),
            vec!["starling-edge".to_owned()],
        )]);
        assert_eq!(wrong_dependencies(&crates).len(), 1);
    }

    #[test]
    fn only_links_to_files_are_looked_at() {
        let page = "[a](docs/A.md#part) [b](https://example.org) [c](#here) ![d](d.png)";
        assert_eq!(
            links(page),
            [PathBuf::from("docs/A.md"), PathBuf::from("d.png")]
        );
    }
}
