//! The Debian package. What is in it is told here; how it is packed is `dpkg-deb`'s business.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::program::Program;
use super::tree::{self, Tree};
use crate::step;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The package's files, and what `dpkg` wants to know of it.
///
/// # Errors
/// A file of the checkout cannot be read.
pub(super) fn files(root: &Path, program: &Program) -> Result<Tree, String> {
    let mut files = Tree::default();
    files.file("usr/bin/leveret", 0o755, program.bytes.clone());
    // In a folder of their own: a RabbitMQ that is installed has these names in `/usr/sbin`.
    for name in super::NAMES {
        files.link(&format!("usr/lib/leveret/bin/{name}"), "../../../bin/leveret");
    }
    for (from, path) in [
        ("packaging/leveret.conf", "etc/leveret/leveret.conf"),
        ("packaging/systemd/leveret.service", "usr/lib/systemd/system/leveret.service"),
        ("packaging/systemd/sysusers.conf", "usr/lib/sysusers.d/leveret.conf"),
        ("packaging/systemd/tmpfiles.conf", "usr/lib/tmpfiles.d/leveret.conf"),
        ("LICENSE", "usr/share/doc/leveret/copyright"),
    ] {
        files.copy(&root.join(from), path, 0o644)?;
    }
    for (shell, script) in &program.completions {
        let path = match *shell {
            "bash" => "usr/share/bash-completion/completions/leveret",
            "zsh" => "usr/share/zsh/vendor-completions/_leveret",
            _ => "usr/share/fish/vendor_completions.d/leveret.fish",
        };
        files.file(path, 0o644, script.clone());
    }
    files.folder("etc/leveret/conf.d", 0o755);
    let packed = |path: &str| {
        let bytes = fs::read(root.join(path)).map_err(|fault| format!("{path}: {fault}"))?;
        tree::gzip(&bytes).map_err(|fault| format!("{path}: {fault}"))
    };
    files.file("usr/share/man/man1/leveret.1.gz", 0o644, packed("packaging/leveret.1")?);
    files.file("usr/share/doc/leveret/changelog.gz", 0o644, packed("CHANGELOG.md")?);
    for (path, bytes) in super::documents(root)?.files() {
        files.file(&format!("usr/share/doc/leveret/{path}"), 0o644, bytes);
    }
    let control = control(program, files.size_bytes());
    files.file("DEBIAN/control", 0o644, control);
    files.file("DEBIAN/conffiles", 0o644, "/etc/leveret/leveret.conf\n");
    for name in ["postinst", "prerm", "postrm"] {
        let from = root.join("packaging/debian").join(name);
        files.copy(&from, &format!("DEBIAN/{name}"), 0o755)?;
    }
    Ok(files)
}

fn control(program: &Program, size_bytes: usize) -> String {
    // A static program needs no library; the user and the data directory are made by what systemd has split off, too.
    let library = if program.is_dynamic { "libc6, " } else { "" };
    format!(
        "Package: leveret\n\
         Version: {VERSION}\n\
         Architecture: {architecture}\n\
         Maintainer: The Leveret authors <leveret@localhost>\n\
         Installed-Size: {size}\n\
         Depends: {library}systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles\n\
         Section: net\n\
         Priority: optional\n\
         Description: message broker that RabbitMQ clients take for RabbitMQ\n \
         Leveret speaks AMQP 0-9-1 as RabbitMQ does, keeps messages on disk before it\n \
         confirms them, and reads the configuration of RabbitMQ. It can be installed\n \
         beside RabbitMQ; only one of them can listen on a port.\n",
        architecture = program.machine.debian_name(),
        size = size_bytes.div_ceil(1024),
    )
}

/// Packs the package into a folder, and returns the name of its file.
///
/// # Errors
/// `dpkg-deb` is missing, or does not like what it gets.
pub(super) fn pack(
    root: &Path,
    program: &Program,
    epoch_s: u64,
    out: &Path,
) -> Result<String, String> {
    let has_packer = Command::new("dpkg-deb").arg("--version").stdout(Stdio::null()).status();
    if !has_packer.is_ok_and(|status| status.success()) {
        return Err(
            "dpkg-deb is missing, which packs Debian packages: `apt-get install dpkg`, or use `dist tar`"
                .to_owned(),
        );
    }
    let name = format!("leveret_{VERSION}_{}.deb", program.machine.debian_name());
    let stage = out.join("deb");
    super::remove(&stage)?;
    files(root, program)?.lay_out(&stage, epoch_s)?;
    let (folder, file) = (stage.to_string_lossy(), out.join(&name));
    let (epoch, file) = (format!("SOURCE_DATE_EPOCH={epoch_s}"), file.to_string_lossy());
    // The same compressor and level on every machine: Debian's and Ubuntu's differ.
    let packer = [&epoch, "dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--threads-max=1"];
    step::run(root, "env", &[&packer[..], &["--build", &folder, &file]].concat())?;
    super::remove(&stage)?;
    Ok(name)
}
