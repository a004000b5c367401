//! What is seen of one person's holdings, as far as what they have watched asks for it, and how it is put into
//! the outbox.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    delivery::{
        entry::{Entry, Occasion, Telling, payload, watch_key, watch_opening_key},
        urgency::Urgency,
    },
    domain::{
        better::Gain,
        currency::Exchange,
        episode::EdgeKind,
        flow::{Flow, Received},
        ids::{AlertId, DestinationId, PoolId, PositionId, UserId},
        income::{Line, Portfolio},
        person::Chosen,
        position::{Earns, Holding, Position},
        reading::DataState,
        time::{Day, Span, Timestamp},
        verdict::Assessment,
        watch::{Elsewhere, GoalSeen, KeptWatch, News, PoolSeen, Seen, Subject, Told, Watch, What},
    },
    market::{
        Market,
        around::Around,
        better::{USUAL_COST, movable},
        view::View,
    },
    render::watch::notice::{self, About, Notice, Place},
    store::{Store, StoreError},
};

/// Pay-outs are expected to be logged that are over since so many days at most.
const LOOK_BACK_DAYS: i32 = 91;
/// A day's reminders come from then on, by the clock of whom they are for.
const MORNING: Span = Span::hours(9);

/// The places that are better than a pool, as far as they were looked for in one round.
pub type Places = HashMap<PoolId, Vec<PoolId>>;

/// A person with what they have chosen and hold.
#[derive(Debug)]
pub struct Held {
    pub person: UserId,
    pub chosen: Chosen,
    pub positions: Vec<Position>,
}

/// What watches have to know, beyond what is held.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    pools: Vec<PoolId>,
    goal: bool,
    better: bool,
    payouts: bool,
}

impl Needs {
    /// All that could be told of these.
    pub fn of<'a>(watches: impl IntoIterator<Item = &'a Watch>) -> Self {
        let mut needs = Self::default();
        for watch in watches {
            match watch.what {
                What::Goal => needs.goal = true,
                What::Better { .. } => needs.better = true,
                What::Payouts { .. } => needs.payouts = true,
                What::Verdict { .. }
                | What::Gone { .. }
                | What::Rate { .. }
                | What::Unlock { .. }
                | What::Review { .. } => {}
            }
            needs.pools.extend(watch.what.pool());
        }
        needs
    }

    /// What may be news on that day: a ledger is long, and is not opened before it is time.
    pub(super) fn of_round(watches: &[KeptWatch], today: Day) -> Self {
        let payouts = watches.iter().any(|it| it.watch.asks_for_ledger(today));
        Self {
            payouts,
            ..Self::of(watches.iter().map(|kept| &kept.watch))
        }
    }
}

/// All that is seen of a person's holdings, as far as their watches ask for it.
#[derive(Debug)]
pub struct Sight {
    pub chosen: Chosen,
    portfolio: Portfolio,
    read_at: Timestamp,
    is_silent: bool,
    today: Day,
    pools: BTreeMap<PoolId, PoolSeen>,
    goal: Option<GoalSeen>,
    better: Option<BTreeMap<PositionId, Option<Elsewhere>>>,
    exchange: Arc<Exchange>,
    reviewed_at: Option<Timestamp>,
    unlogged: Option<usize>,
}

impl Sight {
    /// At the prices that are remembered.
    pub async fn of(
        store: &Store,
        market: &Market,
        (view, places): (&View, &mut Places),
        held: Held,
        needs: Needs,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let Held {
            person,
            chosen,
            positions,
        } = held;
        let portfolio = market.valued_by_memory(view, positions, now);
        let exchange = market.exchange(now).unwrap_or_default();
        let lines = &portfolio.lines;
        let today = chosen.zone.day(now);
        Ok(Self {
            read_at: view.origin.fetched_at,
            is_silent: view.is_silent,
            today: chosen.zone.day(now.minus(MORNING.0)),
            pools: pools(view, lines, &needs.pools),
            goal: if needs.goal {
                goal(store, &exchange, person, &portfolio).await?
            } else {
                None
            },
            better: if needs.better {
                Some(elsewhere(market, (view, places), lines, (today, now)).await)
            } else {
                None
            },
            reviewed_at: store.last_review(person).await?.map(|last| last.at),
            unlogged: if needs.payouts {
                Some(unlogged(store, &exchange, person, (&chosen, &portfolio), today).await?)
            } else {
                None
            },
            exchange,
            chosen,
            portfolio,
        })
    }

    /// As a watch looks at it.
    pub fn seen(&self) -> Seen<'_> {
        Seen {
            read_at: self.read_at,
            is_silent: self.is_silent,
            today: self.today,
            lines: &self.portfolio.lines,
            pools: &self.pools,
            goal: self.goal,
            better: self.better.as_ref(),
            exchange: &self.exchange,
            reviewed_at: self.reviewed_at,
            unlogged: self.unlogged,
        }
    }

    pub(super) fn entry(
        &self,
        view: &View,
        (person, destination): (UserId, DestinationId),
        kept: &KeptWatch,
        news: &News,
        (shelf_life, now): (Span, Timestamp),
    ) -> Option<Entry> {
        let what = kept.watch.what;
        let (occasion, opening) = match &news.told {
            Told::Reminder { .. } => (Occasion::Edge(EdgeKind::Opened), None),
            Told::Edge(edge) => {
                let is_end = edge.kind == EdgeKind::Closed;
                // That a better place is one no longer helps nobody.
                if is_end && matches!(what, What::Better { .. }) {
                    return None;
                }
                // What was told again after its beginning would go on saying so: its end is said anew.
                let ends_quietly = is_end && edge.ordinal <= 1;
                let opening =
                    ends_quietly.then(|| watch_opening_key(kept.id, news.no, edge.episode));
                (Occasion::Edge(edge.kind), opening)
            }
        };
        let told = Notice {
            watch: kept.id,
            what,
            about: self.about(view, news.subject)?,
            told: news.told,
            place: self.place(view, news.subject),
            assessment: assessment(view, &what, news.subject),
            source: view.origin.source,
            read_at: view.origin.fetched_at,
            today: self.today,
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
            payload: payload(&notice::notice(&told)),
            summary: notice::notice_text(&told),
            created_at: now,
            not_after: now.plus(shelf_life.0),
            telling: Telling {
                opening,
                reader: Some(person),
                watch: Some(kept.id),
                ..Telling::default()
            },
        })
    }

    fn about<'a>(&'a self, view: &'a View, subject: Subject) -> Option<About<'a>> {
        Some(match subject {
            Subject::Whole | Subject::Goal(_) => About::Whole,
            Subject::Pool(id) => About::Pool(&view.followed(id)?.pool),
            Subject::Position(id) => {
                let stake = &self.line(id)?.position.stake;
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
        Some(Place {
            pool: &listing.pool,
            rate: found.rate,
            verdict: listing.assessment.verdict,
            now: self.line(id).and_then(|line| line.rate),
        })
    }

    fn line(&self, id: PositionId) -> Option<&Line> {
        let mut lines = self.portfolio.lines.iter();
        lines.find(|line| line.position.id == id)
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
fn pools(view: &View, lines: &[Line], named: &[PoolId]) -> BTreeMap<PoolId, PoolSeen> {
    let held = lines.iter().flat_map(|line| line.position.stake.pools());
    let seen = held.chain(named.iter().copied()).filter_map(|id| {
        let listing = view.followed(id)?;
        let seen = PoolSeen {
            id: listing.pool.id,
            rate: view.rate(listing),
            verdict: listing.assessment.verdict,
            is_listed: listing.state != DataState::Missing,
        };
        Some((id, seen))
    });
    seen.collect()
}

/// The goal that was kept last, and how much of it the income reaches.
async fn goal(
    store: &Store,
    exchange: &Exchange,
    person: UserId,
    portfolio: &Portfolio,
) -> Result<Option<GoalSeen>, StoreError> {
    let Some(kept) = store.goals(person).await?.pop() else {
        return Ok(None);
    };
    let income = exchange.from_usd(portfolio.income.year(), kept.goal.currency);
    Ok(Some(GoalSeen {
        id: kept.id,
        reached: income.and_then(|income| kept.goal.reached_by(income)),
    }))
}

/// The best place for each position that can be compared.
async fn elsewhere(
    market: &Market,
    (view, places): (&View, &mut Places),
    lines: &[Line],
    (today, now): (Day, Timestamp),
) -> BTreeMap<PositionId, Option<Elsewhere>> {
    let (facts, networks) = (market.facts(), market.networks());
    let around = Around {
        market: view,
        facts: &facts,
        networks: &networks,
        now,
    };
    let mut found = BTreeMap::new();
    for line in lines {
        // What is locked cannot be moved, whatever pays more.
        let is_locked = line
            .position
            .stake
            .lock_until
            .is_some_and(|until| until > today);
        let Some(from) = movable(view, line).filter(|_| !is_locked) else {
            continue;
        };
        // Many hold the same, and a look goes over the whole market.
        let known = places.entry(from.pool.id).or_insert_with(|| {
            let better = market.places(view, &around, from, None).into_iter();
            better.map(|listing| listing.pool.id).collect()
        });
        let mut better = known.iter().filter_map(|id| view.get(*id));
        let best = better.find_map(|listing| {
            let rate = listing.reading.apy;
            let gain = Gain::of(line, rate, USUAL_COST)?;
            Some(Elsewhere {
                pool: listing.pool.id,
                rate,
                yearly_usd: gain.yearly,
            })
        });
        found.insert(line.position.id, best);
        tokio::task::yield_now().await;
    }
    found
}

/// How many pay-outs of the last quarter are over and not logged.
async fn unlogged(
    store: &Store,
    exchange: &Exchange,
    person: UserId,
    (chosen, portfolio): (&Chosen, &Portfolio),
    today: Day,
) -> Result<usize, StoreError> {
    let entries = store.entries(person).await?;
    let received = entries.iter();
    let received: Vec<Received> = received
        .map(|logged| Received::of(logged, exchange, chosen.zone))
        .collect();
    let window = (Day(today.0 - LOOK_BACK_DAYS), today);
    Ok(Flow::of(portfolio, &received, window, today).unlogged.len())
}
