//! A market of full size that moves: the captured one where it is there, else a made-up one.

use std::{fmt::Write as _, io::Read as _, path::PathBuf};

const POOLS: usize = 18_882;
const CAPTURE: &str = "data/full-snapshot/pools-2025-11-03.csv.zst";

/// One pool as the source would list it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its key.
    pub id: String,
    /// Its tokens.
    pub symbol: String,
    /// Its protocol.
    pub project: String,
    /// Its chain.
    pub chain: String,
    /// APY in percent.
    pub apy: f64,
    /// What of it comes from fees or interest, in percent.
    pub base: Option<f64>,
    /// What of it is paid in reward tokens, in percent.
    pub reward: Option<f64>,
    /// TVL in US dollars.
    pub tvl: f64,
    il_risk: String,
    exposure: String,
}

/// The upstream's list of pools at one moment.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// All pools.
    pub rows: Vec<Row>,
    chance: Chance,
}

impl Upstream {
    /// The captured market of 18,882 pools, or one made up of as many.
    pub fn full() -> Self {
        let rows = captured().unwrap_or_else(made_up);
        Self {
            rows,
            chance: Chance(7),
        }
    }

    /// Moves this share (0–1) of the pools, each by up to 2 %.
    pub fn step(&mut self, share: f64) {
        for row in &mut self.rows {
            if self.chance.fraction() >= share {
                continue;
            }
            let factor = 0.98 + 0.04 * self.chance.fraction();
            row.apy *= factor;
            row.base = row.base.map(|base| base * factor);
            row.reward = row.reward.map(|reward| reward * factor);
            row.tvl = (row.tvl * (0.98 + 0.04 * self.chance.fraction())).round();
        }
    }

    /// The answer to `/pools`, with all its 28 fields.
    pub fn body(&self) -> Vec<u8> {
        let mut body = String::with_capacity(self.rows.len() * 700);
        body.push_str(r#"{"status":"success","data":["#);
        self.write(&mut body);
        body.push_str("]}");
        body.into_bytes()
    }

    /// The pools as a list without its brackets.
    pub fn write(&self, body: &mut String) {
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            let Row {
                id,
                symbol,
                project,
                chain,
                apy,
                tvl,
                il_risk,
                exposure,
                ..
            } = row;
            let base = or_null(row.base);
            let reward = or_null(row.reward);
            let stablecoin = symbol.contains("USD");
            write!(
                body,
                r#"{{"chain":"{chain}","project":"{project}","symbol":"{symbol}","tvlUsd":{tvl},"apyBase":{base},"apyReward":{reward},"apy":{apy},"rewardTokens":["0xD533a949740bb3306d119CC777fa900bA034cd52"],"pool":"{id}","apyPct1D":0.00124,"apyPct7D":-0.0481,"apyPct30D":0.06194,"stablecoin":{stablecoin},"ilRisk":"{il_risk}","exposure":"{exposure}","predictions":{{"predictedClass":"Stable/Up","predictedProbability":73,"binnedConfidence":2}},"poolMeta":null,"mu":{apy},"sigma":0.0{sigma},"count":{count},"outlier":false,"underlyingTokens":["0x4200000000000000000000000000000000000006","0xdbfefd2e8460a6ee4955a68582f85708baea60a3"],"il7d":null,"apyBase7d":null,"apyMean30d":{apy},"volumeUsd1d":18340.56899,"volumeUsd7d":514586.18574,"apyBaseInception":null}}"#,
                sigma = at % 90 + 10,
                count = at % 700,
            )
            .expect("a string takes any text");
        }
    }
}

fn or_null(figure: Option<f64>) -> String {
    figure.map_or_else(|| "null".to_owned(), |figure| figure.to_string())
}

fn captured() -> Option<Vec<Row>> {
    let root = std::env::var_os("STIPEND_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let packed = std::fs::File::open(root.join(CAPTURE)).ok()?;
    let mut text = String::new();
    zstd::Decoder::new(packed)
        .ok()?
        .read_to_string(&mut text)
        .ok()?;
    let number = |text: &str| text.parse::<f64>().ok();
    let row = |line: &str| -> Option<Row> {
        let cells: Vec<&str> = line.split(',').collect();
        let [
            id,
            symbol,
            project,
            chain,
            apy,
            base,
            reward,
            tvl,
            il_risk,
            exposure,
            _,
        ] = cells[..]
        else {
            return None;
        };
        Some(Row {
            id: id.to_owned(),
            symbol: symbol.replace(['"', '\\'], ""),
            project: project.to_owned(),
            chain: chain.to_owned(),
            apy: number(apy)?,
            base: number(base),
            reward: number(reward),
            tvl: number(tvl)?,
            il_risk: il_risk.to_owned(),
            exposure: exposure.to_owned(),
        })
    };
    Some(text.lines().skip(1).filter_map(row).collect())
}

fn made_up() -> Vec<Row> {
    const ASSETS: [&str; 12] = [
        "USDC", "WETH", "USDT", "WBTC", "DAI", "STETH", "USDE", "CBBTC", "SOL", "ARB", "AAVE",
        "LINK",
    ];
    const CHAINS: [&str; 8] = [
        "Ethereum",
        "Base",
        "Arbitrum",
        "Solana",
        "BSC",
        "Polygon",
        "Optimism",
        "Avalanche",
    ];
    let mut chance = Chance(1);
    let pick = |from: &[&str], chance: &mut Chance| -> String {
        from[chance.below(from.len())].to_owned()
    };
    (0..POOLS)
        .map(|at| {
            let single = chance.fraction() < 0.4;
            let first = pick(&ASSETS, &mut chance);
            let apy = 40.0 * chance.fraction().powi(3);
            let rewarded = chance.fraction() < 0.3;
            Row {
                id: format!("00000000-0000-4000-8000-{at:012x}"),
                symbol: if single {
                    first
                } else {
                    format!("{first}-{}", pick(&ASSETS, &mut chance))
                },
                project: format!("protocol-{}", chance.below(500).min(chance.below(500))),
                chain: pick(&CHAINS, &mut chance),
                apy,
                base: Some(if rewarded { apy / 2.0 } else { apy }),
                reward: rewarded.then_some(apy / 2.0),
                tvl: (10_f64.powf(4.0 + 5.0 * chance.fraction())).round(),
                il_risk: if single { "no" } else { "yes" }.to_owned(),
                exposure: if single { "single" } else { "multi" }.to_owned(),
            }
        })
        .collect()
}

/// The same numbers in each run (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Chance(
    /// What decides them.
    pub u64,
);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without 1.
    pub fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).expect("half of the bits")) / 4_294_967_296.0
    }

    /// Under this limit.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).expect("64 bits") % limit.max(1)
    }
}
