//! Whose a sealed value is, and the key that opens it.

use std::collections::{HashMap, hash_map::Entry};

use sqlx::{SqliteConnection, SqliteExecutor};

use super::{
    Store, StoreError,
    columns::{bad, from_snowflake, snowflake},
    sealed::{Keyring, Sealer},
};
use crate::domain::ids::{GuildId, Home, UserId};

/// A person who has agreed that things are kept of them, with the key of what is theirs.
#[derive(Debug)]
pub(in crate::store) struct Holder {
    pub user: UserId,
    /// What stands for them in the database.
    pub blind: i64,
    pub key: Sealer,
}

impl Keyring {
    /// The one person whom a row is for, where it is for one: by index, sealed name and wrapped key.
    pub(in crate::store) fn reader(
        &self,
        blind: Option<i64>,
        name: Option<Vec<u8>>,
        wrapped: Option<Vec<u8>>,
    ) -> Result<Option<Holder>, StoreError> {
        let Some(blind) = blind else {
            return Ok(None);
        };
        let user = self.shown(blind, &name.ok_or(bad("name"))?)?;
        let key = self.unwrapped(Home::Person(user), &wrapped.ok_or(bad("key"))?)?;
        Ok(Some(Holder { user, blind, key }))
    }

    /// Whose a destination is, from its two columns and the name of the person, where it is one's.
    pub(in crate::store) fn home(
        &self,
        guild: i64,
        person: Option<i64>,
        name: Option<Vec<u8>>,
    ) -> Result<Home, StoreError> {
        let Some(blind) = person else {
            return Ok(Home::Server(GuildId(from_snowflake(guild))));
        };
        let name = name.ok_or(bad("name"))?;
        Ok(Home::Person(self.shown(blind, &name)?))
    }
}

impl Store {
    /// The person, as `executor` sees them; `None` for one who has not agreed to anything being kept.
    pub(in crate::store) async fn holder(
        &self,
        executor: impl SqliteExecutor<'_>,
        user: UserId,
    ) -> Result<Option<Holder>, StoreError> {
        const SQL: &str = "SELECT key FROM person WHERE blind = $1";
        let blind = self.keyring.blind(user);
        let wrapped: Option<Vec<u8>> = sqlx::query_scalar(SQL)
            .bind(blind)
            .fetch_optional(executor)
            .await?;
        let Some(wrapped) = wrapped else {
            return Ok(None);
        };
        let key = self.keyring.unwrapped(Home::Person(user), &wrapped)?;
        Ok(Some(Holder { user, blind, key }))
    }

    /// Each of these people once, as the transaction sees them. Who is not there is an error: what is for one
    /// person alone is sealed with their key or not kept.
    pub(in crate::store) async fn holders(
        &self,
        connection: &mut SqliteConnection,
        users: impl Iterator<Item = UserId> + Send,
    ) -> Result<HashMap<UserId, Holder>, StoreError> {
        let mut holders = HashMap::new();
        for user in users {
            if let Entry::Vacant(unknown) = holders.entry(user) {
                let holder = self.holder(&mut *connection, user).await?;
                unknown.insert(holder.ok_or(bad("reader"))?);
            }
        }
        Ok(holders)
    }

    /// The key of a server; the first time it is asked for, it is made.
    pub(in crate::store) async fn server_key(
        &self,
        connection: &mut SqliteConnection,
        guild: GuildId,
    ) -> Result<Sealer, StoreError> {
        const FIND: &str = "SELECT key FROM server_key WHERE guild_id = $1";
        const ADD: &str = "INSERT INTO server_key (guild_id, key) VALUES ($1, $2)";
        let home = Home::Server(guild);
        let known: Option<Vec<u8>> = sqlx::query_scalar(FIND)
            .bind(snowflake(guild.0))
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(wrapped) = known {
            return Ok(self.keyring.unwrapped(home, &wrapped)?);
        }
        let (key, wrapped) = self.keyring.forged(home);
        sqlx::query(ADD)
            .bind(snowflake(guild.0))
            .bind(wrapped)
            .execute(connection)
            .await?;
        Ok(key)
    }
}
