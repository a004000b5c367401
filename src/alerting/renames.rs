//! Pools that go on under another key: the source lists a protocol's new version, or a pool anew, and the
//! old key is gone. Pure.

use crate::{
    domain::{ids::PoolId, listing::Listing, pool::Pool},
    market::snapshot::Snapshot,
};

/// What may have become of a pool that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Successor {
    /// The same in all that names it, and listed later: there is one such pool.
    Certain(PoolId),
    /// Much alike, or several: for a person to decide.
    Perhaps(Vec<PoolId>),
    None,
}

/// Looks for the pool that a missing one has become.
pub fn successor(gone: &Listing, snapshot: &Snapshot) -> Successor {
    let alike: Vec<&Listing> = snapshot
        .listings()
        .iter()
        .filter(|other| other.missed.is_none() && is_alike(&gone.pool, &other.pool))
        .filter(|other| appeared(other, gone, snapshot) != Some(false))
        .collect();
    let same: Vec<PoolId> = alike
        .iter()
        .filter(|other| appeared(other, gone, snapshot) == Some(true))
        .filter(|other| is_same(&gone.pool, &other.pool))
        .map(|other| other.pool.id)
        .collect();
    match (&same[..], alike.is_empty()) {
        ([only], _) => Successor::Certain(*only),
        (_, true) => Successor::None,
        ([], false) => Successor::Perhaps(alike.iter().map(|other| other.pool.id).collect()),
        (several, false) => Successor::Perhaps(several.to_vec()),
    }
}

/// A week more than the other one is gone is no sign of having been there beside it.
const ABOUT_A_WEEK: u32 = 7;

/// Whether a pool was first listed when the other one went, by the source's own count of its days; `None`
/// where the source does not say.
fn appeared(other: &Listing, gone: &Listing, snapshot: &Snapshot) -> Option<bool> {
    let since = gone.missed?.since;
    let away = snapshot.origin.fetched_at.day().0 - since.day().0;
    let away = u32::try_from(away).unwrap_or(0);
    Some(other.feed.days? <= away + ABOUT_A_WEEK)
}

/// The same chain, family of protocols and symbol.
fn is_alike(gone: &Pool, other: &Pool) -> bool {
    gone.id != other.id
        && gone.chain == other.chain
        && family(&gone.protocol) == family(&other.protocol)
        && gone.symbol.eq_ignore_ascii_case(&other.symbol)
}

/// The same tokens and details too; a pool whose tokens are not known is never certain.
fn is_same(gone: &Pool, other: &Pool) -> bool {
    let tokens = |pool: &Pool| {
        let mut tokens: Vec<String> = pool
            .underlying
            .iter()
            .map(|token| token.to_ascii_lowercase())
            .collect();
        tokens.sort_unstable();
        tokens
    };
    let known = tokens(gone);
    !known.is_empty() && known == tokens(other) && gone.meta == other.meta
}

/// A protocol without its version: `aave-v3` is of the family `aave`.
fn family(protocol: &str) -> &str {
    let Some((family, version)) = protocol.rsplit_once('-') else {
        return protocol;
    };
    let digits = version.strip_prefix('v').unwrap_or(version);
    let is_version = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_version { family } else { protocol }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::listing::Missed,
        market::fixture::{after, hour, row},
    };

    /// A market of before without its first pool, and with these instead.
    fn renamed(others: Vec<crate::domain::reading::Observed>) -> (Listing, Snapshot) {
        let rows = vec![row(1, 5.0), row(2, 4.0)];
        let before = after(&Snapshot::default(), hour(0), rows).snapshot;
        let gone = before.get(row(1, 5.0).pool.id).unwrap().clone();
        let rows = [row(2, 4.0)].into_iter().chain(others).collect();
        (gone, after(&before, hour(1), rows).snapshot)
    }

    fn like_the_first(id: u8, change: impl Fn(&mut Pool)) -> crate::domain::reading::Observed {
        let mut other = row(1, 5.0);
        other.pool.id = PoolId::from_bytes([id; 16]);
        other.feed.days = Some(1);
        other.pool.underlying = Box::new(["0xAa".into()]);
        change(&mut other.pool);
        other
    }

    fn found(others: Vec<crate::domain::reading::Observed>) -> Successor {
        let (mut gone, snapshot) = renamed(others);
        let mut pool = (*gone.pool).clone();
        pool.underlying = Box::new(["0xaA".into()]);
        gone.pool = std::sync::Arc::new(pool);
        gone.missed = Some(Missed {
            batches: 3,
            since: hour(1),
        });
        successor(&gone, &snapshot)
    }

    #[test]
    fn the_one_pool_that_is_the_same_in_all_is_its_successor() {
        let id = PoolId::from_bytes([9; 16]);
        let version =
            |pool: &mut Pool| pool.protocol = format!("{}-v9", family(&pool.protocol)).into();
        assert_eq!(
            found(vec![like_the_first(9, version)]),
            Successor::Certain(id)
        );
        assert_eq!(found(Vec::new()), Successor::None);
        let elsewhere = |pool: &mut Pool| pool.chain = "Elsewhere".into();
        assert_eq!(found(vec![like_the_first(9, elsewhere)]), Successor::None);
        // A version that was there all the time is another pool, and no successor.
        let mut beside = like_the_first(9, version);
        beside.feed.days = Some(400);
        assert_eq!(found(vec![beside]), Successor::None);
    }

    #[test]
    fn what_is_not_certain_is_for_a_person() {
        let id = |id| PoolId::from_bytes([id; 16]);
        let other_token = |pool: &mut Pool| pool.underlying = Box::new(["0xBb".into()]);
        assert_eq!(
            found(vec![like_the_first(9, other_token)]),
            Successor::Perhaps(vec![id(9)])
        );
        let mut undated = like_the_first(9, |_| {});
        undated.feed.days = None;
        assert_eq!(found(vec![undated]), Successor::Perhaps(vec![id(9)]));
        let twins = vec![like_the_first(8, |_| {}), like_the_first(9, |_| {})];
        assert_eq!(found(twins), Successor::Perhaps(vec![id(8), id(9)]));
    }

    #[test]
    fn a_version_is_no_part_of_the_family() {
        for (protocol, of) in [
            ("aave-v3", "aave"),
            ("uniswap-v4", "uniswap"),
            ("morpho-blue", "morpho-blue"),
            ("lido", "lido"),
            ("curve-2", "curve"),
        ] {
            assert_eq!(family(protocol), of);
        }
    }
}
