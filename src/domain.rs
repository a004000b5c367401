//! What stipend knows about yields: words, figures and decisions.
//!
//! Everything here is pure: values in, values out. There is no I/O, no clock, no randomness and no
//! async, so a command, a tick, a replay and a benchmark reach the same answer from the same input.

pub mod alarm;
pub mod alert;
pub mod better;
pub mod calendar;
pub mod closes;
pub mod correlation;
pub mod currency;
pub mod drift;
pub mod episode;
pub mod exposure;
pub mod flow;
pub mod ids;
pub mod impermanent;
pub mod incident;
pub mod income;
pub mod ledger;
pub mod lending;
pub mod link;
pub mod listing;
pub mod manner;
pub mod method;
pub mod money;
pub mod notice;
pub mod payer;
pub mod payout;
pub mod peg;
pub mod performance;
pub mod person;
pub mod past;
pub mod plan;
pub mod pool;
pub mod position;
pub mod preview;
pub mod price;
pub mod protocol;
pub mod rate;
pub mod rating;
pub mod reading;
pub mod retention;
pub mod review;
pub mod risk;
pub mod rule;
pub mod scope;
pub mod sheet;
pub mod stack;
pub mod staking;
pub mod strain;
pub mod time;
pub mod track;
pub mod verdict;
pub mod watch;
pub mod zone;
