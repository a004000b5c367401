//! The files that stipend makes beside its database: nobody reads them but whoever runs it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::{Path, PathBuf},
};

use super::beside;

/// A new file for this user alone; it is an error if there is one already.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A new file for the owner of its folder alone. Root may work on the database of a service that has a user
/// of its own, which has to be able to open what root made there.
pub(super) fn private_to_folder(path: &Path) -> io::Result<File> {
    let file = private(path)?;
    give_to_folder(&file, path)?;
    Ok(file)
}

/// Gives a file that was just made in it to the owner of its folder, where that is another user and we may.
/// An older file must not come here: its name could lead to another place.
pub(super) fn give_to_folder(made: &File, path: &Path) -> io::Result<()> {
    let folder = fs::metadata(folder_of(path))?;
    if folder.uid() == made.metadata()?.uid() {
        return Ok(());
    }
    match fchown(made, Some(folder.uid()), Some(folder.gid())) {
        // Only root may, and a folder that many write to, such as /tmp, is somebody else's.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

/// Whether this user may make a file there.
///
/// # Errors
///
/// What speaks against it: there is no such folder, or it may not be written.
pub fn room_for(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    Ok(access(folder_of(path), Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Where a file lies.
pub(super) fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Which files of a database its group or everybody may read or write.
pub fn open_to_others(database: &Path) -> Vec<PathBuf> {
    let files = ["", "-wal", "-shm"].map(|ending| beside(database, ending));
    let is_open = |file: &PathBuf| {
        let about = file.metadata();
        about.is_ok_and(|about| about.mode() & 0o066 != 0)
    };
    files.into_iter().filter(is_open).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    fn mode(file: &Path) -> u32 {
        file.metadata().unwrap().mode() & 0o7777
    }

    /// Each file of the database is looked at by itself.
    #[test]
    fn what_others_may_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("stipend.db");
        assert!(open_to_others(&database).is_empty());
        private(&database).unwrap();
        let log = beside(&database, "-wal");
        private(&log).unwrap();
        assert_eq!(mode(&database), 0o600);
        assert!(open_to_others(&database).is_empty());
        for open in [0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&log, fs::Permissions::from_mode(open)).unwrap();
            assert_eq!(
                open_to_others(&database),
                std::slice::from_ref(&log),
                "{open:o}"
            );
        }
    }

    #[test]
    fn a_file_needs_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(room_for(&folder.path().join("stipend.db")).is_ok());
        let nowhere = folder.path().join("nowhere/stipend.db");
        let error = room_for(&nowhere).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    /// What root makes in the folder of a service belongs to that service. Only root can give a file away,
    /// so that this looks at nothing where the tests run as somebody else, and says so.
    #[test]
    fn what_root_makes_belongs_to_the_owner_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stipend.db");
        if !rustix::process::geteuid().is_root() {
            println!("not looked at: giving a file to another user takes root");
            return;
        }
        chown(folder.path(), Some(65_532), Some(65_533)).unwrap();
        private_to_folder(&path).unwrap();
        let about = path.metadata().unwrap();
        assert_eq!((about.uid(), about.gid()), (65_532, 65_533));
        assert_eq!(mode(&path), 0o600);
        private(&beside(&path, ".own")).unwrap();
        assert_eq!(beside(&path, ".own").metadata().unwrap().uid(), 0);
    }
}
