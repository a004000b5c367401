//! `/portfolio add`: keeps a position, after its owner has agreed once.

use crate::{
    app::App,
    discord::{
        autocomplete,
        buttons::Button,
        context::{Bot, Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::{Name, Written},
    },
    domain::{
        ids::UserId,
        listing::Listing,
        method::Method,
        money::Amount,
        position::{Holding, Position, Stake},
    },
    market::snapshot::Snapshot,
    render::{self, message::Message, text},
};

/// Code points of a note that are kept.
const LONGEST_NOTE: usize = 200;

/// Keep a position of yours; only you see it
#[poise::command(slash_command)]
pub(super) async fn add(
    ctx: Context<'_>,
    #[description = "Pool that it earns in"]
    #[autocomplete = "autocomplete::pool"]
    pool: Name,
    #[description = "How many units of a token, such as 1.5 or 5k"] amount: Option<Written<Amount>>,
    #[description = "Which token of the pool the amount is in"]
    #[autocomplete = "autocomplete::asset"]
    asset: Option<Name>,
    #[description = "What it is worth in US dollars, in place of an amount"] value: Option<
        Written<Amount>,
    >,
    #[description = "What you paid for it in US dollars"] cost: Option<Written<Amount>>,
    #[description = "A note to yourself"]
    #[max_length = 200]
    note: Option<String>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let told = Told {
        pool,
        amount: amount.map(|amount| amount.0),
        asset,
        value: value.map(|value| value.0),
        cost: cost.map(|cost| cost.0),
        note,
    };
    let answer = answer(bot, caller.user, told);
    super::super::answer_alone(app, answer).await
}

/// A position as it was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub pool: Name,
    pub amount: Option<Amount>,
    pub asset: Option<Name>,
    pub value: Option<Amount>,
    pub cost: Option<Amount>,
    pub note: Option<String>,
}

async fn answer(bot: &Bot, owner: UserId, told: Told) -> Result<Message, CommandError> {
    let app = &bot.app;
    let stake = stake(&app.market.snapshot(), told)?;
    if app.store.agreed(owner).await? {
        return keep(app, owner, &stake).await;
    }
    let inline = Button::Agree {
        owner,
        stake: stake.clone(),
    };
    let button = inline.encode().or_else(|| {
        let held = bot.pending.hold(owner, stake, app.clock.now());
        Button::AgreeToHeld { owner, held }.encode()
    });
    let button = button.ok_or_else(|| anyhow::anyhow!("a button of numbers does not fit"))?;
    Ok(render::portfolio::consent(button))
}

/// What was told, checked against the pool.
pub fn stake(market: &Snapshot, told: Told) -> Result<Stake, Trouble> {
    let listing = lookup::pool(market, &told.pool)?;
    let holding = match (told.amount, told.value) {
        (None, Some(usd)) if told.asset.is_none() => Holding::Value { usd },
        (Some(quantity), None) => Holding::Units {
            asset: asset(listing, told.asset.as_ref())?,
            quantity,
        },
        _ => return Err(Trouble::HoldingUnclear),
    };
    let note = told
        .note
        .map(|note| note.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|note| !note.is_empty());
    if note
        .as_deref()
        .is_some_and(|note| note.chars().count() > LONGEST_NOTE)
    {
        return Err(Trouble::NoteTooLong { most: LONGEST_NOTE });
    }
    Ok(Stake {
        pool: listing.pool.id,
        holding,
        cost_usd: told.cost,
        note,
    })
}

/// The token that the amount is in, as the pool writes it.
fn asset(listing: &Listing, asked: Option<&Name>) -> Result<String, Trouble> {
    let pool = &listing.pool;
    if pool.multi_asset || matches!(pool.method, Method::Aggregator | Method::Liquidity) {
        let pool = text::name(&pool.symbol);
        return Err(Trouble::ValueNeeded { pool });
    }
    let assets = || pool.assets().take(10).map(str::to_owned).collect();
    let Some(Name(asked)) = asked else {
        let mut tokens = pool.assets();
        return match (tokens.next(), tokens.next()) {
            (Some(only), None) => Ok(only.to_owned()),
            _ => Err(Trouble::AssetNeeded { assets: assets() }),
        };
    };
    pool.assets()
        .find(|token| token.eq_ignore_ascii_case(asked))
        .map(str::to_owned)
        .ok_or_else(|| Trouble::AssetNotInPool {
            asset: asked.clone(),
            assets: assets(),
        })
}

/// The owner has pressed the button: their consent is noted, and the position kept.
pub async fn agreed(app: &App, owner: UserId, stake: &Stake) -> Result<Message, CommandError> {
    app.store.agree(owner, app.clock.now()).await?;
    keep(app, owner, stake).await
}

async fn keep(app: &App, owner: UserId, stake: &Stake) -> Result<Message, CommandError> {
    let limit = usize::try_from(app.config.portfolio.per_user).unwrap_or(usize::MAX);
    if app.store.positions(owner).await?.len() >= limit {
        return Err(Trouble::TooManyPositions { limit }.into());
    }
    let now = app.clock.now();
    let id = app.store.add_position(owner, stake, now).await?;
    let position = Position {
        id,
        owner,
        stake: stake.clone(),
        added_at: now,
    };
    let market = app.market.view(now);
    let portfolio = super::valued(app, &market, vec![position]).await;
    let line = portfolio
        .lines
        .first()
        .ok_or_else(|| anyhow::anyhow!("a portfolio of one position has no line"))?;
    let named = super::named(&market, line);
    Ok(render::portfolio::added(
        &named,
        &super::rates(&market),
        now,
    ))
}
