//! What somebody writes, in which pools, links and rates are looked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stipend::domain::{
    link::{links, parse},
    money::{Amount, Sum},
    time::{Date, Span},
};

fuzz_target!(|text: &str| {
    assert!(links(text).count() <= text.len());
    assert!(parse(text).is_none_or(|_| text.to_ascii_lowercase().contains("defillama.com/")));
    // What is read of an amount or a length of time is read again from how it is printed.
    if let Ok(amount) = text.parse::<Amount>() {
        assert_eq!(amount.to_string().parse::<Amount>().as_ref(), Ok(&amount));
    }
    if let Ok(span) = text.parse::<Span>() {
        assert_eq!(span.to_string().parse::<Span>().ok(), Some(span));
    }
    drop(text.parse::<Sum>());
    drop(text.parse::<Date>());
});
