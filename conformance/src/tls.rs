//! Certificates made on the spot, and rustls set up with them.

use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};

/// The name that servers have here.
pub const NAME: &str = "localhost";

/// Who signs certificates.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Identity {
    /// The certificate, without those above it.
    pub certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }
}

impl Authority {
    /// One that nobody has heard of.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).unwrap().into();
        Self {
            certificate,
            issuer: Issuer::new(parameters, key),
        }
    }

    /// The one that servers and clients here trust, unless a test says otherwise.
    pub fn trusted() -> &'static Self {
        static TRUSTED: OnceLock<Authority> = OnceLock::new();
        TRUSTED.get_or_init(|| Self::new("trusted by all"))
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A certificate for [`NAME`].
    pub fn identity(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([NAME.to_owned()]).unwrap();
        Identity {
            certificate: parameters.signed_by(&key, &self.issuer).unwrap().into(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        Arc::new(roots)
    }

    /// For servers with a certificate of this authority, whose clients need none.
    pub fn server(&self) -> Arc<ServerConfig> {
        let own = self.identity();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(own.chain(), own.key)
            .unwrap();
        Arc::new(config)
    }

    /// The same, for clients that show a certificate of this authority.
    pub fn server_of_known_clients(&self) -> Arc<ServerConfig> {
        let own = self.identity();
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider())
            .build()
            .unwrap();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(own.chain(), own.key)
            .unwrap();
        Arc::new(config)
    }

    /// For clients that trust this authority, and show what they are asked to show.
    pub fn client(&self, shown: Option<Identity>) -> Arc<ClientConfig> {
        self.client_of(rustls::DEFAULT_VERSIONS, shown)
    }

    /// The same, for these versions of the protocol.
    pub fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<Identity>,
    ) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots());
        Arc::new(match shown {
            Some(own) => {
                let chain = own.chain();
                builder.with_client_auth_cert(chain, own.key).unwrap()
            }
            None => builder.with_no_client_auth(),
        })
    }
}

/// The cryptography that rustls is to use.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

/// For clients that trust these authorities, and show nothing.
pub fn client(roots: Arc<RootCertStore>) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A server's end over any stream. Nothing is sent until it is used.
pub fn serve<S: Read + Write>(
    config: &Arc<ServerConfig>,
    stream: S,
) -> StreamOwned<ServerConnection, S> {
    let session = ServerConnection::new(Arc::clone(config)).unwrap();
    StreamOwned::new(session, stream)
}

/// A client's end over any stream.
pub fn connect<S: Read + Write>(
    config: &Arc<ClientConfig>,
    stream: S,
) -> StreamOwned<ClientConnection, S> {
    let name = ServerName::try_from(NAME).unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    StreamOwned::new(session, stream)
}

/// Tells the server that no more comes, as TLS says it: what is sent so far is complete.
/// Reading goes on.
///
/// # Errors
///
/// Those of the stream.
pub fn finish_client<S: Read + Write>(
    stream: &mut StreamOwned<ClientConnection, S>,
) -> io::Result<()> {
    stream.conn.send_close_notify();
    stream.flush()
}

/// The same of a server.
///
/// # Errors
///
/// Those of the stream.
pub fn finish_server<S: Read + Write>(
    stream: &mut StreamOwned<ServerConnection, S>,
) -> io::Result<()> {
    stream.conn.send_close_notify();
    stream.flush()
}
