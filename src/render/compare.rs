//! Pools side by side. On a phone nothing stands beside anything, so each pool is a block of the same
//! few lines, and what tells them apart is said first.

use super::{
    DOT,
    correlation::in_common,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{dollars, percent},
    pool::{PoolView, exposure, footer, paid_as},
    stack::{lock_up, method_words},
    text, verdict,
};
use crate::domain::{pool::Pool, reading::DataState, time::Timestamp};

/// Two pools or more, in the order in which they were asked for.
pub fn compare(
    views: &[PoolView<'_>],
    source: &str,
    fetched_at: Timestamp,
    now: Timestamp,
) -> Message {
    let pools: Vec<&Pool> = views.iter().map(|view| view.pool).collect();
    let mut fields: Vec<Field> = views
        .iter()
        .enumerate()
        .map(|(at, view)| block(at + 1, view))
        .collect();
    fields.push(Field::wide("In common", in_common(&pools)));
    Message::from(Embed {
        title: format!("{} pools side by side", views.len()),
        description: standing_out(views),
        colour: Colour::Blue,
        fields,
        footer: footer(source, fetched_at, None, now),
        ..Embed::default()
    })
}

/// Which pool is ahead in what. Figures that are not fresh lead nothing.
fn standing_out(views: &[PoolView<'_>]) -> String {
    let usable: Vec<(usize, &PoolView<'_>)> = (1..)
        .zip(views)
        .filter(|(_, view)| view.state == DataState::Good)
        .collect();
    let mut lines = Vec::new();
    let highest = |view: &PoolView<'_>| view.reading.apy.get();
    lines.extend(
        ahead(&usable, highest)
            .map(|(at, view)| format!("Highest APY: {at} ({})", percent(view.reading.apy))),
    );
    let rank = |view: &PoolView<'_>| view.assessment.verdict.rank().map_or(-1.0, f64::from);
    let judged: Vec<(usize, &PoolView<'_>)> = usable
        .iter()
        .copied()
        .filter(|(_, view)| view.assessment.verdict.rank().is_some())
        .collect();
    lines.extend(ahead(&judged, rank).map(|(at, view)| {
        let label = verdict::label(view.assessment.verdict);
        format!("Best verdict: {at} ({label})")
    }));
    let largest = |view: &PoolView<'_>| view.reading.tvl_usd;
    lines.extend(
        ahead(&usable, largest)
            .map(|(at, view)| format!("Largest TVL: {at} ({})", dollars(view.reading.tvl_usd))),
    );
    if lines.is_empty() {
        return "None of them has figures that can be used at the moment.".to_owned();
    }
    lines.join("\n")
}

/// The places of those that nobody is ahead of, and one of them.
fn ahead<'a, 'b>(
    views: &[(usize, &'a PoolView<'b>)],
    figure: impl Fn(&PoolView<'_>) -> f64,
) -> Option<(String, &'a PoolView<'b>)> {
    let (_, best) = views
        .iter()
        .max_by(|(_, a), (_, b)| figure(a).total_cmp(&figure(b)))?;
    let places: Vec<String> = views
        .iter()
        .filter(|(_, view)| figure(view).total_cmp(&figure(best)).is_eq())
        .map(|(at, _)| format!("**{at}**"))
        .collect();
    Some((places.join(", "), best))
}

fn block(at: usize, view: &PoolView<'_>) -> Field {
    let pool = view.pool;
    let mut lines = Vec::new();
    if view.state != DataState::Good {
        lines.push(format!("⚠ **{}** figures", view.state.slug()));
    }
    lines.push(format!(
        "**{}**{DOT}{}{DOT}{}",
        percent(view.reading.apy),
        paid_as(view.reading),
        usual(view)
    ));
    lines.push(verdict::brief(view.assessment));
    lines.push(format!(
        "TVL {}{DOT}{}",
        dollars(view.reading.tvl_usd),
        exposure(pool)
    ));
    lines.push(method_words(pool.method));
    let stated = lock_up(pool);
    let meta = pool.meta.as_deref().filter(|_| stated.is_none());
    lines.extend(meta.map(|meta| format!("*{}*", text::escape_to(meta, 80))));
    lines.push(stated.unwrap_or_else(|| "lock-up: not stated by the source".to_owned()));
    Field::wide(format!("{at} · {}", name(pool)), lines.join("\n"))
}

fn usual(view: &PoolView<'_>) -> String {
    match &view.usual {
        Some(usual) => format!("usual {}", percent(usual.centre)),
        None => "what is usual is not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::method::Method,
        render::samples::{self, view},
    };

    #[test]
    fn pools_of_all_sorts_side_by_side() {
        let (calm, emissions, suspect) =
            (samples::calm(), samples::emissions(), samples::suspect());
        let feed = samples::feed();
        let staked = Pool {
            protocol: "lido".into(),
            symbol: "STETH".into(),
            meta: Some("7 days unstaking".into()),
            method: Method::StakingLiquid,
            stablecoin: false,
            ..samples::pool()
        };
        let (plain, hostile) = (samples::pool(), samples::hostile_pool());
        let readings = [
            samples::reading(4.1, Some(4.1), Some(0.0)),
            samples::reading(20.0, Some(2.0), Some(18.0)),
            samples::reading(0.0, None, None),
        ];
        let views = [
            view(&plain, &readings[0], &calm, &feed),
            view(&staked, &readings[1], &emissions, &feed),
            PoolView {
                state: DataState::Suspect,
                usual: None,
                ..view(&hostile, &readings[2], &suspect, &feed)
            },
        ];
        let message = compare(&views, "DefiLlama", samples::now(), samples::now());
        assert_eq!(message.clone().fitted(), message);
        insta::assert_json_snapshot!(message);
        let unusable = compare(&views[2..], "DefiLlama", samples::now(), samples::now());
        assert!(unusable.embeds[0].description.starts_with("None of them"));
    }
}
