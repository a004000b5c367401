//! One process a database: a file lock beside it, held as long as the process lives.

use std::{
    fs::{File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use super::files::private_to_folder;

/// The held lock. The operating system lets it go when the process ends, however it ends.
#[derive(Debug)]
pub struct InstanceLock {
    held: File,
    path: PathBuf,
}

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("already running: {holder} holds {}; stop it first", path.display())]
    Held { path: PathBuf, holder: String },
    #[error("cannot lock {}; check its folder and the permissions there", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl InstanceLock {
    /// Refuses while another process holds the lock; changes nothing on disk.
    pub fn probe(database: &Path) -> Result<(), LockError> {
        let path = database.with_added_extension("lock");
        match File::open(&path) {
            Ok(file) => held_by_another(&file, file.try_lock_shared(), path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(LockError::Io { path, source }),
        }
    }

    /// The last run that the lock beside `database` was told of.
    pub fn last_epoch(database: &Path) -> Option<i64> {
        let said = std::fs::read_to_string(database.with_added_extension("lock")).ok()?;
        said.lines()
            .find_map(|line| line.strip_prefix("epoch "))?
            .parse()
            .ok()
    }

    /// Takes the lock beside `database`; what it says stays as it is.
    pub fn take(database: &Path) -> Result<Self, LockError> {
        let path = database.with_added_extension("lock");
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let file = opened(&path).map_err(io)?;
        held_by_another(&file, file.try_lock(), path.clone())?;
        Ok(Self { held: file, path })
    }

    /// Says in the lock who holds it, and the number of the last run of the bot: that outlasts the database,
    /// should somebody put an older one in its place.
    pub fn name(&mut self, epoch: Option<i64>) -> Result<(), LockError> {
        let epoch = epoch.map(|epoch| format!("epoch {epoch}\n"));
        let said = format!("{}\n{}", std::process::id(), epoch.unwrap_or_default());
        let written = (|| {
            self.held.set_len(0)?;
            self.held.rewind()?;
            self.held.write_all(said.as_bytes())
        })();
        written.map_err(|source| LockError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

fn opened(path: &Path) -> io::Result<File> {
    match private_to_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            File::options().read(true).write(true).open(path)
        }
        made => made,
    }
}

/// Says who holds the lock that could not be had.
fn held_by_another(
    file: &File,
    tried: Result<(), TryLockError>,
    path: PathBuf,
) -> Result<(), LockError> {
    match tried {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.take(40).read_to_string(&mut holder);
            let holder = match read {
                Ok(1..) => format!("process {}", holder.trim().replace('\n', ", ")),
                _ => "another process".to_owned(),
            };
            Err(LockError::Held { path, holder })
        }
        Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run has said is there for the next one, whoever held the lock in between.
    #[test]
    fn the_last_run_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("stipend.db");
        assert_eq!(InstanceLock::last_epoch(&database), None);
        InstanceLock::take(&database)
            .unwrap()
            .name(Some(12))
            .unwrap();
        assert_eq!(InstanceLock::last_epoch(&database), Some(12));
        drop(InstanceLock::take(&database).unwrap());
        assert_eq!(InstanceLock::last_epoch(&database), Some(12));
        InstanceLock::take(&database).unwrap().name(None).unwrap();
        assert_eq!(InstanceLock::last_epoch(&database), None);
    }

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("stipend.db");
        let mut first = InstanceLock::take(&database).unwrap();
        first.name(Some(7)).unwrap();
        for refused in [
            InstanceLock::probe(&database).unwrap_err().to_string(),
            InstanceLock::take(&database).unwrap_err().to_string(),
        ] {
            let holder = format!("process {}, epoch 7 holds", std::process::id());
            assert!(refused.contains(&holder), "{refused}");
        }
        drop(first);
        InstanceLock::probe(&database).unwrap();
        InstanceLock::take(&database).unwrap();
    }

    #[test]
    fn looking_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("stipend.db");
        let lock = folder.path().join("stipend.db.lock");
        InstanceLock::probe(&database).unwrap();
        assert!(!lock.exists());
        std::fs::write(&lock, "4242\n").unwrap();
        InstanceLock::probe(&database).unwrap();
        assert_eq!(std::fs::read(&lock).unwrap(), b"4242\n");
    }
}
