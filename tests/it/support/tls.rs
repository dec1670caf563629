//! The provider of cryptography for the tests' HTTP clients, which `main` installs for the program.

/// Installs it, unless that was done.
pub fn install() {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
