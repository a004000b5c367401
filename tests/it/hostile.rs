//! Names that try to call people, put through the whole bot.

use discord_twin::{Invocation, Press, Reply, StoredMessage, Twin};
use serde_json::{Value, json};

use crate::support::{
    LONG, USDC, admin, answer, below_three, button, call, market, other, show, until, watching_by,
};

/// What tries to call everybody, a member and a role, to lead away, and to break out of its line.
const SYMBOL: &str = "USDС-@everyone";
const PROTOCOL: &str = "[aave](https://evil.example) <@900000000000000001>";
const META: &str = "`x` @here <@&900000000000000007>\n# head <t:0:R> \u{202E}";

fn hostile(usdc: f64) -> Vec<Value> {
    let mut rows = market(usdc);
    rows[0]["symbol"] = json!(SYMBOL);
    rows[0]["project"] = json!(PROTOCOL);
    rows[0]["poolMeta"] = json!(META);
    rows
}

#[track_caller]
fn calls_nobody(body: &Value) {
    for called in ["mentions", "mention_roles"] {
        let list = body[called].as_array();
        assert!(list.is_none_or(Vec::is_empty), "{called}: {body}");
    }
    assert_ne!(body["mention_everyone"], json!(true), "{body}");
    let text = format!("{} {}", body["content"], body["embeds"]);
    for mark in [
        "@everyone",
        "@here",
        "](https://evil",
        "<@9",
        "<@&9",
        "<t:0",
        "\u{202E}",
    ] {
        assert!(!text.contains(mark), "{mark}: {text}");
    }
}

fn seen(twin: &Twin) -> Vec<StoredMessage> {
    twin.channel(crate::support::server() + 1)
}

async fn asked(twin: &Twin, asked: &Invocation) -> Reply {
    let reply = twin.run(asked).await.unwrap();
    calls_nobody(&reply.message);
    reply
}

/// F-X03, F-X04: a notice, its edit, answers, edits of answers and whispers call nobody, whatever the names
/// say; and each of those requests says so itself, or the stand-in would have noted it.
#[tokio::test(flavor = "multi_thread")]
async fn names_call_nobody_on_any_way_out() {
    let alert = below_three(USDC).option("clear_hold", "1s");
    let (twin, upstream, bot) = watching_by(hostile, &alert).await;
    show(&upstream, hostile, 2.0).await;
    twin.wait_for_messages(crate::support::server() + 1, 1, LONG)
        .await
        .unwrap();
    calls_nobody(&seen(&twin)[0].body);

    let notice = seen(&twin).remove(0);
    for label in ["Why", "History", "Calmer places"] {
        let press = Press::on_message(notice.id, button(&notice.body, label)).by(other());
        calls_nobody(&twin.press(&press).await.unwrap().message);
    }
    for pool in ["yield pool", "risk check", "risk il", "yield history"] {
        asked(&twin, &call(pool).option("pool", USDC)).await;
    }
    asked(&twin, &call("yield find").option("asset", "USD")).await;
    asked(&twin, &call("alerts list").by(admin())).await;
    asked(&twin, &call("yield pool").option("pool", "@everyone <@1>")).await;

    // A press edits the answer that it stands on.
    let add = call("portfolio add")
        .option("pool", USDC)
        .option("amount", "$5000")
        .option("note", "@everyone <@900000000000000001>");
    let reply = asked(&twin, &add).await;
    let agree = Press::on_reply(reply.interaction, button(&reply.message, "I agree"));
    calls_nobody(&twin.press(&agree).await.unwrap().message);
    asked(&twin, &call("portfolio view")).await;

    // The end of what was told edits the notice.
    upstream.set(answer(&hostile(5.0)));
    show(&upstream, hostile, 5.1).await;
    until("the message says that it is over", || {
        seen(&twin)[0].edits > 0
    })
    .await;
    calls_nobody(&seen(&twin)[0].body);
    bot.end(&twin);
}
