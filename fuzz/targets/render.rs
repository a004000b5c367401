//! Foreign text in messages: it shows as what it is, and messages of it are within Discord's limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stipend::render::{
    message::{Button, ButtonStyle, Embed, Field, File, Message, cut},
    text::{NAME, SENTENCE, clean, escape, escape_to, name, plain_name},
};

fuzz_target!(|text: &str| {
    for shown in [escape(text), escape_to(text, SENTENCE)] {
        harmless(&shown);
    }
    let named = name(text);
    if named != "(no name)" {
        harmless(&named);
    }
    for most in [1, NAME, SENTENCE] {
        let clean = clean(text, most);
        assert!(clean.chars().count() <= 4 * most);
        assert!(!clean.contains(char::is_control));
    }
    assert!(!plain_name(text).is_empty());
    for most in [0, 1, 80, 2_000] {
        assert!(cut(text, most).chars().count() <= most);
    }
    // That takes a hundred times as long as all of the above.
    if text.len().is_multiple_of(8) {
        within_limits(text);
    }
});

/// No mention, no link, no mark of time, no line of its own, and no markdown without a backslash.
fn harmless(shown: &str) {
    for piece in [
        "@everyone",
        "@here",
        "<@",
        "<#",
        "</",
        "<t:",
        "<:",
        "<a:",
        "://",
        "\n",
        "\r",
        "](",
    ] {
        assert!(!shown.contains(piece), "{piece:?} in {shown:?}");
    }
    let mut characters = shown.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            characters.next();
            continue;
        }
        assert!(
            !"*_~|`><#[]()@:/".contains(character),
            "{character:?} in {shown:?}"
        );
    }
}

/// Everything that can be said, by this text: once as it is, and once too long for any place.
fn within_limits(text: &str) {
    let long: String = text.chars().cycle().take(4_200).collect();
    let button = |id: &str| Button::press(text, ButtonStyle::Primary, id);
    let card = |text: &str, fields| Embed {
        title: text.to_owned(),
        url: Some(text.to_owned()),
        description: text.to_owned(),
        fields: vec![Field::narrow(text, text); fields],
        footer: text.to_owned(),
        ..Embed::default()
    };
    let mut embeds = vec![card(text, 0); 11];
    embeds.insert(0, card(text, 26));
    embeds.insert(1, card(&long, 1));
    let file = File {
        name: "a.txt".to_owned(),
        bytes: Vec::new(),
        description: long.clone(),
    };
    let message = Message {
        content: long,
        embeds,
        buttons: vec![vec![button(text), button("1"), Button::open(text, text)]; 7],
        files: vec![file; 12],
        ..Message::default()
    }
    .fitted();
    let length = |text: &str| text.chars().count();
    assert!(length(&message.content) <= 2_000);
    assert!(message.embeds.len() <= 10 && message.buttons.len() <= 5);
    assert!(message.files.len() <= 10);
    let mut total = 0;
    for embed in &message.embeds {
        assert!(length(&embed.title) <= 256 && length(&embed.description) <= 4_096);
        assert!(length(&embed.footer) <= 2_048 && embed.fields.len() <= 25);
        total += length(&embed.title) + length(&embed.description) + length(&embed.footer);
        for field in &embed.fields {
            assert!((1..=256).contains(&length(&field.name)));
            assert!((1..=1_024).contains(&length(&field.value)));
            total += length(&field.name) + length(&field.value);
        }
    }
    assert!(total <= 6_000, "{total}");
    assert_eq!(message.clone().fitted(), message);
}
