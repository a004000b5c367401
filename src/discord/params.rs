//! What people write into options, read once and the same way everywhere.

use std::{fmt, str::FromStr};

use poise::serenity_prelude as serenity;
use serenity::{CommandInteraction, CommandOptionType, CreateCommandOption, ResolvedValue};

use crate::{
    alerting::templates::Template,
    domain::{
        ids::{AlertId, GoalId, LedgerEntryId, PositionId, WatchId},
        ledger::{
            self,
            export::Format,
            summary::{Basis, By},
        },
        manner::Digest,
        method::{Method, MethodFilter},
        plan::{self, allocation::Appetite, basket::Index, cashflow, scenario::Preset},
        position::Payout,
        rule::{Kind, Unit},
        verdict::Verdict,
        zone::{Days, Weekday},
    },
    market::search::{Order, VerdictFilter},
};

/// A text that reads as a `T`: an amount, a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<T>(pub T);

/// The longest text that any such value needs.
const LONGEST_VALUE: u16 = 40;

/// Why an option could not be read, in words for the person who wrote it.
#[derive(Debug)]
pub struct Misread(String);

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misread {}

/// The text of an option of at most so many characters. Discord holds people to that; whoever talks to us in
/// its place might not.
#[expect(
    clippy::result_large_err,
    reason = "it is handed on as it is to a library that wants it so"
)]
fn text<'a>(value: &ResolvedValue<'a>, longest: u16) -> Result<&'a str, poise::SlashArgError> {
    let ResolvedValue::String(text) = value else {
        let words = "expected a string";
        return Err(poise::SlashArgError::new_command_structure_mismatch(words));
    };
    if text.chars().count() > usize::from(longest) {
        let words = format!("That is too long; {longest} characters are the most.");
        let begins: String = text.chars().take(usize::from(longest)).collect();
        return Err(misread(words, &begins));
    }
    Ok(text)
}

fn misread(words: impl fmt::Display, input: &str) -> poise::SlashArgError {
    poise::SlashArgError::new_parse(Box::new(Misread(words.to_string())), input.to_owned())
}

#[poise::async_trait]
impl<T> poise::SlashArgument for Written<T>
where
    T: FromStr + Send,
    T::Err: fmt::Display,
{
    async fn extract(
        _: &serenity::Context,
        _: &CommandInteraction,
        value: &ResolvedValue<'_>,
    ) -> Result<Self, poise::SlashArgError> {
        let text = text(value, LONGEST_VALUE)?;
        text.parse()
            .map(Self)
            .map_err(|error: T::Err| misread(error, text))
    }

    fn create(builder: CreateCommandOption) -> CreateCommandOption {
        builder
            .kind(CommandOptionType::String)
            .min_length(1)
            .max_length(LONGEST_VALUE)
    }
}

/// What a person typed or picked to name a pool, an asset, a protocol or a chain. A picked pool is
/// its key; typed text is looked up by the command, and may be the address of a pool's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(pub String);

#[poise::async_trait]
impl poise::SlashArgument for Name {
    async fn extract(
        _: &serenity::Context,
        _: &CommandInteraction,
        value: &ResolvedValue<'_>,
    ) -> Result<Self, poise::SlashArgError> {
        let text = text(value, LONGEST_NAME)?.trim();
        if text.is_empty() {
            return Err(misread("A name is needed, not only blanks.", text));
        }
        Ok(Self(text.to_owned()))
    }

    fn create(builder: CreateCommandOption) -> CreateCommandOption {
        builder
            .kind(CommandOptionType::String)
            .min_length(1)
            .max_length(LONGEST_NAME)
    }
}

/// An address comes with whatever a site hung to it.
const LONGEST_NAME: u16 = 300;

impl FromStr for AlertId {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        number(text).map(Self)
    }
}

impl FromStr for PositionId {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        number(text).map(Self)
    }
}

impl FromStr for LedgerEntryId {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        number(text).map(Self)
    }
}

impl FromStr for GoalId {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        number(text).map(Self)
    }
}

impl FromStr for WatchId {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        number(text).map(Self)
    }
}

/// A number out of a list, as `12` or `#12`.
fn number(text: &str) -> Result<i64, Misread> {
    let digits = text.trim();
    let number = digits.strip_prefix('#').unwrap_or(digits).parse().ok();
    number.filter(|number| *number > 0).ok_or_else(|| {
        let shown: String = text.chars().filter(|c| *c != '`').take(40).collect();
        Misread(format!(
            "`{shown}` is not a number of this list; pick one of those offered, or write it like 12."
        ))
    })
}

/// A closed set that Discord offers as a list. The value that goes over the wire is a slug, so a
/// list that grows does not change what an older client means.
pub trait Choice: Sized + Copy + Send + 'static {
    /// What is shown, what is sent, what is meant.
    fn offered() -> Vec<(&'static str, &'static str, Self)>;
}

/// One of the offered values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneOf<T>(pub T);

#[poise::async_trait]
impl<T: Choice> poise::SlashArgument for OneOf<T> {
    async fn extract(
        _: &serenity::Context,
        _: &CommandInteraction,
        value: &ResolvedValue<'_>,
    ) -> Result<Self, poise::SlashArgError> {
        let text = text(value, LONGEST_NAME)?;
        T::offered()
            .into_iter()
            .find(|(_, slug, _)| *slug == text)
            .map(|(_, _, meant)| Self(meant))
            .ok_or_else(|| {
                poise::SlashArgError::new_command_structure_mismatch("a choice that is not offered")
            })
    }

    fn create(builder: CreateCommandOption) -> CreateCommandOption {
        T::offered().into_iter().fold(
            builder.kind(CommandOptionType::String),
            |builder, (name, slug, _)| builder.add_string_choice(name, slug),
        )
    }
}

impl Choice for Kind {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        Self::ALL
            .into_iter()
            .map(|kind| {
                let name = match kind {
                    Self::ApyAbove => "APY at or above a value",
                    Self::ApyBelow => "APY at or below a value",
                    Self::ApyChange => "APY changes by a value",
                    Self::VerdictWorsens => "Verdict worsens",
                    Self::VerdictBecomes => "Verdict becomes a certain one",
                    Self::BaseShareBelow => "Share not paid in reward tokens under a percentage",
                    Self::RewardsEnd => "Reward tokens are no longer paid",
                    Self::TvlDrop => "TVL drops by percent",
                    Self::Over100 => "APY above 100 %",
                    Self::PoolGone => "Pool no longer listed",
                    Self::Stale => "Figures too old to be used",
                    Self::OffPeg => "A stablecoin of it is off its peg",
                    Self::ProtocolIncident => {
                        "Its protocol is flagged, or loses 30 % of its TVL in 24 h"
                    }
                    Self::NewSustainable => "New sustainable offer",
                };
                (name, kind.slug(), kind)
            })
            .collect()
    }
}

impl Choice for Method {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        Self::ALL
            .into_iter()
            .filter(|method| *method != Self::Unknown)
            .map(|method| (method.label(), method.slug(), method))
            .collect()
    }
}

impl Choice for ledger::Kind {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let all = Self::ALL.into_iter();
        all.map(|kind| (kind.label(), kind.slug(), kind)).collect()
    }
}

impl Choice for By {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("month", "month", Self::Month),
            ("year", "year", Self::Year),
            ("kind", "kind", Self::Kind),
            ("asset", "asset", Self::Asset),
        ]
    }
}

impl Choice for Basis {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("when it was received", "receipt", Self::Receipt),
            ("when it was withdrawn", "withdrawal", Self::Withdrawal),
        ]
    }
}

impl Choice for Format {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let all = Self::ALL.into_iter();
        all.map(|format| {
            let name = match format {
                Self::Csv => "a table for spreadsheets, which /ledger import takes",
                Self::Json => "JSON for programs",
                Self::Koinly => "Koinly's universal template",
            };
            (name, format.slug(), format)
        })
        .collect()
    }
}

impl Choice for Payout {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let all = Self::ALL.into_iter();
        all.map(|payout| (payout.label(), payout.slug(), payout))
            .collect()
    }
}

/// When an alert speaks: at once where it has no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub Option<Digest>);

impl Choice for Mode {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("at once", "instant", Self(None)),
            (
                "in a daily digest",
                Digest::Daily.slug(),
                Self(Some(Digest::Daily)),
            ),
            (
                "in a weekly digest, on Mondays",
                Digest::Weekly.slug(),
                Self(Some(Digest::Weekly)),
            ),
        ]
    }
}

/// How often a report comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    Day,
    Week,
    Never,
}

impl Choice for Every {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("every day", "day", Self::Day),
            ("every week", "week", Self::Week),
            ("never", "never", Self::Never),
        ]
    }
}

impl Choice for Days {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("all days", "all", Self::All),
            ("Monday to Friday", "weekdays", Self::Weekdays),
            ("Saturday and Sunday", "weekends", Self::Weekends),
        ]
    }
}

impl Choice for Weekday {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let names = [
            "Monday",
            "Tuesday",
            "Wednesday",
            "Thursday",
            "Friday",
            "Saturday",
            "Sunday",
        ];
        let all = names.into_iter().zip(Self::ALL);
        all.map(|(name, day)| (name, name, day)).collect()
    }
}

impl Choice for Template {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let all = Self::ALL.into_iter();
        all.map(|one| (one.words(), one.slug(), one)).collect()
    }
}

impl Choice for Verdict {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        Self::ALL
            .into_iter()
            .filter(|verdict| *verdict != Self::Unknown)
            .map(|verdict| (verdict.slug(), verdict.slug(), verdict))
            .collect()
    }
}

impl Choice for plan::Period {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("a month", "month", Self::Month),
            ("a year", "year", Self::Year),
        ]
    }
}

impl Choice for cashflow::Every {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("every month", "month", Self::Month),
            ("every quarter", "quarter", Self::Quarter),
        ]
    }
}

impl Choice for Appetite {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let all = Self::ALL.into_iter();
        all.map(|one| (one.slug(), one.slug(), one)).collect()
    }
}

impl Choice for Index {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        [
            ("large-cap staking, 4–8 %", Self::LargeCapStaking),
            ("DeFi yield, 10–20 %", Self::DefiYield),
            ("balanced income and growth, 3–7 %", Self::Balanced),
        ]
        .map(|(words, index)| (words, index.slug(), index))
        .to_vec()
    }
}

impl Choice for Preset {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let all = Self::ALL.into_iter();
        all.map(|one| (one.label(), one.slug(), one)).collect()
    }
}

impl Choice for Unit {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("percent of the earlier rate", "percent", Self::Percent),
            ("percentage points", "points", Self::Points),
        ]
    }
}

impl Choice for MethodFilter {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        Self::all()
            .map(|filter| {
                let name = match filter {
                    Self::Staking => "staking (all kinds)",
                    Self::One(method) => method.label(),
                };
                (name, filter.slug(), filter)
            })
            .filter(|(_, _, filter)| *filter != Self::One(Method::Unknown))
            .collect()
    }
}

impl Choice for VerdictFilter {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            (
                "sustainable only",
                "sustainable",
                Self::Only(Verdict::Sustainable),
            ),
            ("mixed only", "mixed", Self::Only(Verdict::Mixed)),
            (
                "unsustainable only, with why each is",
                "unsustainable",
                Self::Only(Verdict::Unsustainable),
            ),
            ("any, the unsustainable too", "any", Self::Any),
        ]
    }
}

impl Choice for Order {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("best verdict first", "verdict", Self::Verdict),
            ("highest APY first", "apy", Self::Apy),
            ("largest TVL first", "tvl", Self::Tvl),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Choice>() {
        let offered = T::offered();
        assert!((1..=25).contains(&offered.len()));
        for (at, (name, slug, _)) in offered.iter().enumerate() {
            assert!((1..=100).contains(&name.chars().count()), "{name}");
            assert!((1..=100).contains(&slug.chars().count()), "{slug}");
            let earlier = offered.get(..at).unwrap_or_default();
            assert!(
                earlier
                    .iter()
                    .all(|(other_name, other, _)| other_name != name && other != slug),
                "{slug} is offered twice"
            );
        }
    }

    /// F-X14: what is longer than it may be is not even read.
    #[test]
    fn a_text_is_read_up_to_its_longest_form() {
        let read = |length: usize| {
            let words = "ü".repeat(length);
            text(&ResolvedValue::String(&words), LONGEST_VALUE).is_ok()
        };
        let most = usize::from(LONGEST_VALUE);
        assert!(read(0) && read(most));
        assert!(!read(most + 1) && !read(1_000_000));
        assert!(text(&ResolvedValue::Boolean(true), LONGEST_VALUE).is_err());
    }

    #[test]
    fn choices_fit_discord_and_differ() {
        check::<Kind>();
        check::<Unit>();
        check::<Mode>();
        check::<Every>();
        check::<Days>();
        check::<Weekday>();
        check::<Template>();
        check::<plan::Period>();
        check::<cashflow::Every>();
        check::<Appetite>();
        check::<Index>();
        check::<Preset>();
        check::<MethodFilter>();
        check::<VerdictFilter>();
        check::<Order>();
        check::<ledger::Kind>();
        check::<By>();
        check::<Basis>();
        check::<Format>();
    }

    #[test]
    fn the_staking_family_is_offered() {
        let slugs: Vec<_> = MethodFilter::offered()
            .into_iter()
            .map(|(_, slug, _)| slug)
            .collect();
        assert!(slugs.contains(&"staking"));
        assert!(slugs.contains(&"lending"));
        assert!(!slugs.contains(&"unknown"));
    }

    #[test]
    fn numbers_are_read_with_and_without_their_sign() {
        assert_eq!("#12".parse::<AlertId>().unwrap(), AlertId(12));
        assert_eq!(" 7 ".parse::<PositionId>().unwrap(), PositionId(7));
        for text in ["", "-1", "0", "12x", "`@everyone`", "99999999999999999999"] {
            let error = text.parse::<AlertId>().unwrap_err().to_string();
            assert_eq!(error.matches('`').count(), 2, "{error}");
        }
    }
}
