use super::{review::Section, value};
use crate::domain::verdict::Screen;

/// `[verdict]`: `max_apy` in percent, above 0 (0.01) to a million; `min_tvl_usd` in US dollars, 0 to a trillion.
pub(super) fn read(section: &mut Section<'_>) -> Screen {
    let default = Screen::default();
    Screen {
        max_apy: section.read("max_apy", default.max_apy, |given| {
            value::number(given, 0.01..=1e6)
        }),
        min_tvl_usd: section.read("min_tvl_usd", default.min_tvl_usd, |given| {
            value::number(given, 0.0..=1e12)
        }),
    }
}
