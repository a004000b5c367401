//! What somebody else's message can mean, told to the one who asked.

use super::{
    DOT, count,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{bare, dollars, limit, percent, whole},
    pool::{PoolView, footer, key, meta},
    text, verdict,
};
use crate::domain::{
    ids::PoolId, rate::Percent, reading::DataState, time::Timestamp, verdict::Verdict,
};

/// What was found.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// The pools that fit best, the largest first.
    pub fits: &'a [PoolView<'a>],
    /// How many more fit as well.
    pub more: usize,
    pub found: Found,
    /// The names by which they were found.
    pub names: &'a [String],
    pub claim: Option<Claim>,
    /// A pool whose address the message holds, and which the source does not list.
    pub unlisted: Option<PoolId>,
    /// A name in it mixes letters of several alphabets.
    pub mixes_scripts: bool,
    /// The message has words at all.
    pub has_text: bool,
    /// Percent above which offers are screened out.
    pub max_apy: f64,
    pub source: &'a str,
    pub fetched_at: Timestamp,
}

/// How pools were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The message holds their address, so nothing was guessed.
    ByAddress,
    ByName,
    /// Several offers are named, so that nobody can tell whose rate is stated.
    OfSeveral,
}

/// A rate that the message states.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub stated: Percent,
    /// The time that it is stated for, as in `a day`; none where it is for a year or not said.
    pub per: Option<&'static str>,
    /// For a year, without compounding.
    pub yearly: Percent,
}

/// What a message can mean and what is known of it.
pub fn checked(checked: &Checked<'_>, now: Timestamp) -> Message {
    let mut lines = Vec::new();
    lines.extend(checked.claim.map(|claim| claim_words(checked, &claim)));
    if checked.mixes_scripts {
        lines.push(
            "⚠ A word in it mixes letters of several alphabets, as false names do. Such a word was not \
             taken for the name that it looks like."
                .to_owned(),
        );
    }
    lines.extend(checked.unlisted.map(|id| {
        format!(
            "⚠ It links to the pool `{id}`, which {} does not list now: gone, too small, or never there.",
            text::name(checked.source)
        )
    }));
    lines.push(how_found(checked));
    let fields = checked.fits.iter().zip(1..).map(|(view, at)| fit(at, view));
    Message::from(Embed {
        title: "What this message can mean".to_owned(),
        description: lines.join("\n"),
        colour: colour(checked),
        fields: fields.collect(),
        footer: footer(checked.source, checked.fetched_at, None, now),
        ..Embed::default()
    })
}

fn over_screen(checked: &Checked<'_>) -> bool {
    let claim = checked.claim;
    claim.is_some_and(|claim| claim.yearly.get() > checked.max_apy)
}

fn colour(checked: &Checked<'_>) -> Colour {
    match checked.fits {
        _ if over_screen(checked) => Colour::Red,
        [only] => verdict::colour(only.assessment.verdict),
        [] => Colour::Grey,
        _ => Colour::Blue,
    }
}

/// What the message says against what is paid.
fn claim_words(checked: &Checked<'_>, claim: &Claim) -> String {
    let stated = match claim.per {
        Some(per) => format!(
            "**{} {per}**, which is {} a year even before compounding",
            limit(claim.stated.get()),
            limit(claim.yearly.get())
        ),
        None => format!("**{}**", limit(claim.stated.get())),
    };
    let mut lines = vec![if checked.found == Found::OfSeveral {
        format!(
            "Of several offers the highest rate is {stated}; which pool it is about is not clear."
        )
    } else {
        format!("It says {stated}.{}", paid_words(checked, claim))
    }];
    if over_screen(checked) {
        lines.push(format!(
            "⚠ Over {} a year an offer is screened out as unsustainable: rates like that rarely last.",
            limit(checked.max_apy)
        ));
        if checked.fits.is_empty() {
            lines.push(
                "No pool that is known here stands behind it. Whoever offers it should be able to name \
                 the pool and its address; send nothing before you have looked at it yourself."
                    .to_owned(),
            );
        }
    }
    lines.join("\n")
}

/// What the pool that is meant pays; nothing where none is found.
fn paid_words(checked: &Checked<'_>, claim: &Claim) -> String {
    let best = checked.fits.first();
    let Some(best) = best.filter(|view| view.state == DataState::Good) else {
        return String::new();
    };
    let which = if checked.fits.len() == 1 && checked.more == 0 {
        "The pool"
    } else {
        "The largest pool that fits"
    };
    let paid = best.reading.apy;
    let compared = compared(claim.yearly, paid);
    format!(" {which} pays **{}** now{compared}.", percent(paid))
}

/// How far a stated rate is from one that is paid.
fn compared(stated: Percent, paid: Percent) -> String {
    if paid.get() <= 0.0 || stated.get() <= 0.0 {
        return String::new();
    }
    let ratio = stated.get() / paid.get();
    if ratio > 10.0 {
        format!("; the message says {} times that", whole(ratio))
    } else if ratio > 1.25 {
        let ratio = (ratio * 10.0).round() / 10.0;
        format!("; the message says {} times that", bare(ratio))
    } else if ratio < 0.8 {
        ", more than the message says".to_owned()
    } else {
        ", which is about the same".to_owned()
    }
}

fn how_found(checked: &Checked<'_>) -> String {
    let names: Vec<String> = checked.names.iter().map(|name| text::name(name)).collect();
    let names = names.join(", ");
    let shown = checked.fits.len();
    if shown == 0 {
        return nothing_fits(checked, &names);
    }
    if checked.found == Found::ByAddress {
        return "Found by the address in it.".to_owned();
    }
    let rest = match checked.more {
        0 => String::new(),
        more => {
            let all = count(shown + more, "pool fits", "pools fit");
            format!(" {all} equally well; these are the largest.")
        }
    };
    format!("Found by the names in it: {names}. Which pool is meant is a guess.{rest}")
}

fn nothing_fits(checked: &Checked<'_>, names: &str) -> String {
    let why = if !checked.has_text {
        "It has no text that can be read; what is in a picture is not."
    } else if names.is_empty() {
        "It names no protocol, token or pool that is known here."
    } else {
        "No pool fits what it names."
    };
    let found = if names.is_empty() {
        String::new()
    } else {
        format!(" It names {names}.")
    };
    format!(
        "{why}{found} Search with `/yield find`, or give the pool's DefiLlama address to `/yield pool`."
    )
}

fn fit(at: usize, view: &PoolView<'_>) -> Field {
    let mut lines = vec![format!(
        "**{}**{DOT}{}{DOT}TVL {}",
        percent(view.reading.apy),
        judged(view),
        dollars(view.reading.tvl_usd)
    )];
    lines.extend(meta(view.pool));
    lines.push(key(view.source, view.pool.id));
    Field::wide(format!("{at} · {}", name(view.pool)), lines.join("\n"))
}

fn judged(view: &PoolView<'_>) -> String {
    if view.state == DataState::Good {
        verdict::brief(view.assessment)
    } else {
        let state = view.state.slug();
        format!("{} (⚠ {state} figures)", verdict::label(Verdict::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{self, view};

    fn nothing() -> Checked<'static> {
        Checked {
            fits: &[],
            more: 0,
            found: Found::ByName,
            names: &[],
            claim: None,
            unlisted: None,
            mixes_scripts: false,
            has_text: true,
            max_apy: 100.0,
            source: "DefiLlama",
            fetched_at: samples::now(),
        }
    }

    fn says(stated: f64) -> Claim {
        let stated = samples::percent(stated);
        Claim {
            stated,
            per: None,
            yearly: stated,
        }
    }

    fn words(told: &Checked<'_>) -> String {
        let message = checked(told, samples::now());
        assert_eq!(message.clone().fitted(), message);
        message.embeds[0].description.clone()
    }

    #[test]
    fn an_offer_beside_what_is_paid() {
        let (plain, hostile) = (samples::pool(), samples::hostile_pool());
        let (calm, spike, feed) = (samples::calm(), samples::spike(), samples::feed());
        let reading = samples::reading(4.1, Some(4.1), Some(0.0));
        let fits = [
            view(&plain, &reading, &calm, &feed),
            PoolView {
                state: DataState::Stale,
                ..view(&hostile, &reading, &spike, &feed)
            },
        ];
        let names = ["aave-v3", "USDC", "@everyone"].map(str::to_owned);
        let told = Checked {
            fits: &fits,
            more: 12,
            names: &names,
            claim: Some(says(40.0)),
            mixes_scripts: true,
            ..nothing()
        };
        insta::assert_json_snapshot!(checked(&told, samples::now()));
    }

    #[test]
    fn what_cannot_be_found_is_said_with_what_to_do() {
        let names = ["USDC".to_owned()];
        let daily = Claim {
            stated: samples::percent(2.0),
            per: Some("a day"),
            yearly: samples::percent(730.0),
        };
        let cases = [
            nothing(),
            Checked {
                has_text: false,
                ..nothing()
            },
            Checked {
                names: &names,
                claim: Some(says(8.0)),
                ..nothing()
            },
            Checked {
                claim: Some(daily),
                ..nothing()
            },
            Checked {
                unlisted: Some(samples::pool().id),
                ..nothing()
            },
        ];
        insta::assert_snapshot!(cases.each_ref().map(words).join("\n\n"));
    }

    #[test]
    fn a_claim_is_compared_with_what_is_paid() {
        let (plain, calm, feed) = (samples::pool(), samples::calm(), samples::feed());
        let reading = samples::reading(4.0, Some(4.0), None);
        let fits = [view(&plain, &reading, &calm, &feed)];
        for (stated, end) in [
            (400.0, "the message says 100 times that."),
            (10.0, "the message says 2.5 times that."),
            (4.2, "pays **4.00 %** now, which is about the same."),
            (2.0, "pays **4.00 %** now, more than the message says."),
            (0.0, "pays **4.00 %** now."),
        ] {
            let told = Checked {
                fits: &fits,
                found: Found::ByAddress,
                claim: Some(says(stated)),
                ..nothing()
            };
            let told = words(&told);
            assert!(told.contains(end), "{stated}: {told}");
        }
    }
}
