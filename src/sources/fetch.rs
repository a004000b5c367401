//! The one policy for asking anything of the network, and how long to wait between askings.
//!
//! An upstream is neither trusted to be quick nor to be small. Every wait has a limit, redirects are
//! not followed, and the body is unpacked here, part by part, so that both caps – the decoded size
//! and the ratio to what came over the wire – hold before memory is spent.

use std::{
    io::{self, Write},
    net::IpAddr,
    time::Duration,
};

use brotli_decompressor::DecompressorWriter;
use chrono::DateTime;
use flate2::write::GzDecoder;
use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response, StatusCode, Url,
    header::{
        ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName,
        HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
    },
    redirect,
};
use tokio::time::timeout;

use super::{Awaited, Outage, SourceError, excerpt};

/// Waited for after a 429 that does not say how long.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_mins(1);
/// The longest wait that a source can impose; a wrong date must not silence it for years.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);
/// Below this many decoded bytes the ratio says nothing: short answers may repeat themselves.
const RATIO_FLOOR: u64 = 1024 * 1024;
/// How much of a refusal is read in order to quote its beginning.
const QUOTED: u64 = 4096;
/// A longer validator is not worth sending back.
const LONGEST_VALIDATOR: usize = 1024;

/// The limits within which a source has to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub connect_timeout: Duration,
    /// From the start of the request to the head of the answer.
    pub first_byte: Duration,
    /// Between two parts of the body.
    pub idle: Duration,
    /// The whole request.
    pub total: Duration,
    /// Decoded bytes of a body.
    pub max_body: u64,
    /// Decoded bytes for each byte on the wire.
    pub max_ratio: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            first_byte: Duration::from_secs(15),
            idle: Duration::from_secs(10),
            total: Duration::from_mins(1),
            max_body: 64 * 1024 * 1024,
            max_ratio: 100,
        }
    }
}

/// What a source gave along with its last answer, to be sent back so that it can say "unchanged".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

impl Validators {
    const fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    fn of(headers: &HeaderMap) -> Self {
        let text = |name| {
            header(headers, name)
                .filter(|value| value.len() <= LONGEST_VALIDATOR)
                .map(str::to_owned)
        };
        Self {
            etag: text(ETAG),
            last_modified: text(LAST_MODIFIED),
        }
    }
}

/// What a request brought.
#[derive(Debug)]
pub enum Fetched {
    /// The source holds what the validators stand for.
    NotModified,
    Body {
        /// Decoded, and never longer than the cap.
        bytes: Vec<u8>,
        validators: Validators,
    },
}

/// A client, with the policy by which it asks. Cloning it shares its connections.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    policy: Policy,
}

impl Fetcher {
    /// Fails only where the machine gives no TLS or no entropy.
    pub fn new(policy: Policy) -> Result<Self, reqwest::Error> {
        let client = client(&policy).build()?;
        Ok(Self { client, policy })
    }

    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Fetches JSON within the policy's own cap. See [`Self::get_within`].
    pub async fn get(&self, url: &Url, validators: &Validators) -> Result<Fetched, SourceError> {
        self.get_within(url, validators, self.policy.max_body).await
    }

    /// Fetches JSON of at most `cap` decoded bytes.
    ///
    /// # Errors
    ///
    /// [`RateLimited`](SourceError::RateLimited) for 429; [`Unavailable`](SourceError::Unavailable)
    /// for 408, 425, 5xx, connections that fail and time-outs; [`Refused`](SourceError::Refused) for
    /// redirects and the other 4xx; [`TooLarge`](SourceError::TooLarge) at the cap;
    /// [`Malformed`](SourceError::Malformed) for what is no JSON by its own heading, cannot be
    /// unpacked, or unpacks to more than the policy's ratio allows. No error holds the address.
    pub async fn get_within(
        &self,
        url: &Url,
        validators: &Validators,
        cap: u64,
    ) -> Result<Fetched, SourceError> {
        let mut request = self.client.get(url.clone());
        if let Some(etag) = &validators.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = &validators.last_modified {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        self.within_time(request, !validators.is_empty(), cap).await
    }

    /// Fetches JSON of at most `cap` decoded bytes, whatever was read before.
    ///
    /// # Errors
    ///
    /// Those of [`Self::get_within`].
    pub async fn get_anew(&self, url: &Url, cap: u64) -> Result<Vec<u8>, SourceError> {
        body_of(self.get_within(url, &Validators::default(), cap).await?)
    }

    /// Fetches JSON of at most `cap` decoded bytes, showing a key in a header of its own. The key is
    /// in no error, but what a source says may repeat it: the caller should not pass that on.
    ///
    /// # Errors
    ///
    /// Those of [`Self::get_within`].
    pub async fn get_with_key(
        &self,
        url: &Url,
        (header, key): (HeaderName, HeaderValue),
        cap: u64,
    ) -> Result<Vec<u8>, SourceError> {
        let request = self.client.get(url.clone()).header(header, key);
        body_of(self.within_time(request, false, cap).await?)
    }

    /// Asks by a POST whose body is JSON, for an answer in JSON of at most `cap` decoded bytes. It is
    /// meant for questions that change nothing, such as those of JSON-RPC.
    ///
    /// # Errors
    ///
    /// Those of [`Self::get_within`].
    pub async fn post_within(
        &self,
        url: &Url,
        question: &serde_json::Value,
        cap: u64,
    ) -> Result<Vec<u8>, SourceError> {
        let request = self.client.post(url.clone()).json(question);
        body_of(self.within_time(request, false, cap).await?)
    }

    async fn within_time(
        &self,
        request: RequestBuilder,
        is_conditional: bool,
        cap: u64,
    ) -> Result<Fetched, SourceError> {
        timeout(
            self.policy.total,
            self.attempt(request, is_conditional, cap),
        )
        .await
        .unwrap_or_else(|_| Err(timed_out(Awaited::WholeAnswer)))
    }

    async fn attempt(
        &self,
        request: RequestBuilder,
        is_conditional: bool,
        cap: u64,
    ) -> Result<Fetched, SourceError> {
        let request = request
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "gzip, br");
        let mut response = timeout(self.policy.first_byte, request.send())
            .await
            .map_err(|_| timed_out(Awaited::FirstByte))?
            .map_err(broken)?;

        let status = response.status();
        let retry_after = retry_after(response.headers());
        if status == StatusCode::NOT_MODIFIED && is_conditional {
            return Ok(Fetched::NotModified);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(SourceError::RateLimited {
                retry_after: retry_after.unwrap_or(DEFAULT_RETRY_AFTER),
            });
        }
        if status.is_server_error()
            || status == StatusCode::REQUEST_TIMEOUT
            || status == StatusCode::TOO_EARLY
        {
            return Err(SourceError::Unavailable(Outage::Status {
                status: status.as_u16(),
                retry_after,
            }));
        }
        if !status.is_success() {
            return Err(SourceError::Refused {
                status: status.as_u16(),
                said: self.beginning(&mut response).await,
            });
        }
        if !may_be_json(response.headers()) {
            let said = self.beginning(&mut response).await;
            return Err(SourceError::Malformed(format!("no JSON: \"{said}\"")));
        }

        let validators = Validators::of(response.headers());
        let mut unpacker = Unpacker::of(response.headers(), cap, self.policy.max_ratio)?;
        // Packed or not: what is longer than the cap on the wire already is not shorter unpacked.
        if response.content_length().is_some_and(|length| length > cap) {
            return Err(SourceError::TooLarge { cap });
        }
        while let Some(part) = self.part(&mut response).await? {
            unpacker.push(&part)?;
        }
        Ok(Fetched::Body {
            bytes: unpacker.finish()?,
            validators,
        })
    }

    async fn part(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, SourceError> {
        timeout(self.policy.idle, response.chunk())
            .await
            .map_err(|_| timed_out(Awaited::NextPart))?
            .map_err(broken)
    }

    /// The first characters of an answer that is not wanted, escaped. Failing to read it is no
    /// failure of its own: the quotation is then shorter.
    async fn beginning(&self, response: &mut Response) -> String {
        let Ok(mut unpacker) = Unpacker::of(response.headers(), QUOTED, self.policy.max_ratio)
        else {
            return String::new();
        };
        while let Ok(Some(part)) = self.part(response).await {
            if unpacker.push(&part).is_err() {
                break;
            }
        }
        excerpt(&unpacker.so_far())
    }
}

fn client(policy: &Policy) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("stipend/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(policy.connect_timeout)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        // Bodies are unpacked below: the client would hide how many bytes came in.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

/// Whether an address leads to this machine itself.
pub fn is_on_this_machine(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| {
        url.host_str().is_some_and(|host| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        })
    })
}

/// `base/path`, where the path is one of our own.
pub(super) fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    }
    url
}

/// The bytes of an answer to a question that left nothing to compare with.
fn body_of(fetched: Fetched) -> Result<Vec<u8>, SourceError> {
    match fetched {
        Fetched::Body { bytes, .. } => Ok(bytes),
        // Cannot be: nothing was sent that the source could compare with.
        Fetched::NotModified => Err(SourceError::Malformed("unasked \"unchanged\"".to_owned())),
    }
}

fn timed_out(awaited: Awaited) -> SourceError {
    SourceError::Unavailable(Outage::TimedOut(awaited))
}

fn broken(error: reqwest::Error) -> SourceError {
    SourceError::Unavailable(Outage::Transport(error.without_url()))
}

/// A header that is there once or more and is text; its first value.
fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Whether the answer may hold JSON by its own heading. Object stores say `octet-stream` and file
/// servers `text/plain`; the parser has the last word on those.
fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(stated) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let Ok(stated) = stated.to_str() else {
        return false;
    };
    let kind = stated
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.ends_with("/json")
        || kind.ends_with("+json")
        || kind.ends_with("/octet-stream")
        || kind == "text/plain"
        || kind.is_empty()
}

/// How long the source asks to be left alone: seconds, or a date against the source's own clock, so
/// that a wrong clock on either side does no harm. `None` when it says nothing that can be read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let stated = header(headers, RETRY_AFTER)?;
    let wait = if let Ok(seconds) = stated.parse::<f64>() {
        // A number too large for a duration is still a wish to be left alone.
        if seconds >= LONGEST_RETRY_AFTER.as_secs_f64() {
            LONGEST_RETRY_AFTER
        } else {
            Duration::try_from_secs_f64(seconds).ok()?
        }
    } else {
        let until = DateTime::parse_from_rfc2822(stated).ok()?;
        let sent = DateTime::parse_from_rfc2822(header(headers, DATE)?).ok()?;
        (until - sent).to_std().unwrap_or(Duration::ZERO)
    };
    Some(wait.clamp(Duration::from_secs(1), LONGEST_RETRY_AFTER))
}

/// Keeps bytes up to a limit.
struct Sink {
    bytes: Vec<u8>,
    limit: usize,
    overflown: bool,
}

impl Write for Sink {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let room = self.limit.saturating_sub(self.bytes.len());
        let fitting = part.get(..room).unwrap_or(part);
        if fitting.is_empty() && !part.is_empty() {
            self.overflown = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // Growing by doubling, yet never past the limit: the cap is on memory, not on length. From a quarter
        // of it on the next step is the last one, so that what was outgrown takes up less than is allowed.
        let wanted = self.bytes.len() + fitting.len();
        if wanted > self.bytes.capacity() {
            let doubled = wanted.max(self.bytes.capacity().saturating_mul(2));
            let capacity = if doubled >= self.limit / 2 {
                self.limit
            } else {
                doubled
            };
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(fitting);
        Ok(fitting.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Decoder {
    Plain(Sink),
    Gzip(Box<GzDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
}

/// Unpacks a body as it comes in, within the cap and the ratio.
struct Unpacker {
    decoder: Decoder,
    /// Bytes that came over the wire.
    wire: u64,
    cap: u64,
    max_ratio: u32,
}

impl Unpacker {
    /// Refuses encodings that were not asked for, and one within another.
    fn of(headers: &HeaderMap, cap: u64, max_ratio: u32) -> Result<Self, SourceError> {
        let sink = Sink {
            bytes: Vec::new(),
            limit: 0,
            overflown: false,
        };
        let mut stated = headers.get_all(CONTENT_ENCODING).iter();
        let decoder = match (stated.next(), stated.next()) {
            (None, _) => Decoder::Plain(sink),
            (Some(one), None) => {
                match one.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
                    b"" | b"identity" => Decoder::Plain(sink),
                    b"gzip" | b"x-gzip" => Decoder::Gzip(Box::new(GzDecoder::new(sink))),
                    b"br" => Decoder::Brotli(Box::new(DecompressorWriter::new(sink, 32 * 1024))),
                    other => {
                        return Err(SourceError::Malformed(format!(
                            "packed as \"{}\", which was not asked for",
                            excerpt(other)
                        )));
                    }
                }
            }
            (Some(_), Some(_)) => {
                return Err(SourceError::Malformed("packed more than once".to_owned()));
            }
        };
        Ok(Self {
            decoder,
            wire: 0,
            cap,
            max_ratio,
        })
    }

    fn sink(&self) -> &Sink {
        match &self.decoder {
            Decoder::Plain(sink) => sink,
            Decoder::Gzip(decoder) => decoder.get_ref(),
            Decoder::Brotli(decoder) => decoder.get_ref(),
        }
    }

    fn sink_mut(&mut self) -> &mut Sink {
        match &mut self.decoder {
            Decoder::Plain(sink) => sink,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Brotli(decoder) => decoder.get_mut(),
        }
    }

    /// The decoded bytes that what has come in so far may give.
    fn limit(&self) -> u64 {
        self.wire
            .saturating_mul(u64::from(self.max_ratio))
            .max(RATIO_FLOOR)
            .min(self.cap)
    }

    fn push(&mut self, part: &[u8]) -> Result<(), SourceError> {
        self.wire = self.wire.saturating_add(part.len() as u64);
        self.sink_mut().limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let written = match &mut self.decoder {
            Decoder::Plain(sink) => sink.write_all(part),
            Decoder::Gzip(decoder) => decoder.write_all(part),
            Decoder::Brotli(decoder) => decoder.write_all(part),
        };
        written.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &io::Error) -> SourceError {
        if !self.sink().overflown {
            return SourceError::Malformed(format!(
                "it cannot be unpacked ({})",
                excerpt(error.to_string().as_bytes())
            ));
        }
        if self.limit() == self.cap {
            SourceError::TooLarge { cap: self.cap }
        } else {
            SourceError::Malformed(format!(
                "it unpacks to more than {} times its size",
                self.max_ratio
            ))
        }
    }

    /// The whole body; an error when its end is missing.
    fn finish(mut self) -> Result<Vec<u8>, SourceError> {
        let ended = match &mut self.decoder {
            Decoder::Plain(_) => Ok(()),
            Decoder::Gzip(decoder) => decoder.try_finish(),
            Decoder::Brotli(decoder) => decoder.close(),
        };
        match ended {
            Ok(()) => Ok(std::mem::take(&mut self.sink_mut().bytes)),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// What could be unpacked, whether or not there is more.
    fn so_far(mut self) -> Vec<u8> {
        // An encoder keeps the end of what it has back; a failure to end leaves what there is.
        match &mut self.decoder {
            Decoder::Plain(_) => {}
            Decoder::Gzip(decoder) => drop(decoder.try_finish()),
            Decoder::Brotli(decoder) => drop(decoder.close()),
        }
        std::mem::take(&mut self.sink_mut().bytes)
    }
}

/// How long to wait after failures in a row: a bound that doubles, and a random part of it, so that
/// many instances do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound after the first failure.
    pub first: Duration,
    /// The bound that is never passed.
    pub longest: Duration,
}

impl Default for Backoff {
    /// 5 s, doubling to 5 min.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            longest: Duration::from_mins(5),
        }
    }
}

impl Backoff {
    /// The least wait, so that luck does not make a hammer.
    const LEAST: Duration = Duration::from_secs(1);

    /// The longest wait after `failures` in a row.
    pub fn bound(&self, failures: u32) -> Duration {
        let factor = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// The wait after `failures` in a row: `random` (0 to 1) of the bound, at least a second.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        part(self.bound(failures), random).max(Self::LEAST)
    }
}

/// `random` (0 to 1; anything else counts as 1) of a length of time.
fn part(whole: Duration, random: f64) -> Duration {
    if (0.0..1.0).contains(&random) {
        whole.mul_f64(random)
    } else {
        whole
    }
}

/// How an attempt went, as far as the schedule cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is an answer, changed or not.
    Answered,
    Failed,
    /// There is none, and the source said how long to leave it alone.
    ToldToWait(Duration),
}

impl Outcome {
    pub const fn of<T>(result: &Result<T, SourceError>) -> Self {
        match result {
            Ok(_) => Self::Answered,
            Err(
                SourceError::RateLimited { retry_after }
                | SourceError::Unavailable(Outage::Status {
                    retry_after: Some(retry_after),
                    ..
                }),
            ) => Self::ToldToWait(*retry_after),
            Err(_) => Self::Failed,
        }
    }
}

/// When a source is asked next, and whether it counts as down. One for each source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    backoff: Backoff,
    /// Failures since the last answer.
    failures: u32,
}

impl Schedule {
    /// From this many failures in a row on, the source counts as down.
    pub const BREAKS_AT: u32 = 5;

    pub const fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            failures: 0,
        }
    }

    /// Failures since the last answer.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The source counts as down: it is only probed, and what it said last is shown with its age.
    pub const fn is_open(&self) -> bool {
        self.failures >= Self::BREAKS_AT
    }

    /// Takes in how an attempt went and says how long to wait before the next one.
    ///
    /// After an answer that is `interval`. After a failure it is the back-off; a source that is down
    /// is probed after the longest back-off or half of it. A time that the source asked for comes
    /// first and the back-off on top of it. `random` is from 0 to 1.
    pub fn next_delay(&mut self, outcome: Outcome, interval: Duration, random: f64) -> Duration {
        let asked = match outcome {
            Outcome::Answered => {
                self.failures = 0;
                return interval;
            }
            Outcome::Failed => Duration::ZERO,
            Outcome::ToldToWait(asked) => asked,
        };
        self.failures = self.failures.saturating_add(1);
        let own = if self.is_open() {
            let half = self.backoff.longest / 2;
            half + part(half, random)
        } else {
            self.backoff.delay(self.failures, random)
        };
        asked.saturating_add(own)
    }
}

#[cfg(test)]
mod tests;
