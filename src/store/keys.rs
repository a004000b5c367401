//! How the keys of a database are looked after: whether the master key is the right one, how an older
//! database comes to keys of its own, how the master key is changed for another, and what is left when it is
//! lost.
//!
//! Each of these is one transaction: it has happened, or it has not.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use super::{
    OpenError, SCRUB_OWED, SET_SETTING, Store, StoreError,
    backup::{self, CopyError},
    columns::{bad, from_snowflake, snowflake},
    destinations::token_place,
    opening::{Held, traceless, unopened},
    outbox, people,
    sealed::{Keyring, Place, Sealer},
    veil,
};
use crate::domain::{
    ids::{GuildId, Home, UserId},
    time::Timestamp,
};

const CHECK: &str = "key check";
const CHECK_PLACE: Place = Place {
    table: "setting",
    column: "value",
    row: 0,
    owner: 0,
};

/// Under which name it is kept to which file the master key was last changed.
const ROTATED_TO: &str = "key rotated to";

/// The tables whose rows name a person, each with the statement that names them anew.
const NAMED: [&str; 6] = [
    "UPDATE position SET owner = $2 WHERE owner = $1",
    "UPDATE ledger_entry SET owner = $2 WHERE owner = $1",
    "UPDATE goal SET owner = $2 WHERE owner = $1",
    "UPDATE watch SET owner = $2 WHERE owner = $1",
    "UPDATE personal SET owner = $2 WHERE owner = $1",
    "UPDATE destination SET person = $2 WHERE person = $1",
];

/// Refuses a master key that is not the one of this database.
pub(super) async fn check(
    path: &Path,
    tables: &[String],
    connection: &mut SqliteConnection,
    keyring: &Keyring,
) -> Result<(), OpenError> {
    if !tables.iter().any(|table| table == "setting") {
        return Ok(());
    }
    let check: Option<Vec<u8>> = sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
        .bind(CHECK)
        .fetch_optional(connection)
        .await
        .map_err(|source| unopened(path, source))?;
    match check {
        Some(check) if keyring.master().open(&CHECK_PLACE, &check).is_err() => {
            Err(OpenError::WrongKey(path.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Leaves the value by which this master key is known again, unless one is there.
pub(super) async fn leave_check(
    connection: &mut SqliteConnection,
    keyring: &Keyring,
) -> sqlx::Result<()> {
    const SQL: &str =
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    sqlx::query(SQL)
        .bind(CHECK)
        .bind(keyring.master().seal(&CHECK_PLACE, CHECK.as_bytes()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn forget_check(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    const SQL: &str = "DELETE FROM setting WHERE name = $1";
    sqlx::query(SQL).bind(CHECK).execute(connection).await?;
    Ok(())
}

/// Gives everybody a key of their own in a database that was sealed with the master key alone, and returns
/// how many people that were. Does nothing where it is done.
pub(super) async fn bring_under_own_keys(
    writer: &SqlitePool,
    keyring: &Keyring,
) -> Result<u64, StoreError> {
    // Until then the column still holds the Discord id.
    const PEOPLE: &str = "SELECT blind FROM person WHERE key IS NULL";
    const SERVERS: &str = "SELECT id, guild_id, token FROM destination WHERE token IS NOT NULL \
         AND guild_id NOT IN (SELECT guild_id FROM server_key) ORDER BY guild_id";
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    let people: Vec<i64> = sqlx::query_scalar(PEOPLE).fetch_all(&mut *tx).await?;
    let tokens: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(SERVERS).fetch_all(&mut *tx).await?;
    if people.is_empty() && tokens.is_empty() {
        return Ok(0);
    }
    defer_references(&mut tx).await?;
    for person in &people {
        own_key(&mut tx, keyring, UserId(from_snowflake(*person))).await?;
    }
    for of_server in tokens.chunk_by(|one, next| one.1 == next.1) {
        server_key(&mut tx, keyring, of_server).await?;
    }
    tx.commit().await?;
    Ok(people.len() as u64)
}

/// References are looked at when the transaction ends, since a person is named anew table by table.
async fn defer_references(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("PRAGMA defer_foreign_keys = ON")
        .execute(connection)
        .await?;
    Ok(())
}

async fn own_key(
    connection: &mut SqliteConnection,
    keyring: &Keyring,
    user: UserId,
) -> Result<(), StoreError> {
    const PERSON: &str = "UPDATE person SET blind = $2, name = $3, key = $4 WHERE blind = $1";
    let (key, wrapped) = keyring.forged(Home::Person(user));
    let change = Change {
        from: keyring.master(),
        to: &key,
    };
    let was = snowflake(user.0);
    people::reseal(connection, was, user, &change).await?;
    outbox::reseal(connection, was, user, &change).await?;
    let blind = keyring.blind(user);
    sqlx::query(PERSON)
        .bind(was)
        .bind(blind)
        .bind(keyring.hidden(user))
        .bind(wrapped)
        .execute(&mut *connection)
        .await?;
    name_anew(connection, was, blind).await
}

async fn name_anew(
    connection: &mut SqliteConnection,
    was: i64,
    blind: i64,
) -> Result<(), StoreError> {
    for sql in NAMED {
        sqlx::query(sql)
            .bind(was)
            .bind(blind)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn server_key(
    connection: &mut SqliteConnection,
    keyring: &Keyring,
    tokens: &[(i64, i64, Vec<u8>)],
) -> Result<(), StoreError> {
    const KEY: &str = "INSERT INTO server_key (guild_id, key) VALUES ($1, $2)";
    const TOKEN: &str = "UPDATE destination SET token = $2 WHERE id = $1";
    let Some((_, guild, _)) = tokens.first() else {
        return Ok(());
    };
    let home = GuildId(from_snowflake(*guild));
    let (key, wrapped) = keyring.forged(Home::Server(home));
    let change = Change {
        from: keyring.master(),
        to: &key,
    };
    sqlx::query(KEY)
        .bind(guild)
        .bind(wrapped)
        .execute(&mut *connection)
        .await?;
    for (id, _, token) in tokens {
        sqlx::query(TOKEN)
            .bind(id)
            .bind(change.made(&token_place(*id, home), token)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// From one key to another.
pub(super) struct Change<'a> {
    from: &'a Sealer,
    to: &'a Sealer,
}

impl Change<'_> {
    /// What is sealed at this place, sealed anew there.
    pub(super) fn made(&self, place: &Place, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(self.to.seal(place, &self.from.open(place, sealed)?))
    }

    /// The same for a text for one reader.
    pub(super) fn made_text(
        &self,
        table: &'static str,
        key: &[u8],
        reader: UserId,
        text: &str,
    ) -> Result<String, StoreError> {
        if text.is_empty() {
            return Ok(String::new());
        }
        let sealed = veil::read(text)?;
        let sealed = self.made(&veil::text_place(table, key, reader), &sealed)?;
        Ok(veil::written(&sealed))
    }
}

/// What a change of the master key came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    pub people: usize,
    pub servers: usize,
}

/// Wraps every key with another master key, and finds people by the other's index from now on. What is
/// sealed with their keys stays as it is.
async fn rewrapped(
    writer: &SqlitePool,
    from: &Keyring,
    (to, file): (&Keyring, &Path),
) -> Result<Rotated, StoreError> {
    const PEOPLE: &str = "SELECT blind, name, key FROM person";
    const SERVERS: &str = "SELECT guild_id, key FROM server_key";
    const PERSON: &str = "UPDATE person SET blind = $2, name = $3, key = $4 WHERE blind = $1";
    const SERVER: &str = "UPDATE server_key SET key = $2 WHERE guild_id = $1";
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    defer_references(&mut tx).await?;
    let people: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(PEOPLE).fetch_all(&mut *tx).await?;
    for (was, name, wrapped) in &people {
        let user = from.shown(*was, name)?;
        let blind = to.blind(user);
        sqlx::query(PERSON)
            .bind(was)
            .bind(blind)
            .bind(to.hidden(user))
            .bind(from.handed_over(Home::Person(user), wrapped, to)?)
            .execute(&mut *tx)
            .await?;
        name_anew(&mut tx, *was, blind).await?;
    }
    let servers: Vec<(i64, Vec<u8>)> = sqlx::query_as(SERVERS).fetch_all(&mut *tx).await?;
    for (guild, wrapped) in &servers {
        let home = Home::Server(GuildId(from_snowflake(*guild)));
        sqlx::query(SERVER)
            .bind(guild)
            .bind(from.handed_over(home, wrapped, to)?)
            .execute(&mut *tx)
            .await?;
    }
    forget_check(&mut tx).await?;
    leave_check(&mut tx, to).await?;
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    // What was wrapped by the key that is changed may be in the log for as long as somebody reads it.
    for (name, value) in [
        (ROTATED_TO, file.as_os_str().as_bytes()),
        (SCRUB_OWED, &[1][..]),
    ] {
        sqlx::query(SET_SETTING)
            .bind(name)
            .bind(value)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(Rotated {
        people: people.len(),
        servers: servers.len(),
    })
}

/// What is gone, and what stays, when the master key was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// People whose holdings cannot be read any more.
    pub people: usize,
    /// Channels whose webhooks are made again.
    pub channels: usize,
    /// Alerts that go on as before.
    pub alerts: usize,
}

/// Since when what people had kept before cannot be read.
const LOST: &str = "key lost at";

/// Takes out what nobody can open any more, and begins with another master key. Rules, servers and the
/// market stay; webhooks are looked for or made again at the next start.
async fn reset(
    writer: &SqlitePool,
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Reset, StoreError> {
    const PEOPLE: &str = "SELECT COUNT(*) FROM person";
    const ALERTS: &str = "SELECT COUNT(*) FROM alert WHERE removed_at IS NULL";
    // A webhook is ours to find again, but its token is not there to post with.
    const CHANNELS: &str = "UPDATE destination SET token = NULL, state = 'parked', reason = 'token_changed', \
         changed_at = $1, revive_at = $1 WHERE webhook_id IS NOT NULL AND state <> 'parked'";
    const PARKED: &str = "UPDATE destination SET token = NULL WHERE token IS NOT NULL";
    const GONE: [&str; 10] = [
        "DELETE FROM outbox WHERE destination_id IN (SELECT id FROM destination WHERE person IS NOT NULL)",
        "DELETE FROM post WHERE destination_id IN (SELECT id FROM destination WHERE person IS NOT NULL)",
        "DELETE FROM destination WHERE person IS NOT NULL",
        "DELETE FROM position",
        "DELETE FROM ledger_entry",
        "DELETE FROM goal",
        "DELETE FROM watch",
        "DELETE FROM personal",
        "DELETE FROM person",
        "DELETE FROM server_key",
    ];
    const NOTE: &str = "INSERT INTO setting (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    let people: i64 = sqlx::query_scalar(PEOPLE).fetch_one(&mut *tx).await?;
    let alerts: i64 = sqlx::query_scalar(ALERTS).fetch_one(&mut *tx).await?;
    let channels = sqlx::query(CHANNELS)
        .bind(now.millis())
        .execute(&mut *tx)
        .await?
        .rows_affected();
    sqlx::query(PARKED).execute(&mut *tx).await?;
    for sql in GONE {
        sqlx::query(sql).execute(&mut *tx).await?;
    }
    if people > 0 {
        sqlx::query(NOTE)
            .bind(LOST)
            .bind(&now.millis().to_le_bytes()[..])
            .execute(&mut *tx)
            .await?;
    }
    forget_check(&mut tx).await?;
    leave_check(&mut tx, keyring).await?;
    tx.commit().await?;
    let whole = |count: i64| usize::try_from(count).unwrap_or(0);
    Ok(Reset {
        people: whole(people),
        channels: usize::try_from(channels).unwrap_or(usize::MAX),
        alerts: whole(alerts),
    })
}

impl Store {
    /// Changes the master key of a database on which no bot runs. Afterwards it opens with the new one alone,
    /// and so do copies that are made from then on; earlier copies open with the earlier key.
    pub async fn rotate_key(
        path: &Path,
        from: &[u8; 32],
        (to, file): (&[u8; 32], &Path),
        now: Timestamp,
    ) -> Result<Rotated, OpenError> {
        let store = Self::open(path, from, now).await?;
        let to = (&Keyring::new(to), file);
        let rotated = rewrapped(&store.writer, &store.keyring, to).await;
        store.close().await;
        rotated.map_err(|source| OpenError::Keys {
            path: path.to_owned(),
            source,
        })
    }

    /// The file to which the master key of a database was last changed, for whoever cannot find it; `None` where
    /// it never was, or that cannot be read.
    pub async fn key_rotated_to(path: &Path) -> Option<PathBuf> {
        const SQL: &str = "SELECT value FROM setting WHERE name = $1";
        let mut connection = SqliteConnection::connect_with(&traceless(path))
            .await
            .ok()?;
        let named: Option<Vec<u8>> = sqlx::query_scalar(SQL)
            .bind(ROTATED_TO)
            .fetch_optional(&mut connection)
            .await
            .ok()?;
        Some(PathBuf::from(OsString::from_vec(named?)))
    }

    /// Begins anew with another master key where the one of this database is lost, on which no bot runs. A
    /// copy of it as it was is made before, under the name that is returned; it goes after
    /// [`crate::domain::retention::COPIES`].
    pub async fn reset_key(
        path: &Path,
        key: &[u8; 32],
        now: Timestamp,
    ) -> Result<(Reset, PathBuf), OpenError> {
        let held = Held::take(path, None).await?;
        let no_copy = |source| OpenError::NoCopy {
            path: path.to_owned(),
            source,
        };
        let copy = backup::made_now(path, backup::BEFORE_KEY_RESET, now);
        if copy.exists() {
            return Err(no_copy(CopyError::Occupied(copy)));
        }
        backup::copy(&held.writer, &copy).await.map_err(no_copy)?;
        let done = reset(&held.writer, &Keyring::new(key), now).await;
        held.writer.close().await;
        match done {
            Ok(reset) => Ok((reset, copy)),
            Err(source) => Err(OpenError::Keys {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// When the master key was lost, and with it what people had kept before; `None` where that never was.
    pub async fn key_lost_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(at) = self.setting(LOST).await? else {
            return Ok(None);
        };
        let at: [u8; 8] = at.try_into().map_err(|_| bad("value"))?;
        Ok(Some(Timestamp::from_millis(i64::from_le_bytes(at))))
    }
}

#[cfg(test)]
mod tests;
