//! `DefiLlama`: all pools once an hour, a pool's past, and prices of tokens.
//!
//! The pools change hourly and are ready by about 25 minutes past; asking more often gives the same
//! bytes. Everything here is keyless, but the addresses are settings: one may point at a paid plan,
//! whose key is part of the path, so no address is ever printed.

use std::{fmt, path::PathBuf, sync::Arc};

use reqwest::Url;

use super::{
    Answer, Outage, SourceError,
    fetch::{Fetched, Fetcher, Policy, Validators},
    file, wire,
};
use crate::domain::{ids::PoolId, time::Timestamp};

pub mod categories;
pub mod chart;
pub mod pools;
pub mod prices;

use categories::Categories;
use chart::ChartDay;
use prices::{PriceKey, Prices};

/// The cap on decoded bytes of everything but the list of pools.
pub(super) const SMALL_BODY: u64 = 8 * 1024 * 1024;

/// Where `DefiLlama` is asked, and within which limits.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub pools_url: String,
    /// `/{pool id}` is added to it.
    pub chart_url: String,
    /// `/{keys}` is added to it.
    pub prices_url: String,
    pub policy: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pools_url: "https://yields.llama.fi/pools".to_owned(),
            chart_url: "https://yields.llama.fi/chart".to_owned(),
            prices_url: "https://coins.llama.fi/prices/current".to_owned(),
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

/// Why the client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Names the setting and not its value, which may hold a key.
    #[error("{0} is no http or https address")]
    Address(&'static str),
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// The client. A clone shares the connections, and remembers by itself what it read last.
#[derive(Clone)]
pub struct Defillama {
    fetcher: Fetcher,
    pools_url: Url,
    chart_url: Url,
    prices_url: Url,
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
        Ok(Self {
            fetcher: Fetcher::new(settings.policy).map_err(SetupError::Client)?,
            pools_url: address("pools_url", &settings.pools_url)?,
            chart_url: address("chart_url", &settings.chart_url)?,
            prices_url: address("prices_url", &settings.prices_url)?,
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

    /// All pools, or that they are as they were. `now` is the time of fetching.
    ///
    /// An answer that cannot be used is forgotten, so the same bytes are an error again next time
    /// and not [`Answer::Unchanged`].
    pub async fn pools(&mut self, now: Timestamp) -> Result<Answer, SourceError> {
        let (bytes, validators) = match self.fetcher.get(&self.pools_url, &self.validators).await? {
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
        let url = below(&self.chart_url, &pool.to_string());
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
    pub async fn prices(&self, keys: &[PriceKey]) -> Result<Prices, SourceError> {
        let mut all = Prices::default();
        for portion in prices::portions(keys) {
            let url = below(&self.prices_url, &portion.join(","));
            let bytes = self.fetch(&url).await?;
            all.extend(prices::parse(&bytes)?);
        }
        Ok(all)
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, SourceError> {
        let cap = self.fetcher.policy().max_body.min(SMALL_BODY);
        self.fetcher.get_anew(url, cap).await
    }
}

pub(super) fn address(setting: &'static str, text: &str) -> Result<Url, SetupError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or(SetupError::Address(setting))
}

/// `url/segment`, with the segment escaped where it has to be.
pub(super) fn below(url: &Url, segment: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(segment);
    }
    url
}

/// Runs work that takes milliseconds where it does not keep other tasks waiting.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(SourceError::Unavailable(Outage::BrokenOff)))
}

#[cfg(test)]
mod tests;
