//! A test certificate authority, and the good and bad certificates of the TLS port.

use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::protocol::Certificate;

/// An acceptor for each certificate.
pub(crate) struct Certificates {
    acceptors: HashMap<Certificate, TlsAcceptor>,
    /// The file that holds the certificate of the authority.
    pub(crate) ca: PathBuf,
}

impl Certificates {
    /// Makes everything anew, for the loopback names and the address that is listened at, and writes `ca.pem` into the
    /// directory.
    pub(crate) fn generate(directory: &Path, address: IpAddr) -> Result<Self, Box<dyn Error>> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "tokenkeep test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let mut acceptors = HashMap::new();
        let kinds = [
            (Certificate::Good, "good.pem"),
            (Certificate::Expired, "expired.pem"),
            (Certificate::SelfSigned, "self-signed.pem"),
            (Certificate::Authority, "authority.pem"),
            (Certificate::WrongName, "wrong-name.pem"),
        ];
        for (kind, file) in kinds {
            let (acceptor, pem) = acceptor(kind, address, &authority)?;
            std::fs::write(directory.join(file), pem)?;
            acceptors.insert(kind, acceptor);
        }
        let ca = directory.join("ca.pem");
        std::fs::write(&ca, authority.pem())?;
        Ok(Self { acceptors, ca })
    }

    pub(crate) fn acceptor(&self, kind: Certificate) -> &TlsAcceptor {
        &self.acceptors[&kind]
    }
}

/// Makes the acceptor of a certificate, and the certificate as PEM.
fn acceptor(
    kind: Certificate,
    address: IpAddr,
    authority: &CertifiedIssuer<'_, KeyPair>,
) -> Result<(TlsAcceptor, String), Box<dyn Error>> {
    let names = match kind {
        Certificate::WrongName => vec!["elsewhere.test".to_owned()],
        _ => ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().chain([address.to_string()]).collect(),
    };
    let mut params = CertificateParams::new(names)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if kind == Certificate::Expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
    }
    if kind == Certificate::Authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate()?;
    let certificate = match kind {
        Certificate::SelfSigned | Certificate::Authority => params.self_signed(&key)?,
        _ => params.signed_by(&key, authority)?,
    };
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    Ok((TlsAcceptor::from(Arc::new(config)), certificate.pem()))
}
