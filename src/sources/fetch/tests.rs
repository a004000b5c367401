use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap as Headers, StatusCode as Status},
    response::IntoResponse,
    routing::get,
};
use flate2::{Compression, write::GzEncoder};
use futures::stream;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::Certificate;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::sleep,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use super::*;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Limits that a test can wait for.
fn quick() -> Policy {
    Policy {
        connect_timeout: Duration::from_millis(500),
        first_byte: Duration::from_millis(400),
        idle: Duration::from_millis(200),
        total: Duration::from_millis(1_500),
        max_body: 3 * 1024 * 1024,
        max_ratio: 100,
    }
}

async fn served(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A server that sends these bytes to whoever asks, and then hangs up.
async fn raw(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = [0; 2048];
            assert!(socket.read(&mut asked).await.unwrap() > 0);
            socket.write_all(answer).await.unwrap();
        }
    });
    address
}

fn url(address: SocketAddr) -> Url {
    Url::parse(&format!("http://{address}/secret-key/pools")).unwrap()
}

async fn fetch(address: SocketAddr) -> Result<Fetched, SourceError> {
    Fetcher::new(quick())
        .unwrap()
        .get(&url(address), &Validators::default())
        .await
}

async fn answered<R: IntoResponse + Clone + Send + Sync + 'static>(
    answer: R,
) -> Result<Fetched, SourceError> {
    let router = Router::new().fallback(move || async move { answer });
    fetch(served(router).await).await
}

fn bytes_of(fetched: Result<Fetched, SourceError>) -> Vec<u8> {
    match fetched.unwrap() {
        Fetched::Body { bytes, .. } => bytes,
        Fetched::NotModified => panic!("there is no body"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams::default();
    brotli::BrotliCompress(&mut &*bytes, &mut packed, &parameters).unwrap();
    packed
}

fn packed_as(
    encoding: &'static str,
    bytes: Vec<u8>,
) -> ([(&'static str, &'static str); 2], Vec<u8>) {
    (
        [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ],
        bytes,
    )
}

#[tokio::test]
async fn a_body_is_fetched_packed_or_not() {
    let text = r#"{"status":"success"}"#.repeat(5_000).into_bytes();
    assert_eq!(bytes_of(answered((JSON, text.clone())).await), text);
    for (encoding, packed) in [
        ("gzip", gzip(&text)),
        ("GZip", gzip(&text)),
        ("br", brotli(&text)),
        ("identity", text.clone()),
    ] {
        assert_eq!(
            bytes_of(answered(packed_as(encoding, packed)).await),
            text,
            "{encoding}"
        );
    }
}

#[tokio::test]
async fn a_question_goes_along_and_a_key_in_its_header() {
    let router = Router::new()
        .route(
            "/ask",
            axum::routing::post(|headers: Headers, body: Bytes| async move {
                assert_eq!(headers["content-type"], "application/json");
                (JSON, body)
            }),
        )
        .route(
            "/keyed",
            get(|headers: Headers| async move {
                let shown = headers["x-api-key"].to_str().unwrap().to_owned();
                (JSON, format!("\"{shown}\""))
            }),
        );
    let base = Url::parse(&format!("http://{}/", served(router).await)).unwrap();
    let fetcher = Fetcher::new(quick()).unwrap();
    let question = serde_json::json!({ "method": "getSupply" });
    let heard = fetcher
        .post_within(&joined(&base, "ask"), &question, 1024)
        .await;
    assert_eq!(heard.unwrap(), br#"{"method":"getSupply"}"#);
    let capped = fetcher
        .post_within(&joined(&base, "ask"), &question, 8)
        .await;
    assert!(matches!(capped, Err(SourceError::TooLarge { cap: 8 })));
    let key = (
        HeaderName::from_static("x-api-key"),
        HeaderValue::from_static("k"),
    );
    let heard = fetcher
        .get_with_key(&joined(&base, "keyed"), key, 1024)
        .await;
    assert_eq!(heard.unwrap(), b"\"k\"");
}

#[test]
fn addresses_of_this_machine_are_known() {
    for (address, want) in [
        ("http://127.0.0.1:4000/x", true),
        ("http://127.8.8.8", true),
        ("http://[::1]:1", true),
        ("http://localhost:4000", true),
        ("https://discord.com", false),
        ("http://127.0.0.1.example.org", false),
        ("http://localhost.example.org", false),
        ("http://10.0.0.1", false),
        ("http://[2001:db8::1]", false),
        ("127.0.0.1", false),
    ] {
        assert_eq!(is_on_this_machine(address), want, "{address}");
    }
}

#[test]
fn a_path_is_put_below_its_base() {
    for (base, want) in [
        ("http://a/", "http://a/v1/x"),
        ("http://a/chain", "http://a/chain/v1/x"),
        ("http://a/chain/", "http://a/chain/v1/x"),
    ] {
        assert_eq!(joined(&Url::parse(base).unwrap(), "v1/x").as_str(), want);
    }
}

#[tokio::test]
async fn an_unchanged_answer_is_recognised_by_its_validators() {
    let router = Router::new().fallback(|headers: Headers| async move {
        let agent = headers["user-agent"].to_str().unwrap();
        assert_eq!(agent, concat!("stipend/", env!("CARGO_PKG_VERSION")));
        let same = headers
            .get("if-none-match")
            .is_some_and(|tag| tag.to_str().is_ok_and(|tag| tag == "\"v1\""));
        if same {
            assert_eq!(
                headers["if-modified-since"],
                "Mon, 03 Nov 2025 01:22:00 GMT"
            );
            return Status::NOT_MODIFIED.into_response();
        }
        (
            [
                ("content-type", "application/json; charset=utf-8"),
                ("etag", "\"v1\""),
                ("last-modified", "Mon, 03 Nov 2025 01:22:00 GMT"),
            ],
            "{}",
        )
            .into_response()
    });
    let url = url(served(router).await);
    let fetcher = Fetcher::new(quick()).unwrap();
    let first = fetcher.get(&url, &Validators::default()).await.unwrap();
    let Fetched::Body { bytes, validators } = first else {
        panic!("nothing is known yet");
    };
    assert_eq!(bytes, b"{}");
    assert_eq!(validators.etag.as_deref(), Some("\"v1\""));
    let again = fetcher.get(&url, &validators).await.unwrap();
    assert!(matches!(again, Fetched::NotModified));
}

#[tokio::test]
async fn unchanged_without_a_question_is_no_answer() {
    assert!(matches!(
        answered(Status::NOT_MODIFIED).await,
        Err(SourceError::Refused { status: 304, .. })
    ));
}

/// F-U14: as long as the source says, within a day.
#[tokio::test]
async fn a_source_may_ask_to_wait() {
    for (stated, seconds) in [
        (vec![], 60),
        (vec![("retry-after", "7")], 7),
        (vec![("retry-after", "0")], 1),
        (vec![("retry-after", "1e99")], 86_400),
        (vec![("retry-after", "soon")], 60),
        (vec![("retry-after", "-3")], 60),
    ] {
        let mut headers = Headers::new();
        for (name, value) in stated.iter().copied() {
            headers.insert(name, value.parse().unwrap());
        }
        match answered((Status::TOO_MANY_REQUESTS, headers)).await {
            Err(SourceError::RateLimited { retry_after }) => {
                assert_eq!(retry_after.as_secs(), seconds, "{stated:?}");
            }
            other => panic!("{other:?} for {stated:?}"),
        }
    }
}

#[test]
fn a_date_to_wait_for_is_held_against_the_date_of_the_answer() {
    let wait = |retry: &str, date: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers).map(|wait| wait.as_secs())
    };
    let sent = Some("Wed, 21 Oct 2015 07:28:00 GMT");
    assert_eq!(wait("Wed, 21 Oct 2015 07:30:00 GMT", sent), Some(120));
    assert_eq!(wait("Wed, 21 Oct 2015 07:20:00 GMT", sent), Some(1));
    assert_eq!(wait("Wed, 21 Oct 2099 07:20:00 GMT", sent), Some(86_400));
    assert_eq!(wait("Wed, 21 Oct 2015 07:30:00 GMT", None), None);
}

/// F-U01: a failing server is an outage, with the time that it asks for.
#[tokio::test]
async fn troubles_of_the_source_are_outages() {
    for status in [500, 502, 503, 504, 599, 408] {
        let answer = (
            Status::from_u16(status).unwrap(),
            [("retry-after", "9")],
            "<html>",
        );
        match answered(answer).await {
            Err(SourceError::Unavailable(Outage::Status {
                status: seen,
                retry_after,
            })) => {
                assert_eq!((seen, retry_after), (status, Some(Duration::from_secs(9))));
            }
            other => panic!("{other:?} for {status}"),
        }
    }
}

#[tokio::test]
async fn refusals_quote_the_source() {
    let answer = (Status::BAD_REQUEST, JSON, "\"invalid configID!\"\n");
    match answered(answer).await {
        Err(SourceError::Refused { status: 400, said }) => {
            assert_eq!(said, "\\\"invalid configID!\\\"\\n");
        }
        other => panic!("{other:?}"),
    }
    let answer = (
        Status::FORBIDDEN,
        [("content-encoding", "gzip")],
        gzip(&vec![b'x'; 5_000_000]),
    );
    match answered(answer).await {
        Err(SourceError::Refused { status: 403, said }) => assert_eq!(said, "x".repeat(80)),
        other => panic!("{other:?}"),
    }
}

/// F-U04: by its content type; the first 80 characters are told, escaped.
#[tokio::test]
async fn a_page_instead_of_json_is_quoted_and_dropped() {
    let page = "<!DOCTYPE html>\n<title>Just a moment…</title>".to_owned() + &"x".repeat(9_000);
    match answered(([("content-type", "text/html; charset=UTF-8")], page)).await {
        Err(SourceError::Malformed(said)) => {
            assert!(
                said.contains("<!DOCTYPE html>\\n<title>Just a moment…"),
                "{said}"
            );
            assert!(said.chars().count() < 120, "{said}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn kinds_of_content() {
    for (kind, fits) in [
        ("application/json", true),
        ("Application/JSON; charset=utf-8", true),
        ("text/json", true),
        ("application/problem+json", true),
        ("binary/octet-stream", true),
        ("text/plain", true),
        ("text/html", false),
        ("image/png", false),
        ("application/xml", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        assert_eq!(may_be_json(&headers), fits, "{kind}");
    }
    assert!(may_be_json(&HeaderMap::new()));
}

/// F-U15: to another page, to another host, or to an address that only this machine can reach.
#[tokio::test]
async fn redirects_are_not_followed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let elsewhere = served(Router::new().fallback(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { (JSON, "{}") }
    }))
    .await;
    let port = elsewhere.port();
    for location in [
        "/elsewhere".to_owned(),
        format!("http://{elsewhere}/"),
        format!("http://localhost:{port}/"),
        format!("//[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let told = (
                Status::from_u16(status).unwrap(),
                [("location", location.clone())],
            );
            match answered(told).await {
                Err(SourceError::Refused { status: seen, .. }) => assert_eq!(seen, status),
                other => panic!("{other:?} for {location}"),
            }
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// A server with this certificate; the one of the test's authority has ended or not.
async fn encrypted(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> SocketAddr {
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // Who does not trust it hangs up in the middle.
            let Ok(mut socket) = acceptor.accept(socket).await else {
                continue;
            };
            let mut asked = [0; 2048];
            if socket.read(&mut asked).await.is_ok_and(|length| length > 0) {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                socket.write_all(answer).await.unwrap();
            }
        }
    });
    address
}

/// F-U16: who cannot show that they are the source is an outage, and is told nothing.
#[tokio::test]
async fn a_certificate_has_to_be_valid() {
    let mut ours = CertificateParams::new(Vec::new()).unwrap();
    ours.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = ours.self_signed(&key).unwrap();
    let root = Certificate::from_der(authority.der()).unwrap();
    let issuer = Issuer::new(ours, key);

    let of = |name: &str, ends: i32, issuer: Option<&Issuer<'_, KeyPair>>| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        let key = KeyPair::generate().unwrap();
        let made = match issuer {
            Some(issuer) => params.signed_by(&key, issuer),
            None => params.self_signed(&key),
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (vec![made.unwrap().der().clone()], key)
    };
    let trusting = Fetcher {
        client: client(&quick()).add_root_certificate(root).build().unwrap(),
        policy: quick(),
    };
    let usual = Fetcher::new(quick()).unwrap();
    for (what, (chain, key), fetcher, trusted) in [
        (
            "good",
            of("localhost", 4000, Some(&issuer)),
            &trusting,
            true,
        ),
        (
            "expired",
            of("localhost", 2001, Some(&issuer)),
            &trusting,
            false,
        ),
        (
            "another's",
            of("example.org", 4000, Some(&issuer)),
            &trusting,
            false,
        ),
        ("its own", of("localhost", 4000, None), &trusting, false),
        (
            "of nobody known",
            of("localhost", 4000, Some(&issuer)),
            &usual,
            false,
        ),
    ] {
        let address = encrypted(chain, key).await;
        let url = Url::parse(&format!("https://localhost:{}/secret-key", address.port())).unwrap();
        let fetched = fetcher.get(&url, &Validators::default()).await;
        match fetched {
            Ok(Fetched::Body { bytes, .. }) => assert!(trusted && bytes == b"{}", "{what}"),
            Err(error @ SourceError::Unavailable(Outage::Transport(_))) => {
                assert!(!trusted, "{what}: {error:?}");
                assert!(!format!("{error:?}").contains("secret-key"), "{error:?}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// F-U01: a name that cannot be looked up; `.invalid` never can (RFC 6761).
#[tokio::test]
async fn a_name_that_leads_nowhere_is_an_outage() {
    let fetcher = Fetcher::new(quick()).unwrap();
    let url = Url::parse("http://source.invalid/secret-key/pools").unwrap();
    let error = fetcher.get(&url, &Validators::default()).await.unwrap_err();
    assert!(
        matches!(error, SourceError::Unavailable(Outage::Transport(_))),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("secret-key"));
}

/// F-U02, F-U05: the limits that hold unless an operator sets others.
#[test]
fn the_usual_limits() {
    let usual = Policy::default();
    let seconds = |wait: Duration| wait.as_secs();
    assert_eq!(seconds(usual.connect_timeout), 5);
    assert_eq!(seconds(usual.first_byte), 15);
    assert_eq!(seconds(usual.idle), 10);
    assert_eq!(seconds(usual.total), 60);
    assert_eq!((usual.max_body, usual.max_ratio), (67_108_864, 100));
}

/// F-U05: what is held in memory is within the cap at each moment, and not only in the end.
#[test]
fn memory_stays_within_the_cap_while_a_body_comes_in() {
    let cap = 3_000_000;
    let mut unpacker = Unpacker::of(&HeaderMap::new(), cap, 100).unwrap();
    let part = vec![b' '; 65_536];
    let refused = loop {
        let pushed = unpacker.push(&part);
        assert!(unpacker.sink().bytes.capacity() as u64 <= cap);
        if let Err(error) = pushed {
            break error;
        }
    };
    assert!(matches!(refused, SourceError::TooLarge { cap: 3_000_000 }));
}

/// F-U05: a body without end.
#[tokio::test]
async fn an_endless_body_ends_at_the_cap() {
    let router = Router::new().fallback(|| async {
        let parts = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(vec![b' '; 65_536])));
        (JSON, Body::from_stream(parts))
    });
    assert!(matches!(
        fetch(served(router).await).await,
        Err(SourceError::TooLarge { cap: 3_145_728 })
    ));
}

/// F-U05: one that announces too much, whatever it sends.
#[tokio::test]
async fn a_body_that_announces_too_much_is_not_read() {
    let address = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{",
    )
    .await;
    assert!(matches!(
        fetch(address).await,
        Err(SourceError::TooLarge { .. })
    ));
}

/// F-U03: a body that ends early is none.
#[tokio::test]
async fn a_body_shorter_than_announced_is_an_outage() {
    let address =
        raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{}")
            .await;
    assert!(matches!(
        fetch(address).await,
        Err(SourceError::Unavailable(Outage::Transport(_)))
    ));
}

/// F-U06: the cap is on unpacked bytes, and so is the ratio.
#[tokio::test]
async fn bombs_do_not_go_off() {
    // About 1000 to 1, and within the cap: only the ratio gives it away.
    let flat = vec![b'0'; 2 * 1024 * 1024];
    for (encoding, packed) in [("gzip", gzip(&flat)), ("br", brotli(&flat))] {
        match answered(packed_as(encoding, packed)).await {
            Err(SourceError::Malformed(said)) => assert!(said.contains("100 times"), "{said}"),
            other => panic!("{encoding}: {:?}", other.map(|_| ())),
        }
    }
    // Beyond the cap at an honest ratio.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0] & 15
    })
    .take(4 * 1024 * 1024)
    .collect();
    assert!(matches!(
        answered(packed_as("gzip", gzip(&noise))).await,
        Err(SourceError::TooLarge { .. })
    ));
}

/// F-U06: one packing within another is refused unread.
#[tokio::test]
async fn packings_that_were_not_asked_for_are_refused() {
    for encoding in ["zstd", "deflate", "gzip, br", "gzip, gzip"] {
        assert!(
            matches!(
                answered(packed_as(encoding, b"{}".to_vec())).await,
                Err(SourceError::Malformed(_))
            ),
            "{encoding}"
        );
    }
}

/// F-U03: nor is one whose packing ends early.
#[tokio::test]
async fn a_broken_packing_gives_nothing() {
    let text = b"{\"status\":\"success\",\"data\":[]}".repeat(1_000);
    for (encoding, packed) in [("gzip", gzip(&text)), ("br", brotli(&text))] {
        let cut = packed[..packed.len() - 3].to_vec();
        for bytes in [cut, b"{}".to_vec(), Vec::new()] {
            let broken = answered(packed_as(encoding, bytes)).await;
            assert!(
                matches!(broken, Err(SourceError::Malformed(_))),
                "{encoding}: {broken:?}"
            );
        }
    }
}

/// F-U02: nothing comes at all.
#[tokio::test]
async fn a_silent_source_is_given_up() {
    let router = Router::new().fallback(|| async {
        sleep(Duration::from_secs(30)).await;
        (JSON, "{}")
    });
    assert!(matches!(
        fetch(served(router).await).await,
        Err(SourceError::Unavailable(Outage::TimedOut(
            Awaited::FirstByte
        )))
    ));
}

fn dripping(pause: Duration) -> Router {
    Router::new().fallback(move || async move {
        let parts = stream::unfold((), move |()| async move {
            sleep(pause).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
        });
        (JSON, Body::from_stream(parts))
    })
}

/// F-U02: a body begins and does not go on.
#[tokio::test]
async fn a_stalled_body_is_given_up() {
    let address = served(dripping(Duration::from_secs(30))).await;
    assert!(matches!(
        fetch(address).await,
        Err(SourceError::Unavailable(Outage::TimedOut(
            Awaited::NextPart
        )))
    ));
}

/// F-U02: a byte now and then keeps the request alive for no longer than the whole of it may take.
#[tokio::test]
async fn a_dripping_body_is_given_up_in_the_end() {
    let address = served(dripping(Duration::from_millis(20))).await;
    assert!(matches!(
        fetch(address).await,
        Err(SourceError::Unavailable(Outage::TimedOut(
            Awaited::WholeAnswer
        )))
    ));
}

/// F-U01: so is one that cannot be reached, and the address stays out of what is said.
#[tokio::test]
async fn a_refused_connection_does_not_tell_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = fetch(address).await.unwrap_err();
    assert!(matches!(
        error,
        SourceError::Unavailable(Outage::Transport(_))
    ));
    assert!(!format!("{error:?}").contains("secret-key"));
}

/// F-U01: 5 s to 5 min, and a random part of it.
#[test]
fn back_off_doubles_to_its_bound() {
    let backoff = Backoff::default();
    let bounds: Vec<_> = (0..9)
        .map(|failures| backoff.bound(failures).as_secs())
        .collect();
    assert_eq!(bounds, [5, 5, 10, 20, 40, 80, 160, 300, 300]);
    assert_eq!(backoff.bound(u32::MAX).as_secs(), 300);
    assert_eq!(backoff.delay(3, 0.5).as_secs(), 10);
    assert_eq!(backoff.delay(3, 0.0).as_secs(), 1);
    assert_eq!(backoff.delay(3, f64::NAN).as_secs(), 20);
}

/// F-U01: after five failures in a row it is only probed.
#[test]
fn a_source_is_down_after_five_failures_and_up_after_an_answer() {
    let hour = Duration::from_hours(1);
    let mut schedule = Schedule::default();
    let waits: Vec<_> = (0..6)
        .map(|_| {
            let wait = schedule.next_delay(Outcome::Failed, hour, 1.0).as_secs();
            (wait, schedule.is_open())
        })
        .collect();
    assert_eq!(
        waits,
        [
            (5, false),
            (10, false),
            (20, false),
            (40, false),
            (300, true),
            (300, true)
        ]
    );
    assert_eq!(
        schedule.next_delay(Outcome::Failed, hour, 0.0).as_secs(),
        150
    );
    assert_eq!(schedule.failures(), 7);
    assert_eq!(schedule.next_delay(Outcome::Answered, hour, 0.5), hour);
    assert!(!schedule.is_open());
    assert_eq!(schedule.next_delay(Outcome::Failed, hour, 1.0).as_secs(), 5);
}

/// F-U14: and the next attempt is put off by it.
#[test]
fn what_the_source_asks_for_comes_first() {
    let hour = Duration::from_hours(1);
    let mut schedule = Schedule::default();
    let asked = Outcome::of::<()>(&Err(SourceError::RateLimited {
        retry_after: Duration::from_mins(2),
    }));
    assert_eq!(schedule.next_delay(asked, hour, 1.0).as_secs(), 125);
    assert_eq!(schedule.next_delay(asked, hour, 0.0).as_secs(), 121);
    let forever = Outcome::ToldToWait(Duration::MAX);
    assert_eq!(schedule.next_delay(forever, hour, 1.0), Duration::MAX);
    assert_eq!(Outcome::of(&Ok::<_, SourceError>(())), Outcome::Answered);
    let broken = Err::<(), _>(SourceError::Malformed(String::new()));
    assert_eq!(Outcome::of(&broken), Outcome::Failed);
}

proptest! {
    #[test]
    fn waits_stay_within_their_bounds(failures in any::<u32>(), random in any::<f64>()) {
        let delay = Backoff::default().delay(failures, random);
        prop_assert!((1..=300).contains(&delay.as_secs()));
    }

    #[test]
    fn no_bytes_break_an_unpacker(
        encoding in prop::sample::select(vec!["gzip", "br", "identity"]),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5),
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        let mut unpacker = Unpacker::of(&headers, 500, 100).unwrap();
        let whole = parts.iter().try_for_each(|part| unpacker.push(part));
        if whole.is_ok() && let Ok(bytes) = unpacker.finish() {
            prop_assert!(bytes.len() <= 500);
        }
    }
}
