//! Verifies journals from files: exports, and archives together with the rows left in the database.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{NO_SUCH_DIGEST, PAGE, print_finding};
use crate::archive::row_files;
use crate::audit::OfflineAudit;
use crate::ids::OfferingId;
use crate::journal::{Hash, LoadError, Row, export};
use crate::store::Store;

/// Verifies an export. Needs no database: the export is complete.
pub(super) fn verify(paths: &[&Path], digest: Option<&Hash>) -> Result<()> {
    let shown = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let mut audit = OfflineAudit::default();
    let mut found = None;
    let mut taken = Ok(());
    for path in files(paths)? {
        taken = take(&path, &mut audit, |row| {
            found = found.or((digest == Some(&row.hash)).then_some(row.seq.0));
        })?;
        if taken.is_err() {
            break;
        }
    }
    let (name, finding) = match taken.and_then(|()| audit.report()) {
        Ok((event, report)) => (event.to_string(), Ok(report)),
        Err(LoadError::NotFound) => bail!("there are no rows in {shown}"),
        Err(error) => (shown.clone(), Err(error)),
    };
    let last = finding.as_ref().map_or(0, |report| report.seq);
    if !print_finding(&name, finding) {
        bail!("the journal in {shown} is damaged");
    }
    match (digest, found) {
        (None, _) => super::super::print(&format!(
            "rows 1 to {last} verified; whether rows are missing after them, only a digest known \
             from elsewhere can tell: give it with --digest\n"
        )),
        (Some(_), None) => bail!("{NO_SUCH_DIGEST}"),
        (Some(_), Some(row)) if row < last => bail!(
            "the digest is that of row {row}: what follows in {shown} up to row {last} is not \
             covered by it"
        ),
        (Some(_), Some(_)) => super::super::print(&format!(
            "rows 1 to {last} verified; the last has the digest, so nothing is missing\n"
        )),
    }
    Ok(())
}

/// Verifies the archived rows of an event from their files, and that the first row in the database
/// follows from them.
pub(super) async fn verify_with_archive(
    store: &Store,
    event: OfferingId,
    directory: &Path,
) -> Result<()> {
    let Some(first) = store.journal_first(event).await? else {
        bail!("there is no event {event} in this database");
    };
    let directory = directory.join(event.to_string());
    let mut audit = OfflineAudit::default();
    for path in row_files(&directory)? {
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for (line, number) in BufReader::new(file).lines().zip(1..) {
            let at = || format!("{}, line {number}", path.display());
            let line = line.with_context(at)?;
            let row = export::from_line(&line).with_context(at)?;
            // An interrupted run has written rows that it has not deleted.
            if row.seq < first {
                let record = audit.take(&row).with_context(at)?;
                export::check_line(&line, &row, &record).with_context(at)?;
            }
        }
    }
    let mut head = audit.head().unwrap_or_default();
    loop {
        let rows = store.journal_rows(event, head, PAGE).await.with_context(|| {
            format!("the rows in the database do not follow from {}", directory.display())
        })?;
        let Some((last, _)) = rows.last() else { break };
        head = last.head();
        for (row, _) in &rows {
            audit.take(row)?;
        }
    }
    let (_, report) = audit.report()?;
    super::super::print(&format!(
        "{event}  whole    rows 1 to {} from {}, the rest from the database, up to row {}\n",
        first.0 - 1,
        directory.display(),
        report.seq
    ));
    Ok(())
}

/// Returns the paths, with each directory replaced by its files.
fn files(paths: &[&Path]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(row_files(path)?),
            false => files.push(path.to_path_buf()),
        }
    }
    Ok(files)
}

/// Reads the rows of one file; the inner error is that of a row.
fn take(
    path: &Path,
    audit: &mut OfflineAudit,
    mut each: impl FnMut(&Row),
) -> Result<Result<(), LoadError>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
    for (line, number) in BufReader::new(file).lines().zip(1..) {
        let line = line.with_context(|| format!("cannot read {shown}"))?;
        // Editors and shells leave blank lines at the end.
        if line.trim().is_empty() {
            continue;
        }
        let row = export::from_line(&line).with_context(|| format!("line {number}"))?;
        let taken = audit.take(&row).and_then(|record| export::check_line(&line, &row, &record));
        if taken.is_err() {
            return Ok(taken);
        }
        each(&row);
    }
    Ok(Ok(()))
}
