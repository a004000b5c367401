//! What is let go with time: the words of messages, then that they were told, servers that have removed the
//! bot, and what people keep and do not use.
//!
//! What is found by a reader is let go a few rows at a time, so that nobody waits for the writer.

use std::{
    collections::HashSet,
    sync::{MutexGuard, PoisonError},
};

use sqlx::SqlitePool;

use super::{
    Store, StoreError,
    columns::{bad, from_snowflake, snowflake, time},
    people::{
        drawer::{GOALS, POSITIONS, emptied},
        forget_person,
    },
};
use crate::{
    delivery::state::State,
    domain::{
        ids::{GuildId, UserId},
        retention::{
            DEEDS, DEEDS_OF_A_SERVER, DELIVERED, LEFT_SERVER, TEXT, UNDELIVERED, UNUSED, WARNING,
        },
        time::{Span, Timestamp},
    },
};

/// Posts that are let go in one transaction.
const AT_A_TIME: u32 = 200;
/// A message of a watch whose end is never told, such as a reminder, is held to be over after so long.
const WATCH_OVER: Span = UNUSED;

/// What a sweep has let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Messages whose words went.
    pub texts: u64,
    /// Messages, and notices without one, that went.
    pub messages: u64,
}

/// A person who has not used for long what is kept of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unused {
    pub person: UserId,
    pub used_at: Timestamp,
    /// They take no messages from us.
    pub shut: bool,
}

/// Whether the notice `o` is of an episode that is not over. A moment before which watches count as over is
/// the second value that is bound.
macro_rules! in_open_episode {
    () => {
        "(EXISTS (SELECT 1 FROM episode e JOIN alert a ON a.id = e.alert_id \
             WHERE e.alert_id = o.alert_id AND e.pool = o.pool AND a.removed_at IS NULL \
             AND json_extract(e.state, '$.phase.phase') = 'open' \
             AND json_extract(e.state, '$.phase.opened_at') <= o.created_at) \
         OR (o.watch_id IS NOT NULL AND o.edge = 'opened' AND o.created_at > $2 \
             AND EXISTS (SELECT 1 FROM watch w WHERE w.id = o.watch_id) \
             AND NOT EXISTS (SELECT 1 FROM outbox c WHERE c.opening = o.dedup_key)))"
    };
}

/// The statement that finds posts of which every notice is over. One that waits to be edited, such as while its
/// channel takes nothing, needs its words until then; the fourth value that is bound is since when it may wait.
macro_rules! posts_over {
    ($condition:literal) => {
        concat!(
            "SELECT p.id FROM post p WHERE p.created_at <= $1 AND ",
            $condition,
            " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.post_id = p.id AND ",
            in_open_episode!(),
            ") LIMIT $3"
        )
    };
}

/// Whether the person `p` has nothing watched, and more is kept of them than their ledger.
macro_rules! may_go_unused {
    () => {
        " AND NOT EXISTS (SELECT 1 FROM watch WHERE owner = p.blind) \
         AND (EXISTS (SELECT 1 FROM position WHERE owner = p.blind) \
             OR EXISTS (SELECT 1 FROM goal WHERE owner = p.blind) \
             OR EXISTS (SELECT 1 FROM personal WHERE owner = p.blind))"
    };
}

/// The statement that finds people whose time is over: their number, their name, and whether they keep a ledger.
/// The moments before which somebody has to have used nothing and been warned are bound first.
macro_rules! unused {
    ($more:literal) => {
        concat!(
            "SELECT p.blind, p.name, EXISTS (SELECT 1 FROM ledger_entry WHERE owner = p.blind) \
             FROM person p WHERE p.used_at <= $1 \
             AND ((p.warned_at >= p.used_at AND p.warned_at <= $2",
            may_go_unused!(),
            ") OR NOT (EXISTS (SELECT 1 FROM position WHERE owner = p.blind) \
                 OR EXISTS (SELECT 1 FROM ledger_entry WHERE owner = p.blind) \
                 OR EXISTS (SELECT 1 FROM goal WHERE owner = p.blind) \
                 OR EXISTS (SELECT 1 FROM watch WHERE owner = p.blind) \
                 OR EXISTS (SELECT 1 FROM personal WHERE owner = p.blind)))",
            $more
        )
    };
}

/// A row of that statement.
type Unkept = (i64, Vec<u8>, bool);

impl Store {
    /// Lets go of messages, each when its time has come and its episode is over.
    pub async fn sweep_messages(&self, now: Timestamp) -> Result<Swept, StoreError> {
        const WORDS: &str = posts_over!(
            "p.state = 'delivered' AND p.delivered_at <= $1 AND p.payload <> '' \
             AND (p.edit_at IS NULL OR p.edit_at <= $4)"
        );
        const TOLD: &str = posts_over!(
            "p.state = 'delivered' AND p.delivered_at <= $1 AND (p.edit_at IS NULL OR p.edit_at <= $4)"
        );
        const UNTOLD: &str = posts_over!("p.state IN ('parked', 'dead', 'expired', 'uncertain')");
        const BARE: &str = concat!(
            "SELECT o.id FROM outbox o WHERE o.created_at <= $1 AND o.post_id IS NULL \
             AND o.state IN ('expired', 'superseded') AND NOT ",
            in_open_episode!(),
            " LIMIT $3"
        );
        const BLANK: [&str; 2] = [
            "UPDATE outbox SET payload = '', summary = '' WHERE post_id = $1",
            "UPDATE post SET payload = '', attachment = NULL, fallback = NULL, edit_at = NULL WHERE id = $1",
        ];
        const GONE: [&str; 2] = [
            "DELETE FROM outbox WHERE post_id = $1",
            "DELETE FROM post WHERE id = $1",
        ];
        const BARE_GONE: [&str; 1] = ["DELETE FROM outbox WHERE id = $1"];
        let texts = self.let_go(WORDS, &BLANK, TEXT, now).await?;
        let told = self.let_go(TOLD, &GONE, DELIVERED, now).await?;
        let untold = self.let_go(UNTOLD, &GONE, UNDELIVERED, now).await?;
        let bare = self.let_go(BARE, &BARE_GONE, UNDELIVERED, now).await?;
        Ok(Swept {
            texts,
            messages: told + untold + bare,
        })
    }

    /// Does what `statements` say to each row that is found to be older than this; answers with how many.
    async fn let_go(
        &self,
        found: &'static str,
        statements: &[&'static str],
        kept_for: Span,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut gone = 0;
        loop {
            let ids: Vec<i64> = sqlx::query_scalar(found)
                .bind(now.minus(kept_for.0).millis())
                .bind(now.minus(WATCH_OVER.0).millis())
                .bind(AT_A_TIME)
                .bind(now.minus(UNDELIVERED.0).millis())
                .fetch_all(&self.readers)
                .await?;
            if ids.is_empty() {
                return Ok(gone);
            }
            let mut tx = self.begin().await?;
            for id in &ids {
                for sql in statements {
                    sqlx::query(*sql).bind(id).execute(&mut *tx).await?;
                }
            }
            tx.commit().await?;
            gone += ids.len() as u64;
        }
    }

    /// A server has removed the bot. Noted once, however often it is told.
    pub async fn note_left(&self, guild: GuildId, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO left_server (guild_id, left_at) VALUES ($1, $2) \
             ON CONFLICT (guild_id) DO NOTHING";
        if self.left().contains(&guild) {
            return Ok(());
        }
        sqlx::query(SQL)
            .bind(snowflake(guild.0))
            .bind(now.millis())
            .execute(&self.writer)
            .await?;
        self.left().insert(guild);
        Ok(())
    }

    /// The bot is in a server: if it was ever removed, it is back. Returns whether it was; nothing is read or
    /// written where it was not.
    pub async fn note_present(&self, guild: GuildId) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM left_server WHERE guild_id = $1";
        if !self.left().contains(&guild) {
            return Ok(false);
        }
        sqlx::query(SQL)
            .bind(snowflake(guild.0))
            .execute(&self.writer)
            .await?;
        self.left().remove(&guild);
        Ok(true)
    }

    fn left(&self) -> MutexGuard<'_, HashSet<GuildId>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every server of which anything is kept.
    pub async fn known_servers(&self) -> Result<Vec<GuildId>, StoreError> {
        const SQL: &str = "SELECT guild_id FROM alert UNION SELECT guild_id FROM server \
             UNION SELECT guild_id FROM destination WHERE guild_id <> 0";
        let ids: Vec<i64> = sqlx::query_scalar(SQL).fetch_all(&self.readers).await?;
        Ok(ids
            .into_iter()
            .map(|id| GuildId(from_snowflake(id)))
            .collect())
    }

    /// Servers that removed the bot so long ago that nothing of theirs is kept any longer.
    pub async fn servers_to_forget(&self, now: Timestamp) -> Result<Vec<GuildId>, StoreError> {
        const SQL: &str = "SELECT guild_id FROM left_server WHERE left_at <= $1";
        let ids: Vec<i64> = sqlx::query_scalar(SQL)
            .bind(now.minus(LEFT_SERVER.0).millis())
            .fetch_all(&self.readers)
            .await?;
        Ok(ids
            .into_iter()
            .map(|id| GuildId(from_snowflake(id)))
            .collect())
    }

    /// Erases all that is a server's, with the key of its tokens. Whoever works with its alerts has to be told,
    /// and the log to be scrubbed: [`crate::alerting::tick::Alerting::forget_server`] does all three.
    pub async fn erase_server(&self, guild: GuildId) -> Result<(), StoreError> {
        const GONE: [&str; 10] = [
            "DELETE FROM outbox WHERE destination_id IN (SELECT id FROM destination WHERE guild_id = $1)",
            "DELETE FROM post WHERE destination_id IN (SELECT id FROM destination WHERE guild_id = $1)",
            "DELETE FROM digest WHERE destination_id IN (SELECT id FROM destination WHERE guild_id = $1)",
            "DELETE FROM destination WHERE guild_id = $1",
            "DELETE FROM episode WHERE alert_id IN (SELECT id FROM alert WHERE guild_id = $1)",
            "DELETE FROM alert WHERE guild_id = $1",
            "DELETE FROM server WHERE guild_id = $1",
            "DELETE FROM audit WHERE guild_id = $1",
            "DELETE FROM server_key WHERE guild_id = $1",
            "DELETE FROM left_server WHERE guild_id = $1",
        ];
        let mut tx = self.begin().await?;
        for sql in GONE {
            sqlx::query(sql)
                .bind(snowflake(guild.0))
                .execute(&mut *tx)
                .await?;
        }
        self.commit_erasure(tx).await?;
        self.left().remove(&guild);
        Ok(())
    }

    /// The person has used what is kept of them; noted once a day.
    pub async fn note_use(&self, person: UserId, now: Timestamp) -> Result<(), StoreError> {
        const STALE: &str =
            "SELECT EXISTS (SELECT 1 FROM person WHERE blind = $1 AND used_at < $2)";
        const SQL: &str = "UPDATE person SET used_at = $2 WHERE blind = $1";
        let blind = self.keyring.blind(person);
        let is_stale: bool = sqlx::query_scalar(STALE)
            .bind(blind)
            .bind(now.minus(Span::days(1).0).millis())
            .fetch_one(&self.readers)
            .await?;
        if is_stale {
            sqlx::query(SQL)
                .bind(blind)
                .bind(now.millis())
                .execute(&self.writer)
                .await?;
        }
        Ok(())
    }

    /// People who are to be warned that what they keep goes unused, and were not yet, those first who have not
    /// used it for longest. Who has something watched is not among them.
    pub async fn people_to_warn(&self, now: Timestamp) -> Result<Vec<Unused>, StoreError> {
        const SQL: &str = concat!(
            "SELECT p.blind, p.name, p.used_at, EXISTS (SELECT 1 FROM destination d \
                 WHERE d.person = p.blind AND d.state = 'parked') \
             FROM person p WHERE p.used_at <= $1 AND COALESCE(p.warned_at, -1) < p.used_at",
            may_go_unused!(),
            " ORDER BY p.used_at"
        );
        let before = UNUSED.0.saturating_sub(WARNING.0);
        let rows: Vec<(i64, Vec<u8>, i64, bool)> = sqlx::query_as(SQL)
            .bind(now.minus(before).millis())
            .fetch_all(&self.readers)
            .await?;
        let unused = rows.into_iter().filter_map(|(blind, name, used_at, shut)| {
            Some(Unused {
                person: self.keyring.shown_or_told(blind, &name)?,
                used_at: time(used_at),
                shut,
            })
        });
        Ok(unused.collect())
    }

    /// The warning has reached them.
    pub async fn note_warned(&self, person: UserId, at: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE person SET warned_at = $2 WHERE blind = $1";
        sqlx::query(SQL)
            .bind(self.keyring.blind(person))
            .bind(at.millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Where the notice with this key stands, and when it was delivered; `None` where there is none.
    pub async fn fate(
        &self,
        key: &[u8; 32],
    ) -> Result<Option<(State, Option<Timestamp>)>, StoreError> {
        const SQL: &str = "SELECT state, delivered_at FROM notice WHERE dedup_key = $1";
        let fate: Option<(String, Option<i64>)> = sqlx::query_as(SQL)
            .bind(&key[..])
            .fetch_optional(&self.readers)
            .await?;
        fate.map(|(state, at)| {
            let state = State::parse(&state).ok_or(bad("state"))?;
            Ok((state, at.map(time)))
        })
        .transpose()
    }

    /// Erases what was not used for long by people whom a warning has reached in good time: positions, goals
    /// and choices, and all else with them where they keep no ledger. Of whoever keeps nothing, that they have
    /// agreed is erased without one. Answers with how many people that were.
    pub async fn erase_unused(&self, now: Timestamp) -> Result<usize, StoreError> {
        let due: Vec<Unkept> = sqlx::query_as(unused!(""))
            .bind(now.minus(UNUSED.0).millis())
            .bind(now.minus(WARNING.0).millis())
            .fetch_all(&self.readers)
            .await?;
        let mut erased = 0;
        for (blind, ..) in due {
            erased += usize::from(self.erase_if_unused(blind, now).await?);
        }
        if erased > 0 {
            self.scrub().await?;
        }
        Ok(erased)
    }

    /// The same of one person; `false` where they have come back since they were looked for.
    async fn erase_if_unused(&self, blind: i64, now: Timestamp) -> Result<bool, StoreError> {
        const CHOICES: &str = "DELETE FROM personal WHERE owner = $1";
        let mut tx = self.begin().await?;
        let due: Option<Unkept> = sqlx::query_as(unused!(" AND p.blind = $3"))
            .bind(now.minus(UNUSED.0).millis())
            .bind(now.minus(WARNING.0).millis())
            .bind(blind)
            .fetch_optional(&mut *tx)
            .await?;
        let due = due.and_then(|(_, name, keeps_ledger)| {
            let person = self.keyring.shown_or_told(blind, &name)?;
            Some((person, keeps_ledger))
        });
        let Some((person, keeps_ledger)) = due else {
            tx.leave();
            return Ok(false);
        };
        if keeps_ledger {
            for drawer in [&POSITIONS, &GOALS] {
                emptied(&mut tx, drawer, blind).await?;
            }
            sqlx::query(CHOICES).bind(blind).execute(&mut *tx).await?;
        } else {
            forget_person(&mut tx, blind, person).await?;
        }
        self.commit_erasure(tx).await?;
        Ok(true)
    }

    /// Lets go of what was done in servers long ago, and of alerts that were removed long ago and of which
    /// nothing tells any more. Of one server no more deeds stay than somebody would read.
    pub async fn sweep_deeds(&self, now: Timestamp) -> Result<(), StoreError> {
        const OLD: &str = "DELETE FROM audit WHERE at <= $1";
        const MANY: &str = "DELETE FROM audit WHERE id IN (SELECT id FROM \
             (SELECT id, ROW_NUMBER() OVER (PARTITION BY guild_id ORDER BY id DESC) AS place FROM audit) \
             WHERE place > $1)";
        const REMOVED: &str = "SELECT id FROM alert WHERE removed_at <= $1 \
             AND id NOT IN (SELECT alert_id FROM outbox)";
        const GONE: [&str; 2] = [
            "DELETE FROM episode WHERE alert_id = $1",
            "DELETE FROM alert WHERE id = $1 AND removed_at IS NOT NULL",
        ];
        let removed: Vec<i64> = sqlx::query_scalar(REMOVED)
            .bind(now.minus(UNDELIVERED.0).millis())
            .fetch_all(&self.readers)
            .await?;
        let mut tx = self.begin().await?;
        sqlx::query(OLD)
            .bind(now.minus(DEEDS.0).millis())
            .execute(&mut *tx)
            .await?;
        sqlx::query(MANY)
            .bind(DEEDS_OF_A_SERVER)
            .execute(&mut *tx)
            .await?;
        for id in removed {
            for sql in GONE {
                sqlx::query(sql).bind(id).execute(&mut *tx).await?;
            }
        }
        tx.commit().await
    }
}

/// Every server that is noted as left.
pub(super) async fn left_servers(readers: &SqlitePool) -> sqlx::Result<HashSet<GuildId>> {
    const SQL: &str = "SELECT guild_id FROM left_server";
    let ids: Vec<i64> = sqlx::query_scalar(SQL).fetch_all(readers).await?;
    let guilds = ids.into_iter().map(from_snowflake).map(GuildId);
    Ok(guilds.collect())
}

#[cfg(test)]
mod tests;
