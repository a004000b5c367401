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
        alarm::{Alarm, DISK_FREE, SOURCE_DOWN, news},
        ids::AlertId,
        reading::DEFILLAMA,
        time::Timestamp,
    },
    market::health::Health,
    ops::config::NotifyChannel,
    render,
    store::{StoreError, backup},
};

const EVERY: Duration = Duration::from_mins(1);
/// Under which name the store keeps what was told and is not over.
const TOLD: &str = "alarms that were told";

/// Looks after the surroundings for ever, where a channel is named for it.
pub(super) async fn look_out(app: &App, shards: &Shards) -> Result<(), RunError> {
    let Some(channel) = app.config.ops.notify_channel else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(EVERY).await;
        let now = app.clock.now();
        unless_damaged(
            speak(app, channel, wrong(app, shards, now), now).await,
            "whoever runs the bot is not told",
        )?;
    }
}

async fn speak(
    app: &App,
    channel: NotifyChannel,
    wrong: BTreeSet<Alarm>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let told = told(app).await?;
    let (began, over) = news(&told, &wrong);
    if began.is_empty() && over.is_empty() {
        return Ok(());
    }
    let destination = match app.delivery.prepare(channel.channel, channel.server).await {
        Ok(prepared) => prepared.destination,
        Err(refused) => {
            tracing::warn!(why = %refused, "ops.notify_channel cannot be written to");
            return Ok(());
        }
    };
    let message = render::alarm::alarms(&began, &over, app.config.ops.backup_alarm);
    for alarm in &began {
        tracing::warn!(?alarm, "something is wrong");
    }
    app.store
        .enqueue(&Entry {
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
        })
        .await?;
    let kept = serde_json::to_vec(&wrong).unwrap_or_default();
    app.store.set_setting(TOLD, &kept).await?;
    app.delivery.poke();
    Ok(())
}

async fn told(app: &App) -> Result<BTreeSet<Alarm>, StoreError> {
    let kept = app.store.setting(TOLD).await?;
    Ok(kept
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default())
}

/// What is wrong at this moment. While this process did not run, nobody was asked and no backup was due.
fn wrong(app: &App, shards: &Shards, now: Timestamp) -> BTreeSet<Alarm> {
    let mut wrong = BTreeSet::new();
    let is_down = |health: &Health| {
        let since = health
            .answered_at
            .unwrap_or(app.started_at)
            .max(app.started_at);
        health.trouble.is_some() && now.since(since) >= SOURCE_DOWN.0
    };
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
        if is_down(&health) {
            wrong.insert(Alarm::SourceDown(name.to_owned()));
        }
    }
    let database = app.store.path();
    if free_percent(database).is_some_and(|free| free < f64::from(DISK_FREE)) {
        wrong.insert(Alarm::DiskFull);
    }
    let allowed = app.config.ops.backup_alarm.0;
    let last = backup::last_backup(database).map_or(app.started_at, |at| at.max(app.started_at));
    if !allowed.is_zero() && now.since(last) >= allowed {
        wrong.insert(Alarm::BackupOld);
    }
    if shards.are_contested(Instant::now()) {
        wrong.insert(Alarm::SessionsLost);
    }
    wrong
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
