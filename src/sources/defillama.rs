//! `DefiLlama`: all pools once an hour, a pool's past, prices of tokens, and what is known of
//! protocols, loans and coins.
//!
//! The pools change hourly and are ready by about 25 minutes past; asking more often gives the same
//! bytes. Everything here is keyless, but the addresses are settings: one may point at a paid plan,
//! whose key is part of the path, so no address is ever printed.

use std::{fmt, path::PathBuf, sync::Arc};

use reqwest::Url;

use super::{
    Answer, SMALL_BODY, SetupError, SourceError, address, aside,
    fetch::{Fetched, Fetcher, Policy, Validators},
    file,
    kept::{self, Rows},
    wire,
};
use crate::domain::{
    closes::Closes,
    ids::PoolId,
    lending::LendingMarket,
    peg::Stablecoin,
    protocol::{Fees, ProtocolFacts},
    time::Timestamp,
};

pub mod categories;
pub mod chart;
pub mod closes;
pub mod fees;
pub mod lend_borrow;
pub mod pools;
pub mod prices;
pub mod protocols;
pub mod stablecoins;

use categories::Categories;
use chart::ChartDay;
use prices::{ByCoin, Price, PriceKey};

/// Where `DefiLlama` is asked, and within which limits.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub pools_url: String,
    /// `/{pool id}` is added to it.
    pub chart_url: String,
    /// `/{keys}` is added to it.
    pub prices_url: String,
    /// `/{unix time}/{keys}` is added to it.
    pub historical_prices_url: String,
    /// `/{keys}` is added to it.
    pub price_chart_url: String,
    pub protocols_url: String,
    pub fees_url: String,
    pub lend_borrow_url: String,
    pub stablecoins_url: String,
    pub policy: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pools_url: "https://yields.llama.fi/pools".to_owned(),
            chart_url: "https://yields.llama.fi/chart".to_owned(),
            prices_url: "https://coins.llama.fi/prices/current".to_owned(),
            historical_prices_url: "https://coins.llama.fi/prices/historical".to_owned(),
            price_chart_url: "https://coins.llama.fi/chart".to_owned(),
            protocols_url: "https://api.llama.fi/protocols".to_owned(),
            fees_url: "https://api.llama.fi/overview/fees".to_owned(),
            lend_borrow_url: "https://yields.llama.fi/lendBorrow".to_owned(),
            stablecoins_url: "https://stablecoins.llama.fi/stablecoins".to_owned(),
            policy: Policy::default(),
        }
    }
}

impl Settings {
    /// Every address below one base, as a stand-in serves them: `{base}/pools`, `{base}/lend_borrow`
    /// and so on, each named by its setting. So a new address cannot be forgotten there.
    pub fn below(base: &str) -> Self {
        let url = |route: &str| format!("{base}/{route}");
        Self {
            pools_url: url("pools"),
            chart_url: url("chart"),
            prices_url: url("prices"),
            historical_prices_url: url("historical_prices"),
            price_chart_url: url("price_chart"),
            protocols_url: url("protocols"),
            fees_url: url("fees"),
            lend_borrow_url: url("lend_borrow"),
            stablecoins_url: url("stablecoins"),
            policy: Policy::default(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Where it is asked, as the settings say; the same for every clone of a client.
struct Addresses {
    pools: Url,
    chart: Url,
    prices: Url,
    historical_prices: Url,
    price_chart: Url,
    protocols: Url,
    fees: Url,
    lend_borrow: Url,
    stablecoins: Url,
}

/// The client. A clone shares the connections, and remembers by itself what it read last.
#[derive(Clone)]
pub struct Defillama {
    fetcher: Fetcher,
    addresses: Arc<Addresses>,
    /// A folder of charts that is read in the place of `chart_url`.
    saved_charts: Option<PathBuf>,
    categories: Arc<Categories>,
    /// Those of the last usable list of pools.
    validators: Validators,
    /// Of the last usable list of pools.
    digest: Option<u64>,
}

impl fmt::Debug for Defillama {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Defillama")
            .field("policy", self.fetcher.policy())
            .finish_non_exhaustive()
    }
}

impl Defillama {
    /// Asks nothing yet.
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let addresses = Addresses {
            pools: address("pools_url", &settings.pools_url)?,
            chart: address("chart_url", &settings.chart_url)?,
            prices: address("prices_url", &settings.prices_url)?,
            historical_prices: address("historical_prices_url", &settings.historical_prices_url)?,
            price_chart: address("price_chart_url", &settings.price_chart_url)?,
            protocols: address("protocols_url", &settings.protocols_url)?,
            fees: address("fees_url", &settings.fees_url)?,
            lend_borrow: address("lend_borrow_url", &settings.lend_borrow_url)?,
            stablecoins: address("stablecoins_url", &settings.stablecoins_url)?,
        };
        Ok(Self {
            fetcher: Fetcher::new(settings.policy).map_err(SetupError::Client)?,
            addresses: Arc::new(addresses),
            saved_charts: None,
            categories: Arc::new(Categories::bundled()),
            validators: Validators::default(),
            digest: None,
        })
    }

    /// Charts are read from this folder and no longer asked for.
    #[must_use]
    pub fn with_saved_charts(mut self, folder: impl Into<PathBuf>) -> Self {
        self.saved_charts = Some(folder.into());
        self
    }

    /// Whether charts come from a folder.
    pub const fn reads_saved_charts(&self) -> bool {
        self.saved_charts.is_some()
    }

    /// All pools, or that they are as they were. `now` is the time of fetching.
    ///
    /// An answer that cannot be used is forgotten, so the same bytes are an error again next time
    /// and not [`Answer::Unchanged`].
    pub async fn pools(&mut self, now: Timestamp) -> Result<Answer, SourceError> {
        let (bytes, validators) = match self
            .fetcher
            .get(&self.addresses.pools, &self.validators)
            .await?
        {
            Fetched::NotModified => return Ok(Answer::Unchanged),
            Fetched::Body { bytes, validators } => (bytes, validators),
        };
        let last = self.digest;
        let categories = Arc::clone(&self.categories);
        let answer = aside(move || pools::answer(&bytes, last, now, &categories)).await?;
        if let Answer::Batch(batch) = &answer {
            self.digest = Some(batch.digest);
        }
        self.validators = validators;
        Ok(answer)
    }

    /// The last list was not taken over, so the same bytes count as news once more.
    pub fn forget(&mut self) {
        self.validators = Validators::default();
        self.digest = None;
    }

    /// What the pool showed on each day of its life, ascending; nothing for an id that is well
    /// formed and not known.
    pub async fn chart(&self, pool: PoolId) -> Result<Vec<ChartDay>, SourceError> {
        if let Some(folder) = &self.saved_charts {
            return file::chart(folder, pool).await;
        }
        let url = below(&self.addresses.chart, &pool.to_string());
        match self.fetch(&url).await {
            Ok(bytes) => aside(move || chart::parse(&bytes)).await,
            Err(SourceError::Refused { status: 400, said }) if said.contains(chart::UNKNOWN) => {
                Err(SourceError::UnknownPool)
            }
            Err(error) => Err(error),
        }
    }

    /// Prices of these keys. A coin that the source does not know is missing without an error; when
    /// one of several requests fails, all do.
    pub async fn prices(&self, keys: &[PriceKey]) -> Result<ByCoin<Price>, SourceError> {
        self.prices_below(&self.addresses.prices, keys).await
    }

    /// Prices of these keys at a time in the past. The source takes the reading that is nearest, whose own
    /// time may be hours away; otherwise as [`Self::prices`].
    pub async fn prices_at(
        &self,
        at: Timestamp,
        keys: &[PriceKey],
    ) -> Result<ByCoin<Price>, SourceError> {
        let url = below(&self.addresses.historical_prices, &at.seconds().to_string());
        self.prices_below(&url, keys).await
    }

    async fn prices_below(
        &self,
        url: &Url,
        keys: &[PriceKey],
    ) -> Result<ByCoin<Price>, SourceError> {
        let mut all = ByCoin::default();
        for portion in prices::portions(keys, prices::MOST_KEYS) {
            let url = below(url, &portion.join(","));
            let bytes = self.fetch(&url).await?;
            all.extend(prices::parse(&bytes)?);
        }
        Ok(all)
    }

    /// What these tokens cost at the end of each of so many days before today, at most a year. A token
    /// that the source does not know is missing without an error; when one of several requests fails,
    /// all do.
    pub async fn past_prices(
        &self,
        keys: &[PriceKey],
        days: u16,
        now: Timestamp,
    ) -> Result<ByCoin<Closes>, SourceError> {
        let mut all = ByCoin::default();
        for portion in prices::portions(keys, closes::MOST_KEYS) {
            let mut url = below(&self.addresses.price_chart, &portion.join(","));
            url.query_pairs_mut()
                .extend_pairs(closes::query(days, now.day()));
            let bytes = self.fetch(&url).await?;
            all.extend(closes::parse(&bytes)?);
        }
        Ok(all)
    }

    /// All protocols that the source lists.
    pub async fn protocols(&self) -> Result<Rows<ProtocolFacts>, SourceError> {
        let bytes = self
            .fetch_within(&self.addresses.protocols, protocols::BODY)
            .await?;
        aside(move || protocols::parse(&bytes)).await
    }

    /// What protocols earn: what people pay, and what of it the protocols keep. Where one of the two
    /// answers fails, both do.
    pub async fn fees(&self) -> Result<Rows<Fees>, SourceError> {
        let fees = self.income(fees::FEES).await?;
        let revenue = self.income(fees::REVENUE).await?;
        Ok(fees::joined(fees, revenue))
    }

    async fn income(&self, kind: &str) -> Result<Rows<fees::Income>, SourceError> {
        let mut url = self.addresses.fees.clone();
        url.query_pairs_mut()
            // The days of each protocol would be tens of megabytes.
            .append_pair("excludeTotalDataChart", "true")
            .append_pair("excludeTotalDataChartBreakdown", "true")
            .append_pair("dataType", kind);
        let bytes = self.fetch_within(&url, fees::BODY).await?;
        aside(move || fees::parse(&bytes)).await
    }

    /// The borrowers' side of all lending pools.
    pub async fn lend_borrow(&self) -> Result<Rows<LendingMarket>, SourceError> {
        let bytes = self.fetch(&self.addresses.lend_borrow).await?;
        aside(move || lend_borrow::parse(&bytes)).await
    }

    /// Coins that follow a currency, with their prices.
    pub async fn stablecoins(&self) -> Result<Rows<Stablecoin>, SourceError> {
        let mut url = self.addresses.stablecoins.clone();
        url.query_pairs_mut().append_pair("includePrices", "true");
        let bytes = self.fetch(&url).await?;
        aside(move || stablecoins::parse(&bytes)).await
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, SourceError> {
        self.fetch_within(url, SMALL_BODY).await
    }

    async fn fetch_within(&self, url: &Url, cap: u64) -> Result<Vec<u8>, SourceError> {
        let cap = self.fetcher.policy().max_body.min(cap);
        self.fetcher.get_anew(url, cap).await
    }
}

/// `url/segment`, with the segment escaped where it has to be.
fn below(url: &Url, segment: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(segment);
    }
    url
}

#[cfg(test)]
mod tests;
