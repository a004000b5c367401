//! What is said at a set time, or because nothing can be said: reports of channels, and outages of the
//! source.

use std::{collections::BTreeMap, time::Duration};

use super::tick::Alerting;
use crate::{
    delivery::{
        entry::{
            Entry, Held, Hold, Occasion, SHELF_LIFE, Telling, outage_key, payload, report_key,
        },
        urgency::Urgency,
    },
    domain::{
        ids::{AlertId, DestinationId},
        listing::Listing,
        time::{Day, Span, Timestamp},
        verdict::Verdict,
        zone::Cadence,
    },
    market::{Market, view::View},
    render::{
        message::Message,
        report::{self, Mover},
    },
    store::{Store, StoreError, servers::Report},
};

/// A source that has been silent for so long is told of: a shorter silence mends itself, and alerts that
/// hold for hours do not miss it.
const SILENT_AFTER: Span = Span::hours(12);
/// A move under so many percent of the rate is none.
const MOVED: f64 = 10.0;
/// The name under which the store keeps since when the source is silent, once that was told.
const TOLD_SILENT: &str = "told that the source is silent since";

/// Puts every report that is due into the outbox, and what there is to say of the source. Returns
/// whether there is anything to send. A silence is counted from `started` at the earliest: while this
/// process did not run nobody was asked.
pub async fn speak(
    alerting: &Alerting,
    store: &Store,
    market: &Market,
    (started, now): (Timestamp, Timestamp),
) -> Result<bool, StoreError> {
    let view = market.view(now);
    let mut spoken = false;
    for due in store.reports(now).await? {
        let zone = alerting.server(due.guild).zone;
        let entry = of_channel(alerting, store, &view, &due, now).await?;
        store.enqueue(&entry).await?;
        // A report that was missed while nobody ran comes once.
        let next = due.cadence.next_after(zone, now);
        store
            .set_report(due.destination, Some((due.cadence, next)))
            .await?;
        spoken = true;
    }
    let fails = market.health().trouble.is_some();
    let silence = now.since(view.answered_at.max(started));
    let is_silent = fails && silence >= SILENT_AFTER.0;
    Ok(spoken | of_source(alerting, store, &view, (is_silent, now)).await?)
}

async fn of_channel(
    alerting: &Alerting,
    store: &Store,
    view: &View,
    due: &Report,
    now: Timestamp,
) -> Result<Entry, StoreError> {
    let since = now.minus(length(due.cadence).0);
    let pools = alerting.pools_of(due.destination, view).await;
    let listings: Vec<&Listing> = pools.iter().filter_map(|pool| view.get(*pool)).collect();
    let words = report::report(&report::Report {
        cadence: due.cadence,
        pools: listings.len(),
        opened: store.opened_since(due.destination, since).await?,
        movers: movers(store, &listings, since.day()).await?,
        unsustainable: unsustainable(store, &listings, since)
            .await?
            .into_iter()
            .map(|listing| &*listing.pool)
            .collect(),
        track: alerting.track.tally(store, now.day()).await?,
        answered: now.since(view.answered_at),
        is_silent: now.since(view.answered_at) >= SILENT_AFTER.0,
    });
    Ok(entry(
        report_key(due.destination, due.due_at),
        due.destination,
        Occasion::Digest,
        words,
        now,
    ))
}

const fn length(cadence: Cadence) -> Span {
    match cadence {
        Cadence::Day { .. } => Span::days(1),
        Cadence::Week { .. } => Span::days(7),
    }
}

/// The rates of a day and of now, the largest moves first.
async fn movers<'a>(
    store: &Store,
    listings: &[&'a Listing],
    day: Day,
) -> Result<Vec<Mover<'a>>, StoreError> {
    let numbers: Vec<i64> = listings.iter().map(|listing| listing.no).collect();
    let then = store.rates_of_day(&numbers, day).await?;
    let mut movers: Vec<(f64, Mover<'a>)> = listings
        .iter()
        .filter_map(|listing| {
            let (from, to) = (*then.get(&listing.no)?, listing.usable()?.apy);
            let by = to.change_from(from)?.abs();
            let pool = &*listing.pool;
            (by >= MOVED).then_some((by, Mover { pool, from, to }))
        })
        .collect();
    movers.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    Ok(movers.into_iter().map(|(_, mover)| mover).collect())
}

/// The pools that have become unsustainable since then.
async fn unsustainable<'a>(
    store: &Store,
    listings: &[&'a Listing],
    since: Timestamp,
) -> Result<Vec<&'a Listing>, StoreError> {
    let now: Vec<&Listing> = listings
        .iter()
        .copied()
        .filter(|listing| listing.assessment.verdict == Verdict::Unsustainable)
        .collect();
    let asked: Vec<(i64, Timestamp)> = now.iter().map(|listing| (listing.no, since)).collect();
    let before = store.verdicts_before(&asked).await?;
    let was_better = |listing: &&Listing| {
        before
            .get(&(listing.no, since))
            .is_some_and(|verdict| matches!(verdict, Verdict::Sustainable | Verdict::Mixed))
    };
    Ok(now.into_iter().filter(was_better).collect())
}

/// Says once to each server that the source is silent, and once that it is back.
async fn of_source(
    alerting: &Alerting,
    store: &Store,
    view: &View,
    (is_silent, now): (bool, Timestamp),
) -> Result<bool, StoreError> {
    let told = store.setting(TOLD_SILENT).await?.and_then(|bytes| {
        let bytes = <[u8; 8]>::try_from(bytes).ok()?;
        Some(Timestamp::from_millis(i64::from_le_bytes(bytes)))
    });
    let source = view.origin.source;
    let (since, words, left) = match told {
        Some(since) if view.answered_at > since && !is_silent => {
            let length = view.answered_at.since(since);
            (since, report::back(source, length), None)
        }
        None if is_silent && !view.listings().is_empty() => {
            let since = view.answered_at;
            (since, report::silent(source, since), Some(since))
        }
        _ => return Ok(false),
    };
    let mut spoken = false;
    for destination in audiences(alerting, store).await? {
        let key = outage_key(source, destination, since, left.is_some());
        let words = words.content.clone();
        let entry = entry(key, destination, Occasion::Outage, words, now);
        store.enqueue(&entry).await?;
        spoken = true;
    }
    match left {
        Some(since) => {
            let bytes = since.millis().to_le_bytes();
            store.set_setting(TOLD_SILENT, &bytes).await?;
        }
        None => store.forget_setting(TOLD_SILENT).await?,
    }
    Ok(spoken)
}

/// Where each server is told what concerns all of its alerts: its admins' channel, or else the channel
/// that was set up first.
async fn audiences(alerting: &Alerting, store: &Store) -> Result<Vec<DestinationId>, StoreError> {
    let places = store.destination_ids().await?;
    let mut audiences = BTreeMap::new();
    for (guild, destination) in alerting.lanes().await {
        let first = audiences.entry(guild).or_insert(destination);
        *first = destination.min(*first);
    }
    let mut chosen = Vec::with_capacity(audiences.len());
    for (guild, first) in audiences {
        let admins = alerting.server(guild).admin_channel;
        let admins = admins.and_then(|channel| places.get(&channel).copied());
        chosen.push(admins.unwrap_or(first));
    }
    Ok(chosen)
}

fn entry(
    dedup_key: [u8; 32],
    destination: DestinationId,
    occasion: Occasion,
    words: String,
    now: Timestamp,
) -> Entry {
    Entry {
        dedup_key,
        destination,
        alert: AlertId(0),
        alert_version: 0,
        pool: None,
        occasion,
        urgency: Urgency::Digest,
        payload: payload(&Message::text(words.as_str())),
        summary: words,
        created_at: now,
        not_after: now.plus(SHELF_LIFE.0),
        telling: Telling {
            // A report heads what was held back for it.
            hold: (occasion == Occasion::Digest).then_some(Hold {
                until: now,
                why: Held::Digest,
            }),
            ..Telling::default()
        },
    }
}

/// How often it is looked whether there is something to say.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
