//! A verdict in words, with the figures that it rests on.

use super::{
    message::Colour,
    numbers::{dollars, limit, moment, percent, share, whole},
};
use crate::domain::{
    reading::{DataState, Doubt},
    verdict::{Assessment, DURABLE, HALF, Origin, Reason, Verdict, input::Input},
};

/// `✅ sustainable`.
pub const fn label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Sustainable => "✅ sustainable",
        Verdict::Mixed => "🟡 mixed",
        Verdict::Unsustainable => "❌ unsustainable",
        Verdict::Unknown => "❔ unknown",
    }
}

/// The colour of a message about a pool.
pub const fn colour(verdict: Verdict) -> Colour {
    match verdict {
        Verdict::Sustainable => Colour::Green,
        Verdict::Mixed => Colour::Amber,
        Verdict::Unsustainable => Colour::Red,
        Verdict::Unknown => Colour::Grey,
    }
}

/// The verdict, and the chances that the rate lasts where there are any, the lower first, since it counts:
/// `✅ sustainable – 92 % chance to keep at least half of today's rate for 30 days, 95 % to keep half of the
/// last month's mean, by this pool's own last two months`.
pub fn line(assessment: &Assessment) -> String {
    let label = label(assessment.verdict);
    let Some(score) = assessment.score else {
        return label.to_owned();
    };
    let both = chances(score, assessment.paid_score);
    let record = match origin(assessment) {
        Some(Origin::Feed) => "the feed's own summary",
        Some(Origin::Own) | None => "this pool's own last two months",
    };
    match assessment.reasons.first() {
        // Something else decided, and may say the opposite of the chance.
        Some(Reason::OverScreen { .. } | Reason::UnderFloor { .. } | Reason::EarnsNothing) => {
            label.to_owned()
        }
        Some(Reason::RewardShare(_) | Reason::NoSplit) => {
            format!("{label} for who pays; on its past alone {both}, by {record}")
        }
        Some(Reason::AgainstUsual { ratio, .. }) if decides(*ratio, assessment) => {
            // Half of the month's mean is lost already.
            let of_today = chances(score, None);
            format!("{label} for its fall; on its past alone {of_today}, by {record}")
        }
        _ => format!("{label} – {both}, by {record}"),
    }
}

/// Whether a fall to this part of the usual rate made the verdict worse than both chances would.
fn decides(ratio: f64, assessment: &Assessment) -> bool {
    let least = assessment.score.into_iter().chain(assessment.paid_score);
    ratio < HALF && least.fold(1.0, f64::min) >= DURABLE
}

/// `92 % chance to keep at least half of today's rate for 30 days, 95 % to keep half of the last month's
/// mean`.
fn chances(today: f64, month: Option<f64>) -> String {
    const OF_TODAY: &str = "half of today's rate";
    const OF_MONTH: &str = "half of the last month's mean";
    let first = |score, what: &str| {
        format!(
            "{} chance to keep at least {what} for 30 days",
            chance(score)
        )
    };
    let second = |score, what: &str| format!("{} to keep {what}", chance(score));
    match month {
        None => first(today, OF_TODAY),
        Some(month) if month < today => {
            format!("{}, {}", first(month, OF_MONTH), second(today, OF_TODAY))
        }
        Some(month) => format!("{}, {}", first(today, OF_TODAY), second(month, OF_MONTH)),
    }
}

/// A chance is never told as certain.
fn chance(score: f64) -> String {
    share(score.clamp(0.01, 0.99))
}

fn origin(assessment: &Assessment) -> Option<Origin> {
    assessment.reasons.iter().find_map(|reason| match reason {
        Reason::AgainstUsual { origin, .. } | Reason::UsuallyNothing(origin) => Some(*origin),
        _ => None,
    })
}

/// The reasons, strongest first, each a clause with its figures; but for the chance that the verdict's
/// line begins with.
fn reasons(assessment: &Assessment) -> Vec<String> {
    let reasons = assessment.reasons.iter();
    let untold = reasons.filter(|reason| !matches!(reason, Reason::Bleeds(_)));
    untold.map(reason).collect()
}

fn reason(reason: &Reason) -> String {
    match *reason {
        Reason::OverScreen { apy, limit: over } => format!(
            "APY of {} is over the {} from which on offers are screened out",
            percent(apy),
            limit(over)
        ),
        Reason::UnderFloor { tvl_usd, floor_usd } => format!(
            "TVL of {} is under {}, where a single deposit sets the rate",
            dollars(tvl_usd),
            dollars(floor_usd)
        ),
        Reason::NoUsableReading(state) => no_reading(state).to_owned(),
        Reason::SourceSilent(since) => format!(
            "the source has given no usable answer since {}",
            moment(since)
        ),
        Reason::EarnsNothing => "it earns nothing at the moment".to_owned(),
        Reason::RewardShare(rewards) if rewards <= 0.0 => {
            "none of it is paid in reward tokens".to_owned()
        }
        Reason::RewardShare(rewards) => {
            format!("{} of it is paid in reward tokens", share(rewards))
        }
        Reason::NoSplit => "the source gives no split: who pays is not known".to_owned(),
        Reason::AgainstUsual {
            ratio,
            centre,
            origin,
        } => {
            let centre = percent(centre);
            let usual = match origin {
                Origin::Own => format!("its 30-day median of {centre}"),
                Origin::Feed => format!("its 30-day mean of {centre} by the feed"),
            };
            against(ratio, &usual)
        }
        Reason::UsuallyNothing(_) => "it usually pays nothing".to_owned(),
        Reason::Varies(variation) => format!(
            "it varies: a typical day lies {} off the middle",
            off_the_middle(variation)
        ),
        Reason::Sign(input, value) => sign(input, value),
        Reason::Bleeds(score) => format!(
            "only {} chance to keep half of the last month's mean for 30 days",
            chance(score)
        ),
        Reason::ShortHistory { days: 0 } => "no full day of history yet".to_owned(),
        Reason::ShortHistory { days } => {
            let days = if days == 1 {
                "1 day".to_owned()
            } else {
                format!("{days} days")
            };
            format!("only {days} of history: too short to say what is usual")
        }
        Reason::NoHistory => "nothing is known of its past".to_owned(),
    }
}

/// Around one the ratio is no news; far under one, a factor reads badly.
fn against(ratio: f64, usual: &str) -> String {
    if (0.9..1.1).contains(&ratio) {
        format!("APY is close to {usual}")
    } else if ratio < HALF {
        format!(
            "APY has lost over half of what is usual: it is {} of {usual}",
            share(ratio)
        )
    } else if ratio < 0.9 {
        format!("APY is {} of {usual}", share(ratio))
    } else {
        format!("APY is {} times {usual}", factor(ratio))
    }
}

/// What an input says against a pool.
fn sign(input: Input, value: f64) -> String {
    let times = || factor(value.exp());
    let part = || share(value.clamp(0.0, 1.0));
    // What a difference of logarithms is as a change.
    let change = |value: f64| share((value.exp() - 1.0).abs());
    match input {
        Input::Level => format!("APY of {} is rarely kept", factor(value.exp())),
        Input::RewardShare => format!("{} of it is paid in reward tokens", part()),
        Input::OverYesterday => format!("APY is {} times that of the day before", times()),
        Input::OverRecent => format!("APY is {} times that of the last days", times()),
        Input::OverMedian => format!("APY is {} times the month's median", times()),
        Input::OverLow => format!("APY is {} times the lower quarter of two months", times()),
        Input::OverMonth => format!("APY is {} times the month's mean", times()),
        Input::OverPeak => format!("APY is {} times the month's highest", times()),
        Input::OverFees => format!(
            "it pays {} times what its usual daily pay makes at today's TVL",
            times()
        ),
        Input::SeenBelowHalf => format!(
            "{} it paid less than half of today's rate",
            part_of_two_months(value)
        ),
        Input::RecentOverMonth => format!(
            "the last days paid {} of the month's mean",
            share(value.exp())
        ),
        Input::LowWeekOverMonth => format!(
            "the week's low days paid {} of the month's mean",
            share(value.exp())
        ),
        Input::MonthOverFees => format!(
            "the month's mean is {} times what the week's pay makes at today's TVL",
            times()
        ),
        Input::MonthSeenBelowHalf => format!(
            "{} it paid less than half of the month's mean",
            part_of_two_months(value)
        ),
        Input::Unrest => format!("a typical day moves its rate by {}", change(value)),
        Input::TvlUnrest => format!("its TVL has varied by {} over two months", change(value)),
        Input::Slope if value < 0.0 => format!(
            "its rate has fallen by {} a day over the month",
            change(value)
        ),
        Input::Slope => format!(
            "its rate has risen by {} a day over the month",
            change(value)
        ),
        Input::Echo => "its rate follows itself from one spell to the next".to_owned(),
        Input::MonthDays => format!("only {} of the month's days are known", whole(value)),
        Input::TwoMonthsDays => format!("only {} of the last 60 days are known", whole(value)),
        Input::OverFeedMean => format!("APY is {} times the feed's 30-day mean", times()),
        Input::FeedVariation => format!("it varies by {} over its life, by the feed", share(value)),
        Input::FeedDays => format!("the feed has observed it for {} days", whole(value.exp())),
        Input::Tvl => format!("TVL is {}", dollars(value.exp())),
    }
}

fn part_of_two_months(part: f64) -> String {
    if part > 0.995 {
        "throughout the last two months".to_owned()
    } else {
        format!("on {} of the days of the last two months", share(part))
    }
}

/// `3.1`, or whole from ten on.
fn factor(times: f64) -> String {
    if times < 10.0 {
        format!("{times:.1}")
    } else {
        whole(times)
    }
}

fn off_the_middle(variation: f64) -> String {
    super::numbers::limit((variation * 100.0).round())
}

/// Why a reading is not used.
pub const fn no_reading(state: DataState) -> &'static str {
    match state {
        DataState::Good => "the reading is fresh and plausible",
        DataState::Suspect => {
            "the latest reading contradicts what stood before and is not confirmed yet"
        }
        DataState::Stale => {
            "the source has not read this pool for too long, or its figures stand still"
        }
        DataState::Missing => "the pool is not in the latest answers of the source",
    }
}

/// Why a reading is not believed, and what would change that.
pub const fn doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Zero => {
            "it fell to zero from a positive rate; not used for verdicts or alerts until the next \
             answer of the source says so again"
        }
        Doubt::Jump => {
            "it is more than five times what it was; not used for verdicts or alerts until the next \
             answer of the source says so again"
        }
        Doubt::Fall => {
            "it is less than a fifth of what it was; not used for verdicts or alerts until the next \
             answer of the source says so again"
        }
        Doubt::Drain => {
            "TVL is less than a fifth of what it was; not used for verdicts or alerts until the next \
             answer of the source says so again"
        }
        Doubt::UnitChange => {
            "all rates of this protocol moved by about a hundred at once, as when a unit changes; not \
             used for verdicts or alerts until they are back, or have stood for a day"
        }
    }
}

/// `3 of 4 inputs known`.
pub fn coverage(assessment: &Assessment) -> String {
    let coverage = assessment.coverage;
    format!("{} of {} inputs known", coverage.known, coverage.of)
}

/// The verdict with its strongest reason: `❌ unsustainable (90 % of it is paid in reward tokens)`.
pub fn brief(assessment: &Assessment) -> String {
    let label = label(assessment.verdict);
    match assessment.reasons.first() {
        Some(first) => format!("{label} ({})", reason(first)),
        None => label.to_owned(),
    }
}

/// Verdict, reasons and coverage, one a line.
pub fn paragraph(assessment: &Assessment) -> String {
    let mut lines = vec![line(assessment)];
    lines.extend(
        reasons(assessment)
            .into_iter()
            .map(|reason| format!("- {reason}")),
    );
    lines.push(format!("- {}", coverage(assessment)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn verdicts_read_as_sentences() {
        let verdicts = [
            samples::calm(),
            samples::spike(),
            samples::restless(),
            samples::emissions(),
            samples::no_split(),
            samples::over_screen(),
            samples::suspect(),
        ];
        insta::assert_snapshot!(verdicts.each_ref().map(paragraph).join("\n\n"));
    }

    #[test]
    fn a_fall_that_decides_is_named() {
        let fallen = Assessment {
            verdict: Verdict::Mixed,
            score: Some(0.99),
            paid_score: Some(0.98),
            reasons: std::iter::once(Reason::AgainstUsual {
                ratio: 0.39,
                centre: samples::percent(5.06),
                origin: Origin::Own,
            })
            .collect(),
            ..samples::calm()
        };
        let words = line(&fallen);
        let begin = "🟡 mixed for its fall; on its past alone 99 % chance to keep at least half of \
                     today's rate for 30 days, by";
        assert!(words.starts_with(begin), "{words}");
    }

    #[test]
    fn the_chance_that_decides_comes_first_and_once() {
        let bleeding = Assessment {
            verdict: Verdict::Unsustainable,
            score: Some(0.99),
            paid_score: Some(0.48),
            reasons: [Reason::Bleeds(0.48), Reason::RewardShare(0.0)]
                .into_iter()
                .collect(),
            ..samples::calm()
        };
        let words = paragraph(&bleeding);
        let begin = "❌ unsustainable – 48 % chance to keep at least half of the last month's mean for 30 \
                     days, 99 % to keep half of today's rate, by";
        assert!(words.starts_with(begin), "{words}");
        assert_eq!(words.matches("48 %").count(), 1, "{words}");
    }

    #[test]
    fn every_reason_has_its_figures() {
        let percent = |value| crate::domain::rate::Percent::new(value).unwrap();
        for (given, words) in [
            (
                Reason::UnderFloor {
                    tvl_usd: 9_100.0,
                    floor_usd: 10_000.0,
                },
                "TVL of $9.1k is under $10k, where a single deposit sets the rate",
            ),
            (
                Reason::RewardShare(0.0),
                "none of it is paid in reward tokens",
            ),
            (
                Reason::RewardShare(0.874),
                "87 % of it is paid in reward tokens",
            ),
            (
                Reason::AgainstUsual {
                    ratio: 0.4,
                    centre: percent(5.0),
                    origin: Origin::Own,
                },
                "APY has lost over half of what is usual: it is 40 % of its 30-day median of 5.00 %",
            ),
            (
                Reason::AgainstUsual {
                    ratio: 1234.6,
                    centre: percent(0.01),
                    origin: Origin::Own,
                },
                "APY is 1,235 times its 30-day median of 0.01 %",
            ),
            (
                Reason::Varies(0.45),
                "it varies: a typical day lies 45 % off the middle",
            ),
            (
                Reason::ShortHistory { days: 1 },
                "only 1 day of history: too short to say what is usual",
            ),
            (
                Reason::SourceSilent(crate::domain::time::Timestamp::from_millis(1_000)),
                "the source has given no usable answer since <t:1:f>",
            ),
            (Reason::NoHistory, "nothing is known of its past"),
        ] {
            assert_eq!(reason(&given), words);
        }
    }
}
