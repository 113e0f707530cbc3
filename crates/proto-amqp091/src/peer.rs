//! Who is at the other end of a connection, as the shell has found out before the first byte of AMQP.

/// Who is at the other end of the socket.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its address, for people.
    pub address: String,
    /// The address that it has connected to, for people.
    pub local_address: String,
    /// Whether it is on this machine, which is what the default user is limited to.
    pub is_loopback: bool,
    /// The user's name that its certificate stands for, if it has shown one that was verified and the name that
    /// `ssl_cert_login_from` asks for is in it. What EXTERNAL logs in.
    pub certificate_name: Option<String>,
    /// What is known of the encryption; absent without TLS.
    pub tls: Option<Box<TlsFacts>>,
}

/// What the encryption of a connection is, in RabbitMQ's words (`tlsv1.3`, `ecdhe_rsa`, `aes_256_gcm`, `aead`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// `ssl_protocol` of the HTTP API.
    pub protocol: &'static str,
    /// `ssl_key_exchange`.
    pub key_exchange: &'static str,
    /// `ssl_cipher`.
    pub cipher: &'static str,
    /// `ssl_hash`.
    pub hash: &'static str,
    /// The certificate that the client has shown.
    pub certificate: Option<PeerCertificate>,
}

/// A client's certificate, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Whom it is for: `peer_cert_subject`.
    pub subject: String,
    /// Who has signed it: `peer_cert_issuer`.
    pub issuer: String,
    /// From when to when it holds: `peer_cert_validity`.
    pub validity: String,
}
