use super::{record::fixture::record, *};
use crate::domain::time::Timestamp;

fn reading(apy: f64, base: Option<f64>, reward: Option<f64>, tvl_usd: f64) -> Reading {
    Reading {
        at: Timestamp::default(),
        apy: Percent::new(apy).unwrap(),
        base: base.and_then(Percent::new),
        reward: reward.and_then(Percent::new),
        tvl_usd,
    }
}

fn judged(reading: &Reading, record: impl Into<Option<Record>>) -> Assessment {
    judged_as(reading, record.into().as_ref(), DataState::Good)
}

fn judged_as(reading: &Reading, record: Option<&Record>, data: DataState) -> Assessment {
    let evidence = Evidence {
        reading,
        data,
        record,
        feed: &FeedStats::default(),
    };
    assess(&evidence, &Screen::default())
}

fn by_feed(reading: &Reading, mean: f64, days: u32) -> Assessment {
    let evidence = Evidence {
        reading,
        data: DataState::Good,
        record: None,
        feed: &FeedStats {
            mean_30d: Percent::new(mean),
            sigma: Some(0.01),
            days: Some(days),
        },
    };
    assess(&evidence, &Screen::default())
}

#[test]
fn a_calm_lending_pool_is_sustainable() {
    let assessment = judged(&reading(4.1, Some(4.1), Some(0.0), 1e9), record(4.0, 0.05));
    assert_eq!(assessment.verdict, Verdict::Sustainable);
    assert!(assessment.score.unwrap() > 0.9);
    assert_eq!(assessment.coverage, Coverage { known: 4, of: 4 });
}

#[test]
fn hard_rules_are_never_outvoted() {
    let over = judged(&reading(100.1, Some(100.1), None, 1e9), record(100.0, 0.01));
    assert_eq!(over.verdict, Verdict::Unsustainable);
    assert!(matches!(over.reasons[0], Reason::OverScreen { .. }));
    let small = judged(&reading(4.0, Some(4.0), None, 9_999.0), record(4.0, 0.01));
    assert_eq!(small.verdict, Verdict::Unsustainable);
    let suspect = judged_as(
        &reading(4.0, Some(4.0), None, 1e9),
        Some(&record(4.0, 0.01)),
        DataState::Suspect,
    );
    assert_eq!((suspect.verdict, suspect.score), (Verdict::Unknown, None));
}

#[test]
fn a_spike_and_emissions_are_told_apart() {
    let spike = judged(&reading(60.0, Some(60.0), None, 1e7), record(5.0, 0.5));
    assert_eq!(spike.verdict, Verdict::Unsustainable);
    assert!(matches!(spike.reasons[0], Reason::AgainstUsual { ratio, .. } if ratio > 11.0));
    let emissions = judged(
        &reading(20.0, Some(2.0), Some(18.0), 1e7),
        record(20.0, 0.05),
    );
    assert_eq!(emissions.verdict, Verdict::Unsustainable);
    assert_eq!(emissions.reasons[0], Reason::RewardShare(0.9));
}

#[test]
fn what_is_missing_never_counts_as_good() {
    let no_split = judged(&reading(4.0, None, None, 1e9), record(4.0, 0.02));
    assert_eq!(no_split.verdict, Verdict::Mixed);
    assert!(no_split.reasons.contains(&Reason::NoSplit));
    let no_past = judged(&reading(4.0, Some(4.0), None, 1e9), None);
    assert_eq!(no_past.verdict, Verdict::Unknown);
    let short = by_feed(&reading(4.0, Some(4.0), None, 1e9), 4.0, 3);
    assert_eq!(short.verdict, Verdict::Mixed);
    assert!(short.coverage.known < short.coverage.of);
    let nothing = judged(&reading(0.0, Some(0.0), Some(0.0), 1e9), record(4.0, 0.02));
    assert_eq!(nothing.verdict, Verdict::Unknown);
}

#[test]
fn the_chance_falls_with_excess_and_with_unrest() {
    let chance = |now: f64, variation: f64| {
        let reading = reading(now, Some(now), None, 1e7);
        judged(&reading, record(4.0, variation)).score.unwrap()
    };
    assert!(chance(4.0, 0.05) > chance(8.0, 0.05));
    assert!(chance(8.0, 0.05) > chance(16.0, 0.05));
    assert!(chance(4.0, 0.05) > chance(4.0, 0.8));
    let by_feed = |now: f64| {
        let reading = reading(now, Some(now), None, 1e7);
        by_feed(&reading, 4.0, 300).score.unwrap()
    };
    assert!(by_feed(4.0) > by_feed(12.0));
}

#[test]
fn a_pool_that_bleeds_is_told_although_today_is_no_spike() {
    let mut rates = [20.0; 60];
    rates[53..].fill(5.0);
    let today = crate::domain::time::Day(20_000);
    let record = Record::of(&record::fixture::days(&rates, today), today);
    let bleeding = judged(&reading(5.0, Some(5.0), None, 1e7), record);
    assert!(bleeding.paid_score.unwrap() < bleeding.score.unwrap());
    assert_ne!(bleeding.verdict, Verdict::Sustainable);
}

#[test]
fn a_pool_that_usually_pays_nothing_has_a_chance_and_no_ratio() {
    let record = record(0.0, 0.0);
    let sudden = judged(&reading(30.0, Some(30.0), None, 1e7), record);
    assert!(sudden.score.unwrap() < 0.5);
    assert_eq!(sudden.verdict, Verdict::Unsustainable);
    // It is not for who pays, of which nothing is paid in tokens.
    assert_eq!(sudden.reasons[0], Reason::UsuallyNothing(Origin::Own));
    assert!(
        sudden
            .reasons
            .iter()
            .all(|reason| !matches!(reason, Reason::AgainstUsual { .. }))
    );
}

#[test]
fn who_pays_decides_where_nothing_is_known_of_the_past() {
    let evidence = |reading: Reading| {
        let feed = FeedStats::default();
        let evidence = Evidence {
            reading: &reading,
            data: DataState::Good,
            record: None,
            feed: &feed,
        };
        assess(&evidence, &Screen::default())
    };
    let farmed = evidence(reading(20.0, Some(2.0), Some(18.0), 1e7));
    assert_eq!(farmed.verdict, Verdict::Unsustainable);
    assert_eq!(farmed.reasons[0], Reason::RewardShare(0.9));
    let earned = evidence(reading(20.0, Some(20.0), None, 1e7));
    assert_eq!(earned.verdict, Verdict::Unknown);
    assert_eq!(earned.reasons[0], Reason::NoHistory);
}

#[test]
fn a_rate_that_fell_to_nothing_is_not_called_sustainable() {
    let fallen = judged(&reading(0.5, Some(0.5), None, 1e7), record(14.0, 0.05));
    assert_eq!(fallen.verdict, Verdict::Mixed);
}

/// Its past is known: that nothing is paid is all there is to say.
#[test]
fn what_pays_nothing_is_not_said_to_have_no_past() {
    let nothing = judged(&reading(0.0, Some(0.0), None, 1e7), record(14.0, 0.05));
    assert_eq!(nothing.verdict, Verdict::Unknown);
    assert_eq!(nothing.reasons[0], Reason::EarnsNothing);
    assert!(!nothing.reasons.contains(&Reason::NoHistory));
}
