//! Reading an upstream's JSON without trusting any value in it.
//!
//! A row is cut into its cells first: the text of each value that is used, whatever its type. Only
//! then is a cell read as a number, a text or a time, and one that cannot be is as good as missing.
//! So a wrong type never costs more than its own row, while broken syntax costs the whole answer.
//! Cells that are not used are stepped over without recursion, however deep they go.

use std::{borrow::Cow, fmt, marker::PhantomData};

use rust_decimal::Decimal;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    domain::{rate::Percent, time::Timestamp},
    sources::{SourceError, excerpt},
};

/// A yearly rate beyond this many percent is an error of the source; it lists none itself.
const ABSURD_RATE: f64 = 1e6;
/// More dollars than there are.
const ABSURD_USD: f64 = 1e15;
/// The dearest token costs a thousandth of a millionth of it in dollars.
const ABSURD_PRICE: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0);
/// The longest name in characters. The longest symbol seen has 83.
const LONGEST_NAME: usize = 200;

/// The text of one JSON value; `None` where the key is absent.
pub(in crate::sources) type Cell<'de> = Option<&'de RawValue>;

/// A JSON object of which some keys are used.
pub(in crate::sources) trait Cells<'de>: Default {
    /// Where the value of this key belongs; `None` when it is not used.
    fn slot(&mut self, key: &str) -> Option<&mut Cell<'de>>;
}

/// Declares a struct of cells, each with the key it is read from. A key that is there twice has its
/// last value; a value that is no object has no cells.
macro_rules! cells {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $key:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        struct $name<'de> {
            $($field: $crate::sources::wire::Cell<'de>,)+
        }

        impl<'de> $crate::sources::wire::Cells<'de> for $name<'de> {
            fn slot(
                &mut self,
                key: &str,
            ) -> Option<&mut $crate::sources::wire::Cell<'de>> {
                match key {
                    $($key => Some(&mut self.$field),)+
                    _ => None,
                }
            }
        }
    };
}
pub(in crate::sources) use cells;

/// Cells as the parser gives them.
struct Row<C>(C);

impl<'de, C: Cells<'de>> Deserialize<'de> for Row<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(RowVisitor(PhantomData))
            .map(Self)
    }
}

struct RowVisitor<C>(PhantomData<C>);

impl<'de, C: Cells<'de>> Visitor<'de> for RowVisitor<C> {
    type Value = C;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<C, A::Error> {
        let mut cells = C::default();
        while let Some(Name(key)) = map.next_key()? {
            match cells.slot(&key) {
                Some(slot) => *slot = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(cells)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<C, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(C::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<C, E> {
        Ok(C::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<C, E> {
        Ok(C::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<C, E> {
        Ok(C::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<C, E> {
        Ok(C::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<C, E> {
        Ok(C::default())
    }

    fn visit_unit<E>(self) -> Result<C, E> {
        Ok(C::default())
    }
}

/// A key, copied only where it is written with escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// Hands each row of `{"status":"success","data":[…]}` to `take`, in order, and gives their number.
///
/// # Errors
///
/// [`SourceError::Malformed`] for what is no such document, is cut off, has a status other than
/// success or no `data`. Rows may have been handed over by then: they have to be thrown away.
pub(in crate::sources) fn each_row<'de, C: Cells<'de>>(
    body: &'de [u8],
    take: impl FnMut(C),
) -> Result<u32, SourceError> {
    let envelope = envelope(body, "data", take)?;
    let status = text_in(envelope.status).unwrap_or_default();
    if status != "success" {
        return Err(SourceError::Malformed(format!(
            "its status is \"{}\"",
            excerpt(status.as_bytes())
        )));
    }
    envelope
        .rows
        .ok_or_else(|| SourceError::Malformed("it has no data".to_owned()))
}

/// Like [`each_row`] for an object that has its rows under `key` and states no status.
pub(in crate::sources) fn each_row_under<'de, C: Cells<'de>>(
    body: &'de [u8],
    key: &'static str,
    take: impl FnMut(C),
) -> Result<u32, SourceError> {
    envelope(body, key, take)?
        .rows
        .ok_or_else(|| SourceError::Malformed(format!("it has no {key}")))
}

/// Like [`each_row`] for a bare list of rows.
pub(in crate::sources) fn each_row_of_list<'de, C: Cells<'de>>(
    body: &'de [u8],
    mut take: impl FnMut(C),
) -> Result<u32, SourceError> {
    let mut parser = serde_json::Deserializer::from_str(text_of(body)?);
    Rows(&mut take, PhantomData)
        .deserialize(&mut parser)
        .and_then(|rows| parser.end().map(|()| rows))
        .map_err(|error| malformed(&error, body))
}

fn envelope<'de, C: Cells<'de>>(
    body: &'de [u8],
    key: &'static str,
    mut take: impl FnMut(C),
) -> Result<Envelope<'de>, SourceError> {
    let mut parser = serde_json::Deserializer::from_str(text_of(body)?);
    let visitor = EnvelopeVisitor {
        key,
        take: &mut take,
        cells: PhantomData,
    };
    parser
        .deserialize_map(visitor)
        .and_then(|envelope| parser.end().map(|()| envelope))
        .map_err(|error| malformed(&error, body))
}

/// A body as text, which JSON has to be.
pub(in crate::sources) fn text_of(body: &[u8]) -> Result<&str, SourceError> {
    std::str::from_utf8(body)
        .map_err(|_| SourceError::Malformed(format!("no UTF-8: \"{}\"", excerpt(body))))
}

/// The parser's complaint and the beginning of what it read.
pub(in crate::sources) fn malformed(error: &serde_json::Error, body: &[u8]) -> SourceError {
    let complaint = error.to_string();
    SourceError::Malformed(format!(
        "{}: \"{}\"",
        excerpt(complaint.as_bytes()),
        excerpt(body)
    ))
}

struct Envelope<'de> {
    status: Cell<'de>,
    rows: Option<u32>,
}

struct EnvelopeVisitor<'f, F, C> {
    /// Where the rows are.
    key: &'static str,
    take: &'f mut F,
    cells: PhantomData<C>,
}

impl<'de, F: FnMut(C), C: Cells<'de>> Visitor<'de> for EnvelopeVisitor<'_, F, C> {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a list of rows under \"{}\"", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope {
            status: None,
            rows: None,
        };
        while let Some(Name(key)) = map.next_key()? {
            match key.as_ref() {
                "status" => envelope.status = Some(map.next_value()?),
                // Two lists of rows are no list: there is no telling which is meant.
                key if key == self.key && envelope.rows.is_some() => {
                    return Err(A::Error::custom(format_args!("it has {key} twice")));
                }
                key if key == self.key => {
                    envelope.rows = Some(map.next_value_seed(Rows(&mut *self.take, PhantomData))?);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(envelope)
    }
}

struct Rows<'f, F, C>(&'f mut F, PhantomData<C>);

impl<'de, F: FnMut(C), C: Cells<'de>> DeserializeSeed<'de> for Rows<'_, F, C> {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(C), C: Cells<'de>> Visitor<'de> for Rows<'_, F, C> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<u32, A::Error> {
        let mut count = 0_u32;
        while let Some(Row(cells)) = seq.next_element()? {
            count = count.saturating_add(1);
            (self.0)(cells);
        }
        Ok(count)
    }
}

/// Hands each row of a list to `take`, in order, and gives their number; `None` for what is no list.
/// The rows are read one after the other, so that a long list costs no memory.
pub(super) fn each_in<'de, C: Cells<'de>>(list: Cell<'de>, mut take: impl FnMut(C)) -> Option<u32> {
    let mut parser = serde_json::Deserializer::from_str(list?.get());
    Rows(&mut take, PhantomData).deserialize(&mut parser).ok()
}

/// A whole body as one value, whatever it is.
///
/// # Errors
///
/// [`SourceError::Malformed`] for what is no JSON or is cut off.
pub(super) fn root_of(body: &[u8]) -> Result<&RawValue, SourceError> {
    serde_json::from_str(text_of(body)?).map_err(|error| malformed(&error, body))
}

/// The cells of an object that stands alone.
pub(in crate::sources) fn row<'de, C: Cells<'de>>(object: &'de RawValue) -> C {
    serde_json::from_str(object.get()).map_or_else(|_| C::default(), |Row(cells)| cells)
}

/// A text. `None` for anything else, and for one that is no Unicode.
pub(in crate::sources) fn text_in(cell: Cell<'_>) -> Option<Cow<'_, str>> {
    let raw = cell?.get();
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// A name: a text that is not empty and not absurdly long, without white space around it.
pub(in crate::sources) fn name_in(cell: Cell<'_>) -> Option<Cow<'_, str>> {
    let name = match text_in(cell)? {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!name.is_empty() && fits(&name)).then_some(name)
}

/// Whether a text is short enough for a name.
pub(in crate::sources) fn fits(text: &str) -> bool {
    text.len() <= LONGEST_NAME || text.chars().count() <= LONGEST_NAME
}

/// What is written in a number or in a text that may hold one, without white space around it.
pub(in crate::sources) fn digits_in(cell: Cell<'_>) -> Option<&str> {
    let raw = cell?.get();
    let inner = raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(raw);
    Some(inner.trim())
}

/// A number, also when it is written as a text. `None` for anything else and for NaN and the
/// infinities, however they come about. Never −0.
pub(in crate::sources) fn number_in(cell: Cell<'_>) -> Option<f64> {
    let number: f64 = digits_in(cell)?.parse().ok()?;
    number.is_finite().then_some(number + 0.0)
}

/// A decimal number with as many digits as fit, also when it is written as a text.
fn decimal_in(cell: Cell<'_>) -> Option<Decimal> {
    let digits = digits_in(cell)?;
    if digits.contains(['e', 'E']) {
        // The exponent may have a sign that the parser does not know.
        Decimal::from_scientific_lossy(&digits.replace('+', "")).ok()
    } else {
        Decimal::from_str_radix(digits, 10).ok()
    }
}

/// What one unit of anything costs, to the last digit: above zero and not absurd.
pub(in crate::sources) fn price_in(cell: Cell<'_>) -> Option<Decimal> {
    decimal_in(cell).filter(|price| *price > Decimal::ZERO && *price <= ABSURD_PRICE)
}

/// A whole amount in a chain's smallest units, up to 2¹²⁸, as the nearest number. `None` for anything
/// that is not written in digits alone.
pub(super) fn whole_in(cell: Cell<'_>) -> Option<f64> {
    let digits = digits_in(cell)?;
    // A sign, a point or an exponent would be read as a number too.
    let _: u128 = digits
        .parse()
        .ok()
        .filter(|_| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    digits.parse().ok()
}

/// A yearly rate in percent that may be believed.
pub(in crate::sources) fn rate_in(cell: Cell<'_>) -> Option<Percent> {
    number_in(cell)
        .filter(|rate| rate.abs() <= ABSURD_RATE)
        .and_then(Percent::new)
}

/// An amount of US dollars that may be believed: neither negative nor more than there are.
pub(in crate::sources) fn usd_in(cell: Cell<'_>) -> Option<f64> {
    number_in(cell).filter(|usd| (0.0..=ABSURD_USD).contains(usd))
}

/// An amount of US dollars that may be believed and may be negative, such as an income.
pub(in crate::sources) fn income_in(cell: Cell<'_>) -> Option<f64> {
    number_in(cell).filter(|usd| usd.abs() <= ABSURD_USD)
}

/// A number from 0 to 1; a percentage is none.
pub(in crate::sources) fn fraction_in(cell: Cell<'_>) -> Option<f64> {
    number_in(cell).filter(|share| (0.0..=1.0).contains(share))
}

/// A count: a whole number of which the fraction, if any, is zero.
pub(in crate::sources) fn count_in(cell: Cell<'_>) -> Option<u32> {
    let digits = digits_in(cell)?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    fraction
        .bytes()
        .all(|digit| digit == b'0')
        .then(|| whole.parse().ok())
        .flatten()
}

/// A truth value, also as `"yes"`/`"no"` or `"true"`/`"false"`.
pub(in crate::sources) fn flag_in(cell: Cell<'_>) -> Option<bool> {
    match digits_in(cell)? {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

/// A moment: a date and time as text, or seconds or milliseconds since 1970.
pub(in crate::sources) fn moment_in(cell: Cell<'_>) -> Option<Timestamp> {
    /// As seconds, the year 5138; as milliseconds, March 1973: before any of this existed.
    const FIRST_IN_MILLIS: f64 = 1e11;
    if let Some(moment) = text_in(cell).and_then(|text| Timestamp::parse(text.trim())) {
        return Some(moment);
    }
    let number = number_in(cell).filter(|number| *number >= 0.0)?;
    let millis = if number < FIRST_IN_MILLIS {
        number * 1000.0
    } else {
        number
    };
    std::time::Duration::try_from_secs_f64(millis / 1000.0)
        .ok()
        .filter(|since| since.as_secs() < 253_402_300_800)
        .map(|since| Timestamp::default().plus(since))
}

/// The texts in a list; what else is in it is left out.
pub(in crate::sources) fn list_in(cell: Cell<'_>) -> Vec<Cow<'_, str>> {
    let raw = cell.map_or("", RawValue::get);
    if !raw.starts_with('[') {
        return Vec::new();
    }
    serde_json::from_str::<Vec<&RawValue>>(raw)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|entry| text_in(Some(entry)))
        .collect()
}

/// A number that is used as a name, whether it is written as one or as a text.
pub(in crate::sources) fn number_name(cell: Cell<'_>) -> Option<Box<str>> {
    digits_in(cell)
        .filter(|id| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'-');
            !id.is_empty() && *id != "null" && fits(id) && id.bytes().all(plain)
        })
        .map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    cells! {
        NumberCell {
            number: "n",
        }
    }

    #[test]
    fn rows_stand_in_envelopes_and_in_bare_lists() {
        let list = r#"[{"n":1},5,{"n":"x","m":[{}]},null,{"n":3,"n":4}]"#;
        let mut seen = Vec::new();
        let rows = each_row_of_list(list.as_bytes(), |cells: NumberCell<'_>| {
            seen.push(number_in(cells.number));
        });
        assert_eq!(rows.unwrap(), 5);
        assert_eq!(seen, [Some(1.0), None, None, None, Some(4.0)]);
        let object = format!(r#"{{"more":[1],"rows":{list}}}"#);
        let under = |key| each_row_under(object.as_bytes(), key, |_: NumberCell<'_>| {});
        assert_eq!(under("rows").unwrap(), 5);
        assert!(matches!(under("data"), Err(SourceError::Malformed(_))));
        for (body, of_list) in [(list, true), (object.as_str(), false)] {
            for end in 0..body.len() {
                let cut = &body.as_bytes()[..end];
                let read = if of_list {
                    each_row_of_list(cut, |_: NumberCell<'_>| {})
                } else {
                    each_row_under(cut, "rows", |_: NumberCell<'_>| {})
                };
                assert!(read.is_err(), "{body} cut at {end}");
            }
        }
        for odd in [r#"{"rows":[],"rows":[]}"#, r#"{"rows":5}"#, "[]"] {
            assert!(each_row_under(odd.as_bytes(), "rows", |_: NumberCell<'_>| {}).is_err());
        }
        assert!(each_row_of_list(b"{}", |_: NumberCell<'_>| {}).is_err());
    }

    #[test]
    fn numbers_come_in_many_forms() {
        for (json, number) in [
            ("4.5", Some(4.5)),
            ("-5", Some(-5.0)),
            ("1e3", Some(1000.0)),
            ("\"4.5\"", Some(4.5)),
            ("\" 4.5 \"", Some(4.5)),
            ("\"1e-7\"", Some(1e-7)),
            ("1e308", Some(1e308)),
            ("1e999", None),
            ("\"NaN\"", None),
            ("\"Infinity\"", None),
            ("\"-inf\"", None),
            ("\"\"", None),
            ("\"4,5\"", None),
            ("null", None),
            ("true", None),
            ("[4.5]", None),
            ("{\"v\":4.5}", None),
        ] {
            assert_eq!(number_in(Some(raw(json))), number, "{json}");
        }
        assert_eq!(number_in(None), None);
        let zero = number_in(Some(raw("-0.0"))).unwrap();
        assert!(zero.is_sign_positive());
    }

    #[test]
    fn rates_and_dollars_have_bounds() {
        assert!(rate_in(Some(raw("1e6"))).is_some());
        assert!(rate_in(Some(raw("1000001"))).is_none());
        assert!(rate_in(Some(raw("-1000001"))).is_none());
        assert!(rate_in(Some(raw("-3.2"))).is_some());
        assert_eq!(usd_in(Some(raw("0"))), Some(0.0));
        assert_eq!(usd_in(Some(raw("-1"))), None);
        assert_eq!(usd_in(Some(raw("1e308"))), None);
        assert_eq!(income_in(Some(raw("-16"))), Some(-16.0));
        assert_eq!(income_in(Some(raw("-1e300"))), None);
        assert_eq!(fraction_in(Some(raw("0.75"))), Some(0.75));
        assert_eq!(fraction_in(Some(raw("75"))), None);
    }

    #[test]
    fn counts_are_whole() {
        for (json, count) in [
            ("47", Some(47)),
            ("47.0", Some(47)),
            ("\"47\"", Some(47)),
            ("47.5", None),
            ("-1", None),
            ("99999999999", None),
            ("null", None),
        ] {
            assert_eq!(count_in(Some(raw(json))), count, "{json}");
        }
    }

    #[test]
    fn whole_amounts_are_digits_alone() {
        for (json, want) in [
            ("\"240000000000000\"", Some(2.4e14)),
            ("390000000000000000", Some(3.9e17)),
            (
                "\"340282366920938463463374607431768211455\"",
                Some(3.402_823_669_209_385e38),
            ),
            ("\"340282366920938463463374607431768211456\"", None),
            ("0", Some(0.0)),
            ("-1", None),
            ("\"+1\"", None),
            ("1.0", None),
            ("1e3", None),
            ("\"\"", None),
            ("null", None),
        ] {
            assert_eq!(whole_in(Some(raw(json))), want, "{json}");
        }
    }

    #[test]
    fn a_list_is_handed_over_row_by_row() {
        cells! {
            OneCell {
                value: "v",
            }
        }
        let list = root_of(br#"[{"v":1},5,null,{"v":"2"}]"#).unwrap();
        let mut seen = Vec::new();
        let rows = each_in(Some(list), |row: OneCell<'_>| {
            seen.push(number_in(row.value));
        });
        assert_eq!(rows, Some(4));
        assert_eq!(seen, [Some(1.0), None, None, Some(2.0)]);
        for odd in ["{}", "5", "null"] {
            assert_eq!(each_in(Some(raw(odd)), |_: OneCell<'_>| {}), None, "{odd}");
        }
        assert!(
            root_of(b"[1,").is_err() && root_of(b"[] []").is_err() && root_of(b"\xff").is_err()
        );
    }

    #[test]
    fn moments_are_dates_or_counted() {
        let want = Timestamp::parse("2025-09-27T14:07:28Z");
        for json in [
            "\"2025-09-27T14:07:28.000Z\"",
            "\"2025-09-27T14:07:28\"",
            "1758982048",
            "1758982048000",
            "\"1758982048\"",
        ] {
            assert_eq!(moment_in(Some(raw(json))), want, "{json}");
        }
        for json in ["\"soon\"", "null", "-5", "1e300", "[]", "\"NaN\""] {
            assert_eq!(moment_in(Some(raw(json))), None, "{json}");
        }
    }

    #[test]
    fn texts_are_unescaped() {
        assert_eq!(text_in(Some(raw("\"USD₮0\""))).unwrap(), "USD₮0");
        assert_eq!(text_in(Some(raw("\"a\\\"b\\u20ae\""))).unwrap(), "a\"b₮");
        assert_eq!(text_in(Some(raw("\"\\ud800\""))), None);
        assert_eq!(text_in(Some(raw("5"))), None);
        assert_eq!(list_in(Some(raw("[\"a\",5,null,\"b\"]"))), ["a", "b"]);
        assert!(list_in(Some(raw("null"))).is_empty());
        assert!(list_in(Some(raw("\"a\""))).is_empty());
    }
}
