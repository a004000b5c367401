//! What readers ask of a notice, by its buttons: why, what it means for them, its pool's past, where
//! else to go, and silence.

use poise::serenity_prelude as serenity;
use rust_decimal::Decimal;
use serenity::{
    ActionRowComponent, ComponentInteraction, ComponentInteractionDataKind, CreateActionRow,
    CreateInputText, CreateInteractionResponse, CreateModal, InputTextStyle, ModalInteraction,
};

mod calmer;

use super::{alerts::mute, watch, yield_::history};
use crate::{
    app::App,
    discord::{
        authorize::{Action, Actor},
        context::Bot,
        errors::{self, CommandError, Trouble},
        pace::Effort,
        presses::{MUTES, Press},
        reply,
    },
    domain::{
        ids::{AlertId, EntryId, GuildId, MessageId, PoolId, UserId},
        money::Amount,
        position::Position,
        time::Span,
    },
    render::{
        self,
        message::Message,
        press::{Ask, which},
        spoken::{Impact, Now, Why},
    },
    store::outbox::Spoken,
};

/// The one field of the modal.
const AMOUNT: &str = "amount";

/// Who presses, and where.
#[derive(Debug, Clone, Copy)]
struct Presser {
    user: UserId,
    guild: GuildId,
}

impl Presser {
    fn of(press: &ComponentInteraction) -> Result<Self, Trouble> {
        Ok(Self {
            user: UserId(press.user.id.get()),
            guild: GuildId(press.guild_id.ok_or(Trouble::OnlyInServers)?.get()),
        })
    }
}

/// What answers a press.
enum Answer {
    /// A message for the presser alone.
    Whisper(Message),
    /// What the presser's own positions mean, which may ask for prices first.
    Reckon(Spoken, Vec<Position>),
    /// A pool's past, which may be asked for and is drawn first.
    History(PoolId),
    /// A question of how much.
    HowMuch(EntryId),
}

/// Answers a press on a notice, or on what a press of it opened, once it is allowed.
pub async fn pressed(
    bot: &Bot,
    ctx: &serenity::Context,
    interaction: &ComponentInteraction,
    press: Press,
) -> Result<(), CommandError> {
    if let Press::Mine(mine) = press {
        return watch::opened(bot, ctx, interaction, mine).await;
    }
    let presser = Presser::of(interaction)?;
    let message = MessageId(interaction.message.id.get());
    let answer = match press {
        Press::Which => {
            let ComponentInteractionDataKind::StringSelect { values } = &interaction.data.kind
            else {
                return Err(Trouble::Expired.into());
            };
            let chosen = values.first().and_then(|value| value.parse().ok());
            let entry = chosen.map(EntryId).ok_or(Trouble::Expired)?;
            let spoken = spoken_one(&bot.app, presser.guild, entry).await?;
            let said = said(&spoken.payload, &spoken.summary);
            Answer::Whisper(render::spoken::one(spoken.entry, &said))
        }
        Press::Ask { ask, entry } => {
            asked(&bot.app, presser, ask, entry.map_or(Ok(message), Err)).await?
        }
        Press::Mute { alert, length } => {
            // It may have to wait for a batch to be kept.
            reply::acknowledge(ctx, interaction).await?;
            let message = silence(bot, presser, alert, length).await?;
            return reply::replace(bot, ctx, interaction, message).await;
        }
        Press::Amount { .. } | Press::Mine(_) => return Err(Trouble::Expired.into()),
    };
    match answer {
        Answer::Whisper(message) => reply::whisper(bot, ctx, interaction, message).await,
        Answer::Reckon(spoken, positions) => {
            interaction.defer_ephemeral(&ctx.http).await?;
            let message = held(&bot.app, &spoken, positions).await?;
            reply::replace(bot, ctx, interaction, message).await
        }
        Answer::History(pool) => {
            interaction.defer_ephemeral(&ctx.http).await?;
            let message = history::told(&bot.app, pool, history::USUAL_DAYS).await?;
            reply::replace(bot, ctx, interaction, message).await
        }
        Answer::HowMuch(entry) => how_much(bot, ctx, interaction, entry).await,
    }
}

async fn asked(
    app: &App,
    presser: Presser,
    ask: Ask,
    of: Result<MessageId, EntryId>,
) -> Result<Answer, CommandError> {
    let mut found = match of {
        Ok(message) => app.store.spoken(presser.guild, message).await?,
        Err(entry) => vec![spoken_one(app, presser.guild, entry).await?],
    };
    if found.len() > 1 {
        return Ok(Answer::Whisper(choose(app, &found)));
    }
    let spoken = found.pop().ok_or(Trouble::Expired)?;
    Ok(match ask {
        Ask::Why => Answer::Whisper(why(app, presser.guild, &spoken).await?),
        Ask::Impact => {
            let mut positions = app.store.positions(presser.user).await?;
            positions.retain(|position| position.stake.pools().any(|pool| pool == spoken.pool));
            if positions.is_empty() {
                Answer::HowMuch(spoken.entry)
            } else {
                Answer::Reckon(spoken, positions)
            }
        }
        Ask::History => Answer::History(spoken.pool),
        Ask::Calmer => Answer::Whisper(calmer::calmer(app, presser.guild, spoken.pool)?),
        Ask::Mute => {
            let alert = spoken.alert;
            let ids = MUTES.into_iter().filter_map(|length| {
                let id = Press::Mute { alert, length }.encode()?;
                Some((length, id))
            });
            Answer::Whisper(render::spoken::how_long(alert, ids))
        }
    })
}

fn choose(app: &App, found: &[Spoken]) -> Message {
    let market = app.market.snapshot();
    let choices = found
        .iter()
        .map(|one| {
            let pool = market.get(one.pool).map(|listing| &*listing.pool);
            render::spoken::choice(one.entry, one.alert, &one.summary, pool)
        })
        .collect();
    render::spoken::which(which(choices))
}

/// A notice of this server by its number.
async fn spoken_one(app: &App, guild: GuildId, entry: EntryId) -> Result<Spoken, CommandError> {
    Ok(app
        .store
        .spoken_one(guild, entry)
        .await?
        .ok_or(Trouble::Expired)?)
}

async fn why(app: &App, guild: GuildId, spoken: &Spoken) -> Result<Message, CommandError> {
    let alert = app.store.alert(guild, spoken.alert).await?;
    let market = app.market.view(app.clock.now());
    let listing = market.get(spoken.pool);
    let over = spoken.over.as_deref().map(|over| said(over, ""));
    Ok(render::spoken::why(&Why {
        alert: spoken.alert,
        rule: alert.as_ref().map(|alert| &alert.rule),
        said: &said(&spoken.payload, &spoken.summary),
        told_at: spoken.created_at,
        over: over.as_deref(),
        now: listing.map(|listing| Now {
            pool: &listing.pool,
            reading: &listing.reading,
            assessment: &listing.assessment,
            state: listing.state,
        }),
    }))
}

/// A notice in one line.
fn said(payload: &str, summary: &str) -> String {
    let message = serde_json::from_str(payload).unwrap_or_default();
    render::bundle::line(&message, summary)
}

/// What a notice means for what the reader holds in its pool.
async fn held(
    app: &App,
    spoken: &Spoken,
    positions: Vec<Position>,
) -> Result<Message, CommandError> {
    let market = app.market.view(app.clock.now());
    let now = app.clock.now();
    let valued = app.market.valued(&app.store, &market, positions, now);
    let usd = valued.await.value_usd;
    Ok(impact(app, spoken, usd, true)?)
}

fn impact(app: &App, spoken: &Spoken, usd: Decimal, is_held: bool) -> Result<Message, Trouble> {
    let market = app.market.view(app.clock.now());
    let listing = market.get(spoken.pool).ok_or(Trouble::PoolGone)?;
    Ok(render::spoken::impact(&Impact {
        pool: &listing.pool,
        usd,
        is_held,
        told: spoken.apy,
        now: listing.usable().map(|reading| reading.apy),
    }))
}

async fn how_much(
    bot: &Bot,
    ctx: &serenity::Context,
    press: &ComponentInteraction,
    entry: EntryId,
) -> Result<(), CommandError> {
    let id = Press::Amount { entry }.encode().ok_or(Trouble::Expired)?;
    let presser = UserId(press.user.id.get());
    let id = bot.app.stamp.put(presser, &id, bot.app.clock.now());
    let field = CreateInputText::new(InputTextStyle::Short, "Amount in US dollars", AMOUNT)
        .placeholder("5k, 1,250.50 – it is not kept")
        .min_length(1)
        .max_length(40);
    let modal = CreateModal::new(id, "What does it mean for me?")
        .components(vec![CreateActionRow::InputText(field)]);
    let response = CreateInteractionResponse::Modal(modal);
    Ok(press.create_response(&ctx.http, response).await?)
}

async fn silence(
    bot: &Bot,
    presser: Presser,
    alert: AlertId,
    length: Span,
) -> Result<Message, CommandError> {
    mute::mute_alerts(&bot.app, presser.guild, presser.user, &[alert], length).await
}

/// Answers a modal that was sent in.
pub async fn submitted(bot: &Bot, ctx: &serenity::Context, modal: &ModalInteraction) {
    let answer = match amounted(bot, modal).await {
        Ok(message) => Some(message),
        Err(failed) => errors::told(&bot.app, &failed, super::MODAL, modal.id.get()).await,
    };
    let Some(message) = answer else { return };
    let sender = UserId(modal.user.id.get());
    let response = reply::created(&bot.app, sender, message)
        .ephemeral(true)
        .to_slash_initial_response(serenity::CreateInteractionResponseMessage::new());
    let response = CreateInteractionResponse::Message(response);
    if let Err(error) = modal.create_response(&ctx.http, response).await {
        tracing::warn!(%error, "a modal could not be answered");
    }
}

async fn amounted(bot: &Bot, modal: &ModalInteraction) -> Result<Message, CommandError> {
    let actor = Actor::of(&modal.user, modal.guild_id, modal.member.as_ref());
    bot.pace(&actor, Effort::Press)?;
    let now = bot.app.clock.now();
    let meaning = bot.app.stamp.read(actor.user, &modal.data.custom_id, now);
    let meant = meaning.ok().and_then(Press::decode);
    let Some(meant @ Press::Amount { entry }) = meant else {
        return Err(Trouble::Expired.into());
    };
    bot.authorize(&actor, Action::Press(meant))?;
    let guild = actor.server.ok_or(Trouble::OnlyInServers)?;
    let mut fields = modal.data.components.iter().flat_map(|row| &row.components);
    let text = fields.find_map(|field| match field {
        ActionRowComponent::InputText(input) if input.custom_id == AMOUNT => input.value.as_deref(),
        _ => None,
    });
    let amount: Amount = match text.unwrap_or_default().parse() {
        Ok(amount) => amount,
        Err(error) => return Ok(Message::text(render::error::misread(&error.to_string()))),
    };
    let spoken = spoken_one(&bot.app, guild, entry).await?;
    Ok(impact(&bot.app, &spoken, amount.get(), false)?)
}
