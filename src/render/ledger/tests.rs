use super::*;
use crate::{
    domain::{
        currency::Exchange,
        ids::LedgerEntryId,
        ledger::{UnitValue, import, summary::Asked},
        money::Money,
        rate::Percent,
        time::Timestamp,
        zone::Zone,
    },
    render::samples,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn entry(when: &str, kind: Kind, asset: &str, quantity: &str) -> Entry {
    Entry::new(at(when), kind, asset, quantity.parse().unwrap())
}

fn in_money(amount: &str, currency: Currency) -> Money {
    Money {
        amount: amount.parse().unwrap(),
        currency,
    }
}

/// A ledger with a bit of everything, and a note that tries to ping.
fn ledger() -> Vec<Logged> {
    let priced = UnitValue::priced(
        Decimal::from(2_700),
        "DefiLlama",
        at("2026-01-31T14:00:00Z"),
    );
    let entries = [
        Entry {
            unit_value: priced,
            fee: Some(in_money("1.5", Currency::Usd)),
            withdrawn_at: Some(at("2026-02-01T10:00:00Z")),
            position: Some(PositionId(3)),
            note: Some("**cold** @everyone".to_owned()),
            ..entry("2026-01-31T14:00:00Z", Kind::Staking, "ETH", "0.0042")
        },
        Entry {
            unit_value: Some(UnitValue::stated(in_money("2", Currency::Eur))),
            ..entry("2026-02-03T00:00:00Z", Kind::LpFee, "USDC", "10")
        },
        entry("2026-02-10T12:00:00Z", Kind::Airdrop, "NEW", "500"),
    ];
    let entries = entries.into_iter().zip(1..);
    let logged = |(entry, id)| Logged {
        id: LedgerEntryId(id),
        entry,
        added_at: samples::now(),
    };
    entries.map(logged).collect()
}

#[test]
fn what_is_kept_is_told_with_its_value_and_whose_word_that_is() {
    let ledger = ledger();
    let [priced, stated, bare] = ledger.as_slice() else {
        panic!("three entries");
    };
    let exchanged = Exchanged {
        worth: Worth {
            amount: Decimal::new(1_043, 2),
            currency: Currency::Eur,
        },
        by: "CoinGecko",
    };
    insta::assert_json_snapshot!([
        logged(priced, Some(exchanged), None),
        logged(stated, None, Some(PositionId(7))),
        logged(bare, None, None),
        changed(priced, None),
        removed(priced),
        empty(),
    ]);
}

#[test]
fn what_is_offered_while_an_entry_is_named_is_plain() {
    let lines: Vec<String> = ledger()
        .iter()
        .map(|logged| plain_line(logged, Zone::default()))
        .collect();
    assert_eq!(
        lines,
        [
            "1: 0.0042 ETH · $11.34 · staking · 2026-01-31 · **cold** @everyone",
            "2: 10 USDC · €20.00 · LP fee · 2026-02-03",
            "3: 500 NEW · airdrop · 2026-02-10",
        ]
    );
}

#[test]
fn a_list_names_what_it_leaves_out() {
    let ledger = ledger();
    let newest: Vec<&Logged> = ledger.iter().rev().collect();
    let many: Vec<&Logged> = newest.iter().copied().cycle().take(SHOWN + 7).collect();
    let narrowed = Narrowed {
        year: Some(2026),
        kind: Some(Kind::Staking),
        asset: Some("ETH".to_owned()),
    };
    let page = |found: &[&Logged], narrowed: &Narrowed, before: usize| {
        list(found, narrowed, before, |before| format!("turn {before}"))
    };
    let long = page(&many, &Narrowed::default(), 0);
    assert_eq!(long.embeds[0].description.lines().count(), SHOWN);
    insta::assert_json_snapshot!([
        page(&newest, &Narrowed::default(), 0),
        page(&[], &narrowed, 0),
        page(&newest[2..], &narrowed, 0),
    ]);
    let last = page(&many, &Narrowed::default(), SHOWN);
    assert_eq!(last.embeds[0].description.lines().count(), 7);
    let beside = |it: &Message| (it.embeds[0].clone(), it.buttons.clone());
    let mut beside = [beside(&long), beside(&last)];
    for (embed, _) in &mut beside {
        embed.description.clear();
    }
    insta::assert_json_snapshot!(beside);
}

/// The pages from the first on, by the numbers of their entries.
fn pages(found: &[&Logged]) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut before = Some(0);
    while let Some(at) = before {
        let page = list(found, &Narrowed::default(), at, |before| before.to_string());
        let shown = &page.embeds[0].description;
        assert!(shown.chars().count() <= ROOM && page.clone().fitted() == page);
        let number = |line: &str| line.split("**").nth(1).unwrap().parse::<i64>().unwrap();
        pages.push(shown.lines().map(number).collect());
        let older = page.buttons.first().and_then(|row| row.last());
        let older = older.filter(|button| !button.disabled);
        before = older.map(|button| match &button.action {
            crate::render::message::Action::Press(id) => id.parse().unwrap(),
            crate::render::message::Action::Open(_) => panic!("{button:?}"),
        });
    }
    pages
}

/// However long their lines are, every entry stands on a page, once.
#[test]
fn no_entry_falls_between_two_pages() {
    let long = Entry {
        note: Some("*".repeat(200)),
        fee: Some(in_money("999999.99", Currency::Usd)),
        withdrawn_at: Some(at("2026-02-01T10:00:00Z")),
        position: Some(PositionId(i64::MAX)),
        ..entry(
            "2026-01-31T14:00:00Z",
            Kind::Other,
            "A-A-A-A-A-A-A-A-A-A",
            "0.123456789",
        )
    };
    let short = entry("2026-01-31T14:00:00Z", Kind::Other, "A", "1");
    for (entry, most) in [(short, SHOWN), (long, SHOWN - 1)] {
        let ledger: Vec<Logged> = (1..=53)
            .map(|id| Logged {
                id: LedgerEntryId(id),
                entry: entry.clone(),
                added_at: samples::now(),
            })
            .collect();
        let newest: Vec<&Logged> = ledger.iter().rev().collect();
        let pages = pages(&newest);
        assert!(pages.iter().all(|page| page.len() <= most), "{pages:?}");
        assert!(pages.len() > 2);
        let all: Vec<i64> = pages.concat();
        assert_eq!(all, (1..=53).rev().collect::<Vec<_>>());
        // A page that is not there any more is the last one that is.
        let gone = list(&newest, &Narrowed::default(), 99, |before| {
            before.to_string()
        });
        assert!(gone.embeds[0].description.ends_with(&line(&ledger[0])));
    }
}

#[test]
fn pay_outs_that_were_logged_are_told_with_what_is_not_certain_of_them() {
    let told = |logged, in_money, left| {
        payouts(&Payouts {
            logged,
            in_money,
            left,
        })
        .content
    };
    insta::assert_snapshot!(told(12, 0, 0));
    insta::assert_snapshot!(told(3, 2, 1));
    insta::assert_snapshot!(told(0, 0, 2));
}

#[test]
fn a_summary_says_what_it_does_not_know() {
    let ledger = ledger();
    let exchange = Exchange::new([(Currency::Eur, Decimal::new(8, 1))], Timestamp::default());
    let asked = |by| Asked {
        year: Some(2026),
        by,
        basis: Basis::Receipt,
        currency: Currency::Usd,
        zone: Zone::parse("Europe/Berlin").unwrap(),
        tax: Percent::new(25.0),
    };
    let withdrawn = Asked {
        basis: Basis::Withdrawal,
        tax: None,
        ..asked(By::Asset)
    };
    let of_2020 = Asked {
        year: Some(2020),
        ..asked(By::Month)
    };
    insta::assert_json_snapshot!([
        summary(&Summary::of(&ledger[..2], asked(By::Month), |_| Some(
            &exchange
        ))),
        summary(&Summary::of(&ledger, asked(By::Kind), |_| None)),
        summary(&Summary::of(&ledger, withdrawn, |_| None)),
        summary(&Summary::of(&ledger, of_2020, |_| None)),
    ]);
}

#[test]
fn a_file_is_shown_before_it_is_kept() {
    let text = "received_at,kind,asset,quantity,unit_value,currency,note\n\
                2026-01-31T14:00:00Z,staking,ETH,0.0042,,,\n\
                2026-02-01,interest,USDC,12.5,1,USD,from `@everyone`\n\
                2026-02-01,interest,USDC,12.5,1,USD,\n\
                soon,staking,ETH,1,,,\n\
                2026-02-01,salary,@everyone,1,,,\n\
                2026-02-02,reward,ARB,3,,,\n";
    let read = |text: &str| {
        import::read(
            text.as_bytes(),
            Zone::default(),
            samples::now(),
            &ledger()[..1],
        )
        .unwrap()
    };
    let buttons = ["keep:1".to_owned(), "leave:1".to_owned()];
    let clean: Vec<&str> = text.lines().take(2).collect();
    insta::assert_json_snapshot!([
        preview(&read(text), Some(buttons)),
        preview(&read(&clean.join("\n")), None),
        imported(3),
        Message::text(exported(1, Format::Csv)),
        Message::text(exported(1_200, Format::Json)),
        Message::text(exported(2, Format::Koinly)),
        nothing_of(2020),
    ]);
}
