//! Programs that the suite runs, and ends whatever happens.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::now_ns;

/// How often it is looked whether a program has ended: rarely enough to cost nothing.
const PATIENCE: Duration = Duration::from_millis(10);
/// The most that is read of what a program says; a report is one line.
const WORDS_BYTES_MAX: u64 = 64 * 1024;

/// A running program. It has a process group of its own, so that Ctrl-C reaches the suite alone, which then ends what
/// it has begun in the right order. When it goes out of use, the program ends.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
}

/// What a program said until it ended by itself.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) status: ExitStatus,
    pub(super) out: String,
    pub(super) err: String,
}

impl Program {
    /// # Errors
    /// The operating system does not start it.
    pub(super) fn start(
        path: &Path,
        arguments: &[OsString],
        out: Stdio,
        err: Stdio,
    ) -> io::Result<Self> {
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        Ok(Self { child: command.spawn()? })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it ends, at most `limit`, or until somebody wants the suite to end.
    ///
    /// # Errors
    /// Why it was ended rather than waited for.
    pub(super) fn finish(
        mut self,
        limit: Duration,
        interrupted: &AtomicBool,
    ) -> Result<Words, String> {
        let until_ns = now_ns() + crate::clock::nanos(limit);
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let err = thread::spawn(move || read(err));
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if interrupted.load(Relaxed) => return Err("interrupted".to_owned()),
                Ok(None) if now_ns() > until_ns => {
                    return Err(format!("it took more than {} s", limit.as_secs()));
                }
                Ok(None) => thread::sleep(PATIENCE),
                Err(fault) => return Err(fault.to_string()),
            }
        };
        let err = err.join().unwrap_or_default();
        Ok(Words { status, out: read(out), err })
    }

    /// Asks it to end, waits for that, and ends it if it does not listen.
    pub(super) fn stop(&mut self, limit: Duration) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let until_ns = now_ns() + crate::clock::nanos(limit);
        if self.is_alive() && pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok()) {
            while self.is_alive() && now_ns() < until_ns {
                thread::sleep(PATIENCE);
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail when it has ended, which is all that is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was said before a pipe broke is worth having.
        let _ = pipe.take(WORDS_BYTES_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Program {
        let arguments = ["-c", line].map(OsString::from);
        Program::start(Path::new("/bin/sh"), &arguments, Stdio::piped(), Stdio::piped())
            .expect("a shell")
    }

    #[test]
    fn what_a_program_says_is_kept() {
        let words = shell("echo out; echo err >&2; exit 3")
            .finish(Duration::from_secs(60), &AtomicBool::new(false))
            .expect("it ends");
        assert_eq!((words.out.as_str(), words.err.as_str()), ("out\n", "err\n"));
        assert_eq!(words.status.code(), Some(3));
    }

    #[test]
    fn a_program_ends_when_the_suite_does() {
        let program = shell("exec sleep 600");
        let folder = format!("/proc/{}", program.pid());
        assert!(Path::new(&folder).exists());
        let interrupted = AtomicBool::new(true);
        assert!(program.finish(Duration::from_secs(600), &interrupted).is_err());
        assert!(!Path::new(&folder).exists());
    }

    #[test]
    fn a_program_that_does_not_listen_is_ended_all_the_same() {
        let mut program = shell("trap '' TERM; exec sleep 600");
        let folder = format!("/proc/{}", program.pid());
        program.stop(Duration::ZERO);
        drop(program);
        assert!(!Path::new(&folder).exists());
    }
}
