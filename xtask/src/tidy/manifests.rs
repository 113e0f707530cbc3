//! What the manifests say, as `cargo metadata` tells it, and what each has to say.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Finding;

/// One package of the workspace.
#[derive(Debug, Clone, Default)]
pub(super) struct Package {
    pub(super) name: String,
    /// The manifest, relative to the top of the checkout.
    pub(super) manifest: String,
    pub(super) description: String,
    /// Whether the manifest takes the lints of the workspace.
    pub(super) has_lints: bool,
    pub(super) dependencies: Vec<Dependency>,
}

/// An arrow from a package to another.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Only its tests need it.
    pub(super) is_dev: bool,
    /// It is a package of this workspace.
    pub(super) is_ours: bool,
}

/// Asks cargo for the packages of the workspace.
///
/// # Errors
/// Cargo cannot be started, does not accept a manifest, or a manifest cannot be read.
pub(super) fn read(root: &Path) -> Result<Vec<Package>, String> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|fault| format!("cannot start cargo: {fault}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|fault| format!("cargo metadata is not JSON: {fault}"))?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    packages.iter().map(|package| package_of(root, package)).collect()
}

fn package_of(root: &Path, package: &Value) -> Result<Package, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = text(&package["manifest_path"]);
    let manifest = std::fs::read_to_string(&path).map_err(|fault| format!("{path}: {fault}"))?;
    let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
    Ok(Package {
        name: text(&package["name"]),
        manifest: Path::new(&path)
            .strip_prefix(root)
            .map_or_else(|_| path.clone(), |path| path.to_string_lossy().into_owned()),
        description: text(&package["description"]),
        has_lints: manifest.contains("[lints]\nworkspace = true"),
        dependencies: dependencies
            .iter()
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                is_dev: dependency["kind"] == "dev",
                is_ours: dependency["path"].is_string(),
            })
            .collect(),
    })
}

/// Every package says in a sentence of its own what it is, and takes the lints of the workspace.
pub(super) fn check(packages: &[Package], findings: &mut Vec<Finding>) {
    for (index, package) in packages.iter().enumerate() {
        let mut refuse = |what: &str| findings.push(Finding::new(&package.manifest, 1, what));
        if package.description.is_empty() {
            refuse("no `description`; say in one sentence what the crate is");
        } else if packages[..index].iter().any(|other| other.description == package.description) {
            refuse("the `description` is that of another crate; say what this one is");
        }
        if !package.has_lints {
            refuse("the lints of the workspace are missing; add `[lints]` with `workspace = true`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_does_not_say_what_it_is_is_refused() {
        let silent = Package { name: "a".to_owned(), has_lints: true, ..Package::default() };
        let lax = Package { description: "Something".to_owned(), ..Package::default() };
        let copied = Package { has_lints: true, ..lax.clone() };
        let mut findings = Vec::new();
        check(&[silent, lax, copied], &mut findings);
        assert!(findings[0].what.starts_with("no `description`"));
        assert!(findings[1].what.starts_with("the lints of the workspace"));
        assert!(findings[2].what.starts_with("the `description` is that of another"));
        assert_eq!(findings.len(), 3);
    }
}
