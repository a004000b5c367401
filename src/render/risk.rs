//! What can go wrong with a pool, in words: every check with its figure, and the limits behind them.

use super::{
    DOT, count,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{ago, change, day, dollars, limit, percent, share, span},
    payer, pool, text, verdict,
};
use crate::domain::{
    payer::Paid,
    protocol::{Audits, Flag},
    risk::{self, Check, Figure, Finding, Group, Standing, State, coverage, standing},
    time::Timestamp,
    verdict::{
        DURABLE, ENOUGH_DAYS, FRAGILE, HALF, MOSTLY_REWARDS, PARTLY_REWARDS, Screen,
        durability::LearntFrom,
    },
};

/// A pool's verdict, who pays it, and what can go wrong.
pub fn checked(
    view: &pool::PoolView<'_>,
    paid: &Paid,
    findings: &[Finding],
    now: Timestamp,
) -> Message {
    let Standing { known, of, .. } = coverage(findings);
    let mut fields = vec![
        Field::wide("Will it last?", verdict::paragraph(view.assessment)),
        Field::wide("Who pays?", who_pays(paid)),
    ];
    fields.extend(Group::ALL.map(|group| group_field(group, findings)));
    Message::from(Embed {
        title: format!("Sustainability and risk{DOT}{}", name(view.pool)),
        description: format!(
            "APY **{}**{DOT}{}{DOT}TVL {}\nRisk stands beside the verdict and is not part of it. \
             **Coverage {known} of the {of} checks that apply**; what \
             is not known is not good.",
            percent(view.reading.apy),
            pool::paid_as(view.reading),
            dollars(view.reading.tvl_usd)
        ),
        colour: verdict::colour(view.assessment.verdict),
        fields,
        footer: pool::footer(
            view.source,
            view.fetched_at,
            Some(view.unchanged_since),
            now,
        ),
        ..Embed::default()
    })
}

/// The line of who pays, and what is known beside it.
fn who_pays(paid: &Paid) -> String {
    let mut lines = vec![format!("**{}**", payer::line(paid))];
    lines.extend(
        payer::details(paid)
            .into_iter()
            .map(|line| format!("- {line}")),
    );
    lines.join("\n")
}

/// The risk in one line: `contract ✅, counterparty ✅ as far as known, market 👀, chain ✅, concentration ✅ (9
/// of 12 checks)`.
pub fn line(findings: &[Finding]) -> String {
    let groups: Vec<String> = Group::ALL
        .iter()
        .map(|group| {
            let standing = standing(findings, *group);
            let so_far = match standing.state {
                State::Ok if standing.is_partly_known() => " as far as known",
                _ => "",
            };
            format!("{} {}{so_far}", group_name(*group), mark(standing.state))
        })
        .collect();
    let Standing { known, of, .. } = coverage(findings);
    format!("{} ({known} of {of} checks)", groups.join(", "))
}

fn group_field(group: Group, findings: &[Finding]) -> Field {
    let lines: Vec<String> = findings
        .iter()
        .filter(|finding| finding.check.group() == group)
        .map(finding_line)
        .collect();
    let standing = standing(findings, group);
    let so_far = match standing.state {
        State::Ok if standing.is_partly_known() => {
            format!(" as far as known ({} of {})", standing.known, standing.of)
        }
        _ => String::new(),
    };
    let title = format!(
        "{} {}: {}{so_far}",
        mark(standing.state),
        capital(group_name(group)),
        state(standing.state)
    );
    Field::wide(title, lines.join("\n"))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn finding_line(finding: &Finding) -> String {
    format!(
        "{} {}: {}",
        mark(finding.state),
        check_name(finding.check),
        figure(finding)
    )
}

const fn mark(state: State) -> &'static str {
    match state {
        State::Ok => "✅",
        State::Watch => "👀",
        State::Bad => "⛔",
        State::NotKnown => "❔",
        State::DoesNotApply => "➖",
    }
}

const fn state(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Watch => "watch",
        State::Bad => "bad",
        State::NotKnown => "not known",
        State::DoesNotApply => "does not apply",
    }
}

const fn group_name(group: Group) -> &'static str {
    match group {
        Group::Contract => "contract",
        Group::Counterparty => "counterparty",
        Group::Market => "market",
        Group::Chain => "chain",
        Group::Concentration => "concentration",
    }
}

const fn check_name(check: Check) -> &'static str {
    match check {
        Check::Age => "age of the protocol",
        Check::Audits => "audits",
        Check::Incidents => "past incidents",
        Check::Flags => "warnings of the source",
        Check::ProtocolSize => "size of the protocol",
        Check::Outflow => "its TVL in a week",
        Check::Withdrawable => "free to withdraw",
        Check::LockUp => "lock-up",
        Check::ImpermanentLoss => "impermanent loss",
        Check::Peg => "peg",
        Check::RewardToken => "reward token in 90 days",
        Check::ChainSize => "the chain's pools together",
        Check::ShareOfProtocol => "part of its protocol's TVL",
        Check::PoolSize => "size of the pool",
    }
}

fn figure(finding: &Finding) -> String {
    match &finding.figure {
        Figure::Nothing => unknown(finding.check).to_owned(),
        Figure::DoesNotApply => does_not_apply(finding.check).to_owned(),
        Figure::Since(at) => format!("listed {}", ago(*at)),
        Figure::Audits(audits) => audit_words(*audits).to_owned(),
        Figure::Incidents {
            count: 0,
            told_until,
            ..
        } => format!("none in the list{}", until(*told_until)),
        Figure::Incidents {
            count: incidents,
            newest,
            technique,
            taken_usd,
            told_until,
        } => {
            let newest = newest.map(|at| (at, technique.as_deref()));
            incident_words(*incidents, newest, *taken_usd, *told_until)
        }
        Figure::Flagged(flags) if flags.is_empty() => "none".to_owned(),
        Figure::Flagged(flags) => flags
            .iter()
            .map(|flag| flag_words(*flag))
            .collect::<Vec<_>>()
            .join(", "),
        Figure::Usd(usd) => dollars(*usd),
        Figure::Change(moved) => change(moved * 100.0),
        Figure::Share(part) => share(*part),
        Figure::Free { part, usd } => format!("{} of it, {}", share(*part), dollars(*usd)),
        Figure::Words(words) => format!("“{}”", text::escape_to(words, 80)),
        Figure::Loss(loss) => format!(
            "{} against holding, at worst in 90 days",
            change(loss * 100.0)
        ),
        Figure::LossFlagged => "the source flags it; prices are not known".to_owned(),
        // A twentieth of a percent is what trading alone does.
        Figure::OffPeg { symbol, deviation } if deviation.abs() < 0.0005 => {
            format!(
                "{}, by its name, is worth what it follows",
                text::name(symbol)
            )
        }
        Figure::OffPeg { symbol, deviation } => {
            let symbol = text::name(symbol);
            let side = if *deviation < 0.0 { "under" } else { "over" };
            format!(
                "{symbol}, by its name, is {} {side} what it follows",
                limit((deviation.abs() * 1_000.0).round() / 10.0)
            )
        }
    }
}

/// Why a check says nothing.
const fn unknown(check: Check) -> &'static str {
    match check {
        Check::Age => "not known: no source says since when it is listed",
        Check::Audits => "not known: no source says",
        Check::Incidents => "not known: no list of incidents is at hand for it",
        Check::Flags | Check::ProtocolSize | Check::ShareOfProtocol => {
            "not known: no source tells of the protocol"
        }
        Check::Outflow => "not known: no source says how it has changed",
        Check::Withdrawable => "not known: no source says what of it is lent out",
        Check::LockUp => "not known: the source states none",
        Check::ImpermanentLoss | Check::RewardToken => "not known: no prices",
        Check::Peg => "not known: a coin of it has no price, or shares its name with another",
        Check::ChainSize | Check::PoolSize => "not known",
    }
}

const fn does_not_apply(check: Check) -> &'static str {
    match check {
        Check::Withdrawable => "it is not lent out",
        Check::ImpermanentLoss => "one token alone",
        Check::Peg => "no stablecoin in it",
        Check::RewardToken => "no rewards are paid",
        _ => "does not apply",
    }
}

const fn audit_words(audits: Audits) -> &'static str {
    match audits {
        Audits::None => "none that the source knows",
        Audits::Partly => "in part",
        Audits::Audited => "audited, by the source",
        Audits::ForkOfAudited => "a fork of audited code",
    }
}

const fn flag_words(flag: Flag) -> &'static str {
    match flag {
        Flag::Rugged => "**rugged**: its makers took the money",
        Flag::Deprecated => "**deprecated**: it is being wound down",
        Flag::Dead => "**dead**: nobody runs it any more",
    }
}

fn incident_words(
    incidents: usize,
    newest: Option<(Timestamp, Option<&str>)>,
    taken_usd: Option<f64>,
    told_until: Option<Timestamp>,
) -> String {
    let taken = taken_usd.map_or_else(
        || "how much was taken is not known of all".to_owned(),
        |usd| format!("{} taken", dollars(usd)),
    );
    let newest = newest.map_or_else(String::new, |(at, technique)| {
        let how = technique.map_or_else(String::new, |how| {
            format!(" ({})", text::escape_to(how, 80))
        });
        format!(", the last {}{how}", day(at))
    });
    format!(
        "{}{newest}, {taken}{}",
        count(incidents, "incident", "incidents"),
        until(told_until)
    )
}

/// A list that ends says nothing of what came after.
fn until(told_until: Option<Timestamp>) -> String {
    told_until.map_or_else(String::new, |at| format!(" (the list ends {})", day(at)))
}

/// What decides a verdict and each check: the same for every server.
pub fn rules(screen: &Screen, learnt_from: &LearntFrom) -> Message {
    Message::from(Embed {
        title: "How verdicts and risk are judged".to_owned(),
        description: "The same for every server and every member: nobody can tune a verdict."
            .to_owned(),
        colour: Colour::Blue,
        fields: vec![
            Field::wide("Hard rules, never outvoted", hard_rules(screen)),
            Field::wide("Who pays?", payer_rules()),
            Field::wide("Will it last?", lasting_rules(learnt_from)),
            Field::wide("Risk: contract", contract_rules()),
            Field::wide("Risk: counterparty", counterparty_rules()),
            Field::wide("Risk: market", market_rules()),
            Field::wide("Risk: chain and concentration", size_rules()),
        ],
        footer: "limits are stipend's own conventions, not advice".to_owned(),
        ..Embed::default()
    })
}

fn hard_rules(screen: &Screen) -> String {
    format!(
        "- APY over {}: ❌ unsustainable\n- TVL under {}: ❌ unsustainable\n- a reading that is suspect, stale \
         or missing: ❔ unknown\n- nothing is earned: ❔ unknown",
        limit(screen.max_apy),
        dollars(screen.min_tvl_usd)
    )
}

fn payer_rules() -> String {
    format!(
        "- {} or more in reward tokens: ❌ unsustainable\n- {} or more: 🟡 mixed at best\n- no split by the \
         source: 🟡 mixed at best\n- fees, inflation and the reward token are shown beside it and decide \
         nothing: they are a whole protocol's, network's or token's, and not this pool's alone",
        share(MOSTLY_REWARDS),
        share(PARTLY_REWARDS)
    )
}

fn lasting_rules(learnt_from: &LearntFrom) -> String {
    format!(
        "Two chances: to keep half of today's rate, and half of the last month's mean, for 30 days. The lower one \
         counts: under {} ❌ unsustainable, under {} 🟡 mixed.\n- under {} of its usual rate: 🟡 mixed at best, since \
         it has fallen already\n- under {ENOUGH_DAYS} days of history: no chance, 🟡 mixed at best\n- no history: ❔ \
         unknown\nLearnt from {} days of {} pools, {} to {}, mostly \
         pools on decentralised exchanges.",
        share(FRAGILE),
        share(DURABLE),
        share(HALF),
        super::numbers::grouped(learnt_from.all_days),
        learnt_from.pools,
        learnt_from.first,
        learnt_from.last
    )
}

fn contract_rules() -> String {
    format!(
        "- listed for under {}: ⛔, under {}: 👀\n- no audit: ⛔, in part or a fork: 👀\n- an incident within {}: ⛔, \
         earlier: 👀\n- flagged rugged, deprecated or dead: ⛔",
        span(risk::YOUNG),
        span(risk::YEAR),
        span(risk::LONG_AGO)
    )
}

fn counterparty_rules() -> String {
    format!(
        "- protocol's TVL under {}: ⛔, under {}: 👀\n- its TVL in a week {} or worse: ⛔, {} or worse: 👀\n- under {} \
         of a lending pool free to withdraw: ⛔, under {}: 👀\n- a lock-up is stated: 👀",
        dollars(risk::SMALL_PROTOCOL),
        dollars(risk::LARGE_PROTOCOL),
        change(risk::BAD_OUTFLOW * 100.0),
        change(risk::NOTABLE_OUTFLOW * 100.0),
        share(risk::HARDLY_FREE),
        share(risk::LITTLE_FREE)
    )
}

fn market_rules() -> String {
    format!(
        "- impermanent loss within 90 days of {} or worse: ⛔, {} or worse: 👀\n- a stablecoin {} off its peg: ⛔, {}: \
         👀\n- the reward token {} or worse in 90 days: ⛔, {} or worse: 👀",
        change(risk::BAD_LOSS * 100.0),
        change(risk::NOTABLE_LOSS * 100.0),
        share(risk::BAD_DEVIATION),
        limit(risk::NOTABLE_DEVIATION * 100.0),
        change(risk::BAD_FALL * 100.0),
        change(risk::NOTABLE_FALL * 100.0)
    )
}

fn size_rules() -> String {
    format!(
        "- the chain's pools together under {}: ⛔, under {}: 👀\n- over {} of its protocol in this pool: 👀\n- pool \
         under {}: ⛔, under {}: 👀",
        dollars(risk::SMALL_CHAIN),
        dollars(risk::LARGE_CHAIN),
        share(risk::MUCH_IN_ONE),
        dollars(risk::SMALL_POOL),
        dollars(risk::LARGE_POOL)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{payer::Around, time::Span, verdict::durability::Durability},
        render::samples,
    };

    fn findings() -> Vec<Finding> {
        let day = |ago: u64| samples::now().minus(Span::days(ago).0);
        let of = |check, state, figure| Finding {
            check,
            state,
            figure,
        };
        vec![
            of(Check::Age, State::Ok, Figure::Since(day(900))),
            of(Check::Audits, State::Watch, Figure::Audits(Audits::Partly)),
            of(
                Check::Incidents,
                State::Bad,
                Figure::Incidents {
                    count: 1,
                    newest: Some(day(100)),
                    technique: Some("Flashloan **Attack**".to_owned()),
                    taken_usd: Some(1.2e6),
                    told_until: Some(day(30)),
                },
            ),
            of(
                Check::Flags,
                State::Bad,
                Figure::Flagged(vec![Flag::Deprecated]),
            ),
            of(Check::ProtocolSize, State::Ok, Figure::Usd(1.1e10)),
            of(Check::Outflow, State::Watch, Figure::Change(-0.2)),
            of(
                Check::Withdrawable,
                State::Watch,
                Figure::Free {
                    part: 0.11,
                    usd: 2.4e6,
                },
            ),
            of(
                Check::LockUp,
                State::Watch,
                Figure::Words("7 days **unstaking** @everyone".to_owned()),
            ),
            of(Check::ImpermanentLoss, State::Watch, Figure::Loss(-0.057)),
            of(
                Check::Peg,
                State::Bad,
                Figure::OffPeg {
                    symbol: "USDX".to_owned(),
                    deviation: -0.12,
                },
            ),
            of(Check::RewardToken, State::NotKnown, Figure::Nothing),
            of(Check::ChainSize, State::Ok, Figure::Usd(5e10)),
            of(Check::ShareOfProtocol, State::Ok, Figure::Share(0.11)),
            of(Check::PoolSize, State::Ok, Figure::Usd(1.2e9)),
        ]
    }

    #[test]
    fn a_pool_with_every_check() {
        let (pool, feed) = (samples::pool(), samples::feed());
        let (reading, calm) = (samples::reading(4.1, Some(4.1), Some(0.0)), samples::calm());
        let view = samples::view(&pool, &reading, &calm, &feed);
        let paid = Paid::of(&pool, &reading, &Around::default());
        insta::assert_json_snapshot!(
            checked(&view, &paid, &findings(), samples::now()).to_discord()
        );
        insta::assert_snapshot!(line(&findings()), @"contract ⛔, counterparty 👀, market ⛔, chain ✅, concentration ✅ (13 of 14 checks)");
    }

    #[test]
    fn a_pool_of_which_nothing_is_known() {
        let (pool, feed) = (samples::hostile_pool(), samples::feed());
        let (reading, assessment) = (samples::reading(4.1, None, None), samples::suspect());
        let view = samples::view(&pool, &reading, &assessment, &feed);
        let paid = Paid::of(&pool, &reading, &Around::default());
        let findings = samples::nothing_known();
        insta::assert_json_snapshot!(checked(&view, &paid, &findings, samples::now()).to_discord());
    }

    #[test]
    fn the_rules_say_every_limit() {
        let learnt_from = &Durability::shipped().learnt_from;
        insta::assert_json_snapshot!(rules(&Screen::default(), learnt_from).to_discord());
    }
}
