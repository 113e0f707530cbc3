//! `cargo xtask dist`: what is handed to those who do not build Leveret themselves. Everything is made from one static
//! program, and the same checkout gives the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use program::Program;
use tree::Tree;

use crate::step;

mod check;
mod containerfile;
mod deb;
mod epoch;
mod image;
mod program;
mod tree;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Names of RabbitMQ's tools, under which the program does what they do.
const NAMES: &[&str] = &[
    "rabbitmqctl",
    "rabbitmq-diagnostics",
    "rabbitmq-plugins",
    "rabbitmq-queues",
    "rabbitmq-streams",
    "rabbitmq-upgrade",
];

pub(crate) const USAGE: &str = "\
usage: cargo xtask dist PART... [--binary FILE] [--out DIR]

  tar       leveret-VERSION-MACHINE.tar.gz: the program, its documentation, a service for systemd
  deb       leveret_VERSION_MACHINE.deb, by dpkg-deb
  image     leveret-VERSION-image.tar: a container image for `docker load`, `podman load`, `skopeo`
  rootfs    the files of that image, in a folder: what the Containerfile copies
  check     packs everything that the program is good for, unpacks it elsewhere and runs it

Without --binary the program is built, statically, which takes minutes. All is written to target/dist, or to DIR.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Request<'a> {
    parts: Vec<&'a str>,
    binary: Option<&'a str>,
    out: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn parse(arguments: &[&'a str]) -> Result<Self, String> {
        let mut request = Self { parts: Vec::new(), binary: None, out: None };
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            match argument {
                "--binary" => request.binary = Some(rest.next().ok_or(USAGE)?),
                "--out" => request.out = Some(rest.next().ok_or(USAGE)?),
                "tar" | "deb" | "image" | "rootfs" | "check" => request.parts.push(argument),
                _ => return Err(format!("`{argument}` is no part\n{USAGE}")),
            }
        }
        if request.parts.is_empty() { Err(USAGE.to_owned()) } else { Ok(request) }
    }
}

/// Makes the parts that `arguments` name.
///
/// # Errors
/// A part that does not exist, or that cannot be made.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let request = Request::parse(arguments)?;
    let epoch_s = epoch::seconds(root)?;
    let program = match request.binary {
        Some(path) => Program::read(&root.join(path))?,
        None => Program::build(root)?,
    };
    let out = request.out.map_or_else(|| step::target(root).join("dist"), |out| root.join(out));
    make_folder(&out)?;
    for part in request.parts {
        match part {
            "rootfs" => {
                image::files(root, &program)?.lay_out(&out, epoch_s)?;
                println!("{}: the files of the image", out.display());
            }
            "check" => check::run(root, &program, epoch_s)?,
            _ => tell(&out.join(pack(root, part, &program, epoch_s, &out)?))?,
        }
    }
    Ok(())
}

/// Packs one part into a folder, and returns the name of its file.
fn pack(
    root: &Path,
    part: &str,
    program: &Program,
    epoch_s: u64,
    out: &Path,
) -> Result<String, String> {
    let (name, bytes) = match part {
        "deb" => return deb::pack(root, program, epoch_s, out),
        "image" => {
            (format!("leveret-{VERSION}-image.tar"), image::archive(root, program, epoch_s)?)
        }
        _ => tarball(root, program, epoch_s)?,
    };
    let path = out.join(&name);
    fs::write(&path, bytes).map_err(|fault| format!("{}: {fault}", path.display()))?;
    Ok(name)
}

/// The archive for machines without a package of their own: its name, and its bytes.
fn tarball(root: &Path, program: &Program, epoch_s: u64) -> Result<(String, Vec<u8>), String> {
    let mut files = documents(root)?;
    files.file("leveret", 0o755, program.bytes.clone());
    for (shell, script) in &program.completions {
        files.file(&format!("completions/leveret.{shell}"), 0o644, script.clone());
    }
    for name in ["systemd/leveret.service", "leveret.conf", "leveret.1"] {
        files.copy(&root.join("packaging").join(name), name, 0o644)?;
    }
    let name = format!("leveret-{VERSION}-{}", program.machine.name());
    let bytes = files.archive(&format!("{name}/"), epoch_s).and_then(|bytes| tree::gzip(&bytes));
    let bytes = bytes.map_err(|fault| format!("{name}: {fault}"))?;
    Ok((format!("{name}.tar.gz"), bytes))
}

/// What is shipped of the documentation, so that links between its pages lead where they led.
fn documents(root: &Path) -> Result<Tree, String> {
    const TOP: &[&str] =
        &["ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md"];
    let mut files = Tree::default();
    for name in TOP {
        files.copy(&root.join(name), name, 0o644)?;
    }
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        let tell = |fault| format!("{}: {fault}", folder.display());
        for entry in fs::read_dir(root.join(&folder)).map_err(tell)? {
            let entry = entry.map_err(tell)?;
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else {
                files.copy(&entry.path(), &path.to_string_lossy(), 0o644)?;
            }
        }
    }
    Ok(files)
}

fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|fault| format!("{}: {fault}", path.display()))
}

/// Removes a folder of ours, if it is there.
fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {fault}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn tell(path: &Path) -> Result<(), String> {
    let size = fs::metadata(path).map_err(|fault| format!("{}: {fault}", path.display()))?.len();
    println!("{}: {:.1} MB", path.display(), size as f64 / 1e6);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_parts_and_where_they_come_from() {
        let request = Request::parse(&["deb", "--binary", "a", "tar", "--out", "b"]).unwrap();
        assert_eq!(
            request,
            Request { parts: vec!["deb", "tar"], binary: Some("a"), out: Some("b") }
        );
        for arguments in [&[][..], &["rpm"], &["deb", "--binary"], &["--out", "b"]] {
            assert!(Request::parse(arguments).unwrap_err().contains("usage:"), "{arguments:?}");
        }
    }
}
