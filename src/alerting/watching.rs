//! What people have watched for them: looked at after each batch of the market, one person after the other,
//! and written to them by the same outbox as everything else.
//!
//! Nobody waits for it, and it waits for nobody: prices are asked for in few questions for all, and what is
//! not known then is not judged.

use crate::{
    causes::Causes,
    delivery::entry::{Entry, watch_opening_key},
    domain::{
        ids::UserId,
        position::Position,
        time::{Span, Timestamp},
        watch::{KeptWatch, Watch},
    },
    market::{Market, view::View},
    store::{Store, StoreError, watches::Looked},
};

mod sight;

pub use sight::{Held, Needs, Places, Sight};

/// People whose prices are asked for in one question.
const TOGETHER: usize = 200;

/// What came of a look at everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    pub people: usize,
    pub notices: u64,
    /// They have something watched and were never written to.
    pub unopened: Vec<UserId>,
}

/// What a look goes by beside the market.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// How long a notice is worth sending.
    pub shelf_life: Span,
    /// Time has passed of which the database does not know, so that all may have been told already: what stands is
    /// noted, and nothing is told.
    pub is_behind: bool,
}

/// Looks at what everybody has watched.
pub async fn look(
    store: &Store,
    market: &Market,
    manner: Manner,
    now: Timestamp,
) -> Result<Round, StoreError> {
    let view = market.view(now);
    let mut round = Round::default();
    let mut places = Places::default();
    let watchers = store.watchers().await?;
    for together in watchers.chunks(TOGETHER) {
        let held = held(store, together).await?;
        ask_prices(store, market, &view, &held, now).await;
        for (person, positions) in held {
            let around = (&view, &mut places);
            let held = (person, positions);
            match of_one(store, market, around, held, (manner, now)).await {
                Ok(Some(notices)) => round.notices += notices,
                Ok(None) => round.unopened.push(person),
                Err(error @ StoreError::Corrupt(_)) => return Err(error),
                // The others have nothing to do with it.
                Err(error) => tracing::warn!(
                    error = %Causes(&error),
                    "what a person has watched cannot be looked at"
                ),
            }
            round.people += 1;
            tokio::task::yield_now().await;
        }
    }
    Ok(round)
}

/// What these people hold; who cannot be read is left out.
async fn held(
    store: &Store,
    people: &[UserId],
) -> Result<Vec<(UserId, Vec<Position>)>, StoreError> {
    let mut held = Vec::with_capacity(people.len());
    for person in people {
        match store.positions(*person).await {
            Ok(positions) => held.push((*person, positions)),
            Err(error @ StoreError::Corrupt(_)) => return Err(error),
            Err(error) => tracing::warn!(
                error = %Causes(&error),
                "what a person holds cannot be read"
            ),
        }
    }
    Ok(held)
}

/// Has the prices of what these people hold asked for together.
async fn ask_prices(
    store: &Store,
    market: &Market,
    view: &View,
    held: &[(UserId, Vec<Position>)],
    now: Timestamp,
) {
    let positions = held.iter().flat_map(|(_, positions)| positions);
    let assets: Vec<_> = positions
        .filter_map(|position| view.priced_by(&position.stake))
        .collect();
    market.prices_of(store, &assets, now).await;
}

/// Looks at what one person has watched, and keeps what it gives to tell. `None` for one who was never
/// written to.
async fn of_one(
    store: &Store,
    market: &Market,
    around: (&View, &mut Places),
    (person, positions): (UserId, Vec<Position>),
    (manner, now): (Manner, Timestamp),
) -> Result<Option<u64>, StoreError> {
    let Some(place) = store.destination_of(person).await? else {
        return Ok(None);
    };
    let mut watches = store.watches(person).await?;
    watches.retain(|kept| !kept.watch.is_paused(now));
    if place.is_parked() {
        // While they cannot be written to, their watches rest.
        let looked = watches.into_iter().map(|before| {
            let after = before.watch.clone().interrupted();
            (before, after, Vec::new())
        });
        return keep(store, person, looked).await.map(Some);
    }
    if watches.is_empty() {
        return Ok(Some(0));
    }
    let view = around.0;
    let chosen = store.chosen(person).await?;
    let needs = Needs::of_round(&watches, chosen.zone.day(now));
    let held = Held {
        person,
        chosen,
        positions,
    };
    let sight = Sight::of(store, market, around, held, needs, now).await?;
    let seen = sight.seen();
    let mut looked = Vec::with_capacity(watches.len());
    for before in watches {
        let mut after = before.watch.clone();
        for no in never_told(store, &before).await? {
            after.untold(no);
        }
        if manner.is_behind {
            after.catch_up(&seen);
            looked.push((before, after, Vec::new()));
            continue;
        }
        let news = after.look(&seen);
        let until = (manner.shelf_life, now);
        let entry = |news| sight.entry(view, (person, place.id), &before, news, until);
        let entries = news.iter().filter_map(entry).collect();
        looked.push((before, after, entries));
    }
    keep(store, person, looked).await.map(Some)
}

/// The subjects of a watch whose open episodes have reached nobody, such as while Discord was down for a
/// day.
async fn never_told(store: &Store, kept: &KeptWatch) -> Result<Vec<u32>, StoreError> {
    let opened = kept.watch.opened();
    let keys: Vec<(u32, [u8; 32])> = opened
        .map(|(no, episode)| (no, watch_opening_key(kept.id, no, episode)))
        .collect();
    let asked: Vec<[u8; 32]> = keys.iter().map(|(_, key)| *key).collect();
    let lost = store.never_told(&asked).await?;
    let lost = keys.into_iter().filter(|(_, key)| lost.contains(key));
    Ok(lost.map(|(no, _)| no).collect())
}

/// Keeps what has changed, and returns how many notices that gave.
async fn keep(
    store: &Store,
    person: UserId,
    looked: impl IntoIterator<Item = (KeptWatch, Watch, Vec<Entry>)>,
) -> Result<u64, StoreError> {
    let changed: Vec<Looked> = looked
        .into_iter()
        .filter(|(before, after, _)| before.watch != *after)
        .map(|(before, after, entries)| Looked {
            before,
            after,
            entries,
        })
        .collect();
    if changed.is_empty() {
        return Ok(0);
    }
    store.keep_looks(person, &changed).await
}
