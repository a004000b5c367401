//! Text for one person alone, sealed where it waits to be told: which pools they asked about, and so what
//! they hold, is nothing for whoever reads the database.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::{
    StoreError,
    columns::bad,
    sealed::{Place, Sealer},
};
use crate::domain::ids::UserId;

/// Seals and opens the texts of one row; what is for no single person stays open.
#[derive(Clone, Copy)]
pub(in crate::store) struct Veil<'a> {
    sealer: &'a Sealer,
    place: Option<Place>,
}

impl Sealer {
    /// For a row of this table that is known by `key`, so that a text that is moved to another row does not
    /// open there.
    pub(in crate::store) fn veil(
        &self,
        reader: Option<UserId>,
        table: &'static str,
        key: &[u8],
    ) -> Veil<'_> {
        let mut row = [0; 8];
        for (to, from) in row.iter_mut().zip(key) {
            *to = *from;
        }
        Veil {
            sealer: self,
            place: reader.map(|reader| Place {
                table,
                column: "text",
                row: i64::from_le_bytes(row),
                owner: reader.0,
            }),
        }
    }
}

impl Veil<'_> {
    /// The text as it is kept. No text stays none.
    pub(in crate::store) fn drawn<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.place.filter(|_| !text.is_empty()) {
            Some(place) => {
                let sealed = self.sealer.seal(&place, text.as_bytes());
                Cow::Owned(STANDARD_NO_PAD.encode(sealed))
            }
            None => Cow::Borrowed(text),
        }
    }

    /// The text again, from what [`Self::drawn`] made of it.
    pub(in crate::store) fn lifted(&self, kept: String) -> Result<String, StoreError> {
        let Some(place) = self.place.filter(|_| !kept.is_empty()) else {
            return Ok(kept);
        };
        let sealed = STANDARD_NO_PAD.decode(kept).map_err(|_| bad("text"))?;
        let text = self.sealer.open(&place, &sealed)?;
        Ok(String::from_utf8(text).map_err(|_| bad("text"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_for_one_person_is_sealed() {
        let sealer = Sealer::new(&[1; 32]);
        let (one, other) = (Some(UserId(7)), Some(UserId(8)));
        let veil = sealer.veil(one, "outbox", &[1; 32]);
        let kept = veil.drawn("USDC at Aave").into_owned();
        assert!(!kept.contains("USDC"), "{kept}");
        assert_eq!(veil.lifted(kept.clone()).unwrap(), "USDC at Aave");
        for elsewhere in [
            sealer.veil(other, "outbox", &[1; 32]),
            sealer.veil(one, "outbox", &[2; 32]),
            sealer.veil(one, "post", &[1; 32]),
        ] {
            assert!(elsewhere.lifted(kept.clone()).is_err());
        }
        assert!(veil.lifted("no seal at all".to_owned()).is_err());
        for (reader, text) in [(None, "to a channel"), (one, ""), (None, "")] {
            let veil = sealer.veil(reader, "post", b"short");
            let kept = veil.drawn(text);
            assert_eq!(kept, text);
            assert_eq!(veil.lifted(kept.into_owned()).unwrap(), text);
        }
    }
}
