//! Figures as people read them.

use std::time::Duration;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::{
    currency::Currency,
    income::Income,
    rate::{Percent, Points},
    time::{Span, Timestamp},
};

/// `4.10 %`, `0.0015 %`, `687,486 %`.
pub fn percent(rate: Percent) -> String {
    format!("{} %", rate_number(rate))
}

/// [`percent`] without its sign, for where several share one: `base 2.60 + rewards 0.00 %`.
pub fn rate_number(rate: Percent) -> String {
    let value = rate.get();
    let size = value.abs();
    if size > 0.0 && size < 0.099_95 {
        return significant(value, 3);
    }
    let places = match size {
        size if size < 99.995 => 2,
        size if size < 999.95 => 1,
        _ => 0,
    };
    fixed(value, places)
}

/// A figure that a person set, without the zeros that nobody wrote: `3 %`, `3.6 %`.
pub fn limit(value: f64) -> String {
    format!("{} %", bare(value))
}

/// A figure as it was meant: `2.4` for `2.4000000000000004`, grouped, without trailing zeros.
pub fn bare(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.1 {
        significant(value, 3)
    } else {
        without_zeros(&fixed(value, 4))
    }
}

/// A difference between rates, with its sign: `−1.50 pp`.
pub fn points(difference: Points) -> String {
    let number = Percent::new(difference.get()).map_or_else(String::new, rate_number);
    format!("{}{number} pp", plus(difference.get()))
}

/// A relative change in percent, with its sign: `−37 %`, `+2.5 %`.
pub fn change(percent: f64) -> String {
    let places = usize::from(percent.abs() < 9.95);
    format!(
        "{}{} %",
        plus(percent),
        without_zeros(&fixed(percent, places))
    )
}

const fn plus(value: f64) -> &'static str {
    if value > 0.0 { "+" } else { "" }
}

/// A share between 0 and 1 in whole percent; what is there is never rounded to nothing or to all.
pub fn share(share: f64) -> String {
    // Adding zero takes the sign off a negative nothing.
    let percent = (share * 100.0).clamp(0.0, 100.0) + 0.0;
    match percent {
        percent if percent > 0.0 && percent < 0.5 => "under 1 %".to_owned(),
        percent if percent > 99.5 && percent < 100.0 => "over 99 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

/// US dollars at three significant digits: `$950`, `$12.4k`, `$1.2M`, `$1.25B`.
pub fn dollars(usd: f64) -> String {
    let size = usd.abs();
    let sign = if usd < 0.0 { "−" } else { "" };
    if size < 9.995 {
        let cents = format!("{size:.2}");
        return format!("{sign}${}", cents.trim_end_matches(".00"));
    }
    format!("{sign}${}", short(size))
}

/// An amount at three significant digits, without its currency: `950`, `12.4k`, `−1.2M`, `1.25B`.
pub fn short(amount: f64) -> String {
    let size = amount.abs();
    let sign = if amount < 0.0 { "−" } else { "" };
    let units = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
    // Half of one under the unit would print as a thousand of the smaller one.
    let unit = units.into_iter().find(|(unit, _)| size >= unit * 0.9995);
    let Some((unit, letter)) = unit else {
        return fixed(amount, 0);
    };
    let scaled = size / unit;
    let places = match scaled {
        scaled if scaled < 9.995 => 2,
        scaled if scaled < 99.95 => 1,
        _ => 0,
    };
    format!("{sign}{}{letter}", without_zeros(&fixed(scaled, places)))
}

/// Exact US dollars to the cent: `$1,250.50`.
pub fn money(usd: Decimal) -> String {
    sum(usd, Currency::Usd)
}

/// Exact money to its smallest coin: `€1,250.50`, `CHF 1,250.50`, `¥1,250`; shares of the whole as `40 %`.
pub fn sum(amount: Decimal, currency: Currency) -> String {
    if currency == Currency::Share {
        return of_whole(amount);
    }
    let places = currency.places();
    let rounded = amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
    let sign = currency.sign();
    if rounded.is_zero() && !amount.is_zero() {
        return format!("under {sign}{}", Decimal::new(1, places));
    }
    let minus = if rounded.is_sign_negative() && !rounded.is_zero() {
        "−"
    } else {
        ""
    };
    let places = usize::try_from(places).unwrap_or(2);
    format!(
        "{minus}{sign}{}",
        group(&format!("{:.places$}", rounded.abs()))
    )
}

/// A part of the whole in percent, to four digits that tell something: `40 %`, `0.02917 %`.
fn of_whole(percent: Decimal) -> String {
    let short = percent.round_sf(4).unwrap_or(percent).normalize();
    let minus = if short.is_sign_negative() { "−" } else { "" };
    format!("{minus}{} %", short.abs())
}

/// A quantity of an asset to six significant digits behind the whole: `5,000`, `0.00421`.
pub fn units(quantity: Decimal) -> String {
    let places = if quantity.abs() >= Decimal::ONE {
        6
    } else {
        12
    };
    let rounded = quantity
        .round_dp(places)
        .round_sf(if places == 6 { 20 } else { 6 })
        .unwrap_or(quantity)
        .normalize();
    let sign = if rounded.is_sign_negative() {
        "−"
    } else {
        ""
    };
    format!("{sign}{}", group(&rounded.abs().to_string()))
}

/// A yearly income by day, month and year: `$0.36 a day · $10.83 a month · $130.00 a year`.
pub fn income(income: Income) -> String {
    format!(
        "{} a day · {} a month · {} a year",
        money(income.day()),
        money(income.month()),
        money(income.year())
    )
}

/// How long something took or ago it was: `45 s`, `4 min`, `26 h`, `3 d`.
pub fn age(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", (seconds + 30) / 60),
        5_400..172_800 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} d", grouped_u64((seconds + 43_200) / 86_400)),
    }
}

/// A length of time that a person set: `2 h`, `7 d`, `1 h 30 min`.
pub fn span(span: Span) -> String {
    let mut words = Vec::new();
    for part in span.to_string().split(' ') {
        let digits = part.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = part.trim_start_matches(digits);
        let unit = if unit == "m" { "min" } else { unit };
        words.push(format!("{digits} {unit}"));
    }
    words.join(" ")
}

/// A moment that each reader sees as a distance: `<t:1:R>` shows as `3 hours ago`.
pub fn ago(at: Timestamp) -> String {
    format!("<t:{}:R>", at.seconds())
}

/// A moment that each reader sees with date and time in their own zone.
pub fn moment(at: Timestamp) -> String {
    format!("<t:{}:f>", at.seconds())
}

/// A day that each reader sees in their own zone.
pub fn day(at: Timestamp) -> String {
    format!("<t:{}:D>", at.seconds())
}

/// A figure without anything behind the point: `1,235`.
pub fn whole(value: f64) -> String {
    fixed(value, 0)
}

/// A count with thousands separators.
pub fn grouped(count: usize) -> String {
    group(&count.to_string())
}

/// A count with thousands separators.
pub fn grouped_u64(count: u64) -> String {
    group(&count.to_string())
}

/// `value` with `places` behind the point, grouped, with a real minus and without a minus zero.
fn fixed(value: f64, places: usize) -> String {
    let digits = format!("{:.places$}", value.abs());
    let nothing = digits.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !nothing { "−" } else { "" };
    format!("{sign}{}", group(&digits))
}

/// `value` to so many digits, for what is far below one.
fn significant(value: f64, digits: usize) -> String {
    let size = value.abs();
    if size < 1e-6 {
        return format!("{}under 0.000001", if value < 0.0 { "−" } else { "" });
    }
    let leading = (1..=6)
        .find(|place| size >= 0.1_f64.powi(*place))
        .unwrap_or(6);
    let places = usize::try_from(leading).unwrap_or(1) + digits - 1;
    without_zeros(&fixed(value, places))
}

fn without_zeros(number: &str) -> String {
    if number.contains('.') {
        number
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else {
        number.to_owned()
    }
}

/// Puts thousands separators into the whole part of unsigned decimal digits.
fn group(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::with_capacity(digits.len() + 4);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    #[test]
    fn rates() {
        for (value, shown) in [
            (4.1, "4.10 %"),
            (0.0, "0.00 %"),
            (-0.0, "0.00 %"),
            (0.0015, "0.0015 %"),
            (0.012_345, "0.0123 %"),
            (0.09, "0.09 %"),
            (0.1, "0.10 %"),
            (1e-9, "under 0.000001 %"),
            (57.02, "57.02 %"),
            (99.996, "100.0 %"),
            (103.41, "103.4 %"),
            (999.96, "1,000 %"),
            (687_486.2, "687,486 %"),
            (-0.5, "−0.50 %"),
        ] {
            assert_eq!(percent(rate(value)), shown, "{value}");
        }
    }

    #[test]
    fn limits_that_people_set() {
        for (value, shown) in [
            (3.0, "3 %"),
            (2.4 * 1.5, "3.6 %"),
            (3.0 * 0.8, "2.4 %"),
            (0.05, "0.05 %"),
            (1_000_000.0, "1,000,000 %"),
            (0.0, "0 %"),
        ] {
            assert_eq!(limit(value), shown, "{value}");
        }
    }

    #[test]
    fn differences() {
        assert_eq!(points(rate(2.6).points_from(rate(4.1))), "−1.50 pp");
        assert_eq!(points(rate(4.1).points_from(rate(2.6))), "+1.50 pp");
        assert_eq!(points(rate(2.0).points_from(rate(2.0))), "0.00 pp");
        assert_eq!(points(rate(4.1).points_from(rate(4.0))), "+0.10 pp");
        for (value, shown) in [
            (-36.58, "−37 %"),
            (2.54, "+2.5 %"),
            (1240.0, "+1,240 %"),
            (0.0, "0 %"),
            (-9.97, "−10 %"),
        ] {
            assert_eq!(change(value), shown, "{value}");
        }
    }

    #[test]
    fn shares() {
        for (value, shown) in [
            (0.0, "0 %"),
            (0.001, "under 1 %"),
            (0.87, "87 %"),
            (0.999, "over 99 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(share(value), shown, "{value}");
        }
    }

    #[test]
    fn dollars_of_every_size() {
        for (value, shown) in [
            (0.0, "$0"),
            (0.5, "$0.50"),
            (5.0, "$5"),
            (9.99, "$9.99"),
            (950.4, "$950"),
            (999.6, "$1k"),
            (12_400.0, "$12.4k"),
            (999_960.0, "$1M"),
            (1_200_000.0, "$1.2M"),
            (22_300_000.0, "$22.3M"),
            (710e6, "$710M"),
            (1.25e9, "$1.25B"),
            (4.2e12, "$4.2T"),
            (-5_000.0, "−$5k"),
        ] {
            assert_eq!(dollars(value), shown, "{value}");
        }
    }

    #[test]
    fn exact_money_and_units() {
        for (value, shown) in [
            ("1250.5", "$1,250.50"),
            ("0.356", "$0.36"),
            ("0.001", "under $0.01"),
            ("0", "$0.00"),
            ("1000000", "$1,000,000.00"),
            ("-3.005", "−$3.01"),
        ] {
            assert_eq!(money(value.parse().unwrap()), shown, "{value}");
        }
        for (value, shown) in [
            ("5000", "5,000"),
            ("0.0042123456", "0.00421235"),
            ("10.50", "10.5"),
            ("1234.1234567", "1,234.123457"),
            ("0.0000000000001", "0"),
        ] {
            assert_eq!(units(value.parse().unwrap()), shown, "{value}");
        }
    }

    #[test]
    fn lengths_of_time() {
        for (seconds, shown) in [
            (0, "0 s"),
            (89, "89 s"),
            (240, "4 min"),
            (5_399, "90 min"),
            (26 * 3_600, "26 h"),
            (3 * 86_400, "3 d"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), shown, "{seconds}");
        }
        for (text, shown) in [
            ("2h", "2 h"),
            ("90m", "1 h 30 min"),
            ("7d", "7 d"),
            ("90s", "1 min 30 s"),
        ] {
            assert_eq!(span(text.parse().unwrap()), shown, "{text}");
        }
        assert_eq!(ago(Timestamp::from_millis(61_999)), "<t:61:R>");
        assert_eq!(moment(Timestamp::from_millis(-1)), "<t:-1:f>");
    }
}
