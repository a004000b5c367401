//! What the bot may do in a channel, worked out as Discord does it.
//!
//! Asking for something forbidden would count as an invalid request, and a channel's messages that
//! may not be read come as an empty list and not as an error.

use serde::Deserialize;

/// A set of rights, as Discord numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rights(u64);

impl Rights {
    const ADMINISTRATOR: Self = Self(1 << 3);
    pub(super) const VIEW_CHANNEL: Self = Self(1 << 10);
    pub(super) const SEND_MESSAGES: Self = Self(1 << 11);
    pub(super) const SEND_MESSAGES_IN_THREADS: Self = Self(1 << 38);
    pub(super) const EMBED_LINKS: Self = Self(1 << 14);
    pub(super) const READ_MESSAGE_HISTORY: Self = Self(1 << 16);
    pub(super) const MANAGE_WEBHOOKS: Self = Self(1 << 29);
    const ALL: Self = Self(u64::MAX);

    pub(super) const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    const fn with(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    const fn changed(self, denied: Self, allowed: Self) -> Self {
        Self(self.0 & !denied.0 | allowed.0)
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// A role of a server.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) permissions: Rights,
}

/// What a channel changes for a role or a member.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Overwrite {
    pub(super) id: String,
    pub(super) allow: Rights,
    pub(super) deny: Rights,
}

/// The rights of a member in a channel: of everybody and its roles, then as the channel changes them
/// for everybody, for its roles together, and for itself.
/// <https://docs.discord.com/developers/topics/permissions#permission-overwrites>
pub(super) fn of(
    guild: &str,
    user: &str,
    member_roles: &[String],
    roles: &[Role],
    overwrites: &[Overwrite],
) -> Rights {
    let mine = |id: &str| member_roles.iter().any(|role| role == id);
    let base = roles
        .iter()
        .filter(|role| role.id == guild || mine(&role.id))
        .fold(Rights::default(), |sum, role| sum.with(role.permissions));
    if base.has(Rights::ADMINISTRATOR) {
        return Rights::ALL;
    }
    let folded = |wanted: &dyn Fn(&str) -> bool| {
        overwrites
            .iter()
            .filter(|overwrite| wanted(&overwrite.id))
            .fold(<(Rights, Rights)>::default(), |(deny, allow), one| {
                (deny.with(one.deny), allow.with(one.allow))
            })
    };
    let steps = [
        folded(&|id| id == guild),
        folded(&|id| id != guild && mine(id)),
        folded(&|id| id == user),
    ];
    steps
        .into_iter()
        .fold(base, |rights, (deny, allow)| rights.changed(deny, allow))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(id: &str, permissions: Rights) -> Role {
        Role {
            id: id.to_owned(),
            permissions,
        }
    }

    fn overwrite(id: &str, allow: Rights, deny: Rights) -> Overwrite {
        Overwrite {
            id: id.to_owned(),
            allow,
            deny,
        }
    }

    #[test]
    fn the_narrower_rule_wins() {
        let none = Rights::default();
        let view = Rights::VIEW_CHANNEL;
        let send = Rights::SEND_MESSAGES;
        let roles = [
            role("1", view),
            role("7", send),
            role("8", Rights::ADMINISTRATOR),
        ];
        let of = |member: &[&str], overwrites: &[Overwrite]| {
            let member: Vec<String> = member.iter().map(|role| (*role).to_owned()).collect();
            super::of("1", "99", &member, &roles, overwrites)
        };
        assert!(of(&[], &[]).has(view));
        assert!(!of(&[], &[]).has(send));
        assert!(of(&["7"], &[]).has(send));
        let hidden = overwrite("1", none, view);
        assert!(!of(&["7"], std::slice::from_ref(&hidden)).has(view));
        let shown = overwrite("7", view, none);
        assert!(of(&["7"], &[shown.clone(), hidden.clone()]).has(view));
        let not_me = overwrite("99", none, view);
        assert!(!of(&["7"], &[not_me.clone(), shown, hidden]).has(view));
        assert!(of(&["8"], &[not_me]).has(view));
    }
}
