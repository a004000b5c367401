//! Where a notice and a destination can stand, in the words that the database and people use.

/// Where a notice stands, and the post that tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// To be sent.
    Pending,
    /// Claimed: a request may be under way.
    Sending,
    /// To be sent again at a set time.
    Waiting,
    /// It may be in the channel or not; never sent again on a guess.
    Uncertain,
    Delivered,
    /// Its destination takes nothing at present.
    Parked,
    /// Refused for good.
    Dead,
    /// Too old to be worth sending.
    Expired,
    /// A newer notice says it all.
    Superseded,
}

impl State {
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Sending,
        Self::Waiting,
        Self::Uncertain,
        Self::Delivered,
        Self::Parked,
        Self::Dead,
        Self::Expired,
        Self::Superseded,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Waiting => "waiting",
            Self::Uncertain => "uncertain",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
            Self::Dead => "dead",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == slug)
    }

    /// Nothing leads out of this state.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Dead | Self::Expired | Self::Superseded
        )
    }

    /// The worker has still something to do about it by itself.
    pub const fn is_moving(self) -> bool {
        matches!(self, Self::Pending | Self::Sending | Self::Waiting)
    }
}

/// Where a destination stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DestinationState {
    /// Known, without a webhook yet.
    New,
    Ready,
    /// Nothing is sent there until a person has put it right.
    Parked,
}

impl DestinationState {
    pub const ALL: [Self; 3] = [Self::New, Self::Ready, Self::Parked];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ready => "ready",
            Self::Parked => "parked",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == slug)
    }
}
