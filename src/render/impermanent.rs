//! Impermanent loss in words, with what fees have to make up for.

use super::{
    count,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{bare, change, percent},
    pool::{PoolView, footer},
    verdict,
};
use crate::domain::{
    correlation::tokens,
    impermanent::{PriceRatio, compounded_over, simple_over},
    rate::Percent,
    time::Timestamp,
};

/// Two prices that have moved.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    pub change_a: Percent,
    pub change_b: Percent,
    pub ratio: PriceRatio,
    /// What the fees pay a year, without compounding.
    pub fees_apr: Option<Percent>,
    pub days: u32,
}

/// The loss for two changes of price.
pub fn moved(moved: &Moved) -> Message {
    let ratio = moved.ratio;
    let mut lines = vec![format!(
        "One price {}, the other {}: ratio **{}** → **{}** against holding the two",
        change(moved.change_a.get()),
        change(moved.change_b.get()),
        factor(ratio.upward()),
        percent(ratio.loss())
    )];
    match ratio.fees_needed().filter(|needed| needed.get() > 1e-9) {
        Some(needed) => {
            let a_year = ratio.apr_needed(moved.days);
            let a_year = a_year.map(|rate| {
                format!(
                    "; within {} that is {} a year",
                    days(moved.days),
                    percent(rate)
                )
            });
            lines.push(format!(
                "Fees must add about **{}** of the pool's value over the period to break even{}.",
                percent(needed),
                a_year.unwrap_or_default()
            ));
        }
        None => {
            lines.push("The two moved together, so there is nothing to make up for.".to_owned());
        }
    }
    if let Some(earned) = moved.fees_apr.and_then(|apr| simple_over(apr, moved.days)) {
        lines.push(earnings(ratio, earned, moved.days));
    }
    Message::from(Embed {
        title: "Impermanent loss".to_owned(),
        description: lines.join("\n"),
        colour: Colour::Blue,
        fields: vec![Field::wide("How it is reckoned", RECKONED)],
        footer: "from the figures that you gave · not advice".to_owned(),
        ..Embed::default()
    })
}

fn earnings(ratio: PriceRatio, earned: Percent, of_days: u32) -> String {
    let whole = ratio.with_fees(earned).map_or_else(String::new, |net| {
        format!(": **{}** against holding", signed(net))
    });
    let covered = PriceRatio::covered_by(earned).map_or_else(String::new, |ratio| {
        format!(" They make up for a ratio of up to {}.", factor(ratio))
    });
    format!(
        "Your fees bring {} in {}{whole}.{covered}",
        percent(earned),
        days(of_days)
    )
}

const RECKONED: &str = "2√r ÷ (1 + r) − 1 for a price ratio r, where the pool holds both tokens in equal \
     parts over all prices. A position in a narrow range loses more, a pool of unequal parts less. It \
     ends when the prices come back to where they were.";

/// Price ratios that are shown for a pool.
const RATIOS: [f64; 4] = [1.25, 1.5, 2.0, 4.0];

/// What a pool pays beside its prices.
#[derive(Debug, Clone, Copy)]
pub enum Fees {
    /// Its rate, with compounding.
    Apy(Percent),
    /// What somebody reckons with, without compounding.
    Apr(Percent),
}

/// What a pool pays against the losses that moving prices would bring.
pub fn pool(view: &PoolView<'_>, fees: Fees, of_days: u32, now: Timestamp) -> Message {
    let pool = view.pool;
    let (earned, words) = match fees {
        Fees::Apy(apy) => (
            compounded_over(apy, of_days),
            format!("Its APY of **{}**", percent(apy)),
        ),
        Fees::Apr(apr) => (
            simple_over(apr, of_days),
            format!("Fees of **{}** a year", percent(apr)),
        ),
    };
    let earned = earned.unwrap_or(Percent::ZERO);
    let mut lines = vec![
        format!(
            "{words} would bring **{}** in {}.",
            percent(earned),
            days(of_days)
        ),
        verdict::brief(view.assessment),
    ];
    let mut fields = Vec::new();
    if pool.multi_asset || pool.impermanent_loss {
        if pool.stablecoin {
            lines.push(
                "Its tokens all follow a currency: their prices move apart once one of them loses its peg."
                    .to_owned(),
            );
        }
        if tokens(pool).len() > 2 {
            lines.push(
                "It holds more than two tokens; this reckons as if two of them moved apart and were all of it."
                    .to_owned(),
            );
        }
        fields.push(Field::wide("If the prices move apart", table(earned)));
        fields.extend(PriceRatio::covered_by(earned).map(|covered| {
            Field::wide(
                "Break-even",
                format!(
                    "that makes up for a price ratio of up to **{}** within {}",
                    factor(covered),
                    days(of_days)
                ),
            )
        }));
        fields.push(Field::wide("How it is reckoned", RECKONED));
    } else {
        lines.push(
            "One token is paid in, and the source flags no impermanent loss: there are no two prices \
             that could move apart."
                .to_owned(),
        );
    }
    Message::from(Embed {
        title: name(pool),
        description: lines.join("\n"),
        colour: Colour::Blue,
        fields,
        footer: footer(
            view.source,
            view.fetched_at,
            Some(view.unchanged_since),
            now,
        ),
        ..Embed::default()
    })
}

fn table(earned: Percent) -> String {
    let rows = RATIOS.into_iter().filter_map(|ratio| {
        let ratio = PriceRatio::new(ratio).ok()?;
        let net = ratio.with_fees(earned)?;
        Some(format!(
            "- {}: {}, with what it pays **{}**",
            factor(ratio),
            percent(ratio.loss()),
            signed(net)
        ))
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// `×1.25`.
fn factor(ratio: PriceRatio) -> String {
    format!("×{}", bare((ratio.get() * 100.0).round() / 100.0))
}

fn days(number: u32) -> String {
    count(number as usize, "day", "days")
}

fn signed(rate: Percent) -> String {
    let plus = if rate.get() > 0.0 { "+" } else { "" };
    format!("{plus}{}", percent(rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::pool::Pool,
        render::samples::{self, view},
    };

    fn of(change_a: f64, change_b: f64, fees_apr: Option<f64>) -> Message {
        let (change_a, change_b) = (samples::percent(change_a), samples::percent(change_b));
        moved(&Moved {
            change_a,
            change_b,
            ratio: PriceRatio::from_changes(change_a, change_b).unwrap(),
            fees_apr: fees_apr.map(samples::percent),
            days: 30,
        })
    }

    #[test]
    fn prices_that_moved() {
        let told = [
            of(100.0, 0.0, None),
            of(-50.0, 10.0, Some(20.0)),
            of(5.0, 5.0, None),
        ];
        let words: Vec<&str> = told.iter().map(|it| &*it.embeds[0].description).collect();
        insta::assert_snapshot!(words.join("\n\n"));
    }

    #[test]
    fn pools_against_moving_prices() {
        let (calm, feed) = (samples::calm(), samples::feed());
        let pair = Pool {
            symbol: "USDC-WETH".into(),
            stablecoin: false,
            multi_asset: true,
            impermanent_loss: true,
            ..samples::pool()
        };
        let reading = samples::reading(24.0, Some(24.0), None);
        let told = pool(
            &view(&pair, &reading, &calm, &feed),
            Fees::Apy(reading.apy),
            30,
            samples::now(),
        );
        insta::assert_json_snapshot!(told);
        let stable = Pool {
            symbol: "USDC-USDT-DAI".into(),
            stablecoin: true,
            ..pair
        };
        let words = |one: &Pool| {
            let told = pool(
                &view(one, &reading, &calm, &feed),
                Fees::Apy(reading.apy),
                30,
                samples::now(),
            );
            told.to_discord().to_string()
        };
        assert!(words(&stable).contains("loses its peg"));
        assert!(words(&stable).contains("more than two tokens"));
        let single = words(&samples::pool());
        assert!(single.contains("no two prices"), "{single}");
        assert!(!single.contains("×2"), "{single}");
        let apr = Fees::Apr(samples::percent(36.5));
        let told = pool(
            &view(&stable, &reading, &calm, &feed),
            apr,
            30,
            samples::now(),
        );
        let words = &told.embeds[0].description;
        assert!(
            words.starts_with("Fees of **36.50 %** a year would bring **3.00 %** in 30 days."),
            "{words}"
        );
    }
}
