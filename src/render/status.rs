//! How the bot is, told to whoever asks.

use super::{
    DOT, count, lines_within,
    message::{Colour, Embed, Field, Message},
    numbers::{age, ago, grouped, grouped_u64, share},
    text, track,
};
use crate::domain::{
    ids::{AlertId, ChannelId, EntryId},
    time::Timestamp,
    track::Tally,
};

/// Everything that `/status` tells.
#[derive(Debug, Clone, Default)]
pub struct Status<'a> {
    pub sources: Vec<SourceStatus<'a>>,
    /// Sources of what is known beside the pools, which everything works without.
    pub beside: Vec<SourceStatus<'a>>,
    /// Sources that nothing but their own figures depends on.
    pub networks: Vec<SourceStatus<'a>>,
    pub market: MarketStatus,
    /// How verdicts turned out, of all servers together.
    pub track: Tally,
    /// `None` where the question does not come from a server.
    pub server: Option<ServerStatus<'a>>,
    pub shards: Vec<ShardStatus>,
    /// Commands come by HTTP, and there is no gateway.
    pub listens: bool,
    pub started_at: Timestamp,
    pub version: &'a str,
}

/// What belongs to the server in which the question was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerStatus<'a> {
    pub alerts: usize,
    /// Notices in the outbox by state, in the order in which they are to be shown.
    pub outbox: Vec<(&'a str, u64)>,
    /// Notices of which nobody knows whether they arrived.
    pub uncertain: Vec<Uncertain>,
    /// Channels that nothing is sent to.
    pub parked: Vec<ParkedChannel<'a>>,
}

/// One source.
#[derive(Debug, Clone, Copy)]
pub struct SourceStatus<'a> {
    pub name: &'a str,
    pub state: SourceState,
    /// `None` before the first answer.
    pub fetched_at: Option<Timestamp>,
    /// The answers are the same since then.
    pub unchanged_since: Option<Timestamp>,
    /// Usable rows of the latest answer, where that is worth telling.
    pub rows: Option<usize>,
    /// Rows of the latest answer that could not be read.
    pub skipped_rows: usize,
    /// Rows of the latest answer that were left out because others say otherwise of the same pool.
    pub conflicting_rows: usize,
    /// How many answers in a row failed.
    pub failures: u32,
    /// The last failure since the last success.
    pub last_error: Option<&'a str>,
}

/// Whether a source's answers can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceState {
    Fresh,
    Stale,
    /// The last answers failed, and what came before them is not old yet.
    Failing,
    /// No answer yet.
    Waiting,
    /// Asked when somebody needs it, and answers then.
    Answers,
    /// Asked when somebody needs it, and nobody has yet.
    Unasked,
}

impl SourceState {
    const fn words(self) -> &'static str {
        match self {
            Self::Fresh => "✅ fresh",
            Self::Stale => "⚠ stale",
            Self::Failing => "⚠ failing",
            Self::Waiting => "⏳ no answer yet",
            Self::Answers => "✅ answers",
            Self::Unasked => "not asked yet",
        }
    }
}

/// The market as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MarketStatus {
    pub pools: usize,
    /// Share of TVL, 0–1, in pools of which it is not known how they earn.
    pub unknown_method_share: Option<f64>,
    pub suspect: usize,
    pub stale: usize,
    pub missing: usize,
    /// Of how many of the pools with a million dollars or more the past was read, where it is: those,
    /// and all of them.
    pub charts: Option<(usize, usize)>,
}

/// A notice that may or may not have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uncertain {
    pub entry: EntryId,
    pub alert: Option<AlertId>,
    pub channel: ChannelId,
    pub since: Timestamp,
}

/// A channel that nothing is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParkedChannel<'a> {
    pub channel: ChannelId,
    pub reason: &'a str,
    pub since: Timestamp,
}

/// One connection to Discord's gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardStatus {
    pub id: u32,
    pub connected: bool,
}

/// The state of everything that a reader depends on.
pub fn status(status: &Status<'_>, now: Timestamp) -> Message {
    let troubles = troubles(status);
    let waiting = |source: &SourceStatus<'_>| source.state == SourceState::Waiting;
    let (title, colour) = if !troubles.is_empty() {
        let title = format!("Status: trouble with {}", troubles.join(" and "));
        (title, Colour::Amber)
    } else if status.sources.iter().any(waiting) {
        ("Status: no data yet".to_owned(), Colour::Amber)
    } else {
        ("Status: all well".to_owned(), Colour::Green)
    };
    Message::from(Embed {
        title,
        colour,
        fields: fields(status, now),
        footer: format!(
            "{}{DOT}up {}",
            text::clean(status.version, text::NAME),
            age(now.since(status.started_at))
        ),
        timestamp: Some(now),
        ..Embed::default()
    })
}

/// What a reader should not rely on at the moment.
fn troubles(status: &Status<'_>) -> Vec<&'static str> {
    let failing = |source: &SourceStatus<'_>| {
        matches!(source.state, SourceState::Stale | SourceState::Failing)
    };
    let unsettled =
        |server: &ServerStatus<'_>| !server.uncertain.is_empty() || !server.parked.is_empty();
    [
        (status.sources.iter().any(failing), "the data"),
        (status.beside.iter().any(failing), "other data"),
        (status.shards.iter().any(|it| !it.connected), "the gateway"),
        (status.server.as_ref().is_some_and(unsettled), "notices"),
    ]
    .into_iter()
    .filter_map(|(troubled, what)| troubled.then_some(what))
    .collect()
}

fn fields(status: &Status<'_>, now: Timestamp) -> Vec<Field> {
    let lines = |sources: &[SourceStatus<'_>]| {
        let lines: Vec<String> = sources.iter().map(|it| source(it, now)).collect();
        listed(&lines)
    };
    let mut fields = vec![
        Field::wide("Data", lines(&status.sources)),
        Field::wide("Other data", lines(&status.beside)),
        Field::wide("Market", market(&status.market)),
        Field::wide(
            "Verdicts told in the last 12 months",
            track::lines(&status.track).join("\n"),
        ),
        if status.listens {
            Field::narrow("Commands", "by HTTP, without a gateway")
        } else {
            Field::narrow("Gateway", shards(&status.shards))
        },
    ];
    fields.extend(networks(&status.networks, now));
    fields.extend(status.server.iter().flat_map(server));
    fields
}

/// The sources of networks' figures; without them only those are missing, so they make no headline.
fn networks(sources: &[SourceStatus<'_>], now: Timestamp) -> Option<Field> {
    let lines: Vec<String> = sources.iter().map(|it| source(it, now)).collect();
    (!lines.is_empty()).then(|| Field::wide("Staking rates and ratings", listed(&lines)))
}

fn server(server: &ServerStatus<'_>) -> [Field; 4] {
    let uncertain: Vec<String> = server.uncertain.iter().map(uncertain).collect();
    let parked: Vec<String> = server.parked.iter().map(parked).collect();
    [
        Field::narrow("Alerts here", server.alerts.to_string()),
        Field::wide("Notices here", outbox(&server.outbox)),
        Field::wide(
            "Uncertain: may have arrived, not sent again",
            listed(&uncertain),
        ),
        Field::wide("Parked channels here", listed(&parked)),
    ]
}

/// As many lines as a field may hold.
fn listed(lines: &[String]) -> String {
    lines_within(lines, 1_000)
}

fn source(source: &SourceStatus<'_>, now: Timestamp) -> String {
    let mut parts = vec![format!(
        "**{}** {}",
        text::name(source.name),
        source.state.words()
    )];
    let since = |at: Timestamp| age(now.since(at));
    parts.extend(
        source
            .fetched_at
            .map(|at| format!("fetched {} ago", since(at))),
    );
    parts.extend(
        source
            .unchanged_since
            .map(|at| format!("unchanged for {}", since(at))),
    );
    let rows = |number| count(number, "row", "rows");
    parts.extend(source.rows.map(rows));
    for (number, words) in [
        (source.skipped_rows, "skipped"),
        (
            source.conflicting_rows,
            "left out as contradicting each other",
        ),
    ] {
        if number > 0 {
            parts.push(format!("{} {words}", rows(number)));
        }
    }
    if source.failures > 1 {
        parts.push(format!("failed {} times in a row", source.failures));
    }
    let error = source
        .last_error
        .map(|error| text::escape_to(error, text::SENTENCE));
    parts.extend(error.map(|error| format!("last error: {error}")));
    parts.join(DOT)
}

fn market(market: &MarketStatus) -> String {
    let mut parts = vec![count(market.pools, "pool", "pools")];
    parts.extend(
        market
            .unknown_method_share
            .map(|unknown| format!("{} of TVL with unknown method", share(unknown))),
    );
    for (number, state) in [
        (market.suspect, "suspect"),
        (market.stale, "stale"),
        (market.missing, "missing"),
    ] {
        if number > 0 {
            parts.push(format!("{} {state}", grouped(number)));
        }
    }
    parts.extend(market.charts.map(|(read, of)| {
        format!(
            "charts: {} of {} over $1m read",
            grouped(read),
            count(of, "pool", "pools")
        )
    }));
    parts.join(DOT)
}

fn outbox(states: &[(&str, u64)]) -> String {
    let parts: Vec<String> = states
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{} {state}", grouped_u64(*count)))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(DOT)
    }
}

fn uncertain(entry: &Uncertain) -> String {
    let alert = entry
        .alert
        .map(|alert| format!("alert #{alert}, "))
        .unwrap_or_default();
    format!(
        "notice {}: {alert}<#{}>, {}",
        entry.entry,
        entry.channel,
        ago(entry.since)
    )
}

fn parked(parked: &ParkedChannel<'_>) -> String {
    format!(
        "<#{}> since {}: {}",
        parked.channel,
        ago(parked.since),
        text::escape_to(parked.reason, text::SENTENCE)
    )
}

fn shards(shards: &[ShardStatus]) -> String {
    /// More names say nothing that their number does not.
    const NAMED: usize = 10;
    let missing: Vec<&ShardStatus> = shards.iter().filter(|shard| !shard.connected).collect();
    let connected = format!(
        "{} of {} connected",
        shards.len() - missing.len(),
        count(shards.len(), "shard", "shards")
    );
    if missing.is_empty() || missing.len() == shards.len() {
        return connected;
    }
    let mut named: Vec<String> = missing
        .iter()
        .take(NAMED)
        .map(|shard| shard.id.to_string())
        .collect();
    if missing.len() > NAMED {
        named.push("…".to_owned());
    }
    let named = named.join(", ");
    if missing.len() == 1 {
        format!("{connected}; shard {named} is not")
    } else {
        format!("{connected}; shards {named} are not")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::time::Span, render::samples};

    #[test]
    fn a_good_and_a_bad_day() {
        let now = samples::now();
        let before = |span: Span| now.minus(span.0);
        let fresh = SourceStatus {
            name: "DefiLlama",
            state: SourceState::Fresh,
            fetched_at: Some(before(Span::minutes(4))),
            unchanged_since: Some(before(Span::minutes(34))),
            rows: None,
            skipped_rows: 0,
            conflicting_rows: 0,
            failures: 0,
            last_error: None,
        };
        let protocols = SourceStatus {
            name: "DefiLlama protocols",
            fetched_at: Some(before(Span::hours(5))),
            unchanged_since: None,
            rows: Some(8_412),
            ..fresh
        };
        let loans = SourceStatus {
            name: "DefiLlama loans",
            rows: Some(2_459),
            ..protocols
        };
        let good = Status {
            sources: vec![fresh],
            beside: vec![
                protocols,
                loans,
                SourceStatus {
                    name: "DefiLlama prices",
                    state: SourceState::Answers,
                    fetched_at: Some(before(Span::days(2))),
                    rows: None,
                    ..loans
                },
                SourceStatus {
                    name: "DefiLlama past prices",
                    state: SourceState::Unasked,
                    fetched_at: None,
                    rows: None,
                    ..loans
                },
            ],
            networks: vec![SourceStatus {
                name: "Lido",
                unchanged_since: None,
                fetched_at: Some(before(Span::hours(2))),
                ..fresh
            }],
            market: MarketStatus {
                pools: 19_012,
                unknown_method_share: Some(0.062),
                charts: Some((1_240, 3_832)),
                ..MarketStatus::default()
            },
            track: samples::track(),
            server: Some(ServerStatus {
                alerts: 4,
                outbox: vec![("pending", 0), ("delivered", 1_204)],
                ..ServerStatus::default()
            }),
            shards: vec![ShardStatus {
                id: 0,
                connected: true,
            }],
            listens: false,
            started_at: before(Span::days(3)),
            version: "stipend 0.1.0",
        };
        let bad = Status {
            sources: vec![SourceStatus {
                state: SourceState::Stale,
                fetched_at: Some(before(Span::hours(7))),
                skipped_rows: 3,
                conflicting_rows: 2,
                failures: 5,
                last_error: Some("503 from <https://yields.llama.fi>"),
                ..fresh
            }],
            beside: vec![
                SourceStatus {
                    skipped_rows: 12,
                    ..protocols
                },
                SourceStatus {
                    state: SourceState::Failing,
                    failures: 3,
                    last_error: Some("the source asks to wait 77 s"),
                    ..loans
                },
                SourceStatus {
                    name: "DefiLlama prices",
                    state: SourceState::Failing,
                    failures: 2,
                    rows: None,
                    last_error: Some("no answer within 2 s"),
                    ..loans
                },
                SourceStatus {
                    name: "Incidents file",
                    state: SourceState::Waiting,
                    fetched_at: None,
                    rows: None,
                    failures: 1,
                    last_error: Some("the source cannot be reached: the file cannot be read"),
                    ..loans
                },
            ],
            market: MarketStatus {
                suspect: 2,
                missing: 1_140,
                ..good.market
            },
            server: Some(ServerStatus {
                alerts: 4,
                outbox: vec![("pending", 2), ("uncertain", 1), ("delivered", 1_204)],
                uncertain: vec![Uncertain {
                    entry: EntryId(881),
                    alert: Some(AlertId(12)),
                    channel: ChannelId(4242),
                    since: before(Span::minutes(12)),
                }],
                parked: vec![ParkedChannel {
                    channel: ChannelId(4243),
                    reason: "missing permission Manage Webhooks",
                    since: before(Span::hours(3)),
                }],
            }),
            ..good.clone()
        };
        insta::assert_json_snapshot!([status(&good, now), status(&bad, now)]);
    }

    #[test]
    fn a_title_names_what_is_troubled() {
        let of = |state, connected, server: Option<ServerStatus<'_>>| {
            let source = SourceStatus {
                name: "DefiLlama",
                state,
                fetched_at: None,
                unchanged_since: None,
                rows: None,
                skipped_rows: 0,
                conflicting_rows: 0,
                failures: 0,
                last_error: None,
            };
            let shard = ShardStatus { id: 0, connected };
            let all = Status {
                sources: vec![source],
                beside: Vec::new(),
                networks: Vec::new(),
                shards: vec![shard],
                listens: false,
                server,
                market: MarketStatus::default(),
                track: Tally::default(),
                started_at: samples::now(),
                version: "0.1.0",
            };
            let message = status(&all, samples::now());
            message.embeds[0].title.replace("Status: ", "")
        };
        let parked = ServerStatus {
            parked: vec![ParkedChannel {
                channel: ChannelId(1),
                reason: "gone",
                since: samples::now(),
            }],
            ..ServerStatus::default()
        };
        assert_eq!(of(SourceState::Fresh, true, None), "all well");
        assert_eq!(of(SourceState::Waiting, true, None), "no data yet");
        assert_eq!(
            of(SourceState::Failing, true, None),
            "trouble with the data"
        );
        assert_eq!(
            of(SourceState::Stale, false, Some(parked)),
            "trouble with the data and the gateway and notices"
        );
    }

    /// Whose server is on which shard is Discord's to say, so that the numbers are what an operator needs.
    #[test]
    fn shards_that_are_missing_are_named() {
        let of = |missing: &[u32], total| {
            let shard = |id| ShardStatus {
                id,
                connected: !missing.contains(&id),
            };
            shards(&(0..total).map(shard).collect::<Vec<_>>())
        };
        assert_eq!(of(&[], 2), "2 of 2 shards connected");
        assert_eq!(of(&[0], 1), "0 of 1 shard connected");
        assert_eq!(of(&[1], 2), "1 of 2 shards connected; shard 1 is not");
        assert_eq!(
            of(&[1, 3], 4),
            "2 of 4 shards connected; shards 1, 3 are not"
        );
        let many: Vec<u32> = (0..12).collect();
        assert!(of(&many, 16).ends_with("8, 9, … are not"));
    }

    #[test]
    fn nothing_of_any_server_is_told_outside_of_one() {
        let message = status(&Status::default(), samples::now());
        let names: Vec<&str> = message.embeds[0]
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        let verdicts = "Verdicts told in the last 12 months";
        assert_eq!(names, ["Market", verdicts, "Gateway"]);
    }
}
