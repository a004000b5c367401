//! A market of full size that moves, read as the source's reader reads it.

pub(crate) use discord_twin::soak::whole::{Chance, Row, Upstream};
use stipend::{
    domain::time::Timestamp,
    sources::{
        Answer, Batch,
        defillama::{categories::Categories, pools},
    },
};

/// What the source's reader makes of a body.
pub(crate) fn batch(body: &[u8], at: Timestamp, categories: &Categories) -> Batch {
    match pools::answer(body, None, at, categories).expect("the body is sound") {
        Answer::Batch(batch) => batch,
        Answer::Unchanged => unreachable!("nothing came before it"),
    }
}
