//! `/portfolio income`: what was received, what is expected and what is estimated, over a stretch of days.

use chrono::{Datelike as _, Months, NaiveDate};

use super::logged::{Books, books};
use crate::{
    discord::{
        buttons::Button,
        commands::consent::{self, Wish},
        context::{Bot, Context, parts},
        errors::CommandError,
        params::{Choice, OneOf},
    },
    domain::{
        currency::Currency,
        flow::{Flow, Unlogged},
        ids::UserId,
        ledger::{Entry, Kind},
        method::Method,
        money::{Amount, Money},
        person::Chosen,
        position::Holding,
        time::{Day, Timestamp},
    },
    render::{self, income::Shown, message::Message, picture::income::Chart},
};

/// The stretch that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    ThisMonth,
    ThisYear,
    LastYear,
    TwelveMonthsBack,
    TwelveMonthsAhead,
}

impl Choice for Window {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        Self::ALL.map(|it| (it.label(), it.slug(), it)).into()
    }
}

impl Window {
    const ALL: [Self; 5] = [
        Self::ThisMonth,
        Self::ThisYear,
        Self::LastYear,
        Self::TwelveMonthsBack,
        Self::TwelveMonthsAhead,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::ThisMonth => "this month",
            Self::ThisYear => "this year",
            Self::LastYear => "last year",
            Self::TwelveMonthsBack => "the last twelve months",
            Self::TwelveMonthsAhead => "the next twelve months",
        }
    }

    /// How options and buttons call it. It never changes.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::ThisMonth => "month",
            Self::ThisYear => "year",
            Self::LastYear => "last-year",
            Self::TwelveMonthsBack => "back",
            Self::TwelveMonthsAhead => "ahead",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.slug() == slug)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::ThisMonth => "this month",
            Self::ThisYear => "this year",
            Self::LastYear => "last year",
            Self::TwelveMonthsBack => "over the last twelve months",
            Self::TwelveMonthsAhead => "over the next twelve months",
        }
    }

    /// The first and the last day of it.
    fn days(self, today: Day) -> (Day, Day) {
        let date = today.date();
        let first = |year, month| {
            let date = NaiveDate::from_ymd_opt(year, month, 1);
            date.map_or(today, Day::of)
        };
        let before = |day: Day| Day(day.0 - 1);
        let months = |date: NaiveDate, count: u32| {
            date.checked_add_months(Months::new(count))
                .map_or(today, Day::of)
        };
        let this_month = first(date.year(), date.month());
        match self {
            Self::ThisMonth => (this_month, before(months(this_month.date(), 1))),
            Self::ThisYear => (first(date.year(), 1), before(first(date.year() + 1, 1))),
            Self::LastYear => (first(date.year() - 1, 1), before(first(date.year(), 1))),
            Self::TwelveMonthsBack => {
                let start = date.checked_sub_months(Months::new(12));
                (
                    start.map_or(today, |start| Day(Day::of(start).0 + 1)),
                    today,
                )
            }
            Self::TwelveMonthsAhead => (Day(today.0 + 1), months(date, 12)),
        }
    }
}

/// What you received, what is expected and what is estimated, kept apart
#[poise::command(slash_command)]
pub(super) async fn income(
    ctx: Context<'_>,
    #[description = "Which days; this year when left out"] window: Option<OneOf<Window>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let window = window.map_or(Window::ThisYear, |window| window.0);
    let answer = Box::pin(answer(ctx.data(), caller.user, window));
    super::super::answer_alone(app, answer).await
}

pub(in crate::discord::commands) async fn answer(
    bot: &Bot,
    owner: UserId,
    window: Window,
) -> Result<Message, CommandError> {
    let app = &bot.app;
    let Some(books) = books(app, owner).await? else {
        return Ok(render::portfolio::empty());
    };
    let Books {
        chosen,
        view,
        portfolio,
        received,
        today,
        ..
    } = &books;
    let now = app.clock.now();
    let flow = Flow::of(portfolio, received, window.days(*today), *today);
    let number = unlogged(&flow, chosen, now).len();
    // Whoever keeps shares of the whole has no amounts to log.
    let may_log = number > 0 && chosen.currency != Currency::Share;
    let log = may_log.then(|| (Button::Log { owner, window }.encode(), number));
    let reckoning = super::reckoning(app, chosen);
    let picture = picture(Chart::of(&flow, &reckoning, window.words())).await;
    let shown = Shown {
        window: window.words(),
        flow: &flow,
        chosen,
        rates: super::rates(view),
        reckoning,
        log,
        now,
    };
    Ok(render::income::income(&shown, picture))
}

/// What was expected by now and is not in the ledger, as that would have it.
fn unlogged(flow: &Flow<'_>, chosen: &Chosen, now: Timestamp) -> Vec<Entry> {
    let unlogged = flow.unlogged.iter();
    unlogged
        // What comes today has come by now at the latest.
        .filter_map(|one| entry(one, chosen.zone.noon(one.day).min(now)))
        .collect()
}

/// Logs what was expected over these days and is not in the ledger, as of now.
pub async fn log(bot: &Bot, owner: UserId, window: Window) -> Result<Message, CommandError> {
    let Some(books) = books(&bot.app, owner).await? else {
        return Ok(render::portfolio::empty());
    };
    let days = window.days(books.today);
    let flow = Flow::of(&books.portfolio, &books.received, days, books.today);
    let entries = unlogged(&flow, &books.chosen, bot.app.clock.now());
    consent::keep_or_ask(bot, owner, Wish::Payouts(entries)).await
}

/// Draws where it keeps nobody waiting. Without a picture the words still stand.
async fn picture(chart: Option<Chart>) -> Option<Vec<u8>> {
    let chart = chart?;
    let drawn = tokio::task::spawn_blocking(move || chart.draw()).await;
    match drawn
        .map_err(anyhow::Error::from)
        .and_then(|drawn| Ok(drawn?))
    {
        Ok(picture) => Some(picture),
        Err(error) => {
            tracing::warn!(%error, "an income is told in words alone");
            None
        }
    }
}

/// A pay-out as the ledger would have it; `None` where its amount is not known. What is told in money is logged
/// as that much of its currency: which tokens come in nobody said.
fn entry(one: &Unlogged<'_>, at: Timestamp) -> Option<Entry> {
    let position = &one.line.position;
    let amount = Amount::new(one.amount?.round_dp(12))?;
    let kind = kind(one.line.method);
    let (bare, note) = match &position.stake.holding {
        Holding::Units { asset, .. } => (
            Entry::new(at, kind, asset, amount),
            "as it was expected, not measured",
        ),
        Holding::Worth(Money { currency, .. }) => {
            let currency = *currency;
            (
                Entry::in_money(at, kind, Money { amount, currency }),
                "as it was expected, not measured; in money, as its position is told",
            )
        }
    };
    Some(Entry {
        position: Some(position.id),
        note: Some(note.to_owned()),
        ..bare
    })
}

const fn kind(method: Method) -> Kind {
    match method {
        Method::StakingDirect | Method::StakingDelegated | Method::StakingLiquid => Kind::Staking,
        Method::Lending => Kind::Interest,
        Method::Liquidity => Kind::LpFee,
        Method::Aggregator | Method::Farming => Kind::Reward,
        Method::Index | Method::Unknown => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_and_ends_where_its_name_says() {
        let days = |window: Window, today: &str| {
            let (from, to) = window.days(Day::parse(today).unwrap());
            format!("{from} {to}")
        };
        for (window, today, wanted) in [
            (Window::ThisMonth, "2026-12-31", "2026-12-01 2026-12-31"),
            (Window::ThisYear, "2026-03-01", "2026-01-01 2026-12-31"),
            (Window::LastYear, "2026-03-01", "2025-01-01 2025-12-31"),
            (
                Window::TwelveMonthsBack,
                "2026-02-28",
                "2025-03-01 2026-02-28",
            ),
            (
                Window::TwelveMonthsAhead,
                "2026-02-28",
                "2026-03-01 2027-02-28",
            ),
        ] {
            assert_eq!(days(window, today), wanted, "{window:?}");
        }
    }
}
