//! TLS: where it is spoken, with what certificates, and what a client's certificate is good for.

use super::{Definition, narrow};
use crate::draft::Draft;
use crate::listener::Listener;
use crate::tls::{CertificateName, SanKind, TlsVersion, cipher};
use crate::unit::Unit;

/// The longest path of a file, in bytes, that a system takes.
const PATH_BYTES_MAX: usize = 4095;

pub(super) const TABLE: &[Definition] = &[
    Definition::text(
        "listeners.ssl",
        "Set to `none` to take no AMQP connections over TLS, which is so without `listeners.ssl.1`, too.",
        "none; a port or address goes into listeners.ssl.1",
        |draft, _, value| {
            draft.has_no_tls_listener = value == "none";
            draft.has_no_tls_listener
        },
    )
    .example("none"),
    Definition::text(
        "listeners.ssl.$name",
        "Where AMQP connections are taken over TLS: an address and port, or a port for all interfaces. Needs \
         ssl_options.certfile and ssl_options.keyfile.",
        Listener::EXPECTED,
        |draft, filled, value| {
            let listener = Listener::parse(value);
            listener.map(|it| draft.tls_listeners.insert(filled[0].to_owned(), it)).is_some()
        },
    )
    .example("5671"),
    Definition::number(
        "ssl_handshake_timeout",
        "How long a client may take to agree on TLS.",
        1..=86_400_000,
        |draft, n| draft.config.tls_handshake_timeout_ms = narrow(n),
    )
    .unit(Unit::Milliseconds)
    .default("5000"),
    Definition::text(
        "ssl_cert_login_from",
        "Where the user's name stands in a client's certificate, for the mechanism EXTERNAL: distinguished_name, \
         common_name or subject_alternative_name.",
        "distinguished_name, common_name or subject_alternative_name",
        |draft, _, value| {
            draft.config.certificate_name = match value {
                "distinguished_name" => CertificateName::DistinguishedName,
                "common_name" => CertificateName::CommonName,
                "subject_alternative_name" | "subject_alt_name" => {
                    CertificateName::SubjectAlternativeName { kind: SanKind::Dns, index: 0 }
                }
                _ => return false,
            };
            true
        },
    )
    .default("distinguished_name"),
    Definition::text(
        "ssl_cert_login_san_type",
        "The kind of alternative name that is meant: dns, ip, email, uri or other_name.",
        "dns, ip, email, uri or other_name",
        |draft, _, value| {
            draft.san_kind = match value {
                "dns" => SanKind::Dns,
                "ip" => SanKind::Ip,
                "email" => SanKind::Email,
                "uri" => SanKind::Uri,
                "other_name" => SanKind::OtherName,
                _ => return false,
            };
            true
        },
    )
    .default("dns"),
    Definition::text(
        "ssl_cert_login_san_index",
        "Which alternative name of that kind is meant, from 0.",
        "a whole number from 0 to 255",
        |draft, _, value| {
            let index = value.parse().ok().filter(|index| *index <= 255);
            index.map(|index| draft.san_index = index).is_some()
        },
    )
    .default("0"),
];

/// The options of TLS under a prefix; `$tls` is the field of the draft that they go to.
macro_rules! tls_table {
    ($prefix:literal, $tls:ident) => {
        &[
            Definition::text(
                concat!($prefix, ".certfile"),
                "The file with the server's certificate, and after it those between it and its authority, as PEM. It is read \
                 again when it changes.",
                "the path of a file",
                |draft, _, value| path(value, &mut draft.$tls.options.certfile),
            )
            .example("/etc/leveret/server.pem"),
            Definition::text(
                concat!($prefix, ".keyfile"),
                "The file with the key of the server's certificate, as PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.",
                "the path of a file",
                |draft, _, value| path(value, &mut draft.$tls.options.keyfile),
            )
            .example("/etc/leveret/server.key"),
            Definition::text(
                concat!($prefix, ".cacertfile"),
                "The file with the authorities that the certificates of clients are checked against, as PEM.",
                "the path of a file",
                |draft, _, value| path(value, &mut draft.$tls.options.cacertfile),
            )
            .example("/etc/leveret/clients-ca.pem"),
            Definition::text(
                concat!($prefix, ".verify"),
                "Whether clients are asked for a certificate, and one that is shown is checked: verify_peer or verify_none.",
                "verify_peer or verify_none",
                |draft, _, value| {
                    draft.$tls.options.verifies_peer = value == "verify_peer";
                    matches!(value, "verify_peer" | "verify_none")
                },
            )
            .default("verify_none"),
            Definition::switch(
                concat!($prefix, ".fail_if_no_peer_cert"),
                "Whether a client that shows no certificate is refused. Needs verify_peer.",
                |draft, is_on| draft.$tls.options.needs_peer_certificate = is_on,
            )
            .default("false"),
            Definition::number(
                concat!($prefix, ".depth"),
                "How many certificates may stand between a client's and its authority.",
                0..=255,
                |draft, n| draft.$tls.options.depth = narrow(n),
            )
            .default("10"),
            Definition::text(
                concat!($prefix, ".versions.$version"),
                "A version that is spoken: tlsv1.2 or tlsv1.3. Without any, both.",
                "tlsv1.2 or tlsv1.3; older versions are spoken no more",
                |draft, filled, value| {
                    let version = match value {
                        "tlsv1.2" => TlsVersion::Tls12,
                        "tlsv1.3" => TlsVersion::Tls13,
                        _ => return false,
                    };
                    draft.$tls.versions.insert(filled[0].to_owned(), version);
                    true
                },
            )
            .example("tlsv1.3"),
            Definition::text(
                concat!($prefix, ".ciphers.$cipher"),
                "A cipher suite that is spoken, by its name with OpenSSL or IANA; the best has the lowest number. Without any, \
                 all that are spoken here.",
                "TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256 or TLS_CHACHA20_POLY1305_SHA256; for TLS 1.2 ECDHE-ECDSA- or \
                 ECDHE-RSA- with AES256-GCM-SHA384, AES128-GCM-SHA256 or CHACHA20-POLY1305. Others are not spoken; take the \
                 line out",
                |draft, filled, value| {
                    let Some(name) = cipher(value) else { return false };
                    // As numbers, where they are: 10 comes after 9.
                    let order = filled[0].parse().unwrap_or(u64::MAX);
                    draft.$tls.ciphers.insert((order, filled[0].to_owned()), name);
                    true
                },
            )
            .example("TLS_AES_256_GCM_SHA384"),
            Definition::switch(
                concat!($prefix, ".honor_cipher_order"),
                "Whether the server's order of cipher suites wins over the client's.",
                |draft, is_on| draft.$tls.options.honors_cipher_order = is_on,
            )
            .default("false"),
            Definition::switch(
                concat!($prefix, ".reuse_sessions"),
                "Whether a client that comes again may go on with what was agreed before.",
                |draft, is_on| draft.$tls.options.reuses_sessions = is_on,
            )
            .default("true"),
            refused(
                concat!($prefix, ".crl_check"),
                "Lists of revoked certificates are not read.",
                "false; lists of revoked certificates are not read yet: replace the authority in cacertfile instead",
                |_, _, value| value == "false",
            ),
            refused(
                concat!($prefix, ".password"),
                "Encrypted keys are not read.",
                "no password; encrypted keys are not read yet: write a plain one that only the server may read, with \
                 `openssl pkey -in KEYFILE -out PLAIN`, and take the line out",
                |_, _, _| false,
            )
            .secret(),
            refused(
                concat!($prefix, ".client_renegotiation"),
                "Nothing is ever negotiated again.",
                "false; TLS 1.3 has no renegotiation, and for 1.2 it is never done",
                |_, _, value| value == "false",
            ),
            refused(
                concat!($prefix, ".cert"),
                "A certificate comes from a file.",
                "no value; write it to a file and name that in certfile",
                |_, _, _| false,
            ),
            refused(
                concat!($prefix, ".psk_identity"),
                "Keys that are shared before are not taken.",
                "no value; keys that are shared before are not taken: use certificates",
                |_, _, _| false,
            ),
        ]
    };
}

/// TLS of AMQP.
pub(super) const AMQP: &[Definition] = tls_table!("ssl_options", tls);
/// TLS of the HTTP API.
pub(super) const MANAGEMENT: &[Definition] = tls_table!("management.ssl", management_tls);
/// TLS of metrics.
pub(super) const PROMETHEUS: &[Definition] = tls_table!("prometheus.ssl", prometheus_tls);

/// An option whose only good value is the one that changes nothing.
const fn refused(
    name: &'static str,
    doc: &'static str,
    expected: &'static str,
    set: fn(&mut Draft, &[&str], &str) -> bool,
) -> Definition {
    Definition::text(name, doc, expected, set)
}

/// Takes a path over, if it can be one.
fn path(value: &str, into: &mut String) -> bool {
    value.clone_into(into);
    (1..=PATH_BYTES_MAX).contains(&value.len()) && !value.contains('\0')
}
