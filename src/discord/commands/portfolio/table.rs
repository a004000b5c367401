//! Positions as lines of a file: the columns, and the way there and back.

pub use super::told::Known;
use super::told::{Told, added};
use crate::{
    discord::{errors::Trouble, lookup, params::Name},
    domain::{
        currency::{Currency, Unit},
        method::Method,
        money::{Held, Money, Sum},
        plan::basket::Index,
        position::{Earns, Holding, Payout, Position, Stake},
        rate::Percent,
        sheet::{self, Cell, Columns, Row},
        time::Date,
    },
    render::{error, portfolio::BadLine},
};

/// The columns of a file of positions, in the order in which they are written.
const COLUMNS: Columns = Columns {
    needed: &["amount"],
    others: &[
        "asset",
        "currency",
        "pool",
        "pool_name",
        "rate",
        "place",
        "index",
        "method",
        "commission",
        "layer",
        "layer_name",
        "layer2",
        "layer2_name",
        "cost",
        "cost_currency",
        "fees",
        "fees_currency",
        "opened",
        "payout",
        "lock_until",
        "note",
    ],
};

/// What a file tells.
#[derive(Debug, PartialEq)]
pub struct Table {
    pub stakes: Vec<Stake>,
    /// The lines that tell no position, or one that is kept already.
    pub bad: Vec<BadLine>,
}

/// Reads what [`write()`] wrote, or what a person wrote in its manner. `held` is what is kept already.
///
/// # Errors
///
/// [`Trouble::TableUnreadable`] where it is no table of these columns.
pub fn read(bytes: &[u8], known: &Known<'_>, held: &[Position]) -> Result<Table, Trouble> {
    let rows =
        sheet::read(bytes, COLUMNS).map_err(|error| Trouble::TableUnreadable(error.to_string()))?;
    let (mut stakes, mut bad) = (Vec::new(), Vec::new());
    for row in &rows {
        let why = match stake(row, known) {
            Ok(stake) if held.iter().any(|held| held.stake == stake) => {
                "you keep that position already".to_owned()
            }
            Ok(stake) => {
                stakes.push(stake);
                continue;
            }
            Err(trouble) => error::line(&trouble),
        };
        let line = row.line;
        bad.push(BadLine { line, why });
    }
    Ok(Table { stakes, bad })
}

/// Positions as a file.
pub fn write<'a>(positions: impl IntoIterator<Item = &'a Position>) -> Vec<u8> {
    let header: Vec<&str> = COLUMNS.all().collect();
    sheet::write(&header, positions.into_iter().map(cells))
}

/// A position as a line of a file.
fn cells(position: &Position) -> Vec<Cell> {
    let stake = &position.stake;
    let mut upper = stake.layers.iter().skip(1);
    let (base, one, two) = (stake.base(), upper.next(), upper.next());
    let (amount, asset, currency) = match (&stake.holding, base) {
        (Holding::Units { asset, quantity }, _) => (*quantity, Some(asset.as_str()), None),
        // A share says by its asset on which network it is staked.
        (Holding::Worth(money), Some(Earns::Network { network, .. }))
            if money.currency == Currency::Share =>
        {
            (money.amount, Some(network.asset()), Some(money.currency))
        }
        (Holding::Worth(money), _) => (money.amount, None, Some(money.currency)),
    };
    let (pool, rate) = match base {
        Some(Earns::Pool { id, .. }) => (Some(*id), None),
        Some(Earns::Stated { rate, .. }) => (None, Some(rate.get())),
        Some(Earns::Network { .. } | Earns::Index { .. }) | None => (None, None),
    };
    let index = match base {
        Some(Earns::Index { index }) => Some(index.slug()),
        _ => None,
    };
    let (method, commission) = match base {
        Some(Earns::Network {
            approach,
            commission,
            ..
        }) => (Some(approach.method()), *commission),
        _ => (stake.method, None),
    };
    let place = match base {
        Some(Earns::Stated { place, .. }) => Some(place.as_str()).filter(|it| !it.is_empty()),
        _ => None,
    };
    let money = |money: Option<Money>| {
        [
            Cell::plain(money.map(|money| money.amount)),
            Cell::plain(money.map(|money| money.currency)),
        ]
    };
    let [cost, cost_currency] = money(stake.paid);
    let [fees, fees_currency] = money(stake.fees);
    vec![
        Cell::plain(Some(amount)),
        Cell::text(asset),
        Cell::plain(currency),
        Cell::plain(pool),
        Cell::text(base.and_then(called)),
        Cell::plain(rate),
        Cell::text(place),
        Cell::plain(index),
        Cell::plain(method.map(Method::slug)),
        Cell::plain(commission.map(Percent::get)),
        layer(one),
        Cell::text(one.and_then(called)),
        layer(two),
        Cell::text(two.and_then(called)),
        cost,
        cost_currency,
        fees,
        fees_currency,
        Cell::plain(Some(position.since())),
        Cell::plain(stake.payout.map(Payout::slug)),
        Cell::plain(stake.lock_until),
        Cell::text(stake.note.as_deref()),
    ]
}

fn layer(earns: Option<&Earns>) -> Cell {
    match earns {
        Some(Earns::Pool { id, .. }) => Cell::plain(Some(id)),
        Some(Earns::Stated { rate, .. }) => Cell::plain(Some(rate.get())),
        Some(Earns::Network { .. } | Earns::Index { .. }) | None => Cell::Empty,
    }
}

fn called(earns: &Earns) -> Option<&str> {
    match earns {
        Earns::Pool { called, .. } => Some(called.as_str()).filter(|called| !called.is_empty()),
        Earns::Network { .. } | Earns::Index { .. } | Earns::Stated { .. } => None,
    }
}

/// The position that a line tells.
fn stake(row: &Row, known: &Known<'_>) -> Result<Stake, Trouble> {
    let told = told(row)?;
    let stake = added(&told, known)?;
    Ok(stake)
}

fn told(row: &Row) -> Result<Told, Trouble> {
    let name = |column| row.get(column).map(|name| Name(name.to_owned()));
    let sum = |column, currency| {
        let sum: Option<Sum> = cell(row, column)?;
        let stated = cell(row, currency)?;
        Ok::<_, Trouble>(sum.map(|sum| Sum {
            currency: sum.currency.or(stated),
            ..sum
        }))
    };
    let held: Option<Held> = cell(row, "amount")?;
    let unit: Option<Unit> = cell(row, "currency")?;
    Ok(Told {
        amount: held.map(|Held(sum)| Sum {
            currency: sum.currency.or(unit.map(|unit| unit.0)),
            ..sum
        }),
        asset: name("asset"),
        pool: name("pool"),
        rate: rate(row, "rate")?,
        place: row.get("place").map(str::to_owned),
        index: row.get("index").map(index).transpose()?,
        method: row.get("method").map(method).transpose()?,
        commission: rate(row, "commission")?,
        layers: ["layer", "layer2"].into_iter().filter_map(name).collect(),
        called: ["pool_name", "layer_name", "layer2_name"]
            .map(|column| row.get(column).map(str::to_owned)),
        cost: sum("cost", "cost_currency")?,
        fees: sum("fees", "fees_currency")?,
        opened: cell::<Date>(row, "opened")?,
        payout: row.get("payout").map(payout).transpose()?,
        lock_until: cell::<Date>(row, "lock_until")?,
        is_kept_already: true,
        note: row.get("note").map(str::to_owned),
    })
}

fn cell<T: std::str::FromStr>(row: &Row, column: &'static str) -> Result<Option<T>, Trouble>
where
    T::Err: std::fmt::Display,
{
    let text = row.get(column);
    text.map(|text| {
        text.parse()
            .map_err(|error: T::Err| Trouble::Unreadable(error.to_string()))
    })
    .transpose()
}

fn rate(row: &Row, column: &'static str) -> Result<Option<Percent>, Trouble> {
    let cell = row.get(column);
    cell.map(|cell| {
        lookup::plain_rate(cell).ok_or_else(|| Trouble::RateUnreadable(cell.to_owned()))
    })
    .transpose()
}

fn method(slug: &str) -> Result<Method, Trouble> {
    let found = Method::ALL.into_iter().find(|method| method.slug() == slug);
    found.ok_or_else(|| Trouble::WordUnknown {
        what: "method",
        text: slug.to_owned(),
        known: Method::ALL.map(Method::slug).to_vec(),
    })
}

fn index(slug: &str) -> Result<Index, Trouble> {
    let found = Index::ALL.into_iter().find(|index| index.slug() == slug);
    found.ok_or_else(|| Trouble::WordUnknown {
        what: "index",
        text: slug.to_owned(),
        known: Index::ALL.map(Index::slug).to_vec(),
    })
}

fn payout(slug: &str) -> Result<Payout, Trouble> {
    Payout::parse(slug).ok_or_else(|| Trouble::WordUnknown {
        what: "rhythm",
        text: slug.to_owned(),
        known: Payout::ALL.map(Payout::slug).to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::{
        domain::{
            currency::Currency,
            ids::{PositionId, UserId},
            money::Amount,
            staking::{Approach, Network},
            time::{Day, Timestamp},
            verdict::Screen,
        },
        market::{
            fixture::{after, hour, id, row},
            health::Health,
            snapshot::Snapshot,
            view::View,
        },
    };

    fn market() -> View {
        let change = after(
            &Snapshot::default(),
            hour(0),
            vec![row(1, 3.0), row(2, 4.0)],
        );
        View::new(
            change.snapshot.into(),
            &Health::default(),
            &Screen::default(),
            hour(1),
        )
    }

    /// F-X04: a refusal names what the market has in its place, and that is foreign text.
    #[test]
    fn what_is_refused_names_the_market_s_words_harmlessly() {
        let mut hostile = row(1, 3.0);
        hostile.pool.symbol = "FOO@everyone".into();
        let snapshot = after(&Snapshot::default(), hour(0), vec![hostile]).snapshot;
        let screen = Screen::default();
        let market = View::new(snapshot.into(), &Health::default(), &screen, hour(1));
        let known = Known {
            market: &market,
            today: TODAY,
            usual: Currency::Usd,
        };
        let table = read(b"amount,asset,rate\n1,FO,5\n", &known, &[]).unwrap();
        let why = &table.bad[0].why;
        assert!(why.contains("FOO\\@\u{200B}"), "{why}");
        assert!(!why.contains("FOO@"), "{why}");
    }

    fn any_amount() -> impl Strategy<Value = Amount> {
        (1_i64..1_000_000_000_000, 0_u32..9)
            .prop_map(|(digits, places)| Amount::new(Decimal::new(digits, places)).unwrap())
    }

    fn any_money() -> impl Strategy<Value = Money> {
        (any_amount(), proptest::sample::select(&Currency::ALL[..]))
            .prop_map(|(amount, currency)| Money { amount, currency })
    }

    fn any_rate() -> impl Strategy<Value = Percent> {
        (0_u32..100_000).prop_map(|rate| Percent::new(f64::from(rate) / 1_000.0).unwrap())
    }

    fn pool(listing: u8) -> Earns {
        Earns::in_pool(&market().get(id(listing)).unwrap().pool)
    }

    fn any_base() -> impl Strategy<Value = (Earns, &'static str)> {
        prop_oneof![
            Just((pool(1), "USDC")),
            Just((
                Earns::Pool {
                    id: id(9),
                    called: "OLD · gone-v1 · Base".to_owned()
                },
                "USDC"
            )),
            (proptest::option::of(any_rate()), any::<bool>()).prop_map(|(commission, direct)| {
                let approach = if direct {
                    Approach::Direct
                } else {
                    Approach::Delegated
                };
                let commission = commission.filter(|_| !direct);
                (
                    Earns::Network {
                        network: Network::Solana,
                        approach,
                        commission,
                    },
                    "SOL",
                )
            }),
            (0_usize..Index::ALL.len()).prop_map(|at| (
                Earns::Index {
                    index: Index::ALL[at]
                },
                ""
            )),
            (any_rate(), "[a-z]{0,10}")
                .prop_map(|(rate, place)| (Earns::Stated { rate, place }, "USDC")),
        ]
    }

    fn any_upper() -> impl Strategy<Value = Earns> {
        prop_oneof![
            Just(pool(2)),
            any_rate().prop_map(|rate| Earns::Stated {
                rate,
                place: String::new()
            }),
        ]
    }

    fn any_stake() -> impl Strategy<Value = Stake> {
        let told = (
            any_base(),
            proptest::collection::vec(any_upper(), 0..=2),
            prop_oneof![any_amount().prop_map(Ok), any_money().prop_map(Err)],
            proptest::option::of(any_money()),
            proptest::option::of(any_money()),
        );
        let beside = (
            0_i32..6_000,
            proptest::option::of(0_usize..Payout::ALL.len()),
            proptest::option::of(1_i32..18_000),
            proptest::option::of("[=+@'a-z][^\\p{C}]{0,20}"),
            proptest::option::of(0_usize..Method::ALL.len()),
        );
        (told, beside).prop_map(
            |(((base, asset), upper, held, paid, fees), (opened, payout, lock, note, method))| {
                let is_network = matches!(base, Earns::Network { .. });
                let approach = match &base {
                    Earns::Network { approach, .. } => Some(approach.method()),
                    _ => None,
                };
                let method = method.map(|at| Method::ALL[at]).filter(|method| {
                    !matches!(method, Method::StakingDirect | Method::StakingDelegated)
                });
                let is_index = matches!(base, Earns::Index { .. });
                let usd = |amount| Money {
                    amount,
                    currency: Currency::Usd,
                };
                Stake {
                    holding: match held {
                        Ok(amount) if is_index => Holding::Worth(usd(amount)),
                        Err(money) if !is_network => Holding::Worth(money),
                        held => Holding::Units {
                            asset: asset.to_owned(),
                            quantity: held.unwrap_or_else(|money| money.amount),
                        },
                    },
                    layers: std::iter::once(base.clone()).chain(upper).collect(),
                    method: approach.or(method),
                    paid,
                    fees,
                    opened: Some(Day(TODAY.0 - opened)),
                    payout: payout.map(|at| Payout::ALL[at]),
                    lock_until: lock.map(|days| Day(TODAY.0 + days)),
                    note: note
                        .map(|note| note.split_whitespace().collect::<Vec<_>>().join(" "))
                        .filter(|note| !note.is_empty()),
                }
            },
        )
    }

    const TODAY: Day = Day(20_600);

    proptest! {
        /// What is taken out of one bot and put into another is the same to the last digit.
        #[test]
        fn an_export_that_is_imported_is_the_same(stakes in proptest::collection::vec(any_stake(), 1..8)) {
            let positions: Vec<Position> = stakes.iter().map(|stake| Position {
                id: PositionId(1),
                owner: UserId(1),
                stake: stake.clone(),
                added_at: Timestamp::default(),
            }).collect();
            let bytes = write(&positions);
            let market = market();
            let known = Known { market: &market, today: TODAY, usual: Currency::Chf };
            let table = read(&bytes, &known, &[]).unwrap();
            prop_assert_eq!(table, Table { stakes, bad: Vec::new() });
            let again = read(&bytes, &known, &positions).unwrap();
            prop_assert_eq!((again.stakes.len(), again.bad.len()), (0, positions.len()));
        }
    }
}
