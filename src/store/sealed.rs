//! Sealing of what the database must not show: holdings, notes and webhook tokens.
//!
//! XChaCha20-Poly1305 with a random nonce. The associated data binds a value to its table, column,
//! row and owner, so a sealed value that is moved to another place does not open there.
//!
//! Each person and each server has a key of its own. It lies in the database, wrapped by the master
//! key, which does not: a copy of the file opens nothing, and once a wrapped key is destroyed, what
//! was sealed with it opens for nobody.

use chacha20poly1305::{
    AeadCore as _, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, OsRng, Payload, rand_core::RngCore as _},
};
use hmac::{Hmac, Mac as _};
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

use crate::domain::ids::{Home, UserId};

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

/// Seals and opens values under one key.
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

/// A key for one purpose, worked out from the master key (HMAC-SHA256 as a pseudo-random function).
/// Whoever holds it learns nothing of the master key or of a key for another purpose.
pub fn derived(master: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(keyed_hash(master, purpose.as_bytes()))
}

fn keyed_hash(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let mut hash = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key)
        .expect("HMAC takes keys of any length");
    hash.update(text);
    hash.finalize().into_bytes().into()
}

/// What the master key is for: it wraps the keys of people and servers, hides who people are, and finds
/// them again.
pub struct Keyring {
    master: Sealer,
    index: Zeroizing<[u8; 32]>,
}

impl Keyring {
    pub fn new(master: &[u8; 32]) -> Self {
        Self {
            master: Sealer::new(master),
            index: derived(master, "stipend blind index 1"),
        }
    }

    /// The number that stands for a person in the database; without the key it cannot be told from a random
    /// one, and so not be found by trying all of Discord's ids. Positive. Two people share one with a chance
    /// that does not count (63 bits), and would then not open what is the other's, since seals name the owner.
    pub fn blind(&self, person: UserId) -> i64 {
        let hash = keyed_hash(&self.index, &person.0.to_le_bytes());
        let mut head = [0; 8];
        head.copy_from_slice(&hash[..8]);
        (u64::from_le_bytes(head) >> 1).cast_signed()
    }

    /// The Discord id behind a blind index, sealed; bound to the index.
    pub fn hidden(&self, person: UserId) -> Vec<u8> {
        let place = name_place(self.blind(person));
        self.master.seal(&place, &person.0.to_le_bytes())
    }

    /// The Discord id again, from what [`hidden`](Self::hidden) made of it.
    pub fn shown(&self, blind: i64, hidden: &[u8]) -> Result<UserId, Unopenable> {
        let id = self.master.open(&name_place(blind), hidden)?;
        let id: [u8; 8] = id.try_into().map_err(|_| Unopenable)?;
        Ok(UserId(u64::from_le_bytes(id)))
    }

    /// The same in a list, where one that does not open is logged and keeps nobody else from their turn.
    pub fn shown_or_told(&self, blind: i64, hidden: &[u8]) -> Option<UserId> {
        let shown = self.shown(blind, hidden);
        if shown.is_err() {
            tracing::error!("the name of a person does not open, and they are passed over");
        }
        shown.ok()
    }

    /// A new key for a person or a server, and the same wrapped.
    pub fn forged(&self, home: Home) -> (Sealer, Vec<u8>) {
        let mut key = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *key);
        let wrapped = self.master.seal(&key_place(home), &*key);
        (Sealer::new(&key), wrapped)
    }

    pub fn unwrapped(&self, home: Home, wrapped: &[u8]) -> Result<Sealer, Unopenable> {
        Ok(Sealer::new(&*self.bare(home, wrapped)?))
    }

    /// The same key, wrapped by another master key.
    pub fn handed_over(
        &self,
        home: Home,
        wrapped: &[u8],
        to: &Self,
    ) -> Result<Vec<u8>, Unopenable> {
        let key = self.bare(home, wrapped)?;
        Ok(to.master.seal(&key_place(home), &*key))
    }

    fn bare(&self, home: Home, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, Unopenable> {
        let key = Zeroizing::new(self.master.open(&key_place(home), wrapped)?);
        let key = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| Unopenable)?;
        Ok(Zeroizing::new(key))
    }

    /// What is sealed with the master key itself: the value that tells whether a key is the right one, and
    /// everything in databases that are older than the keys of their own.
    pub(in crate::store) const fn master(&self) -> &Sealer {
        &self.master
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(..)")
    }
}

const fn name_place(blind: i64) -> Place {
    Place {
        table: "person",
        column: "name",
        row: blind,
        owner: 0,
    }
}

const fn key_place(home: Home) -> Place {
    let (table, owner) = match home {
        Home::Person(person) => ("person", person.0),
        Home::Server(guild) => ("server_key", guild.0),
    };
    Place {
        table,
        column: "key",
        row: 0,
        owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::GuildId;

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

    #[test]
    fn a_key_opens_for_its_owner_under_its_master_key_alone() {
        let (ring, other) = (Keyring::new(&[1; 32]), Keyring::new(&[2; 32]));
        let (mine, theirs) = (Home::Person(UserId(7)), Home::Person(UserId(8)));
        let (key, wrapped) = ring.forged(mine);
        let sealed = key.seal(&PLACE, b"5,000 USDC");
        let again = ring.unwrapped(mine, &wrapped).unwrap();
        assert_eq!(again.open(&PLACE, &sealed).unwrap(), b"5,000 USDC");
        for home in [theirs, Home::Server(GuildId(7))] {
            assert_eq!(ring.unwrapped(home, &wrapped).err(), Some(Unopenable));
        }
        assert_eq!(other.unwrapped(mine, &wrapped).err(), Some(Unopenable));
        let moved = ring.handed_over(mine, &wrapped, &other).unwrap();
        let again = other.unwrapped(mine, &moved).unwrap();
        assert_eq!(again.open(&PLACE, &sealed).unwrap(), b"5,000 USDC");
        assert_eq!(ring.unwrapped(mine, &moved).err(), Some(Unopenable));
    }

    #[test]
    fn a_person_is_found_and_named_with_the_key_alone() {
        let (ring, other) = (Keyring::new(&[1; 32]), Keyring::new(&[2; 32]));
        let person = UserId(u64::MAX);
        let blind = ring.blind(person);
        assert!(blind > 0);
        assert_eq!(blind, Keyring::new(&[1; 32]).blind(person));
        assert_ne!(blind, other.blind(person));
        assert_ne!(blind, ring.blind(UserId(7)));
        let hidden = ring.hidden(person);
        assert_eq!(ring.shown(blind, &hidden), Ok(person));
        assert_eq!(ring.shown(blind + 1, &hidden), Err(Unopenable));
        assert_eq!(other.shown(blind, &hidden), Err(Unopenable));
    }

    /// What Python's `hmac` module says for a
    /// key of 32 zero bytes.
    #[test]
    fn a_key_for_a_purpose_is_the_hash_that_others_work_out() {
        let key = derived(&[0; 32], "stipend blind index 1");
        let text = format!("{:02x?}", *key).replace(", ", "");
        assert_eq!(
            text,
            "[76b07a68537df510f6202167927edf1c33d9cc0593780ee442658d06d4cb70ac]"
        );
        assert_ne!(*key, *derived(&[0; 32], "stipend blind index 2"));
    }
}
