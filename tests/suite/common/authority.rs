//! A certificate authority of a test's own, and the certificates of servers and clients.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;

/// An authority, with its certificate `ca.pem`, and `server.pem` and `server.key` for the loopback names, in a folder.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its private key, both PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        // Each has a name of its own: of two with one name, OpenSSL would take the wrong one for a broken one.
        static MADE: AtomicU32 = AtomicU32::new(1);
        let name = format!("tokenkeep peers' authority {}", MADE.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a certificate of an authority");

        let server_key = key();
        let server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .and_then(|params| params.signed_by(&server_key, &issuer))
            .expect("a certificate of a server");

        let folder = tempfile::Builder::new().prefix("peers-").tempdir().expect("a temporary directory");
        let files =
            [("ca.pem", issuer.pem()), ("server.pem", server.pem()), ("server.key", server_key.serialize_pem())];
        for (name, pem) in files {
            std::fs::write(folder.path().join(name), pem).expect("the folder is ours");
        }
        Self { issuer, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A client's certificate for a DNS name.
    pub(crate) fn client(&self, name: &str) -> Identity {
        self.client_with(name, key())
    }

    /// A further certificate for the key that another one has: what a renewal gives.
    pub(crate) fn renewed(&self, name: &str, of: &Identity) -> Identity {
        self.client_with(name, KeyPair::from_pem(&of.key).expect("the key that rcgen wrote"))
    }

    fn client_with(&self, name: &str, key: KeyPair) -> Identity {
        let certificate = client(name).signed_by(&key, &self.issuer).expect("a certificate of a client");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A client's certificate that no authority signed.
pub(crate) fn self_signed(name: &str) -> Identity {
    let key = key();
    let certificate = client(name).self_signed(&key).expect("a certificate");
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn client(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a DNS name");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
