//! `/alerts test`: a notice by the same way as any other, and what became of it.

use std::time::Duration;

use crate::{
    app::App,
    delivery::{
        entry::{Entry, Occasion, Telling, payload, test_key},
        outcome::DeadEnd,
        state::State,
        urgency::Urgency,
    },
    discord::{
        autocomplete,
        context::{Caller, Context, parts},
        errors::CommandError,
        params::Written,
    },
    domain::{
        alert::Alert,
        ids::{AlertId, Home},
        pool::Pool,
        time::{Span, Timestamp},
    },
    render::{
        self,
        alerts::TestOutcome,
        message::{Button, Colour, Embed, Message, link},
    },
    store::outbox::Told,
};

/// How long the person is kept waiting. What is not settled then is told as it stands.
const PATIENCE: Duration = Duration::from_secs(20);

/// Nobody wants a test that comes an hour late.
const WORTH_SENDING: Span = Span::minutes(30);

/// Send a test notice to an alert's channel, and see what becomes of it
#[poise::command(slash_command, guild_only)]
pub(super) async fn test(
    ctx: Context<'_>,
    #[description = "Which alert"]
    #[autocomplete = "autocomplete::alert"]
    alert: Written<AlertId>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, &caller, alert.0);
    super::answer_with_news(app, answer).await
}

async fn answer(app: &App, caller: &Caller, id: AlertId) -> Result<Message, CommandError> {
    let guild = caller.server()?;
    let alert = super::owned(app, guild, id).await?;
    let place = app
        .delivery
        .prepare(alert.channel, guild)
        .await
        .map_err(super::add::refused)?;
    let now = app.clock.now();
    let market = app.market.snapshot();
    let pool = alert.rule.scope.pool.and_then(|id| market.get(id));
    let notice = notice(&alert, pool.map(|listing| &*listing.pool), now);
    let entry = Entry {
        dedup_key: test_key(alert.id, caller.interaction),
        destination: place.destination,
        alert: alert.id,
        alert_version: alert.version,
        pool: None,
        occasion: Occasion::Test,
        // Somebody waits for it.
        urgency: Urgency::Critical,
        payload: payload(&notice),
        summary: format!("Test of alert #{}", alert.id),
        created_at: now,
        not_after: now.plus(WORTH_SENDING.0),
        telling: Telling::default(),
    };
    let entry = app.store.enqueue(&entry).await?;
    app.delivery.poke();
    let outcome = app
        .delivery
        .wait_outcome(entry, PATIENCE)
        .await?
        .ok_or_else(|| anyhow::anyhow!("a test entry is no longer in the outbox"))?;
    Ok(result(&alert, &outcome))
}

/// What the channel reads.
fn notice(alert: &Alert, pool: Option<&Pool>, now: Timestamp) -> Message {
    let scope = render::alerts::scope_words(&alert.rule.scope, pool);
    Message::from(Embed {
        title: format!("Test of alert #{}", alert.id),
        description: format!(
            "Nothing has happened; somebody asked whether notices arrive here, and they do.\n\
             {}\n{scope}",
            render::alerts::rule_words(&alert.rule)
        ),
        colour: Colour::Grey,
        footer: format!("alert #{} · test · not advice", alert.id),
        timestamp: Some(now),
        ..Embed::default()
    })
}

/// What became of the test, in words, with the way to the message where there is one.
fn result(alert: &Alert, outcome: &Told) -> Message {
    let channel = alert.channel;
    let error = outcome.error.as_deref();
    let dead_end = error.and_then(DeadEnd::parse);
    let told = match outcome.state {
        State::Delivered => TestOutcome::Delivered { channel },
        State::Parked | State::Dead => {
            let (reason, mend) = if dead_end.is_some() || outcome.state == State::Parked {
                super::why_parked(dead_end)
            } else {
                ("it does not take this message", "look at /status")
            };
            TestOutcome::Refused {
                channel,
                reason,
                mend,
            }
        }
        State::Uncertain => TestOutcome::Uncertain { channel },
        State::Expired | State::Superseded => TestOutcome::Refused {
            channel,
            reason: "it could not be sent in time",
            mend: "give /alerts test again",
        },
        State::Pending | State::Sending | State::Waiting => TestOutcome::Waiting {
            channel,
            reason: waiting_for(error),
        },
    };
    let message = render::alerts::test_result(alert.id, &told);
    match outcome
        .message
        .filter(|_| outcome.state == State::Delivered)
    {
        Some(id) => message.with_buttons([Button::open(
            "Show it",
            link(Home::Server(alert.guild), channel, id),
        )]),
        None => message,
    }
}

/// What a test that is still under way waits for.
pub fn waiting_for(error: Option<&str>) -> &'static str {
    match error {
        Some("rate_limited") => "Discord asks us to slow down",
        Some("banned") => "Discord has blocked this address for a while",
        Some("unreached") => "Discord cannot be reached",
        Some("bot_token_refused") => "Discord refuses the bot's token",
        Some(malformed) if malformed.starts_with("malformed") => {
            "Discord refused the cards, and plain text follows"
        }
        Some(_) => "the last attempt failed",
        None => "others are sent before it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        alert::Rule,
        episode::Timing,
        ids::{ChannelId, EntryId, GuildId, Home, MessageId, UserId},
        rule::{Condition, Kind, Terms},
        scope::Scope,
    };

    fn alert() -> Alert {
        let terms = Terms {
            value: Some(3.0),
            ..Terms::default()
        };
        Alert {
            id: AlertId(12),
            guild: GuildId(1),
            channel: ChannelId(2),
            rule: Rule {
                scope: Scope {
                    asset: Some("USDC".to_owned()),
                    ..Scope::default()
                },
                condition: Condition::new(Kind::ApyBelow, terms).unwrap(),
                timing: Timing::default(),
            },
            manner: crate::domain::manner::Manner::default(),
            version: 1,
            created_by: UserId(3),
            created_at: Timestamp::default(),
        }
    }

    fn outcome(state: State, message: Option<u64>, error: Option<&str>) -> Told {
        let now = Timestamp::default();
        Told {
            entry: EntryId(1),
            home: Home::Server(GuildId(1)),
            channel: ChannelId(2),
            alert: AlertId(12),
            pool: None,
            occasion: Occasion::Test,
            created_at: now,
            not_after: now,
            state,
            attempt: 1,
            due_at: None,
            intent_at: None,
            message: message.map(MessageId),
            delivered_at: None,
            error: error.map(str::to_owned),
            status: None,
            reason: None,
            held: None,
            over_at: None,
        }
    }

    #[test]
    fn a_test_that_arrived_leads_to_the_message() {
        let message = result(&alert(), &outcome(State::Delivered, Some(9), None));
        let body = message.to_discord();
        let url = &body["components"][0]["components"][0]["url"];
        assert_eq!(url, "https://discord.com/channels/1/2/9");
    }

    #[test]
    fn every_end_has_its_words() {
        for state in State::ALL {
            for error in [
                None,
                Some("webhook_gone"),
                Some("rate_limited"),
                Some("else"),
            ] {
                let words = result(&alert(), &outcome(state, None, error)).content;
                assert!(words.contains("#12"), "{state:?}: {words}");
            }
        }
        let parked = result(
            &alert(),
            &outcome(State::Parked, None, Some("webhook_gone")),
        );
        assert!(
            parked.content.contains("webhook was deleted"),
            "{}",
            parked.content
        );
    }
}
