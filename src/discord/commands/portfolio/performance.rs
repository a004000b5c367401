//! `/portfolio performance`: what the price did, what income came on top, and what fees took.

use rust_decimal::Decimal;

use super::logged::{Books, books};
use crate::{
    app::App,
    discord::{
        context::{Context, parts},
        errors::CommandError,
        params::{Choice, OneOf},
    },
    domain::{
        ids::UserId,
        income::Line,
        performance::{Basis, Past, Performance, together},
        position::Holding,
        time::Day,
    },
    render::{self, message::Message, performance::Shown},
};

/// The stretch that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    Opened,
    Days(i32),
}

impl Choice for Window {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("since each was opened", "opened", Self::Opened),
            ("over the last 30 days", "30d", Self::Days(30)),
            ("over the last 90 days", "90d", Self::Days(90)),
            ("over the last year", "365d", Self::Days(365)),
        ]
    }
}

impl Window {
    fn words(self) -> &'static str {
        let offered = Self::offered().into_iter();
        let mut words = offered.filter(|(_, _, window)| *window == self);
        words.next().map_or("", |(words, ..)| words)
    }

    /// The first day that counts for something that has earned since `since`.
    fn start(self, since: Day, today: Day) -> Day {
        match self {
            Self::Opened => since,
            Self::Days(days) => since.max(Day(today.0 - days)),
        }
    }
}

/// How your positions did: price, income and fees side by side
#[poise::command(slash_command)]
pub(super) async fn performance(
    ctx: Context<'_>,
    #[description = "Since when; since each was opened when left out"] window: Option<
        OneOf<Window>,
    >,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let window = window.map_or(Window::Opened, |window| window.0);
    let answer = Box::pin(answer(&ctx.data().app, caller.user, window));
    super::super::answer_alone(app, answer).await
}

async fn answer(app: &App, owner: UserId, window: Window) -> Result<Message, CommandError> {
    let books = books(app, owner).await?;
    let Some(books) = books.filter(|books| !books.portfolio.lines.is_empty()) else {
        return Ok(render::portfolio::empty());
    };
    let starts = starts(app, &books, window).await;
    let lines = books.portfolio.lines.iter();
    let (mut parts, mut left_out) = (Vec::new(), Vec::new());
    for (line, start) in lines.zip(starts) {
        match start.and_then(|start| Performance::of(line, past(&books, line, start))) {
            Some(part) => parts.push(part),
            None => left_out.push(line),
        }
    }
    Ok(render::performance::performance(&Shown {
        window: window.words(),
        parts: &parts,
        all: together(&parts),
        left_out: &left_out,
        rates: super::rates(&books.view),
        reckoning: super::reckoning(app, &books.chosen),
        now: app.clock.now(),
    }))
}

/// What a position began with.
#[derive(Clone, Copy)]
struct Start {
    since: Day,
    basis: Basis,
    usd: Decimal,
}

/// For each position what it is measured by: what was paid, where all of its time is looked at and its owner
/// said so; else what its units cost then. Prices of the past are asked for together.
async fn starts(app: &App, books: &Books, window: Window) -> Vec<Option<Start>> {
    let now = app.clock.now();
    let mut wanted = Vec::new();
    let lines = &books.portfolio.lines;
    let since = |line: &Line| window.start(line.position.since(), books.today);
    let paid = |line: &Line| {
        let usd = line.paid_usd?;
        (since(line) == line.position.since()).then_some(Start {
            since: since(line),
            basis: Basis::Paid,
            usd,
        })
    };
    for line in lines.iter().filter(|line| paid(line).is_none()) {
        let asset = books.view.priced_by(&line.position.stake);
        wanted.extend(asset.map(|asset| (asset, since(line).start().min(now))));
    }
    let prices = app.market.prices_at(&app.store, &wanted, now).await;
    let mut prices = prices.into_iter();
    lines
        .iter()
        .map(|line| {
            if let Some(paid) = paid(line) {
                return Some(paid);
            }
            let Holding::Units { quantity, .. } = &line.position.stake.holding else {
                return None;
            };
            let price = prices.next().flatten()?;
            Some(Start {
                since: since(line),
                basis: Basis::Worth,
                usd: quantity.get().checked_mul(price.usd)?,
            })
        })
        .collect()
}

fn past(books: &Books, line: &Line, start: Start) -> Past {
    let of = books.of(line.position.id, start.since);
    let accrues_from = of.last.map_or(start.since, |last| last.max(start.since));
    let days = u32::try_from(books.today.0.saturating_sub(accrues_from.0)).unwrap_or(0);
    // What getting in has cost belongs to the time in which that was done.
    let told_fees = line.position.stake.fees.is_some() && start.since == line.position.since();
    let entry_fees = line.fees_usd.filter(|_| told_fees);
    Past {
        since: start.since,
        basis: start.basis,
        start: start.usd,
        received: of.received,
        accrued: line
            .income_usd
            .map(|income| income.over(days))
            .unwrap_or_default(),
        fees: entry_fees.unwrap_or_default().saturating_add(of.fees),
        unpriced: of.unpriced,
        unknown_fees: of.unknown_fees + usize::from(told_fees && entry_fees.is_none()),
        has_rate: line.income_usd.is_some(),
    }
}
