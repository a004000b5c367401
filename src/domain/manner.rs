//! How an alert speaks in its channel, and how a server wants to be spoken to.

use serde::{Deserialize, Serialize};

use super::{
    ids::{ChannelId, RoleId},
    time::Timestamp,
    zone::{Cadence, QuietHours, TimeOfDay, Weekday, Zone},
};

/// How an alert speaks, beside what it watches. The default: at once, and calling nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manner {
    /// The role that its news call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleId>,
    /// It speaks in a digest instead of at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// It is silent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
}

impl Manner {
    /// Until when the alert is muted at a moment; `None` when it is not.
    pub fn muted(&self, at: Timestamp) -> Option<Timestamp> {
        self.muted_until.filter(|until| *until > at)
    }
}

/// How often an alert sums up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    Daily,
    Weekly,
}

impl Digest {
    pub const ALL: [Self; 2] = [Self::Daily, Self::Weekly];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    /// At this time by the server's clock, weekly on Mondays.
    pub const fn cadence(self, at: TimeOfDay) -> Cadence {
        match self {
            Self::Daily => Cadence::Day { at },
            Self::Weekly => Cadence::Week {
                on: Weekday::Monday,
                at,
            },
        }
    }
}

/// When digests come, where nobody chose another time.
pub const MORNING: TimeOfDay = TimeOfDay::new(9, 0).expect("there is such a time");

/// What a server has chosen for itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerSettings {
    /// For digests and quiet hours; people read times in their own zone.
    pub zone: Zone,
    /// When the digests of alerts come.
    pub digest_at: TimeOfDay,
    /// When nothing is told that can wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
    /// What may cost people their money is told in quiet hours too.
    pub critical_in_quiet: bool,
    /// The most messages that a channel is given in an hour; 0 for no such limit, and `None` for what
    /// the operator set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly_cap: Option<u32>,
    /// Offers above so many percent are not found unless they are asked for; `None` for what the
    /// operator set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_apy: Option<f64>,
    /// Pools under this TVL in US dollars are not found unless they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_tvl: Option<f64>,
    /// Whether look-ups answer everybody in the channel, or the asker alone.
    pub public_lookups: bool,
    /// Where admins read what concerns them, such as a source that is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_channel: Option<ChannelId>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            zone: Zone::default(),
            digest_at: MORNING,
            quiet: None,
            critical_in_quiet: true,
            hourly_cap: None,
            max_apy: None,
            min_tvl: None,
            public_lookups: true,
            admin_channel: None,
        }
    }
}

impl ServerSettings {
    /// When the quiet hours end in which a moment lies.
    pub fn quiet_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.quiet?.end(self.zone, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that an older or a newer version wrote are read: what they lack is as usual.
    #[test]
    fn what_is_not_written_is_as_usual() {
        assert_eq!(
            serde_json::from_str::<Manner>("{}").unwrap(),
            Manner::default()
        );
        let settings: ServerSettings =
            serde_json::from_str(r#"{"zone":"Europe/Berlin","later":1}"#).unwrap();
        assert_eq!(settings.zone.name(), "Europe/Berlin");
        assert_eq!(settings.hourly_cap, None);
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(
            serde_json::from_str::<ServerSettings>(&text).unwrap(),
            settings
        );
    }

    /// F-T04: a zone that the table of zones does not know any more is UTC, and takes nothing else with it.
    #[test]
    fn a_zone_that_nobody_knows_is_utc() {
        let settings: ServerSettings =
            serde_json::from_str(r#"{"zone":"Atlantis/Poseidonis","hourly_cap":7}"#).unwrap();
        assert_eq!(
            (settings.zone.name(), settings.hourly_cap),
            ("UTC", Some(7))
        );
        assert!(serde_json::from_str::<ServerSettings>(r#"{"zone":7}"#).is_err());
    }

    #[test]
    fn a_mute_ends_by_itself() {
        let at = Timestamp::from_millis(1_000);
        let manner = Manner {
            muted_until: Some(at),
            ..Manner::default()
        };
        assert_eq!(manner.muted(Timestamp::from_millis(999)), Some(at));
        assert_eq!(manner.muted(at), None);
    }
}
