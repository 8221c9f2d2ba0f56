//! Certificates and keys out of PEM files, with faults that say which file and what to do.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::access::files::{FileFault, fault};

/// A file under the configuration's key for it.
type File<'a> = (&'static str, &'a Path);

/// A certificate with those that signed it, and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The one implementation of cryptography in this program.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static RING: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));
    RING.clone()
}

/// The certificate and the key: the first two of these files.
pub(super) fn identity(files: &[File<'_>], contents: &[Vec<u8>]) -> Result<Identity, FileFault> {
    match (files, contents) {
        ([certificate_file, key_file, ..], [chain, pem, ..]) => {
            Ok((certificates(*certificate_file, chain)?, key(*key_file, pem)?))
        }
        _ => Err(FileFault("a certificate and its key are needed".into())),
    }
}

fn certificates((name, path): File<'_>, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let found: Result<Vec<_>, Error> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(none) if none.is_empty() => {
            Err(fault(name, path, "holds no certificate (-----BEGIN CERTIFICATE-----)"))
        }
        Ok(found) => Ok(found),
        // The library's error may repeat what stands in the file.
        Err(_) => Err(fault(name, path, "is no sound PEM file")),
    }
}

fn key((name, path): File<'_>, pem: &[u8]) -> Result<PrivateKeyDer<'static>, FileFault> {
    let is_locked = String::from_utf8_lossy(pem).contains("ENCRYPTED");
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        let what = if is_locked {
            "is locked with a password; take it off with: openssl pkey -in FILE -out NEW"
        } else {
            "holds no private key (-----BEGIN PRIVATE KEY-----)"
        };
        fault(name, path, what)
    })
}

/// The signers that a file trusts.
pub(super) fn roots(file: File<'_>, pem: &[u8]) -> Result<RootCertStore, FileFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, pem)? {
        roots
            .add(certificate)
            .map_err(|error| fault(file.0, file.1, &format!("cannot be a signer: {error}")))?;
    }
    Ok(roots)
}

/// A certificate and a key that do not go together, or are of a kind that is not spoken.
pub(super) fn unusable(files: &[File<'_>], error: &rustls::Error) -> String {
    let files: Vec<_> =
        files.iter().take(2).map(|(name, path)| format!("{name} = \"{}\"", path.display())).collect();
    format!("{}: {error}", files.join(" with "))
}
