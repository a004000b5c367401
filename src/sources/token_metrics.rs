//! Token Metrics: ratings of tokens, and what their indices hold and have done. It needs a key.
//!
//! Tokens are known by their number alone: symbols repeat. Which answers a key gets depends on its plan,
//! and newer plans leave some ratings out, so each is told apart from the others. The key is in no error,
//! and neither are the source's words, which may repeat it.

use std::{collections::HashMap, fmt};

use reqwest::{
    Url,
    header::{HeaderName, HeaderValue},
};
use secrecy::SecretString;
use serde_json::value::RawValue;

use super::{
    KeyError, SMALL_BODY, SourceError, address, digest_of,
    fetch::{Fetcher, Outcome, joined},
    shown_key,
    wire::{
        Cell, cells, count_in, digits_in, flag_in, moment_in, number_in, root_of, row, text_in,
    },
};
use crate::domain::{
    rating::{Rating, Signal},
    time::{Day, Timestamp},
};

/// Where it is asked by default.
pub const URL: &str = "https://api.tokenmetrics.com/v2";
const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
/// Rows in one answer; the source gives no more.
const PAGE: usize = 100;
/// Pages of one question: beyond that something goes round in circles.
const MOST_PAGES: u32 = 50;
/// Days that one question may reach over, the first and the last included.
const MOST_DAYS: i32 = 29;
/// Rows that cannot be read, out of a hundred, from which on the shape must have changed.
const MOST_BAD: usize = 10;
/// Characters of a name that are kept.
const LONGEST_NAME: usize = 100;
/// Days for which the newest rating is looked for.
const LOOKED_BACK: i32 = 7;

/// A token, by the source's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub u32);

/// An index, by the source's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexId(pub u32);

/// Why there is no answer, told apart by what can be done.
#[derive(Debug, thiserror::Error)]
pub enum RatingError {
    #[error("Token Metrics refuses the key; check sources.token_metrics.key_file")]
    KeyRefused,
    #[error("the key's plan does not include this")]
    NotInPlan,
    #[error("Token Metrics refuses with status {0}")]
    Refused(u16),
    #[error("the answer makes no sense")]
    Malformed,
    #[error(transparent)]
    Source(SourceError),
}

impl From<SourceError> for RatingError {
    /// Leaves out what the source said.
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Refused { status: 401, .. } => Self::KeyRefused,
            SourceError::Refused {
                status: 402..=404, ..
            } => Self::NotInPlan,
            SourceError::Refused { status, .. } => Self::Refused(status),
            SourceError::Malformed(_) => Self::Malformed,
            SourceError::RateLimited { .. }
            | SourceError::Unavailable(_)
            | SourceError::TooLarge { .. }
            | SourceError::TooManyBadRows { .. }
            | SourceError::UnknownPool => Self::Source(error),
        }
    }
}

impl RatingError {
    /// What a schedule makes of it.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Source(error) => Outcome::of::<()>(&Err(error)),
            Self::KeyRefused | Self::NotInPlan | Self::Refused(_) | Self::Malformed => {
                Outcome::Failed
            }
        }
    }
}

/// Which indices are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    Active,
    Passive,
}

impl IndexKind {
    const fn slug(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// The client.
#[derive(Clone)]
pub struct TokenMetrics {
    fetcher: Fetcher,
    url: Url,
    /// Marked as sensitive, so that nothing prints it.
    key: HeaderValue,
}

impl fmt::Debug for TokenMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenMetrics").finish_non_exhaustive()
    }
}

impl TokenMetrics {
    /// Asks nothing yet.
    pub fn new(fetcher: Fetcher, url: &str, key: &SecretString) -> Result<Self, KeyError> {
        Ok(Self {
            fetcher,
            url: address("sources.token_metrics.url", url)?,
            key: shown_key(key, "Token Metrics")?,
        })
    }

    /// The newest ratings of these tokens. What the plan leaves out is missing in all of them; it is an
    /// error only when it leaves out everything.
    pub async fn ratings(
        &self,
        tokens: &[TokenId],
        now: Timestamp,
    ) -> Result<HashMap<TokenId, Rating>, RatingError> {
        let today = now.day();
        let days = (Day(today.0.saturating_sub(LOOKED_BACK)), today);
        let trader = in_plan(self.trader_grades(tokens, days).await)?;
        let investor = in_plan(self.investor_grades(tokens, days).await)?;
        let overall = in_plan(self.grades(tokens).await)?;
        let signals = in_plan(self.signals(tokens, days).await)?;
        if trader.is_none() && investor.is_none() && overall.is_none() && signals.is_none() {
            return Err(RatingError::NotInPlan);
        }
        let trader = newest(trader.unwrap_or_default());
        let investor = newest(investor.unwrap_or_default());
        let overall = newest(overall.unwrap_or_default());
        let signals = newest(signals.unwrap_or_default());
        let of = |token: &TokenId| {
            let (trader, investor) = (trader.get(token), investor.get(token));
            let (overall, signal) = (overall.get(token), signals.get(token));
            let dates = [
                trader.and_then(Dated::at),
                investor.and_then(Dated::at),
                overall.and_then(Dated::at),
                signal.and_then(Dated::at),
            ];
            let rating = Rating {
                trader: trader.and_then(|row| row.grade),
                investor: investor.and_then(|row| row.grade),
                overall: overall.and_then(|row| row.grade),
                signal: signal.and_then(|row| row.signal),
                dated: dates.into_iter().flatten().max(),
                read_at: now,
            };
            (*token, rating)
        };
        Ok(tokens.iter().map(of).collect())
    }

    /// Short-term grades, one for each token and day.
    pub async fn trader_grades(
        &self,
        tokens: &[TokenId],
        days: (Day, Day),
    ) -> Result<Vec<TraderGrade>, RatingError> {
        let tokens = [("token_id", listed(tokens))];
        self.over_days("trader-grades", &tokens, days).await
    }

    /// Long-term grades, one for each token and day.
    pub async fn investor_grades(
        &self,
        tokens: &[TokenId],
        days: (Day, Day),
    ) -> Result<Vec<InvestorGrade>, RatingError> {
        let tokens = [("token_id", listed(tokens))];
        self.over_days("investor-grades", &tokens, days).await
    }

    /// The single grades that newer plans have in the place of the other two; the latest of each token.
    pub async fn grades(&self, tokens: &[TokenId]) -> Result<Vec<Grade>, RatingError> {
        let tokens = [("token_id", listed(tokens))];
        self.pages("tm-grade", &tokens).await
    }

    /// Whether to buy, one answer for each token and day.
    pub async fn signals(
        &self,
        tokens: &[TokenId],
        days: (Day, Day),
    ) -> Result<Vec<TradingSignal>, RatingError> {
        let tokens = [("token_id", listed(tokens))];
        self.over_days("trading-signals", &tokens, days).await
    }

    /// All indices of a kind.
    pub async fn indices(&self, kind: IndexKind) -> Result<Vec<Index>, RatingError> {
        let kind = [("indicesType", kind.slug().to_owned())];
        self.pages("indices", &kind).await
    }

    /// What an index holds.
    pub async fn holdings(&self, index: IndexId) -> Result<Vec<Holding>, RatingError> {
        let index = [("id", index.0.to_string())];
        self.pages("indices-holdings", &index).await
    }

    /// What an index has done on each day from the first to the last of these.
    pub async fn performance(
        &self,
        index: IndexId,
        days: (Day, Day),
    ) -> Result<Vec<IndexDay>, RatingError> {
        let index = [("id", index.0.to_string())];
        self.over_days("indices-performance", &index, days).await
    }

    /// All rows of a stretch of time, asked for in portions that the source takes.
    async fn over_days<T: Row>(
        &self,
        path: &str,
        about: &[(&str, String)],
        days: (Day, Day),
    ) -> Result<Vec<T>, RatingError> {
        let mut rows = Vec::new();
        for (from, to) in portions(days) {
            let mut query = about.to_vec();
            query.push(("startDate", from.to_string()));
            query.push(("endDate", to.to_string()));
            rows.extend(self.pages(path, &query).await?);
        }
        Ok(rows)
    }

    /// All rows of an answer, page by page. A source that takes no notice of the page gives the same
    /// again, and one that takes none of the limit gives all at once: either ends the asking.
    async fn pages<T: Row>(
        &self,
        path: &str,
        about: &[(&str, String)],
    ) -> Result<Vec<T>, RatingError> {
        let mut all = Vec::new();
        let mut last = None;
        for page in 1..=MOST_PAGES {
            let mut url = joined(&self.url, path);
            url.query_pairs_mut()
                .extend_pairs(about)
                .append_pair("limit", &PAGE.to_string())
                .append_pair("page", &page.to_string());
            let body = self.ask(&url).await?;
            let digest = Some(digest_of(&body));
            if digest == last {
                break;
            }
            last = digest;
            let (rows, count) = read(&body)?;
            all.extend(rows);
            if count != PAGE {
                break;
            }
        }
        Ok(all)
    }

    async fn ask(&self, url: &Url) -> Result<Vec<u8>, RatingError> {
        let cap = self.fetcher.policy().max_body.min(SMALL_BODY);
        let key = (KEY_HEADER, self.key.clone());
        Ok(self.fetcher.get_with_key(url, key, cap).await?)
    }
}

/// What the plan leaves out is no failure of the rest.
fn in_plan<T>(answer: Result<T, RatingError>) -> Result<Option<T>, RatingError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(RatingError::NotInPlan) => Ok(None),
        Err(error) => Err(error),
    }
}

fn listed(tokens: &[TokenId]) -> String {
    let numbers: Vec<String> = tokens.iter().map(|token| token.0.to_string()).collect();
    numbers.join(",")
}

/// From the first to the last day in stretches of at most [`MOST_DAYS`].
fn portions((first, last): (Day, Day)) -> impl Iterator<Item = (Day, Day)> {
    let length = usize::try_from(MOST_DAYS).unwrap_or(1);
    (first.0..=last.0).step_by(length).map(move |from| {
        (
            Day(from),
            Day(last.0.min(from.saturating_add(MOST_DAYS - 1))),
        )
    })
}

/// The newest row of each token.
fn newest<T: Dated>(rows: Vec<T>) -> HashMap<TokenId, T> {
    let mut newest: HashMap<TokenId, T> = HashMap::new();
    for row in rows {
        let is_newer = newest
            .get(&row.token())
            .is_none_or(|known| known.at() < row.at());
        if is_newer {
            newest.insert(row.token(), row);
        }
    }
    newest
}

/// One row of an answer.
trait Row: Sized {
    /// `None` for a row without what it is known by.
    fn of(row: &RawValue) -> Option<Self>;
}

/// A row about one token, of one day where the source says of which.
trait Dated {
    fn token(&self) -> TokenId;
    fn at(&self) -> Option<Timestamp>;
}

cells! {
    EnvelopeCells {
        success: "success",
        data: "data",
    }
}

/// The rows of a whole body, and how many it holds, unusable ones included.
fn read<T: Row>(body: &[u8]) -> Result<(Vec<T>, usize), RatingError> {
    let envelope: EnvelopeCells<'_> = row(root_of(body)?);
    if flag_in(envelope.success) != Some(true) {
        return Err(RatingError::Malformed);
    }
    let list = envelope.data.map_or("", RawValue::get);
    let raw: Vec<&RawValue> = serde_json::from_str(list).map_err(|_| RatingError::Malformed)?;
    let rows: Vec<T> = raw.iter().filter_map(|row| T::of(row)).collect();
    let bad = raw.len() - rows.len();
    if bad * 100 > raw.len() * MOST_BAD {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        return Err(RatingError::Source(SourceError::TooManyBadRows {
            bad: count(bad),
            rows: count(raw.len()),
        }));
    }
    Ok((rows, raw.len()))
}

/// A grade, 0–100.
fn grade_in(cell: Cell<'_>) -> Option<f64> {
    number_in(cell).filter(|grade| (0.0..=100.0).contains(grade))
}

fn name_in(cell: Cell<'_>) -> Box<str> {
    let name = text_in(cell).unwrap_or_default();
    name.trim()
        .chars()
        .take(LONGEST_NAME)
        .collect::<String>()
        .into()
}

/// What a token is called. Names and symbols repeat, and are hostile text until rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: Box<str>,
    pub symbol: Box<str>,
}

cells! {
    TokenCells {
        id: "TOKEN_ID",
        name: "TOKEN_NAME",
        symbol: "TOKEN_SYMBOL",
    }
}

fn token(raw: &RawValue) -> Option<Token> {
    let cells: TokenCells<'_> = row(raw);
    Some(Token {
        id: TokenId(count_in(cells.id)?),
        name: name_in(cells.name),
        symbol: name_in(cells.symbol),
    })
}

/// A short-term grade.
#[derive(Debug, Clone, PartialEq)]
pub struct TraderGrade {
    pub token: Token,
    pub at: Option<Timestamp>,
    /// 0–100, as the two that it is made of.
    pub grade: Option<f64>,
    pub technical: Option<f64>,
    pub quantitative: Option<f64>,
    /// Percent of the grade of the day before.
    pub change_24h: Option<f64>,
}

cells! {
    TraderCells {
        date: "DATE",
        grade: "TM_TRADER_GRADE",
        technical: "TA_GRADE",
        quantitative: "QUANT_GRADE",
        change: "TM_TRADER_GRADE_24H_PCT_CHANGE",
    }
}

impl Row for TraderGrade {
    fn of(raw: &RawValue) -> Option<Self> {
        let cells: TraderCells<'_> = row(raw);
        Some(Self {
            token: token(raw)?,
            at: moment_in(cells.date),
            grade: grade_in(cells.grade),
            technical: grade_in(cells.technical),
            quantitative: grade_in(cells.quantitative),
            change_24h: number_in(cells.change),
        })
    }
}

/// A long-term grade.
#[derive(Debug, Clone, PartialEq)]
pub struct InvestorGrade {
    pub token: Token,
    pub at: Option<Timestamp>,
    /// 0–100, as the three that follow.
    pub grade: Option<f64>,
    pub fundamental: Option<f64>,
    pub technology: Option<f64>,
    pub valuation: Option<f64>,
    /// Percent of the grade of a week before.
    pub change_7d: Option<f64>,
}

cells! {
    InvestorCells {
        date: "DATE",
        grade: "TM_INVESTOR_GRADE",
        fundamental: "FUNDAMENTAL_GRADE",
        technology: "TECHNOLOGY_GRADE",
        valuation: "VALUATION_GRADE",
        change: "TM_INVESTOR_GRADE_7D_PCT_CHANGE",
    }
}

impl Row for InvestorGrade {
    fn of(raw: &RawValue) -> Option<Self> {
        let cells: InvestorCells<'_> = row(raw);
        Some(Self {
            token: token(raw)?,
            at: moment_in(cells.date),
            grade: grade_in(cells.grade),
            fundamental: grade_in(cells.fundamental),
            technology: grade_in(cells.technology),
            valuation: grade_in(cells.valuation),
            change_7d: number_in(cells.change),
        })
    }
}

/// The single grade of newer plans.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    pub token: Token,
    pub at: Option<Timestamp>,
    /// 0–100, as the fundamental one.
    pub grade: Option<f64>,
    pub fundamental: Option<f64>,
    /// Percent of the grade of the day before.
    pub change_24h: Option<f64>,
    /// The source's words for where the grade stands (`Strong`), what it would do and where it goes.
    pub class: Box<str>,
    pub signal: Box<str>,
    pub momentum: Box<str>,
}

cells! {
    GradeCells {
        date: "DATE",
        grade: "TM_GRADE",
        fundamental: "FUNDAMENTAL_GRADE",
        // With a small h, unlike its neighbours.
        change: "TM_GRADE_24h_PCT_CHANGE",
        class: "FUNDAMENTAL_GRADE_CLASS",
        signal: "TM_GRADE_SIGNAL",
        momentum: "MOMENTUM",
    }
}

impl Row for Grade {
    fn of(raw: &RawValue) -> Option<Self> {
        let cells: GradeCells<'_> = row(raw);
        Some(Self {
            token: token(raw)?,
            at: moment_in(cells.date),
            grade: grade_in(cells.grade),
            fundamental: grade_in(cells.fundamental),
            change_24h: number_in(cells.change),
            class: name_in(cells.class),
            signal: name_in(cells.signal),
            momentum: name_in(cells.momentum),
        })
    }
}

/// Whether to buy, and what following that would have brought.
#[derive(Debug, Clone, PartialEq)]
pub struct TradingSignal {
    pub token: Token,
    pub at: Option<Timestamp>,
    pub signal: Option<Signal>,
    /// Whether the price is said to rise.
    pub rising: Option<bool>,
    /// What following the signals since the beginning has brought, and what holding has: multiples of
    /// what was put in, less that.
    pub followed: Option<f64>,
    pub held: Option<f64>,
    /// 0–100.
    pub trader_grade: Option<f64>,
    pub investor_grade: Option<f64>,
}

cells! {
    SignalCells {
        date: "DATE",
        signal: "TRADING_SIGNAL",
        trend: "TOKEN_TREND",
        followed: "TRADING_SIGNALS_RETURNS",
        held: "HOLDING_RETURNS",
        trader: "TM_TRADER_GRADE",
        investor: "TM_INVESTOR_GRADE",
    }
}

impl Row for TradingSignal {
    fn of(raw: &RawValue) -> Option<Self> {
        let cells: SignalCells<'_> = row(raw);
        Some(Self {
            token: token(raw)?,
            at: moment_in(cells.date),
            signal: match sign_in(cells.signal) {
                Some(1) => Some(Signal::Buy),
                Some(0) => Some(Signal::Hold),
                Some(-1) => Some(Signal::Sell),
                _ => None,
            },
            rising: sign_in(cells.trend).map(|trend| trend > 0),
            followed: number_in(cells.followed),
            held: number_in(cells.held),
            trader_grade: grade_in(cells.trader),
            investor_grade: grade_in(cells.investor),
        })
    }
}

/// A small whole number with a sign.
fn sign_in(cell: Cell<'_>) -> Option<i8> {
    digits_in(cell)?.parse().ok()
}

macro_rules! dated {
    ($($row:ident),+) => {
        $(impl Dated for $row {
            fn token(&self) -> TokenId {
                self.token.id
            }

            fn at(&self) -> Option<Timestamp> {
                self.at
            }
        })+
    };
}

dated!(TraderGrade, InvestorGrade, Grade, TradingSignal);

/// A basket of tokens that the source keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    pub id: IndexId,
    pub name: Box<str>,
    pub ticker: Box<str>,
    /// US dollars a share.
    pub price_usd: Option<f64>,
    /// How many tokens it holds.
    pub coins: Option<u32>,
    /// By how many percent the price has changed.
    pub change_24h: Option<f64>,
    pub change_7d: Option<f64>,
    pub change_1m: Option<f64>,
    /// Since the index began, in percent.
    pub change_all: Option<f64>,
    /// US dollars.
    pub volume_24h_usd: Option<f64>,
    pub market_cap_usd: Option<f64>,
    /// 0–100.
    pub grade: Option<f64>,
}

cells! {
    IndexCells {
        id: "ID",
        name: "NAME",
        ticker: "TICKER",
        price: "PRICE",
        coins: "COINS",
        day: "24H",
        week: "7D",
        month: "1M",
        all: "ALL_TIME",
        volume: "24H_VOLUME",
        cap: "MARKET_CAP",
        grade: "INDEX_GRADE",
    }
}

impl Row for Index {
    fn of(raw: &RawValue) -> Option<Self> {
        let cells: IndexCells<'_> = row(raw);
        Some(Self {
            id: IndexId(count_in(cells.id)?),
            name: name_in(cells.name),
            ticker: name_in(cells.ticker),
            price_usd: number_in(cells.price),
            coins: count_in(cells.coins),
            change_24h: number_in(cells.day),
            change_7d: number_in(cells.week),
            change_1m: number_in(cells.month),
            change_all: number_in(cells.all),
            volume_24h_usd: number_in(cells.volume),
            market_cap_usd: number_in(cells.cap),
            grade: grade_in(cells.grade),
        })
    }
}

/// One token of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    pub token: Token,
    /// `CoinGecko`'s id of it.
    pub coingecko: Option<Box<str>>,
    /// Percent of the index.
    pub weight: Option<f64>,
    /// US dollars for one unit.
    pub price_usd: Option<f64>,
    /// What it has brought since it was taken in, in percent.
    pub roi: Option<f64>,
    /// 0–100.
    pub trader_grade: Option<f64>,
}

cells! {
    HoldingCells {
        coingecko: "CG_ID",
        weight: "WEIGHT",
        price: "PRICE",
        roi: "CURRENT_ROI",
        grade: "TRADER_GRADE",
    }
}

impl Row for Holding {
    fn of(raw: &RawValue) -> Option<Self> {
        let cells: HoldingCells<'_> = row(raw);
        Some(Self {
            token: token(raw)?,
            coingecko: Some(name_in(cells.coingecko)).filter(|id| !id.is_empty()),
            weight: grade_in(cells.weight),
            price_usd: number_in(cells.price),
            roi: number_in(cells.roi),
            trader_grade: grade_in(cells.grade),
        })
    }
}

/// What an index had done by one day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndexDay {
    pub index: IndexId,
    pub at: Timestamp,
    /// Since the index began.
    pub cumulative_roi: Option<f64>,
    /// US dollars.
    pub market_cap_usd: Option<f64>,
    pub volume_usd: Option<f64>,
    pub fully_diluted_usd: Option<f64>,
}

cells! {
    DayCells {
        id: "ID",
        date: "DATE",
        roi: "INDEX_CUMULATIVE_ROI",
        cap: "MARKET_CAP",
        volume: "VOLUME",
        diluted: "FDV",
    }
}

impl Row for IndexDay {
    fn of(raw: &RawValue) -> Option<Self> {
        let cells: DayCells<'_> = row(raw);
        Some(Self {
            index: IndexId(count_in(cells.id)?),
            at: moment_in(cells.date)?,
            cumulative_roi: number_in(cells.roi),
            market_cap_usd: number_in(cells.cap),
            volume_usd: number_in(cells.volume),
            fully_diluted_usd: number_in(cells.diluted),
        })
    }
}

#[cfg(test)]
mod tests;
