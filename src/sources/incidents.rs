//! What has gone wrong with protocols in the past, read from a file that the operator names.
//!
//! The file has the shape of `DefiLlama`'s list of hacks: a bare JSON list. That list is no longer
//! given away, so nothing is asked of the network for it.

use std::path::Path;

use super::{
    SourceError, aside,
    file::read_within,
    kept::{Rows, check_bad},
    wire::{
        cells, each_row_of_list, fits, flag_in, list_in, moment_in, name_in, number_name, usd_in,
    },
};
use crate::domain::incident::Incident;

/// The cap on decoded bytes; a list of ten years has some 150 kB.
const BODY: u64 = 8 * 1024 * 1024;
/// Chains of one incident that are kept.
const MOST_CHAINS: usize = 100;

cells! {
    /// What is used of an incident.
    IncidentCells {
        date: "date",
        name: "name",
        technique: "technique",
        amount: "amount",
        chains: "chain",
        bridge: "bridgeHack",
        protocol: "defillamaId",
    }
}

/// The incidents in a file, plain or packed as `.zst`.
///
/// # Errors
///
/// [`SourceError::Unavailable`] when the file cannot be read, [`SourceError::TooLarge`] above 8 MiB
/// decoded, and as for [`parse`].
pub async fn read(path: &Path) -> Result<Rows<Incident>, SourceError> {
    let path = path.to_owned();
    aside(move || parse(&read_within(&path, BODY)?)).await
}

/// Reads a whole list, the newest incident first. A row without a date or a name is bad; every other
/// value that cannot be read is unknown. One protocol may have had several on one day, so that rows are
/// never taken for repetitions.
///
/// # Errors
///
/// [`SourceError::Malformed`] when the list is cut off or is none;
/// [`SourceError::TooManyBadRows`] when more than 5 % of its rows are bad.
pub fn parse(body: &[u8]) -> Result<Rows<Incident>, SourceError> {
    let mut incidents = Vec::new();
    let rows = each_row_of_list(body, |cells: IncidentCells<'_>| {
        incidents.extend(incident(&cells));
    })?;
    let read = u32::try_from(incidents.len()).unwrap_or(u32::MAX);
    let skipped = rows.saturating_sub(read);
    check_bad(skipped, rows)?;
    incidents.sort_by_key(|incident: &Incident| std::cmp::Reverse(incident.at));
    Ok(Rows {
        rows: incidents,
        skipped,
        conflicting: 0,
    })
}

fn incident(cells: &IncidentCells<'_>) -> Option<Incident> {
    Some(Incident {
        at: moment_in(cells.date)?,
        name: name_in(cells.name)?.into(),
        technique: name_in(cells.technique).map(Into::into),
        amount_usd: usd_in(cells.amount),
        chains: list_in(cells.chains)
            .into_iter()
            .filter(|chain| !chain.is_empty() && fits(chain))
            .take(MOST_CHAINS)
            .map(|chain| Box::from(chain.as_ref()))
            .collect(),
        bridge: flag_in(cells.bridge) == Some(true),
        protocol: number_name(cells.protocol),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{Outage, shared};

    // Made up after the recorded list, since that is not ours to pass on.
    const LIST: &str = r#"[
        {"date":1709856000,"name":"Somewhere","classification":"Protocol Logic",
         "technique":"Reentrancy","amount":2100000,"chain":["Ethereum",null,"BSC"],
         "bridgeHack":false,"targetType":"DeFi Protocol","source":"","returnedFunds":null,
         "defillamaId":1336,"language":"Solidity"},
        {"date":1773532800,"name":"A Bridge","classification":null,"technique":"","amount":null,
         "chain":null,"bridgeHack":true,"returnedFunds":5,"defillamaId":null}
    ]"#;

    #[test]
    fn incidents_are_read_newest_first_and_what_is_null_is_unknown() {
        let parsed = parse(LIST.as_bytes()).unwrap();
        let [bridge, somewhere] = &parsed.rows[..] else {
            panic!("two incidents");
        };
        assert_eq!((&*bridge.name, bridge.bridge), ("A Bridge", true));
        assert_eq!(bridge.amount_usd, None);
        assert_eq!(bridge.technique, None);
        assert_eq!(bridge.protocol, None);
        assert_eq!(somewhere.at.day().to_string(), "2024-03-08");
        assert_eq!(somewhere.protocol.as_deref(), Some("1336"));
        assert_eq!(somewhere.technique.as_deref(), Some("Reentrancy"));
        assert_eq!(*somewhere.chains, ["Ethereum".into(), "BSC".into()]);
    }

    #[test]
    fn a_list_that_is_cut_off_or_of_another_shape_is_none() {
        for end in 0..LIST.len() {
            assert!(parse(&LIST.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        assert!(matches!(
            parse(br#"[{"name":"undated"}]"#),
            Err(SourceError::TooManyBadRows { bad: 1, rows: 1 })
        ));
        assert!(parse(b"[]").unwrap().rows.is_empty());
    }

    #[tokio::test]
    async fn a_file_may_be_packed_or_not_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (
            folder.path().join("a.json"),
            folder.path().join("a.json.zst"),
        );
        assert!(matches!(
            read(&plain).await,
            Err(SourceError::Unavailable(Outage::File(_)))
        ));
        std::fs::write(&plain, LIST).unwrap();
        std::fs::write(&packed, zstd::encode_all(LIST.as_bytes(), 3).unwrap()).unwrap();
        assert_eq!(read(&plain).await.unwrap().rows.len(), 2);
        assert_eq!(read(&packed).await.unwrap(), read(&plain).await.unwrap());
    }

    #[tokio::test]
    async fn the_recorded_list_is_read_whole() {
        let Some(folder) = shared::data("protocol-risk") else {
            return;
        };
        let list = read(&folder.join("hacks.json.zst")).await.unwrap();
        assert_eq!((list.rows.len(), list.skipped), (538, 0));
        let count = |what: fn(&Incident) -> bool| list.rows.iter().filter(|it| what(it)).count();
        assert_eq!(count(|it| it.protocol.is_none()), 218);
        assert_eq!(count(|it| it.amount_usd.is_none()), 9);
        assert_eq!(count(|it| it.technique.is_none()), 16);
        assert_eq!(list.rows[0].at.day().to_string(), "2026-05-28");
    }
}
