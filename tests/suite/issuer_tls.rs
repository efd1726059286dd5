//! The TLS port of the fixture issuer: one good certificate, and each bad one bad in its own way alone.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore, SupportedProtocolVersion, version};

use crate::common::Issuer;
use crate::common::issuer::{Behaviour, Certificate, ConnectionBehaviour};

const REQUEST: &[u8] = b"GET /api HTTP/1.1\r\nHost: issuer\r\n\r\n";

#[test]
fn a_client_that_trusts_the_authority_is_answered_over_tls_1_2_and_1_3() {
    let issuer = Issuer::start_with_tls();
    for version in [&version::TLS12, &version::TLS13] {
        for name in ["127.0.0.1", "localhost"] {
            let answer = exchange(&issuer, name, version).expect("the certificate is good");
            assert!(answer.starts_with(b"HTTP/1.1 401 "));
        }
    }
    assert_eq!(issuer.count("/api"), 4);
    assert!(issuer.url("/token").starts_with("https://127.0.0.1:"));
}

#[test]
fn each_bad_certificate_is_refused_for_its_own_reason() {
    let issuer = Issuer::start_with_tls();
    let refusal = |certificate| {
        issuer.offer_certificate(certificate);
        exchange(&issuer, "127.0.0.1", &version::TLS13).expect_err("a bad certificate")
    };
    let expired = refusal(Certificate::Expired);
    assert!(matches!(expired, Error::InvalidCertificate(CertificateError::ExpiredContext { .. })), "{expired:?}");
    let self_signed = refusal(Certificate::SelfSigned);
    assert!(matches!(self_signed, Error::InvalidCertificate(CertificateError::UnknownIssuer)), "{self_signed:?}");
    let wrong_name = refusal(Certificate::WrongName);
    assert!(
        matches!(wrong_name, Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })),
        "{wrong_name:?}"
    );
    assert_eq!(issuer.count("/api"), 0, "no request came through");
    assert!(issuer.traffic().bytes_received > 0);
    issuer.offer_certificate(Certificate::Good);
    assert!(exchange(&issuer, "127.0.0.1", &version::TLS13).is_ok());
}

#[test]
fn tls_1_1_is_offered_and_refused() {
    let issuer = Issuer::start_with_tls();
    issuer.behave_on_connect(ConnectionBehaviour::Tls11);
    let refusal = exchange(&issuer, "127.0.0.1", &version::TLS12).expect_err("too old");
    assert!(matches!(refusal, Error::PeerIncompatible(_)), "{refusal:?}");
}

#[test]
fn a_handshake_that_drips_has_not_ended_when_its_client_has_read_a_thousand_bytes_of_it() {
    let issuer = Issuer::start_with_tls();
    issuer.behave_on_connect(ConnectionBehaviour::DripHandshake { interval_ms: 0 });
    runtime().block_on(async {
        let mut tcp = TcpStream::connect(issuer.address()).await.expect("it listens");
        tcp.write_all(b"\x16\x03\x01").await.expect("it reads");
        let mut start = [0; 1000];
        tcp.read_exact(&mut start).await.expect("it drips");
        // One record, longer than what came: a TLS client can do nothing but wait.
        assert_eq!(start[..5], [0x16, 0x03, 0x03, 0x40, 0x00]);
    });
}

#[test]
fn a_silent_tls_port_takes_the_client_hello_and_says_nothing() {
    let issuer = Issuer::start_with_tls();
    issuer.behave_on_connect(ConnectionBehaviour::Silence);
    runtime().block_on(async {
        let mut tcp = TcpStream::connect(issuer.address()).await.expect("it listens");
        tcp.write_all(&[0x16; 300]).await.expect("it reads");
        tcp.shutdown().await.expect("it is connected");
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).await.expect("an orderly end");
        assert_eq!(answer, b"");
    });
    assert_eq!(issuer.traffic().bytes_received, 300);
}

#[test]
fn a_tls_connection_can_be_reset_beneath_tls() {
    let issuer = Issuer::start_with_tls();
    issuer.behave("/api", Behaviour::Reset);
    let error = exchange(&issuer, "127.0.0.1", &version::TLS13).expect_err("a reset");
    assert!(matches!(&error, Error::General(kind) if kind == "connection reset"), "{error:?}");
    assert_eq!(issuer.count("/api"), 1);
}

/// A request as a client sends it that trusts the test authority alone.
fn exchange(issuer: &Issuer, name: &str, version: &'static SupportedProtocolVersion) -> Result<Vec<u8>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(issuer.ca_file()).expect("a certificate")).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("the provider has the version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    runtime().block_on(async {
        let tcp = TcpStream::connect(issuer.address()).await.expect("it listens");
        let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(tls_error)?;
        let mut answer = Vec::new();
        tls.write_all(REQUEST).await.map_err(tls_error)?;
        tls.read_to_end(&mut answer).await.map_err(tls_error)?;
        Ok(answer)
    })
}

fn tls_error(error: std::io::Error) -> Error {
    let kind = error.kind().to_string();
    error.into_inner().and_then(|inner| inner.downcast().ok()).map_or(Error::General(kind), |error| *error)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
