//! What the subcommands of `journal` share.

use crate::audit::Report;
use crate::cli::print;
use crate::journal::LoadError;

/// Rows read at a time.
pub(crate) const PAGE: u64 = 1_000;

pub(crate) const NO_SUCH_DIGEST: &str =
    "no row has the digest: rows are missing at the end, or it is of another history";

/// Prints the finding on one journal; returns whether the journal is whole.
pub(crate) fn print_finding(name: &str, finding: Result<Report, LoadError>) -> bool {
    match finding {
        Ok(report) => {
            let Report { seq, epoch, digest, archived, .. } = &report;
            let archived = archived.as_ref().map_or(String::new(), |archived| {
                format!(
                    ", of which rows 1 to {} are archived (--archive verifies them)",
                    archived.seq
                )
            });
            print(&format!(
                "{name}  ok       {seq} rows, epoch {epoch}, digest {digest}{archived}\n"
            ));
            true
        }
        Err(error) => {
            print(&format!("{name}  DAMAGED  {error}\n"));
            false
        }
    }
}
