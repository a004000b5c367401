//! What protocols are, as `/protocols` answers it: a bare list of several thousand.

use std::collections::BTreeSet;

use super::{
    kept::{Collector, Rows},
    wire::{
        Cell, cells, count_in, digits_in, each_row_of_list, fits, flag_in, list_in, moment_in,
        name_in, number_in, number_name, usd_in,
    },
};
use crate::{
    domain::protocol::{Audits, Flag, ProtocolFacts},
    sources::SourceError,
};

/// The cap on decoded bytes. The list has some 8.6 MB.
pub(super) const BODY: u64 = 32 * 1024 * 1024;
/// Chains of one protocol that are kept; there are some hundreds in all.
const MOST_CHAINS: usize = 500;
/// A TVL that has grown by more than this many percent was no TVL before.
const ABSURD_GROWTH: f64 = 1e6;
/// What stands before the slug of a family.
const FAMILY: &str = "parent#";

cells! {
    /// What is used of a protocol.
    ProtocolCells {
        id: "id",
        name: "name",
        slug: "slug",
        symbol: "symbol",
        category: "category",
        parent: "parentProtocol",
        chains: "chains",
        tvl: "tvl",
        change_1d: "change_1d",
        change_7d: "change_7d",
        listed_at: "listedAt",
        audits: "audits",
        rugged: "rugged",
        deprecated: "deprecated",
        dead_from: "deadFrom",
    }
}

/// Reads a whole body. A row is bad when it has no id, slug or name; every other value that cannot be
/// read is unknown.
///
/// # Errors
///
/// [`SourceError::Malformed`] when the body is cut off, is no such list or gives no usable row;
/// [`SourceError::TooManyBadRows`] when more than 5 % of its rows are bad.
pub fn parse(body: &[u8]) -> Result<Rows<ProtocolFacts>, SourceError> {
    let mut collector = Collector::new();
    let rows = each_row_of_list(body, |cells: ProtocolCells<'_>| {
        collector.take(protocol(&cells).map(|facts| (facts.slug.clone(), facts)));
    })?;
    collector.finish(rows)
}

fn protocol(cells: &ProtocolCells<'_>) -> Option<ProtocolFacts> {
    Some(ProtocolFacts {
        id: number_name(cells.id)?,
        slug: name_in(cells.slug)?.into(),
        name: name_in(cells.name)?.into(),
        category: name_in(cells.category).map(Into::into),
        // How the source says that there is no token.
        symbol: name_in(cells.symbol)
            .filter(|symbol| symbol != "-")
            .map(Into::into),
        parent: family_in(cells.parent),
        chains: list_in(cells.chains)
            .into_iter()
            .filter(|chain| !chain.is_empty() && fits(chain))
            .take(MOST_CHAINS)
            .map(|chain| Box::from(chain.as_ref()))
            .collect(),
        tvl_usd: usd_in(cells.tvl),
        tvl_change_1d: change_in(cells.change_1d),
        tvl_change_7d: change_in(cells.change_7d),
        listed_at: moment_in(cells.listed_at),
        audits: count_in(cells.audits).and_then(Audits::from_code),
        flags: flags(cells),
    })
}

/// The slug in `parent#slug`.
pub(super) fn family_in(cell: Cell<'_>) -> Option<Box<str>> {
    let name = name_in(cell)?;
    let slug = name.strip_prefix(FAMILY).unwrap_or(&name);
    (!slug.is_empty()).then(|| slug.into())
}

/// A change that is written in percent, as a fraction.
fn change_in(cell: Cell<'_>) -> Option<f64> {
    number_in(cell)
        .filter(|percent| (-100.0..=ABSURD_GROWTH).contains(percent))
        .map(|percent| percent / 100.0)
}

/// Only what is stated; a date of death may be written in many ways and says the same in all.
fn flags(cells: &ProtocolCells<'_>) -> BTreeSet<Flag> {
    let is_dead = digits_in(cells.dead_from)
        .is_some_and(|from| !matches!(from, "" | "null" | "false" | "no" | "0"));
    [
        (flag_in(cells.rugged) == Some(true), Flag::Rugged),
        (flag_in(cells.deprecated) == Some(true), Flag::Deprecated),
        (is_dead, Flag::Dead),
    ]
    .into_iter()
    .filter_map(|(stated, flag)| stated.then_some(flag))
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Of the shape that public clients read; there is no capture of this route.
    const BODY: &str = r#"[
        {"id":"1599","name":"Aave V3","slug":"aave-v3","symbol":"AAVE","category":"Lending",
         "gecko_id":"aave","parentProtocol":"parent#aave","chains":["Ethereum","Base",5,""],
         "tvl":37647739954.67,"change_1h":0.3,"change_1d":-30.5,"change_7d":-5.4,"mcap":null,
         "listedAt":1648776877,"audits":"2","url":"https://app.aave.com","chainTvls":{"Ethereum":1}},
        {"id":2,"name":"Gone","slug":"gone","symbol":"-","tvl":-5,"change_1d":-101,"change_7d":"x",
         "audits":"9","rugged":true,"deprecated":"false","deadFrom":"2024-05-01"},
        {"id":"3","name":"Bare","slug":"bare","rugged":null,"deprecated":false,"deadFrom":null}
    ]"#;

    #[test]
    fn a_protocol_is_read_with_all_that_is_known() {
        let parsed = parse(BODY.as_bytes()).unwrap();
        assert_eq!((parsed.skipped, parsed.conflicting), (0, 0));
        let [aave, gone, bare] = &parsed.rows[..] else {
            panic!("three protocols");
        };
        assert_eq!(
            (&*aave.id, &*aave.slug, &*aave.name),
            ("1599", "aave-v3", "Aave V3")
        );
        assert_eq!(aave.parent.as_deref(), Some("aave"));
        assert_eq!(aave.symbol.as_deref(), Some("AAVE"));
        assert_eq!(*aave.chains, ["Ethereum".into(), "Base".into()]);
        assert_eq!(aave.tvl_change_1d, Some(-0.305));
        assert_eq!(aave.audits, Some(Audits::Audited));
        assert_eq!(aave.listed_at.unwrap().seconds(), 1_648_776_877);
        assert!(aave.flags.is_empty());
        assert_eq!((&*gone.id, &gone.symbol), ("2", &None));
        assert_eq!(
            (gone.tvl_usd, gone.tvl_change_1d, gone.tvl_change_7d),
            (None, None, None)
        );
        assert_eq!(gone.flags, BTreeSet::from([Flag::Rugged, Flag::Dead]));
        assert_eq!(gone.audits, None);
        assert!(bare.flags.is_empty() && bare.audits.is_none() && bare.listed_at.is_none());
    }

    #[test]
    fn death_is_stated_in_many_ways() {
        for (stated, is_dead) in [
            ("1714521600", true),
            ("\"2024-05-01\"", true),
            ("true", true),
            ("\"soon\"", true),
            ("0", false),
            ("\"\"", false),
            ("false", false),
            ("null", false),
        ] {
            let body = format!(r#"[{{"id":"1","name":"a","slug":"a","deadFrom":{stated}}}]"#);
            let parsed = parse(body.as_bytes()).unwrap();
            assert_eq!(!parsed.rows[0].flags.is_empty(), is_dead, "{stated}");
        }
    }

    #[test]
    fn a_bad_row_costs_itself_and_many_cost_the_answer() {
        let row = |number: usize| format!(r#"{{"id":"{number}","name":"p","slug":"p-{number}"}}"#);
        let body = |bad: &[&str]| {
            let mut rows: Vec<String> = (0..40).map(row).collect();
            rows.extend(bad.iter().map(|row| (*row).to_owned()));
            format!("[{}]", rows.join(","))
        };
        let one = parse(body(&[r#"{"id":"x","name":"no slug","slug":7}"#]).as_bytes()).unwrap();
        assert_eq!((one.rows.len(), one.skipped), (40, 1));
        let other = r#"{"id":"1","name":"other","slug":"p-1"}"#;
        let twice = parse(body(&[other, &row(2)]).as_bytes()).unwrap();
        assert_eq!((twice.rows.len(), twice.conflicting), (39, 2));
        assert!(matches!(
            parse(body(&["5", "null", "{}"]).as_bytes()),
            Err(SourceError::TooManyBadRows { bad: 3, rows: 43 })
        ));
        for none in ["[]", "{}", "\"down\"", r#"{"message":"error"}"#] {
            assert!(matches!(
                parse(none.as_bytes()),
                Err(SourceError::Malformed(_))
            ));
        }
    }

    #[test]
    fn a_body_that_is_cut_off_gives_nothing() {
        for end in 0..BODY.len() {
            assert!(parse(&BODY.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&body));
        }

        #[test]
        fn no_value_panics(value in "(-?[0-9.eE+]{1,12}|\"[^\"\\\\]{0,12}\"|null|true|\\[\\]|\\{\\})") {
            let body = format!(
                r#"[{{"id":"1","name":"a","slug":"a","tvl":{value},"change_1d":{value},
                    "listedAt":{value},"audits":{value},"deadFrom":{value},"chains":{value}}}]"#
            );
            if let Ok(parsed) = parse(body.as_bytes()) {
                let facts = &parsed.rows[0];
                prop_assert!(facts.tvl_usd.is_none_or(|tvl| tvl >= 0.0 && tvl.is_finite()));
                prop_assert!(facts.tvl_change_1d.is_none_or(|change| change >= -1.0));
            }
        }
    }
}
