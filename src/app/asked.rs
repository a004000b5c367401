//! Who is asked, as the configuration says: nobody in the world where a file or a stand-in on this machine
//! takes their place.

use std::time::Duration;

use super::RunError;
use crate::{
    market::{
        facts::rounds,
        indices::Indices,
        networks::{self, Follower},
    },
    ops::{
        config::{self, Config},
        secrets,
    },
    sources::{
        SetupError,
        cardano::Cardano,
        coingecko::Coingecko,
        cosmos::Cosmos,
        defillama::{self, Defillama},
        fetch::{Fetcher, Policy, is_on_this_machine},
        lido::Lido,
        solana::Solana,
        token_metrics::TokenMetrics,
    },
};

/// Who is asked for what is known beside the pools, as the configuration says: nobody but a file on
/// this machine where the pools come from one, or `DefiLlama` is switched off.
pub(super) fn fact_sources(config: &Config, source: &Defillama) -> Vec<(rounds::Source, Duration)> {
    /// A file is looked at so often.
    const FILE_EVERY: Duration = Duration::from_hours(1);
    let sources = &config.sources;
    let mut asked = Vec::new();
    let facts = &sources.facts;
    if sources.defillama.enabled && sources.file.path.is_none() && facts.enabled {
        asked.extend([
            (
                rounds::Source::Protocols(source.clone()),
                facts.protocols_every.0,
            ),
            (rounds::Source::Fees(source.clone()), facts.fees_every.0),
            (
                rounds::Source::Loans(source.clone()),
                facts.lend_borrow_every.0,
            ),
            (
                rounds::Source::Stablecoins(source.clone()),
                facts.stablecoins_every.0,
            ),
        ]);
    }
    if let Some(path) = &sources.incidents.path {
        asked.push((rounds::Source::Incidents(path.clone()), FILE_EVERY));
    }
    asked
}

/// The upstream as the configuration describes it.
pub(crate) fn defillama(config: &Config) -> Result<Defillama, SetupError> {
    let settings = &config.sources.defillama;
    Defillama::new(&defillama::Settings {
        pools_url: settings.pools_url.clone(),
        chart_url: settings.chart_url.clone(),
        prices_url: settings.prices_url.clone(),
        historical_prices_url: settings.historical_prices_url.clone(),
        price_chart_url: settings.price_chart_url.clone(),
        protocols_url: settings.protocols_url.clone(),
        fees_url: settings.fees_url.clone(),
        lend_borrow_url: settings.lend_borrow_url.clone(),
        stablecoins_url: settings.stablecoins_url.clone(),
        policy: Policy {
            total: settings.timeout.0,
            max_body: settings.max_body_bytes,
            ..Policy::default()
        },
    })
}

/// The sources of networks' figures that may be asked, each with how often.
pub(crate) fn followers(config: &Config) -> Result<Vec<Follower>, RunError> {
    let sources = &config.sources;
    let fetcher = patient()?;
    let may_ask = |url: &str| may_ask(config, url);
    let is_on = |rates: &config::Rates| rates.enabled && may_ask(&rates.url);
    let fetcher = || fetcher.clone();
    let mut followers = Vec::new();
    let mut follow = |source, interval| followers.push(Follower::new(source, interval));
    if is_on(&sources.lido) {
        let source = Lido::new(fetcher(), &sources.lido.url)?;
        follow(networks::Source::Lido(source), sources.lido.interval);
    }
    if is_on(&sources.solana) {
        let source = Solana::new(fetcher(), &sources.solana.url)?;
        follow(networks::Source::Solana(source), sources.solana.interval);
    }
    if is_on(&sources.cosmos) {
        let source = Cosmos::new(fetcher(), &sources.cosmos.url)?;
        follow(networks::Source::Cosmos(source), sources.cosmos.interval);
    }
    if is_on(&sources.cardano) {
        let source = Cardano::new(fetcher(), &sources.cardano.url)?;
        follow(networks::Source::Cardano(source), sources.cardano.interval);
    }
    if let Some(source) = token_metrics(config, fetcher())? {
        let interval = sources.token_metrics.interval;
        follow(networks::Source::TokenMetrics(source), interval);
    }
    Ok(followers)
}

/// Who is asked what a dollar is in other currencies, as the configuration says; `None` for nobody.
pub(crate) fn exchange(config: &Config) -> Result<Option<Coingecko>, RunError> {
    let settings = &config.sources.coingecko;
    if !settings.enabled || !may_ask(config, &settings.url) {
        return Ok(None);
    }
    let key = secrets::coingecko_key(config)?;
    let source = Coingecko::new(patient()?, &settings.url, key.as_ref())?;
    Ok(Some(source))
}

/// Whether this address may be asked: any by whoever talks to Discord itself, and only one on this machine
/// by whoever talks to a stand-in for it here, which is a test or a demonstration.
fn may_ask(config: &Config, url: &str) -> bool {
    !is_on_this_machine(&config.discord.api_url) || is_on_this_machine(url)
}

/// A client for small answers, each of which may take half a minute; who cannot wait so long gives up sooner.
fn patient() -> Result<Fetcher, SetupError> {
    let policy = Policy {
        total: Duration::from_secs(30),
        ..Policy::default()
    };
    Fetcher::new(policy).map_err(SetupError::Client)
}

/// The rating agency, where there is a key and it may be asked.
fn token_metrics(config: &Config, fetcher: Fetcher) -> Result<Option<TokenMetrics>, RunError> {
    let ratings = &config.sources.token_metrics;
    if !may_ask(config, &ratings.url) {
        return Ok(None);
    }
    let Some(key) = secrets::token_metrics_key(config)? else {
        return Ok(None);
    };
    Ok(Some(TokenMetrics::new(fetcher, &ratings.url, &key)?))
}

/// Who is asked for the indices of the rating agency, with a patience of our own.
pub(super) fn indices(config: &Config) -> Result<Indices, RunError> {
    let fetcher = Fetcher::new(Policy::default()).map_err(SetupError::Client)?;
    Ok(Indices::new(token_metrics(config, fetcher)?))
}

/// Who knows the past of pools: the folder of saved charts, or the upstream where it is asked for the
/// pools as well.
pub(super) fn charts(config: &Config, source: &Defillama) -> Option<Defillama> {
    let saved = &config.sources.file;
    match &saved.charts {
        Some(folder) => Some(source.clone().with_saved_charts(folder)),
        None => (saved.path.is_none() && config.sources.defillama.enabled).then(|| source.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{market::networks::Origin, ops::config::Raw};

    fn config(settings: &[(&str, &str)]) -> Config {
        let settings = settings
            .iter()
            .map(|(name, value)| (format!("STIPEND_{name}"), (*value).to_owned()));
        Config::check(Raw::read(None, settings.collect())).unwrap()
    }

    fn followed(settings: &[(&str, &str)]) -> Vec<Origin> {
        let followers = followers(&config(settings)).unwrap();
        followers.iter().map(Follower::origin).collect()
    }

    #[test]
    fn what_needs_no_key_is_asked_and_each_can_be_switched_off() {
        let keyless = [
            Origin::Lido,
            Origin::Solana,
            Origin::Cosmos,
            Origin::Cardano,
        ];
        assert_eq!(followed(&[]), keyless);
        let key = ("SOURCES__TOKEN_METRICS__KEY", "tm-1");
        assert!(followed(&[key]).contains(&Origin::TokenMetrics));
        let off = [
            key,
            ("SOURCES__LIDO__ENABLED", "false"),
            ("SOURCES__SOLANA__ENABLED", "false"),
            ("SOURCES__COSMOS__ENABLED", "false"),
            ("SOURCES__CARDANO__ENABLED", "false"),
            ("SOURCES__TOKEN_METRICS__ENABLED", "false"),
        ];
        assert_eq!(followed(&off), []);
    }

    fn asks_for_exchange(settings: &[(&str, &str)]) -> bool {
        exchange(&config(settings)).unwrap().is_some()
    }

    #[test]
    fn exchange_rates_are_asked_for_unless_that_is_switched_off_or_leads_off_this_machine() {
        let stand_in = ("DISCORD__API_URL", "http://127.0.0.1:4000");
        let here = ("SOURCES__COINGECKO__URL", "http://127.0.0.1:1/api");
        assert!(asks_for_exchange(&[]));
        assert!(!asks_for_exchange(&[(
            "SOURCES__COINGECKO__ENABLED",
            "false"
        )]));
        assert!(!asks_for_exchange(&[stand_in]));
        assert!(asks_for_exchange(&[stand_in, here]));
    }

    /// Every test and the demonstration talk to a stand-in for Discord.
    #[test]
    fn whoever_talks_to_a_stand_in_asks_nobody_in_the_world() {
        for discord in [
            "http://127.0.0.1:4000",
            "http://[::1]:4000",
            "http://localhost:4000",
        ] {
            let mut settings = vec![
                ("DISCORD__API_URL", discord),
                ("SOURCES__TOKEN_METRICS__KEY", "tm-1"),
            ];
            assert_eq!(followed(&settings), [], "{discord}");
            settings.push(("SOURCES__SOLANA__URL", "http://127.0.0.1:1/rpc"));
            assert_eq!(followed(&settings), [Origin::Solana], "{discord}");
        }
    }

    /// Who is asked with these settings: whether for charts, and for how many lists.
    fn asked(settings: &[(&str, &str)]) -> (bool, usize) {
        let settings = settings
            .iter()
            .map(|(name, value)| (format!("STIPEND_SOURCES__{name}"), (*value).to_owned()))
            .collect();
        let config = Config::check(Raw::read(None, settings)).unwrap();
        let source = defillama(&config).unwrap();
        let charts = charts(&config, &source).is_some();
        (charts, fact_sources(&config, &source).len())
    }

    #[test]
    fn nobody_is_asked_who_is_switched_off_or_replaced_by_a_file() {
        let off = ("DEFILLAMA__ENABLED", "false");
        let file = ("FILE__PATH", "pools.json");
        let incidents = ("INCIDENTS__PATH", "incidents.json");
        assert_eq!(asked(&[]), (true, 4));
        assert_eq!(asked(&[("FACTS__ENABLED", "false")]), (true, 0));
        assert_eq!(asked(&[off]), (false, 0));
        assert_eq!(asked(&[file]), (false, 0));
        // Files on this machine are read all the same.
        assert_eq!(asked(&[off, incidents]), (false, 1));
        assert_eq!(
            asked(&[file, incidents, ("FILE__CHARTS", "charts")]),
            (true, 1)
        );
    }
}
