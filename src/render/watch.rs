//! What people have watched for them, in words: what is written to them, and the answers of `/watch`.
//!
//! What is written to a person may be read by whoever looks at their phone: it names pools and rates, and
//! never an amount. The figures are behind a button.

use super::{
    DOT, count, lines_within,
    message::{Button, Colour, Embed, Message},
    name,
    numbers::{ago, limit, moment, percent, span, sum},
    plan::goals,
    portfolio::date,
    press::{self, Mine},
    text, verdict,
};
use crate::domain::{
    currency::{Currency, Reckoning},
    episode::{Edge, EdgeKind},
    ids::WatchId,
    pool::Pool,
    rate::Percent,
    rule::Figure,
    time::{Day, Timestamp},
    verdict::Verdict,
    watch::{KeptWatch, Of, Seen, Told, Watch, What},
};

/// What a notice is about, as far as it may be named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum About<'a> {
    /// All that is held.
    Whole,
    Pool(&'a Pool),
    /// A holding in no pool that is known, by its token.
    Asset(&'a str),
    /// A holding in no pool that is known, told in money.
    Money(Currency),
}

impl About<'_> {
    fn words(self) -> String {
        match self {
            Self::Whole => "what you hold".to_owned(),
            Self::Pool(pool) => name(pool),
            Self::Asset(symbol) => text::name(symbol),
            Self::Money(currency) => format!("a holding in {}", currency.code()),
        }
    }
}

/// A place that pays more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place<'a> {
    pub pool: &'a Pool,
    pub rate: Percent,
    pub verdict: Verdict,
    /// What is held pays now.
    pub now: Option<Percent>,
}

/// Something that a person is written to about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Notice<'a> {
    pub watch: WatchId,
    pub what: What,
    pub about: About<'a>,
    pub told: Told,
    /// Where the same would earn more.
    pub place: Option<Place<'a>>,
    /// Who told the figures, and when.
    pub source: &'a str,
    pub read_at: Timestamp,
}

/// A head and what stands below it.
struct Words {
    mark: &'static str,
    head: String,
    body: String,
    colour: Colour,
}

/// What the person reads.
pub fn notice(notice: &Notice<'_>) -> Message {
    let words = words(notice);
    let mut lines = vec![words.body];
    if has_figures(&notice.what) {
        let source = text::escape(notice.source);
        lines.push(format!("{source}, read {}", ago(notice.read_at)));
    }
    let message = Message::from(Embed {
        title: format!("{} {}", words.mark, words.head),
        description: lines.join("\n"),
        colour: words.colour,
        footer: format!("your watch {}{DOT}not advice", notice.watch),
        ..Embed::default()
    });
    match mine(&notice.what) {
        Some(mine) => message.with_buttons([press::mine(mine)]),
        None => message,
    }
}

/// The same as a line of plain text.
pub fn notice_text(notice: &Notice<'_>) -> String {
    let words = words(notice);
    let body = words.body.replace("**", "");
    format!("{} – {body}", words.head)
}

const fn has_figures(what: &What) -> bool {
    matches!(
        what,
        What::Verdict { .. } | What::Rate { .. } | What::Better { .. }
    )
}

/// What its reader may open; a pool that is watched without being held opens nothing of theirs.
pub const fn mine(what: &What) -> Option<Mine> {
    Some(match what {
        What::Goal => Mine::Income,
        What::Verdict { of: Of::Mine } | What::Rate { of: Of::Mine, .. } => Mine::Positions,
        What::Verdict { of: Of::Pool(_) }
        | What::Rate {
            of: Of::Pool(_), ..
        } => return None,
        What::Unlock { .. } => Mine::Locks,
        What::Better { .. } => Mine::Better,
        What::Review { .. } => Mine::Review,
        What::Payouts { .. } => Mine::Payouts,
    })
}

fn words(notice: &Notice<'_>) -> Words {
    let head = notice.about.words();
    match notice.told {
        Told::Reminder(day) => reminder(notice, head, day),
        Told::Edge(edge) if edge.kind == EdgeKind::Closed => ending(notice, head, &edge),
        Told::Edge(edge) => beginning(notice, head, &edge),
    }
}

fn beginning(notice: &Notice<'_>, head: String, edge: &Edge) -> Words {
    let since = since(edge);
    match notice.what {
        What::Goal => Words {
            mark: "📉",
            head: "Your income is under your goal".to_owned(),
            body: format!("**What you hold earns less than the goal that you keep**, {since}"),
            colour: Colour::Amber,
        },
        What::Rate { under, .. } => Words {
            mark: "📉",
            head,
            body: format!(
                "**pays {}, under the {} that you set**, {since}",
                figure(edge.to),
                limit(under.get())
            ),
            colour: Colour::Amber,
        },
        What::Better { .. } => Words {
            mark: "💡",
            head,
            body: match notice.place {
                Some(place) => format!(
                    "**{} pays {}**{} at no more risk, as far as is known{DOT}{}",
                    name(place.pool),
                    percent(place.rate),
                    place
                        .now
                        .map(|now| format!(", yours {},", percent(now)))
                        .unwrap_or_default(),
                    verdict::label(place.verdict)
                ),
                None => "**There is a place that pays more** at no more risk, as far as is known"
                    .to_owned(),
            },
            colour: Colour::Blue,
        },
        _ => Words {
            mark: "🔻",
            head,
            body: format!("**verdict: {}**, {since}", change(edge)),
            colour: match edge.to {
                Figure::Verdict(verdict) => verdict::colour(verdict),
                _ => Colour::Amber,
            },
        },
    }
}

fn ending(notice: &Notice<'_>, head: String, edge: &Edge) -> Words {
    let since = since(edge);
    let (head, body) = match notice.what {
        What::Goal => (
            "Your income reaches your goal again".to_owned(),
            format!("What you hold earns what you want, or more, {since}"),
        ),
        What::Rate { .. } => (head, format!("pays {} again, {since}", figure(edge.to))),
        _ => (head, format!("verdict: {} again, {since}", figure(edge.to))),
    };
    Words {
        mark: "✅",
        head,
        body,
        colour: Colour::Green,
    }
}

fn reminder(notice: &Notice<'_>, head: String, day: Day) -> Words {
    let (mark, head, body) = match notice.what {
        What::Unlock { .. } => ("🔓", head, format!("**its lock ends on {}**", date(day))),
        What::Review { .. } => (
            "🗓️",
            "A review is due".to_owned(),
            "**See what changed about what you hold, and mark it as done**".to_owned(),
        ),
        _ => (
            "🧾",
            "Pay-outs are not logged".to_owned(),
            "**Income that was expected is over and not in your ledger**".to_owned(),
        ),
    };
    Words {
        mark,
        head,
        body,
        colour: Colour::Blue,
    }
}

fn since(edge: &Edge) -> String {
    format!("since {} ({})", moment(edge.since), ago(edge.since))
}

fn change(edge: &Edge) -> String {
    match edge.from {
        Some(from) => format!("{} → {}", figure(from), figure(edge.to)),
        None => figure(edge.to),
    }
}

/// Verdicts and rates are all that is told of a figure.
fn figure(figure: Figure) -> String {
    match figure {
        Figure::Verdict(verdict) => verdict::label(verdict).to_owned(),
        Figure::Apy(rate) => percent(rate),
        _ => String::new(),
    }
}

/// What a person reads who asked whether they can be written to.
pub fn greeting() -> Message {
    Message::from(Embed {
        title: "👋 I can write to you".to_owned(),
        description:
            "What you have watched is told here. A message names pools and never an amount; your \
                      figures open by its button, for you alone."
                .to_owned(),
        colour: Colour::Grey,
        footer: "/watch list shows what is watched".to_owned(),
        ..Embed::default()
    })
}

/// The greeting as plain text.
pub const GREETING: &str = "I can write to you. What you have watched is told here.";

/// A watch in words: `the verdict on anything that I hold gets worse`.
pub fn what_words(what: &What, pool: Option<&Pool>, reckoning: &Reckoning) -> String {
    let whose = |of: &Of| match of {
        Of::Mine => "anything that you hold".to_owned(),
        Of::Pool(_) => pool.map_or_else(|| "a pool that is gone".to_owned(), name),
    };
    match what {
        What::Goal => "your income is under your goal".to_owned(),
        What::Verdict { of } => format!("the verdict on {} gets worse", whose(of)),
        What::Rate { of, under } => {
            format!("{} pays less than {}", whose(of), limit(under.get()))
        }
        What::Unlock { days } => format!("a lock ends within {}", days_words(*days)),
        What::Better { least_usd } if least_usd.is_zero() => {
            "something you hold would earn more elsewhere at no more risk".to_owned()
        }
        What::Better { least_usd } => format!(
            "something you hold would earn {} a year more elsewhere at no more risk",
            sum(reckoning.of(*least_usd), reckoning.currency)
        ),
        What::Review { days } => {
            format!("your last review is {} ago", days_words(*days))
        }
        What::Payouts { days } => format!(
            "pay-outs are not logged, every {} at most",
            days_words(*days)
        ),
    }
}

fn days_words(days: u16) -> String {
    count(usize::from(days), "day", "days")
}

/// How direct messages to a person stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direct {
    /// Nothing was sent yet.
    Untried,
    /// The last one arrived then.
    Works { last: Timestamp },
    /// One was just sent, and arrived.
    Arrived,
    /// One was just sent, and it is not known yet what became of it.
    Underway,
    /// Discord does not let the bot write to them.
    Refused,
    /// It does not work for another reason, which mends itself or is the operator's.
    Failing,
}

impl Direct {
    fn words(self) -> String {
        match self {
            Self::Untried => "Nothing was sent to you yet; `/watch test` tries it.".to_owned(),
            Self::Works { last } => format!("The last message to you arrived {}.", ago(last)),
            Self::Arrived => "✅ A message to you has just arrived.".to_owned(),
            Self::Underway => {
                "A message to you is under way; `/watch list` shows what became of it.".to_owned()
            }
            Self::Refused => "⚠ **Discord does not let me write to you, so your watches rest.** Allow direct \
                              messages from a server that we share, in its menu under Privacy Settings, or \
                              install me for yourself; then `/watch test`. Nothing is deleted."
                .to_owned(),
            Self::Failing => {
                "⚠ **Messages to you do not get through at present, so your watches rest.** `/watch test` \
                 tries again. Nothing is deleted."
                    .to_owned()
            }
        }
    }
}

/// What becomes of direct messages, for the next answer that their reader sees.
pub fn news(direct: Direct) -> String {
    direct.words()
}

/// A watch with how things stand for it.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    pub kept: &'a KeptWatch,
    /// The pool that it names, where that is known.
    pub pool: Option<&'a Pool>,
    /// How things stand now, in words for the owner alone.
    pub now: String,
}

/// A watch was set.
pub fn added(shown: &Shown<'_>, reckoning: &Reckoning, direct: Direct) -> Message {
    let watch = &shown.kept.watch;
    let mut lines = vec![format!(
        "**{}** I write to you when {}{}.",
        shown.kept.id,
        what_words(&watch.what, shown.pool, reckoning),
        held_words(watch)
    )];
    if !shown.now.is_empty() {
        lines.push(format!("Now: {}.", shown.now));
    }
    lines.push(direct.words());
    Message::from(Embed {
        title: "Watched for you".to_owned(),
        description: lines.join("\n"),
        colour: match direct {
            Direct::Refused | Direct::Failing => Colour::Amber,
            _ => Colour::Green,
        },
        footer:
            "a message names pools and never an amount · /watch list · /watch pause · /watch remove"
                .to_owned(),
        ..Embed::default()
    })
}

/// Reminders hold for nothing.
fn held_words(watch: &Watch) -> String {
    let is_reminder = matches!(
        watch.what,
        What::Unlock { .. } | What::Review { .. } | What::Payouts { .. }
    );
    if is_reminder {
        return String::new();
    }
    let hold = watch.timing.hold;
    if hold.0.is_zero() {
        return " in two readings".to_owned();
    }
    format!(" for {}", span(hold))
}

/// All that is watched for a person.
pub fn list(all: &[Shown<'_>], reckoning: &Reckoning, direct: Direct, now: Timestamp) -> Message {
    if all.is_empty() {
        return Message::text(
            "Nothing is watched for you. `/watch goal` writes to you when your income is under your goal, \
             `/watch add` when a verdict gets worse, a rate falls or a lock ends, `/watch better` when \
             something would earn more elsewhere, `/watch remind` for reviews and your ledger.",
        );
    }
    let lines: Vec<String> = all
        .iter()
        .map(|shown| line(shown, reckoning, now))
        .collect();
    Message::from(Embed {
        title: "Watched for you".to_owned(),
        description: format!("{}\n{}", lines_within(&lines, 3_000), direct.words()),
        colour: match direct {
            Direct::Refused | Direct::Failing => Colour::Amber,
            _ => Colour::Blue,
        },
        footer: "a message names pools and never an amount".to_owned(),
        ..Embed::default()
    })
}

fn line(shown: &Shown<'_>, reckoning: &Reckoning, now: Timestamp) -> String {
    let watch = &shown.kept.watch;
    let mut parts = vec![format!(
        "**{}** when {}{}",
        shown.kept.id,
        what_words(&watch.what, shown.pool, reckoning),
        held_words(watch)
    )];
    if let Some(until) = watch.paused_until.filter(|until| now < *until) {
        parts.push(format!("⏸ rests until {} ({})", moment(until), ago(until)));
    }
    if watch.open() > 0 {
        parts.push(format!("**told of {}**", watch.open()));
    }
    if watch.pending() > 0 {
        parts.push(format!("{} so, not for long enough yet", watch.pending()));
    }
    if !shown.now.is_empty() {
        parts.push(format!("now {}", shown.now));
    }
    parts.join(DOT)
}

/// The same in plain words, for a choice while somebody types.
pub fn choice(kept: &KeptWatch, pool: Option<&Pool>, reckoning: &Reckoning) -> String {
    let words = what_words(&kept.watch.what, pool, reckoning).replace('\\', "");
    format!("{}: {words}", kept.id)
}

/// A watch is gone.
pub fn removed(kept: &KeptWatch, pool: Option<&Pool>, reckoning: &Reckoning) -> Message {
    Message::text(format!(
        "No longer watched: {}.",
        what_words(&kept.watch.what, pool, reckoning)
    ))
}

/// So many watches rest until then, or look again.
pub fn paused(watches: usize, until: Option<Timestamp>) -> Message {
    let watches = count(watches, "watch", "watches");
    Message::text(match until {
        Some(until) => format!(
            "{watches} of yours at rest until {} ({}). What is still so then is told then.",
            moment(until),
            ago(until)
        ),
        None => format!("{watches} of yours looking again."),
    })
}

/// What became of a message that somebody asked for. `link` leads to it.
pub fn tested(direct: Direct, link: Option<String>) -> Message {
    let message = Message::text(direct.words());
    match link {
        Some(link) => message.with_buttons([Button::open("Show it", link)]),
        None => message,
    }
}

/// How things stand for a watch at the moment, for its owner alone; empty where there is nothing to say.
pub fn now(watch: &Watch, seen: &Seen<'_>) -> String {
    match watch.what {
        What::Goal => seen.reached.map_or_else(
            || "not known how much of your goal is reached".to_owned(),
            |reached| format!("{} of your goal", goals::bar(reached)),
        ),
        What::Verdict { of: Of::Pool(id) } => seen.pools.get(&id).map_or_else(
            || "the pool is not listed".to_owned(),
            |pool| verdict::label(pool.verdict).to_owned(),
        ),
        What::Verdict { of: Of::Mine } => verdicts(seen),
        What::Rate {
            of: Of::Pool(id), ..
        } => {
            let rate = seen.pools.get(&id).and_then(|pool| pool.rate);
            rate.map_or_else(
                || "no usable rate".to_owned(),
                |rate| format!("it pays {}", percent(rate)),
            )
        }
        What::Rate { of: Of::Mine, .. } => lowest(seen),
        What::Unlock { .. } => {
            let locks = seen.lines.iter();
            let locks = locks.filter_map(|line| line.position.stake.lock_until);
            let next = locks.filter(|day| *day >= seen.today).min();
            next.map_or_else(
                || "nothing of yours is locked".to_owned(),
                |day| format!("the next one ends on {}", date(day)),
            )
        }
        What::Better { least_usd } => {
            let places = seen.better.into_iter().flatten();
            let enough = places
                .filter(|(_, found)| found.is_some_and(|found| found.yearly_usd >= least_usd));
            match enough.count() {
                0 => "nothing of yours would".to_owned(),
                some => format!(
                    "{} of yours would, see `/yield better`",
                    count(some, "position", "positions")
                ),
            }
        }
        What::Review { days } => {
            let last = seen.reviewed_at.unwrap_or(watch.set_at).day();
            format!("due on {}", date(Day(last.0 + i32::from(days))))
        }
        What::Payouts { .. } => match seen.unlogged.unwrap_or_default() {
            0 => "all are logged".to_owned(),
            some => format!(
                "{} not logged, see `/portfolio income`",
                count(some, "pay-out is", "pay-outs are")
            ),
        },
    }
}

/// `3 ✅ sustainable, 1 ⚠️ mixed`.
fn verdicts(seen: &Seen<'_>) -> String {
    if seen.pools.is_empty() {
        return "you hold nothing in a pool".to_owned();
    }
    let told = Verdict::ALL.into_iter().filter_map(|verdict| {
        let pools = seen.pools.values();
        let count = pools.filter(|pool| pool.verdict == verdict).count();
        (count > 0).then(|| format!("{count} {}", verdict::label(verdict)))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn lowest(seen: &Seen<'_>) -> String {
    let pools = seen.pools.values().filter_map(|pool| pool.rate);
    let others = seen.lines.iter();
    let others = others.filter(|line| line.position.stake.pools().next().is_none());
    let rates = pools.chain(others.filter_map(|line| line.rate));
    let lowest = rates.min_by(|a, b| a.get().total_cmp(&b.get()));
    lowest.map_or_else(
        || "you hold nothing whose rate is known".to_owned(),
        |rate| format!("the least that yours pay is {}", percent(rate)),
    )
}
