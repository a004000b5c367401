//! One process a database: a file lock beside it, held as long as the process lives.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// The held lock. The operating system lets it go when the process ends, however it ends.
#[derive(Debug)]
pub struct InstanceLock {
    _held: File,
}

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("already running: {holder} holds {}", path.display())]
    Held { path: PathBuf, holder: String },
    #[error("cannot lock {}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl InstanceLock {
    /// Refuses while another process holds the lock; changes nothing on disk.
    pub fn probe(database: &Path) -> Result<(), LockError> {
        if database.with_added_extension("lock").exists() {
            drop(Self::take(database)?);
        }
        Ok(())
    }

    /// Takes the lock beside `database` and writes this process's number into it.
    pub fn take(database: &Path) -> Result<Self, LockError> {
        let path = database.with_added_extension("lock");
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = (&file).take(40).read_to_string(&mut holder);
                let holder = match read {
                    Ok(1..) => format!("process {}", holder.trim()),
                    _ => "another process".to_owned(),
                };
                return Err(LockError::Held { path, holder });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _held: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("stipend.db");
        let first = InstanceLock::take(&database).unwrap();
        let refused = InstanceLock::take(&database).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        drop(first);
        InstanceLock::take(&database).unwrap();
    }
}
