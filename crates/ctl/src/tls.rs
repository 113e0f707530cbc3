//! TLS to a server of the HTTP API: whom it trusts, and who asks.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Where systems keep the certificates of the authorities that they trust, and what else names such a file.
const SYSTEM_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const SYSTEM_FILE_VARIABLE: &str = "SSL_CERT_FILE";

/// The files that somebody names, by the options of `rabbitmqadmin`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// The authorities that servers are checked against; those of the system if none are named.
    pub(crate) authorities: Option<PathBuf>,
    /// What the server is shown of whoever asks: a certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}

/// How servers are spoken to.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file is wrong, and what to do. Never what is in a key file.
    pub(crate) fn load(files: &Files) -> Result<Self, String> {
        let roots = authorities(files.authorities.as_deref())?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be spoken: {error}"))?
            .with_root_certificates(roots);
        let config = match &files.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|_| {
                    format!(
                        "--tls-key-file {} has no key that can be read: it has to be PEM, and not encrypted",
                        key.display()
                    )
                })?;
                let config = builder.with_client_auth_cert(chain, key);
                config.map_err(|error| {
                    format!("--tls-cert-file and --tls-key-file do not fit: {error}")
                })?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// Speaks TLS on a connection, as soon as something is written.
    ///
    /// # Errors
    /// The host has a name that no certificate could have.
    pub(crate) fn over(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let connection = ClientConnection::new(Arc::clone(&self.0), name)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(StreamOwned::new(connection, stream))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn authorities(named: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = named {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| {
                format!(
                    "{} has a certificate that cannot be one of an authority: {error}",
                    path.display()
                )
            })?;
        }
        return Ok(roots);
    }
    let variable = std::env::var_os(SYSTEM_FILE_VARIABLE).map(PathBuf::from);
    let path =
        variable.or_else(|| SYSTEM_FILES.iter().map(PathBuf::from).find(|path| path.exists()));
    let Some(path) = path else {
        return Err("this system has no file of authorities that it trusts; name one with --tls-ca-cert-file".to_owned());
    };
    // What a system trusts may be in forms that are not read here.
    roots.add_parsable_certificates(certificates(&path)?);
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |problem: &dyn fmt::Display| {
        format!("{} has no certificates in PEM that can be read: {problem}", path.display())
    };
    let all = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|error| wrong(&error))?;
    if all.is_empty() { Err(wrong(&"there is none")) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let files = Files { authorities: Some("/nowhere/ca.pem".into()), certificate: None };
        let problem = Tls::load(&files).unwrap_err();
        assert!(problem.contains("/nowhere/ca.pem"), "{problem}");
    }
}
