//! What there is before the bot comes: the application, its servers and channels, and Discord's limits.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{guild_on_shard, ids::text};

/// Permission bits that the twin asks for.
pub mod permission {
    /// Everything, whatever the channel says.
    pub const ADMINISTRATOR: u64 = 1 << 3;
    /// The permission that a server's managers have.
    pub const MANAGE_GUILD: u64 = 1 << 5;
    /// See a channel at all.
    pub const VIEW_CHANNEL: u64 = 1 << 10;
    /// Write in a channel.
    pub const SEND_MESSAGES: u64 = 1 << 11;
    /// Delete the messages of others.
    pub const MANAGE_MESSAGES: u64 = 1 << 13;
    /// Send embeds.
    pub const EMBED_LINKS: u64 = 1 << 14;
    /// Send files.
    pub const ATTACH_FILES: u64 = 1 << 15;
    /// Read what was written before; without it a listing is empty.
    pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
    /// Create, list, change and delete webhooks.
    pub const MANAGE_WEBHOOKS: u64 = 1 << 29;
    /// Write in threads; `SEND_MESSAGES` is not inherited there.
    pub const SEND_MESSAGES_IN_THREADS: u64 = 1 << 38;
    /// What the recommended install link with fallback, files and threads asks for.
    pub const RECOMMENDED: u64 = VIEW_CHANNEL
        | SEND_MESSAGES
        | EMBED_LINKS
        | ATTACH_FILES
        | READ_MESSAGE_HISTORY
        | MANAGE_WEBHOOKS
        | SEND_MESSAGES_IN_THREADS;
}

/// Everything that is fixed when a twin starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// The application's id.
    #[serde(with = "text")]
    pub application: u64,
    /// The bot user's id.
    #[serde(with = "text")]
    pub bot: u64,
    /// The bot user's name.
    pub bot_name: String,
    /// The only bot token that is accepted.
    pub token: String,
    /// The servers that the bot is in.
    pub guilds: Vec<Guild>,
    /// Rate limits and how fast their windows pass.
    pub limits: Limits,
    /// The number of shards that `GET /gateway/bot` recommends.
    pub shards: u32,
    /// How many shards may identify in one `identify_pause_ms`.
    pub max_concurrency: u32,
    /// The least time between two identifies of one concurrency key; 0 switches the rule off.
    pub identify_pause_ms: u64,
    /// Identifies left today; each one takes one, and none left closes the connection with 4004.
    pub session_starts_left: u32,
    /// More identifies than this are a violation.
    pub identify_budget: u32,
    /// The interval that Hello names.
    pub heartbeat_interval_ms: u64,
    /// How long the gateway waits before it says Hello.
    pub hello_delay_ms: u64,
    /// How long Create Message remembers an enforced nonce.
    pub nonce_window_ms: u64,
    /// How long an interaction waits for its first answer.
    pub first_answer_ms: u64,
    /// How long an interaction's token lives after its creation.
    pub token_lifetime_ms: u64,
    /// Discord's `openapi.json`; otherwise the environment's `DISCORD_OPENAPI` is looked at. Needs the feature `openapi`.
    pub openapi: Option<PathBuf>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            application: 1_100_000_000_000_000_001,
            bot: 1_100_000_000_000_000_002,
            bot_name: "stipend".to_owned(),
            // Shaped like a real one (id, time, signature), because clients check that.
            token: "MTEwMDAwMDAwMDAwMDAwMDAwMg.GtWiNs.twin-token-of-no-value-to-anybody-0000"
                .to_owned(),
            guilds: Vec::new(),
            limits: Limits::default(),
            shards: 1,
            max_concurrency: 1,
            identify_pause_ms: 5000,
            session_starts_left: 1000,
            identify_budget: 1000,
            heartbeat_interval_ms: 41_250,
            hello_delay_ms: 0,
            nonce_window_ms: 180_000,
            first_answer_ms: 3000,
            token_lifetime_ms: 900_000,
            openapi: None,
        }
    }
}

impl World {
    /// Adds a server.
    #[must_use]
    pub fn guild(mut self, guild: Guild) -> Self {
        self.guilds.push(guild);
        self
    }

    /// Adds `count` servers with one text channel each, spread evenly over the recommended shards.
    #[must_use]
    pub fn guilds(mut self, count: u32) -> Self {
        for nth in 0..count {
            let id = guild_on_shard(nth % self.shards, self.shards, nth / self.shards);
            self.guilds
                .push(Guild::new(id, format!("server {nth}")).channel(id + 1, "general"));
        }
        self
    }

    /// Sets the recommended number of shards, and lets all of them identify at once.
    #[must_use]
    pub fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self.max_concurrency = shards;
        self
    }

    /// Sets the rate limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets shards identify as often and as fast as they like, for harnesses that kill and restart a bot.
    #[must_use]
    pub fn free_identifies(mut self) -> Self {
        self.identify_pause_ms = 0;
        self.session_starts_left = u32::MAX;
        self.identify_budget = u32::MAX;
        self
    }
}

/// A server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guild {
    /// Its id, which decides the shard.
    #[serde(with = "text")]
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its channels and threads.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// Its roles beside that of everyone; they give no rights.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// What the bot may do in it.
    #[serde(with = "text", default = "recommended")]
    pub permissions: u64,
    /// The language that its owner chose.
    #[serde(default = "english")]
    pub locale: String,
}

fn recommended() -> u64 {
    permission::RECOMMENDED
}

fn english() -> String {
    "en-US".to_owned()
}

impl Guild {
    /// A server without channels, in which the bot has [`permission::RECOMMENDED`].
    pub fn new(id: u64, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            channels: Vec::new(),
            roles: Vec::new(),
            permissions: recommended(),
            locale: english(),
        }
    }

    /// Adds a text channel.
    #[must_use]
    pub fn channel(self, id: u64, name: impl Into<String>) -> Self {
        self.with(Channel::new(id, name, ChannelKind::Text))
    }

    /// Adds a channel of any kind.
    #[must_use]
    pub fn with(mut self, channel: Channel) -> Self {
        self.channels.push(channel);
        self
    }

    /// Adds a role, which everybody may call or not.
    #[must_use]
    pub fn role(mut self, id: u64, name: impl Into<String>, mentionable: bool) -> Self {
        self.roles.push(Role {
            id,
            name: name.into(),
            mentionable,
        });
        self
    }

    /// Sets what the bot may do in this server.
    #[must_use]
    pub fn permissions(mut self, bits: u64) -> Self {
        self.permissions = bits;
        self
    }
}

/// A role of a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its id.
    #[serde(with = "text")]
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Whether everybody may call it.
    #[serde(default)]
    pub mentionable: bool,
}

/// A channel or thread of a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Its id.
    #[serde(with = "text")]
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What kind it is.
    #[serde(default)]
    pub kind: ChannelKind,
    /// What the bot may do in it, when that differs from the server.
    #[serde(with = "text::maybe", default)]
    pub permissions: Option<u64>,
    /// The channel that a thread belongs to.
    #[serde(with = "text::maybe", default)]
    pub parent: Option<u64>,
    /// Whether a thread is archived; a webhook message opens it again.
    #[serde(default)]
    pub archived: bool,
    /// Whether a thread is locked; then nothing can be written.
    #[serde(default)]
    pub locked: bool,
}

impl Channel {
    /// A channel with the permissions of its server.
    pub fn new(id: u64, name: impl Into<String>, kind: ChannelKind) -> Self {
        Self {
            id,
            name: name.into(),
            kind,
            permissions: None,
            parent: None,
            archived: false,
            locked: false,
        }
    }

    /// Makes it a thread of another channel.
    #[must_use]
    pub fn in_channel(mut self, parent: u64) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Sets what the bot may do in this channel, instead of what the server says.
    #[must_use]
    pub fn permissions(mut self, bits: u64) -> Self {
        self.permissions = Some(bits);
        self
    }
}

/// The kinds of channel that the twin knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// An ordinary text channel.
    #[default]
    Text,
    /// A direct conversation of the bot and one person.
    Direct,
    /// A voice channel.
    Voice,
    /// A heading over other channels.
    Category,
    /// A channel that others can follow.
    Announcement,
    /// A thread in an announcement channel.
    AnnouncementThread,
    /// A thread that everybody sees.
    PublicThread,
    /// A thread for invited people.
    PrivateThread,
    /// A channel of threads.
    Forum,
    /// A channel of threads with pictures.
    Media,
}

impl ChannelKind {
    /// Discord's number for it.
    pub fn number(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Direct => 1,
            Self::Voice => 2,
            Self::Category => 4,
            Self::Announcement => 5,
            Self::AnnouncementThread => 10,
            Self::PublicThread => 11,
            Self::PrivateThread => 12,
            Self::Forum => 15,
            Self::Media => 16,
        }
    }

    /// Whether it is a thread of another channel.
    pub fn is_thread(self) -> bool {
        matches!(
            self,
            Self::AnnouncementThread | Self::PublicThread | Self::PrivateThread
        )
    }

    /// Whether messages in it live in threads only.
    pub fn holds_threads_only(self) -> bool {
        matches!(self, Self::Forum | Self::Media)
    }
}

/// Rate limits.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Whether limits are enforced at all; otherwise headers name a million calls.
    pub enforced: bool,
    /// Calls of one webhook in 2 s.
    pub per_webhook: u32,
    /// Calls of all webhooks of one channel in 60 s: the limit that no header tells of.
    pub per_channel: u32,
    /// Calls in 1 s, of the bot token and, apart from that, of callers without one.
    pub global: u32,
    /// Calls of one other route and its id in 1 s.
    pub per_route: u32,
    /// Answers 401, 403 and 429 in 10 minutes, after which the address is banned for an hour.
    pub invalid: u32,
    /// Calls of webhooks already known to be gone, after which the address is banned too.
    pub dead_calls: u32,
    /// All windows, pauses and bans last this many times their real length.
    pub time_scale: f64,
    /// How many seconds the epoch in `X-RateLimit-Reset` is off.
    pub reset_skew_s: i64,
    /// What the headers of an answer say of its bucket.
    pub buckets: Buckets,
}

/// What the headers of an answer say of its bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Buckets {
    /// Its name and how it stands.
    #[default]
    Named,
    /// The same under other names, as after a change on Discord's side.
    Renamed,
    /// Nothing: the answers have no such headers.
    Untold,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enforced: true,
            per_webhook: 5,
            per_channel: 30,
            global: 50,
            per_route: 30,
            invalid: 10_000,
            dead_calls: 20,
            time_scale: 1.0,
            reset_skew_s: 0,
            buckets: Buckets::default(),
        }
    }
}

impl Limits {
    /// No limits at all, for measurements.
    pub fn off() -> Self {
        Self {
            enforced: false,
            ..Self::default()
        }
    }

    /// Discord's limits with all times multiplied by `time_scale`.
    pub fn scaled(time_scale: f64) -> Self {
        Self {
            time_scale,
            ..Self::default()
        }
    }
}
