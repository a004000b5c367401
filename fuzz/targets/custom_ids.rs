//! What a press says: it is read as exactly what we write, or not at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stipend::discord::{
    buttons::{Button, LONGEST},
    presses::Press,
};

fuzz_target!(|text: &str| {
    if let Some(button) = Button::decode(text) {
        assert_eq!(button.encode(), text);
        // Discord itself takes no longer one, and what is within it can be sent again.
        assert!(text.chars().count() <= LONGEST || text.len() > LONGEST);
    }
    if let Some(press) = Press::decode(text) {
        assert!(press.encode().is_none_or(|encoded| encoded == text));
    }
});
