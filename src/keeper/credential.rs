//! The client's secret: read from its place only when it is needed, its binding compared.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest, Sha256};

use super::memory::ResolvedRequest;
use super::{Keeper, Secrets, in_thread};
use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::oauth::{ActionsTokenRequest, Assertion, Client, IssuerError, Roots, Trust, check_authorities};
use crate::profile::{AuthMethod, Binding, ClientCertificate, Profile, ProfileName, Reference, SecretSource};
use crate::secrets::{Credential, ItemName, ReferenceError, SecretsError, place_of, read_reference};
use crate::system::files::{Given, read_given};
use crate::system::secret::Secret;

const CA_FILE_CAP: usize = 4 << 20;

/// What a client proves itself with, and the authorities that it trusts.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) secret: Secret,
    ca: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
}

impl Proof {
    pub(crate) fn roots(&self) -> Roots<'_> {
        match &self.ca {
            Some(pem) => Roots::Only(pem),
            None => Roots::System,
        }
    }

    /// Returns the authorities that a connection to the issuer trusts, and the certificate that it shows there.
    pub(crate) fn trust(&self) -> Trust<'_> {
        let identity = self.certificate.as_deref().map(|certificate| (certificate, &self.secret));
        Trust { roots: self.roots(), identity }
    }

    /// The client, as the issuer knows it.
    pub(crate) fn client<'a>(&'a self, profile: &'a Profile) -> Client<'a> {
        let assertions = &profile.assertions;
        Client {
            client_id: &profile.client_id,
            secret: &self.secret,
            auth: profile.auth,
            basic_encoding: profile.basic_encoding,
            assertion: profile.assertion_audience().filter(|_| profile.auth.signs()).map(|audience| Assertion {
                audience,
                typ: assertions.typ,
                algorithm: assertions.algorithm,
                key_id: assertions.key_id.as_deref(),
            }),
            urls: profile.bound_urls(),
        }
    }
}

/// What was read in a thread: the proof, or the place from which a job gets its assertion.
enum Read {
    Whole(Proof),
    FromActions { job: ActionsTokenRequest, audience: String, host: Option<String>, proof: Proof },
}

impl Keeper {
    /// Reads the secret and compares its binding; `None` if the profile was set again meanwhile.
    pub(super) async fn proof(&self, request: &Arc<ResolvedRequest>) -> Result<Option<Proof>, Error> {
        let (keeper, of) = (self.clone(), request.clone());
        match in_thread(move || keeper.read_proof(&of)).await?? {
            None => Ok(None),
            Some(Read::Whole(proof)) => Ok(Some(proof)),
            Some(Read::FromActions { job, audience, host, proof }) => {
                let transport = &self.parts.transport;
                // The CA file is the issuer's: it does not vouch for GitHub.
                let roots = if host.is_some() { proof.roots() } else { Roots::System };
                let secret = transport.job_token(&job, &audience, host.as_deref(), &roots.into()).await;
                let secret = secret.map_err(|error| Error::from(error).for_profile(&request.profile.name))?;
                Ok(Some(Proof { secret, ..proof }))
            }
        }
    }

    fn read_proof(&self, request: &ResolvedRequest) -> Result<Option<Read>, Error> {
        let profile = &request.profile;
        let ca = read_ca_file(profile)?;
        let certificate = match &profile.certificate {
            Some(certificate) => Some(read_certificate(profile, certificate)?),
            None => None,
        };
        // Another one came since the identity was made: its tokens have another name.
        let shown = certificate.as_ref().map(|(_, thumbprint)| *thumbprint);
        if shown != profile.certificate.as_ref().and_then(|certificate| certificate.thumbprint)
            && self.memory.reload(&self.parts.source, request)?
        {
            return Ok(None);
        }
        let certificate = certificate.map(|(pem, _)| pem);
        if let (Secrets::Profile, SecretSource::Reference(Reference::GithubActions { audience, host })) =
            (&self.parts.secrets, &profile.secret)
        {
            let job = job_request().map_err(|error| Error::from(error).for_profile(&profile.name))?;
            let proof = Proof { secret: job.token.clone(), ca, certificate };
            return Ok(Some(Read::FromActions { job, audience: audience.clone(), host: host.clone(), proof }));
        }
        let secret = match (&self.parts.secrets, &profile.secret) {
            (Secrets::Given(secret), _) => secret.clone(),
            (Secrets::Profile, SecretSource::Stored(binding)) => match self.stored(request, binding, ca.as_deref())? {
                Some(secret) => secret,
                None => return Ok(None),
            },
            (Secrets::Profile, SecretSource::Reference(reference)) => self.referenced(profile, reference)?,
            (Secrets::Profile, SecretSource::Absent) => {
                return Err(missing(profile, "has no secret: none was stored, and its file names none"));
            }
        };
        Ok(Some(Read::Whole(Proof { secret, ca, certificate })))
    }

    fn stored(&self, request: &ResolvedRequest, binding: &Binding, ca: Option<&[u8]>) -> Result<Option<Secret>, Error> {
        let profile = &request.profile;
        let name = ItemName::credential(binding.generation);
        let item = match self.parts.lazy_cache.read_secret(&name) {
            Ok(Some(item)) => item,
            // A `credentials set` came between: another generation is there.
            Ok(None) | Err(SecretsError::Unreadable) if self.memory.reload(&self.parts.source, request)? => {
                return Ok(None);
            }
            Ok(None) | Err(SecretsError::NotChosen) if let Some(error) = (self.parts.elsewhere)() => return Err(error),
            Ok(None) => return Err(missing(profile, "names a stored secret that is not there")),
            Err(error) => return Err(Error::from(error).for_profile(&profile.name)),
        };
        // The item is erased after the profile names another: no token is requested with a retired secret.
        self.memory.follow(&self.parts.source)?;
        if self.memory.differs_from(request) {
            return Ok(None);
        }
        let unreadable = |_| Error::from(SecretsError::Unreadable).for_profile(&profile.name);
        let credential = Credential::decode(&item).map_err(unreadable)?;
        let asks = profile.binding(binding.generation, ca.map(|pem| Sha256::digest(pem).into()));
        let differs = credential.binding.differs_in(&asks);
        if credential.binding.generation != binding.generation || differs.is_some() {
            let what = differs.unwrap_or("generation");
            if let ("ca_file", Some(path)) = (what, &profile.ca_file) {
                let shown = crate::system::files::EscapedPath(path);
                let message = format!("the content of {shown} is not what the secret was set for; nothing was sent");
                return Err(Error::new(Code::BindingMismatch, message)
                    .with_remedy(Remedy::AcceptCaFile(path.clone()))
                    .for_profile(&profile.name));
            }
            let message = format!("the stored secret was set for another `{what}`; nothing was sent");
            return Err(Error::new(Code::BindingMismatch, message)
                .with_remedy(Remedy::BindAgain(what))
                .for_profile(&profile.name));
        }
        Ok(Some(credential.secret))
    }

    fn referenced(&self, profile: &Profile, reference: &Reference) -> Result<Secret, Error> {
        let read = read_reference(reference, self.parts.command_timeout)
            .map_err(|error| Error::from(error).for_profile(&profile.name))?;
        read.exposed.iter().for_each(|warning| self.observe(warning));
        // RFC 6749 A.2 has no such symbol in a secret. A key has lines, and an assertion is what its service makes of it.
        let is_shared = !profile.auth.has_private_key() && profile.auth != AuthMethod::FederatedAssertion;
        if is_shared && read.secret.expose_text().is_some_and(|text| text.contains(char::is_control)) {
            self.observe(&Warning::SecretLines(place_of(reference)));
        }
        Ok(read.secret)
    }
}

/// Reads from the environment of a GitHub Actions job how it may request its token.
fn job_request() -> Result<ActionsTokenRequest, ReferenceError> {
    let text = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.ok_or_else(|| ReferenceError::EnvMissing { name: name.to_owned() })
    };
    let token = Secret::from(text("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?.as_str());
    Ok(ActionsTokenRequest { url: text("ACTIONS_ID_TOKEN_REQUEST_URL")?, token })
}

/// Reads a client's certificate: its PEM text, and SHA-256 of the first certificate in it.
pub(crate) fn read_certificate(
    profile: &Profile,
    certificate: &ClientCertificate,
) -> Result<(Vec<u8>, [u8; 32]), Error> {
    let path = &certificate.file;
    let shown = crate::system::files::EscapedPath(path);
    let bad = |what: &str| {
        let message = format!("the certificate file {shown} {what}; nothing was sent");
        Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::RestoreCertificate).for_profile(&profile.name)
    };
    let pem = read_given(path, Given::Open, CA_FILE_CAP).map_err(|error| Error::from(error).for_profile(&profile.name));
    let pem = pem?.ok_or_else(|| bad("is missing"))?;
    let first = CertificateDer::from_pem_slice(&pem).map_err(|_| bad("holds no certificate in PEM"))?;
    let thumbprint = Sha256::digest(&first).into();
    Ok((pem, thumbprint))
}

/// Reads a profile's CA file; `None` if it names none.
pub(crate) fn read_ca_file(profile: &Profile) -> Result<Option<Vec<u8>>, Error> {
    read_ca_file_at(profile.ca_file.as_deref(), &profile.name)
}

/// Reads the CA file of a profile, whatever it holds; `None` if none is named.
#[cfg(feature = "cli")]
pub(crate) fn read_ca_bytes(profile: &Profile) -> Result<Option<Vec<u8>>, Error> {
    profile.ca_file.as_deref().map_or(Ok(None), |path| read_ca_bytes_at(path, &profile.name).map(Some))
}

/// Reads a CA file for a profile that is not made yet; `None` if none is named.
pub(crate) fn read_ca_file_at(path: Option<&Path>, name: &ProfileName) -> Result<Option<Vec<u8>>, Error> {
    let Some(path) = path else { return Ok(None) };
    let pem = read_ca_bytes_at(path, name)?;
    match check_authorities(&pem) {
        Ok(()) => Ok(Some(pem)),
        Err(fault) => Err(Error::from(IssuerError::CaContent { path: path.to_owned(), fault }).for_profile(name)),
    }
}

fn read_ca_bytes_at(path: &Path, name: &ProfileName) -> Result<Vec<u8>, Error> {
    match read_given(path, Given::Open, CA_FILE_CAP) {
        Ok(Some(pem)) => Ok(pem),
        Ok(None) => {
            let message =
                format!("the CA file {} is missing; nothing was sent", crate::system::files::EscapedPath(path));
            let made = Error::new(Code::ConfigInvalid, message).with_remedy(Remedy::RestoreCaFile);
            Err(made.for_profile(name))
        }
        Err(error) if error.is_insecure() => Err(Error::from(error).for_profile(name)),
        Err(error) => Err(Error::from(IssuerError::CaFile(error)).for_profile(name)),
    }
}

fn missing(profile: &Profile, why: &str) -> Error {
    Error::new(Code::CredentialMissing, format!("the profile {} {why}", profile.name))
        .with_remedy(Remedy::SetCredential(profile.name.to_string()))
        .for_profile(&profile.name)
}
