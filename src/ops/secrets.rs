//! The secrets that the process holds: the bot's token, the master key, and a source's key where one is
//! given.
//!
//! Files come before the environment, which leaks into child processes and crash reports. A file
//! that anybody else on the machine can open is refused, with the command that mends it.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use chacha20poly1305::aead::{OsRng, rand_core::RngCore};
use secrecy::{ExposeSecret, SecretBox, SecretString, zeroize::Zeroize};

use super::{
    config::{Config, Keyed},
    logging::is_token,
};

/// Tokens have some 70 characters; nobody's token is longer than this many bytes.
const LONGEST_TOKEN_FILE: u64 = 4096;

const KEY_BYTES: usize = 32;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(
        "there is no bot token: name its file with discord.token_file, or set STIPEND_DISCORD__TOKEN"
    )]
    NoToken,
    #[error("{} holds no bot token: it is empty; copy the token into it from the Bot page of the developer portal", .0.display())]
    EmptyFile(PathBuf),
    #[error("{} holds no bot token: it is not one short line of text; put the token into it and nothing else", .0.display())]
    NotText(PathBuf),
    #[error(
        "the bot token has a space, a quote or a sign in it that no token has; put the token in and nothing else"
    )]
    NotPrintable,
    #[error("{} holds no key of {source_name}: it is not one short line of text; put the key into it and nothing else", path.display())]
    NotSourceKey {
        path: PathBuf,
        source_name: &'static str,
    },
    #[error(
        "the key of {0} is not one line of printable text; copy it anew from your account there"
    )]
    SourceKeyNotPrintable(&'static str),
    #[error("{} is a folder, and not the file with the secret", .0.display())]
    Folder(PathBuf),
    #[error("{} can be opened by others (mode {mode:04o}); run `chmod 600 {}`", path.display(), path.display())]
    OpenToOthers { path: PathBuf, mode: u32 },
    #[error(
        "{} holds {found} bytes where a master key has {KEY_BYTES}: bring it back from a backup; only before the very first start may it be removed instead",
        path.display()
    )]
    KeyLength { path: PathBuf, found: u64 },
    #[error("{} cannot be read; check that it is there and that this user may read it", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the master key cannot be kept in {}; make the folder writable for this user, or name another file with secrets.master_key_file", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("the operating system gives no random bytes for a master key")]
    NoRandomness,
}

/// Sees that the system writes down no memory of this process when it dies: the keys are in it. Where that is
/// refused, it is told and nothing else.
pub fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps cannot be switched off");
    }
}

/// The bot's token: from `discord.token_file`, else from `discord.token`. The second also stands in
/// for a file that does not exist, since an image names the file whether or not it is mounted.
///
/// A token of an unusual shape is only warned about: Discord has changed the shape before.
pub fn token(config: &Config) -> Result<SecretString, SecretError> {
    let discord = &config.discord;
    let from_file = match &discord.token_file {
        Some(path) => match token_in(path) {
            Err(SecretError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound && discord.token.is_some() =>
            {
                None
            }
            read => Some(read?),
        },
        None => None,
    };
    let given = from_file
        .as_ref()
        .or(discord.token.as_ref())
        .ok_or(SecretError::NoToken)?;
    let token = given.expose_secret().trim();
    if token.is_empty() {
        return Err(match &discord.token_file {
            Some(path) if from_file.is_some() => SecretError::EmptyFile(path.clone()),
            _ => SecretError::NoToken,
        });
    }
    let is_of_tokens = |letter: char| letter.is_ascii_graphic() && !"\"'`".contains(letter);
    if !token.chars().all(is_of_tokens) {
        return Err(SecretError::NotPrintable);
    }
    if !is_token(token) {
        tracing::warn!("the bot token does not look like one; Discord will tell");
    }
    Ok(SecretString::from(token))
}

/// The key of `CoinGecko`; `None` where there is none, or where it is not to be asked.
pub fn coingecko_key(config: &Config) -> Result<Option<SecretString>, SecretError> {
    source_key(&config.sources.coingecko, "CoinGecko")
}

/// The key of Token Metrics; `None` where there is none, or where it is not to be asked.
pub fn token_metrics_key(config: &Config) -> Result<Option<SecretString>, SecretError> {
    source_key(&config.sources.token_metrics, "Token Metrics")
}

/// From its file, else from the configuration.
fn source_key(
    settings: &Keyed,
    source_name: &'static str,
) -> Result<Option<SecretString>, SecretError> {
    let not_a_key = |path: &Path| SecretError::NotSourceKey {
        path: path.to_owned(),
        source_name,
    };
    if !settings.enabled {
        return Ok(None);
    }
    let from_file = match &settings.key_file {
        Some(path) => match token_in(path) {
            Err(SecretError::NotText(path)) => return Err(not_a_key(&path)),
            read => Some((path, read?)),
        },
        None => None,
    };
    let given = from_file.as_ref().map(|(_, key)| key);
    let Some(given) = given.or(settings.key.as_ref()) else {
        return Ok(None);
    };
    let key = given.expose_secret().trim();
    let is_line = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_graphic());
    match from_file {
        _ if is_line => Ok(Some(SecretString::from(key))),
        Some((path, _)) => Err(not_a_key(path)),
        None => Err(SecretError::SourceKeyNotPrintable(source_name)),
    }
}

fn token_in(path: &Path) -> Result<SecretString, SecretError> {
    let file = opened(path)?;
    let mut text = String::new();
    let read = file
        .take(LONGEST_TOKEN_FILE + 1)
        .read_to_string(&mut text)
        .map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => SecretError::NotText(path.to_owned()),
            _ => unreadable(path, source),
        });
    let secret = SecretString::from(text.as_str());
    text.zeroize();
    if read? as u64 > LONGEST_TOKEN_FILE {
        return Err(SecretError::NotText(path.to_owned()));
    }
    Ok(secret)
}

/// The key that personal data is sealed with. It is wiped from memory when it is dropped.
pub struct MasterKey(SecretBox<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Reads the key, or makes one where there is no file yet: 32 random bytes that only this user
    /// may read, on disk before anything can be sealed with them.
    ///
    /// A key that is lost takes the personal data with it, so one that is there is never written
    /// over, whatever is wrong with it.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretError> {
        if let Some(key) = Self::load_existing(path)? {
            return Ok(key);
        }
        let key = Self::random()?;
        match key.keep(path) {
            Ok(()) => {
                tracing::info!(file = %path.display(), "made a master key");
                Ok(key)
            }
            // Another process was faster; its key is the one that counts.
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Self::load(path),
            Err(source) => Err(SecretError::Unwritable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Makes a new key in a file that is not there yet.
    pub fn create(path: &Path) -> Result<Self, SecretError> {
        let key = Self::random()?;
        key.keep(path).map_err(|source| SecretError::Unwritable {
            path: path.to_owned(),
            source,
        })?;
        Ok(key)
    }

    /// Reads the key; `None` where there is no file.
    pub fn load_existing(path: &Path) -> Result<Option<Self>, SecretError> {
        match Self::load(path) {
            Err(SecretError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// The key itself.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }

    fn load(path: &Path) -> Result<Self, SecretError> {
        let mut file = opened(path)?;
        let found = file
            .metadata()
            .map_err(|source| unreadable(path, source))?
            .len();
        if found != KEY_BYTES as u64 {
            return Err(SecretError::KeyLength {
                path: path.to_owned(),
                found,
            });
        }
        let mut read = Ok(());
        let key = SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| {
            read = file.read_exact(key);
        });
        read.map_err(|source| unreadable(path, source))?;
        Ok(Self(key))
    }

    fn random() -> Result<Self, SecretError> {
        let mut filled = Ok(());
        let key = SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| {
            filled = OsRng.try_fill_bytes(key);
        });
        filled.map_err(|_| SecretError::NoRandomness)?;
        Ok(Self(key))
    }

    fn keep(&self, path: &Path) -> io::Result<()> {
        let mut file = private(path)?;
        let written = file.write_all(self.bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Half a key would stop every later start.
            fs::remove_file(path)?;
            return Err(error);
        }
        // The name has to be on disk as well as the bytes.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// A new file for this user alone; it is an error if there is one already.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens a file with a secret, unless others may do so as well.
fn opened(path: &Path) -> Result<File, SecretError> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let about = file.metadata().map_err(|source| unreadable(path, source))?;
    if about.is_dir() {
        return Err(SecretError::Folder(path.to_owned()));
    }
    match mode_open_to_others(&about) {
        Some(mode) => Err(SecretError::OpenToOthers {
            path: path.to_owned(),
            mode,
        }),
        None => Ok(file),
    }
}

fn unreadable(path: &Path, source: io::Error) -> SecretError {
    SecretError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

/// The permission bits of a file, if they give anything to its group or to everyone.
#[cfg(unix)]
pub(super) fn mode_open_to_others(about: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = about.mode() & 0o7777;
    is_open_to_others(mode, about.uid(), about.gid()).then_some(mode)
}

/// A credential of systemd belongs to root, and an access list lets this service read it. That shows as a
/// right of root's own group: <https://github.com/systemd/systemd/issues/29435>.
#[cfg(unix)]
const fn is_open_to_others(mode: u32, user: u32, group: u32) -> bool {
    let is_credential = mode == 0o440 && user == 0 && group == 0;
    mode & 0o077 != 0 && !is_credential
}

/// Elsewhere access is not a matter of modes, and the folder of a user is closed to others.
#[cfg(not(unix))]
pub(super) const fn mode_open_to_others(_: &fs::Metadata) -> Option<u32> {
    None
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    // Assembled here, so that no scanner takes the source for a leak.
    fn plausible() -> String {
        format!("{}.{}.{}", "M".repeat(26), "G".repeat(6), "x".repeat(38))
    }

    fn written(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn config(file: Option<PathBuf>, token: Option<&str>) -> Config {
        let mut config = Config::default();
        config.discord.token_file = file;
        config.discord.token = token.map(SecretString::from);
        config
    }

    #[test]
    fn the_file_comes_before_the_environment_and_is_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("  {}\r\n", plausible());
        let file = written(folder.path(), "token", text.as_bytes(), 0o600);
        let read = token(&config(Some(file), Some("other"))).unwrap();
        assert_eq!(read.expose_secret(), plausible());
    }

    #[test]
    fn the_environment_stands_in_for_a_file_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("token");
        let read = token(&config(Some(absent.clone()), Some(&plausible()))).unwrap();
        assert_eq!(read.expose_secret(), plausible());
        assert!(matches!(
            token(&config(Some(absent), None)),
            Err(SecretError::Unreadable { .. })
        ));
        assert!(matches!(
            token(&config(None, None)),
            Err(SecretError::NoToken)
        ));
    }

    /// F-X21: a bot whose token others can read does not start, and is told the way on.
    #[test]
    fn a_token_that_others_can_read_is_refused_with_the_mend() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o660, 0o610] {
            let file = written(folder.path(), "token", plausible().as_bytes(), mode);
            let said = token(&config(Some(file.clone()), Some("other"))).unwrap_err();
            assert!(
                said.to_string()
                    .contains(&format!("`chmod 600 {}`", file.display())),
                "{said}"
            );
            fs::remove_file(file).unwrap();
        }
    }

    #[test]
    fn no_token_is_made_of_nothing_or_of_rubbish() {
        let folder = tempfile::tempdir().unwrap();
        let empty = written(folder.path(), "empty", b" \n", 0o600);
        assert!(matches!(
            token(&config(Some(empty), None)),
            Err(SecretError::EmptyFile(_))
        ));
        let binary = written(folder.path(), "binary", &[0xff, 0xfe], 0o600);
        assert!(matches!(
            token(&config(Some(binary), None)),
            Err(SecretError::NotText(_))
        ));
        let long = written(folder.path(), "long", &[b'a'; 5000], 0o600);
        assert!(matches!(
            token(&config(Some(long), None)),
            Err(SecretError::NotText(_))
        ));
        assert!(matches!(
            token(&config(None, Some("two\nlines"))),
            Err(SecretError::NotPrintable)
        ));
        assert!(matches!(
            token(&config(None, Some("  "))),
            Err(SecretError::NoToken)
        ));
    }

    #[test]
    fn the_key_of_ratings_comes_from_its_file_or_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let asked = |file: Option<PathBuf>, key: Option<&str>, enabled| {
            let mut config = Config::default();
            config.sources.token_metrics.enabled = enabled;
            config.sources.token_metrics.key_file = file;
            config.sources.token_metrics.key = key.map(SecretString::from);
            token_metrics_key(&config).map(|key| key.map(|key| key.expose_secret().to_owned()))
        };
        let file = written(folder.path(), "rating", b" tm-1\n", 0o600);
        let read = asked(Some(file.clone()), Some("tm-2"), true).unwrap();
        assert_eq!(read.as_deref(), Some("tm-1"));
        assert_eq!(
            asked(None, Some(" tm-2 "), true).unwrap().as_deref(),
            Some("tm-2")
        );
        assert_eq!(asked(None, None, true).unwrap(), None);
        assert_eq!(asked(Some(file), Some("tm-2"), false).unwrap(), None);
        let odd = written(folder.path(), "odd", b"tm 1\ntm 2", 0o600);
        let said = asked(Some(odd), None, true).unwrap_err().to_string();
        assert!(
            said.contains("holds no key of Token Metrics") && !said.contains("tm 1"),
            "{said}"
        );
        let said = asked(None, Some("tm\u{e9}"), true).unwrap_err();
        assert!(matches!(said, SecretError::SourceKeyNotPrintable(_)));
        let open = written(folder.path(), "open", b"tm-1", 0o644);
        assert!(matches!(
            asked(Some(open), None, true),
            Err(SecretError::OpenToOthers { .. })
        ));
    }

    /// F-X21: whatever gives a secret to anybody else is refused, but for the way in which systemd hands one
    /// over.
    #[test]
    fn only_a_credential_of_root_may_be_read_by_its_group() {
        for mode in [0o400, 0o600] {
            assert!(!is_open_to_others(mode, 1000, 1000), "{mode:o}");
            assert!(!is_open_to_others(mode, 0, 0), "{mode:o}");
        }
        for mode in [
            0o640, 0o604, 0o602, 0o601, 0o644, 0o666, 0o777, 0o441, 0o460,
        ] {
            assert!(is_open_to_others(mode, 1000, 1000), "{mode:o}");
            assert!(is_open_to_others(mode, 0, 0), "{mode:o}");
        }
        assert!(!is_open_to_others(0o440, 0, 0));
        for (user, group) in [(1000, 1000), (0, 1000), (1000, 0)] {
            assert!(is_open_to_others(0o440, user, group), "{user}:{group}");
        }
    }

    #[test]
    fn each_source_is_shown_its_own_key() {
        let mut config = Config::default();
        config.sources.coingecko.key = Some(SecretString::from("CG-1"));
        let coingecko = coingecko_key(&config).unwrap().unwrap();
        assert_eq!(coingecko.expose_secret(), "CG-1");
        assert!(token_metrics_key(&config).unwrap().is_none());
        config.sources.coingecko.key = Some(SecretString::from("two lines\n"));
        let said = coingecko_key(&config).unwrap_err().to_string();
        assert!(said.starts_with("the key of CoinGecko"), "{said}");
        config.sources.coingecko.enabled = false;
        assert!(coingecko_key(&config).unwrap().is_none());
    }

    #[test]
    fn the_key_is_made_once_for_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stipend.key");
        let key = MasterKey::load_or_create(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600);
        assert_eq!(fs::read(&path).unwrap(), key.bytes());
        assert_ne!(key.bytes(), &[0; KEY_BYTES]);
        let read = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(read.bytes(), key.bytes());
        assert_eq!(format!("{key:?}"), "MasterKey(..)");
    }

    /// F-X21: the same goes for the master key, which is never written over.
    #[test]
    fn a_key_that_is_wrong_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 31, 33] {
            let path = written(folder.path(), "key", &vec![7; length], 0o600);
            assert!(matches!(
                MasterKey::load_or_create(&path),
                Err(SecretError::KeyLength { found, .. }) if found == length as u64
            ));
            assert_eq!(fs::read(&path).unwrap(), vec![7; length]);
        }
        let path = written(folder.path(), "open", &[7; KEY_BYTES], 0o644);
        let said = MasterKey::load_or_create(&path).unwrap_err().to_string();
        assert!(said.contains("mode 0644"), "{said}");
    }

    #[test]
    fn a_key_that_cannot_be_kept_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent").join("stipend.key");
        assert!(matches!(
            MasterKey::load_or_create(&path),
            Err(SecretError::Unwritable { .. })
        ));
    }
}
