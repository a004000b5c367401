//! `/portfolio review`: what changed about what the caller holds over a quarter or since the last review, and
//! three things to look at.

use super::{held, logged::books};
use crate::{
    app::App,
    discord::{
        buttons::Button,
        commands::consent::{self, Wish},
        context::{Bot, Context, parts},
        errors::CommandError,
    },
    domain::{
        drift::drift,
        exposure,
        flow::Flow,
        ids::UserId,
        income::Line,
        person::{Look, Seen},
        review::{Happened, Known, Reviewed, Then, checks},
        time::{Day, Timestamp},
    },
    market::{facts::Facts, view::View},
    render::{self, message::Message, review::Shown},
    store::StoreError,
};

/// What is looked back over where no review was done yet, or long ago.
const QUARTER_DAYS: i32 = 91;
/// So many days before it a pool's figures still are those of its beginning: a day's row is written once it is
/// over, and a source may have been silent.
const LATE_DAYS: i32 = 7;

/// What changed about what you hold in a quarter, and what to look at
#[poise::command(slash_command)]
pub(super) async fn review(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = Box::pin(answer(ctx.data(), caller.user));
    super::super::answer_alone(app, answer).await
}

pub(in crate::discord::commands) async fn answer(
    bot: &Bot,
    owner: UserId,
) -> Result<Message, CommandError> {
    let app = &bot.app;
    let books = books(app, owner).await?;
    let Some(books) = books.filter(|books| !books.portfolio.lines.is_empty()) else {
        return Ok(render::portfolio::empty());
    };
    let now = app.clock.now();
    let last = app.store.last_review(owner).await?;
    let quarter = Day(books.today.0 - QUARTER_DAYS);
    let since = last
        .as_ref()
        .map_or(quarter, |last| last.at.day().max(quarter));
    let facts = app.market.facts();
    let mut positions = Vec::new();
    for line in &books.portfolio.lines {
        let then = then(app, &books.view, line, since).await?;
        let then = then.map(|then| as_reviewed(then, line, last.as_ref(), since));
        let around = (&books.view, &*facts);
        positions.push(reviewed(around, line, then, last.as_ref(), (since, now)));
    }
    let held = held(&books.view, &books.portfolio);
    let flow = Flow::of(
        &books.portfolio,
        &books.received,
        (since, books.today),
        books.today,
    );
    let drift = books.chosen.target.map(|target| drift(&held, target));
    let checks = checks(&Known {
        lines: &books.portfolio.lines,
        rules: &exposure::checks(&held),
        drift: drift.as_deref().unwrap_or_default(),
        unlogged: flow.unlogged.len(),
        has_tax: books.chosen.tax.is_some(),
        today: books.today,
    });
    let done = Button::Reviewed { owner }.encode();
    let shown = Shown {
        since,
        last: last.map(|last| last.at),
        positions: &positions,
        checks: &checks,
        drift: drift.as_deref(),
        rates: super::rates(&books.view),
        reckoning: super::reckoning(app, &books.chosen),
        now,
    };
    Ok(render::review::review(&shown, done))
}

/// How its pool stood when the time that is looked back over began.
async fn then(app: &App, view: &View, line: &Line, since: Day) -> Result<Option<Then>, StoreError> {
    let pool = line.position.stake.pools().next();
    let Some(listing) = pool.and_then(|id| view.followed(id)) else {
        return Ok(None);
    };
    let days = app.store.days(listing.no, Day(since.0 - LATE_DAYS)).await?;
    let until = days.iter().rfind(|reading| reading.day <= since);
    Ok(until.or(days.first()).map(|reading| Then {
        day: reading.day,
        rate: reading.apy,
        tvl_usd: reading.tvl_usd,
    }))
}

/// The same with the rate that its owner saw at the last review, where the time began with that: a day's own
/// figures are kept only once it has ended, and what was told then is not told again.
fn as_reviewed(then: Then, line: &Line, last: Option<&Look>, since: Day) -> Then {
    let begun = last.filter(|last| last.at.day() == since && line.position.stake.layers.len() == 1);
    let seen = begun.and_then(|last| seen(last, line)?.rate);
    Then {
        rate: seen.unwrap_or(then.rate),
        ..then
    }
}

fn seen<'a>(last: &'a Look, line: &Line) -> Option<&'a Seen> {
    let id = line.position.id;
    last.lines.iter().find(|seen| seen.position == id)
}

fn reviewed<'a>(
    (view, facts): (&'a View, &'a Facts),
    line: &'a Line,
    then: Option<Then>,
    last: Option<&Look>,
    (since, now): (Day, Timestamp),
) -> Reviewed<'a> {
    let pool = line.position.stake.pools().next();
    let listing = pool.and_then(|id| view.followed(id));
    let incidents = listing.and_then(|listing| {
        let all = facts.incidents(&listing.pool.protocol, now)?.value;
        let recent = all
            .into_iter()
            .filter(|incident| incident.at.day() >= since);
        let told = recent.map(|incident| Happened {
            at: incident.at,
            name: &incident.name,
            technique: incident.technique.as_deref(),
        });
        Some(told.collect())
    });
    let verdict = last.and_then(|last| seen(last, line)?.verdict);
    Reviewed {
        line,
        pool: listing.map(|listing| &*listing.pool),
        now: listing.and_then(|listing| {
            let reading = listing.usable()?;
            Some((reading.apy, reading.tvl_usd))
        }),
        then,
        verdict: verdict.filter(|then| Some(*then) != line.verdict),
        incidents,
    }
}

/// The owner has done it: how things stand now is what the next one is compared with.
pub async fn noted(bot: &Bot, owner: UserId) -> Result<Message, CommandError> {
    let Some(books) = books(&bot.app, owner).await? else {
        return Ok(render::portfolio::empty());
    };
    let look = books.portfolio.look(bot.app.clock.now());
    consent::keep_or_ask(bot, owner, Wish::Review(look)).await
}

/// Notes that the review was done, and how it stood.
pub async fn kept(app: &App, owner: UserId, look: &Look) -> Result<Message, CommandError> {
    app.store.note_review(owner, look).await?;
    Ok(render::review::done())
}
