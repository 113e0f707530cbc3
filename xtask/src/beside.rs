//! Steps that run beside the others: those that reckon while the others wait.
//!
//! ```text
//!   … → release ─┬─→ dist → interop → … → leaks ─┬─→ done
//!                └─→ sim → crashes → … → fuzz ───┘
//! ```
//!
//! Simulation knows no time but its own, so that nothing it says depends on what else the machine does. The steps that talk to a broker wait
//! most of the time. What runs beside them is this program once more, and stands back while they need the cores.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::step;

/// How far it stands back, as `nice` counts.
const NICE: &str = "5";

/// Steps that run in a process of their own.
#[derive(Debug)]
pub(crate) struct Beside {
    child: Child,
    output: PathBuf,
}

impl Beside {
    /// Starts the steps with these names.
    ///
    /// # Errors
    /// This program cannot be started once more, or its output has no place.
    pub(crate) fn start(root: &Path, names: &[&str]) -> Result<Self, String> {
        let output = step::target(root).join("ci-beside");
        let told = |fault| format!("{}: {fault}", output.display());
        fs::create_dir_all(step::target(root)).map_err(told)?;
        let file = File::create(&output).map_err(told)?;
        let again = file.try_clone().map_err(told)?;
        let program = env::current_exe().map_err(|fault| format!("cannot find myself: {fault}"))?;
        let child = Command::new("nice")
            .args(["-n", NICE])
            .arg(program)
            .arg("ci")
            .args(names)
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .spawn()
            .map_err(|fault| format!("cannot start `nice`: {fault}"))?;
        println!("── beside what follows: {} ──", names.join(", "));
        Ok(Self { child, output })
    }

    /// Waits for them, and shows what they have said.
    ///
    /// # Errors
    /// One has failed: which is shown.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        let status = self.child.wait().map_err(|fault| format!("a process is lost: {fault}"))?;
        let said = fs::read(&self.output);
        let said = said.map_err(|fault| format!("{}: {fault}", self.output.display()))?;
        print!("{}", String::from_utf8_lossy(&said));
        if status.success() { Ok(()) } else { Err("a step beside the others failed".to_owned()) }
    }
}
