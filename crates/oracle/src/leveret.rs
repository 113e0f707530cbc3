//! A server of Leveret's own for one conversation.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A process that lives as long as this.
#[derive(Debug)]
pub(crate) struct Leveret {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Leveret {
    /// Starts one and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or does not become ready.
    pub(crate) fn start(program: &Path) -> Result<Self, String> {
        let fault = |fault: std::io::Error| format!("{}: {fault}", program.display());
        let folder = tempfile::tempdir().map_err(fault)?;
        // The port is free at this moment, which is nearly always enough.
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(fault)?;
        let mut process = Command::new(program)
            .args(["serve", "--set", "management.tcp.port=0", "--set", "prometheus.tcp.port=0"])
            .args(["--set", &format!("listeners.tcp.1={address}"), "--data-dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(fault)?;
        let output = process.stdout.take().ok_or("a process without output")?;
        let lines = BufReader::new(output).lines();
        let is_ready = lines.map_while(Result::ok).any(|line| line.starts_with("ready"));
        let server = Self { process, address, _folder: folder };
        if is_ready {
            Ok(server)
        } else {
            Err(format!("{} does not become ready", program.display()))
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Leveret {
    fn drop(&mut self) {
        // A process that has ended by itself is as good as one that is ended here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
