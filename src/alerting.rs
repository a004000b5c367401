//! From a change of the market to what is said about it.

pub mod evaluator;
pub mod holds;
pub mod index;
pub mod preview;
pub mod renames;
pub mod replay;
pub mod reports;
pub mod rules_file;
pub mod score;
pub mod templates;
pub mod tick;
pub mod track;
pub mod watching;
pub mod why;
