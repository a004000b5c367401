//! `/privacy`: what is kept of a person, handed out and erased.

use serde_json::json;

use super::is_personal;
use crate::{
    app::App,
    discord::{
        buttons::Button,
        context::{Context, parts},
        errors::CommandError,
        reply,
    },
    domain::{alert::Alert, ids::UserId, retention::UNUSED, time::Timestamp},
    render::{
        self,
        message::{File, Message},
        privacy::Kept,
    },
    store::{
        Store, StoreError,
        destinations::Destination,
        people::{Letter, Person},
        servers::Deed,
    },
};

/// What is kept of you: see it, take it along, erase it
#[poise::command(
    slash_command,
    subcommand_required,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel",
    subcommands("show", "export", "delete")
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn privacy(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// What is kept of you, why, and for how long
#[poise::command(slash_command)]
async fn show(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    super::answer_alone(app, shown(&ctx.data().app.store, caller.user)).await
}

async fn shown(store: &Store, user: UserId) -> Result<Message, CommandError> {
    let records = Records::of(store, user).await?;
    Ok(render::privacy::show(&records.kept()))
}

/// Everything that is kept of you, as a file
#[poise::command(slash_command)]
async fn export(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    super::answer_alone(app, handed_out(&ctx.data().app, caller.user)).await
}

async fn handed_out(app: &App, user: UserId) -> Result<Message, CommandError> {
    let records = Records::of(&app.store, user).await?;
    exported(user, &records, app.clock.now())
}

/// Erase everything that is kept of you
#[poise::command(slash_command)]
async fn delete(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    super::answer_alone(app, question(&ctx.data().app.store, caller.user)).await
}

/// Nothing is erased before the answer to this.
async fn question(store: &Store, owner: UserId) -> Result<Message, CommandError> {
    let records = Records::of(store, owner).await?;
    let erase = Button::Erase { owner }.encode();
    let keep = Button::Cancel { owner }.encode();
    Ok(render::privacy::question(&records.kept(), erase, keep))
}

/// For somebody of whom nothing is kept: that it may have been lost. Who has told anything since needs no word.
pub(super) async fn key_lost(app: &App, caller: UserId) -> Result<Option<String>, StoreError> {
    let Some(at) = app.key_lost_at else {
        return Ok(None);
    };
    let is_recent = app.clock.now().since(at) < UNUSED.0;
    if !is_recent || app.store.agreed(caller).await? {
        return Ok(None);
    }
    Ok(Some(render::privacy::key_lost(at.day())))
}

/// After an answer: that what they keep goes unused, for those who cannot be written to. Who has just used it
/// needs no word.
pub async fn tell_of_unused(ctx: Context<'_>) {
    let poise::Context::Application(ctx) = ctx else {
        return;
    };
    let (app, caller) = (&ctx.data().app, UserId(ctx.interaction.user.id.get()));
    if !app.unreached.take(caller) || is_personal(ctx) {
        return;
    }
    let now = app.clock.now();
    if let Err(error) = reply::add(ctx, render::privacy::unused(now)).await {
        // Who was not told is told the next time.
        tracing::info!(%error, "a person could not be told of what they leave unused");
        return;
    }
    if let Err(error) = app.store.note_warned(caller, now).await {
        tracing::warn!(%error, "that a person was told of what they leave unused");
    }
}

/// All that is kept of one person.
#[derive(Debug, Default)]
struct Records {
    person: Option<Person>,
    /// Alerts of servers that name them as their maker.
    alerts: Vec<Alert>,
    /// Changes in servers that are noted under their name.
    changes: Vec<Deed>,
    /// Their direct messages, as a place that is written to.
    direct: Option<Destination>,
    /// What they were written to.
    letters: Vec<Letter>,
}

impl Records {
    async fn of(store: &Store, user: UserId) -> Result<Self, StoreError> {
        Ok(Self {
            person: store.person(user).await?,
            alerts: store.alerts_by(user).await?,
            changes: store.deeds_by(user).await?,
            direct: store.destination_of(user).await?,
            letters: store.letters_to(user).await?,
        })
    }

    fn kept(&self) -> Kept {
        let person = self.person.as_ref();
        Kept {
            positions: person.map_or(0, |person| person.positions.len()),
            entries: person.map_or(0, |person| person.entries.len()),
            goals: person.map_or(0, |person| person.goals.len()),
            watches: person.map_or(0, |person| person.watches.len()),
            consented_at: person.map(|person| person.agreed_at),
            alerts: self.alerts.len(),
            changes: self.changes.len(),
        }
    }
}

/// The records as a file of JSON.
fn exported(user: UserId, records: &Records, now: Timestamp) -> Result<Message, CommandError> {
    let person = records.person.as_ref();
    let positions = person.map_or(&[][..], |person| &person.positions);
    let positions: Vec<_> = positions
        .iter()
        .map(|position| {
            json!({
                "id": position.id,
                "added_at": position.added_at.rfc3339(),
                "told": position.stake,
            })
        })
        .collect();
    let goals = person.map_or(&[][..], |person| &person.goals);
    let goals: Vec<_> = goals
        .iter()
        .map(|kept| json!({ "id": kept.id, "kept_at": kept.kept_at.rfc3339(), "goal": kept.goal }))
        .collect();
    let watches = person.map_or(&[][..], |person| &person.watches);
    let watches: Vec<_> = watches
        .iter()
        .map(|kept| json!({ "id": kept.id, "watch": kept.watch }))
        .collect();
    let entries = person.map_or(&[][..], |person| &person.entries);
    let entries: Vec<_> = entries
        .iter()
        .map(|logged| {
            json!({
                "id": logged.id,
                "added_at": logged.added_at.rfc3339(),
                "told": logged.entry,
            })
        })
        .collect();
    let alerts: Vec<_> = records
        .alerts
        .iter()
        .map(|alert| {
            json!({
                "id": alert.id,
                "server": alert.guild.to_string(),
                "channel": alert.channel.to_string(),
                "created_at": alert.created_at.rfc3339(),
                "rule": alert.rule,
            })
        })
        .collect();
    let changes: Vec<_> = records
        .changes
        .iter()
        .map(|deed| {
            json!({
                "server": deed.guild.to_string(),
                "at": deed.at.rfc3339(),
                "change": deed.words,
            })
        })
        .collect();
    let letters: Vec<_> = records
        .letters
        .iter()
        .map(|letter| {
            json!({
                "written_at": letter.written_at.rfc3339(),
                "delivered_at": letter.delivered_at.map(Timestamp::rfc3339),
                "state": letter.state.slug(),
                "watch": letter.watch,
                "words": letter.words,
            })
        })
        .collect();
    let direct = records.direct.as_ref().map(|place| {
        json!({
            "channel": place.channel.to_string(),
            "state": place.state.slug(),
            "reason": place.why(),
            "changed_at": place.changed_at.rfc3339(),
        })
    });
    // Numbers of Discord are too large for many readers of JSON, so they are text.
    let everything = json!({
        "exported_at": now.rfc3339(),
        "user": user.to_string(),
        "agreed_at": person.map(|person| person.agreed_at.rfc3339()),
        "last_used_at": person.map(|person| person.used_at.rfc3339()),
        "warned_at": person.and_then(|person| person.warned_at).map(Timestamp::rfc3339),
        "chosen": person.map(|person| person.chosen),
        "positions": positions,
        "ledger": entries,
        "goals": goals,
        "watches": watches,
        "last_looks": person.map(|person| &person.looks),
        "last_review": person.map(|person| &person.review),
        "alerts_made": alerts,
        "changes_made": changes,
        "direct_messages": direct,
        "messages_to_you": letters,
    });
    let bytes = serde_json::to_vec_pretty(&everything).map_err(anyhow::Error::from)?;
    let mut message = Message::text(
        "Here is everything that is kept of you. The file is for you alone, and so is this message.",
    );
    message.files.push(File {
        name: "stipend-export.json".to_owned(),
        bytes,
        description: String::new(),
    });
    Ok(message)
}

/// The person has pressed the button: all that is kept of them goes.
pub async fn erase(store: &Store, owner: UserId) -> Result<Message, CommandError> {
    let before = Records::of(store, owner).await?.kept();
    let positions = store.erase_person(owner).await?;
    // Only what no longer names the person is told as gone.
    let after = Records::of(store, owner).await?.kept();
    Ok(render::privacy::deleted(&Kept {
        positions: usize::try_from(positions).unwrap_or(before.positions),
        alerts: before.alerts.saturating_sub(after.alerts),
        ..before
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::state::State,
        domain::{
            ids::{LedgerEntryId, PositionId},
            ledger::{Entry, Kind, Logged},
            person::Chosen,
            position::{Earns, Holding, Position, Stake},
        },
    };

    #[test]
    fn an_export_holds_everything_and_no_number_is_rounded() {
        let owner = UserId(9_007_199_254_740_993);
        let records = Records {
            person: Some(Person {
                agreed_at: Timestamp::from_millis(0),
                used_at: Timestamp::from_millis(0),
                warned_at: None,
                chosen: Chosen::default(),
                positions: vec![Position {
                    id: PositionId(3),
                    owner,
                    stake: Stake {
                        note: Some("cold".to_owned()),
                        ..Stake::new(
                            Holding::Units {
                                asset: "USDC".to_owned(),
                                quantity: "5000.5".parse().unwrap(),
                            },
                            Earns::Pool {
                                id: "747c1d2a-c668-4682-b9f9-296708a3dd90".parse().unwrap(),
                                called: String::new(),
                            },
                        )
                    },
                    added_at: Timestamp::from_millis(86_400_000),
                }],
                goals: Vec::new(),
                watches: Vec::new(),
                looks: None,
                review: None,
                entries: vec![Logged {
                    id: LedgerEntryId(4),
                    entry: Entry::new(
                        Timestamp::from_millis(0),
                        Kind::Staking,
                        "ETH",
                        "0.000000000000000001".parse().unwrap(),
                    ),
                    added_at: Timestamp::from_millis(0),
                }],
            }),
            changes: Vec::new(),
            alerts: Vec::new(),
            direct: None,
            letters: vec![Letter {
                written_at: Timestamp::from_millis(0),
                delivered_at: None,
                state: State::Pending,
                watch: None,
                words: Some("USDC pays less".to_owned()),
            }],
        };
        let message = exported(owner, &records, Timestamp::from_millis(0)).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&message.files[0].bytes).unwrap();
        assert_eq!(file["user"], "9007199254740993");
        assert_eq!(file["agreed_at"], "1970-01-01T00:00:00Z");
        assert_eq!(
            file["positions"][0]["told"]["holding"]["units"]["quantity"],
            "5000.5"
        );
        assert_eq!(file["positions"][0]["told"]["note"], "cold");
        assert_eq!(file["messages_to_you"][0]["words"], "USDC pays less");
        assert_eq!(file["positions"][0]["added_at"], "1970-01-02T00:00:00Z");
        assert_eq!(
            file["ledger"][0]["told"]["quantity"],
            "0.000000000000000001"
        );
    }
}
