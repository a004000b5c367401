//! What tokens cost over the last months, asked for when somebody looks at a pool, and remembered for half
//! a day.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::health::{Health, OnDemand};
use crate::{
    domain::{
        closes::{Closes, worst_impermanent_loss},
        listing::Listing,
        payer::TokenTrend,
        time::{Span, Timestamp},
    },
    sources::defillama::{Defillama, prices::PriceKey},
};

/// The source as people know it.
const NAME: &str = "DefiLlama past prices";
/// The days that are looked back.
const DAYS: u16 = 90;
/// A loss over the time that is looked back needs both prices on so many of its days.
const ENOUGH_DAYS: usize = 60;
/// What was asked for this lately is not asked for again: a token has a new close a day.
const FRESH: Span = Span::hours(12);
/// Tokens that are remembered; past that the oldest half is let go.
const MOST_TOKENS: usize = 2_000;

/// The closes of tokens that were asked for, and who is asked.
#[derive(Debug)]
pub(super) struct PastPrices {
    source: Option<Defillama>,
    asked: OnDemand,
    /// `None` for a token that the source does not know.
    known: Mutex<HashMap<PriceKey, (Timestamp, Option<Closes>)>>,
}

/// What prices say of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PoolPast {
    /// The largest loss against holding within 90 days, as a negative fraction, of a pool of two tokens.
    pub impermanent_loss: Option<f64>,
    /// How the token did in which most rewards are paid.
    pub reward_token: Option<TokenTrend>,
    /// Prices that would say more were not asked for lately.
    pub is_unasked: bool,
}

/// The tokens of a pool whose prices say something of it.
struct Tokens {
    /// The two that a pool of two holds.
    pair: Option<[PriceKey; 2]>,
    reward: Option<PriceKey>,
}

impl Tokens {
    fn of(listing: &Listing) -> Self {
        let pool = &listing.pool;
        let key = |token: &str| PriceKey::token(&pool.chain, token);
        Self {
            pair: match &*pool.underlying {
                [one, other] => key(one).zip(key(other)).map(|(one, other)| [one, other]),
                _ => None,
            },
            // The source lists the token that pays most first, as far as it says.
            reward: listing.reward_tokens.first().and_then(|token| key(token)),
        }
    }

    fn all(&self) -> Vec<PriceKey> {
        self.pair
            .iter()
            .flatten()
            .chain(&self.reward)
            .cloned()
            .collect()
    }
}

impl PastPrices {
    pub(super) fn new(source: Option<Defillama>) -> Self {
        Self {
            source,
            asked: OnDemand::default(),
            known: Mutex::default(),
        }
    }

    /// How the source does, where there is one.
    pub(super) fn health(&self) -> Option<(&'static str, Health)> {
        self.source.as_ref()?;
        Some((NAME, self.asked.health()))
    }

    /// What prices say of a pool; waits for the source no longer than `patience`, and says less without
    /// it.
    pub(super) async fn of(
        &self,
        listing: &Listing,
        now: Timestamp,
        patience: Duration,
    ) -> PoolPast {
        self.learn(&Tokens::of(listing).all(), now, patience).await;
        self.remembered(listing, now)
    }

    /// What is known already, without asking.
    pub(super) fn remembered(&self, listing: &Listing, now: Timestamp) -> PoolPast {
        let today = now.day();
        let Tokens { pair, reward } = Tokens::of(listing);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = |key: &PriceKey| known.contains_key(key);
        let mut keys = pair.iter().flatten().chain(&reward);
        let is_unasked = self.source.is_some() && !keys.all(is_asked);
        let closes = |key: &PriceKey| {
            let closes = known.get(key)?.1.as_ref();
            closes.filter(|closes| closes.reach(today))
        };
        PoolPast {
            is_unasked,
            impermanent_loss: pair.as_ref().and_then(|[one, other]| {
                worst_impermanent_loss(closes(one)?, closes(other)?, ENOUGH_DAYS)
            }),
            reward_token: reward.as_ref().and_then(closes).map(|closes| TokenTrend {
                price_30d: closes.change_over(30),
                price_90d: closes.change_over(i32::from(DAYS) - 1),
            }),
        }
    }

    /// Asks for those that are not known or old.
    async fn learn(&self, keys: &[PriceKey], now: Timestamp, patience: Duration) {
        let missing: Vec<PriceKey> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let is_fresh = |key: &PriceKey| {
                let asked = known.get(key);
                asked.is_some_and(|(at, _)| now.since(*at) < FRESH.0)
            };
            keys.iter().filter(|key| !is_fresh(key)).cloned().collect()
        };
        let (Some(source), false) = (&self.source, missing.is_empty()) else {
            return;
        };
        let answer = source.past_prices(&missing, DAYS, now);
        let Some(told) = self.asked.wait(NAME, patience, now, answer).await else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for key in missing {
            let closes = told.get(&key).cloned();
            known.insert(key, (now, closes));
        }
        if known.len() > MOST_TOKENS {
            let mut times: Vec<Timestamp> = known.values().map(|(at, _)| *at).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(now);
            known.retain(|_, (at, _)| *at > middle);
        }
    }
}
