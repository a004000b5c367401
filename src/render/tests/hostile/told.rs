//! What is told of foreign text, by the file that words it.

use std::time::Duration;

use rust_decimal::Decimal;

use super::Foreign;
use crate::{
    domain::{
        alert::Rule,
        better::Gain,
        calendar::events,
        correlation::{Dependency, On},
        currency::Reckoning,
        drift,
        episode::{Edge, EdgeKind, Timing},
        exposure::{Checked, Rule as Limit, Shock, Side, Spread, Stands, Stress},
        ids::{AlertId, ChannelId, EntryId, LedgerEntryId, PositionId, UserId, WatchId},
        income::{LayerQuote, Portfolio, Quote},
        ledger::{Entry, Kind, Logged, UnitValue},
        manner::{Digest, MORNING},
        notice::{Notice, Speaker},
        payer::{Around, Paid},
        performance::{self as measured, Performance},
        plan::basket::{Basket, Index, Offer as Member},
        position::{Earns, Holding, Payout, Position, Stake},
        rating::{IndexPart, RatedIndex},
        reading::{DataState, Doubt},
        review::Reviewed,
        risk::{Check, Figure, Finding, State},
        rule::{Condition, Figure as Shows, Tier},
        scope::Scope,
        stack::stacked,
        staking::Network,
        time::{Day, Span},
        verdict::Verdict,
        watch::{Of, Told as FromWatch, Watch, What},
        zone::Zone,
    },
    render::{
        message::Message,
        samples::{self, now, view},
        *,
    },
};

/// Makes messages of such text.
type Told = fn(&Foreign) -> Vec<Message>;

/// Each file with what it tells of such text.
pub(super) const ALL: [(&str, Told); 29] = [
    ("alerts", of_alerts),
    ("better", of_better),
    ("bundle", of_bundles),
    ("calendar", of_calendars),
    ("calmer", of_calmer),
    ("compare", of_comparisons),
    ("correlation", of_correlations),
    ("error", of_errors),
    ("exposure", of_exposures),
    ("fate", of_fates),
    ("history", of_histories),
    ("impermanent", of_losses),
    ("ledger", of_ledgers),
    ("mention", of_mentions),
    ("notice", of_notices),
    ("performance", of_performance),
    ("plan/basket", of_baskets),
    ("pool", of_pools),
    ("portfolio", of_portfolios),
    ("report", of_reports),
    ("review", of_reviews),
    ("risk", of_risks),
    ("spoken", of_spoken),
    ("stack", of_stacks),
    ("staking", of_staking),
    ("status", of_status),
    ("watch", of_watches),
    ("watch/notice", of_letters),
    ("why", of_reasons),
];

fn rates() -> portfolio::Rates<'static> {
    portfolio::Rates {
        source: "DefiLlama",
        fetched_at: now(),
        are_old: false,
    }
}

fn held(foreign: &Foreign, which: usize) -> (Position, Quote) {
    let holding = Holding::Units {
        asset: foreign.text(which).to_owned(),
        quantity: "5000".parse().unwrap(),
    };
    let stated = Earns::Stated {
        rate: samples::percent(3.5),
        place: foreign.text(which + 1).to_owned(),
    };
    let gone = Earns::Pool {
        id: samples::pool().id,
        called: foreign.text(which + 2).to_owned(),
    };
    let base = [Earns::in_pool(&foreign.pool(which)), stated, gone];
    let position = Position {
        id: PositionId(1),
        owner: UserId(7),
        stake: Stake {
            payout: Some(Payout::Monthly),
            lock_until: Day::parse("2026-03-15"),
            note: Some(foreign.text(which + 3).to_owned()),
            ..Stake::new(holding, base[which % 3].clone())
        },
        added_at: now(),
    };
    let quote = Quote {
        layers: vec![LayerQuote {
            rate: Some(samples::percent(2.6)),
            verdict: Some(Verdict::Mixed),
            ..LayerQuote::default()
        }],
        unit_usd: (which != 1).then_some(Decimal::ONE),
        ..Quote::default()
    };
    (position, quote)
}

fn portfolio_of(foreign: &Foreign) -> Portfolio {
    Portfolio::of((0..6).map(|which| held(foreign, which)))
}

fn of_alerts(foreign: &Foreign) -> Vec<Message> {
    let scope = Scope {
        asset: Some(foreign.text(0).to_owned()),
        protocol: Some(foreign.text(1).to_owned()),
        chain: Some(foreign.text(2).to_owned()),
        ..Scope::default()
    };
    let pools = [foreign.pool(0), foreign.pool(1)];
    let reading = samples::reading(4.1, Some(4.1), Some(0.0));
    let current = alerts::Current {
        pool: &pools[0],
        reading: &reading,
        verdict: Verdict::Sustainable,
        state: DataState::Good,
        source: "DefiLlama",
        fetched_at: now(),
        unchanged_since: now(),
    };
    let alert = samples::alert(Rule {
        scope,
        ..samples::below()
    });
    let of = |pool| alerts::AlertView {
        alert: &alert,
        pool,
        pools: 14,
        open: 2,
        waiting: 1,
        perhaps: pools.iter().collect(),
        destination: alerts::DestinationWords::Untried,
    };
    let many: Vec<_> = (0..60).map(|_| of(None)).collect();
    vec![
        alerts::added(&of(None)),
        alerts::added(&of(Some(&pools[0]))),
        alerts::list(&many),
        alerts::show(&of(Some(&pools[1])), Some(&current), now()),
        alerts::changed(&alert, true),
        alerts::restored(&alert),
    ]
}

fn of_better(foreign: &Foreign) -> Vec<Message> {
    let portfolio = portfolio_of(foreign);
    let pool = foreign.pool(3);
    let (reading, assessment) = (samples::reading(9.1, Some(9.1), None), samples::calm());
    let feed = samples::feed();
    let offers = portfolio.lines.iter().filter_map(|line| {
        let gain = Gain::of(line, samples::percent(9.1), Decimal::TEN)?;
        let place = |is_elsewhere| better::Place {
            view: view(&pool, &reading, &assessment, &feed),
            gain,
            is_elsewhere,
        };
        Some(better::Offer {
            line,
            places: vec![place(false), place(true)],
        })
    });
    let offers: Vec<_> = offers.collect();
    assert!(!offers.is_empty());
    vec![better::better(&better::Shown {
        offers: &offers,
        compared: 6,
        not_compared: 1,
        cost: Decimal::TEN,
        cost_is_told: true,
        ceiling: None,
        rates: rates(),
        reckoning: Reckoning::DOLLARS,
        now: now(),
    })]
}

fn of_bundles(foreign: &Foreign) -> Vec<Message> {
    let notices = of_notices(foreign).into_iter();
    let mut parts: Vec<bundle::Part> = (1..)
        .zip(notices)
        .map(|(number, message)| bundle::Part {
            message,
            summary: spoken(foreign),
            asked: Some(EntryId(number)),
            role: None,
            own: Vec::new(),
        })
        .collect();
    let one = bundle::bundle(&parts[..1], "#7F3K-92QD");
    parts.extend(parts.clone());
    parts.extend(parts.clone());
    let fitting = bundle::fitting(&parts, true);
    let heads = vec!["While it was quiet:".to_owned()];
    let over = bundle::over(parts[0].message.clone(), &parts[1].message);
    vec![
        one,
        bundle::bundle(&parts[..fitting], "#7F3K-92QD"),
        bundle::roll_up(&heads, &parts, "#7F3K-92QD"),
        bundle::plain(&parts, "#7F3K-92QD"),
        over,
    ]
}

fn of_calendars(foreign: &Foreign) -> Vec<Message> {
    let portfolio = portfolio_of(foreign);
    let today = now().day();
    let events = events(&portfolio, today, Day(today.0 + 40));
    let bound = [(&portfolio.lines[0], calendar::Bound::Pool(foreign.text(4)))];
    vec![calendar::calendar(
        &calendar::Shown {
            events: &events,
            bound: &bound,
            months: 1,
            rates: rates(),
            reckoning: Reckoning::DOLLARS,
            now: now(),
        },
        true,
    )]
}

fn of_calmer(foreign: &Foreign) -> Vec<Message> {
    let pools = [foreign.pool(0), foreign.pool(1)];
    let (reading, calm) = (samples::reading(4.1, Some(4.1), None), samples::calm());
    let feed = samples::feed();
    let place = |pool| calmer::Place {
        view: view(pool, &reading, &calm, &feed),
        findings: samples::nothing_known(),
    };
    let places = pools.each_ref().map(place);
    let than = view(&pools[1], &reading, &calm, &feed);
    [&places[..], &[]]
        .map(|places| calmer::calmer(&calmer::Calmer { than, places }, now()))
        .into()
}

fn of_comparisons(foreign: &Foreign) -> Vec<Message> {
    let pools = [0, 1, 2, 3].map(|which| foreign.pool(which));
    let (reading, calm) = (samples::reading(4.1, Some(4.1), None), samples::calm());
    let feed = samples::feed();
    let views = pools
        .each_ref()
        .map(|pool| view(pool, &reading, &calm, &feed));
    vec![compare::compare(&views, "DefiLlama", now(), now())]
}

fn of_correlations(foreign: &Foreign) -> Vec<Message> {
    let pools = [0, 1, 2, 3, 0].map(|which| foreign.pool(which));
    let pools = pools.each_ref();
    vec![correlation::correlation(&pools, "DefiLlama", now(), now())]
}

fn of_errors(foreign: &Foreign) -> Vec<Message> {
    use error::Trouble;
    let words = |which| foreign.text(which).to_owned();
    // They are names of the market, worded already.
    let named = |which| text::name(foreign.text(which));
    let closest = || (0..4).map(named).collect::<Vec<_>>();
    let assets = || (0..4).map(words).collect::<Vec<_>>();
    let troubles = [
        Trouble::PoolUnknown {
            text: words(0),
            closest: closest(),
        },
        Trouble::PoolTwice { pool: named(1) },
        Trouble::NoUsableRate { pool: named(1) },
        Trouble::RateUnreadable(words(2)),
        Trouble::PoolAmbiguous {
            text: words(3),
            closest: closest(),
        },
        Trouble::NameUnknown {
            what: "protocol",
            text: words(4),
            closest: closest(),
        },
        Trouble::ZoneUnknown(words(0)),
        Trouble::FileUnreadable(words(1)),
        Trouble::LedgerUnreadable(words(2)),
        Trouble::TableUnreadable(words(3)),
        Trouble::Unreadable(words(4)),
        Trouble::WordUnknown {
            what: "method",
            text: words(5),
            known: vec!["lending"],
        },
        Trouble::ValueNeeded { pool: named(0) },
        Trouble::AssetNeeded { assets: assets() },
        Trouble::AssetNotInPool {
            asset: words(1),
            assets: assets(),
        },
        Trouble::NoOtherPrice(words(2)),
    ];
    let lines = troubles.iter().map(error::line);
    lines
        .chain([error::misread(foreign.text(0))])
        .map(Message::text)
        .collect()
}

fn of_exposures(foreign: &Foreign) -> Vec<Message> {
    let text = |which| foreign.text(which).to_owned();
    let after = |value: i64| crate::domain::exposure::After {
        value: value.into(),
        income: value.into(),
    };
    let checks = [Checked {
        rule: Limit::OneProtocol,
        stands: Stands::Fail,
        what: Some(text(0)),
        share: 0.8,
        unknown: 0.0,
    }];
    let stresses = [
        Shock::Depeg { coin: text(1) },
        Shock::Loss { protocol: text(2) },
    ]
    .map(|shock| Stress {
        shock,
        after: after(9_000),
        unknown: 0.into(),
    });
    let spreads = [Side::Protocol, Side::Asset].map(|side| Spread {
        side,
        shares: (0..6).map(|which| (text(which), 0.1)).collect(),
        unknown: 0.1,
        effective: Some(1.5),
    });
    let common = [On::Token, On::Protocol].map(|on| crate::domain::exposure::Common {
        dependency: Dependency { on, name: text(3) },
        positions: 2,
        share: 0.5,
    });
    vec![exposure::risk(&exposure::Shown {
        positions: 4,
        unvalued: 1,
        present: after(10_000),
        checks: &checks,
        stresses: &stresses,
        spreads: &spreads,
        common: &common,
        drift: &[],
        rates: rates(),
        reckoning: Reckoning::DOLLARS,
        now: now(),
    })]
}

fn of_fates(foreign: &Foreign) -> Vec<Message> {
    let line = |which: usize| fate::Line {
        written: now(),
        alert: AlertId(7),
        channel: Some(ChannelId(5)),
        occasion: "opened",
        pool: Some(text::name(foreign.text(which))),
        over: None,
        fate: fate::Fate::Queued,
    };
    let lines: Vec<_> = (0..80).map(line).collect();
    vec![fate::history(AlertId(7), 30, &lines)]
}

fn of_histories(foreign: &Foreign) -> Vec<Message> {
    let first = Day(20_416);
    let past = crate::domain::past::Past::new([], first..=Day(first.0 + 89));
    let pool = foreign.pool(0);
    let shown = history::History {
        pool: &pool,
        past: &past,
        latest: None,
        source: "DefiLlama",
        fetched_at: now(),
        is_chart_missing: true,
    };
    vec![history::history(&shown, Some(vec![1]), now())]
}

fn of_losses(foreign: &Foreign) -> Vec<Message> {
    let (pool, calm, feed) = (foreign.pool(0), samples::calm(), samples::feed());
    let reading = samples::reading(24.0, Some(24.0), None);
    let shown = view(&pool, &reading, &calm, &feed);
    let all_of_it = impermanent::Fees::Apy(reading.apy);
    vec![impermanent::pool(&shown, all_of_it, 30, now())]
}

fn of_ledgers(foreign: &Foreign) -> Vec<Message> {
    let of = |which: usize| {
        let entry = Entry {
            note: Some(foreign.text(which + 1).to_owned()),
            unit_value: UnitValue::priced(Decimal::TEN, foreign.text(which + 2), now()),
            position: Some(PositionId(3)),
            ..Entry::new(
                now(),
                Kind::Staking,
                foreign.text(which),
                "1.5".parse().unwrap(),
            )
        };
        Logged {
            id: LedgerEntryId(1),
            entry,
            added_at: now(),
        }
    };
    let entries: Vec<Logged> = (0..60).map(of).collect();
    let mut told: Vec<Message> = entries
        .iter()
        .take(6)
        .flat_map(|entry| {
            [
                ledger::logged(entry, None, Some(PositionId(3))),
                ledger::changed(entry, None),
                ledger::removed(entry),
            ]
        })
        .collect();
    let import = crate::domain::ledger::import::read(
        format!(
            "kind,asset,quantity,date\n{0},{0},{0},{0}\n",
            foreign.text(0).replace(['"', ',', '\n'], "")
        )
        .as_bytes(),
        Zone::default(),
        now(),
        &[],
    );
    if let Ok(import) = import {
        told.push(ledger::preview(&import, None));
    }
    told
}

fn of_mentions(foreign: &Foreign) -> Vec<Message> {
    let pools = [foreign.pool(0), foreign.pool(1)];
    let (reading, calm) = (samples::reading(4.1, Some(4.1), None), samples::calm());
    let feed = samples::feed();
    let fits = pools
        .each_ref()
        .map(|pool| view(pool, &reading, &calm, &feed));
    let names: Vec<String> = (0..6).map(|which| foreign.text(which).to_owned()).collect();
    let told = |fits| mention::Checked {
        fits,
        more: 12,
        found: mention::Found::ByName,
        names: &names,
        claim: None,
        unlisted: None,
        mixes_scripts: true,
        has_text: true,
        max_apy: 100.0,
        source: "DefiLlama",
        fetched_at: now(),
    };
    vec![
        mention::checked(&told(&fits), now()),
        mention::checked(&told(&[]), now()),
    ]
}

/// Notices of each kind of end.
fn each_notice<T>(foreign: &Foreign, words: impl Fn(&Notice<'_>) -> T) -> Vec<T> {
    let pools = [foreign.pool(0), foreign.pool(1), foreign.pool(2)];
    let reading = samples::reading(2.6, Some(2.6), Some(0.0));
    let assessment = samples::no_split();
    let rule = Rule {
        scope: Scope {
            protocol: Some(foreign.text(4).to_owned()),
            ..Scope::default()
        },
        ..samples::below()
    };
    let kinds = [EdgeKind::Opened, EdgeKind::Escalated, EdgeKind::Closed];
    let told = pools.iter().zip(kinds).map(|(pool, kind)| {
        words(&Notice {
            speaker: Speaker::Alert(AlertId(12)),
            rule: &rule,
            pool,
            edge: Edge {
                kind,
                episode: 3,
                ordinal: 0,
                tier: Tier::Minor,
                since: now(),
                opened_at: now(),
                from: Some(Shows::Apy(samples::percent(4.1))),
                to: Shows::Apy(samples::percent(2.6)),
            },
            at: now(),
            reading: &reading,
            assessment: &assessment,
            coin: None,
            before: None,
            verdict_before: Some(Verdict::Sustainable),
            source: "DefiLlama",
            own_time: false,
            unchanged_since: now(),
        })
    });
    told.collect()
}

fn of_notices(foreign: &Foreign) -> Vec<Message> {
    each_notice(foreign, |one| notice::notice(one, now()))
}

fn spoken(foreign: &Foreign) -> String {
    each_notice(foreign, |one| notice::notice_text(one, now())).remove(0)
}

fn of_performance(foreign: &Foreign) -> Vec<Message> {
    let portfolio = portfolio_of(foreign);
    let past = measured::Past {
        since: Day(20_400),
        basis: measured::Basis::Worth,
        start: 5_000.into(),
        received: 30.into(),
        accrued: 10.into(),
        fees: 0.into(),
        unpriced: 0,
        unknown_fees: 0,
        has_rate: false,
    };
    let parts: Vec<Performance<'_>> = portfolio
        .lines
        .iter()
        .filter_map(|line| Performance::of(line, past))
        .collect();
    let left_out: Vec<_> = portfolio.lines.iter().collect();
    vec![performance::performance(&performance::Shown {
        window: "this year",
        parts: &parts,
        all: measured::together(&parts),
        left_out: &left_out,
        rates: rates(),
        reckoning: Reckoning::DOLLARS,
        now: now(),
    })]
}

fn of_baskets(foreign: &Foreign) -> Vec<Message> {
    let pools = [foreign.pool(0), foreign.pool(1)];
    let offer = |pool, network| Member {
        pool,
        apy: samples::percent(3.0),
        tvl_usd: 1e9,
        network: Some(network),
    };
    let offers = [
        offer(&pools[0], Network::Ethereum),
        offer(&pools[1], Network::Solana),
    ];
    let rated: Vec<_> = (0..3)
        .map(|which| RatedIndex {
            name: foreign.text(which).into(),
            ticker: foreign.text(which + 1).into(),
            grade: Some(61.25),
            change_1m: None,
            largest: vec![IndexPart {
                symbol: foreign.text(which + 2).into(),
                weight: None,
            }],
        })
        .collect();
    let composed = Basket::of(Index::LargeCapStaking, &offers);
    let told = plan::basket::Told {
        rated: plan::basket::Rated::Known {
            indices: &rated,
            read_at: now(),
        },
        index: Index::LargeCapStaking,
        capital: Decimal::from(100_000),
        currency: crate::domain::currency::Currency::Eur,
        basket: composed.as_ref(),
    };
    vec![plan::basket::basket(&told, &samples::today())]
}

fn of_pools(foreign: &Foreign) -> Vec<Message> {
    let pools: Vec<_> = (0..6).map(|which| foreign.pool(which)).collect();
    let (reading, suspect) = (samples::reading(4.1, None, None), samples::suspect());
    let feed = samples::feed();
    let rows: Vec<_> = pools
        .iter()
        .cycle()
        .take(12)
        .map(|pool| pool::PoolView {
            doubt: Some(Doubt::Zero),
            ..view(pool, &reading, &suspect, &feed)
        })
        .collect();
    let beside = pool::Beside {
        paid: &Paid::of(&pools[0], &reading, &Around::default()),
        findings: &samples::nothing_known(),
        prices_unasked: true,
    };
    let found = |rows| {
        pool::found(
            &pool::Found {
                asked: foreign.text(0).to_owned(),
                rows,
                total: 60,
                hidden: 3,
                source: "DefiLlama",
                fetched_at: now(),
            },
            now(),
        )
    };
    vec![
        pool::pool(&rows[0], &beside, now()),
        found(&rows),
        found(&[]),
    ]
}

fn of_portfolios(foreign: &Foreign) -> Vec<Message> {
    let portfolio = portfolio_of(foreign);
    let listing = foreign.listing(0);
    let lines: Vec<_> = portfolio
        .lines
        .iter()
        .map(|line| portfolio::NamedLine {
            line,
            layers: line
                .position
                .stake
                .layers
                .iter()
                .map(|layer| layer.pool().map(|_| &listing))
                .collect(),
        })
        .collect();
    let bad: Vec<_> = (0..6)
        .map(|which| portfolio::BadLine {
            line: 3,
            why: error::line(&error::Trouble::RateUnreadable(
                foreign.text(which).to_owned(),
            )),
        })
        .collect();
    let mut told: Vec<Message> = lines
        .iter()
        .flat_map(|line| {
            [
                portfolio::added(line, &rates(), &Reckoning::DOLLARS, now()),
                portfolio::removed(&line.line.position),
            ]
        })
        .collect();
    told.push(portfolio::preview(&lines, &bad, &rates(), None));
    told
}

fn of_reports(foreign: &Foreign) -> Vec<Message> {
    let pools: Vec<_> = (0..6).map(|which| foreign.pool(which)).collect();
    let pools: Vec<_> = pools.iter().collect();
    let weekly = report::report(&report::Report {
        cadence: Digest::Weekly.cadence(MORNING),
        pools: 93,
        opened: 1,
        movers: pools
            .iter()
            .map(|pool| report::Mover {
                pool,
                from: samples::percent(4.1),
                to: samples::percent(2.6),
            })
            .collect(),
        unsustainable: pools.clone(),
        track: samples::track(),
        answered: Duration::from_mins(12),
        is_silent: true,
    });
    let gone = report::AtOnce::Data { is_back: false };
    vec![
        Message::text(weekly),
        report::question(AlertId(3), pools[0], &pools[1..]),
        report::at_once(foreign.text(0), gone, &pools, &[AlertId(1)]),
    ]
}

fn of_reviews(foreign: &Foreign) -> Vec<Message> {
    let portfolio = portfolio_of(foreign);
    let pool = foreign.pool(0);
    let since = Day(now().day().0 - 90);
    let positions: Vec<_> = portfolio
        .lines
        .iter()
        .map(|line| Reviewed {
            line,
            pool: Some(&pool),
            now: Some((samples::percent(2.6), 6e8)),
            then: Some(crate::domain::review::Then {
                day: since,
                rate: samples::percent(9.0),
                tvl_usd: 1.2e9,
            }),
            verdict: Some(Verdict::Sustainable),
            incidents: Some(vec![crate::domain::review::Happened {
                at: now(),
                name: foreign.text(4),
                technique: Some(foreign.text(5)),
            }]),
        })
        .collect();
    let checks = [crate::domain::review::Check::Broken(Checked {
        rule: Limit::OneProtocol,
        stands: Stands::Fail,
        what: Some(foreign.text(0).to_owned()),
        share: 0.8,
        unknown: 0.0,
    })];
    let drift: [drift::Drift; 0] = [];
    vec![review::review(
        &review::Shown {
            since,
            last: None,
            positions: &positions,
            checks: &checks,
            drift: Some(&drift),
            rates: rates(),
            reckoning: Reckoning::DOLLARS,
            now: now(),
        },
        "1|r|7",
    )]
}

fn of_risks(foreign: &Foreign) -> Vec<Message> {
    let (pool, feed) = (foreign.pool(0), samples::feed());
    let (reading, calm) = (samples::reading(4.1, Some(4.1), None), samples::calm());
    let of = |check, figure| Finding {
        check,
        state: State::Watch,
        figure,
    };
    let findings = [
        of(
            Check::Incidents,
            Figure::Incidents {
                count: 1,
                newest: Some(now()),
                technique: Some(foreign.text(1).to_owned()),
                taken_usd: Some(1.2e6),
                told_until: Some(now()),
            },
        ),
        of(Check::LockUp, Figure::Words(foreign.text(2).to_owned())),
        of(
            Check::Peg,
            Figure::OffPeg {
                symbol: foreign.text(3).to_owned(),
                deviation: -0.12,
            },
        ),
    ];
    let paid = Paid::of(&pool, &reading, &Around::default());
    let shown = view(&pool, &reading, &calm, &feed);
    vec![risk::checked(&shown, &paid, &findings, now())]
}

fn of_spoken(foreign: &Foreign) -> Vec<Message> {
    let (pool, calm) = (foreign.pool(0), samples::calm());
    let reading = samples::reading(4.1, Some(4.1), None);
    let rule = samples::below();
    let said = bundle::line(&of_notices(foreign)[0], &spoken(foreign));
    let why = spoken::Why {
        alert: AlertId(12),
        rule: Some(&rule),
        said: &said,
        told_at: now(),
        over: Some(&said),
        now: Some(spoken::Now {
            pool: &pool,
            reading: &reading,
            assessment: &calm,
            state: DataState::Good,
        }),
    };
    let impact = spoken::Impact {
        pool: &pool,
        usd: Decimal::TEN,
        is_held: true,
        told: Some((samples::percent(4.1), samples::percent(2.6))),
        now: Some(samples::percent(2.6)),
    };
    let choices =
        (1..30).map(|entry| spoken::choice(EntryId(entry), AlertId(1), &said, Some(&pool)));
    vec![
        spoken::why(&why),
        spoken::impact(&impact),
        spoken::one(EntryId(3), &said),
        spoken::which(press::which(choices.collect())),
    ]
}

fn of_stacks(foreign: &Foreign) -> Vec<Message> {
    let pools = [foreign.pool(0), foreign.pool(1)];
    let (reading, calm) = (samples::reading(4.1, Some(4.1), None), samples::calm());
    let feed = samples::feed();
    let layers = pools.each_ref().map(|pool| stack::Layer {
        rate: samples::percent(4.1),
        pool: Some(view(pool, &reading, &calm, &feed)),
    });
    let rates = layers.each_ref().map(|layer| layer.rate);
    vec![stack::stack(
        &stack::Stack {
            layers: &layers,
            combined: stacked(&rates).unwrap(),
            looped: None,
            max_apy: 100.0,
            source: "DefiLlama",
            fetched_at: now(),
        },
        now(),
    )]
}

fn of_staking(foreign: &Foreign) -> Vec<Message> {
    let pools = [foreign.pool(0), foreign.pool(1)];
    let (reading, calm) = (samples::reading(4.1, Some(4.1), None), samples::calm());
    let feed = samples::feed();
    let pools = pools
        .each_ref()
        .map(|pool| view(pool, &reading, &calm, &feed));
    vec![staking::staking(
        &staking::StakingView {
            asset: foreign.text(0),
            network: None,
            approach: None,
            rate: Err(crate::domain::staking::Unknown::NoSource),
            receipt: None,
            rating: None,
            commission: None,
            amount: Some(Decimal::TEN),
            pools: &pools,
            all_pools: 9,
            source: "DefiLlama",
            fetched_at: now(),
        },
        now(),
    )]
}

fn of_status(foreign: &Foreign) -> Vec<Message> {
    let source = |which| status::SourceStatus {
        name: "DefiLlama",
        state: status::SourceState::Failing,
        fetched_at: Some(now()),
        unchanged_since: Some(now()),
        rows: None,
        skipped_rows: 1,
        conflicting_rows: 1,
        failures: 3,
        last_error: Some(foreign.text(which)),
    };
    vec![status::status(
        &status::Status {
            sources: vec![source(0)],
            beside: (0..6).map(source).collect(),
            networks: (0..6).map(source).collect(),
            market: status::MarketStatus::default(),
            track: samples::track(),
            server: None,
            shards: Vec::new(),
            listens: false,
            started_at: now(),
            version: "0.1.0",
        },
        now(),
    )]
}

fn of_watches(foreign: &Foreign) -> Vec<Message> {
    let pools = [foreign.pool(0), foreign.pool(1)];
    let kept = pools
        .each_ref()
        .map(|pool| crate::domain::watch::KeptWatch {
            id: WatchId(4),
            watch: Watch::new(
                What::Verdict {
                    of: Of::Pool(pool.id),
                },
                Timing::AT_ONCE,
                now(),
            ),
        });
    let shown: Vec<_> = kept
        .iter()
        .zip(&pools)
        .map(|(kept, pool)| watch::Shown {
            kept,
            pool: Some(pool),
            now: String::new(),
        })
        .collect();
    let direct = watch::Direct::Untried;
    vec![
        watch::added(&shown[0], direct, &rates(), now()),
        watch::list(&shown, direct, &rates(), now()),
        watch::removed(&kept[0], Some(&pools[0])),
    ]
}

fn of_letters(foreign: &Foreign) -> Vec<Message> {
    let pool = foreign.pool(0);
    let assessment = samples::emissions();
    let asset = foreign.text(1);
    let edge = |to| {
        FromWatch::Edge(Edge {
            kind: EdgeKind::Opened,
            episode: 1,
            ordinal: 0,
            since: now(),
            opened_at: now(),
            from: None,
            to,
            tier: Tier::Minor,
        })
    };
    let under = What::Rate {
        of: Of::Mine,
        under: samples::percent(3.0),
    };
    let rate = Shows::Apy(samples::percent(2.6));
    let letters = [
        (under, watch::notice::About::Pool(&pool), edge(rate)),
        (under, watch::notice::About::Asset(asset), edge(rate)),
        (
            What::Verdict { of: Of::Mine },
            watch::notice::About::Pool(&pool),
            edge(Shows::Verdict(Verdict::Mixed)),
        ),
    ];
    let place = watch::notice::Place {
        pool: &pool,
        rate: samples::percent(4.9),
        verdict: Verdict::Sustainable,
        now: None,
    };
    letters
        .map(|(what, about, told)| {
            watch::notice::notice(&watch::notice::Notice {
                watch: WatchId(3),
                what,
                about,
                told,
                place: Some(place),
                assessment: Some(&assessment),
                source: "DefiLlama",
                read_at: now(),
                today: now().day(),
            })
        })
        .into()
}

fn of_reasons(foreign: &Foreign) -> Vec<Message> {
    let listings = [foreign.listing(0), foreign.listing(1), foreign.listing(2)];
    let condition = Condition::VerdictWorsens {
        window: Span::days(7),
    };
    let alert = samples::alert(Rule {
        scope: Scope {
            asset: Some(foreign.text(3).to_owned()),
            ..Scope::default()
        },
        condition,
        ..samples::below()
    });
    vec![why::why(&why::Why {
        alert: &alert,
        pools: 3,
        unusable: 1,
        unmet: 1,
        baseline: 1,
        doubted: Some(&listings[0]),
        nearest: Some(&listings[1]),
        holding: vec![(&listings[0], now(), now())],
        open: vec![(&listings[1], now())],
        clearing: vec![(&listings[2], now(), now())],
        muted_until: None,
        quiet: None,
        digest_at: None,
        cap: why::Cap {
            used: 0,
            most: 0,
            free_at: None,
        },
        parked: None,
        last: Some(text::escape(foreign.text(4))),
    })]
}
