use axum::http::StatusCode;
use rust_decimal::Decimal;

use super::*;
use crate::{
    domain::currency::Currency,
    market::{
        PATIENCE,
        fixture::{day, hour, minute, store},
        tests::stand_in::StandIn,
    },
    sources::fetch::{Fetcher, Policy},
};

fn asking(source: &StandIn) -> ExchangeRates {
    let fetcher = Fetcher::new(Policy::default()).unwrap();
    ExchangeRates::new(Coingecko::new(fetcher, &source.base, None).unwrap())
}

/// An answer by which a dollar is this many hundredths of a euro at this time.
fn present(cents: u32, at: Timestamp) -> String {
    format!(
        r#"{{"bitcoin":{{"usd":100000,"eur":{},"last_updated_at":{}}}}}"#,
        cents * 1000,
        at.seconds()
    )
}

fn past(cents: u32) -> String {
    let euros = cents * 1000;
    format!(r#"{{"market_data":{{"current_price":{{"usd":100000,"eur":{euros}}}}}}}"#)
}

fn euros(exchange: &Exchange) -> Option<Decimal> {
    exchange.rate(Currency::Eur).map(|rate| rate.normalize())
}

#[tokio::test]
async fn the_rates_of_the_last_run_count_until_they_are_too_old() {
    let (_folder, store) = store().await;
    let source = StandIn::start(&present(92, hour(0))).await;
    let rates = asking(&source);
    assert_eq!(rates.present(hour(0)), Err(NoExchange::NotKnown));
    rates.refresh(&store, hour(0)).await.unwrap().unwrap();

    let next_run = ExchangeRates::default();
    next_run.load(&store).await.unwrap();
    let known = next_run.present(hour(48)).unwrap();
    assert_eq!(euros(&known), Some(Decimal::new(92, 2)));
    assert_eq!(known.at, hour(0));
    let late = minute(48 * 60 + 1);
    assert_eq!(next_run.present(late), Err(NoExchange::TooOld(hour(0))));
    assert!(next_run.refresh(&store, late).await.is_none());
    assert!(next_run.health().is_none());
}

#[tokio::test]
async fn a_failure_leaves_what_is_known() {
    let (_folder, store) = store().await;
    let source = StandIn::start(&present(92, hour(0))).await;
    let rates = asking(&source);
    rates.refresh(&store, hour(0)).await.unwrap().unwrap();
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, "{}"),
        (StatusCode::OK, "{}"),
        (StatusCode::OK, "no JSON"),
    ] {
        source.set(status, body);
        assert!(rates.refresh(&store, hour(1)).await.unwrap().is_err());
    }
    assert_eq!(rates.present(hour(1)).unwrap().at, hour(0));
    let (name, health) = rates.health().unwrap();
    assert_eq!((name, health.answered_at), (NAME, Some(hour(0))));
    assert_eq!(health.trouble.map(|trouble| trouble.in_a_row), Some(3));
}

#[tokio::test]
async fn a_past_day_is_asked_for_once_and_kept() {
    let (_folder, store) = store().await;
    let source = StandIn::start(&past(90)).await;
    let rates = asking(&source);
    let today = day(10);
    for _ in 0..2 {
        let told = rates.on(&store, day(3).day(), today, PATIENCE).await;
        let exchange = told.unwrap();
        assert_eq!(euros(&exchange), Some(Decimal::new(90, 2)));
        assert_eq!(exchange.at, day(3));
    }
    let asked = source.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("date=19-02-2026"), "{asked:?}");
    // The next run has nobody to ask.
    let nobody = ExchangeRates::default();
    let on = async |number| nobody.on(&store, day(number).day(), today, PATIENCE).await;
    assert!(on(3).await.is_some());
    assert!(on(4).await.is_none());
}

#[tokio::test]
async fn today_is_the_present_and_tomorrow_is_not_known() {
    let (_folder, store) = store().await;
    let source = StandIn::start(&present(92, hour(1))).await;
    let rates = asking(&source);
    let on = async |number| rates.on(&store, day(number).day(), hour(2), PATIENCE).await;
    assert!(on(0).await.is_none());
    rates.refresh(&store, hour(1)).await.unwrap().unwrap();
    assert_eq!(on(0).await.unwrap().at, hour(1));
    assert!(on(1).await.is_none());
    assert_eq!(source.asked().len(), 1);
    let kept = store.exchange_on(day(0).day()).await.unwrap();
    assert_eq!(kept, None, "a day that goes on is not kept");
}

#[tokio::test]
async fn a_day_that_the_source_does_not_know_is_left_alone_for_half_a_day() {
    let (_folder, store) = store().await;
    let source = StandIn::start(r#"{"id":"bitcoin"}"#).await;
    let rates = asking(&source);
    for (now, questions) in [(day(10), 1), (hour(251), 1), (hour(252), 2)] {
        let told = rates.on(&store, day(3).day(), now, PATIENCE).await;
        assert_eq!((told, source.asked().len()), (None, questions), "{now}");
    }
}

#[tokio::test]
async fn a_source_that_has_just_failed_is_given_a_minute() {
    let (_folder, store) = store().await;
    let source = StandIn::start("{}").await;
    source.set(StatusCode::TOO_MANY_REQUESTS, "{}");
    let rates = asking(&source);
    let on = async |number, minutes: i64| {
        let now = minute(10 * 24 * 60 + minutes);
        rates.on(&store, day(number).day(), now, PATIENCE).await
    };
    assert!(on(3, 0).await.is_none());
    source.set(StatusCode::OK, &past(90));
    assert!(on(4, 0).await.is_none());
    assert_eq!(source.asked().len(), 1);
    assert!(on(3, 1).await.is_some());
    assert!(on(4, 1).await.is_some());
}

#[tokio::test]
async fn a_slow_source_costs_no_more_than_the_patience() {
    let (_folder, store) = store().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fetcher = Fetcher::new(Policy::default()).unwrap();
    // It takes connections and never says a word.
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let rates = ExchangeRates::new(Coingecko::new(fetcher, &silent, None).unwrap());
    let patience = Duration::from_millis(50);
    let asked = rates.on(&store, day(3).day(), day(10), patience);
    let told = tokio::time::timeout(Duration::from_secs(5), asked).await;
    assert_eq!(told.expect("it waits no longer"), None);
    let (_, health) = rates.health().unwrap();
    assert!(health.trouble.is_some());
}
