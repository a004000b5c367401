//! What is never logged.

use super::*;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_is_logged_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut bench = Bench::start_with(|settings| Settings {
        timeout: Duration::from_millis(300),
        ..settings
    })
    .await;
    bench.twin.script(
        1001,
        &[
            Reply::Status(400, r#"{"code":50035}"#),
            Reply::Status(400, r#"{"code":50035}"#),
            Reply::Slow(Duration::from_secs(1)),
        ],
    );
    *bench.twin.listed.lock().unwrap() = vec![(200, "[]".to_owned())];
    let prepared = bench.delivery.prepare(ChannelId(1), GUILD).await.unwrap();
    let place = prepared.destination;
    let bad = bench.say(place, "a").await;
    assert_eq!(bench.outcome(bad).await.state, State::Dead);
    let slow = bench.say(place, "b").await;
    assert_eq!(bench.outcome(slow).await.state, State::Uncertain);
    bench.end().await;
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("not delivered"));
    for line in logged.lines() {
        // The endpoint's own server side is not ours.
        let ours = !line.contains("axum") && !line.contains("hyper::proto::h1::role: Server");
        assert!(!(ours && line.contains("token-of-")), "{line}");
        assert!(!line.contains("canary"), "{line}");
    }
}
