//! The program: everything is in the library.

use std::process::ExitCode;

/// HTTP workers allocate what box offices free, and the other way round, all day long: an
/// allocator without a lock around that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    admitone::cli::run(std::env::args_os())
}
