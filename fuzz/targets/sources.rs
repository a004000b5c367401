//! The answers of the other sources. The first byte says whose it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_decimal::Decimal;
use stipend::{
    domain::{currency::Currency, time::Timestamp},
    sources::{
        SourceError, cardano, coingecko, cosmos,
        defillama::{chart, closes, fees, lend_borrow, prices, protocols, stablecoins},
        incidents,
        kept::Rows,
        solana,
    },
};

fuzz_target!(|input: &[u8]| {
    let Some((whose, body)) = input.split_first() else {
        return;
    };
    match whose {
        b'a' => days(body),
        b'b' => drop(prices::parse(body)),
        b'c' => drop(closes::parse(body)),
        b'd' => each(protocols::parse(body), |row| not_negative(row.tvl_usd)),
        b'e' => each(fees::parse(body), |row| {
            for total in [row.total_7d, row.total_30d].into_iter().flatten() {
                assert!(total.abs() <= 1e15);
            }
        }),
        b'f' => each(lend_borrow::parse(body), |row| {
            not_negative(row.supplied_usd);
            not_negative(row.borrowed_usd);
            share(row.ltv);
        }),
        b'g' => each(stablecoins::parse(body), |row| {
            not_negative(row.circulating);
            assert!(
                row.price_usd
                    .is_none_or(|price| price > 0.0 && price.is_finite())
            );
        }),
        b'h' => each(incidents::parse(body), |row| not_negative(row.amount_usd)),
        b'i' => rates(body),
        b'j' => share(cosmos::inflation(body).ok().flatten()),
        b'k' => share(cosmos::tax(body).ok().flatten()),
        b'l' => positive(cosmos::bonded(body)),
        b'm' => positive(cosmos::supply(body)),
        b'n' => positive(solana::supply(body)),
        b'o' => {
            let supplies = cardano::supplies(body).unwrap_or_default();
            let falls = supplies.windows(2).all(|pair| pair[0].0 > pair[1].0);
            assert!(falls, "each epoch once, the newest first");
        }
        _ => {}
    }
});

/// Days in their order, each once.
fn days(body: &[u8]) {
    let days = chart::parse(body).unwrap_or_default();
    let rises = days
        .windows(2)
        .all(|pair| pair[0].at.day() < pair[1].at.day());
    assert!(rises, "each day once and in order");
    for day in days {
        assert!(day.apy.get().abs() <= 1e6);
        not_negative(Some(day.tvl_usd));
    }
}

fn rates(body: &[u8]) {
    let now = Timestamp::from_millis(1_771_200_000_000);
    if let Ok(exchange) = coingecko::parse(body, now) {
        assert!(exchange.at <= now);
        for currency in Currency::ALL {
            assert!(
                exchange
                    .rate(currency)
                    .is_none_or(|rate| rate > Decimal::ZERO)
            );
        }
    }
}

/// Checks what is in an answer that is believed.
fn each<T>(read: Result<Rows<T>, SourceError>, check: impl Fn(&T)) {
    if let Ok(read) = read {
        read.rows.iter().for_each(check);
    }
}

fn not_negative(figure: Option<f64>) {
    assert!(figure.is_none_or(|figure| figure.is_finite() && figure >= 0.0));
}

fn share(figure: Option<f64>) {
    assert!(figure.is_none_or(|figure| (0.0..=1.0).contains(&figure)));
}

fn positive(figure: Result<f64, SourceError>) {
    if let Ok(figure) = figure {
        assert!(figure.is_finite() && figure > 0.0);
    }
}
