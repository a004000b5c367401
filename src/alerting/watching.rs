//! What people have watched for them: looked at after each answer of the market, one person after the other,
//! and written to them by the same outbox as everything else.
//!
//! Nobody waits for it, and it waits for nobody: prices are asked for in few questions for all, and what is
//! not known then is not judged.

use std::collections::{BTreeMap, HashMap};

use crate::{
    delivery::{
        entry::{Entry, Occasion, Telling, payload, watch_key, watch_opening_key},
        state::DestinationState,
        urgency::Urgency,
    },
    domain::{
        better::Gain,
        currency::Reckoning,
        episode::EdgeKind,
        flow::{Flow, Received},
        ids::{AlertId, DestinationId, PoolId, PositionId, UserId},
        income::{Line, Portfolio},
        person::Chosen,
        position::{Earns, Holding, Position},
        time::{Day, Span, Timestamp},
        verdict::Assessment,
        watch::{Elsewhere, KeptWatch, News, Of, PoolSeen, Seen, Subject, Told, What},
    },
    market::{
        Market,
        around::Around,
        better::{USUAL_COST, movable},
        view::View,
    },
    render::watch::{self, About, Notice, Place},
    store::{Store, StoreError, watches::Looked},
};

/// People whose prices are asked for in one question.
const TOGETHER: usize = 200;
/// Pay-outs are expected to be logged that are over since so many days at most.
const LOOK_BACK_DAYS: i32 = 91;

/// What came of a look at everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    pub people: usize,
    pub notices: u64,
}

/// Looks at what everybody has watched. While the source is silent nothing is judged.
pub async fn look(
    store: &Store,
    market: &Market,
    shelf_life: Span,
    now: Timestamp,
) -> Result<Round, StoreError> {
    let view = market.view(now);
    let mut round = Round::default();
    if view.is_silent {
        return Ok(round);
    }
    let mut places = Places::default();
    let watchers = store.watchers().await?;
    for together in watchers.chunks(TOGETHER) {
        let held = held(store, together).await?;
        ask_prices(store, market, &view, &held, now).await;
        for (person, positions) in held {
            let around = (&view, &mut places);
            match of_one(
                store,
                market,
                around,
                (person, positions),
                (shelf_life, now),
            )
            .await
            {
                Ok(notices) => round.notices += notices,
                Err(error @ StoreError::Corrupt(_)) => return Err(error),
                // The others have nothing to do with it.
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
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
                error = &error as &dyn std::error::Error,
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

/// The places that are better than a pool, as far as they were looked for in this round.
pub type Places = HashMap<PoolId, Vec<PoolId>>;

/// Looks at what one person has watched, and keeps what it gives to tell.
async fn of_one(
    store: &Store,
    market: &Market,
    (view, places): (&View, &mut Places),
    (person, positions): (UserId, Vec<Position>),
    (shelf_life, now): (Span, Timestamp),
) -> Result<u64, StoreError> {
    let place = store.destination_of(person).await?;
    // While they cannot be written to, their watches rest.
    let ready = place.filter(|place| place.state == DestinationState::Ready);
    let Some(place) = ready else { return Ok(0) };
    let mut watches = store.watches(person).await?;
    watches.retain(|kept| !kept.watch.is_paused(now));
    if watches.is_empty() {
        return Ok(0);
    }
    let whats: Vec<What> = watches.iter().map(|kept| kept.watch.what).collect();
    let held = (person, positions);
    let sight = Sight::of(store, market, (view, places), held, &whats, now).await?;
    let seen = sight.seen();
    let mut looked = Vec::new();
    for before in watches {
        let mut after = before.watch.clone();
        let news = after.look(&seen);
        if after == before.watch {
            continue;
        }
        let entries = news
            .iter()
            .filter_map(|news| {
                let to = (person, place.id);
                sight.entry(view, to, &before, news, (shelf_life, now))
            })
            .collect();
        looked.push(Looked {
            before,
            after,
            entries,
        });
    }
    if looked.is_empty() {
        return Ok(0);
    }
    store.keep_looks(person, &looked).await
}

/// All that is seen of a person's holdings, as far as their watches ask for it.
#[derive(Debug)]
pub struct Sight {
    pub chosen: Chosen,
    pub portfolio: Portfolio,
    answered_at: Timestamp,
    today: Day,
    pools: BTreeMap<PoolId, PoolSeen>,
    reached: Option<f64>,
    better: Option<BTreeMap<PositionId, Option<Elsewhere>>>,
    reviewed_at: Option<Timestamp>,
    unlogged: Option<usize>,
}

impl Sight {
    /// What `whats` have to know, at the prices that are remembered.
    pub async fn of(
        store: &Store,
        market: &Market,
        (view, places): (&View, &mut Places),
        (person, positions): (UserId, Vec<Position>),
        whats: &[What],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let asks = |asked: fn(&What) -> bool| whats.iter().any(asked);
        let chosen = store.chosen(person).await?;
        let portfolio = market.valued_by_memory(view, positions, now);
        let today = chosen.zone.day(now);
        let goal = asks(|what| matches!(what, What::Goal));
        let better = asks(|what| matches!(what, What::Better { .. }));
        let payouts = asks(|what| matches!(what, What::Payouts { .. }));
        Ok(Self {
            answered_at: view.answered_at,
            today,
            pools: pools(view, &portfolio.lines, whats),
            reached: if goal {
                reached(store, market, person, &portfolio, now).await?
            } else {
                None
            },
            better: better.then(|| elsewhere(market, (view, places), &portfolio.lines, now)),
            reviewed_at: store.last_review(person).await?.map(|last| last.at),
            unlogged: if payouts {
                Some(unlogged(store, market, person, (&chosen, &portfolio), (today, now)).await?)
            } else {
                None
            },
            chosen,
            portfolio,
        })
    }

    /// As a watch looks at it.
    pub fn seen(&self) -> Seen<'_> {
        Seen {
            answered_at: self.answered_at,
            today: self.today,
            lines: &self.portfolio.lines,
            pools: &self.pools,
            reached: self.reached,
            better: self.better.as_ref(),
            reviewed_at: self.reviewed_at,
            unlogged: self.unlogged,
        }
    }

    fn entry(
        &self,
        view: &View,
        (person, destination): (UserId, DestinationId),
        kept: &KeptWatch,
        news: &News,
        (shelf_life, now): (Span, Timestamp),
    ) -> Option<Entry> {
        let what = kept.watch.what;
        let (occasion, opening) = match &news.told {
            Told::Reminder(_) => (Occasion::Edge(EdgeKind::Opened), None),
            Told::Edge(edge) => {
                let is_end = edge.kind == EdgeKind::Closed;
                // That a better place is one no longer helps nobody.
                if is_end && matches!(what, What::Better { .. }) {
                    return None;
                }
                let opening = is_end.then(|| watch_opening_key(kept.id, news.no, edge.episode));
                (Occasion::Edge(edge.kind), opening)
            }
        };
        let notice = Notice {
            watch: kept.id,
            what,
            about: self.about(view, news.subject)?,
            told: news.told,
            place: self.place(view, news.subject),
            assessment: assessment(view, &what, news.subject),
            source: view.origin.source,
            read_at: view.answered_at,
        };
        Some(Entry {
            dedup_key: watch_key(kept.id, news.no, &news.told),
            destination,
            // No server's, and of no pool that anybody but its reader may know.
            alert: AlertId(0),
            alert_version: 0,
            pool: None,
            occasion,
            urgency: Urgency::Normal,
            payload: payload(&watch::notice(&notice)),
            summary: watch::notice_text(&notice),
            created_at: now,
            not_after: now.plus(shelf_life.0),
            telling: Telling {
                opening,
                reader: Some(person),
                ..Telling::default()
            },
        })
    }

    fn about<'a>(&'a self, view: &'a View, subject: Subject) -> Option<About<'a>> {
        Some(match subject {
            Subject::Whole => About::Whole,
            Subject::Pool(id) => About::Pool(&view.followed(id)?.pool),
            Subject::Position(id) => {
                let lines = self.portfolio.lines.iter();
                let line = lines.clone().find(|line| line.position.id == id)?;
                let stake = &line.position.stake;
                let pool = stake.base().and_then(Earns::pool);
                match (pool.and_then(|id| view.followed(id)), &stake.holding) {
                    (Some(listing), _) => About::Pool(&listing.pool),
                    (None, Holding::Units { asset, .. }) => About::Asset(asset),
                    (None, Holding::Worth(money)) => About::Money(money.currency),
                }
            }
        })
    }

    fn place<'a>(&self, view: &'a View, subject: Subject) -> Option<Place<'a>> {
        let Subject::Position(id) = subject else {
            return None;
        };
        let found = (*self.better.as_ref()?.get(&id)?)?;
        let listing = view.get(found.pool)?;
        let mut lines = self.portfolio.lines.iter();
        let line = lines.find(|line| line.position.id == id);
        Some(Place {
            pool: &listing.pool,
            rate: found.rate,
            verdict: listing.assessment.verdict,
            now: line.and_then(|line| line.rate),
        })
    }

    /// What the person's own figures are shown in.
    pub fn reckoning(&self, market: &Market, now: Timestamp) -> Reckoning {
        let exchange = market.exchange(now).ok();
        Reckoning::new(self.chosen.currency, exchange.as_deref())
    }
}

/// Why a pool's verdict is what it is, where a verdict is watched.
fn assessment<'a>(view: &'a View, what: &What, subject: Subject) -> Option<&'a Assessment> {
    match (what, subject) {
        (What::Verdict { .. }, Subject::Pool(id)) => Some(&view.followed(id)?.assessment),
        _ => None,
    }
}

/// The pools that the lines lie in, or that are named.
fn pools(view: &View, lines: &[Line], whats: &[What]) -> BTreeMap<PoolId, PoolSeen> {
    let named = whats.iter().filter_map(|what| match what {
        What::Verdict { of: Of::Pool(id) }
        | What::Rate {
            of: Of::Pool(id), ..
        } => Some(*id),
        _ => None,
    });
    let held = lines.iter().flat_map(|line| line.position.stake.pools());
    let seen = held.chain(named).filter_map(|id| {
        let listing = view.followed(id)?;
        let seen = PoolSeen {
            rate: view.rate(listing),
            verdict: listing.assessment.verdict,
        };
        Some((id, seen))
    });
    seen.collect()
}

/// How much of the goal that was kept last the income reaches.
async fn reached(
    store: &Store,
    market: &Market,
    person: UserId,
    portfolio: &Portfolio,
    now: Timestamp,
) -> Result<Option<f64>, StoreError> {
    let Some(kept) = store.goals(person).await?.pop() else {
        return Ok(None);
    };
    let exchange = market.exchange(now).unwrap_or_default();
    let income = exchange.from_usd(portfolio.income.year(), kept.goal.currency);
    Ok(income.and_then(|income| kept.goal.reached_by(income)))
}

/// The best place for each position that can be compared.
fn elsewhere(
    market: &Market,
    (view, places): (&View, &mut Places),
    lines: &[Line],
    now: Timestamp,
) -> BTreeMap<PositionId, Option<Elsewhere>> {
    let (facts, networks) = (market.facts(), market.networks());
    let around = Around {
        market: view,
        facts: &facts,
        networks: &networks,
        now,
    };
    let found = lines.iter().filter_map(|line| {
        let from = movable(view, line)?;
        // Many hold the same, and a look goes over the whole market.
        let known = places.entry(from.pool.id).or_insert_with(|| {
            let found = market.places(view, &around, from, None).into_iter();
            found.map(|listing| listing.pool.id).collect()
        });
        let mut listings = known.iter().filter_map(|id| view.get(*id));
        let best = listings.find_map(|listing| {
            let rate = listing.reading.apy;
            let gain = Gain::of(line, rate, USUAL_COST)?;
            Some(Elsewhere {
                pool: listing.pool.id,
                rate,
                yearly_usd: gain.yearly,
            })
        });
        Some((line.position.id, best))
    });
    found.collect()
}

/// How many pay-outs of the last quarter are over and not logged.
async fn unlogged(
    store: &Store,
    market: &Market,
    person: UserId,
    (chosen, portfolio): (&Chosen, &Portfolio),
    (today, now): (Day, Timestamp),
) -> Result<usize, StoreError> {
    let entries = store.entries(person).await?;
    let exchange = market.exchange(now).unwrap_or_default();
    let received = entries.iter();
    let received: Vec<Received> = received
        .map(|logged| Received::of(logged, &exchange, chosen.zone))
        .collect();
    let window = (Day(today.0 - LOOK_BACK_DAYS), today);
    Ok(Flow::of(portfolio, &received, window, today).unlogged.len())
}
