//! How the durability score is learnt from recorded charts, and how good it is on pools it never saw.
//!
//! Pure: charts in, curves and figures out, the same for the same charts. [`rows`] makes rows of days,
//! [`fit`] learns curves from them, [`measure`] says how well scores tell what came true, and
//! [`benchmark`] puts it together: pools that were held out, beside plain baselines.

pub mod benchmark;
pub mod fit;
pub mod measure;
pub mod rows;
