//! Command definitions: names, descriptions, options, and how much of all.

use std::collections::HashSet;

use serde_json::Value;

use super::length;
use crate::refuse::Faulty;

/// The numbers of option types.
pub(crate) mod option {
    pub(crate) const SUB_COMMAND: u64 = 1;
    pub(crate) const GROUP: u64 = 2;
    pub(crate) const STRING: u64 = 3;
    pub(crate) const INTEGER: u64 = 4;
    pub(crate) const BOOLEAN: u64 = 5;
    pub(crate) const USER: u64 = 6;
    pub(crate) const CHANNEL: u64 = 7;
    pub(crate) const ROLE: u64 = 8;
    pub(crate) const MENTIONABLE: u64 = 9;
    pub(crate) const NUMBER: u64 = 10;
    pub(crate) const ATTACHMENT: u64 = 11;
}

/// Integers that survive a floating-point number.
pub(crate) const SAFE_INTEGER: i64 = (1 << 53) - 1;

const LOCALES: &[&str] = &[
    "ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "he",
    "hi", "hr", "hu", "id", "it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE",
    "th", "tr", "uk", "vi", "zh-CN", "zh-TW",
];

/// Checks a bulk overwrite.
pub(crate) fn bulk(commands: &[Value], guild: bool) -> Faulty {
    let mut faulty = Faulty::default();
    for (kind, most) in [(1, 100), (2, 15), (3, 15), (4, 1)] {
        let count = commands
            .iter()
            .filter(|command| type_of(command) == kind)
            .count();
        if count > most {
            faulty.add(
                "",
                "APPLICATION_COMMANDS_EXCEED_LIMIT",
                format!("{count} commands of type {kind}, {most} are allowed"),
            );
        }
    }
    let mut names = HashSet::new();
    for (nth, command) in commands.iter().enumerate() {
        let path = nth.to_string();
        one(&mut faulty, &path, command, guild);
        if !names.insert((
            type_of(command),
            command["name"].as_str().unwrap_or_default(),
        )) {
            faulty.add(
                &format!("{path}.name"),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            );
        }
    }
    faulty
}

/// Checks one command at a path (which may be empty).
pub(crate) fn one(faulty: &mut Faulty, path: &str, command: &Value, guild: bool) {
    let at = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    let chat = type_of(command) == 1;
    let name_text = command["name"].as_str().unwrap_or_default();
    if chat {
        name(faulty, &at("name"), name_text);
        description(faulty, &at("description"), &command["description"]);
        options(faulty, &at("options"), &command["options"], 0);
    } else {
        menu_name(faulty, &at("name"), name_text);
        if !options_of(command).is_empty() {
            let message = "Only chat commands have options";
            faulty.add(
                &at("options"),
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                message,
            );
        }
        if command["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
        {
            faulty.add(
                &at("description"),
                "APPLICATION_COMMAND_INVALID_DESCRIPTION",
                "Only chat commands have a description",
            );
        }
    }
    localizations(faulty, path, command, chat);
    if guild {
        for key in ["contexts", "integration_types"] {
            if command.get(key).is_some_and(|value| !value.is_null()) {
                faulty.add(
                    &at(key),
                    "APPLICATION_COMMAND_GLOBAL_ONLY",
                    format!("{key} is for global commands only"),
                );
            }
        }
    }
    for (key, most) in [("contexts", 2), ("integration_types", 1)] {
        let Some(list) = command[key].as_array() else {
            continue;
        };
        let distinct: HashSet<u64> = list
            .iter()
            .filter_map(Value::as_u64)
            .filter(|value| *value <= most)
            .collect();
        if list.is_empty() || distinct.len() != list.len() {
            faulty.add(
                &at(key),
                "BASE_TYPE_CHOICES",
                format!("{key} must be distinct numbers up to {most}"),
            );
        }
    }
    let total = characters(command);
    if total > 8000 {
        faulty.add(
            path,
            "APPLICATION_COMMAND_TOO_LARGE",
            format!("Command exceeds maximum size ({total}/8000)"),
        );
    }
}

pub(crate) fn type_of(command: &Value) -> u64 {
    command["type"].as_u64().unwrap_or(1)
}

fn name(faulty: &mut Faulty, path: &str, name: &str) {
    let fits = |letter: char| {
        // Letters and digits of any script, and the marks that Devanagari and Thai need.
        letter.is_alphanumeric()
            || matches!(letter, '-' | '_' | '\'')
            || ('\u{0900}'..='\u{097F}').contains(&letter)
            || ('\u{0E00}'..='\u{0E7F}').contains(&letter)
    };
    let count = name.chars().count();
    if count == 0 || count > 32 || !name.chars().all(fits) || name.to_lowercase() != name {
        let message = "Command name is invalid: 1 to 32 lower-case letters, digits, - and _";
        faulty.add(path, "APPLICATION_COMMAND_INVALID_NAME", message);
    }
}

/// The name of a command in a menu, which may hold blanks and upper-case letters.
fn menu_name(faulty: &mut Faulty, path: &str, name: &str) {
    faulty.length(path, 1, 32, length(name));
    if name.trim() != name {
        let message = "Command name is invalid: it begins or ends with a blank";
        faulty.add(path, "APPLICATION_COMMAND_INVALID_NAME", message);
    }
}

fn options_of(command: &Value) -> &[Value] {
    command["options"].as_array().map_or(&[][..], Vec::as_slice)
}

fn description(faulty: &mut Faulty, path: &str, description: &Value) {
    faulty.length(path, 1, 100, description.as_str().map_or(0, length));
}

fn localizations(faulty: &mut Faulty, path: &str, entry: &Value, chat: bool) {
    let at = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    for key in ["name_localizations", "description_localizations"] {
        let Some(map) = entry[key].as_object() else {
            continue;
        };
        for (locale, text) in map {
            let path = format!("{}.{locale}", at(key));
            if !LOCALES.contains(&locale.as_str()) {
                faulty.add(
                    &path,
                    "BASE_TYPE_CHOICES",
                    format!("\"{locale}\" is not a locale"),
                );
            } else if key == "name_localizations" {
                let text = text.as_str().unwrap_or_default();
                if chat {
                    name(faulty, &path, text);
                } else {
                    menu_name(faulty, &path, text);
                }
            } else if !chat {
                faulty.add(
                    &path,
                    "APPLICATION_COMMAND_INVALID_DESCRIPTION",
                    "Only chat commands have a description",
                );
            } else if !text.is_null() {
                description(faulty, &path, text);
            }
        }
    }
}

fn options(faulty: &mut Faulty, path: &str, options: &Value, depth: u8) {
    let options = options.as_array().map_or(&[][..], Vec::as_slice);
    faulty.length(path, 0, 25, options.len());
    let mut names = HashSet::new();
    let mut optional_seen = false;
    let kind_of = |option: &Value| option["type"].as_u64().unwrap_or_default();
    let nested = options
        .iter()
        .filter(|option| matches!(kind_of(option), 1 | 2))
        .count();
    if nested != 0 && nested != options.len() {
        let message = "Sub-command and sub-command group options must be the only options";
        faulty.add(path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
    }
    for (nth, entry) in options.iter().enumerate() {
        let path = format!("{path}.{nth}");
        let kind = kind_of(entry);
        let option_name = entry["name"].as_str().unwrap_or_default();
        name(faulty, &format!("{path}.name"), option_name);
        description(
            faulty,
            &format!("{path}.description"),
            &entry["description"],
        );
        localizations(faulty, &path, entry, true);
        if !names.insert(option_name) {
            let message = "Option names must be unique";
            faulty.add(
                &format!("{path}.name"),
                "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
                message,
            );
        }
        match kind {
            option::GROUP if depth == 0 => {
                self::options(faulty, &format!("{path}.options"), &entry["options"], 1);
            }
            option::SUB_COMMAND if depth <= 1 => {
                self::options(faulty, &format!("{path}.options"), &entry["options"], 2);
            }
            option::STRING..=option::ATTACHMENT => {
                let required = entry["required"] == true;
                if required && optional_seen {
                    let message = "Required options must be placed before non-required options";
                    faulty.add(
                        &path,
                        "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                        message,
                    );
                }
                optional_seen |= !required;
                plain(faulty, &path, kind, entry);
            }
            _ => faulty.add(
                &format!("{path}.type"),
                "BASE_TYPE_CHOICES",
                format!("An option of type {kind} cannot stand here"),
            ),
        }
    }
}

fn plain(faulty: &mut Faulty, path: &str, kind: u64, entry: &Value) {
    let choices = entry["choices"].as_array().map_or(&[][..], Vec::as_slice);
    faulty.length(&format!("{path}.choices"), 0, 25, choices.len());
    if entry["autocomplete"] == true && !choices.is_empty() {
        let message = "Options with autocomplete cannot have choices";
        faulty.add(
            &format!("{path}.choices"),
            "APPLICATION_COMMAND_AUTOCOMPLETE_WITH_CHOICES",
            message,
        );
    }
    let mut seen = HashSet::new();
    for (nth, choice) in choices.iter().enumerate() {
        let path = format!("{path}.choices.{nth}");
        faulty.length(
            &format!("{path}.name"),
            1,
            100,
            choice["name"].as_str().map_or(0, length),
        );
        let fits = match kind {
            option::STRING => choice["value"]
                .as_str()
                .is_some_and(|text| text.chars().count() <= 100),
            option::INTEGER => choice["value"]
                .as_i64()
                .is_some_and(|value| value.abs() <= SAFE_INTEGER),
            option::NUMBER => choice["value"].is_number(),
            _ => false,
        };
        if !fits {
            faulty.add(
                &format!("{path}.value"),
                "APPLICATION_COMMAND_CHOICE_VALUE",
                "The value does not fit the option",
            );
        }
        if !seen.insert(choice["name"].as_str().unwrap_or_default()) {
            faulty.add(
                &format!("{path}.name"),
                "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS",
                "Choice names must be unique",
            );
        }
    }
    let numeric = matches!(kind, option::INTEGER | option::NUMBER);
    for key in ["min_value", "max_value"] {
        let Some(bound) = entry.get(key).filter(|bound| !bound.is_null()) else {
            continue;
        };
        let safe = bound
            .as_i64()
            .is_none_or(|bound| bound.abs() <= SAFE_INTEGER);
        if !numeric || !bound.is_number() || !safe {
            faulty.add(
                &format!("{path}.{key}"),
                "NUMBER_TYPE_COERCE",
                format!("{key} is for numbers within ±(2^53-1)"),
            );
        }
    }
    for (key, least) in [("min_length", 0), ("max_length", 1)] {
        let Some(bound) = entry.get(key).filter(|bound| !bound.is_null()) else {
            continue;
        };
        let fits = bound
            .as_u64()
            .is_some_and(|bound| (least..=6000).contains(&bound));
        if kind != option::STRING || !fits {
            faulty.add(
                &format!("{path}.{key}"),
                "NUMBER_TYPE_MAX",
                format!("{key} is for texts, up to 6000"),
            );
        }
    }
}

/// What counts towards the 8,000 characters of a command: names, descriptions and values, the longest
/// localisation of each.
fn characters(entry: &Value) -> usize {
    let longest = |key: &str| {
        let own = entry[key].as_str().map_or(0, |text| text.chars().count());
        let map = entry[format!("{key}_localizations")].as_object();
        let translated = map
            .into_iter()
            .flatten()
            .filter_map(|(_, text)| text.as_str());
        translated
            .map(|text| text.chars().count())
            .max()
            .unwrap_or_default()
            .max(own)
    };
    let value = entry["value"]
        .as_str()
        .map_or(0, |text| text.chars().count());
    let inner = ["options", "choices"]
        .into_iter()
        .filter_map(|key| entry[key].as_array())
        .flatten();
    longest("name") + longest("description") + value + inner.map(characters).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(command: &Value) -> String {
        bulk(std::slice::from_ref(command), false).sentences()
    }

    #[test]
    fn a_usual_command_passes() {
        let command = json!({
            "name": "alerts", "description": "Your alerts", "contexts": [0, 1], "integration_types": [0],
            "default_member_permissions": "32",
            "options": [{"type": 1, "name": "add", "description": "Add one", "options": [
                {"type": 3, "name": "pool", "description": "Which", "required": true, "autocomplete": true},
                {"type": 10, "name": "below", "description": "Percent", "min_value": 0, "max_value": 1000.5}]}]
        });
        assert_eq!(check(&command), "");
    }

    #[test]
    fn commands_in_menus_have_a_name_and_nothing_else() {
        for (command, passes) in [
            (json!({"type": 3, "name": "Check this yield"}), true),
            (
                json!({"type": 2, "name": "Who is this?", "description": ""}),
                true,
            ),
            (
                json!({"type": 3, "name": "x".repeat(32), "contexts": [0, 1]}),
                true,
            ),
            (json!({"type": 3, "name": "x".repeat(33)}), false),
            (json!({"type": 3, "name": ""}), false),
            (json!({"type": 3, "name": " Check"}), false),
            (
                json!({"type": 3, "name": "Check", "description": "d"}),
                false,
            ),
            (
                json!({"type": 3, "name": "Check", "options": [{"type": 3, "name": "a", "description": "d"}]}),
                false,
            ),
            (
                json!({"type": 3, "name": "Check", "name_localizations": {"de": "Diese Rendite prüfen"}}),
                true,
            ),
            (
                json!({"type": 3, "name": "Check", "name_localizations": {"de": "x".repeat(33)}}),
                false,
            ),
            (
                json!({"type": 3, "name": "Check", "description_localizations": {"de": "d"}}),
                false,
            ),
        ] {
            assert_eq!(
                check(&command).is_empty(),
                passes,
                "{command}: {}",
                check(&command)
            );
        }
        let many: Vec<Value> = (0..16)
            .map(|n| json!({"type": 3, "name": format!("Menu {n}")}))
            .collect();
        assert!(bulk(&many, false).sentences().contains("15 are allowed"));
        assert_eq!(bulk(&many[..15], false).sentences(), "");
    }

    #[test]
    fn refuses_what_the_description_lets_pass() {
        let with = |options: Value| json!({"name": "a", "description": "d", "options": options});
        let long = "x".repeat(101);
        let cases = [
            json!({"name": "Bad Name!", "description": "d"}),
            json!({"name": "Upper", "description": "d"}),
            json!({"name": "a"}),
            json!({"name": "a", "description": long}),
            json!({"name": "a", "description": "d", "name_localizations": {"xx": "a"}}),
            json!({"name": "a", "description": "d", "contexts": [0, 0]}),
            with(
                json!([{"type": 3, "name": "a", "description": "d", "choices": [{"name": "a", "value": long}]}]),
            ),
            with(
                json!([{"type": 3, "name": "a", "description": "d", "autocomplete": true,
                "choices": [{"name": "a", "value": "b"}]}]),
            ),
            with(json!([{"type": 3, "name": "a", "description": "d"},
                {"type": 3, "name": "b", "description": "d", "required": true}])),
            with(
                json!([{"type": 3, "name": "a", "description": "d"}, {"type": 3, "name": "a", "description": "d"}]),
            ),
            with(
                json!([{"type": 1, "name": "a", "description": "d"}, {"type": 3, "name": "b", "description": "d"}]),
            ),
            with(json!([{"type": 3, "name": "a", "description": "d", "min_value": 1}])),
            with(json!([{"type": 99, "name": "a", "description": "d"}])),
        ];
        for command in cases {
            assert_ne!(check(&command), "", "{command}");
        }
    }

    #[test]
    fn counts_the_whole_command() {
        let option = |name: String| {
            json!({"type": 3, "name": name, "description": "d".repeat(100),
            "choices": (0..5).map(|n| json!({"name": format!("{n}{}", "c".repeat(99)), "value": "v".repeat(100)})).collect::<Vec<_>>()})
        };
        let options: Vec<Value> = (0..8).map(|n| option(format!("o{n}"))).collect();
        let command = json!({"name": "a", "description": "d", "options": options});
        assert!(check(&command).contains("maximum size"));
        assert!(
            bulk(&vec![json!({"name": "a", "description": "d"}); 2], false)
                .sentences()
                .contains("unique")
        );
    }
}
