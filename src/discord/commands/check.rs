//! “Check this yield” in the menu of a message: which pools it can mean, and what they pay.

use poise::serenity_prelude as serenity;

use super::yield_;
use crate::{
    discord::{
        context::{Context, parts},
        errors::{CommandError, Trouble},
        reply::{self, Visibility},
    },
    domain::time::Timestamp,
    market::{
        mention::{By, MOST_TEXT, Period},
        view::View,
    },
    render::{
        self,
        mention::{Checked, Found},
        message::Message,
        text,
    },
};

/// The command's name, as Discord shows it in the menu.
pub const NAME: &str = "Check this yield";

#[poise::command(
    rename = "Check this yield",
    context_menu_command = "Check this yield",
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel"
)]
pub(super) async fn check(
    ctx: Context<'_>,
    message: serenity::Message,
) -> Result<(), CommandError> {
    let (app, _) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let market = bot.app.market.view(now);
    let max_apy = bot.app.market.screen().max_apy;
    let message = answer(&market, &words(&message), max_apy, now)?;
    reply::send(app, message, Visibility::Private).await
}

/// Looks for what the text can mean, and words it. `max_apy` is the percentage above which offers are
/// screened out.
pub fn answer(market: &View, text: &str, max_apy: f64, now: Timestamp) -> Result<Message, Trouble> {
    if market.is_empty() {
        return Err(Trouble::NoMarketYet);
    }
    let mention = market.mentioned(text);
    let fits: Vec<_> = mention
        .fits
        .iter()
        .map(|listing| yield_::view(market, listing))
        .collect();
    let claim = mention.claim.map(|claim| render::mention::Claim {
        stated: claim.stated,
        per: match claim.per {
            Period::Day => Some("a day"),
            Period::Week => Some("a week"),
            Period::Month => Some("a month"),
            Period::Year => None,
        },
        yearly: claim.yearly(),
    });
    Ok(render::mention::checked(
        &Checked {
            fits: &fits,
            more: mention.more,
            found: match mention.by {
                By::Address => Found::ByAddress,
                _ if mention.has_others => Found::OfSeveral,
                _ => Found::ByName,
            },
            names: &mention.names,
            claim,
            unlisted: mention.unlisted,
            mixes_scripts: text::is_mixed_script(text),
            has_text: text.chars().any(char::is_alphanumeric),
            max_apy,
            source: market.origin.source,
            fetched_at: market.answered_at,
        },
        now,
    ))
}

/// Everything that a message says, as far as it is read: its text, its embeds, and the same of what it
/// passes on.
fn words(message: &serenity::Message) -> String {
    let mut words = Words::default();
    words.add(&message.content);
    words.embeds(&message.embeds);
    for passed_on in &message.message_snapshots {
        words.add(&passed_on.content);
        words.embeds(&passed_on.embeds);
    }
    words.text
}

#[derive(Default)]
struct Words {
    text: String,
    length: usize,
}

impl Words {
    fn add(&mut self, part: &str) {
        let room = MOST_TEXT.saturating_sub(self.length);
        if room == 0 || part.is_empty() {
            return;
        }
        let before = self.text.len();
        self.text.extend(part.chars().take(room));
        self.text.push('\n');
        let added = self.text.get(before..).unwrap_or_default();
        self.length += added.chars().count();
    }

    fn embeds(&mut self, embeds: &[serenity::Embed]) {
        for embed in embeds {
            let parts = [&embed.title, &embed.url, &embed.description];
            for part in parts.into_iter().flatten() {
                self.add(part);
            }
            for field in &embed.fields {
                self.add(&field.name);
                self.add(&field.value);
            }
            if let Some(author) = &embed.author {
                self.add(&author.name);
            }
            if let Some(footer) = &embed.footer {
                self.add(&footer.text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A message of Discord's shape, with what its documentation says is always there.
    fn message(content: &str, embeds: &serde_json::Value) -> serenity::Message {
        let message = json!({
            "id": "1", "channel_id": "2", "author": {"id": "3", "username": "x", "discriminator": "0"},
            "content": content, "timestamp": "2026-02-21T23:17:00+00:00", "edited_timestamp": null,
            "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [],
            "attachments": [], "embeds": embeds, "pinned": false, "type": 0,
        });
        serde_json::from_value(message).unwrap()
    }

    #[test]
    fn what_stands_in_embeds_is_read_as_well() {
        let embed = json!({
            "title": "Offer", "url": "https://example.org", "description": "USDC",
            "fields": [{"name": "APY", "value": "40 %", "inline": true}],
            "author": {"name": "Somebody"}, "footer": {"text": "Base"},
        });
        let read = words(&message("Look", &json!([embed])));
        let expected = "Look\nOffer\nhttps://example.org\nUSDC\nAPY\n40 %\nSomebody\nBase\n";
        assert_eq!(read, expected);
        assert_eq!(words(&message("", &json!([]))), "");
    }

    #[test]
    fn what_a_message_passes_on_is_read_as_well() {
        let mut passing = serde_json::to_value(message("", &json!([]))).unwrap();
        passing["message_snapshots"] = json!([{"message": {
            "content": "USDC at 40 %", "timestamp": "2026-02-21T23:17:00+00:00",
            "edited_timestamp": null, "mentions": [], "attachments": [],
            "embeds": [{"title": "Aave"}], "type": 0, "flags": 0,
        }}]);
        let passing: serenity::Message = serde_json::from_value(passing).unwrap();
        assert_eq!(words(&passing), "USDC at 40 %\nAave\n");
    }

    #[test]
    fn nobody_has_more_read_than_is_looked_at() {
        let long = "ü".repeat(4_000);
        let embed = json!({"description": long});
        let read = words(&message(&long, &json!([embed, embed, embed])));
        assert!(
            read.chars().count() <= MOST_TEXT + 1,
            "{}",
            read.chars().count()
        );
    }
}
