//! What the source's reader makes of a market.

use stipend::{
    domain::time::Timestamp,
    sources::{
        Answer, Batch,
        defillama::{categories::Categories, pools},
    },
};

pub(crate) fn batch(body: &[u8], at: Timestamp, categories: &Categories) -> Batch {
    match pools::answer(body, None, at, categories).expect("the body is sound") {
        Answer::Batch(batch) => batch,
        Answer::Unchanged => unreachable!("nothing came before it"),
    }
}
