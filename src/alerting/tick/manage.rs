//! How alerts and what servers choose change: one after the other, and never beside a batch.

use std::{collections::HashMap, sync::Arc};

use super::{Added, Alerting, Lane, Servers, State, lane, recall, watched};
use crate::{
    alerting::{
        evaluator::Evaluator,
        renames::{Successor, successor},
    },
    delivery::{
        entry::{
            Entry, Held, Hold, Occasion, Telling, opening_key, payload, question_key, summary_key,
        },
        urgency::Urgency,
    },
    domain::{
        alert::{Alert, Rule},
        episode::Episode,
        ids::{AlertId, ChannelId, DestinationId, GuildId, PoolId},
        listing::Listing,
        manner::ServerSettings,
        pool::Pool,
        reading::DataState,
        time::{Span, Timestamp},
    },
    market::{Market, ingest::Change, snapshot::Snapshot},
    render::{self, message::Message},
    store::{Store, StoreError, rules::NewAlert, servers::Deed},
};

impl Alerting {
    /// Has alerts of a pool that goes on under another key watch that one, from where they stand. Done
    /// before the change is evaluated, so that none of them says that its pool is gone.
    pub async fn follow_renamed(
        &self,
        store: &Store,
        market: &Market,
        change: &Change,
    ) -> Result<usize, StoreError> {
        let renamed = renamed(&market.snapshot(), &change.snapshot);
        if renamed.is_empty() {
            return Ok(0);
        }
        for (pool, successor) in &renamed {
            if let Successor::Certain(new) = successor {
                market.note_renamed(store, *pool, *new).await?;
            }
        }
        let mut state = self.state.lock().await;
        let mut followed = 0;
        for (id, guild, pool) in state.alerts_of(&renamed) {
            let new = match renamed.get(&pool) {
                Some(Successor::Certain(new)) => *new,
                Some(Successor::Perhaps(several)) => {
                    let asked = self.question(store, &state, (id, guild, pool), several, change);
                    if let Some(entry) = asked.await? {
                        store.enqueue(&entry).await?;
                    }
                    continue;
                }
                Some(Successor::None) | None => continue,
            };
            let Some(mut alert) = store.alert(guild, id).await? else {
                continue;
            };
            let episode = state.evaluator.episode(id, pool);
            alert.rule.scope.pool = Some(new);
            let deed = Deed {
                guild,
                at: change.at,
                person: None,
                words: format!(
                    "The source lists the pool of alert #{id} anew: it is watched under `{new}`"
                ),
            };
            // What began under the old key ends under the new one. It comes first: after a crash in
            // between the alert is followed again.
            let opening = |pool| opening_key(id, alert.version, pool, episode.number);
            store.rekey(opening(pool), opening(new)).await?;
            let stands = [(new, episode)];
            store.change_alert(&alert, Some(&stands), &deed).await?;
            state.evaluator.forget(id);
            state.evaluator.watch(watched(&alert), stands);
            tracing::info!(alert = %id, %pool, %new, "a pool goes on under another key");
            followed += 1;
        }
        Ok(followed)
    }

    /// Asks a server's admins what an alert's pool has become, once.
    async fn question(
        &self,
        store: &Store,
        state: &State,
        (id, guild, gone): (AlertId, GuildId, PoolId),
        several: &[PoolId],
        change: &Change,
    ) -> Result<Option<Entry>, StoreError> {
        let pool_of = |pool: &PoolId| change.snapshot.get(*pool).map(|listing| &*listing.pool);
        let (Some(pool), Some(lane)) = (pool_of(&gone), state.lanes.get(&id)) else {
            return Ok(None);
        };
        let perhaps: Vec<&Pool> = several.iter().filter_map(pool_of).collect();
        let admins = match self.server(guild).admin_channel {
            Some(channel) => store.destination_for(channel).await?,
            None => None,
        };
        let message = render::report::question(id, pool, &perhaps);
        Ok(Some(Entry {
            dedup_key: question_key(id, gone),
            destination: admins.map_or(lane.destination, |place| place.id),
            alert: id,
            alert_version: 0,
            pool: None,
            occasion: Occasion::Outage,
            urgency: Urgency::Normal,
            summary: message.content.clone(),
            payload: payload(&message),
            created_at: change.at,
            not_after: change.at.plus(self.shelf_life.0),
            telling: Telling::default(),
        }))
    }

    /// Keeps a new alert. What is true of a pool already is its baseline and no news.
    pub async fn add(
        &self,
        store: &Store,
        market: &Market,
        new: NewAlert,
        destination: DestinationId,
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        let mut state = self.state.lock().await;
        // Taken under the lock: the batch before is in it, and the next one finds the alert.
        let snapshot = market.snapshot();
        let meant = meant(&mut state.evaluator, store, &snapshot, &new.rule, now).await?;
        let baseline = baseline(&state.evaluator, market, &new.rule, &meant, now);
        let alert = store.add_alert(&new, &baseline, now).await?;
        let pools = meant
            .iter()
            .filter(|listing| new.rule.scope.reaches(listing.reading.tvl_usd))
            .count();
        let added = Added {
            pools,
            baseline: baseline.len(),
            alert: alert.clone(),
        };
        state.lanes.insert(alert.id, lane(&alert, destination));
        state.evaluator.watch(watched(&alert), baseline);
        Ok(added)
    }

    /// Takes an alert of this server out of use.
    pub async fn remove(
        &self,
        store: &Store,
        id: AlertId,
        deed: &Deed,
    ) -> Result<Option<Alert>, StoreError> {
        let mut state = self.state.lock().await;
        let Some(alert) = store.alert(deed.guild, id).await? else {
            return Ok(None);
        };
        store.remove_alert(id, deed).await?;
        state.evaluator.forget(id);
        state.lanes.remove(&id);
        Ok(Some(alert))
    }

    /// Forgets a server with all that is its own.
    pub async fn forget_server(&self, store: &Store, guild: GuildId) -> Result<(), StoreError> {
        self.let_server_go(store, guild).await?;
        // It may wait for readers, and no batch waits with it.
        store.scrub().await
    }

    async fn let_server_go(&self, store: &Store, guild: GuildId) -> Result<(), StoreError> {
        let _choosing = self.choosing.lock().await;
        let mut state = self.state.lock().await;
        store.erase_server(guild).await?;
        let theirs = state.lanes.iter().filter(|(_, lane)| lane.guild == guild);
        let theirs: Vec<AlertId> = theirs.map(|(id, _)| *id).collect();
        for id in theirs {
            state.evaluator.forget(id);
            state.lanes.remove(&id);
        }
        let mut servers = Servers::clone(&self.servers.load());
        servers.remove(&guild);
        self.servers.store(Arc::new(servers));
        Ok(())
    }

    /// Changes an alert of this server; `None` where there is none of that number. A changed rule starts as
    /// a new one does: what is true of a pool already is no news. Its version tells what it says from now
    /// on from what it said before. The alert is read here, so that no other change is lost.
    pub async fn change<E: From<StoreError>>(
        &self,
        store: &Store,
        market: &Market,
        id: AlertId,
        deed: &Deed,
        change: impl FnOnce(&mut Alert) -> Result<(), E>,
    ) -> Result<Option<(Alert, bool)>, E> {
        let mut state = self.state.lock().await;
        let found = store.alert(deed.guild, id).await?;
        let (Some(mut alert), Some(lane)) = (found, state.lanes.get(&id).copied()) else {
            return Ok(None);
        };
        let before = alert.rule.clone();
        change(&mut alert)?;
        let anew = alert.rule != before;
        if anew {
            state.begin_anew(store, market, &mut alert, deed).await?;
        } else {
            store.change_alert(&alert, None, deed).await?;
        }
        let manner = alert.manner;
        state.lanes.insert(id, Lane { manner, ..lane });
        Ok(Some((alert, anew)))
    }

    /// Brings back an alert that was removed in this server since then, as a new one; `None` where there
    /// is none of that number any more.
    pub async fn restore(
        &self,
        store: &Store,
        market: &Market,
        (id, since): (AlertId, Timestamp),
        destination: DestinationId,
        deed: &Deed,
    ) -> Result<Option<Alert>, StoreError> {
        let mut state = self.state.lock().await;
        let removed = store.removed_alerts(deed.guild, since).await?;
        let Some(mut alert) = removed.into_iter().find(|alert| alert.id == id) else {
            return Ok(None);
        };
        alert.created_by = deed.person.unwrap_or(alert.created_by);
        alert.manner.muted_until = None;
        store.bring_back(&alert).await?;
        state.begin_anew(store, market, &mut alert, deed).await?;
        state.lanes.insert(id, lane(&alert, destination));
        Ok(Some(alert))
    }

    /// Mutes alerts until then; a moment that has come lets them speak again. What they would have said
    /// comes as one list when it is over. Answers with those that there were.
    pub async fn mute(
        &self,
        store: &Store,
        ids: &[AlertId],
        until: Timestamp,
        deed: &Deed,
    ) -> Result<Vec<AlertId>, StoreError> {
        let mut state = self.state.lock().await;
        let is_muted = until > deed.at;
        let mut alerts = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(mut alert) = store.alert(deed.guild, *id).await? {
                alert.manner.muted_until = is_muted.then_some(until);
                alerts.push(alert);
            }
        }
        let heads = if is_muted {
            summaries(&state, &alerts, until, self.shelf_life, deed)
        } else {
            Vec::new()
        };
        store.mute(&alerts, until, &heads, deed).await?;
        for alert in &alerts {
            if let Some(lane) = state.lanes.get_mut(&alert.id) {
                lane.manner = alert.manner;
            }
        }
        Ok(alerts.into_iter().map(|alert| alert.id).collect())
    }

    /// Has the alerts of one channel speak in another, from where they stand.
    pub async fn move_to(
        &self,
        store: &Store,
        from: DestinationId,
        alerts: &[AlertId],
        to: (ChannelId, DestinationId),
        deed: &Deed,
    ) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        store.move_alerts(from, alerts, to, deed).await?;
        for alert in alerts {
            if let Some(lane) = state.lanes.get_mut(alert) {
                lane.destination = to.1;
            }
        }
        Ok(())
    }

    /// Keeps what a server has chosen. What is held back already keeps its time.
    pub async fn choose(
        &self,
        store: &Store,
        deed: &Deed,
        change: impl FnOnce(&mut ServerSettings),
    ) -> Result<ServerSettings, StoreError> {
        let _one_at_a_time = self.choosing.lock().await;
        let mut settings = self.server(deed.guild);
        change(&mut settings);
        store.save_server(&settings, deed).await?;
        let mut servers = Servers::clone(&self.servers.load());
        servers.insert(deed.guild, settings);
        self.servers.store(Arc::new(servers));
        Ok(settings)
    }
}

impl State {
    /// The alerts of one pool that is among these, with their servers.
    fn alerts_of(&self, pools: &HashMap<PoolId, Successor>) -> Vec<(AlertId, GuildId, PoolId)> {
        let mut found: Vec<_> = self
            .lanes
            .iter()
            .filter_map(|(id, lane)| {
                let pool = self.evaluator.get(*id)?.rule.scope.pool?;
                pools.contains_key(&pool).then_some((*id, lane.guild, pool))
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// Has an alert start as a new one does, with another version.
    async fn begin_anew(
        &mut self,
        store: &Store,
        market: &Market,
        alert: &mut Alert,
        deed: &Deed,
    ) -> Result<(), StoreError> {
        let snapshot = market.snapshot();
        alert.version = alert.version.saturating_add(1);
        let meant = meant(&mut self.evaluator, store, &snapshot, &alert.rule, deed.at).await?;
        let baseline = baseline(&self.evaluator, market, &alert.rule, &meant, deed.at);
        store.change_alert(alert, Some(&baseline), deed).await?;
        self.evaluator.forget(alert.id);
        self.evaluator.watch(watched(alert), baseline);
        Ok(())
    }
}

/// What has become of pools that are gone: looked for when a pool has just become missing, or when a pool
/// has appeared that an earlier one may have become.
fn renamed(old: &Snapshot, new: &Snapshot) -> HashMap<PoolId, Successor> {
    let newest = |snapshot: &Snapshot| {
        let numbers = snapshot.listings().iter().map(|listing| listing.no);
        numbers.max().unwrap_or_default()
    };
    let appeared = newest(new) > newest(old);
    let was_missing = |listing: &&Listing| {
        let before = old.get(listing.pool.id);
        before.is_some_and(|before| before.state == DataState::Missing)
    };
    let missing = new.listings().iter().filter(|listing| {
        listing.state == DataState::Missing && (appeared || !was_missing(listing))
    });
    missing
        .map(|gone| (gone.pool.id, successor(gone, new)))
        .filter(|(_, successor)| *successor != Successor::None)
        .collect()
}

/// The pools that a rule names, with as much of their past as it looks into.
async fn meant<'a>(
    evaluator: &mut Evaluator,
    store: &Store,
    snapshot: &'a Snapshot,
    rule: &Rule,
    now: Timestamp,
) -> Result<Vec<&'a Listing>, StoreError> {
    let meant: Vec<&Listing> = snapshot
        .listings()
        .iter()
        .filter(|listing| rule.scope.names(&listing.pool))
        .collect();
    if let Some(window) = rule.condition.window() {
        // What is remembered reaches back only as far as the rules so far look.
        let anew = window.0 > evaluator.longest_window();
        let window = window.0.max(evaluator.longest_window());
        recall(evaluator, store, &meant, anew, now.minus(window)).await?;
    }
    Ok(meant)
}

/// The pools of which the condition is true already.
fn baseline(
    evaluator: &Evaluator,
    market: &Market,
    rule: &Rule,
    meant: &[&Listing],
    now: Timestamp,
) -> Vec<(PoolId, Episode)> {
    let is_about_strain = rule.condition.kind().is_about_strain();
    let at_creation = |listing: &&Listing| {
        // What a source has said once is not believed, and is no news either.
        let judged = if is_about_strain {
            rule.condition.judge_strain(&market.strain_of(listing, now))
        } else {
            evaluator.judge_now(rule, listing)
        };
        (listing.pool.id, Episode::at_creation(judged))
    };
    let all = meant.iter().map(at_creation);
    all.filter(|(_, episode)| !episode.is_default()).collect()
}

/// What heads the lists that come when a mute is over: one for each alert.
fn summaries(
    state: &State,
    alerts: &[Alert],
    until: Timestamp,
    shelf_life: Span,
    deed: &Deed,
) -> Vec<Entry> {
    let entry = |alert: &Alert| {
        let words = render::alerts::speak_again(&[alert.id]);
        Some(Entry {
            dedup_key: summary_key(alert.id, deed.at, until),
            destination: state.lanes.get(&alert.id)?.destination,
            alert: alert.id,
            alert_version: alert.version,
            pool: None,
            occasion: Occasion::Summary,
            urgency: Urgency::Digest,
            payload: payload(&Message::text(words.as_str())),
            summary: words,
            created_at: deed.at,
            not_after: until.plus(shelf_life.0),
            telling: Telling {
                hold: Some(Hold {
                    until,
                    why: Held::Mute,
                }),
                ..Telling::default()
            },
        })
    };
    alerts.iter().filter_map(entry).collect()
}
