use std::{num::NonZero, path::PathBuf};

use secrecy::SecretString;

use super::{review::Section, value};

/// `[discord]`: how Discord is reached, and as whom.
#[derive(Debug, Clone)]
pub struct Discord {
    /// What stands before `/api`, without a slash at the end. Default `https://discord.com`.
    pub api_url: String,
    /// The file that holds the bot's token. Ask [`crate::ops::secrets::token`] for the token itself.
    pub token_file: Option<PathBuf>,
    /// The token where no file holds it, meant for the environment.
    pub token: Option<SecretString>,
    /// How many shards to start, 1 to 1024; none (written as 0) takes Discord's advice. Default none.
    pub shards: Option<NonZero<u32>>,
    /// Whom to ask about this bot, shown by `/help`; at most 200 characters. Default empty.
    pub contact: String,
}

impl Default for Discord {
    fn default() -> Self {
        Self {
            api_url: "https://discord.com".to_owned(),
            token_file: None,
            token: None,
            shards: None,
            contact: String::new(),
        }
    }
}

impl Discord {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            api_url: section.read("api_url", default.api_url, value::base_url),
            token_file: section.read_optional("token_file", value::path),
            token: section.read_secret("token", value::secret),
            shards: section.read("shards", default.shards, |given| {
                value::whole(given, 0..=1024, |count| {
                    u32::try_from(count).ok().map(NonZero::new)
                })
            }),
            contact: section.read("contact", default.contact, |given| value::line(given, 200)),
        }
    }
}
