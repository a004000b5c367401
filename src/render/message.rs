//! A message as a value: comparable, storable, and within Discord's limits.
//!
//! Discord refuses a whole message for one character too many, and the long alert is the one that
//! matters. So a message is cut to the limits before it leaves, and says what it left out.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation;

use crate::domain::{
    ids::{ChannelId, Home, MessageId, RoleId},
    time::Timestamp,
};

/// Discord's limits, in Unicode code points.
pub mod limits {
    pub const CONTENT: usize = 2_000;
    pub const TITLE: usize = 256;
    pub const DESCRIPTION: usize = 4_096;
    pub const FIELDS: usize = 25;
    pub const FIELD_NAME: usize = 256;
    pub const FIELD_VALUE: usize = 1_024;
    pub const FOOTER: usize = 2_048;
    pub const EMBEDS: usize = 10;
    /// Over the texts of all embeds of a message together.
    pub const EMBEDS_TOTAL: usize = 6_000;
    pub const ROWS: usize = 5;
    pub const BUTTONS_PER_ROW: usize = 5;
    pub const LABEL: usize = 80;
    pub const CUSTOM_ID: usize = 100;
    pub const BUTTON_URL: usize = 512;
    pub const CHOICES: usize = 25;
    /// Of the label, the value, the description of a choice each, and of what invites to choose.
    pub const CHOICE: usize = 100;
    pub const FILES: usize = 10;
    /// What is said of a file to those who do not see it.
    pub const FILE_DESCRIPTION: usize = 1_024;
}

/// Where a message stands.
pub fn link(home: Home, channel: ChannelId, message: MessageId) -> String {
    match home {
        Home::Server(guild) => {
            format!("https://discord.com/channels/{guild}/{channel}/{message}")
        }
        Home::Person(_) => format!("https://discord.com/channels/@me/{channel}/{message}"),
    }
}

/// Everything that one message shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    pub content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub embeds: Vec<Embed>,
    /// Rows of buttons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Vec<Button>>,
    /// A row of its own below the buttons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
    /// The roles that the message may call, where its text names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
}

/// A list from which one is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Select {
    pub custom_id: String,
    /// What invites to choose.
    pub invitation: String,
    pub choices: Vec<Choice>,
}

/// One of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub description: String,
}

/// A card below the text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Embed {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Where the title leads; https. Of two embeds with the same one Discord shows the first only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub colour: Colour,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub footer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// The bar at the edge of an embed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    Green,
    Amber,
    Red,
    Blue,
    #[default]
    Grey,
}

impl Colour {
    /// As Discord wants it: 0xRRGGBB.
    pub const fn rgb(self) -> u32 {
        match self {
            Self::Green => 0x002E_9E5B,
            Self::Amber => 0x00D9_9A1C,
            Self::Red => 0x00C9_3A3A,
            Self::Blue => 0x003B_6FD4,
            Self::Grey => 0x0078_7F8A,
        }
    }
}

impl From<Colour> for u32 {
    fn from(colour: Colour) -> Self {
        colour.rgb()
    }
}

/// A named part of an embed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub value: String,
    /// Up to three stand side by side.
    #[serde(default)]
    pub inline: bool,
}

impl Field {
    /// A field over the whole width.
    pub fn wide(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            inline: false,
        }
    }

    /// A field that shares its row.
    pub fn narrow(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            inline: true,
            ..Self::wide(name, value)
        }
    }
}

/// Something to press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    pub label: String,
    pub style: ButtonStyle,
    pub action: Action,
    #[serde(default)]
    pub disabled: bool,
}

impl Button {
    /// A button that comes back to us as a press with `custom_id`.
    pub fn press(
        label: impl Into<String>,
        style: ButtonStyle,
        custom_id: impl Into<String>,
    ) -> Self {
        Self {
            label: label.into(),
            style,
            action: Action::Press(custom_id.into()),
            disabled: false,
        }
    }

    /// A button that opens a page.
    pub fn open(label: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            style: ButtonStyle::Link,
            action: Action::Open(url.into()),
            disabled: false,
        }
    }
}

/// How a button looks. A link looks like a link whatever is asked for, and nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonStyle {
    Primary,
    Secondary,
    Danger,
    Link,
}

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Tells us, with this custom id.
    Press(String),
    /// Opens this https address.
    Open(String),
}

/// A file that goes along. It is no part of the JSON body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    pub bytes: Vec<u8>,
    /// What a picture shows, for those who do not see it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl From<Embed> for Message {
    fn from(embed: Embed) -> Self {
        Self {
            embeds: vec![embed],
            ..Self::default()
        }
        .fitted()
    }
}

impl Message {
    /// A message of text alone.
    pub fn text(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            ..Self::default()
        }
        .fitted()
    }

    /// Adds a row of buttons.
    #[must_use]
    pub fn with_buttons(mut self, row: impl IntoIterator<Item = Button>) -> Self {
        self.buttons.push(row.into_iter().collect());
        self.fitted()
    }

    /// The message within all of Discord's limits. Texts are cut with `…`; fields from the end of
    /// an embed and embeds from the end of the message are dropped, with `+N more` in their place.
    /// Empty parts go, and so do buttons that Discord would refuse. A message that shows nothing at
    /// all becomes `…`. Fitting twice changes nothing.
    #[must_use]
    pub fn fitted(self) -> Self {
        let mut embeds: Vec<Embed> = self
            .embeds
            .into_iter()
            .map(Embed::fitted)
            .filter(|embed| embed.length() > 0)
            .collect();
        let before = embeds.len();
        embeds.truncate(limits::EMBEDS);
        fit_total(&mut embeds);
        let dropped = before - embeds.len();

        let content = if dropped > 0 {
            with_more(&self.content, dropped, limits::CONTENT)
        } else {
            cut_lines(&self.content, limits::CONTENT)
        };
        let mut files = self.files;
        files.truncate(limits::FILES);
        for file in &mut files {
            file.description = cut(&file.description, limits::FILE_DESCRIPTION);
        }
        let select = self.select.and_then(Select::fitted);
        let mut buttons = fit_buttons(self.buttons);
        buttons.truncate(limits::ROWS - usize::from(select.is_some()));
        let mut fitted = Self {
            content,
            embeds,
            buttons,
            select,
            roles: self.roles,
            files,
        };
        if fitted.content.is_empty() && fitted.embeds.is_empty() && fitted.files.is_empty() {
            "…".clone_into(&mut fitted.content);
        }
        fitted
    }

    /// The JSON body that executing a webhook and creating a message both take, within the limits
    /// and with every mention switched off but those of its roles. Files are not in it.
    pub fn to_discord(&self) -> Value {
        let fitted = self.clone().fitted();
        let roles: Vec<String> = fitted.roles.iter().map(RoleId::to_string).collect();
        let mut body = json!({
            "content": fitted.content,
            "embeds": fitted.embeds.iter().map(Embed::to_discord).collect::<Vec<_>>(),
            "allowed_mentions": { "parse": [] },
        });
        if !roles.is_empty() {
            body["allowed_mentions"]["roles"] = json!(roles);
        }
        let mut rows: Vec<Value> = fitted
            .buttons
            .iter()
            .map(|row| row.iter().map(Button::to_discord).collect())
            .collect();
        if let Some(select) = &fitted.select {
            rows.push(json!([select.to_discord()]));
        }
        if !rows.is_empty() {
            let row = |components| json!({ "type": 1, "components": components });
            body["components"] = rows.into_iter().map(row).collect();
        }
        body
    }
}

impl Embed {
    /// Code points that count toward [`limits::EMBEDS_TOTAL`].
    pub fn length(&self) -> usize {
        let fields: usize = self.fields.iter().map(Field::length).sum();
        length(&self.title) + length(&self.description) + length(&self.footer) + fields
    }

    fn fitted(self) -> Self {
        let mut fields: Vec<Field> = self
            .fields
            .into_iter()
            .map(|field| Field {
                name: cut(&field.name, limits::FIELD_NAME),
                value: cut_lines(&field.value, limits::FIELD_VALUE),
                inline: field.inline,
            })
            .filter(|field| !field.name.is_empty() && !field.value.is_empty())
            .collect();
        let dropped = fields.len().saturating_sub(limits::FIELDS);
        fields.truncate(limits::FIELDS);
        let description = if dropped > 0 {
            with_more(&self.description, dropped, limits::DESCRIPTION)
        } else {
            cut_lines(&self.description, limits::DESCRIPTION)
        };
        Self {
            title: cut(&self.title, limits::TITLE),
            url: self.url.filter(|url| is_https(url)),
            description,
            colour: self.colour,
            fields,
            footer: cut(&self.footer, limits::FOOTER),
            timestamp: self.timestamp,
        }
    }

    /// Shortens the embed to `room`: fields from the end first, then the description, then the
    /// footer. `false` when nothing worth showing is left.
    fn shorten_to(&mut self, room: usize) -> bool {
        if self.length() <= room {
            return true;
        }
        let mut dropped = 0;
        while self.length() + MORE > room && self.fields.pop().is_some() {
            dropped += 1;
        }
        if dropped > 0 {
            let most = limits::DESCRIPTION.min(length(&self.description) + MORE);
            self.description = with_more(&self.description, dropped, most);
        }
        let over = self.length().saturating_sub(room);
        if over > 0 {
            let most = length(&self.description).saturating_sub(over);
            self.description = cut_lines(&self.description, most);
        }
        let over = self.length().saturating_sub(room);
        if over > 0 {
            self.footer = cut(&self.footer, length(&self.footer).saturating_sub(over));
        }
        self.length() > 0 && self.length() <= room
    }

    /// Makes room for `over` more code points.
    pub(super) fn shorten_by(&mut self, over: usize) {
        if over > 0 {
            self.shorten_to(self.length().saturating_sub(over));
        }
    }

    fn to_discord(&self) -> Value {
        let mut embed = json!({ "color": self.colour.rgb() });
        for (key, text) in [("title", &self.title), ("description", &self.description)] {
            if !text.is_empty() {
                embed[key] = json!(text);
            }
        }
        if let Some(url) = &self.url {
            embed["url"] = json!(url);
        }
        if !self.fields.is_empty() {
            embed["fields"] = json!(self.fields);
        }
        if !self.footer.is_empty() {
            embed["footer"] = json!({ "text": self.footer });
        }
        if let Some(timestamp) = self.timestamp {
            embed["timestamp"] = json!(timestamp.rfc3339());
        }
        embed
    }
}

impl Field {
    fn length(&self) -> usize {
        length(&self.name) + length(&self.value)
    }
}

impl Button {
    fn fitted(self) -> Option<Self> {
        let label = cut(&self.label, limits::LABEL);
        let (style, fits) = match (&self.action, self.style) {
            (Action::Press(id), ButtonStyle::Link) => (ButtonStyle::Secondary, is_custom_id(id)),
            (Action::Press(id), style) => (style, is_custom_id(id)),
            (Action::Open(url), _) => (
                ButtonStyle::Link,
                is_https(url) && length(url) <= limits::BUTTON_URL,
            ),
        };
        (fits && !label.is_empty()).then_some(Self {
            label,
            style,
            ..self
        })
    }

    fn to_discord(&self) -> Value {
        let style = match self.style {
            ButtonStyle::Primary => 1,
            ButtonStyle::Secondary => 2,
            ButtonStyle::Danger => 4,
            ButtonStyle::Link => 5,
        };
        let (key, target) = match &self.action {
            Action::Press(id) => ("custom_id", id),
            Action::Open(url) => ("url", url),
        };
        json!({
            "type": 2,
            "style": style,
            "label": self.label,
            key: target,
            "disabled": self.disabled,
        })
    }
}

impl Select {
    fn fitted(self) -> Option<Self> {
        let mut choices: Vec<Choice> = Vec::new();
        for choice in self.choices {
            let fitted = Choice {
                label: cut(&choice.label, limits::CHOICE),
                description: cut(&choice.description, limits::CHOICE),
                value: choice.value,
            };
            let fits = (1..=limits::CHOICE).contains(&length(&fitted.value));
            let again = choices.iter().any(|known| known.value == fitted.value);
            if fits && !again && !fitted.label.is_empty() {
                choices.push(fitted);
            }
        }
        choices.truncate(limits::CHOICES);
        (is_custom_id(&self.custom_id) && !choices.is_empty()).then(|| Self {
            custom_id: self.custom_id,
            invitation: cut(&self.invitation, limits::CHOICE),
            choices,
        })
    }

    fn to_discord(&self) -> Value {
        let choice = |choice: &Choice| {
            let mut option = json!({ "label": choice.label, "value": choice.value });
            if !choice.description.is_empty() {
                option["description"] = json!(choice.description);
            }
            option
        };
        json!({
            "type": 3,
            "custom_id": self.custom_id,
            "placeholder": self.invitation,
            "options": self.choices.iter().map(choice).collect::<Vec<_>>(),
        })
    }
}

/// Room for a line of `+N more`.
const MORE: usize = 16;

/// Keeps as many embeds from the start as fit together; the one at the border is shortened.
fn fit_total(embeds: &mut Vec<Embed>) {
    let mut room = limits::EMBEDS_TOTAL;
    let mut kept = 0;
    for embed in embeds.iter_mut() {
        // A card without its fields and half of its text says less than "+1 more".
        let worth_it = kept == 0 || embed.length() <= room || room >= WORTH_SHORTENING;
        if !worth_it || !embed.shorten_to(room) {
            break;
        }
        room -= embed.length();
        kept += 1;
    }
    embeds.truncate(kept);
}

const WORTH_SHORTENING: usize = 400;

fn fit_buttons(rows: Vec<Vec<Button>>) -> Vec<Vec<Button>> {
    let mut seen = Vec::new();
    let mut fitted: Vec<Vec<Button>> = rows
        .into_iter()
        .map(|row| {
            row.into_iter()
                .filter_map(Button::fitted)
                .filter(|button| {
                    let again = seen.contains(&button.action);
                    seen.push(button.action.clone());
                    !again
                })
                .take(limits::BUTTONS_PER_ROW)
                .collect::<Vec<_>>()
        })
        .filter(|row| !row.is_empty())
        .collect();
    fitted.truncate(limits::ROWS);
    fitted
}

fn is_custom_id(id: &str) -> bool {
    (1..=limits::CUSTOM_ID).contains(&length(id)) && id.trim() == id
}

fn is_https(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

/// Discord counts code points.
fn length(text: &str) -> usize {
    text.chars().count()
}

/// Cuts between graphemes to `most` code points, with `…` in place of the rest.
pub fn cut(text: &str, most: usize) -> String {
    let text = text.trim();
    if length(text) <= most {
        return text.to_owned();
    }
    let mut used = 1;
    let kept: String = text
        .graphemes(true)
        .take_while(|grapheme| {
            used += length(grapheme);
            used <= most
        })
        .collect();
    if most == 0 {
        return kept;
    }
    format!("{}…", kept.trim_end())
}

/// [`cut`], but between lines where that keeps more than half, so that no mark is cut in two.
fn cut_lines(text: &str, most: usize) -> String {
    let cut = cut(text, most);
    if cut == text.trim() {
        return cut;
    }
    match cut.rsplit_once('\n') {
        Some((lines, _)) if length(lines) * 2 > most => format!("{}\n…", lines.trim_end())
            .chars()
            .take(most)
            .collect(),
        _ => cut,
    }
}

/// `text` with a last line that says how many parts are not shown.
fn with_more(text: &str, dropped: usize, most: usize) -> String {
    let more = format!("+{dropped} more");
    let text = cut_lines(text, most.saturating_sub(length(&more) + 1));
    if text.is_empty() {
        more
    } else {
        format!("{text}\n{more}")
    }
}

#[cfg(test)]
mod tests;
