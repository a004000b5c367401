//! Faults that a test switches on: what goes wrong, on which route, before or after Discord did the work.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::text;

/// A fault. The first armed fault that matches a request, is not used up, and fits the moment is applied.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The HTTP method; any when missing.
    #[serde(default)]
    pub method: Option<String>,
    /// The route's template, such as `/webhooks/{id}/{token}`; any when missing. The README lists them.
    #[serde(default)]
    pub template: Option<String>,
    /// The webhook, channel, guild or interaction in the path; any when missing.
    #[serde(with = "text::maybe", default)]
    pub major: Option<u64>,
    /// Whether it strikes before or after the request was applied.
    #[serde(default)]
    pub when: When,
    /// What happens.
    pub what: What,
    /// How often it strikes; for ever when missing.
    #[serde(default)]
    pub times: Option<u32>,
    /// How many matching requests it lets pass first.
    #[serde(default)]
    pub skip: u32,
    /// In how many of 100 cases it strikes, by dice that [`Handle::seed_faults`](crate::Handle::seed_faults)
    /// sets; in all of them when missing. One that is let off by the dice leaves the request to the faults
    /// behind it.
    #[serde(default)]
    pub chance: Option<u8>,
}

/// The moment at which a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The request is not applied (but for a delay, after which it goes on).
    #[default]
    Before,
    /// The request is applied, and then the answer is spoilt.
    After,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// This answer instead of the right one. A 429 with `Retry-After` opens a pause that the bot has to keep.
    Status {
        /// The HTTP status.
        code: u16,
        /// The JSON body.
        #[serde(default)]
        body: Value,
        /// More headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// This body as it stands, with any status and content type.
    Raw {
        /// The HTTP status.
        code: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// The connection is cut.
    Reset,
    /// The connection is cut at once and the request is applied so many milliseconds later all the same.
    ResetThenApply(u64),
    /// So many milliseconds pass: before the request is applied, even when the caller has gone, or before it is answered.
    Delay(u64),
    /// The page of an address ban, with status 429; the address is banned for an hour (scaled).
    Html1015,
    /// Status 200 without a body.
    EmptyOk,
    /// Status 204, as if `wait` had not been asked for.
    NoWait,
}

impl Fault {
    /// A fault on one route, before the request is applied, for ever.
    pub fn on(method: &str, template: &str, what: What) -> Self {
        Self {
            method: Some(method.to_owned()),
            template: Some(template.to_owned()),
            major: None,
            when: When::Before,
            what,
            times: None,
            skip: 0,
            chance: None,
        }
    }

    /// A fault on every route.
    pub fn everywhere(what: What) -> Self {
        Self {
            method: None,
            template: None,
            major: None,
            when: When::Before,
            what,
            times: None,
            skip: 0,
            chance: None,
        }
    }

    /// A fault on Execute Webhook.
    pub fn on_webhooks(what: What) -> Self {
        Self::on("POST", "/webhooks/{id}/{token}", what)
    }

    /// Only for this webhook, channel, guild or interaction.
    #[must_use]
    pub fn of(mut self, major: u64) -> Self {
        self.major = Some(major);
        self
    }

    /// Strikes after the request was applied.
    #[must_use]
    pub fn after(mut self) -> Self {
        self.when = When::After;
        self
    }

    /// Strikes so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Strikes in so many of 100 cases.
    #[must_use]
    pub fn chance(mut self, percent: u8) -> Self {
        self.chance = Some(percent);
        self
    }

    fn matches(&self, method: &str, template: &str, major: u64) -> bool {
        self.method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .template
                .as_deref()
                .is_none_or(|wanted| wanted == template)
            && self.major.is_none_or(|wanted| wanted == major)
    }
}

impl What {
    /// A JSON error of Discord's shape.
    pub fn error(code: u16, json_code: u32, message: &str) -> Self {
        Self::Status {
            code,
            body: serde_json::json!({"code": json_code, "message": message}),
            headers: Vec::new(),
        }
    }

    /// A 429 of this scope (`user`, `shared` or `global`).
    pub fn too_many(scope: &str, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs_f64();
        let mut headers = vec![
            ("Retry-After".to_owned(), format!("{seconds:.3}")),
            ("X-RateLimit-Scope".to_owned(), scope.to_owned()),
        ];
        if scope == "global" {
            headers.push(("X-RateLimit-Global".to_owned(), "true".to_owned()));
        }
        Self::Status {
            code: 429,
            body: serde_json::json!({
                "message": "You are being rate limited.",
                "retry_after": seconds,
                "global": scope == "global",
            }),
            headers,
        }
    }
}

/// The armed faults, and the dice for those that strike by chance.
#[derive(Debug)]
pub(crate) struct Faults {
    armed: Vec<Fault>,
    dice: fastrand::Rng,
}

impl Default for Faults {
    /// With the same dice for each twin, so that a story can be told again.
    fn default() -> Self {
        Self {
            armed: Vec::new(),
            dice: fastrand::Rng::with_seed(0),
        }
    }
}

impl Faults {
    pub(crate) fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.armed.clear();
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.dice.seed(seed);
    }

    /// What strikes this request at this moment.
    pub(crate) fn strike(
        &mut self,
        when: When,
        method: &str,
        template: &str,
        major: u64,
    ) -> Option<What> {
        let Self { armed, dice } = self;
        let mut struck = None;
        for fault in armed.iter_mut().filter(|fault| fault.when == when) {
            if !fault.matches(method, template, major) || fault.times == Some(0) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault
                .chance
                .is_some_and(|percent| dice.u8(..100) >= percent)
            {
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            struck = Some(fault.what.clone());
            break;
        }
        armed.retain(|fault| fault.times != Some(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_as_often_as_told_and_where_told() {
        let mut faults = Faults::default();
        faults.arm(Fault::on_webhooks(What::Reset).of(7).skip(1).times(2));
        let mut strike =
            |major| faults.strike(When::Before, "POST", "/webhooks/{id}/{token}", major);
        assert_eq!(strike(8), None);
        assert_eq!(strike(7), None, "the first is let pass");
        assert_eq!(strike(7), Some(What::Reset));
        assert_eq!(strike(7), Some(What::Reset));
        assert_eq!(strike(7), None);
    }

    /// A chance is kept over many requests, is the same for the same seed, and what it lets off is left to
    /// the next fault.
    #[test]
    fn strikes_by_chance_as_often_as_the_seed_says() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.seed(seed);
            faults.arm(Fault::everywhere(What::Reset).chance(20));
            faults.arm(Fault::everywhere(What::NoWait).chance(100));
            let struck = |_| faults.strike(When::Before, "GET", "/gateway", 0).unwrap();
            (0..1000).map(struck).collect::<Vec<_>>()
        };
        let cut = run(1).iter().filter(|what| **what == What::Reset).count();
        assert!((150..250).contains(&cut), "{cut} of 1000");
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn reads_its_json() {
        let json = r#"{"method":"POST","major":"7","when":"after","what":{"status":{"code":503}},"times":1}"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        assert_eq!((fault.major, fault.when), (Some(7), When::After));
        let fault: Fault = serde_json::from_str(r#"{"what":"reset"}"#).unwrap();
        assert_eq!(fault.what, What::Reset);
    }
}
