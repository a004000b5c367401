//! What staking an asset pays, by oneself, through a validator, or against a receipt token.

use rust_decimal::Decimal;

use super::{
    DOT,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{ago, bare, day, dollars, limit, moment, percent, span, units},
    pool::{PoolView, footer},
    text, verdict,
};
use crate::domain::{
    income::Income,
    rate::Percent,
    rating::{Rating, Signal},
    reading::DataState,
    staking::{
        Approach, Figures, Network, NetworkRate, ReceiptRate, Slashing, Unknown, Unlock,
        after_inflation,
    },
    time::Timestamp,
};

/// Everything that the answer is made of.
#[derive(Debug, Clone)]
pub struct StakingView<'a> {
    /// The asset's symbol, as the network or the market writes it.
    pub asset: &'a str,
    /// `None` where we know of the asset only that it can be staked.
    pub network: Option<Network>,
    /// The one way that was asked for; all where none was.
    pub approach: Option<Approach>,
    pub rate: Result<&'a NetworkRate, Unknown>,
    pub receipt: Option<&'a ReceiptRate>,
    pub rating: Option<&'a Rating>,
    /// What the person's validator keeps, in percent.
    pub commission: Option<Percent>,
    /// How much is staked, in units of the asset.
    pub amount: Option<Decimal>,
    /// The largest pools of liquid staking.
    pub pools: &'a [PoolView<'a>],
    /// How many there are.
    pub all_pools: usize,
    /// The market's source as people know it, and when we asked it.
    pub source: &'a str,
    pub fetched_at: Timestamp,
}

/// The answer to `/yield staking`.
pub fn staking(view: &StakingView<'_>, now: Timestamp) -> Message {
    let asset = text::name(view.asset);
    let title = match view.network {
        Some(network) => format!("Staking {asset} on {}", network.name()),
        None => format!("Staking {asset}"),
    };
    Message::from(Embed {
        title,
        description: summary(view),
        colour: Colour::Blue,
        fields: fields(view),
        footer: footer(view.source, view.fetched_at, None, now),
        ..Embed::default()
    })
}

fn summary(view: &StakingView<'_>) -> String {
    let Some(network) = view.network else {
        return "What the network itself pays is *not known*: no source of mine states it. What \
                receipts pay is below, where any is known."
            .to_owned();
    };
    let (from, to) = network.reference();
    let usual = format!(
        "Generally said to pay {}–{} a year: a reference, no live data.",
        bare(from),
        limit(to)
    );
    match view.rate {
        Ok(rate) => format!("{}\n{usual}", live(rate)),
        Err(why) => format!(
            "What the network itself pays is *not known*: {}.\n{usual}",
            unknown(why)
        ),
    }
}

/// What the network says of itself, and how it came about.
fn live(rate: &NetworkRate) -> String {
    let mut parts = Vec::new();
    parts.push(match rate.inflation {
        Some(inflation) => format!("Supply grows {} a year", percent(inflation)),
        None => "Growth of the supply *not known*".to_owned(),
    });
    parts.extend(
        rate.community_tax
            .map(|tax| format!("the network keeps {} of rewards", percent(tax))),
    );
    parts.push(format!("{}, read {}", rate.origin, ago(rate.read_at)));
    format!("{}\n{}", parts.join(DOT), how(rate.network))
}

const fn how(network: Network) -> &'static str {
    match network {
        Network::Solana => {
            "Rate: the validators' part of the inflation over the staked share; tips for block builders \
             (MEV) and priority fees are not in it."
        }
        Network::Cosmos => {
            "Rate: inflation × supply ÷ bonded, less the network's part; transaction fees are not in it."
        }
        Network::Cardano => {
            "Rate: rewards over active stake, the mean of the last six complete epochs, times 73 epochs a \
             year; a pool's margin and fixed cost are not off yet."
        }
        Network::Ethereum | Network::Polkadot => "Rate: as the source states it.",
    }
}

fn unknown(why: Unknown) -> String {
    match why {
        Unknown::NoSource => "I know no source that states it without a key".to_owned(),
        Unknown::SwitchedOff => "its source is switched off here".to_owned(),
        Unknown::NotAnswered => {
            "its source has not answered yet, `/status` shows how it does".to_owned()
        }
        Unknown::TooOld(at) => {
            format!("its source has given no usable answer since {}", moment(at))
        }
    }
}

fn fields(view: &StakingView<'_>) -> Vec<Field> {
    let asked = |approach| view.approach.is_none_or(|one| one == approach);
    let mut fields = Vec::new();
    if asked(Approach::Direct) {
        fields.push(Field::wide("Direct: a validator of your own", direct(view)));
    }
    if asked(Approach::Delegated) {
        fields.push(Field::wide(
            "Delegated: through a validator",
            delegated(view),
        ));
    }
    if asked(Approach::Liquid) {
        fields.push(Field::wide("Liquid: against a receipt token", liquid(view)));
    }
    if let Some(network) = view.network {
        let stated = view.rate.ok().and_then(|rate| rate.unlock);
        let unlock = stated.unwrap_or(network.unlock());
        fields.push(Field::wide("Unlock", unlock_words(unlock)));
        fields.push(Field::wide("Slashing", slashing(network)));
    }
    fields.extend(
        view.rating
            .and_then(rating)
            .map(|words| Field::wide("Token Metrics", words)),
    );
    fields
}

fn direct(view: &StakingView<'_>) -> String {
    let Some(figures) = view.rate.ok().map(NetworkRate::direct) else {
        return not_known(view, Approach::Direct);
    };
    if figures.net_apr.is_none() {
        return not_known(view, Approach::Direct);
    }
    let rate = format!("{}, with no commission to pay", rates(&figures));
    told(rate, &consequences(view, &figures), Approach::Direct)
}

fn delegated(view: &StakingView<'_>) -> String {
    if view.network.is_some_and(|network| !network.delegates()) {
        return "The network knows no delegation; what is less than a whole validator is pooled by \
                contracts, see liquid staking."
            .to_owned();
    }
    let Ok(rate) = view.rate else {
        return not_known(view, Approach::Delegated);
    };
    let figures = rate.delegated(view.commission);
    let Some(gross) = figures.gross_apr else {
        return not_known(view, Approach::Delegated);
    };
    let net = match figures.net_apr {
        Some(_) => format!("{} net of {}", rates(&figures), commission(view, rate)),
        None => {
            "net *not known*: my source names no typical commission, tell yours with `commission`"
                .to_owned()
        }
    };
    let mut rest = vec![format!("gross {} APR", percent(gross))];
    rest.extend(consequences(view, &figures));
    told(net, &rest, Approach::Delegated)
}

/// What one way comes to, the rate first and the risk last.
fn told(rate: String, rest: &[String], approach: Approach) -> String {
    let mut lines = vec![rate];
    if !rest.is_empty() {
        lines.push(rest.join(DOT));
    }
    lines.push(risk(approach).to_owned());
    lines.join("\n")
}

fn commission(view: &StakingView<'_>, rate: &NetworkRate) -> String {
    match (view.commission, rate.commission) {
        (Some(own), _) => format!("{} commission", limit(own.get())),
        (None, Some(typical)) => format!(
            "{} commission (half of the stake is with validators that keep no more)",
            limit(typical.get())
        ),
        (None, None) => "no commission".to_owned(),
    }
}

fn not_known(view: &StakingView<'_>, approach: Approach) -> String {
    let rate = match (view.network.map(Network::reference), view.rate) {
        (Some((from, to)), Ok(rate)) => format!(
            "rate *not known*: {} leaves out a figure that it takes (reference {}–{})",
            rate.origin,
            bare(from),
            limit(to)
        ),
        (Some((from, to)), Err(_)) => {
            format!("rate *not known* (reference {}–{})", bare(from), limit(to))
        }
        (None, _) => "rate *not known*".to_owned(),
    };
    told(rate, &[], approach)
}

/// The rate, said to be what it is: `**6.65 % APR** (6.87 % APY, as rewards join the stake)`.
fn rates(figures: &Figures) -> String {
    match (figures.net_apr, figures.net_apy) {
        (Some(apr), Some(apy)) => format!(
            "**{} APR** ({} APY, since rewards join the stake by themselves)",
            percent(apr),
            percent(apy)
        ),
        (Some(apr), None) => format!("**{} APR** (rewards have to be claimed)", percent(apr)),
        (None, _) => "*not known*".to_owned(),
    }
}

/// What is left after inflation, and what the amount brings.
fn consequences(view: &StakingView<'_>, figures: &Figures) -> Vec<String> {
    let mut parts = Vec::new();
    if figures.yearly().is_some() {
        parts.push(real(figures.real));
    }
    parts.extend(income(view, figures.yearly()));
    parts
}

fn real(real: Option<Percent>) -> String {
    match real {
        Some(real) => format!("{} after inflation", percent(real)),
        None => "after inflation *not known*".to_owned(),
    }
}

fn income(view: &StakingView<'_>, yearly: Option<Percent>) -> Option<String> {
    let amount = view.amount?;
    let asset = text::name(view.asset);
    let income = Income::of(amount, yearly?)?;
    Some(format!(
        "{} {asset} bring {} {asset} a year",
        units(amount),
        units(income.year().round_sf(4).unwrap_or_default())
    ))
}

const fn risk(approach: Approach) -> &'static str {
    match approach {
        Approach::Direct => {
            "Risk: the most technical way; running it costs money, and mistakes cost rewards"
        }
        Approach::Delegated => {
            "Risk: the validator may raise its commission, fail or be punished, and your rewards with it"
        }
        Approach::Liquid => {
            "Risk: contracts can be broken into, and the receipt can be worth less than what it stands for"
        }
    }
}

fn liquid(view: &StakingView<'_>) -> String {
    let inflation = view.rate.ok().and_then(|rate| rate.inflation);
    let mut lines: Vec<String> = view
        .receipt
        .map(|receipt| receipt_line(view, receipt))
        .into_iter()
        .collect();
    lines.extend(
        view.pools
            .iter()
            .map(|pool| pool_line(view, pool, inflation)),
    );
    if view.pools.is_empty() {
        lines.push("No pool of liquid staking is known for it.".to_owned());
    } else if view.all_pools > view.pools.len() {
        lines.push(format!(
            "The {} largest of {}.",
            view.pools.len(),
            view.all_pools
        ));
    }
    if !view.pools.is_empty() {
        lines.push("APY as the feed calls it: some protocols state an APR there.".to_owned());
    }
    let is_any = !view.pools.is_empty() || view.receipt.is_some();
    if is_any && view.network.is_some() && inflation.is_none() {
        lines.push(
            "After inflation *not known*: no source says how fast the supply grows.".to_owned(),
        );
    }
    lines.push(risk(Approach::Liquid).to_owned());
    super::lines_within(&lines, 1_000)
}

/// A receipt token by its own protocol's word.
fn receipt_line(view: &StakingView<'_>, receipt: &ReceiptRate) -> String {
    let mut parts = Vec::new();
    if let (Some(apr), Some(apy)) = (receipt.apr(), receipt.apy()) {
        let over = if receipt.mean_apr.is_some() {
            "7-day mean"
        } else {
            "last rebase"
        };
        parts.push(format!(
            "{} **{} APR** ({} APY), {over}, after its fee of {}",
            receipt.token,
            percent(apr),
            percent(apy),
            limit(receipt.fee.get())
        ));
    }
    let last = receipt.last_apr.filter(|_| receipt.mean_apr.is_some());
    parts.extend(last.map(|last| format!("{} APR at the last rebase", percent(last))));
    parts.extend(income(view, receipt.apy()));
    parts.push(format!("{}, read {}", receipt.origin, ago(receipt.read_at)));
    parts.join(DOT)
}

fn pool_line(view: &StakingView<'_>, pool: &PoolView<'_>, inflation: Option<Percent>) -> String {
    let apy = pool.reading.apy;
    let mut parts = vec![format!("{} **{} APY**", name(pool.pool), percent(apy))];
    if pool.state == DataState::Good {
        let real = inflation.and_then(|inflation| after_inflation(apy, inflation));
        parts.extend(real.map(|real| format!("{} after inflation", percent(real))));
        parts.extend(income(view, Some(apy)));
    } else {
        parts.push(format!("⚠ {}", pool.state.slug()));
    }
    parts.push(verdict::label(pool.assessment.verdict).to_owned());
    parts.push(format!("TVL {}", dollars(pool.reading.tvl_usd)));
    parts.join(DOT)
}

pub(super) fn unlock_words(unlock: Unlock) -> String {
    match unlock {
        Unlock::Free => "none: what is staked can be spent at any time".to_owned(),
        Unlock::After(wait) => format!("{} after it is let go", span(wait)),
        Unlock::Between(shortest, longest) => format!(
            "at the end of an epoch: {} to {} after it is let go",
            span(shortest),
            span(longest)
        ),
        Unlock::UpTo(longest) => format!(
            "up to {} after it is let go; the network may let it go sooner",
            span(longest)
        ),
        Unlock::Queue => "varies: as long as the queue of those who want to leave".to_owned(),
    }
}

fn slashing(network: Network) -> String {
    match network.slashing() {
        Slashing::Yes if network.delegates() => {
            "yes: a validator that breaks the rules loses stake, and those who delegate to it may lose with it"
        }
        Slashing::Yes => "yes: a validator that breaks the rules loses stake",
        Slashing::NotByItself => "nothing is taken by itself; the network's people could decide it",
        Slashing::No => "none: a validator that fails earns less",
    }
    .to_owned()
}

/// An opinion, said to be one.
fn rating(rating: &Rating) -> Option<String> {
    let grade = |what: &str, grade: Option<f64>| {
        grade.map(|grade| format!("{what} {} of 100", bare((grade * 10.0).round() / 10.0)))
    };
    let mut parts: Vec<String> = [
        grade("overall", rating.overall),
        grade("short term", rating.trader),
        grade("long term", rating.investor),
        rating.signal.map(|signal| signal_words(signal).to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        return None;
    }
    parts.extend(rating.dated.map(day));
    parts.push("their opinion of the token, which no figure here rests on".to_owned());
    Some(parts.join(DOT))
}

const fn signal_words(signal: Signal) -> &'static str {
    match signal {
        Signal::Buy => "signal: buy",
        Signal::Hold => "signal: hold",
        Signal::Sell => "signal: sell",
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::*;
    use crate::{
        domain::{method::Method, pool::Pool, time::Span},
        render::samples,
    };

    fn rate(network: Network) -> NetworkRate {
        NetworkRate {
            network,
            gross_apr: Percent::new(7.0),
            compounding: NonZero::new(182),
            inflation: Percent::new(4.55),
            commission: Percent::new(5.0),
            community_tax: None,
            unlock: None,
            origin: "Solana RPC",
            read_at: samples::now().minus(Span::hours(3).0),
        }
    }

    fn blank(network: Option<Network>) -> StakingView<'static> {
        StakingView {
            asset: network.map_or("SAVAX", Network::asset),
            network,
            approach: None,
            rate: Err(Unknown::NoSource),
            receipt: None,
            rating: None,
            commission: None,
            amount: None,
            pools: &[],
            all_pools: 0,
            source: "DefiLlama",
            fetched_at: samples::now().minus(Span::minutes(4).0),
        }
    }

    fn receipt_pool(symbol: &str, protocol: &str, chain: &str) -> Pool {
        Pool {
            symbol: symbol.into(),
            protocol: protocol.into(),
            chain: chain.into(),
            method: Method::StakingLiquid,
            stablecoin: false,
            ..samples::pool()
        }
    }

    #[test]
    fn a_network_that_says_what_it_pays() {
        let rate = rate(Network::Solana);
        let pool = receipt_pool("JITOSOL", "jito-liquid-staking", "Solana");
        let (reading, calm) = (samples::reading(5.8, Some(5.8), None), samples::calm());
        let (spike, feed) = (samples::suspect(), samples::feed());
        let pools = [
            samples::view(&pool, &reading, &calm, &feed),
            PoolView {
                state: DataState::Suspect,
                ..samples::view(&pool, &reading, &spike, &feed)
            },
        ];
        let rating = Rating {
            trader: Some(62.46),
            investor: Some(61.0),
            overall: None,
            signal: Some(Signal::Hold),
            dated: Timestamp::parse("2026-02-21"),
            read_at: samples::now(),
        };
        let view = StakingView {
            rate: Ok(&rate),
            rating: Some(&rating),
            amount: Some(Decimal::from(100)),
            pools: &pools,
            all_pools: 9,
            ..blank(Some(Network::Solana))
        };
        insta::assert_json_snapshot!(staking(&view, samples::now()));
    }

    /// F-U17: two sources that say different things of the same coin stand side by side, each by its name.
    #[test]
    fn sources_that_disagree_are_both_told() {
        let rate = rate(Network::Solana);
        let pool = receipt_pool("JITOSOL", "jito-liquid-staking", "Solana");
        let (reading, calm) = (samples::reading(58.0, Some(58.0), None), samples::calm());
        let feed = samples::feed();
        let pools = [samples::view(&pool, &reading, &calm, &feed)];
        let view = StakingView {
            rate: Ok(&rate),
            pools: &pools,
            all_pools: 1,
            ..blank(Some(Network::Solana))
        };
        let told = staking(&view, samples::now()).to_discord().to_string();
        for words in ["Solana RPC", "7.00 % APR", "DefiLlama", "58.00 % APY"] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn a_network_of_which_only_receipts_are_known() {
        let receipt = ReceiptRate {
            network: Network::Ethereum,
            token: "stETH",
            mean_apr: Percent::new(3.01),
            last_apr: Percent::new(3.1),
            fee: Percent::new(10.0).unwrap(),
            compounding: NonZero::new(365).unwrap(),
            origin: "Lido",
            read_at: samples::now().minus(Span::hours(9).0),
        };
        let pool = receipt_pool("STETH", "lido", "Ethereum");
        let (reading, calm) = (samples::reading(2.5, Some(2.5), None), samples::calm());
        let feed = samples::feed();
        let pools = [samples::view(&pool, &reading, &calm, &feed)];
        let view = StakingView {
            receipt: Some(&receipt),
            amount: Some(Decimal::from(32)),
            pools: &pools,
            all_pools: 1,
            ..blank(Some(Network::Ethereum))
        };
        insta::assert_json_snapshot!(staking(&view, samples::now()));
    }

    /// What each of these says beside the others' words.
    fn told(view: &StakingView<'_>) -> String {
        let message = staking(view, samples::now());
        let embed = &message.embeds[0];
        let fields = embed
            .fields
            .iter()
            .map(|field| format!("[{}] {}", field.name, field.value));
        let fields: Vec<String> = fields.collect();
        format!(
            "# {}\n{}\n{}",
            embed.title,
            embed.description,
            fields.join("\n")
        )
    }

    #[test]
    fn what_is_not_known_is_said_with_its_reason() {
        let one = |network, rate, approach| StakingView {
            rate,
            approach: Some(approach),
            ..blank(Some(network))
        };
        let minted = NetworkRate {
            gross_apr: None,
            inflation: None,
            unlock: Some(Unlock::After(Span::days(14))),
            origin: "Cosmos Hub node",
            ..rate(Network::Cosmos)
        };
        let untold = NetworkRate {
            commission: None,
            inflation: None,
            compounding: None,
            community_tax: Percent::new(2.0),
            origin: "Cosmos Hub node",
            ..rate(Network::Cosmos)
        };
        let old = Unknown::TooOld(samples::now().minus(Span::days(4).0));
        let five = StakingView {
            commission: Percent::new(7.5),
            ..one(Network::Cosmos, Ok(&untold), Approach::Delegated)
        };
        let all = [
            one(
                Network::Polkadot,
                Err(Unknown::NoSource),
                Approach::Delegated,
            ),
            one(
                Network::Cardano,
                Err(Unknown::SwitchedOff),
                Approach::Direct,
            ),
            one(
                Network::Cardano,
                Err(Unknown::NotAnswered),
                Approach::Liquid,
            ),
            one(Network::Solana, Err(old), Approach::Direct),
            one(Network::Cosmos, Ok(&minted), Approach::Direct),
            one(Network::Cosmos, Ok(&untold), Approach::Delegated),
            five,
            blank(None),
        ];
        let told: Vec<String> = all.iter().map(told).collect();
        insta::assert_snapshot!(told.join("\n\n"));
    }

    #[test]
    fn hostile_names_are_harmless_and_the_answer_fits() {
        let hostile = samples::hostile_pool();
        let (reading, calm) = (samples::reading(5.8, Some(5.8), None), samples::calm());
        let feed = samples::feed();
        let pools = [samples::view(&hostile, &reading, &calm, &feed); 5];
        let view = StakingView {
            asset: "**@everyone**",
            amount: Some(Decimal::from(1_000_000_000)),
            pools: &pools,
            all_pools: 50,
            ..blank(None)
        };
        let message = staking(&view, samples::now());
        assert_eq!(message.clone().fitted(), message);
        assert!(!message.to_discord().to_string().contains("**@everyone"));
    }
}
