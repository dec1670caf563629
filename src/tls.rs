//! How this program calls others by TLS.

use std::sync::Arc;

/// Returns the settings of a client. The trusted certificates are built in: an image without any of the
/// system's can call too.
///
/// # Errors
/// The provider of ciphers lacks a protocol version.
pub(crate) fn client_config() -> Result<rustls::ClientConfig, rustls::Error> {
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect::<rustls::RootCertStore>();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
