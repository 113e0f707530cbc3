//! The program that is shipped: built so that it needs nothing of the machine that it comes to.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step;

/// Where static programs are built. Decision 9 has the numbers.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// A program for Linux, read from its file.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) bytes: Vec<u8>,
    pub(super) machine: Machine,
    /// Whether it needs a loader and libraries of the machine that it comes to.
    pub(super) is_dynamic: bool,
    /// Scripts that complete its commands, by shell.
    pub(super) completions: Vec<(&'static str, Vec<u8>)>,
}

/// What kind of processor it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    X86_64,
    Aarch64,
}

impl Machine {
    /// As compilers call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// As Debian, Go and container images call it.
    pub(super) const fn debian_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}

impl Program {
    /// Reads a program that is there already.
    ///
    /// # Errors
    /// It cannot be read, or is no program for Linux.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|fault| format!("{}: {fault}", path.display()))?;
        let program =
            Self::parse(bytes).map_err(|reason| format!("{}: {reason}", path.display()))?;
        Ok(Self { completions: completions(path), ..program })
    }

    /// Builds it, which takes minutes.
    ///
    /// # Errors
    /// What is missing here and how to get it, or as [`step::run`].
    pub(super) fn build(root: &Path) -> Result<Self, String> {
        if !step::succeeds(root, "musl-gcc", &["--version"]) {
            return Err(
                "musl-gcc is missing, which compiles what is written in C for a static program: \
                 `apt-get install musl-tools`"
                    .to_owned(),
            );
        }
        if !step::succeeds(root, "rustup", &["target", "add", TARGET]) {
            return Err(format!(
                "Rust's libraries for {TARGET} are missing: `rustup target add {TARGET}`"
            ));
        }
        // Backtraces name our files, but not the folders of the machine that built them.
        let home =
            env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| home + "/.cargo"));
        let home = home.map_err(|_| "neither CARGO_HOME nor HOME is set".to_owned())?;
        let flags = [
            "-Clink-arg=-Wl,--compress-debug-sections=zlib".to_owned(),
            format!("--remap-path-prefix={}=/leveret", root.display()),
            format!("--remap-path-prefix={home}=/cargo"),
        ];
        let flags: Vec<String> = flags.iter().map(|flag| format!("{flag:?}")).collect();
        let config = format!("target.{TARGET}.rustflags=[{}]", flags.join(","));
        let build = ["build", "--release", "--locked", "--package", "server", "--target", TARGET];
        step::cargo(root, &[&build[..], &["--config", &config]].concat())?;
        Self::read(&built(root))
    }

    /// Sections 4 and 5 of the ELF specification: the file's header, and the headers of what is loaded.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, &'static str> {
        const NOT_A_PROGRAM: &str = "not a program for 64-bit Linux";
        const INTERPRETER: u16 = 3;
        let number = |at: usize| {
            let bytes = bytes.get(at..at + 2).ok_or(NOT_A_PROGRAM)?;
            Ok::<u16, &'static str>(u16::from_le_bytes([bytes[0], bytes[1]]))
        };
        if !bytes.starts_with(b"\x7fELF\x02\x01") {
            return Err(NOT_A_PROGRAM);
        }
        let machine = match number(18)? {
            62 => Machine::X86_64,
            183 => Machine::Aarch64,
            _ => return Err("for a kind of processor that no package is made for"),
        };
        // Program headers stand in the first 64 KiB in every file that a linker writes.
        let (first, size, count) = (number(32)?, number(54)?, number(56)?);
        let mut is_dynamic = false;
        for index in 0..count {
            let at = usize::from(first) + usize::from(index) * usize::from(size);
            is_dynamic |= number(at)? == INTERPRETER;
        }
        Ok(Self { bytes, machine, is_dynamic, completions: vec![] })
    }
}

/// Asks the program for what it has to say to shells. One that is for another kind of machine cannot be asked.
fn completions(path: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let ask = |shell| {
        let output = Command::new(path).args(["ctl", "completion", shell]).output().ok()?;
        let is_told = output.status.success() && !output.stdout.is_empty();
        is_told.then_some((shell, output.stdout))
    };
    ["bash", "zsh", "fish"].into_iter().filter_map(ask).collect()
}

/// Where [`Program::build`] leaves it.
fn built(root: &Path) -> PathBuf {
    step::target(root).join(TARGET).join("release/leveret")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The least that is taken for a program: the header of a file, and one of a part of it.
    pub(in crate::dist) fn bytes(machine: u16, kind: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        for (at, number) in [(18, machine), (32, 64), (54, 56), (56, 1), (64, kind)] {
            bytes[at..at + 2].copy_from_slice(&u16::to_le_bytes(number));
        }
        bytes
    }

    #[test]
    fn what_a_program_needs_is_seen_in_its_header() {
        let fixed = Program::parse(bytes(62, 1)).unwrap();
        assert!(!fixed.is_dynamic);
        assert_eq!(fixed.machine.debian_name(), "amd64");
        let dynamic = Program::parse(bytes(183, 3)).unwrap();
        assert!(dynamic.is_dynamic);
        assert_eq!(dynamic.machine.name(), "aarch64");
        assert!(Program::parse(bytes(8, 1)).is_err());
        assert!(Program::parse(b"#!/bin/sh\n".to_vec()).is_err());
        assert!(Program::parse(bytes(62, 1)[..100].to_vec()).is_ok());
        assert!(Program::parse(bytes(62, 1)[..60].to_vec()).is_err());
    }
}
