//! Who asks: the bot, nobody in particular, or somebody with a wrong token.

use axum::http::{
    HeaderMap,
    header::{AUTHORIZATION, USER_AGENT},
};

use crate::state::State;

/// What the Authorization header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The right bot token.
    Bot,
    /// No header.
    Nobody,
    /// A token that never was right.
    Wrong,
    /// The token that was right until it was revoked.
    Revoked,
}

impl Caller {
    pub(crate) fn of(headers: &HeaderMap, state: &State) -> Self {
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Self::Nobody;
        };
        let token = value
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bot "));
        match token {
            Some(token) if token == state.world.token && state.token_revoked => Self::Revoked,
            Some(token) if token == state.world.token => Self::Bot,
            _ => Self::Wrong,
        }
    }
}

/// What is wrong with the User-Agent, which has to be `DiscordBot (url, version)`.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<&'static str> {
    let Some(value) = headers.get(USER_AGENT) else {
        return Some("the User-Agent is missing");
    };
    let inside = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("DiscordBot ("));
    let right = inside
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(inside, _)| {
            inside
                .split_once(',')
                .is_some_and(|(url, version)| url.contains("://") && !version.trim().is_empty())
        });
    (!right).then_some("the User-Agent is not \"DiscordBot (url, version)\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agents() {
        let check = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, text.parse().unwrap());
            user_agent(&headers).is_none()
        };
        assert!(check(
            "DiscordBot (https://github.com/serenity-rs/serenity, 0.12.5)"
        ));
        assert!(check("DiscordBot (https://example.org, 1) extra"));
        assert!(!check("reqwest/0.12"));
        assert!(!check("DiscordBot (stipend)"));
        assert!(user_agent(&HeaderMap::new()).is_some());
    }
}
