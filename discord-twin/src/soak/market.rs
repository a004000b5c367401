//! The script: what each pool pays from batch to batch, and what has to be told for it.
//!
//! A pool is high or low, on its own side of the threshold that every alert has. It is told of once it has
//! been on a new side for two batches, which is how long an alert without a hold waits.

use serde_json::{Value, json};

use super::{
    oracle::{Edge, Mark, Rate},
    whole::Upstream,
};

/// The APY in percent at or under which a pool is low; an alert is over above 1.2 times as much.
pub(super) const THRESHOLD: u32 = 3;
const DOLLARS: u64 = 250_000_000;
/// How often pools go to the other side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// In how many of 100 batches a pool goes when it may.
    pub(super) turns: u8,
    /// Each so many batches all pools go that may.
    pub(super) burst: u32,
}

/// Batches after which a side is told, or may be left.
const HELD: u32 = 2;

/// All pools, and the batch that they stand in.
#[derive(Debug)]
pub(super) struct Market {
    dice: fastrand::Rng,
    pools: Vec<Pool>,
    pace: Pace,
    batch: u32,
    /// What nobody has an alert for.
    beside: Option<Upstream>,
}

/// The share (0–1) of the pools beside that move from batch to batch.
const MOVES: f64 = 0.5;

#[derive(Debug)]
struct Pool {
    number: u32,
    channel: u64,
    protocol: String,
    low: bool,
    /// Batches on this side.
    held: u32,
    /// How often it has come back from being low.
    turns: u32,
}

/// The protocol that the alert of a channel watches.
pub(super) fn protocol(channel: u64) -> String {
    format!("soak-{channel}")
}

impl Market {
    /// A market in which all pools are high: so many for each channel.
    pub(super) fn new(channels: &[u64], pools: u32, pace: Pace, seed: u64) -> Self {
        let pools = channels
            .iter()
            .flat_map(|channel| (0..pools).map(|_| *channel))
            .zip(0..)
            .map(|(channel, number)| Pool {
                number,
                channel,
                protocol: protocol(channel),
                low: false,
                held: HELD,
                turns: 0,
            });
        Self {
            dice: fastrand::Rng::with_seed(seed),
            pools: pools.collect(),
            pace,
            batch: 0,
            beside: None,
        }
    }

    /// Amid these other pools.
    pub(super) fn amid(self, others: Upstream) -> Self {
        Self {
            beside: Some(others),
            ..self
        }
    }

    /// The keys of some of the pools that are told of.
    pub(super) fn keys(&self) -> Vec<String> {
        self.pools.iter().map(|pool| key(pool.number)).collect()
    }

    pub(super) fn batch(&self) -> u32 {
        self.batch
    }

    /// Goes on by one batch, and returns what has to be told for it.
    pub(super) fn step(&mut self) -> Vec<Edge> {
        self.batch += 1;
        if let Some(beside) = &mut self.beside {
            beside.step(MOVES);
        }
        let Pace { turns, burst } = self.pace;
        let all = self.batch.is_multiple_of(burst);
        let mut edges = Vec::new();
        for pool in &mut self.pools {
            if pool.held >= HELD && (all || self.dice.u8(..100) < turns) {
                pool.turn();
            } else {
                pool.held += 1;
                if pool.held == HELD {
                    edges.push(pool.edge(self.batch));
                }
            }
        }
        edges
    }

    /// The batch as the source answers it. No two are alike: one pool that nobody watches grows.
    pub(super) fn answer(&self) -> String {
        let mut rows: Vec<Value> = self.pools.iter().map(Pool::row).collect();
        let number = u32::MAX;
        rows.push(row(
            number,
            "CALM",
            "calm",
            5.0,
            DOLLARS + u64::from(self.batch),
        ));
        let mut answer = String::from(r#"{"status":"success","data":["#);
        if let Some(beside) = &self.beside {
            beside.write(&mut answer);
            answer.push(',');
        }
        answer.extend(rows.iter().map(|row| format!("{row},")));
        answer.truncate(answer.len() - 1);
        answer.push_str("]}");
        answer
    }
}

impl Pool {
    fn turn(&mut self) {
        self.turns += u32::from(self.low);
        self.low = !self.low;
        self.held = 1;
    }

    /// High and low rates of the same turn, so chosen that no pair of neighbours comes twice in 60,000
    /// turns, and that nothing rises five-fold, which the bot would not believe at once.
    fn rate(low: bool, turn: u32) -> Rate {
        if low {
            Rate(200 + turn % 100)
        } else {
            Rate(400 + turn / 100 % 600)
        }
    }

    fn edge(&self, batch: u32) -> Edge {
        let turn_before = if self.low {
            self.turns
        } else {
            self.turns.saturating_sub(1)
        };
        Edge {
            batch,
            channel: self.channel,
            mark: Mark {
                pool: self.number,
                from: Self::rate(!self.low, turn_before),
                to: Self::rate(self.low, self.turns),
            },
        }
    }

    fn row(&self) -> Value {
        let apy = f64::from(Self::rate(self.low, self.turns).0) / 100.0;
        row(
            self.number,
            &Mark::symbol(self.number),
            &self.protocol,
            apy,
            DOLLARS,
        )
    }
}

fn key(number: u32) -> String {
    format!("00000000-0000-4000-9000-{number:012x}")
}

fn row(number: u32, symbol: &str, protocol: &str, apy: f64, dollars: u64) -> Value {
    json!({
        "pool": key(number),
        "chain": "Ethereum",
        "project": protocol,
        "symbol": symbol,
        "tvlUsd": dollars,
        "apy": apy,
        "apyBase": apy,
        "apyMean30d": apy,
        "stablecoin": true,
        "ilRisk": "no",
        "exposure": "single",
        "sigma": 0.1,
        "count": 400,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const OFTEN: Pace = Pace {
        turns: 30,
        burst: 8,
    };

    /// The comparison counts marks, so each edge needs one of its own.
    #[test]
    fn no_two_edges_have_the_same_mark() {
        let mut market = Market::new(&[1, 2], 3, OFTEN, 1);
        let edges: Vec<Edge> = (0..3000).flat_map(|_| market.step()).collect();
        let marks: HashSet<Mark> = edges.iter().map(|edge| edge.mark).collect();
        assert!(edges.len() > 3000, "{}", edges.len());
        assert_eq!(marks.len(), edges.len());
    }

    /// What is told goes from the figure told before to the one that the batch shows, by less than
    /// the bot would doubt.
    #[test]
    fn edges_join_and_stay_believable() {
        let mut market = Market::new(&[1], 1, OFTEN, 1);
        let mut stands = Rate(400);
        for _ in 0..2000 {
            for Edge { mark, batch, .. } in market.step() {
                assert_eq!((mark.from, batch), (stands, market.batch()));
                assert!(mark.to.0 < mark.from.0 * 5);
                stands = mark.to;
                let shown = format!("\"apy\":{}", f64::from(stands.0) / 100.0);
                assert!(market.answer().contains(&shown), "{shown}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_script() {
        let run = |seed| {
            let mut market = Market::new(&[1, 2], 2, OFTEN, seed);
            (0..50).flat_map(|_| market.step()).collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }
}
