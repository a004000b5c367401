//! What servers have chosen, who changed what there, and when their reports are due.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::{
    Store, StoreError,
    columns::{bad, from_snowflake, snowflake, time},
};
use crate::domain::{
    ids::{DestinationId, GuildId, UserId},
    manner::ServerSettings,
    time::Timestamp,
    zone::Cadence,
};

/// A change that somebody made to what a server hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    pub guild: GuildId,
    pub at: Timestamp,
    /// `None` once the person has asked to be forgotten.
    pub person: Option<UserId>,
    /// What was done, as a few words.
    pub words: String,
}

/// A report of a channel that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    pub destination: DestinationId,
    pub guild: GuildId,
    pub cadence: Cadence,
    pub due_at: Timestamp,
}

/// The statement that reads reports.
macro_rules! reports_where {
    ($condition:literal) => {
        concat!(
            "SELECT g.destination_id, d.guild_id, g.cadence, g.due_at FROM digest g ",
            "JOIN destination d ON d.id = g.destination_id WHERE ",
            $condition
        )
    };
}

impl Store {
    /// What every server has chosen that has chosen anything.
    pub async fn servers(&self) -> Result<HashMap<GuildId, ServerSettings>, StoreError> {
        const SQL: &str = "SELECT guild_id, settings FROM server";
        let rows: Vec<(i64, String)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        rows.into_iter()
            .map(|(guild, settings)| {
                let settings = serde_json::from_str(&settings).map_err(|_| bad("settings"))?;
                Ok((GuildId(from_snowflake(guild)), settings))
            })
            .collect()
    }

    /// Keeps what a server has chosen, and who chose it.
    pub async fn save_server(
        &self,
        settings: &ServerSettings,
        deed: &Deed,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO server (guild_id, settings) VALUES ($1, $2) \
             ON CONFLICT (guild_id) DO UPDATE SET settings = excluded.settings";
        let text = serde_json::to_string(settings).map_err(|_| bad("settings"))?;
        let mut tx = self.begin().await?;
        sqlx::query(SQL)
            .bind(snowflake(deed.guild.0))
            .bind(text)
            .execute(&mut *tx)
            .await?;
        note(&mut tx, deed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Who changed what in a server since then, newest first.
    pub async fn deeds(
        &self,
        guild: GuildId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Deed>, StoreError> {
        const SQL: &str = "SELECT at, person, deed FROM audit WHERE guild_id = $1 AND at >= $2 \
             ORDER BY id DESC LIMIT $3";
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(SQL)
            .bind(snowflake(guild.0))
            .bind(since.millis())
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(at, person, words)| Deed {
                guild,
                at: time(at),
                person: (person != 0).then(|| UserId(from_snowflake(person))),
                words,
            })
            .collect())
    }

    /// Notes who changed what.
    pub async fn note_deed(&self, deed: &Deed) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        note(&mut tx, deed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The changes in any server that are noted under a person's name, oldest first.
    pub async fn deeds_by(&self, person: UserId) -> Result<Vec<Deed>, StoreError> {
        const SQL: &str = "SELECT guild_id, at, deed FROM audit WHERE person = $1 ORDER BY id";
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(SQL)
            .bind(snowflake(person.0))
            .fetch_all(&self.readers)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(guild, at, words)| Deed {
                guild: GuildId(from_snowflake(guild)),
                at: time(at),
                person: Some(person),
                words,
            })
            .collect())
    }

    /// Gives a channel a report at set times, or none.
    pub async fn set_report(
        &self,
        destination: DestinationId,
        report: Option<(Cadence, Timestamp)>,
    ) -> Result<(), StoreError> {
        const SET: &str = "INSERT INTO digest (destination_id, cadence, due_at) VALUES ($1, $2, $3) \
             ON CONFLICT (destination_id) DO UPDATE SET cadence = excluded.cadence, due_at = excluded.due_at";
        const NONE: &str = "DELETE FROM digest WHERE destination_id = $1";
        let Some((cadence, due_at)) = report else {
            sqlx::query(NONE)
                .bind(destination.0)
                .execute(&self.writer)
                .await?;
            return Ok(());
        };
        let cadence = serde_json::to_string(&cadence).map_err(|_| bad("cadence"))?;
        sqlx::query(SET)
            .bind(destination.0)
            .bind(cadence)
            .bind(due_at.millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The reports that are due at or before `until`, the earliest first.
    pub async fn reports(&self, until: Timestamp) -> Result<Vec<Report>, StoreError> {
        let rows: Vec<ReportRow> =
            sqlx::query_as(reports_where!("g.due_at <= $1 ORDER BY g.due_at"))
                .bind(until.millis())
                .fetch_all(&self.readers)
                .await?;
        rows.into_iter().map(report).collect()
    }

    /// The reports of a server's channels.
    pub async fn reports_of(&self, guild: GuildId) -> Result<Vec<Report>, StoreError> {
        let rows: Vec<ReportRow> =
            sqlx::query_as(reports_where!("d.guild_id = $1 ORDER BY g.due_at"))
                .bind(snowflake(guild.0))
                .fetch_all(&self.readers)
                .await?;
        rows.into_iter().map(report).collect()
    }
}

type ReportRow = (i64, i64, String, i64);

fn report((destination, guild, cadence, due_at): ReportRow) -> Result<Report, StoreError> {
    Ok(Report {
        destination: DestinationId(destination),
        guild: GuildId(from_snowflake(guild)),
        cadence: serde_json::from_str(&cadence).map_err(|_| bad("cadence"))?,
        due_at: time(due_at),
    })
}

/// Notes who changed what, inside the transaction of the change.
pub(in crate::store) async fn note(
    connection: &mut SqliteConnection,
    deed: &Deed,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO audit (guild_id, at, person, deed) VALUES ($1, $2, $3, $4)";
    sqlx::query(SQL)
        .bind(snowflake(deed.guild.0))
        .bind(deed.at.millis())
        .bind(deed.person.map_or(0, |person| snowflake(person.0)))
        .bind(&deed.words)
        .execute(connection)
        .await?;
    Ok(())
}
