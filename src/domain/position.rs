//! A position: an amount that a person says they hold, with where it earns.

use serde::{Deserialize, Serialize};

use rust_decimal::Decimal;

use super::{
    currency::Currency,
    ids::{PoolId, PositionId, UserId},
    method::Method,
    money::{Amount, Money},
    plan::basket::Index,
    pool::Pool,
    rate::Percent,
    staking::{Approach, Network},
    time::{Day, Timestamp},
};

mod kept;

/// How much is held. Shares of liquidity pools and vaults have no one asset, so they are told in money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "kept::Holding")]
pub enum Holding {
    /// A quantity of one token.
    Units { asset: String, quantity: Amount },
    /// What it is worth, as of when it was told.
    Worth(Money),
}

/// Why somebody cannot keep a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// They keep shares of the whole, and this has an amount.
    Amount,
    /// They keep amounts, and this is a share of the whole.
    Share,
    /// It is more than the whole.
    OverWhole,
}

/// Where a holding earns, or a layer on top of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Earns {
    /// In a pool of the market.
    Pool {
        id: PoolId,
        /// What it was called when its owner picked it, for when it is not listed any more.
        called: String,
    },
    /// By staking on the network of its token, without any protocol in between.
    Network {
        network: Network,
        approach: Approach,
        /// What the validator keeps, in percent; what is usual where its owner does not say.
        commission: Option<Percent>,
    },
    /// As a basket of the market, at what that pays now.
    Index { index: Index },
    /// At a rate that its owner states, in percent a year; zero for what is only held.
    Stated { rate: Percent, place: String },
}

impl Earns {
    /// In this pool, by the name that it has now.
    pub fn in_pool(pool: &Pool) -> Self {
        Self::Pool {
            id: pool.id,
            called: [&*pool.symbol, &*pool.protocol, &*pool.chain].join(" · "),
        }
    }

    pub const fn pool(&self) -> Option<PoolId> {
        match self {
            Self::Pool { id, .. } => Some(*id),
            Self::Network { .. } | Self::Index { .. } | Self::Stated { .. } => None,
        }
    }
}

/// How often income is paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payout {
    Daily,
    Weekly,
    Monthly,
    Quarterly,
    /// Whenever its owner takes it out.
    AtClaim,
}

impl Payout {
    pub const ALL: [Self; 5] = [
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Quarterly,
        Self::AtClaim,
    ];

    /// The name that files and command options use. It never changes.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::AtClaim => "at-claim",
        }
    }

    /// Words for people, as they stand behind "paid".
    pub const fn label(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::AtClaim => "when claimed",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.slug() == slug)
    }
}

/// Layers that one holding can earn by: the one that it lies in, and those on top of it.
pub const MOST_LAYERS: usize = 3;

/// What the owner told of a position; sealed as one piece in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "kept::Stake")]
pub struct Stake {
    pub holding: Holding,
    /// Where it earns: the lowest layer first, at least one and at most [`MOST_LAYERS`]. The holding is
    /// the principal of all of them, once.
    pub layers: Vec<Earns>,
    /// How it earns, in its owner's word; else what the pool of its lowest layer says.
    pub method: Option<Method>,
    /// What was paid for it, for the yield on cost and the price return.
    pub paid: Option<Money>,
    /// What getting in and out of it has cost so far.
    pub fees: Option<Money>,
    pub opened: Option<Day>,
    pub payout: Option<Payout>,
    /// It cannot be taken out before this day.
    pub lock_until: Option<Day>,
    pub note: Option<String>,
}

impl Stake {
    /// Whether somebody who reckons in `usual` may keep it: who keeps shares of the whole keeps no amount, and
    /// nobody keeps both.
    pub fn fits(&self, usual: Currency) -> Result<(), Unfit> {
        let share = match &self.holding {
            Holding::Worth(money) if money.currency == Currency::Share => Some(money.amount),
            _ => None,
        };
        match (share, usual == Currency::Share) {
            (None, true) => Err(Unfit::Amount),
            (Some(_), true) if self.paid.is_some() || self.fees.is_some() => Err(Unfit::Amount),
            (Some(share), true) if share.get() > Decimal::ONE_HUNDRED => Err(Unfit::OverWhole),
            (Some(_), false) => Err(Unfit::Share),
            _ => Ok(()),
        }
    }

    /// What is held in one layer, with nothing else told.
    pub fn new(holding: Holding, earns: Earns) -> Self {
        Self {
            holding,
            layers: vec![earns],
            method: None,
            paid: None,
            fees: None,
            opened: None,
            payout: None,
            lock_until: None,
            note: None,
        }
    }

    /// The layer that the holding itself lies in.
    pub fn base(&self) -> Option<&Earns> {
        self.layers.first()
    }

    /// The pools of its layers, the lowest first.
    pub fn pools(&self) -> impl Iterator<Item = PoolId> {
        self.layers.iter().filter_map(Earns::pool)
    }

    /// The token that it is told in; `None` for one that is told in money.
    pub fn asset(&self) -> Option<&str> {
        match &self.holding {
            Holding::Units { asset, .. } => Some(asset),
            Holding::Worth(_) => None,
        }
    }
}

/// A stake with its number and owner.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    pub id: PositionId,
    pub owner: UserId,
    pub stake: Stake,
    pub added_at: Timestamp,
}

impl Position {
    /// Since when it earns: as its owner says, else since it was told.
    pub fn since(&self) -> Day {
        self.stake.opened.unwrap_or_else(|| self.added_at.day())
    }
}

/// US dollars as money.
pub const fn usd(amount: Amount) -> Money {
    Money {
        amount,
        currency: Currency::Usd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Stake {
        Stake {
            layers: vec![
                Earns::Pool {
                    id: PoolId::from_bytes([1; 16]),
                    called: "STETH · lido · Ethereum".to_owned(),
                },
                Earns::Stated {
                    rate: Percent::new(0.4).unwrap(),
                    place: "restaking".to_owned(),
                },
            ],
            method: Some(Method::StakingLiquid),
            paid: Some(usd("4,800".parse().unwrap())),
            fees: Some(usd("3".parse().unwrap())),
            opened: Day::parse("2026-01-31"),
            payout: Some(Payout::Monthly),
            lock_until: Day::parse("2027-01-31"),
            note: Some("cold".to_owned()),
            ..Stake::new(
                Holding::Worth(Money {
                    amount: "5,000.5".parse().unwrap(),
                    currency: Currency::Eur,
                }),
                Earns::Stated {
                    rate: Percent::ZERO,
                    place: String::new(),
                },
            )
        }
    }

    #[test]
    fn what_is_kept_is_read_back_to_the_last_digit() {
        let stake = everything();
        let json = serde_json::to_string(&stake).unwrap();
        assert_eq!(serde_json::from_str::<Stake>(&json).unwrap(), stake);
    }

    /// Positions that were kept before they could say more than a pool, an amount and a cost in dollars.
    #[test]
    fn positions_of_earlier_versions_are_still_read() {
        let id = "747c1d2a-c668-4682-b9f9-296708a3dd90";
        let old = format!(
            r#"{{"pool":"{id}","holding":{{"value":{{"usd":"2500"}}}},"cost_usd":"2400.5","note":"x"}}"#
        );
        let stake: Stake = serde_json::from_str(&old).unwrap();
        assert_eq!(stake.pools().collect::<Vec<_>>(), [id.parse().unwrap()]);
        assert_eq!(stake.holding, Holding::Worth(usd("2500".parse().unwrap())));
        assert_eq!(stake.paid, Some(usd("2400.5".parse().unwrap())));
        assert_eq!(stake.note.as_deref(), Some("x"));

        let old = format!(
            r#"{{"pool":"{id}","holding":{{"units":{{"asset":"USDC","quantity":"5"}}}},"cost_usd":null,"note":null}}"#
        );
        let stake: Stake = serde_json::from_str(&old).unwrap();
        assert_eq!(stake.asset(), Some("USDC"));
    }

    #[test]
    fn every_rhythm_is_read_back_by_its_name() {
        for payout in Payout::ALL {
            assert_eq!(Payout::parse(payout.slug()), Some(payout));
        }
        assert_eq!(Payout::parse("hourly"), None);
    }
}
