//! Channels as places that notices go to, and the sealed tokens of their webhooks.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{FromRow, SqliteConnection};

use super::{
    Store, StoreError,
    columns::{bad, from_snowflake, snowflake, time},
    posts,
    sealed::{Keyring, Place},
};
use crate::{
    delivery::{
        outcome::DeadEnd,
        post::{Carrier, Waits},
        state::DestinationState,
    },
    domain::{
        ids::{ChannelId, DestinationId, GuildId, Home, MessageId, UserId, WebhookId},
        time::Timestamp,
    },
};

/// A channel as a place that notices go to: one of a server, or the direct one of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub id: DestinationId,
    pub home: Home,
    pub channel: ChannelId,
    /// The channel whose webhook tells it, where it is a thread.
    pub parent: Option<ChannelId>,
    /// `None` where the bot itself posts, or where nothing does yet.
    pub webhook: Option<WebhookId>,
    pub state: DestinationState,
    /// Why it is parked.
    pub reason: Option<DeadEnd>,
    /// No copy of a post that was not sent yet can be older than this message.
    pub floor: Option<MessageId>,
    /// The newest message that is known to have arrived.
    pub last_message: Option<MessageId>,
    pub changed_at: Timestamp,
    /// Its webhook was made again without anybody asking.
    pub remade: bool,
}

impl Destination {
    /// Who posts there.
    pub const fn carrier(&self) -> Carrier {
        match self.webhook {
            Some(webhook) => Carrier::Webhook(webhook),
            None => Carrier::Bot,
        }
    }

    /// Why it takes nothing at present, as the database names it.
    pub fn why(&self) -> Option<&'static str> {
        self.reason.map(DeadEnd::slug)
    }

    /// Nothing is sent there until a person has put it right.
    pub fn is_parked(&self) -> bool {
        self.state == DestinationState::Parked
    }
}

/// How a channel is to be told, as it was found out.
#[derive(Debug, Clone)]
pub struct Proven {
    pub home: Home,
    pub channel: ChannelId,
    /// The channel whose webhook tells it, where it is a thread.
    pub parent: Option<ChannelId>,
    /// `None`: the bot itself posts.
    pub webhook: Option<(WebhookId, SecretString)>,
    /// The newest message in the channel, or its own id where there is none.
    pub newest: MessageId,
    /// Nobody asked for it: the bot found out by itself that it may post again.
    pub unasked: bool,
    /// The webhook was made again because the last one had gone.
    pub remade: bool,
}

/// Where a destination has gone without anybody asking, for the next admin of its server, or for the person
/// whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Parked,
    Back,
}

impl News {
    const fn slug(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Back => "back",
        }
    }
}

/// The statement that reads destinations.
macro_rules! destinations_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, guild_id, person, (SELECT name FROM person WHERE blind = destination.person) AS name, channel_id, webhook_id, state, reason, last_confirmed_message_id, ",
            "changed_at, remade, news, parent_id, (SELECT MAX(message_id) FROM post WHERE destination_id = destination.id ",
            "AND state = 'delivered') AS last_message FROM destination WHERE ",
            $condition,
            " ORDER BY id"
        )
    };
}

impl Store {
    /// One destination.
    pub async fn destination(&self, id: DestinationId) -> Result<Option<Destination>, StoreError> {
        self.destination_in(
            sqlx::query_as(destinations_where!("id = $1"))
                .bind(id.0)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// The destination of a channel, if it has ever been one.
    pub async fn destination_for(
        &self,
        channel: ChannelId,
    ) -> Result<Option<Destination>, StoreError> {
        self.destination_in(
            sqlx::query_as(destinations_where!("channel_id = $1"))
                .bind(snowflake(channel.0))
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// The destination of a person's direct messages, if they have ever had one.
    pub async fn destination_of(&self, person: UserId) -> Result<Option<Destination>, StoreError> {
        let found = self.destinations_in(
            sqlx::query_as(destinations_where!("person = $1"))
                .bind(self.keyring.blind(person))
                .fetch_all(&self.readers)
                .await?,
        )?;
        // Should Discord ever open another channel for them, the newer one holds.
        Ok(found.into_iter().next_back())
    }

    /// The destinations of a server, in the order in which they were made.
    pub async fn destinations(&self, guild: GuildId) -> Result<Vec<Destination>, StoreError> {
        self.destinations_in(
            sqlx::query_as(destinations_where!("guild_id = $1"))
                .bind(snowflake(guild.0))
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// How many destinations stand in each state; states without any are left out.
    pub async fn destination_counts(&self) -> Result<Vec<(DestinationState, u64)>, StoreError> {
        const SQL: &str = "SELECT state, COUNT(*) FROM destination GROUP BY state";
        let rows: Vec<(String, i64)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        rows.into_iter()
            .map(|(state, count)| {
                let state = DestinationState::parse(&state).ok_or(bad("destination.state"))?;
                Ok((state, count.cast_unsigned()))
            })
            .collect()
    }

    /// Parked destinations that are to be tried at or before `now`.
    pub async fn to_revive(&self, now: Timestamp) -> Result<Vec<Destination>, StoreError> {
        const WHERE: &str = destinations_where!("revive_at <= $1 AND state = 'parked'");
        self.destinations_in(
            sqlx::query_as(WHERE)
                .bind(now.millis())
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// When a parked destination is to be tried next; `None` for not by itself.
    pub async fn revive_later(
        &self,
        id: DestinationId,
        at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE destination SET revive_at = $1 WHERE id = $2";
        sqlx::query(SQL)
            .bind(at.map(Timestamp::millis))
            .bind(id.0)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The bot's rights in a server have changed: what was parked for want of one is to be tried,
    /// and what could not be read is to be looked for. Returns whether there is anything.
    pub async fn rights_changed(&self, guild: GuildId, now: Timestamp) -> Result<bool, StoreError> {
        const ANY: &str = "SELECT EXISTS (SELECT 1 FROM destination d WHERE d.guild_id = $1 \
             AND (d.state = 'parked' OR EXISTS (SELECT 1 FROM post p \
                 WHERE p.destination_id = d.id AND p.state = 'uncertain' AND p.due_at IS NULL)))";
        const TRY: &str =
            "UPDATE destination SET revive_at = $1 WHERE guild_id = $2 AND state = 'parked'";
        const LOOK: &str = "UPDATE post SET due_at = $1 WHERE state = 'uncertain' AND due_at IS NULL \
             AND destination_id IN (SELECT id FROM destination WHERE guild_id = $2)";
        let any: bool = sqlx::query_scalar(ANY)
            .bind(snowflake(guild.0))
            .fetch_one(&self.readers)
            .await?;
        if !any {
            return Ok(false);
        }
        let mut tx = self.begin().await?;
        for sql in [TRY, LOOK] {
            sqlx::query(sql)
                .bind(now.millis())
                .bind(snowflake(guild.0))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Makes a channel a ready destination, and lets go what was parked with it.
    pub async fn save_destination(
        &self,
        proven: &Proven,
        now: Timestamp,
        waits: &Waits,
    ) -> Result<DestinationId, StoreError> {
        const UPSERT: &str = "INSERT INTO destination (guild_id, person, channel_id, state, changed_at) \
             VALUES ($1, $2, $3, 'new', $4) \
             ON CONFLICT (channel_id) DO UPDATE SET guild_id = excluded.guild_id RETURNING id";
        const READY: &str = "UPDATE destination SET webhook_id = $1, token = $2, state = 'ready', \
             reason = NULL, changed_at = $3, revive_at = NULL, remade = $4, news = $5, \
             last_confirmed_message_id = MAX(COALESCE(last_confirmed_message_id, 0), $6), parent_id = $7 \
             WHERE id = $8";
        let mut tx = self.begin().await?;
        let id: i64 = sqlx::query_scalar(UPSERT)
            .bind(proven.home.server().map_or(0, |guild| snowflake(guild.0)))
            .bind(
                proven
                    .home
                    .person()
                    .map(|person| self.keyring.blind(person)),
            )
            .bind(snowflake(proven.channel.0))
            .bind(now.millis())
            .fetch_one(&mut *tx)
            .await?;
        let destination = DestinationId(id);
        let was_parked = is_parked(&mut tx, destination).await?;
        let webhook = proven.webhook.as_ref();
        let token = match (webhook, proven.home.server()) {
            (Some((_, token)), Some(guild)) => {
                let key = self.server_key(&mut tx, guild).await?;
                Some(key.seal(&token_place(id, guild), token.expose_secret().as_bytes()))
            }
            _ => None,
        };
        // Whatever a webhook has posted is younger than itself.
        let older = webhook.map_or(0, |(webhook, _)| webhook.0);
        let floor = proven.newest.0.max(older);
        let news = (was_parked && proven.unasked).then_some(News::Back.slug());
        sqlx::query(READY)
            .bind(webhook.map(|(webhook, _)| snowflake(webhook.0)))
            .bind(token)
            .bind(now.millis())
            .bind(proven.remade)
            .bind(news)
            .bind(snowflake(floor))
            .bind(proven.parent.map(|parent| snowflake(parent.0)))
            .bind(id)
            .execute(&mut *tx)
            .await?;
        if was_parked {
            posts::let_go(&mut tx, destination, now, waits).await?;
        }
        tx.commit().await?;
        Ok(destination)
    }

    /// Every destination that takes notices. One whose person cannot be read is parked, so that it holds up
    /// nobody else.
    pub async fn ready_destinations(&self, now: Timestamp) -> Result<Vec<Destination>, StoreError> {
        let rows: Vec<DestinationRow> = sqlx::query_as(destinations_where!("state = 'ready'"))
            .fetch_all(&self.readers)
            .await?;
        let mut ready = Vec::with_capacity(rows.len());
        for row in rows {
            let id = DestinationId(row.id);
            match row.opened(&self.keyring) {
                Ok(destination) => ready.push(destination),
                Err(StoreError::Sealed(_)) => {
                    tracing::error!(destination = %id, "whose messages these are does not open");
                    self.park_destination(id, DeadEnd::TokenUnreadable, now)
                        .await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(ready)
    }

    /// Parks the destination of a channel that is known to take nothing any more; `false` where there
    /// is nothing to park.
    pub async fn park_channel(
        &self,
        channel: ChannelId,
        reason: DeadEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(known) = self.destination_for(channel).await? else {
            return Ok(false);
        };
        self.park_destination(known.id, reason, now).await
    }

    /// Parks a destination; `false` when it is parked already.
    pub async fn park_destination(
        &self,
        destination: DestinationId,
        reason: DeadEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let parked = park(&mut tx, destination, None, reason, now).await?;
        tx.commit().await?;
        Ok(parked)
    }

    /// An edit has shown that the webhook is gone by which its message was posted. Where the destination has
    /// another by now, it stays as it is.
    pub async fn park_carrier(
        &self,
        edit: &posts::Edit,
        reason: DeadEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        park(&mut tx, edit.destination, Some(edit.carrier), reason, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What an admin of a server, or a person, has not been told yet of their destinations, each told once.
    pub async fn take_news(&self, home: Home) -> Result<Vec<(Destination, News)>, StoreError> {
        const OF_SERVER: &str = destinations_where!("guild_id = $1 AND news IS NOT NULL");
        const OF_PERSON: &str = destinations_where!("person = $1 AND news IS NOT NULL");
        const TAKEN_BY_SERVER: &str = "UPDATE destination SET news = NULL WHERE guild_id = $1";
        const TAKEN_BY_PERSON: &str = "UPDATE destination SET news = NULL WHERE person = $1";
        let (asked, taken, whose) = match home {
            Home::Server(guild) => (OF_SERVER, TAKEN_BY_SERVER, snowflake(guild.0)),
            Home::Person(person) => (OF_PERSON, TAKEN_BY_PERSON, self.keyring.blind(person)),
        };
        let rows: Vec<DestinationRow> = sqlx::query_as(asked)
            .bind(whose)
            .fetch_all(&self.readers)
            .await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query(taken).bind(whose).execute(&self.writer).await?;
        rows.into_iter()
            .map(|row| {
                let news = match row.news.as_deref() {
                    Some("back") => News::Back,
                    _ => News::Parked,
                };
                Ok((row.opened(&self.keyring)?, news))
            })
            .collect()
    }

    /// The token of a destination's webhook; `None` where there is none or it does not open.
    pub async fn webhook_token(
        &self,
        destination: &Destination,
    ) -> Result<Option<SecretString>, StoreError> {
        const SQL: &str = "SELECT d.token, k.key FROM destination d \
             JOIN server_key k ON k.guild_id = d.guild_id WHERE d.id = $1 AND d.token IS NOT NULL";
        let Some(guild) = destination.home.server() else {
            return Ok(None);
        };
        let found: Option<(Vec<u8>, Vec<u8>)> = sqlx::query_as(SQL)
            .bind(destination.id.0)
            .fetch_optional(&self.readers)
            .await?;
        let place = token_place(destination.id.0, guild);
        let opened = |(token, wrapped): (Vec<u8>, Vec<u8>)| {
            let key = self.keyring.unwrapped(destination.home, &wrapped).ok()?;
            String::from_utf8(key.open(&place, &token).ok()?).ok()
        };
        Ok(found.and_then(opened).map(SecretString::from))
    }

    fn destinations_in(&self, rows: Vec<DestinationRow>) -> Result<Vec<Destination>, StoreError> {
        let opened = rows.into_iter().map(|row| row.opened(&self.keyring));
        opened.collect()
    }

    fn destination_in(
        &self,
        row: Option<DestinationRow>,
    ) -> Result<Option<Destination>, StoreError> {
        row.map(|row| row.opened(&self.keyring)).transpose()
    }
}

/// Whether a destination takes nothing at present.
pub(in crate::store) async fn is_parked(
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

/// What answered instead of Discord, such as the page of a network that wants a password, is asked
/// again after this time.
const STRANGER_AGAIN: Duration = Duration::from_mins(1);

/// Parks a destination; `false` when it is parked already or has another webhook by now. Where only
/// its webhook is missing, it is tried at once whether another may be made.
pub(in crate::store) async fn park(
    connection: &mut SqliteConnection,
    destination: DestinationId,
    carrier: Option<Carrier>,
    reason: DeadEnd,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE destination SET state = 'parked', reason = $1, changed_at = $2, news = 'parked', \
             revive_at = CASE WHEN $1 IN ('webhook_gone', 'token_changed') AND NOT remade THEN $2 \
                 WHEN $1 = 'not_discord' THEN $6 END \
         WHERE id = $3 AND state <> 'parked' AND ($4 OR webhook_id IS $5)";
    let webhook = match carrier {
        Some(Carrier::Webhook(webhook)) => Some(snowflake(webhook.0)),
        Some(Carrier::Bot) | None => None,
    };
    let parked = sqlx::query(SQL)
        .bind(reason.slug())
        .bind(now.millis())
        .bind(destination.0)
        .bind(carrier.is_none())
        .bind(webhook)
        .bind(now.plus(STRANGER_AGAIN).millis())
        .execute(connection)
        .await?
        .rows_affected();
    Ok(parked > 0)
}

/// What has failed for a day is tried again this often.
const FAILING_AGAIN: Duration = Duration::from_hours(1);

/// Parks a destination for which a notice has just become too old in spite of attempts, when nothing
/// got through to it for a day; `false` where something did.
pub(in crate::store) async fn park_failing(
    connection: &mut SqliteConnection,
    destination: DestinationId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE destination SET state = 'parked', reason = $1, changed_at = $2, \
             news = 'parked', revive_at = $3 \
         WHERE id = $4 AND state = 'ready' AND NOT EXISTS (SELECT 1 FROM post \
             WHERE destination_id = $4 AND state = 'delivered' AND delivered_at > $5)";
    let parked = sqlx::query(SQL)
        .bind(DeadEnd::Failing.slug())
        .bind(now.millis())
        .bind(now.plus(FAILING_AGAIN).millis())
        .bind(destination.0)
        .bind(now.minus(Duration::from_hours(24)).millis())
        .execute(connection)
        .await?
        .rows_affected();
    Ok(parked > 0)
}

/// Only a server's channel has a webhook, and so a token.
pub(in crate::store) const fn token_place(row: i64, guild: GuildId) -> Place {
    Place {
        table: "destination",
        column: "token",
        row,
        owner: guild.0,
    }
}

#[derive(FromRow)]
struct DestinationRow {
    id: i64,
    guild_id: i64,
    person: Option<i64>,
    /// The name of that person, sealed.
    name: Option<Vec<u8>>,
    channel_id: i64,
    webhook_id: Option<i64>,
    state: String,
    reason: Option<String>,
    last_confirmed_message_id: Option<i64>,
    changed_at: i64,
    remade: bool,
    news: Option<String>,
    parent_id: Option<i64>,
    last_message: Option<i64>,
}

impl DestinationRow {
    fn opened(self, keyring: &Keyring) -> Result<Destination, StoreError> {
        let row = self;
        let message = |id: Option<i64>| id.map(|id| MessageId(from_snowflake(id)));
        Ok(Destination {
            id: DestinationId(row.id),
            home: keyring.home(row.guild_id, row.person, row.name)?,
            channel: ChannelId(from_snowflake(row.channel_id)),
            parent: row.parent_id.map(|id| ChannelId(from_snowflake(id))),
            webhook: row.webhook_id.map(|id| WebhookId(from_snowflake(id))),
            state: DestinationState::parse(&row.state).ok_or(bad("state"))?,
            reason: row
                .reason
                .map(|slug| DeadEnd::parse(&slug).ok_or(bad("reason")))
                .transpose()?,
            floor: message(row.last_confirmed_message_id),
            last_message: message(row.last_message),
            changed_at: time(row.changed_at),
            remade: row.remade,
        })
    }
}
