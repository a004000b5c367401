//! Pools in words: one in full, or a ranked list.

use super::{
    DOT, count, feed_words, lines_within,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{age, dollars, percent, rate_number},
    payer, risk, text, verdict,
};
use crate::domain::{
    ids::PoolId,
    payer::Paid,
    pool::Pool,
    reading::{DEFILLAMA, DataState, Doubt, FeedStats, Reading},
    risk::Finding,
    time::{Span, Timestamp},
    verdict::{Assessment, Origin, Usual, Verdict},
};

/// A pool with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct PoolView<'a> {
    pub pool: &'a Pool,
    pub reading: &'a Reading,
    pub assessment: &'a Assessment,
    pub state: DataState,
    /// Why the reading is not believed, while it is suspect.
    pub doubt: Option<Doubt>,
    /// The source as people know it.
    pub source: &'a str,
    /// When we asked the source.
    pub fetched_at: Timestamp,
    /// The figures are the same since then.
    pub unchanged_since: Timestamp,
    pub feed: &'a FeedStats,
    pub usual: Option<Usual>,
    /// The reading's time is the pool's own, not that of the fetch.
    pub own_time: bool,
}

/// What a search came to.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// The filter in words.
    pub asked: String,
    /// The best ones, in order.
    pub rows: &'a [PoolView<'a>],
    /// All that match and are not hidden.
    pub total: usize,
    /// Matches that the screen or the verdict keeps back.
    pub hidden: usize,
    /// The source as people know it.
    pub source: &'a str,
    /// When we asked the source.
    pub fetched_at: Timestamp,
}

/// What is known beside a pool's own figures.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    pub paid: &'a Paid,
    pub findings: &'a [Finding],
    /// Prices were not asked for yet, which would say more of what can go wrong.
    pub prices_unasked: bool,
}

/// One pool in full, with who pays and what can go wrong.
pub fn pool(view: &PoolView<'_>, beside: &Beside<'_>, now: Timestamp) -> Message {
    Message::from(Embed {
        title: name(view.pool),
        url: page(view.source, view.pool.id),
        description: summary(view),
        colour: if view.state == DataState::Good {
            verdict::colour(view.assessment.verdict)
        } else {
            Colour::Grey
        },
        fields: fields(view, beside, now),
        footer: footer(
            view.source,
            view.fetched_at,
            Some(view.unchanged_since),
            now,
        ),
        ..Embed::default()
    })
}

fn summary(view: &PoolView<'_>) -> String {
    let mut lines = Vec::new();
    lines.extend(meta(view.pool));
    if view.state != DataState::Good {
        lines.push(format!(
            "⚠ **{}** – {}",
            view.state.slug(),
            view.doubt.map_or(caution(view.state), verdict::doubt)
        ));
    }
    lines.push(format!(
        "APY **{}**{DOT}{}",
        percent(view.reading.apy),
        usual_words(view.usual.as_ref())
    ));
    lines.join("\n")
}

/// What the state of the data means for the figures beside it.
const fn caution(state: DataState) -> &'static str {
    match state {
        DataState::Good => "can be used",
        DataState::Suspect => "not used for verdicts or alerts until the source confirms it",
        DataState::Stale => "too old to be used for verdicts or alerts",
        DataState::Missing => "the source does not list it now; these are its last figures",
    }
}

/// What tells the pool from its namesakes, in the source's words.
pub(crate) fn meta(pool: &Pool) -> Option<String> {
    let meta = text::escape_to(pool.meta.as_deref()?, 80);
    (!meta.is_empty()).then(|| format!("*{meta}*"))
}

fn usual_words(usual: Option<&Usual>) -> String {
    match usual {
        None => "what is usual is not known".to_owned(),
        Some(usual) => {
            let origin = match usual.origin {
                Origin::Own => "30-day median, our own record",
                Origin::Feed => "30-day mean by the feed",
            };
            format!("usual {} ({origin})", percent(usual.centre))
        }
    }
}

fn fields(view: &PoolView<'_>, beside: &Beside<'_>, now: Timestamp) -> Vec<Field> {
    let pool = view.pool;
    let mut fields = vec![
        Field::narrow("Paid as", paid_as(view.reading)),
        Field::narrow("TVL", dollars(view.reading.tvl_usd)),
        Field::narrow("Exposure", exposure(pool)),
        Field::wide("Verdict", verdict::paragraph(view.assessment)),
        Field::wide("Who pays", payer::line(beside.paid)),
        Field::wide(
            "Risk, beside the verdict",
            format!(
                "{}{DOT}each check in `/risk check`{}",
                risk::line(beside.findings),
                if beside.prices_unasked {
                    ", which asks for prices too"
                } else {
                    ""
                }
            ),
        ),
        Field::wide("Method", method(pool)),
    ];
    fields.extend(feed_summary(view.feed).map(|words| Field::wide("The feed's own record", words)));
    fields.push(Field::wide("Data", data_words(view, now)));
    fields.push(Field::wide("Pool", key(view.source, pool.id)));
    fields
}

/// Who pays, as far as the source says: `base 2.60 + rewards 0.00 %`.
pub(crate) fn paid_as(reading: &Reading) -> String {
    match (reading.base, reading.reward) {
        (Some(base), Some(reward)) => {
            format!(
                "base {} + rewards {} %",
                rate_number(base),
                rate_number(reward)
            )
        }
        (Some(base), None) => format!("base {}, rewards not stated", percent(base)),
        (None, Some(reward)) => format!("rewards {}, base not stated", percent(reward)),
        (None, None) => "not split by the source".to_owned(),
    }
}

/// `one token, stablecoins only · no impermanent loss flagged`.
pub(crate) fn exposure(pool: &Pool) -> String {
    let tokens = if pool.multi_asset {
        "several tokens"
    } else {
        "one token"
    };
    let kind = if pool.stablecoin {
        ", stablecoins only"
    } else {
        ""
    };
    let loss = if pool.impermanent_loss {
        "impermanent loss"
    } else {
        "no impermanent loss flagged"
    };
    format!("{tokens}{kind}{DOT}{loss}")
}

fn method(pool: &Pool) -> String {
    let risks = pool.method.risks();
    if risks.is_empty() {
        format!(
            "{}: how it earns is not stated, so its risks are not known",
            pool.method.label()
        )
    } else {
        format!("{}, with {}", pool.method.label(), risks.join(", "))
    }
}

fn feed_summary(feed: &FeedStats) -> Option<String> {
    let mean = feed
        .mean_30d
        .map(|mean| format!("30-day mean {}", percent(mean)));
    let days = feed.days.and_then(|days| usize::try_from(days).ok());
    let days = days.map(|days| format!("{} observed", count(days, "day", "days")));
    let parts: Vec<String> = [mean, days].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(DOT))
}

fn data_words(view: &PoolView<'_>, now: Timestamp) -> String {
    let read = if view.own_time {
        format!("read by the source {} ago", age(now.since(view.reading.at)))
    } else {
        "the source does not say when it read the pool".to_owned()
    };
    let state = if view.state == DataState::Good {
        "fresh and plausible"
    } else {
        view.state.slug()
    };
    format!("{state}{DOT}{read}")
}

fn ages(fetched_at: Timestamp, unchanged_since: Option<Timestamp>, now: Timestamp) -> String {
    let fetched = format!("fetched {} ago", age(now.since(fetched_at)));
    match unchanged_since {
        // Figures that came with this very fetch have not stood for any time yet.
        Some(since) if since < fetched_at => {
            let stood = age(fetched_at.since(since));
            format!("{fetched}{DOT}unchanged for {stood}")
        }
        _ => fetched,
    }
}

/// From this age on, figures that stand still are worth a word beside others.
const STANDS_LONG: Span = Span::hours(6);

/// `unchanged for 26 h`, where that is long for a feed that speaks every hour.
pub(crate) fn stood(unchanged_since: Timestamp, now: Timestamp) -> Option<String> {
    let stood = now.since(unchanged_since);
    (stood >= STANDS_LONG.0).then(|| format!("unchanged for {}", age(stood)))
}

/// The end of a market reply: source, age, no advice.
pub(crate) fn footer(
    source: &str,
    fetched_at: Timestamp,
    unchanged_since: Option<Timestamp>,
    now: Timestamp,
) -> String {
    let source = feed_words(source);
    let ages = ages(fetched_at, unchanged_since, now);
    format!("{source}{DOT}{ages}{DOT}not advice")
}

/// The pool's key, leading to its page where the source has one.
pub(crate) fn key(source: &str, id: PoolId) -> String {
    match page(source, id) {
        Some(page) => format!("`{id}` ([page]({page}))"),
        None => format!("`{id}`"),
    }
}

pub(crate) fn page(source: &str, id: PoolId) -> Option<String> {
    (source == DEFILLAMA).then(|| format!("https://defillama.com/yields/pool/{id}"))
}

/// A ranked list of pools, one a line.
pub fn found(found: &Found<'_>, now: Timestamp) -> Message {
    let asked = text::escape_to(&found.asked, text::SENTENCE);
    let footer = footer(found.source, found.fetched_at, None, now);
    if found.rows.is_empty() {
        return nothing_found(&asked, found.hidden, &footer);
    }
    let lines: Vec<String> = found
        .rows
        .iter()
        .enumerate()
        .map(|(at, view)| row(at + 1, view, has_namesake(view, found.rows), now))
        .collect();
    let mut description = lines_within(&lines, 3_800);
    let mut notes = Vec::new();
    if found.total > found.rows.len() {
        notes.push(format!(
            "the first {} of {}",
            lines.len(),
            super::numbers::grouped(found.total)
        ));
    }
    notes.extend(hidden_words(found.hidden));
    if !notes.is_empty() {
        description = format!("{description}\n\n{}", notes.join(DOT));
    }
    Message::from(Embed {
        title: if asked.is_empty() {
            "All pools".to_owned()
        } else {
            asked
        },
        description,
        colour: Colour::Blue,
        footer,
        ..Embed::default()
    })
}

fn row(place: usize, view: &PoolView<'_>, namesake: bool, now: Timestamp) -> String {
    let mut parts = vec![
        format!(
            "{place}\\. **{}** – **{}** ({})",
            name(view.pool),
            percent(view.reading.apy),
            paid_as(view.reading)
        ),
        listed_verdict(view.assessment),
        format!("TVL {}", dollars(view.reading.tvl_usd)),
    ];
    parts.extend(meta(view.pool));
    if view.state == DataState::Good {
        parts.extend(stood(view.unchanged_since, now));
    } else {
        parts.push(format!("⚠ {}", view.state.slug()));
    }
    if namesake || text::is_mixed_script(&view.pool.symbol) {
        parts.push(format!("`{}`", view.pool.id));
    }
    parts.join(DOT)
}

/// The verdict, and of what is refused also the rule that refused it.
fn listed_verdict(assessment: &Assessment) -> String {
    if assessment.verdict == Verdict::Unsustainable {
        verdict::brief(assessment)
    } else {
        verdict::label(assessment.verdict).to_owned()
    }
}

/// Another row reads the same but for its figures, so the key has to tell them apart.
fn has_namesake(view: &PoolView<'_>, rows: &[PoolView<'_>]) -> bool {
    let face = |pool: &Pool| (name(pool), meta(pool));
    let ours = face(view.pool);
    rows.iter()
        .any(|other| other.pool.id != view.pool.id && face(other.pool) == ours)
}

fn hidden_words(hidden: usize) -> Option<String> {
    (hidden > 0).then(|| {
        let hidden = count(hidden, "pool is", "pools are");
        format!("{hidden} hidden: screened out or unsustainable – show with `verdict: any`, or why each was refused with `verdict: unsustainable`")
    })
}

fn nothing_found(asked: &str, hidden: usize, footer: &str) -> Message {
    let asked = if asked.is_empty() { "that" } else { asked };
    let hint = hidden_words(hidden).unwrap_or_else(|| {
        "Try fewer filters, a lower `min_tvl`, or the asset's exact symbol (`WETH` is not `ETH`)."
            .to_owned()
    });
    Message::text(format!("No pool to show for {asked}. {hint}\n-# {footer}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payer::Around;
    use crate::render::samples::{self, view};

    /// What was found among `total`, by an answer of four minutes ago.
    fn result<'a>(asked: &str, rows: &'a [PoolView<'a>], total: usize, hidden: usize) -> Found<'a> {
        Found {
            asked: asked.to_owned(),
            rows,
            total,
            hidden,
            source: "DefiLlama",
            fetched_at: samples::now().minus(Span::minutes(4).0),
        }
    }

    /// A pool beside which nothing is known.
    fn told(view: &PoolView<'_>) -> Message {
        let beside = Beside {
            paid: &Paid::of(view.pool, view.reading, &Around::default()),
            findings: &samples::nothing_known(),
            prices_unasked: view.state == DataState::Good,
        };
        pool(view, &beside, samples::now())
    }

    #[test]
    fn a_pool_in_full() {
        let (plain, calm, feed) = (samples::pool(), samples::calm(), samples::feed());
        let reading = samples::reading(4.1, Some(4.1), Some(0.0));
        let view = view(&plain, &reading, &calm, &feed);
        insta::assert_json_snapshot!(told(&view));
    }

    #[test]
    fn a_suspect_and_hostile_pool() {
        let (hostile, suspect) = (samples::hostile_pool(), samples::suspect());
        let feed = FeedStats::default();
        let reading = samples::reading(0.0, None, None);
        let view = PoolView {
            state: DataState::Suspect,
            doubt: Some(Doubt::Zero),
            usual: None,
            own_time: true,
            ..view(&hostile, &reading, &suspect, &feed)
        };
        insta::assert_json_snapshot!(told(&view));
    }

    #[test]
    fn a_list_tells_namesakes_apart() {
        let (plain, hostile, feed) = (samples::pool(), samples::hostile_pool(), samples::feed());
        let twin = Pool {
            id: hostile.id,
            ..plain.clone()
        };
        let (calm, spike) = (samples::calm(), samples::spike());
        let reading = samples::reading(4.1, Some(4.1), Some(0.0));
        let rows = [
            view(&plain, &reading, &calm, &feed),
            view(&twin, &reading, &spike, &feed),
            view(&hostile, &reading, &calm, &feed),
        ];
        let result = result("USDC, lending, TVL ≥ $10M", &rows, 57, 3);
        insta::assert_json_snapshot!(found(&result, samples::now()));
    }

    #[test]
    fn nothing_found_says_what_to_do() {
        let nothing = |hidden| result("**FOO**", &[], 0, hidden);
        let words = [0, 1, 12].map(|hidden| found(&nothing(hidden), samples::now()).content);
        insta::assert_snapshot!(words.join("\n"));
    }

    #[test]
    fn a_long_list_stays_within_one_message() {
        let (hostile, calm, feed) = (samples::hostile_pool(), samples::calm(), samples::feed());
        let reading = samples::reading(4.1, Some(4.1), Some(0.0));
        let rows = vec![view(&hostile, &reading, &calm, &feed); 60];
        let result = result("", &rows, 60, 0);
        let message = found(&result, samples::now());
        assert!(message.embeds[0].description.contains("\n+"));
        assert_eq!(message.clone().fitted(), message);
    }
}
