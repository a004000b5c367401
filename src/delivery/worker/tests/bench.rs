//! A worker with its store, against the endpoint.

use super::*;
use crate::{domain::ids::Home, pulse::Pulses};

/// What the worker needs, and how to make it work.
pub(super) struct Bench {
    pub(super) twin: Arc<Twin>,
    pub(super) store: Arc<Store>,
    pub(super) delivery: Delivery,
    pub(super) stop: CancellationToken,
    pub(super) worker: Option<JoinHandle<()>>,
    pub(super) folder: TempDir,
}

pub(super) fn settings(address: SocketAddr) -> Settings {
    Settings {
        api_url: format!("http://{address}"),
        max_per_second: NonZeroU32::new(10_000).unwrap(),
        timeout: Duration::from_secs(2),
        channel_per_minute: 0,
        window: Window::NONE,
        ..Settings::default()
    }
}

impl Bench {
    pub(super) async fn start() -> Self {
        Self::start_with(|settings| settings).await
    }

    pub(super) async fn start_with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let twin = Arc::new(Twin::default());
        let app = Arc::clone(&twin).router();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self::at(twin, change(settings(address))).await
    }

    pub(super) async fn at(twin: Arc<Twin>, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stipend.db");
        let store = Store::open(&path, &[1; 32], SystemClock.now());
        let store = Arc::new(store.await.unwrap());
        let token = SecretString::from("canary");
        let clock = Arc::new(SystemClock);
        let metrics = Arc::default();
        let delivery = Delivery::new(Arc::clone(&store), clock, &settings, &token, OURS, metrics);
        let delivery = delivery.unwrap();
        let mut bench = Self {
            twin,
            store,
            delivery,
            stop: CancellationToken::new(),
            worker: None,
            folder,
        };
        bench.run();
        bench
    }

    pub(super) fn run(&mut self) {
        self.stop = CancellationToken::new();
        let (delivery, stop) = (self.delivery.clone(), self.stop.clone());
        let pulse = Pulses::default().listen("the delivery");
        self.worker = Some(tokio::spawn(async move {
            delivery.run(pulse, stop).await.unwrap();
        }));
    }

    pub(super) async fn end(&mut self) {
        self.stop.cancel();
        self.worker.take().unwrap().await.unwrap();
    }

    pub(super) async fn place(&self, channel: u64) -> DestinationId {
        let proven = Proven {
            home: Home::Server(GUILD),
            channel: ChannelId(channel),
            parent: None,
            webhook: Some((
                WebhookId(channel + 1000),
                SecretString::from(format!("token-of-{}", channel + 1000)),
            )),
            newest: MessageId(0),
            unasked: false,
            remade: false,
        };
        let (now, waits) = (SystemClock.now(), post::Waits::default());
        let saved = self.store.save_destination(&proven, now, &waits);
        saved.await.unwrap()
    }

    pub(super) async fn say(&self, place: DestinationId, text: &str) -> EntryId {
        let entry = self.store.enqueue(&entry(place, text)).await.unwrap();
        self.delivery.poke();
        entry
    }

    /// Puts `each` numbered notices into the outbox for each of so many channels.
    pub(super) async fn fill(&self, channels: u64, each: u64) -> Vec<EntryId> {
        let mut entries = Vec::new();
        for channel in 1..=channels {
            let place = self.place(channel).await;
            for number in 0..each {
                let entry = entry(place, &number.to_string());
                entries.push(self.store.enqueue(&entry).await.unwrap());
            }
        }
        entries
    }

    /// Waits until a webhook is called.
    pub(super) async fn called(&self, webhook: u64) {
        while self.twin.contents(webhook).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn all_delivered(&self, entries: &[EntryId]) {
        for entry in entries {
            assert_eq!(self.outcome(*entry).await.state, State::Delivered);
        }
    }

    pub(super) async fn outcome(&self, entry: EntryId) -> Told {
        let outcome = self.delivery.wait_outcome(entry, PATIENCE).await.unwrap();
        let outcome = outcome.unwrap();
        assert!(!outcome.state.is_moving(), "{outcome:?}");
        outcome
    }
}

pub(super) fn entry(place: DestinationId, text: &str) -> Entry {
    use sha2::Digest as _;
    let now = SystemClock.now();
    Entry {
        dedup_key: sha2::Sha256::digest(format!("{place} {text}")).into(),
        destination: place,
        alert: AlertId(1),
        alert_version: 1,
        pool: None,
        occasion: Occasion::Test,
        urgency: Urgency::Normal,
        payload: serde_json::json!({ "content": text }).to_string(),
        summary: text.to_owned(),
        created_at: now,
        not_after: now.plus(Duration::from_hours(1)),
        telling: Telling::default(),
    }
}
