//! What a US dollar is in other currencies: followed for the present, so that nobody waits for it, and
//! asked for once for each past day that somebody reckons with.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;

use super::{
    health::{Health, OnDemand},
    untold::Untold,
};
use crate::{
    domain::{
        currency::Exchange,
        time::{Day, Span, Timestamp},
    },
    sources::{SourceError, coingecko::Coingecko},
    store::{Store, StoreError},
};

/// The source as people know it.
const NAME: &str = "CoinGecko exchange rates";
/// Rates older than this value nothing.
const OLDEST: Span = Span::hours(48);
/// After a failure no past day is asked for so soon: without a key the source takes few questions a minute,
/// and one that is asked on says less.
const REST: Span = Span::minutes(1);

/// Why there are no rates for the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoExchange {
    /// No source has told any.
    NotKnown,
    /// The last ones are of this time, more than 48 hours ago.
    TooOld(Timestamp),
}

/// The rates that are known, and who is asked.
#[derive(Debug, Default)]
pub(super) struct ExchangeRates {
    source: Option<Coingecko>,
    asked: OnDemand,
    present: ArcSwapOption<Exchange>,
    untold: Untold<Day>,
}

impl ExchangeRates {
    pub(super) fn new(source: Coingecko) -> Self {
        Self {
            source: Some(source),
            ..Self::default()
        }
    }

    /// How the source does, where there is one.
    pub(super) fn health(&self) -> Option<(&'static str, Health)> {
        self.source.as_ref()?;
        Some((NAME, self.asked.health()))
    }

    /// Takes over the rates of the last run.
    pub(super) async fn load(&self, store: &Store) -> Result<(), StoreError> {
        self.present.store(store.exchange().await?.map(Arc::new));
        Ok(())
    }

    /// The rates of now, as they were told last.
    pub(super) fn present(&self, now: Timestamp) -> Result<Arc<Exchange>, NoExchange> {
        let known = self.present.load_full().ok_or(NoExchange::NotKnown)?;
        if now.since(known.at) <= OLDEST.0 {
            Ok(known)
        } else {
            Err(NoExchange::TooOld(known.at))
        }
    }

    /// Asks for the present rates and takes them over. `None` where there is nobody to ask.
    pub(super) async fn refresh(
        &self,
        store: &Store,
        now: Timestamp,
    ) -> Option<Result<(), SourceError>> {
        let told = self.source.as_ref()?.rates(now).await;
        self.asked.note(now, told.as_ref().map(|_| ()));
        let exchange = match told {
            Ok(exchange) => exchange,
            Err(error) => return Some(Err(error)),
        };
        warn_unless_kept(store.keep_exchange(&exchange).await);
        self.present.store(Some(Arc::new(exchange)));
        Some(Ok(()))
    }

    /// The rates as a past day began; today's are the present ones. Waits for the source no longer than
    /// `patience`.
    pub(super) async fn on(
        &self,
        store: &Store,
        day: Day,
        now: Timestamp,
        patience: Duration,
    ) -> Option<Arc<Exchange>> {
        match day.cmp(&now.day()) {
            Ordering::Less => {}
            Ordering::Equal => return self.present(now).ok(),
            Ordering::Greater => return None,
        }
        match store.exchange_on(day).await {
            Ok(Some(kept)) => return Some(Arc::new(kept)),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "kept exchange rates cannot be read"),
        }
        let source = self.source.as_ref()?;
        if self.is_resting(now) || self.untold.holds(&day, now) {
            return None;
        }
        let answer = source.rates_on(day, now);
        let Some(told) = self.asked.wait(NAME, patience, now, answer).await? else {
            self.untold.note(day, now);
            return None;
        };
        warn_unless_kept(store.keep_exchange_on(day, &told).await);
        Some(Arc::new(told))
    }

    fn is_resting(&self, now: Timestamp) -> bool {
        let trouble = self.asked.health().trouble;
        trouble.is_some_and(|trouble| now.since(trouble.at) < REST.0)
    }
}

/// Rates that cannot be kept are used all the same.
fn warn_unless_kept(kept: Result<(), StoreError>) {
    if let Err(error) = kept {
        tracing::warn!(%error, "exchange rates cannot be kept");
    }
}

#[cfg(test)]
mod tests;
