//! What the money of a portfolio depends on: protocols, chains, coins, methods, and how much of it would be
//! hit if one of them failed. A position that depends on several counts with all of its value in each.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    correlation::{
        Dependency, On, dependencies, effective, family, follows_a_currency, root, steps, tokens,
    },
    income::{Income, Line},
    method::Method,
    pool::Pool,
    position::Earns,
    verdict::Verdict,
};

/// A position with the pools of its layers that are known.
#[derive(Debug, Clone)]
pub struct Held<'a> {
    pub line: &'a Line,
    /// The lowest layer's first; without those that are no pools or are not listed any more.
    pub pools: Vec<&'a Pool>,
}

/// One side of concentration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    Protocol,
    Chain,
    /// The coin at the bottom of what is held.
    Asset,
    Method,
    /// Of coins that follow a currency, each by itself.
    Stablecoin,
}

impl Side {
    pub const ALL: [Self; 5] = [
        Self::Protocol,
        Self::Chain,
        Self::Asset,
        Self::Method,
        Self::Stablecoin,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Chain => "chain",
            Self::Asset => "asset",
            Self::Method => "method",
            Self::Stablecoin => "stablecoin",
        }
    }
}

/// How a portfolio is spread, seen from one side.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    pub side: Side,
    /// Names with the share of the whole value that depends on each, 0–1, the largest first. Shares overlap
    /// where a position depends on several.
    pub shares: Vec<(String, f64)>,
    /// The share of the whole of which this side is not known, 0–1.
    pub unknown: f64,
    /// How many equal and independent parts it is worth: 1 / Σ wᵢ². `None` where nothing is known.
    pub effective: Option<f64>,
}

impl Held<'_> {
    /// US dollars; zero where it has no value.
    pub fn value(&self) -> f64 {
        let value = self.line.value_usd.and_then(|usd| usd.to_f64());
        value.unwrap_or(0.0)
    }

    /// The coins at the bottom of what is held, in upper case, each once. A holding told in units is in its
    /// own token, whatever its pool takes beside it.
    pub fn assets(&self) -> BTreeSet<String> {
        match (self.line.position.stake.asset(), self.pools.first()) {
            (Some(asset), _) => BTreeSet::from([root(asset)]),
            (None, Some(pool)) => tokens(pool).iter().map(|token| root(token)).collect(),
            (None, None) => BTreeSet::new(),
        }
    }

    /// Everything known whose failure reaches it, each once.
    pub fn dependencies(&self) -> BTreeSet<Dependency> {
        let mut found: BTreeSet<Dependency> = self
            .pools
            .iter()
            .flat_map(|pool| dependencies(pool))
            .collect();
        for earns in &self.line.position.stake.layers {
            if let Earns::Network { network, .. } = earns {
                found.insert(Dependency {
                    on: On::Chain,
                    name: network.name().to_owned(),
                });
            }
        }
        let asset = self.line.position.stake.asset();
        for (token, backing) in asset.into_iter().flat_map(steps) {
            let issuer = backing.and_then(|backing| backing.issuer);
            found.extend(issuer.map(|issuer| Dependency {
                on: On::Protocol,
                name: family(issuer).to_lowercase(),
            }));
            found.insert(Dependency {
                on: On::Token,
                name: token,
            });
        }
        found
    }

    /// What it is a part of, seen from this side; nothing where that is not known.
    fn groups(&self, side: Side) -> BTreeSet<String> {
        let on = |on: On| {
            let all = self.dependencies().into_iter();
            all.filter(move |it| it.on == on)
                .map(|it| it.name)
                .collect()
        };
        match side {
            Side::Protocol => on(On::Protocol),
            Side::Chain => on(On::Chain),
            Side::Asset => self.assets(),
            Side::Method if self.line.method == Method::Unknown => BTreeSet::new(),
            Side::Method => BTreeSet::from([self.line.method.label().to_owned()]),
            Side::Stablecoin => {
                let coins = self.assets().into_iter();
                coins.filter(|coin| follows_a_currency(coin)).collect()
            }
        }
    }

    /// Whether nothing can be said of it from this side, as opposed to it having no part in it: staking on
    /// a network involves no protocol, and ether no stablecoin.
    fn is_unknown(&self, side: Side) -> bool {
        match side {
            Side::Protocol => self.lies_somewhere_unknown(),
            Side::Stablecoin => self.assets().is_empty(),
            side => self.groups(side).is_empty(),
        }
    }
}

impl Held<'_> {
    /// Whether it earns in a layer of which nobody knows whose it is: at a rate that its owner stated, in
    /// a basket whose parts change with the market, or in a pool that is not listed any more.
    fn lies_somewhere_unknown(&self) -> bool {
        let stake = &self.line.position.stake;
        let stated = |earns: &Earns| matches!(earns, Earns::Stated { .. } | Earns::Index { .. });
        stake.layers.iter().any(stated) || self.pools.len() < stake.pools().count()
    }
}

/// How a portfolio is spread, from every side. Positions without a value have no weight.
pub fn spreads(held: &[Held<'_>]) -> Vec<Spread> {
    let whole: f64 = held.iter().map(Held::value).sum();
    let share = |value: f64| if whole > 0.0 { value / whole } else { 0.0 };
    Side::ALL
        .into_iter()
        .map(|side| {
            let mut hit: BTreeMap<String, f64> = BTreeMap::new();
            let mut weights: BTreeMap<String, f64> = BTreeMap::new();
            let mut unknown = 0.0;
            for one in held {
                let groups = one.groups(side);
                let count = f64::from(u32::try_from(groups.len()).unwrap_or(1).max(1));
                if one.is_unknown(side) {
                    unknown += one.value();
                }
                for group in groups {
                    *weights.entry(group.clone()).or_default() += one.value() / count;
                    *hit.entry(group).or_default() += one.value();
                }
            }
            let mut shares: Vec<(String, f64)> = hit
                .into_iter()
                .map(|(name, value)| (name, share(value)))
                .filter(|(_, share)| *share > 0.0)
                .collect();
            shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            Spread {
                side,
                shares,
                unknown: share(unknown),
                effective: effective(weights.into_values()),
            }
        })
        .collect()
}

/// A dependency that two or more positions share.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    pub dependency: Dependency,
    pub positions: usize,
    /// The share of the whole value that depends on it, 0–1.
    pub share: f64,
}

/// What positions share, the larger share of the value first.
pub fn common(held: &[Held<'_>]) -> Vec<Common> {
    let whole: f64 = held.iter().map(Held::value).sum();
    let mut by: BTreeMap<(On, String), (Dependency, BTreeSet<usize>)> = BTreeMap::new();
    for (at, one) in held.iter().enumerate() {
        for dependency in one.dependencies() {
            let key = (dependency.on, dependency.name.to_lowercase());
            let entry = by
                .entry(key)
                .or_insert_with(|| (dependency, BTreeSet::new()));
            entry.1.insert(at);
        }
    }
    let mut common: Vec<Common> = by
        .into_values()
        .filter(|(_, by)| by.len() > 1)
        .map(|(dependency, by)| {
            let value: f64 = by
                .iter()
                .filter_map(|at| held.get(*at))
                .map(Held::value)
                .sum();
            Common {
                dependency,
                positions: by.len(),
                share: if whole > 0.0 { value / whole } else { 0.0 },
            }
        })
        .collect();
    common.sort_by(|a, b| {
        let more = b.share.total_cmp(&a.share);
        more.then_with(|| b.positions.cmp(&a.positions))
    });
    common
}

/// What value and income are after something has happened, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct After {
    pub value: Decimal,
    /// A year.
    pub income: Decimal,
}

/// Something that may happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Shock {
    /// The stablecoin of which most is held loses a tenth.
    Depeg { coin: String },
    /// Everything that follows no currency loses half.
    Fall,
    /// The protocol on which most depends is lost, with all that lies in it.
    Loss { protocol: String },
}

/// What a shock does to the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Stress {
    pub shock: Shock,
    pub after: After,
    /// US dollars of positions of which it is not known whether it hits them: they are left as they are.
    pub unknown: Decimal,
}

/// How the whole stands now, over the positions that have a value.
pub fn present(held: &[Held<'_>]) -> After {
    held.iter().fold(After::default(), |sum, one| {
        let (value, income) = figures(one);
        After {
            value: sum.value.saturating_add(value),
            income: sum.income.saturating_add(income),
        }
    })
}

fn figures(one: &Held<'_>) -> (Decimal, Decimal) {
    let income = one.line.income_usd.map(Income::year);
    (
        one.line.value_usd.unwrap_or_default(),
        income.unwrap_or_default(),
    )
}

/// The three shocks, as far as there is something that they would hit. Rates stay as they are, so that
/// income falls with the value that earns it; what a pool of two coins does in between is left out.
pub fn stresses(held: &[Held<'_>]) -> Vec<Stress> {
    let all = spreads(held);
    let largest = |side: Side| {
        let spread = all.iter().find(|spread| spread.side == side)?;
        spread.shares.first().map(|(name, _)| name.clone())
    };
    let shocks = [
        largest(Side::Stablecoin).map(|coin| Shock::Depeg { coin }),
        Some(Shock::Fall),
        largest(Side::Protocol).map(|protocol| Shock::Loss { protocol }),
    ];
    let stressed = shocks
        .into_iter()
        .flatten()
        .map(|shock| stress(held, shock));
    stressed.collect()
}

fn stress(held: &[Held<'_>], shock: Shock) -> Stress {
    let mut stress = Stress {
        shock,
        after: After::default(),
        unknown: Decimal::ZERO,
    };
    for one in held {
        let (value, income) = figures(one);
        let kept = kept(one, &stress.shock);
        if kept.is_none() {
            stress.unknown = stress.unknown.saturating_add(value);
        }
        let kept = kept.unwrap_or(Decimal::ONE);
        let after = &mut stress.after;
        after.value = after.value.saturating_add(value.saturating_mul(kept));
        after.income = after.income.saturating_add(income.saturating_mul(kept));
    }
    stress
}

/// The share of a position that is left, 0–1; `None` where it is not known what it depends on. A pool of
/// several coins is split evenly.
fn kept(one: &Held<'_>, shock: &Shock) -> Option<Decimal> {
    let tenth = Decimal::new(1, 1);
    let half = Decimal::new(5, 1);
    match shock {
        Shock::Depeg { coin } => fallen(one, tenth, |asset| asset == coin),
        Shock::Fall => {
            // The source says so of a pool where it is so of all its coins.
            let is_stable = one.pools.first().is_some_and(|pool| pool.stablecoin);
            fallen(one, half, |asset| !is_stable && !follows_a_currency(asset))
        }
        Shock::Loss { protocol } => {
            if one.groups(Side::Protocol).contains(protocol) {
                return Some(Decimal::ZERO);
            }
            (!one.is_unknown(Side::Protocol)).then_some(Decimal::ONE)
        }
    }
}

fn fallen(one: &Held<'_>, by: Decimal, falls: impl Fn(&str) -> bool) -> Option<Decimal> {
    let assets = one.assets();
    let all = Decimal::from(assets.len());
    let hit = Decimal::from(assets.iter().filter(|asset| falls(asset)).count());
    Some(Decimal::ONE - by * hit.checked_div(all)?)
}

/// A rule for a portfolio as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    OneProtocol,
    OneChain,
    OneStablecoin,
    Farming,
    Unsustainable,
}

impl Rule {
    pub const ALL: [Self; 5] = [
        Self::OneProtocol,
        Self::OneChain,
        Self::OneStablecoin,
        Self::Farming,
        Self::Unsustainable,
    ];

    /// The most of the value that may be so, 0–1. Farming by the typical allocation, the others as the
    /// product's own rules of thumb.
    pub const fn most(self) -> f64 {
        match self {
            Self::OneProtocol | Self::OneStablecoin => 0.25,
            Self::OneChain => 0.50,
            Self::Farming => 0.10,
            Self::Unsustainable => 0.0,
        }
    }
}

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    Pass,
    Fail,
    /// What is not known could break it.
    NotKnown,
}

/// A rule with what it found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    pub rule: Rule,
    pub stands: Stands,
    /// What has the largest share, where the rule is about one of several.
    pub what: Option<String>,
    /// 0–1 of the value.
    pub share: f64,
    /// 0–1 of the value of which it is not known.
    pub unknown: f64,
}

/// Every rule, in order.
pub fn checks(held: &[Held<'_>]) -> Vec<Checked> {
    let all = spreads(held);
    let whole: f64 = held.iter().map(Held::value).sum();
    let part = |is_so: &dyn Fn(&Held<'_>) -> bool| {
        let value: f64 = held.iter().filter(|one| is_so(one)).map(Held::value).sum();
        if whole > 0.0 { value / whole } else { 0.0 }
    };
    let largest = |side: Side| {
        let spread = all.iter().find(|spread| spread.side == side);
        let first = spread.and_then(|spread| spread.shares.first().cloned());
        let (what, share) = first.map_or((None, 0.0), |(what, share)| (Some(what), share));
        (what, share, spread.map_or(1.0, |spread| spread.unknown))
    };
    let method = |of: Method| part(&|one: &Held<'_>| one.line.method == of);
    let verdict = |of: Verdict| part(&|one: &Held<'_>| one.line.verdict == Some(of));
    let found = |rule| match rule {
        Rule::OneProtocol => largest(Side::Protocol),
        Rule::OneChain => largest(Side::Chain),
        Rule::OneStablecoin => largest(Side::Stablecoin),
        Rule::Farming => (None, method(Method::Farming), method(Method::Unknown)),
        Rule::Unsustainable => {
            let unjudged = part(&|one: &Held<'_>| one.line.verdict.is_none());
            (
                None,
                verdict(Verdict::Unsustainable),
                verdict(Verdict::Unknown) + unjudged,
            )
        }
    };
    Rule::ALL
        .into_iter()
        .map(|rule| {
            let (what, share, unknown) = found(rule);
            // A hair over by rounding breaks no rule.
            let breaks = |share: f64| share > rule.most() + 1e-9;
            let stands = if breaks(share) {
                Stands::Fail
            } else if breaks(share + unknown) {
                Stands::NotKnown
            } else {
                Stands::Pass
            };
            Checked {
                rule,
                stands,
                what,
                share,
                unknown,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
