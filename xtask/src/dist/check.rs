//! Packs, unpacks into an empty folder as its user would, and runs what comes out.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::program::Program;
use super::{deb, make_folder, remove};
use crate::step;

/// Every part that the program is good for.
///
/// # Errors
/// What is not as it has to be.
pub(super) fn run(root: &Path, program: &Program, epoch_s: u64) -> Result<(), String> {
    let folder = step::target(root).join("dist-check");
    remove(&folder)?;
    let mut parts = vec!["tar", "deb"];
    if program.is_dynamic {
        println!("the program is not static: no image is made of it");
    } else {
        parts.push("image");
    }
    let packages = folder.join("once");
    for part in parts {
        let (name, once) = make(root, part, program, epoch_s, &packages)?;
        let (_, again) = make(root, part, program, epoch_s, &folder.join("again"))?;
        if once != again {
            return Err(format!("{name}: packed twice, it is not the same"));
        }
        println!("{name}: {:.1} MB, the same when it is packed again", once.len() as f64 / 1e6);
        match part {
            "tar" => from_tar(root, &folder.join("tar"), &packages.join(&name))?,
            "deb" => from_deb(root, &folder.join("deb"), &packages.join(&name), program)?,
            _ => {}
        }
    }
    verify_unit(root, &folder.join("deb"))?;
    remove(&folder)
}

/// A part's name and bytes.
fn make(
    root: &Path,
    part: &str,
    program: &Program,
    epoch_s: u64,
    folder: &Path,
) -> Result<(String, Vec<u8>), String> {
    make_folder(folder)?;
    let name = super::pack(root, part, program, epoch_s, folder)?;
    let path = folder.join(&name);
    let bytes = fs::read(&path).map_err(|fault| format!("{}: {fault}", path.display()))?;
    Ok((name, bytes))
}

fn from_tar(root: &Path, folder: &Path, archive: &Path) -> Result<(), String> {
    make_folder(folder)?;
    let into = folder.to_string_lossy();
    // What its user types.
    let unpack = ["-xzf", &archive.to_string_lossy(), "--strip-components=1", "-C", &into];
    step::run(root, "tar", &unpack)?;
    serve(&folder.join("leveret"), &folder.join("data"), &[])
}

fn from_deb(root: &Path, folder: &Path, package: &Path, program: &Program) -> Result<(), String> {
    let (package, into) = (package.to_string_lossy(), folder.to_string_lossy());
    let listed = output(Command::new("dpkg-deb").args(["--contents", &*package]))?;
    for line in listed.lines() {
        if !line.contains(" root/root ") {
            return Err(format!("not the superuser's: {line}"));
        }
    }
    let of_package = output(Command::new("dpkg-deb").args(["--info", &*package]))?;
    for wanted in ["Package: leveret", "conffiles", "postinst"] {
        if !of_package.contains(wanted) {
            return Err(format!("`{wanted}` is missing in:\n{of_package}"));
        }
    }
    step::run(root, "dpkg-deb", &["--extract", &package, &into])?;
    for name in ["postinst", "prerm", "postrm"] {
        step::run(root, "sh", &["-n", &format!("packaging/debian/{name}")])?;
    }
    let linked = folder.join("usr/lib/leveret/bin/rabbitmqctl");
    if fs::read(&linked).ok().as_deref() != deb::files(root, program)?.bytes("usr/bin/leveret") {
        return Err(format!("{} does not lead to the program", linked.display()));
    }
    let config = folder.join("etc/leveret/leveret.conf");
    serve(
        &folder.join("usr/bin/leveret"),
        &folder.join("data"),
        &["--config", &config.to_string_lossy()],
    )
}

/// Asks systemd what it thinks of the unit, where there is one.
fn verify_unit(root: &Path, folder: &Path) -> Result<(), String> {
    if !step::succeeds(root, "systemd-analyze", &["--version"]) {
        println!("systemd-analyze is missing; the unit is not verified");
        return Ok(());
    }
    let unit = folder.join("usr/lib/systemd/system/leveret.service");
    let text = fs::read_to_string(&unit).map_err(|fault| format!("{}: {fault}", unit.display()))?;
    // The program and the manual page are not installed here.
    let program = folder.join("usr/bin/leveret");
    let text = text
        .replace("/usr/bin/leveret", &program.to_string_lossy())
        .replace("Documentation=man:leveret(1)\n", "");
    fs::write(&unit, text).map_err(|fault| format!("{}: {fault}", unit.display()))?;
    step::run(root, "systemd-analyze", &["verify", &unit.to_string_lossy()])?;
    println!("the unit is verified by systemd-analyze");
    Ok(())
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|fault| format!("{command:?}: {fault}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{command:?} failed: {text}")) }
}

/// Ends the process that it holds, whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the program until it says that it is ready.
fn serve(program: &Path, data_dir: &Path, arguments: &[&str]) -> Result<(), String> {
    let child = Command::new(program)
        // Any ports: a broker may run here already.
        .args(["serve", "--set", "listeners.tcp.1=127.0.0.1:0"])
        .args(["--set", "management.tcp.port=0", "--set", "management.tcp.ip=127.0.0.1"])
        .args(["--set", "prometheus.tcp.port=0", "--set", "prometheus.tcp.ip=127.0.0.1"])
        .arg("--data-dir")
        .arg(data_dir)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut running = Running(child.map_err(|fault| format!("{}: {fault}", program.display()))?);
    let mut line = String::new();
    if let Some(out) = running.0.stdout.take() {
        BufReader::new(out).read_line(&mut line).map_err(|fault| fault.to_string())?;
    }
    if line.starts_with("ready amqp=127.0.0.1:") {
        println!("{}: {}", program.display(), line.trim_end());
        Ok(())
    } else {
        Err(format!("{} does not become ready; it says: {line}", program.display()))
    }
}
