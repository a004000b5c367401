//! What Discord refuses is waited out or given up, and never asked for again and again.

use std::time::Duration;

use discord_twin::{Fault, What};

use crate::support::{
    LONG, USDC, below_three, manage, market, pools_of, posts, said, server, show, status, until,
    watching, watching_by,
};

/// A limit delays a notice, and neither loses nor repeats it.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_waited_out_and_the_notice_is_posted_once() {
    let (twin, upstream, bot) = watching(market).await;
    let wait = Duration::from_secs(4);
    twin.fault(Fault::on_webhooks(What::too_many("user", wait)).times(1));
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    upstream.taken().await;
    let [limited, posted] = &posts(&twin)[..] else {
        panic!("not two posts: {:?}", posts(&twin));
    };
    assert_eq!((limited.status, posted.status), (429, 200));
    let waited = Duration::from_millis(posted.at_ms - limited.at_ms);
    assert!(waited >= wait, "{waited:?}");
    assert_eq!(pools_of(&twin.channel(server() + 1)), [USDC]);
    bot.end(&twin);
}

/// F-D06: somebody deletes the webhook in the channel's settings. It is made again once, without anybody
/// asking; deleted again, the channel is left alone and named with the mend, which brings what was not told.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_webhook_is_made_again_once_and_then_parks_its_channel() {
    let (twin, upstream, bot) = watching(market).await;
    let channel = server() + 1;
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below");
    let deeper = add.option("pool", USDC).option("hold", "1s");
    twin.run(&deeper.clone().option("value", 1.9))
        .await
        .unwrap();
    let first = twin.webhooks(channel)[0];
    twin.delete_webhook(first).unwrap();
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel, 1, LONG).await.unwrap();
    let second = twin.webhooks(channel)[0];
    assert_ne!(first, second);
    twin.delete_webhook(second).unwrap();
    show(&upstream, market, 1.8).await;
    until("a post is refused", || posts(&twin).len() == 3).await;
    upstream.taken().await;
    let told = status(&twin).await;
    for words in [
        "trouble with notices",
        "1 parked",
        "its webhook was deleted",
    ] {
        assert!(told.contains(words), "“{words}” is not in: {told}");
    }
    let show = manage("alerts show").option("alert", "2");
    let told = said(&twin.run(&show).await.unwrap());
    assert!(
        told.contains("is parked: its webhook was deleted"),
        "{told}"
    );
    let statuses: Vec<_> = posts(&twin).iter().map(|post| post.status).collect();
    assert_eq!(statuses, [404, 200, 404]);
    assert!(
        twin.webhooks(channel).is_empty(),
        "nobody asked for another"
    );
    twin.run(&deeper.option("value", 0.1)).await.unwrap();
    twin.wait_for_messages(channel, 2, LONG).await.unwrap();
    bot.end(&twin);
}

/// F-D06: an edit that finds its webhook deleted is the last call of it, as a message would be: what comes next
/// goes by a new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_an_edit_finds_deleted_is_called_no_more() {
    let brief = below_three(USDC).option("clear_hold", "1s");
    let (twin, upstream, bot) = watching_by(market, &brief).await;
    let channel = server() + 1;
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel, 1, LONG).await.unwrap();
    let first = twin.webhooks(channel)[0];
    twin.delete_webhook(first).unwrap();
    show(&upstream, market, 5.0).await;
    until("the edit is refused", || {
        let requests = twin.requests();
        requests
            .iter()
            .any(|it| it.method == "PATCH" && it.status == 404)
    })
    .await;
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel, 2, LONG).await.unwrap();
    let requests = twin.requests();
    let refused = requests.iter().filter(|it| it.status == 404);
    assert_eq!(refused.count(), 1, "{requests:?}");
    // It checks that nothing was asked of what was said to be gone.
    bot.end(&twin);
}
