use std::path::PathBuf;

use secrecy::SecretString;

use super::{
    raw::Given,
    review::{Review, Section},
    value::{self, Expectation},
};
use crate::{
    domain::time::Span,
    sources::{cardano, coingecko, cosmos, lido, solana, token_metrics},
};

/// The source's prices are a minute old at most, and currencies move little in an hour.
const EXCHANGE_EVERY: Span = Span::hours(1);
/// Ratings change once a day.
const RATINGS_EVERY: Span = Span::hours(24);

/// `[sources.*]`: where market data comes from.
#[derive(Debug, Clone)]
pub struct Sources {
    pub defillama: DefiLlama,
    pub file: Saved,
    pub facts: Facts,
    pub incidents: Incidents,
    /// Default `https://eth-api.lido.fi`.
    pub lido: Rates,
    /// Default `https://api.mainnet-beta.solana.com`.
    pub solana: Rates,
    /// Default `https://cosmos-rest.publicnode.com`.
    pub cosmos: Rates,
    /// Default `https://api.koios.rest/api/v1`.
    pub cardano: Rates,
    /// Exchange rates. Default `https://api.coingecko.com/api/v3`, once an hour.
    pub coingecko: Keyed,
    /// Ratings, for whom they have given a key. Default `https://api.tokenmetrics.com/v2`, once a day.
    pub token_metrics: Keyed,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            defillama: DefiLlama::default(),
            file: Saved::default(),
            facts: Facts::default(),
            incidents: Incidents::default(),
            lido: Rates::at(lido::URL),
            solana: Rates::at(solana::URL),
            cosmos: Rates::at(cosmos::URL),
            cardano: Rates::at(cardano::URL),
            coingecko: Keyed::at(coingecko::URL, EXCHANGE_EVERY),
            token_metrics: Keyed::at(token_metrics::URL, RATINGS_EVERY),
        }
    }
}

impl Sources {
    pub(super) fn read(review: &mut Review) -> Self {
        let default = Self::default();
        Self {
            defillama: DefiLlama::read(&mut review.section("sources.defillama")),
            file: Saved::read(&mut review.section("sources.file")),
            facts: Facts::read(&mut review.section("sources.facts")),
            incidents: Incidents::read(&mut review.section("sources.incidents")),
            lido: Rates::read(&mut review.section("sources.lido"), lido::URL),
            solana: Rates::read(&mut review.section("sources.solana"), solana::URL),
            cosmos: Rates::read(&mut review.section("sources.cosmos"), cosmos::URL),
            cardano: Rates::read(&mut review.section("sources.cardano"), cardano::URL),
            coingecko: Keyed::read(&mut review.section("sources.coingecko"), default.coingecko),
            token_metrics: Keyed::read(
                &mut review.section("sources.token_metrics"),
                default.token_metrics,
            ),
        }
    }
}

/// `[sources.lido]`, `[sources.solana]`, `[sources.cosmos]`, `[sources.cardano]`: what networks pay for
/// staking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    /// Whether the source is asked at all. Default true.
    pub enabled: bool,
    /// What stands before the paths of the source.
    pub url: String,
    /// From one asking to the next, 1 s or more. Default 6 h.
    pub interval: Span,
}

impl Rates {
    fn at(url: &str) -> Self {
        Self {
            enabled: true,
            url: url.to_owned(),
            interval: Span::hours(6),
        }
    }

    fn read(section: &mut Section<'_>, url: &str) -> Self {
        let default = Self::at(url);
        Self {
            enabled: section.read("enabled", default.enabled, value::flag),
            url: section.read("url", default.url, value::base_url),
            interval: section.read("interval", default.interval, interval),
        }
    }
}

fn interval(given: &Given) -> Result<Span, Expectation> {
    value::span(given, value::SECOND, None)
}

/// `[sources.coingecko]`, `[sources.token_metrics]`: sources that a key may be shown to.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// Whether the source is asked at all. Default true.
    pub enabled: bool,
    /// What stands before the paths of the source.
    pub url: String,
    /// The file that holds the key. Ask [`crate::ops::secrets`] for the key itself.
    pub key_file: Option<PathBuf>,
    /// The key where no file holds it, meant for the environment.
    pub key: Option<SecretString>,
    /// From one asking to the next, 1 s or more.
    pub interval: Span,
}

impl Keyed {
    fn at(url: &str, interval: Span) -> Self {
        Self {
            enabled: true,
            url: url.to_owned(),
            key_file: None,
            key: None,
            interval,
        }
    }

    fn read(section: &mut Section<'_>, default: Self) -> Self {
        Self {
            enabled: section.read("enabled", default.enabled, value::flag),
            url: section.read("url", default.url, value::base_url),
            key_file: section.read_optional("key_file", value::path),
            key: section.read_secret("key", value::secret),
            interval: section.read("interval", default.interval, interval),
        }
    }
}

/// `[sources.file]`: answers of `DefiLlama` that are read instead of asking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saved {
    /// A file with an answer of `/pools`. Default none.
    pub path: Option<PathBuf>,
    /// A folder with answers of `/chart/{pool}`, each as `{pool}.json` or `{pool}.json.zst`. Default none.
    pub charts: Option<PathBuf>,
}

impl Saved {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            path: section.read_optional("path", value::path),
            charts: section.read_optional("charts", value::path),
        }
    }
}

/// `[sources.defillama]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefiLlama {
    /// Whether `DefiLlama` is asked at all. Default true.
    pub enabled: bool,
    /// Where all pools are listed. Default `https://yields.llama.fi/pools`.
    pub pools_url: String,
    /// What stands before `/{pool}` for the past of one pool. Default `https://yields.llama.fi/chart`.
    pub chart_url: String,
    /// What stands before `/{assets}` for prices. Default `https://coins.llama.fi/prices/current`.
    pub prices_url: String,
    /// What stands before `/{time}/{assets}` for prices at a time. Default
    /// `https://coins.llama.fi/prices/historical`.
    pub historical_prices_url: String,
    /// What stands before `/{assets}` for past prices. Default `https://coins.llama.fi/chart`.
    pub price_chart_url: String,
    /// Where all protocols are listed. Default `https://api.llama.fi/protocols`.
    pub protocols_url: String,
    /// What protocols earn. Default `https://api.llama.fi/overview/fees`.
    pub fees_url: String,
    /// The borrowers' side of lending pools. Default `https://yields.llama.fi/lendBorrow`.
    pub lend_borrow_url: String,
    /// Coins that follow a currency. Default `https://stablecoins.llama.fi/stablecoins`.
    pub stablecoins_url: String,
    /// From one fetch of the pools to the next, 1 s or more. Default 15 min.
    pub interval: Span,
    /// How many charts of pools that nobody watches are read an hour, 0 to 3600. Default 120.
    pub backfill_per_hour: u32,
    /// The largest answer that is read, in bytes after decompression, 1 KiB to 1 GiB. Default 64 MiB.
    pub max_body_bytes: u64,
    /// How long an answer may take as a whole, 1 s to 10 min. Default 60 s.
    pub timeout: Span,
}

impl Default for DefiLlama {
    fn default() -> Self {
        Self {
            enabled: true,
            pools_url: "https://yields.llama.fi/pools".to_owned(),
            chart_url: "https://yields.llama.fi/chart".to_owned(),
            prices_url: "https://coins.llama.fi/prices/current".to_owned(),
            historical_prices_url: "https://coins.llama.fi/prices/historical".to_owned(),
            price_chart_url: "https://coins.llama.fi/chart".to_owned(),
            protocols_url: "https://api.llama.fi/protocols".to_owned(),
            fees_url: "https://api.llama.fi/overview/fees".to_owned(),
            lend_borrow_url: "https://yields.llama.fi/lendBorrow".to_owned(),
            stablecoins_url: "https://stablecoins.llama.fi/stablecoins".to_owned(),
            interval: Span::minutes(15),
            backfill_per_hour: 120,
            max_body_bytes: 64 * 1024 * 1024,
            timeout: Span::minutes(1),
        }
    }
}

impl DefiLlama {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            enabled: section.read("enabled", default.enabled, value::flag),
            pools_url: section.read("pools_url", default.pools_url, value::base_url),
            chart_url: section.read("chart_url", default.chart_url, value::base_url),
            prices_url: section.read("prices_url", default.prices_url, value::base_url),
            historical_prices_url: section.read(
                "historical_prices_url",
                default.historical_prices_url,
                value::base_url,
            ),
            price_chart_url: section.read(
                "price_chart_url",
                default.price_chart_url,
                value::base_url,
            ),
            protocols_url: section.read("protocols_url", default.protocols_url, value::base_url),
            fees_url: section.read("fees_url", default.fees_url, value::base_url),
            lend_borrow_url: section.read(
                "lend_borrow_url",
                default.lend_borrow_url,
                value::base_url,
            ),
            stablecoins_url: section.read(
                "stablecoins_url",
                default.stablecoins_url,
                value::base_url,
            ),
            interval: section.read("interval", default.interval, |given| {
                value::span(given, value::SECOND, None)
            }),
            backfill_per_hour: section.read(
                "backfill_per_hour",
                default.backfill_per_hour,
                |given| value::whole(given, 0..=3600, |number| u32::try_from(number).ok()),
            ),
            max_body_bytes: section.read("max_body_bytes", default.max_body_bytes, |given| {
                value::whole(given, 1024..=1 << 30, Some)
            }),
            timeout: section.read("timeout", default.timeout, |given| {
                value::span(given, value::SECOND, Some(Span::minutes(10)))
            }),
        }
    }
}

/// `[sources.facts]`: how often `DefiLlama` is asked for what is known beside the pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether it is asked for that at all. Default true.
    pub enabled: bool,
    /// From one list of protocols to the next, 1 s or more. Default 1 h: an incident needs two of them.
    pub protocols_every: Span,
    /// From one list of fees to the next, 1 s or more. Default 12 h.
    pub fees_every: Span,
    /// From one list of loans to the next, 1 s or more. Default 1 h.
    pub lend_borrow_every: Span,
    /// From one list of coins to the next, 1 s or more. Default 1 h.
    pub stablecoins_every: Span,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            enabled: true,
            protocols_every: Span::hours(1),
            fees_every: Span::hours(12),
            lend_borrow_every: Span::hours(1),
            stablecoins_every: Span::hours(1),
        }
    }
}

impl Facts {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let enabled = section.read("enabled", default.enabled, value::flag);
        let mut every = |key: &str, default| {
            section.read(key, default, |given| {
                value::span(given, value::SECOND, None)
            })
        };
        Self {
            enabled,
            protocols_every: every("protocols_every", default.protocols_every),
            fees_every: every("fees_every", default.fees_every),
            lend_borrow_every: every("lend_borrow_every", default.lend_borrow_every),
            stablecoins_every: every("stablecoins_every", default.stablecoins_every),
        }
    }
}

/// `[sources.incidents]`: what has gone wrong with protocols in the past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Incidents {
    /// A file with a list in the shape of `DefiLlama`'s list of hacks, plain or packed as `.zst`.
    /// Default none.
    pub path: Option<PathBuf>,
}

impl Incidents {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            path: section.read_optional("path", value::path),
        }
    }
}
