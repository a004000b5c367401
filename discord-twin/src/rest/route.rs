//! Paths: which route one is, whose id stands in it, and which limits it has.

use std::time::Duration;

use axum::http::Method;

use crate::{limits::Bucket, state::State, world::Limits};

/// The message at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageRef {
    Original,
    Id(u64),
}

/// A route of the API with what stands in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Gateway,
    GatewayBot,
    Me,
    User {
        user: u64,
    },
    MyGuilds,
    MyApplication,
    OauthApplication,
    OpenDirect,
    Commands {
        application: u64,
        guild: Option<u64>,
    },
    Command {
        application: u64,
        guild: Option<u64>,
        command: u64,
    },
    Callback {
        interaction: u64,
        token: String,
    },
    FollowUps {
        token: String,
    },
    FollowUp {
        token: String,
        message: MessageRef,
    },
    ChannelWebhooks {
        channel: u64,
    },
    GuildWebhooks {
        guild: u64,
    },
    Webhook {
        webhook: u64,
    },
    WebhookToken {
        webhook: u64,
        token: String,
    },
    WebhookMessage {
        webhook: u64,
        token: String,
        message: MessageRef,
    },
    Channel {
        channel: u64,
    },
    Messages {
        channel: u64,
    },
    Message {
        channel: u64,
        message: u64,
    },
    Guild {
        guild: u64,
    },
    GuildChannels {
        guild: u64,
    },
    GuildRoles {
        guild: u64,
    },
    Member {
        guild: u64,
        user: u64,
    },
}

impl Route {
    /// The route of a path below `/api/v10/`. Webhooks with the application's id are interaction webhooks.
    pub(crate) fn parse(path: &str, application_id: u64) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let id = |text: &str| text.parse::<u64>().ok();
        let message = |text: &str| match text {
            "@original" => Some(MessageRef::Original),
            text => id(text).map(MessageRef::Id),
        };
        Some(match parts.as_slice() {
            ["gateway"] => Self::Gateway,
            ["gateway", "bot"] => Self::GatewayBot,
            ["users", "@me"] => Self::Me,
            ["users", "@me", "guilds"] => Self::MyGuilds,
            ["users", "@me", "channels"] => Self::OpenDirect,
            ["users", user] => Self::User { user: id(user)? },
            ["applications", "@me"] => Self::MyApplication,
            ["oauth2", "applications", "@me"] => Self::OauthApplication,
            ["applications", application, "commands"] => Self::Commands {
                application: id(application)?,
                guild: None,
            },
            ["applications", application, "commands", command] => Self::Command {
                application: id(application)?,
                guild: None,
                command: id(command)?,
            },
            ["applications", application, "guilds", guild, "commands"] => Self::Commands {
                application: id(application)?,
                guild: Some(id(guild)?),
            },
            [
                "applications",
                application,
                "guilds",
                guild,
                "commands",
                command,
            ] => Self::Command {
                application: id(application)?,
                guild: Some(id(guild)?),
                command: id(command)?,
            },
            ["interactions", interaction, token, "callback"] => Self::Callback {
                interaction: id(interaction)?,
                token: (*token).to_owned(),
            },
            ["webhooks", webhook] => Self::Webhook {
                webhook: id(webhook)?,
            },
            ["webhooks", webhook, token] => {
                let (webhook, token) = (id(webhook)?, (*token).to_owned());
                if webhook == application_id {
                    Self::FollowUps { token }
                } else {
                    Self::WebhookToken { webhook, token }
                }
            }
            ["webhooks", webhook, token, "messages", at] => {
                let (webhook, token, message) = (id(webhook)?, (*token).to_owned(), message(at)?);
                if webhook == application_id {
                    Self::FollowUp { token, message }
                } else {
                    Self::WebhookMessage {
                        webhook,
                        token,
                        message,
                    }
                }
            }
            ["channels", channel] => Self::Channel {
                channel: id(channel)?,
            },
            ["channels", channel, "webhooks"] => Self::ChannelWebhooks {
                channel: id(channel)?,
            },
            ["channels", channel, "messages"] => Self::Messages {
                channel: id(channel)?,
            },
            ["channels", channel, "messages", at] => Self::Message {
                channel: id(channel)?,
                message: id(at)?,
            },
            ["guilds", guild] => Self::Guild { guild: id(guild)? },
            ["guilds", guild, "channels"] => Self::GuildChannels { guild: id(guild)? },
            ["guilds", guild, "roles"] => Self::GuildRoles { guild: id(guild)? },
            ["guilds", guild, "webhooks"] => Self::GuildWebhooks { guild: id(guild)? },
            ["guilds", guild, "members", user] => Self::Member {
                guild: id(guild)?,
                user: id(user)?,
            },
            _ => return None,
        })
    }

    /// The path without what stands in it.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Self::Gateway => "/gateway",
            Self::GatewayBot => "/gateway/bot",
            Self::Me => "/users/@me",
            Self::User { .. } => "/users/{id}",
            Self::MyGuilds => "/users/@me/guilds",
            Self::MyApplication => "/applications/@me",
            Self::OauthApplication => "/oauth2/applications/@me",
            Self::OpenDirect => "/users/@me/channels",
            Self::Commands { guild: None, .. } => "/applications/{id}/commands",
            Self::Commands { .. } => "/applications/{id}/guilds/{guild}/commands",
            Self::Command { guild: None, .. } => "/applications/{id}/commands/{command}",
            Self::Command { .. } => "/applications/{id}/guilds/{guild}/commands/{command}",
            Self::Callback { .. } => "/interactions/{id}/{token}/callback",
            Self::FollowUps { .. } => "/webhooks/{application}/{token}",
            Self::FollowUp {
                message: MessageRef::Original,
                ..
            } => "/webhooks/{application}/{token}/messages/@original",
            Self::FollowUp { .. } => "/webhooks/{application}/{token}/messages/{message}",
            Self::ChannelWebhooks { .. } => "/channels/{id}/webhooks",
            Self::GuildWebhooks { .. } => "/guilds/{id}/webhooks",
            Self::Webhook { .. } => "/webhooks/{id}",
            Self::WebhookToken { .. } => "/webhooks/{id}/{token}",
            Self::WebhookMessage { .. } => "/webhooks/{id}/{token}/messages/{message}",
            Self::Channel { .. } => "/channels/{id}",
            Self::Messages { .. } => "/channels/{id}/messages",
            Self::Message { .. } => "/channels/{id}/messages/{message}",
            Self::Guild { .. } => "/guilds/{id}",
            Self::GuildChannels { .. } => "/guilds/{id}/channels",
            Self::GuildRoles { .. } => "/guilds/{id}/roles",
            Self::Member { .. } => "/guilds/{id}/members/{user}",
        }
    }

    /// The id that limits and faults go by.
    pub(crate) fn major(&self, state: &State) -> u64 {
        match self {
            Self::Commands { guild, .. } | Self::Command { guild, .. } => guild.unwrap_or_default(),
            Self::Callback { interaction, .. } => *interaction,
            Self::FollowUps { token } | Self::FollowUp { token, .. } => state
                .interactions
                .of_token(token)
                .map_or(0, |interaction| interaction.id),
            Self::Webhook { webhook }
            | Self::WebhookToken { webhook, .. }
            | Self::WebhookMessage { webhook, .. } => *webhook,
            Self::ChannelWebhooks { channel }
            | Self::Channel { channel }
            | Self::Messages { channel }
            | Self::Message { channel, .. } => *channel,
            Self::Guild { guild }
            | Self::GuildChannels { guild }
            | Self::GuildRoles { guild }
            | Self::GuildWebhooks { guild }
            | Self::Member { guild, .. } => *guild,
            Self::User { user } => *user,
            _ => 0,
        }
    }

    /// The webhook, when the path carries a webhook's own token.
    pub(crate) fn webhook(&self) -> Option<u64> {
        match self {
            Self::WebhookToken { webhook, .. } | Self::WebhookMessage { webhook, .. } => {
                Some(*webhook)
            }
            _ => None,
        }
    }

    /// Whether it belongs to an interaction and so is outside of the global limit.
    pub(crate) fn is_interaction(&self) -> bool {
        matches!(
            self,
            Self::Callback { .. } | Self::FollowUps { .. } | Self::FollowUp { .. }
        )
    }

    /// Whether the bot token is needed, because no other token stands in the path.
    pub(crate) fn needs_token(&self) -> bool {
        !self.is_interaction() && self.webhook().is_none() && *self != Self::Gateway
    }

    /// The limits of the route. The names are as opaque as Discord's, and the same for all webhooks.
    pub(crate) fn bucket(&self, method: &Method, limits: &Limits) -> Bucket {
        let bucket = |name, limit, seconds| Bucket {
            name,
            limit,
            window: Duration::from_secs(seconds),
        };
        match self {
            Self::WebhookToken { .. } if method == Method::POST => {
                bucket("4a7bf1d2c0e9", limits.per_webhook, 2)
            }
            Self::FollowUps { .. } if method == Method::POST => {
                bucket("71c1d2a88e30", limits.per_webhook, 2)
            }
            Self::WebhookMessage { .. } => bucket("9e02b15d7c44", limits.per_webhook, 2),
            Self::FollowUp { .. } => bucket("e31f0b9a6d58", limits.per_webhook, 2),
            Self::Messages { .. } if method == Method::POST => {
                bucket("80c17d2f203122d936070c88c8d10f33", limits.per_webhook, 5)
            }
            Self::Message { .. } => bucket("0a6c24bf9d7e", limits.per_webhook, 5),
            Self::Messages { .. } => bucket("2c5ee01b4f9d", limits.per_route, 1),
            Self::Commands { .. } | Self::Command { .. } => {
                bucket("b6f9d0147ac2", limits.per_route, 1)
            }
            Self::ChannelWebhooks { .. } => bucket("55aa9e03c17b", limits.per_route, 1),
            _ => bucket("d4c8f36b012e", limits.per_route, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_paths() {
        let token = || "abc".to_owned();
        let cases = [
            ("gateway/bot", Route::GatewayBot),
            (
                "webhooks/7/abc",
                Route::WebhookToken {
                    webhook: 7,
                    token: token(),
                },
            ),
            ("webhooks/1/abc", Route::FollowUps { token: token() }),
            (
                "webhooks/1/abc/messages/@original",
                Route::FollowUp {
                    token: token(),
                    message: MessageRef::Original,
                },
            ),
            (
                "webhooks/7/abc/messages/9",
                Route::WebhookMessage {
                    webhook: 7,
                    token: token(),
                    message: MessageRef::Id(9),
                },
            ),
            (
                "applications/1/guilds/2/commands",
                Route::Commands {
                    application: 1,
                    guild: Some(2),
                },
            ),
            ("channels/5/messages", Route::Messages { channel: 5 }),
        ];
        for (path, route) in cases {
            assert_eq!(Route::parse(path, 1), Some(route));
        }
        for path in ["", "webhooks/x/abc", "channels/5/messages/", "gateway/"] {
            assert_eq!(Route::parse(path, 1), None, "{path}");
        }
    }
}
