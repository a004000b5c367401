//! Destinations and what is to be said there.
//!
//! The claim is committed before the first byte leaves and the receipt after the answer; both name
//! the epoch of this process, so nobody else's attempt is ever settled by mistake.

use std::{collections::HashSet, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use super::{
    Store, StoreError,
    columns::{bad, from_snowflake, snowflake, time},
    sealed::Place,
};
use crate::{
    delivery::{
        entry::Entry,
        outcome::{DeadEnd, Unclear},
        state::{DestinationState, Effect, Receipt, State},
    },
    domain::{
        ids::{AlertId, ChannelId, DestinationId, EntryId, GuildId, MessageId, PoolId, WebhookId},
        time::Timestamp,
    },
};

/// How long an uncertain entry holds up what comes after it, counted from its claim: Discord may
/// still be working on it, and the later message must not overtake it.
pub const SETTLE: Duration = Duration::from_secs(30);

/// A destination with something to send, and when its turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub destination: DestinationId,
    pub channel: ChannelId,
    pub webhook: WebhookId,
    pub due_at: Timestamp,
    pub not_after: Timestamp,
}

/// An entry whose intent is committed: it may be sent now, once.
#[derive(Debug)]
pub struct Claimed {
    pub entry: EntryId,
    pub destination: DestinationId,
    pub channel: ChannelId,
    pub webhook: WebhookId,
    pub token: SecretString,
    pub payload: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    pub not_after: Timestamp,
}

/// What was written of a batch of receipts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    pub written: u64,
    /// Receipts whose entry was no longer this process's to settle.
    pub stale: u64,
    /// Destinations that were parked.
    pub parked: u64,
}

/// A channel as a place that notices go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub id: DestinationId,
    pub guild: GuildId,
    pub channel: ChannelId,
    pub webhook: Option<WebhookId>,
    pub state: DestinationState,
    /// Why it is parked.
    pub reason: Option<DeadEnd>,
    /// The newest message that is known to have arrived.
    pub last_message: Option<MessageId>,
    pub changed_at: Timestamp,
}

/// The webhook that a channel is to be told through.
#[derive(Debug, Clone)]
pub struct Proven {
    pub guild: GuildId,
    pub channel: ChannelId,
    pub webhook: WebhookId,
    pub token: SecretString,
}

/// An entry of which nobody knows whether it is in the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled {
    pub entry: EntryId,
    pub alert: AlertId,
    pub channel: ChannelId,
    pub since: Timestamp,
}

/// Where one entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOutcome {
    pub state: State,
    pub attempt: u32,
    pub message: Option<MessageId>,
    pub error: Option<String>,
    pub status: Option<u16>,
}

impl Store {
    /// Marks what a dead process or task left in the middle of sending, and returns how many.
    ///
    /// Only before the first claim: an attempt that is under way would be taken for a dead one.
    pub async fn reap(&self) -> Result<u64, StoreError> {
        Ok(sqlx::query(REAP)
            .bind(Unclear::Interrupted.slug())
            .execute(&self.writer)
            .await?
            .rows_affected())
    }

    /// Puts one entry into the outbox and returns it, or the one that already has its key.
    pub async fn enqueue(&self, entry: &Entry) -> Result<EntryId, StoreError> {
        const SQL: &str = "SELECT id FROM outbox WHERE dedup_key = $1";
        let mut tx = self.begin().await?;
        insert_entries(&mut tx, std::slice::from_ref(entry)).await?;
        let id = sqlx::query_scalar(SQL)
            .bind(&entry.dedup_key[..])
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(EntryId(id))
    }

    /// Every ready destination that has something to send, with the turn of its oldest entry.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        Ok(sqlx::query_as::<_, DueRow>(DUE)
            .bind(now.minus(SETTLE).millis())
            .bind(millis(SETTLE))
            .fetch_all(&self.readers)
            .await?
            .into_iter()
            .map(Due::from)
            .collect())
    }

    /// Claims the oldest entry of each destination, if its turn has come, in one commit.
    ///
    /// What is returned is written down as being sent and has to be settled by [`Store::record`].
    pub async fn claim(
        &self,
        now: Timestamp,
        destinations: &[DestinationId],
    ) -> Result<Vec<Claimed>, StoreError> {
        const INTENT: &str = "UPDATE outbox \
             SET state = 'sending', attempt = attempt + 1, intent_at = $1, owner_epoch = $2 \
             WHERE id = $3";
        let mut tx = self.begin().await?;
        let mut claimed = Vec::with_capacity(destinations.len());
        for destination in destinations {
            let head: Option<HeadRow> = sqlx::query_as(HEAD)
                .bind(destination.0)
                .bind(now.minus(SETTLE).millis())
                .bind(now.millis())
                .fetch_optional(&mut *tx)
                .await?;
            let Some(head) = head else { continue };
            let Some(token) = self.open_token(*destination, &head) else {
                tracing::error!(%destination, "the stored webhook token does not open");
                park(&mut tx, *destination, None, DeadEnd::TokenUnreadable, now).await?;
                continue;
            };
            sqlx::query(INTENT)
                .bind(now.millis())
                .bind(self.epoch)
                .bind(head.id)
                .execute(&mut *tx)
                .await?;
            claimed.push(Claimed {
                entry: EntryId(head.id),
                destination: *destination,
                channel: ChannelId(from_snowflake(head.channel_id)),
                webhook: WebhookId(from_snowflake(head.webhook_id)),
                token,
                attempt: head.attempt.saturating_add(1),
                not_after: time(head.not_after),
                payload: head.payload,
            });
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Settles attempts in one commit. A receipt counts only for an entry that this process is sending.
    pub async fn record(&self, receipts: &[Receipt]) -> Result<Recorded, StoreError> {
        const SETTLE_ENTRY: &str = "UPDATE outbox SET state = $1, next_attempt_at = $2, \
             attempt = $3, message_id = $4, delivered_at = $5, last_error = $6, last_status = $7 \
             WHERE id = $8 AND state = 'sending' AND owner_epoch = $9";
        const CONFIRM: &str = "UPDATE destination \
             SET last_confirmed_message_id = $1 \
             WHERE id = $2 AND COALESCE(last_confirmed_message_id, 0) < $1";
        let mut recorded = Recorded::default();
        let mut tx = self.begin().await?;
        for receipt in receipts {
            let next = &receipt.next;
            let mut state = next.state;
            if let Effect::Park(reason) = next.effect {
                let webhook = Some(receipt.webhook);
                if park(&mut tx, receipt.destination, webhook, reason, receipt.at).await? {
                    recorded.parked += 1;
                } else if !is_parked(&mut tx, receipt.destination).await? {
                    // The webhook has been replaced meanwhile; the new one has not been tried.
                    state = State::Pending;
                }
            }
            let message = next.message.map(|message| snowflake(message.0));
            let delivered_at = (state == State::Delivered).then_some(receipt.at.millis());
            let written = sqlx::query(SETTLE_ENTRY)
                .bind(state.slug())
                .bind(next.next_attempt_at.millis())
                .bind(next.attempt)
                .bind(message)
                .bind(delivered_at)
                .bind(receipt.error.as_deref())
                .bind(receipt.status)
                .bind(receipt.entry.0)
                .bind(self.epoch)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            recorded.written += written;
            recorded.stale += 1 - written.min(1);
            if let Some(message) = message {
                sqlx::query(CONFIRM)
                    .bind(message)
                    .bind(receipt.destination.0)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        tx.commit().await?;
        Ok(recorded)
    }

    /// Ends what is too old to be worth sending, and returns how many.
    pub async fn expire(&self, now: Timestamp) -> Result<u64, StoreError> {
        // Only what has to be written takes the writer's time; a long queue takes a while to look at.
        let any: bool = sqlx::query_scalar(ANY_EXPIRED)
            .bind(now.millis())
            .fetch_one(&self.readers)
            .await?;
        if !any {
            return Ok(0);
        }
        Ok(sqlx::query(EXPIRE)
            .bind(now.millis())
            .execute(&self.writer)
            .await?
            .rows_affected())
    }

    /// The destination of a channel, if it has ever been one.
    pub async fn destination_for(
        &self,
        channel: ChannelId,
    ) -> Result<Option<Destination>, StoreError> {
        const SQL: &str = "SELECT id, guild_id, channel_id, webhook_id, state, reason, \
                 last_confirmed_message_id, changed_at FROM destination WHERE channel_id = $1";
        sqlx::query_as::<_, DestinationRow>(SQL)
            .bind(snowflake(channel.0))
            .fetch_optional(&self.readers)
            .await?
            .map(Destination::try_from)
            .transpose()
    }

    /// The destinations of a server, in the order in which they were made.
    pub async fn destinations(&self, guild: GuildId) -> Result<Vec<Destination>, StoreError> {
        const SQL: &str = "SELECT id, guild_id, channel_id, webhook_id, state, reason, \
                 last_confirmed_message_id, changed_at FROM destination WHERE guild_id = $1 ORDER BY id";
        sqlx::query_as::<_, DestinationRow>(SQL)
            .bind(snowflake(guild.0))
            .fetch_all(&self.readers)
            .await?
            .into_iter()
            .map(Destination::try_from)
            .collect()
    }

    /// Makes a channel a ready destination, and lets go what was parked with it.
    pub async fn save_destination(
        &self,
        proven: &Proven,
        now: Timestamp,
    ) -> Result<DestinationId, StoreError> {
        const UPSERT: &str = "INSERT INTO destination (guild_id, channel_id, state, changed_at) \
             VALUES ($1, $2, 'new', $3) \
             ON CONFLICT (channel_id) DO UPDATE SET guild_id = excluded.guild_id RETURNING id";
        const READY: &str = "UPDATE destination SET webhook_id = $1, token = $2, state = 'ready', \
             reason = NULL, changed_at = $3 WHERE id = $4";
        const LET_GO: &str = "UPDATE outbox SET next_attempt_at = $1, \
             state = CASE WHEN not_after > $1 THEN 'pending' ELSE 'expired' END \
             WHERE destination_id = $2 AND state = 'parked'";
        let mut tx = self.begin().await?;
        let id: i64 = sqlx::query_scalar(UPSERT)
            .bind(snowflake(proven.guild.0))
            .bind(snowflake(proven.channel.0))
            .bind(now.millis())
            .fetch_one(&mut *tx)
            .await?;
        let token = proven.token.expose_secret().as_bytes();
        let was_parked = is_parked(&mut tx, DestinationId(id)).await?;
        sqlx::query(READY)
            .bind(snowflake(proven.webhook.0))
            .bind(self.sealer.seal(&token_place(id, proven.guild.0), token))
            .bind(now.millis())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        if was_parked {
            sqlx::query(LET_GO)
                .bind(now.millis())
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(DestinationId(id))
    }

    /// How many entries stand in each state; states without any are left out.
    pub async fn outbox_counts(&self) -> Result<Vec<(State, u64)>, StoreError> {
        const SQL: &str = "SELECT state, COUNT(*) FROM outbox GROUP BY state";
        counts(sqlx::query_as(SQL).fetch_all(&self.readers).await?)
    }

    /// [`Self::outbox_counts`] of one server.
    pub async fn outbox_counts_of(&self, guild: GuildId) -> Result<Vec<(State, u64)>, StoreError> {
        const SQL: &str = "SELECT o.state, COUNT(*) \
             FROM outbox o JOIN destination d ON d.id = o.destination_id \
             WHERE d.guild_id = $1 GROUP BY o.state";
        let of_guild = sqlx::query_as(SQL).bind(snowflake(guild.0));
        counts(of_guild.fetch_all(&self.readers).await?)
    }

    /// The entries of a server of which nobody knows whether they are in the channel, oldest first.
    pub async fn unsettled(&self, guild: GuildId) -> Result<Vec<Unsettled>, StoreError> {
        const SQL: &str = "SELECT o.id, o.alert_id, d.channel_id, COALESCE(o.intent_at, o.created_at) \
             FROM outbox o JOIN destination d ON d.id = o.destination_id \
             WHERE d.guild_id = $1 AND o.state = 'uncertain' ORDER BY o.id";
        Ok(sqlx::query_as::<_, (i64, i64, i64, i64)>(SQL)
            .bind(snowflake(guild.0))
            .fetch_all(&self.readers)
            .await?
            .into_iter()
            .map(|(entry, alert, channel, since)| Unsettled {
                entry: EntryId(entry),
                alert: AlertId(alert),
                channel: ChannelId(from_snowflake(channel)),
                since: time(since),
            })
            .collect())
    }

    /// Where one entry stands.
    pub async fn entry_outcome(&self, entry: EntryId) -> Result<Option<EntryOutcome>, StoreError> {
        const SQL: &str = "SELECT state, attempt, message_id, last_error, last_status \
             FROM outbox WHERE id = $1";
        sqlx::query_as::<_, OutcomeRow>(SQL)
            .bind(entry.0)
            .fetch_optional(&self.readers)
            .await?
            .map(EntryOutcome::try_from)
            .transpose()
    }

    fn open_token(&self, destination: DestinationId, head: &HeadRow) -> Option<SecretString> {
        let place = token_place(destination.0, from_snowflake(head.guild_id));
        let token = self.sealer.open(&place, &head.token).ok()?;
        Some(SecretString::from(String::from_utf8(token).ok()?))
    }
}

/// Adds entries inside a transaction and returns how many were new; the others are there already.
pub(in crate::store) async fn insert_entries(
    connection: &mut SqliteConnection,
    entries: &[Entry],
) -> Result<u64, StoreError> {
    const INSERT: &str = "INSERT INTO outbox (dedup_key, destination_id, alert_id, alert_version, \
         pool, edge, payload, payload_sha256, created_at, not_after, next_attempt_at, state) ";
    const UNLESS_THERE: &str = " ON CONFLICT (dedup_key) DO NOTHING";
    let parked = parked_among(connection, entries).await?;
    let mut added = 0;
    for chunk in entries.chunks(ROWS_AT_A_TIME) {
        let mut insert = QueryBuilder::<Sqlite>::new(INSERT);
        insert.push_values(chunk, |mut row, entry| {
            let state = if parked.contains(&entry.destination) {
                State::Parked
            } else {
                State::Pending
            };
            row.push_bind(&entry.dedup_key[..])
                .push_bind(entry.destination.0)
                .push_bind(entry.alert.0)
                .push_bind(entry.alert_version)
                .push_bind(entry.pool.as_ref().map(|pool| &PoolId::as_bytes(pool)[..]))
                .push_bind(entry.occasion.slug())
                .push_bind(entry.payload.as_str())
                .push_bind(Sha256::digest(&entry.payload).to_vec())
                .push_bind(entry.created_at.millis())
                .push_bind(entry.not_after.millis())
                .push_bind(entry.created_at.millis())
                .push_bind(state.slug());
        });
        insert.push(UNLESS_THERE);
        added += insert
            .build()
            .execute(&mut *connection)
            .await?
            .rows_affected();
    }
    Ok(added)
}

/// One statement for many rows spares the way to the database's thread and back for each.
const ROWS_AT_A_TIME: usize = 64;

/// Which destinations of these entries take nothing at present.
async fn parked_among(
    connection: &mut SqliteConnection,
    entries: &[Entry],
) -> Result<HashSet<DestinationId>, StoreError> {
    let all: HashSet<DestinationId> = entries.iter().map(|entry| entry.destination).collect();
    let mut parked = HashSet::new();
    for destination in all {
        if is_parked(connection, destination).await? {
            parked.insert(destination);
        }
    }
    Ok(parked)
}

async fn is_parked(
    connection: &mut SqliteConnection,
    destination: DestinationId,
) -> Result<bool, StoreError> {
    const SQL: &str =
        "SELECT EXISTS (SELECT 1 FROM destination WHERE id = $1 AND state = 'parked')";
    Ok(sqlx::query_scalar(SQL)
        .bind(destination.0)
        .fetch_one(connection)
        .await?)
}

/// Parks a destination and what waits for it; `false` when it is parked already or has another webhook.
async fn park(
    connection: &mut SqliteConnection,
    destination: DestinationId,
    webhook: Option<WebhookId>,
    reason: DeadEnd,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const DESTINATION: &str = "UPDATE destination SET state = 'parked', reason = $1, changed_at = $2 \
         WHERE id = $3 AND state <> 'parked' AND ($4 IS NULL OR webhook_id = $4)";
    const ENTRIES: &str = "UPDATE outbox SET state = 'parked', last_error = $1 \
         WHERE destination_id = $2 AND state IN ('pending', 'waiting', 'sending', 'uncertain') \
         AND state IN ('pending', 'waiting')";
    let parked = sqlx::query(DESTINATION)
        .bind(reason.slug())
        .bind(now.millis())
        .bind(destination.0)
        .bind(webhook.map(|webhook| snowflake(webhook.0)))
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if parked == 0 {
        return Ok(false);
    }
    sqlx::query(ENTRIES)
        .bind(reason.slug())
        .bind(destination.0)
        .execute(connection)
        .await?;
    Ok(true)
}

// The four states are written out as in the index `outbox_due`, else SQLite does not use it.

/// Steps from destination to destination along the index, so the length of a queue costs nothing.
/// $1: uncertain entries claimed at or before hold nothing up. $2: how long the later ones do.
const DUE: &str = "WITH RECURSIVE line (id) AS ( \
         SELECT MIN(destination_id) FROM outbox \
         WHERE state IN ('pending', 'waiting', 'sending', 'uncertain') \
         UNION ALL \
         SELECT (SELECT MIN(destination_id) FROM outbox WHERE destination_id > line.id \
             AND state IN ('pending', 'waiting', 'sending', 'uncertain')) \
         FROM line WHERE line.id IS NOT NULL \
     ) \
     SELECT d.id, d.channel_id, d.webhook_id, o.not_after, \
         CASE o.state WHEN 'uncertain' THEN o.intent_at + $2 ELSE o.next_attempt_at END AS due_at \
     FROM line JOIN destination d ON d.id = line.id \
     JOIN outbox o ON o.id = ( \
         SELECT id FROM outbox WHERE destination_id = d.id \
         AND state IN ('pending', 'waiting', 'sending', 'uncertain') \
         AND NOT (state = 'uncertain' AND intent_at <= $1) ORDER BY id LIMIT 1 \
     ) \
     WHERE d.state = 'ready' AND d.webhook_id IS NOT NULL AND d.token IS NOT NULL \
     AND o.state <> 'sending' ORDER BY line.id";

const REAP: &str = "UPDATE outbox SET state = 'uncertain', last_error = $1 \
     WHERE state IN ('pending', 'waiting', 'sending', 'uncertain') AND state = 'sending'";

const EXPIRE: &str = "UPDATE outbox SET state = 'expired' \
     WHERE state IN ('pending', 'waiting', 'sending', 'uncertain') \
     AND state IN ('pending', 'waiting') AND not_after <= $1";

const ANY_EXPIRED: &str = "SELECT EXISTS (SELECT 1 FROM outbox \
     WHERE state IN ('pending', 'waiting', 'sending', 'uncertain') \
     AND state IN ('pending', 'waiting') AND not_after <= $1)";

const HEAD: &str = "SELECT o.id, o.attempt, o.payload, o.not_after, \
         d.guild_id, d.channel_id, d.webhook_id, d.token \
     FROM destination d JOIN outbox o ON o.id = ( \
         SELECT id FROM outbox WHERE destination_id = $1 \
         AND state IN ('pending', 'waiting', 'sending', 'uncertain') \
         AND NOT (state = 'uncertain' AND intent_at <= $2) ORDER BY id LIMIT 1 \
     ) \
     WHERE d.id = $1 AND d.state = 'ready' AND d.webhook_id IS NOT NULL AND d.token IS NOT NULL \
     AND o.state IN ('pending', 'waiting') AND o.next_attempt_at <= $3 AND o.not_after > $3";

const fn token_place(row: i64, guild: u64) -> Place {
    Place {
        table: "destination",
        column: "token",
        row,
        owner: guild,
    }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

fn parse_state(slug: &str) -> Result<State, StoreError> {
    Ok(State::parse(slug).ok_or(bad("state"))?)
}

fn counts(rows: Vec<(String, i64)>) -> Result<Vec<(State, u64)>, StoreError> {
    rows.into_iter()
        .map(|(state, count)| Ok((parse_state(&state)?, count.cast_unsigned())))
        .collect()
}

#[derive(FromRow)]
struct DueRow {
    id: i64,
    channel_id: i64,
    webhook_id: i64,
    not_after: i64,
    due_at: i64,
}

impl From<DueRow> for Due {
    fn from(row: DueRow) -> Self {
        Self {
            destination: DestinationId(row.id),
            channel: ChannelId(from_snowflake(row.channel_id)),
            webhook: WebhookId(from_snowflake(row.webhook_id)),
            due_at: time(row.due_at),
            not_after: time(row.not_after),
        }
    }
}

#[derive(FromRow)]
struct HeadRow {
    id: i64,
    attempt: u32,
    payload: String,
    not_after: i64,
    guild_id: i64,
    channel_id: i64,
    webhook_id: i64,
    token: Vec<u8>,
}

#[derive(FromRow)]
struct DestinationRow {
    id: i64,
    guild_id: i64,
    channel_id: i64,
    webhook_id: Option<i64>,
    state: String,
    reason: Option<String>,
    last_confirmed_message_id: Option<i64>,
    changed_at: i64,
}

impl TryFrom<DestinationRow> for Destination {
    type Error = StoreError;

    fn try_from(row: DestinationRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: DestinationId(row.id),
            guild: GuildId(from_snowflake(row.guild_id)),
            channel: ChannelId(from_snowflake(row.channel_id)),
            webhook: row.webhook_id.map(|id| WebhookId(from_snowflake(id))),
            state: DestinationState::parse(&row.state).ok_or(bad("state"))?,
            reason: row
                .reason
                .map(|slug| DeadEnd::parse(&slug).ok_or(bad("reason")))
                .transpose()?,
            last_message: row
                .last_confirmed_message_id
                .map(|id| MessageId(from_snowflake(id))),
            changed_at: time(row.changed_at),
        })
    }
}

#[derive(FromRow)]
struct OutcomeRow {
    state: String,
    attempt: u32,
    message_id: Option<i64>,
    last_error: Option<String>,
    last_status: Option<u16>,
}

impl TryFrom<OutcomeRow> for EntryOutcome {
    type Error = StoreError;

    fn try_from(row: OutcomeRow) -> Result<Self, StoreError> {
        Ok(Self {
            state: parse_state(&row.state)?,
            attempt: row.attempt,
            message: row.message_id.map(|id| MessageId(from_snowflake(id))),
            error: row.last_error,
            status: row.last_status,
        })
    }
}

#[cfg(test)]
mod tests;
