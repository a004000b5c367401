//! What staking pays: the formulas, what is known of each network, and what follows for a person who
//! stakes by themselves, through a validator, or against a receipt token.
//!
//! A figure that a source does not give is `None` and stays so. Nothing here fills it in from the
//! [reference ranges](Network::reference), which are for orientation and are always shown as such.

use std::num::NonZero;

use serde::{Deserialize, Serialize};

use super::{
    method::Method,
    rate::Percent,
    time::{Span, Timestamp},
};

/// The APY of an APR that is added to the stake so many times a year: (1 + r/n)ⁿ − 1. `None` where
/// nothing would be left of the stake, or the result is beyond all numbers.
pub fn apy_of(apr: Percent, times_a_year: NonZero<u32>) -> Option<Percent> {
    let times = f64::from(times_a_year.get());
    let each = apr.as_fraction() / times;
    (each > -1.0)
        .then(|| Percent::from_fraction((times * each.ln_1p()).exp_m1()))
        .flatten()
}

/// The APR that becomes this APY when it is added so many times a year: ((1 + y)^(1/n) − 1)·n. `None`
/// where the APY is a loss of all.
pub fn apr_of(apy: Percent, times_a_year: NonZero<u32>) -> Option<Percent> {
    let times = f64::from(times_a_year.get());
    let whole = apy.as_fraction();
    (whole > -1.0)
        .then(|| Percent::from_fraction((whole.ln_1p() / times).exp_m1() * times))
        .flatten()
}

/// What is left once a commission is taken off the reward: n·(1 − c). `None` for a commission that is
/// not between 0 and 100 %.
pub fn after_commission(rate: Percent, commission: Percent) -> Option<Percent> {
    (0.0..=100.0)
        .contains(&commission.get())
        .then(|| Percent::new(rate.get() * (1.0 - commission.as_fraction())))
        .flatten()
}

/// What a stake gains in share of the whole supply: (1 + n)/(1 + i) − 1. `None` for a supply that
/// vanishes.
pub fn after_inflation(rate: Percent, inflation: Percent) -> Option<Percent> {
    let grown = 1.0 + inflation.as_fraction();
    (grown > 0.0)
        .then(|| Percent::from_fraction((1.0 + rate.as_fraction()) / grown - 1.0))
        .flatten()
}

/// A network of which we know how staking works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    Ethereum,
    Solana,
    Polkadot,
    Cosmos,
    Cardano,
}

impl Network {
    pub const ALL: [Self; 5] = [
        Self::Ethereum,
        Self::Solana,
        Self::Polkadot,
        Self::Cosmos,
        Self::Cardano,
    ];

    /// The symbol of what is staked.
    pub const fn asset(self) -> &'static str {
        match self {
            Self::Ethereum => "ETH",
            Self::Solana => "SOL",
            Self::Polkadot => "DOT",
            Self::Cosmos => "ATOM",
            Self::Cardano => "ADA",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethereum => "Ethereum",
            Self::Solana => "Solana",
            Self::Polkadot => "Polkadot",
            Self::Cosmos => "Cosmos Hub",
            Self::Cardano => "Cardano",
        }
    }

    /// The network on which this symbol is staked, whatever its case.
    pub fn of_asset(symbol: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|network| network.asset().eq_ignore_ascii_case(symbol))
    }

    /// What staking is generally said to pay, from and to, in percent a year: for orientation, never
    /// live data.
    pub const fn reference(self) -> (f64, f64) {
        match self {
            Self::Ethereum => (3.0, 5.0),
            Self::Cardano => (4.0, 6.0),
            Self::Solana => (6.0, 8.0),
            Self::Polkadot => (10.0, 14.0),
            Self::Cosmos => (15.0, 20.0),
        }
    }

    /// How long it takes until a stake can be moved again, by the rules of the network.
    ///
    /// Ethereum: validators leave through a queue whose length depends on how many want to
    /// (ethereum.org, "Staking withdrawals"). Solana: a stake is let go at the end of an epoch, which
    /// lasts two to three days (Agave's documentation, "Stake delegation and rewards"). Polkadot: the
    /// bonding duration is 28 eras of a day; the runtime can let nominators out sooner when they
    /// cannot be slashed (polkadot-sdk, `AreNominatorsSlashable`). Cosmos Hub: 21 days (its delegator
    /// FAQ), which the chain itself states too. Cardano: what is delegated can be spent at any time
    /// (docs.cardano.org, "Delegation").
    pub const fn unlock(self) -> Unlock {
        match self {
            Self::Ethereum => Unlock::Queue,
            Self::Solana => Unlock::Between(Span::days(2), Span::days(3)),
            Self::Polkadot => Unlock::UpTo(Span::days(28)),
            Self::Cosmos => Unlock::After(Span::days(21)),
            Self::Cardano => Unlock::Free,
        }
    }

    /// Whether a stake is cut when its validator breaks the rules.
    ///
    /// Ethereum: ethereum.org, "Proof-of-stake rewards and penalties". Solana: Agave's documentation,
    /// "Optimistic confirmation and slashing": nothing is taken by itself. Polkadot: polkadot-sdk,
    /// `pallet_staking::slashing`; whether nominators lose with their validator is a setting of the
    /// runtime. Cosmos Hub: Cosmos SDK, `x/slashing`. Cardano: the ledger knows no such penalty; a
    /// pool that misses its blocks earns less.
    pub const fn slashing(self) -> Slashing {
        match self {
            Self::Ethereum | Self::Polkadot | Self::Cosmos => Slashing::Yes,
            Self::Solana => Slashing::NotByItself,
            Self::Cardano => Slashing::No,
        }
    }

    /// Whether the protocol itself knows delegation. On Ethereum only whole validators stake, and what
    /// is smaller is pooled by contracts: liquid staking.
    pub const fn delegates(self) -> bool {
        !matches!(self, Self::Ethereum)
    }
}

/// When a stake can be moved again after it was let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlock {
    /// It is never locked.
    Free,
    After(Span),
    Between(Span, Span),
    UpTo(Span),
    /// As long as others stand before it.
    Queue,
}

/// Whether a stake can be cut for what its validator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slashing {
    Yes,
    /// Only by a decision of the network's people.
    NotByItself,
    No,
}

/// How somebody stakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approach {
    /// With a validator of one's own.
    Direct,
    /// Through somebody's validator, for a commission.
    Delegated,
    /// Against a receipt token that can be used again.
    Liquid,
}

impl Approach {
    pub const ALL: [Self; 3] = [Self::Direct, Self::Delegated, Self::Liquid];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Delegated => "delegated",
            Self::Liquid => "liquid",
        }
    }

    /// The method of a pool that stakes this way.
    pub const fn method(self) -> Method {
        match self {
            Self::Direct => Method::StakingDirect,
            Self::Delegated => Method::StakingDelegated,
            Self::Liquid => Method::StakingLiquid,
        }
    }
}

/// What a network itself pays for a stake, as one source said at one moment. Every figure may be
/// unknown by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkRate {
    pub network: Network,
    /// What a stake earns before any commission and after the network's own tax, as an APR.
    pub gross_apr: Option<Percent>,
    /// How many times a year rewards join the stake by themselves; `None` where they have to be
    /// claimed and staked again.
    pub compounding: Option<NonZero<u32>>,
    /// By how much the supply grows in a year.
    pub inflation: Option<Percent>,
    /// What validators keep of the rewards: half of the stake is with those that keep no more.
    pub commission: Option<Percent>,
    /// What the network keeps of the rewards; already off the gross figure.
    pub community_tax: Option<Percent>,
    /// As the source states it; `None` where it does not.
    pub unlock: Option<Unlock>,
    /// The source as people know it.
    pub origin: &'static str,
    pub read_at: Timestamp,
}

/// What a receipt token earns by its own protocol's word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReceiptRate {
    pub network: Network,
    /// The token's symbol.
    pub token: &'static str,
    /// APR after the protocol's fee, mean of the last seven days.
    pub mean_apr: Option<Percent>,
    /// APR after the protocol's fee, of the last rebase.
    pub last_apr: Option<Percent>,
    /// What the protocol has kept of the rewards.
    pub fee: Percent,
    /// How many times a year rewards join the stake by themselves.
    pub compounding: NonZero<u32>,
    /// The source as people know it.
    pub origin: &'static str,
    pub read_at: Timestamp,
}

/// Why a figure is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Nobody states it without a key.
    NoSource,
    /// Its source is switched off.
    SwitchedOff,
    /// Its source has not answered yet.
    NotAnswered,
    /// What was said last is of this time, and too old.
    TooOld(Timestamp),
}

/// What one way of staking comes to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// APR before commission.
    pub gross_apr: Option<Percent>,
    /// APR once the commission is taken; the gross figure where there is none to take.
    pub net_apr: Option<Percent>,
    /// The same as an APY; `None` where rewards do not join the stake by themselves.
    pub net_apy: Option<Percent>,
    /// The yearly rate less what the supply grows by.
    pub real: Option<Percent>,
}

impl Figures {
    /// What a year brings: the APY where rewards join the stake by themselves, else the APR.
    pub fn yearly(&self) -> Option<Percent> {
        self.net_apy.or(self.net_apr)
    }
}

impl NetworkRate {
    /// With a validator of one's own: nobody takes a commission. What running it costs is not in it.
    pub fn direct(&self) -> Figures {
        self.figures(self.gross_apr)
    }

    /// Through a validator that keeps `commission`, or else what is typical; without either only the
    /// gross figure is known.
    pub fn delegated(&self, commission: Option<Percent>) -> Figures {
        let kept = commission.or(self.commission);
        self.figures(
            self.gross_apr
                .zip(kept)
                .and_then(|(gross, kept)| after_commission(gross, kept)),
        )
    }

    fn figures(&self, net: Option<Percent>) -> Figures {
        let compounded = net
            .zip(self.compounding)
            .and_then(|(apr, times)| apy_of(apr, times));
        let real = compounded
            .or(net)
            .zip(self.inflation)
            .and_then(|(rate, inflation)| after_inflation(rate, inflation));
        Figures {
            gross_apr: self.gross_apr,
            net_apr: net,
            net_apy: compounded,
            real,
        }
    }
}

impl ReceiptRate {
    /// The steadier of what is known, as an APR.
    pub fn apr(&self) -> Option<Percent> {
        self.mean_apr.or(self.last_apr)
    }

    pub fn apy(&self) -> Option<Percent> {
        apy_of(self.apr()?, self.compounding)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn times(count: u32) -> NonZero<u32> {
        NonZero::new(count).unwrap()
    }

    #[track_caller]
    fn check(got: Option<Percent>, want: f64) {
        let got = got.unwrap().get();
        assert!((got - want).abs() < 5e-5, "{got} and not {want}");
    }

    fn solana() -> NetworkRate {
        NetworkRate {
            network: Network::Solana,
            gross_apr: Some(rate(7.0)),
            compounding: Some(times(182)),
            inflation: Some(rate(4.0)),
            commission: Some(rate(5.0)),
            community_tax: None,
            unlock: None,
            origin: "Solana RPC",
            read_at: Timestamp::default(),
        }
    }

    #[test]
    fn formulas_give_their_vectors() {
        check(apy_of(rate(5.0), times(365)), 5.1267);
        check(apr_of(rate(5.1267), times(365)), 5.0);
        check(apy_of(rate(5.0), times(1)), 5.0);
        check(after_inflation(rate(18.0), rate(10.0)), 7.2727);
        check(after_inflation(rate(4.0), rate(-1.0)), 5.0505);
        check(after_commission(rate(7.0), rate(5.0)), 6.65);
        check(after_commission(rate(7.0), rate(100.0)), 0.0);
    }

    #[test]
    fn what_has_no_answer_is_unknown() {
        assert_eq!(apy_of(rate(-100.0), times(1)), None);
        assert_eq!(apy_of(rate(1e300), times(365)), None);
        assert_eq!(apr_of(rate(-100.0), times(12)), None);
        assert_eq!(after_inflation(rate(5.0), rate(-100.0)), None);
        assert_eq!(after_commission(rate(5.0), rate(-1.0)), None);
        assert_eq!(after_commission(rate(5.0), rate(101.0)), None);
    }

    #[test]
    fn each_way_pays_what_is_left_for_it() {
        let network = solana();
        let direct = network.direct();
        assert_eq!(direct.net_apr, Some(rate(7.0)));
        let typical = network.delegated(None);
        check(typical.net_apr, 6.65);
        check(typical.net_apy, 6.8748);
        check(typical.real, 2.7642);
        check(network.delegated(Some(rate(10.0))).net_apr, 6.3);
    }

    #[test]
    fn without_a_commission_or_an_inflation_what_rests_on_it_is_unknown() {
        let network = NetworkRate {
            commission: None,
            inflation: None,
            compounding: None,
            ..solana()
        };
        let delegated = network.delegated(None);
        assert_eq!(delegated.gross_apr, Some(rate(7.0)));
        assert_eq!((delegated.net_apr, delegated.yearly()), (None, None));
        let asked = network.delegated(Some(rate(5.0)));
        assert_eq!(asked.net_apy, None);
        assert_eq!(asked.yearly(), asked.net_apr);
        assert_eq!(asked.real, None);
        let silent = NetworkRate {
            gross_apr: None,
            ..solana()
        };
        assert_eq!(silent.direct(), Figures::default());
    }

    #[test]
    fn a_receipt_is_told_by_its_steadier_figure() {
        let receipt = ReceiptRate {
            network: Network::Ethereum,
            token: "stETH",
            mean_apr: Some(rate(3.0)),
            last_apr: Some(rate(2.0)),
            fee: rate(10.0),
            compounding: times(365),
            origin: "Lido",
            read_at: Timestamp::default(),
        };
        assert_eq!(receipt.apr(), Some(rate(3.0)));
        check(receipt.apy(), 3.0453);
        let last = ReceiptRate {
            mean_apr: None,
            ..receipt
        };
        assert_eq!(last.apr(), Some(rate(2.0)));
    }

    #[test]
    fn networks_are_found_by_their_asset_and_have_a_range() {
        for network in Network::ALL {
            let lower = network.asset().to_ascii_lowercase();
            assert_eq!(Network::of_asset(&lower), Some(network));
            let (from, to) = network.reference();
            assert!(from < to);
        }
        assert_eq!(Network::of_asset("STETH"), None);
    }

    proptest! {
        #[test]
        fn an_apr_comes_back_from_its_apy(apr in -50.0_f64..200.0, count in 1_u32..1000) {
            let there = apy_of(rate(apr), times(count)).unwrap();
            let back = apr_of(there, times(count)).unwrap().get();
            prop_assert!((back - apr).abs() < 1e-9 * apr.abs().max(1.0), "{apr} came back as {back}");
        }

        #[test]
        fn compounding_never_costs(apr in 0.0_f64..100.0, count in 1_u32..1000) {
            prop_assert!(apy_of(rate(apr), times(count)).unwrap().get() >= apr - 1e-9);
        }

        #[test]
        fn a_higher_commission_leaves_less(gross in 0.0_f64..100.0, one in 0.0_f64..100.0, other in 0.0_f64..100.0) {
            let left = |commission| after_commission(rate(gross), rate(commission)).unwrap();
            prop_assert!(left(one.min(other)) >= left(one.max(other)));
        }
    }
}
