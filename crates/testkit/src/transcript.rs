//! Transcripts: conversations written down.
//!
//! ```text
//!   # A persistent message is confirmed only after its queue has been synced.
//!   C  queue.declare queue=q durable        S  queue.declare-ok queue=q message_count=0
//!   C  confirm.select                       S  confirm.select-ok
//!      disk hold
//!   C  basic.publish routing_key=q delivery_mode=2 "hello"     S  -
//!      disk release                         S  basic.ack delivery_tag=1
//!   ---
//!   # The next conversation.
//! ```
//!
//! A file holds conversations between lines of `---`; the first line of each is its title, other lines that begin with
//! `#` are comments. Each begins with a fresh node.
//!
//! **Who.** `C` is the client, `S` the server; `C2` and `S2` are another client and the server as that one hears it;
//! `C[3]` is the client on channel 3. Methods of class connection are on channel 0, all others on channel 1 unless
//! something else is said. A client connects, and opens a channel, when it first needs to.
//!
//! **Said.** A method, `class.method`, with its fields as `name=value` (values: see the file `value.rs`); a bit that is
//! set needs no value. A text behind `basic.publish` and the like is the body; properties are fields too. `3x` in
//! front says something three times; a `+` at the end of a line sends it together with what the client says next.
//!
//! **Expected.** What the server says, in order, for each channel by itself. Fields that are not named are not
//! compared; of tables, only the keys that are. `*` is any value, `$name` gives it a name to be used from there on, and
//! `absent` is a property that is not set, or a key that a table has not. `S -` says that nothing came. Everything that
//! comes has to be expected: what is left over when the next step begins is a failure. Only the end of a socket need not
//! be expected after `connection.close` or `connection.close-ok`, because either side may close it.
//! In `channel.close` and `connection.close`, `method=queue.declare` stands for `class_id` and `method_id`; with
//! content, `frames=3` says in how many frames the body came.
//!
//! **The oracle.** The same conversations are held with a real RabbitMQ, see `tests/oracle`. A comment
//! `# oracle: differs - some-id` says that RabbitMQ goes another way, and where that is justified;
//! `# oracle: not applicable - words` that it cannot be asked, and why; `# oracle: only in memory - words` that no real
//! server can.
//!
//! | step | what it does |
//! |---|---|
//! | `C connect raw` | connects and says nothing |
//! | `C connect manual heartbeat=10 frame_max=4096 …` | connects with these, and opens no channel by itself; without `manual`, it does; `user=`, `password=` and `virtual_host=` are others than usual |
//! | `C greeting` | the protocol header |
//! | `C raw 01 00 ff` | any octets |
//! | `C frame type=9 "payload"` | a frame; `end=` and `size=` make it a wrong one |
//! | `C content-header size=5`, `C content-body "hello"` | parts of a message (`basic.publish` without a body sends the method only) |
//! | `C heartbeat`, `C close` | a sign of life; the client closes its socket |
//! | `S heartbeat`, `S close`, `S raw 41 4d …` | a sign of life; the server closes the socket; a protocol header |
//! | `disk hold`, `disk release` | what the disk is asked has to wait; and is done |
//! | `disk full`, `disk cleared` | nothing on it can grow; and it can again |
//! | `space low`, `space enough` | the file system of the data directory has too little room; and enough again |
//! | `time +30s`, `time +5ms` | time passes |
//! | `limits channel_max=5 …` | the node has these limits; before anything else |
//! | `admin add-vhost name=v default-queue-type=quorum description="…" protected` | an operator makes a virtual host |
//! | `admin remove-vhost name=v` | removes one |
//! | `admin set-policy vhost=/ name=p pattern="^q" apply-to=queues priority=0 definition={message-ttl=100}` | sets a policy; `set-operator-policy` the same for operator policies |
//! | `admin clear-policy vhost=/ name=p`, `admin clear-operator-policy …` | clears it |
//! | `admin set-vhost-limits vhost=v max-connections=1 max-queues=1`, `admin set-user-limits user=guest max-connections=1 max-channels=1` | sets all limits of one; what is not named is not limited |
//! | `admin add-user name=u password=p tags="a,b"`, `admin remove-user name=u` | makes a user, or one that is there another; removes one; `hashing=…` names how the hash is made |
//! | `admin set-permissions user=u configure="…" write="…" read="…"`, `admin clear-permissions user=u` | sets what a user may do; takes it back |
//! | `admin set-topic-permissions user=u exchange=e write="…" read="…"`, `admin clear-topic-permissions user=u exchange=e` | the same for a topic exchange; without one, all are cleared |
//! | `admin set-parameter vhost=/ component=shovel name=s value={…}`, `admin set-global-parameter name=g value={…}` | sets a parameter; `clear-…` clears it |
//! | `admin … refused` | an operator is refused |
//! | `stop` | the server is told to stop |
//! | `restart`, `crash` | it stops, or is gone without a word, and starts from what is on disk; all clients are gone |

use crate::action::{Action, Step};
use crate::line;
use crate::venue::Circumstance;

/// A conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// What it shows, in a sentence.
    pub title: String,
    /// The line of the title, counted from 1.
    pub line: usize,
    /// What a real RabbitMQ is known to say to it.
    pub verdict: Verdict,
    pub(crate) steps: Vec<Step>,
}

/// What a real RabbitMQ is known to say to a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    #[default]
    Agrees,
    /// Something else, which is justified under this heading of `tests/oracle/differences.md`.
    Differs(String),
    /// It cannot be asked, for this reason.
    NotApplicable(String),
    /// No server but one in memory can be asked, for this reason.
    OnlyInMemory(String),
}

/// A line that is none of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

const SEPARATOR: &str = "---";

impl Transcript {
    /// Reads the transcripts of a file.
    ///
    /// # Errors
    /// [`Unreadable`], naming the first line that makes no sense.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, Unreadable> {
        let mut transcripts: Vec<Self> = Vec::new();
        let mut is_title_due = true;
        for (number, line) in (1..).zip(text.lines()) {
            let unreadable = |what: String| Unreadable { line: number, what };
            let line = line.trim();
            if line == SEPARATOR {
                is_title_due = true;
            } else if is_title_due && !line.is_empty() {
                let title = line.strip_prefix("# ").ok_or_else(|| {
                    unreadable("a conversation begins with `# ` and a sentence".to_owned())
                })?;
                let (title, steps) = (title.to_owned(), Vec::new());
                let verdict = Verdict::default();
                transcripts.push(Self { title, line: number, verdict, steps });
                is_title_due = false;
            } else if let Some(verdict) = line.strip_prefix("# oracle:") {
                let Some(transcript) = transcripts.last_mut() else { continue };
                transcript.verdict = Verdict::parse(verdict).map_err(unreadable)?;
            } else if !line.is_empty() && !line.starts_with('#') {
                let Some(transcript) = transcripts.last_mut() else { continue };
                for (text, action) in line::parse(line).map_err(unreadable)? {
                    transcript.steps.push(Step { line: number, text, action });
                }
            }
        }
        Ok(transcripts)
    }

    /// Everything that happens in it besides what is said and heard, in order.
    pub fn circumstances(&self) -> impl Iterator<Item = &Circumstance> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Happen(circumstance) => Some(circumstance),
            _ => None,
        })
    }

    /// Whether a client in it comes from another machine.
    pub fn has_strangers(&self) -> bool {
        let is_remote = |step: &Step| match &step.action {
            Action::Connect { args, .. } => args.is_set("remote"),
            _ => false,
        };
        self.steps.iter().any(is_remote)
    }
}

impl Verdict {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().split_once(" - ") {
            Some(("differs", id)) => Ok(Self::Differs(id.to_owned())),
            Some(("not applicable", reason)) => Ok(Self::NotApplicable(reason.to_owned())),
            Some(("only in memory", reason)) => Ok(Self::OnlyInMemory(reason.to_owned())),
            _ => Err("the oracle says `differs - ID`, or `not applicable` or `only in memory` with a reason".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_conversations_with_titles() {
        let text = "# One.\n# A comment.\nC basic.qos  S basic.qos-ok\n---\n\n# Two.\ntime +1s\n";
        let transcripts = Transcript::parse_all(text).unwrap();
        let titles: Vec<_> = transcripts.iter().map(|t| (t.title.as_str(), t.line)).collect();
        assert_eq!(titles, [("One.", 1), ("Two.", 6)]);
        assert_eq!(transcripts[0].steps.len(), 2);
        assert_eq!(transcripts[1].steps[0].line, 7);
    }

    #[test]
    fn a_comment_says_what_the_oracle_is_known_to_say() {
        let text = "# One.\n# oracle: differs - a-b\nC basic.qos\n---\n# Two.\nC connect remote\n";
        let transcripts = Transcript::parse_all(text).unwrap();
        assert_eq!(transcripts[0].verdict, Verdict::Differs("a-b".to_owned()));
        assert_eq!(transcripts[1].verdict, Verdict::Agrees);
        assert!(!transcripts[0].has_strangers() && transcripts[1].has_strangers());
        assert_eq!(Transcript::parse_all("# One.\n# oracle: maybe\n").unwrap_err().line, 2);
    }

    #[test]
    fn the_line_that_makes_no_sense_is_named() {
        let unreadable = Transcript::parse_all("# One.\nC basic.qos\nC nonsense\n").unwrap_err();
        assert_eq!(unreadable.line, 3);
        assert_eq!(Transcript::parse_all("C basic.qos\n").unwrap_err().line, 1);
    }
}
