//! What is done once an hour so that a bot can run for years: what has had its time is let go. Hours are those of
//! the clock, not those in which the machine was awake.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{App, RunError, follow::unless_damaged};
use crate::{
    delivery::{
        entry::{Entry, Occasion, Telling, payload, unused_key},
        state::State,
        urgency::Urgency,
    },
    domain::{
        ids::{AlertId, UserId},
        time::Timestamp,
    },
    render,
    store::{
        StoreError, backup,
        retention::{Swept, Unused},
    },
};

/// From one look at the clock to the next, and after a start, when others have more to do.
const LOOK: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_hours(1);
/// People who are warned in one round: each may have to be asked for at Discord.
const WARNED_AT_A_TIME: usize = 20;

/// People who are to be warned of what they leave unused, and cannot be written to: they are told below the
/// next answer they get, whatever they ask.
#[derive(Debug, Default)]
pub struct Unreached(Mutex<HashSet<UserId>>);

impl Unreached {
    fn add(&self, person: UserId) {
        self.people().insert(person);
    }

    /// Whether the person is one of them. From then on they are not any more.
    pub fn take(&self, person: UserId) -> bool {
        self.people().remove(&person)
    }

    fn has(&self, person: UserId) -> bool {
        self.people().contains(&person)
    }

    fn people(&self) -> std::sync::MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of what has had its time, for ever.
pub(super) async fn keep_up(app: &App) -> Result<(), RunError> {
    let mut last = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = app.clock.now();
        // A clock that was ahead may have been set back since.
        if last.is_some_and(|last| last <= now && now.since(last) < EVERY) {
            continue;
        }
        last = Some(now);
        unless_damaged(messages(app, now).await, "old messages stay")?;
        unless_damaged(servers(app, now).await, "servers that were left stay")?;
        unless_damaged(people(app, now).await, "what goes unused stays")?;
        let written = app.store.checkpoint().await;
        unless_damaged(written, "the database's log is not brought home")?;
        backup::forget_copies(app.store.path(), now);
    }
}

async fn messages(app: &App, now: Timestamp) -> Result<(), StoreError> {
    app.store.sweep_deeds(now).await?;
    let swept = app.store.sweep_messages(now).await?;
    if swept != Swept::default() {
        tracing::info!(
            texts = swept.texts,
            messages = swept.messages,
            "old messages are gone"
        );
    }
    Ok(())
}

async fn servers(app: &App, now: Timestamp) -> Result<(), StoreError> {
    for guild in app.store.servers_to_forget(now).await? {
        // It may have let the bot in again while nobody listened.
        match app.delivery.is_in(guild).await {
            Some(false) => {}
            Some(true) => {
                app.store.note_present(guild).await?;
                app.delivery.rights_may_have_changed(guild).await;
                continue;
            }
            None => {
                tracing::warn!(
                    guild = guild.0,
                    "Discord does not say whether the bot is still out of a server: what is kept of it stays"
                );
                continue;
            }
        }
        app.alerting.forget_server(&app.store, guild).await?;
        app.delivery.poke();
        tracing::info!(
            guild = guild.0,
            "a server that was left a month ago is forgotten"
        );
    }
    Ok(())
}

async fn people(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let mut written = 0;
    for one in app.store.people_to_warn(now).await? {
        // Who has shut their door is not asked again and again.
        if one.shut || app.unreached.has(one.person) {
            app.unreached.add(one.person);
        } else if written < WARNED_AT_A_TIME {
            written += usize::from(warn(app, one, now).await?);
        }
    }
    let erased = app.store.erase_unused(now).await?;
    if erased > 0 {
        tracing::info!(people = erased, "what went unused for long is erased");
    }
    Ok(())
}

/// Writes to a person, and notes it once that has arrived. Who cannot be written to loses nothing. Answers with
/// whether Discord is asked for it.
async fn warn(app: &App, unused: Unused, now: Timestamp) -> Result<bool, StoreError> {
    let Ok(destination) = app.delivery.prepare_direct(unused.person).await else {
        app.unreached.add(unused.person);
        return Ok(true);
    };
    let dedup_key = unused_key(destination, unused.used_at);
    match app.store.fate(&dedup_key).await? {
        Some((State::Delivered, Some(at))) => {
            app.store.note_warned(unused.person, at).await?;
            return Ok(false);
        }
        // It could not be told in time, as after a long outage.
        Some((state, _)) if state.is_final() => {
            app.unreached.add(unused.person);
            return Ok(false);
        }
        Some(_) => return Ok(false),
        None => {}
    }
    let message = render::privacy::unused(now);
    let entry = Entry {
        dedup_key,
        destination,
        alert: AlertId(0),
        alert_version: 0,
        pool: None,
        occasion: Occasion::Digest,
        urgency: Urgency::Digest,
        payload: payload(&message),
        summary: message.content,
        created_at: now,
        not_after: now.plus(app.config.delivery.shelf_life.0),
        telling: Telling {
            reader: Some(unused.person),
            ..Telling::default()
        },
    };
    app.store.enqueue(&entry).await?;
    app.delivery.poke();
    Ok(true)
}
