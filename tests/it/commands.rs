//! Every command as people give it: who sees the answer, what it says, and what is refused.

use discord_twin::{Invocation, PATIENCE, Person, Press, Reply, Twin, permission};
use futures::future::join_all;

use crate::support::{
    Node, TestBot, USDC, USDT, Upstream, WETH, admin, answer, call, manage, market, member,
    one_server, other, row, said, server, until,
};

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

#[track_caller]
fn says(reply: &Reply, words: &[&str]) {
    let said = said(reply);
    for word in words {
        assert!(said.contains(word), "“{word}” is not in: {said}");
    }
}

async fn private(twin: &Twin, call: &Invocation, words: &[&str]) -> Reply {
    let reply = twin.run(call).await.unwrap();
    assert!(reply.ephemeral, "{}: others see it", call.command);
    says(&reply, words);
    reply
}

fn button(reply: &Reply) -> String {
    let id = &reply.message["components"][0]["components"][0]["custom_id"];
    id.as_str()
        .unwrap_or_else(|| panic!("no button: {}", reply.message))
        .to_owned()
}

/// Checks that this cannot be read out of the database's bytes.
#[track_caller]
fn sealed(bot: &TestBot, secret: &str) {
    let bytes = bot.database_bytes();
    let clear = bytes
        .windows(secret.len())
        .any(|window| window == secret.as_bytes());
    assert!(!clear, "{secret} is in the database in clear");
}

/// What anybody can look up, who sees it, and what a pool that does not exist is answered with.
#[tokio::test(flavor = "multi_thread")]
async fn help_status_and_look_ups() {
    let (twin, _upstream, bot) = setting().await;
    private(&twin, &call("help"), &["/yield find", "sustainable"]).await;
    private(
        &twin,
        &call("status"),
        &["DefiLlama", "all well", "Notices here"],
    )
    .await;
    let alone = private(&twin, &Invocation::of("status"), &["DefiLlama", "all well"]).await;
    assert!(!said(&alone).contains("here"), "{}", said(&alone));
    let find = twin
        .run(&call("yield find").option("asset", "USDC"))
        .await
        .unwrap();
    assert!(!find.ephemeral);
    says(&find, &["USDC", "aave-v3"]);
    private(
        &twin,
        &call("yield find")
            .option("asset", "USDC")
            .option("private", true),
        &["USDC"],
    )
    .await;
    let offered = twin
        .autocomplete(&call("yield pool").option("pool", "usdc"), "pool")
        .await
        .unwrap();
    assert_eq!(offered.choices.len(), 1, "{:?}", offered.choices);
    assert_eq!(offered.choices[0]["value"], USDC);
    let pool = twin
        .run(&call("yield pool").option("pool", USDC))
        .await
        .unwrap();
    assert!(!pool.ephemeral);
    says(&pool, &["USDC", "5.00"]);
    private(
        &twin,
        &call("yield pool").option("pool", "nonsense"),
        &["No pool answers to"],
    )
    .await;
    bot.end(&twin);
}

/// What staking pays, with a network's source on loopback and the others in the world left alone.
#[tokio::test(flavor = "multi_thread")]
async fn staking_is_told_with_what_is_known_and_what_is_not() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&[
        row(USDC, "JITOSOL", "jito-liquid-staking", 5.8),
        row(USDT, "STETH", "lido", 2.5),
        row(WETH, "WETH", "compound-v3", 2.1),
    ]))
    .await;
    let node = Node::start().await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("SOURCES__SOLANA__URL", node.url.clone());
    bot.start(&twin, 1).await;
    until("the node is read", || {
        bot.log().contains("figures are read")
    })
    .await;
    let sol = call("yield staking")
        .option("asset", "SOL")
        .option("approach", "delegated")
        .option("commission", 5)
        .option("amount", "100");
    let told = twin.run(&sol).await.unwrap();
    assert!(!told.ephemeral);
    says(
        &told,
        &["Staking SOL on Solana", "**6.65 % APR**", "100 SOL bring"],
    );
    private(
        &twin,
        &call("yield staking")
            .option("asset", "eth")
            .option("private", true),
        &["STETH", "reference 3–5 %", "no source that states it"],
    )
    .await;
    private(
        &twin,
        &call("yield staking").option("asset", "WETH"),
        &["has the staked asset", "ETH"],
    )
    .await;
    let offered = twin
        .autocomplete(&call("yield staking").option("asset", "s"), "asset")
        .await
        .unwrap();
    assert_eq!(offered.choices[0]["value"], "SOL");
    // Only the node on this machine is asked: the others would have failed by now, and be told of.
    let status = private(&twin, &call("status"), &["Solana RPC", "✅ fresh"]).await;
    assert!(!said(&status).contains("Koios"), "{}", said(&status));
    bot.end(&twin);
}

/// What a pool paid is told in words and drawn, from the source's own chart where we saw none of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_s_past_is_told_and_drawn() {
    let (twin, upstream, bot) = setting().await;
    let mut days = [4.0; 60];
    days[30] = 355_083.0;
    upstream.remember(USDC, &days);
    let asked = call("yield history").option("pool", USDC);
    let reply = twin.run(&asked.clone().option("days", 45)).await.unwrap();
    assert!(reply.deferred && !reply.ephemeral);
    says(
        &reply,
        &[
            "USDC · aave-v3 · Ethereum",
            "APY of the last 45 days: min 4.00 %, median **4.00 %**, max 4.00 %",
            "1 suspect reading left out",
            "TVL $250M → $250M",
            "not advice",
        ],
    );
    let attached = &reply.message["attachments"];
    assert_eq!(attached.as_array().unwrap().len(), 1);
    assert_eq!(attached[0]["filename"], "history.png");
    let described = attached[0]["description"].as_str().unwrap();
    assert!(
        described.starts_with("Chart of the last 45 days of USDC"),
        "{described}"
    );
    let stored = twin.message(reply.message_id().unwrap()).unwrap();
    let picture = &stored.files[0].bytes;
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n") && picture.len() < 200_000);
    let side = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (1_100, 700));

    private(&twin, &asked.option("private", true), &["last 90 days"]).await;
    // A past that nobody knows is said in words, without an empty picture.
    let unknown = call("yield history").option("pool", USDT);
    let reply = twin.run(&unknown).await.unwrap();
    says(&reply, &["Nothing is known yet of the last 90 days"]);
    assert_eq!(reply.message["attachments"], serde_json::json!([]));
    let nonsense = call("yield history").option("pool", "nonsense");
    private(&twin, &nonsense, &["No pool answers to"]).await;
    bot.end(&twin);
}

/// A position is kept after consent, shown to its owner alone, never in clear on disk, and erased.
#[tokio::test(flavor = "multi_thread")]
async fn positions_are_their_owners_alone_and_sealed() {
    let (twin, _upstream, bot) = setting().await;
    let add = call("portfolio add").option("pool", USDC);
    private(
        &twin,
        &add.clone().option("amount", "1,5"),
        &["1,5", "is not an amount"],
    )
    .await;
    let asked = add
        .option("amount", "$7654321")
        .option("note", "zebrafinch");
    let question = private(&twin, &asked, &["May I keep"]).await;
    let agree = Press::on_reply(question.interaction, button(&question)).by(member());
    let added = twin.press(&agree).await.unwrap();
    says(&added, &["Added", "7,654,321"]);
    private(&twin, &call("portfolio view"), &["7,654,321", "zebrafinch"]).await;
    private(
        &twin,
        &call("portfolio view").by(other()),
        &["no positions"],
    )
    .await;
    private(
        &twin,
        &call("portfolio remove").option("position", "1").by(other()),
        &["no such position"],
    )
    .await;
    private(
        &twin,
        &call("privacy show"),
        &["1 position: all that you told", "you agreed on"],
    )
    .await;
    let export = private(&twin, &call("privacy export"), &["everything"]).await;
    let file = twin
        .ledger()
        .into_iter()
        .find(|message| Some(message.id) == export.message_id())
        .unwrap();
    assert!(String::from_utf8_lossy(&file.files[0].bytes).contains("zebrafinch"));
    sealed(&bot, "zebrafinch");
    sealed(&bot, "7654321");
    private(
        &twin,
        &call("portfolio remove").option("position", "1"),
        &["Removed"],
    )
    .await;
    let again = call("portfolio add").option("pool", USDC);
    private(&twin, &again.option("amount", "$4321"), &["Added", "4,321"]).await;
    let question = private(&twin, &call("privacy delete"), &["Delete 1 position"]).await;
    let erase = Press::on_reply(question.interaction, button(&question)).by(member());
    says(&twin.press(&erase).await.unwrap(), &["1 position"]);
    private(&twin, &call("portfolio view"), &["no positions"]).await;
    private(&twin, &call("privacy show"), &["Nothing is kept of you."]).await;
    bot.end(&twin);
}

/// A double click is two presses of their own, of which the second comes before the first is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_once() {
    let (twin, _upstream, bot) = setting().await;
    let add = call("portfolio add").option("pool", USDC);
    let question = private(&twin, &add.option("amount", "$5000"), &["May I keep"]).await;
    let agree = Press::on_reply(question.interaction, button(&question)).by(member());
    let double = [(); 2].map(|()| twin.press_only(&agree).unwrap());
    let answered = || {
        let shown = twin.message(question.message_id().unwrap()).unwrap();
        shown.body["content"].as_str().unwrap().contains("Added")
    };
    until("the position is added", answered).await;
    let acknowledged = |press: &u64| {
        let mut requests = twin.requests().into_iter();
        requests.any(|it| it.major == *press && it.template.ends_with("/callback"))
    };
    until("both are acknowledged", || double.iter().all(acknowledged)).await;
    private(&twin, &call("privacy show"), &["1 position: all"]).await;
    assert!(answered(), "the second press changes what is shown");
    bot.end(&twin);
}

/// F-X09: what one is asked to agree to, nobody else can agree to, and nothing is kept before.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_agree_for_somebody_else() {
    let (twin, _upstream, bot) = setting().await;
    let add = call("portfolio add").option("pool", USDC);
    let question = private(&twin, &add.option("amount", "$5000"), &["May I keep"]).await;
    let press = Press::on_reply(question.interaction, button(&question)).by(other());
    assert!(twin.press_only(&press).is_err());
    let refused = twin.press(&press.forged()).await.unwrap();
    assert!(refused.ephemeral && !refused.updated);
    says(&refused, &["This button is for somebody else."]);
    for person in [member(), other()] {
        let kept = call("privacy show").by(person);
        private(&twin, &kept, &["Nothing is kept of you."]).await;
    }
    bot.end(&twin);
}

/// While a name is typed, names of the market are offered, and a picked pool offers its own tokens.
#[tokio::test(flavor = "multi_thread")]
async fn names_are_offered_while_they_are_typed() {
    let (twin, _upstream, bot) = setting().await;
    for (command, option, typed, expected) in [
        ("yield find", "asset", "usd", vec!["USDC", "USDT"]),
        ("yield find", "protocol", "aa", vec!["aave-v3"]),
        ("yield find", "chain", "eth", vec!["Ethereum"]),
        ("alerts add", "asset", "we", vec!["WETH"]),
        ("alerts add", "protocol", "", vec!["aave-v3", "compound-v3"]),
        ("alerts add", "chain", "solana", vec![]),
    ] {
        let typing = manage(command).option(option, typed);
        let choices = twin.autocomplete(&typing, option).await.unwrap().choices;
        let mut values: Vec<_> = choices
            .iter()
            .map(|choice| choice["value"].as_str().unwrap())
            .collect();
        values.sort_unstable();
        assert_eq!(values, expected, "/{command} {option}: {typed}");
    }
    let picked = call("portfolio add").option("pool", USDT);
    let offered = twin
        .autocomplete(&picked.option("asset", ""), "asset")
        .await
        .unwrap();
    assert_eq!(offered.choices.len(), 1, "{:?}", offered.choices);
    assert_eq!(offered.choices[0]["value"], "USDT");
    bot.end(&twin);
}

/// An alert from a wrong first try to its removal, with a webhook whose token stays sealed.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_live_from_add_to_remove() {
    let (twin, _upstream, bot) = setting().await;
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below");
    private(&twin, &add.clone().option("pool", USDC), &["needs a value"]).await;
    private(
        &twin,
        &add.clone().option("value", 3),
        &["every pool there is"],
    )
    .await;
    let drop = manage("alerts add")
        .option("at_once", true)
        .option("when", "tvl_drop")
        .option("value", 100)
        .option("pool", USDC);
    private(&twin, &drop, &["100 is not a value"]).await;
    let on_usdc = add.clone().option("value", 3).option("pool", USDC);
    for wait in ["hold", "clear_hold"] {
        let patient = on_usdc.clone().option(wait, "8d");
        private(&twin, &patient, &["8d is too long", "up to 7d"]).await;
    }
    private(
        &twin,
        &on_usdc.option("clear_hold", "6h"),
        &["#1", "held 2 h", "for 6 h", "No pool meets it"],
    )
    .await;
    private(
        &twin,
        &add.option("value", 3).option("method", "lending"),
        &["#2", "held 2 h", "for 4 h", "1 pool meets it"],
    )
    .await;
    private(&twin, &manage("alerts list"), &["#1", "#2"]).await;
    private(
        &twin,
        &manage("alerts show").option("alert", "1"),
        &["USDC", "5.00"],
    )
    .await;
    private(&twin, &manage("alerts test").option("alert", "1"), &["#1"]).await;
    let posted = twin.channel(server() + 1);
    assert_eq!(posted.len(), 1);
    assert!(
        posted[0].body["embeds"][0]["title"]
            .as_str()
            .unwrap()
            .contains("Test of alert #1")
    );
    let webhooks = twin.webhooks(server() + 1);
    assert_eq!(webhooks.len(), 1);
    sealed(&bot, &twin.webhook_token(webhooks[0]).unwrap());
    private(
        &twin,
        &manage("alerts remove").option("alert", "1"),
        &["#1"],
    )
    .await;
    private(
        &twin,
        &manage("alerts show").option("alert", "1"),
        &["no alert #1"],
    )
    .await;
    bot.end(&twin);
}

/// Rights of the caller and of the bot are checked by the bot itself, whatever Discord let through.
#[tokio::test(flavor = "multi_thread")]
async fn rights_are_looked_at_at_each_call() {
    let (twin, _upstream, bot) = setting().await;
    let list = call("alerts list");
    assert!(twin.invoke(&list).is_err());
    let let_through = Invocation {
        permitted: true,
        ..list
    };
    private(&twin, &let_through, &["Manage Server"]).await;
    // Neither by a webhook nor by itself.
    let blind = permission::RECOMMENDED & !permission::MANAGE_WEBHOOKS & !permission::SEND_MESSAGES;
    twin.set_guild_permissions(server(), blind).unwrap();
    let add = Invocation::of("alerts add")
        .in_guild(server())
        .by(admin())
        .option("at_once", true);
    let add = add
        .option("when", "apy_below")
        .option("value", 3)
        .option("pool", USDC);
    private(&twin, &add, &["Manage Webhooks"]).await;
    assert!(twin.webhooks(server() + 1).is_empty());
    bot.end(&twin);
}

/// A bot with the limits that it has by itself.
async fn limited() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.unset("DISCORD__COMMANDS_PER_10S");
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

const TOO_FAST: &str = "That was quick. Try again in ";

/// Gives commands all at once; how many were refused because they came too fast.
async fn refused(twin: &Twin, asked: &[Invocation]) -> usize {
    let begun: Vec<u64> = asked.iter().map(|it| twin.invoke(it).unwrap()).collect();
    let replies = join_all(begun.iter().map(|it| twin.reply(*it, PATIENCE))).await;
    let replies = replies.into_iter().map(Result::unwrap);
    let too_fast = replies.filter(|reply| said(reply).contains(TOO_FAST));
    too_fast.inspect(|reply| assert!(reply.ephemeral)).count()
}

/// F-L04: with what holds by default, the sixth command of a person within ten seconds is refused with a
/// sentence, and so is their second heavy one within thirty; somebody else is served meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_fast_is_told_to_wait_and_nobody_else_is() {
    let (twin, _upstream, bot) = limited().await;
    let help: Vec<Invocation> = (0..6).map(|_| call("help")).collect();
    assert_eq!(refused(&twin, &help).await, 1);
    let another = [call("help").by(other())];
    assert_eq!(refused(&twin, &another).await, 0);
    let heavy = call("risk correlation")
        .option("pool1", USDC)
        .option("pool2", USDT)
        .by(Person::new(900_000_000_000_000_021, "hal"));
    assert_eq!(refused(&twin, &[heavy.clone(), heavy.clone()]).await, 1);
    let light = call("help").by(heavy.person.clone());
    assert_eq!(refused(&twin, &[light]).await, 0);
    assert_eq!(refused(&twin, &[heavy.by(other())]).await, 0);
    bot.end(&twin);
}

/// F-L04: who types without an end is offered nothing more for a while, and somebody else is.
#[tokio::test(flavor = "multi_thread")]
async fn who_types_too_fast_is_offered_nothing_and_somebody_else_is() {
    let (twin, _upstream, bot) = limited().await;
    let typed = call("yield pool").option("pool", "usd");
    let offered = join_all((0..60).map(|_| twin.autocomplete(&typed, "pool"))).await;
    let offered: Vec<bool> = offered
        .into_iter()
        .map(|choices| !choices.unwrap().choices.is_empty())
        .collect();
    assert_eq!(offered.iter().filter(|any| **any).count(), 50);
    let typed = typed.by(other());
    let offered = twin.autocomplete(&typed, "pool").await.unwrap();
    assert!(!offered.choices.is_empty());
    assert_eq!(refused(&twin, &[call("help")]).await, 0);
    bot.end(&twin);
}
