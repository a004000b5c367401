use proptest::prelude::*;

use super::*;
use crate::domain::{
    ids::{PoolId, PositionId, UserId},
    position::{Earns, Stake, usd},
    time::Timestamp,
};

fn position(holding: Holding, layers: usize, paid: Option<&str>) -> Position {
    let earns = Earns::Pool {
        id: PoolId::from_bytes([1; 16]),
        called: String::new(),
    };
    Position {
        id: PositionId(1),
        owner: UserId(7),
        stake: Stake {
            layers: vec![earns.clone(); layers],
            paid: paid.map(|paid| usd(paid.parse().unwrap())),
            ..Stake::new(holding, earns)
        },
        added_at: Timestamp::default(),
    }
}

fn dollars(worth: &str) -> Holding {
    Holding::Worth(usd(worth.parse().unwrap()))
}

fn layer(rate: f64) -> LayerQuote {
    LayerQuote {
        rate: Percent::new(rate),
        ..LayerQuote::default()
    }
}

fn quote(layers: &[LayerQuote], unit: Option<i64>) -> Quote {
    Quote {
        layers: layers.to_vec(),
        unit_usd: unit.map(Decimal::from),
        paid_usd: Some(Decimal::ONE),
        ..Quote::default()
    }
}

#[test]
fn five_thousand_at_2_6_percent() {
    let income = Income::of(Decimal::from(5000), Percent::new(2.6).unwrap()).unwrap();
    assert_eq!(income.year().round_dp(2).to_string(), "130.00");
    assert_eq!(income.month().round_dp(2).to_string(), "10.83");
    assert_eq!(income.day().round_dp(3).to_string(), "0.356");
    let after = income.after(Percent::new(25.0).unwrap());
    assert_eq!(after.year().round_dp(2).to_string(), "97.50");
}

#[test]
fn the_blend_of_the_domain_table() {
    let portfolio = Portfolio::of([
        (
            position(dollars("60"), 1, None),
            quote(&[layer(5.0)], Some(1)),
        ),
        (
            position(dollars("30"), 1, None),
            quote(&[layer(4.0)], Some(1)),
        ),
        (
            position(dollars("10"), 1, None),
            quote(&[layer(8.0)], Some(1)),
        ),
    ]);
    assert!((portfolio.blended.unwrap().get() - 5.0).abs() < 1e-9);
    assert_eq!(portfolio.on_cost, None);
}

#[test]
fn a_holding_without_a_price_earns_in_its_own_units_and_stays_out_of_the_sums() {
    let units = Holding::Units {
        asset: "ETH".to_owned(),
        quantity: "10".parse().unwrap(),
    };
    let portfolio = Portfolio::of([
        (position(units, 1, None), quote(&[layer(3.0)], None)),
        (
            position(dollars("1k"), 1, Some("800")),
            quote(&[layer(4.0)], Some(1)),
        ),
    ]);
    assert_eq!(portfolio.value_usd, Decimal::from(1000));
    assert_eq!(portfolio.left_out().count(), 1);
    let units = portfolio.lines[0].income_units.unwrap();
    assert_eq!(units.year().normalize().to_string(), "0.3");
    assert!((portfolio.on_cost.unwrap().get() - 5.0).abs() < 1e-9);
}

#[test]
fn a_pool_without_a_reading_counts_in_the_value_only() {
    let silent = LayerQuote::default();
    let portfolio = Portfolio::of([(position(dollars("100"), 1, None), quote(&[silent], Some(1)))]);
    assert_eq!(portfolio.value_usd, Decimal::from(100));
    assert_eq!(portfolio.blended, None);
    assert_eq!(portfolio.left_out().count(), 1);
}

/// 3.0 and 0.4 make 3.412 % of one principal, not two incomes on two.
#[test]
fn layers_earn_on_one_principal() {
    let stacked = position(dollars("1,000"), 2, None);
    let portfolio = Portfolio::of([(stacked, quote(&[layer(3.0), layer(0.4)], Some(1)))]);
    assert_eq!(portfolio.value_usd, Decimal::from(1000));
    assert_eq!(portfolio.income.year().round_dp(2).to_string(), "34.12");
    let half = quote(&[layer(3.0), LayerQuote::default()], Some(1));
    let portfolio = Portfolio::of([(position(dollars("1,000"), 2, None), half)]);
    assert_eq!(
        portfolio.lines[0].rate, None,
        "a layer without a rate is not taken for zero"
    );
}

#[test]
fn the_worst_layer_is_the_verdict() {
    let judged = |verdict| LayerQuote {
        verdict: Some(verdict),
        ..layer(2.0)
    };
    for (layers, wanted) in [
        (
            vec![judged(Verdict::Sustainable), judged(Verdict::Mixed)],
            Some(Verdict::Mixed),
        ),
        (
            vec![judged(Verdict::Mixed), judged(Verdict::Unknown)],
            Some(Verdict::Unknown),
        ),
        (
            vec![judged(Verdict::Unknown), judged(Verdict::Unsustainable)],
            Some(Verdict::Unsustainable),
        ),
        (
            vec![judged(Verdict::Sustainable), layer(1.0)],
            Some(Verdict::Unknown),
        ),
        (
            vec![layer(0.0), judged(Verdict::Sustainable)],
            Some(Verdict::Sustainable),
        ),
        (vec![layer(4.0)], None),
    ] {
        assert_eq!(worst(&layers), wanted, "{layers:?}");
    }
}

#[test]
fn shares_say_of_how_much_they_are_known() {
    let paid = |share| LayerQuote {
        reward_share: share,
        verdict: Some(Verdict::Unsustainable),
        ..layer(10.0)
    };
    let portfolio = Portfolio::of([
        (
            position(dollars("100"), 1, None),
            quote(&[paid(Some(0.5))], Some(1)),
        ),
        (
            position(dollars("300"), 1, None),
            quote(&[layer(10.0)], Some(1)),
        ),
    ]);
    let rewards = portfolio.in_rewards.unwrap();
    assert!((rewards.share - 0.5).abs() < 1e-9 && (rewards.known - 0.25).abs() < 1e-9);
    let unsustainable = portfolio.unsustainable.unwrap();
    assert!((unsustainable.share - 1.0).abs() < 1e-9 && (unsustainable.known - 0.25).abs() < 1e-9);
}

fn any_position() -> impl Strategy<Value = (Position, Quote)> {
    let layers = proptest::collection::vec((0.0..200.0_f64, 0..3_usize), 1..=3);
    (
        1_i64..1_000_000_000,
        layers,
        proptest::option::of(1_i64..100_000),
    )
        .prop_map(|(cents, layers, unit)| {
            let methods = [Method::Lending, Method::Liquidity, Method::StakingLiquid];
            let holding = Holding::Units {
                asset: "X".to_owned(),
                quantity: crate::domain::money::Amount::new(Decimal::new(cents, 2)).unwrap(),
            };
            let quotes: Vec<LayerQuote> = layers
                .iter()
                .map(|(rate, method)| LayerQuote {
                    method: Some(methods[*method]),
                    ..layer(*rate)
                })
                .collect();
            (position(holding, quotes.len(), None), quote(&quotes, unit))
        })
}

proptest! {
    #[test]
    fn the_parts_are_the_whole(held in proptest::collection::vec(any_position(), 0..12)) {
        let portfolio = Portfolio::of(held);
        let lines: Decimal = portfolio.lines.iter().filter_map(|line| line.value_usd).sum();
        prop_assert_eq!(lines, portfolio.value_usd);
        let incomes: Decimal = portfolio.lines.iter().filter_map(|line| Some(line.income_usd?.year())).sum();
        prop_assert_eq!(incomes, portfolio.income.year());
        let by_method: Decimal = portfolio.methods.iter().map(|part| part.income.year()).sum();
        prop_assert_eq!(by_method, portfolio.income.year());
        let by_method: Decimal = portfolio.methods.iter().map(|part| part.value_usd).sum();
        prop_assert_eq!(by_method, portfolio.value_usd);
    }

    /// However many layers lie on a holding, it is worth what it is worth once.
    #[test]
    fn layers_never_double_the_principal((position, quote) in any_position(), more in 1_usize..3) {
        let alone = Portfolio::of([(position.clone(), quote.clone())]);
        let mut stacked = quote;
        stacked.layers.extend(vec![layer(1.0); more]);
        let stacked = Portfolio::of([(position, stacked)]);
        prop_assert_eq!(stacked.value_usd, alone.value_usd);
        prop_assert!(stacked.income.year() >= alone.income.year());
    }
}
