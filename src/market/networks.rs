//! What networks pay for staking, as their own sources last said, and how those sources do.
//!
//! Each source is asked a few times a day by itself, and none is needed: without it, its figures are not
//! known. Nothing is kept over a restart, after which all are asked at once.

use std::{collections::BTreeMap, time::Duration};

use super::health::{Health, words_of};
use crate::{
    domain::{
        rating::Rating,
        staking::{Network, NetworkRate, ReceiptRate, Unknown},
        time::{Span, Timestamp},
    },
    sources::{
        SourceError,
        cardano::Cardano,
        cosmos::Cosmos,
        fetch::{Backoff, Outcome, Schedule},
        lido::Lido,
        solana::Solana,
        token_metrics::{RatingError, TokenId, TokenMetrics},
    },
};

/// What is older than this is not known any more.
const OLDEST: Span = Span::days(3);
/// These sources change a few times a day, so nothing is lost by leaving one that fails alone.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_mins(1),
    longest: Duration::from_hours(1),
};

/// Everything that is known of networks at one moment: immutable, and swapped whole.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    rates: BTreeMap<Network, NetworkRate>,
    receipts: BTreeMap<Network, ReceiptRate>,
    ratings: BTreeMap<Network, Rating>,
    followed: BTreeMap<Origin, Followed>,
}

/// A source of networks' figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    Lido,
    Solana,
    Cosmos,
    Cardano,
    TokenMetrics,
}

impl Origin {
    /// As people know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lido => "Lido",
            Self::Solana => "Solana RPC",
            Self::Cosmos => "Cosmos Hub node",
            Self::Cardano => "Koios (Cardano)",
            Self::TokenMetrics => "Token Metrics",
        }
    }

    /// The source that states what this network pays; `None` where there is none without a key.
    const fn of_rate(network: Network) -> Option<Self> {
        match network {
            Network::Solana => Some(Self::Solana),
            Network::Cosmos => Some(Self::Cosmos),
            Network::Cardano => Some(Self::Cardano),
            Network::Ethereum | Network::Polkadot => None,
        }
    }
}

/// A source that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub health: Health,
    /// From one asking to the next while all is well.
    pub interval: Span,
}

impl Networks {
    /// Before the first answers of these sources, asked at these intervals.
    pub fn watching(sources: impl IntoIterator<Item = (Origin, Span)>) -> Self {
        let followed = |(origin, interval)| {
            let health = Health::default();
            (origin, Followed { health, interval })
        };
        Self {
            followed: sources.into_iter().map(followed).collect(),
            ..Self::default()
        }
    }

    /// What a network pays for a stake.
    pub fn rate(&self, network: Network, now: Timestamp) -> Result<&NetworkRate, Unknown> {
        let origin = Origin::of_rate(network).ok_or(Unknown::NoSource)?;
        let rate = self.rates.get(&network).ok_or(self.unanswered(origin))?;
        fresh(rate, rate.read_at, now)
    }

    /// What a receipt token of the network earns by its own protocol's word.
    pub fn receipt(&self, network: Network, now: Timestamp) -> Option<&ReceiptRate> {
        let receipt = self.receipts.get(&network)?;
        fresh(receipt, receipt.read_at, now).ok()
    }

    /// What a rating agency thinks of what is staked.
    pub fn rating(&self, network: Network, now: Timestamp) -> Option<&Rating> {
        let rating = self.ratings.get(&network)?;
        fresh(rating, rating.read_at, now).ok()
    }

    /// Each source that is asked, and how it does.
    pub fn followed(&self) -> impl Iterator<Item = (Origin, &Followed)> {
        self.followed.iter().map(|(origin, it)| (*origin, it))
    }

    fn unanswered(&self, origin: Origin) -> Unknown {
        if self.followed.contains_key(&origin) {
            Unknown::NotAnswered
        } else {
            Unknown::SwitchedOff
        }
    }

    /// The same with what a source has answered, or with its failure. Nothing comes of a source that is
    /// not watched.
    #[must_use]
    pub fn with(&self, origin: Origin, said: Result<Said, String>, now: Timestamp) -> Self {
        let mut networks = self.clone();
        let Some(Followed { health, .. }) = networks.followed.get_mut(&origin) else {
            return networks;
        };
        match said {
            Ok(said) => {
                health.answered(now);
                networks.take_in(said);
            }
            Err(what) => health.failed(now, what),
        }
        networks
    }

    fn take_in(&mut self, said: Said) {
        match said {
            Said::Rate(rate) => {
                self.rates.insert(rate.network, rate);
            }
            Said::Receipt(receipt) => {
                self.receipts.insert(receipt.network, receipt);
            }
            Said::Ratings(ratings) => self.ratings.extend(ratings),
        }
    }
}

fn fresh<T>(value: &T, read_at: Timestamp, now: Timestamp) -> Result<&T, Unknown> {
    if now.since(read_at) <= OLDEST.0 {
        Ok(value)
    } else {
        Err(Unknown::TooOld(read_at))
    }
}

/// What one source has answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Rate(NetworkRate),
    Receipt(ReceiptRate),
    Ratings(BTreeMap<Network, Rating>),
}

/// A client of one source.
#[derive(Debug)]
pub enum Source {
    Lido(Lido),
    Solana(Solana),
    Cosmos(Cosmos),
    Cardano(Cardano),
    TokenMetrics(TokenMetrics),
}

impl Source {
    pub const fn origin(&self) -> Origin {
        match self {
            Self::Lido(_) => Origin::Lido,
            Self::Solana(_) => Origin::Solana,
            Self::Cosmos(_) => Origin::Cosmos,
            Self::Cardano(_) => Origin::Cardano,
            Self::TokenMetrics(_) => Origin::TokenMetrics,
        }
    }

    /// Asks once. A failure comes in words for people and as a schedule wants it.
    async fn ask(&self, now: Timestamp) -> Result<Said, (String, Outcome)> {
        let of_source = |error: SourceError| {
            let words = words_of(&error);
            (words, Outcome::of::<()>(&Err(error)))
        };
        match self {
            Self::Lido(source) => source.rate(now).await.map(Said::Receipt),
            Self::Solana(source) => source.rate(now).await.map(Said::Rate),
            Self::Cosmos(source) => source.rate(now).await.map(Said::Rate),
            Self::Cardano(source) => source.rate(now).await.map(Said::Rate),
            Self::TokenMetrics(source) => {
                return ratings(source, now).await.map_err(|error| {
                    let words = words_of(&error);
                    (words, error.outcome())
                });
            }
        }
        .map_err(of_source)
    }
}

/// The source's own numbers of what networks stake, as its captured answers have them.
const fn token_of(network: Network) -> TokenId {
    TokenId(match network {
        Network::Ethereum => 3306,
        Network::Solana => 3988,
        Network::Polkadot => 3924,
        Network::Cosmos => 3720,
        Network::Cardano => 3315,
    })
}

async fn ratings(source: &TokenMetrics, now: Timestamp) -> Result<Said, RatingError> {
    let tokens = Network::ALL.map(token_of);
    let ratings = source.ratings(&tokens, now).await?;
    let of_network = |network| Some((network, *ratings.get(&token_of(network))?));
    let by_network = Network::ALL.into_iter().filter_map(of_network);
    Ok(Said::Ratings(by_network.collect()))
}

/// One source and when it is asked next.
#[derive(Debug)]
pub struct Follower {
    source: Source,
    interval: Span,
    schedule: Schedule,
}

impl Follower {
    pub const fn new(source: Source, interval: Span) -> Self {
        Self {
            source,
            interval,
            schedule: Schedule::new(BACKOFF),
        }
    }

    pub const fn origin(&self) -> Origin {
        self.source.origin()
    }

    pub const fn interval(&self) -> Span {
        self.interval
    }

    /// Asks once, and says how long to wait before the next time. `random` is from 0 to 1.
    pub async fn ask(&mut self, now: Timestamp, random: f64) -> (Result<Said, String>, Duration) {
        let (said, outcome) = match self.source.ask(now).await {
            Ok(said) => (Ok(said), Outcome::Answered),
            Err((words, outcome)) => (Err(words), outcome),
        };
        let wait = self.schedule.next_delay(outcome, self.interval.0, random);
        (said, wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::rate::Percent,
        market::fixture::{day, hour},
        sources::fetch::{Fetcher, Policy},
    };

    fn rate(network: Network, read_at: Timestamp) -> NetworkRate {
        NetworkRate {
            network,
            gross_apr: Percent::new(7.0),
            compounding: None,
            inflation: None,
            commission: None,
            community_tax: None,
            unlock: None,
            origin: "Solana RPC",
            read_at,
        }
    }

    fn watching() -> Networks {
        Networks::watching([(Origin::Solana, Span::hours(6))])
    }

    #[test]
    fn what_is_not_known_says_why() {
        let networks = watching();
        let why = |network| networks.rate(network, hour(0)).unwrap_err();
        assert_eq!(why(Network::Solana), Unknown::NotAnswered);
        assert_eq!(why(Network::Cosmos), Unknown::SwitchedOff);
        assert_eq!(why(Network::Polkadot), Unknown::NoSource);
        assert_eq!(why(Network::Ethereum), Unknown::NoSource);
    }

    #[test]
    fn a_rate_is_known_for_three_days() {
        let said = Said::Rate(rate(Network::Solana, hour(0)));
        let networks = watching().with(Origin::Solana, Ok(said), hour(0));
        assert!(networks.rate(Network::Solana, day(3)).is_ok());
        assert_eq!(
            networks.rate(Network::Solana, hour(73)),
            Err(Unknown::TooOld(hour(0)))
        );
    }

    #[test]
    fn a_failure_leaves_what_was_said_and_is_counted() {
        let said = Said::Rate(rate(Network::Solana, hour(0)));
        let networks = watching()
            .with(Origin::Solana, Ok(said.clone()), hour(0))
            .with(Origin::Solana, Err("no".to_owned()), hour(6))
            .with(Origin::Solana, Err("status 503".to_owned()), hour(7));
        assert!(networks.rate(Network::Solana, hour(8)).is_ok());
        let (_, Followed { health, interval }) = networks.followed().next().unwrap();
        assert_eq!(health.answered_at, Some(hour(0)));
        let trouble = health.trouble.as_ref().unwrap();
        assert_eq!((trouble.in_a_row, trouble.what.as_str()), (2, "status 503"));
        assert_eq!(*interval, Span::hours(6));
        let mended = networks.with(Origin::Solana, Ok(said), hour(9));
        assert_eq!(mended.followed().next().unwrap().1.health.trouble, None);
    }

    #[test]
    fn ratings_and_receipts_are_known_for_three_days_and_only_of_who_is_asked() {
        let rating = Rating {
            trader: Some(62.0),
            read_at: hour(0),
            ..Rating::default()
        };
        let said = || Ok(Said::Ratings(BTreeMap::from([(Network::Solana, rating)])));
        let asked = Networks::watching([(Origin::TokenMetrics, Span::hours(24))]);
        let networks = asked.with(Origin::TokenMetrics, said(), hour(0));
        assert_eq!(networks.rating(Network::Solana, day(3)), Some(&rating));
        assert_eq!(networks.rating(Network::Cosmos, day(3)), None);
        assert_eq!(networks.rating(Network::Solana, hour(73)), None);
        let unasked = watching().with(Origin::TokenMetrics, said(), hour(0));
        assert_eq!(unasked.rating(Network::Solana, hour(0)), None);
    }

    /// A port on which nobody listens.
    async fn nobody() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    #[tokio::test]
    async fn a_source_that_cannot_be_reached_is_asked_again_later_and_later() {
        let fetcher = Fetcher::new(Policy::default()).unwrap();
        let lido = Lido::new(fetcher, &nobody().await).unwrap();
        let mut follower = Follower::new(Source::Lido(lido), Span::hours(6));
        let mut waits = Vec::new();
        for _ in 0..5 {
            let (said, wait) = follower.ask(hour(0), 1.0).await;
            assert_eq!(
                said.unwrap_err(),
                "the source cannot be reached: the connection failed"
            );
            waits.push(wait.as_secs() / 60);
        }
        assert_eq!(waits, [1, 2, 4, 8, 60]);
    }
}
