use proptest::prelude::*;

use super::*;
use crate::{
    domain::verdict::Verdict,
    market::fixture::{after, batch, hour, id, minute, rewarded, row},
};

/// The market after one batch an hour, each with these rates of pool 1.
fn hourly(rates: &[Option<f64>]) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (hours, rate) in (0..).zip(rates) {
        let old = changes
            .last()
            .map_or_else(Snapshot::default, |last| last.snapshot.clone());
        let rows = rate.map(|apy| row(1, apy)).into_iter().chain([row(9, 3.0)]);
        changes.push(after(&old, hour(hours), rows.collect()));
    }
    changes
}

fn usable(change: &Change) -> Vec<(Timestamp, f64, Option<f64>)> {
    change
        .news
        .iter()
        .filter(|news| news.pool == id(1))
        .flat_map(|news| &news.usable)
        .map(|fresh| {
            (
                fresh.reading.at,
                fresh.reading.apy.get(),
                fresh.before.map(Percent::get),
            )
        })
        .collect()
}

fn state(change: &Change) -> DataState {
    change.snapshot.get(id(1)).unwrap().state
}

#[test]
fn an_unchanged_batch_is_no_news_but_a_later_reading() {
    let changes = hourly(&[Some(4.0), Some(4.0)]);
    assert_eq!(changes[0].news.len(), 2);
    assert_eq!(changes[1].news, []);
    assert_eq!(changes[1].restated, []);
    let listing = changes[1].snapshot.get(id(1)).unwrap();
    assert_eq!(listing.reading.at, hour(1));
    assert_eq!(listing.unchanged_since, hour(0));
}

#[test]
fn changed_figures_are_news_with_what_stood_before() {
    let changes = hourly(&[Some(4.0), Some(4.0), Some(5.0)]);
    assert_eq!(changes[2].news.len(), 1);
    let news = &changes[2].news[0];
    assert!(news.figures_changed);
    assert_eq!(news.previous_until, Some(hour(1)));
    assert_eq!(usable(&changes[2]), [(hour(2), 5.0, Some(4.0))]);
}

#[test]
fn a_verdict_that_changes_without_figures_is_news() {
    let first = after(&Snapshot::default(), hour(0), vec![row(1, 4.0)]);
    assert_eq!(
        first.snapshot.get(id(1)).unwrap().assessment.verdict,
        Verdict::Sustainable
    );
    let mut spiking = row(1, 4.0);
    spiking.feed.mean_30d = Percent::new(0.2);
    let second = after(&first.snapshot, hour(1), vec![spiking]);
    assert_eq!(
        second.snapshot.get(id(1)).unwrap().assessment.verdict,
        Verdict::Unsustainable
    );
    assert_eq!(second.news.len(), 1);
    assert!(!second.news[0].figures_changed);
    assert_eq!(second.news[0].usable.len(), 1);
}

/// F-U13: a jump counts with the second answer that shows it, from its own time.
#[test]
fn a_zero_after_a_positive_history_and_a_jump_wait_for_the_next_batch() {
    for odd in [0.0, 20.5] {
        let changes = hourly(&[Some(4.0), Some(odd), Some(odd)]);
        assert_eq!(state(&changes[1]), DataState::Suspect);
        assert_eq!(usable(&changes[1]), []);
        let listing = changes[1].snapshot.get(id(1)).unwrap();
        assert_eq!(listing.assessment.verdict, Verdict::Unknown);
        assert_eq!(listing.usable().map(|reading| reading.apy.get()), Some(4.0));
        // Confirmed: both readings count, the first one from its own time.
        assert_eq!(state(&changes[2]), DataState::Good);
        assert_eq!(
            usable(&changes[2]),
            [(hour(1), odd, Some(4.0)), (hour(2), odd, None)]
        );
    }
}

/// F-U13: one that the next answer takes back never was.
#[test]
fn a_suspect_reading_that_is_not_confirmed_leaves_no_trace() {
    let changes = hourly(&[Some(4.0), Some(0.0), Some(4.1), Some(4.1)]);
    assert_eq!(state(&changes[2]), DataState::Good);
    assert_eq!(usable(&changes[2]), [(hour(2), 4.1, Some(4.0))]);
    assert_eq!(changes[3].news, []);
    let listing = changes[3].snapshot.get(id(1)).unwrap();
    assert_eq!((listing.trusted, listing.unchanged_since), (None, hour(2)));
}

#[test]
fn a_suspect_reading_is_not_confirmed_by_another_kind_of_nonsense() {
    let changes = hourly(&[Some(4.0), Some(50.0), Some(0.0), Some(4.0)]);
    assert_eq!(state(&changes[2]), DataState::Suspect);
    assert_eq!(usable(&changes[2]), []);
    assert_eq!(usable(&changes[3]), [(hour(3), 4.0, None)]);
}

/// F-U09: so are figures that say that they are old.
#[test]
fn figures_with_a_time_of_their_own_that_is_days_ago_are_stale() {
    let own = |at, apy| {
        let mut row = row(1, apy);
        row.own_time = true;
        row.reading.at = at;
        row
    };
    let old = after(&Snapshot::default(), hour(168), vec![own(hour(0), 4.0)]);
    assert_eq!(state(&old), DataState::Stale);
    assert_eq!(usable(&old), []);
    assert_eq!(old.snapshot.get(id(1)).unwrap().usable(), None);
    // A day is not too long, and a stale reading keeps the last usable one.
    let fresh = after(&Snapshot::default(), hour(24), vec![own(hour(0), 4.0)]);
    assert_eq!(state(&fresh), DataState::Good);
    let later = after(&fresh.snapshot, hour(25), vec![own(hour(0), 4.0)]);
    assert_eq!(state(&later), DataState::Stale);
    assert_eq!(later.news.len(), 1);
    assert_eq!(later.news[0].usable, []);
    let listing = later.snapshot.get(id(1)).unwrap();
    assert_eq!(listing.usable().map(|reading| reading.apy.get()), Some(4.0));
    let back = after(&later.snapshot, hour(26), vec![own(hour(26), 4.0)]);
    assert_eq!(state(&back), DataState::Good);
    assert_eq!(back.news[0].usable.len(), 1);
}

/// F-U10: a pool that vanishes pays no zero.
#[test]
fn a_pool_is_missing_after_three_batches_and_three_hours_and_comes_back() {
    let mut old = after(
        &Snapshot::default(),
        minute(0),
        vec![row(1, 4.0), row(9, 3.0)],
    )
    .snapshot;
    // Four batches within three hours, then one past them.
    for (at, missing) in [
        (60, false),
        (90, false),
        (120, false),
        (239, false),
        (240, true),
    ] {
        let change = after(&old, minute(at), vec![row(9, 3.0)]);
        assert_eq!(state(&change) == DataState::Missing, missing, "minute {at}");
        assert_eq!(change.restated, [id(1)]);
        assert_eq!(change.news, []);
        old = change.snapshot;
    }
    let listing = old.get(id(1)).unwrap();
    assert_eq!(listing.usable().map(|reading| reading.apy.get()), Some(4.0));
    let back = after(&old, minute(300), vec![row(1, 4.0), row(9, 3.0)]);
    let listing = back.snapshot.get(id(1)).unwrap();
    assert_eq!((listing.state, listing.missed), (DataState::Good, None));
    assert_eq!(usable(&back).len(), 1);

    // Three hours, but two batches only.
    let two = hourly(&[Some(4.0), None]);
    let rare = after(&two[1].snapshot, hour(9), vec![row(9, 3.0)]);
    assert_eq!(state(&rare), DataState::Good);
}

#[test]
fn a_pool_that_was_away_for_one_batch_is_written_again() {
    let changes = hourly(&[Some(4.0), None, Some(4.0)]);
    assert_eq!(
        changes[1]
            .snapshot
            .get(id(1))
            .unwrap()
            .missed
            .map(|missed| missed.batches),
        Some(1)
    );
    assert_eq!(changes[2].news, []);
    assert_eq!(changes[2].restated, [id(1)]);
    assert_eq!(changes[2].snapshot.get(id(1)).unwrap().missed, None);
}

#[test]
fn a_pool_is_forgotten_after_fourteen_days() {
    let changes = hourly(&[Some(4.0), None]);
    let at = |hours| after(&changes[1].snapshot, hour(hours), vec![row(9, 3.0)]).snapshot;
    assert!(at(14 * 24).get(id(1)).is_some());
    assert!(at(14 * 24 + 1).get(id(1)).is_none());
}

/// F-U11: under 70 % of the median of the last good ones.
#[test]
fn a_half_empty_batch_is_refused() {
    assert_eq!(check_size(1, &[]), Ok(()));
    assert_eq!(check_size(70, &[100; 10]), Ok(()));
    assert_eq!(
        check_size(69, &[100; 10]),
        Err(HalfEmpty {
            pools: 69,
            usual: 100
        })
    );
    assert_eq!(
        check_size(0, &[100]),
        Err(HalfEmpty {
            pools: 0,
            usual: 100
        })
    );
    // One odd batch does not move what is usual.
    assert_eq!(check_size(100, &[100, 100, 9_000]), Ok(()));
}

#[test]
fn a_size_that_is_refused_for_a_day_is_believed() {
    let refuse = |gap: i64, sizes: &[usize]| {
        let mut refused = Refused::default();
        let add = |(at, pools): (i64, &usize)| refused.add(*pools, minute(at * gap));
        (0..).zip(sizes).map(add).collect::<Vec<bool>>()
    };
    let believed_at = |answers: Vec<bool>| answers.iter().position(|believed| *believed);
    // One an hour: a day has passed with the twenty-fifth.
    assert_eq!(believed_at(refuse(60, &[50; 40])), Some(24));
    // One in five minutes: twenty-four are not enough, it has to be a day.
    assert_eq!(believed_at(refuse(5, &[50; 300])), Some(288));
    // Two a day: it has to be twenty-four.
    assert_eq!(believed_at(refuse(720, &[50; 30])), Some(23));
    // Sizes within ten percent of each other agree; others begin the count anew.
    assert_eq!(believed_at(refuse(60, &[50, 46].repeat(20))), Some(24));
    assert_eq!(believed_at(refuse(60, &[50, 44].repeat(20))), None);
    let mut broken_off = [50; 40];
    broken_off[10] = 10;
    assert_eq!(believed_at(refuse(60, &broken_off)), Some(35));
    // Nothing at all is never a market.
    assert_eq!(believed_at(refuse(60, &[0; 40])), None);
}

#[test]
fn a_believed_size_is_what_the_next_batch_is_compared_with() {
    let recent = [50, 100, 100, 100];
    assert!(check_size(50, &recent).is_err());
    assert_eq!(check_size(50, in_force(&recent)), Ok(()));
    assert!(check_size(30, in_force(&recent)).is_err());
    // One that shrank within the bounds is no exception.
    assert_eq!(in_force(&[80, 100, 100]), [80, 100, 100]);
    assert_eq!(in_force(&[]), [0_u32; 0]);
}

proptest! {
    #[test]
    fn no_batch_makes_it_panic_and_no_pool_is_listed_twice(
        batches in proptest::collection::vec(
            (0_i64..400, proptest::collection::btree_map(1_u8..12, (-5.0_f64..200.0, 0.0_f64..1e9, 0.0_f64..1.0, any::<bool>()), 0..10)),
            1..40,
        )
    ) {
        let mut snapshot = Snapshot::default();
        let mut at = 0;
        for (gap, rows) in batches {
            at += gap;
            let rows: Vec<Observed> = rows.into_iter().map(|(number, (apy, tvl, share, own))| {
                let mut row = rewarded(row(number, if apy < 0.0 { 0.0 } else { apy }), share);
                row.reading.tvl_usd = tvl;
                row.own_time = own;
                row.reading.at = hour(at - 20);
                row
            }).collect();
            let seen: Vec<PoolId> = rows.iter().map(|row| row.pool.id).collect();
            let change = advance(&snapshot, batch(hour(at), rows), &Screen::default());
            let mut ids: Vec<PoolId> = change.snapshot.listings().iter().map(|listing| listing.pool.id).collect();
            let mut numbers: Vec<i64> = change.snapshot.listings().iter().map(|listing| listing.no).collect();
            let all = ids.len();
            ids.sort();
            ids.dedup();
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(ids.len(), all);
            prop_assert_eq!(numbers.len(), all);
            for pool in seen {
                prop_assert!(change.snapshot.get(pool).is_some_and(|listing| listing.missed.is_none()));
            }
            for listing in change.snapshot.listings() {
                prop_assert_eq!(change.snapshot.get(listing.pool.id).map(|found| found.no), Some(listing.no));
                if let Some(before) = snapshot.get(listing.pool.id) {
                    prop_assert_eq!(before.no, listing.no);
                }
            }
            snapshot = change.snapshot;
        }
    }
}

/// The market after batches of one protocol's pools, as many as there are rates in each.
fn of_one_protocol(batches: &[(i64, Vec<f64>)]) -> Snapshot {
    batches
        .iter()
        .fold(Snapshot::default(), |old, (hours, rates)| {
            let rows = (1..).zip(rates).map(|(number, apy)| row(number, *apy));
            after(&old, hour(*hours), rows.collect()).snapshot
        })
}

fn doubts(snapshot: &Snapshot, pools: u8) -> Vec<Option<Doubt>> {
    (1..=pools)
        .map(|number| snapshot.get(id(number)).unwrap().doubt.map(|it| it.doubt))
        .collect()
}

/// F-U12: percent told as a fraction.
#[test]
fn a_protocol_that_moves_by_a_hundred_as_a_whole_has_changed_its_units() {
    let percent = vec![4.0, 5.0, 6.0, 7.0];
    let fraction = vec![0.041, 0.052, 0.059, 0.07];
    let first = of_one_protocol(&[(0, percent.clone()), (1, fraction.clone())]);
    assert_eq!(doubts(&first, 4), [Some(Doubt::UnitChange); 4]);
    // Said again, it is still no event; said for a day, it is meant.
    let again = of_one_protocol(&[
        (0, percent.clone()),
        (1, fraction.clone()),
        (2, fraction.clone()),
    ]);
    assert_eq!(doubts(&again, 4), [Some(Doubt::UnitChange); 4]);
    let back = of_one_protocol(&[
        (0, percent.clone()),
        (1, fraction.clone()),
        (2, percent.clone()),
    ]);
    assert_eq!(doubts(&back, 4), [None; 4]);
    let for_a_day = of_one_protocol(&[(0, percent.clone()), (1, fraction.clone()), (25, fraction)]);
    assert_eq!(doubts(&for_a_day, 4), [None; 4]);
    // It may be the pools of one chain, and the others stay as they are.
    let some = vec![0.041, 0.052, 0.059, 7.1];
    let some = of_one_protocol(&[(0, percent.clone()), (1, some.clone()), (2, some)]);
    let changed = Some(Doubt::UnitChange);
    assert_eq!(doubts(&some, 4), [changed, changed, changed, None]);
    // One pool alone has had an event.
    let alone = of_one_protocol(&[(0, percent), (1, vec![0.04, 5.0, 6.0, 7.0])]);
    assert_eq!(doubts(&alone, 4), [Some(Doubt::Fall), None, None, None]);
}

#[test]
fn a_fall_counts_from_its_own_time_once_it_is_confirmed() {
    let changes = hourly(&[Some(20.0), Some(0.5), Some(0.4)]);
    assert_eq!(state(&changes[1]), DataState::Suspect);
    assert_eq!(
        usable(&changes[2]),
        [(hour(1), 0.5, Some(20.0)), (hour(2), 0.4, Some(0.5))]
    );
}

/// F-U09: figures that stand still for two days are stale.
#[test]
fn figures_that_never_move_are_not_read_while_no_day_is_counted() {
    let market = |days: &[u32]| {
        (0_i64..)
            .zip(days)
            .fold(Snapshot::default(), |old, (at, count)| {
                let mut same = row(1, 4.0);
                same.feed.days = Some(*count);
                after(&old, hour(at * 12), vec![same]).snapshot
            })
    };
    let state = |days: &[u32]| market(days).get(id(1)).unwrap().state;
    assert_eq!(state(&[200, 200, 200, 200]), DataState::Good);
    assert_eq!(state(&[200, 200, 200, 200, 200]), DataState::Stale);
    assert_eq!(state(&[200, 200, 200, 201, 201]), DataState::Good);
    let frozen = market(&[200, 200, 200, 200, 200]);
    assert_eq!(
        frozen.get(id(1)).unwrap().assessment.verdict,
        Verdict::Unknown
    );
}

#[test]
fn a_count_that_rises_is_kept_although_nothing_is_news() {
    let first = after(&Snapshot::default(), hour(0), vec![row(1, 4.0)]);
    let mut counted = row(1, 4.0);
    counted.feed.days = Some(201);
    let second = after(&first.snapshot, hour(1), vec![counted]);
    assert_eq!((second.news, second.restated), (vec![], vec![id(1)]));
}

#[test]
fn rewards_are_remembered_with_the_reading_that_showed_them() {
    let first = after(
        &Snapshot::default(),
        hour(0),
        vec![rewarded(row(1, 4.0), 0.5)],
    );
    let second = after(&first.snapshot, hour(1), vec![row(1, 3.0)]);
    let last = second.snapshot.get(id(1)).unwrap().rewarded.unwrap();
    assert_eq!((last.at, last.reward.get()), (hour(0), 2.0));
}
