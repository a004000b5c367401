//! Cosmos Hub: what a delegation earns by the chain's own figures, asked of a node's REST service.
//!
//! APR = inflation × supply ÷ bonded × (1 − community tax), before the validator's commission. Fees of
//! transactions come on top and are not in it. Chains that mint by another module answer the first
//! question with 404 or 501: their rate is not known.

use std::time::Duration;

use reqwest::Url;

use super::{
    Outage, SetupError, SourceError, address, excerpt,
    fetch::{Fetcher, joined},
    wire::{Cell, cells, number_in, root_of, row, text_in, whole_in},
};
use crate::domain::{
    rate::Percent,
    staking::{Network, NetworkRate, Unlock},
    time::{Span, Timestamp},
};

/// Where it is asked by default.
pub const URL: &str = "https://cosmos-rest.publicnode.com";
/// An answer has a few hundred bytes.
const CAP: u64 = 256 * 1024;
/// What the chain counts its stakes in; another one would be another chain.
const DENOM: &str = "uatom";
/// No chain locks a stake for longer.
const LONGEST_UNLOCK: Span = Span::days(365);

/// The client.
#[derive(Debug, Clone)]
pub struct Cosmos {
    fetcher: Fetcher,
    url: Url,
}

impl Cosmos {
    /// Asks nothing yet.
    pub fn new(fetcher: Fetcher, url: &str) -> Result<Self, SetupError> {
        Ok(Self {
            fetcher,
            url: address("sources.cosmos.url", url)?,
        })
    }

    /// What a delegation earns, in five questions. What a module of the chain does not answer is not
    /// known; any other failure is one of the whole.
    pub async fn rate(&self, now: Timestamp) -> Result<NetworkRate, SourceError> {
        let params = params(&self.ask("cosmos/staking/v1beta1/params").await?)?;
        let bonded = bonded(&self.ask("cosmos/staking/v1beta1/pool").await?)?;
        let inflation = self.inflation().await?;
        let tax = tax(&self.ask("cosmos/distribution/v1beta1/params").await?)?;
        let supply = supply(&self.supply().await?)?;
        if bonded > supply {
            return Err(SourceError::Malformed(
                "more is bonded than there is".to_owned(),
            ));
        }
        let gross_apr = inflation.zip(tax).and_then(|(inflation, tax)| {
            Percent::from_fraction(inflation * supply / bonded * (1.0 - tax))
        });
        Ok(NetworkRate {
            network: Network::Cosmos,
            gross_apr,
            // Rewards wait until they are claimed.
            compounding: None,
            inflation: inflation.and_then(Percent::from_fraction),
            commission: None,
            community_tax: tax.and_then(Percent::from_fraction),
            unlock: params,
            origin: "Cosmos Hub node",
            read_at: now,
        })
    }

    async fn inflation(&self) -> Result<Option<f64>, SourceError> {
        match self.ask("cosmos/mint/v1beta1/inflation").await {
            Ok(body) => inflation(&body),
            Err(
                SourceError::Refused { status: 404, .. }
                | SourceError::Unavailable(Outage::Status { status: 501, .. }),
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn supply(&self) -> Result<Vec<u8>, SourceError> {
        let mut url = joined(&self.url, "cosmos/bank/v1beta1/supply/by_denom");
        url.query_pairs_mut().append_pair("denom", DENOM);
        self.fetcher.get_anew(&url, CAP).await
    }

    async fn ask(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        self.fetcher.get_anew(&joined(&self.url, path), CAP).await
    }
}

/// A fraction, 0 to 1; anything else is no such figure.
fn fraction_in(cell: Cell<'_>) -> Option<f64> {
    number_in(cell).filter(|fraction| (0.0..=1.0).contains(fraction))
}

cells! {
    InflationCells {
        inflation: "inflation",
    }
}

/// By which fraction the supply grows in a year, 0–1. A body that is no document is malformed.
pub fn inflation(body: &[u8]) -> Result<Option<f64>, SourceError> {
    let cells: InflationCells<'_> = row(root_of(body)?);
    Ok(fraction_in(cells.inflation))
}

cells! {
    PoolAnswer {
        pool: "pool",
    }
}

cells! {
    PoolCells {
        bonded: "bonded_tokens",
    }
}

/// What is staked, in the smallest unit and above zero. A body that does not say is malformed.
pub fn bonded(body: &[u8]) -> Result<f64, SourceError> {
    let answer: PoolAnswer<'_> = row(root_of(body)?);
    let pool: PoolCells<'_> = answer.pool.map(row).unwrap_or_default();
    whole_in(pool.bonded)
        .filter(|bonded| *bonded > 0.0)
        .ok_or_else(|| SourceError::Malformed("nothing is bonded".to_owned()))
}

cells! {
    ParamsAnswer {
        params: "params",
    }
}

cells! {
    TaxCells {
        tax: "community_tax",
    }
}

/// The part of the rewards that the chain keeps, 0–1. A body that is no document is malformed.
pub fn tax(body: &[u8]) -> Result<Option<f64>, SourceError> {
    let answer: ParamsAnswer<'_> = row(root_of(body)?);
    let params: TaxCells<'_> = answer.params.map(row).unwrap_or_default();
    Ok(fraction_in(params.tax))
}

cells! {
    StakingCells {
        unbonding: "unbonding_time",
        denom: "bond_denom",
    }
}

/// How long a stake is held back; also makes sure that it is the chain that is meant.
fn params(body: &[u8]) -> Result<Option<Unlock>, SourceError> {
    let answer: ParamsAnswer<'_> = row(root_of(body)?);
    let params: StakingCells<'_> = answer.params.map(row).unwrap_or_default();
    let denom = text_in(params.denom).unwrap_or_default();
    if denom != DENOM {
        return Err(SourceError::Malformed(format!(
            "stakes are counted in \"{}\" and not in {DENOM}: it is another chain",
            excerpt(denom.as_bytes())
        )));
    }
    Ok(text_in(params.unbonding)
        .and_then(|text| text.strip_suffix('s')?.parse().ok())
        .map(|seconds| Span(Duration::from_secs(seconds)))
        .filter(|span| *span <= LONGEST_UNLOCK)
        .map(Unlock::After))
}

cells! {
    SupplyAnswer {
        amount: "amount",
    }
}

cells! {
    CoinCells {
        amount: "amount",
    }
}

/// All there is, in the smallest unit and above zero. A body that does not say is malformed.
pub fn supply(body: &[u8]) -> Result<f64, SourceError> {
    let answer: SupplyAnswer<'_> = row(root_of(body)?);
    let coin: CoinCells<'_> = answer.amount.map(row).unwrap_or_default();
    whole_in(coin.amount)
        .filter(|supply| *supply > 0.0)
        .ok_or_else(|| SourceError::Malformed("it holds no supply".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::tests::served::{Answers, fetcher};

    // Made up, in the shape of the documented answers: 60 % of 400 million ATOM are bonded.
    const PARAMS: &str = r#"{"params":{"unbonding_time":"1814400s","max_validators":180,"max_entries":7,
        "historical_entries":10000,"bond_denom":"uatom","min_commission_rate":"0.050000000000000000"}}"#;
    const POOL: &str =
        r#"{"pool":{"not_bonded_tokens":"15000000000000","bonded_tokens":"240000000000000"}}"#;
    const MINT: &str = r#"{"inflation":"0.100000000000000000"}"#;
    const TAX: &str = r#"{"params":{"community_tax":"0.100000000000000000","base_proposer_reward":"0.0",
        "bonus_proposer_reward":"0.0","withdraw_addr_enabled":true}}"#;
    const SUPPLY: &str = r#"{"amount":{"denom":"uatom","amount":"400000000000000"}}"#;

    fn answers() -> Answers {
        Answers::default()
            .with("/cosmos/staking/v1beta1/params", 200, PARAMS)
            .with("/cosmos/staking/v1beta1/pool", 200, POOL)
            .with("/cosmos/mint/v1beta1/inflation", 200, MINT)
            .with("/cosmos/distribution/v1beta1/params", 200, TAX)
            .with(
                "/cosmos/bank/v1beta1/supply/by_denom?denom=uatom",
                200,
                SUPPLY,
            )
    }

    async fn rate(answers: &Answers) -> Result<NetworkRate, SourceError> {
        let cosmos = Cosmos::new(fetcher(), &answers.start().await).unwrap();
        cosmos.rate(Timestamp::from_millis(5)).await
    }

    #[tokio::test]
    async fn the_rate_is_what_is_minted_over_what_is_bonded() {
        let read = rate(&answers()).await.unwrap();
        assert!((read.gross_apr.unwrap().get() - 15.0).abs() < 1e-9);
        assert_eq!(read.inflation, Percent::new(10.0));
        assert_eq!(read.community_tax, Percent::new(10.0));
        assert_eq!(read.unlock, Some(Unlock::After(Span::days(21))));
        assert_eq!((read.compounding, read.commission), (None, None));
    }

    #[tokio::test]
    async fn without_the_usual_mint_the_rate_is_not_known() {
        for status in [404, 501] {
            let other = answers().with("/cosmos/mint/v1beta1/inflation", status, "{}");
            let read = rate(&other).await.unwrap();
            assert_eq!((read.gross_apr, read.inflation), (None, None), "{status}");
            assert_eq!(read.unlock, Some(Unlock::After(Span::days(21))));
        }
        let broken = answers().with("/cosmos/mint/v1beta1/inflation", 503, "{}");
        assert!(matches!(
            rate(&broken).await,
            Err(SourceError::Unavailable(_))
        ));
    }

    #[tokio::test]
    async fn an_inflation_or_a_tax_that_cannot_be_is_not_known() {
        for (inflation, tax) in [
            ("\"-0.05\"", "\"0.1\""),
            ("\"10\"", "\"0.1\""),
            ("null", "\"0.1\""),
            ("\"0.1\"", "\"1.5\""),
            ("\"0.1\"", "{}"),
            ("\"1e999\"", "\"0.1\""),
        ] {
            let odd = answers()
                .with(
                    "/cosmos/mint/v1beta1/inflation",
                    200,
                    &format!(r#"{{"inflation":{inflation}}}"#),
                )
                .with(
                    "/cosmos/distribution/v1beta1/params",
                    200,
                    &format!(r#"{{"params":{{"community_tax":{tax}}}}}"#),
                );
            let read = rate(&odd).await.unwrap();
            assert_eq!(read.gross_apr, None, "{inflation}, {tax}");
        }
    }

    #[tokio::test]
    async fn nothing_bonded_more_than_all_or_another_chain_is_no_rate() {
        let pool = |bonded: &str| format!(r#"{{"pool":{{"bonded_tokens":{bonded}}}}}"#);
        for bonded in [
            "\"0\"",
            "\"-5\"",
            "\"1e9\"",
            "\"340282366920938463463374607431768211456\"",
            "\"340282366920938463463374607431768211455\"",
            "null",
        ] {
            let odd = answers().with("/cosmos/staking/v1beta1/pool", 200, &pool(bonded));
            assert!(
                matches!(rate(&odd).await, Err(SourceError::Malformed(_))),
                "{bonded}"
            );
        }
        let osmosis = PARAMS.replace("uatom", "uosmo");
        let other = answers().with("/cosmos/staking/v1beta1/params", 200, &osmosis);
        let error = rate(&other).await.unwrap_err();
        assert!(error.to_string().contains("another chain"), "{error}");
        let busy = answers().with("/cosmos/staking/v1beta1/pool", 429, "");
        assert!(matches!(
            rate(&busy).await,
            Err(SourceError::RateLimited { .. })
        ));
    }

    #[test]
    fn an_unlock_is_in_seconds() {
        for (text, want) in [
            ("\"1814400s\"", Some(Span::days(21))),
            ("\"1814400\"", None),
            ("\"s\"", None),
            ("\"-5s\"", None),
            ("\"99999999999999999999s\"", None),
            ("\"99999999999s\"", None),
            ("1814400", None),
        ] {
            let body = format!(r#"{{"params":{{"bond_denom":"uatom","unbonding_time":{text}}}}}"#);
            assert_eq!(
                params(body.as_bytes()).unwrap(),
                want.map(Unlock::After),
                "{text}"
            );
        }
    }

    #[test]
    fn a_body_that_is_cut_off_is_no_answer() {
        for end in 0..POOL.len() {
            assert!(bonded(&POOL.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(inflation(&body));
            drop(bonded(&body));
            drop(tax(&body));
            drop(params(&body));
            drop(supply(&body));
        }
    }
}
