//! What is looked at before a command is taken up, and what we need to post in a channel.

use poise::serenity_prelude as serenity;
use serenity::Permissions;

use super::{
    authorize::{Action, Actor},
    commands,
    context::Context,
    errors::{CommandError, Trouble},
    pace::Effort,
};
use crate::failpoint::failpoint;

/// Lets the call through, or says why not. A command that no table names is for nobody.
pub fn allowed(ctx: Context<'_>) -> Result<bool, CommandError> {
    let poise::Context::Application(app) = ctx else {
        return Err(Trouble::Outdated.into());
    };
    let command = app.command();
    failpoint!("command.taken");
    let interaction = app.interaction;
    let member = interaction.member.as_deref();
    let actor = Actor::of(&interaction.user, interaction.guild_id, member);
    ctx.data()
        .authorize(&actor, Action::Command(&command.qualified_name))?;
    let entry = commands::entry(&command.qualified_name).ok_or(Trouble::Outdated)?;
    let effort = match app.interaction_type {
        poise::CommandInteractionType::Command => entry.effort,
        poise::CommandInteractionType::Autocomplete => Effort::Typing,
    };
    ctx.data().pace(&actor, effort)?;
    Ok(true)
}

/// What we need in a channel to post there, with the words that Discord's settings use.
const NEEDED: [(Permissions, &str); 2] = [
    (Permissions::VIEW_CHANNEL, "View Channel"),
    (Permissions::MANAGE_WEBHOOKS, "Manage Webhooks"),
];

/// With these we may post as ourselves, where we may make no webhook.
const BY_OURSELVES: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::SEND_MESSAGES)
    .union(Permissions::EMBED_LINKS);

/// The rights that we lack in the channel of the call; none where there is one way to post at least.
pub fn lacking(our_rights: Permissions) -> Vec<&'static str> {
    if our_rights.contains(Permissions::ADMINISTRATOR) || our_rights.contains(BY_OURSELVES) {
        return Vec::new();
    }
    NEEDED
        .into_iter()
        .filter(|(right, _)| !our_rights.contains(*right))
        .map(|(_, name)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_named() {
        assert_eq!(lacking(Permissions::VIEW_CHANNEL), ["Manage Webhooks"]);
        assert!(lacking(Permissions::ADMINISTRATOR).is_empty());
        assert!(lacking(BY_OURSELVES).is_empty());
        assert_eq!(lacking(Permissions::empty()).len(), 2);
    }
}
