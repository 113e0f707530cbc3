//! One line of a transcript, taken apart.

use metadata::QueueKind;
use proto_amqp091::Limits;

use crate::action::{Action, Args, Expected, Sent, Side};
use crate::administering;
use crate::value::{Value, narrow};
use crate::venue::Circumstance;

/// The steps of a line, each with its own text.
pub(crate) fn parse(line: &str) -> Result<Vec<(String, Action)>, String> {
    let words = split(line)?;
    let mut steps = Vec::new();
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        let is_start = |word: &&str| side(word).is_some_and(|(who, _)| who == 'S');
        let len = 1 + rest[1..].iter().take_while(|word| !is_start(word)).count();
        let (step, others) = rest.split_at(len);
        steps.push((step.join(" "), parse_step(step)?));
        rest = others;
    }
    Ok(steps)
}

/// Takes a line apart at its spaces, but not within quotes and brackets.
fn split(line: &str) -> Result<Vec<&str>, String> {
    let mut words = Vec::new();
    let mut start = None;
    let (mut depth, mut is_quoted, mut is_escaped) = (0_u32, false, false);
    for (at, c) in line.char_indices() {
        if c.is_whitespace() && depth == 0 && !is_quoted {
            words.extend(start.take().map(|start| &line[start..at]));
            continue;
        }
        start.get_or_insert(at);
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '{' | '[' if !is_quoted => depth += 1,
            '}' | ']' if !is_quoted => {
                depth = depth.checked_sub(1).ok_or("a bracket closes what is not open")?;
            }
            _ => {}
        }
    }
    if is_quoted || depth > 0 {
        return Err("a quote or bracket is not closed".to_owned());
    }
    words.extend(start.map(|start| &line[start..]));
    Ok(words)
}

/// Reads `C`, `S`, `C2`, `S[3]`, `C1[2]`.
fn side(word: &str) -> Option<(char, Side)> {
    let who = word.chars().next().filter(|c| matches!(c, 'C' | 'S'))?;
    let (client, channel) = match word[1..].split_once('[') {
        Some((client, channel)) => (client, Some(channel.strip_suffix(']')?.parse().ok()?)),
        None => (&word[1..], None),
    };
    let is_number = client.chars().all(|c| c.is_ascii_digit());
    is_number.then(|| (who, Side { client: client.to_owned(), channel }))
}

fn parse_step(words: &[&str]) -> Result<Action, String> {
    let (first, rest) = words.split_first().ok_or("an empty step")?;
    match (side(first), *first, rest) {
        (Some(('C', side)), _, rest) => parse_sent(side, rest),
        (Some((_, side)), _, rest) => parse_expected(side, rest),
        (_, "disk", ["hold"]) => Ok(Action::Happen(Circumstance::HoldDisk)),
        (_, "disk", ["release"]) => Ok(Action::Happen(Circumstance::ReleaseDisk)),
        (_, "disk", ["full"]) => Ok(Action::Happen(Circumstance::FillDisk)),
        (_, "disk", ["cleared"]) => Ok(Action::Happen(Circumstance::ClearDisk)),
        (_, "space", ["low"]) => Ok(Action::Happen(Circumstance::FreeSpace { is_low: true })),
        (_, "space", ["enough"]) => Ok(Action::Happen(Circumstance::FreeSpace { is_low: false })),
        (_, "time", [time]) => Ok(Action::Happen(Circumstance::Pass { ms: parse_time(time)? })),
        (_, "stop", []) => Ok(Action::Happen(Circumstance::Stop)),
        (_, "restart", []) => Ok(Action::Happen(Circumstance::Restart)),
        (_, "crash", []) => Ok(Action::Happen(Circumstance::Crash)),
        (_, "admin", [verb, rest @ ..]) => {
            Ok(Action::Happen(administering::parse(verb, &parse_args(rest)?)?))
        }
        (_, "limits", rest) => {
            let args = parse_args(rest)?;
            args.check_known(&LIMITS)?;
            Ok(Action::Happen(Circumstance::Limits(limits(&args)?)))
        }
        _ => Err(format!("`{first}` begins no step")),
    }
}

/// What can be limited, see [`proto_amqp091::Limits`].
pub(crate) const LIMITS: [&str; 13] = [
    "frame_max",
    "initial_frame_max",
    "channel_max",
    "heartbeat",
    "handshake_timeout_ms",
    "message_size_max",
    "consumers_per_channel_max",
    "memory_bytes_max",
    "permits_global_qos",
    "permits_transient_queues",
    "default_queue_is_quorum",
    "connections_max",
    "consumer_timeout_ms",
];

/// How a client may connect.
const CONNECT: [&str; 10] = [
    "raw",
    "manual",
    "remote",
    "heartbeat",
    "frame_max",
    "channel_max",
    "capabilities",
    "virtual_host",
    "user",
    "password",
];

fn parse_sent(side: Side, words: &[&str]) -> Result<Action, String> {
    let (times, words) = parse_times(words);
    let (is_joined, words) = match words {
        [words @ .., "+"] => (true, words),
        words => (false, words),
    };
    let (verb, rest) = words.split_first().ok_or("a client that does nothing")?;
    let what = match *verb {
        "connect" => {
            let args = parse_args(rest)?;
            args.check_known(&CONNECT)?;
            return Ok(Action::Connect { client: side.client, args });
        }
        "greeting" => Sent::Greeting,
        "raw" => Sent::Raw(parse_octets(rest)?),
        "heartbeat" => Sent::Heartbeat,
        "close" => Sent::Close,
        "frame" => {
            let args = parse_args(rest)?;
            args.check_known(&["type", "end", "size"])?;
            Sent::Frame(args)
        }
        "content-header" => {
            let args = parse_args(rest)?;
            let known = [&["class_id", "weight", "size"][..], &crate::action::PROPERTIES].concat();
            args.check_known(&known)?;
            Sent::ContentHeader(args)
        }
        "content-body" => Sent::ContentBody(parse_args(rest)?),
        name => {
            let args = parse_args(rest)?;
            args.check_fields(name)?;
            Sent::Method(name.to_owned(), args)
        }
    };
    Ok(Action::Send { side, what, times, is_joined })
}

fn parse_expected(side: Side, words: &[&str]) -> Result<Action, String> {
    let (times, words) = parse_times(words);
    let (verb, rest) = words.split_first().ok_or("`S` says what is expected, or `-`")?;
    let what = match *verb {
        "-" => Expected::Nothing,
        "close" => Expected::Closed,
        "heartbeat" => Expected::Heartbeat,
        "raw" => Expected::Raw(parse_octets(rest)?),
        name => {
            let args = parse_args(rest)?;
            args.check_fields(name)?;
            Expected::Method(name.to_owned(), args)
        }
    };
    Ok(Action::Expect { side, what, times })
}

/// `3x` in front of a step: three times.
fn parse_times<'w, 't>(words: &'w [&'t str]) -> (usize, &'w [&'t str]) {
    let times = words.first().and_then(|word| word.strip_suffix('x')?.parse().ok());
    times.map_or((1, words), |times| (times, &words[1..]))
}

fn parse_args(words: &[&str]) -> Result<Args, String> {
    let mut args = Args::default();
    for word in words {
        if word.starts_with('"') || word.starts_with("bytes*") {
            args.body = Some(Value::parse(word)?);
        } else if let Some((name, value)) = word.split_once('=') {
            args.pairs.push((name.to_owned(), Value::parse(value)?));
        } else {
            args.pairs.push(((*word).to_owned(), Value::Word("true".to_owned())));
        }
    }
    Ok(args)
}

fn parse_octets(words: &[&str]) -> Result<Vec<u8>, String> {
    let octet = |word: &&str| {
        u8::from_str_radix(word, 16).map_err(|_| format!("`{word}` is no octet in hexadecimal"))
    };
    words.iter().map(octet).collect()
}

fn limits(args: &Args) -> Result<Limits, String> {
    let mut limits = Limits::default();
    for (name, value) in &args.pairs {
        let number = value.number()?;
        match name.as_str() {
            "frame_max" => limits.frame_max = narrow(number)?,
            "initial_frame_max" => limits.initial_frame_max = narrow(number)?,
            "channel_max" => limits.channel_max = narrow(number)?,
            "heartbeat" => limits.heartbeat_s = narrow(number)?,
            "memory_bytes_max" => limits.memory_bytes_max = narrow(number)?,
            "permits_global_qos" => limits.permits_global_qos = number > 0,
            "permits_transient_queues" => limits.permits_transient_queues = number > 0,
            "default_queue_is_quorum" => {
                limits.default_queue_kind =
                    if number > 0 { QueueKind::Quorum } else { QueueKind::Classic };
            }
            "consumers_per_channel_max" => limits.consumers_per_channel_max = Some(number),
            "connections_max" => limits.ceilings.connections_max = Some(number),
            "consumer_timeout_ms" => limits.consumer_timeout_ms = number,
            "handshake_timeout_ms" => limits.handshake_timeout_ms = number,
            _ => limits.message_size_max = number,
        }
    }
    Ok(limits)
}

/// `+30s`, `+5ms`.
fn parse_time(word: &str) -> Result<u64, String> {
    let time = || {
        let number = word.strip_prefix('+')?;
        match number.strip_suffix("ms") {
            Some(ms) => ms.parse().ok(),
            None => number.strip_suffix('s')?.parse::<u64>().ok()?.checked_mul(1_000),
        }
    };
    time().ok_or_else(|| format!("`{word}` is no time; +30s and +5ms are"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(line: &str) -> Action {
        let mut steps = parse(line).unwrap();
        assert_eq!(steps.len(), 1, "{line}");
        steps.remove(0).1
    }

    #[test]
    fn a_line_is_a_step_and_what_is_expected_of_it() {
        let line = r#"C1[2] basic.publish routing_key="a S b" "x"   S1 -  S2[3] 2x basic.deliver"#;
        let steps = parse(line).unwrap();
        assert_eq!(steps.len(), 3);
        assert!(matches!(&steps[0].1, Action::Send { side, .. }
            if side.client == "1" && side.channel == Some(2)));
        assert!(matches!(&steps[1].1, Action::Expect { what: Expected::Nothing, .. }));
        assert!(matches!(&steps[2].1, Action::Expect { times: 2, side, .. }
            if side.channel == Some(3)));
    }

    #[test]
    fn times_and_octets_are_read() {
        assert_eq!(only("time +30s"), Action::Happen(Circumstance::Pass { ms: 30_000 }));
        assert_eq!(only("time +5ms"), Action::Happen(Circumstance::Pass { ms: 5 }));
        assert!(matches!(only("C raw 01 ff"), Action::Send { what: Sent::Raw(octets), .. }
            if octets == [1, 255]));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for line in [
            "X basic.get",
            "C basic.gte queue=q",
            "C basic.get quue=q",
            "C basic.get queue=q \"body\"",
            "S basic.deliver content_typ=x",
            "C connect slowly",
            "time 5",
            "C raw xx",
            "C basic.publish \"open",
            "S",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
