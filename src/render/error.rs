//! What went wrong, in words that say what to do about it.

use std::time::Duration;

use super::{
    count,
    numbers::{bare, grouped, grouped_u64, limit},
    text::{self, SENTENCE},
};
use crate::domain::{
    currency::Currency,
    ids::{AlertId, ChannelId, PoolId, WatchId},
    impermanent::LossError,
    ledger::{EntryError, when::WhenError},
    plan::{PlanError, projection::MOST_YEARS},
    rate::Percent,
    rule::RuleError,
    stack::StackError,
    time::Span,
};

/// Something that the person can put right, with the value that was wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    OnlyInServers,
    NeedsManageServer,
    /// Nobody whom the configuration names as an operator.
    OnlyForOperator,
    /// Discord still shows a form of the command that is no longer ours.
    Outdated,
    /// The button is not ours, too old, or used up.
    Expired,
    NotYours,
    /// The person, or their server, has asked too much in too short a time.
    TooFast {
        wait: Duration,
    },
    /// The database is in use for longer than we wait for it.
    Busy,
    /// The market has not been read yet.
    NoMarketYet,
    /// No pool answers to the text. The closest, as they are called.
    PoolUnknown {
        text: String,
        closest: Vec<String>,
    },
    /// The source does not list the pool of this key.
    PoolNotListed(PoolId),
    /// Pools are to be compared, and one was named twice. Its name for Discord.
    PoolTwice {
        pool: String,
    },
    /// The pool's figures cannot be reckoned with now. Its name for Discord.
    NoUsableRate {
        pool: String,
    },
    /// A number that is no rate.
    RateUnreadable(String),
    Stack(StackError),
    /// Of a loan to value and a number of loops only one was told.
    LoopHalf,
    /// A borrow rate without a loop.
    NothingBorrowed,
    Loss(LossError),
    /// Neither a pool nor a change of price, or both.
    LossUnclear,
    Plan(PlanError),
    /// Amounts of one plan in several currencies.
    CurrenciesDiffer(Currency, Currency),
    /// A level of risk and shares of one's own.
    RiskOrShares,
    /// A year to begin with, and nothing to withdraw.
    NothingWithdrawn,
    /// Several pools answer to the text.
    PoolAmbiguous {
        text: String,
        closest: Vec<String>,
    },
    /// No asset, protocol or chain has the name.
    NameUnknown {
        what: &'static str,
        text: String,
        closest: Vec<String>,
    },
    Rule(RuleError),
    HoldTooLong(Span),
    MuteTooLong(Span),
    RemindsTooOften(Span),
    /// The pool is gone from the market.
    PoolGone,
    /// The server has no alerts at all.
    NoAlerts,
    /// The alert is not muted, or none is.
    NotMuted(Option<AlertId>),
    /// Nothing was given that would change anything.
    NothingChanged,
    NothingToUndo,
    /// No alert speaks in that channel.
    NoAlertsIn(ChannelId),
    QuietHoursEmpty,
    QuietHoursHalf,
    ZoneUnknown(String),
    FileTooLong {
        most_kib: u32,
    },
    /// Discord did not hand the file out.
    FileUnreachable,
    /// The file is no text.
    NotText,
    /// The file holds no alerts as we write them; why, in words that come from it.
    FileUnreadable(String),
    /// The alert does not watch that pool.
    PoolNotWatched(AlertId),
    /// The role cannot be called by everybody.
    RoleUncallable,
    /// An alert on everything would never be silent.
    ScopeTooWide,
    NothingMatches,
    TooManyAlerts {
        limit: usize,
    },
    AlertUnknown(AlertId),
    PositionUnknown,
    TooManyPositions {
        limit: usize,
    },
    /// Those of a file would be too many with those that are kept.
    PositionsDoNotFit {
        kept: usize,
        added: usize,
        limit: usize,
    },
    /// The ledger has no such entry of the person's.
    EntryUnknown,
    TooManyEntries {
        limit: usize,
    },
    /// Those of a file would be too many with those that are kept.
    EntriesDoNotFit {
        kept: usize,
        added: usize,
        limit: usize,
    },
    /// Nothing of the entry would be otherwise.
    EntryUnchanged,
    /// Of the moment of an entry no source has a price of this asset, or the same one as before.
    NoOtherPrice(String),
    Entry(EntryError),
    When(WhenError),
    /// The file is no table of a ledger; why, in words that come from it.
    LedgerUnreadable(String),
    /// The entry was changed by somebody while this change of it was worked out.
    EntryMoved,
    GoalUnknown,
    WatchUnknown,
    TooManyWatches {
        limit: usize,
    },
    /// The person has nothing watched.
    NoWatches,
    /// That is watched for them under this number.
    WatchedAlready(WatchId),
    /// An option was given that the choice has no use for.
    MeansNothing {
        option: &'static str,
        of: &'static str,
    },
    /// The person keeps no goal to be measured by.
    NoGoal,
    /// A rate is to be watched, and none over 0 is named.
    RateToWatchNeeded,
    /// Not whole days from 1 on.
    DaysToWatch {
        most: u16,
    },
    /// A lock is one of a position, whatever its pool.
    LockOfPool,
    RestTooLong(Span),
    /// What a dollar is in it no source tells now.
    ExchangeUnknown(Currency),
    TooManyGoals {
        limit: usize,
    },
    /// Nothing of the position would be otherwise.
    PositionUnchanged,
    /// No amount, or one in money with a token beside it.
    HoldingUnclear,
    /// The person keeps shares of the whole, and this is an amount.
    SharesKept,
    /// The person keeps amounts, and this is a share.
    AmountsKept,
    /// A share of more than the whole.
    ShareOverWhole,
    /// Shares and amounts do not stand side by side.
    KeptOtherwise,
    /// Neither a pool nor a rate nor a network to stake on.
    EarnsNowhere,
    /// A pool and a rate.
    EarnsTwice,
    /// The name of a place, and no rate that is paid there.
    PlaceWithoutRate,
    StatedRateOutOfRange {
        most: f64,
    },
    LayersTooMany {
        most: usize,
    },
    /// Something is said to have happened after today.
    DateAhead,
    /// Something is said to have happened before there was any chain.
    DateTooEarly,
    LockIsOver,
    LockTooLong,
    /// A word of a file that is none of those that are known.
    WordUnknown {
        what: &'static str,
        text: String,
        known: Vec<&'static str>,
    },
    /// A cell of a file, in the domain's words.
    Unreadable(String),
    /// The file is no table of positions; why, in words that come from it.
    TableUnreadable(String),
    /// A share of this pool has no one asset.
    ValueNeeded {
        pool: String,
    },
    /// The pool has several tokens, and none was named.
    AssetNeeded {
        assets: Vec<String>,
    },
    AssetNotInPool {
        asset: String,
        assets: Vec<String>,
    },
    NoteTooLong {
        most: usize,
    },
    /// Something that takes no messages of ours, such as a voice channel.
    ChannelUnfit,
    /// We lack rights in the channel.
    RightsLacking {
        channel: ChannelId,
        rights: Vec<&'static str>,
    },
    /// The channel cannot be posted to; why, and what mends it.
    ChannelRefused(String),
}

const ONLY_IN_SERVERS: &str =
    "This works in a server only, since notices need a channel. Use it there.";
const ONLY_FOR_OPERATOR: &str =
    "This is for whoever runs me; the key `discord.operators` of my configuration names them.";
const NEEDS_MANAGE_SERVER: &str =
    "You need the right “Manage Server” for this. Ask somebody who has it.";
const OUTDATED: &str =
    "Discord shows an older form of this command. Reload Discord (Ctrl+R) and try again.";
const EXPIRED: &str = "This button has expired. Give the command again.";
const NOT_YOURS: &str = "This button is for somebody else.";
const BUSY: &str = "Too much is going on right now. Try again in a minute.";
const NO_MARKET_YET: &str = "There are no readings yet: the source has not answered. Try again in \
     some minutes, or look at `/status`.";
const SCOPE_TOO_WIDE: &str = "This would watch every pool there is. Narrow it with `pool`, \
     `asset`, `protocol`, `chain`, `method` or `min_tvl`.";
const NOTHING_MATCHES: &str =
    "No pool fits all of these together. Leave one out, or look with `/yield find` first.";
const POSITION_UNKNOWN: &str =
    "You have no such position. `/portfolio view` shows those that you have.";
const GOAL_UNKNOWN: &str = "You have no such goal. `/plan list` shows those that you have.";
const POSITION_UNCHANGED: &str = "Nothing of that is new. Name what shall be otherwise, such as `amount`, or what to take away with `clear`.";
const ENTRY_UNKNOWN: &str = "You have no such entry. `/ledger list` shows those that you have.";
const ENTRY_UNCHANGED: &str = "Nothing of that is new. Name what shall be otherwise, such as `unit_value`, or what to take away with `clear`.";
const SHARES_KEPT: &str = "You keep shares of the whole and no amounts: write a weight such as `40%`, without cost or \
    fees. A ledger and goals are of amounts; for those choose a currency by `/portfolio settings`.";
const AMOUNTS_KEPT: &str = "You keep amounts, so tell how much it is, such as `5,000` or `€5k`. To keep weights and no amounts, \
    choose `/portfolio settings currency:shares` while you hold nothing.";
const KEPT_OTHERWISE: &str = "Shares and amounts do not stand side by side: take out first what you keep, by `/portfolio remove`, \
    `/ledger delete` and `/plan delete`, or all at once by `/privacy delete`.";
const HOLDING_UNCLEAR: &str = "Tell in `amount` either units of a token, such as 1.5 with `asset`, or what \
     it is worth, such as $500 without an asset.";
const EARNS_NOWHERE: &str = "Where does it earn? Name a `pool`, or a `rate` in percent a year (0 for \
     nothing), or an `index`, or direct or delegated staking as its `method` with ETH, SOL, DOT, ATOM or ADA as its `asset`.";
const EARNS_TWICE: &str = "It lies in a `pool`, in an `index` or at a `rate` that you state; name one of them. \
     What it earns on top goes into `layer`.";
const PLACE_WITHOUT_RATE: &str =
    "A `place` belongs to a rate that you state. Tell its `rate` in percent a year too.";
const DATE_AHEAD: &str = "That day has not come yet. Name one up to today.";
const LOCK_IS_OVER: &str = "That lock is over already. Name a day to come, or leave it out.";
const CHANNEL_UNFIT: &str = "Notices go to a text or announcement channel, to a thread or to a post of \
     a forum. Name one with `channel`.";
const NO_ALERTS: &str = "There are no alerts here yet. `/alerts add` sets one.";
const ROLE_UNCALLABLE: &str = "That role cannot be called. Open the server's settings, *Roles*, choose it \
     and switch on “Allow anyone to @mention this role”; then try again.";

const LOOP_HALF: &str = "A loop needs both: tell `loop_ltv`, such as 80, and `loops`, such as 3.";
const NOTHING_BORROWED: &str = "Nothing is borrowed without a loop. Tell `loop_ltv` and `loops` as well, or leave `borrow_rate` out.";
const LOSS_UNCLEAR: &str = "Tell either a `pool`, or what a price has changed by in `change_a` (and \
     `change_b`); one of the two.";
const RISK_OR_SHARES: &str = "Tell either `risk`, or shares of your own in `staking`, `lending`, `lp` and \
     `farming`; one of the two.";
const NOTHING_WITHDRAWN: &str =
    "`withdraw_from` says from which year on; tell `withdraw` as well, such as 2k.";

/// What was wrong, and what to do.
pub fn line(trouble: &Trouble) -> String {
    match trouble {
        Trouble::OnlyInServers => ONLY_IN_SERVERS.to_owned(),
        Trouble::NeedsManageServer => NEEDS_MANAGE_SERVER.to_owned(),
        Trouble::OnlyForOperator => ONLY_FOR_OPERATOR.to_owned(),
        Trouble::Outdated => OUTDATED.to_owned(),
        Trouble::Expired => EXPIRED.to_owned(),
        Trouble::NotYours => NOT_YOURS.to_owned(),
        Trouble::TooFast { wait } => {
            format!("That was quick. Try again in {} s.", wait.as_secs().max(1))
        }
        Trouble::Busy => BUSY.to_owned(),
        Trouble::NoMarketYet => NO_MARKET_YET.to_owned(),
        Trouble::PoolUnknown { text, closest } => pool_unknown(text, closest),
        Trouble::PoolNotListed(id) => pool_not_listed(*id),
        Trouble::PoolTwice { pool } => {
            format!("{pool} was named twice. Name another pool to set beside it.")
        }
        Trouble::NoUsableRate { pool } => format!(
            "{pool} has no figures that can be reckoned with at the moment; `/yield pool` tells why. \
             Try again later, or take another pool."
        ),
        Trouble::RateUnreadable(text) => format!(
            "{} is no rate. Write percent a year such as 0.4 or 12.5, or name a pool.",
            quoted(text)
        ),
        Trouble::Stack(error) => sentence(&foreign(&error.to_string())),
        Trouble::Loss(error) => sentence(&foreign(&error.to_string())),
        Trouble::Plan(error) => plan(*error),
        Trouble::CurrenciesDiffer(one, other) => {
            format!("The amounts are in {one} and in {other}. Write all of a plan in one currency.")
        }
        Trouble::RiskOrShares => RISK_OR_SHARES.to_owned(),
        Trouble::NothingWithdrawn => NOTHING_WITHDRAWN.to_owned(),
        Trouble::LoopHalf => LOOP_HALF.to_owned(),
        Trouble::NothingBorrowed => NOTHING_BORROWED.to_owned(),
        Trouble::LossUnclear => LOSS_UNCLEAR.to_owned(),
        Trouble::PoolAmbiguous { text, closest } => pool_ambiguous(text, closest),
        Trouble::NameUnknown {
            what,
            text,
            closest,
        } => name_unknown(what, text, closest),
        Trouble::Rule(error) => foreign(&stopped(&error.to_string())),
        Trouble::HoldTooLong(span) => {
            format!("{span} is too long to wait; `hold` and `clear_hold` may be up to 7d.")
        }
        Trouble::ScopeTooWide => SCOPE_TOO_WIDE.to_owned(),
        Trouble::NothingMatches => NOTHING_MATCHES.to_owned(),
        Trouble::TooManyAlerts { limit } => too_many("alerts in this server", *limit),
        Trouble::AlertUnknown(id) => {
            format!("There is no alert #{id} here. `/alerts list` shows those that there are.")
        }
        Trouble::PositionUnknown => POSITION_UNKNOWN.to_owned(),
        Trouble::TooManyPositions { limit } => too_many("positions of yours", *limit),
        Trouble::PositionsDoNotFit { kept, added, limit } => {
            do_not_fit(("position", "positions"), *kept, *added, *limit)
        }
        Trouble::EntryUnknown => ENTRY_UNKNOWN.to_owned(),
        Trouble::TooManyEntries { limit } => too_many("entries in your ledger", *limit),
        Trouble::EntriesDoNotFit { kept, added, limit } => {
            do_not_fit(("entry", "entries"), *kept, *added, *limit)
        }
        Trouble::EntryUnchanged => ENTRY_UNCHANGED.to_owned(),
        Trouble::NoOtherPrice(asset) => format!(
            "No source has another price of {} at that moment, or none answers now. What was kept stays; \
             state a value with `unit_value`.",
            text::name(asset)
        ),
        Trouble::Entry(error) => sentence(&foreign(&error.to_string())),
        Trouble::When(error) => sentence(&foreign(&error.to_string())),
        Trouble::LedgerUnreadable(why) => format!(
            "The file cannot be used: {} Its first line names the columns; `/ledger export` shows how one looks.",
            stopped(&foreign(&why.split_whitespace().collect::<Vec<_>>().join(" ")))
        ),
        Trouble::ExchangeUnknown(currency) => format!(
            "No source tells the exchange of {currency} at the moment. Write the amount in US dollars, such as $20."
        ),
        Trouble::EntryMoved => {
            "That entry was changed a moment ago. Look at `/ledger list`, then try again.".to_owned()
        }
        Trouble::GoalUnknown => GOAL_UNKNOWN.to_owned(),
        Trouble::WatchUnknown => {
            "You have no such watch. `/watch list` shows those that you have.".to_owned()
        }
        Trouble::TooManyWatches { limit } => too_many("watches of yours", *limit),
        Trouble::NoWatches => {
            "Nothing is watched for you. `/watch add` begins.".to_owned()
        }
        Trouble::WatchedAlready(id) => {
            format!("That is watched for you already: it is number {id} of `/watch list`.")
        }
        Trouble::MeansNothing { option, of } => {
            format!("`{option}` means nothing for {of}: leave it out.")
        }
        Trouble::NoGoal => "You keep no goal to be measured by. `/plan goal` reckons with one, and its button \
             keeps it."
            .to_owned(),
        Trouble::RateToWatchNeeded => {
            "Under which rate? Say it in percent, such as `value:3`.".to_owned()
        }
        Trouble::DaysToWatch { most } => {
            format!("So many days before its end have to be 1 to {most}, such as `value:7`.")
        }
        Trouble::LockOfPool => "A lock is one of a position of yours: leave `pool` out, and all of yours are \
             watched."
            .to_owned(),
        Trouble::RestTooLong(span) => {
            format!("{span} is no time to rest for; write one up to 366d, such as 24h.")
        }
        Trouble::TooManyGoals { limit } => too_many("goals of yours", *limit),
        Trouble::PositionUnchanged => POSITION_UNCHANGED.to_owned(),
        Trouble::HoldingUnclear => HOLDING_UNCLEAR.to_owned(),
        Trouble::SharesKept => SHARES_KEPT.to_owned(),
        Trouble::AmountsKept => AMOUNTS_KEPT.to_owned(),
        Trouble::ShareOverWhole => "A share is 100 % at most.".to_owned(),
        Trouble::KeptOtherwise => KEPT_OTHERWISE.to_owned(),
        Trouble::EarnsNowhere => EARNS_NOWHERE.to_owned(),
        Trouble::EarnsTwice => EARNS_TWICE.to_owned(),
        Trouble::PlaceWithoutRate => PLACE_WITHOUT_RATE.to_owned(),
        Trouble::StatedRateOutOfRange { most } => {
            format!("A rate that you state may be 0 to {} a year.", limit(*most))
        }
        Trouble::LayersTooMany { most } => {
            format!("A position has {most} layers at most: where it lies, and what it earns on top.")
        }
        Trouble::DateAhead => DATE_AHEAD.to_owned(),
        Trouble::DateTooEarly => {
            "Before 2009-01-03 there was no chain to earn on. Name a later day.".to_owned()
        }
        Trouble::LockIsOver => LOCK_IS_OVER.to_owned(),
        Trouble::LockTooLong => "A lock of more than 50 years is not kept.".to_owned(),
        Trouble::WordUnknown { what, text, known } => {
            format!("{} is no {what}. Write one of {}.", quoted(text), known.join(", "))
        }
        Trouble::Unreadable(why) => sentence(&foreign(why)),
        Trouble::TableUnreadable(why) => format!(
            "The file cannot be used: {} Its first line names the columns; `/portfolio export` shows how one looks.",
            stopped(&foreign(&why.split_whitespace().collect::<Vec<_>>().join(" ")))
        ),
        Trouble::ValueNeeded { pool } => value_needed(pool),
        Trouble::AssetNeeded { assets } if assets.is_empty() => {
            "Which token is the amount in? Name it with `asset`, or write what it is worth, such as $500."
                .to_owned()
        }
        Trouble::AssetNeeded { assets } => {
            let names = names(assets);
            format!("Which token is the amount in? Name it with `asset`: {names}.")
        }
        Trouble::AssetNotInPool { asset, assets } => {
            let (asset, names) = (quoted(asset), names(assets));
            format!("The pool does not hold {asset}. It holds {names}.")
        }
        Trouble::NoteTooLong { most } => {
            format!("The note is too long; {most} characters are kept.")
        }
        Trouble::ChannelUnfit => CHANNEL_UNFIT.to_owned(),
        Trouble::MuteTooLong(span) => {
            format!("{span} is no time to be silent for; write one up to 30d, such as 24h.")
        }
        Trouble::RemindsTooOften(span) => {
            format!("A reminder each {span} is too often; write 1h or more, or 0s for none.")
        }
        Trouble::PoolGone => {
            "The source no longer lists that pool, so there is no rate to reckon with.".to_owned()
        }
        Trouble::NoAlerts => NO_ALERTS.to_owned(),
        Trouble::NotMuted(Some(id)) => format!("Alert #{id} is not muted."),
        Trouble::NotMuted(None) => "No alert here is muted.".to_owned(),
        Trouble::NothingChanged => {
            "Nothing of that is new. Name what shall be otherwise, such as `value` or `hold`."
                .to_owned()
        }
        Trouble::NothingToUndo => {
            "No alert was removed here in the last 30 days that could be brought back.".to_owned()
        }
        Trouble::NoAlertsIn(channel) => {
            format!("No alert speaks in <#{channel}>. `/alerts list` tells where they do.")
        }
        Trouble::QuietHoursEmpty => {
            "Quiet hours have to end at another time than they begin.".to_owned()
        }
        Trouble::QuietHoursHalf => {
            "Tell both `from` and `to`, such as 22:00 and 07:00; or `off` to have none.".to_owned()
        }
        Trouble::ZoneUnknown(text) => format!(
            "{} is no time zone. Pick one of those that are offered while you type, such as Europe/Berlin.",
            quoted(text)
        ),
        Trouble::FileTooLong { most_kib } => {
            format!("The file is too long; files up to {most_kib} KiB are read.")
        }
        Trouble::FileUnreachable => {
            "Discord did not hand the file out. Attach it again and try once more.".to_owned()
        }
        Trouble::NotText => "The file is no text in UTF-8.".to_owned(),
        Trouble::FileUnreadable(why) => format!(
            "The file cannot be used: {} `/alerts export` shows how one looks.",
            stopped(&foreign(
                &why.split_whitespace().collect::<Vec<_>>().join(" ")
            ))
        ),
        Trouble::PoolNotWatched(id) => format!(
            "Alert #{id} does not watch that pool: it is outside of its scope. `/alerts show` tells what it watches."
        ),
        Trouble::RoleUncallable => ROLE_UNCALLABLE.to_owned(),
        Trouble::RightsLacking { channel, rights } => rights_lacking(*channel, rights),
        Trouble::ChannelRefused(words) => sentence(words),
    }
}

/// A fault of ours; the number finds it in the log.
pub fn internal(incident: &impl std::fmt::Display) -> String {
    format!(
        "That failed, and the fault is ours. Try again; if it stays, give incident `{incident}` to \
         whoever runs this bot."
    )
}

/// Why an option was not read, in the domain's words.
pub fn misread(words: &str) -> String {
    sentence(&foreign(words))
}

fn plan(error: PlanError) -> String {
    let rate = |rate: Percent| limit(rate.get());
    match error {
        PlanError::Tax(tax) => format!(
            "A tax of {} leaves nothing to plan with. Tell one from 0 to under 100 %.",
            rate(tax)
        ),
        PlanError::Inflation(inflation) => format!(
            "An inflation of {} cannot be reckoned with. Tell one over −99 % and up to 1,000 % a year.",
            rate(inflation)
        ),
        PlanError::Yield(stated) => format!(
            "A yield of {} cannot be reckoned with. Tell one over 0 and up to 1,000 % a year.",
            rate(stated)
        ),
        PlanError::PriceGrowth(growth) => format!(
            "A price that changes by {} cannot be reckoned with. Tell a change over −99 % and up to \
             1,000 % a year.",
            rate(growth)
        ),
        PlanError::Share(share) => {
            format!("{} is no share. Tell one from 0 to 100 %.", rate(share))
        }
        PlanError::Shares(whole) => format!(
            "The shares add up to {whole} %. They have to make 100 %; what is left out counts as 0."
        ),
        PlanError::Years(years) => format!(
            "{} is no number of years to look through. Tell 1 to {MOST_YEARS}.",
            grouped_u64(years.into())
        ),
        PlanError::WithdrawalAfterTheEnd { from, years } => format!(
            "A plan of {years} years has no year {from}. Tell a `withdraw_from` of 1 to {years}."
        ),
        PlanError::WithdrawalTooLarge => {
            "A year of that takes more than the whole capital. Tell a smaller \
             `withdraw`, or a later `withdraw_from`."
                .to_owned()
        }
        PlanError::NothingAdded => {
            "What you `contribute` is added until withdrawals begin, and they begin at \
             once. Tell a later `withdraw_from`, or leave one of the two out."
                .to_owned()
        }
        PlanError::Variation(points) => format!(
            "A variation of {} points cannot be reckoned with. Tell one from 0 to 100.",
            bare(points)
        ),
        PlanError::BeyondAllNumbers => {
            "That becomes more than can be counted. Tell smaller amounts, a lower \
             yield or fewer years."
                .to_owned()
        }
    }
}

fn pool_unknown(text: &str, closest: &[String]) -> String {
    with_closest(
        &format!("No pool answers to {}.", quoted(text)),
        "Closest",
        closest,
        "Pick one of those that are offered while you type, or search with `/yield find`.",
    )
}

fn pool_not_listed(id: PoolId) -> String {
    format!(
        "The source does not list the pool `{id}` now: it is gone, holds under $10k, or is newer than \
         the last answer. Search for others with `/yield find`."
    )
}

fn pool_ambiguous(text: &str, closest: &[String]) -> String {
    with_closest(
        &format!("Several pools answer to {}.", quoted(text)),
        "The largest",
        closest,
        "Pick one of those that are offered while you type, or add words such as the protocol and \
         the chain.",
    )
}

fn name_unknown(what: &str, text: &str, closest: &[String]) -> String {
    with_closest(
        &format!("No pool has the {what} {}.", quoted(text)),
        "Closest",
        closest,
        "Pick one of those that are offered while you type.",
    )
}

fn with_closest(what: &str, heading: &str, closest: &[String], hint: &str) -> String {
    if closest.is_empty() {
        return format!("{what} {hint}");
    }
    let lines: Vec<String> = closest.iter().map(|name| format!("- {name}")).collect();
    format!("{what} {heading}:\n{}\n{hint}", lines.join("\n"))
}

fn too_many(what: &str, limit: usize) -> String {
    format!(
        "There are {} {what} already, and no more are taken. Remove one first.",
        grouped(limit)
    )
}

fn do_not_fit((one, several): (&str, &str), kept: usize, added: usize, limit: usize) -> String {
    format!(
        "You keep {} and the file would add {}, but {} is the most that one person may keep. Nothing of the \
         file was kept: take some out of it, or remove some first.",
        count(kept, one, several),
        grouped(added),
        grouped(limit)
    )
}

fn value_needed(pool: &str) -> String {
    format!(
        "A share of {pool} is no single token, so its units say nothing about its worth. Write in \
         `amount` what it is worth, with its currency: $500, €2,000."
    )
}

fn rights_lacking(channel: ChannelId, rights: &[&str]) -> String {
    let rights: Vec<String> = rights.iter().map(|right| format!("**{right}**")).collect();
    format!(
        "I cannot post in <#{channel}>: I lack {}. Open the channel's settings, *Permissions*, add \
         my role and allow it there; then try again.",
        rights.join(" and ")
    )
}

fn quoted(text: &str) -> String {
    format!("“{}”", text::escape(text))
}

fn names(assets: &[String]) -> String {
    let names: Vec<String> = assets
        .iter()
        .take(10)
        .map(|asset| text::name(asset))
        .collect();
    names.join(", ")
}

/// The domain quotes what was typed between backticks, where nothing can be escaped.
fn foreign(words: &str) -> String {
    text::escape_to(&words.replace('`', "'"), SENTENCE)
}

/// A sentence of somebody else's words: an upper-case start and a stop at the end.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    stopped(&format!("{}{}", first.to_uppercase(), letters.as_str()))
}

fn stopped(words: &str) -> String {
    let stop = if words.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{words}{stop}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            impermanent::PriceRatio,
            money::Amount,
            rule::{Condition, Kind, Terms},
            stack::Loop,
        },
        render::samples,
    };

    #[test]
    fn every_trouble_says_what_to_do() {
        let words = |text: &str| text.to_owned();
        let pools = || {
            vec![
                words("USDC · aave-v3 · Ethereum"),
                words("USDC · morpho · Base"),
            ]
        };
        let terms = Terms {
            value: Some(5.0),
            clear_at: Some(6.0),
            ..Terms::default()
        };
        let troubles = [
            Trouble::OnlyInServers,
            Trouble::NeedsManageServer,
            Trouble::OnlyForOperator,
            Trouble::Outdated,
            Trouble::Expired,
            Trouble::NotYours,
            Trouble::TooFast {
                wait: Duration::from_millis(3_900),
            },
            Trouble::Busy,
            Trouble::NoMarketYet,
            Trouble::PoolUnknown {
                text: words("USCD [x](https://evil) @everyone `x`"),
                closest: Vec::new(),
            },
            Trouble::PoolUnknown {
                text: words("USCD"),
                closest: pools(),
            },
            Trouble::PoolNotListed(samples::ID.parse().unwrap()),
            Trouble::PoolTwice {
                pool: words("USDC · aave-v3 · Ethereum"),
            },
            Trouble::NoUsableRate {
                pool: words("USDC · aave-v3 · Ethereum"),
            },
            Trouble::RateUnreadable(words("0,4 `@here`")),
            Trouble::Stack(Loop::new(0.5, 21).unwrap_err()),
            Trouble::LoopHalf,
            Trouble::NothingBorrowed,
            Trouble::Loss(
                PriceRatio::from_changes(Percent::ZERO, samples::percent(-100.0)).unwrap_err(),
            ),
            Trouble::LossUnclear,
            Trouble::Plan(PlanError::Tax(samples::percent(100.0))),
            Trouble::Plan(PlanError::Inflation(samples::percent(-99.0))),
            Trouble::Plan(PlanError::Yield(Percent::ZERO)),
            Trouble::Plan(PlanError::PriceGrowth(samples::percent(-99.0))),
            Trouble::Plan(PlanError::Share(samples::percent(101.0))),
            Trouble::Plan(PlanError::Shares(95.into())),
            Trouble::Plan(PlanError::Years(61)),
            Trouble::Plan(PlanError::WithdrawalAfterTheEnd {
                from: 11,
                years: 10,
            }),
            Trouble::Plan(PlanError::WithdrawalTooLarge),
            Trouble::Plan(PlanError::NothingAdded),
            Trouble::Plan(PlanError::Variation(101.0)),
            Trouble::Plan(PlanError::BeyondAllNumbers),
            Trouble::CurrenciesDiffer(Currency::Eur, Currency::Usd),
            Trouble::RiskOrShares,
            Trouble::NothingWithdrawn,
            Trouble::PoolAmbiguous {
                text: words("USDC"),
                closest: pools(),
            },
            Trouble::NameUnknown {
                what: "protocol",
                text: words("**aave**"),
                closest: vec![words("aave-v3")],
            },
            Trouble::Rule(Condition::new(Kind::ApyAbove, terms).unwrap_err()),
            Trouble::Rule(Condition::new(Kind::TvlDrop, Terms::default()).unwrap_err()),
            Trouble::HoldTooLong(Span::days(8)),
            Trouble::ScopeTooWide,
            Trouble::NothingMatches,
            Trouble::TooManyAlerts { limit: 100 },
            Trouble::AlertUnknown(AlertId(12)),
            Trouble::PositionUnknown,
            Trouble::TooManyPositions { limit: 1_000 },
            Trouble::PositionsDoNotFit {
                kept: 100,
                added: 1_150,
                limit: 1_000,
            },
            Trouble::HoldingUnclear,
            Trouble::SharesKept,
            Trouble::AmountsKept,
            Trouble::ShareOverWhole,
            Trouble::KeptOtherwise,
            Trouble::ValueNeeded {
                pool: words("USDC-WETH"),
            },
            Trouble::AssetNeeded {
                assets: vec![words("USDC"), words("WETH")],
            },
            Trouble::AssetNotInPool {
                asset: words("@here"),
                assets: vec![words("USDC"), words("**WETH**")],
            },
            Trouble::NoteTooLong { most: 200 },
            Trouble::ChannelUnfit,
            Trouble::MuteTooLong(Span::days(40)),
            Trouble::NoAlerts,
            Trouble::RemindsTooOften(Span::minutes(1)),
            Trouble::PoolGone,
            Trouble::NotMuted(None),
            Trouble::NotMuted(Some(AlertId(12))),
            Trouble::PoolNotWatched(AlertId(12)),
            Trouble::NothingChanged,
            Trouble::NothingToUndo,
            Trouble::NoAlertsIn(ChannelId(5)),
            Trouble::QuietHoursEmpty,
            Trouble::QuietHoursHalf,
            Trouble::ZoneUnknown("Mars/*Base*".to_owned()),
            Trouble::FileTooLong { most_kib: 256 },
            Trouble::NotText,
            Trouble::FileUnreadable("unknown field `holds`".to_owned()),
            Trouble::RoleUncallable,
            Trouble::RightsLacking {
                channel: ChannelId(7),
                rights: vec!["View Channel", "Manage Webhooks"],
            },
            Trouble::ChannelRefused(words("it is a forum")),
            Trouble::EntryUnknown,
            Trouble::TooManyEntries { limit: 20_000 },
            Trouble::EntriesDoNotFit {
                kept: 1,
                added: 20_000,
                limit: 20_000,
            },
            Trouble::WatchUnknown,
            Trouble::TooManyWatches { limit: 20 },
            Trouble::NoWatches,
            Trouble::WatchedAlready(WatchId(3)),
            Trouble::MeansNothing {
                option: "hold",
                of: "a lock",
            },
            Trouble::NoGoal,
            Trouble::RateToWatchNeeded,
            Trouble::DaysToWatch { most: 366 },
            Trouble::LockOfPool,
            Trouble::RestTooLong(Span::days(400)),
            Trouble::EntryUnchanged,
            Trouble::NoOtherPrice(words("**WETH**")),
            Trouble::Entry(EntryError::Asset(words("@here"))),
            Trouble::Entry(EntryError::WithdrawnBefore),
            Trouble::Entry(EntryError::TooMuch),
            Trouble::Entry(EntryError::NoteTooLong),
            Trouble::When(WhenError::Unreadable(words("soon"))),
            Trouble::When(WhenError::ToCome(words("2126-01-01"))),
            Trouble::When(WhenError::TooEarly(words("1999-01-01"))),
            Trouble::LedgerUnreadable("it has no column `kind`; its columns are `Date`".to_owned()),
        ];
        let mut lines: Vec<String> = troubles.iter().map(line).collect();
        let misreadings = [
            "1.5x`@here".parse::<Amount>().unwrap_err().to_string(),
            "soon".parse::<Span>().unwrap_err().to_string(),
        ];
        lines.extend(misreadings.iter().map(|words| misread(words)));
        lines.push(internal(&"7f3a"));
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_people_wrote_does_not_become_markup() {
        let words = line(&Trouble::PoolUnknown {
            text: "**@everyone** `x`".to_owned(),
            closest: Vec::new(),
        });
        assert!(!words.contains("@everyone"), "{words}");
        assert!(words.contains(r"\*\*"), "{words}");
    }

    #[test]
    fn a_trouble_says_what_to_do() {
        let closest = vec!["USDC · aave-v3 · Ethereum".to_owned()];
        let words = line(&Trouble::PoolAmbiguous {
            text: "usdc".to_owned(),
            closest,
        });
        assert!(words.contains("- USDC · aave-v3 · Ethereum\n"), "{words}");
        let words = line(&Trouble::RightsLacking {
            channel: ChannelId(7),
            rights: vec!["View Channel", "Manage Webhooks"],
        });
        assert!(words.contains("<#7>"), "{words}");
        assert!(words.contains("**View Channel** and **Manage Webhooks**"));
    }

    #[test]
    fn words_become_sentences() {
        assert_eq!(sentence("a window is too long"), "A window is too long.");
        assert_eq!(sentence("Try again."), "Try again.");
        assert_eq!(sentence(""), "");
    }
}
