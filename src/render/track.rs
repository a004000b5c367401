//! How verdicts that were told turned out, in words.

use super::{
    count,
    numbers::{day, grouped},
};
use crate::domain::track::{Tally, Turned};

/// What is counted, in small letters.
const MEANING: &str = "-# Came true: the next 30 days paid under half of what the pool paid then, or of what the \
     30 days before had paid. Missed: a watched pool of 2 % and $100k or more fell so, and no verdict warned in \
     the 30 days before.";

/// The track record as lines, each on what one sort of verdicts became.
pub fn lines(tally: &Tally) -> Vec<String> {
    if tally.told() == 0 {
        return vec![join("None yet", missed(tally))];
    }
    let mut lines = vec![warnings(tally)];
    lines.extend(all_clears(tally));
    lines.extend(mixed(tally));
    lines.extend(by_limit(tally));
    if tally.repeats > 0 {
        lines.push(format!(
            "Told again within 30 days, and not counted again: {}",
            grouped(tally.repeats)
        ));
    }
    lines.push(if tally.known() > 0 {
        MEANING.to_owned()
    } else {
        first(tally)
    });
    lines
}

/// The track record as the last line of a digest; `None` where no verdict was told and none was missed.
pub fn line(tally: &Tally) -> Option<String> {
    let parts = match (tally.told(), tally.missed) {
        (0, 0) => return None,
        (0, _) => vec![join("None yet", missed(tally))],
        _ => {
            let mut parts = vec![warnings(tally)];
            parts.extend(all_clears(tally));
            parts.extend(by_limit(tally));
            parts.extend((tally.known() == 0).then(|| first(tally)));
            parts
        }
    };
    Some(format!(
        "**Verdicts told in the last 12 months:** {}",
        parts.join(". ")
    ))
}

fn warnings(tally: &Tally) -> String {
    let words = match (tally.warnings.all(), tally.by_limit.all()) {
        (0, 0) => "No warnings".to_owned(),
        (0, _) => "No warnings but by a limit".to_owned(),
        _ => warned(&tally.warnings),
    };
    join(&words, missed(tally))
}

/// `14 warnings: 11 came true, 3 did not`.
fn warned(turned: &Turned) -> String {
    let known = [(turned.fell, "came true"), (turned.lasted, "did not")];
    outcomes(&count(turned.all(), "warning", "warnings"), turned, known)
}

/// What a limit decides alone is told apart: it says nothing of how well a rate is judged.
fn by_limit(tally: &Tally) -> Option<String> {
    let turned = &tally.by_limit;
    (turned.all() > 0).then(|| format!("By a limit alone, on APY or on TVL: {}", warned(turned)))
}

fn all_clears(tally: &Tally) -> Option<String> {
    let turned = &tally.all_clears;
    let known = [(turned.lasted, "held"), (turned.fell, "did not")];
    let head = count(turned.all(), "all-clear", "all-clears");
    (turned.all() > 0).then(|| outcomes(&head, turned, known))
}

fn mixed(tally: &Tally) -> Option<String> {
    let turned = &tally.mixed;
    let known = [(turned.fell, "fell"), (turned.lasted, "lasted")];
    let head = count(turned.all(), "called mixed", "called mixed");
    (turned.all() > 0).then(|| outcomes(&head, turned, known))
}

/// Falls that came without a warning; `None` while nobody can know of one.
fn missed(tally: &Tally) -> Option<String> {
    match tally.missed {
        0 if tally.known() == 0 => None,
        0 => Some("no collapse was missed".to_owned()),
        missed => Some(count(
            missed,
            "collapse was missed",
            "collapses were missed",
        )),
    }
}

fn join(words: &str, more: Option<String>) -> String {
    more.map_or_else(|| words.to_owned(), |more| format!("{words}; {more}"))
}

/// What is known of them, and then what is not.
fn outcomes(head: &str, turned: &Turned, known: [(usize, &str); 2]) -> String {
    let mut parts = Vec::new();
    if turned.known() > 0 {
        parts.extend(known.map(|(number, became)| format!("{} {became}", grouped(number))));
    }
    if turned.not_known > 0 {
        let not_known = grouped(turned.not_known);
        parts.push(format!("{not_known} cannot be judged for want of readings"));
    }
    if turned.open > 0 {
        parts.push(count(turned.open, "is still open", "are still open"));
    }
    format!("{head}: {}", parts.join(", "))
}

/// When something will be known.
fn first(tally: &Tally) -> String {
    match tally.next {
        Some(next) => format!("The first can be judged on {}", day(next.start())),
        None => "None of them can be judged".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            time::Timestamp,
            track::{Announcement, HardLimit, Kept, Outcome},
            verdict::{Verdict, outcome::Fate},
        },
        render::samples,
    };

    const FELL: Outcome = Outcome::Known(Fate {
        of_today: 0.2,
        of_month: 0.9,
    });
    const LASTED: Outcome = Outcome::Known(Fate {
        of_today: 1.0,
        of_month: 1.0,
    });

    fn kept(verdict: Verdict, limit: Option<HardLimit>, outcome: Outcome) -> Kept {
        Kept {
            announcement: Announcement {
                verdict,
                at: Timestamp::parse("2026-02-09T14:00:00Z").unwrap(),
                apy: samples::percent(12.0),
                score: Some(0.3),
                paid_score: Some(0.4),
                limit,
            },
            is_repeat: false,
            outcome,
        }
    }

    fn shown(title: &str, tally: &Tally) -> String {
        let digest = line(tally).unwrap_or_else(|| "(nothing)".to_owned());
        format!(
            "{title}\n  status:\n    {}\n  digest:\n    {digest}",
            lines(tally).join("\n    ")
        )
    }

    #[test]
    fn a_track_record_reads_plainly_from_the_first_day_on() {
        let warned = |outcome| kept(Verdict::Unsustainable, None, outcome);
        let limited = |outcome| kept(Verdict::Unsustainable, Some(HardLimit::Apy), outcome);
        let cleared = |outcome| kept(Verdict::Sustainable, None, outcome);
        let mixed = |outcome| kept(Verdict::Mixed, None, outcome);
        let pending = [warned(Outcome::Open), warned(Outcome::Open)];
        let one = [warned(FELL), cleared(Outcome::Open)];
        let gone = [warned(Outcome::NotKnown)];
        let no_warning = [cleared(LASTED), cleared(FELL), mixed(Outcome::Open)];
        let limits = [limited(LASTED), limited(FELL), limited(LASTED)];
        let shown = [
            shown("none yet", &Tally::default()),
            shown("none, and one missed", &Tally::of([], 1)),
            shown("some pending", &Tally::of(pending, 0)),
            shown("one of each", &Tally::of(one, 1)),
            shown("a pool that was gone", &Tally::of(gone, 0)),
            shown("no warning", &Tally::of(no_warning, 0)),
            shown("by a limit alone", &Tally::of(limits, 0)),
            shown("many", &samples::track()),
        ];
        insta::assert_snapshot!(shown.join("\n"));
    }
}
