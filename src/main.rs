//! The `admitone` program: all code is in the library.

use std::process::ExitCode;

/// HTTP workers continuously allocate memory that box offices free, and the other way round: this
/// allocator needs no lock for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Clients of TLS look for it. An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    admitone::cli::run(std::env::args_os())
}
