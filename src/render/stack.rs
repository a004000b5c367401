//! A stacked yield in words: the arithmetic, what each layer relies on, and what breaks it.

use super::{
    DOT, count,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{bare, limit, percent, rate_number, share},
    pool::{PoolView, footer},
    text, verdict,
};
use crate::domain::{
    correlation::{self, On},
    method::Method,
    pool::Pool,
    rate::Percent,
    stack::Loop,
    time::Timestamp,
    verdict::Verdict,
};

/// One layer, from the bottom up.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    pub rate: Percent,
    /// `None` for a rate that somebody wrote.
    pub pool: Option<PoolView<'a>>,
}

/// A loop around the whole stack.
#[derive(Debug, Clone, Copy)]
pub struct Looped {
    pub looped: Loop,
    /// What the lending market of the layers lends at most, as a fraction of a deposit, where it says so.
    pub market_ltv: Option<f64>,
    /// What borrowing costs a year, and what is left then; `None` where nobody told.
    pub borrowed: Option<(Percent, Percent)>,
    /// The rate is what the lending market of the layers asks for now, and not what somebody stated.
    pub is_market_rate: bool,
}

impl Looped {
    fn is_too_far(&self) -> bool {
        self.market_ltv.is_some_and(|most| most < self.looped.ltv())
    }
}

/// A stack with what it comes to.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'a> {
    pub layers: &'a [Layer<'a>],
    pub combined: Percent,
    pub looped: Option<Looped>,
    /// Percent above which offers are screened out.
    pub max_apy: f64,
    pub source: &'a str,
    pub fetched_at: Timestamp,
}

/// The stack in full.
pub fn stack(stack: &Stack<'_>, now: Timestamp) -> Message {
    let layers = stack.layers.iter().enumerate();
    let mut fields: Vec<Field> = layers
        .map(|(at, layer)| layer_field(at + 1, layer))
        .collect();
    fields.extend(
        stack
            .looped
            .map(|looped| loop_field(&looped, stack.combined)),
    );
    fields.push(Field::wide("Breaks if", breaks_if(stack)));
    fields.push(Field::wide("Relies on", relies_on(stack)));
    Message::from(Embed {
        title: title(stack),
        description: summary(stack),
        colour: colour(stack),
        fields,
        footer: if pools(stack).next().is_some() {
            footer(stack.source, stack.fetched_at, None, now)
        } else {
            "from the rates that you gave · not advice".to_owned()
        },
        ..Embed::default()
    })
}

fn title(stack: &Stack<'_>) -> String {
    let looped = stack.looped.filter(|looped| looped.borrowed.is_some());
    let what = match (looped, stack.layers) {
        (Some(looped), _) if looped.is_too_far() => "Looped further than its market lends",
        (Some(_), [_]) => "Looped",
        (Some(_), _) => "Stacked and looped",
        (None, [_]) => "One layer",
        (None, _) => "Stacked yield",
    };
    format!("{what}: {}", percent(headline(stack)))
}

/// Layers that last do not make a whole that lasts, so nothing here is green.
fn colour(stack: &Stack<'_>) -> Colour {
    match weakest(stack) {
        None => Colour::Grey,
        Some((Verdict::Sustainable, _)) => Colour::Blue,
        Some((verdict, _)) => verdict::colour(verdict),
    }
}

/// What one's own money earns, as far as that is known.
fn headline(stack: &Stack<'_>) -> Percent {
    let looped = stack.looped.and_then(|looped| looped.borrowed);
    looped.map_or(stack.combined, |(_, net)| net)
}

fn summary(stack: &Stack<'_>) -> String {
    let factors: Vec<String> = stack
        .layers
        .iter()
        .map(|layer| bare(1.0 + layer.rate.as_fraction()))
        .collect();
    let mut lines = vec![if let [only] = stack.layers {
        format!("**{}** from one layer", percent(only.rate))
    } else {
        format!(
            "**{}** combined = {} − 1",
            percent(stack.combined),
            factors.join(" × ")
        )
    }];
    if stack.layers.len() > 1 {
        lines.push(
            "Each layer earns on what the one below pays, so the rates multiply. So do the ways in \
             which it can break."
                .to_owned(),
        );
    }
    if headline(stack).get() > stack.max_apy {
        lines.push(format!(
            "⚠ That is over the {} from which on offers are screened out as unsustainable.",
            limit(stack.max_apy)
        ));
    }
    lines.extend(weakest(stack).map(|(verdict, at)| match verdict {
        Verdict::Sustainable if stack.layers.len() == 1 => {
            "The pool is ✅ sustainable by itself, which says nothing of a loop.".to_owned()
        }
        Verdict::Sustainable => {
            "Each pool is ✅ sustainable by itself, which says nothing of the whole.".to_owned()
        }
        verdict => {
            let label = verdict::label(verdict);
            format!("No better than its weakest layer: {label} (layer {at})")
        }
    }));
    lines.extend(strangers(stack).into_iter().map(|(lower, upper)| {
        format!(
            "⚠ Layers {lower} and {upper} have no token in common: what the one pays out cannot go \
             into the other as it is."
        )
    }));
    lines.join("\n")
}

/// The layer with the worst verdict, by its number. What is not known is worse than mixed, and only
/// what is known to be bad is worse than that.
fn weakest(stack: &Stack<'_>) -> Option<(Verdict, usize)> {
    let badness = |verdict: Verdict| match verdict {
        Verdict::Sustainable => 0,
        Verdict::Mixed => 1,
        Verdict::Unknown => 2,
        Verdict::Unsustainable => 3,
    };
    let judged = stack.layers.iter().zip(1..).filter_map(|(layer, at)| {
        let verdict = layer.pool?.assessment.verdict;
        Some((verdict, at))
    });
    judged.min_by_key(|(verdict, _)| std::cmp::Reverse(badness(*verdict)))
}

fn pools<'a>(stack: &Stack<'a>) -> impl Iterator<Item = (usize, PoolView<'a>)> {
    let layers = stack.layers.iter().zip(1..);
    layers.filter_map(|(layer, at)| Some((at, layer.pool?)))
}

/// Neighbours whose pools have no token in common, down to what their tokens stand for.
fn strangers(stack: &Stack<'_>) -> Vec<(usize, usize)> {
    let tokens = |pool: &Pool| {
        let all = correlation::dependencies(pool).into_iter();
        let tokens = all.filter(|it| it.on == On::Token).map(|it| it.name);
        tokens.collect::<Vec<String>>()
    };
    let pairs = stack.layers.windows(2).zip(1..);
    let apart = pairs.filter_map(|(pair, at)| {
        let [lower, upper] = pair else { return None };
        let (lower, upper) = (tokens(lower.pool?.pool), tokens(upper.pool?.pool));
        let meet = lower.iter().any(|token| upper.contains(token));
        (!meet).then_some((at, at + 1))
    });
    apart.collect()
}

fn layer_field(at: usize, layer: &Layer<'_>) -> Field {
    let Some(view) = layer.pool else {
        return Field::wide(
            format!("{at} · a rate that you gave"),
            format!(
                "**{}**\nWho pays it, and what it relies on, is not known.",
                percent(layer.rate)
            ),
        );
    };
    let mut lines = vec![format!(
        "**{}**{DOT}{}",
        percent(layer.rate),
        verdict::brief(view.assessment)
    )];
    lines.push(method_words(view.pool.method));
    let receipts = receipts(view.pool);
    if !receipts.is_empty() {
        lines.push(format!("receipt tokens: {}", receipts.join(", ")));
    }
    lines.extend(lock_up(view.pool));
    Field::wide(format!("{at} · {}", name(view.pool)), lines.join("\n"))
}

/// `lending: contract risk, liquidity risk`.
pub(crate) fn method_words(method: Method) -> String {
    let risks = method.risks();
    if risks.is_empty() {
        format!("{}: its risks are not known", method.label())
    } else {
        format!("{}: {}", method.label(), risks.join(", "))
    }
}

/// What the source says of how long money is bound.
pub(crate) fn lock_up(pool: &Pool) -> Option<String> {
    let stated = pool.lock_up()?;
    Some(format!("lock-up: {}", text::escape_to(stated, 80)))
}

/// The receipts among the tokens that a pool relies on: `WSTETH for STETH`.
fn receipts(pool: &Pool) -> Vec<String> {
    let tokens = correlation::tokens(pool);
    let mut told: Vec<String> = Vec::new();
    for (token, backing) in tokens.iter().flat_map(|token| correlation::steps(token)) {
        let Some(backing) = backing.filter(|backing| backing.tie.is_receipt()) else {
            continue;
        };
        let words = format!("{} for {}", text::name(&token), text::name(&backing.of));
        if !told.contains(&words) {
            told.push(words);
        }
    }
    told
}

fn loop_field(looped: &Looped, supply: Percent) -> Field {
    let Looped {
        looped,
        market_ltv,
        borrowed,
        is_market_rate,
    } = *looped;
    let multiple = looped.multiple();
    let owed = multiple - 1.0;
    let ltv = looped.ltv();
    let all_of_it = if market_ltv == Some(ltv) {
        ", the most that its lending market lends"
    } else {
        ""
    };
    let mut lines = vec![format!(
        "Loan to value {}{all_of_it}, {}: k = (1 − {}{}) ÷ (1 − {}) = {}",
        limit(ltv * 100.0),
        count(looped.loops() as usize, "loop", "loops"),
        bare(ltv),
        raised(looped.loops() + 1),
        bare(ltv),
        times(multiple)
    )];
    lines.extend(market_ltv.filter(|most| *most < ltv).map(|most| {
        format!(
            "⚠ Its lending market lends at most {} of a deposit.",
            limit(most * 100.0)
        )
    }));
    let Some(even) = looped.adds_until(supply) else {
        lines.push("Nothing is borrowed, so it changes nothing.".to_owned());
        return Field::wide("Loop", lines.join("\n"));
    };
    lines.push(format!(
        "Of each $1 of yours ${} is deposited and ${} owed: debt is {} of the collateral.",
        times(multiple),
        times(owed),
        share(owed / multiple)
    ));
    let nothing = looped.earns_until(supply).unwrap_or(even);
    let ends = format!(
        "It adds to the yield only while borrowing costs under **{}** a year, and from {} on the \
         whole earns nothing.",
        percent(even),
        percent(nothing)
    );
    if let Some((borrow, net)) = borrowed {
        lines.push(format!(
            "Borrowing at {}{}: {} × {} − {} × {} = **{}** a year",
            percent(borrow),
            if is_market_rate {
                " (what its lending market asks for its own token now)"
            } else {
                ""
            },
            times(multiple),
            rate_number(supply),
            times(owed),
            rate_number(borrow),
            percent(net)
        ));
        if net.get() < supply.get() {
            lines.push("⚠ At that rate looping costs more than it brings.".to_owned());
        }
    }
    lines.push(ends);
    if borrowed.is_none() {
        lines.push(
            "What is borrowed and what it costs is not known here; give `borrow_rate` for what is left."
                .to_owned(),
        );
    }
    Field::wide("Loop", lines.join("\n"))
}

/// A multiple to three places, as the arithmetic is checked by.
fn times(multiple: f64) -> String {
    bare((multiple * 1_000.0).round() / 1_000.0)
}

/// A power in small digits.
fn raised(power: u32) -> String {
    let small = |digit: char| match digit {
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        _ => '⁹',
    };
    power.to_string().chars().map(small).collect()
}

/// What ends it, each with the layer where it would happen.
fn breaks_if(stack: &Stack<'_>) -> String {
    let mut lines = Vec::new();
    for (at, view) in pools(stack) {
        let pool = view.pool;
        let protocol = text::name(&pool.protocol);
        let tokens = correlation::tokens(pool);
        for (token, backing) in tokens.iter().flat_map(|token| correlation::steps(token)) {
            if let Some(backing) = backing.filter(|backing| backing.tie.is_receipt()) {
                let (token, of) = (text::name(&token), text::name(&backing.of));
                lines.push((format!("{token} comes to be worth less than its {of}"), at));
            }
        }
        lines.push((format!("a contract of {protocol} fails"), at));
        let particular = match pool.method {
            Method::StakingDirect | Method::StakingDelegated | Method::StakingLiquid => {
                Some("stake is slashed".to_owned())
            }
            Method::Lending => Some(format!(
                "borrowers of {protocol} cannot pay back, or all of it is lent out when you want to leave"
            )),
            Method::Liquidity => Some("the prices in the pool move apart".to_owned()),
            Method::Aggregator => Some("a strategy below the vault fails".to_owned()),
            Method::Farming => Some("the reward token falls".to_owned()),
            Method::Index => Some("its parts fall together".to_owned()),
            Method::Unknown => None,
        };
        lines.extend(particular.map(|words| (words, at)));
    }
    let mut told: Vec<(String, Vec<usize>)> = Vec::new();
    for (words, at) in lines {
        if let Some((_, places)) = told.iter_mut().find(|(known, _)| *known == words) {
            if !places.contains(&at) {
                places.push(at);
            }
        } else {
            told.push((words, vec![at]));
        }
    }
    let mut lines: Vec<String> = told
        .iter()
        .map(|(words, at)| format!("- {words} ({})", layers(at)))
        .collect();
    if let Some(looped) = stack.looped.filter(|it| it.looped.multiple() > 1.0) {
        let even = looped.looped.adds_until(stack.combined);
        lines.extend(
            even.map(|even| format!("- borrowing comes to cost more than {}", percent(even))),
        );
        lines.push(if looped.is_market_rate {
            "- interest lets the loan grow until it is liquidated".to_owned()
        } else {
            "- the collateral falls against the loan far enough to be liquidated".to_owned()
        });
    }
    if lines.is_empty() {
        lines
            .push("- what pays the rates that you gave stops paying; more is not known".to_owned());
    }
    super::lines_within(&lines, 1_000)
}

fn layers(at: &[usize]) -> String {
    let numbers: Vec<String> = at.iter().map(ToString::to_string).collect();
    let word = if at.len() == 1 { "layer" } else { "layers" };
    format!("{word} {}", numbers.join(", "))
}

fn relies_on(stack: &Stack<'_>) -> String {
    let mut protocols: Vec<String> = Vec::new();
    let mut chains: Vec<String> = Vec::new();
    let mut kept: Vec<String> = Vec::new();
    let note = |into: &mut Vec<String>, words: String| {
        if !into.contains(&words) {
            into.push(words);
        }
    };
    for (_, view) in pools(stack) {
        for dependency in correlation::dependencies(view.pool) {
            match dependency.on {
                On::Protocol => note(&mut protocols, text::name(&dependency.name)),
                On::Chain => note(&mut chains, text::name(&dependency.name)),
                On::Token | On::Stablecoins => {}
            }
        }
        for receipt in receipts(view.pool) {
            note(&mut kept, receipt);
        }
    }
    let counted = |names: &[String], one: &str, many: &str| {
        (!names.is_empty())
            .then(|| format!("{}: {}", count(names.len(), one, many), names.join(", ")))
    };
    let mut lines = Vec::new();
    lines.extend(counted(&protocols, "protocol", "protocols"));
    lines.extend(counted(&chains, "chain", "chains"));
    lines.extend(counted(&kept, "receipt", "receipts"));
    let borrows = stack.looped.is_some_and(|it| it.looped.multiple() > 1.0);
    lines.push(if borrows {
        "not known: oracles, and from where on a loan is liquidated".to_owned()
    } else {
        "not known: oracles".to_owned()
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{reading::FeedStats, stack::stacked, verdict::Assessment},
        render::samples::{self, view},
    };

    fn told(
        layers: &[(f64, Option<(&Pool, &Assessment)>)],
        looped: Option<(f64, u32, Option<f64>)>,
    ) -> Message {
        let (feed, readings): (FeedStats, Vec<_>) = (
            samples::feed(),
            layers
                .iter()
                .map(|(rate, _)| samples::reading(*rate, Some(*rate), None))
                .collect(),
        );
        let layers: Vec<Layer<'_>> = layers
            .iter()
            .zip(&readings)
            .map(|((rate, pool), reading)| Layer {
                rate: samples::percent(*rate),
                pool: pool.map(|(pool, assessment)| view(pool, reading, assessment, &feed)),
            })
            .collect();
        let rates: Vec<Percent> = layers.iter().map(|layer| layer.rate).collect();
        let combined = stacked(&rates).unwrap();
        let looped = looped.map(|(ltv, loops, borrow)| {
            let looped = Loop::new(ltv, loops).unwrap();
            let borrowed = borrow.map(|borrow| {
                let borrow = samples::percent(borrow);
                (borrow, looped.net(combined, borrow).unwrap())
            });
            Looped {
                looped,
                borrowed,
                market_ltv: layers
                    .iter()
                    .any(|layer| layer.pool.is_some())
                    .then_some(0.75),
                is_market_rate: borrow.is_some_and(|borrow| borrow > 3.5),
            }
        });
        let whole = Stack {
            layers: &layers,
            combined,
            looped,
            max_apy: 100.0,
            source: "DefiLlama",
            fetched_at: samples::now(),
        };
        let message = stack(&whole, samples::now());
        assert_eq!(message.clone().fitted(), message);
        message
    }

    fn staked() -> Pool {
        Pool {
            protocol: "lido".into(),
            symbol: "STETH".into(),
            meta: Some("Unstaking: 5 days".into()),
            method: Method::StakingLiquid,
            stablecoin: false,
            ..samples::pool()
        }
    }

    #[test]
    fn a_staked_coin_that_is_lent_and_looped() {
        let (calm, staked) = (samples::calm(), staked());
        let lent = Pool {
            symbol: "WSTETH".into(),
            ..samples::pool()
        };
        let layers = [(3.0, Some((&staked, &calm))), (0.4, Some((&lent, &calm)))];
        insta::assert_json_snapshot!(told(&layers, Some((0.8, 3, Some(2.5)))));
    }

    #[test]
    fn a_hostile_pool_under_a_rate_that_somebody_wrote() {
        let (hostile, spike) = (samples::hostile_pool(), samples::spike());
        let layers = [(120.0, Some((&hostile, &spike))), (0.4, None)];
        insta::assert_json_snapshot!(told(&layers, Some((0.8, 3, None))));
    }

    #[test]
    fn pools_that_do_not_fit_together_are_named() {
        let (calm, staked, lent) = (samples::calm(), staked(), samples::pool());
        let layers = [(3.0, Some((&staked, &calm))), (4.0, Some((&lent, &calm)))];
        let words = told(&layers, None).embeds[0].description.clone();
        assert!(
            words.contains("Layers 1 and 2 have no token in common"),
            "{words}"
        );
    }

    #[test]
    fn rates_alone_are_reckoned_and_nothing_is_made_up() {
        insta::assert_json_snapshot!(told(&[(4.0, None)], Some((0.8, 3, Some(3.0)))));
        let costly = told(&[(4.0, None)], Some((0.8, 3, Some(5.0))));
        let words = &costly.embeds[0].fields[1].value;
        assert!(words.contains("costs more than it brings"), "{words}");
        let idle = told(&[(4.0, None)], Some((0.8, 0, None)));
        let words = &idle.embeds[0].fields[1].value;
        assert!(words.contains("changes nothing"), "{words}");
    }
}
