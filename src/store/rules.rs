//! Alerts and where they stand with each pool.

use std::{collections::HashMap, path::Path};

use futures::{Stream, StreamExt as _};
use sqlx::{Connection as _, FromRow, QueryBuilder, Row as _, SqliteConnection};

use super::{
    OpenError, Store, StoreError,
    columns::{self, bad},
    opening::{self, unopened},
    outbox,
    servers::{self, Deed},
};
use crate::{
    delivery::entry::Entry,
    domain::{
        alert::{Alert, Rule},
        episode::Episode,
        ids::{AlertId, ChannelId, DestinationId, GuildId, PoolId, UserId},
        manner::Manner,
        time::Timestamp,
    },
};

/// An alert that is about to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlert {
    pub guild: GuildId,
    pub channel: ChannelId,
    pub rule: Rule,
    pub manner: Manner,
    pub created_by: UserId,
}

/// Where one alert stands with one pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpisodeRow {
    pub alert: AlertId,
    pub pool: PoolId,
    pub episode: Episode,
}

#[derive(FromRow)]
struct AlertRow {
    id: i64,
    guild_id: i64,
    channel_id: i64,
    rule: String,
    manner: String,
    version: i64,
    created_by: i64,
    created_at: i64,
}

impl AlertRow {
    fn into_alert(self) -> Result<Alert, StoreError> {
        let rule: Rule = serde_json::from_str(&self.rule).map_err(|_| bad("rule"))?;
        Ok(Alert {
            id: AlertId(self.id),
            guild: GuildId(columns::from_snowflake(self.guild_id)),
            channel: ChannelId(columns::from_snowflake(self.channel_id)),
            rule,
            manner: serde_json::from_str(&self.manner).map_err(|_| bad("manner"))?,
            version: u32::try_from(self.version).map_err(|_| bad("version"))?,
            created_by: UserId(columns::from_snowflake(self.created_by)),
            created_at: columns::time(self.created_at),
        })
    }
}

/// The statement that reads the alerts in use, oldest first.
macro_rules! alerts_where {
    ($further:literal) => {
        concat!(
            "SELECT id, guild_id, channel_id, rule, manner, version, created_by, created_at ",
            "FROM alert WHERE removed_at IS NULL",
            $further,
            " ORDER BY id"
        )
    };
}

/// Rows of one multi-row statement; `SQLite` takes 32,766 bound values, and longer texts are slower to prepare.
const CHUNK: usize = 200;

impl Store {
    /// Every alert that is kept, one by one.
    pub fn alerts(&self) -> impl Stream<Item = Result<Alert, StoreError>> {
        let rows = sqlx::query_as::<_, AlertRow>(alerts_where!("")).fetch(&self.readers);
        rows.map(|row| row?.into_alert())
    }

    /// The alerts that name a person as their maker.
    pub async fn alerts_by(&self, maker: UserId) -> Result<Vec<Alert>, StoreError> {
        let maker = columns::snowflake(maker.0);
        self.alerts_with(alerts_where!(" AND created_by = $1"), maker)
            .await
    }

    /// The alerts of all servers in a database that a bot may be running on, server by server, oldest first.
    pub async fn alerts_in(path: &Path) -> Result<Vec<Alert>, OpenError> {
        let sql = |source| unopened(path, source);
        let mut connection = opening::look_into(path).await?;
        let rows: Vec<AlertRow> = sqlx::query_as(alerts_where!(""))
            .fetch_all(&mut connection)
            .await
            .map_err(sql)?;
        connection.close().await.map_err(sql)?;
        let alerts = rows.into_iter().map(AlertRow::into_alert);
        let mut alerts: Vec<Alert> =
            alerts
                .collect::<Result<_, _>>()
                .map_err(|source| OpenError::Unreadable {
                    path: path.to_owned(),
                    source,
                })?;
        alerts.sort_by_key(|alert| (alert.guild, alert.id));
        Ok(alerts)
    }

    /// The alerts of one server, oldest first.
    pub async fn alerts_of(&self, guild: GuildId) -> Result<Vec<Alert>, StoreError> {
        let guild = columns::snowflake(guild.0);
        self.alerts_with(alerts_where!(" AND guild_id = $1"), guild)
            .await
    }

    async fn alerts_with(&self, sql: &'static str, id: i64) -> Result<Vec<Alert>, StoreError> {
        let rows: Vec<AlertRow> = sqlx::query_as(sql)
            .bind(id)
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(AlertRow::into_alert).collect()
    }

    /// One alert of this server. An alert of another server is not there.
    pub async fn alert(&self, guild: GuildId, id: AlertId) -> Result<Option<Alert>, StoreError> {
        let row: Option<AlertRow> = sqlx::query_as(alerts_where!(" AND guild_id = $1 AND id = $2"))
            .bind(columns::snowflake(guild.0))
            .bind(id.0)
            .fetch_optional(&self.readers)
            .await?;
        row.map(AlertRow::into_alert).transpose()
    }

    /// The destinations of channels, for finding the way of every alert at once.
    pub async fn destination_ids(&self) -> Result<HashMap<ChannelId, DestinationId>, StoreError> {
        const SQL: &str = "SELECT channel_id, id FROM destination";
        let rows: Vec<(i64, i64)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        Ok(rows
            .into_iter()
            .map(|(channel, id)| {
                (
                    ChannelId(columns::from_snowflake(channel)),
                    DestinationId(id),
                )
            })
            .collect())
    }

    /// Keeps a new alert, together with the pools that meet its condition already.
    pub async fn add_alert(
        &self,
        new: &NewAlert,
        baseline: &[(PoolId, Episode)],
        now: Timestamp,
    ) -> Result<Alert, StoreError> {
        const SQL: &str = "INSERT INTO alert (guild_id, channel_id, rule, version, created_by, created_at, manner) \
             VALUES ($1, $2, $3, 1, $4, $5, $6) RETURNING id";
        let manner = serde_json::to_string(&new.manner).map_err(|_| bad("manner"))?;
        let rule = serde_json::to_string(&new.rule).map_err(|_| bad("rule"))?;
        let mut tx = self.begin().await?;
        let id: i64 = sqlx::query_scalar(SQL)
            .bind(columns::snowflake(new.guild.0))
            .bind(columns::snowflake(new.channel.0))
            .bind(rule)
            .bind(columns::snowflake(new.created_by.0))
            .bind(now.millis())
            .bind(manner)
            .fetch_one(&mut *tx)
            .await?;
        let alert = AlertId(id);
        let deed = Deed {
            guild: new.guild,
            at: now,
            person: Some(new.created_by),
            words: format!("added alert #{id}"),
        };
        servers::note(&mut tx, &deed).await?;
        let rows: Vec<EpisodeRow> = baseline
            .iter()
            .map(|&(pool, episode)| EpisodeRow {
                alert,
                pool,
                episode,
            })
            .collect();
        save_episodes(&mut tx, &rows).await?;
        tx.commit().await?;
        Ok(Alert {
            id: alert,
            guild: new.guild,
            channel: new.channel,
            rule: new.rule.clone(),
            manner: new.manner,
            version: 1,
            created_by: new.created_by,
            created_at: now,
        })
    }

    /// Takes an alert of this server out of use; its row stays, so that its notices can be explained
    /// and it can be brought back, and no longer names who made it. What it holds back is not told.
    pub async fn remove_alert(&self, id: AlertId, deed: &Deed) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE alert SET removed_at = $3, created_by = 0 \
             WHERE guild_id = $1 AND id = $2 AND removed_at IS NULL";
        let mut tx = self.begin().await?;
        let removed = sqlx::query(SQL)
            .bind(columns::snowflake(deed.guild.0))
            .bind(id.0)
            .bind(deed.at.millis())
            .execute(&mut *tx)
            .await?
            .rows_affected()
            > 0;
        if removed {
            outbox::drop_held(&mut tx, id).await?;
            servers::note(&mut tx, deed).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    /// The alerts that were removed in a server since then, the last one first.
    pub async fn removed_alerts(
        &self,
        guild: GuildId,
        since: Timestamp,
    ) -> Result<Vec<Alert>, StoreError> {
        const SQL: &str = "SELECT id, guild_id, channel_id, rule, manner, version, created_by, created_at \
             FROM alert WHERE guild_id = $1 AND removed_at >= $2 ORDER BY removed_at DESC, id DESC LIMIT 100";
        let rows: Vec<AlertRow> = sqlx::query_as(SQL)
            .bind(columns::snowflake(guild.0))
            .bind(since.millis())
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(AlertRow::into_alert).collect()
    }

    /// Puts a removed alert back into use.
    pub async fn bring_back(&self, alert: &Alert) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE alert SET removed_at = NULL WHERE guild_id = $1 AND id = $2";
        sqlx::query(SQL)
            .bind(columns::snowflake(alert.guild.0))
            .bind(alert.id.0)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Keeps a changed alert, with where it stands from now on.
    pub async fn change_alert(
        &self,
        alert: &Alert,
        baseline: Option<&[(PoolId, Episode)]>,
        deed: &Deed,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE alert SET channel_id = $1, rule = $2, manner = $3, version = $4, \
             created_by = $5 WHERE guild_id = $6 AND id = $7 AND removed_at IS NULL";
        const FORGET: &str = "DELETE FROM episode WHERE alert_id = $1";
        let rule = serde_json::to_string(&alert.rule).map_err(|_| bad("rule"))?;
        let manner = serde_json::to_string(&alert.manner).map_err(|_| bad("manner"))?;
        let mut tx = self.begin().await?;
        sqlx::query(SQL)
            .bind(columns::snowflake(alert.channel.0))
            .bind(rule)
            .bind(manner)
            .bind(alert.version)
            .bind(columns::snowflake(alert.created_by.0))
            .bind(columns::snowflake(alert.guild.0))
            .bind(alert.id.0)
            .execute(&mut *tx)
            .await?;
        if let Some(baseline) = baseline {
            sqlx::query(FORGET)
                .bind(alert.id.0)
                .execute(&mut *tx)
                .await?;
            let rows: Vec<EpisodeRow> = baseline
                .iter()
                .map(|&(pool, episode)| EpisodeRow {
                    alert: alert.id,
                    pool,
                    episode,
                })
                .collect();
            save_episodes(&mut tx, &rows).await?;
        }
        servers::note(&mut tx, deed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Mutes alerts until then, or lets them speak again, with what was held back meanwhile.
    /// `summaries` head the list when the mute is over, one for each alert.
    pub async fn mute(
        &self,
        alerts: &[Alert],
        until: Timestamp,
        summaries: &[Entry],
        deed: &Deed,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE alert SET manner = $1 WHERE id = $2";
        let mut tx = self.begin().await?;
        for alert in alerts {
            let manner = serde_json::to_string(&alert.manner).map_err(|_| bad("manner"))?;
            sqlx::query(SQL)
                .bind(manner)
                .bind(alert.id.0)
                .execute(&mut *tx)
                .await?;
            let is_muted = alert.manner.muted_until.is_some();
            outbox::hold_until(&mut tx, alert.id, until, is_muted).await?;
        }
        self.insert_entries(&mut tx, summaries).await?;
        servers::note(&mut tx, deed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Moves alerts to another channel, with what they have not told yet.
    pub async fn move_alerts(
        &self,
        from: DestinationId,
        alerts: &[AlertId],
        (channel, to): (ChannelId, DestinationId),
        deed: &Deed,
    ) -> Result<(), StoreError> {
        const ALERT: &str = "UPDATE alert SET channel_id = $1 WHERE id = $2";
        // The report of the channel goes along, unless the new one has its own.
        const REPORT: &str = "UPDATE digest SET destination_id = $1 WHERE destination_id = $2 \
             AND NOT EXISTS (SELECT 1 FROM digest WHERE destination_id = $1)";
        const UNTOLD: &str = "UPDATE outbox SET destination_id = $1 WHERE alert_id = $2 \
             AND destination_id = $3 AND post_id IS NULL AND state = 'pending'";
        let mut tx = self.begin().await?;
        for alert in alerts {
            sqlx::query(ALERT)
                .bind(columns::snowflake(channel.0))
                .bind(alert.0)
                .execute(&mut *tx)
                .await?;
            sqlx::query(UNTOLD)
                .bind(to.0)
                .bind(alert.0)
                .bind(from.0)
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(REPORT)
            .bind(to.0)
            .bind(from.0)
            .execute(&mut *tx)
            .await?;
        servers::note(&mut tx, deed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Where alerts stand, for every pool that is not simply quiet.
    pub fn episodes(&self) -> impl Stream<Item = Result<EpisodeRow, StoreError>> {
        const SQL: &str = "SELECT e.alert_id, e.pool, e.state FROM episode e \
             JOIN alert a ON a.id = e.alert_id WHERE a.removed_at IS NULL";
        sqlx::query(SQL).fetch(&self.readers).map(|row| {
            let row = row?;
            Ok(EpisodeRow {
                alert: AlertId(row.try_get(0)?),
                pool: columns::pool_id(row.try_get(1)?)?,
                episode: serde_json::from_str(row.try_get(2)?).map_err(|_| bad("state"))?,
            })
        })
    }
}

/// Writes where alerts stand, inside the caller's transaction. A quiet pool needs no row.
pub(in crate::store) async fn save_episodes(
    connection: &mut SqliteConnection,
    rows: &[EpisodeRow],
) -> Result<(), StoreError> {
    let (quiet, kept): (Vec<&EpisodeRow>, Vec<&EpisodeRow>) =
        rows.iter().partition(|row| row.episode.is_default());
    for chunk in quiet.chunks(CHUNK) {
        let mut query = QueryBuilder::new("DELETE FROM episode WHERE (alert_id, pool) IN (");
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(row.alert.0)
                .push_bind(row.pool.as_bytes().as_slice());
        });
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    for chunk in kept.chunks(CHUNK) {
        let mut states = Vec::with_capacity(chunk.len());
        for row in chunk {
            states.push(serde_json::to_string(&row.episode).map_err(|_| bad("state"))?);
        }
        let mut query = QueryBuilder::new("INSERT INTO episode (alert_id, pool, state) ");
        query.push_values(chunk.iter().zip(states), |mut values, (row, state)| {
            values
                .push_bind(row.alert.0)
                .push_bind(row.pool.as_bytes().as_slice())
                .push_bind(state);
        });
        query.push(" ON CONFLICT (alert_id, pool) DO UPDATE SET state = excluded.state");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
