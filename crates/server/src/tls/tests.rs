//! Streams against the client of the same library, and files that change.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use config::{CertificateName, TlsOptions, TlsVersion};
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tempfile::TempDir;

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, as PEM.
fn issue(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn options(dir: &Path) -> TlsOptions {
    let file = |name: &str| dir.join(name).display().to_string();
    TlsOptions {
        certfile: file("cert.pem"),
        keyfile: file("key.pem"),
        cacertfile: file("ca.pem"),
        ..TlsOptions::default()
    }
}

/// A directory with a server's certificate, and who has signed it.
fn served() -> (TempDir, Authority) {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority("authority");
    let (certificate, key) = issue(&authority, "localhost");
    fs::write(dir.path().join("cert.pem"), certificate).unwrap();
    fs::write(dir.path().join("key.pem"), key).unwrap();
    fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
    (dir, authority)
}

fn client(trusted: &Authority, own: Option<&(String, String)>) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
}

/// A socket that takes so many bytes and then none.
struct Narrow {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room -= count;
        self.bytes.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both ends of a connection, and the shard's buffers.
struct Pair {
    server: TlsStream,
    client: ClientConnection,
    socket: Narrow,
    scratch: Scratch,
    /// What the server has opened.
    opened: Vec<u8>,
    /// What the client has opened.
    answered: Vec<u8>,
}

impl Pair {
    fn new(certificates: &Certificates, client: ClientConnection) -> Self {
        Self {
            server: TlsStream::new(certificates.config()).unwrap(),
            client,
            socket: Narrow { bytes: vec![], room: usize::MAX },
            scratch: Scratch::default(),
            opened: vec![],
            answered: vec![],
        }
    }

    /// Lets the server read bytes, so many at a time.
    fn feed(&mut self, bytes: &[u8], step: usize) -> Result<(), rustls::Error> {
        let mut plain = vec![0; INCOMING_BYTES];
        for piece in bytes.chunks(step.max(1)) {
            self.scratch.room(&self.server)[..piece.len()].copy_from_slice(piece);
            let count = self.server.open(&mut self.scratch, piece.len(), &mut plain)?;
            self.opened.extend_from_slice(&plain[..count]);
        }
        Ok(())
    }

    /// Carries what both have to say until neither has more.
    fn settle(&mut self, step: usize) -> Result<(), rustls::Error> {
        loop {
            let mut sent = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut sent).unwrap();
            }
            let fed = self.feed(&sent, step);
            self.server.flush(&mut self.socket).unwrap();
            let received = std::mem::take(&mut self.socket.bytes);
            let mut rest = &received[..];
            while !rest.is_empty() {
                self.client.read_tls(&mut rest).unwrap();
                self.client.process_new_packets()?;
                // Nothing to read is no end.
                let _ = self.client.reader().read_to_end(&mut self.answered);
            }
            fed?;
            if sent.is_empty() && received.is_empty() {
                return Ok(());
            }
        }
    }
}

#[test]
fn what_one_side_seals_the_other_opens_in_pieces_of_any_size() {
    for (versions, step) in [
        (vec![], 1),
        (vec![], 100_000),
        (vec![TlsVersion::Tls12], 7),
        (vec![TlsVersion::Tls12], 5_000),
    ] {
        let (dir, authority) = served();
        let options = TlsOptions { versions: versions.clone(), ..options(dir.path()) };
        let certificates = Certificates::load("ssl_options", options).unwrap();
        let mut pair = Pair::new(&certificates, client(&authority, None));
        pair.settle(step).unwrap();
        assert!(!pair.server.is_handshaking());
        let expected = if versions.is_empty() { "tlsv1.3" } else { "tlsv1.2" };
        let (facts, name) = facts(pair.server.connection(), CertificateName::default());
        assert_eq!((facts.protocol, name), (expected, None));

        let long: Vec<u8> = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
        pair.client.writer().write_all(&long[..30_000]).unwrap();
        pair.settle(step).unwrap();
        assert_eq!(pair.opened, long[..30_000]);

        let mut sent = 0;
        while sent < long.len() {
            let count = pair.server.write(&mut pair.scratch, &long[sent..], &mut pair.socket);
            sent += count.unwrap();
            pair.settle(step).unwrap();
        }
        assert_eq!(pair.answered, long);
        pair.client.send_close_notify();
        pair.settle(step).unwrap();
        assert!(pair.server.is_closed());
    }
}

#[test]
fn nothing_more_is_sealed_while_the_socket_takes_nothing() {
    let (dir, authority) = served();
    let certificates = Certificates::load("ssl_options", options(dir.path())).unwrap();
    let mut pair = Pair::new(&certificates, client(&authority, None));
    pair.settle(10_000).unwrap();
    pair.socket.room = 1_000;
    let plain = vec![7; 1_000_000];
    let first = pair.server.write(&mut pair.scratch, &plain, &mut pair.socket).unwrap();
    assert!(first > 0 && first < 200_000, "no more than makes sense at once: {first}");
    assert!(pair.server.has_pending());
    for _ in 0..3 {
        let more = pair.server.write(&mut pair.scratch, &plain, &mut pair.socket).unwrap();
        assert_eq!(more, 0, "what is pending goes first");
    }
    pair.socket.room = usize::MAX;
    pair.server.flush(&mut pair.socket).unwrap();
    assert!(!pair.server.has_pending());
    pair.settle(10_000).unwrap();
    assert_eq!(pair.answered, plain[..first]);
}

#[test]
fn a_clients_certificate_is_checked_and_its_name_is_known() {
    let (dir, authority) = served();
    let stranger = self::authority("stranger");
    let own = issue(&authority, "alice");
    for (needed, shown, is_welcome) in [
        (false, None, true),
        (true, None, false),
        (false, Some(own.clone()), true),
        (true, Some(own), true),
        (false, Some(issue(&stranger, "alice")), false),
    ] {
        let options = TlsOptions {
            verifies_peer: true,
            needs_peer_certificate: needed,
            ..options(dir.path())
        };
        let certificates = Certificates::load("ssl_options", options).unwrap();
        let mut pair = Pair::new(&certificates, client(&authority, shown.as_ref()));
        assert_eq!(pair.settle(10_000).is_ok(), is_welcome);
        if is_welcome {
            let (facts, name) = facts(pair.server.connection(), CertificateName::default());
            assert_eq!(name.is_some(), shown.is_some());
            assert_eq!(name, facts.certificate.map(|it| it.subject));
            assert!(name.is_none_or(|name| name == "CN=alice"));
        }
    }
}

#[test]
fn options_that_do_not_fit_are_refused_with_the_remedy() {
    let (dir, _) = served();
    let good = options(dir.path());
    let other = issue(&authority("other"), "localhost");
    fs::write(dir.path().join("other.pem"), other.1).unwrap();
    fs::write(dir.path().join("nothing.pem"), "nothing\n").unwrap();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    fs::write(dir.path().join("encrypted.pem"), encrypted).unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    for (options, word) in [
        (TlsOptions { certfile: String::new(), ..good.clone() }, "ssl_options.certfile is missing"),
        (TlsOptions { certfile: file("gone.pem"), ..good.clone() }, "No such file"),
        (TlsOptions { certfile: file("nothing.pem"), ..good.clone() }, "no certificate in it"),
        (TlsOptions { keyfile: file("nothing.pem"), ..good.clone() }, "no private key in it"),
        (TlsOptions { keyfile: file("other.pem"), ..good.clone() }, "belong together"),
        (TlsOptions { keyfile: file("encrypted.pem"), ..good.clone() }, "openssl pkey"),
        (TlsOptions { needs_peer_certificate: true, ..good.clone() }, "verify_peer"),
        (
            TlsOptions { verifies_peer: true, cacertfile: String::new(), ..good.clone() },
            "needs ssl_options.cacertfile",
        ),
    ] {
        let reason = Certificates::load("ssl_options", options).expect_err("it does not fit");
        assert!(reason.contains(word), "{reason}");
        assert!(!reason.contains("AAAA"), "nothing of a key is told");
    }
    let ciphers = vec!["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".to_owned()];
    let versions = vec![TlsVersion::Tls12];
    assert!(Certificates::load("ssl_options", TlsOptions { ciphers, versions, ..good }).is_ok());
}

#[test]
fn files_that_change_are_used_and_broken_ones_are_not() {
    let (dir, authority) = served();
    let certificates = Certificates::load("ssl_options", options(dir.path())).unwrap();
    let first = certificates.config();
    certificates.reload(false);
    assert!(Arc::ptr_eq(&first, &certificates.config()), "nothing has changed");

    let (certificate, key) = issue(&authority, "localhost");
    fs::write(dir.path().join("new.pem"), certificate).unwrap();
    fs::rename(dir.path().join("new.pem"), dir.path().join("cert.pem")).unwrap();
    certificates.reload(false);
    assert!(Arc::ptr_eq(&first, &certificates.config()), "the key is still that of the old one");
    fs::write(dir.path().join("new.pem"), key).unwrap();
    fs::rename(dir.path().join("new.pem"), dir.path().join("key.pem")).unwrap();
    certificates.reload(false);
    let second = certificates.config();
    assert!(!Arc::ptr_eq(&first, &second));
    let facts = certificates.certificates();
    assert_eq!(facts[0].subject, "CN=localhost");
    assert!(facts[0].not_before_s < facts[0].not_after_s && !facts[0].is_authority);

    fs::remove_file(dir.path().join("cert.pem")).unwrap();
    certificates.reload(false);
    certificates.reload(true);
    assert!(Arc::ptr_eq(&second, &certificates.config()), "what works is kept");
    let mut pair = Pair::new(&certificates, client(&authority, None));
    pair.settle(10_000).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_bytes_end_a_connection_and_nothing_else(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000), step in 1_usize..500, is_greeted in any::<bool>(),
    ) {
        let (dir, authority) = served();
        let certificates = Certificates::load("ssl_options", options(dir.path())).unwrap();
        let mut pair = Pair::new(&certificates, client(&authority, None));
        if is_greeted {
            pair.settle(10_000).unwrap();
        }
        // An error or none: but no panic, and nothing is opened that nobody has sealed.
        let _ = pair.feed(&bytes, step);
        let _ = pair.server.flush(&mut pair.socket);
        prop_assert!(pair.opened.is_empty());
    }

    #[test]
    fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let (dir, authority) = served();
        let certificates = Certificates::load("ssl_options", options(dir.path())).unwrap();
        let mut pair = Pair::new(&certificates, client(&authority, None));
        pair.settle(10_000).unwrap();
        pair.client.writer().write_all(&[5; 100]).unwrap();
        let mut sealed = Vec::new();
        pair.client.write_tls(&mut sealed).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= flip;
        let is_refused = pair.feed(&sealed, 10_000).is_err();
        // A longer record waits for its rest; and the version in its head means nothing in TLS 1.3.
        prop_assert!(is_refused || pair.opened.is_empty() || (1..3).contains(&at));
    }
}
