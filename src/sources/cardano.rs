//! Cardano: what a delegation earns by the network's own figures, asked of Koios.
//!
//! The rate is worked out: the rewards of an epoch over its active stake, as the mean of the last six
//! epochs that are complete, times the 73 epochs of a year. That is before a pool's margin and fixed
//! cost. The supply's growth over the same kind of epochs stands for the inflation.

use std::num::NonZero;

use reqwest::Url;

use super::{
    SMALL_BODY, SetupError, SourceError, address,
    fetch::{Fetcher, joined},
    wire::{cells, count_in, each_in, moment_in, root_of, whole_in},
};
use crate::domain::{
    rate::Percent,
    staking::{Network, NetworkRate},
    time::Timestamp,
};

/// Where it is asked by default.
pub const URL: &str = "https://api.koios.rest/api/v1";
/// An epoch lasts five days.
const EPOCHS_A_YEAR: NonZero<u32> = NonZero::new(73).unwrap();
/// The newest epochs are still being paid.
const INCOMPLETE: usize = 2;
/// A month of epochs, since one varies by a few percent.
const AVERAGED: usize = 6;
/// More than this a year is another unit, or an error.
const ABSURD_APR: f64 = 100.0;

/// The client.
#[derive(Debug, Clone)]
pub struct Cardano {
    fetcher: Fetcher,
    url: Url,
}

impl Cardano {
    /// Asks nothing yet.
    pub fn new(fetcher: Fetcher, url: &str) -> Result<Self, SetupError> {
        Ok(Self {
            fetcher,
            url: address("sources.cardano.url", url)?,
        })
    }

    /// What a delegation earns, in two questions. A source whose newest epoch has ended long ago stands
    /// still, and what it says is as old as that.
    pub async fn rate(&self, now: Timestamp) -> Result<NetworkRate, SourceError> {
        let epochs = epochs(
            &self
                .ask("epoch_info", "epoch_no,active_stake,total_rewards,end_time")
                .await?,
        )?;
        let supplies = supplies(&self.ask("totals", "epoch_no,supply").await?)?;
        Ok(NetworkRate {
            network: Network::Cardano,
            gross_apr: Some(epochs.apr()?),
            compounding: Some(EPOCHS_A_YEAR),
            inflation: growth(&supplies),
            commission: None,
            community_tax: None,
            unlock: None,
            origin: "Koios",
            read_at: epochs.end.unwrap_or(now).min(now),
        })
    }

    /// The newest rows of a table, as far as the source takes notice of that; else all.
    async fn ask(&self, table: &str, columns: &str) -> Result<Vec<u8>, SourceError> {
        let mut url = joined(&self.url, table);
        url.query_pairs_mut()
            .append_pair("select", columns)
            .append_pair("order", "epoch_no.desc")
            .append_pair("limit", &(INCOMPLETE + AVERAGED).to_string());
        let cap = self.fetcher.policy().max_body.min(SMALL_BODY);
        self.fetcher.get_anew(&url, cap).await
    }
}

cells! {
    EpochCells {
        number: "epoch_no",
        stake: "active_stake",
        rewards: "total_rewards",
        end: "end_time",
    }
}

/// What epochs paid, the newest first.
#[derive(Debug, Clone, PartialEq, Default)]
struct Epochs {
    /// Number, and rewards over active stake where both are known.
    paid: Vec<(u32, Option<f64>)>,
    /// When the newest ends.
    end: Option<Timestamp>,
}

impl Epochs {
    /// The yearly rate of those that are complete.
    fn apr(&self) -> Result<Percent, SourceError> {
        let known: Vec<f64> = self
            .paid
            .iter()
            .skip(INCOMPLETE)
            .filter_map(|(_, paid)| *paid)
            .take(AVERAGED)
            .collect();
        let count = f64::from(u32::try_from(known.len()).unwrap_or(u32::MAX));
        let mean = known.iter().sum::<f64>() / count;
        Percent::from_fraction(mean * f64::from(EPOCHS_A_YEAR.get()))
            .filter(|apr| (0.0..=ABSURD_APR).contains(&apr.get()))
            .ok_or_else(|| SourceError::Malformed("no epoch in it has paid a rate".to_owned()))
    }
}

fn epochs(body: &[u8]) -> Result<Epochs, SourceError> {
    let mut epochs = Epochs::default();
    each_in(Some(root_of(body)?), |row: EpochCells<'_>| {
        let Some(number) = count_in(row.number) else {
            return;
        };
        let stake = whole_in(row.stake).filter(|stake| *stake > 0.0);
        let paid = whole_in(row.rewards)
            .zip(stake)
            .map(|(rewards, stake)| rewards / stake);
        epochs.paid.push((number, paid));
        epochs.end = epochs.end.max(moment_in(row.end));
    })
    .ok_or_else(|| SourceError::Malformed("it is no list of epochs".to_owned()))?;
    newest_first(&mut epochs.paid);
    Ok(epochs)
}

cells! {
    TotalsCells {
        number: "epoch_no",
        supply: "supply",
    }
}

/// The supply at each epoch, above zero, each epoch once and the newest first. A body that is no list is
/// malformed.
pub fn supplies(body: &[u8]) -> Result<Vec<(u32, f64)>, SourceError> {
    let mut supplies = Vec::new();
    each_in(Some(root_of(body)?), |row: TotalsCells<'_>| {
        let supply = whole_in(row.supply).filter(|supply| *supply > 0.0);
        supplies.extend(count_in(row.number).zip(supply));
    })
    .ok_or_else(|| SourceError::Malformed("it is no list of epochs".to_owned()))?;
    newest_first(&mut supplies);
    Ok(supplies)
}

/// Each epoch once, whatever the order in which they came.
fn newest_first<T>(rows: &mut Vec<(u32, T)>) {
    rows.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    rows.dedup_by_key(|(number, _)| *number);
}

/// By how much the supply grows in a year, as over the complete epochs; `None` with less than two.
fn growth(supplies: &[(u32, f64)]) -> Option<Percent> {
    let mut complete = supplies.iter().skip(INCOMPLETE).take(AVERAGED);
    let (newest, now) = complete.next()?;
    let (oldest, before) = complete.next_back()?;
    let epochs = f64::from(newest.checked_sub(*oldest)?);
    let yearly = (now / before - 1.0) / epochs * f64::from(EPOCHS_A_YEAR.get());
    Percent::from_fraction(yearly).filter(|growth| growth.get().abs() <= ABSURD_APR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::sources::tests::served::{Answers, fetcher};

    /// Made up, in the shape of the documented answers: each epoch pays a 1,460th of what is staked,
    /// and the two newest nothing yet. 2026-02-19 ends the newest.
    fn info() -> Vec<Value> {
        let end = |epoch: u32| 1_771_459_200 - i64::from(610 - epoch) * 432_000;
        (600..=610)
            .map(|epoch| {
                let rewards = (epoch < 609).then_some("15000000000000");
                json!({ "epoch_no": epoch, "active_stake": "21900000000000000", "total_rewards": rewards,
                    "end_time": end(epoch), "era": "Conway" })
            })
            .collect()
    }

    /// The supply grows by a 3,650th at each epoch.
    fn totals() -> Vec<Value> {
        let supply = |epoch: u64| 36_500_000_000_000_000 + (epoch - 600) * 10_000_000_000_000;
        (600..=610)
            .map(|epoch| json!({ "epoch_no": epoch, "supply": supply(epoch).to_string() }))
            .collect()
    }

    fn answers(info: &[Value], totals: &[Value]) -> Answers {
        Answers::default()
            .with("/epoch_info", 200, &json!(info).to_string())
            .with("/totals", 200, &json!(totals).to_string())
    }

    async fn rate(answers: &Answers) -> Result<NetworkRate, SourceError> {
        let cardano = Cardano::new(fetcher(), &answers.start().await).unwrap();
        cardano.rate(now()).await
    }

    fn now() -> Timestamp {
        Timestamp::parse("2026-02-16T00:00:00Z").unwrap()
    }

    #[tokio::test]
    async fn the_rate_is_rewards_over_stake_of_complete_epochs() {
        let read = rate(&answers(&info(), &totals())).await.unwrap();
        assert!((read.gross_apr.unwrap().get() - 5.0).abs() < 1e-9);
        assert!((read.inflation.unwrap().get() - 2.0).abs() < 0.01);
        assert_eq!((read.commission, read.unlock), (None, None));
        assert_eq!(read.read_at, now());
    }

    #[tokio::test]
    async fn the_order_of_rows_and_what_is_unfinished_do_not_matter() {
        let mut shuffled = info();
        shuffled.rotate_left(4);
        // What the newest epochs say so far is not looked at.
        for row in &mut shuffled {
            if row["epoch_no"].as_u64().unwrap() >= 609 {
                row["total_rewards"] = json!("1");
            }
        }
        let read = rate(&answers(&shuffled, &[])).await.unwrap();
        assert!((read.gross_apr.unwrap().get() - 5.0).abs() < 1e-9);
        assert_eq!(read.inflation, None);
    }

    #[tokio::test]
    async fn a_source_that_stands_still_is_as_old_as_its_last_epoch() {
        let mut old = info();
        old.truncate(9);
        let read = rate(&answers(&old, &totals())).await.unwrap();
        assert_eq!(read.read_at.day().to_string(), "2026-02-09");
    }

    #[tokio::test]
    async fn without_a_stake_or_rewards_there_is_no_rate() {
        for (key, value) in [
            ("active_stake", json!("0")),
            ("active_stake", json!(null)),
            (
                "active_stake",
                json!("340282366920938463463374607431768211456"),
            ),
            ("total_rewards", json!(null)),
            ("total_rewards", json!("-5")),
            ("total_rewards", json!("21900000000000000")),
            ("epoch_no", json!("none")),
        ] {
            let mut odd = info();
            for row in &mut odd {
                row[key] = value.clone();
            }
            let read = rate(&answers(&odd, &totals())).await;
            assert!(
                matches!(read, Err(SourceError::Malformed(_))),
                "{key}: {value}"
            );
        }
        let busy = Answers::default().with("/epoch_info", 429, "");
        assert!(matches!(
            rate(&busy).await,
            Err(SourceError::RateLimited { .. })
        ));
    }

    #[test]
    fn a_supply_may_shrink_and_one_epoch_says_nothing() {
        let shrinking: Vec<(u32, f64)> = (0..8)
            .rev()
            .map(|epoch| (epoch, 1e6 - f64::from(epoch)))
            .collect();
        assert!(growth(&shrinking).unwrap().get() < 0.0);
        assert_eq!(growth(&[(9, 1e6), (8, 1e6), (7, 1e6)]), None);
        assert_eq!(growth(&[]), None);
        // A hundredfold supply is another unit.
        assert_eq!(growth(&[(9, 1.0), (8, 1.0), (7, 1e8), (6, 1e6)]), None);
    }

    #[test]
    fn a_body_that_is_cut_off_or_no_list_is_no_answer() {
        let body = json!(info()).to_string();
        for end in 0..body.len() {
            assert!(epochs(&body.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        for odd in ["{}", "5", "null", "\"list\""] {
            assert!(epochs(odd.as_bytes()).is_err(), "{odd}");
            assert!(supplies(odd.as_bytes()).is_err(), "{odd}");
        }
        assert!(epochs(b"[]").unwrap().apr().is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(epochs(&body));
            drop(supplies(&body));
        }
    }
}
