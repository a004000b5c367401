//! What is to be told, and where each notice stands.
//!
//! A notice that is bound to a post stands where its post stands; the view `notice` says so.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{
    SET_SETTING, Store, StoreError,
    columns::{bad, snowflake, time},
    destinations,
    keys::Change,
    veil::Veil,
};
use rows::{SpokenRow, ToldRow, parse_state, told, waiting};

use crate::{
    delivery::{
        entry::{Entry, Held, Occasion},
        outcome::DeadEnd,
        state::State,
        urgency::Urgency,
    },
    domain::{
        ids::{
            AlertId, ChannelId, DestinationId, EntryId, GuildId, Home, MessageId, PoolId, PostId,
            RoleId, UserId,
        },
        rate::Percent,
        time::Timestamp,
    },
};

/// A ready destination with notices that no post tells yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untold {
    pub destination: DestinationId,
    /// Of the most urgent of them.
    pub urgency: Urgency,
    /// One of them is waited for by a person.
    pub is_awaited: bool,
}

/// Notices that have not come to an end and stand alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    pub state: State,
    /// They wait for the end of a mute, of quiet hours, or for a digest.
    pub is_held: bool,
    pub notices: u64,
    /// When the oldest of them was written, or came free of what held it.
    pub since: Timestamp,
}

/// A notice that is to be told, or that a post tells, as a message is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub id: EntryId,
    pub dedup_key: Vec<u8>,
    pub alert: AlertId,
    pub occasion: Occasion,
    /// A [`crate::render::message::Message`] as JSON.
    pub payload: String,
    pub summary: String,
    pub created_at: Timestamp,
    pub not_after: Timestamp,
    pub held: Option<Held>,
    pub role: Option<RoleId>,
    /// For the end of an episode: what became of its beginning.
    pub beginning: Option<Beginning>,
    /// For the beginning of an episode that is over: what is said of its end.
    pub end: Option<End>,
}

/// What is said of the end of an episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// A [`crate::render::message::Message`] as JSON.
    pub payload: String,
    pub summary: String,
}

/// What became of the notice with which an episode began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// It stands in the channel.
    Told {
        channel: ChannelId,
        message: MessageId,
        at: Timestamp,
        /// It was edited to say that it is over.
        is_edited: bool,
        /// Its message called a role.
        called: bool,
    },
    /// Another notice said it, or nobody knows whether it arrived.
    Perhaps,
    /// It is still to be told.
    Untold,
    /// Nobody has read it, and nobody will.
    Never,
}

/// A notice that people can read, as they ask about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    pub entry: EntryId,
    pub alert: AlertId,
    pub pool: PoolId,
    pub created_at: Timestamp,
    /// A [`crate::render::message::Message`] as JSON.
    pub payload: String,
    pub summary: String,
    /// The rate before and after, where it is about a rate.
    pub apy: Option<(Percent, Percent)>,
    /// The payload of the end of its episode, where that was said.
    pub over: Option<String>,
}

/// Where one notice stands, and what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub entry: EntryId,
    pub home: Home,
    pub channel: ChannelId,
    pub alert: AlertId,
    pub pool: Option<PoolId>,
    pub occasion: Occasion,
    pub created_at: Timestamp,
    pub not_after: Timestamp,
    pub state: State,
    pub attempt: u32,
    /// When something is done about it next; `None` when nothing is by itself, or it waits its turn.
    pub due_at: Option<Timestamp>,
    pub intent_at: Option<Timestamp>,
    /// The message that told it.
    pub message: Option<MessageId>,
    pub delivered_at: Option<Timestamp>,
    pub error: Option<String>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// Why its destination is parked.
    pub reason: Option<DeadEnd>,
    /// Why it waits, and until when, where it is held back.
    pub held: Option<(Held, Timestamp)>,
    /// When the episode that it began was over.
    pub over_at: Option<Timestamp>,
}

/// The statement that reads notices with where they stand.
macro_rules! notices_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, guild_id, person, person_name, channel_id, alert_id, pool, edge, created_at, not_after, state, attempt, ",
            "due_at, intent_at, message_id, delivered_at, last_error, last_status, reason, held, not_before, ",
            "(SELECT c.created_at FROM outbox c WHERE c.opening = notice.dedup_key) AS over_at ",
            "FROM notice WHERE ",
            $condition
        )
    };
}

/// The statement that reads notices as messages are made of them. An end that is not said has no payload.
macro_rules! waiting_where {
    ($condition:literal) => {
        concat!(
            "SELECT o.id, o.dedup_key, o.alert_id, o.edge, o.payload, o.summary, o.created_at, o.not_after, ",
            "o.held, o.role_id, o.opening IS NOT NULL AS ends, COALESCE(p.state, b.state) AS began, ",
            "p.message_id AS began_message, p.delivered_at AS began_told_at, ",
            "(SELECT d.channel_id FROM destination d WHERE d.id = p.destination_id) AS began_channel, ",
            "COALESCE(p.edited_at >= o.created_at, 0) AS began_edited, COALESCE(p.calls, 0) AS began_called, ",
            "c.payload AS over, c.summary AS over_summary, c.dedup_key AS over_key, ",
            "r.blind AS reader, r.name AS reader_name, r.key AS reader_key ",
            "FROM outbox o LEFT JOIN outbox b ON b.dedup_key = o.opening ",
            "LEFT JOIN post p ON p.id = b.post_id ",
            "LEFT JOIN outbox c ON c.opening = o.dedup_key AND c.payload <> '' ",
            "LEFT JOIN destination d ON d.id = o.destination_id LEFT JOIN person r ON r.blind = d.person WHERE ",
            $condition
        )
    };
}

/// The statement that reads notices of a server as people ask about them.
macro_rules! spoken_where {
    ($condition:literal) => {
        concat!(
            "SELECT o.id, o.alert_id, o.pool, o.created_at, o.payload, o.summary, o.apy_from, o.apy_to, ",
            "c.payload AS over FROM outbox o JOIN destination d ON d.id = o.destination_id ",
            "LEFT JOIN outbox c ON c.opening = o.dedup_key AND c.payload <> '' ",
            "WHERE d.guild_id = $1 AND o.pool IS NOT NULL AND o.edge IN ('opened', 'escalated', 'reminded') AND ",
            $condition,
            " ORDER BY o.id"
        )
    };
}

/// Counts notices by state without reading each: a post knows how many it tells, and of those that no post
/// tells the index of a channel knows enough.
macro_rules! counts_of {
    ($further:literal) => {
        concat!(
            "SELECT state, SUM(notices) FROM (",
            "SELECT CASE WHEN d.state = 'parked' AND p.state IN ('pending', 'waiting') THEN 'parked' ",
            "ELSE p.state END AS state, p.notices ",
            "FROM destination d CROSS JOIN post p INDEXED BY post_by_state ON p.destination_id = d.id ",
            "WHERE TRUE",
            $further,
            " UNION ALL SELECT CASE WHEN d.state = 'parked' THEN 'parked' ELSE 'pending' END, 1 ",
            "FROM destination d CROSS JOIN outbox o INDEXED BY outbox_untold ON o.destination_id = d.id ",
            "WHERE o.post_id IS NULL AND o.state = 'pending'",
            $further,
            " UNION ALL SELECT o.state, 1 ",
            "FROM destination d CROSS JOIN outbox o INDEXED BY outbox_ended ON o.destination_id = d.id ",
            "WHERE o.post_id IS NULL AND o.state <> 'pending'",
            $further,
            ") GROUP BY state"
        )
    };
}

impl Store {
    /// Puts one entry into the outbox and returns it, or the one that already has its key.
    pub async fn enqueue(&self, entry: &Entry) -> Result<EntryId, StoreError> {
        const SQL: &str = "SELECT id FROM outbox WHERE dedup_key = $1";
        let mut tx = self.begin().await?;
        self.insert_entries(&mut tx, std::slice::from_ref(entry))
            .await?;
        let id = sqlx::query_scalar(SQL)
            .bind(&entry.dedup_key[..])
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(EntryId(id))
    }

    /// The same, and a setting with it: both are kept or neither is.
    pub async fn enqueue_and_set(
        &self,
        entry: &Entry,
        setting: &str,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        self.insert_entries(&mut tx, std::slice::from_ref(entry))
            .await?;
        sqlx::query(SET_SETTING)
            .bind(setting)
            .bind(value)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// Every ready destination that has notices which no post tells yet and which are not held back,
    /// in the order of their ids.
    pub async fn untold(&self, now: Timestamp) -> Result<Vec<Untold>, StoreError> {
        let rows: Vec<(i64, u8, bool)> = sqlx::query_as(UNTOLD)
            .bind(now.millis())
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter()
            .map(|(destination, rank, is_awaited)| {
                Ok(Untold {
                    destination: DestinationId(destination),
                    urgency: Urgency::from_rank(rank).ok_or(bad("urgency"))?,
                    is_awaited,
                })
            })
            .collect()
    }

    /// The oldest notices of a destination that no post tells yet.
    pub async fn waiting(
        &self,
        destination: DestinationId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Waiting>, StoreError> {
        const SQL: &str = waiting_where!(
            "o.destination_id = $1 AND o.post_id IS NULL AND o.state = 'pending' \
             AND o.not_after > $2 AND o.not_before <= $2 ORDER BY o.id LIMIT $3"
        );
        waiting(
            &self.keyring,
            sqlx::query_as(SQL)
                .bind(destination.0)
                .bind(now.millis())
                .bind(limit)
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// The notices that a post tells, in its order.
    pub async fn told_in(&self, post: PostId) -> Result<Vec<Waiting>, StoreError> {
        const SQL: &str = waiting_where!("o.post_id = $1 ORDER BY o.id");
        waiting(
            &self.keyring,
            sqlx::query_as(SQL)
                .bind(post.0)
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// When the next notice that is held back is to be told.
    pub async fn next_release(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "SELECT MIN(not_before) FROM outbox \
             WHERE post_id IS NULL AND state = 'pending' AND held IS NOT NULL AND not_before > $1";
        let next: Option<i64> = sqlx::query_scalar(SQL)
            .bind(now.millis())
            .fetch_one(&self.readers)
            .await?;
        Ok(next.map(time))
    }

    /// A notice is known under another key from now on; that is done at most once, however often it is
    /// asked for.
    pub async fn rekey(&self, old: [u8; 32], new: [u8; 32]) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE outbox SET dedup_key = $2 WHERE dedup_key = $1 \
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE dedup_key = $2)";
        sqlx::query(SQL)
            .bind(&old[..])
            .bind(&new[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Ends notices of which other ones say all.
    pub async fn supersede(&self, entries: &[EntryId]) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE outbox SET state = 'superseded' \
             WHERE id = $1 AND post_id IS NULL AND state = 'pending'";
        let mut tx = self.begin().await?;
        for entry in entries {
            sqlx::query(SQL).bind(entry.0).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Ends what is too old to be worth sending, and returns how many messages and notices. A
    /// destination to which none got through for a day is parked.
    pub async fn expire(&self, now: Timestamp) -> Result<u64, StoreError> {
        const POSTS: &str = "UPDATE post SET state = 'expired', due_at = NULL \
             WHERE due_at IS NOT NULL AND state IN ('pending', 'waiting') AND not_after <= $1";
        const NOTICES: &str = "UPDATE outbox SET state = 'expired' \
             WHERE post_id IS NULL AND state = 'pending' AND not_after <= $1";
        const TRIED: &str = "SELECT DISTINCT destination_id FROM post WHERE due_at IS NOT NULL \
             AND state IN ('pending', 'waiting') AND attempt > 0 AND not_after <= $1";
        // Only what has to be written takes the writer's time.
        let any: bool = sqlx::query_scalar(ANY_EXPIRED)
            .bind(now.millis())
            .fetch_one(&self.readers)
            .await?;
        if !any {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let tried: Vec<i64> = sqlx::query_scalar(TRIED)
            .bind(now.millis())
            .fetch_all(&mut *tx)
            .await?;
        for destination in tried {
            destinations::park_failing(&mut tx, DestinationId(destination), now).await?;
        }
        let mut ended = 0;
        for sql in [POSTS, NOTICES] {
            let done = sqlx::query(sql).bind(now.millis()).execute(&mut *tx);
            ended += done.await?.rows_affected();
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// How many notices stand in each state; states without any are left out.
    pub async fn outbox_counts(&self) -> Result<Vec<(State, u64)>, StoreError> {
        counts(
            sqlx::query_as(counts_of!(""))
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// What has not come to an end, by where it stands. It costs as much as is queued, whatever was told before.
    pub async fn queued(&self, now: Timestamp) -> Result<Vec<Queued>, StoreError> {
        let rows: Vec<(String, bool, i64, i64)> = sqlx::query_as(QUEUED)
            .bind(now.millis())
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter()
            .map(|(state, is_held, notices, since)| {
                Ok(Queued {
                    state: parse_state(&state)?,
                    is_held,
                    notices: notices.cast_unsigned(),
                    since: time(since),
                })
            })
            .collect()
    }

    /// [`Self::outbox_counts`] of one server.
    pub async fn outbox_counts_of(&self, guild: GuildId) -> Result<Vec<(State, u64)>, StoreError> {
        counts(
            sqlx::query_as(COUNTS_OF_GUILD)
                .bind(snowflake(guild.0))
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// The notices of a server of which nobody knows whether they are in the channel, oldest first.
    pub async fn unsettled(&self, guild: GuildId) -> Result<Vec<Told>, StoreError> {
        const SQL: &str = notices_where!(
            "guild_id = $1 AND post_id IN (SELECT p.id FROM destination d \
                 CROSS JOIN post p INDEXED BY post_by_state ON p.destination_id = d.id \
                 WHERE d.guild_id = $1 AND p.state = 'uncertain') ORDER BY id"
        );
        told(
            &self.keyring,
            sqlx::query_as(SQL)
                .bind(snowflake(guild.0))
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// Where one notice stands.
    pub async fn told(&self, entry: EntryId) -> Result<Option<Told>, StoreError> {
        sqlx::query_as::<_, ToldRow>(notices_where!("id = $1"))
            .bind(entry.0)
            .fetch_optional(&self.readers)
            .await?
            .map(|row| row.opened(&self.keyring))
            .transpose()
    }

    /// The latest notices of an alert since then, newest first.
    pub async fn told_by(
        &self,
        alert: AlertId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Told>, StoreError> {
        const SQL: &str =
            notices_where!("alert_id = $1 AND created_at >= $2 ORDER BY id DESC LIMIT $3");
        told(
            &self.keyring,
            sqlx::query_as(SQL)
                .bind(alert.0)
                .bind(since.millis())
                .bind(limit)
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// The notices of a server that a message tells; those of a pool alone.
    pub async fn spoken(
        &self,
        guild: GuildId,
        message: MessageId,
    ) -> Result<Vec<Spoken>, StoreError> {
        const SQL: &str = spoken_where!("o.post_id IN (SELECT id FROM post WHERE message_id = $2)");
        let rows: Vec<SpokenRow> = sqlx::query_as(SQL)
            .bind(snowflake(guild.0))
            .bind(snowflake(message.0))
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(Spoken::try_from).collect()
    }

    /// One notice of a server, where it is of a pool.
    pub async fn spoken_one(
        &self,
        guild: GuildId,
        entry: EntryId,
    ) -> Result<Option<Spoken>, StoreError> {
        const SQL: &str = spoken_where!("o.id = $2");
        let row: Option<SpokenRow> = sqlx::query_as(SQL)
            .bind(snowflake(guild.0))
            .bind(entry.0)
            .fetch_optional(&self.readers)
            .await?;
        row.map(Spoken::try_from).transpose()
    }

    /// How many episodes opened for a destination since then.
    pub async fn opened_since(
        &self,
        destination: DestinationId,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "SELECT COUNT(*) FROM outbox WHERE edge = 'opened' AND created_at >= $2 \
             AND alert_id IN (SELECT a.id FROM alert a JOIN destination d ON d.channel_id = a.channel_id \
                 WHERE d.id = $1) AND destination_id = $1";
        let count: i64 = sqlx::query_scalar(SQL)
            .bind(destination.0)
            .bind(since.millis())
            .fetch_one(&self.readers)
            .await?;
        Ok(count.cast_unsigned())
    }

    /// Adds entries inside a transaction and returns how many were new; the others are there already.
    pub(in crate::store) async fn insert_entries(
        &self,
        connection: &mut SqliteConnection,
        entries: &[Entry],
    ) -> Result<u64, StoreError> {
        const INSERT: &str = "INSERT INTO outbox (dedup_key, destination_id, alert_id, alert_version, \
             pool, edge, urgency, payload, summary, created_at, not_before, not_after, opening, held, role_id, \
             apy_from, apy_to, watch_id, state) ";
        const UNLESS_THERE: &str = " ON CONFLICT (dedup_key) DO NOTHING";
        let mut added = 0;
        let readers = entries.iter().filter_map(|entry| entry.telling.reader);
        let readers = self.holders(&mut *connection, readers).await?;
        for chunk in entries.chunks(ROWS_AT_A_TIME) {
            let mut insert = QueryBuilder::<Sqlite>::new(INSERT);
            insert.push_values(chunk, |mut row, entry| {
                let telling = &entry.telling;
                let reader = telling.reader.and_then(|reader| readers.get(&reader));
                let veil = Veil::over(reader, "outbox", &entry.dedup_key);
                let state = if telling.is_unsaid {
                    State::Superseded
                } else {
                    State::Pending
                };
                row.push_bind(&entry.dedup_key[..])
                    .push_bind(entry.destination.0)
                    .push_bind(entry.alert.0)
                    .push_bind(entry.alert_version)
                    .push_bind(entry.pool.as_ref().map(|pool| &PoolId::as_bytes(pool)[..]))
                    .push_bind(entry.occasion.slug())
                    .push_bind(entry.urgency.rank())
                    .push_bind(veil.drawn(&entry.payload))
                    .push_bind(veil.drawn(&entry.summary))
                    .push_bind(entry.created_at.millis())
                    .push_bind(telling.hold.map_or(0, |hold| hold.until.millis()))
                    .push_bind(entry.not_after.millis())
                    .push_bind(telling.opening.as_ref().map(|key| &key[..]))
                    .push_bind(telling.hold.map(|hold| hold.why.slug()))
                    .push_bind(telling.role.map(|role| snowflake(role.0)))
                    .push_bind(telling.apy.map(|(from, _)| from.get()))
                    .push_bind(telling.apy.map(|(_, to)| to.get()))
                    .push_bind(telling.watch.map(|watch| watch.0))
                    .push_bind(state.slug());
            });
            insert.push(UNLESS_THERE);
            added += insert
                .build()
                .execute(&mut *connection)
                .await?
                .rows_affected();
            mark_edits(connection, chunk).await?;
        }
        Ok(added)
    }

    /// The oldest notices over all servers that have not come to an end.
    pub async fn queue(&self, limit: u32) -> Result<Vec<Told>, StoreError> {
        const SQL: &str = notices_where!(
            "id IN (SELECT id FROM outbox WHERE post_id IS NULL AND state = 'pending' \
             UNION ALL SELECT o.id FROM post p JOIN outbox o ON o.post_id = p.id \
             WHERE p.state IN ('pending', 'sending', 'waiting', 'uncertain', 'parked')) \
             ORDER BY id LIMIT $1"
        );
        told(
            &self.keyring,
            sqlx::query_as(SQL)
                .bind(limit)
                .fetch_all(&self.readers)
                .await?,
        )
    }
}

/// Where the beginning of an episode was told, its message is to say that it is over. One whose words are gone
/// stays as it is.
async fn mark_edits(connection: &mut SqliteConnection, ends: &[Entry]) -> Result<(), StoreError> {
    const MARK: &str = "UPDATE post SET edit_at = ";
    let said = ends.iter().filter(|entry| !entry.telling.is_unsaid);
    let openings: Vec<(&[u8; 32], Timestamp)> = said
        .filter_map(|entry| Some((entry.telling.opening.as_ref()?, entry.created_at)))
        .collect();
    let Some((_, at)) = openings.first() else {
        return Ok(());
    };
    let mut query = QueryBuilder::<Sqlite>::new(MARK);
    query.push_bind(at.millis()).push(
        " WHERE state NOT IN ('dead', 'expired') AND payload <> '' AND id IN (SELECT post_id FROM outbox WHERE dedup_key IN (",
    );
    let mut list = query.separated(", ");
    for (opening, _) in &openings {
        list.push_bind(&opening[..]);
    }
    query.push("))");
    query.build().execute(connection).await?;
    Ok(())
}

/// Has what an alert's mute holds back told at another time. A mute that begins takes along what waits for
/// its turn.
pub(in crate::store) async fn hold_until(
    connection: &mut SqliteConnection,
    alert: AlertId,
    until: Timestamp,
    begins: bool,
) -> Result<(), StoreError> {
    const WAITING: &str = "UPDATE outbox SET held = 'mute', not_before = created_at WHERE alert_id = $1 \
         AND held IS NULL AND edge NOT IN ('test', 'outage') AND post_id IS NULL AND state = 'pending'";
    const HELD: &str = "UPDATE outbox SET not_after = MAX(not_after, not_after + $1 - not_before), \
         not_before = $1 WHERE alert_id = $2 AND held = 'mute' AND post_id IS NULL AND state = 'pending'";
    // The head of the list belongs to the mute before.
    const HEAD: &str = "UPDATE outbox SET state = 'superseded' \
         WHERE alert_id = $1 AND edge = 'summary' AND post_id IS NULL AND state = 'pending'";
    if begins {
        sqlx::query(WAITING)
            .bind(alert.0)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(HELD)
        .bind(until.millis())
        .bind(alert.0)
        .execute(&mut *connection)
        .await?;
    if begins {
        sqlx::query(HEAD).bind(alert.0).execute(connection).await?;
    }
    Ok(())
}

/// Seals what is and was to be told to a person with another key, inside a transaction; `blind` is what
/// their destination names them by.
pub(in crate::store) async fn reseal(
    connection: &mut SqliteConnection,
    blind: i64,
    user: UserId,
    change: &Change<'_>,
) -> Result<(), StoreError> {
    const NOTICES: &str = "SELECT o.id, o.dedup_key, o.payload, o.summary FROM outbox o \
         JOIN destination d ON d.id = o.destination_id WHERE d.person = $1";
    const NOTICE: &str = "UPDATE outbox SET payload = $2, summary = $3 WHERE id = $1";
    const POSTS: &str = "SELECT p.id, p.nonce, p.payload, p.attachment, p.fallback FROM post p \
         JOIN destination d ON d.id = p.destination_id WHERE d.person = $1";
    const POST: &str = "UPDATE post SET payload = $2, attachment = $3, fallback = $4 WHERE id = $1";
    type Notice = (i64, Vec<u8>, String, String);
    type Post = (i64, String, String, Option<String>, Option<String>);
    let notices: Vec<Notice> = sqlx::query_as(NOTICES)
        .bind(blind)
        .fetch_all(&mut *connection)
        .await?;
    for (id, key, payload, summary) in notices {
        sqlx::query(NOTICE)
            .bind(id)
            .bind(change.made_text("outbox", &key, user, &payload)?)
            .bind(change.made_text("outbox", &key, user, &summary)?)
            .execute(&mut *connection)
            .await?;
    }
    let posts: Vec<Post> = sqlx::query_as(POSTS)
        .bind(blind)
        .fetch_all(&mut *connection)
        .await?;
    for (id, nonce, payload, attachment, fallback) in posts {
        let made = |text: &str| change.made_text("post", nonce.as_bytes(), user, text);
        sqlx::query(POST)
            .bind(id)
            .bind(made(&payload)?)
            .bind(attachment.as_deref().map(made).transpose()?)
            .bind(fallback.as_deref().map(made).transpose()?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// What a removed alert holds back is not told.
pub(in crate::store) async fn drop_held(
    connection: &mut SqliteConnection,
    alert: AlertId,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE outbox SET state = 'superseded' \
         WHERE alert_id = $1 AND held IS NOT NULL AND post_id IS NULL AND state = 'pending'";
    sqlx::query(SQL).bind(alert.0).execute(connection).await?;
    Ok(())
}

/// One statement for many rows spares the way to the database's thread and back for each.
const ROWS_AT_A_TIME: usize = 64;

/// Steps from destination to destination along the index, so the length of a queue costs nothing.
///
/// A pressing notice that is held back may lie before one that is not, so the urgencies are looked at
/// one by one: there are three.
const UNTOLD: &str = "WITH RECURSIVE line (id) AS ( \
         SELECT MIN(destination_id) FROM outbox WHERE post_id IS NULL AND state = 'pending' \
         UNION ALL \
         SELECT (SELECT MIN(destination_id) FROM outbox WHERE destination_id > line.id \
             AND post_id IS NULL AND state = 'pending') \
         FROM line WHERE line.id IS NOT NULL \
     ), \
     rank (urgency) AS (VALUES (0), (1), (2)), \
     ready (id, urgency) AS ( \
         SELECT d.id, (SELECT MIN(rank.urgency) FROM rank \
             WHERE EXISTS (SELECT 1 FROM outbox WHERE destination_id = line.id \
                 AND urgency = rank.urgency AND not_before <= $1 AND post_id IS NULL AND state = 'pending')) \
         FROM line JOIN destination d ON d.id = line.id WHERE d.state = 'ready' \
     ) \
     SELECT id, urgency, \
         EXISTS (SELECT 1 FROM outbox WHERE destination_id = ready.id AND edge = 'test' \
         AND post_id IS NULL AND state = 'pending') \
     FROM ready WHERE urgency IS NOT NULL ORDER BY id";

const COUNTS_OF_GUILD: &str = counts_of!(" AND d.guild_id = $1");

const ANY_EXPIRED: &str = "SELECT EXISTS (SELECT 1 FROM outbox \
         WHERE post_id IS NULL AND state = 'pending' AND not_after <= $1) \
     OR EXISTS (SELECT 1 FROM post WHERE due_at IS NOT NULL \
         AND state IN ('pending', 'waiting') AND not_after <= $1)";

/// Posts by destination and state along their index, and the notices that no post tells yet.
const QUEUED: &str = "WITH queued (state, held, notices, since) AS ( \
         SELECT CASE WHEN d.state = 'parked' AND p.state IN ('pending', 'waiting') THEN 'parked' ELSE p.state END, \
             0, p.notices, p.created_at \
         FROM destination d CROSS JOIN post p INDEXED BY post_by_state ON p.destination_id = d.id \
             AND p.state IN ('pending', 'sending', 'waiting', 'uncertain', 'parked') \
         UNION ALL \
         SELECT CASE WHEN d.state = 'parked' THEN 'parked' ELSE 'pending' END, \
             d.state <> 'parked' AND o.not_before > $1, 1, \
             CASE WHEN o.not_before > $1 THEN o.created_at ELSE MAX(o.created_at, o.not_before) END \
         FROM outbox o JOIN destination d ON d.id = o.destination_id \
         WHERE o.post_id IS NULL AND o.state = 'pending' \
     ) \
     SELECT state, held, SUM(notices), MIN(since) FROM queued GROUP BY state, held";

fn counts(rows: Vec<(String, i64)>) -> Result<Vec<(State, u64)>, StoreError> {
    rows.into_iter()
        .map(|(state, count)| Ok((parse_state(&state)?, count.cast_unsigned())))
        .collect()
}

mod rows;
#[cfg(test)]
mod tests;
