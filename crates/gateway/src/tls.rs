//! TLS: what is offered, and certificates of our own.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use strongroom_crypto::SecretText;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be made.
    #[error("the certificate could not be made")]
    Generate(#[from] rcgen::Error),
    /// A file does not hold what it should.
    #[error("{what} is not valid PEM")]
    Pem {
        /// Which of the two files.
        what: &'static str,
        /// What the parser found.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("the certificate file holds no certificate")]
    NoCertificate,
    /// The certificate and the key do not fit, or are of an unsupported kind.
    #[error("certificate and private key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// A certificate chain and its private key in PEM form.
#[derive(Debug)]
pub struct CertifiedPem {
    /// The leaf first. Not secret.
    pub chain: String,
    /// The private key.
    pub private_key: SecretText,
}

impl CertifiedPem {
    /// Makes a certificate authority of our own, P-256, valid from the year 2025 to 2125: it
    /// lives as long as the data directory.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn new_authority() -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let certificate = authority_params().self_signed(&key)?;
        Ok(Self { chain: certificate.pem(), private_key: SecretText::new(key.serialize_pem()) })
    }

    /// Issues a server certificate for host names and addresses, valid until the end of
    /// `year_end`.
    ///
    /// # Errors
    /// If a name cannot stand in a certificate, or `self` is no authority.
    pub fn issue(&self, names: &[String], year_end: i32) -> Result<Self, TlsError> {
        let authority_key = KeyPair::from_pem(self.private_key.danger_expose())?;
        let params = authority_params();
        let issuer = Issuer::from_params(&params, authority_key);
        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "Strongroom server");
        server.not_before = rcgen::date_time_ymd(2025, 1, 1);
        server.not_after = rcgen::date_time_ymd(year_end, 12, 31);
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&key, &issuer)?;
        Ok(Self {
            chain: format!("{}{}", certificate.pem(), self.chain),
            private_key: SecretText::new(key.serialize_pem()),
        })
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Strongroom local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(2125, 1, 1);
    params
}

/// A listener's TLS settings: TLS 1.2 and 1.3, forward secrecy only, HTTP/1.1 only.
///
/// SPEC: access-control, 8.1.
#[derive(Clone)]
pub struct TlsSettings(pub(crate) Arc<ServerConfig>);

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSettings").finish_non_exhaustive()
    }
}

impl TlsSettings {
    /// Settings with this certificate.
    ///
    /// # Errors
    /// If the certificate and the key cannot be used together.
    pub fn new(certified: &CertifiedPem) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certified.chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|source| TlsError::Pem { what: "the certificate file", source })?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(certified.private_key.danger_expose().as_bytes())
            .map_err(|source| TlsError::Pem { what: "the key file", source })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}
