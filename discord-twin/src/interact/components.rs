//! Buttons, selects and modals that a person uses.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Kind, Person, Start};
use crate::{TwinError, check::components::find, ids::text, state::State};

/// The message on which a component is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// The answer of this interaction.
    Reply(#[serde(with = "text")] u64),
    /// The message with this id.
    Message(#[serde(with = "text")] u64),
}

/// A person uses a component.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Press {
    /// Where it stands.
    pub on: On,
    /// Which one.
    pub custom_id: String,
    /// Who uses it.
    #[serde(flatten)]
    pub person: Person,
    /// What is chosen, for a select.
    #[serde(default)]
    pub values: Vec<String>,
    /// Sent although this person does not see the message, as no honest client would.
    #[serde(default)]
    pub forged: bool,
}

impl Press {
    /// A button on the answer of an interaction.
    pub fn on_reply(interaction: u64, custom_id: impl Into<String>) -> Self {
        Self {
            on: On::Reply(interaction),
            custom_id: custom_id.into(),
            person: Person::default(),
            values: Vec::new(),
            forged: false,
        }
    }

    /// A button on a message.
    pub fn on_message(message: u64, custom_id: impl Into<String>) -> Self {
        Self {
            on: On::Message(message),
            ..Self::on_reply(0, custom_id)
        }
    }

    /// By this person.
    #[must_use]
    pub fn by(mut self, person: Person) -> Self {
        self.person = person;
        self
    }

    /// Choosing these values of a select.
    #[must_use]
    pub fn choosing(mut self, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.values = values.into_iter().map(Into::into).collect();
        self
    }

    /// Also on a message that the person does not see.
    #[must_use]
    pub const fn forged(mut self) -> Self {
        self.forged = true;
        self
    }
}

impl State {
    /// Uses a button or select, and returns the new interaction.
    pub(crate) fn press(&mut self, press: &Press) -> Result<u64, TwinError> {
        let refused = |why: String| TwinError::Component {
            custom_id: press.custom_id.clone(),
            why,
        };
        let id = match press.on {
            On::Message(id) => id,
            On::Reply(interaction) => {
                let interaction = self
                    .interactions
                    .get(interaction)
                    .ok_or(TwinError::UnknownInteraction(interaction))?;
                interaction
                    .original
                    .ok_or_else(|| refused("the interaction has no message".to_owned()))?
            }
        };
        let message = self.ledger.alive(id).ok_or(TwinError::UnknownMessage(id))?;
        if message.is_loading() {
            return Err(refused("the message is still loading".to_owned()));
        }
        if !press.forged && self.is_hidden(message, press.person.id) {
            return Err(refused(
                "only the person who was answered sees this message".to_owned(),
            ));
        }
        let component = find(&message.body["components"], &press.custom_id)
            .ok_or_else(|| refused("the message has no such component".to_owned()))?;
        if component["disabled"] == true {
            return Err(refused("it is disabled".to_owned()));
        }
        let kind = component["type"].as_u64().unwrap_or_default();
        let mut data = json!({"custom_id": press.custom_id, "component_type": kind});
        if kind == 2 {
            if !press.values.is_empty() {
                return Err(refused("a button takes no values".to_owned()));
            }
        } else {
            check_values(component, kind, &press.values).map_err(refused)?;
            data["values"] = json!(press.values);
            data["resolved"] = json!({});
        }
        let start = Start {
            kind: Kind::Component,
            name: press.custom_id.clone(),
            guild: message.guild,
            channel: message.channel,
            person: press.person.clone(),
            user_install: false,
            data,
            message: Some(message.body.clone()),
        };
        self.start(start)
    }

    /// Sends in the modal that an interaction was answered with, and returns the new interaction.
    pub(crate) fn submit(
        &mut self,
        interaction: u64,
        values: &Map<String, Value>,
    ) -> Result<u64, TwinError> {
        let opened = self
            .interactions
            .get(interaction)
            .ok_or(TwinError::UnknownInteraction(interaction))?;
        let custom_id = |modal: &Value| modal["custom_id"].as_str().unwrap_or_default().to_owned();
        let modal = opened.modal.clone().ok_or_else(|| TwinError::Component {
            custom_id: String::new(),
            why: "the interaction was not answered with a modal".to_owned(),
        })?;
        let refused = |why: String| TwinError::Component {
            custom_id: custom_id(&modal),
            why,
        };
        for name in values.keys() {
            if find(&modal["components"], name).is_none() {
                return Err(refused(format!("the modal has no field {name}")));
            }
        }
        let fields = modal["components"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let mut sent = Vec::new();
        for field in fields {
            match field["type"].as_u64() {
                Some(1) => {
                    let inputs = field["components"]
                        .as_array()
                        .map_or(&[][..], Vec::as_slice);
                    let inputs: Result<Vec<Value>, String> =
                        inputs.iter().map(|input| answer(input, values)).collect();
                    sent.push(json!({"type": 1, "components": inputs.map_err(refused)?}));
                }
                Some(18) => {
                    let component = answer(&field["component"], values).map_err(refused)?;
                    sent.push(json!({"type": 18, "component": component}));
                }
                _ => {}
            }
        }
        let message = opened
            .source
            .and_then(|id| self.ledger.alive(id))
            .map(|message| message.body.clone());
        let start = Start {
            kind: Kind::Modal,
            name: custom_id(&modal),
            guild: opened.guild,
            channel: opened.channel,
            person: opened.person.clone(),
            user_install: opened.user_install,
            data: json!({"custom_id": modal["custom_id"], "components": sent, "resolved": {}}),
            message,
        };
        self.start(start)
    }
}

fn check_values(select: &Value, kind: u64, values: &[String]) -> Result<(), String> {
    let least = select["min_values"].as_u64().unwrap_or(1);
    let most = select["max_values"].as_u64().unwrap_or(1);
    if !(least..=most).contains(&(values.len() as u64)) {
        return Err(format!(
            "{} values, {least} to {most} can be chosen",
            values.len()
        ));
    }
    if kind == 3 {
        let options = select["options"].as_array().map_or(&[][..], Vec::as_slice);
        for value in values {
            if !options
                .iter()
                .any(|option| option["value"] == value.as_str())
            {
                return Err(format!("{value} is not among the options"));
            }
        }
    }
    Ok(())
}

/// What a field of a modal sends.
fn answer(field: &Value, values: &Map<String, Value>) -> Result<Value, String> {
    let custom_id = field["custom_id"].as_str().unwrap_or_default();
    let kind = field["type"].as_u64().unwrap_or_default();
    let given = values.get(custom_id).or_else(|| field.get("value"));
    let required = field["required"].as_bool().unwrap_or(true);
    if kind == 4 {
        let text = given.and_then(Value::as_str).unwrap_or_default();
        let count = text.chars().count() as u64;
        let least = field["min_length"]
            .as_u64()
            .unwrap_or_default()
            .max(u64::from(required));
        let most = field["max_length"].as_u64().unwrap_or(4000);
        if count > most || (count < least && (required || count > 0)) {
            return Err(format!(
                "{custom_id}: {count} characters, {least} to {most} are asked for"
            ));
        }
        return Ok(json!({"type": 4, "custom_id": custom_id, "value": text}));
    }
    let chosen = match given {
        None => json!([]),
        Some(Value::Array(list)) => json!(list),
        Some(other) => json!([other]),
    };
    Ok(json!({"type": kind, "custom_id": custom_id, "values": chosen}))
}
