//! What a person is written to about, in words.
//!
//! It may be read by whoever looks at their phone: it names pools and rates, and never an amount. The figures
//! are behind a button.

use crate::{
    domain::{
        currency::Currency,
        episode::{Edge, EdgeKind},
        ids::WatchId,
        pool::Pool,
        rate::Percent,
        rule::Figure,
        time::{Day, Timestamp},
        verdict::{Assessment, Verdict},
        watch::{Of, Told, What},
    },
    render::{
        DOT,
        message::{Colour, Embed, Field, Message},
        notice::Form,
        numbers::{ago, limit, percent},
        pool,
        portfolio::date,
        press::{self, Mine},
        text, verdict,
    },
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
    fn words(self, form: Form) -> String {
        match self {
            Self::Whole => "what you hold".to_owned(),
            Self::Pool(pool) => form.name(pool),
            Self::Asset(symbol) if form == Form::Plain => text::plain_name(symbol),
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
    /// Why the verdict is what it is, where that is what is told.
    pub assessment: Option<&'a Assessment>,
    /// Who told the figures, and when.
    pub source: &'a str,
    pub read_at: Timestamp,
    /// The day of its reader.
    pub today: Day,
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
    let words = words(notice, Form::Discord);
    let mut lines = vec![words.body];
    lines.extend(source(notice));
    let why = notice.assessment.map(verdict::paragraph);
    let message = Message::from(Embed {
        title: format!("{} {}", words.mark, words.head),
        description: lines.join("\n"),
        colour: words.colour,
        fields: why
            .map(|why| Field::wide("Why, when this was told", why))
            .into_iter()
            .collect(),
        footer: format!("your watch {}{DOT}not advice", notice.watch),
        ..Embed::default()
    });
    match mine(&notice.what) {
        Some(mine) => message.with_buttons([press::mine(mine)]),
        None => message,
    }
}

/// Who told a pool's figures; what earns in no pool is told by its owner or by a network.
fn source(notice: &Notice<'_>) -> Option<String> {
    let pool = match (notice.place, notice.about) {
        (Some(place), _) => place.pool,
        (None, About::Pool(pool)) => pool,
        (None, _) => return None,
    };
    let is_of_figures = matches!(
        notice.what,
        What::Verdict { .. } | What::Rate { .. } | What::Better { .. }
    );
    let page = pool::page(notice.source, pool.id);
    let page = page.map(|page| format!("{DOT}[page]({page})"));
    is_of_figures.then(|| {
        format!(
            "{}, read {}{}",
            text::escape(notice.source),
            ago(notice.read_at),
            page.unwrap_or_default()
        )
    })
}

/// The same as a line of plain text.
pub fn notice_text(notice: &Notice<'_>) -> String {
    let words = words(notice, Form::Plain);
    format!("{} – {}", words.head, words.body)
}

/// What its reader may open; a pool that is watched without being held opens nothing of theirs.
pub const fn mine(what: &What) -> Option<Mine> {
    Some(match what {
        What::Goal => Mine::Income,
        What::Verdict { of } | What::Gone { of } | What::Rate { of, .. } => match of {
            Of::Mine => Mine::Positions,
            Of::Pool(_) => return None,
        },
        What::Unlock { .. } => Mine::Locks,
        What::Better { .. } => Mine::Better,
        What::Review { .. } => Mine::Review,
        What::Payouts { .. } => Mine::Payouts,
    })
}

fn since(edge: &Edge, form: Form) -> String {
    format!("since {}", form.time(edge.since))
}

fn words(notice: &Notice<'_>, form: Form) -> Words {
    let head = notice.about.words(form);
    match notice.told {
        Told::Reminder { day, .. } => reminder(notice, head, day, form),
        Told::Edge(edge) if edge.kind == EdgeKind::Closed => ending(notice, head, &edge, form),
        Told::Edge(edge) => beginning(notice, head, &edge, form),
    }
}

fn beginning(notice: &Notice<'_>, head: String, edge: &Edge, form: Form) -> Words {
    let since = since(edge, form);
    match notice.what {
        What::Goal => Words {
            mark: "📉",
            head: "Your income is under your goal".to_owned(),
            body: format!(
                "{}, {since}",
                form.strong("What you hold earns less than the goal that you keep")
            ),
            colour: Colour::Amber,
        },
        What::Rate { under, .. } => Words {
            mark: "📉",
            head,
            body: {
                let under = limit(under.get());
                let pays = format!("pays {}, under the {under} that you set", figure(edge.to));
                format!("{}, {since}", form.strong(&pays))
            },
            colour: Colour::Amber,
        },
        What::Gone { .. } => Words {
            mark: "❔",
            head,
            body: format!(
                "{}, {since}; what it pays and what lies in it is not known any more",
                form.strong("its source no longer lists it")
            ),
            colour: Colour::Grey,
        },
        What::Better { .. } => Words {
            mark: "💡",
            head,
            body: better(notice.place, form),
            colour: Colour::Blue,
        },
        _ => Words {
            mark: "🔻",
            head,
            body: {
                let verdict = format!("verdict: {}", change(edge));
                format!("{}, {since}", form.strong(&verdict))
            },
            colour: match edge.to {
                Figure::Verdict(verdict) => verdict::colour(verdict),
                _ => Colour::Amber,
            },
        },
    }
}

fn better(place: Option<Place<'_>>, form: Form) -> String {
    const AS_KNOWN: &str = "at no more risk, as far as is known";
    let Some(place) = place else {
        let more = form.strong("There is a place that pays more");
        return format!("{more} {AS_KNOWN}");
    };
    let there = format!("{} pays {}", form.name(place.pool), percent(place.rate));
    let here = place.now.map(|now| format!(", yours {},", percent(now)));
    format!(
        "{}{} {AS_KNOWN}{DOT}{}",
        form.strong(&there),
        here.unwrap_or_default(),
        verdict::label(place.verdict)
    )
}

fn ending(notice: &Notice<'_>, head: String, edge: &Edge, form: Form) -> Words {
    let since = since(edge, form);
    let (head, body) = match notice.what {
        What::Goal => (
            "Your income reaches your goal again".to_owned(),
            format!("What you hold earns what you want, or more, {since}"),
        ),
        What::Gone { .. } => (head, format!("listed again, {since}")),
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

fn reminder(notice: &Notice<'_>, head: String, day: Day, form: Form) -> Words {
    let (mark, head, body) = match notice.what {
        What::Unlock { .. } => {
            let ends = if day < notice.today { "ended" } else { "ends" };
            let day = match form {
                Form::Discord => date(day),
                Form::Plain => day.to_string(),
            };
            let words = format!("its lock {ends} on {day}");
            ("🔓", head, form.strong(&words))
        }
        What::Review { .. } => (
            "🗓️",
            "A review is due".to_owned(),
            form.strong("See what changed about what you hold, and mark it as done"),
        ),
        _ => (
            "🧾",
            "Pay-outs are not logged".to_owned(),
            form.strong("Income that was expected is due and not in your ledger"),
        ),
    };
    Words {
        mark,
        head,
        body,
        colour: Colour::Blue,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{position::usd, reading::DataState, rule::Tier, time::Span},
        render::samples,
    };

    fn edge(kind: EdgeKind, from: Option<Figure>, to: Figure) -> Told {
        let since = samples::now().minus(Span::hours(2).0);
        Told::Edge(Edge {
            kind,
            episode: 1,
            ordinal: 0,
            since,
            opened_at: samples::now(),
            from,
            to,
            tier: Tier::Minor,
        })
    }

    fn rate(value: f64) -> Figure {
        Figure::Apy(samples::percent(value))
    }

    #[test]
    fn what_a_person_is_written_names_no_amount() {
        use EdgeKind::{Closed, Escalated, Opened};
        let (pool, hostile) = (samples::pool(), samples::hostile_pool());
        let why = samples::emissions();
        let place = Place {
            pool: &pool,
            rate: samples::percent(4.9),
            verdict: Verdict::Sustainable,
            now: Some(samples::percent(2.6)),
        };
        let verdict = Figure::Verdict;
        let mine = What::Verdict { of: Of::Mine };
        let under = What::Rate {
            of: Of::Mine,
            under: samples::percent(3.0),
        };
        let better = What::Better {
            least: Some(usd("1234".parse().unwrap())),
        };
        let whole = About::Whole;
        let (day, nth) = (Day(20_600), 1);
        let due = Told::Reminder { day, nth };
        let cases = [
            (What::Goal, whole, edge(Opened, None, Figure::OfGoal(74.0))),
            (What::Goal, whole, edge(Closed, None, Figure::OfGoal(103.0))),
            (
                mine,
                About::Pool(&pool),
                edge(
                    Opened,
                    Some(verdict(Verdict::Sustainable)),
                    verdict(Verdict::Mixed),
                ),
            ),
            (
                mine,
                About::Pool(&hostile),
                edge(
                    Escalated,
                    Some(verdict(Verdict::Mixed)),
                    verdict(Verdict::Unsustainable),
                ),
            ),
            (
                mine,
                About::Pool(&pool),
                edge(Closed, None, verdict(Verdict::Sustainable)),
            ),
            (
                What::Gone { of: Of::Mine },
                About::Pool(&pool),
                edge(Opened, None, Figure::Data(DataState::Missing)),
            ),
            (under, About::Pool(&pool), edge(Opened, None, rate(2.6))),
            (under, About::Asset("SOL"), edge(Closed, None, rate(3.2))),
            (better, About::Pool(&pool), edge(Opened, None, rate(4.9))),
            (What::Unlock { days: 7 }, About::Money(Currency::Eur), due),
            (What::Review { days: 91 }, whole, due),
            (What::Payouts { days: 30 }, whole, due),
        ];
        let written = cases.map(|(what, about, told)| {
            let one = Notice {
                watch: WatchId(3),
                what,
                about,
                told,
                place: matches!(what, What::Better { .. }).then_some(place),
                assessment: matches!(what, What::Verdict { .. }).then_some(&why),
                source: "DefiLlama",
                read_at: samples::now(),
                today: day,
            };
            let message = notice(&one);
            assert_eq!(message, message.clone().fitted(), "it has room");
            assert!(!format!("{message:?}").contains("1,234"));
            (message, notice_text(&one))
        });
        insta::assert_json_snapshot!(written);
    }
}
