//! How often somebody may ask: so that one person, or one server, leaves room for the others.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::domain::ids::{GuildId, UserId};

/// Over which requests are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// A server may ask as much as so many of its members.
const MEMBERS: usize = 20;
/// A button is pressed in passing, as when pages are turned.
const PRESSES: usize = 2;
/// With each letter that is typed it is asked what could be meant.
const LETTERS: usize = 10;
/// So many askers are remembered before those who were silent for a while are forgotten.
const REMEMBERED: usize = 4_096;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    Command,
    /// A command that reads a file, looks through a past or draws.
    Heavy,
    Press,
    /// What is offered while somebody types; it takes nothing from what their server may ask.
    Typing,
}

/// Who has asked lately.
#[derive(Debug)]
pub struct Pace {
    /// Commands that a person may give within [`WINDOW`]; 0 for no limit at all.
    commands: usize,
    /// From one heavy command of a person to their next.
    heavy_wait: Duration,
    asked: Mutex<Asked>,
}

/// When requests were made, the oldest first, wherever they count.
type Asked = HashMap<Line, VecDeque<Instant>>;

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Line {
    Commands(UserId),
    Heavy(UserId),
    Presses(UserId),
    Typing(UserId),
    Server(GuildId),
}

impl Pace {
    pub fn new(commands: u32, heavy_wait: Duration) -> Self {
        Self {
            commands: usize::try_from(commands).unwrap_or(usize::MAX),
            heavy_wait,
            asked: Mutex::default(),
        }
    }

    /// Counts a request, or says how long to wait before the next one. What is refused does not count.
    pub fn ask(
        &self,
        user: UserId,
        server: Option<GuildId>,
        effort: Effort,
        now: Instant,
    ) -> Result<(), Duration> {
        if self.commands == 0 {
            return Ok(());
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = self.lines(user, server, effort);
        let waits = lines.iter().map(|(line, most, over)| {
            let asked = asked.entry(*line).or_default();
            asked.retain(|at| now.duration_since(*at) < *over);
            match asked.front() {
                Some(first) if asked.len() >= *most => {
                    over.saturating_sub(now.duration_since(*first))
                }
                _ => Duration::ZERO,
            }
        });
        match waits.max() {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                for (line, ..) in lines {
                    asked.entry(line).or_default().push_back(now);
                }
                self.forget(&mut asked, now);
                Ok(())
            }
        }
    }

    /// Where a request counts, how many may stand there, and over what time.
    fn lines(
        &self,
        user: UserId,
        server: Option<GuildId>,
        effort: Effort,
    ) -> Vec<(Line, usize, Duration)> {
        let own = match effort {
            Effort::Press => (Line::Presses(user), self.commands * PRESSES, WINDOW),
            Effort::Typing => (Line::Typing(user), self.commands * LETTERS, WINDOW),
            Effort::Command | Effort::Heavy => (Line::Commands(user), self.commands, WINDOW),
        };
        let heavy = (effort == Effort::Heavy).then_some((Line::Heavy(user), 1, self.heavy_wait));
        let server = server.filter(|_| effort != Effort::Typing);
        let server = server.map(|server| (Line::Server(server), self.commands * MEMBERS, WINDOW));
        [Some(own), heavy, server].into_iter().flatten().collect()
    }

    /// Lets go of those who were silent for long, once there are many.
    fn forget(&self, asked: &mut Asked, now: Instant) {
        if asked.len() > REMEMBERED {
            let longest = WINDOW.max(self.heavy_wait);
            asked.retain(|_, line| {
                line.back()
                    .is_some_and(|last| now.duration_since(*last) < longest)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAVY_WAIT: Duration = Duration::from_secs(30);

    fn second(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// F-L04: five commands in ten seconds, one heavy one in thirty, and whoever asks too much holds up
    /// nobody else.
    #[test]
    fn one_person_leaves_room_for_the_others() {
        use Effort::{Command, Heavy, Press};
        let pace = Pace::new(5, HEAVY_WAIT);
        let start = Instant::now();
        let ask = |user, effort, at| {
            let (user, server) = (UserId(user), Some(GuildId(1)));
            pace.ask(user, server, effort, start + second(at))
        };
        for at in 0..5 {
            assert_eq!(ask(1, Command, at), Ok(()));
        }
        assert_eq!(ask(1, Command, 5), Err(second(5)));
        assert_eq!(ask(1, Press, 5), Ok(()));
        assert_eq!(ask(2, Command, 5), Ok(()));
        assert_eq!(ask(1, Heavy, 10), Ok(()));
        assert_eq!(ask(1, Heavy, 16), Err(second(24)));
        assert_eq!(ask(1, Command, 16), Ok(()));
        assert_eq!(ask(2, Heavy, 16), Ok(()));
        assert_eq!(ask(1, Heavy, 40), Ok(()));
    }

    /// F-L04: the members of one server together leave room for those of another.
    #[test]
    fn one_server_leaves_room_for_the_others() {
        let pace = Pace::new(5, HEAVY_WAIT);
        let start = Instant::now();
        let ask = |user, server: Option<u64>, at| {
            let server = server.map(GuildId);
            pace.ask(UserId(user), server, Effort::Command, start + second(at))
        };
        for user in 0..100 {
            assert_eq!(ask(user, Some(1), 0), Ok(()));
        }
        assert_eq!(ask(100, Some(1), 0), Err(WINDOW));
        assert_eq!(ask(100, Some(2), 0), Ok(()));
        assert_eq!(ask(101, None, 0), Ok(()));
        assert_eq!(ask(101, Some(1), 10), Ok(()));
    }

    /// F-L04: who types is offered something fifty times in ten seconds, may give commands all the same, and
    /// costs their server nothing.
    #[test]
    fn typing_has_a_limit_of_its_own() {
        let pace = Pace::new(5, HEAVY_WAIT);
        let start = Instant::now();
        let ask = |user, effort, at| {
            let (user, server) = (UserId(user), Some(GuildId(1)));
            pace.ask(user, server, effort, start + second(at))
        };
        for user in 0..4 {
            for _ in 0..50 {
                assert_eq!(ask(user, Effort::Typing, 0), Ok(()));
            }
            assert_eq!(ask(user, Effort::Typing, 3), Err(second(7)));
            assert_eq!(ask(user, Effort::Command, 3), Ok(()));
        }
        assert_eq!(ask(0, Effort::Typing, 10), Ok(()));
    }

    #[test]
    fn whoever_is_silent_is_forgotten_and_none_is_no_limit() {
        let pace = Pace::new(5, HEAVY_WAIT);
        let start = Instant::now();
        for user in 0..10_000 {
            let asked = pace.ask(UserId(user), None, Effort::Command, start + second(user));
            assert_eq!(asked, Ok(()));
        }
        let remembered = pace.asked.lock().unwrap().len();
        assert!(remembered <= REMEMBERED + 1, "{remembered}");
        let free = Pace::new(0, HEAVY_WAIT);
        for _ in 0..100 {
            assert_eq!(free.ask(UserId(1), None, Effort::Heavy, start), Ok(()));
        }
    }
}
