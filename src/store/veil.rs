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

/// The text of a notice, and of the message that tells it, is bound to whom it is for.
const fn place(reader: UserId) -> Place {
    Place {
        table: "outbox",
        column: "text",
        row: 0,
        owner: reader.0,
    }
}

impl Sealer {
    /// The text as it is kept: under seal where it is for one person. No text stays none.
    pub(in crate::store) fn veiled<'a>(
        &self,
        reader: Option<UserId>,
        text: &'a str,
    ) -> Cow<'a, str> {
        match reader.filter(|_| !text.is_empty()) {
            Some(reader) => {
                let sealed = self.seal(&place(reader), text.as_bytes());
                Cow::Owned(STANDARD_NO_PAD.encode(sealed))
            }
            None => Cow::Borrowed(text),
        }
    }

    /// The text again, from what [`Self::veiled`] made of it.
    pub(in crate::store) fn unveiled(
        &self,
        reader: Option<UserId>,
        kept: String,
    ) -> Result<String, StoreError> {
        let Some(reader) = reader.filter(|_| !kept.is_empty()) else {
            return Ok(kept);
        };
        let sealed = STANDARD_NO_PAD.decode(kept).map_err(|_| bad("text"))?;
        let text = self.open(&place(reader), &sealed)?;
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
        let kept = sealer.veiled(one, "USDC at Aave").into_owned();
        assert!(!kept.contains("USDC"), "{kept}");
        assert_eq!(sealer.unveiled(one, kept.clone()).unwrap(), "USDC at Aave");
        assert!(sealer.unveiled(other, kept).is_err());
        assert!(sealer.unveiled(one, "no seal at all".to_owned()).is_err());
        for (reader, text) in [(None, "to a channel"), (one, ""), (None, "")] {
            let kept = sealer.veiled(reader, text);
            assert_eq!(kept, text);
            assert_eq!(sealer.unveiled(reader, kept.into_owned()).unwrap(), text);
        }
    }
}
