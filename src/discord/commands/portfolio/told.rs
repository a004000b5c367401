//! A position as its owner tells it, by options or by a line of a file, checked against what is known.

use crate::{
    discord::{
        errors::Trouble,
        lookup::{self, Layer},
        params::Name,
    },
    domain::{
        currency::Currency,
        listing::Listing,
        method::Method,
        money::{Money, Sum},
        plan::basket::Index,
        position::{Earns, Holding, MOST_LAYERS, Payout, Stake, Unfit},
        price::coin_id,
        rate::Percent,
        staking::{Approach, Network},
        time::{Date, Day},
    },
    market::view::View,
    render::text,
};

/// Code points of a note that are kept.
const LONGEST_NOTE: usize = 200;
/// Code points of the name of a place.
const LONGEST_PLACE: usize = 60;
/// The highest rate that anybody may state, in percent a year.
const MOST_STATED: f64 = 1_000.0;
/// How far ahead a lock may reach.
const LONGEST_LOCK_DAYS: i32 = 365 * 50;

/// 2009-01-03: before the first block of the first chain nothing earned.
const FIRST_DAY: Day = Day(14_247);

/// What was told, each part as it was written; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Told {
    /// How many units, or what it is worth where a currency was written with it.
    pub amount: Option<Sum>,
    pub asset: Option<Name>,
    pub pool: Option<Name>,
    pub rate: Option<Percent>,
    /// Where a stated rate is paid.
    pub place: Option<String>,
    pub index: Option<Index>,
    pub method: Option<Method>,
    /// Percent of the rewards.
    pub commission: Option<Percent>,
    /// What it earns on top, each a pool or a rate.
    pub layers: Vec<Name>,
    /// What the pools of the base and of the layers on top were called when they were kept, for such as
    /// are not listed any more.
    pub called: [Option<String>; MOST_LAYERS],
    pub cost: Option<Sum>,
    pub fees: Option<Sum>,
    pub opened: Option<Date>,
    pub payout: Option<Payout>,
    pub lock_until: Option<Date>,
    pub note: Option<String>,
    /// It was kept before, so that its lock may be over by now.
    pub is_kept_already: bool,
}

/// What can be taken off a position again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Layers,
    Method,
    Cost,
    Fees,
    Opened,
    Payout,
    Lock,
    Note,
}

/// What a position is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub market: &'a View,
    /// The owner's own date.
    pub today: Day,
    /// What an amount of money is in that names no currency.
    pub usual: Currency,
}

/// A new position of what was told.
pub(super) fn added(told: &Told, known: &Known<'_>) -> Result<Stake, Trouble> {
    let earns = earns(told, None, known)?.ok_or(Trouble::EarnsNowhere)?;
    let holding = holding(told, None, &earns, known)?;
    let stake = changed(Stake::new(holding, earns), told, known)?;
    fits(&stake, known.usual)?;
    Ok(Stake {
        opened: stake.opened.or(Some(known.today)),
        ..stake
    })
}

/// A position with what was told put in the place of what it was.
pub(super) fn edited(before: Stake, told: &Told, known: &Known<'_>) -> Result<Stake, Trouble> {
    let asset = before.asset().map(str::to_owned);
    // One that lies in a pool stays there, whatever its method is called.
    let lies_in_a_pool = before.base().is_some_and(|base| base.pool().is_some());
    let asset = asset.filter(|_| !lies_in_a_pool);
    let moved = earns(told, asset.as_deref(), known)?;
    let base = moved.as_ref().or(before.base()).cloned();
    let base = base.map(|base| recommissioned(base, &before, told));
    let base = base.ok_or(Trouble::EarnsNowhere)?;
    let is_moved = moved.is_some() || told.amount.is_some() || told.asset.is_some();
    let holding = if is_moved {
        holding(told, Some(&before.holding), &base, known)?
    } else {
        before.holding.clone()
    };
    let mut layers = before.layers.clone();
    match layers.first_mut() {
        Some(lowest) => *lowest = base,
        None => layers.push(base),
    }
    let stake = Stake {
        holding,
        layers,
        ..before
    };
    let stake = changed(stake, told, known)?;
    fits(&stake, known.usual)?;
    Ok(stake)
}

/// Delegated staking with the commission that was told, else with the one that it had.
fn recommissioned(base: Earns, before: &Stake, told: &Told) -> Earns {
    let had = match before.base() {
        Some(Earns::Network { commission, .. }) => *commission,
        _ => None,
    };
    match base {
        Earns::Network {
            network,
            approach: Approach::Delegated,
            ..
        } => Earns::Network {
            network,
            approach: Approach::Delegated,
            commission: told.commission.or(had),
        },
        base => base,
    }
}

/// A position without one of its parts.
pub(super) fn without(stake: Stake, part: Part) -> Stake {
    match part {
        Part::Layers => Stake {
            layers: stake.layers.into_iter().take(1).collect(),
            ..stake
        },
        Part::Method => Stake {
            method: None,
            ..stake
        },
        Part::Cost => Stake {
            paid: None,
            ..stake
        },
        Part::Fees => Stake {
            fees: None,
            ..stake
        },
        Part::Opened => Stake {
            opened: None,
            ..stake
        },
        Part::Payout => Stake {
            payout: None,
            ..stake
        },
        Part::Lock => Stake {
            lock_until: None,
            ..stake
        },
        Part::Note => Stake {
            note: None,
            ..stake
        },
    }
}

/// All that is told beside what is held and where.
fn changed(stake: Stake, told: &Told, known: &Known<'_>) -> Result<Stake, Trouble> {
    let money =
        |sum: Option<Sum>, before: Option<Money>| sum.map(|sum| sum.or_in(known.usual)).or(before);
    let opened = told.opened.map(|date| date.ago(known.today));
    if opened.is_some_and(|day| day > known.today) {
        return Err(Trouble::DateAhead);
    }
    if opened.is_some_and(|day| day < FIRST_DAY) {
        return Err(Trouble::DateTooEarly);
    }
    let lock_until = told.lock_until.map(|date| date.ahead(known.today));
    if !told.is_kept_already && lock_until.is_some_and(|day| day <= known.today) {
        return Err(Trouble::LockIsOver);
    }
    if lock_until.is_some_and(|day| day.0 - known.today.0 > LONGEST_LOCK_DAYS) {
        return Err(Trouble::LockTooLong);
    }
    let base = stake.layers.first().cloned();
    let layers = if told.layers.is_empty() {
        stake.layers
    } else {
        let called = told.called.iter().skip(1);
        let named = told.layers.iter().zip(called);
        let upper = named.map(|(name, called)| upper(name, called.as_deref(), known));
        let layers = base.map(Ok).into_iter().chain(upper);
        layers.collect::<Result<Vec<_>, _>>()?
    };
    if layers.len() > MOST_LAYERS {
        return Err(Trouble::LayersTooMany { most: MOST_LAYERS });
    }
    Ok(Stake {
        holding: stake.holding,
        layers,
        method: told.method.or(stake.method),
        paid: money(told.cost, stake.paid),
        fees: money(told.fees, stake.fees),
        opened: opened.or(stake.opened),
        payout: told.payout.or(stake.payout),
        lock_until: lock_until.or(stake.lock_until),
        note: note(told.note.as_deref())?.or(stake.note),
    })
}

fn note(told: Option<&str>) -> Result<Option<String>, Trouble> {
    let note = told.map(one_line).filter(|note| !note.is_empty());
    if note
        .as_deref()
        .is_some_and(|note| note.chars().count() > LONGEST_NOTE)
    {
        return Err(Trouble::NoteTooLong { most: LONGEST_NOTE });
    }
    Ok(note)
}

fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where it is said to earn; `None` where nothing is said. `held` is what is held already.
fn earns(told: &Told, held: Option<&str>, known: &Known<'_>) -> Result<Option<Earns>, Trouble> {
    if told.place.is_some() && told.rate.is_none() {
        return Err(Trouble::PlaceWithoutRate);
    }
    let index = told.index.map(|index| Earns::Index { index });
    let is_at_no_network = told.pool.is_some() || told.rate.is_some() || index.is_some();
    if told.commission.is_some() && is_at_no_network {
        return Err(Trouble::MeansNothing {
            option: "commission",
            of: "what earns in a pool or at a stated rate",
        });
    }
    match (&told.pool, told.rate) {
        (Some(_), Some(_)) => Err(Trouble::EarnsTwice),
        (Some(_), None) | (None, Some(_)) if index.is_some() => Err(Trouble::EarnsTwice),
        (None, None) if index.is_some() => Ok(index),
        (Some(name), None) => {
            let [called, ..] = &told.called;
            in_pool(name, called.as_deref(), known).map(Some)
        }
        (None, Some(rate)) => stated(rate, told.place.as_deref()).map(Some),
        (None, None) => {
            let asset = told.asset.as_ref().map(|name| name.0.as_str()).or(held);
            Ok(network(told, asset))
        }
    }
}

/// A pool that is listed, or one that was and that a file remembers by its key and its name.
fn in_pool(name: &Name, called: Option<&str>, known: &Known<'_>) -> Result<Earns, Trouble> {
    match (lookup::pool(known.market, name), called) {
        (Ok(listing), _) => Ok(Earns::in_pool(&listing.pool)),
        (Err(Trouble::PoolNotListed(id)), Some(called)) => Ok(Earns::Pool {
            id,
            called: one_line(called).chars().take(text::SENTENCE).collect(),
        }),
        (Err(trouble), _) => Err(trouble),
    }
}

/// What the person keeps, all of it by weight or all of it by amount.
pub(in crate::discord) fn fits(stake: &Stake, usual: Currency) -> Result<(), Trouble> {
    stake.fits(usual).map_err(|unfit| match unfit {
        Unfit::Amount => Trouble::SharesKept,
        Unfit::Share => Trouble::AmountsKept,
        Unfit::OverWhole => Trouble::ShareOverWhole,
    })
}

fn stated(rate: Percent, place: Option<&str>) -> Result<Earns, Trouble> {
    if !(0.0..=MOST_STATED).contains(&rate.get()) {
        return Err(Trouble::StatedRateOutOfRange { most: MOST_STATED });
    }
    let place = place.map(one_line).unwrap_or_default();
    Ok(Earns::Stated {
        rate,
        place: place.chars().take(LONGEST_PLACE).collect(),
    })
}

/// Staking without a protocol in between, where the method says so and the network is known.
fn network(told: &Told, asset: Option<&str>) -> Option<Earns> {
    let approach = match told.method? {
        Method::StakingDirect => Approach::Direct,
        Method::StakingDelegated => Approach::Delegated,
        _ => return None,
    };
    Some(Earns::Network {
        network: Network::of_asset(asset?)?,
        approach,
        commission: told.commission.filter(|_| approach == Approach::Delegated),
    })
}

fn upper(name: &Name, called: Option<&str>, known: &Known<'_>) -> Result<Earns, Trouble> {
    match lookup::layer(known.market, name) {
        Ok(Layer::Rate(rate)) => stated(rate, None),
        Ok(Layer::Pool(_)) | Err(Trouble::PoolNotListed(_)) => in_pool(name, called, known),
        Err(trouble) => Err(trouble),
    }
}

fn holding(
    told: &Told,
    before: Option<&Holding>,
    earns: &Earns,
    known: &Known<'_>,
) -> Result<Holding, Trouble> {
    let (amount, currency, held) = match (told.amount, before) {
        (Some(sum), Some(Holding::Units { asset, .. })) => {
            (sum.amount, sum.currency, Some(asset.as_str()))
        }
        // A number alone is of the currency that it was told in before.
        (Some(sum), Some(Holding::Worth(money))) => {
            (sum.amount, sum.currency.or(Some(money.currency)), None)
        }
        (Some(sum), None) => (sum.amount, sum.currency, None),
        (None, Some(Holding::Units { asset, quantity })) => (*quantity, None, Some(asset.as_str())),
        (None, Some(Holding::Worth(money))) => (money.amount, Some(money.currency), None),
        (None, None) => return Err(Trouble::HoldingUnclear),
    };
    let asked = told.asset.as_ref().map(|name| name.0.as_str());
    match (currency, asked) {
        // An asset may say on which network a share is staked.
        (Some(Currency::Share), _) => Ok(Holding::Worth(Money {
            amount,
            currency: Currency::Share,
        })),
        (Some(_), Some(_)) if told.amount.is_some_and(|sum| sum.currency.is_some()) => {
            Err(Trouble::HoldingUnclear)
        }
        // Five thousand dollars do not become five thousand units of something.
        (Some(_), Some(_)) if told.amount.is_none() => Err(Trouble::HoldingUnclear),
        (Some(currency), None) => Ok(Holding::Worth(Money { amount, currency })),
        _ => Ok(Holding::Units {
            asset: asset(asked.or(held), earns, known)?,
            quantity: amount,
        }),
    }
}

/// The token that an amount is in, as the market writes it.
fn asset(asked: Option<&str>, earns: &Earns, known: &Known<'_>) -> Result<String, Trouble> {
    match earns {
        Earns::Network { network, .. } => Ok(network.asset().to_owned()),
        Earns::Pool { id, .. } => match known.market.followed(*id) {
            Some(listing) => of_pool(listing, asked),
            None => free(asked, known),
        },
        Earns::Index { index } => Err(Trouble::ValueNeeded {
            pool: format!("the basket {}", index.label()),
        }),
        Earns::Stated { .. } => free(asked, known),
    }
}

/// A token of the pool.
fn of_pool(listing: &Listing, asked: Option<&str>) -> Result<String, Trouble> {
    let pool = &listing.pool;
    if pool.multi_asset || matches!(pool.method, Method::Aggregator | Method::Liquidity) {
        let pool = text::name(&pool.symbol);
        return Err(Trouble::ValueNeeded { pool });
    }
    let assets = || pool.assets().take(10).map(str::to_owned).collect();
    let Some(asked) = asked else {
        let mut tokens = pool.assets();
        return match (tokens.next(), tokens.next()) {
            (Some(only), None) => Ok(only.to_owned()),
            _ => Err(Trouble::AssetNeeded { assets: assets() }),
        };
    };
    let found = pool
        .assets()
        .find(|token| token.eq_ignore_ascii_case(asked));
    found
        .map(str::to_owned)
        .ok_or_else(|| Trouble::AssetNotInPool {
            asset: asked.to_owned(),
            assets: assets(),
        })
}

/// A token that lies in no pool: one that has a price, or that some pool takes.
fn free(asked: Option<&str>, known: &Known<'_>) -> Result<String, Trouble> {
    let asked = asked.ok_or(Trouble::AssetNeeded { assets: Vec::new() })?;
    let coin = coin_id(asked).map(|_| asked.to_uppercase());
    let found = coin.or_else(|| known.market.asset_named(asked).map(str::to_owned));
    found.ok_or_else(|| {
        let closest = known.market.assets_like(asked, 5);
        Trouble::NameUnknown {
            what: "asset",
            text: asked.to_owned(),
            closest: closest.iter().map(|name| text::name(name)).collect(),
        }
    })
}
