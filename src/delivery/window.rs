//! When what waits for a channel is put into one message: a while after the first of it came, so that
//! its neighbours come along, and not soon after the message before. Pure.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{
    domain::{ids::DestinationId, time::Timestamp},
    store::outbox::Untold,
};

/// How long notices gather, and how many messages a channel is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From the first notice of a message to the message.
    pub wait: Duration,
    /// From one message to the next for the same channel.
    pub interval: Duration,
    /// The most messages for a channel in an hour, where its server chose no other number; 0 for no
    /// such limit. What comes then waits, and is told by one message.
    pub cap: usize,
}

const HOUR: Duration = Duration::from_hours(1);

impl Default for Window {
    /// 1 min, 5 min, and 10 messages an hour.
    fn default() -> Self {
        Self {
            wait: Duration::from_mins(1),
            interval: Duration::from_mins(5),
            cap: 10,
        }
    }
}

impl Window {
    /// Each notice is told when it comes.
    pub const NONE: Self = Self {
        wait: Duration::ZERO,
        interval: Duration::ZERO,
        cap: 0,
    };
}

/// Which channels gather at the moment. What was told in the last hour is known again after a restart;
/// a window begins anew.
#[derive(Debug)]
pub(super) struct Gathering {
    window: Window,
    since: HashMap<DestinationId, Timestamp>,
    /// When messages were made in the last hour, in ascending order.
    told: HashMap<DestinationId, VecDeque<Timestamp>>,
}

impl Gathering {
    pub(super) fn new(window: Window) -> Self {
        Self {
            window,
            since: HashMap::new(),
            told: HashMap::new(),
        }
    }

    /// Until when each of these destinations gathers. One that somebody waits for does not. `cap` is
    /// what the server of a destination chose.
    pub(super) fn until(
        &mut self,
        untold: &[Untold],
        cap: impl Fn(DestinationId) -> Option<usize>,
        now: Timestamp,
    ) -> HashMap<DestinationId, Timestamp> {
        let Self {
            window,
            since,
            told,
        } = self;
        let mut before = std::mem::take(since);
        let kept = window.interval.max(HOUR);
        told.retain(|_, times| {
            while times.front().is_some_and(|at| now.since(*at) >= kept) {
                times.pop_front();
            }
            !times.is_empty()
        });
        let mut until = HashMap::new();
        for one in untold.iter().filter(|one| !one.is_awaited) {
            let place = one.destination;
            let began = before.remove(&place).unwrap_or(now);
            since.insert(place, began);
            let times = told.get(&place);
            let rested = times
                .and_then(VecDeque::back)
                .map(|at| at.plus(window.interval));
            let cap = cap(place).unwrap_or(window.cap);
            let free = times.and_then(|times| free_again(times, cap));
            let gathered = began.plus(window.wait);
            let last = [rested, free]
                .into_iter()
                .flatten()
                .fold(gathered, Timestamp::max);
            if last > now {
                until.insert(place, last);
            }
        }
        until
    }

    /// A message was made of what waited for a destination.
    pub(super) fn told(&mut self, destination: DestinationId, at: Timestamp) {
        self.since.remove(&destination);
        self.told.entry(destination).or_default().push_back(at);
    }

    /// The wall clock was set, by so many milliseconds.
    pub(super) fn shift(&mut self, by: i64) {
        let told = self.told.values_mut().flatten();
        for at in self.since.values_mut().chain(told) {
            *at = Timestamp::from_millis(at.millis().saturating_add(by));
        }
    }
}

/// When a channel that has had `cap` messages in an hour may have the next one.
fn free_again(times: &VecDeque<Timestamp>, cap: usize) -> Option<Timestamp> {
    if cap == 0 {
        return None;
    }
    let nth = times.len().checked_sub(cap)?;
    times.get(nth).map(|at| at.plus(HOUR))
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

    /// Until when the one place gathers, in seconds.
    fn until(gathering: &mut Gathering, at: i64) -> Option<i64> {
        let until = gathering.until(&untold(false), |_| None, second(at));
        until.get(&PLACE).map(|until| until.millis() / 1000)
    }

    #[test]
    fn the_first_notice_waits_a_minute_and_the_next_message_five() {
        let mut gathering = Gathering::new(Window::default());
        assert_eq!(until(&mut gathering, 0), Some(60));
        assert_eq!(until(&mut gathering, 50), Some(60));
        gathering.told(PLACE, second(60));
        assert_eq!(until(&mut gathering, 70), Some(360));
        assert_eq!(until(&mut gathering, 350), Some(360));
        assert_eq!(until(&mut gathering, 360), None);
        gathering.shift(3_600_000);
        assert_eq!(until(&mut gathering, 3_955), Some(3_960));
    }

    #[test]
    fn what_is_long_past_or_awaited_holds_nothing_up() {
        let mut gathering = Gathering::new(Window::default());
        gathering.told(PLACE, second(0));
        assert_eq!(until(&mut gathering, 1000), Some(1060));
        let awaited = gathering.until(&untold(true), |_| None, second(1001));
        assert!(awaited.is_empty());
        assert_eq!(until(&mut Gathering::new(Window::NONE), 0), None);
    }

    /// The eleventh message of an hour waits until the first is an hour old, and tells all that came
    /// meanwhile.
    #[test]
    fn a_channel_is_given_so_many_messages_an_hour() {
        let mut gathering = Gathering::new(Window {
            wait: Duration::ZERO,
            interval: Duration::ZERO,
            cap: 10,
        });
        for at in 0..10 {
            assert_eq!(until(&mut gathering, at * 60), None);
            gathering.told(PLACE, second(at * 60));
        }
        assert_eq!(until(&mut gathering, 600), Some(3_600));
        assert_eq!(until(&mut gathering, 3_600), None);
        gathering.told(PLACE, second(3_600));
        assert_eq!(until(&mut gathering, 3_601), Some(3_660));
        let few = gathering.until(&untold(false), |_| Some(2), second(3_601));
        assert_eq!(few.get(&PLACE), Some(&second(4_140)));
        let all = gathering.until(&untold(false), |_| Some(0), second(3_601));
        assert!(all.is_empty());
    }
}
