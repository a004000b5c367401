//! What a member is written to about: by direct message, with no amount in it, never twice, and at rest where
//! Discord does not let the bot write to them.

use std::time::Duration;

use discord_twin::{Fault, Invocation, Press, Reply, StoredMessage, Twin, What};
use serde_json::Value;

use crate::{
    replies::{keep, keep_message},
    stage::{DAY, Stage},
    support::{
        LONG, TestBot, USDC, USDT, Upstream, WETH, answer, attached, button, call, market, member,
        messages_by_state, one_server, other, row, said, says_alone, show, told_alone as told,
    },
};

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

/// Runs a command, keeps the answer word for word, and checks that it is for its asker alone.
async fn kept(twin: &Twin, name: &str, asked: &Invocation, words: &[&str]) -> Reply {
    let reply = keep(twin, name, asked).await;
    says_alone(&reply, asked, words);
    reply
}

/// Agrees to what is kept of the member, whose answer has to say this.
async fn agree(twin: &Twin, question: &Reply, words: &[&str]) -> Reply {
    let id = button(&question.message, "I agree");
    let press = Press::on_reply(question.interaction, id).by(member());
    let reply = twin.press(&press).await.unwrap();
    let said = said(&reply);
    for word in words {
        assert!(said.contains(word), "“{word}” is not in: {said}");
    }
    reply
}

/// $7,654,321 in the USDC pool.
async fn hold(twin: &Twin) {
    let held = call("portfolio add")
        .option("amount", "$7654321")
        .option("pool", USDC);
    let question = told(twin, &held, &["May I keep"]).await;
    agree(twin, &question, &["Added"]).await;
}

/// Plans for $200,000 a year, and keeps that as a goal.
async fn keep_goal(twin: &Twin) {
    let plan = call("plan goal")
        .option("income", "$200k")
        .option("capital", "$7654321");
    let plan = told(twin, &plan, &["2.61 %"]).await;
    let id = button(&plan.message, "Save as my goal");
    let save = Press::on_reply(plan.interaction, id).by(member());
    let saved = twin.press(&save).await.unwrap();
    assert!(said(&saved).contains("Kept as your goal"));
}

fn watch(when: &str) -> Invocation {
    call("watch add").option("when", when).option("hold", "1s")
}

/// The market with the USDC pool at this rate, each time another answer.
fn still(usdc: f64, nth: u32) -> Vec<Value> {
    let mut rows = market(usdc);
    rows[2] = row(WETH, "WETH", "compound-v3", 2.1 + f64::from(nth) * 0.001);
    rows
}

/// Shows the USDC pool at this rate for as long as a watch has to hold.
async fn stay(upstream: &Upstream, usdc: f64, from: u32) {
    for nth in from..from + 3 {
        upstream.set(answer(&still(usdc, nth)));
        upstream.taken().await;
    }
}

/// What the member was written to.
fn letters(twin: &Twin) -> Vec<StoredMessage> {
    twin.channel(twin.direct(member().id))
        .into_iter()
        .filter(|message| !message.ephemeral)
        .collect()
}

/// Waits until the member was written to so often, and no oftener.
async fn written(twin: &Twin, times: usize) -> Vec<StoredMessage> {
    let channel = twin.direct(member().id);
    twin.wait_for_messages(channel, times, LONG).await.unwrap();
    // One too many would come right behind.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let letters = letters(twin);
    assert_eq!(letters.len(), times, "{:?}", bodies(&letters));
    letters
}

fn bodies(letters: &[StoredMessage]) -> Vec<String> {
    letters
        .iter()
        .map(|letter| letter.body["embeds"].to_string())
        .collect()
}

/// A lock screen may be read by others.
fn tells_no_amount(letter: &StoredMessage) {
    // Ids are made of digits, and any digits may be among them.
    let text = format!("{} {}", letter.body["content"], letter.body["embeds"]);
    for amount in ["7,654", "7654", "$", "382,716", "year"] {
        assert!(!text.contains(amount), "“{amount}” is in {text}");
    }
}

async fn opened(twin: &Twin, letter: &StoredMessage, label: &str, words: &[&str]) {
    let id = button(&letter.body, label);
    let press = Press::on_message(letter.id, id).by(member());
    let reply = twin.press(&press).await.unwrap();
    assert!(reply.ephemeral);
    let said = said(&reply);
    for word in words {
        assert!(said.contains(word), "{label}: “{word}” is not in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_written_to_once_when_a_rate_falls_and_when_it_is_back() {
    let (twin, upstream, bot) = setting().await;
    let twin = &twin;
    hold(twin).await;
    let added = keep(twin, "watch_add", &watch("rate").option("value", 3)).await;
    assert!(said(&added).contains("A message to you has just arrived"));
    let greeting = written(twin, 1).await.remove(0);
    keep_message("watch_greeting", &greeting.body);

    stay(&upstream, 2.0, 0).await;
    let letter = written(twin, 2).await.remove(1);
    keep_message("watch_rate_fell", &letter.body);
    tells_no_amount(&letter);
    opened(
        twin,
        &letter,
        "Show mine: positions",
        &["$7,654,321", "2.00 %"],
    )
    .await;
    told(twin, &call("watch list"), &["told of 1"]).await;

    // Nothing further is said while it stays so, and the end is said where the beginning was.
    stay(&upstream, 2.0, 10).await;
    for from in [20, 30, 40] {
        stay(&upstream, 5.0, from).await;
    }
    let begun = std::time::Instant::now();
    while !bodies(&letters(twin))[1].contains("Over:") {
        assert!(begun.elapsed() < LONG, "{:?}", bodies(&letters(twin)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let letter = written(twin, 2).await.remove(1);
    keep_message("watch_rate_is_back", &letter.body);
    bot.end(twin);
}

#[tokio::test(flavor = "multi_thread")]
async fn goals_verdicts_locks_reviews_and_better_places_are_written_about() {
    let (twin, upstream, bot) = setting().await;
    let twin = &twin;
    told(twin, &call("watch goal"), &["You keep no goal"]).await;
    hold(twin).await;
    let little = call("portfolio add")
        .option("amount", "$9")
        .option("pool", USDT)
        .option("lock_until", "20d");
    told(twin, &little, &["Added"]).await;
    keep_goal(twin).await;
    keep(twin, "watch_goal", &call("watch goal").option("hold", "1s")).await;
    told(twin, &watch("verdict"), &["2 ✅ sustainable"]).await;
    kept(
        twin,
        "watch_better_places",
        &call("watch better").option("hold", "1s"),
        &["nothing of yours would"],
    )
    .await;
    kept(
        twin,
        "watch_remind",
        &call("watch remind").option("of", "review"),
        &["91 days ago"],
    )
    .await;
    written(twin, 1).await;

    // The rate falls, another place pays more, and one pays more than anybody can.
    let turned = |usdt: f64, nth: u32| {
        let mut rows = still(2.0, nth);
        rows[1] = row(USDT, "USDT", "aave-v3", usdt);
        let other = "bb70268e-4b52-42bf-a116-608b370f9501";
        rows.push(row(other, "USDC", "compound-v3", 3.0));
        answer(&rows)
    };
    for (usdt, nth) in [(24.0, 1), (24.0, 2), (101.0, 3), (101.0, 4), (101.0, 5)] {
        upstream.set(turned(usdt, nth));
        upstream.taken().await;
    }
    told(
        twin,
        &call("watch add")
            .option("when", "unlock")
            .option("value", 30),
        &["the next one ends on"],
    )
    .await;
    upstream.set(turned(101.0, 6));
    upstream.taken().await;
    let begun = std::time::Instant::now();
    let words = [
        "under your goal",
        "verdict:",
        "at no more risk",
        "its lock ends on",
    ];
    while !words
        .iter()
        .all(|word| bodies(&letters(twin)).concat().contains(word))
    {
        assert!(begun.elapsed() < LONG, "{:?}", bodies(&letters(twin)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for letter in &letters(twin)[1..] {
        tells_no_amount(letter);
    }
    let letter_of = |word: &str| {
        let letters = letters(twin);
        let found = letters
            .into_iter()
            .find(|it| it.body["embeds"].to_string().contains(word));
        found.unwrap()
    };
    for (name, word, label, figures) in [
        (
            "watch_goal_missed",
            "under your goal",
            "Show mine: income",
            "75",
        ),
        (
            "watch_verdict",
            "verdict:",
            "Show mine: positions",
            "$7,654,321",
        ),
        (
            "watch_better",
            "at no more risk",
            "Show mine: better places",
            "a year",
        ),
        (
            "watch_unlock",
            "its lock ends on",
            "Show mine: calendar",
            "$9.00",
        ),
    ] {
        let letter = letter_of(word);
        keep_message(name, &letter.body);
        opened(twin, &letter, label, &[figures]).await;
    }
    keep(twin, "watch_list", &call("watch list")).await;
    bot.end(twin);
}

/// F-X12: who takes no message from the bot is tried once and then left alone. What they watch rests and is never
/// deleted, and the next answer says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_cannot_be_written_to_is_told_so_and_loses_nothing() {
    let (twin, upstream, bot) = setting().await;
    let twin = &twin;
    twin.close_direct(member().id);
    let rate = watch("rate").option("value", 3).option("pool", USDC);
    let question = told(twin, &rate, &["May I keep"]).await;
    agree(
        twin,
        &question,
        &["Discord does not let me write to you", "your watches rest"],
    )
    .await;
    let refused = |twin: &Twin| {
        let requests = twin.requests();
        requests.iter().filter(|it| it.status == 403).count()
    };
    assert_eq!(refused(twin), 1);
    // Whom Discord has just refused is not tried again at once.
    told(twin, &call("watch test"), &["I have not tried again"]).await;
    assert_eq!(refused(twin), 1);
    told(
        twin,
        &call("watch list"),
        &["USDC", "does not let me write"],
    )
    .await;
    let quiet = told(twin, &call("plan list"), &[]).await;
    assert!(
        !said(&quiet).contains("write to you"),
        "it was told already"
    );
    show(&upstream, market, 2.0).await;
    assert_eq!(refused(twin), 1, "nobody is called who does not answer");

    tokio::time::sleep(Duration::from_secs(10)).await;
    twin.reopen_direct(member().id);
    let tested = kept(
        twin,
        "watch_test",
        &call("watch test"),
        &["✅ A message to you has just arrived"],
    )
    .await;
    assert!(
        tested.message["components"]
            .to_string()
            .contains("/channels/@me/")
    );
    // What was refused before comes along, and what goes on being so is told.
    written(twin, 2).await;
    show(&upstream, market, 1.9).await;
    let letters = written(twin, 3).await;
    assert!(bodies(&letters)[2].contains("under the 3 % that you set"));

    // Refused later on, the next answer to anything of theirs says so, once.
    for _ in 0..3 {
        show(&upstream, market, 5.0).await;
    }
    told(twin, &call("watch list"), &["it pays 4.98 %"]).await;
    twin.close_direct(member().id);
    show(&upstream, market, 2.0).await;
    let begun = std::time::Instant::now();
    while refused(twin) < 2 {
        assert!(begun.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    told(
        twin,
        &call("ledger list"),
        &["Discord does not let me write to you"],
    )
    .await;
    let quiet = told(twin, &call("ledger list"), &[]).await;
    assert!(!said(&quiet).contains("write to you"));
    told(twin, &call("watch list"), &["**1**", "your watches rest"]).await;
    assert_eq!(refused(twin), 2);
    bot.end(twin);
}

/// F-X09: what is watched is paused, removed and erased by its owner alone, and the buttons of a message to them
/// open nothing for somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_rests_is_removed_and_says_what_is_wrong_with_it() {
    let (twin, upstream, bot) = setting().await;
    let twin = &twin;
    told(twin, &call("watch test"), &["Nothing is watched for you"]).await;
    told(twin, &call("watch pause"), &["Nothing is watched for you"]).await;
    told(twin, &watch("rate"), &["Under which rate?"]).await;
    told(
        twin,
        &call("watch add")
            .option("when", "unlock")
            .option("value", 1.5),
        &["1 to 366"],
    )
    .await;
    told(
        twin,
        &call("watch add")
            .option("when", "unlock")
            .option("pool", USDC),
        &["leave `pool` out"],
    )
    .await;
    told(
        twin,
        &watch("verdict").option("pool", "nosuchpool"),
        &["No pool answers to"],
    )
    .await;
    told(twin, &watch("verdict").option("hold", "30d"), &["30d"]).await;
    told(
        twin,
        &call("watch remove").option("watch", "1"),
        &["no such watch"],
    )
    .await;
    hold(twin).await;
    let rate = watch("rate").option("value", 3);
    told(
        twin,
        &rate.clone().option("pool", USDT),
        &["it pays 4.50 %"],
    )
    .await;
    told(twin, &rate, &["the least that yours pay is 5.00 %"]).await;
    let typed = call("watch pause").option("watch", "USDT");
    let offered = twin.autocomplete(&typed, "watch").await.unwrap();
    assert_eq!(offered.choices.len(), 1, "{:?}", offered.choices);
    assert_eq!(offered.choices[0]["value"], "1");
    let pause = call("watch pause").option("watch", "2");
    told(
        twin,
        &pause.clone().option("for", "400d"),
        &["one up to 366d"],
    )
    .await;
    kept(twin, "watch_pause", &pause, &["1 watch of yours at rest"]).await;
    show(&upstream, market, 2.0).await;
    told(twin, &call("watch list"), &["rests until"]).await;
    written(twin, 1).await;
    kept(
        twin,
        "watch_resume",
        &call("watch resume"),
        &["2 watches of yours looking again"],
    )
    .await;
    show(&upstream, market, 2.0).await;
    written(twin, 2).await;
    kept(
        twin,
        "watch_remove",
        &call("watch remove").option("watch", "2"),
        &["No longer watched"],
    )
    .await;
    told(twin, &call("privacy show"), &["1 watch"]).await;
    let export = told(twin, &call("privacy export"), &["everything"]).await;
    let file: Value = serde_json::from_str(&attached(twin, &export.message, 0)).unwrap();
    assert_eq!(file["watches"][0]["id"], 1);
    // Somebody else sees nothing of it, and opens nothing of it.
    let letter = written(twin, 2).await.remove(1);
    let id = button(&letter.body, "Show mine: positions");
    let pry = Press::on_message(letter.id, id).by(other()).forged();
    let pried = twin.press(&pry).await.unwrap();
    assert!(!said(&pried).contains("7,654"), "{}", said(&pried));
    keep_goal(twin).await;
    keep(twin, "watch_goal_as_usual", &call("watch goal")).await;
    keep(twin, "plan_list", &call("plan list")).await;
    let delete = call("plan delete").option("goal", "1");
    kept(twin, "plan_delete", &delete, &["$200,000.00 a year"]).await;
    // Who is erased is written to no more.
    let question = told(twin, &call("privacy delete"), &["2 watches"]).await;
    let id = button(&question.message, "Delete for good");
    let delete = Press::on_reply(question.interaction, id).by(member());
    let gone = twin.press(&delete).await.unwrap();
    assert!(said(&gone).contains("Deleted"));
    let left = messages_by_state(&bot.path("stipend.db")).await;
    assert!(left.is_empty(), "{left:?}");
    bot.end(twin);
}

/// An answer that was lost is looked for in the conversation, which belongs to no server, and nothing is said
/// twice, not even by a process that was killed in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_and_a_kill_double_nothing() {
    let twin = Twin::start(one_server()).await.unwrap();
    let twin = &twin;
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(twin, &upstream);
    // No nonce is trusted, so that it has to be looked for.
    bot.set("DELIVERY__NONCE_WINDOW", "10ms");
    bot.set("DELIVERY__TIMEOUT", "500ms");
    bot.set("DELIVERY__SETTLE", "1s");
    bot.start(twin, 1).await;
    hold(twin).await;
    told(
        twin,
        &watch("rate").option("value", 3),
        &["has just arrived"],
    )
    .await;
    let lost = Fault::on("POST", "/channels/{id}/messages", What::Reset);
    twin.fault(lost.after().times(1));
    show(&upstream, market, 2.0).await;
    let begun = std::time::Instant::now();
    while !bot.log().contains("looked into the channel") {
        assert!(begun.elapsed() < LONG, "{}", bot.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    written(twin, 2).await;
    bot.kill();
    bot.start(twin, 1).await;
    show(&upstream, market, 1.9).await;
    show(&upstream, market, 1.8).await;
    written(twin, 2).await;
    let asked = twin.requests();
    let mut guilds = asked
        .iter()
        .filter(|it| it.template.starts_with("/guilds/{id}/members"));
    assert!(
        guilds.next().is_none(),
        "no server has anything to do with it"
    );
    bot.end(twin);
}

/// A review and pay-outs that were not logged are reminded of, once for their time.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_reminded_of() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    let held = call("portfolio add")
        .option("amount", "$7654321")
        .option("pool", USDC)
        .option("payout", "monthly");
    let question = told(twin, &held, &["May I keep"]).await;
    agree(twin, &question, &["Added"]).await;
    let remind = |of: &str| call("watch remind").option("of", of);
    told(twin, &remind("review"), &["due on"]).await;
    told(twin, &remind("payouts"), &["all are logged"]).await;
    written(twin, 1).await;
    let days = async |days: i64| {
        stage.clock.jump(days * DAY);
        show(&stage.upstream, market, 5.0).await;
    };
    days(40).await;
    let letter = written(twin, 2).await.remove(1);
    keep_message("watch_payouts", &letter.body);
    tells_no_amount(&letter);
    opened(twin, &letter, "Show mine: pay-outs", &["Expected $"]).await;
    days(1).await;
    written(twin, 2).await;
    days(52).await;
    let letters = written(twin, 3).await;
    let last = &letters[2];
    keep_message("watch_review_and_payouts", &last.body);
    opened(
        twin,
        last,
        "Show mine: review",
        &["Review of what you hold"],
    )
    .await;
    days(5).await;
    written(twin, 3).await;
    stage.end().await;
}

/// F-S14: what a member was written since a backup was made is not written again once it is restored, though the
/// backup does not know of it; what comes after that is.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_writes_nobody_twice() {
    let (twin, upstream, mut bot) = setting().await;
    let twin = &twin;
    hold(twin).await;
    let rate = watch("rate").option("value", 3);
    told(twin, &rate, &["pays less than 3 %"]).await;
    stay(&upstream, 5.0, 0).await;
    let (told, code) = bot.says(&["backup", "copy.db"]).await;
    assert_eq!(code, Some(0), "{told}");
    stay(&upstream, 2.0, 10).await;
    // The first letter says that it can be written to.
    written(twin, 2).await;
    bot.kill();
    let (told, code) = bot.says(&["restore", "copy.db"]).await;
    assert_eq!(code, Some(0), "{told}");
    bot.start(twin, 1).await;
    stay(&upstream, 2.0, 20).await;
    stay(&upstream, 2.0, 30).await;
    written(twin, 2).await;
    stay(&upstream, 5.0, 40).await;
    stay(&upstream, 2.0, 50).await;
    written(twin, 3).await;
    bot.end(twin);
}
