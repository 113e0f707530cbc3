//! Certificates: what listeners show, and when that ends.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::call::Call;
use crate::facts::Listening;
use crate::failure::Failure;
use crate::health::{unwell, well};
use crate::reply::Reply;
use crate::time::rfc3339;

const DAY_S: u64 = 86_400;

/// A certificate that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The group of options that names it: `ssl_options`, `management.ssl`, `prometheus.ssl`.
    pub options: &'static str,
    /// The file that it stands in.
    pub file: String,
    /// Whom it is for.
    pub subject: String,
    /// The second after 1970 from which it holds.
    pub not_before_s: i64,
    /// The last second after 1970 in which it holds.
    pub not_after_s: i64,
    /// Whether others are checked against it, rather than that the node shows it.
    pub is_authority: bool,
}

/// All of them, for people.
pub(crate) fn list(call: &Call) -> Reply {
    let certificates = call.desk.machine.certificates();
    let shown = certificates.iter().map(|certificate| {
        json!({
            "node": call.desk.facts.node,
            "options": certificate.options,
            "file": certificate.file,
            "subject": certificate.subject,
            "not_before": moment(certificate.not_before_s),
            "not_after": moment(certificate.not_after_s),
            "is_authority": certificate.is_authority,
        })
    });
    Reply::ok(&shown.collect::<Value>())
}

/// Fails when a certificate of a listener ends within a time, or does not hold yet.
pub(crate) fn check(call: &Call) -> Result<Reply, Failure> {
    let within: Option<u32> = call.parameter("within").parse().ok();
    let within = u64::from(within.ok_or_else(|| Failure::bad("Invalid expiration value."))?);
    let seconds = match call.parameter("unit").to_lowercase().as_str() {
        "days" => within * DAY_S,
        "weeks" => within * DAY_S * 7,
        // A twelfth of a year.
        "months" => within * DAY_S * 365 / 12,
        "years" => within * DAY_S * 365,
        _ => {
            return Err(Failure::bad(
                "Time unit not recognised. Supported units: days, weeks, months, years.",
            ));
        }
    };
    let now_s = second(call.desk.machine.readings().now_ms / 1000);
    let until_s = now_s.saturating_add(second(seconds));
    let certificates = call.desk.machine.certificates();
    let node = &call.desk.facts.node;
    let listeners = call.desk.facts.listeners.iter().filter(|listening| listening.is_tls);
    let expired: Vec<Value> = listeners
        .filter_map(|listening| expiring(node, listening, &certificates, now_s, until_s))
        .collect();
    if expired.is_empty() {
        return Ok(well());
    }
    Err(unwell(json!({ "expired": expired }), "Certificates expiring"))
}

/// What ends at a listener, if anything does.
fn expiring(
    node: &str,
    listening: &Listening,
    certificates: &[Certificate],
    now_s: i64,
    until_s: i64,
) -> Option<Value> {
    let options = options(listening.protocol);
    let of_kind = |is_authority| {
        let is_meant = move |certificate: &&Certificate| {
            certificate.options == options && certificate.is_authority == is_authority
        };
        certificates.iter().filter(is_meant)
    };
    let file = |is_authority| of_kind(is_authority).next().map_or("", |it| it.file.as_str());
    let ends = |is_authority| -> Vec<String> {
        let ends = of_kind(is_authority).filter_map(|certificate| {
            if certificate.not_before_s > now_s {
                return Some("Certificate is not yet valid".to_owned());
            }
            (certificate.not_after_s < until_s).then(|| plain(certificate.not_after_s))
        });
        ends.collect()
    };
    let (own, authorities) = (ends(false), ends(true));
    if own.is_empty() && authorities.is_empty() {
        return None;
    }
    Some(json!({
        "node": node,
        "protocol": listening.protocol,
        "interface": listening.address.ip().to_string(),
        "port": listening.address.port(),
        "certfile": file(false),
        "cacertfile": file(true),
        "certfile_expires_on": own,
        "cacertfile_expires_on": authorities,
    }))
}

/// The group of options that a protocol is configured by.
fn options(protocol: &str) -> &'static str {
    match protocol {
        "https" => "management.ssl",
        "https/prometheus" => "prometheus.ssl",
        _ => "ssl_options",
    }
}

/// How many seconds each certificate has left, by its file and subject; below 0 when it has ended. Of those that share
/// both, the one that ends first counts.
pub(crate) fn seconds_left(
    certificates: &[Certificate],
    now_ms: u64,
) -> BTreeMap<(String, String), i64> {
    let now_s = second(now_ms / 1000);
    let mut left: BTreeMap<(String, String), i64> = BTreeMap::new();
    for certificate in certificates {
        let seconds = certificate.not_after_s.saturating_sub(now_s);
        let key = (certificate.file.clone(), certificate.subject.clone());
        left.entry(key).and_modify(|first| *first = seconds.min(*first)).or_insert(seconds);
    }
    left
}

fn second(at_s: u64) -> i64 {
    i64::try_from(at_s).unwrap_or(i64::MAX)
}

/// What was before 1970 is shown as its beginning: such a certificate has ended, whenever that was.
fn moment(at_s: i64) -> String {
    rfc3339(u64::try_from(at_s).unwrap_or_default().saturating_mul(1000))
}

/// As RabbitMQ writes when a certificate ends: `2027-01-31 9:05:00`.
fn plain(at_s: i64) -> String {
    let moment = moment(at_s);
    let (date, time) = (&moment[..10], &moment[11..19]);
    format!("{date} {}", time.strip_prefix('0').unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_written_as_rabbitmq_writes_them() {
        assert_eq!(plain(1_795_654_409), "2026-11-26 0:53:29");
        assert_eq!(plain(-5), "1970-01-01 0:00:00");
    }
}
