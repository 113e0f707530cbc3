//! Which conversations a server can be asked to hold that is seen from outside only.

use testkit::{Circumstance, Transcript, Verdict};

use crate::operator;

/// More is not waited for in one conversation, in milliseconds.
const WAIT_MS_MAX: u64 = 20_000;

/// Why a server cannot be asked this, if so.
pub(crate) fn obstacle(transcript: &Transcript, is_leveret: bool) -> Option<String> {
    match &transcript.verdict {
        Verdict::OnlyInMemory(reason) => return Some(reason.clone()),
        Verdict::NotApplicable(reason) if !is_leveret => return Some(reason.clone()),
        _ => {}
    }
    if transcript.has_strangers() {
        return Some("a client from another machine".to_owned());
    }
    let mut waited_ms = 0;
    for circumstance in transcript.circumstances() {
        let reason = match circumstance {
            Circumstance::Pass { ms } => {
                waited_ms += ms;
                continue;
            }
            Circumstance::Limits(_) => "limits of its own",
            Circumstance::Administer { .. } if is_leveret => "an operator's change",
            Circumstance::Administer { change, .. } => match operator::obstacle(change) {
                Some(reason) => reason,
                None => continue,
            },
            Circumstance::HoldDisk | Circumstance::ReleaseDisk => "a disk that is held",
            Circumstance::FillDisk | Circumstance::ClearDisk => "a disk that is full",
            Circumstance::FreeSpace { .. } => "a disk with too little room",
            Circumstance::Stop | Circumstance::Restart => "a server that stops",
            Circumstance::Crash => "a server that crashes",
        };
        return Some(reason.to_owned());
    }
    (waited_ms > WAIT_MS_MAX).then(|| format!("more than {} s to wait", WAIT_MS_MAX / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle_of(steps: &str) -> Option<String> {
        let transcripts = Transcript::parse_all(&format!("# A title.\n{steps}")).unwrap();
        obstacle(&transcripts[0], false)
    }

    #[test]
    fn what_only_our_own_world_can_do_is_not_asked() {
        assert_eq!(obstacle_of("C basic.qos  S basic.qos-ok\ntime +3s\n"), None);
        for steps in ["disk hold\n", "restart\n", "C connect remote\n", "time +9s\ntime +12s\n"] {
            assert!(obstacle_of(steps).is_some(), "{steps}");
        }
        assert_eq!(obstacle_of("# oracle: not applicable - no\n"), Some("no".to_owned()));
    }
}
