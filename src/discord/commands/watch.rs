//! `/watch`: what a person wants to be written to about, by direct message. Every answer is for that person
//! alone; what is written names pools and never an amount.

use std::time::Duration;

use poise::serenity_prelude as serenity;
use serenity::ComponentInteraction;

use super::{
    portfolio::{self, calendar, income, review, view},
    yield_::better as elsewhere,
};
use crate::{
    alerting::watching::{Held, Needs, Places, Sight},
    app::App,
    delivery::{
        channel::ChannelRefused,
        entry::{Entry, Occasion, Telling, greeting_key, payload},
        outcome::DeadEnd,
        state::{DestinationState, State},
        urgency::Urgency,
    },
    discord::{
        context::{Bot, Context},
        errors::{CommandError, Trouble},
        reply,
    },
    domain::{
        ids::{AlertId, Home, UserId},
        income::Order,
        pool::Pool,
        time::{Span, Timestamp},
        watch::{KeptWatch, Watch, What},
    },
    market::view::View,
    render::{
        self,
        message::{Message, link},
        press::Mine,
        watch::{Direct, Shown},
    },
    store::{
        StoreError,
        destinations::{Destination, News},
    },
};

pub mod add;
pub mod better;
pub mod goal;
pub mod list;
pub mod pause;
pub mod remind;
pub mod remove;
pub mod test;

/// What you want to be written to about, by direct message
#[poise::command(
    slash_command,
    subcommand_required,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel",
    subcommands(
        "add::add",
        "goal::goal",
        "better::better",
        "remind::remind",
        "list::list",
        "pause::pause",
        "pause::resume",
        "remove::remove",
        "test::test"
    )
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn watch(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// Watches that one person may have.
const MOST: usize = 20;
/// How long a person is kept waiting for what becomes of a message to them.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nobody wants a message of that kind that comes later.
const WORTH_SENDING: Span = Span::minutes(2);
/// Whom Discord has just not let the bot write to is not tried again for so long.
const REFUSED_FOR: Span = Span(Duration::from_secs(10));

/// Keeps a watch, and sees that its owner can be written to. It stays where they cannot.
pub async fn kept(app: &App, owner: UserId, mut watch: Watch) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let known = app.store.watches(owner).await?;
    if let Some(same) = known.iter().find(|kept| kept.watch.what == watch.what) {
        return Err(Trouble::WatchedAlready(same.id).into());
    }
    let view = app.market.view(now);
    let sight = sight(app, &view, owner, Needs::of([&watch]), now).await?;
    // What the answer shows is what a change is measured from.
    watch.begin(&sight.seen());
    let added = app.store.add_watch(owner, &watch, MOST, now).await?;
    let id = added.map_err(|_| Trouble::TooManyWatches { limit: MOST })?;
    let kept = KeptWatch { id, watch };
    let direct = match direct(app, owner).await? {
        known @ Direct::Works { .. } => known,
        // Whether somebody can be written to shows by writing to them.
        _ => match greet(app, owner, id.0.unsigned_abs()).await {
            Ok((direct, _)) => direct,
            Err(error) => {
                tracing::warn!(%error, "a watch is kept, and its owner was not written to");
                Direct::Failing
            }
        },
    };
    let shown = shown(&view, &sight, &kept);
    let rates = portfolio::rates(&view);
    Ok(render::watch::added(&shown, direct, &rates, now))
}

/// All that is seen of what the owner holds, with prices that are asked for now.
async fn sight(
    app: &App,
    view: &View,
    owner: UserId,
    needs: Needs,
    now: Timestamp,
) -> Result<Sight, StoreError> {
    let held = Held {
        person: owner,
        chosen: app.store.chosen(owner).await?,
        positions: app.store.positions(owner).await?,
    };
    let stakes = held.positions.iter().map(|position| &position.stake);
    let assets: Vec<_> = stakes.filter_map(|stake| view.priced_by(stake)).collect();
    app.market.prices_of(&app.store, &assets, now).await;
    let around = (view, &mut Places::default());
    Sight::of(&app.store, &app.market, around, held, needs, now).await
}

fn shown<'a>(view: &'a View, sight: &Sight, kept: &'a KeptWatch) -> Shown<'a> {
    Shown {
        kept,
        pool: named(view, &kept.watch.what),
        now: render::watch::now(&kept.watch, &sight.seen()),
    }
}

/// The pool that a watch names.
pub(in crate::discord) fn named<'a>(view: &'a View, what: &What) -> Option<&'a Pool> {
    let listing = view.followed(what.pool()?)?;
    Some(&listing.pool)
}

/// How direct messages to somebody stand. Telling them so is news enough of it.
async fn direct(app: &App, person: UserId) -> Result<Direct, StoreError> {
    app.store.take_news(Home::Person(person)).await?;
    let place = app.store.destination_of(person).await?;
    Ok(place.as_ref().map_or(Direct::Untried, stands))
}

fn stands(place: &Destination) -> Direct {
    match (place.state, place.reason) {
        (DestinationState::Parked, Some(DeadEnd::DirectRefused)) => Direct::Refused,
        (DestinationState::Parked, _) => Direct::Failing,
        (DestinationState::New | DestinationState::Ready, _) => {
            let last = place.last_message;
            last.map_or(Direct::Untried, |message| Direct::Works {
                last: message.created_at(),
            })
        }
    }
}

/// What a person has not been told yet of messages to them, as a line below their next answer.
pub(super) async fn news(app: &App, person: UserId) -> Result<Option<String>, StoreError> {
    let news = app.store.take_news(Home::Person(person)).await?;
    let newest = news.last().map(|(place, news)| match news {
        News::Back => Direct::Back,
        News::Parked => stands(place),
    });
    Ok(newest.map(Direct::words))
}

/// Writes to somebody who asked for it, and tells what became of that, with the way to the message.
/// `number` is one for each time that they asked.
async fn greet(
    app: &App,
    person: UserId,
    number: u64,
) -> Result<(Direct, Option<String>), CommandError> {
    let now = app.clock.now();
    let known = app.store.destination_of(person).await?;
    let refused = known.filter(|place| stands(place) == Direct::Refused);
    // Discord counts each message that it refuses.
    if refused.is_some_and(|place| now.since(place.changed_at) < REFUSED_FOR.0) {
        return Ok((Direct::JustRefused, None));
    }
    let destination = match app.delivery.prepare_direct(person).await {
        Ok(destination) => destination,
        Err(ChannelRefused::Store(error)) => return Err(error.into()),
        Err(ChannelRefused::DirectRefused) => return Ok((Direct::Refused, None)),
        Err(_) => return Ok((Direct::Failing, None)),
    };
    let entry = Entry {
        dedup_key: greeting_key(number),
        destination,
        alert: AlertId(0),
        alert_version: 0,
        pool: None,
        occasion: Occasion::Test,
        // Somebody waits for it.
        urgency: Urgency::Critical,
        payload: payload(&render::watch::greeting()),
        summary: render::watch::GREETING.to_owned(),
        created_at: now,
        not_after: now.plus(WORTH_SENDING.0),
        telling: Telling {
            reader: Some(person),
            ..Telling::default()
        },
    };
    let entry = app.store.enqueue(&entry).await?;
    app.delivery.poke();
    let outcome = app
        .delivery
        .wait_outcome(entry, PATIENCE)
        .await?
        .ok_or_else(|| anyhow::anyhow!("a message to a person is no longer in the outbox"))?;
    let stands = direct(app, person).await?;
    Ok(match (outcome.state, stands) {
        (State::Delivered, _) => {
            let to = outcome.message;
            let link = to.map(|message| link(outcome.home, outcome.channel, message));
            (Direct::Arrived, link)
        }
        (_, refused @ (Direct::Refused | Direct::Failing)) => (refused, None),
        (State::Dead | State::Expired | State::Superseded, _) => (Direct::Lost, None),
        _ => (Direct::Underway, None),
    })
}

/// Opens figures of whoever presses, from a message that was written to them.
pub(super) async fn opened(
    bot: &Bot,
    ctx: &serenity::Context,
    press: &ComponentInteraction,
    mine: Mine,
) -> Result<(), CommandError> {
    press.defer_ephemeral(&ctx.http).await?;
    let owner = UserId(press.user.id.get());
    let app = &bot.app;
    let message = match mine {
        Mine::Income => view::looked(app, owner, (None, Order::Income), 0).await?.0,
        Mine::Positions => view::looked(app, owner, (None, Order::Verdict), 0).await?.0,
        Mine::Locks => calendar::answer(app, owner, calendar::USUAL_MONTHS, false).await?,
        Mine::Better => elsewhere::answer(app, owner, &elsewhere::Asked::default()).await?,
        Mine::Review => Box::pin(review::answer(bot, owner)).await?,
        Mine::Payouts => {
            let back = income::Window::TwelveMonthsBack;
            Box::pin(income::answer(bot, owner, back)).await?
        }
    };
    reply::replace(bot, ctx, press, message).await
}
