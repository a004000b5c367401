//! A supervisor starts the bot, watches it and stops it: systemd's side of the talk is played by a socket,
//! and what a container asks by the binary itself.

use std::{
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use discord_twin::{Twin, World};
use rustix::process::Signal;
use sqlx::{Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::support::{LONG, TestBot, Upstream, answer, market, one_server, until};

/// What a supervisor gives a process before it ends it for being silent. The loops may be late by as much.
const WATCHDOG: Duration = Duration::from_secs(3);
/// The writer shows itself every 10 s, and may be late by the watchdog; one more of it is for a loaded machine.
const NOTICED: Duration = Duration::from_secs(20);

/// The supervisor's end of the socket.
struct Systemd(UnixDatagram);

impl Systemd {
    fn over(bot: &mut TestBot) -> Self {
        let path = bot.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        bot.give("NOTIFY_SOCKET", path.display().to_string());
        bot.give("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        Self(socket)
    }

    /// What is heard next, if it comes within this time.
    fn hears(&self, within: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(within)).unwrap();
        let mut heard = [0; 256];
        let length = self.0.recv(&mut heard).ok()?;
        Some(String::from_utf8_lossy(&heard[..length]).into_owned())
    }

    /// Checks that the bot says it is well, and never later than the watchdog allows.
    fn is_reassured_for(&self, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            assert_eq!(self.hears(WATCHDOG).as_deref(), Some("WATCHDOG=1"));
        }
    }
}

/// A Discord that has too few starts left for the bot to connect.
fn few_starts() -> World {
    World {
        session_starts_left: 50,
        ..one_server()
    }
}

async fn supervised(world: World) -> (Twin, Upstream, TestBot, Systemd) {
    let twin = Twin::start(world).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    let systemd = Systemd::over(&mut bot);
    (twin, upstream, bot, systemd)
}

/// F-S03: a supervisor hears that the bot has started once it has, that it is well for as long as it is, and
/// that it stops when it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_is_told_of_the_start_the_life_and_the_end() {
    let (twin, _upstream, mut bot, systemd) = supervised(one_server()).await;
    bot.spawn();
    assert_eq!(systemd.hears(LONG).as_deref(), Some("READY=1"));
    assert!(bot.path("stipend.db").exists());
    twin.wait_ready(1, LONG).await.unwrap();
    systemd.is_reassured_for(WATCHDOG * 3);
    bot.signal(Signal::TERM);
    let mut last = systemd.hears(LONG);
    while last.as_deref() == Some("WATCHDOG=1") {
        last = systemd.hears(LONG);
    }
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    let (code, _) = bot.ends().await;
    assert_eq!(code, Some(0));
    bot.end(&twin);
}

/// F-G04: a start that fails is never called ready, and one that waits before it connects is: a supervisor
/// that takes it for a bot that hangs would begin the next crash loop.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_discord_is_well_and_who_cannot_start_is_not_ready() {
    let (twin, _upstream, mut bot, systemd) = supervised(few_starts()).await;
    twin.revoke_token();
    bot.fails().await.check(77, "refuses the bot token");
    assert_eq!(systemd.hears(Duration::from_millis(1)), None);
    twin.restore_token();
    bot.spawn();
    assert_eq!(systemd.hears(LONG).as_deref(), Some("READY=1"));
    systemd.is_reassured_for(WATCHDOG * 3);
    assert_eq!(twin.all_identifies(), 0);
    bot.end(&twin);
}

/// F-S07: a lock that another program holds is waited for, however long: a restart would not take it away.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_program_is_no_reason_for_a_restart() {
    let (twin, _upstream, mut bot, systemd) = supervised(one_server()).await;
    bot.start(&twin, 1).await;
    assert_eq!(systemd.hears(LONG).as_deref(), Some("READY=1"));
    let options = SqliteConnectOptions::new().filename(bot.path("stipend.db"));
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    systemd.is_reassured_for(NOTICED);
    other.execute("ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    bot.end(&twin);
}

/// A bot that cannot write any more, since one of its own tasks keeps the writer, is left to its supervisor:
/// it says that it is well no longer, and a container's check fails and names what is stuck.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_whose_writer_hangs_is_given_up() {
    let (twin, upstream, mut bot, systemd) = supervised(one_server()).await;
    listen_on_a_free_port(&mut bot);
    // Some of them begin the run; each batch is one more.
    bot.give("FAILPOINTS", "writer.taken=12*off->pause");
    bot.start(&twin, 1).await;
    assert_eq!(systemd.hears(LONG).as_deref(), Some("READY=1"));
    let began = Instant::now();
    for step in 0.. {
        if bot
            .log()
            .contains("the supervisor is left to start the bot anew")
        {
            break;
        }
        assert!(began.elapsed() < LONG, "not noticed");
        upstream.set(answer(&market(5.0 - f64::from(step) / 100.0)));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    while let Some(heard) = systemd.hears(Duration::from_millis(1)) {
        assert_eq!(heard, "WATCHDOG=1");
    }
    assert_eq!(systemd.hears(WATCHDOG * 2), None);
    // Who asks without a supervisor is told after a minute.
    let began = Instant::now();
    let said = loop {
        match bot.health(true).await {
            (said, Some(0)) => assert!(began.elapsed() < LONG * 2, "{said}"),
            (said, _) => break said,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    assert!(said.ends_with(" does not move\n"), "{said}");
    bot.kill();
}

/// What the check of a container says of a bot that runs, of one that Discord does not let in, and of none.
#[tokio::test(flavor = "multi_thread")]
async fn health_tells_a_bot_that_is_ready_from_one_that_only_lives() {
    let twin = Twin::start(few_starts()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    let (said, code) = bot.health(false).await;
    assert!(
        said.contains("port to the system") && code == Some(1),
        "{said}"
    );
    listen_on_a_free_port(&mut bot);
    let (said, code) = bot.health(true).await;
    assert!(
        said.starts_with("stipend: nothing answers at 127.0.0.1:"),
        "{said}"
    );
    assert_eq!((code, said.lines().count()), (Some(1), 1));
    bot.set("DISCORD__CRASH_LOOP_WAIT", "1s");
    bot.spawn();
    until("it waits", || {
        bot.log().contains("too few of Discord's session starts")
    })
    .await;
    let (said, code) = bot.health(false).await;
    assert!(
        said.contains("\"ready\":false") && code == Some(1),
        "{said}"
    );
    assert_eq!(bot.health(true).await, ("ok\n".to_owned(), Some(0)));
    twin.set_session_starts_left(51);
    twin.wait_ready(1, LONG).await.unwrap();
    let began = Instant::now();
    while bot.health(false).await.1 != Some(0) {
        assert!(began.elapsed() < LONG, "{:?}", bot.health(false).await);
    }
    let (said, _) = bot.health(false).await;
    assert!(said.contains("\"ready\":true"), "{said}");
    bot.set("OPS__LISTEN", "nowhere");
    let (said, code) = bot.health(false).await;
    assert!(
        said.contains("STIPEND_OPS__LISTEN: ") && code == Some(78),
        "{said}"
    );
    bot.end(&twin);
}

/// Whoever starts the bot by a line of the manual is told at its end whether it went well, and if not, why.
#[tokio::test(flavor = "multi_thread")]
async fn health_waits_for_a_bot_that_is_starting() {
    let twin = Twin::start(few_starts()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    upstream.fail(axum::http::StatusCode::SERVICE_UNAVAILABLE);
    let mut bot = TestBot::new(&twin, &upstream);
    listen_on_a_free_port(&mut bot);
    bot.set("DISCORD__CRASH_LOOP_WAIT", "1s");
    let nobody = bot.says(&["health", "--wait", "1s"]).await;
    assert!(
        nobody.0.starts_with("stipend: nothing answers at") && nobody.1 == Some(1),
        "{nobody:?}"
    );
    bot.spawn();
    until("it waits", || {
        bot.log().contains("too few of Discord's session starts")
    })
    .await;
    let (said, code) = bot.says(&["health", "--wait", "1s"]).await;
    let why = "it was not well within 1s: the market has not been read yet, and ";
    assert!(said.contains(why) && code == Some(1), "{said}");
    let began = Instant::now();
    let mends = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        upstream.fail(axum::http::StatusCode::OK);
        twin.set_session_starts_left(51);
    };
    let ((said, code), ()) = tokio::join!(bot.says(&["health", "--wait", "1m"]), mends);
    assert!(said.contains("\"ready\":true") && code == Some(0), "{said}");
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    let (said, code) = bot.says(&["health", "--wait", "soon"]).await;
    assert!(code == Some(64) && said.contains("--wait"), "{said}");
    bot.end(&twin);
}

/// The check has to know where to ask.
fn listen_on_a_free_port(bot: &mut TestBot) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    bot.set("OPS__LISTEN", free.local_addr().unwrap().to_string());
}
