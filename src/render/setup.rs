//! The steps of setting a server up.

use crate::domain::{ids::ChannelId, zone::Zone};

/// Notices can go to the channel.
pub fn channel_ready(channel: ChannelId) -> String {
    format!("✅ I can speak in <#{channel}>. `/alerts test` proves it at any time.")
}

/// The clock of the server.
pub fn zone(zone: Zone) -> String {
    format!("✅ Digests and quiet hours go by {zone} time; `/config set` changes it.")
}

/// What is left to be done.
pub fn last_step(template: &str) -> String {
    format!(
        "▶️ Last step: look at what these alerts would have said, and set them. *{template}.* Others are \
         in `/alerts templates`, and `/alerts add` makes your own."
    )
}
