//! What a press says: it is read as exactly what we write, or not at all, and without our mark it is believed
//! by nobody.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secrecy::zeroize::Zeroizing;
use stipend::{
    discord::{
        buttons::Button,
        presses::Press,
        stamp::{LONGEST, Stamp},
    },
    domain::{ids::UserId, time::Timestamp},
};

const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

fuzz_target!(|text: &str| {
    if let Some(button) = Button::decode(text) {
        assert_eq!(button.encode(), text);
        // Discord itself takes no longer one, and what is within it can be sent again.
        assert!(text.chars().count() <= LONGEST || text.len() > LONGEST);
    }
    if let Some(press) = Press::decode(text) {
        assert!(press.encode().is_none_or(|encoded| encoded == text));
    }
    let stamp = Stamp::new(Zeroizing::new([7; 32]));
    let reader = UserId(42);
    assert!(
        stamp.read(reader, text, NOW).is_err(),
        "nobody guesses a mark"
    );
    let stamped = stamp.put(reader, text, NOW);
    assert_eq!(stamp.read(reader, &stamped, NOW), Ok(text));
    assert!(stamp.read(UserId(43), &stamped, NOW).is_err());
});
