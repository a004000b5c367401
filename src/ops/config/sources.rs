use std::path::PathBuf;

use super::{
    review::{Review, Section},
    value,
};
use crate::domain::time::Span;

/// `[sources.*]`: where market data comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    pub defillama: DefiLlama,
    pub file: Saved,
}

impl Sources {
    pub(super) fn read(review: &mut Review) -> Self {
        Self {
            defillama: DefiLlama::read(&mut review.section("sources.defillama")),
            file: Saved::read(&mut review.section("sources.file")),
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
    /// From one fetch of the pools to the next, 1 s or more. Default 15 min.
    pub interval: Span,
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
            interval: Span::minutes(15),
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
            interval: section.read("interval", default.interval, |given| {
                value::span(given, value::SECOND, None)
            }),
            max_body_bytes: section.read("max_body_bytes", default.max_body_bytes, |given| {
                value::whole(given, 1024..=1 << 30, Some)
            }),
            timeout: section.read("timeout", default.timeout, |given| {
                value::span(given, value::SECOND, Some(Span::minutes(10)))
            }),
        }
    }
}
