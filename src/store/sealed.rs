//! Sealing of what the database must not show: holdings, notes and webhook tokens.
//!
//! XChaCha20-Poly1305 with a random nonce. The associated data binds a value to its table, column,
//! row and owner, so a sealed value that is moved to another place does not open there.

use chacha20poly1305::{
    AeadCore as _, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, OsRng, Payload},
};

const NONCE_BYTES: usize = 24;

/// Where a sealed value stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    pub row: i64,
    /// The person or server that the value belongs to.
    pub owner: u64,
}

impl Place {
    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(48);
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        for name in [self.table, self.column] {
            data.extend((name.len() as u64).to_le_bytes());
            data.extend(name.as_bytes());
        }
        data.extend(self.row.to_le_bytes());
        data.extend(self.owner.to_le_bytes());
        data
    }
}

/// The value does not open: another key, another place, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open with this key at this place")]
pub struct Unopenable;

/// Seals and opens values under the master key.
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// The nonce followed by the sealed value.
    pub fn seal(&self, place: &Place, value: &[u8]) -> Vec<u8> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let aad = place.associated_data();
        let payload = Payload {
            msg: value,
            aad: &aad,
        };
        let sealed = self
            .0
            .encrypt(&nonce, payload)
            .expect("a value of some kilobytes is within the cipher's limit");
        [nonce.as_slice(), &sealed].concat()
    }

    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Vec<u8>, Unopenable> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(Unopenable)?;
        let aad = place.associated_data();
        let payload = Payload {
            msg: sealed,
            aad: &aad,
        };
        self.0
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| Unopenable)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        table: "position",
        column: "sealed",
        row: 7,
        owner: 42,
    };

    #[test]
    fn a_value_opens_at_its_own_place_only() {
        let sealer = Sealer::new(&[1; 32]);
        let bytes = sealer.seal(&PLACE, b"5,000 USDC");
        assert_eq!(sealer.open(&PLACE, &bytes).unwrap(), b"5,000 USDC");
        for other in [
            Place { row: 8, ..PLACE },
            Place { owner: 43, ..PLACE },
            Place {
                column: "note",
                ..PLACE
            },
        ] {
            assert_eq!(sealer.open(&other, &bytes), Err(Unopenable));
        }
        assert_eq!(Sealer::new(&[2; 32]).open(&PLACE, &bytes), Err(Unopenable));
    }

    #[test]
    fn changed_and_short_bytes_do_not_open() {
        let sealer = Sealer::new(&[1; 32]);
        let mut bytes = sealer.seal(&PLACE, b"x");
        assert_eq!(sealer.open(&PLACE, &bytes[..10]), Err(Unopenable));
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(sealer.open(&PLACE, &bytes), Err(Unopenable));
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let sealer = Sealer::new(&[1; 32]);
        assert_ne!(sealer.seal(&PLACE, b"x"), sealer.seal(&PLACE, b"x"));
    }
}
