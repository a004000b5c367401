//! A bot with a Discord, a source and a script of its own, and what is known so far of what it told.

use std::{collections::HashMap, path::Path, process::ExitStatus, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    Report, SoakError,
    bot::Bot,
    market::Market,
    oracle::{Mark, Oracle, Tally, marks},
    source::Source,
};
use crate::{StoredMessage, Twin, Via, World};

/// Longer than anything that a healthy bot needs on a busy machine.
pub(super) const LONG: Duration = Duration::from_mins(1);
/// From one look at what has come to the next.
pub(super) const STEP: Duration = Duration::from_millis(2);
/// Complaints of one kind that are told in full.
const IN_FULL: usize = 5;

pub(super) struct Stand {
    pub(super) bot: Bot,
    pub(super) twin: Twin,
    pub(super) source: Source,
    pub(super) market: Market,
    pub(super) oracle: Oracle,
    /// How much of the ledger was read.
    messages_read: usize,
    /// How often each message was edited when it was last read.
    edits_read: HashMap<u64, u32>,
}

/// Whether a message is a notice, and not what somebody asked for.
fn is_posted(message: &StoredMessage) -> bool {
    matches!(message.via, Via::Webhook(_) | Via::Bot)
}

impl Stand {
    /// Everything but the bot is started. The bot gets these settings beside those that lead it here.
    pub(super) async fn open(
        binary: &Path,
        settings: &[(&str, &str)],
        world: World,
        market: Market,
    ) -> Result<Self, SoakError> {
        let twin = Twin::start(world).await?;
        let source = Source::start().await?;
        source.offer(market.batch(), market.answer());
        let bot = Bot::new(binary, &twin, &source.base, settings)?;
        Ok(Self {
            bot,
            twin,
            source,
            market,
            oracle: Oracle::default(),
            messages_read: 0,
            edits_read: HashMap::new(),
        })
    }

    /// Reads what has come.
    pub(super) fn see(&mut self) {
        let state = self.twin.shared.state();
        let messages = state.ledger.all();
        for message in messages.iter().skip(self.messages_read) {
            if is_posted(message) {
                self.oracle.saw(message);
            }
        }
        self.messages_read = messages.len();
        for message in messages.iter().filter(|message| message.edits > 0) {
            if is_posted(message)
                && self.edits_read.insert(message.id, message.edits) != Some(message.edits)
            {
                self.oracle.saw(message);
            }
        }
    }

    /// Whether the bot has shown that it keeps the present batch.
    pub(super) fn is_kept(&self) -> bool {
        self.source.is_kept() || self.oracle.told_of(self.market.batch())
    }

    /// Goes on by one batch.
    pub(super) fn go_on(&mut self) {
        self.oracle.expect(self.market.step());
        self.source.offer(self.market.batch(), self.market.answer());
    }

    /// What stands in the channels now, against what should.
    pub(super) fn compare(&self) -> Tally {
        let state = self.twin.shared.state();
        let messages = state.ledger.all().iter();
        self.oracle
            .compare(messages.filter(|message| message.is_visible() && is_posted(message)))
    }

    /// The bot runs, or it was killed.
    pub(super) fn must_live(&mut self) -> Result<(), SoakError> {
        match self.bot.ended()? {
            Some(status) => Err(self.ended(status)),
            None => Ok(()),
        }
    }

    pub(super) fn ended(&mut self, status: ExitStatus) -> SoakError {
        self.bot.keep_folder();
        let folder = self.bot.folder().to_owned();
        SoakError::Ended { status, folder }
    }

    /// The bot runs, and it is not too late for what it has been waited for since then.
    pub(super) fn in_time(&mut self, what: &'static str, since: Instant) -> Result<(), SoakError> {
        self.must_live()?;
        if since.elapsed() <= LONG {
            return Ok(());
        }
        self.bot.keep_folder();
        Err(SoakError::Late {
            what,
            waited: LONG,
            folder: self.bot.folder().to_owned(),
        })
    }

    /// Waits until the bot has the first batch.
    pub(super) async fn has_market(&mut self) -> Result<(), SoakError> {
        let since = Instant::now();
        while !self.source.is_kept() {
            self.in_time("read the market", since)?;
            sleep(STEP).await;
        }
        Ok(())
    }

    /// What came of it all, with what was found to be wrong before.
    pub(super) fn judge(mut self, tally: &Tally, mut complaints: Vec<String>) -> Report {
        let lost = tally.lost.iter().map(|edge| {
            (
                edge.channel,
                edge.mark,
                format!("lost, of batch {}", edge.batch),
            )
        });
        complaints.extend(self.in_full(lost));
        let doubled = tally
            .doubled
            .iter()
            .map(|(edge, times)| (edge.channel, edge.mark, format!("told {times} times")));
        complaints.extend(self.in_full(doubled));
        let unexpected = tally.unexpected.iter().map(|(channel, mark)| {
            (
                *channel,
                *mark,
                "told, and no part of the script".to_owned(),
            )
        });
        complaints.extend(self.in_full(unexpected));
        let broken = self.twin.violations().into_iter();
        complaints.extend(broken.map(|rule| format!("against Discord's rules: {rule}")));
        if self.bot.has_panicked() {
            complaints.push("the bot's log tells of a panic".to_owned());
        }
        if !complaints.is_empty() {
            self.bot.keep_folder();
            complaints.push(format!(
                "the bot's folder is {}",
                self.bot.folder().display()
            ));
        }
        Report {
            expected: self.oracle.expected(),
            found: tally.found,
            lost: tally.lost.len(),
            doubled: tally.doubled.len(),
            kills: 0,
            complaints,
        }
    }

    /// The first few with all that their channel holds about the pool.
    fn in_full(&self, wrong: impl Iterator<Item = (u64, Mark, String)>) -> Vec<String> {
        let mut left_out = 0;
        let mut told = Vec::new();
        for (channel, mark, what) in wrong {
            if told.len() == IN_FULL {
                left_out += 1;
                continue;
            }
            told.push(format!(
                "{mark} in channel {channel}: {what}{}",
                self.about(channel, mark.pool)
            ));
        }
        if left_out > 0 {
            told.push(format!("… and {left_out} more like these"));
        }
        told
    }

    fn about(&self, channel: u64, pool: u32) -> String {
        let state = self.twin.shared.state();
        let told = state.ledger.of_channel(channel).flat_map(|message| {
            let gone = if message.is_visible() {
                ""
            } else {
                ", deleted"
            };
            let own = marks(message)
                .into_iter()
                .filter(|(mark, _)| mark.pool == pool);
            own.map(move |(mark, _)| format!("\n    message {}{gone}: {mark}", message.id))
        });
        told.collect()
    }
}
