//! What people have watched for them, in words: the answers of `/watch`. What is written to them is in
//! [`notice`].

use std::collections::BTreeMap;

use super::{
    DOT, count, lines_within,
    message::{Button, Colour, Embed, Message},
    notice::Form,
    numbers::{ago, limit, moment, percent, span, sum},
    plan::goals,
    pool,
    portfolio::{Rates, date},
    text, verdict,
};
use crate::domain::{
    ids::PoolId,
    pool::Pool,
    time::{Day, Timestamp},
    verdict::Verdict,
    watch::{KeptWatch, Of, PoolSeen, Seen, Watch, What, is_enough},
};

pub mod notice;

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

/// A watch in words: `the verdict on anything that you hold gets worse`.
fn what_words(what: &What, pool: Option<&Pool>, form: Form) -> String {
    let whose = |of: &Of| match (of, pool) {
        (Of::Mine, _) => "anything that you hold".to_owned(),
        (Of::Pool(_), Some(pool)) => form.name(pool),
        (Of::Pool(_), None) => "a pool that is gone".to_owned(),
    };
    match what {
        What::Goal => "your income is under your goal".to_owned(),
        What::Verdict { of } => format!("the verdict on {} gets worse", whose(of)),
        What::Gone { of } => format!("{} is no longer listed", whose(of)),
        What::Rate { of, under } => {
            format!("{} pays less than {}", whose(of), limit(under.get()))
        }
        What::Unlock { days } => format!("a lock ends within {}", days_words(*days)),
        What::Better { least: None } => {
            "something you hold would earn more elsewhere at no more risk".to_owned()
        }
        What::Better { least: Some(money) } => format!(
            "something you hold would earn {} a year more elsewhere at no more risk",
            sum(money.amount.get(), money.currency)
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
    /// So a moment ago: it was not tried again.
    JustRefused,
    /// The last one did not get through; the next one may.
    Lost,
    /// It works again.
    Back,
}

impl Direct {
    const fn is_troubled(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::JustRefused | Self::Failing | Self::Lost
        )
    }

    /// In a sentence, with what to do where they do not get through.
    pub fn words(self) -> String {
        match self {
            Self::Untried => "Nothing was sent to you yet, and your watches begin once that works: `/watch test` tries it."
                .to_owned(),
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
            Self::JustRefused => "⚠ Discord refused a message to you a moment ago, so I have not tried again. Allow \
                                  direct messages first; then give `/watch test` once more in ten seconds."
                .to_owned(),
            Self::Lost => {
                "⚠ That message did not get through; `/watch test` tries again.".to_owned()
            }
            Self::Back => "✅ Messages to you get through again.".to_owned(),
        }
    }
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
pub fn added(shown: &Shown<'_>, direct: Direct, rates: &Rates<'_>, at: Timestamp) -> Message {
    let watch = &shown.kept.watch;
    let mut lines = vec![format!(
        "**{}** I write to you when {}{}.",
        shown.kept.id,
        what_words(&watch.what, shown.pool, Form::Discord),
        held_words(watch)
    )];
    if !shown.now.is_empty() {
        lines.push(format!("Now: {}.", shown.now));
    }
    lines.extend(silence(rates));
    lines.push(direct.words());
    Message::from(Embed {
        title: "Watched for you".to_owned(),
        description: lines.join("\n"),
        colour: if direct.is_troubled() {
            Colour::Amber
        } else {
            Colour::Green
        },
        footer: pool::footer(rates.source, rates.fetched_at, None, at),
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
pub fn list(all: &[Shown<'_>], direct: Direct, rates: &Rates<'_>, at: Timestamp) -> Message {
    if all.is_empty() {
        return Message::text(
            "Nothing is watched for you. `/watch goal` writes to you when your income is under your goal, \
             `/watch add` when a verdict gets worse, a rate falls or a lock ends, `/watch better` when \
             something would earn more elsewhere, `/watch remind` for reviews and your ledger.",
        );
    }
    let mut lines: Vec<String> = all.iter().map(|shown| line(shown, at)).collect();
    lines.extend(silence(rates));
    Message::from(Embed {
        title: "Watched for you".to_owned(),
        description: format!("{}\n{}", lines_within(&lines, 3_000), direct.words()),
        colour: if direct.is_troubled() {
            Colour::Amber
        } else {
            Colour::Blue
        },
        footer: pool::footer(rates.source, rates.fetched_at, None, at),
        ..Embed::default()
    })
}

/// While the source is silent its figures are too old to be judged.
fn silence(rates: &Rates<'_>) -> Option<String> {
    let source = text::escape(rates.source);
    rates.are_old.then(|| {
        format!("⚠ {source} is silent: until it answers, only what is due by its day is told.")
    })
}

fn line(shown: &Shown<'_>, now: Timestamp) -> String {
    let watch = &shown.kept.watch;
    let mut parts = vec![format!(
        "**{}** when {}{}",
        shown.kept.id,
        what_words(&watch.what, shown.pool, Form::Discord),
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
pub fn choice(kept: &KeptWatch, pool: Option<&Pool>) -> String {
    let words = what_words(&kept.watch.what, pool, Form::Plain);
    format!("{}: {words}", kept.id)
}

/// A watch is gone.
pub fn removed(kept: &KeptWatch, pool: Option<&Pool>) -> Message {
    Message::text(format!(
        "No longer watched: {}.",
        what_words(&kept.watch.what, pool, Form::Discord)
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
        What::Goal => goal_words(seen),
        What::Verdict { of: Of::Pool(id) } => seen.pools.get(&id).map_or_else(
            || "the pool is not listed".to_owned(),
            |pool| verdict::label(pool.verdict).to_owned(),
        ),
        What::Verdict { of: Of::Mine } => verdicts(seen),
        What::Gone { of } => match of {
            Of::Pool(id) => match seen.pools.get(&id) {
                Some(pool) if pool.is_listed => "it is listed".to_owned(),
                Some(_) | None => "it is not listed".to_owned(),
            },
            Of::Mine => {
                let gone = held(seen).values().filter(|pool| !pool.is_listed).count();
                match gone {
                    0 => "all of yours are listed".to_owned(),
                    some => format!("{} not listed", count(some, "pool is", "pools are")),
                }
            }
        },
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
        What::Better { least } => {
            let places = seen.better.into_iter().flatten();
            let enough = places
                .filter(|(_, found)| is_enough(**found, least, seen.exchange).unwrap_or(false));
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

/// How much of the goal is reached, and why that may not be judged.
fn goal_words(seen: &Seen<'_>) -> String {
    let Some(goal) = seen.goal else {
        return "you keep no goal, so nothing is judged".to_owned();
    };
    let Some(reached) = goal.reached else {
        return "no exchange rate is known, so nothing is judged".to_owned();
    };
    let bar = format!("{} of your goal", goals::bar(reached));
    let unvalued = seen.lines.iter().filter(|line| line.income_usd.is_none());
    match unvalued.count() {
        0 => bar,
        _ if reached >= 1.0 => bar,
        some => format!(
            "{bar}, but {} cannot be valued, so nothing is judged",
            count(some, "position", "positions")
        ),
    }
}

/// The pools that are held, each once.
fn held(seen: &Seen<'_>) -> BTreeMap<PoolId, PoolSeen> {
    let held = seen.lines.iter();
    let held = held.flat_map(|line| line.position.stake.pools());
    let seen = held.filter_map(|id| seen.pools.get(&id));
    seen.map(|pool| (pool.id, *pool)).collect()
}

/// `3 ✅ sustainable, 1 🟡 mixed`.
fn verdicts(seen: &Seen<'_>) -> String {
    let held = held(seen);
    if held.is_empty() {
        return "you hold nothing in a pool".to_owned();
    }
    let told = Verdict::ALL.into_iter().filter_map(|verdict| {
        let count = held.values().filter(|pool| pool.verdict == verdict).count();
        (count > 0).then(|| format!("{count} {}", verdict::label(verdict)))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn lowest(seen: &Seen<'_>) -> String {
    let rates = seen.lines.iter().filter_map(|line| line.rate);
    let lowest = rates.min_by(|a, b| a.get().total_cmp(&b.get()));
    lowest.map_or_else(
        || "you hold nothing whose rate is known".to_owned(),
        |rate| format!("the least that yours pay is {}", percent(rate)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{episode::Timing, ids::WatchId, time::Span},
        render::samples,
    };

    #[test]
    fn each_state_of_direct_messages_says_what_to_do() {
        let watch = Watch::new(What::Goal, Timing::default(), samples::now());
        let kept = KeptWatch {
            id: WatchId(3),
            watch,
        };
        let gone = What::Verdict {
            of: Of::Pool(PoolId::from_bytes([9; 16])),
        };
        let resting = KeptWatch {
            id: WatchId(4),
            watch: Watch::new(gone, Timing::AT_ONCE, samples::now())
                .resting(Some(samples::now().plus(Span::days(1).0))),
        };
        let shown = |kept, now: &str| Shown {
            kept,
            pool: None,
            now: now.to_owned(),
        };
        let all = [
            shown(&kept, "▰▰▰▰▰▰▰▱▱▱ 74 % of your goal"),
            shown(&resting, ""),
        ];
        let rates = |are_old| Rates {
            source: "DefiLlama",
            fetched_at: samples::now(),
            are_old,
        };
        let last = samples::now();
        let states = [
            Direct::Untried,
            Direct::Works { last },
            Direct::Arrived,
            Direct::Underway,
            Direct::Refused,
            Direct::Failing,
            Direct::JustRefused,
            Direct::Lost,
            Direct::Back,
        ];
        let added = states.map(|direct| added(&all[0], direct, &rates(false), samples::now()));
        let now = samples::now();
        insta::assert_json_snapshot!((
            added,
            list(&all, Direct::Refused, &rates(true), now),
            list(&[], Direct::Untried, &rates(false), now),
            removed(&kept, None),
            paused(1, Some(now)),
            paused(2, None),
            tested(
                Direct::Arrived,
                Some("https://discord.com/channels/@me/1/2".to_owned())
            ),
        ));
    }
}
