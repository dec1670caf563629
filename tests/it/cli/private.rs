//! Files that the server creates are accessible to their owner alone.

use std::fs;

use super::process::Admitone;

#[test]
#[cfg(unix)]
fn what_is_made_in_the_data_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let data_dir = home.path().join("data");
    let server = Admitone::start(&data_dir, &[]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&data_dir).unwrap() {
        let path = entry.unwrap().path();
        let private = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), private, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    for name in
        ["admitone.db", "admitone.db-wal", "admitone.db-shm", "admitone.db.lock", "jwt_secret"]
    {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
    assert!(!server.stop().err.contains("can read"), "nothing is said of private files");

    let database = data_dir.join("admitone.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    let said = Admitone::start(&data_dir, &[]).stop().err;
    assert!(said.contains(&format!("{} (644)", database.display())), "{said}");
    assert!(said.contains("chmod -R go="), "{said}");
}
