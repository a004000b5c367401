//! An error with what lies below it, on one line: for the log and for the terminal.

use std::{error::Error, fmt};

/// Says an error and its causes, from the outermost to the deepest: `the source cannot be reached: the file cannot
/// be read: No such file or directory (os error 2)`.
///
/// Logs as JSON would say the outermost alone.
#[derive(Debug, Clone, Copy)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(below) = cause {
            write!(f, ": {below}")?;
            cause = below.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no batch")]
    struct NoBatch(#[source] std::io::Error);

    #[test]
    fn what_lies_below_is_said_after_it() {
        let error = NoBatch(std::io::Error::other("the disk is gone"));
        assert_eq!(Causes(&error).to_string(), "no batch: the disk is gone");
    }
}
