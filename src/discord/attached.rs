//! Files that people hand over with a command.

use std::time::Duration;

use poise::serenity_prelude as serenity;
use tracing::warn;

use super::errors::{CommandError, Trouble};

/// Discord hands a file of some kilobytes out at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// The bytes of a file that is at most so long, by what Discord says before anything is fetched. Why one
/// cannot be fetched is not repeated: it holds the address, by which anybody could.
pub(super) async fn bytes(
    file: &serenity::Attachment,
    most_kib: u32,
) -> Result<Vec<u8>, CommandError> {
    if file.size > most_kib * 1024 {
        return Err(Trouble::FileTooLong { most_kib }.into());
    }
    let fetched = tokio::time::timeout(PATIENCE, file.download()).await;
    let whole = |bytes: &Vec<u8>| u32::try_from(bytes.len()) == Ok(file.size);
    let fetched = fetched.ok().and_then(Result::ok).filter(whole);
    fetched.ok_or_else(|| {
        warn!("a file that somebody handed over cannot be fetched");
        Trouble::FileUnreachable.into()
    })
}
