//! How a pool earns, and what a rule or a search may ask for in its place.
//!
//! No upstream states the method. It follows from the category of the protocol, refined by what the
//! pool itself shows. A category that says nothing about where the income comes from gives
//! [`Method::Unknown`]; nothing is guessed from names or from rates.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a pool earns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Running a validator of one's own. No protocol category says so; network rates do.
    StakingDirect,
    /// Leaving the running to a validator, for a commission.
    StakingDelegated,
    /// Staking against a receipt token that can be used again.
    StakingLiquid,
    /// Lending to borrowers, or to a protocol that lends on.
    Lending,
    /// Standing ready as the other side of trades: exchanges, bridges, derivatives.
    Liquidity,
    /// A vault that puts deposits to work elsewhere.
    Aggregator,
    /// Being paid in rewards for a deposit.
    Farming,
    /// A basket of assets.
    Index,
    /// The category says nothing about where the income comes from, or there is none.
    Unknown,
}

impl Method {
    pub const ALL: [Self; 9] = [
        Self::StakingDirect,
        Self::StakingDelegated,
        Self::StakingLiquid,
        Self::Lending,
        Self::Liquidity,
        Self::Aggregator,
        Self::Farming,
        Self::Index,
        Self::Unknown,
    ];

    /// The name that the store, rules files and command options use. It never changes.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::StakingDirect => "staking-direct",
            Self::StakingDelegated => "staking-delegated",
            Self::StakingLiquid => "staking-liquid",
            Self::Lending => "lending",
            Self::Liquidity => "liquidity",
            Self::Aggregator => "aggregator",
            Self::Farming => "farming",
            Self::Index => "index",
            Self::Unknown => "unknown",
        }
    }

    /// Words for people, as they stand in the middle of a sentence.
    pub const fn label(self) -> &'static str {
        match self {
            Self::StakingDirect => "direct staking",
            Self::StakingDelegated => "delegated staking",
            Self::StakingLiquid => "liquid staking",
            Self::Lending => "lending",
            Self::Liquidity => "liquidity pool",
            Self::Aggregator => "vault",
            Self::Farming => "farming",
            Self::Index => "index",
            Self::Unknown => "unknown method",
        }
    }

    /// The method for an upstream protocol category.
    ///
    /// `exposure_multi` says that more than one token is paid in. It tells the two sides of a
    /// leveraged farm apart, and a managed liquidity position from a single-asset vault.
    pub fn of_category(category: &str, exposure_multi: bool) -> Self {
        match (category, exposure_multi) {
            ("Liquid Staking" | "Liquid Restaking", _) => Self::StakingLiquid,
            ("Staking Pool" | "Restaking" | "Staking Rental", _) => Self::StakingDelegated,
            // What a CDP pays to savers and to its stability pool comes from its borrowers.
            ("Lending" | "RWA Lending" | "Uncollateralized Lending" | "NFT Lending" | "CDP", _)
            | ("Leveraged Farming", false) => Self::Lending,
            (
                "Dexs" | "Dexes" | "Bridge" | "Cross Chain Bridge" | "Derivatives" | "Options"
                | "Prediction Market",
                _,
            )
            | ("Liquidity manager" | "DEX Aggregator", true) => Self::Liquidity,
            (
                "Yield Aggregator"
                | "Onchain Capital Allocator"
                | "Risk Curators"
                | "Basis Trading"
                | "Options Vault"
                | "CDP Manager"
                | "Yield Lottery",
                _,
            )
            | ("Liquidity manager", false) => Self::Aggregator,
            // Upstream's `Yield` are protocols that pay a reward for what is staked with them.
            ("Farm" | "Yield" | "Governance Incentives", _)
            | ("Leveraged Farming", true)
            | ("DEX Aggregator", false) => Self::Farming,
            ("Indexes", _) => Self::Index,
            _ => Self::Unknown,
        }
    }

    /// The risks that a reply names beside the rate, most particular first. None is known for
    /// [`Method::Unknown`], which does not mean that there is none.
    pub const fn risks(self) -> &'static [&'static str] {
        match self {
            Self::StakingDirect | Self::StakingDelegated => &["lock-up and slashing"],
            Self::StakingLiquid => &[
                "lock-up and slashing",
                "contract risk",
                "depeg of the receipt token",
            ],
            Self::Lending => &["contract risk", "liquidity risk", "insolvency of borrowers"],
            Self::Liquidity => &["impermanent loss", "contract risk"],
            Self::Aggregator => &["added contract layers", "contract risk"],
            Self::Farming => &["fall of the reward token", "contract risk"],
            Self::Index => &["correlation of its parts", "contract risk"],
            Self::Unknown => &[],
        }
    }

    /// Direct, delegated and liquid staking.
    pub const fn is_staking(self) -> bool {
        matches!(
            self,
            Self::StakingDirect | Self::StakingDelegated | Self::StakingLiquid
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.slug())
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let asked = text.trim();
        Self::ALL
            .into_iter()
            .find(|method| asked.eq_ignore_ascii_case(method.slug()))
            .ok_or_else(|| MethodError::of(asked))
    }
}

/// What a rule or a search asks for: one method, or all of staking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MethodFilter {
    /// Direct, delegated and liquid staking.
    Staking,
    One(Method),
}

impl MethodFilter {
    /// Everything that can be asked for, in the order in which it is offered.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Staking).chain(Method::ALL.into_iter().map(Self::One))
    }

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Staking => "staking",
            Self::One(method) => method.slug(),
        }
    }

    pub fn matches(self, method: Method) -> bool {
        match self {
            Self::Staking => method.is_staking(),
            Self::One(one) => one == method,
        }
    }
}

impl fmt::Display for MethodFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.slug())
    }
}

impl FromStr for MethodFilter {
    type Err = MethodError;

    /// Reads a slug, or one of the words that people use for it (`lp`, `vault`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let asked = text.trim().to_ascii_lowercase();
        match asked.as_str() {
            "staking" => Ok(Self::Staking),
            "direct-staking" => Ok(Self::One(Method::StakingDirect)),
            "delegated-staking" => Ok(Self::One(Method::StakingDelegated)),
            "liquid-staking" => Ok(Self::One(Method::StakingLiquid)),
            "lp" | "liquidity-pool" => Ok(Self::One(Method::Liquidity)),
            "vault" | "vaults" => Ok(Self::One(Method::Aggregator)),
            "farm" => Ok(Self::One(Method::Farming)),
            slug => slug.parse().map(Self::One),
        }
    }
}

impl TryFrom<String> for MethodFilter {
    type Error = MethodError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MethodFilter> for String {
    fn from(filter: MethodFilter) -> Self {
        filter.slug().to_owned()
    }
}

/// The text names no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no method; there are staking, staking-direct, staking-delegated, staking-liquid, \
     lending, liquidity, aggregator, farming, index and unknown"
)]
pub struct MethodError(String);

impl MethodError {
    /// Keeps as much of the text as an answer needs to show.
    fn of(text: &str) -> Self {
        Self(text.chars().take(40).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_its_slug_everywhere() {
        for method in Method::ALL {
            let slug = method.slug();
            assert_eq!(method.to_string(), slug);
            assert_eq!(slug.parse(), Ok(method));
            assert_eq!(serde_json::to_value(method).unwrap(), slug);
            assert_eq!(
                serde_json::from_value::<Method>(slug.into()).unwrap(),
                method
            );
        }
    }

    #[test]
    fn a_filter_is_its_slug_everywhere() {
        for filter in MethodFilter::all() {
            let slug = filter.to_string();
            assert_eq!(slug.parse(), Ok(filter));
            assert_eq!(serde_json::to_value(filter).unwrap(), *slug);
            assert_eq!(
                serde_json::from_value::<MethodFilter>(slug.into()).unwrap(),
                filter
            );
        }
    }

    #[test]
    fn staking_means_the_family() {
        let matched: Vec<_> = Method::ALL
            .into_iter()
            .filter(|method| MethodFilter::Staking.matches(*method))
            .collect();
        assert_eq!(
            matched,
            [
                Method::StakingDirect,
                Method::StakingDelegated,
                Method::StakingLiquid
            ]
        );
        assert!(MethodFilter::One(Method::StakingLiquid).matches(Method::StakingLiquid));
        assert!(!MethodFilter::One(Method::StakingLiquid).matches(Method::StakingDirect));
    }

    #[test]
    fn people_use_other_words() {
        for (word, method) in [
            ("LP", Method::Liquidity),
            (" vault ", Method::Aggregator),
            ("Lending", Method::Lending),
            ("liquid-staking", Method::StakingLiquid),
        ] {
            assert_eq!(word.parse(), Ok(MethodFilter::One(method)));
        }
    }

    #[test]
    fn what_names_no_method_is_refused_with_what_there_is() {
        let error = "mining".parse::<MethodFilter>().unwrap_err().to_string();
        assert!(error.starts_with("`mining` is no method; there are staking, "));
        for method in Method::ALL {
            assert!(error.contains(method.slug()), "{method} is not offered");
        }
        assert!("staking".parse::<Method>().is_err());
        let long = "x".repeat(4000).parse::<Method>().unwrap_err();
        assert!(long.to_string().len() < 250);
    }

    #[test]
    fn a_category_and_the_tokens_paid_in_give_the_method() {
        for (category, multi, method) in [
            ("Liquid Staking", false, Method::StakingLiquid),
            ("Lending", false, Method::Lending),
            ("Lending", true, Method::Lending),
            ("CDP", false, Method::Lending),
            ("Dexs", true, Method::Liquidity),
            ("Dexs", false, Method::Liquidity),
            ("Yield Aggregator", true, Method::Aggregator),
            ("Liquidity manager", true, Method::Liquidity),
            ("Liquidity manager", false, Method::Aggregator),
            ("Leveraged Farming", false, Method::Lending),
            ("Leveraged Farming", true, Method::Farming),
            ("Indexes", false, Method::Index),
            ("RWA", false, Method::Unknown),
            ("", true, Method::Unknown),
            ("lending", false, Method::Unknown),
        ] {
            assert_eq!(
                Method::of_category(category, multi),
                method,
                "{category:?}, more than one token: {multi}"
            );
        }
    }

    #[test]
    fn every_known_method_names_its_risks() {
        for method in Method::ALL {
            assert_eq!(
                method.risks().is_empty(),
                method == Method::Unknown,
                "{method}"
            );
        }
    }
}
