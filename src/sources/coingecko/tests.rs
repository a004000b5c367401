use proptest::prelude::*;

use super::*;
use crate::sources::tests::served::{Answers, fetcher};

// Made up, in the shape of the documented answers.
const PRESENT: &str = r#"{"bitcoin":{"usd":67187.3358936566,"eur":62021.5,"gbp":"53100.25",
    "jpy":10104832.12,"vnd":1.7e9,"huf":null,"sek":-1,"chf":0,"aed":1e300,"zar":"a lot","ars":1e14,
    "last_updated_at":1771199940}}"#;
const PAST: &str = r#"{"id":"bitcoin","symbol":"btc","name":"Bitcoin","market_data":{
    "current_price":{"aed":367250.5,"btc":1.0,"eur":92500.0,"usd":100000},
    "market_cap":{"eur":1,"usd":1}},"community_data":{"facebook_likes":null}}"#;
const KEY: &str = "CG-demo-1";

fn now() -> Timestamp {
    Timestamp::parse("2026-02-16T00:00:00Z").unwrap()
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

async fn client(answers: &Answers) -> Coingecko {
    Coingecko::new(fetcher(), &answers.start().await, None).unwrap()
}

fn rate(exchange: &Exchange, currency: Currency) -> Option<String> {
    exchange
        .rate(currency)
        .map(|rate| rate.normalize().to_string())
}

/// The rate of euros in an answer where a bitcoin costs this much in euros and 100,000 dollars.
fn euros(json: &str) -> Option<String> {
    let body = format!(
        r#"{{"bitcoin":{{"usd":100000,"eur":{json},"gbp":80000,"last_updated_at":1771199940}}}}"#
    );
    rate(&parse(body.as_bytes(), now()).unwrap(), Currency::Eur)
}

#[tokio::test]
async fn rates_are_one_price_over_the_other_to_the_last_digit() {
    let codes: Vec<_> = Currency::ALL.map(|it| it.code().to_lowercase()).into();
    let route = format!(
        "/simple/price?ids=bitcoin&vs_currencies={}&include_last_updated_at=true&precision=full",
        codes.join("%2C")
    );
    let answers = Answers::default().with(&route, 200, PRESENT);
    let exchange = client(&answers).await.rates(now()).await.unwrap();
    assert_eq!(exchange.at.seconds(), 1_771_199_940);
    let eur = rate(&exchange, Currency::Eur);
    assert_eq!(eur.as_deref(), Some("0.9231129523898219441409582147"));
    let gbp = rate(&exchange, Currency::Gbp);
    assert_eq!(gbp.as_deref(), Some("0.790331232719905882466095087"));
    let known: Vec<Currency> = exchange.rates().map(|(currency, _)| currency).collect();
    let believed = [Currency::Eur, Currency::Gbp, Currency::Jpy, Currency::Vnd];
    assert_eq!(known, believed);
}

#[test]
fn what_is_no_price_or_cannot_be_believed_is_left_out() {
    for (json, want) in [
        ("92500", Some("0.925")),
        ("\"92500.5\"", Some("0.925005")),
        ("9.25e4", Some("0.925")),
        ("9.25E+4", Some("0.925")),
        ("1000", Some("0.01")),
        ("999", None),
        ("100000000000", Some("1000000")),
        ("100000100000", None),
        ("0", None),
        ("-92500", None),
        ("1e400", None),
        ("1e-400", None),
        ("null", None),
        ("\"\"", None),
        ("\"NaN\"", None),
        ("[92500]", None),
        ("{\"eur\":92500}", None),
        ("true", None),
    ] {
        assert_eq!(euros(json).as_deref(), want, "{json}");
    }
}

#[test]
fn without_a_price_in_dollars_there_are_no_rates() {
    for usd in ["null", "0", "-1", "\"x\"", "1e300"] {
        let body = format!(r#"{{"bitcoin":{{"usd":{usd},"eur":5,"last_updated_at":1771199940}}}}"#);
        let error = parse(body.as_bytes(), now()).unwrap_err();
        assert!(error.to_string().contains("no rates"), "{usd}: {error}");
    }
    let other = r#"{"ethereum":{"usd":4000,"eur":3700,"last_updated_at":1771199940}}"#;
    assert!(parse(other.as_bytes(), now()).is_err());
    assert!(parse(b"{}", now()).is_err());
}

#[test]
fn prices_of_more_than_a_day_ago_or_of_no_time_are_no_rates() {
    let read = |at: &str| {
        let body = format!(r#"{{"bitcoin":{{"usd":100000,"eur":92500{at}}}}}"#);
        parse(body.as_bytes(), now()).map(|exchange| exchange.at.seconds())
    };
    let seconds = now().seconds();
    let aged = |age: i64| read(&format!(r#","last_updated_at":{}"#, seconds - age));
    assert_eq!(aged(86_400).unwrap(), seconds - 86_400);
    assert!(aged(86_401).unwrap_err().to_string().contains("2026-02-14"));
    assert_eq!(
        aged(-500).unwrap(),
        seconds,
        "no price comes from the future"
    );
    assert!(read("").unwrap_err().to_string().contains("no time"));
}

#[tokio::test]
async fn a_past_day_is_asked_for_by_its_date() {
    let route = "/coins/bitcoin/history?date=09-02-2026&localization=false";
    let answers = Answers::default().with(route, 200, PAST);
    let client = client(&answers).await;
    let told = client.rates_on(day("2026-02-09"), now()).await.unwrap();
    let exchange = told.unwrap();
    assert_eq!(exchange.at, day("2026-02-09").start());
    assert_eq!(rate(&exchange, Currency::Eur).as_deref(), Some("0.925"));
    assert_eq!(rate(&exchange, Currency::Aed).as_deref(), Some("3.672505"));
    assert_eq!(rate(&exchange, Currency::Jpy), None);
}

#[tokio::test]
async fn days_that_the_source_does_not_tell_are_not_asked_for() {
    // Whatever is asked of this client fails.
    let client = client(&Answers::default()).await;
    for untold in ["2026-02-16", "2026-02-17", "2025-02-16", "1999-01-01"] {
        let told = client.rates_on(day(untold), now()).await;
        assert!(matches!(told, Ok(None)), "{untold}");
    }
    for told in ["2026-02-15", "2025-02-17"] {
        assert!(client.rates_on(day(told), now()).await.is_err(), "{told}");
    }
}

#[test]
fn a_day_without_prices_is_not_known() {
    for body in [
        r#"{"id":"bitcoin","symbol":"btc"}"#,
        r#"{"market_data":null}"#,
        r#"{"market_data":{"current_price":[]}}"#,
        r#"{"market_data":{"current_price":{"eur":5}}}"#,
        "[]",
    ] {
        assert_eq!(parse_day(body.as_bytes(), day("2026-02-09")).unwrap(), None);
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let failing = |status| Answers::default().with("/simple/price", status, "{}");
    let asked = async |status| client(&failing(status)).await.rates(now()).await;
    assert!(matches!(asked(500).await, Err(SourceError::Unavailable(_))));
    assert!(matches!(
        asked(429).await,
        Err(SourceError::RateLimited { .. })
    ));
    assert!(matches!(
        asked(401).await,
        Err(SourceError::Refused { status: 401, .. })
    ));
}

#[tokio::test]
async fn a_key_is_shown_in_its_header_and_nowhere_else() {
    let key = SecretString::from(KEY);
    let answers = Answers::default().with("/simple/price", 200, PRESENT);
    let url = answers
        .clone()
        .behind("x-cg-demo-api-key", KEY)
        .start()
        .await;
    let client = Coingecko::new(fetcher(), &url, Some(&key)).unwrap();
    assert!(client.rates(now()).await.is_ok());
    assert!(!format!("{client:?}").contains(KEY));

    // This one repeats the key that it does not like.
    let url = answers.behind("x-cg-demo-api-key", "other").start().await;
    let client = Coingecko::new(fetcher(), &url, Some(&key)).unwrap();
    let error = client.rates(now()).await.unwrap_err();
    assert!(matches!(error, SourceError::Refused { status: 401, .. }));
    assert!(!format!("{error} {error:?}").contains(KEY), "{error}");

    // And this one tells it to whoever reads the log.
    let telling = Answers::default().with("/simple/price", 200, &format!("{KEY} is fine"));
    let url = telling.start().await;
    let client = Coingecko::new(fetcher(), &url, Some(&key)).unwrap();
    let error = client.rates(now()).await.unwrap_err();
    assert!(matches!(error, SourceError::Malformed(_)));
    assert!(!format!("{error} {error:?}").contains(KEY), "{error}");

    let odd = SecretString::from("two\nlines");
    let error = Coingecko::new(fetcher(), &url, Some(&odd)).unwrap_err();
    assert!(error.to_string().contains("key of CoinGecko"), "{error}");
}

#[test]
fn a_body_that_is_cut_off_is_no_answer() {
    for end in 0..PRESENT.len() {
        assert!(
            parse(&PRESENT.as_bytes()[..end], now()).is_err(),
            "cut at {end}"
        );
    }
    for end in 0..PAST.len() {
        let cut = parse_day(&PAST.as_bytes()[..end], day("2026-02-09"));
        assert!(cut.is_err(), "cut at {end}");
    }
}

proptest! {
    /// Whatever the coin costs, the rate is that of the two currencies.
    #[test]
    fn the_rate_does_not_depend_on_what_the_coin_costs(
        usd_cents in 100_000_i64..100_000_000,
        rate_parts in 1_000_i64..1_000_000_000,
    ) {
        let usd = Decimal::new(usd_cents, 2);
        let rate = Decimal::new(rate_parts, 5);
        let body = format!(
            r#"{{"bitcoin":{{"usd":{usd},"eur":{},"last_updated_at":1771199940}}}}"#,
            usd * rate
        );
        let exchange = parse(body.as_bytes(), now()).unwrap();
        prop_assert_eq!(exchange.rate(Currency::Eur), Some(rate));
        prop_assert_eq!(exchange.rate(Currency::Usd), Some(Decimal::ONE));
    }

    #[test]
    fn no_rate_that_is_read_is_absurd(digits in "[-+0-9.eE]{1,30}", quoted in any::<bool>()) {
        let quote = if quoted { "\"" } else { "" };
        let body = format!(
            r#"{{"bitcoin":{{"usd":100000,"eur":{quote}{digits}{quote},"gbp":80000,"last_updated_at":1771199940}}}}"#
        );
        // Without quotes it may be no JSON at all.
        if let Ok(exchange) = parse(body.as_bytes(), now()) {
            let euros = exchange.rate(Currency::Eur);
            prop_assert!(euros.is_none_or(|rate| (LEAST..=MOST).contains(&rate)));
        }
    }

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(parse(&body, now()));
        drop(parse_day(&body, now().day()));
    }
}
