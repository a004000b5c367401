//! Rate limits, as far as they are known: fixed windows by bucket and id, the hidden one of a channel, the
//! global ones, and the ban of an address. Pure: the moment is passed in.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::world::Limits;

/// Requests that arrive so soon after a 429 may have been on their way when it was answered.
const GRACE: Duration = Duration::from_millis(100);

/// Whose global limit a request draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pool {
    /// The bot token's.
    Bot,
    /// That of the address, for requests without a token.
    Address,
}

/// A group of routes that share a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    pub(crate) name: &'static str,
    pub(crate) limit: u32,
    pub(crate) window: Duration,
}

/// What the limiter has to know of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) bucket: Bucket,
    /// The channel, guild, webhook or interaction that stands in the path.
    pub(crate) major: u64,
    /// The channel of a webhook, for the hidden limit.
    pub(crate) hidden_channel: Option<u64>,
    /// `None` for interaction routes.
    pub(crate) pool: Option<Pool>,
}

/// What a pause or window belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Route(&'static str, u64),
    Channel(u64),
    Global(Pool),
}

/// The `X-RateLimit-` headers of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Headers {
    pub(crate) bucket: &'static str,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset_after: Duration,
}

/// Who is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    User,
    Shared,
    Global,
}

impl Scope {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Shared => "shared",
            Self::Global => "global",
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    Pass(Headers),
    Limited {
        scope: Scope,
        retry_after: Duration,
        headers: Headers,
        /// The request came although an earlier answer had asked for a pause.
        inside_pause: bool,
    },
    Banned {
        retry_after: Duration,
        inside_pause: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Window {
    ends: Instant,
    used: u32,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    since: Instant,
    until: Instant,
    scope: Scope,
}

/// All counters of one twin.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    windows: HashMap<Key, Window>,
    pauses: HashMap<Key, Pause>,
    invalid: Option<Window>,
    dead_calls: u32,
    ban: Option<Pause>,
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            windows: HashMap::new(),
            pauses: HashMap::new(),
            invalid: None,
            dead_calls: 0,
            ban: None,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        *self = Self::new(limits);
    }

    /// Counts a request, or says why it is not let through.
    pub(crate) fn check(&mut self, now: Instant, call: &Call) -> Verdict {
        if let Some(ban) = self.ban.filter(|ban| now < ban.until) {
            return Verdict::Banned {
                retry_after: ban.until - now,
                inside_pause: now > ban.since + GRACE,
            };
        }
        let route = Key::Route(call.bucket.name, call.major);
        let channel = call.hidden_channel.map(Key::Channel);
        let global = call.pool.map(Key::Global);
        for key in [global, channel, Some(route)].into_iter().flatten() {
            if let Some(pause) = self
                .pauses
                .get(&key)
                .copied()
                .filter(|pause| now < pause.until)
            {
                return Verdict::Limited {
                    scope: pause.scope,
                    retry_after: pause.until - now,
                    headers: self.headers(now, call),
                    inside_pause: now > pause.since + GRACE,
                };
            }
        }
        if !self.limits.enforced {
            return Verdict::Pass(self.headers(now, call));
        }
        if let Some(key) = global
            && let Err(retry_after) =
                self.fits(now, key, self.limits.global, Duration::from_secs(1))
        {
            return self.limit(now, key, retry_after, Scope::Global, call);
        }
        if let Some(key) = channel
            && let Err(retry_after) =
                self.fits(now, key, self.limits.per_channel, Duration::from_mins(1))
        {
            return self.limit(now, key, retry_after, Scope::Shared, call);
        }
        if let Err(retry_after) = self.fits(now, route, call.bucket.limit, call.bucket.window) {
            return self.limit(now, route, retry_after, Scope::User, call);
        }
        for key in [global, channel, Some(route)].into_iter().flatten() {
            if let Some(window) = self.windows.get_mut(&key) {
                window.used += 1;
            }
        }
        Verdict::Pass(self.headers(now, call))
    }

    /// Whether one more fits into the window of a key, which is opened when there is none.
    fn fits(
        &mut self,
        now: Instant,
        key: Key,
        limit: u32,
        length: Duration,
    ) -> Result<(), Duration> {
        let ends = now + self.scaled(length);
        let window = self.windows.entry(key).or_insert(Window { ends, used: 0 });
        if now >= window.ends {
            *window = Window { ends, used: 0 };
        }
        if window.used < limit {
            Ok(())
        } else {
            Err(window.ends - now)
        }
    }

    fn limit(
        &mut self,
        now: Instant,
        key: Key,
        retry_after: Duration,
        scope: Scope,
        call: &Call,
    ) -> Verdict {
        self.pauses.insert(
            key,
            Pause {
                since: now,
                until: now + retry_after,
                scope,
            },
        );
        Verdict::Limited {
            scope,
            retry_after,
            headers: self.headers(now, call),
            inside_pause: false,
        }
    }

    fn headers(&self, now: Instant, call: &Call) -> Headers {
        let bucket = call.bucket;
        if !self.limits.enforced {
            return Headers {
                bucket: bucket.name,
                limit: 1_000_000,
                remaining: 999_999,
                reset_after: self.scaled(bucket.window),
            };
        }
        let key = Key::Route(bucket.name, call.major);
        let window = self.windows.get(&key).filter(|window| now < window.ends);
        let (used, reset_after) =
            window.map_or((0, self.scaled(bucket.window)), |w| (w.used, w.ends - now));
        Headers {
            bucket: bucket.name,
            limit: bucket.limit,
            remaining: bucket.limit.saturating_sub(used),
            reset_after,
        }
    }

    /// A pause that a switched fault has announced; the length is not scaled.
    pub(crate) fn pause(&mut self, now: Instant, key: Key, retry_after: Duration, scope: Scope) {
        self.pauses.insert(
            key,
            Pause {
                since: now,
                until: now + retry_after,
                scope,
            },
        );
    }

    /// Counts an answer 401, 403 or 429 (not shared); too many ban the address.
    pub(crate) fn count_invalid(&mut self, now: Instant) {
        let length = self.scaled(Duration::from_mins(10));
        let window = self.invalid.get_or_insert(Window {
            ends: now + length,
            used: 0,
        });
        if now >= window.ends {
            *window = Window {
                ends: now + length,
                used: 0,
            };
        }
        window.used += 1;
        if window.used >= self.limits.invalid {
            self.invalid = None;
            self.ban(now, self.scaled(Duration::from_hours(1)));
        }
    }

    /// Counts a call of a webhook that was said to be gone; too many ban the address.
    pub(crate) fn count_dead_call(&mut self, now: Instant) {
        self.dead_calls += 1;
        if self.dead_calls >= self.limits.dead_calls {
            self.dead_calls = 0;
            self.ban(now, self.scaled(Duration::from_hours(1)));
        }
    }

    /// Bans the address for a time.
    pub(crate) fn ban(&mut self, now: Instant, length: Duration) {
        self.ban = Some(Pause {
            since: now,
            until: now + length,
            scope: Scope::Global,
        });
    }

    /// Answers 401, 403 and 429 counted in the running 10 minutes.
    pub(crate) fn invalid_count(&self) -> u32 {
        self.invalid.map_or(0, |window| window.used)
    }

    fn scaled(&self, length: Duration) -> Duration {
        length.mul_f64(self.limits.time_scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBHOOK: Bucket = Bucket {
        name: "webhook",
        limit: 5,
        window: Duration::from_secs(2),
    };

    fn call(webhook: u64) -> Call {
        Call {
            bucket: WEBHOOK,
            major: webhook,
            hidden_channel: Some(1),
            pool: Some(Pool::Address),
        }
    }

    fn passes(limiter: &mut Limiter, now: Instant, call: &Call) -> bool {
        matches!(limiter.check(now, call), Verdict::Pass(_))
    }

    #[test]
    fn five_fit_into_two_seconds() {
        let mut limiter = Limiter::new(Limits::default());
        let now = Instant::now();
        for left in (0..5).rev() {
            let Verdict::Pass(headers) = limiter.check(now, &call(7)) else {
                panic!("limited too early")
            };
            assert_eq!(headers.remaining, left);
        }
        let Verdict::Limited {
            scope,
            retry_after,
            inside_pause,
            ..
        } = limiter.check(now, &call(7))
        else {
            panic!("the sixth passed")
        };
        assert_eq!((scope, inside_pause), (Scope::User, false));
        assert_eq!(retry_after, Duration::from_secs(2));
        assert!(
            passes(&mut limiter, now, &call(8)),
            "another webhook has its own bucket"
        );
        assert!(passes(&mut limiter, now + Duration::from_secs(2), &call(7)));
    }

    #[test]
    fn a_request_inside_the_pause_is_told_apart() {
        let mut limiter = Limiter::new(Limits::default());
        let now = Instant::now();
        for _ in 0..6 {
            limiter.check(now, &call(7));
        }
        let late = limiter.check(now + Duration::from_secs(1), &call(7));
        assert!(matches!(
            late,
            Verdict::Limited {
                inside_pause: true,
                ..
            }
        ));
    }

    #[test]
    fn the_hidden_limit_strikes_with_harmless_headers() {
        let mut limiter = Limiter::new(Limits {
            global: 1000,
            ..Limits::default()
        });
        let now = Instant::now();
        for webhook in 0..30 {
            assert!(passes(&mut limiter, now, &call(webhook)));
        }
        let Verdict::Limited {
            scope,
            retry_after,
            headers,
            ..
        } = limiter.check(now, &call(99))
        else {
            panic!("the 31st passed")
        };
        assert_eq!(scope, Scope::Shared);
        assert_eq!(retry_after, Duration::from_mins(1));
        assert_eq!(headers.remaining, 5);
    }

    #[test]
    fn the_global_limit_has_two_pools_and_an_exemption() {
        let mut limiter = Limiter::new(Limits {
            per_channel: 1000,
            ..Limits::default()
        });
        let now = Instant::now();
        for webhook in 0..50 {
            assert!(passes(&mut limiter, now, &call(webhook)));
        }
        assert!(matches!(
            limiter.check(now, &call(99)),
            Verdict::Limited {
                scope: Scope::Global,
                ..
            }
        ));
        let with_token = Call {
            pool: Some(Pool::Bot),
            ..call(99)
        };
        assert!(passes(&mut limiter, now, &with_token));
        let interaction = Call {
            pool: None,
            ..call(99)
        };
        assert!(passes(&mut limiter, now, &interaction));
    }

    #[test]
    fn invalid_requests_end_in_a_ban() {
        let mut limiter = Limiter::new(Limits {
            invalid: 3,
            time_scale: 0.5,
            ..Limits::default()
        });
        let now = Instant::now();
        for _ in 0..3 {
            limiter.count_invalid(now);
        }
        assert!(matches!(
            limiter.check(now, &call(1)),
            Verdict::Banned {
                inside_pause: false,
                ..
            }
        ));
        let later = now + Duration::from_secs(1801);
        assert!(passes(&mut limiter, later, &call(1)));
    }
}
