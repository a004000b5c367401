//! From the outbox's rows to the words for what became of a notice.

use crate::{
    delivery::{entry::Held, state::State},
    market::snapshot::Snapshot,
    render::message::link,
    render::{
        self,
        fate::{Fate, Line},
    },
    store::outbox::Told,
};

/// One notice and its fate. A pool that the market no longer lists has no name.
pub(super) fn line<'a>(told: &'a Told, market: &Snapshot) -> Line<'a> {
    let pool = told.pool.and_then(|pool| market.get(pool));
    Line {
        written: told.created_at,
        alert: told.alert,
        channel: told.home.server().map(|_| told.channel),
        occasion: told.occasion.slug(),
        pool: pool.map(|listing| render::name(&listing.pool)),
        over: told.over_at,
        fate: fate(told),
    }
}

fn fate(told: &Told) -> Fate<'_> {
    let error = told.error.as_deref();
    match told.state {
        State::Pending => match told.held {
            Some((held, until)) => Fate::Held {
                why: match held {
                    Held::Mute => "a mute",
                    Held::Quiet => "quiet hours",
                    Held::Digest => "its digest",
                },
                until,
            },
            None => Fate::Queued,
        },
        State::Sending => Fate::Sending,
        State::Waiting => Fate::Waiting {
            until: told.due_at.unwrap_or(told.created_at),
            reason: super::alerts::test::waiting_for(error),
        },
        State::Uncertain => Fate::Uncertain {
            looked_for: told.due_at,
        },
        State::Delivered => Fate::Told {
            link: told
                .message
                .map(|message| link(told.home, told.channel, message)),
            after: told
                .delivered_at
                .unwrap_or(told.created_at)
                .since(told.created_at),
        },
        State::Parked => {
            let (reason, mend) = super::alerts::why_parked(told.reason);
            Fate::Parked { reason, mend }
        }
        State::Dead => match error.and_then(|error| error.strip_prefix("filtered ")) {
            Some(code) => Fate::Filtered { code },
            None => Fate::Refused { code: error },
        },
        State::Expired => Fate::Expired,
        State::Superseded => Fate::Superseded,
    }
}
