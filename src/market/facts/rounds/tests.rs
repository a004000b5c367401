use std::sync::Mutex;

use axum::{
    Router,
    http::{StatusCode, Uri},
    response::IntoResponse,
};
use tempfile::TempDir;

use super::{super::tests::loan, *};
use crate::{
    domain::verdict::Screen,
    market::fixture::{hour, id},
    sources::defillama::Settings,
};

const HOUR: Duration = Duration::from_hours(1);

/// A stand-in for the source, a store and a market.
struct Bench {
    folder: TempDir,
    store: Store,
    market: Market,
    source: Defillama,
    answer: Arc<Mutex<(StatusCode, Option<u32>, String)>>,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("stipend.db"), &[7; 32], hour(0))
            .await
            .unwrap();
        let answer = Arc::new(Mutex::new((StatusCode::OK, None, String::new())));
        let shown = Arc::clone(&answer);
        let router = Router::new().fallback(move |uri: Uri| {
            assert_eq!(uri.path(), "/lend_borrow");
            let (status, retry_after, body): (StatusCode, Option<u32>, String) =
                shown.lock().unwrap().clone();
            let wait = retry_after.map(|wait| [("retry-after", wait.to_string())]);
            async move {
                let kind = [("content-type", "application/json")];
                match wait {
                    Some(wait) => (status, wait, body).into_response(),
                    None => (status, kind, body).into_response(),
                }
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            folder,
            store,
            market: Market::new(Screen::default(), None),
            source: Defillama::new(&Settings::below(&base)).unwrap(),
            answer,
        }
    }

    fn rounds(&self) -> Rounds {
        Rounds::new(vec![(Source::Loans(self.source.clone()), HOUR)])
    }

    fn show(&self, status: StatusCode, retry_after: Option<u32>, body: &str) {
        *self.answer.lock().unwrap() = (status, retry_after, body.to_owned());
    }

    async fn turn(&self, rounds: &mut Rounds, at: i64) -> Line {
        let (store, market) = (&self.store, &self.market);
        rounds
            .take_turn(store, market, hour(at), 0.5)
            .await
            .unwrap();
        market.line(Topic::Loans).unwrap()
    }

    fn knows(&self, number: u8, at: i64) -> bool {
        self.market.facts().lending(id(number), hour(at)).is_some()
    }
}

fn loans(numbers: impl IntoIterator<Item = u8>) -> String {
    let row = |number: u8| format!(r#"{{"pool":"{}","ltv":0.8}}"#, id(number));
    let rows: Vec<String> = numbers.into_iter().map(row).collect();
    format!("[{}]", rows.join(","))
}

fn until_due(rounds: &Rounds) -> Duration {
    rounds.next_due().unwrap() - Instant::now()
}

#[tokio::test]
async fn a_failure_leaves_what_was_said_before_until_it_is_too_old() {
    let bench = Bench::new().await;
    let mut rounds = bench.rounds();
    bench.show(StatusCode::OK, None, &loans([1, 2, 3]));
    let line = bench.turn(&mut rounds, 0).await;
    assert_eq!(
        (line.rows, line.health.answered_at),
        (Some(3), Some(hour(0)))
    );
    assert!(until_due(&rounds) > HOUR.mul_f64(0.94) && until_due(&rounds) < HOUR.mul_f64(1.06));
    for (body, words) in [
        (loans([1, 2, 3]).get(..50).unwrap(), "makes no sense"),
        ("[{\"pool\":7}]", "unusable"),
        ("{}", "makes no sense"),
    ] {
        bench.show(StatusCode::OK, None, body);
        let trouble = bench.turn(&mut rounds, 1).await.health.trouble.unwrap();
        assert!(trouble.what.contains(words), "{}", trouble.what);
    }
    bench.show(StatusCode::TOO_MANY_REQUESTS, Some(7_200), "");
    let line = bench.turn(&mut rounds, 2).await;
    let trouble = line.health.trouble.unwrap();
    assert_eq!(
        (trouble.in_a_row, line.health.answered_at),
        (4, Some(hour(0)))
    );
    assert!(
        until_due(&rounds) > Duration::from_secs(7_100),
        "what the source asks for"
    );
    assert!(bench.knows(1, 24) && !bench.knows(1, 25));
    bench.show(StatusCode::OK, None, &loans([4, 5]));
    let line = bench.turn(&mut rounds, 3).await;
    assert_eq!((line.rows, line.health.trouble), (Some(2), None));
    assert!(bench.knows(4, 4) && !bench.knows(1, 4));
}

#[tokio::test]
async fn a_list_that_has_shrunk_is_believed_only_in_the_place_of_one_that_is_too_old() {
    let bench = Bench::new().await;
    let mut rounds = bench.rounds();
    bench.show(StatusCode::OK, None, &loans(1..=10));
    bench.turn(&mut rounds, 0).await;
    bench.show(StatusCode::OK, None, &loans(1..=4));
    let line = bench.turn(&mut rounds, 1).await;
    assert_eq!(
        line.health.trouble.unwrap().what,
        "the answer has 4 rows, and had 10 before"
    );
    assert!(bench.knows(10, 1));
    let line = bench.turn(&mut rounds, 25).await;
    assert_eq!((line.rows, line.health.trouble), (Some(4), None));
    assert!(!bench.knows(10, 25) && bench.knows(4, 25));
}

#[tokio::test]
async fn a_restart_goes_on_with_what_was_kept_and_asks_when_it_is_due() {
    let bench = Bench::new().await;
    bench.show(StatusCode::OK, None, &loans([1, 2]));
    bench.turn(&mut bench.rounds(), 0).await;

    let again = Market::new(Screen::default(), None);
    let mut rounds = bench.rounds();
    let minutes = |count| crate::market::fixture::minute(count);
    rounds
        .load(&bench.store, &again, minutes(40), 0.0)
        .await
        .unwrap();
    let found = again.facts();
    let found = found.lending(id(1), minutes(40)).unwrap();
    assert_eq!((found.value.ltv, found.read_at), (Some(0.8), hour(0)));
    let line = again.line(Topic::Loans).unwrap();
    assert_eq!(
        (line.rows, line.health.answered_at),
        (Some(2), Some(hour(0)))
    );
    let due = until_due(&rounds);
    assert!(
        due > Duration::from_mins(19) && due <= Duration::from_mins(20),
        "{due:?}"
    );

    // What is older than it counts is put in place, and not known.
    let late = Market::new(Screen::default(), None);
    let mut rounds = bench.rounds();
    rounds
        .load(&bench.store, &late, hour(30), 0.0)
        .await
        .unwrap();
    assert_eq!(late.facts().lending(id(1), hour(30)), None);
    assert!(until_due(&rounds) < Duration::from_secs(1));
}

#[tokio::test]
async fn what_was_kept_and_cannot_be_read_is_asked_for_soon() {
    let bench = Bench::new().await;
    let whole = packed::pack(&Told::Loans(vec![loan(1)])).unwrap().unwrap();
    for broken in [b"no zstd".as_slice(), &whole[..whole.len() / 2]] {
        let store = &bench.store;
        store.keep_facts("loans", hour(0), broken).await.unwrap();
        let mut rounds = bench.rounds();
        rounds
            .load(store, &bench.market, hour(0), 0.0)
            .await
            .unwrap();
        let line = bench.market.line(Topic::Loans).unwrap();
        assert_eq!((line.rows, line.health), (None, Health::default()));
        assert!(until_due(&rounds) < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn nobody_to_ask_is_never_due() {
    let bench = Bench::new().await;
    let mut rounds = Rounds::new(Vec::new());
    assert_eq!(rounds.next_due(), None);
    let (store, market) = (&bench.store, &bench.market);
    rounds.load(store, market, hour(0), 0.5).await.unwrap();
    rounds.take_turn(store, market, hour(0), 0.5).await.unwrap();
    assert!(market.lines().is_empty());
}

#[tokio::test]
async fn a_file_may_shrink_and_be_gone() {
    let bench = Bench::new().await;
    let (store, market) = (&bench.store, &bench.market);
    let path = bench.folder.path().join("incidents.json");
    let mut rounds = Rounds::new(vec![(Source::Incidents(path.clone()), HOUR)]);
    let list = |count: u32| {
        let row = |day| format!(r#"{{"date":{},"name":"a"}}"#, 1_700_000_000 + day);
        let rows: Vec<String> = (0..count).map(row).collect();
        format!("[{}]", rows.join(","))
    };
    for (count, rows) in [(9, 9), (0, 0), (1, 1)] {
        std::fs::write(&path, list(count)).unwrap();
        rounds.take_turn(store, market, hour(1), 0.5).await.unwrap();
        assert_eq!(market.line(Topic::Incidents).unwrap().rows, Some(rows));
    }
    std::fs::remove_file(&path).unwrap();
    rounds.take_turn(store, market, hour(2), 0.5).await.unwrap();
    let line = market.line(Topic::Incidents).unwrap();
    assert_eq!(
        line.health.trouble.unwrap().what,
        "the source cannot be reached: the file cannot be read"
    );
    assert!(market.facts().incidents_until(hour(2)).is_some());
    assert_eq!(store.kept_facts("incidents").await.unwrap(), None);
}
