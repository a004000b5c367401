//! The people: what they ask for, how long they wait, and what they were told is kept for them.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};

use super::gauge::Times;
use crate::{Handle, Invocation, Person, Press, Twin, TwinError};

/// People in each server; the first of them is its admin.
const PER_SERVER: u64 = 5;
const FIRST_PERSON: u64 = 900_000_000_000_000_000;
/// So many positions at most has an admin, named by their amounts from this one on.
const POSITIONS: u32 = 5;
const FIRST_AMOUNT: u32 = 101;

pub(super) struct Crowd {
    admins: Vec<Holder>,
    /// The keys of pools that are asked for.
    pools: Vec<String>,
    dice: fastrand::Rng,
    waiting: JoinSet<Heard>,
    asked: Asked,
    complaints: Vec<String>,
}

/// The admin of a server, who holds something.
#[derive(Debug)]
struct Holder {
    server: u64,
    person: Person,
    /// How many positions were added so far, whether it was confirmed or not.
    tried: u32,
    /// The amounts of those that were confirmed.
    confirmed: Vec<u32>,
}

/// How the commands went.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) commands: u32,
    pub(super) unanswered: u32,
    pub(super) steady: Times,
    pub(super) burst: Times,
}

/// What came of one command.
struct Heard {
    is_burst: bool,
    times: Option<(Duration, Duration)>,
    /// The admin and the amount that was confirmed.
    added: Option<(usize, u32)>,
}

/// What somebody does.
#[derive(Clone, Copy, Debug)]
enum Wish {
    TypePool,
    Pool,
    Find,
    Compare,
    Risk,
    Staking,
    Holdings,
    Income,
    Add,
    Alerts,
    Status,
    Help,
}

impl Wish {
    /// By the hundred, as a busy server may ask.
    fn draw(dice: &mut fastrand::Rng) -> Self {
        match dice.u8(..100) {
            0..30 => Self::TypePool,
            30..45 => Self::Pool,
            45..55 => Self::Find,
            55..58 => Self::Compare,
            58..63 => Self::Risk,
            63..68 => Self::Staking,
            68..78 => Self::Holdings,
            78..80 => Self::Income,
            80..85 => Self::Add,
            85..90 => Self::Alerts,
            90..95 => Self::Status,
            _ => Self::Help,
        }
    }

    /// Whether it is done by those who hold something.
    fn is_admins(self) -> bool {
        matches!(
            self,
            Self::Holdings | Self::Income | Self::Add | Self::Alerts
        )
    }
}

impl Crowd {
    pub(super) fn new(servers: &[u64], pools: Vec<String>, dice: fastrand::Rng) -> Self {
        let admins = servers.iter().zip(0..).map(|(server, nth)| Holder {
            server: *server,
            person: person(nth, 0).manager(),
            tried: 0,
            confirmed: Vec::new(),
        });
        Self {
            admins: admins.collect(),
            pools,
            dice,
            waiting: JoinSet::new(),
            asked: Asked::default(),
            complaints: Vec::new(),
        }
    }

    pub(super) fn admin(&self, server: u64) -> Person {
        let admin = self.admins.iter().find(|admin| admin.server == server);
        admin.map(|admin| admin.person.clone()).unwrap_or_default()
    }

    /// Each admin adds a first position, and agrees that it is kept.
    pub(super) async fn agree(&mut self, twin: &Twin) -> Result<(), TwinError> {
        for admin in &mut self.admins {
            let (amount, add) = admin.add();
            let question = twin.run(&add).await?;
            let button = agreement(&question.message).unwrap_or_default();
            let press = Press::on_reply(question.interaction, button).by(admin.person.clone());
            let reply = twin.press(&press).await?;
            if confirms(&reply.message, amount) {
                admin.confirmed.push(amount);
            }
        }
        Ok(())
    }

    /// Somebody asks for something, and does not keep others waiting.
    pub(super) fn ask(&mut self, twin: &Handle, is_burst: bool) {
        let mut wish = Wish::draw(&mut self.dice);
        let nth = self.dice.usize(..self.admins.len());
        if matches!(wish, Wish::Add) && self.admins[nth].tried >= POSITIONS {
            wish = Wish::Holdings;
        }
        let member = if wish.is_admins() {
            0
        } else {
            self.dice.u64(1..PER_SERVER)
        };
        let admin = &mut self.admins[nth];
        let person = match member {
            0 => admin.person.clone(),
            _ => person(nth as u64, member),
        };
        let of = |command: &str| {
            Invocation::of(command)
                .in_guild(admin.server)
                .by(person.clone())
        };
        let mut pool = || &*self.pools[self.dice.usize(..self.pools.len())];
        let mut added = None;
        let (invocation, typed) = match wish {
            Wish::TypePool => (of("yield pool").option("pool", "usdc aave"), Some("pool")),
            Wish::Pool => (of("yield pool").option("pool", pool()), None),
            Wish::Find => (of("yield find").option("asset", "USDC"), None),
            Wish::Compare => {
                let compare = of("yield compare").option("pool1", pool());
                (compare.option("pool2", pool()), None)
            }
            Wish::Risk => (of("risk check").option("pool", pool()), None),
            Wish::Staking => (of("yield staking").option("asset", "ETH"), None),
            Wish::Holdings => (of("portfolio view"), None),
            Wish::Income => (of("portfolio income"), None),
            Wish::Add => {
                let (amount, add) = admin.add();
                added = Some((nth, amount));
                (add, None)
            }
            Wish::Alerts => (of("alerts list"), None),
            Wish::Status => (of("status"), None),
            Wish::Help => (of("help"), None),
        };
        self.asked.commands += 1;
        let twin = twin.clone();
        self.waiting.spawn(async move {
            let begun = Instant::now();
            let (times, added) = match typed {
                Some(option) => match twin.autocomplete(&invocation, option).await {
                    Ok(choices) => (Some((choices.after, begun.elapsed())), None),
                    Err(_) => (None, None),
                },
                None => match twin.run(&invocation).await {
                    Ok(reply) => {
                        let is_kept =
                            |(_, amount): &(usize, u32)| confirms(&reply.message, *amount);
                        let times = (reply.first_answer_after, begun.elapsed());
                        (Some(times), added.filter(is_kept))
                    }
                    Err(_) => (None, None),
                },
            };
            Heard {
                is_burst,
                times,
                added,
            }
        });
    }

    /// Takes note of the answers that have come.
    pub(super) fn hear(&mut self) {
        while let Some(heard) = self.waiting.try_join_next() {
            self.note(heard);
        }
    }

    /// Waits for all answers.
    pub(super) async fn hear_all(&mut self) {
        while let Some(heard) = self.waiting.join_next().await {
            self.note(heard);
        }
    }

    fn note(&mut self, heard: Result<Heard, tokio::task::JoinError>) {
        let Ok(heard) = heard else {
            self.complaints.push("a person broke down".to_owned());
            return;
        };
        match heard.times {
            None => self.asked.unanswered += 1,
            Some((first, whole)) if heard.is_burst => self.asked.burst.add(first, whole),
            Some((first, whole)) => self.asked.steady.add(first, whole),
        }
        if let Some((nth, amount)) = heard.added {
            self.admins[nth].confirmed.push(amount);
        }
    }

    /// How many positions were confirmed, and how many of them their owners still have.
    pub(super) async fn look_up(&mut self, twin: &Twin) -> (usize, usize) {
        let (mut kept, mut found) = (0, 0);
        for admin in &self.admins {
            kept += admin.confirmed.len();
            let view = Invocation::of("portfolio view");
            let view = view.in_guild(admin.server).by(admin.person.clone());
            let said = match twin.run(&view).await {
                Ok(reply) => reply.message.to_string(),
                Err(error) => error.to_string(),
            };
            for amount in &admin.confirmed {
                if said.contains(&words(*amount)) {
                    found += 1;
                } else {
                    let lost = format!("{} of server {} is gone", words(*amount), admin.server);
                    self.complaints.push(lost);
                }
            }
        }
        (kept, found)
    }

    pub(super) fn count(&self) -> u32 {
        self.asked.commands
    }

    pub(super) fn unanswered(&self) -> u32 {
        self.asked.unanswered
    }

    pub(super) fn asked(&mut self) -> Asked {
        std::mem::take(&mut self.asked)
    }

    pub(super) fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }
}

impl Holder {
    fn add(&mut self) -> (u32, Invocation) {
        let amount = FIRST_AMOUNT + self.tried;
        self.tried += 1;
        let add = Invocation::of("portfolio add")
            .in_guild(self.server)
            .by(self.person.clone())
            .option("amount", amount.to_string())
            .option("asset", "ETH")
            .option("rate", 3);
        (amount, add)
    }
}

fn person(server: u64, member: u64) -> Person {
    let id = FIRST_PERSON + PER_SERVER * server + member;
    Person::new(id, format!("member {member}"))
}

fn words(amount: u32) -> String {
    format!("{amount} ETH")
}

fn confirms(message: &serde_json::Value, amount: u32) -> bool {
    message
        .to_string()
        .contains(&format!("Added {}", words(amount)))
}

/// The id of the button that agrees.
fn agreement(message: &serde_json::Value) -> Option<String> {
    let rows = message["components"].as_array()?.iter();
    let mut buttons = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    let agrees = buttons.find(|button| button["label"] == "I agree")?;
    agrees["custom_id"].as_str().map(str::to_owned)
}
