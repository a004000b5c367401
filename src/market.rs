//! What pools pay at the moment: taken in, screened, remembered, and searched in memory.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use foldhash::HashMap;
use tokio::sync::watch;

use crate::{
    domain::{
        currency::Exchange,
        ids::PoolId,
        listing::Listing,
        pool::Pool,
        price::Quoted,
        reading::DEFILLAMA,
        strain::Strain,
        time::{Day, Timestamp},
        verdict::Screen,
    },
    sources::{SourceError, coingecko::Coingecko, defillama::Defillama},
    store::{Store, StoreError},
};

pub mod around;
pub mod better;
pub mod calmer;
pub mod charts;
pub mod closes;
pub mod exchange;
pub mod facts;
pub mod feed;
#[cfg(test)]
pub(crate) mod fixture;
pub mod health;
mod holdings;
pub mod indices;
pub mod ingest;
mod liquid;
pub mod mention;
mod names;
pub mod networks;
pub mod prices;
pub mod quarantine;
pub mod search;
pub mod snapshot;
mod strains;
#[cfg(test)]
mod tests;
mod untold;
pub mod today;
pub mod view;

use closes::{PastPrices, PoolPast};
use exchange::{ExchangeRates, NoExchange};
use facts::{Facts, Line, Topic};
use health::Health;
use networks::Networks;
use prices::{Asset, Prices};
use snapshot::{Origin, Snapshot};
use view::View;

/// How long a command waits for a source.
const PATIENCE: Duration = Duration::from_secs(2);

/// The present market. Readers take the snapshot of the moment without a lock.
#[derive(Debug)]
pub struct Market {
    current: ArcSwap<Snapshot>,
    health: ArcSwap<Health>,
    prices: Prices,
    past_prices: PastPrices,
    exchange: ExchangeRates,
    facts: ArcSwap<Facts>,
    /// How each source of facts does, where there is one.
    lines: ArcSwap<BTreeMap<Topic, Line>>,
    networks: ArcSwap<Networks>,
    /// Pools that go on under another key.
    became: ArcSwap<HashMap<PoolId, PoolId>>,
    screen: Screen,
    /// Told of each new snapshot.
    swapped: watch::Sender<()>,
}

impl Market {
    /// An empty market. Prices are asked of `prices`, where there is such a source.
    pub fn new(screen: Screen, prices: Option<Defillama>) -> Self {
        Self {
            current: ArcSwap::default(),
            health: ArcSwap::default(),
            past_prices: PastPrices::new(prices.clone()),
            prices: Prices::new(prices),
            exchange: ExchangeRates::default(),
            facts: ArcSwap::default(),
            lines: ArcSwap::default(),
            networks: ArcSwap::default(),
            became: ArcSwap::default(),
            screen,
            swapped: watch::Sender::new(()),
        }
    }

    /// Exchange rates are asked of this source, and of nobody without it.
    #[must_use]
    pub fn with_exchange(mut self, source: Coingecko) -> Self {
        self.exchange = ExchangeRates::new(source);
        self
    }

    /// Puts the market in place as the last batch left it, so that the first minute already answers.
    pub async fn load(&self, store: &Store) -> Result<usize, StoreError> {
        self.exchange.load(store).await?;
        let Some((_, fetched_at, _)) = store.last_batch().await? else {
            return Ok(0);
        };
        let mut listings = store.listings().await?;
        for listing in &mut listings {
            restore(listing, fetched_at, &self.screen);
        }
        let pools = listings.len();
        let origin = Origin {
            source: DEFILLAMA,
            fetched_at,
        };
        let gone = Arc::new(store.gone_pools().await?);
        self.swap(Snapshot::new(origin, listings, gone));
        self.became.store(Arc::new(store.renamed_pools().await?));
        self.prices.load(store).await?;
        Ok(pools)
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The market as replies tell it at this moment.
    pub fn view(&self, now: Timestamp) -> View {
        let view = View::new(self.snapshot(), &self.health(), &self.screen, now);
        view.following(self.became.load_full())
    }

    /// Notes that a pool goes on under another key, for what is kept under the old one.
    pub async fn note_renamed(
        &self,
        store: &Store,
        pool: PoolId,
        became: PoolId,
    ) -> Result<(), StoreError> {
        if self.became.load().get(&pool) == Some(&became) {
            return Ok(());
        }
        store.note_renamed(pool, became).await?;
        self.became.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(pool, became);
            known
        });
        Ok(())
    }

    /// Puts another snapshot in place of the present one.
    pub fn swap(&self, snapshot: Snapshot) {
        self.current.store(Arc::new(snapshot));
        self.swapped.send_replace(());
    }

    /// Tells of each new snapshot from now on.
    pub fn swaps(&self) -> watch::Receiver<()> {
        self.swapped.subscribe()
    }

    /// How the source of the market does.
    pub fn health(&self) -> Arc<Health> {
        self.health.load_full()
    }

    /// What is known beside the pools.
    pub fn facts(&self) -> Arc<Facts> {
        self.facts.load_full()
    }

    /// What troubles a pool: what is believed, and where nothing is yet, what was said last.
    pub fn strain_of(&self, listing: &Listing, now: Timestamp) -> Strain {
        let believed = listing.strain.clone();
        let said = strains::said_once(&self.facts(), &listing.pool, now);
        Strain {
            peg: believed.peg.or(said.peg),
            protocol: believed.protocol.or(said.protocol),
        }
    }

    /// Puts other facts in place of the present ones.
    pub fn swap_facts(&self, facts: Facts) {
        self.facts.store(Arc::new(facts));
    }

    /// How the sources of facts do, those that are asked.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.load().values().cloned().collect()
    }

    /// How the sources of prices do, which are asked when somebody needs them, and that of exchange rates.
    pub fn prices_health(&self) -> impl Iterator<Item = (&'static str, Health)> {
        [
            self.prices.health(),
            self.past_prices.health(),
            self.exchange.health(),
        ]
        .into_iter()
        .flatten()
    }

    fn line(&self, topic: Topic) -> Option<Line> {
        self.lines.load().get(&topic).cloned()
    }

    fn note_line(&self, line: &Line) {
        self.lines.rcu(|lines| {
            let mut lines = BTreeMap::clone(lines);
            lines.insert(line.topic, line.clone());
            lines
        });
    }

    /// What networks pay for staking, as far as their sources have answered.
    pub fn networks(&self) -> Arc<Networks> {
        self.networks.load_full()
    }

    /// Puts something else in place of what is known of networks, made of what is known now.
    pub fn update_networks(&self, update: impl Fn(&Networks) -> Networks) {
        self.networks.rcu(|known| update(known));
    }

    pub const fn screen(&self) -> &Screen {
        &self.screen
    }

    /// What prices say of a pool over the last months. Where no source answers within two seconds, less.
    pub async fn past_of(&self, listing: &Listing, now: Timestamp) -> PoolPast {
        self.past_prices.of(listing, now, PATIENCE).await
    }

    /// The same, as far as it was asked for lately. Nobody waits.
    pub fn remembered_past_of(&self, listing: &Listing, now: Timestamp) -> PoolPast {
        self.past_prices.remembered(listing, now)
    }

    /// What one unit of a token of the pool costs. `None` where no source has a price, or none answers
    /// within two seconds and none is remembered.
    pub async fn unit_price(
        &self,
        store: &Store,
        pool: &Pool,
        asset: &str,
        now: Timestamp,
    ) -> Option<Quoted> {
        let assets = [Asset::OfPool(pool, asset)];
        self.prices_of(store, &assets, now).await.pop().flatten()
    }

    /// What one unit of a well-known coin costs, by its symbol alone. `None` for any other symbol, and as
    /// with [`Self::unit_price`].
    pub async fn price_of_symbol(
        &self,
        store: &Store,
        symbol: &str,
        now: Timestamp,
    ) -> Option<Quoted> {
        let assets = [Asset::Coin(symbol)];
        self.prices_of(store, &assets, now).await.pop().flatten()
    }

    /// What one unit of each of these costs, in their order: asked for in one question, so that a source
    /// which is slow costs two seconds and not two for each.
    pub async fn prices_of(
        &self,
        store: &Store,
        assets: &[Asset<'_>],
        now: Timestamp,
    ) -> Vec<Option<Quoted>> {
        self.prices.of(store, assets, now, PATIENCE).await
    }

    /// The same, as far as it is remembered. Nobody waits.
    pub fn remembered_prices_of(
        &self,
        assets: &[Asset<'_>],
        now: Timestamp,
    ) -> Vec<Option<Quoted>> {
        self.prices.remembered(assets, now)
    }

    /// What one unit cost at a time in the past, as the hour of that time began. `None` for a time to come,
    /// and as with [`Self::unit_price`]; what was told once is kept.
    pub async fn price_at(
        &self,
        store: &Store,
        asset: Asset<'_>,
        at: Timestamp,
        now: Timestamp,
    ) -> Option<Quoted> {
        let wanted = [(asset, at)];
        self.prices_at(store, &wanted, now).await.pop().flatten()
    }

    /// What one unit of each of these cost at its time, in their order, as with [`Self::price_at`]. Each hour
    /// is a question of its own, so that many of them take more than the two seconds that are waited: what
    /// was told by then is kept, and asking again goes on from there.
    pub async fn prices_at(
        &self,
        store: &Store,
        wanted: &[(Asset<'_>, Timestamp)],
        now: Timestamp,
    ) -> Vec<Option<Quoted>> {
        self.prices.at(store, wanted, now, PATIENCE).await
    }

    /// What a US dollar is in other currencies, by [`COINGECKO`](crate::domain::currency::COINGECKO). Nobody
    /// waits.
    ///
    /// # Errors
    ///
    /// Where no source has told it, or that is more than 48 hours ago.
    pub fn exchange(&self, now: Timestamp) -> Result<Arc<Exchange>, NoExchange> {
        self.exchange.present(now)
    }

    /// What a US dollar was in other currencies as a past day began, 00:00 UTC; for today the present rates.
    /// `None` for days to come and those that no source tells, such as most that are more than a year ago,
    /// and where none answers within two seconds. What was told once is kept.
    pub async fn exchange_on(
        &self,
        store: &Store,
        day: Day,
        now: Timestamp,
    ) -> Option<Arc<Exchange>> {
        self.exchange.on(store, day, now, PATIENCE).await
    }

    /// Asks for the present exchange rates and takes them over. `None` where there is nobody to ask.
    pub async fn refresh_exchange(
        &self,
        store: &Store,
        now: Timestamp,
    ) -> Option<Result<(), SourceError>> {
        self.exchange.refresh(store, now).await
    }
}

/// What the store does not keep follows from what it keeps.
fn restore(listing: &mut Listing, fetched_at: Timestamp, screen: &Screen) {
    if !listing.own_time && listing.missed.is_none() {
        // The pool was in the last batch, so its figures were read then.
        listing.reading.at = listing.reading.at.max(fetched_at);
    }
    listing.assessment = listing.assess(screen);
}
