//! What protocols earn, as `/overview/fees` answers it: one answer for what people pay, another for
//! what of it the protocols keep.

use std::collections::HashMap;

use super::{
    kept::{Collector, Rows},
    protocols::family_in,
    wire::{cells, each_row_under, income_in, name_in},
};
use crate::{domain::protocol::Fees, sources::SourceError};

/// The cap on decoded bytes. Each row brings how the figures are made and from where they come.
pub(super) const BODY: u64 = 32 * 1024 * 1024;
/// What people pay.
pub(super) const FEES: &str = "dailyFees";
/// What protocols keep.
pub(super) const REVENUE: &str = "dailyRevenue";

/// One kind of income of a protocol. US dollars, which may be negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Income {
    pub slug: Box<str>,
    /// The slug of the family that the protocol belongs to.
    pub parent: Option<Box<str>>,
    pub total_7d: Option<f64>,
    pub total_30d: Option<f64>,
}

cells! {
    /// What is used of a protocol's income. A single day is revised for days, so it is not.
    IncomeCells {
        slug: "slug",
        parent: "parentProtocol",
        total_7d: "total7d",
        total_30d: "total30d",
    }
}

/// Reads a whole body. A row without a slug is bad; a total that is null, not finite or beyond 10¹⁵
/// dollars either way is unknown.
///
/// # Errors
///
/// [`SourceError::Malformed`] when the body is cut off, is no such document or gives no usable row;
/// [`SourceError::TooManyBadRows`] when more than 5 % of its rows are bad.
pub fn parse(body: &[u8]) -> Result<Rows<Income>, SourceError> {
    let mut collector = Collector::new();
    let rows = each_row_under(body, "protocols", |cells: IncomeCells<'_>| {
        collector.take(income(&cells).map(|income| (income.slug.clone(), income)));
    })?;
    collector.finish(rows)
}

fn income(cells: &IncomeCells<'_>) -> Option<Income> {
    Some(Income {
        slug: name_in(cells.slug)?.into(),
        parent: family_in(cells.parent),
        total_7d: income_in(cells.total_7d),
        total_30d: income_in(cells.total_30d),
    })
}

/// Puts both answers together. A protocol that the second leaves out has an unknown revenue; one that
/// is in the second alone has unknown fees and is left out.
pub(super) fn joined(fees: Rows<Income>, revenue: Rows<Income>) -> Rows<Fees> {
    let mut kept: HashMap<Box<str>, Income> = revenue
        .rows
        .into_iter()
        .map(|income| (income.slug.clone(), income))
        .collect();
    let of_protocol = |fees: Income| {
        let revenue = kept.remove(&fees.slug);
        Fees {
            fees_7d: fees.total_7d,
            fees_30d: fees.total_30d,
            revenue_7d: revenue.as_ref().and_then(|income| income.total_7d),
            revenue_30d: revenue.as_ref().and_then(|income| income.total_30d),
            slug: fees.slug,
            parent: fees.parent,
        }
    };
    Rows {
        rows: fees.rows.into_iter().map(of_protocol).collect(),
        skipped: fees.skipped.saturating_add(revenue.skipped),
        conflicting: fees.conflicting.saturating_add(revenue.conflicting),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::shared;

    // Of the shape that public clients read, with what is known to occur in it.
    const BODY: &str = r#"{"total24h":1,"totalDataChart":[],"protocols":[
        {"slug":"aave-v3","parentProtocol":"parent#aave","total24h":1,"total7d":70,"total30d":300.5,
         "methodology":{"Fees":"Interest"},"chains":["Ethereum"]},
        {"slug":"justbet","total7d":-16,"total30d":"-20"},
        {"slug":"idle","total7d":null,"total30d":"NaN"},
        {"slug":"absurd","total7d":1e16,"total30d":0}
    ]}"#;

    #[test]
    fn income_may_be_negative_zero_or_unknown() {
        let parsed = parse(BODY.as_bytes()).unwrap();
        let of = |slug: &str| {
            let found = parsed.rows.iter().find(|income| &*income.slug == slug);
            let income = found.unwrap();
            (income.total_7d, income.total_30d)
        };
        assert_eq!(of("aave-v3"), (Some(70.0), Some(300.5)));
        assert_eq!(of("justbet"), (Some(-16.0), Some(-20.0)));
        assert_eq!(of("idle"), (None, None));
        assert_eq!(of("absurd"), (None, Some(0.0)));
        assert_eq!(parsed.rows[0].parent.as_deref(), Some("aave"));
    }

    #[test]
    fn revenue_joins_the_fees_of_its_protocol() {
        let revenue = r#"{"protocols":[{"slug":"aave-v3","total7d":10,"total30d":45.5},
            {"slug":"elsewhere","total7d":1,"total30d":2}]}"#;
        let fees = joined(
            parse(BODY.as_bytes()).unwrap(),
            parse(revenue.as_bytes()).unwrap(),
        );
        let slugs: Vec<&str> = fees.rows.iter().map(|fees| &*fees.slug).collect();
        assert_eq!(slugs, ["aave-v3", "justbet", "idle", "absurd"]);
        assert_eq!(fees.rows[0].supply_side_30d(), Some(255.0));
        assert_eq!(fees.rows[1].supply_side_30d(), None);
    }

    #[test]
    fn a_body_that_is_cut_off_gives_nothing() {
        for end in 0..BODY.len() {
            assert!(parse(&BODY.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        for odd in [r#"{"protocols":[]}"#, r#"{"protocols":null}"#, "[]", "{}"] {
            assert!(parse(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    #[test]
    fn the_recorded_rows_are_read() {
        let Some(folder) = shared::data("protocol-fees") else {
            return;
        };
        let body = std::fs::read(folder.join("fees-overview-top15-2026-06-28.json")).unwrap();
        let parsed = parse(&body).unwrap();
        assert_eq!((parsed.rows.len(), parsed.skipped), (15, 0));
        assert_eq!(&*parsed.rows[0].slug, "tether");
        assert_eq!(parsed.rows[0].total_30d, Some(487_658_850.0));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&body));
        }
    }
}
