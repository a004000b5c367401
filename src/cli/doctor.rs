//! `stipend doctor`: one line for each thing that has to be right, with the mend for what is not.

use std::{fmt, io::Write as _, path::Path};

use anstyle::{AnsiColor, Style};

use super::{ConfigArgs, run};
use crate::{
    app,
    clock::{Clock as _, SystemClock},
    delivery::http::{Application, Client},
    discord::{endpoint, signature::PublicKey},
    domain::{currency::COINGECKO, time::Timestamp},
    ops::{
        config::{self, Config, Origin, Way},
        exit::Exit,
        secrets,
    },
    render::numbers,
    sources::{Answer, Outage, SourceError, file::FileSource, incidents},
    store::{backup, files},
};

/// View Channels, Send Messages, Send Messages in Threads, Embed Links, Attach Files, Read Message
/// History, Manage Webhooks.
const PERMISSIONS: u64 = 275_414_895_616;
const RIGHTS: [(u64, &str); 7] = [
    (1 << 10, "View Channels"),
    (1 << 11, "Send Messages"),
    (1 << 38, "Send Messages in Threads"),
    (1 << 14, "Embed Links"),
    (1 << 15, "Attach Files"),
    (1 << 16, "Read Message History"),
    (1 << 29, "Manage Webhooks"),
];
const ADMINISTRATOR: u64 = 1 << 3;

/// Collects the lines and whether all is well.
struct Report {
    failed: bool,
    out: anstream::AutoStream<std::io::Stdout>,
}

impl Report {
    fn line(&mut self, colour: AnsiColor, mark: &str, what: &str, said: &dyn fmt::Display) {
        let style = Style::new().fg_color(Some(colour.into()));
        // A closed terminal is no reason to stop looking.
        drop(writeln!(
            self.out,
            "{style}{mark:<5}{style:#} {what:<12} {said}"
        ));
    }

    fn good(&mut self, what: &str, said: impl fmt::Display) {
        self.line(AnsiColor::Green, "ok", what, &said);
    }

    fn note(&mut self, what: &str, said: impl fmt::Display) {
        self.line(AnsiColor::Yellow, "note", what, &said);
    }

    fn bad(&mut self, what: &str, said: impl fmt::Display) {
        self.failed = true;
        self.line(AnsiColor::Red, "FAIL", what, &said);
    }
}

/// Looks at everything, changes nothing, and says what to do.
pub(super) async fn doctor(args: &ConfigArgs) -> Exit {
    let mut report = Report {
        failed: false,
        out: anstream::AutoStream::auto(std::io::stdout()),
    };
    let config = match Config::load(args.config.as_deref(), config::environment()) {
        Ok(config) => config,
        Err(faults) => {
            for fault in faults.iter() {
                report.bad("config", fault);
            }
            return Exit::Failed;
        }
    };
    let origin = Origin::find(args.config.as_deref(), config::environment());
    report.good(
        "config",
        format_args!("every key is known and in range; read from {origin}"),
    );
    token(&config, &mut report).await;
    database(&config, &mut report).await;
    sources(&config, &mut report).await;
    charts(&config, &mut report);
    networks(&config, &mut report).await;
    exchange(&config, &mut report).await;
    incidents(&config, &mut report).await;
    if report.failed {
        Exit::Failed
    } else {
        Exit::Fine
    }
}

async fn token(config: &Config, report: &mut Report) {
    let token = match secrets::token(config) {
        Ok(token) => token,
        Err(error) => return report.bad("token", error),
    };
    let application = match run::application(config, &token).await {
        Ok(application) => application,
        Err(error) => return report.bad("token", error),
    };
    report.good(
        "token",
        format_args!("Discord accepts it; application {}", application.id.0),
    );
    report.note(
        "invite",
        format_args!(
            // A person opens it in a browser, whatever stands between the bot and Discord.
            "https://discord.com/oauth2/authorize?client_id={}&scope=bot+applications.commands\
             &permissions={PERMISSIONS}",
            application.id.0
        ),
    );
    interactions(config, &application, report);
    let (timeout, edge_ban) = (config.delivery.timeout.0, config.delivery.edge_ban.0);
    let guilds = match Client::new(&config.discord.api_url, timeout, edge_ban, &token) {
        Ok(client) => client.guilds().await,
        Err(error) => return report.bad("permissions", error),
    };
    match guilds {
        Ok(guilds) if guilds.is_empty() => {
            report.note(
                "permissions",
                "the bot is in no server yet; open the invite link above",
            );
        }
        Ok(guilds) => {
            for guild in guilds {
                let name = crate::render::text::plain_name(&guild.name);
                let missing = missing(guild.permissions);
                if missing.is_empty() {
                    report.good("permissions", format_args!("{name}: all that is needed"));
                } else {
                    report.bad(
                        "permissions",
                        format_args!(
                            "{name}: lacks {}; open the invite link again, or grant them to the bot's role",
                            missing.join(", ")
                        ),
                    );
                }
            }
        }
        Err(_) => report.bad(
            "permissions",
            "Discord does not list the bot's servers; look again in some minutes",
        ),
    }
}

/// Whether what people do arrives where it is waited for.
fn interactions(config: &Config, application: &Application, report: &mut Report) {
    let what = "interactions";
    let told: Option<PublicKey> = application.verify_key.parse().ok();
    if let Some(own) = config.discord.public_key
        && Some(own) != told
    {
        return report.bad(
            what,
            format_args!(
                "discord.public_key is not the key of this application; write {} or leave it out",
                application.verify_key
            ),
        );
    }
    let page = "the General Information page of the developer portal";
    match (
        config.discord.interactions,
        &application.interactions_endpoint,
    ) {
        (Way::Gateway, None) => report.good(what, "they come over the gateway"),
        (Way::Gateway, Some(url)) => report.bad(
            what,
            format_args!(
                "Discord posts them to {url} and sends none over the gateway; take the address out on \
                 {page}, or set discord.interactions to \"http\""
            ),
        ),
        (Way::Http, _) if told.is_none() => report.bad(
            what,
            "Discord names no public key for this application; look again in some minutes",
        ),
        (Way::Http, Some(url)) => report.good(
            what,
            format_args!("Discord posts them to {url}, signed for {}", application.verify_key),
        ),
        (Way::Http, None) => report.note(
            what,
            format_args!(
                "Discord posts them nowhere yet; start the bot, and then write its public address, which \
                 ends with {}, into the field Interactions Endpoint URL on {page}",
                endpoint::PATH
            ),
        ),
    }
}

fn missing(permissions: u64) -> Vec<&'static str> {
    if permissions & ADMINISTRATOR != 0 {
        return Vec::new();
    }
    RIGHTS
        .into_iter()
        .filter(|(bit, _)| permissions & bit == 0)
        .map(|(_, name)| name)
        .collect()
}

async fn database(config: &Config, report: &mut Report) {
    let path = config.database.path();
    match run::database(config).await {
        Ok(()) if !path.exists() => match files::room_for(path) {
            Ok(()) => report.good(
                "database",
                format_args!("{} will be made at the first start", path.display()),
            ),
            Err(error) => report.bad(
                "database",
                format_args!(
                    "{} cannot be made: {error}; check its folder and the permissions there",
                    path.display()
                ),
            ),
        },
        // As it should be where the bot runs.
        Err(error) if error.exit() == Exit::AlreadyRunning => report.note(
            "database",
            format_args!(
                "{} is in use by a stipend that runs; whether it is sound can be looked at while that is stopped",
                path.display()
            ),
        ),
        Ok(()) => report.good("database", format_args!("{} is sound", path.display())),
        Err(error) => report.bad("database", error),
    }
    open_files(path, report);
    if config.secrets.master_key_file.exists() || !path.exists() {
        key(&config.secrets.master_key_file, report);
    }
    last_backup(config, SystemClock.now(), report);
    report.note(
        "disk",
        "alerts, settings and who made them lie unsealed in the database, and the key lies in a file as it \
         is; keep both on an encrypted disk (whether they are on one is not looked at)",
    );
}

/// What is sealed others cannot read, and the rest is no business of theirs either.
fn open_files(database: &Path, report: &mut Report) {
    let open = files::open_to_others(database);
    if open.is_empty() {
        return;
    }
    let names: Vec<String> = (open.iter())
        .map(|file| file.display().to_string())
        .collect();
    let names = names.join(" ");
    report.note(
        "database",
        format_args!("others may open {names}; run `chmod 600 {names}`"),
    );
}

fn key(file: &Path, report: &mut Report) {
    let made = if file.exists() {
        ""
    } else {
        " will be made at the first start. It"
    };
    report.note(
        "key",
        format_args!(
            "{}{made} is in no backup of the database, and what people keep cannot be read without it; keep \
             a copy of it where the backups are not",
            file.display()
        ),
    );
}

/// How old the last backup is, by what `stipend backup` noted.
fn last_backup(config: &Config, now: Timestamp, report: &mut Report) {
    let what = "backup";
    let database = config.database.path();
    let alarm = config.ops.backup_alarm;
    if !database.exists() {
        return;
    }
    match backup::last_backup(database) {
        Some(at) => {
            let age = now.since(at);
            let said = format!("the last one was made {} ago", numbers::age(age));
            if alarm.0.is_zero() || age < alarm.0 {
                report.good(what, said);
            } else {
                report.note(what, format_args!("{said}; make one with `stipend backup FILE`"));
            }
        }
        None if alarm.0.is_zero() => report.good(
            what,
            "none by `stipend backup`; ops.backup_alarm is 0s, so that other means are taken to make them",
        ),
        None => report.note(
            what,
            "none was made yet; make one with `stipend backup FILE`, or set ops.backup_alarm to 0s where \
             other means make them",
        ),
    }
}

async fn sources(config: &Config, report: &mut Report) {
    let now = SystemClock.now();
    let (answer, address) = if let Some(path) = &config.sources.file.path {
        let answer = FileSource::new(path).pools(now).await;
        (answer, "sources.file.path")
    } else if config.sources.defillama.enabled {
        match app::defillama(config) {
            Ok(mut source) => (source.pools(now).await, "sources.defillama.pools_url"),
            Err(error) => return report.bad("source", error),
        }
    } else {
        return report.note(
            "source",
            "every source is switched off; the market stays empty",
        );
    };
    match answer {
        Ok(Answer::Batch(batch)) => report.good(
            "source",
            format_args!(
                "{} answers with {} pools ({} rows unusable)",
                batch.source,
                batch.rows.len(),
                batch.skipped
            ),
        ),
        Ok(Answer::Unchanged) => report.good("source", "answers"),
        Err(error) => report.bad(
            "source",
            format_args!("{}; {}", fault_of(&error), mend_of(&error, address)),
        ),
    }
}

/// The folder of saved charts, where one is named.
fn charts(config: &Config, report: &mut Report) {
    match &config.sources.file.charts {
        Some(folder) if folder.is_dir() => report.good("charts", folder.display()),
        Some(folder) => report.bad(
            "charts",
            format_args!(
                "{} is no folder; check sources.file.charts",
                folder.display()
            ),
        ),
        None => {}
    }
}

/// The sources of staking rates and ratings. Nothing rests on them, so that one which fails is noted.
async fn networks(config: &Config, report: &mut Report) {
    let followers = match app::followers(config) {
        Ok(followers) => followers,
        Err(error) => return report.bad("staking", error),
    };
    for mut follower in followers {
        let name = follower.origin().name();
        // How long to wait before the next time is of no interest here.
        let (said, _) = follower.ask(SystemClock.now(), 0.0).await;
        match said {
            Ok(_) => report.good("staking", format_args!("{name} answers")),
            Err(error) => report.note(
                "staking",
                format_args!(
                    "{name}: {error}; without it /yield staking calls its figures not known"
                ),
            ),
        }
    }
}

/// The source of exchange rates. Everything is told in dollars without it.
async fn exchange(config: &Config, report: &mut Report) {
    let source = match app::exchange(config) {
        Ok(Some(source)) => source,
        Ok(None) => return,
        Err(error) => return report.bad("exchange", error),
    };
    match source.rates(SystemClock.now()).await {
        Ok(exchange) => report.good(
            "exchange",
            format_args!("{COINGECKO} tells {} currencies", exchange.rates().count()),
        ),
        Err(error) => report.note(
            "exchange",
            format_args!(
                "{COINGECKO}: {}; without it values are told in US dollars",
                fault_of(&error)
            ),
        ),
    }
}

/// The file of past incidents, where one is named.
async fn incidents(config: &Config, report: &mut Report) {
    let Some(path) = &config.sources.incidents.path else {
        return;
    };
    match incidents::read(path).await {
        Ok(list) => match list.rows.first() {
            Some(newest) => report.good(
                "incidents",
                format_args!("{} up to {}", list.rows.len(), newest.at.day()),
            ),
            None => report.note("incidents", "the list is empty"),
        },
        Err(error) => report.bad(
            "incidents",
            format_args!("{}; check sources.incidents.path", fault_of(&error)),
        ),
    }
}

/// What is wrong with the source, with the cause that lies deepest.
fn fault_of(error: &SourceError) -> String {
    let SourceError::Unavailable(outage) = error else {
        return error.to_string();
    };
    match anyhow::Chain::new(outage).skip(1).next_back() {
        Some(cause) => format!("{error}: {outage} ({cause})"),
        None => format!("{error}: {outage}"),
    }
}

/// What to do about it. `address` is the setting that says where the source is.
fn mend_of(error: &SourceError, address: &str) -> String {
    match error {
        SourceError::Unavailable(Outage::Transport(_)) => {
            format!("check the network, and that {address} names the right host and port")
        }
        SourceError::Unavailable(Outage::TimedOut(_)) => {
            format!("check the network and {address}, or raise sources.defillama.timeout")
        }
        SourceError::Unavailable(Outage::File(_)) => {
            format!("check that {address} names a file that this user may read")
        }
        SourceError::Unavailable(Outage::Status { .. } | Outage::BrokenOff)
        | SourceError::RateLimited { .. } => {
            "look again in some minutes; the bot keeps asking by itself".to_owned()
        }
        SourceError::TooManyBadRows { .. } => {
            "its shape has changed; look for a newer stipend".to_owned()
        }
        SourceError::Refused { .. }
        | SourceError::TooLarge { .. }
        | SourceError::Malformed(_)
        | SourceError::UnknownPool => format!("check that {address} leads to the list of pools"),
    }
}
