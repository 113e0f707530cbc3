//! What is known of a client when TLS is agreed on.

use config::CertificateName;
use proto_amqp091::TlsFacts;
use rustls::{CommonState, ProtocolVersion};
use x509_parser::parse_x509_certificate;

use super::names;

/// The facts of a connection, and the name that its client's certificate logs in.
pub(crate) fn facts(connection: &CommonState, from: CertificateName) -> (TlsFacts, Option<String>) {
    let suite = connection.negotiated_cipher_suite();
    let suite = suite.and_then(|suite| suite.suite().as_str()).unwrap_or_default();
    let (mut certificate, mut name) = (None, None);
    let shown = connection.peer_certificates().and_then(|chain| chain.first());
    if let Some(Ok((_, found))) = shown.map(|der| parse_x509_certificate(der)) {
        certificate = Some(names::describe(&found));
        name = names::login_name(&found, from);
    }
    let facts = TlsFacts {
        protocol: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "tlsv1.3",
            Some(ProtocolVersion::TLSv1_2) => "tlsv1.2",
            _ => "",
        },
        key_exchange: key_exchange(suite),
        cipher: cipher(suite),
        hash: if suite.is_empty() { "" } else { "aead" },
        certificate,
    };
    (facts, name)
}

fn key_exchange(suite: &str) -> &'static str {
    match suite {
        _ if suite.starts_with("TLS_ECDHE_ECDSA_") => "ecdhe_ecdsa",
        _ if suite.starts_with("TLS_ECDHE_RSA_") => "ecdhe_rsa",
        // In TLS 1.3, suites do not say.
        _ => "any",
    }
}

fn cipher(suite: &str) -> &'static str {
    match suite {
        _ if suite.contains("AES_256_GCM") => "aes_256_gcm",
        _ if suite.contains("AES_128_GCM") => "aes_128_gcm",
        _ if suite.contains("CHACHA20_POLY1305") => "chacha20_poly1305",
        _ => "",
    }
}
