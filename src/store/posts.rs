//! What goes over the wire, and what became of it.
//!
//! The intent is committed before the first byte leaves and the receipt after the answer. Both name
//! the epoch of this process, so nobody else's attempt is ever settled by mistake.

use std::{borrow::Cow, collections::HashSet, time::Duration};

use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use super::{
    SET_SETTING, Store, StoreError,
    columns::{bad, from_snowflake, snowflake, time},
    destinations,
    veil::Veil,
};
use crate::{
    delivery::{
        outcome::Unclear,
        post::{Carrier, Effect, Post, Waits},
        state::State,
    },
    domain::{
        ids::{ChannelId, DestinationId, EntryId, MessageId, PostId, UserId, WebhookId},
        time::Timestamp,
    },
};

/// A post and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: PostId,
    pub destination: DestinationId,
    pub post: Post,
}

/// The bytes of a post; each attempt sends the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    pub marker: String,
    pub nonce: String,
    /// The JSON body.
    pub payload: String,
    /// The text of the file that goes along.
    pub attachment: Option<String>,
}

/// A post that is about to be kept, and the notices that it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub entries: Vec<EntryId>,
    pub wire: Wire,
    /// The JSON body in plain text, for when Discord refuses the other one.
    pub fallback: String,
    /// It calls a role.
    pub calls: bool,
    /// The one person whom it is for; then its words lie under seal.
    pub reader: Option<UserId>,
    pub created_at: Timestamp,
}

/// An intent: a post as it stands once a request may leave for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub destination: DestinationId,
    pub subject: Subject,
    pub after: Post,
}

/// What an intent is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Fresh(Draft),
    Known { id: PostId, before: Post },
}

/// The end of one attempt, or of one look into the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub id: PostId,
    pub destination: DestinationId,
    pub before: Post,
    pub after: Post,
    pub effect: Effect,
    pub at: Timestamp,
    /// What went wrong; `None` when nothing did.
    pub error: Option<Cow<'static, str>>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
}

/// A message that no longer says how things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    pub post: PostId,
    pub destination: DestinationId,
    pub carrier: Carrier,
    pub message: MessageId,
    /// When it is to be edited. A later end of another episode changes it.
    pub at: Timestamp,
}

/// What was written of a batch of receipts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    pub written: u64,
    /// Receipts whose post was no longer as it had been.
    pub stale: u64,
    /// Destinations that were parked.
    pub parked: u64,
}

/// The columns that make a [`Kept`].
macro_rules! posts_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, destination_id, state, due_at, not_after, attempt, epoch, intent_at, series_at, ",
            "repeats, anew, fallback IS NOT NULL AS plainer, webhook_id, floor, message_id FROM post WHERE ",
            $condition
        )
    };
}

pub(in crate::store) const ORPHANS: &str = posts_where!("state = 'sending' ORDER BY id");
pub(in crate::store) const EDITS: &str = "SELECT p.id, p.destination_id, p.webhook_id, p.message_id, p.edit_at \
     FROM post p JOIN destination d ON d.id = p.destination_id WHERE p.edit_at IS NOT NULL \
     AND p.state = 'delivered' AND p.message_id IS NOT NULL AND d.state = 'ready' ORDER BY p.destination_id, p.id";
pub(in crate::store) const OPEN: &str =
    posts_where!("due_at IS NOT NULL ORDER BY destination_id, id");

impl Store {
    /// Marks what a dead process or task left in the middle of sending, and returns how many.
    ///
    /// Only before the first claim: an attempt that is under way would be taken for a dead one.
    pub async fn reap(&self, now: Timestamp, waits: &Waits) -> Result<usize, StoreError> {
        const WHY: &str = "UPDATE post SET last_error = $1 WHERE id = $2";
        let mut tx = self.begin().await?;
        let orphans = kept(sqlx::query_as(ORPHANS).fetch_all(&mut *tx).await?)?;
        for orphan in &orphans {
            write(
                &mut tx,
                orphan.id,
                &orphan.post.clone().orphaned(now, waits),
            )
            .await?;
            sqlx::query(WHY)
                .bind(Unclear::Interrupted.slug())
                .bind(orphan.id.0)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(orphans.len())
    }

    /// The posts about which something is to be done, now or later: by destination, oldest first.
    pub async fn open_posts(&self) -> Result<Vec<Kept>, StoreError> {
        kept(sqlx::query_as(OPEN).fetch_all(&self.readers).await?)
    }

    /// The messages that are to be edited, now or later, oldest first.
    pub async fn edits(&self) -> Result<Vec<Edit>, StoreError> {
        let rows: Vec<(i64, i64, Option<i64>, i64, i64)> =
            sqlx::query_as(EDITS).fetch_all(&self.readers).await?;
        Ok(rows
            .into_iter()
            .map(|(post, destination, webhook, message, at)| Edit {
                post: PostId(post),
                destination: DestinationId(destination),
                carrier: carrier(webhook),
                message: MessageId(from_snowflake(message)),
                at: time(at),
            })
            .collect())
    }

    /// A message was edited at that time, or cannot be; or it is to be tried again `later`. Counts only
    /// where no other end came in between.
    pub async fn settle_edit(
        &self,
        edit: &Edit,
        edited_at: Option<Timestamp>,
        later: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE post SET edit_at = $1, edited_at = COALESCE($2, edited_at) \
             WHERE id = $3 AND edit_at = $4";
        sqlx::query(SQL)
            .bind(later.map(Timestamp::millis))
            .bind(edited_at.map(Timestamp::millis))
            .bind(edit.post.0)
            .bind(edit.at.millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// What a post is known again by.
    pub async fn marker(&self, post: PostId) -> Result<String, StoreError> {
        const SQL: &str = "SELECT marker FROM post WHERE id = $1";
        let marker = sqlx::query_scalar(SQL).bind(post.0);
        Ok(marker.fetch_one(&self.readers).await?)
    }

    /// The bytes of a post.
    pub async fn wire(&self, post: PostId) -> Result<Wire, StoreError> {
        const SQL: &str = "SELECT p.marker, p.nonce, p.payload, p.attachment, r.blind AS reader, r.name, r.key \
             FROM post p JOIN destination d ON d.id = p.destination_id \
             LEFT JOIN person r ON r.blind = d.person WHERE p.id = $1";
        let row: WireRow = sqlx::query_as(SQL)
            .bind(post.0)
            .fetch_one(&self.readers)
            .await?;
        let reader = self.keyring.reader(row.reader, row.name, row.key)?;
        let veil = Veil::over(reader.as_ref(), "post", row.nonce.as_bytes());
        let attachment = row.attachment.map(|text| veil.lifted(text));
        Ok(Wire {
            payload: veil.lifted(row.payload)?,
            attachment: attachment.transpose()?,
            marker: row.marker,
            nonce: row.nonce,
        })
    }

    /// Commits intents together, and returns the posts that may be sent now; `None` where the post
    /// or its notices are no longer as they were.
    pub async fn claim(&self, intents: &[Intent]) -> Result<Vec<Option<PostId>>, StoreError> {
        let mut tx = self.begin().await?;
        let mut claimed = Vec::with_capacity(intents.len());
        for intent in intents {
            claimed.push(match &intent.subject {
                Subject::Fresh(draft) => self.insert(&mut tx, intent, draft).await?,
                Subject::Known { id, before } => {
                    let is_as_before = stands(&mut tx, *id, before, self.epoch).await?;
                    if is_as_before {
                        write(&mut tx, *id, &intent.after).await?;
                    }
                    is_as_before.then_some(*id)
                }
            });
        }
        tx.commit().await?;
        Ok(claimed)
    }

    async fn insert(
        &self,
        connection: &mut SqliteConnection,
        intent: &Intent,
        draft: &Draft,
    ) -> Result<Option<PostId>, StoreError> {
        const POST: &str = "INSERT INTO post (destination_id, notices, marker, nonce, payload, attachment, \
                 fallback, created_at, not_after, calls, state) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending') RETURNING id";
        const BIND: &str = "UPDATE outbox SET post_id = ";
        let wire = &draft.wire;
        let readers = self.holders(connection, draft.reader.into_iter()).await?;
        let veil = Veil::over(readers.values().next(), "post", wire.nonce.as_bytes());
        let id: i64 = sqlx::query_scalar(POST)
            .bind(intent.destination.0)
            .bind(i64::try_from(draft.entries.len()).unwrap_or(i64::MAX))
            .bind(&wire.marker)
            .bind(&wire.nonce)
            .bind(veil.drawn(&wire.payload))
            .bind(wire.attachment.as_deref().map(|text| veil.drawn(text)))
            .bind(veil.drawn(&draft.fallback))
            .bind(draft.created_at.millis())
            .bind(intent.after.not_after.millis())
            .bind(draft.calls)
            .fetch_one(&mut *connection)
            .await?;
        let mut bind = QueryBuilder::<Sqlite>::new(BIND);
        bind.push_bind(id)
            .push(" WHERE post_id IS NULL AND state = 'pending' AND id IN (");
        let mut list = bind.separated(", ");
        for entry in &draft.entries {
            list.push_bind(entry.0);
        }
        bind.push(")");
        let bound = bind
            .build()
            .execute(&mut *connection)
            .await?
            .rows_affected();
        if bound != draft.entries.len() as u64 {
            // One of them has ended meanwhile; the next round tells the others.
            const UNBIND: &str = "UPDATE outbox SET post_id = NULL WHERE post_id = $1";
            const TAKE_BACK: &str = "DELETE FROM post WHERE id = $1";
            for sql in [UNBIND, TAKE_BACK] {
                sqlx::query(sql).bind(id).execute(&mut *connection).await?;
            }
            return Ok(None);
        }
        write(connection, PostId(id), &intent.after).await?;
        Ok(Some(PostId(id)))
    }

    /// Settles attempts in one commit. A receipt counts only for a post that stands as it did when
    /// the attempt began.
    pub async fn record(&self, receipts: &[Receipt]) -> Result<Recorded, StoreError> {
        let mut recorded = Recorded::default();
        let mut tx = self.begin().await?;
        for receipt in receipts {
            let mut after = Cow::Borrowed(&receipt.after);
            if let Effect::Park(reason) = receipt.effect {
                let (destination, carrier) = (receipt.destination, receipt.before.carrier);
                let at = receipt.at;
                if destinations::park(&mut tx, destination, Some(carrier), reason, at).await? {
                    recorded.parked += 1;
                } else if after.state == State::Parked
                    && !destinations::is_parked(&mut tx, destination).await?
                {
                    // The webhook has been replaced meanwhile; the new one has not been tried.
                    let after = after.to_mut();
                    after.state = State::Pending;
                    after.due_at = Some(at);
                }
            }
            if stands(&mut tx, receipt.id, &receipt.before, self.epoch).await? {
                write(&mut tx, receipt.id, &after).await?;
                note(&mut tx, receipt).await?;
                recorded.written += 1;
                if after.state == State::Expired
                    && after.attempt > 0
                    && destinations::park_failing(&mut tx, receipt.destination, receipt.at).await?
                {
                    recorded.parked += 1;
                }
            } else {
                recorded.stale += 1;
            }
        }
        tx.commit().await?;
        Ok(recorded)
    }

    /// Which of these messages are known to be posts of ours, other than this post.
    pub async fn known_messages(
        &self,
        messages: &[MessageId],
        other_than: PostId,
    ) -> Result<HashSet<MessageId>, StoreError> {
        const SQL: &str = "SELECT message_id FROM post WHERE id <> ";
        if messages.is_empty() {
            return Ok(HashSet::new());
        }
        let mut query = QueryBuilder::<Sqlite>::new(SQL);
        query.push_bind(other_than.0).push(" AND message_id IN (");
        let mut list = query.separated(", ");
        for message in messages {
            list.push_bind(snowflake(message.0));
        }
        query.push(")");
        let known: Vec<i64> = query.build_query_scalar().fetch_all(&self.readers).await?;
        Ok(known
            .into_iter()
            .map(|id| MessageId(from_snowflake(id)))
            .collect())
    }

    /// The newest message of ours anywhere: Discord made no later one before it.
    pub async fn newest_message(&self) -> Result<Option<MessageId>, StoreError> {
        const SQL: &str = "SELECT MAX(message_id) FROM post";
        let newest: Option<i64> = sqlx::query_scalar(SQL).fetch_one(&self.readers).await?;
        Ok(newest.map(|id| MessageId(from_snowflake(id))))
    }

    /// When messages were made for each destination between these moments, in ascending order. What a clock
    /// that was ahead has noted as later than now says nothing of when it was.
    pub async fn told_between(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(DestinationId, Timestamp)>, StoreError> {
        const SQL: &str = "SELECT destination_id, created_at FROM post WHERE created_at BETWEEN $1 AND $2 \
             ORDER BY created_at, id";
        let rows: Vec<(i64, i64)> = sqlx::query_as(SQL)
            .bind(since.millis())
            .bind(now.millis())
            .fetch_all(&self.readers)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(place, at)| (DestinationId(place), time(at)))
            .collect())
    }

    /// When requests left for each channel since then, so that a restart forgets no limit.
    pub async fn recent_requests(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(ChannelId, Timestamp)>, StoreError> {
        const SQL: &str = "SELECT d.channel_id, p.intent_at FROM post p \
             JOIN destination d ON d.id = p.destination_id WHERE p.intent_at >= $1 ORDER BY p.intent_at";
        let rows: Vec<(i64, i64)> = sqlx::query_as(SQL)
            .bind(since.millis())
            .fetch_all(&self.readers)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(channel, at)| (ChannelId(from_snowflake(channel)), time(at)))
            .collect())
    }

    /// Until when all requests rest, as the last run noted it.
    pub async fn paused_until(&self) -> Result<Option<Timestamp>, StoreError> {
        let noted = self.setting(PAUSED_UNTIL).await?;
        Ok(noted
            .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok())
            .map(|bytes| time(i64::from_le_bytes(bytes))))
    }

    /// Notes until when all requests rest, so that a restart does not forget it.
    pub async fn pause_until(&self, until: Timestamp) -> Result<(), StoreError> {
        self.set_setting(PAUSED_UNTIL, &until.millis().to_le_bytes())
            .await
    }

    /// The wall clock was set, forwards or backwards by so many milliseconds: what is waited for
    /// stays as far away as it was.
    pub async fn shift_times(&self, by: i64) -> Result<(), StoreError> {
        const POSTS: &str = "UPDATE post SET due_at = due_at + $1, intent_at = intent_at + $1, \
             series_at = series_at + $1, not_after = not_after + $1 \
             WHERE due_at IS NOT NULL OR state IN ('sending', 'parked', 'uncertain')";
        // What is held back ends at a moment of the wall clock, whatever that is set to, and is worth
        // telling for as long as it was.
        const NOTICES: &str = "UPDATE outbox SET not_after = not_after + $1 \
             WHERE post_id IS NULL AND state = 'pending' AND (held IS NULL OR $1 > 0)";
        // An edit is due when it is marked, which after a step forward is in the past anyway.
        const EDITS: &str =
            "UPDATE post SET edit_at = edit_at + MIN($1, 0) WHERE edit_at IS NOT NULL";
        const PLACES: &str = "UPDATE destination SET revive_at = revive_at + $1";
        let pause = self.paused_until().await?;
        let mut tx = self.begin().await?;
        for sql in [POSTS, NOTICES, EDITS, PLACES] {
            sqlx::query(sql).bind(by).execute(&mut *tx).await?;
        }
        if let Some(until) = pause {
            let until = until.millis().saturating_add(by);
            sqlx::query(SET_SETTING)
                .bind(PAUSED_UNTIL)
                .bind(&until.to_le_bytes()[..])
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Lets go what was parked with a destination, and has what is uncertain there looked for.
pub(in crate::store) async fn let_go(
    connection: &mut SqliteConnection,
    destination: DestinationId,
    now: Timestamp,
    waits: &Waits,
) -> Result<(), StoreError> {
    let held = kept(
        sqlx::query_as(posts_where!(
            "destination_id = $1 AND state IN ('parked', 'uncertain')"
        ))
        .bind(destination.0)
        .fetch_all(&mut *connection)
        .await?,
    )?;
    for one in held {
        write(connection, one.id, &one.post.let_go(now, waits)).await?;
    }
    Ok(())
}

/// Whether a post is still as it was, and this process's to change.
async fn stands(
    connection: &mut SqliteConnection,
    id: PostId,
    before: &Post,
    epoch: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM post WHERE id = $1 AND state = $2 AND attempt = $3 \
         AND (state <> 'sending' OR epoch = $4))";
    Ok(sqlx::query_scalar(SQL)
        .bind(id.0)
        .bind(before.state.slug())
        .bind(before.attempt)
        .bind(epoch)
        .fetch_one(connection)
        .await?)
}

async fn write(
    connection: &mut SqliteConnection,
    id: PostId,
    post: &Post,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE post SET state = $1, due_at = $2, attempt = $3, epoch = $4, intent_at = $5, \
             series_at = $6, repeats = $7, anew = $8, webhook_id = $9, floor = $10, message_id = $11, \
             payload = CASE WHEN $12 THEN payload ELSE COALESCE(fallback, payload) END, \
             attachment = CASE WHEN $12 THEN attachment END, \
             fallback = CASE WHEN $12 THEN fallback END \
         WHERE id = $13";
    let webhook = match post.carrier {
        Carrier::Webhook(webhook) => Some(snowflake(webhook.0)),
        Carrier::Bot => None,
    };
    sqlx::query(SQL)
        .bind(post.state.slug())
        .bind(post.due_at.map(Timestamp::millis))
        .bind(post.attempt)
        .bind(post.epoch)
        .bind(post.intent_at.map(Timestamp::millis))
        .bind(post.series_at.map(Timestamp::millis))
        .bind(post.repeats)
        .bind(post.anew)
        .bind(webhook)
        .bind(post.floor.map(|floor| snowflake(floor.0)))
        .bind(post.message.map(|message| snowflake(message.0)))
        .bind(post.plainer)
        .bind(id.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes what an attempt brought, beside where the post stands now.
async fn note(connection: &mut SqliteConnection, receipt: &Receipt) -> Result<(), StoreError> {
    const NOTE: &str = "UPDATE post SET last_error = $1, last_status = $2, \
             delivered_at = COALESCE(delivered_at, $3) WHERE id = $4";
    const CONFIRM: &str = "UPDATE destination SET last_confirmed_message_id = $1 \
         WHERE id = $2 AND COALESCE(last_confirmed_message_id, 0) < $1";
    let delivered = receipt.after.state == State::Delivered;
    sqlx::query(NOTE)
        .bind(receipt.error.as_deref())
        .bind(receipt.status)
        .bind(delivered.then_some(receipt.at.millis()))
        .bind(receipt.id.0)
        .execute(&mut *connection)
        .await?;
    if delivered && let Some(message) = receipt.after.message {
        sqlx::query(CONFIRM)
            .bind(snowflake(message.0))
            .bind(receipt.destination.0)
            .execute(connection)
            .await?;
    }
    Ok(())
}

#[derive(FromRow)]
struct WireRow {
    marker: String,
    nonce: String,
    payload: String,
    attachment: Option<String>,
    reader: Option<i64>,
    name: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

#[derive(FromRow)]
struct PostRow {
    id: i64,
    destination_id: i64,
    state: String,
    due_at: Option<i64>,
    not_after: i64,
    attempt: u32,
    epoch: i64,
    intent_at: Option<i64>,
    series_at: Option<i64>,
    repeats: bool,
    anew: bool,
    plainer: bool,
    webhook_id: Option<i64>,
    floor: Option<i64>,
    message_id: Option<i64>,
}

fn carrier(webhook: Option<i64>) -> Carrier {
    webhook.map_or(Carrier::Bot, |id| {
        Carrier::Webhook(WebhookId(from_snowflake(id)))
    })
}

fn kept(rows: Vec<PostRow>) -> Result<Vec<Kept>, StoreError> {
    rows.into_iter().map(Kept::try_from).collect()
}

impl TryFrom<PostRow> for Kept {
    type Error = StoreError;

    fn try_from(row: PostRow) -> Result<Self, StoreError> {
        let message = |id: Option<i64>| id.map(|id| MessageId(from_snowflake(id)));
        Ok(Self {
            id: PostId(row.id),
            destination: DestinationId(row.destination_id),
            post: Post {
                state: State::parse(&row.state).ok_or(bad("state"))?,
                attempt: row.attempt,
                due_at: row.due_at.map(time),
                not_after: time(row.not_after),
                epoch: row.epoch,
                carrier: carrier(row.webhook_id),
                intent_at: row.intent_at.map(time),
                series_at: row.series_at.map(time),
                repeats: row.repeats,
                floor: message(row.floor),
                message: message(row.message_id),
                anew: row.anew,
                plainer: row.plainer,
            },
        })
    }
}

/// The store's name for the end of a pause.
const PAUSED_UNTIL: &str = "paused until";

/// For how long requests before a restart still count against a channel's limit.
pub const LIMIT_MEMORY: Duration = Duration::from_mins(1);
