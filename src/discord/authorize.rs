//! Who may do what, in one function. Whatever is not allowed here is refused.
//!
//! Discord was told the rights that commands need, but a server can change them there, a button can be years
//! old, and a request can be made up: so everything is looked at again when it comes.

use poise::serenity_prelude as serenity;
use serenity::Permissions;

use super::{buttons::Button, commands, errors::Trouble, presses::Press};
use crate::{
    domain::ids::{GuildId, UserId},
    render::press::Ask,
};

/// Who acts, with what Discord says of them at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    pub user: UserId,
    /// The server in which they act; none in a direct message.
    pub server: Option<GuildId>,
    /// Their rights there.
    pub rights: Permissions,
}

/// What they want to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action<'a> {
    /// A command, by its whole name.
    Command(&'a str),
    /// The button of an answer.
    Button(&'a Button),
    /// A press on a notice, or on what one opened.
    Press(Press),
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// What everybody may see.
    Market,
    /// What is kept of one person.
    Person(UserId),
    /// What a server hears, and its notices.
    Server(GuildId),
    /// What a person is about to set in a server.
    Draft(UserId, GuildId),
    /// The bot itself.
    Bot,
}

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    Everyone,
    /// Whose it is.
    Owner,
    /// Whoever is in the server.
    Present,
    ManageServer,
    /// Named by whoever runs the bot.
    Operator,
}

impl Action<'_> {
    /// Who may do it; `None` for a command that no table names. A new button or press that is not thought of
    /// here does not compile.
    pub fn right(self) -> Option<Right> {
        Some(match self {
            Self::Command(name) => commands::entry(name)?.right,
            Self::Button(button) => match button {
                Button::Set { .. } => Right::ManageServer,
                Button::Agree { .. }
                | Button::Keep { .. }
                | Button::Save { .. }
                | Button::Erase { .. }
                | Button::Cancel { .. }
                | Button::Page { .. }
                | Button::Positions { .. }
                | Button::Reviewed { .. }
                | Button::Log { .. } => Right::Owner,
            },
            Self::Press(press) => match press {
                Press::Ask { ask, .. } => match ask {
                    Ask::Mute => Right::ManageServer,
                    Ask::Why | Ask::Impact | Ask::History | Ask::Calmer => Right::Present,
                },
                Press::Mute { .. } => Right::ManageServer,
                Press::Which | Press::Amount { .. } => Right::Present,
                Press::Mine(_) => Right::Owner,
            },
        })
    }

    /// What it is done to when this person does it there. Nothing that they send names anybody else's, but
    /// the owner in a button.
    pub fn object(self, actor: &Actor) -> Result<Object, Trouble> {
        let server = || actor.server.ok_or(Trouble::OnlyInServers);
        let right = self.right().ok_or(Trouble::Outdated)?;
        Ok(match (self, right) {
            (Self::Button(button), Right::ManageServer) => Object::Draft(button.owner(), server()?),
            (Self::Button(button), _) => Object::Person(button.owner()),
            (_, Right::Everyone) => Object::Market,
            (_, Right::Owner) => Object::Person(actor.user),
            (_, Right::Present | Right::ManageServer) => Object::Server(server()?),
            (_, Right::Operator) => Object::Bot,
        })
    }
}

/// Lets it happen, or says why not.
pub fn authorize(
    actor: &Actor,
    action: Action<'_>,
    object: Object,
    operators: &[UserId],
) -> Result<(), Trouble> {
    let right = action.right().ok_or(Trouble::Outdated)?;
    let manages = || {
        if actor.manages_server() {
            Ok(())
        } else {
            Err(Trouble::NeedsManageServer)
        }
    };
    match (right, object) {
        (Right::Everyone, Object::Market) => Ok(()),
        (Right::Owner, Object::Person(owner)) if owner == actor.user => Ok(()),
        (Right::Owner, Object::Person(_)) => Err(Trouble::NotYours),
        (Right::Present, Object::Server(server)) if actor.server == Some(server) => Ok(()),
        (Right::ManageServer, Object::Draft(owner, _)) if owner != actor.user => {
            Err(Trouble::NotYours)
        }
        (Right::ManageServer, Object::Server(server) | Object::Draft(_, server))
            if actor.server == Some(server) =>
        {
            manages()
        }
        (Right::Present | Right::ManageServer, Object::Server(_) | Object::Draft(..)) => {
            Err(Trouble::OnlyInServers)
        }
        (Right::Operator, Object::Bot) if operators.contains(&actor.user) => Ok(()),
        (Right::Operator, _) => Err(Trouble::OnlyForOperator),
        _ => Err(Trouble::Outdated),
    }
}

impl Actor {
    pub fn manages_server(&self) -> bool {
        let managing = Permissions::MANAGE_GUILD | Permissions::ADMINISTRATOR;
        self.server.is_some() && self.rights.intersects(managing)
    }

    /// Who sent this, from what every kind of interaction says of its sender.
    pub fn of(
        user: &serenity::User,
        server: Option<serenity::GuildId>,
        member: Option<&serenity::Member>,
    ) -> Self {
        Self {
            user: UserId(user.id.get()),
            server: server.map(|server| GuildId(server.get())),
            rights: member
                .and_then(|member| member.permissions)
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
