//! Other places for the same assets, with a verdict that one can rely on.

use super::{
    DOT,
    message::{Colour, Embed, Message},
    name,
    numbers::{dollars, percent},
    pool::{self, PoolView},
    risk, text, verdict,
};
use crate::domain::{risk::Finding, time::Timestamp};

/// A pool, and where else its assets can earn.
#[derive(Debug, Clone, Copy)]
pub struct Calmer<'a> {
    pub than: PoolView<'a>,
    /// The best ones, in order.
    pub places: &'a [Place<'a>],
}

/// One of them, with what can go wrong there.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub view: PoolView<'a>,
    pub findings: Vec<Finding>,
}

pub fn calmer(calmer: &Calmer<'_>, now: Timestamp) -> Message {
    let than = &calmer.than;
    let footer = pool::footer(than.source, than.fetched_at, None, now);
    let here = format!(
        "Here: **{}** – {}{DOT}{}",
        name(than.pool),
        percent(than.reading.apy),
        verdict::label(than.assessment.verdict)
    );
    if calmer.places.is_empty() {
        let symbol = text::name(&than.pool.symbol);
        return Message::text(format!(
            "{here}\nNo other pool takes {symbol} with a sustainable verdict now. `/yield find` with \
             `verdict: any` shows the others.\n-# {footer}"
        ));
    }
    let mut lines = vec![here, String::new()];
    lines.extend((1..).zip(calmer.places).map(|(at, place)| row(at, place)));
    lines.push("A lock-up is named where the source states one.".to_owned());
    Message::from(Embed {
        title: format!("Calmer places for {}", text::name(&than.pool.symbol)),
        description: lines.join("\n"),
        colour: Colour::Green,
        footer,
        ..Embed::default()
    })
}

fn row(at: usize, place: &Place<'_>) -> String {
    let Place {
        view: place,
        findings,
    } = place;
    let mut parts = vec![
        format!(
            "{at}\\. **{}** – **{}** ({})",
            name(place.pool),
            percent(place.reading.apy),
            pool::paid_as(place.reading)
        ),
        verdict::label(place.assessment.verdict).to_owned(),
        format!("TVL {}", dollars(place.reading.tvl_usd)),
    ];
    match place.pool.lock_up() {
        Some(words) => parts.push(format!("🔒 {}", text::escape_to(words, 80))),
        None => parts.extend(pool::meta(place.pool)),
    }
    format!("{}\n   {}", parts.join(DOT), risk::line(findings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::pool::Pool, render::samples};

    #[test]
    fn places_with_their_lock_up() {
        let (calm, emissions) = (samples::calm(), samples::emissions());
        let feed = samples::feed();
        let farm = Pool {
            protocol: "yield-farm".into(),
            ..samples::pool()
        };
        let high = samples::reading(20.0, Some(2.0), Some(18.0));
        let (near, low) = (samples::pool(), samples::reading(4.1, Some(4.1), Some(0.0)));
        let locked = Pool {
            protocol: "staked".into(),
            meta: Some("7 days unstaking".into()),
            ..samples::pool()
        };
        let places = [&near, &locked].map(|pool| Place {
            view: samples::view(pool, &low, &calm, &feed),
            findings: samples::nothing_known(),
        });
        let than = samples::view(&farm, &high, &emissions, &feed);
        let some = Calmer {
            than,
            places: &places,
        };
        insta::assert_json_snapshot!(calmer(&some, samples::now()));
        let none = Calmer { than, places: &[] };
        insta::assert_snapshot!(calmer(&none, samples::now()).content);
    }
}
