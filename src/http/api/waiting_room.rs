//! The routes of waiting rooms: people in line, and the organisers of the line.

pub mod admin;
pub mod queue;
pub mod shown;
pub mod stream;

/// Hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
