//! When what waits for a channel is put into one message: a while after the first of it came, so that
//! its neighbours come along, and not soon after the message before. Pure.

use std::{collections::HashMap, time::Duration};

use crate::{
    domain::{ids::DestinationId, time::Timestamp},
    store::outbox::Untold,
};

/// How long notices gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From the first notice of a message to the message.
    pub wait: Duration,
    /// From one message to the next for the same channel.
    pub interval: Duration,
}

impl Default for Window {
    /// 1 min and 5 min.
    fn default() -> Self {
        Self {
            wait: Duration::from_mins(1),
            interval: Duration::from_mins(5),
        }
    }
}

impl Window {
    /// Each notice is told when it comes.
    pub const NONE: Self = Self {
        wait: Duration::ZERO,
        interval: Duration::ZERO,
    };
}

/// Which channels gather at the moment. Not kept over a restart, which may begin a window anew.
#[derive(Debug)]
pub(super) struct Gathering {
    window: Window,
    since: HashMap<DestinationId, Timestamp>,
    told_at: HashMap<DestinationId, Timestamp>,
}

impl Gathering {
    pub(super) fn new(window: Window) -> Self {
        Self {
            window,
            since: HashMap::new(),
            told_at: HashMap::new(),
        }
    }

    /// Until when each of these destinations gathers. One that somebody waits for does not.
    pub(super) fn until(
        &mut self,
        untold: &[Untold],
        now: Timestamp,
    ) -> HashMap<DestinationId, Timestamp> {
        if self.window == Window::NONE {
            return HashMap::new();
        }
        let Self {
            window,
            since,
            told_at,
        } = self;
        let mut before = std::mem::take(since);
        told_at.retain(|_, at| now.since(*at) < window.interval);
        untold
            .iter()
            .filter(|one| !one.is_awaited)
            .map(|one| {
                let began = before.remove(&one.destination).unwrap_or(now);
                since.insert(one.destination, began);
                let gathered = began.plus(window.wait);
                let rested = told_at
                    .get(&one.destination)
                    .map_or(gathered, |at| at.plus(window.interval));
                (one.destination, gathered.max(rested))
            })
            .collect()
    }

    /// What waited for a destination was put into a message.
    pub(super) fn told(&mut self, destination: DestinationId, now: Timestamp) {
        self.since.remove(&destination);
        self.told_at.insert(destination, now);
    }

    /// The wall clock was set, by so many milliseconds.
    pub(super) fn shift(&mut self, by: i64) {
        for at in self.since.values_mut().chain(self.told_at.values_mut()) {
            *at = Timestamp::from_millis(at.millis().saturating_add(by));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::urgency::Urgency;

    const PLACE: DestinationId = DestinationId(1);

    fn second(count: i64) -> Timestamp {
        Timestamp::from_millis(count * 1000)
    }

    fn untold(is_awaited: bool) -> [Untold; 1] {
        [Untold {
            destination: PLACE,
            urgency: Urgency::Normal,
            is_awaited,
        }]
    }

    #[test]
    fn the_first_notice_waits_a_minute_and_the_next_message_five() {
        let mut gathering = Gathering::new(Window::default());
        let mut until = |at| {
            gathering
                .until(&untold(false), second(at))
                .get(&PLACE)
                .copied()
        };
        assert_eq!(until(0), Some(second(60)));
        assert_eq!(until(50), Some(second(60)));
        gathering.told(PLACE, second(60));
        let mut until = |at| {
            gathering
                .until(&untold(false), second(at))
                .get(&PLACE)
                .copied()
        };
        assert_eq!(until(70), Some(second(360)));
        assert_eq!(until(350), Some(second(360)));
        gathering.shift(3_600_000);
        let shifted = gathering.until(&untold(false), second(3_955));
        assert_eq!(shifted.get(&PLACE), Some(&second(3_960)));
    }

    #[test]
    fn what_is_long_past_or_awaited_holds_nothing_up() {
        let mut gathering = Gathering::new(Window::default());
        gathering.told(PLACE, second(0));
        assert_eq!(
            gathering.until(&untold(false), second(1000)).get(&PLACE),
            Some(&second(1060))
        );
        assert!(gathering.until(&untold(true), second(1001)).is_empty());
        let mut none = Gathering::new(Window::NONE);
        assert!(none.until(&untold(false), second(0)).is_empty());
    }
}
