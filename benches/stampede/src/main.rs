//! The load generator: all code is in the library.

use std::process::ExitCode;

/// Millions of entries of the run's own journal are allocated during the measurement.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stampede::main(std::env::args_os())
}
