//! Alerts in words: the rule, how it stands, and whether its channel can be reached.

use super::{
    DOT, count, lines_within,
    message::{Colour, Embed, Field, Message},
    name, notice,
    numbers::{ago, dollars, limit, moment, percent, points, span},
    pool, text, verdict,
};
use crate::domain::{
    alert::{Alert, Rule},
    ids::{AlertId, ChannelId, UserId},
    manner::Manner,
    method::MethodFilter,
    pool::Pool,
    rate::Percent,
    reading::{DataState, Reading},
    rule::Condition,
    scope::Scope,
    time::Timestamp,
    verdict::Verdict,
};

/// What heads the list of what muted alerts did not say.
pub fn speak_again(alerts: &[AlertId]) -> String {
    match alerts {
        [one] => format!("🔔 Alert #{one} speaks again."),
        many => format!("🔔 {} alerts speak again.", many.len()),
    }
}

/// An alert with how it stands.
#[derive(Debug, Clone)]
pub struct AlertView<'a> {
    pub alert: &'a Alert,
    /// The pool, where the rule names a single one and it is known.
    pub pool: Option<&'a Pool>,
    /// Pools that the rule watches at the moment.
    pub pools: usize,
    /// Episodes that are open.
    pub open: usize,
    /// Pools for which time has to pass before something is said.
    pub waiting: usize,
    /// Its one pool is gone, and these may be what it has become.
    pub perhaps: Vec<&'a Pool>,
    pub destination: DestinationWords<'a>,
}

/// How the alert's channel is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationWords<'a> {
    /// Nothing was sent yet.
    Untried,
    /// The last delivery arrived.
    Working { last: Timestamp },
    /// Nothing is sent until somebody mends it.
    Parked { reason: &'a str, mend: &'a str },
}

impl DestinationWords<'_> {
    fn words(&self, channel: ChannelId) -> String {
        match self {
            Self::Untried => format!("<#{channel}>, nothing sent yet"),
            Self::Working { last } => format!("<#{channel}>, last delivery {}", ago(*last)),
            Self::Parked { reason, mend } => format!(
                "⚠ <#{channel}> is parked: {} – {}",
                text::escape_to(reason, text::SENTENCE),
                text::escape_to(mend, text::SENTENCE)
            ),
        }
    }

    const fn is_troubled(&self) -> bool {
        matches!(self, Self::Parked { .. })
    }
}

/// A pool at the moment, for the distance to the threshold.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    pub pool: &'a Pool,
    pub reading: &'a Reading,
    pub verdict: Verdict,
    pub state: DataState,
    pub source: &'a str,
    pub fetched_at: Timestamp,
    /// The figures are the same since then.
    pub unchanged_since: Timestamp,
}

/// What a test sending came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOutcome<'a> {
    Delivered {
        channel: ChannelId,
    },
    /// Discord refused it.
    Refused {
        channel: ChannelId,
        reason: &'a str,
        mend: &'a str,
    },
    /// It is in the outbox and will be tried again.
    Waiting {
        channel: ChannelId,
        reason: &'a str,
    },
    /// It went out and no answer came.
    Uncertain {
        channel: ChannelId,
    },
}

/// The rule in words: `APY falls to 3 % or lower, held 2 h, over once above 3.6 % for 4 h · USDC,
/// lending, on Ethereum, TVL ≥ $10M`.
pub fn rule_words(rule: &Rule) -> String {
    words_for(rule, None)
}

/// [`rule_words`] with the name of the pool, for a rule about a single one.
pub(crate) fn words_for(rule: &Rule, pool: Option<&Pool>) -> String {
    let (met, over) = condition_words(&rule.condition);
    let hold = span(rule.timing.hold);
    let clear = span(rule.timing.clear_hold);
    let kind = rule.condition.kind();
    let timing = if kind.is_about_data() || rule.timing.hold.0.is_zero() {
        format!("{met}, over once {over}")
    } else {
        format!("{met}, held {hold}, over once {over} for {clear}")
    };
    let more = [
        major_words(&rule.condition),
        rule.timing
            .remind
            .map(|remind| format!("told again each {}", span(remind))),
    ];
    let parts: Vec<String> = std::iter::once(timing)
        .chain(more.into_iter().flatten())
        .chain([scope_words(&rule.scope, pool)])
        .collect();
    parts.join(DOT)
}

/// Where it becomes worse and is told once more.
fn major_words(condition: &Condition) -> Option<String> {
    let (major, value, side) = match *condition {
        Condition::Over100 { major, .. } => (major?, 100.0, "from"),
        Condition::TvlDrop { major, value, .. } => (major?, value, "from a fall of"),
        Condition::ApyAbove { major, value, .. }
        | Condition::ApyBelow { major, value, .. }
        | Condition::BaseShareBelow { major, value, .. }
        | Condition::OffPeg { major, value, .. } => (major?, value, "from"),
        _ => return None,
    };
    // A tier that begins with the first is none of its own.
    ((major - value).abs() > f64::EPSILON)
        .then(|| format!("told once more {side} {} on", limit(major)))
}

/// When a condition is met and when it is over.
fn condition_words(condition: &Condition) -> (String, String) {
    match *condition {
        Condition::ApyAbove {
            value, clear_at, ..
        } => (
            format!("APY rises to {} or higher", limit(value)),
            format!("under {}", limit(clear_at)),
        ),
        Condition::ApyBelow {
            value, clear_at, ..
        } => (
            format!("APY falls to {} or lower", limit(value)),
            format!("above {}", limit(clear_at)),
        ),
        Condition::ApyChange {
            value,
            unit,
            window,
            clear_at,
            falls_only,
        } => {
            let moves = if falls_only { "falls" } else { "moves" };
            (
                format!(
                    "APY {moves} by {} or more within {}",
                    notice::size(value, unit),
                    span(window)
                ),
                format!("it {moves} by less than {}", notice::size(clear_at, unit)),
            )
        }
        Condition::VerdictWorsens { window } => (
            format!("the verdict gets worse within {}", span(window)),
            "it is as good as before".to_owned(),
        ),
        Condition::VerdictBecomes { verdict, .. } => (
            format!("the verdict becomes {}", verdict.slug()),
            "it is another".to_owned(),
        ),
        Condition::BaseShareBelow {
            value, clear_at, ..
        } => (
            format!("less than {} is paid without reward tokens", limit(value)),
            format!("above {}", limit(clear_at)),
        ),
        Condition::RewardsEnd { window } => (
            format!(
                "no reward tokens are paid after some were within {}",
                span(window)
            ),
            "some are paid again".to_owned(),
        ),
        Condition::Over100 { clear_at, .. } => (
            "APY is above 100 %".to_owned(),
            format!("under {}", limit(clear_at)),
        ),
        Condition::PoolGone => (
            "the source no longer lists the pool".to_owned(),
            "it is back".to_owned(),
        ),
        Condition::Stale => (
            "its figures are too old to be used".to_owned(),
            "they are fresh".to_owned(),
        ),
        Condition::OffPeg {
            value, clear_at, ..
        } => (
            format!("a stablecoin of it is {} or more from what it follows", limit(value)),
            format!("it is within {}", limit(clear_at)),
        ),
        Condition::ProtocolIncident => (
            "its protocol is flagged as rugged, deprecated or dead, or loses 30 % of its TVL in 24 h".to_owned(),
            "nothing bad is said of it".to_owned(),
        ),
        Condition::NewSustainable {
            value,
            window,
            clear_at,
        } => {
            let floor = if value > 0.0 {
                format!(" at {} or more", limit(value))
            } else {
                String::new()
            };
            let under = if value > 0.0 {
                format!(", or under {}", limit(clear_at))
            } else {
                String::new()
            };
            (
                format!(
                    "a sustainable offer{floor} that was none within {}",
                    span(window)
                ),
                format!("its verdict is another{under}"),
            )
        }
        Condition::TvlDrop {
            value,
            window,
            clear_at,
            ..
        } => (
            format!(
                "TVL falls by {} or more within {}",
                limit(value),
                span(window)
            ),
            format!("the fall is under {}", limit(clear_at)),
        ),
    }
}

/// Which pools are meant: `USDC, lending, on Ethereum, TVL ≥ $10M`.
pub fn scope_words(scope: &Scope, pool: Option<&Pool>) -> String {
    if scope.is_everything() {
        return "every pool".to_owned();
    }
    let mut parts = Vec::new();
    if let Some(id) = scope.pool {
        let known = pool.filter(|pool| pool.id == id);
        parts.push(known.map_or_else(|| format!("pool `{id}`"), name));
    }
    parts.extend(scope.asset.as_deref().map(text::name));
    parts.extend(scope.method.map(method_words).map(str::to_owned));
    parts.extend(
        scope
            .protocol
            .as_deref()
            .map(|it| format!("in {}", text::name(it))),
    );
    parts.extend(
        scope
            .chain
            .as_deref()
            .map(|it| format!("on {}", text::name(it))),
    );
    parts.extend(
        scope
            .min_tvl
            .map(|floor| format!("TVL ≥ {}", dollars(floor))),
    );
    if scope.stable_only {
        parts.push("stablecoins only".to_owned());
    }
    parts.join(", ")
}

const fn method_words(filter: MethodFilter) -> &'static str {
    match filter {
        MethodFilter::Staking => "staking",
        MethodFilter::One(method) => method.label(),
    }
}

/// An alert was made.
pub fn added(view: &AlertView<'_>) -> Message {
    let alert = view.alert;
    let watched = if view.pools == 0 {
        "No pool fits it at the moment; it waits for one.".to_owned()
    } else {
        format!("It watches {} now.", count(view.pools, "pool", "pools"))
    };
    let mut lines = vec![
        format!("Alert **#{}** is set for <#{}>.", alert.id, alert.channel),
        words_for(&alert.rule, view.pool),
        format!("{watched} What is true already is no news: it stays silent until that changes."),
    ];
    if view.destination.is_troubled() {
        lines.push(view.destination.words(alert.channel));
    }
    Message::text(lines.join("\n"))
}

/// Several alerts were made.
pub fn added_many(alerts: &[AlertId]) -> Message {
    let numbers: Vec<String> = alerts.iter().map(|id| format!("**#{id}**")).collect();
    Message::text(format!(
        "{} are set: {}. What is true already is no news. `/alerts list` shows them, `/alerts remove` \
         takes one away, and `/alerts undo` brings it back.",
        count(alerts.len(), "alert", "alerts"),
        numbers.join(", ")
    ))
}

/// What goes with the file of a server's alerts.
pub fn exported(alerts: usize) -> String {
    format!(
        "{} as a text file. `/alerts import` sets them, here or elsewhere; there is no secret in it.",
        count(alerts, "alert", "alerts")
    )
}

/// An alert was changed.
pub fn changed(alert: &Alert, anew: bool) -> Message {
    let starts = if anew {
        "\nIt starts anew: what is true already is no news."
    } else {
        ""
    };
    let manner =
        manner_words(&alert.manner).map_or_else(String::new, |words| format!("{DOT}{words}"));
    Message::text(format!(
        "Alert **#{}** is changed: {}{manner}{starts}",
        alert.id,
        rule_words(&alert.rule)
    ))
}

/// A removed alert is back.
pub fn restored(alert: &Alert) -> Message {
    Message::text(format!(
        "Alert **#{}** is back in <#{}>: {}\nIt starts anew: what is true already is no news.",
        alert.id,
        alert.channel,
        rule_words(&alert.rule)
    ))
}

/// Alerts speak in another channel.
pub fn moved(alerts: usize, from: ChannelId, to: ChannelId) -> Message {
    Message::text(format!(
        "{} moved from <#{from}> to <#{to}>, with where they stand and what they had not told yet.",
        count(alerts, "alert is", "alerts are")
    ))
}

/// All alerts of a server.
pub fn list(alerts: &[AlertView<'_>]) -> Message {
    if alerts.is_empty() {
        return Message::text("No alerts here yet. `/alerts add` sets one.");
    }
    let lines: Vec<String> = alerts.iter().map(list_line).collect();
    let troubled = alerts.iter().any(|view| view.destination.is_troubled());
    Message::from(Embed {
        title: count(alerts.len(), "alert", "alerts"),
        description: lines_within(&lines, 3_900),
        colour: if troubled {
            Colour::Amber
        } else {
            Colour::Blue
        },
        footer: "/alerts show tells all of one".to_owned(),
        ..Embed::default()
    })
}

fn list_line(view: &AlertView<'_>) -> String {
    let alert = view.alert;
    let mut line = format!(
        "**#{}** {}\n{}{DOT}{}",
        alert.id,
        words_for(&alert.rule, view.pool),
        view.destination.words(alert.channel),
        count(view.pools, "pool", "pools"),
    );
    let more = [
        state_words(view),
        manner_words(&alert.manner),
        perhaps(view),
    ];
    for words in more.into_iter().flatten() {
        line.push_str(DOT);
        line.push_str(&words);
    }
    line
}

/// Asks what has become of a pool that is gone.
fn perhaps(view: &AlertView<'_>) -> Option<String> {
    let first = view.perhaps.first()?;
    let more = match view.perhaps.len() {
        1 => String::new(),
        several => format!(" or one of {} more", several - 1),
    };
    Some(format!(
        "⚠ its pool is gone; is it {} now{more}? `/alerts edit alert:{} pool:…` makes it so",
        name(first),
        view.alert.id
    ))
}

/// How an alert speaks, where it is not at once and to nobody in particular.
fn manner_words(manner: &Manner) -> Option<String> {
    let parts: Vec<String> = [
        manner.role.map(|role| format!("calls <@&{role}>")),
        manner
            .digest
            .map(|digest| format!("{} digest", digest.slug())),
        manner
            .muted_until
            .map(|until| format!("muted until {}", moment(until))),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(DOT))
}

fn state_words(view: &AlertView<'_>) -> Option<String> {
    let open = (view.open > 0).then(|| format!("{} open", view.open));
    let waiting = (view.waiting > 0).then(|| format!("{} waiting for its hold", view.waiting));
    let parts: Vec<String> = [open, waiting].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(DOT))
}

/// One alert in full, with the figures of a pool where one is given.
pub fn show(view: &AlertView<'_>, current: Option<&Current<'_>>, now: Timestamp) -> Message {
    let alert = view.alert;
    let mut fields = vec![
        Field::narrow("Watches", count(view.pools, "pool", "pools")),
        Field::narrow(
            "State",
            state_words(view).unwrap_or_else(|| "quiet".to_owned()),
        ),
    ];
    fields.extend(perhaps(view).map(|words| Field::wide("Its pool", words)));
    if let Some(current) = current {
        fields.push(Field::wide(
            "Now",
            now_words(&alert.rule.condition, current),
        ));
    }
    fields.push(Field::wide(
        "Channel",
        [
            Some(view.destination.words(alert.channel)),
            manner_words(&alert.manner),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(DOT),
    ));
    fields.push(Field::wide(
        "Set",
        format!(
            "by {}, {}{DOT}version {}",
            maker(alert.created_by),
            moment(alert.created_at),
            alert.version
        ),
    ));
    let footer = current.map_or_else(
        || "not advice".to_owned(),
        |current| {
            let stood = Some(current.unchanged_since);
            pool::footer(current.source, current.fetched_at, stood, now)
        },
    );
    let troubled = view.destination.is_troubled();
    Message::from(Embed {
        title: format!("Alert #{}", alert.id),
        description: words_for(&alert.rule, view.pool),
        colour: if troubled {
            Colour::Amber
        } else {
            Colour::Blue
        },
        fields,
        footer,
        ..Embed::default()
    })
}

/// Erasing a person's data takes the mark off the alerts that they made.
fn maker(user: UserId) -> String {
    if user == UserId(0) {
        "somebody whose data was erased".to_owned()
    } else {
        format!("<@{user}>")
    }
}

fn now_words(condition: &Condition, current: &Current<'_>) -> String {
    let reading = current.reading;
    let mut lines = vec![format!(
        "{}: APY {}{DOT}TVL {}{DOT}{}",
        name(current.pool),
        percent(reading.apy),
        dollars(reading.tvl_usd),
        verdict::label(current.verdict)
    )];
    if current.state != DataState::Good {
        lines.push(format!(
            "⚠ not used: {}",
            verdict::no_reading(current.state)
        ));
    }
    lines.extend(distance(condition, reading));
    lines.join("\n")
}

/// How far the pool is from speaking.
pub(crate) fn distance(condition: &Condition, reading: &Reading) -> Option<String> {
    let apy = reading.apy;
    let away = |value: f64, met: bool| {
        let threshold = limit(value);
        if met {
            return format!("meets {threshold} now");
        }
        let Some(value) = Percent::new(value) else {
            return threshold;
        };
        let gap = points(value.points_from(apy));
        format!("{gap} away from {threshold}")
    };
    Some(match *condition {
        Condition::ApyAbove { value, .. } => away(value, apy.get() >= value),
        Condition::ApyBelow { value, .. } => away(value, apy.get() <= value),
        Condition::Over100 { .. } => away(100.0, apy.get() > 100.0),
        Condition::BaseShareBelow { value, .. } => match reading.reward_share() {
            Some(rewards) => format!(
                "{} is paid without reward tokens, and {} is the threshold",
                limit((1.0 - rewards) * 100.0),
                limit(value)
            ),
            None => "the source gives no split into base and rewards".to_owned(),
        },
        Condition::ApyChange { window, .. }
        | Condition::VerdictWorsens { window }
        | Condition::TvlDrop { window, .. } => format!(
            "measured against the last {}, or the last notice in it",
            span(window)
        ),
        Condition::VerdictBecomes { .. }
        | Condition::RewardsEnd { .. }
        | Condition::PoolGone
        | Condition::Stale
        | Condition::OffPeg { .. }
        | Condition::ProtocolIncident
        | Condition::NewSustainable { .. } => return None,
    })
}

/// An alert is gone.
pub fn removed(id: AlertId) -> Message {
    Message::text(format!(
        "Alert **#{id}** is removed. Notices that were already under way may still arrive. `/alerts undo` \
         brings it back within 30 days."
    ))
}

/// What a test notice came to.
pub fn test_result(id: AlertId, outcome: &TestOutcome<'_>) -> Message {
    let sentence = |text| text::escape_to(text, text::SENTENCE);
    Message::text(match outcome {
        TestOutcome::Delivered { channel } => {
            format!("The test of alert **#{id}** arrived in <#{channel}>.")
        }
        TestOutcome::Refused {
            channel,
            reason,
            mend,
        } => format!(
            "Discord refused the test of alert **#{id}** in <#{channel}>: {} – {}",
            sentence(reason),
            sentence(mend)
        ),
        TestOutcome::Waiting { channel, reason } => format!(
            "The test of alert **#{id}** waits for <#{channel}>: {}. It is tried again by itself.",
            sentence(reason)
        ),
        TestOutcome::Uncertain { channel } => format!(
            "The test of alert **#{id}** went out and Discord did not answer. Look into \
             <#{channel}>; it is not sent twice."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{episode::Timing, rule::Unit, time::Span},
        render::samples,
    };

    fn view<'a>(alert: &'a Alert, destination: DestinationWords<'a>) -> AlertView<'a> {
        AlertView {
            alert,
            pool: None,
            pools: 14,
            open: 2,
            waiting: 1,
            perhaps: Vec::new(),
            destination,
        }
    }

    #[test]
    fn rules_read_as_sentences() {
        let with = |scope, condition| {
            rule_words(&Rule {
                scope,
                condition,
                timing: Timing::default(),
            })
        };
        let change = Condition::ApyChange {
            value: 1.5,
            unit: Unit::Points,
            window: Span::days(1),
            clear_at: 1.2,
            falls_only: false,
        };
        let hostile = Scope {
            asset: Some("**@here**".to_owned()),
            stable_only: true,
            ..Scope::default()
        };
        let verdict = Condition::VerdictWorsens {
            window: Span::days(7),
        };
        let tvl = Condition::TvlDrop {
            value: 30.0,
            window: Span::days(7),
            clear_at: 24.0,
            major: None,
        };
        let pool = Scope::of_pool(samples::pool().id);
        let words = [
            rule_words(&samples::below()),
            with(Scope::default(), change),
            with(hostile, verdict),
            with(pool, tvl),
        ];
        insta::assert_snapshot!(words.join("\n"));
    }

    #[test]
    fn lives_of_an_alert() {
        let alert = samples::alert(samples::below());
        let parked = DestinationWords::Parked {
            reason: "missing permission Manage Webhooks",
            mend: "grant it or choose another channel",
        };
        let working = DestinationWords::Working {
            last: samples::now(),
        };
        let pool = samples::pool();
        let reading = samples::reading(4.1, Some(4.1), Some(0.0));
        let current = Current {
            pool: &pool,
            reading: &reading,
            verdict: Verdict::Sustainable,
            state: DataState::Good,
            source: "DefiLlama",
            fetched_at: samples::now(),
            unchanged_since: samples::now().minus(Span::hours(26).0),
        };
        let messages = [
            added(&view(&alert, DestinationWords::Untried)),
            list(&[]),
            list(&[view(&alert, working), view(&alert, parked)]),
            show(&view(&alert, working), Some(&current), samples::now()),
            removed(alert.id),
            test_result(
                alert.id,
                &TestOutcome::Delivered {
                    channel: alert.channel,
                },
            ),
            test_result(
                alert.id,
                &TestOutcome::Uncertain {
                    channel: alert.channel,
                },
            ),
        ];
        insta::assert_json_snapshot!(messages);
    }
}
