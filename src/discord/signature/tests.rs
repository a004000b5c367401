use ed25519_dalek::{Signer as _, SigningKey};

use super::*;

const NOW: &str = "1762129800";

fn now() -> Timestamp {
    Timestamp::from_millis(1_762_129_800_000)
}

/// RFC 8032, 7.1: secret key, public key, message, signature.
const VECTORS: [(&str, &str, &str, &str); 4] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn key() -> PublicKey {
    PublicKey(signer().verifying_key())
}

fn signed(timestamp: &str, body: &[u8]) -> String {
    let message = [timestamp.as_bytes(), body].concat();
    hex(&signer().sign(&message).to_bytes())
}

/// F-G08: the arithmetic is that of the standard.
#[test]
fn the_vectors_of_the_standard_hold() {
    for (secret, public, message, signature) in VECTORS {
        let secret: [u8; 32] = bytes(secret).try_into().unwrap();
        assert_eq!(
            hex(&SigningKey::from_bytes(&secret)
                .sign(&bytes(message))
                .to_bytes()),
            signature
        );
        let key: PublicKey = public.parse().unwrap();
        assert_eq!(key.to_string(), public);
        let checks = |message: &[u8]| {
            let signature = Signature::from_bytes(&unhex(signature).unwrap());
            key.0.verify_strict(message, &signature).is_ok()
        };
        assert!(checks(&bytes(message)));
        assert!(!checks(&[&bytes(message)[..], &[0]].concat()));
    }
}

/// F-G08: a whole request, signed by another implementation (libsodium, by way of PyNaCl): the time and then
/// the body, as they are.
#[test]
fn a_request_that_libsodium_has_signed_is_taken() {
    let key: PublicKey = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
        .parse()
        .unwrap();
    let body = r#"{"type":1,"id":"1360000000000000001","token":"é"}"#.as_bytes();
    let signature = "40317f0b7e5fe76579c5808fbfc4df20181ba165ec1c2f351dbf284feb9309574d5489a3a3cfcf4694f170c9c6ab5de33a129790cae6037b402fb62302188504";
    assert_eq!(key.signed_at(signature, NOW, body, now()), Ok(now()));
    let upper = signature.to_uppercase();
    assert_eq!(key.signed_at(&upper, NOW, body, now()), Ok(now()));
    let later = key.signed_at(signature, "1762129801", body, now());
    assert_eq!(later, Err(Unsigned::Signature));
}

/// F-G08: another body, another time, another key, a bit: each is another signature.
#[test]
fn what_is_not_signed_rightly_is_refused() {
    let body = br#"{"type":2}"#;
    let good = signed(NOW, body);
    assert_eq!(key().signed_at(&good, NOW, body, now()), Ok(now()));

    let swapped = key().signed_at(&good, NOW, br#"{"type":3}"#, now());
    assert_eq!(swapped, Err(Unsigned::Signature));
    let other = PublicKey(SigningKey::from_bytes(&[8; 32]).verifying_key());
    assert_eq!(
        other.signed_at(&good, NOW, body, now()),
        Err(Unsigned::Signature)
    );
    // A digit that moves from the time to the body leaves the signed bytes as they are.
    let (shorter, longer) = ("176212980", [b"0", &body[..]].concat());
    assert_eq!(
        key().signed_at(&good, shorter, &longer, now()),
        Err(Unsigned::Time)
    );
    for at in 0..64 {
        let mut bits = bytes(&good);
        bits[at] ^= 1;
        let flipped = key().signed_at(&hex(&bits), NOW, body, now());
        assert_eq!(flipped, Err(Unsigned::Signature), "{at}");
    }
}

#[test]
fn headers_that_cannot_be_read_are_refused() {
    let body = b"{}";
    let good = signed(NOW, body);
    let zeros = "0".repeat(128);
    for signature in [
        "",
        "00",
        "zz",
        good.split_at(126).0,
        &"g".repeat(128),
        &"é".repeat(64),
    ] {
        let refused = key().signed_at(signature, NOW, body, now());
        assert_eq!(refused, Err(Unsigned::Header), "{signature}");
    }
    assert_eq!(
        key().signed_at(&zeros, NOW, body, now()),
        Err(Unsigned::Signature)
    );
    for timestamp in [
        "",
        "+1762129800",
        "-1",
        " 1762129800",
        "1e9",
        "9999999999999",
        "x",
    ] {
        let refused = key().signed_at(&signed(timestamp, body), timestamp, body, now());
        assert_eq!(refused, Err(Unsigned::Header), "{timestamp}");
    }
}

/// F-G08: five minutes either way, and not a second more.
#[test]
fn the_time_may_be_five_minutes_off() {
    let body = b"{}";
    for (off, allowed) in [(-300, true), (300, true), (-301, false), (301, false)] {
        let timestamp = (1_762_129_800 + off).to_string();
        let judged = key().signed_at(&signed(&timestamp, body), &timestamp, body, now());
        assert_eq!(judged.is_ok(), allowed, "{off}");
        assert!(allowed || judged == Err(Unsigned::Time));
    }
}

#[test]
fn a_key_is_64_digits_of_a_point_that_holds_a_secret() {
    let zeros = "0".repeat(64);
    // The neutral element: whatever is said can be signed for it.
    let neutral = format!("01{}", "0".repeat(62));
    for text in ["", "12", &zeros, &neutral, &"g".repeat(64), &"2".repeat(63)] {
        assert_eq!(text.parse::<PublicKey>(), Err(NoKey), "{text}");
    }
    let key = key().to_string();
    assert_eq!(key.to_uppercase().parse(), Ok(self::key()));
}
