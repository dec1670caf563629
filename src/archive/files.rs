//! The files of an archive: a directory for each offering, with one file for every few thousand
//! rows, named by its first and last row. The lines are those of `journal show --json`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::ArchiveError;
use crate::ids::{OfferingId, Seq};
use crate::journal::{Record, Row, export};

/// The directory of one offering.
pub struct Files {
    directory: PathBuf,
}

/// A file that is being written, under another name until it is complete.
pub(super) struct Writing {
    directory: PathBuf,
    first: Seq,
    unfinished: PathBuf,
    file: BufWriter<File>,
    /// Bytes written so far.
    pub(super) bytes: u64,
}

impl Files {
    /// Opens the directory of one offering, and creates it if it is missing.
    ///
    /// # Errors
    /// [`ArchiveError::File`].
    pub fn of(archives: &Path, offering: OfferingId) -> Result<Self, ArchiveError> {
        let directory = archives.join(offering.to_string());
        fs::create_dir_all(&directory).map_err(at(&directory))?;
        sync_directory(archives)?;
        Ok(Self { directory })
    }

    /// Returns the file whose first row is the one after `seq`, and its last row: an interrupted
    /// run left the file.
    pub(super) fn after(&self, seq: Seq) -> Result<Option<(PathBuf, Seq)>, ArchiveError> {
        let first = format!("{:012}-", seq.next().0);
        for path in row_files(&self.directory)? {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let end = name.strip_prefix(&first).and_then(|end| end.parse().ok()).map(Seq);
            if let Some(end) = end {
                return Ok(Some((path, end)));
            }
        }
        Ok(None)
    }

    /// Begins the file whose first row is the one after `seq`.
    pub(super) fn begin(&self, seq: Seq) -> Result<Writing, ArchiveError> {
        let (directory, first) = (self.directory.clone(), seq.next());
        let unfinished = directory.join(format!("{:012}.part", first.0));
        let file = private(&unfinished).map_err(at(&unfinished))?;
        Ok(Writing { directory, first, unfinished, file: BufWriter::new(file), bytes: 0 })
    }

    /// Makes the names of the files durable.
    pub(super) fn sync(&self) -> Result<(), ArchiveError> {
        sync_directory(&self.directory)
    }
}

impl Writing {
    pub(super) fn row(&mut self, row: &Row, record: &Record) -> Result<(), ArchiveError> {
        let line = export::to_line(row, record) + "\n";
        self.bytes += line.len() as u64;
        self.file.write_all(line.as_bytes()).map_err(at(&self.unfinished))
    }

    /// Makes the content durable and, once `verify` has read it back, gives the file its name,
    /// which contains the number of the last row. Names sort as their rows do.
    pub(super) fn finish(
        mut self,
        last: Seq,
        verify: impl FnOnce(&Path) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written.map_err(at(&self.unfinished))?;
        verify(&self.unfinished)?;
        let path = self.directory.join(format!("{:012}-{:012}.jsonl", self.first.0, last.0));
        fs::rename(&self.unfinished, &path).map_err(at(&path))
    }
}

/// Appends lines to a file, durably.
pub(super) fn append(
    path: &Path,
    lines: impl Iterator<Item = serde_json::Value>,
) -> Result<(), ArchiveError> {
    use std::os::unix::fs::OpenOptionsExt;
    let open = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let mut file = open.map_err(at(path))?;
    let text: String = lines.map(|line| line.to_string() + "\n").collect();
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at(path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Returns the files of rows in a directory, in the order of their rows.
///
/// # Errors
/// [`ArchiveError::File`].
pub fn row_files(directory: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(at(directory))? {
        let path = entry.map_err(at(directory))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Calls `each` with every line of a file and its row, which is not verified.
///
/// # Errors
/// [`ArchiveError::File`], [`ArchiveError::Unfit`] for a line that is not of an export, and the
/// errors of `each`.
pub fn each_row(
    path: &Path,
    mut each: impl FnMut(&str, Row) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let file = File::open(path).map_err(at(path))?;
    for (line, number) in BufReader::new(file).lines().zip(1..) {
        let line = line.map_err(at(path))?;
        let row = export::from_line(&line).map_err(|error| ArchiveError::Unfit {
            path: path.into(),
            reason: format!("line {number}: {error}"),
        })?;
        each(&line, row)?;
    }
    Ok(())
}

fn at(path: &Path) -> impl Fn(io::Error) -> ArchiveError + use<'_> {
    move |source| ArchiveError::File { path: path.into(), source }
}

fn sync_directory(path: &Path) -> Result<(), ArchiveError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(at(path))
}

/// Creates a file that only its owner may read: it records by ids which customer bought which
/// tickets.
fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_once_it_is_verified() {
        let archives = tempfile::tempdir().unwrap();
        let files = Files::of(archives.path(), OfferingId::random()).unwrap();
        let refuse =
            |path: &Path| Err(ArchiveError::Unfit { path: path.into(), reason: "".into() });
        files.begin(Seq(0)).unwrap().finish(Seq(5), refuse).unwrap_err();
        assert_eq!(files.after(Seq(0)).unwrap(), None);
        files.begin(Seq(0)).unwrap().finish(Seq(5), |_| Ok(())).unwrap();
        assert_eq!(files.after(Seq(0)).unwrap().map(|(_, last)| last), Some(Seq(5)));
    }
}
