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
    /// What the key file is encrypted with.
    pub password: Option<Password>,
    /// Whether a client's certificate is asked for and checked: `verify = verify_peer`.
    pub verifies_peer: bool,
    /// Whether a client without a certificate is refused.
    pub needs_peer_certificate: bool,
    /// How many certificates may stand between a client's and its authority.
    pub depth: u8,
    /// The versions that are spoken; empty for all that there are, 1.2 and 1.3.
    pub versions: Vec<TlsVersion>,
    /// The names of the cipher suites that are spoken, best first; empty for all that there are.
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

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            certfile: String::new(),
            keyfile: String::new(),
            cacertfile: String::new(),
            password: None,
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
