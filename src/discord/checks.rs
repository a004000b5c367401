//! Who may use which command, and what we need to post in a channel. Discord was told the same
//! rights, but a server can change them there, so they are looked at again at each call.

use poise::serenity_prelude as serenity;
use serenity::Permissions;

use super::{
    commands::{self, Right},
    context::{Caller, Context, parts},
    errors::{CommandError, Trouble},
};
use crate::domain::ids::UserId;

/// Lets the call through, or says why not. A command that no table names is for nobody.
pub fn allowed(ctx: Context<'_>) -> Result<bool, CommandError> {
    let (app, caller) = parts(ctx)?;
    let command = app.command();
    if !command.subcommands.is_empty() {
        return Ok(true);
    }
    let entry = commands::entry(&command.qualified_name).ok_or(Trouble::Outdated)?;
    let operators = &ctx.data().app.config.discord.operators;
    may(&caller, entry.right, operators)?;
    Ok(true)
}

fn may(caller: &Caller, right: Right, operators: &[UserId]) -> Result<(), Trouble> {
    match right {
        Right::Everyone => Ok(()),
        Right::ManageServer => {
            caller.server()?;
            if caller.manages_server() {
                Ok(())
            } else {
                Err(Trouble::NeedsManageServer)
            }
        }
        Right::Operator if operators.contains(&caller.user) => Ok(()),
        Right::Operator => Err(Trouble::OnlyForOperator),
    }
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
    use crate::domain::ids::{ChannelId, GuildId};

    #[test]
    fn what_is_lacking_is_named() {
        assert_eq!(lacking(Permissions::VIEW_CHANNEL), ["Manage Webhooks"]);
        assert!(lacking(Permissions::ADMINISTRATOR).is_empty());
        assert!(lacking(BY_OURSELVES).is_empty());
        assert_eq!(lacking(Permissions::empty()).len(), 2);
    }

    #[test]
    fn a_right_is_looked_at_again() {
        let mut caller = Caller {
            user: UserId(1),
            guild: None,
            channel: ChannelId(2),
            takes_notices: true,
            rights: Permissions::empty(),
            our_rights: Permissions::empty(),
            interaction: 3,
        };
        assert_eq!(may(&caller, Right::Everyone, &[]), Ok(()));
        assert_eq!(
            may(&caller, Right::ManageServer, &[]),
            Err(Trouble::OnlyInServers)
        );
        caller.guild = Some(GuildId(5));
        assert_eq!(
            may(&caller, Right::ManageServer, &[]),
            Err(Trouble::NeedsManageServer)
        );
        caller.rights = Permissions::MANAGE_GUILD;
        assert_eq!(may(&caller, Right::ManageServer, &[]), Ok(()));
    }
}
