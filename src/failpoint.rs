//! Named points at which a test kills the process. A binary that is not built for tests has none.

/// Ends the process here when the environment's `FAILPOINTS` says so, as in `t1.commit.after=return`.
macro_rules! failpoint {
    ($name:literal) => {
        fail::fail_point!($name, |_| std::process::abort())
    };
}
pub(crate) use failpoint;
