//! From rows of the outbox to what they mean.

use sqlx::FromRow;

use super::{Beginning, End, Spoken, Told, Waiting};
use crate::{
    delivery::{
        entry::{Held, Occasion},
        outcome::DeadEnd,
        state::State,
    },
    domain::{
        ids::{AlertId, ChannelId, EntryId, MessageId, RoleId},
        rate::Percent,
    },
    store::{
        StoreError,
        columns::{bad, from_snowflake, pool_id, time},
        sealed::Keyring,
        veil::Veil,
    },
};

pub(super) fn parse_state(slug: &str) -> Result<State, StoreError> {
    Ok(State::parse(slug).ok_or(bad("state"))?)
}

#[derive(FromRow)]
pub(super) struct SpokenRow {
    id: i64,
    alert_id: i64,
    pool: Vec<u8>,
    created_at: i64,
    payload: String,
    summary: String,
    apy_from: Option<f64>,
    apy_to: Option<f64>,
    over: Option<String>,
}

impl TryFrom<SpokenRow> for Spoken {
    type Error = StoreError;

    fn try_from(row: SpokenRow) -> Result<Self, StoreError> {
        let rate = |value: Option<f64>| value.and_then(Percent::new);
        Ok(Self {
            entry: EntryId(row.id),
            alert: AlertId(row.alert_id),
            pool: pool_id(&row.pool)?,
            created_at: time(row.created_at),
            payload: row.payload,
            summary: row.summary,
            apy: rate(row.apy_from).zip(rate(row.apy_to)),
            over: row.over,
        })
    }
}

#[derive(FromRow)]
pub(super) struct WaitingRow {
    id: i64,
    dedup_key: Vec<u8>,
    alert_id: i64,
    edge: String,
    payload: String,
    summary: String,
    created_at: i64,
    not_after: i64,
    held: Option<String>,
    role_id: Option<i64>,
    ends: bool,
    began: Option<String>,
    began_channel: Option<i64>,
    began_message: Option<i64>,
    began_told_at: Option<i64>,
    began_edited: bool,
    began_called: bool,
    over: Option<String>,
    over_summary: Option<String>,
    over_key: Option<Vec<u8>>,
    reader: Option<i64>,
    reader_name: Option<Vec<u8>>,
    reader_key: Option<Vec<u8>>,
}

pub(super) fn waiting(
    keyring: &Keyring,
    rows: Vec<WaitingRow>,
) -> Result<Vec<Waiting>, StoreError> {
    rows.into_iter().map(|row| row.opened(keyring)).collect()
}

impl WaitingRow {
    fn opened(self, keyring: &Keyring) -> Result<Waiting, StoreError> {
        let row = self;
        let beginning = row.beginning()?;
        let held = row.held.as_deref();
        let reader = keyring.reader(row.reader, row.reader_name, row.reader_key)?;
        let veil = Veil::over(reader.as_ref(), "outbox", &row.dedup_key);
        let end_key = row.over_key.unwrap_or_default();
        let end = Veil::over(reader.as_ref(), "outbox", &end_key);
        let over = row.over.map(|text| end.lifted(text)).transpose()?;
        let over_summary = row.over_summary.map(|text| end.lifted(text)).transpose()?;
        Ok(Waiting {
            id: EntryId(row.id),
            dedup_key: row.dedup_key,
            alert: AlertId(row.alert_id),
            occasion: Occasion::parse(&row.edge).ok_or(bad("edge"))?,
            payload: veil.lifted(row.payload)?,
            summary: veil.lifted(row.summary)?,
            created_at: time(row.created_at),
            not_after: time(row.not_after),
            held: held
                .map(|slug| Held::parse(slug).ok_or(bad("held")))
                .transpose()?,
            role: row.role_id.map(|id| RoleId(from_snowflake(id))),
            beginning,
            end: over
                .zip(over_summary)
                .map(|(payload, summary)| End { payload, summary }),
        })
    }

    fn beginning(&self) -> Result<Option<Beginning>, StoreError> {
        if !self.ends {
            return Ok(None);
        }
        let Some(state) = &self.began else {
            return Ok(Some(Beginning::Never));
        };
        Ok(Some(match parse_state(state)? {
            State::Delivered => match self.began_message.zip(self.began_told_at) {
                Some((message, at)) => Beginning::Told {
                    channel: ChannelId(from_snowflake(self.began_channel.unwrap_or_default())),
                    message: MessageId(from_snowflake(message)),
                    at: time(at),
                    is_edited: self.began_edited,
                    called: self.began_called,
                },
                None => Beginning::Perhaps,
            },
            State::Superseded | State::Uncertain => Beginning::Perhaps,
            State::Pending | State::Sending | State::Waiting | State::Parked => Beginning::Untold,
            State::Dead | State::Expired => Beginning::Never,
        }))
    }
}

#[derive(FromRow)]
pub(super) struct ToldRow {
    id: i64,
    guild_id: i64,
    person: Option<i64>,
    person_name: Option<Vec<u8>>,
    channel_id: i64,
    alert_id: i64,
    pool: Option<Vec<u8>>,
    edge: String,
    created_at: i64,
    not_after: i64,
    state: String,
    attempt: u32,
    due_at: Option<i64>,
    intent_at: Option<i64>,
    message_id: Option<i64>,
    delivered_at: Option<i64>,
    last_error: Option<String>,
    last_status: Option<u16>,
    reason: Option<String>,
    held: Option<String>,
    not_before: i64,
    over_at: Option<i64>,
}

pub(super) fn told(keyring: &Keyring, rows: Vec<ToldRow>) -> Result<Vec<Told>, StoreError> {
    rows.into_iter().map(|row| row.opened(keyring)).collect()
}

impl ToldRow {
    pub(super) fn opened(self, keyring: &Keyring) -> Result<Told, StoreError> {
        let row = self;
        Ok(Told {
            entry: EntryId(row.id),
            home: keyring.home(row.guild_id, row.person, row.person_name)?,
            channel: ChannelId(from_snowflake(row.channel_id)),
            alert: AlertId(row.alert_id),
            pool: row.pool.as_deref().map(pool_id).transpose()?,
            occasion: Occasion::parse(&row.edge).ok_or(bad("edge"))?,
            created_at: time(row.created_at),
            not_after: time(row.not_after),
            state: parse_state(&row.state)?,
            attempt: row.attempt,
            due_at: row.due_at.map(time),
            intent_at: row.intent_at.map(time),
            message: row.message_id.map(|id| MessageId(from_snowflake(id))),
            delivered_at: row.delivered_at.map(time),
            error: row.last_error,
            status: row.last_status,
            reason: row
                .reason
                .map(|slug| DeadEnd::parse(&slug).ok_or(bad("reason")))
                .transpose()?,
            held: row
                .held
                .map(|slug| Held::parse(&slug).ok_or(bad("held")))
                .transpose()?
                .map(|held| (held, time(row.not_before))),
            over_at: row.over_at.map(time),
        })
    }
}
