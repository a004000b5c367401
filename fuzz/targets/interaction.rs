//! The body of an interaction, as the gateway hands it on and as it comes by HTTP: it is read or refused,
//! alike by both, and what a press in it says is read as what we write, or not at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serenity::all::{Event, GatewayEvent, Interaction};
use stipend::discord::{
    buttons::Button,
    interactions::{self, Arrived},
    presses::Press,
};

fuzz_target!(|body: &[u8]| {
    let within = [
        br#"{"op":0,"s":1,"t":"INTERACTION_CREATE","d":"#.as_slice(),
        body,
        b"}",
    ]
    .concat();
    let alone = serde_json::from_slice::<Interaction>(body);
    let event = serde_json::from_slice::<GatewayEvent>(&within);
    if let Ok(GatewayEvent::Dispatch(_, Event::InteractionCreate(event))) = &event {
        handle(&event.interaction);
    }
    if let Ok(interaction) = &alone {
        handle(interaction);
    }
    if let Ok(Arrived::Interaction(interaction)) = interactions::read(body) {
        handle(&interaction);
    }
});

fn handle(interaction: &Interaction) {
    match interaction {
        Interaction::Command(command) | Interaction::Autocomplete(command) => {
            drop(command.data.options());
            drop(command.data.autocomplete());
            drop(command.data.target());
        }
        Interaction::Component(press) => of_press(&press.data.custom_id),
        Interaction::Modal(form) => of_press(&form.data.custom_id),
        _ => {}
    }
}

fn of_press(text: &str) {
    assert!(Button::decode(text).is_none_or(|button| button.encode() == text));
    let press = Press::decode(text).and_then(Press::encode);
    assert!(press.is_none_or(|encoded| encoded == text));
}
