//! The certificates that a store's TLS connection trusts: those that were given, or else the system's. One provider.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::fleet::FleetError;

/// Makes what TLS connections are made with.
pub(super) fn connector(ca: Option<&[u8]>) -> Result<TlsConnector, FleetError> {
    let failed = |why: &str| FleetError::Tls(why.to_owned());
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| failed("the CA file is not PEM"))?;
                roots.add(certificate).map_err(|_| failed("the CA file holds what is no certificate"))?;
            }
        }
        // Unreadable ones are skipped, and the others are used.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(failed("there are no certificates to trust; name a `ca_file`"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| FleetError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The client library takes the provider of the process when it connects by itself, to the nodes of a cluster. A
/// provider that the program chose stays.
pub(super) fn provide() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may be faster, with the same provider.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}
