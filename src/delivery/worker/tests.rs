//! The worker against a small webhook endpoint on loopback.

use std::{collections::HashMap, net::SocketAddr, num::NonZeroU32, sync::Mutex};

use secrecy::SecretString;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    delivery::{
        Delivery, Settings,
        channel::{ChannelRefused, Right},
        entry::{Entry, Occasion, Telling},
        http::ApplicationId,
        post,
        state::{DestinationState, State},
        urgency::Urgency,
        window::Window,
    },
    domain::ids::{AlertId, ChannelId, EntryId, GuildId, MessageId, WebhookId},
    store::{Store, destinations::Proven, outbox::Told},
};

mod bench;
mod endpoint;
mod outcomes;
mod pace;
mod silence;
mod storm;

use bench::{Bench, entry, settings};
use endpoint::{Reply, Twin};

const GUILD: GuildId = GuildId(5);
const OURS: ApplicationId = ApplicationId(900);
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn notices_arrive_once_and_in_order() {
    let mut bench = Bench::start().await;
    let mut last = None;
    let places = [bench.place(1).await, bench.place(2).await];
    for number in 0..6 {
        for place in places {
            last = Some(bench.say(place, &number.to_string()).await);
        }
    }
    let outcome = bench.outcome(last.unwrap()).await;
    assert_eq!(outcome.state, State::Delivered);
    assert!(outcome.message.is_some());
    bench.end().await;
    for webhook in [1001, 1002] {
        assert_eq!(bench.twin.contents(webhook), ["0", "1", "2", "3", "4", "5"]);
    }
    let hits = bench.twin.hits.lock().unwrap();
    assert!(
        hits.iter().all(|hit| !hit.authorised),
        "the bot's token is not for webhooks"
    );
}

#[tokio::test]
async fn our_webhook_is_found_or_made_and_refusals_say_what_to_do() {
    let mut bench = Bench::start().await;
    let own = r#"[
        {"id":"1","application_id":null,"token":null},
        {"id":"2","application_id":"901","token":"x"},
        {"id":"1007","application_id":"900","token":"token-of-1007"},
        {"id":"4","application_id":"900"}
    ]"#;
    *bench.twin.listed.lock().unwrap() = vec![
        (200, own.to_owned()),
        (200, "[]".to_owned()),
        (403, r#"{"code":50013}"#.to_owned()),
        (403, r#"{"code":50001}"#.to_owned()),
        (404, r#"{"code":10003}"#.to_owned()),
        (429, r#"{"retry_after":60}"#.to_owned()),
    ];
    let prepare = |channel| bench.delivery.prepare(ChannelId(channel), GUILD);
    let found = prepare(7).await.unwrap();
    assert_eq!(*bench.twin.created.lock().unwrap(), 0);
    let again = prepare(7).await.unwrap();
    assert_eq!(again.destination, found.destination);
    assert_eq!(again.can_read, None, "without asking again");
    prepare(8).await.unwrap();
    assert_eq!(*bench.twin.created.lock().unwrap(), 1);
    assert!(matches!(
        prepare(9).await,
        Err(ChannelRefused::MissingRight {
            right: Right::ManageWebhooks,
            ..
        })
    ));
    assert!(matches!(
        prepare(9).await,
        Err(ChannelRefused::MissingRight {
            right: Right::ViewChannel,
            ..
        })
    ));
    assert!(matches!(
        prepare(9).await,
        Err(ChannelRefused::ChannelGone { .. })
    ));
    // The second refusal comes from us: the endpoint has nothing left to answer.
    for _ in 0..2 {
        let limited = prepare(9).await;
        let Err(ChannelRefused::RateLimited { wait }) = limited else {
            panic!("{limited:?}");
        };
        assert!(wait > Duration::from_secs(58), "{wait:?}");
    }
    assert!(
        bench
            .store
            .destination_for(ChannelId(9))
            .await
            .unwrap()
            .is_none()
    );
    let known = bench.store.destination_for(ChannelId(7)).await.unwrap();
    assert_eq!(known.unwrap().state, DestinationState::Ready);
    let entry = bench.say(found.destination, "hello").await;
    assert_eq!(bench.outcome(entry).await.state, State::Delivered);
    assert_eq!(bench.twin.contents(1007), ["hello"]);
    bench.end().await;
}
