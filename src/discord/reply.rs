//! Our message, said by way of an interaction. Who sees it is fixed by the first answer.

use std::sync::Arc;

use poise::{CreateReply, serenity_prelude as serenity};
use serenity::{
    ComponentInteraction, CreateActionRow, CreateAttachment, CreateAutocompleteResponse,
    CreateButton, CreateEmbed, CreateEmbedFooter, CreateInteractionResponse,
    CreateInteractionResponseMessage, CreateSelectMenu, CreateSelectMenuKind,
    CreateSelectMenuOption, EditInteractionResponse,
};

use super::{context::Bot, errors::CommandError};
use crate::{
    app::App,
    domain::ids::UserId,
    render::message::{Action, Button, ButtonStyle, Embed, Message, Select},
};

/// Who sees an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody in the channel.
    Public,
    /// The person who asked, and nobody else.
    Private,
}

impl Visibility {
    pub const fn is_private(self) -> bool {
        matches!(self, Self::Private)
    }
}

type Application<'a> = poise::ApplicationContext<'a, Arc<Bot>, CommandError>;

/// Says that an answer will come. The answer will be seen by whom this names.
pub async fn defer(ctx: Application<'_>, visibility: Visibility) -> Result<(), CommandError> {
    Ok(ctx.defer_response(visibility.is_private()).await?)
}

/// Answers a command: at once, or in the place that [`defer`] kept. Who types cannot be told anything, and is
/// offered nothing.
pub async fn send(
    ctx: Application<'_>,
    message: Message,
    visibility: Visibility,
) -> Result<(), CommandError> {
    if ctx.interaction_type == poise::CommandInteractionType::Autocomplete {
        let nothing = CreateInteractionResponse::Autocomplete(CreateAutocompleteResponse::new());
        let http = &ctx.serenity_context().http;
        return Ok(ctx.interaction.create_response(http, nothing).await?);
    }
    let deferred = ctx
        .has_sent_initial_response
        .load(std::sync::atomic::Ordering::SeqCst);
    let reader = UserId(ctx.interaction.user.id.get());
    let reply = created(&ctx.data().app, reader, message);
    if deferred {
        let edit = reply.to_slash_initial_response_edit(EditInteractionResponse::new());
        ctx.interaction
            .edit_response(ctx.serenity_context(), edit)
            .await?;
    } else {
        poise::send_application_reply(ctx, reply.ephemeral(visibility.is_private())).await?;
    }
    Ok(())
}

/// Says something more to the caller alone, after the answer.
pub async fn add(ctx: Application<'_>, message: Message) -> Result<(), CommandError> {
    let reader = UserId(ctx.interaction.user.id.get());
    let reply = created(&ctx.data().app, reader, message).ephemeral(true);
    poise::send_application_reply(ctx, reply).await?;
    Ok(())
}

/// Acknowledges a press; the message stays as it is until [`replace`] changes it.
pub async fn acknowledge(
    ctx: &serenity::Context,
    press: &ComponentInteraction,
) -> Result<(), CommandError> {
    Ok(press
        .create_response(&ctx.http, CreateInteractionResponse::Acknowledge)
        .await?)
}

/// Puts a message in the place of the one whose button was pressed, after [`acknowledge`].
pub async fn replace(
    bot: &Bot,
    ctx: &serenity::Context,
    press: &ComponentInteraction,
    message: Message,
) -> Result<(), CommandError> {
    let edit = created(&bot.app, UserId(press.user.id.get()), message)
        .to_slash_initial_response_edit(EditInteractionResponse::new());
    press.edit_response(&ctx.http, edit).await?;
    Ok(())
}

/// Answers a press with a message for the presser alone, and leaves the pressed one as it is.
pub async fn whisper(
    bot: &Bot,
    ctx: &serenity::Context,
    press: &ComponentInteraction,
    message: Message,
) -> Result<(), CommandError> {
    let response = created(&bot.app, UserId(press.user.id.get()), message)
        .ephemeral(true)
        .to_slash_initial_response(CreateInteractionResponseMessage::new());
    press
        .create_response(&ctx.http, CreateInteractionResponse::Message(response))
        .await?;
    Ok(())
}

/// The message in the library's terms, with a mark on each of its components: `reader` alone may use them.
pub fn created(app: &App, reader: UserId, mut message: Message) -> CreateReply {
    let now = app.clock.now();
    for button in message.buttons.iter_mut().flatten() {
        if let Action::Press(id) = &mut button.action {
            *id = app.stamp.put(reader, id, now);
        }
    }
    if let Some(select) = &mut message.select {
        select.custom_id = app.stamp.put(reader, &select.custom_id, now);
    }
    create_reply(message)
}

/// The message in the library's terms, with every mention switched off. Parts that are absent are
/// sent as empty, so that an edit takes away what stood there.
fn create_reply(message: Message) -> CreateReply {
    let message = message.fitted();
    let reply = CreateReply::default()
        .content(message.content)
        .allowed_mentions(serenity::CreateAllowedMentions::new())
        .components(
            message
                .buttons
                .iter()
                .map(|row| buttons(row))
                .chain(message.select.map(select))
                .collect(),
        );
    let reply = message
        .embeds
        .into_iter()
        .fold(reply, |reply, it| reply.embed(embed(it)));
    message.files.into_iter().fold(reply, |reply, file| {
        let attachment = CreateAttachment::bytes(file.bytes, file.name);
        reply.attachment(if file.description.is_empty() {
            attachment
        } else {
            attachment.description(file.description)
        })
    })
}

fn embed(embed: Embed) -> CreateEmbed {
    let mut created = CreateEmbed::new().colour(embed.colour.rgb());
    if !embed.title.is_empty() {
        created = created.title(embed.title);
    }
    if let Some(url) = embed.url {
        created = created.url(url);
    }
    if !embed.description.is_empty() {
        created = created.description(embed.description);
    }
    if !embed.footer.is_empty() {
        created = created.footer(CreateEmbedFooter::new(embed.footer));
    }
    if let Some(at) = embed.timestamp
        && let Ok(at) = serenity::Timestamp::from_millis(at.millis())
    {
        created = created.timestamp(at);
    }
    created.fields(
        embed
            .fields
            .into_iter()
            .map(|field| (field.name, field.value, field.inline)),
    )
}

fn buttons(row: &[Button]) -> CreateActionRow {
    CreateActionRow::Buttons(row.iter().map(button).collect())
}

fn select(select: Select) -> CreateActionRow {
    let options = select.choices.into_iter().map(|choice| {
        let option = CreateSelectMenuOption::new(choice.label, choice.value);
        if choice.description.is_empty() {
            option
        } else {
            option.description(choice.description)
        }
    });
    let options = CreateSelectMenuKind::String {
        options: options.collect(),
    };
    CreateActionRow::SelectMenu(
        CreateSelectMenu::new(select.custom_id, options).placeholder(select.invitation),
    )
}

fn button(button: &Button) -> CreateButton {
    let created = match &button.action {
        Action::Open(url) => CreateButton::new_link(url),
        Action::Press(custom_id) => CreateButton::new(custom_id).style(match button.style {
            ButtonStyle::Primary => serenity::ButtonStyle::Primary,
            ButtonStyle::Secondary | ButtonStyle::Link => serenity::ButtonStyle::Secondary,
            ButtonStyle::Danger => serenity::ButtonStyle::Danger,
        }),
    };
    created.label(&button.label).disabled(button.disabled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::message::{Colour, Field};

    /// F-X03: an answer, an answer in the place that was kept, and a message in the place of another: an edit
    /// that does not say whom it may call would call whom its text names.
    #[test]
    fn every_way_to_answer_calls_nobody() {
        let reply = || create_reply(Message::text("@everyone <@1> <@&2>"));
        let answer = reply().to_slash_initial_response(CreateInteractionResponseMessage::new());
        let edit = reply().to_slash_initial_response_edit(EditInteractionResponse::new());
        let followup =
            reply().to_slash_followup_response(serenity::CreateInteractionResponseFollowup::new());
        for sent in [
            serde_json::to_value(answer).unwrap(),
            serde_json::to_value(edit).unwrap(),
            serde_json::to_value(followup).unwrap(),
        ] {
            let allowed = &sent["allowed_mentions"];
            assert_eq!(allowed["parse"], serde_json::json!([]), "{sent}");
            for named in ["users", "roles"] {
                let list = allowed[named].as_array();
                assert!(list.is_none_or(Vec::is_empty), "{sent}");
            }
        }
    }

    #[test]
    fn both_ways_out_of_a_message_say_the_same() {
        let message = Message::from(Embed {
            title: "USDC".to_owned(),
            description: "4.10 %".to_owned(),
            colour: Colour::Green,
            fields: vec![Field::narrow("TVL", "$1.2B")],
            footer: "not advice".to_owned(),
            ..Embed::default()
        })
        .with_buttons([Button::press("I agree", ButtonStyle::Primary, "1|e|5")]);
        let ours = message.to_discord();
        let response = create_reply(message)
            .to_slash_initial_response(CreateInteractionResponseMessage::new());
        let theirs = serde_json::to_value(response).unwrap();
        for key in ["title", "description", "color", "footer", "fields"] {
            assert_eq!(theirs["embeds"][0][key], ours["embeds"][0][key], "{key}");
        }
        assert_eq!(theirs["allowed_mentions"]["parse"], serde_json::json!([]));
        let button = &theirs["components"][0]["components"][0];
        assert_eq!(button["custom_id"], "1|e|5");
        assert_eq!(button["label"], "I agree");
        assert_eq!(button["style"], 1);
    }
}
