//! Lido: what stETH earns, by the protocol's own word.
//!
//! `/apr/sma` is the mean of the last seven days, `/apr/last` that of the last rebase, which comes once a
//! day. Both are APRs in percent after Lido's fee of 10 % of the rewards.

use std::num::NonZero;

use reqwest::Url;

use super::{
    SetupError, SourceError, address,
    fetch::{Fetcher, joined},
    wire::{Cell, cells, digits_in, each_in, moment_in, root_of, row},
};
use crate::domain::{
    rate::Percent,
    staking::{Network, ReceiptRate},
    time::Timestamp,
};

/// Where it is asked by default.
pub const URL: &str = "https://eth-api.lido.fi";
/// An answer has a few hundred bytes.
const CAP: u64 = 256 * 1024;
/// More than this a year is another unit than percent, or an error.
const ABSURD_APR: f64 = 100.0;
/// stETH is rebased once a day.
const REBASES_A_YEAR: NonZero<u32> = NonZero::new(365).unwrap();
/// Percent of the rewards.
const FEE: f64 = 10.0;

/// The client.
#[derive(Debug, Clone)]
pub struct Lido {
    fetcher: Fetcher,
    url: Url,
}

impl Lido {
    /// Asks nothing yet.
    pub fn new(fetcher: Fetcher, url: &str) -> Result<Self, SetupError> {
        Ok(Self {
            fetcher,
            url: address("sources.lido.url", url)?,
        })
    }

    /// What stETH earns. One of the two figures is enough; the time is the source's own where it says
    /// one, so that an answer which stands still grows old.
    pub async fn rate(&self, now: Timestamp) -> Result<ReceiptRate, SourceError> {
        let mean = self.read("v1/protocol/steth/apr/sma").await;
        let last = self.read("v1/protocol/steth/apr/last").await;
        let (mean, last) = match (mean, last) {
            (Err(error), Err(_)) => return Err(error),
            (mean, last) => (mean.unwrap_or_default(), last.unwrap_or_default()),
        };
        if mean.mean.is_none() && last.last.is_none() {
            return Err(SourceError::Malformed("it holds no APR".to_owned()));
        }
        let stated = mean.at.max(last.at).unwrap_or(now);
        Ok(ReceiptRate {
            network: Network::Ethereum,
            token: "stETH",
            mean_apr: mean.mean,
            last_apr: last.last,
            fee: Percent::new(FEE).unwrap_or_default(),
            compounding: REBASES_A_YEAR,
            origin: "Lido",
            read_at: stated.min(now),
        })
    }

    async fn read(&self, path: &str) -> Result<Said, SourceError> {
        let body = self.fetcher.get_anew(&joined(&self.url, path), CAP).await?;
        parse(&body)
    }
}

/// What one answer says; the two addresses fill different parts of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Said {
    mean: Option<Percent>,
    last: Option<Percent>,
    at: Option<Timestamp>,
}

cells! {
    AnswerCells {
        data: "data",
    }
}

cells! {
    DataCells {
        mean: "smaApr",
        last: "apr",
        at: "timeUnix",
        days: "aprs",
    }
}

cells! {
    DayCells {
        at: "timeUnix",
    }
}

fn parse(body: &[u8]) -> Result<Said, SourceError> {
    let answer: AnswerCells<'_> = row(root_of(body)?);
    let data: DataCells<'_> = answer.data.map(row).unwrap_or_default();
    let mut at = moment_in(data.at);
    // An answer without its days is dated by the asking.
    each_in(data.days, |day: DayCells<'_>| {
        at = at.max(moment_in(day.at));
    });
    Ok(Said {
        mean: apr_in(data.mean),
        last: apr_in(data.last),
        at,
    })
}

/// Percent, as a number or a text, with or without its sign.
fn apr_in(cell: Cell<'_>) -> Option<Percent> {
    let digits = digits_in(cell)?;
    let number: f64 = digits
        .strip_suffix('%')
        .unwrap_or(digits)
        .trim()
        .parse()
        .ok()?;
    Percent::new(number).filter(|apr| (0.0..=ABSURD_APR).contains(&apr.get()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::tests::served::{Answers, fetcher};

    // Made up, in the shape of the documented answers.
    const SMA: &str = r#"{"data":{"aprs":[{"timeUnix":1771100000,"apr":2.9},{"timeUnix":1771186400,"apr":3.1}],
        "smaApr":3.01},"meta":{"symbol":"stETH","address":"0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84","chainId":1}}"#;
    const LAST: &str = r#"{"data":{"timeUnix":1771186400,"apr":"3.1 %"},"meta":{}}"#;

    fn now() -> Timestamp {
        Timestamp::parse("2026-02-16T00:00:00Z").unwrap()
    }

    async fn rate(answers: &Answers) -> Result<ReceiptRate, SourceError> {
        let lido = Lido::new(fetcher(), &answers.start().await).unwrap();
        lido.rate(now()).await
    }

    fn percent(value: f64) -> Option<Percent> {
        Percent::new(value)
    }

    #[tokio::test]
    async fn both_figures_are_read_with_their_time() {
        let answers = Answers::default()
            .with("/v1/protocol/steth/apr/sma", 200, SMA)
            .with("/v1/protocol/steth/apr/last", 200, LAST);
        let read = rate(&answers).await.unwrap();
        assert_eq!(read.mean_apr, percent(3.01));
        assert_eq!(read.last_apr, percent(3.1));
        assert_eq!(read.read_at.seconds(), 1_771_186_400);
    }

    #[tokio::test]
    async fn one_of_the_two_is_enough_and_none_is_an_error() {
        let last = Answers::default().with("/v1/protocol/steth/apr/last", 200, LAST);
        let read = rate(&last).await.unwrap();
        assert_eq!((read.mean_apr, read.last_apr), (None, percent(3.1)));
        let none = Answers::default();
        assert!(matches!(
            rate(&none).await,
            Err(SourceError::Refused { status: 404, .. })
        ));
        let empty = Answers::default().with("/v1/protocol/steth/apr/sma", 200, r#"{"data":{}}"#);
        assert!(matches!(rate(&empty).await, Err(SourceError::Malformed(_))));
        let busy = Answers::default()
            .with("/v1/protocol/steth/apr/sma", 429, "")
            .with("/v1/protocol/steth/apr/last", 429, "");
        assert!(matches!(
            rate(&busy).await,
            Err(SourceError::RateLimited { .. })
        ));
    }

    #[test]
    fn an_apr_comes_in_many_forms() {
        for (json, want) in [
            ("3.1", Some(3.1)),
            ("\"3.1\"", Some(3.1)),
            ("\"3.1 %\"", Some(3.1)),
            ("\"3.1%\"", Some(3.1)),
            ("0", Some(0.0)),
            ("-1", None),
            ("310", None),
            ("1e400", None),
            ("\"% 3\"", None),
            ("\"NaN\"", None),
            ("null", None),
            ("{}", None),
            ("[3.1]", None),
        ] {
            let body = format!(r#"{{"data":{{"smaApr":{json}}}}}"#);
            let read = parse(body.as_bytes()).unwrap();
            assert_eq!(read.mean, want.and_then(Percent::new), "{json}");
        }
    }

    #[test]
    fn a_body_that_is_cut_off_or_another_is_no_answer() {
        for end in 1..SMA.len() {
            assert!(parse(&SMA.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        for odd in ["[]", "5", "null", "{\"data\":[1]}", "{\"data\":null}"] {
            assert_eq!(parse(odd.as_bytes()).unwrap(), Said::default(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&body));
        }
    }
}
