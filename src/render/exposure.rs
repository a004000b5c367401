//! The risk of a portfolio as a whole, in words.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::{
    lines_within,
    message::{Colour, Embed, Field, Message},
    numbers::{bare, share, sum},
    portfolio::{Rates, small_print},
    text,
};
use crate::domain::{
    correlation::On,
    currency::Reckoning,
    drift::Drift,
    exposure::{After, Checked, Common, Rule, Shock, Side, Spread, Stands, Stress},
    plan::allocation::Sleeve,
    time::Timestamp,
};

/// All that is said of a portfolio's risk.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    pub positions: usize,
    /// Positions without a value: none of the shares holds them.
    pub unvalued: usize,
    pub present: After,
    pub checks: &'a [Checked],
    pub stresses: &'a [Stress],
    pub spreads: &'a [Spread],
    pub common: &'a [Common],
    /// Nothing where its owner chose no allocation.
    pub drift: &'a [Drift],
    pub rates: Rates<'a>,
    pub reckoning: Reckoning,
    pub now: Timestamp,
}

/// Shares of one side that are named.
const NAMED: usize = 3;
/// Shared dependencies that are named.
const SHARED: usize = 8;

/// Rules, shocks, concentration, and what positions share.
pub fn risk(shown: &Shown<'_>) -> Message {
    let failed = shown.checks.iter().any(|it| it.stands == Stands::Fail);
    let checks: Vec<String> = shown.checks.iter().map(check).collect();
    let stresses: Vec<String> = shown.stresses.iter().map(|it| stress(it, shown)).collect();
    let spreads: Vec<String> = shown.spreads.iter().map(spread).collect();
    let mut fields = vec![
        Field::wide("If it happened today", lines_within(&stresses, 1_000)),
        Field::wide("Spread", lines_within(&spreads, 1_000)),
    ];
    if !shown.common.is_empty() {
        let common = shown.common.iter().take(SHARED);
        let lines: Vec<String> = common.map(|it| shared(it, shown.positions)).collect();
        fields.push(Field::wide("Shared", lines_within(&lines, 1_000)));
    }
    if !shown.drift.is_empty() {
        let lines: Vec<String> = shown
            .drift
            .iter()
            .map(|it| drifted(it, &shown.reckoning))
            .collect();
        fields.push(Field::wide("Against your target", lines.join("\n")));
    }
    fields.push(Field::wide("Not in it", not_in_it(shown.unvalued)));
    Message::from(Embed {
        title: "The risk of the whole".to_owned(),
        description: checks.join("\n"),
        colour: if failed { Colour::Amber } else { Colour::Blue },
        fields,
        footer: small_print(&shown.rates, &shown.reckoning, shown.now),
        ..Embed::default()
    })
}

fn not_in_it(unvalued: usize) -> String {
    let unvalued = match unvalued {
        0 => String::new(),
        1 => "one position without a price; ".to_owned(),
        many => format!("{many} positions without a price; "),
    };
    format!(
        "{unvalued}oracles, auditors and who can change a protocol, which no source that is read \
         names; what a pool of two coins loses while their prices part"
    )
}

fn check(checked: &Checked) -> String {
    let mark = match checked.stands {
        Stands::Pass => "✅",
        Stands::Fail => "❌",
        Stands::NotKnown => "❔",
    };
    format!("{mark} {}", rule_words(checked))
}

/// A rule with what it found.
pub(super) fn rule_words(checked: &Checked) -> String {
    let most = share(checked.rule.most());
    let rule = match checked.rule {
        Rule::OneProtocol => format!("no protocol over {most}"),
        Rule::OneChain => format!("no chain over {most}"),
        Rule::OneStablecoin => format!("no stablecoin over {most}"),
        Rule::Farming => format!("farming at most {most}"),
        Rule::Unsustainable => "nothing unsustainable".to_owned(),
    };
    let what = checked.what.as_deref().map(text::name);
    let found = what.map_or_else(
        || share(checked.share),
        |what| format!("{what} has {}", share(checked.share)),
    );
    let unknown = if checked.unknown > 0.0 {
        format!(", {} not known", share(checked.unknown))
    } else {
        String::new()
    };
    format!("{rule}: {found}{unknown}")
}

fn stress(stress: &Stress, shown: &Shown<'_>) -> String {
    let money = |usd: Decimal| sum(shown.reckoning.of(usd), shown.reckoning.currency);
    let what = match &stress.shock {
        Shock::Depeg { coin } => format!("{} loses 10 %", text::name(coin)),
        Shock::Fall => "all but stablecoins lose 50 %".to_owned(),
        Shock::Loss { protocol } => format!("{} is lost", text::name(protocol)),
    };
    let (before, after) = (shown.present, stress.after);
    let year = Decimal::from(12);
    let mut words = vec![format!(
        "- {what}: value {} → **{}**, income {} → **{}** a month",
        money(before.value),
        money(after.value),
        money(before.income / year),
        money(after.income / year)
    )];
    if !stress.unknown.is_zero() {
        words.push(format!(
            "{} left as it is, since it is not known what it depends on",
            money(stress.unknown)
        ));
    }
    words.join("; ")
}

fn spread(spread: &Spread) -> String {
    let mut words: Vec<String> = spread
        .shares
        .iter()
        .take(NAMED)
        .map(|(name, part)| format!("{} {}", text::name(name), share(*part)))
        .collect();
    if words.is_empty() {
        words.push("none".to_owned());
    }
    let more = spread.shares.len().saturating_sub(NAMED);
    if more > 0 {
        words.push(format!("{more} more"));
    }
    if spread.unknown > 0.0 {
        words.push(format!("{} not known", share(spread.unknown)));
    }
    let words = words.join(", ");
    let effective = spread.effective.filter(|_| spread.side != Side::Stablecoin);
    let known: f64 = spread.shares.iter().map(|(_, share)| share).sum();
    let worth = effective.map(|worth| match rounded(worth) {
        // The rest depends on none, so the one is not all of it.
        one if one <= 1.0 && known < NEARLY_ALL => String::new(),
        one if one <= 1.0 => " – all in one".to_owned(),
        several => format!(" – as good as {} equal parts", bare(several)),
    });
    format!(
        "- by {}: {words}{}",
        spread.side.label(),
        worth.unwrap_or_default()
    )
}

/// A part of the whole beside what it was to be.
pub(super) fn drifted(part: &Drift, reckoning: &Reckoning) -> String {
    let name = part.sleeve.map_or("anything else", Sleeve::label);
    let over = sum(reckoning.of(part.over.abs()), reckoning.currency);
    let wanted = part.wanted.normalize();
    let words = match part.over.cmp(&Decimal::ZERO) {
        Ordering::Greater => format!(", {over} too much"),
        Ordering::Less => format!(", {over} missing"),
        Ordering::Equal => String::new(),
    };
    format!(
        "- {name}: {} % where you want {wanted} %{words}",
        bare(rounded(part.now))
    )
}

/// A share of the whole from which on a part is called all of it.
const NEARLY_ALL: f64 = 0.95;

/// To a tenth.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn shared(common: &Common, positions: usize) -> String {
    let name = match common.dependency.on {
        On::Stablecoins => "coins that follow a currency".to_owned(),
        On::Protocol | On::Token | On::Chain => text::name(&common.dependency.name),
    };
    format!(
        "- **{} of {positions}** rely on {name}: {} of the value",
        common.positions,
        share(common.share)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{correlation::Dependency, time::Span},
        render::samples,
    };

    #[test]
    fn a_whole_with_everything_and_one_with_nothing() {
        let check = |rule, stands, what: Option<&str>, share, unknown| Checked {
            rule,
            stands,
            what: what.map(str::to_owned),
            share,
            unknown,
        };
        let after = |value: i64, income: i64| After {
            value: value.into(),
            income: income.into(),
        };
        let stress = |shock, value, income, unknown: i64| Stress {
            shock,
            after: after(value, income),
            unknown: unknown.into(),
        };
        let spread = |side, shares: &[(&str, f64)], unknown, effective| Spread {
            side,
            shares: shares
                .iter()
                .map(|(name, share)| ((*name).to_owned(), *share))
                .collect(),
            unknown,
            effective,
        };
        let common = |on, name: &str, positions, share| Common {
            dependency: Dependency {
                on,
                name: name.to_owned(),
            },
            positions,
            share,
        };
        let shown = |present, unvalued| Shown {
            positions: 4,
            unvalued,
            present,
            checks: &[],
            stresses: &[],
            spreads: &[],
            common: &[],
            drift: &[],
            rates: Rates {
                source: "DefiLlama",
                fetched_at: samples::now().minus(Span::minutes(4).0),
                are_old: false,
            },
            reckoning: Reckoning::DOLLARS,
            now: samples::now(),
        };
        let full = Shown {
            checks: &[
                check(Rule::OneProtocol, Stands::Fail, Some("aave"), 0.8, 0.0),
                check(Rule::OneChain, Stands::NotKnown, Some("**Base**"), 0.4, 0.3),
                check(Rule::OneStablecoin, Stands::Pass, None, 0.0, 0.0),
                check(Rule::Farming, Stands::Pass, None, 0.002, 0.0),
                check(Rule::Unsustainable, Stands::Fail, None, 0.1, 0.0),
            ],
            stresses: &[
                stress(
                    Shock::Depeg {
                        coin: "USDC".to_owned(),
                    },
                    9_400,
                    940,
                    0,
                ),
                stress(Shock::Fall, 8_000, 800, 300),
                stress(
                    Shock::Loss {
                        protocol: "aave".to_owned(),
                    },
                    2_000,
                    200,
                    0,
                ),
            ],
            spreads: &[
                spread(
                    Side::Protocol,
                    &[("aave", 0.8), ("uniswap", 0.2)],
                    0.0,
                    Some(1.47),
                ),
                spread(
                    Side::Asset,
                    &[("USDC", 0.4), ("ETH", 0.3), ("BTC", 0.2), ("SOL", 0.1)],
                    0.05,
                    Some(3.33),
                ),
                spread(Side::Stablecoin, &[], 0.0, None),
            ],
            common: &[
                common(On::Token, "WSTETH", 3, 0.75),
                common(On::Stablecoins, "", 2, 0.5),
            ],
            drift: &[
                Drift {
                    sleeve: Some(Sleeve::Staking),
                    now: 60.04,
                    wanted: 45.into(),
                    over: 1_500.into(),
                },
                Drift {
                    sleeve: Some(Sleeve::Farming),
                    now: 0.0,
                    wanted: 5.into(),
                    over: (-500).into(),
                },
                Drift {
                    sleeve: None,
                    now: 10.0,
                    wanted: 0.into(),
                    over: 1_000.into(),
                },
            ],
            ..shown(after(10_000, 1_000), 1)
        };
        insta::assert_json_snapshot!([risk(&full), risk(&shown(After::default(), 2))]);
    }
}
