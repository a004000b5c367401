//! Whether a notice is told at once, or later in a list with others. Pure.

use crate::{
    delivery::{
        entry::{Held, Hold},
        urgency::Urgency,
    },
    domain::{
        manner::{Manner, ServerSettings},
        time::Timestamp,
    },
};

/// Until when a notice waits, and why; the first reason that there is: a mute, a digest, quiet hours.
pub fn hold(
    manner: &Manner,
    server: &ServerSettings,
    urgency: Urgency,
    at: Timestamp,
) -> Option<Hold> {
    let muted = manner.muted(at).map(|until| (until, Held::Mute));
    let digest = || {
        let cadence = manner.digest?.cadence(server.digest_at);
        Some((cadence.next_after(server.zone, at), Held::Digest))
    };
    let quiet = || {
        let until = server.quiet_until(at)?;
        if passes(server, urgency) {
            return None;
        }
        Some((until, Held::Quiet))
    };
    let (until, why) = muted.or_else(digest).or_else(quiet)?;
    Some(Hold { until, why })
}

/// Whether something may be told in quiet hours.
pub fn passes(server: &ServerSettings, urgency: Urgency) -> bool {
    server.critical_in_quiet && urgency == Urgency::Critical
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        manner::Digest,
        zone::{Days, QuietHours, Zone},
    };

    fn server() -> ServerSettings {
        ServerSettings {
            zone: Zone::parse("Europe/Berlin").unwrap(),
            quiet: QuietHours::new(
                "22:00".parse().unwrap(),
                "07:00".parse().unwrap(),
                Days::All,
            )
            .ok(),
            ..ServerSettings::default()
        }
    }

    fn held(manner: &Manner, urgency: Urgency, at: &str) -> Option<(Held, String)> {
        let at = Timestamp::parse(at).unwrap();
        hold(manner, &server(), urgency, at).map(|hold| (hold.why, hold.until.rfc3339()))
    }

    #[test]
    fn quiet_hours_are_the_server_s_own_and_let_the_pressing_pass() {
        let manner = Manner::default();
        let night = "2026-07-01T20:30:00Z";
        assert_eq!(
            held(&manner, Urgency::Normal, night),
            Some((Held::Quiet, "2026-07-02T05:00:00Z".to_owned()))
        );
        assert_eq!(held(&manner, Urgency::Critical, night), None);
        assert_eq!(held(&manner, Urgency::Normal, "2026-07-01T12:00:00Z"), None);
    }

    #[test]
    fn a_mute_comes_before_a_digest_and_a_digest_before_quiet_hours() {
        let night = "2026-07-01T20:30:00Z";
        let until = Timestamp::parse("2026-07-01T21:00:00Z");
        let mut manner = Manner {
            digest: Some(Digest::Weekly),
            muted_until: until,
            ..Manner::default()
        };
        assert_eq!(
            held(&manner, Urgency::Critical, night).map(|(why, _)| why),
            Some(Held::Mute)
        );
        manner.muted_until = None;
        assert_eq!(
            held(&manner, Urgency::Critical, night),
            Some((Held::Digest, "2026-07-06T07:00:00Z".to_owned()))
        );
    }
}
