//! Text for one person alone, sealed where it waits to be told: which pools they asked about, and so what
//! they hold, is nothing for whoever reads the database.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::{
    StoreError,
    columns::bad,
    holders::Holder,
    sealed::{Place, Sealer},
};
use crate::domain::ids::UserId;

/// Seals and opens the texts of one row; what is for no single person stays open.
pub(in crate::store) struct Veil<'a>(Option<(&'a Sealer, Place)>);

impl<'a> Veil<'a> {
    /// For a row of this table that is known by `key`, so that a text that is moved to another row does not
    /// open there.
    pub(in crate::store) fn over(
        reader: Option<&'a Holder>,
        table: &'static str,
        key: &[u8],
    ) -> Self {
        Self(reader.map(|reader| (&reader.key, text_place(table, key, reader.user))))
    }

    /// The text as it is kept. No text stays none.
    pub(in crate::store) fn drawn<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.0.as_ref().filter(|_| !text.is_empty()) {
            Some((key, place)) => Cow::Owned(written(&key.seal(place, text.as_bytes()))),
            None => Cow::Borrowed(text),
        }
    }

    /// The text again, from what [`Self::drawn`] made of it.
    pub(in crate::store) fn lifted(&self, kept: String) -> Result<String, StoreError> {
        let Some((key, place)) = self.0.as_ref().filter(|_| !kept.is_empty()) else {
            return Ok(kept);
        };
        let text = key.open(place, &read(&kept)?)?;
        Ok(String::from_utf8(text).map_err(|_| bad("text"))?)
    }
}

/// Sealed bytes as a text column takes them.
pub(in crate::store) fn written(sealed: &[u8]) -> String {
    STANDARD_NO_PAD.encode(sealed)
}

/// The sealed bytes again.
pub(in crate::store) fn read(kept: &str) -> Result<Vec<u8>, StoreError> {
    Ok(STANDARD_NO_PAD.decode(kept).map_err(|_| bad("text"))?)
}

/// Where a text of the row that is known by `key` stands.
pub(in crate::store) fn text_place(table: &'static str, key: &[u8], reader: UserId) -> Place {
    let mut row = [0; 8];
    for (to, from) in row.iter_mut().zip(key) {
        *to = *from;
    }
    Place {
        table,
        column: "text",
        row: i64::from_le_bytes(row),
        owner: reader.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_for_one_person_is_sealed() {
        let holder = |user, key: [u8; 32]| Holder {
            user: UserId(user),
            blind: 1,
            key: Sealer::new(&key),
        };
        let (one, other) = (holder(7, [1; 32]), holder(8, [1; 32]));
        let veil = Veil::over(Some(&one), "outbox", &[1; 32]);
        let kept = veil.drawn("USDC at Aave").into_owned();
        assert!(!kept.contains("USDC"), "{kept}");
        assert_eq!(veil.lifted(kept.clone()).unwrap(), "USDC at Aave");
        for elsewhere in [
            Veil::over(Some(&other), "outbox", &[1; 32]),
            Veil::over(Some(&holder(7, [2; 32])), "outbox", &[1; 32]),
            Veil::over(Some(&one), "outbox", &[2; 32]),
            Veil::over(Some(&one), "post", &[1; 32]),
        ] {
            assert!(elsewhere.lifted(kept.clone()).is_err());
        }
        assert!(veil.lifted("no seal at all".to_owned()).is_err());
        for (reader, text) in [(None, "to a channel"), (Some(&one), ""), (None, "")] {
            let veil = Veil::over(reader, "post", b"short");
            let kept = veil.drawn(text);
            assert_eq!(kept, text);
            assert_eq!(veil.lifted(kept.into_owned()).unwrap(), text);
        }
    }
}
