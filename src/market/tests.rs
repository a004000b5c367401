//! What tests of several modules of the market need.

pub(super) mod stand_in;
