//! A notice in words: what changed, from what to what, since when, and what to think of it.

use super::{
    DOT, alerts, feed_words,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{age, ago, change, dollars, limit, moment, percent, points, share, span},
    plain_name, pool, text, verdict,
};
use crate::domain::{
    episode::EdgeKind,
    notice::{Notice, Speaker},
    pool::Pool,
    protocol::Flag,
    rule::{Condition, Figure, Unit},
    strain::Trouble,
    time::{Span, Timestamp},
    verdict::Verdict,
};

/// From this delay on, a notice says that it comes late.
const LATE: Span = Span::hours(1);

/// The notice as a Discord message: one embed. The end of an episode is a line of it.
pub fn notice(notice: &Notice<'_>, now: Timestamp) -> Message {
    if notice.edge.kind == EdgeKind::Closed {
        return ending(notice);
    }
    let tone = tone(notice);
    let mut lines = Vec::new();
    if let Some(meta) = pool::meta(notice.pool) {
        lines.push(meta);
    }
    lines.push(format!(
        "{}, {}",
        change_words(notice, Form::Discord),
        edge_words(notice, Form::Discord)
    ));
    if now.since(notice.at) >= LATE.0 {
        lines.push(format!(
            "This comes late: it was so at {}.",
            moment(notice.at)
        ));
    }
    Message::from(Embed {
        title: format!("{} {}", tone.mark, name(notice.pool)),
        description: lines.join("\n"),
        colour: tone.colour,
        fields: fields(notice),
        footer: footer(notice),
        timestamp: Some(notice.at),
        ..Embed::default()
    })
}

fn fields(notice: &Notice<'_>) -> Vec<Field> {
    let reading = notice.reading;
    let mut fields = Vec::new();
    if !matches!(notice.edge.to, Figure::Apy(_)) {
        fields.push(Field::narrow("APY", percent(reading.apy)));
    }
    fields.push(Field::narrow("Paid as", pool::paid_as(reading)));
    if !matches!(notice.edge.to, Figure::Tvl(_)) {
        fields.push(Field::narrow("TVL", dollars(reading.tvl_usd)));
    }
    fields.push(Field::wide(
        "Verdict",
        [
            Some(verdict::paragraph(notice.assessment)),
            verdict_change(notice).map(|change| format!("*{change}*")),
            what_changed(notice).map(|changes| format!("**What changed:** {changes}")),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n"),
    ));
    fields.push(Field::wide(
        "Rule",
        alerts::words_for(notice.rule, Some(notice.pool)),
    ));
    fields.push(Field::wide(
        "Source",
        format!(
            "{}, {} {}{}{DOT}{}",
            text::escape(notice.source),
            dated(notice),
            ago(reading.at),
            if stands(notice) {
                format!("{DOT}unchanged since {}", ago(notice.unchanged_since))
            } else {
                String::new()
            },
            pool::key(notice.source, notice.pool.id),
        ),
    ));
    fields
}

/// Whether the change came with another verdict; `None` where that is what the notice tells, or where
/// it is not known.
fn verdict_change(notice: &Notice<'_>) -> Option<String> {
    if matches!(notice.edge.to, Figure::Verdict(_)) {
        return None;
    }
    let before = notice.verdict_before?;
    Some(if before == notice.assessment.verdict {
        "unchanged".to_owned()
    } else {
        format!("{} before the change", before.slug())
    })
}

/// The figures that moved a verdict, from what they were before it changed; `None` where the notice tells of
/// something else, or nothing is kept of before.
fn what_changed(notice: &Notice<'_>) -> Option<String> {
    let (before, now) = (notice.before?, notice.reading);
    let moved =
        |was: f64, is: f64, least: f64| (is - was).abs() > least * was.abs().max(f64::EPSILON);
    let mut changes = Vec::new();
    if moved(before.apy.get(), now.apy.get(), 0.01) {
        changes.push(format!(
            "APY {} → {}",
            percent(before.apy),
            percent(now.apy)
        ));
    }
    match (before.reward_share(), now.reward_share()) {
        (Some(was), Some(is)) if (is - was).abs() >= 0.01 => changes.push(format!(
            "paid in reward tokens {} → {}",
            share(was),
            share(is)
        )),
        (Some(_), None) => changes.push("the source no longer says who pays".to_owned()),
        (None, Some(is)) if is <= 0.0 => {
            changes.push("the source says now that none of it is paid in reward tokens".to_owned());
        }
        (None, Some(is)) => changes.push(format!(
            "the source says now that {} of it is paid in reward tokens",
            share(is)
        )),
        _ => {}
    }
    if moved(before.tvl_usd, now.tvl_usd, 0.05) {
        changes.push(format!(
            "TVL {} → {}",
            dollars(before.tvl_usd),
            dollars(now.tvl_usd)
        ));
    }
    Some(if changes.is_empty() {
        "its own record of the last days, not the figures".to_owned()
    } else {
        changes.join(", ")
    })
}

/// The end of an episode: a line, to which the way to its beginning may be added.
fn ending(notice: &Notice<'_>) -> Message {
    let tone = tone(notice);
    Message::from(Embed {
        title: format!("{} {}", tone.mark, name(notice.pool)),
        description: format!(
            "{}, {}",
            change_words(notice, Form::Discord),
            edge_words(notice, Form::Discord)
        ),
        colour: tone.colour,
        footer: [speaker(&notice.speaker), "not advice".to_owned()].join(DOT),
        timestamp: Some(notice.at),
        ..Embed::default()
    })
}

fn footer(notice: &Notice<'_>) -> String {
    [
        speaker(&notice.speaker),
        format!("episode {}", notice.edge.episode),
        feed_words(notice.source),
        "not advice".to_owned(),
    ]
    .join(DOT)
}

fn speaker(speaker: &Speaker) -> String {
    match speaker {
        Speaker::Alert(id) => format!("alert #{id}"),
        Speaker::Named(name) => format!("alert “{}”", text::clean(name, text::NAME)),
    }
}

/// A time of the pool's own dates its figures; the time of the fetch says only when we asked.
const fn dated(notice: &Notice<'_>) -> &'static str {
    if notice.own_time { "as of" } else { "fetched" }
}

/// The figures have stood since before the reading; fresh ones need no word about it.
fn stands(notice: &Notice<'_>) -> bool {
    notice.unchanged_since < notice.reading.at
}

/// The notice for a terminal: two lines without markup.
pub fn notice_text(notice: &Notice<'_>, now: Timestamp) -> String {
    let mut details = Vec::new();
    if !matches!(notice.edge.to, Figure::Apy(_)) {
        details.push(format!("APY {}", percent(notice.reading.apy)));
    }
    details.push(pool::paid_as(notice.reading));
    details.push(match verdict_change(notice) {
        Some(change) => format!("{}, {change}", verdict::brief(notice.assessment)),
        None => verdict::brief(notice.assessment),
    });
    if !matches!(notice.edge.to, Figure::Tvl(_)) {
        details.push(format!("TVL {}", dollars(notice.reading.tvl_usd)));
    }
    details.push(speaker(&notice.speaker));
    details.push(format!("episode {}", notice.edge.episode));
    let mut source = text::clean(notice.source, text::NAME);
    if now > notice.reading.at {
        let age = age(now.since(notice.reading.at));
        source = format!("{source} {} {age} ago", dated(notice));
    }
    if stands(notice) {
        source.push_str(", unchanged for ");
        source.push_str(&age(now.since(notice.unchanged_since)));
    }
    details.push(source);
    format!(
        "{} {} – {}, {}\n   {}",
        tone(notice).mark,
        plain_name(notice.pool),
        change_words(notice, Form::Plain),
        edge_words(notice, Form::Plain),
        details.join(DOT),
    )
}

/// One sentence for machines' logs: `APY 57.02 % → 12.78 %, at or under 20 % since …`.
pub fn reason(notice: &Notice<'_>) -> String {
    let to = notice.edge.to;
    let change = match notice.edge.from {
        Some(from) => format!("{} {} → {}", subject(to), figure(from), figure(to)),
        None => format!("{} {}", subject(to), figure(to)),
    };
    format!("{change}, {}", edge_words(notice, Form::Plain))
}

/// Whether words go into a Discord message or stand alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Discord,
    Plain,
}

impl Form {
    pub(super) fn name(self, pool: &Pool) -> String {
        match self {
            Self::Discord => name(pool),
            Self::Plain => plain_name(pool),
        }
    }

    pub(super) fn strong(self, words: &str) -> String {
        match self {
            Self::Discord => format!("**{words}**"),
            Self::Plain => words.to_owned(),
        }
    }

    pub(super) fn time(self, at: Timestamp) -> String {
        match self {
            Self::Discord => format!("{} ({})", moment(at), ago(at)),
            Self::Plain => at.rfc3339(),
        }
    }
}

const fn subject(figure: Figure) -> &'static str {
    match figure {
        Figure::Apy(_) => "APY",
        Figure::Reward(_) => "reward APY",
        Figure::BaseShare(_) => "share paid without reward tokens",
        Figure::Tvl(_) => "TVL",
        Figure::Verdict(_) => "verdict",
        Figure::Data(_) => "data",
        Figure::Peg(_) => "stablecoin",
        Figure::Protocol(_) => "protocol",
        Figure::OfGoal(_) => "income",
    }
}

fn figure(figure: Figure) -> String {
    match figure {
        Figure::Apy(apy) | Figure::Reward(apy) => percent(apy),
        Figure::BaseShare(share) => share_words(share),
        Figure::Data(state) => state.slug().to_owned(),
        Figure::Peg(deviation) => change(deviation),
        Figure::Protocol(trouble) => trouble_words(trouble),
        Figure::OfGoal(share) => format!("{} of the goal", share_words(share)),
        Figure::Tvl(usd) => dollars(usd),
        Figure::Verdict(verdict) => verdict.slug().to_owned(),
    }
}

/// How a protocol stands: `rugged`, `TVL −42 % in 24 h`.
pub(crate) fn trouble_words(trouble: Trouble) -> String {
    match trouble {
        Trouble::Calm => "calm".to_owned(),
        Trouble::Flagged(Flag::Rugged) => "flagged as rugged".to_owned(),
        Trouble::Flagged(Flag::Deprecated) => "flagged as deprecated".to_owned(),
        Trouble::Flagged(Flag::Dead) => "flagged as dead".to_owned(),
        Trouble::Drained(by) => format!("TVL {} in 24 h", change(by * 100.0)),
    }
}

/// A share in percent, as exact as anybody wants it.
fn share_words(share: f64) -> String {
    format!("{share:.0} %")
}

/// `APY 4.10 % → 2.60 % (−1.50 pp, −37 %)`.
fn change_words(notice: &Notice<'_>, form: Form) -> String {
    let to = notice.edge.to;
    let now = form.strong(&figure(to));
    if let (Figure::Peg(_), Some(coin)) = (to, notice.coin) {
        let coin = match form {
            Form::Discord => text::name(coin),
            Form::Plain => text::plain_name(coin),
        };
        return format!("{coin} {now}");
    }
    match notice.edge.from {
        None => format!("{} {now}", subject(to)),
        Some(from) => format!(
            "{} {} → {now}{}",
            subject(to),
            figure(from),
            difference(from, to)
        ),
    }
}

fn difference(from: Figure, to: Figure) -> String {
    match (from, to) {
        (Figure::Apy(from), Figure::Apy(to)) => {
            let relative = to.change_from(from).map(change);
            let parts = [Some(points(to.points_from(from))), relative];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            format!(" ({})", parts.join(", "))
        }
        (Figure::Tvl(from), Figure::Tvl(to)) if from > 0.0 => {
            format!(" ({})", change((to - from) / from * 100.0))
        }
        _ => String::new(),
    }
}

/// Where the figure stands now and since when: the rule, as this edge fulfils it.
fn edge_words(notice: &Notice<'_>, form: Form) -> String {
    let edge = &notice.edge;
    let since = form.time(edge.since);
    match edge.kind {
        EdgeKind::Escalated => match notice.rule.condition {
            // What was told may have been the other way.
            Condition::ApyChange { value, unit, .. } => format!(
                "{} of {} or more from what was told, held since {since}",
                way(notice),
                size(value, unit)
            ),
            _ => format!("further than what was told, held since {since}"),
        },
        EdgeKind::Reminded => format!("still so, since {since}"),
        EdgeKind::Opened => match notice.rule.condition {
            Condition::ApyAbove { value, .. } => {
                format!("at or over {} since {since}", limit(value))
            }
            Condition::ApyBelow { value, .. } => {
                format!("at or under {} since {since}", limit(value))
            }
            Condition::ApyChange {
                value,
                unit,
                window,
                ..
            } => format!(
                "{} of {} or more within {}, held since {since}",
                way(notice),
                size(value, unit),
                span(window)
            ),
            Condition::VerdictWorsens { window } => format!(
                "worse than in the {} before, held since {since}",
                span(window)
            ),
            Condition::VerdictBecomes { .. } => format!("held since {since}"),
            Condition::BaseShareBelow { value, .. } => {
                format!("under {} since {since}", limit(value))
            }
            Condition::RewardsEnd { .. } => format!("reward tokens have ended, held since {since}"),
            Condition::Over100 { .. } => format!("above 100 % since {since}"),
            Condition::PoolGone => format!("the source has not listed it since {since}"),
            Condition::Stale => format!("too old to be used since {since}"),
            Condition::OffPeg { value, .. } => {
                format!(
                    "{} or more from what it follows, since {since}",
                    limit(value)
                )
            }
            Condition::ProtocolIncident => format!("said twice by the source, since {since}"),
            Condition::NewSustainable { .. } => format!("a new offer, held since {since}"),
            Condition::TvlDrop { value, window, .. } => format!(
                "a fall of {} or more within {}, held since {since}",
                limit(value),
                span(window)
            ),
        },
        EdgeKind::Closed => {
            let open = age(edge.since.since(edge.opened_at));
            format!(
                "{} since {since}, after {open}",
                over_words(&notice.rule.condition)
            )
        }
    }
}

fn over_words(condition: &Condition) -> String {
    match *condition {
        Condition::ApyAbove { clear_at, .. } | Condition::Over100 { clear_at, .. } => {
            format!("back under {}", limit(clear_at))
        }
        Condition::ApyBelow { clear_at, .. } | Condition::BaseShareBelow { clear_at, .. } => {
            format!("back above {}", limit(clear_at))
        }
        Condition::ApyChange { unit, clear_at, .. } => {
            format!("steady: moved by less than {}", size(clear_at, unit))
        }
        Condition::VerdictWorsens { .. } => "as good as before".to_owned(),
        Condition::VerdictBecomes { .. } => "another verdict".to_owned(),
        Condition::RewardsEnd { .. } => "reward tokens are paid again".to_owned(),
        Condition::PoolGone => "listed again".to_owned(),
        Condition::Stale => "fresh again".to_owned(),
        Condition::OffPeg { clear_at, .. } => {
            format!("back within {} of what it follows", limit(clear_at))
        }
        Condition::ProtocolIncident => {
            "no flag, and no further fall within 24 h; what left need not have come back".to_owned()
        }
        Condition::NewSustainable { .. } => "no longer offered so".to_owned(),
        Condition::TvlDrop {
            window, clear_at, ..
        } => format!(
            "its fall within {} is under {}",
            span(window),
            limit(clear_at)
        ),
    }
}

/// The size of a change in its own unit.
pub(crate) fn size(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Percent => limit(value),
        Unit::Points => format!("{} pp", super::numbers::bare(value)),
    }
}

fn way(notice: &Notice<'_>) -> &'static str {
    if is_rise(notice) { "a rise" } else { "a fall" }
}

fn is_rise(notice: &Notice<'_>) -> bool {
    let from = notice.edge.from.and_then(Figure::number);
    from.zip(notice.edge.to.number())
        .is_some_and(|(from, to)| to > from)
}

/// What left the pool came back, but for so many percent.
fn is_back(notice: &Notice<'_>, but_for: f64) -> bool {
    let from = notice.edge.from.and_then(Figure::number);
    from.zip(notice.edge.to.number())
        .is_some_and(|(from, to)| (from - to) < from * but_for / 100.0)
}

struct Tone {
    mark: &'static str,
    colour: Colour,
}

/// Falls are red, rises as good as their verdict, recoveries green, other endings grey.
fn tone(notice: &Notice<'_>) -> Tone {
    let (mark, colour) = match (notice.edge.kind, &notice.rule.condition) {
        (
            EdgeKind::Closed,
            Condition::ApyBelow { .. }
            | Condition::VerdictWorsens { .. }
            | Condition::BaseShareBelow { .. }
            | Condition::PoolGone
            | Condition::Stale
            | Condition::OffPeg { .. },
        ) => ("✅", Colour::Green),
        // The window moves on, so a fall can be over without anything coming back.
        (EdgeKind::Closed, Condition::TvlDrop { clear_at, .. }) if is_back(notice, *clear_at) => {
            ("✅", Colour::Green)
        }
        (EdgeKind::Closed, _) => ("⏹️", Colour::Grey),
        (
            _,
            Condition::VerdictWorsens { .. }
            | Condition::Over100 { .. }
            | Condition::PoolGone
            | Condition::OffPeg { .. }
            | Condition::ProtocolIncident,
        ) => ("⚠️", Colour::Red),
        (_, Condition::VerdictBecomes { verdict, .. }) => match verdict {
            Verdict::Sustainable => ("✅", Colour::Green),
            Verdict::Mixed | Verdict::Unknown => ("⚠️", Colour::Amber),
            Verdict::Unsustainable => ("⚠️", Colour::Red),
        },
        (_, Condition::Stale) => ("⏳", Colour::Grey),
        (_, Condition::NewSustainable { .. }) => ("🌱", Colour::Green),
        (_, Condition::ApyAbove { .. }) => ("🔺", rise(notice)),
        (_, Condition::ApyChange { .. }) if is_rise(notice) => ("🔺", rise(notice)),
        (_, _) => ("🔻", Colour::Red),
    };
    Tone { mark, colour }
}

const fn rise(notice: &Notice<'_>) -> Colour {
    match notice.assessment.verdict {
        Verdict::Sustainable => Colour::Green,
        Verdict::Mixed | Verdict::Unsustainable | Verdict::Unknown => Colour::Amber,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            alert::Rule,
            episode::{Edge, Timing},
            ids::AlertId,
            pool::Pool,
            reading::Reading,
            rule::Tier,
            scope::Scope,
            verdict::Assessment,
        },
        render::samples,
    };

    struct Case {
        rule: Rule,
        pool: Pool,
        reading: Reading,
        assessment: Assessment,
        edge: Edge,
    }

    impl Case {
        fn opened(condition: Condition, from: Option<Figure>, to: Figure) -> Self {
            let since = Timestamp::parse("2026-02-21T21:17:00Z").unwrap();
            Self {
                rule: Rule {
                    condition,
                    ..samples::below()
                },
                pool: samples::pool(),
                reading: samples::reading(2.6, Some(2.6), Some(0.0)),
                assessment: samples::calm(),
                edge: Edge {
                    kind: EdgeKind::Opened,
                    episode: 3,
                    ordinal: 0,
                    tier: Tier::Minor,
                    since,
                    opened_at: samples::now(),
                    from,
                    to,
                },
            }
        }

        fn again(self) -> Self {
            let kind = EdgeKind::Escalated;
            Self {
                edge: Edge { kind, ..self.edge },
                ..self
            }
        }

        fn closed(self) -> Self {
            let opened_at = Timestamp::parse("2026-02-21T12:17:00Z").unwrap();
            let kind = EdgeKind::Closed;
            Self {
                edge: Edge {
                    kind,
                    opened_at,
                    ..self.edge
                },
                ..self
            }
        }

        fn notice(&self) -> Notice<'_> {
            Notice {
                speaker: Speaker::Alert(AlertId(12)),
                rule: &self.rule,
                pool: &self.pool,
                edge: self.edge,
                at: samples::now(),
                reading: &self.reading,
                assessment: &self.assessment,
                coin: None,
                before: None,
                verdict_before: Some(Verdict::Sustainable),
                source: "DefiLlama",
                own_time: false,
                unchanged_since: self.edge.since,
            }
        }
    }

    fn apy(value: f64) -> Figure {
        Figure::Apy(samples::percent(value))
    }

    fn fall() -> Case {
        let condition = samples::below().condition;
        Case::opened(condition, Some(apy(4.1)), apy(2.6))
    }

    #[test]
    fn an_opened_fall() {
        insta::assert_json_snapshot!(notice(&fall().notice(), samples::now()));
    }

    #[test]
    fn a_recovery() {
        let condition = samples::below().condition;
        let case = Case::opened(condition, Some(apy(2.6)), apy(4.1)).closed();
        insta::assert_json_snapshot!(notice(&case.notice(), samples::now()));
    }

    #[test]
    fn a_hostile_pool_that_is_told_late() {
        let mut case = fall();
        case.pool = samples::hostile_pool();
        case.reading.base = None;
        case.reading.reward = None;
        case.assessment = samples::no_split();
        case.rule.scope = Scope::of_pool(case.pool.id);
        let late = samples::now().plus(Span::hours(5).0);
        insta::assert_json_snapshot!(notice(&case.notice(), late));
    }

    #[test]
    fn a_verdict_says_which_figures_moved_it() {
        let condition = Condition::VerdictWorsens {
            window: Span::days(7),
        };
        let verdict = Figure::Verdict(Verdict::Unsustainable);
        let case = Case::opened(
            condition,
            Some(Figure::Verdict(Verdict::Sustainable)),
            verdict,
        );
        let told = |before: Option<Reading>| {
            let notice = Notice {
                before,
                ..case.notice()
            };
            what_changed(&notice)
        };
        let emissions = Reading {
            tvl_usd: 1.9e9,
            ..samples::reading(20.0, Some(2.0), Some(18.0))
        };
        assert_eq!(
            told(Some(emissions)).unwrap(),
            "APY 20.00 % → 2.60 %, paid in reward tokens 90 % → 0 %, TVL $1.9B → $1.2B"
        );
        let unsplit = samples::reading(2.6, None, None);
        assert_eq!(
            told(Some(unsplit)).unwrap(),
            "the source says now that none of it is paid in reward tokens"
        );
        assert_eq!(
            told(Some(case.reading)).unwrap(),
            "its own record of the last days, not the figures"
        );
        assert_eq!(told(None), None);
        let before = Some(emissions);
        let notice_with = Notice {
            before,
            ..case.notice()
        };
        let words = notice(&notice_with, samples::now())
            .to_discord()
            .to_string();
        assert!(
            words.contains("**What changed:** APY 20.00 % → 2.60 %"),
            "{words}"
        );
    }

    #[test]
    fn every_condition_has_its_words() {
        let change = Condition::ApyChange {
            value: 1.5,
            unit: Unit::Points,
            window: Span::days(1),
            clear_at: 1.2,
            falls_only: false,
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
        let above = Condition::ApyAbove {
            value: 10.0,
            clear_at: 8.0,
            major: None,
        };
        let off_peg = Condition::OffPeg {
            value: 2.0,
            clear_at: 1.6,
            major: None,
        };
        let was = |verdict| Some(Figure::Verdict(verdict));
        let cases = [
            fall(),
            Case::opened(samples::below().condition, Some(apy(2.6)), apy(4.1)).closed(),
            Case::opened(above, None, apy(12.0)),
            Case::opened(above, Some(apy(12.0)), apy(7.0)).closed(),
            Case::opened(change, Some(apy(2.0)), apy(4.0)),
            Case::opened(change, Some(apy(4.0)), apy(0.0)),
            Case::opened(change, Some(apy(2.0)), apy(4.0)).again(),
            Case::opened(change, Some(apy(4.0)), apy(4.1)).closed(),
            Case::opened(
                verdict,
                was(Verdict::Sustainable),
                Figure::Verdict(Verdict::Unsustainable),
            ),
            Case::opened(
                verdict,
                was(Verdict::Unsustainable),
                Figure::Verdict(Verdict::Mixed),
            )
            .closed(),
            Case::opened(off_peg, None, Figure::Peg(-3.2)),
            Case::opened(off_peg, None, Figure::Peg(-0.4)).closed(),
            Case::opened(
                Condition::ProtocolIncident,
                None,
                Figure::Protocol(Trouble::Flagged(Flag::Rugged)),
            ),
            Case::opened(
                Condition::ProtocolIncident,
                None,
                Figure::Protocol(Trouble::Drained(-0.42)),
            ),
            Case::opened(tvl, Some(Figure::Tvl(710e6)), Figure::Tvl(22e6)),
            Case::opened(tvl, Some(Figure::Tvl(710e6)), Figure::Tvl(11e6)).again(),
            // The window has gone by, and what left did not come back.
            Case::opened(tvl, Some(Figure::Tvl(710e6)), Figure::Tvl(12e6)).closed(),
            Case::opened(tvl, Some(Figure::Tvl(710e6)), Figure::Tvl(690e6)).closed(),
        ];
        let texts: Vec<String> = cases
            .iter()
            .map(|case| notice_text(&case.notice(), samples::now()))
            .collect();
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn only_a_time_of_the_pools_own_dates_its_figures() {
        let case = fall();
        let fetched = case.notice();
        let dated = Notice {
            own_time: true,
            ..case.notice()
        };
        for (notice, words) in [
            (fetched, "DefiLlama fetched 4 min ago, unchanged for 2 h"),
            (dated, "DefiLlama as of 4 min ago, unchanged for 2 h"),
        ] {
            let text = notice_text(&notice, samples::now());
            assert!(text.ends_with(words), "{text}");
        }
    }

    #[test]
    fn a_reason_is_one_plain_sentence() {
        let condition = Condition::ApyBelow {
            value: 20.0,
            clear_at: 24.0,
            major: None,
        };
        let mut case = Case::opened(condition, Some(apy(57.02)), apy(12.78));
        case.rule.timing = Timing::default();
        assert_eq!(
            reason(&case.notice()),
            "APY 57.02 % → 12.78 %, at or under 20 % since 2026-02-21T21:17:00Z"
        );
    }
}
