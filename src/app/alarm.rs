//! Tells whoever runs the bot, in a channel of theirs, what is wrong with its surroundings: for those who have
//! no monitoring.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use super::{App, RunError, follow::unless_damaged};
use crate::{
    delivery::{
        entry::{Entry, Occasion, Telling, alarm_key, payload},
        urgency::Urgency,
    },
    discord::Shards,
    domain::{
        alarm::{Alarm, DISK_FREE, News, SESSIONS_LOST_WITHIN, SOURCE_DOWN, Seen},
        ids::AlertId,
        reading::DEFILLAMA,
        time::Timestamp,
    },
    market::health::Health,
    ops::config::NotifyChannel,
    render,
    store::{StoreError, backup},
};

const EVERY: Duration = Duration::from_secs(15);
/// The longest wait before a channel that could not be written to is tried again: each try may be a request
/// that Discord refuses.
const LONGEST: Duration = Duration::from_hours(1);
/// Under which name the store keeps what was told and is not over.
const TOLD: &str = "alarms that were told";
/// Under which name the store keeps since when there should be backups, in milliseconds.
const BACKUPS_SINCE: &str = "backups are looked for since";

/// Looks after the surroundings for ever, where a channel is named for it.
pub(super) async fn look_out(app: &App, shards: &Shards) -> Result<(), RunError> {
    let Some(channel) = app.config.ops.notify_channel else {
        return std::future::pending().await;
    };
    let mut wait = EVERY;
    loop {
        tokio::time::sleep(wait).await;
        let spoken = speak(app, channel, shards, app.clock.now()).await;
        wait = match spoken {
            Ok(Spoken::Refused) => (2 * wait).min(LONGEST),
            _ => EVERY,
        };
        unless_damaged(spoken.map(drop), "whoever runs the bot is not told")?;
    }
}

/// What came of a look.
enum Spoken {
    Nothing,
    Told,
    /// The channel cannot be written to.
    Refused,
}

async fn speak(
    app: &App,
    channel: NotifyChannel,
    shards: &Shards,
    now: Timestamp,
) -> Result<Spoken, StoreError> {
    let told = told(app).await?;
    let backed_up_at = app.backed_up_at(now).await?;
    let news = News::between(&told, &seen(app, shards, backed_up_at, now));
    if news.is_empty() {
        return Ok(Spoken::Nothing);
    }
    let destination = match app.delivery.prepare(channel.channel, channel.server).await {
        Ok(prepared) => prepared.destination,
        Err(refused) => {
            tracing::warn!(why = %refused, "ops.notify_channel cannot be written to");
            return Ok(Spoken::Refused);
        }
    };
    let message = render::alarm::alarms(&news, app.config.ops.backup_alarm);
    for alarm in &news.began {
        tracing::warn!(?alarm, "something is wrong");
    }
    let kept = serde_json::to_vec(&news.added_to(&told)).unwrap_or_default();
    let entry = Entry {
        dedup_key: alarm_key(destination, now),
        destination,
        alert: AlertId(0),
        alert_version: 0,
        pool: None,
        occasion: Occasion::Outage,
        urgency: Urgency::Critical,
        payload: payload(&message),
        summary: message.content,
        created_at: now,
        not_after: now.plus(app.config.delivery.shelf_life.0),
        telling: Telling::default(),
    };
    app.store.enqueue_and_set(&entry, TOLD, &kept).await?;
    app.delivery.poke();
    Ok(Spoken::Told)
}

async fn told(app: &App) -> Result<BTreeSet<Alarm>, StoreError> {
    let kept = app.store.setting(TOLD).await?;
    Ok(kept
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default())
}

impl App {
    /// When the last backup was made; where there was none, since when there should have been one: since this
    /// database was first looked after, however often the bot was started since.
    pub async fn backed_up_at(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let since = self.backups_since(now).await?;
        let last = backup::last_backup(self.store.path());
        Ok(last.map_or(since, |at| at.max(since)))
    }

    async fn backups_since(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let kept = self.store.setting(BACKUPS_SINCE).await?;
        let kept = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(millis) = kept {
            return Ok(Timestamp::from_millis(millis));
        }
        let bytes = now.millis().to_string();
        self.store
            .set_setting(BACKUPS_SINCE, bytes.as_bytes())
            .await?;
        Ok(now)
    }
}

/// What can be seen at this moment. While this process did not run, it asked no source.
fn seen(app: &App, shards: &Shards, backed_up_at: Timestamp, now: Timestamp) -> Seen {
    let mut seen = Seen::default();
    let networks = app.market.networks();
    let sources = [(DEFILLAMA, Health::clone(&app.market.health()))]
        .into_iter()
        .chain(
            app.market
                .lines()
                .into_iter()
                .map(|line| (line.topic.name(), line.health)),
        )
        .chain(
            networks
                .followed()
                .map(|(origin, it)| (origin.name(), it.health.clone())),
        );
    for (name, health) in sources {
        let alarm = Alarm::SourceDown(name.to_owned());
        let answered_at = health.answered_at.filter(|at| *at >= app.started_at);
        let silent_for = now.since(answered_at.unwrap_or(app.started_at));
        if health.trouble.is_some() && silent_for >= SOURCE_DOWN.0 {
            seen.wrong.insert(alarm);
        } else if health.trouble.is_none() && answered_at.is_some() {
            seen.well.insert(alarm);
        }
    }
    let database = app.store.path();
    if let Some(free) = free_percent(database) {
        let set = if free < f64::from(DISK_FREE) {
            &mut seen.wrong
        } else {
            &mut seen.well
        };
        set.insert(Alarm::DiskFull);
    }
    let allowed = app.config.ops.backup_alarm.0;
    let last = backup::last_backup(database);
    if !allowed.is_zero() && now.since(backed_up_at) >= allowed {
        seen.wrong.insert(Alarm::BackupOld);
    } else if last.is_some_and(|at| now.since(at) < allowed) {
        seen.well.insert(Alarm::BackupOld);
    }
    if shards.are_contested(Instant::now()) {
        seen.wrong.insert(Alarm::SessionsLost);
    } else if now.since(app.started_at) >= SESSIONS_LOST_WITHIN.0 {
        seen.well.insert(Alarm::SessionsLost);
    }
    seen
}

/// How much of the disk with this file users may still fill, in percent.
fn free_percent(path: &Path) -> Option<f64> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let disk = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))).ok()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "blocks of a disk are far below what a float holds exactly, and a percentage is wanted"
    )]
    let percent = |part: u64, whole: u64| part as f64 / whole as f64 * 100.0;
    (disk.f_blocks > 0).then(|| percent(disk.f_bavail, disk.f_blocks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_a_file_is_asked() {
        let free = free_percent(Path::new("stipend.db")).unwrap();
        assert!((0.0..=100.0).contains(&free), "{free}");
        assert_eq!(free_percent(Path::new("/nowhere/at/all/stipend.db")), None);
    }
}
