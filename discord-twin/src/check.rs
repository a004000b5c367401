//! What Discord refuses in a body, checked here by hand, and with the feature `openapi` against its description as well.

pub(crate) mod commands;
pub(crate) mod components;
pub(crate) mod message;
#[cfg(feature = "openapi")]
pub(crate) mod openapi;

/// The length as Discord counts: characters after trimming.
pub(crate) fn length(text: &str) -> usize {
    text.trim().chars().count()
}
