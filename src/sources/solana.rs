//! Solana: what a stake earns by the network's own figures, asked of a node by JSON-RPC.
//!
//! The yield of a stake is the validators' part of the inflation over the share of the supply that is
//! staked. Tips for block builders (MEV) and priority fees come on top and are not in it: no node states
//! them.

use std::num::NonZero;

use reqwest::Url;
use serde_json::{json, value::RawValue};

use super::{
    SMALL_BODY, SetupError, SourceError, address, aside, excerpt,
    fetch::Fetcher,
    wire::{Cell, cells, count_in, each_in, number_in, root_of, row, text_in, whole_in},
};
use crate::domain::{
    rate::Percent,
    staking::{Network, NetworkRate},
    time::Timestamp,
};

/// Where it is asked by default.
pub const URL: &str = "https://api.mainnet-beta.solana.com";
/// Rewards join a stake at the end of each epoch of 432,000 slots, some 48 hours.
const EPOCHS_A_YEAR: NonZero<u32> = NonZero::new(182).unwrap();
/// Vote accounts without a stake that can be read, out of a hundred, from which on the shape of the
/// answer must have changed.
const MOST_BAD: u32 = 10;

/// The client.
#[derive(Debug, Clone)]
pub struct Solana {
    fetcher: Fetcher,
    url: Url,
}

impl Solana {
    /// Asks nothing yet.
    pub fn new(fetcher: Fetcher, url: &str) -> Result<Self, SetupError> {
        Ok(Self {
            fetcher,
            url: address("sources.solana.url", url)?,
        })
    }

    /// What a stake earns, in three questions.
    pub async fn rate(&self, now: Timestamp) -> Result<NetworkRate, SourceError> {
        let inflation = inflation(&self.ask("getInflationRate", json!([])).await?)?;
        // Without the list of accounts the answer is short.
        let brief = json!([{ "excludeNonCirculatingAccountsList": true }]);
        let supply = supply(&self.ask("getSupply", brief).await?)?;
        // Some thousand accounts of a few hundred bytes each.
        let votes = self.ask("getVoteAccounts", json!([])).await?;
        let stakes = aside(move || stakes(&votes)).await?;
        let share = stakes.all / supply;
        if !(share > 0.0 && share <= 1.0) {
            return Err(SourceError::Malformed(
                "more is staked than there is, or nothing".to_owned(),
            ));
        }
        Ok(NetworkRate {
            network: Network::Solana,
            gross_apr: Percent::from_fraction(inflation.validator / share),
            compounding: Some(EPOCHS_A_YEAR),
            inflation: Percent::from_fraction(inflation.total),
            commission: stakes.median_commission(),
            community_tax: None,
            unlock: None,
            origin: "Solana RPC",
            read_at: now,
        })
    }

    async fn ask(
        &self,
        method: &str,
        parameters: serde_json::Value,
    ) -> Result<Vec<u8>, SourceError> {
        let question = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
        let cap = self.fetcher.policy().max_body.min(SMALL_BODY);
        self.fetcher.post_within(&self.url, &question, cap).await
    }
}

cells! {
    ReplyCells {
        result: "result",
        error: "error",
    }
}

cells! {
    ErrorCells {
        message: "message",
    }
}

/// What a reply carries. A node that refuses says so in the body, with status 200.
fn result_of(body: &[u8]) -> Result<&RawValue, SourceError> {
    let reply: ReplyCells<'_> = row(root_of(body)?);
    if let Some(error) = reply.error.filter(|error| error.get() != "null") {
        let said: ErrorCells<'_> = row(error);
        let words = text_in(said.message).unwrap_or_default();
        return Err(SourceError::Malformed(format!(
            "the node answers with an error: \"{}\"",
            excerpt(words.as_bytes())
        )));
    }
    reply
        .result
        .ok_or_else(|| SourceError::Malformed("it has no result".to_owned()))
}

/// Fractions of the supply a year.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Inflation {
    total: f64,
    /// What of it goes to validators and their stakers.
    validator: f64,
}

cells! {
    InflationCells {
        total: "total",
        validator: "validator",
    }
}

fn inflation(body: &[u8]) -> Result<Inflation, SourceError> {
    let cells: InflationCells<'_> = row(result_of(body)?);
    // A figure above one would be percent, or an error.
    let share = |cell: Cell<'_>| number_in(cell).filter(|share| (0.0..=1.0).contains(share));
    share(cells.total)
        .zip(share(cells.validator))
        .map(|(total, validator)| Inflation { total, validator })
        .ok_or_else(|| SourceError::Malformed("it holds no inflation".to_owned()))
}

cells! {
    SupplyCells {
        value: "value",
    }
}

cells! {
    AmountCells {
        total: "total",
    }
}

/// All there is, in lamports and above zero. A body that does not say is malformed.
pub fn supply(body: &[u8]) -> Result<f64, SourceError> {
    let cells: SupplyCells<'_> = row(result_of(body)?);
    let amounts: AmountCells<'_> = cells.value.map(row).unwrap_or_default();
    whole_in(amounts.total)
        .filter(|total| *total > 0.0)
        .ok_or_else(|| SourceError::Malformed("it holds no supply".to_owned()))
}

/// The stakes of validators that vote; those that do not are paid nothing.
#[derive(Debug, Clone, PartialEq)]
struct Stakes {
    /// Lamports.
    all: f64,
    /// Lamports by commission in whole percent.
    by_commission: [f64; 101],
}

impl Stakes {
    /// Half of the stake is with validators that keep no more than this, in percent.
    fn median_commission(&self) -> Option<Percent> {
        let known: f64 = self.by_commission.iter().sum();
        let mut below = 0.0;
        (0_u8..)
            .zip(self.by_commission)
            .find(|(_, stake)| {
                below += stake;
                below > 0.0 && below * 2.0 >= known
            })
            .and_then(|(commission, _)| Percent::new(f64::from(commission)))
    }
}

cells! {
    VotesCells {
        current: "current",
    }
}

cells! {
    VoteCells {
        stake: "activatedStake",
        commission: "commission",
    }
}

fn stakes(body: &[u8]) -> Result<Stakes, SourceError> {
    let votes: VotesCells<'_> = row(result_of(body)?);
    let mut stakes = Stakes {
        all: 0.0,
        by_commission: [0.0; 101],
    };
    let mut bad = 0_u32;
    let rows = each_in(votes.current, |vote: VoteCells<'_>| {
        let Some(stake) = whole_in(vote.stake) else {
            bad = bad.saturating_add(1);
            return;
        };
        stakes.all += stake;
        let place = count_in(vote.commission).and_then(|kept| usize::try_from(kept).ok());
        if let Some(sum) = place.and_then(|place| stakes.by_commission.get_mut(place)) {
            *sum += stake;
        }
    })
    .ok_or_else(|| SourceError::Malformed("it has no list of vote accounts".to_owned()))?;
    if u64::from(bad) * 100 > u64::from(rows) * u64::from(MOST_BAD) {
        return Err(SourceError::TooManyBadRows { bad, rows });
    }
    Ok(stakes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::tests::served::{Answers, fetcher};

    // Made up, in the shape of the documented answers: 65 % of 600 million SOL are staked.
    const INFLATION: &str = r#"{"jsonrpc":"2.0","result":{"total":0.0455,"validator":0.0455,"foundation":0.0,"epoch":862},"id":1}"#;
    const SUPPLY: &str = r#"{"jsonrpc":"2.0","result":{"context":{"slot":1114},"value":{"total":600000000000000000,
        "circulating":500000000000000000,"nonCirculating":100000000000000000,"nonCirculatingAccounts":[]}},"id":1}"#;
    const VOTES: &str = r#"{"jsonrpc":"2.0","result":{"current":[
        {"votePubkey":"a","nodePubkey":"b","activatedStake":200000000000000000,"epochVoteAccount":true,"commission":5,"lastVote":147,"epochCredits":[[1,64,0],[2,192,64]]},
        {"votePubkey":"c","activatedStake":100000000000000000,"commission":0},
        {"votePubkey":"d","activatedStake":89000000000000000,"commission":100},
        {"votePubkey":"e","activatedStake":1000000000000000,"commission":"many"}],
        "delinquent":[{"votePubkey":"f","activatedStake":5000000000000000,"commission":10}]},"id":1}"#;

    fn answers() -> Answers {
        Answers::default()
            .with("getInflationRate", 200, INFLATION)
            .with("getSupply", 200, SUPPLY)
            .with("getVoteAccounts", 200, VOTES)
    }

    async fn rate(answers: &Answers) -> Result<NetworkRate, SourceError> {
        let solana = Solana::new(fetcher(), &answers.start().await).unwrap();
        solana.rate(Timestamp::from_millis(5)).await
    }

    #[tokio::test]
    async fn the_yield_is_the_inflation_over_the_staked_share() {
        let read = rate(&answers()).await.unwrap();
        assert!((read.gross_apr.unwrap().get() - 7.0).abs() < 1e-9);
        assert!((read.inflation.unwrap().get() - 4.55).abs() < 1e-9);
        assert_eq!(read.commission, Percent::new(5.0));
        assert_eq!(read.read_at, Timestamp::from_millis(5));
    }

    #[tokio::test]
    async fn nothing_staked_or_more_than_there_is_is_no_rate() {
        let idle = r#"{"result":{"current":[],"delinquent":[]}}"#;
        let huge = r#"{"result":{"current":[{"activatedStake":340282366920938463463374607431768211455,"commission":5}]}}"#;
        for votes in [idle, huge] {
            let odd = answers().with("getVoteAccounts", 200, votes);
            assert!(
                matches!(rate(&odd).await, Err(SourceError::Malformed(_))),
                "{votes}"
            );
        }
    }

    #[tokio::test]
    async fn what_a_node_refuses_is_told_in_its_words() {
        let sick =
            r#"{"jsonrpc":"2.0","error":{"code":-32005,"message":"Node is \u001bbehind"},"id":1}"#;
        let error = rate(&answers().with("getSupply", 200, sick))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("Node is \\u{1b}behind"),
            "{error}"
        );
        let busy = answers().with("getVoteAccounts", 429, "");
        assert!(matches!(
            rate(&busy).await,
            Err(SourceError::RateLimited { .. })
        ));
    }

    #[test]
    fn an_inflation_is_a_fraction() {
        for (json, want) in [
            (r#"{"total":0.05,"validator":"0.04"}"#, true),
            (r#"{"total":0,"validator":0}"#, true),
            (r#"{"total":4.5,"validator":0.04}"#, false),
            (r#"{"total":-0.01,"validator":0.04}"#, false),
            (r#"{"total":0.05}"#, false),
            (r#"{"total":null,"validator":0.04}"#, false),
            ("[]", false),
            ("null", false),
        ] {
            let body = format!(r#"{{"result":{json}}}"#);
            assert_eq!(inflation(body.as_bytes()).is_ok(), want, "{json}");
        }
    }

    #[test]
    fn stakes_without_a_number_are_left_out_until_they_are_many() {
        let list = |bad: usize, good: usize| {
            let rows = std::iter::repeat_n(r#"{"activatedStake":-1}"#, bad).chain(
                std::iter::repeat_n(r#"{"activatedStake":"7","commission":8}"#, good),
            );
            let rows: Vec<&str> = rows.collect();
            format!(r#"{{"result":{{"current":[{}]}}}}"#, rows.join(","))
        };
        let few = stakes(list(1, 9).as_bytes()).unwrap();
        assert!((few.all - 63.0).abs() < 1e-9);
        assert_eq!(few.median_commission(), Percent::new(8.0));
        assert!(matches!(
            stakes(list(2, 9).as_bytes()),
            Err(SourceError::TooManyBadRows { bad: 2, rows: 11 })
        ));
        let none = stakes(br#"{"result":{"current":[]}}"#).unwrap();
        assert_eq!(none.median_commission(), None);
        assert!(stakes(br#"{"result":{"current":{}}}"#).is_err());
    }

    #[test]
    fn a_body_that_is_cut_off_is_no_answer() {
        for end in 0..VOTES.len() {
            assert!(stakes(&VOTES.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(inflation(&body));
            drop(supply(&body));
            drop(stakes(&body));
        }
    }
}
