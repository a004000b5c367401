//! A disk that is full, a database that is held by somebody else, and one that is damaged.

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    time::Duration,
};

use discord_twin::{Fault, Twin, What};
use rustix::process::{Resource, Rlimit, Signal, prlimit};
use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, below_three, call, manage, market, messages_by_state,
    one_server, pools_of, posts, said, server, show, until, watching,
};

/// A bot that watches the USDC pool, whose disk can be filled.
async fn on_a_small_disk() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    // A write beyond the limit kills, unless its signal is ignored.
    let ignoring = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""];
    bot.starter.splice(0..0, ignoring);
    bot.start(&twin, 1).await;
    twin.run(&below_three(USDC)).await.unwrap();
    (twin, upstream, bot)
}

/// No file of the bot may grow beyond so many bytes; the end of its write-ahead log, when none is said.
fn fill_disk(bot: &TestBot, bytes: Option<u64>) {
    let log = fs::metadata(bot.path("stipend.db-wal")).unwrap().len();
    let spoken = bot.log().len() as u64;
    assert!(spoken * 2 < log, "what the bot says has to have room");
    limit_files(bot, Some(bytes.unwrap_or(log)));
}

fn limit_files(bot: &TestBot, current: Option<u64>) {
    let limit = Rlimit {
        current,
        maximum: None,
    };
    prlimit(Some(bot.pid()), Resource::Fsize, limit).unwrap();
}

/// What the bot says of its health.
async fn health(bot: &TestBot) -> String {
    let log = bot.log();
    let (_, after) = log.rsplit_once("\"address\":\"").expect("an address");
    let address = after.split('"').next().unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /readyz HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    told
}

/// F-S06: a batch that cannot be kept is discarded and told of, people are answered meanwhile, and the
/// same batch is taken in when there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_no_batch_is_taken_in() {
    let (twin, upstream, bot) = on_a_small_disk().await;
    assert!(health(&bot).await.contains(r#""writable":true"#));
    fill_disk(&bot, None);
    upstream.set(answer(&market(2.0)));
    until("a batch is discarded", || bot.log().contains("no batch")).await;
    let told = health(&bot).await;
    assert!(
        told.contains(" 503 ") && told.contains(r#""writable":false"#),
        "{told}"
    );
    let elsewhere = call("yield pool").in_channel(server() + 2);
    let pool = elsewhere.option("pool", USDC);
    let before = said(&twin.run(&pool).await.unwrap());
    assert!(before.contains("5.00 %"), "{before}");
    limit_files(&bot, None);
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    assert!(health(&bot).await.contains(r#""writable":true"#));
    assert_eq!(pools_of(&twin.channel(server() + 1)), [USDC]);
    bot.end(&twin);
}

/// F-S06: a disk that is full at the start may have room later, so that the supervisor is asked to try again.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_at_the_start_is_tried_again() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    let binary = bot.starter.clone();
    // No file may grow beyond 1 kB, which is room for the key and the lock.
    let full = ["sh", "-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\""];
    bot.starter.splice(0..0, full);
    let failed = bot.fails().await;
    failed.check(69, "check the folder, its permissions and its free space");
    bot.starter = binary;
    bot.start(&twin, 1).await;
    bot.end(&twin);
}

/// F-S06: what cannot be claimed is not sent (T1).
#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_nothing_is_sent() {
    let (twin, upstream, bot) = on_a_small_disk().await;
    let wait = Duration::from_secs(10);
    twin.fault(Fault::on_webhooks(What::too_many("user", wait)).times(1));
    show(&upstream, market, 2.0).await;
    until("the first is limited", || !posts(&twin).is_empty()).await;
    let database = bot.path("stipend.db");
    let states = messages_by_state(&database).await;
    assert!(states.contains_key("waiting"), "{states:?}");
    fill_disk(&bot, None);
    let refused = "the outbox cannot be read or claimed from";
    until("it cannot be claimed twice", || {
        bot.log().matches(refused).count() > 1
    })
    .await;
    assert_eq!(posts(&twin).len(), 1);
    limit_files(&bot, None);
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    upstream.taken().await;
    assert_eq!(posts(&twin).len(), 2);
    bot.end(&twin);
}

/// F-S06: a receipt that cannot be written (T2) is kept, holds up everything else, and is written when
/// there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_a_receipt_is_kept_and_nothing_follows_it() {
    let (twin, upstream, bot) = on_a_small_disk().await;
    let (one, other) = (server() + 1, server() + 2);
    let elsewhere = below_three(USDC).option("channel", other.to_string());
    twin.run(&elsewhere).await.unwrap();
    let [slow, limited] = [one, other].map(|channel| twin.webhooks(channel)[0]);
    twin.fault(Fault::on_webhooks(What::Delay(10_000)).of(slow).times(1));
    let wait = What::too_many("user", Duration::from_secs(10));
    twin.fault(Fault::on_webhooks(wait).of(limited).times(1));
    show(&upstream, market, 2.0).await;
    until("one is limited, one under way", || {
        posts(&twin).iter().any(|post| post.status == 429) && twin.in_flight() > 0
    })
    .await;
    let database = bot.path("stipend.db");
    let states = messages_by_state(&database).await;
    assert!(states.contains_key("waiting"), "{states:?}");
    fill_disk(&bot, None);
    twin.wait_for_messages(one, 1, LONG).await.unwrap();
    let kept = "receipts cannot be written";
    // Once a second, and the limit of the other channel ends meanwhile.
    until("it is tried often", || bot.log().matches(kept).count() > 4).await;
    assert_eq!(posts(&twin).len(), 2);
    limit_files(&bot, None);
    twin.wait_for_messages(other, 1, LONG).await.unwrap();
    upstream.taken().await;
    let states = messages_by_state(&database).await;
    assert_eq!(states, [("delivered".to_owned(), 2)].into());
    assert_eq!(posts(&twin).len(), 3);
    bot.end(&twin);
}

/// F-S06: pages that cannot be moved from the log into the file stay in the log, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_the_log_stays_beside_the_database() {
    const LESS_THAN_THE_FILE_NEEDS: u64 = 16_384;
    let (twin, _upstream, mut bot) = on_a_small_disk().await;
    fill_disk(&bot, Some(LESS_THAN_THE_FILE_NEEDS));
    bot.signal(Signal::TERM);
    assert_eq!(bot.ends().await.0, Some(0));
    let length = |name| fs::metadata(bot.path(name)).unwrap().len();
    assert!(length("stipend.db") <= LESS_THAN_THE_FILE_NEEDS);
    assert!(length("stipend.db-wal") > LESS_THAN_THE_FILE_NEEDS);
    bot.start(&twin, 1).await;
    let list = said(&twin.run(&manage("alerts list")).await.unwrap());
    assert!(list.contains("3 % or lower"), "{list}");
    bot.end(&twin);
}

/// Holds the database as another program that writes would.
async fn hold(bot: &TestBot) -> SqliteConnection {
    let url = format!("sqlite://{}", bot.path("stipend.db").display());
    let mut holder = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut holder)
        .await
        .unwrap();
    holder
}

/// F-S07: a second is waited out. After more than the 5 s of the time-out a person is told to try
/// again, and a batch comes again by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_held_delays_and_loses_nothing() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    let holder = hold(&bot).await;
    let added = twin.invoke(&below_three(USDC)).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    holder.close().await.unwrap();
    let added = said(&twin.reply(added, LONG).await.unwrap());
    assert!(added.contains("No pool meets it"), "{added}");

    let holder = hold(&bot).await;
    let busy = said(&twin.run(&below_three(USDC)).await.unwrap());
    assert!(busy.contains("Try again in a minute"), "{busy}");
    upstream.set(answer(&market(2.0)));
    until("a batch cannot be kept", || bot.log().contains("no batch")).await;
    holder.close().await.unwrap();
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    upstream.taken().await;
    assert_eq!(pools_of(&twin.channel(server() + 1)), [USDC]);
    bot.end(&twin);
}

/// F-S07: a start does not wait for ever, and says what is in its way; a supervisor tries again, which may
/// help.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_database_that_is_held_says_so() {
    let (twin, _upstream, mut bot) = watching(market).await;
    bot.kill();
    let holder = hold(&bot).await;
    bot.fails().await.check(69, "held by another program");
    holder.close().await.unwrap();
    bot.start(&twin, 1).await;
    bot.end(&twin);
}

/// Writes over the first page of a table in the file, as a bad disk would.
async fn spoil(bot: &TestBot, table: &str) {
    let path = bot.path("stipend.db");
    let url = format!("sqlite://{}?mode=ro", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let page: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = $1")
        .bind(table)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut file = File::options().write(true).open(&path).unwrap();
    let start = (page.cast_unsigned() - 1) * 4096;
    file.seek(SeekFrom::Start(start)).unwrap();
    file.write_all(&[0xa5; 64]).unwrap();
}

/// Commits something beside the bot, so that its connections keep no page that they have read before.
async fn forget_pages(bot: &TestBot) {
    let url = format!("sqlite://{}", bot.path("stipend.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("PRAGMA user_version = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// Stops the bot in order, so that all is in the one file.
async fn stop(bot: &mut TestBot) {
    bot.signal(Signal::TERM);
    assert_eq!(bot.ends().await.0, Some(0));
}

/// F-S08: without its alerts a bot is none; the file is left as it is for whoever can save it.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_alerts_are_refused_at_the_start() {
    let (twin, _upstream, mut bot) = watching(market).await;
    stop(&mut bot).await;
    spoil(&bot, "alert").await;
    let before = bot.database_bytes();
    let requests = twin.requests().len();
    let failed = bot.fails().await;
    failed.check(78, "is damaged");
    failed.check(78, "keep it, and put a backup in its place");
    assert!(bot.database_bytes() == before);
    assert_eq!(twin.requests().len(), requests);
    bot.end(&twin);
}

/// F-S08: the market's history is long, so it is looked at after the start; one that is damaged ends
/// the bot, which writes no further.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_history_ends_the_bot_after_its_start() {
    let (twin, _upstream, mut bot) = watching(market).await;
    stop(&mut bot).await;
    spoil(&bot, "reading").await;
    let failed = bot.fails().await;
    failed.check(78, "damaged");
    failed.check(78, "keep it, and put a backup in its place");
    bot.end(&twin);
}

/// F-S08: a page that goes bad while the bot runs ends it at the first write that meets it.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_a_write_meets_ends_the_bot() {
    let (twin, _upstream, mut bot) = watching(market).await;
    stop(&mut bot).await;
    bot.start(&twin, 1).await;
    spoil(&bot, "alert").await;
    twin.run(&below_three(USDC)).await.unwrap();
    let (code, _) = bot.ends().await;
    assert_eq!(code, Some(78));
    assert!(bot.log().contains("keep it, and put a backup in its place"));
    bot.end(&twin);
}

/// F-S08: nobody but the delivery looks at the messages that wait; a page of theirs that goes bad ends
/// the bot as well, and nothing is sent.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_the_delivery_meets_ends_the_bot() {
    let (twin, upstream, mut bot) = watching(market).await;
    let wait = What::too_many("user", Duration::from_secs(8));
    twin.fault(Fault::on_webhooks(wait).times(1));
    show(&upstream, market, 2.0).await;
    until("it is limited", || posts(&twin).len() == 1).await;
    stop(&mut bot).await;
    bot.start(&twin, 1).await;
    spoil(&bot, "post").await;
    forget_pages(&bot).await;
    assert_eq!(bot.ends().await.0, Some(78));
    let log = bot.log();
    for words in [
        "the outbox cannot be read",
        "keep it, and put a backup in its place",
    ] {
        assert!(log.contains(words), "{log}");
    }
    assert_eq!(posts(&twin).len(), 1);
    bot.end(&twin);
}

/// F-S08: an index is part of what is looked at, and so is the length of the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_index_or_a_short_file_is_refused_at_the_start() {
    let (twin, _upstream, mut bot) = watching(market).await;
    stop(&mut bot).await;
    let whole = fs::read(bot.path("stipend.db")).unwrap();
    spoil(&bot, "outbox_untold").await;
    bot.fails().await.check(78, "is damaged");
    fs::write(bot.path("stipend.db"), &whole[..whole.len() / 2]).unwrap();
    bot.fails().await.check(78, "is damaged");
    assert_eq!(
        bot.database_bytes().len(),
        whole.len() / 2,
        "nothing is written"
    );
    fs::write(bot.path("stipend.db"), &whole).unwrap();
    bot.start(&twin, 1).await;
    bot.end(&twin);
}
