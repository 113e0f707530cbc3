//! What is configured of TLS: certificates, who must show one, and what is spoken.

use std::fmt;

/// The options of a TLS listener: `ssl_options.*`, and under other prefixes the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// The file with the server's certificate and those between it and its authority, PEM; empty without TLS.
    pub certfile: String,
    /// The file with the certificate's key, PEM.
    pub keyfile: String,
    /// The file with the authorities that clients' certificates are checked against, PEM.
    pub cacertfile: String,
    /// Whether a client's certificate is asked for and checked: `verify = verify_peer`.
    pub verifies_peer: bool,
    /// Whether a client without a certificate is refused.
    pub needs_peer_certificate: bool,
    /// How many certificates may stand between a client's and its authority.
    pub depth: u8,
    /// The versions that are spoken; empty for all that there are, 1.2 and 1.3.
    pub versions: Vec<TlsVersion>,
    /// The names with IANA of the cipher suites that are spoken, best first; empty for all that there are.
    pub ciphers: Vec<String>,
    /// Whether the order of `ciphers` wins over the client's.
    pub honors_cipher_order: bool,
    /// Whether a client that comes again may go on with what was agreed before.
    pub reuses_sessions: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `tlsv1.2`.
    Tls12,
    /// `tlsv1.3`.
    Tls13,
}

/// A password that no log shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(pub String);

/// Where the name stands, in a client's certificate, that EXTERNAL logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateName {
    /// The whole subject: `CN=client,O=Example`.
    #[default]
    DistinguishedName,
    /// The last part of the subject that is a common name.
    CommonName,
    /// Another name of the subject.
    SubjectAlternativeName {
        /// Of what kind it is.
        kind: SanKind,
        /// Which of that kind, from 0.
        index: usize,
    },
}

/// A kind of alternative names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SanKind {
    /// A host name.
    #[default]
    Dns,
    /// An IP address.
    Ip,
    /// An address of electronic mail.
    Email,
    /// A URI.
    Uri,
    /// A name of a kind that somebody else has defined.
    OtherName,
}

/// The cipher suites that are spoken, under their names with OpenSSL and IANA.
const CIPHERS: [[&str; 2]; 9] = [
    ["TLS_AES_256_GCM_SHA384"; 2],
    ["TLS_AES_128_GCM_SHA256"; 2],
    ["TLS_CHACHA20_POLY1305_SHA256"; 2],
    ["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
    ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
    ["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
    ["ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
    ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
    ["ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"],
];

/// The name with IANA of a cipher suite that is spoken.
pub(crate) fn cipher(name: &str) -> Option<&'static str> {
    CIPHERS.iter().find(|names| names.contains(&name)).map(|[_, iana]| *iana)
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            certfile: String::new(),
            keyfile: String::new(),
            cacertfile: String::new(),
            verifies_peer: false,
            needs_peer_certificate: false,
            depth: 10,
            versions: vec![],
            ciphers: vec![],
            honors_cipher_order: false,
            reuses_sessions: true,
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
