//! Takes a raw configuration apart, key by key, and collects what is wrong with it.

use std::collections::BTreeMap;

use super::{
    Fault, Place, Raw,
    nearest::nearest,
    raw::{Given, Written},
    value::Expectation,
};

/// A configuration that is being read. Each key is named once, where it is read with its default
/// and its range; so the list of known keys is what was asked for.
pub(super) struct Review {
    values: BTreeMap<String, Given>,
    faults: Vec<Fault>,
    keys: Vec<String>,
    /// Where the keys that were read are written.
    places: BTreeMap<String, Place>,
}

impl Review {
    pub(super) fn of(raw: Raw) -> Self {
        Self {
            values: raw.values,
            faults: raw.faults,
            keys: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    pub(super) const fn section(&mut self, name: &'static str) -> Section<'_> {
        Section { review: self, name }
    }

    pub(super) fn into_keys(self) -> Vec<String> {
        self.keys
    }

    /// Everything that is wrong, in the order in which it was written.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        for (key, given) in self.values {
            let inside = format!("{key}.");
            let is_section = self.keys.iter().any(|known| known.starts_with(&inside));
            let expected = match given.written {
                Written::Nothing if is_section => continue,
                _ if is_section => format!("is a section, not a key; write it as [{key}]"),
                _ => match nearest(&key, &self.keys) {
                    Some(hint) => format!("unknown key; the nearest one is {hint}"),
                    None => "unknown key; config.example.toml shows all there are".to_owned(),
                },
            };
            self.faults.push(Fault {
                place: given.place,
                key: Some(key),
                value: None,
                expected,
            });
        }
        self.faults.sort();
        self.faults
    }
}

/// The keys of one section.
pub(super) struct Section<'a> {
    review: &'a mut Review,
    name: &'static str,
}

impl Section<'_> {
    /// The value of a key, or its default where it is not written or cannot be used.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl FnOnce(&Given) -> Result<T, Expectation>,
    ) -> T {
        match self.take(key) {
            None => default,
            Some((key, given)) => parse(&given).unwrap_or_else(|Expectation(expected)| {
                let value = Some(given.shown());
                self.complain(key, given, value, expected);
                default
            }),
        }
    }

    /// The value of a key that may be left out, or left empty as templates of environments do.
    pub(super) fn read_optional<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&Given) -> Result<T, Expectation>,
    ) -> Option<T> {
        self.read(key, None, |given| {
            if matches!(&given.written, Written::Text(text) if text.is_empty()) {
                Ok(None)
            } else {
                parse(given).map(Some)
            }
        })
    }

    /// Like [`Self::read_optional`], and the value is never repeated.
    pub(super) fn read_secret<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&Given) -> Result<T, Expectation>,
    ) -> Option<T> {
        let (key, given) = self.take(key)?;
        if matches!(&given.written, Written::Text(text) if text.is_empty()) {
            return None;
        }
        match parse(&given) {
            Ok(secret) => Some(secret),
            Err(Expectation(expected)) => {
                self.complain(key, given, Some("the value".to_owned()), expected);
                None
            }
        }
    }

    fn take(&mut self, key: &str) -> Option<(String, Given)> {
        let key = format!("{}.{key}", self.name);
        self.review.keys.push(key.clone());
        let given = self.review.values.remove(&key)?;
        self.review.places.insert(key.clone(), given.place.clone());
        Some((key, given))
    }

    /// Two keys that do not fit together; `expected` gets their full names. It is told where the first
    /// of them is written, else the other: defaults fit together.
    pub(super) fn contradiction(
        &mut self,
        keys: [&str; 2],
        expected: impl FnOnce([&str; 2]) -> String,
    ) {
        let keys = keys.map(|key| format!("{}.{key}", self.name));
        let expected = expected(keys.each_ref().map(String::as_str));
        let written = keys
            .into_iter()
            .find_map(|key| Some((self.review.places.get(&key)?.clone(), key)));
        if let Some((place, key)) = written {
            self.review.faults.push(Fault {
                place,
                key: Some(key),
                value: None,
                expected,
            });
        }
    }

    fn complain(&mut self, key: String, given: Given, value: Option<String>, expected: String) {
        self.review.faults.push(Fault {
            place: given.place,
            key: Some(key),
            value,
            expected,
        });
    }
}
