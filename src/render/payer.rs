//! Who pays an income, in a line, with what is known beside it.

use super::numbers::{change, percent, share};
use crate::domain::payer::{Paid, Payer, TokenTrend};

/// Who pays, in one line: `borrowers pay 62 % of it, token emissions 38 %`.
pub fn line(paid: &Paid) -> String {
    let who = payer(paid.payer);
    match paid.reward_share {
        None => {
            format!("the source gives no split: nobody can tell what {who} pay and what emissions")
        }
        Some(rewards) if rewards <= 0.0 => format!("{who} pay all of it, by the source's split"),
        Some(rewards) if rewards >= 1.0 => {
            "all of it is paid in newly given tokens: nobody pays who gets something for it"
                .to_owned()
        }
        Some(rewards) => format!(
            "{who} pay {} of it, token emissions {}",
            share(1.0 - rewards),
            share(rewards)
        ),
    }
}

/// What is known beside that, and what is not, one a line.
pub fn details(paid: &Paid) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(score) = paid.score() {
        let most = if paid.is_upper_bound() && score > 0.0 {
            "at most "
        } else {
            ""
        };
        let as_far_as = if paid.payer == Payer::Network {
            "inflation leaves it"
        } else {
            "fees cover it"
        };
        lines.push(format!(
            "source score {most}{} of 100: what is not paid in reward tokens, as far as {as_far_as}",
            super::numbers::whole(score * 100.0)
        ));
    }
    lines.push(cover(paid));
    if paid.payer == Payer::Network {
        lines.push(inflation(paid));
    }
    if paid.reward_share.is_some_and(|rewards| rewards > 0.0) {
        lines.push(reward_token(paid));
    }
    lines
}

const fn payer(payer: Payer) -> &'static str {
    match payer {
        Payer::Borrowers => "borrowers",
        Payer::Traders => "traders",
        Payer::Network => "the network's issuance and its users",
        Payer::Strategies => "the vault's own investments",
        Payer::Sponsors => "sponsors",
        Payer::Unknown => "fees or interest",
    }
}

fn cover(paid: &Paid) -> String {
    let Some(cover) = paid.cover else {
        return "fees against it: *not known*".to_owned();
    };
    let whose = if cover.is_family {
        "the protocol's whole family"
    } else {
        "the protocol"
    };
    let words = if cover.ratio >= 10.0 {
        "many times what such a rate would take".to_owned()
    } else if cover.ratio < 0.0 {
        "less than nothing, as when more is paid back or lost than earned".to_owned()
    } else {
        format!("{} of what such a rate would take", share(cover.ratio))
    };
    format!("fees of {whose} that went to depositors in 30 days: {words}")
}

fn inflation(paid: &Paid) -> String {
    match (paid.inflation, paid.real) {
        (Some(inflation), Some(real)) => format!(
            "the network makes {} more coins a year: {} are left after that",
            percent(inflation),
            percent(real)
        ),
        _ => "inflation of the network: *not known*".to_owned(),
    }
}

fn reward_token(paid: &Paid) -> String {
    let Some(trend) = paid.reward_token.filter(TokenTrend::is_known) else {
        return "price and supply of the reward token: *not known*".to_owned();
    };
    let moved = [(trend.price_30d, 30), (trend.price_90d, 90)];
    let known: Vec<String> = moved
        .into_iter()
        .filter_map(|(moved, days)| Some(format!("{} in {days} days", change(moved? * 100.0))))
        .collect();
    format!(
        "price of the reward token: {}; its supply: *not known*",
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            method::Method,
            payer::{Around, Cover},
            pool::Pool,
        },
        render::samples::{self, percent as rate},
    };

    fn told(method: Method, parts: (Option<f64>, Option<f64>), around: &Around) -> String {
        let pool = Pool {
            method,
            ..samples::pool()
        };
        let paid = Paid::of(&pool, &samples::reading(10.0, parts.0, parts.1), around);
        let mut lines = vec![line(&paid)];
        lines.extend(details(&paid));
        lines.join("\n")
    }

    #[test]
    fn who_pays_reads_well() {
        let nothing = Around::default();
        let much = Around {
            cover: Cover::of(1e6, 3e8, rate(4.0), false),
            inflation: Some(rate(4.0)),
            reward_token: Some(TokenTrend {
                price_30d: Some(-0.21),
                price_90d: Some(-0.46),
            }),
        };
        let told = [
            told(Method::Lending, (Some(10.0), Some(0.0)), &much),
            told(Method::Liquidity, (Some(2.0), Some(8.0)), &much),
            told(Method::Liquidity, (Some(2.0), Some(8.0)), &nothing),
            told(Method::Farming, (None, Some(10.0)), &nothing),
            told(Method::StakingLiquid, (Some(10.0), None), &much),
            told(Method::StakingLiquid, (Some(10.0), None), &nothing),
            told(Method::Unknown, (None, None), &nothing),
        ];
        insta::assert_snapshot!(told.join("\n\n"));
    }
}
