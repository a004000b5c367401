//! What can go wrong with a pool, check by check. It stands beside the verdict and is never mixed into it: a
//! sound rate can stand on a young contract, and a rate that will not last on a tried one.
//!
//! Each check is *ok*, *watch*, *bad* or *not known*, by limits that are the same for every server; one that
//! cannot go wrong with a pool like this does not apply. What is not known never counts as ok. The limits are stipend's own conventions; `/risk rules` shows them.

use super::{
    incident::Incident,
    lending::LendingMarket,
    method::Method,
    peg::Stablecoin,
    pool::Pool,
    protocol::{Audits, Flag, ProtocolFacts},
    reading::Reading,
    time::{Span, Timestamp},
};

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The code that holds the money.
    Contract,
    /// Whoever stands between the money and its owner.
    Counterparty,
    /// What prices can do to it.
    Market,
    /// The chain that it lies on.
    Chain,
    /// How much depends on one thing.
    Concentration,
}

impl Group {
    pub const ALL: [Self; 5] = [
        Self::Contract,
        Self::Counterparty,
        Self::Market,
        Self::Chain,
        Self::Concentration,
    ];
}

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Since when the protocol is listed.
    Age,
    Audits,
    Incidents,
    /// Whether the source flags the protocol as rugged, deprecated or dead.
    Flags,
    /// US dollars that others trust the protocol with.
    ProtocolSize,
    /// How much of that left in a week.
    Outflow,
    /// Whether depositors can get out: what of a lending market is not borrowed.
    Withdrawable,
    LockUp,
    ImpermanentLoss,
    /// Whether its stablecoins are worth what they follow.
    Peg,
    /// What the token lost in which rewards are paid.
    RewardToken,
    /// US dollars on the chain, as far as our market knows.
    ChainSize,
    /// The pool's part of its protocol.
    ShareOfProtocol,
    /// US dollars in the pool: how far one withdrawal moves it.
    PoolSize,
}

impl Check {
    pub const ALL: [Self; 14] = [
        Self::Age,
        Self::Audits,
        Self::Incidents,
        Self::Flags,
        Self::ProtocolSize,
        Self::Outflow,
        Self::Withdrawable,
        Self::LockUp,
        Self::ImpermanentLoss,
        Self::Peg,
        Self::RewardToken,
        Self::ChainSize,
        Self::ShareOfProtocol,
        Self::PoolSize,
    ];

    pub const fn group(self) -> Group {
        match self {
            Self::Age | Self::Audits | Self::Incidents | Self::Flags => Group::Contract,
            Self::ProtocolSize | Self::Outflow | Self::Withdrawable | Self::LockUp => {
                Group::Counterparty
            }
            Self::ImpermanentLoss | Self::Peg | Self::RewardToken => Group::Market,
            Self::ChainSize => Group::Chain,
            Self::ShareOfProtocol | Self::PoolSize => Group::Concentration,
        }
    }
}

/// What a check came to, from good to bad; not knowing stands apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    DoesNotApply,
    NotKnown,
    Ok,
    Watch,
    Bad,
}

/// The figure that a finding rests on.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// Nothing is known.
    Nothing,
    /// It cannot happen to a pool like this.
    DoesNotApply,
    Since(Timestamp),
    Audits(Audits),
    /// How many, the newest with its day, and US dollars taken in all where all are known.
    Incidents {
        count: usize,
        newest: Option<Timestamp>,
        /// How the newest was done. Hostile text until rendered.
        technique: Option<String>,
        taken_usd: Option<f64>,
        /// Up to which day the list tells.
        told_until: Option<Timestamp>,
    },
    Flagged(Vec<Flag>),
    Usd(f64),
    /// A change as a fraction of what it was.
    Change(f64),
    /// A part of a whole, 0–1.
    Share(f64),
    /// Free to withdraw: the part, 0–1, and US dollars.
    Free {
        part: f64,
        usd: f64,
    },
    /// In the source's own words. Hostile text until rendered.
    Words(String),
    /// The largest loss against holding within 90 days, as a negative fraction.
    Loss(f64),
    /// Impermanent loss is flagged, and prices are not known.
    LossFlagged,
    /// The coin furthest from its peg, and how far as a fraction.
    OffPeg {
        symbol: String,
        deviation: f64,
    },
}

/// A check with what it came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub check: Check,
    pub state: State,
    pub figure: Figure,
}

/// All that the checks look at. `None` is unknown, never good.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    pub pool: &'a Pool,
    /// The present one, where it can be used.
    pub reading: Option<&'a Reading>,
    pub protocol: Option<&'a ProtocolFacts>,
    /// `None` without a list of incidents.
    pub incidents: Option<Vec<&'a Incident>>,
    /// Up to which day the list tells.
    pub incidents_until: Option<Timestamp>,
    pub lending: Option<&'a LendingMarket>,
    /// The assets of the pool that are stablecoins, each with its coin where one is meant.
    pub stablecoins: Vec<(&'a str, Option<&'a Stablecoin>)>,
    /// The largest loss against holding within 90 days by the prices of its tokens, as a negative
    /// fraction.
    pub impermanent_loss: Option<f64>,
    /// Change of the reward token's price over 90 days as a fraction.
    pub reward_token_change: Option<f64>,
    /// US dollars in all pools of the chain that we know.
    pub chain_usd: Option<f64>,
    pub now: Timestamp,
}

/// Under a year a protocol is worth watching.
pub const YEAR: Span = Span::days(365);

/// A protocol that is listed for less than this has not been through much.
pub const YOUNG: Span = Span::days(180);
/// An incident this long ago or longer weighs less.
pub const LONG_AGO: Span = Span::days(2 * 365);
/// US dollars under which few trust a protocol, and from which on many do.
pub const SMALL_PROTOCOL: f64 = 10e6;
pub const LARGE_PROTOCOL: f64 = 100e6;
/// Falls of a protocol's TVL in a week.
pub const NOTABLE_OUTFLOW: f64 = -0.15;
pub const BAD_OUTFLOW: f64 = -0.40;
/// The parts of a lending market that are free to withdraw.
pub const LITTLE_FREE: f64 = 0.20;
pub const HARDLY_FREE: f64 = 0.05;
/// Losses against holding within 90 days.
pub const NOTABLE_LOSS: f64 = -0.02;
pub const BAD_LOSS: f64 = -0.10;
/// How far a stablecoin is from its peg.
pub const NOTABLE_DEVIATION: f64 = 0.005;
pub const BAD_DEVIATION: f64 = 0.02;
/// Falls of a reward token in 90 days.
pub const NOTABLE_FALL: f64 = -0.25;
pub const BAD_FALL: f64 = -0.60;
/// US dollars on a chain, in the pools that we know.
pub const SMALL_CHAIN: f64 = 50e6;
pub const LARGE_CHAIN: f64 = 500e6;
/// The part of a protocol that lies in one pool.
pub const MUCH_IN_ONE: f64 = 0.50;
/// US dollars in a pool.
pub const SMALL_POOL: f64 = 1e6;
pub const LARGE_POOL: f64 = 10e6;

/// Does every check, in the order of [`Check::ALL`].
pub fn check(known: &Known<'_>) -> Vec<Finding> {
    Check::ALL
        .into_iter()
        .map(|check| {
            let (state, figure) = known.answer(check);
            Finding {
                check,
                state,
                figure,
            }
        })
        .collect()
}

/// How several checks stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The worst of what is known: what is not known hides nothing bad.
    pub state: State,
    /// How many checks are known, of those that apply.
    pub known: usize,
    pub of: usize,
}

impl Standing {
    fn of(states: impl Iterator<Item = State> + Clone) -> Self {
        Self {
            state: states.clone().max().unwrap_or(State::NotKnown),
            known: states.clone().filter(|it| *it > State::NotKnown).count(),
            of: states.filter(|it| *it != State::DoesNotApply).count(),
        }
    }

    /// Whether there is more to know before it can be called ok.
    pub const fn is_partly_known(self) -> bool {
        self.known > 0 && self.known < self.of
    }
}

/// How all checks stand.
pub fn coverage(findings: &[Finding]) -> Standing {
    Standing::of(findings.iter().map(|finding| finding.state))
}

/// How those of a group stand.
pub fn standing(findings: &[Finding], group: Group) -> Standing {
    let of_group = findings.iter().filter(|it| it.check.group() == group);
    Standing::of(of_group.map(|finding| finding.state))
}

type Answer = (State, Figure);

const NOT_KNOWN: Answer = (State::NotKnown, Figure::Nothing);
const DOES_NOT_APPLY: Answer = (State::DoesNotApply, Figure::DoesNotApply);

/// Bad under the first limit, worth watching under the second.
fn by_size(usd: Option<f64>, small: f64, large: f64) -> Answer {
    usd.map_or(NOT_KNOWN, |usd| {
        let state = if usd < small {
            State::Bad
        } else if usd < large {
            State::Watch
        } else {
            State::Ok
        };
        (state, Figure::Usd(usd))
    })
}

/// Worth watching at the first limit or below, bad at the second or below.
fn by_fall(change: f64, notable: f64, bad: f64) -> State {
    if change <= bad {
        State::Bad
    } else if change <= notable {
        State::Watch
    } else {
        State::Ok
    }
}

impl Known<'_> {
    fn answer(&self, check: Check) -> Answer {
        match check {
            Check::Age => self.age(),
            Check::Audits => self.audits(),
            Check::Incidents => self.incidents(),
            Check::Flags => self.flags(),
            Check::ProtocolSize => by_size(
                self.protocol.and_then(|protocol| protocol.tvl_usd),
                SMALL_PROTOCOL,
                LARGE_PROTOCOL,
            ),
            Check::Outflow => self.outflow(),
            Check::Withdrawable => self.withdrawable(),
            Check::LockUp => self.pool.lock_up().map_or(NOT_KNOWN, |stated| {
                (State::Watch, Figure::Words(stated.to_owned()))
            }),
            Check::ImpermanentLoss => self.loss(),
            Check::Peg => self.peg(),
            Check::RewardToken => self.reward_token(),
            Check::ChainSize => by_size(self.chain_usd, SMALL_CHAIN, LARGE_CHAIN),
            Check::ShareOfProtocol => self.share_of_protocol(),
            Check::PoolSize => by_size(
                self.reading.map(|reading| reading.tvl_usd),
                SMALL_POOL,
                LARGE_POOL,
            ),
        }
    }

    fn age(&self) -> Answer {
        let Some(listed_at) = self.protocol.and_then(|protocol| protocol.listed_at) else {
            return NOT_KNOWN;
        };
        let age = self.now.since(listed_at);
        let state = if age < YOUNG.0 {
            State::Bad
        } else if age < YEAR.0 {
            State::Watch
        } else {
            State::Ok
        };
        (state, Figure::Since(listed_at))
    }

    fn audits(&self) -> Answer {
        self.protocol
            .and_then(|protocol| protocol.audits)
            .map_or(NOT_KNOWN, |audits| {
                let state = match audits {
                    Audits::None => State::Bad,
                    Audits::Partly | Audits::ForkOfAudited => State::Watch,
                    Audits::Audited => State::Ok,
                };
                (state, Figure::Audits(audits))
            })
    }

    fn incidents(&self) -> Answer {
        let Some(incidents) = &self.incidents else {
            return NOT_KNOWN;
        };
        let last = incidents.iter().max_by_key(|incident| incident.at);
        let newest = last.map(|incident| incident.at);
        let state = match newest {
            None => State::Ok,
            Some(newest) if self.now.since(newest) < LONG_AGO.0 => State::Bad,
            Some(_) => State::Watch,
        };
        let figure = Figure::Incidents {
            count: incidents.len(),
            newest,
            technique: last.and_then(|incident| incident.technique.as_deref().map(Into::into)),
            taken_usd: incidents.iter().map(|incident| incident.amount_usd).sum(),
            told_until: self.incidents_until,
        };
        (state, figure)
    }

    fn flags(&self) -> Answer {
        self.protocol.map_or(NOT_KNOWN, |protocol| {
            let flags: Vec<Flag> = protocol.flags.iter().copied().collect();
            let state = if flags.is_empty() {
                State::Ok
            } else {
                State::Bad
            };
            (state, Figure::Flagged(flags))
        })
    }

    fn outflow(&self) -> Answer {
        self.protocol
            .and_then(|protocol| protocol.tvl_change_7d)
            .map_or(NOT_KNOWN, |change| {
                let state = by_fall(change, NOTABLE_OUTFLOW, BAD_OUTFLOW);
                (state, Figure::Change(change))
            })
    }

    fn withdrawable(&self) -> Answer {
        match self.pool.method {
            Method::Lending => {}
            Method::Liquidity
            | Method::StakingDirect
            | Method::StakingDelegated
            | Method::StakingLiquid => return DOES_NOT_APPLY,
            // Whoever puts the money to work may lend it out in turn.
            Method::Aggregator | Method::Index | Method::Farming | Method::Unknown => {
                return NOT_KNOWN;
            }
        }
        let free = self.lending.and_then(LendingMarket::free);
        free.map_or(NOT_KNOWN, |(part, usd)| {
            let state = if part < HARDLY_FREE {
                State::Bad
            } else if part < LITTLE_FREE {
                State::Watch
            } else {
                State::Ok
            };
            (state, Figure::Free { part, usd })
        })
    }

    fn loss(&self) -> Answer {
        if !self.pool.multi_asset {
            return DOES_NOT_APPLY;
        }
        match self.impermanent_loss {
            Some(loss) => (by_fall(loss, NOTABLE_LOSS, BAD_LOSS), Figure::Loss(loss)),
            None if self.pool.impermanent_loss => (State::Watch, Figure::LossFlagged),
            None => NOT_KNOWN,
        }
    }

    fn peg(&self) -> Answer {
        if self.stablecoins.is_empty() {
            return DOES_NOT_APPLY;
        }
        let mut furthest: Option<(&str, f64)> = None;
        for (symbol, coin) in &self.stablecoins {
            // One coin that nobody knows leaves the pool unknown, unless another is off already.
            let Some(deviation) = coin.and_then(Stablecoin::deviation) else {
                continue;
            };
            if furthest.is_none_or(|(_, other)| deviation.abs() > other.abs()) {
                furthest = Some((symbol, deviation));
            }
        }
        let all_known = self
            .stablecoins
            .iter()
            .all(|(_, coin)| coin.and_then(Stablecoin::deviation).is_some());
        let Some((symbol, deviation)) = furthest else {
            return NOT_KNOWN;
        };
        let state = by_fall(-deviation.abs(), -NOTABLE_DEVIATION, -BAD_DEVIATION);
        if state == State::Ok && !all_known {
            return NOT_KNOWN;
        }
        let symbol = symbol.to_owned();
        (state, Figure::OffPeg { symbol, deviation })
    }

    fn reward_token(&self) -> Answer {
        let share = self.reading.and_then(Reading::reward_share);
        match (share, self.reward_token_change) {
            (Some(share), _) if share <= 0.0 => DOES_NOT_APPLY,
            (_, Some(change)) => (
                by_fall(change, NOTABLE_FALL, BAD_FALL),
                Figure::Change(change),
            ),
            _ => NOT_KNOWN,
        }
    }

    fn share_of_protocol(&self) -> Answer {
        let whole = self
            .protocol
            .and_then(|protocol| protocol.tvl_usd)
            .filter(|whole| *whole > 0.0);
        whole
            .zip(self.reading)
            .map_or(NOT_KNOWN, |(whole, reading)| {
                let share = (reading.tvl_usd / whole).min(1.0);
                let state = if share > MUCH_IN_ONE {
                    State::Watch
                } else {
                    State::Ok
                };
                (state, Figure::Share(share))
            })
    }
}

#[cfg(test)]
mod tests;
