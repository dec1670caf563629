//! The load generator: everything is in the library.

use std::process::ExitCode;

/// Millions of entries of the run's own journal are made while it is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stampede::main(std::env::args_os())
}
