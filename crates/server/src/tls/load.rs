//! From files to what TLS is spoken with.

use std::path::Path;
use std::sync::Arc;

use config::{TlsOptions, TlsVersion};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use x509_parser::parse_x509_certificate;

use super::names;
use super::verify::Depth;

/// The largest file of certificates or keys that is read, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A certificate that is in use, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    /// The group of options that it belongs to: `ssl_options`.
    pub(crate) options: &'static str,
    /// The file that it stands in.
    pub(crate) file: String,
    /// Whom it is for.
    pub(crate) subject: String,
    /// The second after 1970 from which it holds.
    pub(crate) not_before_s: i64,
    /// The last second after 1970 in which it holds.
    pub(crate) not_after_s: i64,
    /// Whether it is one that others are checked against, rather than the server's own.
    pub(crate) is_authority: bool,
}

/// What was loaded.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    pub(super) certificates: Vec<CertificateFacts>,
}

/// Loads what options name.
///
/// # Errors
/// Which option or file is wrong, and what to do. Never what is in a key file.
pub(super) fn load(prefix: &'static str, options: &TlsOptions) -> Result<Loaded, String> {
    let provider = Arc::new(provider(prefix, options)?);
    let mut facts = Vec::new();
    let chain = certificates(prefix, "certfile", &options.certfile, false, &mut facts)?;
    let key = private_key(prefix, &options.keyfile)?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| {
        format!("{prefix}.keyfile {}: the key cannot be used: {error}", options.keyfile)
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(_) => {
            return Err(format!(
                "the key in {} is not the one of the first certificate in {}; {prefix}.keyfile and {prefix}.certfile must belong together",
                options.keyfile, options.certfile
            ));
        }
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(options))
        .map_err(|error| format!("{prefix}.ciphers and {prefix}.versions do not fit: {error}"))?;
    let builder = match client_verifier(prefix, options, provider, &mut facts)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.ignore_client_order = options.honors_cipher_order;
    if options.reuses_sessions {
        // Clients that know of tickets take one for the next time.
        config.send_tls13_tickets = 1;
    } else {
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Ok(Loaded { config: Arc::new(config), certificates: facts })
}

fn provider(prefix: &str, options: &TlsOptions) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if options.ciphers.is_empty() {
        return Ok(provider);
    }
    let mut suites = Vec::new();
    for name in &options.ciphers {
        let found = provider.cipher_suites.iter().find(|suite| suite_name(suite.suite()) == *name);
        let suite = found.ok_or_else(|| format!("{prefix}.ciphers: {name} is not spoken here"))?;
        suites.push(*suite);
    }
    provider.cipher_suites = suites;
    Ok(provider)
}

/// A suite's name with IANA: that of rustls marks those of TLS 1.3.
fn suite_name(suite: rustls::CipherSuite) -> String {
    suite.as_str().unwrap_or_default().replace("TLS13_", "TLS_")
}

fn versions(options: &TlsOptions) -> Vec<&'static SupportedProtocolVersion> {
    let speaks = |version| options.versions.is_empty() || options.versions.contains(&version);
    let all = [(TlsVersion::Tls13, &version::TLS13), (TlsVersion::Tls12, &version::TLS12)];
    all.into_iter().filter(|(version, _)| speaks(*version)).map(|(_, it)| it).collect()
}

fn client_verifier(
    prefix: &'static str,
    options: &TlsOptions,
    provider: Arc<CryptoProvider>,
    facts: &mut Vec<CertificateFacts>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    if !options.verifies_peer {
        if options.needs_peer_certificate {
            return Err(format!(
                "{prefix}.fail_if_no_peer_cert = true needs {prefix}.verify = verify_peer: without it no client is asked for a certificate"
            ));
        }
        return Ok(None);
    }
    if options.cacertfile.is_empty() {
        return Err(format!(
            "{prefix}.verify = verify_peer needs {prefix}.cacertfile, the authorities of clients"
        ));
    }
    let mut roots = RootCertStore::empty();
    for root in certificates(prefix, "cacertfile", &options.cacertfile, true, facts)? {
        roots.add(root).map_err(|error| {
            format!("{prefix}.cacertfile {}: no authority: {error}", options.cacertfile)
        })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder =
        if options.needs_peer_certificate { builder } else { builder.allow_unauthenticated() };
    let inner = builder
        .build()
        .map_err(|error| format!("{prefix}.cacertfile {}: {error}", options.cacertfile))?;
    Ok(Some(Arc::new(Depth { inner, depth: options.depth.into() })))
}

/// All certificates of a file, in its order.
fn certificates(
    prefix: &'static str,
    option: &str,
    file: &str,
    is_authority: bool,
    facts: &mut Vec<CertificateFacts>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(prefix, option, file)?;
    let explain = |reason: String| format!("{prefix}.{option} {file}: {reason}");
    let read: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&text).collect();
    let found = read.map_err(|error| explain(format!("not PEM: {error}")))?;
    if found.is_empty() {
        return Err(explain(
            "there is no certificate in it; it has to begin with -----BEGIN CERTIFICATE-----"
                .to_owned(),
        ));
    }
    for der in &found {
        let (_, certificate) = parse_x509_certificate(der)
            .map_err(|error| explain(format!("a certificate is malformed: {error}")))?;
        let validity = certificate.validity();
        facts.push(CertificateFacts {
            options: prefix,
            file: file.to_owned(),
            subject: names::distinguished_name(certificate.subject()),
            not_before_s: validity.not_before.timestamp(),
            not_after_s: validity.not_after.timestamp(),
            is_authority,
        });
    }
    Ok(found)
}

fn private_key(prefix: &str, file: &str) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(prefix, "keyfile", file)?;
    let explain = |reason: &str| format!("{prefix}.keyfile {file}: {reason}");
    let is_encrypted = text.windows(9).any(|word| word == b"ENCRYPTED");
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(_) | Err(_) if is_encrypted => Err(explain(
            "the key is encrypted, and such keys are not read; write a plain one that only the server may read, with `openssl pkey -in KEYFILE -out PLAIN`",
        )),
        Ok(key) => Ok(key),
        Err(PemError::NoItemsFound) => Err(explain(
            "there is no private key in it; it has to begin with -----BEGIN PRIVATE KEY-----",
        )),
        Err(_) => Err(explain("not PEM")),
    }
}

fn read(prefix: &str, option: &str, file: &str) -> Result<Vec<u8>, String> {
    if file.is_empty() {
        return Err(format!("{prefix}.{option} is missing, the path of a PEM file"));
    }
    let explain = |reason: String| format!("{prefix}.{option} {file}: {reason}");
    let path = Path::new(file);
    let length = path.metadata().map_err(|error| explain(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(explain(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read(path).map_err(|error| explain(error.to_string()))
}
