//! TLS: the listeners' certificate and whose clients are trusted, and the same towards each core.

mod pem;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client, server};

use super::files::{FileFault, Files};
use super::x509;
use crate::model::CoreTls;
use pem::{identity, provider, roots};

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// It is not asked for one.
    None,
    /// It may, and one that is not good is refused.
    Optional,
    /// It must.
    Required,
}

/// The files of the TLS listeners: `[tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFiles {
    /// Our certificate, and behind it those up to a root that clients know.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who signs clients' certificates; there if they are asked for.
    pub client_ca: Option<PathBuf>,
    /// Whether they are asked for.
    pub client_auth: ClientAuth,
}

/// What [`ListenerFiles`] are good for.
#[derive(Debug)]
pub struct ListenerTls {
    /// How handshakes go.
    pub config: Arc<ServerConfig>,
    ends: Option<i64>,
}

impl Files for ListenerFiles {
    type Made = ListenerTls;

    fn paths(&self) -> Vec<(&'static str, &Path)> {
        let ca = self.client_ca.as_deref().map(|path| ("tls.client_ca", path));
        [("tls.certificate", &*self.certificate), ("tls.key", &*self.key)].into_iter().chain(ca).collect()
    }

    fn make(&self, contents: &[Vec<u8>]) -> Result<ListenerTls, FileFault> {
        let paths = self.paths();
        let (chain, key) = identity(&paths, contents)?;
        let ends = end_of(&chain);
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| FileFault(format!("TLS: {error}")))?;
        let builder = match (self.client_auth, paths.get(2).zip(contents.get(2))) {
            (ClientAuth::None, _) | (_, None) => builder.with_no_client_auth(),
            (auth, Some((file, pem))) => {
                let trusted = Arc::new(roots(*file, pem)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(trusted, provider());
                let verifier =
                    if auth == ClientAuth::Optional { verifier.allow_unauthenticated() } else { verifier };
                let verifier =
                    verifier.build().map_err(|error| FileFault(format!("tls.client_ca: {error}")))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config =
            builder.with_single_cert(chain, key).map_err(|error| FileFault(pem::unusable(&paths, &error)))?;
        Ok(ListenerTls { config: Arc::new(config), ends })
    }

    fn ends(made: &ListenerTls) -> Option<i64> {
        made.ends
    }
}

/// What the files of [`CoreTls`] are good for.
#[derive(Debug)]
pub struct CoreConfig {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
    ends: Option<i64>,
}

impl Files for CoreTls {
    type Made = CoreConfig;

    fn paths(&self) -> Vec<(&'static str, &Path)> {
        let own = self.identity.iter().flat_map(|(certificate, key)| {
            [("core.certificate", certificate.as_path()), ("core.key", key.as_path())]
        });
        own.chain([("core.ca_file", self.ca_file.as_path())]).collect()
    }

    fn make(&self, contents: &[Vec<u8>]) -> Result<CoreConfig, FileFault> {
        let paths = self.paths();
        let ca = paths.iter().zip(contents).next_back();
        let trusted =
            ca.map_or_else(|| Err(FileFault("core.ca_file is missing".into())), |(f, pem)| roots(*f, pem))?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| FileFault(format!("TLS: {error}")))?
            .with_root_certificates(trusted);
        let (config, ends) = if self.identity.is_some() {
            let (chain, key) = identity(&paths, contents)?;
            let ends = end_of(&chain);
            let made = builder.with_client_auth_cert(chain, key);
            (made.map_err(|error| FileFault(pem::unusable(&paths, &error)))?, ends)
        } else {
            (builder.with_no_client_auth(), None)
        };
        Ok(CoreConfig { config: Arc::new(config), server_name: self.server_name.clone(), ends })
    }

    fn ends(made: &CoreConfig) -> Option<i64> {
        made.ends
    }
}

impl CoreConfig {
    /// Shakes hands with a core.
    ///
    /// # Errors
    /// What is wrong with its certificate, or that it speaks no TLS, in words for the one who configured it.
    pub async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<client::TlsStream<S>> {
        let connector = TlsConnector::from(self.config.clone());
        connector.connect(self.server_name.clone(), stream).await.map_err(|error| {
            let hint = hint(&error).map_or_else(String::new, |hint| format!(": {hint}"));
            io::Error::new(error.kind(), format!("the TLS handshake failed: {error}{hint}"))
        })
    }
}

/// What to look at when a handshake with a core failed.
fn hint(error: &io::Error) -> Option<&'static str> {
    use rustls::CertificateError::{NotValidForNameContext, UnknownIssuer};
    use rustls::Error::{InvalidCertificate, InvalidMessage};
    match error.get_ref()?.downcast_ref()? {
        InvalidCertificate(UnknownIssuer) => Some("ca_file does not hold who signed the core's certificate"),
        InvalidCertificate(NotValidForNameContext { .. }) => {
            Some("set server_name to a name of the core's certificate")
        }
        InvalidMessage(_) => Some("the core seems to speak no TLS at this address"),
        _ => None,
    }
}

/// Whether a failed handshake was about the client's certificate: that somebody should know.
#[must_use]
pub fn is_about_certificate(error: &io::Error) -> bool {
    use rustls::Error::{InvalidCertificate, NoCertificatesPresented};
    let cause = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(cause, Some(InvalidCertificate(_) | NoCertificatesPresented))
}

/// The names in the certificate that a client showed, if it did. It has been found good.
#[must_use]
pub fn client_names<S>(stream: &server::TlsStream<S>) -> Option<Vec<String>> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    Some(x509::read(certificate).map_or_else(Vec::new, |facts| facts.names))
}

fn end_of(chain: &[rustls::pki_types::CertificateDer<'_>]) -> Option<i64> {
    chain.iter().filter_map(|certificate| x509::read(certificate)).map(|facts| facts.ends).min()
}

#[cfg(test)]
mod tests;
