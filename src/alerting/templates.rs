//! Alerts to begin with: sets that a server can take over as they are.

use super::rules_file::{self, NamedRule};

/// A set of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Template {
    StablecoinLending,
    EthStaking,
    Unsustainable,
    NewOffers,
}

impl Template {
    pub const ALL: [Self; 4] = [
        Self::StablecoinLending,
        Self::EthStaking,
        Self::Unsustainable,
        Self::NewOffers,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::StablecoinLending => "stablecoin-lending",
            Self::EthStaking => "eth-staking",
            Self::Unsustainable => "unsustainable",
            Self::NewOffers => "new-offers",
        }
    }

    /// What it is for, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::StablecoinLending => "Stablecoins that are lent out: rate, money, verdict",
            Self::EthStaking => "ETH that is staked: rate and money",
            Self::Unsustainable => "Large pools whose pay cannot last",
            Self::NewOffers => "New sustainable offers, once a week",
        }
    }

    /// Its alerts.
    pub fn alerts(self) -> Vec<NamedRule> {
        let text = match self {
            Self::StablecoinLending => {
                include_str!("../../data/templates/stablecoin-lending.toml")
            }
            Self::EthStaking => include_str!("../../data/templates/eth-staking.toml"),
            Self::Unsustainable => include_str!("../../data/templates/unsustainable.toml"),
            Self::NewOffers => include_str!("../../data/templates/new-offers.toml"),
        };
        // They are read by a test.
        rules_file::parse(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_a_set_of_alerts_that_are_no_bare_thresholds() {
        for template in Template::ALL {
            let alerts = template.alerts();
            assert!(!alerts.is_empty(), "{template:?}");
            for alert in alerts {
                assert!(alert.rule.scope.min_tvl.is_some(), "{template:?}");
            }
        }
    }
}
