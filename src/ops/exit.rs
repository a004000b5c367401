//! What the process tells whoever started it. The numbers follow `sysexits.h`, so that a supervisor
//! can tell what a restart may mend (69, 70) from what it cannot (64, 75, 77, 78).

use std::process::{ExitCode, Termination};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Fine = 0,
    /// The command did its work and found something wrong, as a check of `doctor` does.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 64,
    /// Discord cannot be reached, another program holds the database, or the disk takes nothing.
    Unavailable = 69,
    /// A fault of stipend's own.
    Internal = 70,
    /// Another stipend already runs on this database.
    AlreadyRunning = 75,
    /// Discord refuses the bot's token.
    TokenRefused = 77,
    /// The configuration, a secret or the database cannot be used.
    Unusable = 78,
}

impl Exit {
    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}
