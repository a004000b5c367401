//! A basket of today's market, in words.

use rust_decimal::Decimal;

use super::{FROM_YOUR_FIGURES, Today, beside, range, upper, weighed};
use crate::{
    domain::{
        currency::Currency,
        income::Income,
        plan::basket::{
            Basket, DEFI_POOLS, GROWTH, Index, LEAST_APY, LEAST_TVL_USD, LENDING_POOLS,
            MOST_WEIGHT, OF_A_PROTOCOL, Part,
        },
        rate::Percent,
        rating::{IndexPart, RatedIndex},
        time::Timestamp,
    },
    render::{
        DOT, lines_within,
        message::{Colour, Embed, Field, Message},
        name,
        numbers::{ago, bare, change, dollars, limit, percent, share, sum},
        stack::method_words,
        text,
    },
};

/// The indices that a rating agency runs itself, beside the basket.
#[derive(Debug, Clone, Copy)]
pub enum Rated<'a> {
    /// Nobody is asked, and nothing is said.
    NotAsked,
    /// They were asked for and did not come.
    NotKnown,
    Known {
        indices: &'a [RatedIndex],
        read_at: Timestamp,
    },
}

/// An index with what the market makes of it.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub index: Index,
    pub capital: Decimal,
    pub currency: Currency,
    /// `None` where the market has too little for it.
    pub basket: Option<&'a Basket<'a>>,
    pub rated: Rated<'a>,
}

/// The answer in full.
pub fn basket(told: &Told<'_>, today: &Today<'_>) -> Message {
    let reference = told.index.reference();
    let summary = told.basket.map_or_else(
        || {
            "What it would pay today is **not known**: the market has too few pools for it."
                .to_owned()
        },
        |basket| {
            format!(
                "Pays **{}** today, {} the reference of {}.",
                percent(basket.rate),
                beside(reference.place(basket.rate)),
                range(reference)
            )
        },
    );
    let mut fields = Vec::new();
    if let Some(basket) = told.basket {
        let parts: Vec<String> = basket.parts.iter().map(part).collect();
        fields.push(Field::wide(
            "What it holds today",
            lines_within(&parts, 1_000),
        ));
        let weights = basket.parts.iter();
        let weights = weights.map(|part| (part.weight * 100.0, part.offer.apy));
        fields.push(Field::wide("Together", weighed(weights, basket.rate)));
    }
    fields.push(Field::wide(
        format!("What {} brings", sum(told.capital, told.currency)),
        brings(told),
    ));
    fields.push(Field::wide("Main risks", risks(told)));
    let rated = rated(told.rated);
    fields.extend(rated.map(|words| Field::wide("Token Metrics' own indices", words)));
    Message::from(Embed {
        title: format!(
            "{} index: reference {}",
            upper(told.index.label()),
            range(reference)
        ),
        description: format!(
            "{summary}\n{}\nIt is stipend's own basket of today's market, and no product that anybody sells.",
            rule(told.index)
        ),
        colour: Colour::Blue,
        fields,
        footer: match told.basket {
            Some(_) => today.footer(),
            None => FROM_YOUR_FIGURES.to_owned(),
        },
        ..Embed::default()
    })
}

/// How it is composed.
fn rule(index: Index) -> String {
    let (least, pays) = (dollars(LEAST_TVL_USD), limit(LEAST_APY));
    match index {
        Index::LargeCapStaking => format!(
            "Rule: the largest sustainable liquid-staking pool of each of ETH, SOL, DOT, ATOM and ADA that \
             the market has, weighed by TVL, at most {} for one.",
            share(MOST_WEIGHT)
        ),
        Index::DefiYield => format!(
            "Rule: the {DEFI_POOLS} largest sustainable pools of lending, liquidity and vaults over {least} \
             that pay {pays} or more, at most {OF_A_PROTOCOL} of a protocol, all with the same weight."
        ),
        Index::Balanced => format!(
            "Rule: {} appreciation assets, which are the large-cap staking basket; {} income, which are the \
             {LENDING_POOLS} largest sustainable pools that lend stablecoins, over {least} and paying {pays} or \
             more, of different protocols.",
            share(GROWTH),
            share(1.0 - GROWTH)
        ),
    }
}

fn part(part: &Part<'_>) -> String {
    format!(
        "{} {} – {}",
        limit((part.weight * 1_000.0).round() / 10.0),
        name(part.offer.pool),
        percent(part.offer.apy)
    )
}

fn brings(told: &Told<'_>) -> String {
    let reference = told.index.reference();
    let line = |name: String, rate: Percent| {
        let income = Income::of(told.capital, rate)?;
        Some(format!(
            "{name}: {} a month, {} a year",
            sum(income.month(), told.currency),
            sum(income.year(), told.currency)
        ))
    };
    let of_reference = [reference.low, reference.high].into_iter();
    let mut lines: Vec<String> = of_reference
        .filter_map(|rate| line(format!("at {} %", bare(rate)), Percent::new(rate)?))
        .collect();
    lines.extend(told.basket.and_then(|basket| {
        line(
            format!("**today at {}**", percent(basket.rate)),
            basket.rate,
        )
    }));
    lines.join("\n")
}

/// What the agency's indices are, for who compares.
fn rated(rated: Rated<'_>) -> Option<String> {
    match rated {
        Rated::NotAsked => None,
        Rated::NotKnown => Some("Not known at the moment.".to_owned()),
        Rated::Known { indices, read_at } => {
            let mut lines: Vec<String> = indices.iter().map(rated_index).collect();
            lines.push(format!(
                "Theirs, and no part of the basket above; read {}",
                ago(read_at)
            ));
            Some(lines_within(&lines, 1_000))
        }
    }
}

fn rated_index(index: &RatedIndex) -> String {
    let grade = index.grade.map_or_else(
        || "grade not known".to_owned(),
        |grade| format!("grade {} of 100", bare((grade * 10.0).round() / 10.0)),
    );
    let month = index.change_1m.map_or_else(
        || "1 month not known".to_owned(),
        |month| format!("1 month {}", change(month)),
    );
    let part = |part: &IndexPart| {
        let weight = part
            .weight
            .map(|weight| limit((weight * 10.0).round() / 10.0));
        let symbol = text::name(&part.symbol);
        weight.map_or_else(|| symbol.clone(), |weight| format!("{symbol} {weight}"))
    };
    let parts: Vec<String> = index.largest.iter().map(part).collect();
    let holds = if parts.is_empty() {
        "what it holds is not known".to_owned()
    } else {
        format!("holds most of {}", parts.join(", "))
    };
    format!(
        "**{}** ({}){DOT}{grade}{DOT}{month}{DOT}{holds}",
        text::name(&index.name),
        text::name(&index.ticker)
    )
}

fn risks(told: &Told<'_>) -> String {
    let mut lines: Vec<String> = told
        .basket
        .map_or_else(Vec::new, Basket::methods)
        .into_iter()
        .map(method_words)
        .collect();
    lines.push("its parts can fall together: they share chains, coins and oracles".to_owned());
    if told.index != Index::DefiYield {
        lines.push("the prices of the coins, which no yield makes up for".to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{method::Method, plan::basket::Offer, staking::Network},
        render::samples,
    };

    #[test]
    fn an_index_with_and_without_a_basket() {
        let staked = crate::domain::pool::Pool {
            method: Method::StakingLiquid,
            ..samples::pool()
        };
        let hostile = crate::domain::pool::Pool {
            method: Method::StakingLiquid,
            ..samples::hostile_pool()
        };
        let offer = |pool, apy, network| Offer {
            pool,
            apy: samples::percent(apy),
            tvl_usd: 1e9,
            network: Some(network),
        };
        let offers = [
            offer(&staked, 2.9, Network::Ethereum),
            offer(&hostile, 6.4, Network::Solana),
        ];
        let composed = Basket::of(Index::LargeCapStaking, &offers).unwrap();
        let agency = [
            RatedIndex {
                name: "Active [Large] Cap".into(),
                ticker: "TMA".into(),
                grade: Some(61.25),
                change_1m: Some(-4.31),
                largest: vec![
                    IndexPart {
                        symbol: "BTC".into(),
                        weight: Some(40.04),
                    },
                    IndexPart {
                        symbol: "@everyone".into(),
                        weight: None,
                    },
                ],
            },
            RatedIndex {
                name: "New".into(),
                ticker: "N".into(),
                grade: None,
                change_1m: None,
                largest: Vec::new(),
            },
        ];
        let known = Rated::Known {
            indices: &agency,
            read_at: samples::now(),
        };
        let told = |index, basket, rated| {
            let told = Told {
                rated,
                index,
                capital: Decimal::from(100_000),
                currency: Currency::Eur,
                basket,
            };
            super::basket(&told, &samples::today())
        };
        insta::assert_json_snapshot!(told(Index::LargeCapStaking, Some(&composed), known));
        insta::assert_json_snapshot!(told(Index::DefiYield, None, Rated::NotKnown));
        insta::assert_json_snapshot!(told(Index::Balanced, None, Rated::NotAsked));
    }
}
