use super::*;
use crate::{
    domain::time::Span,
    market::fixture::hour,
    store::market::tests::{fresh, record},
};

const FELL: Fate = Fate {
    of_today: 0.2,
    of_month: 0.3,
};

fn told(no: i64, day: i32, verdict: Verdict) -> AnnouncedRow {
    AnnouncedRow {
        no,
        announcement: Announcement {
            verdict,
            at: Day(day).start().plus(Span::hours(9).0),
            apy: Percent::new(12.5).unwrap(),
            score: Some(0.25),
            paid_score: None,
            limit: None,
        },
    }
}

const fn stood(no: i64, day: i32, verdict: Verdict) -> StoodRow {
    StoodRow {
        no,
        day: Day(day),
        verdict,
    }
}

async fn keep(store: &Store, announced: &[AnnouncedRow], stood: &[StoodRow]) {
    let mut record = record(hour(0), Vec::new(), Vec::new());
    record.track = TrackRows {
        announced: announced.to_vec(),
        stood: stood.to_vec(),
    };
    store.commit_batch(&record).await.unwrap();
}

/// The falls of a pool that are kept.
async fn falls(store: &Store) -> Vec<(i64, i64)> {
    sqlx::query_as("SELECT pool_no, day FROM missed_fall ORDER BY pool_no, day")
        .fetch_all(&store.readers)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_verdict_comes_back_as_it_was_told_and_counts_once_a_day_also_after_a_restart() {
    let (folder, store) = fresh().await;
    let limited = AnnouncedRow {
        announcement: Announcement {
            limit: Some(HardLimit::Apy),
            score: None,
            ..told(2, 100, Verdict::Unsustainable).announcement
        },
        ..told(2, 100, Verdict::Unsustainable)
    };
    let first = told(1, 100, Verdict::Unsustainable);
    let mut later = first;
    later.announcement.at = later.announcement.at.plus(Span::hours(3).0);
    later.announcement.apy = Percent::ZERO;
    keep(&store, &[first, limited], &[]).await;
    store.close().await;
    drop(store);
    let path = folder.path().join("stipend.db");
    let store = Store::open(&path, &[7; 32], hour(1)).await.unwrap();
    keep(&store, &[later, limited], &[]).await;
    let unjudged = store.unjudged(Day(100), 9).await.unwrap();
    assert_eq!(unjudged, [first, limited]);
    assert_eq!(store.unjudged(Day(99), 9).await.unwrap(), []);
    assert_eq!(store.unjudged(Day(100), 1).await.unwrap(), [first]);
    let tally = store.tally(Day(100)).await.unwrap();
    assert_eq!((tally.warnings.open, tally.by_limit.open), (1, 1));
    assert_eq!((tally.told(), tally.repeats), (2, 0));
}

#[tokio::test]
async fn what_was_judged_stays_judged_and_is_told_for_a_year() {
    let (_folder, store) = fresh().await;
    let rows = [1, 2, 3].map(|no| told(no, 100, Verdict::Unsustainable));
    keep(&store, &rows, &[]).await;
    let lasted = Fate {
        of_today: 0.5,
        of_month: 0.5,
    };
    let judged = [
        (rows[0], Some(FELL)),
        (rows[1], Some(lasted)),
        (rows[2], None),
    ];
    store.judge(&judged, hour(0)).await.unwrap();
    keep(&store, &rows, &[]).await;
    assert_eq!(store.unjudged(Day(999), 9).await.unwrap(), []);
    let warnings = store.tally(Day(464)).await.unwrap().warnings;
    let parts = (
        warnings.fell,
        warnings.lasted,
        warnings.not_known,
        warnings.open,
    );
    assert_eq!(parts, (1, 1, 1, 0));
    assert_eq!(store.tally(Day(465)).await.unwrap(), Tally::default());
    // What is told no more goes once nothing rests on it.
    let kept = async || -> i64 {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM announced_verdict");
        count.fetch_one(&store.readers).await.unwrap()
    };
    store.sweep_told(Day(465)).await.unwrap();
    assert!(kept().await > 0);
    store.sweep_told(Day(526)).await.unwrap();
    let open = store.unjudged(Day(526), 10).await.unwrap();
    assert_eq!(kept().await, i64::try_from(open.len()).unwrap());
}

/// One fall that is warned of on every day of a week is one warning.
#[tokio::test]
async fn what_is_told_again_within_its_thirty_days_is_kept_and_not_counted_again() {
    let (_folder, store) = fresh().await;
    for day in [100, 107, 129, 130, 131] {
        keep(&store, &[told(1, day, Verdict::Unsustainable)], &[]).await;
    }
    // Another verdict, and another pool, are no repetition.
    let others = [
        told(1, 101, Verdict::Mixed),
        told(2, 101, Verdict::Unsustainable),
    ];
    keep(&store, &others, &[]).await;
    let tally = store.tally(Day(131)).await.unwrap();
    assert_eq!((tally.warnings.all(), tally.mixed.all()), (3, 1));
    assert_eq!(tally.repeats, 3);
}

#[tokio::test]
async fn a_fall_was_missed_where_no_verdict_warned_in_the_thirty_days_before() {
    let (_folder, store) = fresh().await;
    let warned = Verdict::Unsustainable;
    let announced = [
        told(1, 130, warned),
        told(2, 129, warned),
        told(3, 160, warned),
        told(4, 159, Verdict::Mixed),
    ];
    keep(
        &store,
        &announced,
        &[stood(5, 159, warned), stood(6, 160, warned)],
    )
    .await;
    let looked_at = [1, 2, 3, 4, 5, 6].map(|no| {
        let stood = stood(no, 150, Verdict::Sustainable);
        (stood, Some(Day(160)))
    });
    store.settle(&looked_at).await.unwrap();
    // Warned of too early, on the day of the fall, or with another verdict: that is none.
    assert_eq!(
        falls(&store).await,
        [(2, 160), (3, 160), (4, 160), (6, 160)]
    );
    assert_eq!(store.tally(Day(170)).await.unwrap().missed, 4);
}

#[tokio::test]
async fn a_pool_falls_once_in_thirty_days_however_many_of_its_days_saw_it() {
    let (_folder, store) = fresh().await;
    let day = |day: i32| stood(1, day, Verdict::Mixed);
    let rows: Vec<StoodRow> = (150..=152).map(day).collect();
    keep(&store, &[], &rows).await;
    assert_eq!(store.unwarned(Day(151), 9).await.unwrap(), rows[..2]);
    let fell = |fell: i32| move |row: &StoodRow| (*row, Some(Day(fell)));
    let looked_at: Vec<_> = rows[..2].iter().map(fell(160)).collect();
    // A look that is broken off before it is kept finds the same rows once more.
    store.settle(&looked_at).await.unwrap();
    store.settle(&looked_at).await.unwrap();
    let later: Vec<_> = rows[2..].iter().map(fell(189)).collect();
    store.settle(&later).await.unwrap();
    assert_eq!(falls(&store).await, [(1, 160)]);
    let again: Vec<_> = rows[2..].iter().map(fell(190)).collect();
    store.settle(&again).await.unwrap();
    assert_eq!(falls(&store).await, [(1, 160), (1, 190)]);
    assert_eq!(store.unwarned(Day(999), 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_standing_warning_goes_once_no_fall_can_follow_it_any_more() {
    let (_folder, store) = fresh().await;
    let warned = Verdict::Unsustainable;
    let rows = [
        stood(1, 69, warned),
        stood(1, 70, warned),
        stood(2, 100, Verdict::Mixed),
    ];
    keep(&store, &[], &rows).await;
    let left = async || -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM standing_verdict")
            .fetch_one(&store.readers)
            .await
            .unwrap()
    };
    // A day is still to be looked at, and what warned of its fall is needed for it.
    store.sweep_standing(Day(100)).await.unwrap();
    assert_eq!(left().await, 3);
    store.settle(&[(rows[2], None)]).await.unwrap();
    store.sweep_standing(Day(100)).await.unwrap();
    assert_eq!(left().await, 1);
}

#[tokio::test]
async fn nothing_in_it_says_who_was_told() {
    let (_folder, store) = fresh().await;
    for table in ["announced_verdict", "standing_verdict", "missed_fall"] {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
            .bind(table)
            .fetch_all(&store.readers)
            .await
            .unwrap();
        assert!(columns.contains(&"pool_no".to_owned()));
        let names = [
            "guild",
            "server",
            "channel",
            "alert",
            "user",
            "person",
            "destination",
        ];
        let who = |column: &String| names.iter().any(|name| column.contains(name));
        assert!(!columns.iter().any(who), "{columns:?}");
    }
}
