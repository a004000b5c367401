//! Limits and bodies of messages.

use proptest::prelude::*;

use super::*;

fn card(description: &str, fields: usize) -> Embed {
    Embed {
        title: "Card".to_owned(),
        description: description.to_owned(),
        fields: (0..fields)
            .map(|at| Field::wide(format!("Field {at}"), "v".repeat(300)))
            .collect(),
        ..Embed::default()
    }
}

#[test]
fn a_body_switches_every_mention_off() {
    let message = Message::text("hello").with_buttons([
        Button::press("Why", ButtonStyle::Secondary, "why:1"),
        Button::open("Source", "https://defillama.com/"),
        Button::open("Evil", "http://evil"),
    ]);
    insta::assert_json_snapshot!(message.to_discord(), @r#"
    {
      "allowed_mentions": {
        "parse": []
      },
      "components": [
        {
          "components": [
            {
              "custom_id": "why:1",
              "disabled": false,
              "label": "Why",
              "style": 2,
              "type": 2
            },
            {
              "disabled": false,
              "label": "Source",
              "style": 5,
              "type": 2,
              "url": "https://defillama.com/"
            }
          ],
          "type": 1
        }
      ],
      "content": "hello",
      "embeds": []
    }
    "#);
}

#[test]
fn what_is_dropped_is_counted() {
    let many: Vec<Embed> = (0..14).map(|_| card("short", 0)).collect();
    let message = Message {
        embeds: many,
        ..Message::default()
    }
    .fitted();
    assert_eq!(
        (message.embeds.len(), message.content.as_str()),
        (10, "+4 more")
    );

    let message = Message::from(card("Text", 30));
    assert!(message.embeds[0].description.starts_with("Text\n+"));
    assert!(message.embeds[0].length() <= limits::EMBEDS_TOTAL);

    let long = Message {
        embeds: vec![card(&"x".repeat(4_000), 0); 3],
        ..Message::default()
    };
    let long = long.fitted();
    assert_eq!(long.embeds.len(), 2);
    assert_eq!(long.content, "+1 more");
}

#[test]
fn text_is_cut_between_lines_where_there_are_any() {
    let text = "line <t:1:R>\n".repeat(400);
    let cut = cut_lines(&text, 100);
    assert!(cut.ends_with("line <t:1:R>\n…"), "{cut}");
    assert_eq!(cut_lines("abcdef", 4), "abc…");
}

#[test]
fn empty_parts_do_not_go_out() {
    let embed = Embed {
        fields: vec![Field::wide(" ", "value"), Field::wide("name", "")],
        ..Embed::default()
    };
    let message = Message::from(embed);
    assert!(message.embeds.is_empty());
    assert_eq!(message.content, "…");
}

fn odd(most: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("👨‍👩‍👧‍👦".to_owned()),
        Just("e\u{301}\u{302}\u{303}".to_owned()),
        Just("\n".to_owned()),
        Just("   ".to_owned()),
        Just("word ".repeat(20)),
        any::<char>().prop_map(String::from),
    ];
    (proptest::collection::vec(piece, 0..6), 1..=most)
        .prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

fn any_embed() -> impl Strategy<Value = Embed> {
    let field = (odd(30), odd(60), any::<bool>()).prop_map(|(name, value, inline)| Field {
        name,
        value,
        inline,
    });
    (
        odd(30),
        odd(150),
        odd(100),
        proptest::collection::vec(field, 0..30),
    )
        .prop_map(|(title, description, footer, fields)| Embed {
            title,
            description,
            fields,
            footer,
            ..Embed::default()
        })
}

fn any_button() -> impl Strategy<Value = Button> {
    (odd(5), odd(5), any::<bool>()).prop_map(|(label, id, open)| {
        if open {
            Button::open(label, format!("https://{id}"))
        } else {
            Button::press(label, ButtonStyle::Link, id)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// F-X05: with more of everything than there is room for.
    #[test]
    fn every_limit_holds(
        content in odd(60),
        embeds in proptest::collection::vec(any_embed(), 0..13),
        buttons in proptest::collection::vec(proptest::collection::vec(any_button(), 0..8), 0..8),
    ) {
        let message = Message { content, embeds, buttons, ..Message::default() }.fitted();
        let within = |text: &str, most: usize| length(text) <= most && text.trim() == text;
        prop_assert!(within(&message.content, limits::CONTENT));
        prop_assert!(message.embeds.len() <= limits::EMBEDS);
        let total: usize = message.embeds.iter().map(Embed::length).sum();
        prop_assert!(total <= limits::EMBEDS_TOTAL);
        for embed in &message.embeds {
            prop_assert!(embed.length() > 0);
            prop_assert!(within(&embed.title, limits::TITLE));
            prop_assert!(within(&embed.description, limits::DESCRIPTION));
            prop_assert!(within(&embed.footer, limits::FOOTER));
            prop_assert!(embed.fields.len() <= limits::FIELDS);
            for field in &embed.fields {
                prop_assert!(!field.name.is_empty() && within(&field.name, limits::FIELD_NAME));
                prop_assert!(!field.value.is_empty() && within(&field.value, limits::FIELD_VALUE));
            }
        }
        prop_assert!(message.buttons.len() <= limits::ROWS);
        for row in &message.buttons {
            prop_assert!((1..=limits::BUTTONS_PER_ROW).contains(&row.len()));
            for button in row {
                prop_assert!(!button.label.is_empty() && within(&button.label, limits::LABEL));
                prop_assert_eq!(
                    matches!(button.action, Action::Open(_)),
                    button.style == ButtonStyle::Link
                );
            }
        }
        prop_assert!(!message.content.is_empty() || !message.embeds.is_empty());
        prop_assert_eq!(&message.clone().fitted(), &message);
        let stored = serde_json::to_string(&message).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Message>(&stored).unwrap(), &message);
    }
}
