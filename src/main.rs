//! The `admitone` program: all code is in the library.

use std::process::ExitCode;

/// HTTP workers continuously allocate memory that box offices free, and the other way round: this
/// allocator needs no lock for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // With one provider for the whole process, no library has to choose. An error means that there is
    // one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    admitone::cli::run(std::env::args_os())
}
