//! Components of messages and modals: rows, buttons, selects, the newer ones, and how many of all.

use std::collections::HashSet;

use serde_json::Value;

use super::length;
use crate::refuse::Faulty;

const ROW: u64 = 1;
const BUTTON: u64 = 2;
const STRING_SELECT: u64 = 3;
const TEXT_INPUT: u64 = 4;
const SECTION: u64 = 9;
const TEXT_DISPLAY: u64 = 10;
const MEDIA_GALLERY: u64 = 12;
const CONTAINER: u64 = 17;
const LABEL: u64 = 18;

#[derive(Default)]
struct Seen {
    custom_ids: HashSet<String>,
    count: usize,
    text: usize,
}

fn kind(component: &Value) -> u64 {
    component["type"].as_u64().unwrap_or_default()
}

fn is_select(kind: u64) -> bool {
    matches!(kind, 3 | 5..=8)
}

fn inner(component: &Value) -> impl Iterator<Item = &Value> {
    let list = component["components"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let single = ["accessory", "component"]
        .into_iter()
        .filter_map(|key| component.get(key));
    list.iter().chain(single)
}

/// Whether anything in it makes the application receive an interaction.
pub(crate) fn has_interactive(components: &Value) -> bool {
    fn any(component: &Value) -> bool {
        component.get("custom_id").is_some() || inner(component).any(any)
    }
    components
        .as_array()
        .is_some_and(|list| list.iter().any(any))
}

/// The component with this `custom_id`, wherever it is nested.
pub(crate) fn find<'a>(components: &'a Value, custom_id: &str) -> Option<&'a Value> {
    fn within<'a>(component: &'a Value, custom_id: &str) -> Option<&'a Value> {
        if component["custom_id"] == custom_id {
            return Some(component);
        }
        inner(component).find_map(|child| within(child, custom_id))
    }
    components
        .as_array()?
        .iter()
        .find_map(|component| within(component, custom_id))
}

/// Checks the components of a message.
pub(crate) fn message(faulty: &mut Faulty, components: &Value, v2: bool) {
    let Some(list) = components.as_array() else {
        if !components.is_null() {
            faulty.add(
                "components",
                "LIST_TYPE_CONVERT",
                "Only iterables may be used in a ListType",
            );
        }
        return;
    };
    let mut seen = Seen::default();
    if !v2 {
        faulty.length("components", 0, 5, list.len());
    }
    for (nth, component) in list.iter().enumerate() {
        let path = format!("components.{nth}");
        if !v2 && kind(component) != ROW {
            faulty.add(
                &format!("{path}.type"),
                "UNION_TYPE_CHOICES",
                "Value of field \"type\" must be one of (1,).",
            );
        }
        check(faulty, component, &path, &mut seen);
    }
    if seen.count > 40 && v2 {
        faulty.add(
            "components",
            "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
            "The total number of components exceeds 40",
        );
    }
    if seen.text > 4000 {
        faulty.add(
            "components",
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            "The displayed text exceeds 4000",
        );
    }
}

/// Checks the body of a modal.
pub(crate) fn modal(faulty: &mut Faulty, modal: &Value) {
    faulty.length(
        "data.custom_id",
        1,
        100,
        modal["custom_id"]
            .as_str()
            .map_or(0, |id| id.chars().count()),
    );
    faulty.length(
        "data.title",
        1,
        45,
        modal["title"].as_str().map_or(0, length),
    );
    let list = modal["components"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    faulty.length("data.components", 1, 5, list.len());
    let mut seen = Seen::default();
    for (nth, component) in list.iter().enumerate() {
        let path = format!("data.components.{nth}");
        match kind(component) {
            ROW => {
                let held: Vec<&Value> = inner(component).collect();
                if held.len() != 1 || kind(held[0]) != TEXT_INPUT {
                    faulty.add(
                        &path,
                        "UNION_TYPE_CHOICES",
                        "A row of a modal holds one text input",
                    );
                }
            }
            LABEL => faulty.length(
                &format!("{path}.label"),
                1,
                45,
                component["label"].as_str().map_or(0, length),
            ),
            TEXT_DISPLAY => {}
            other => faulty.add(
                &path,
                "UNION_TYPE_CHOICES",
                format!("A modal cannot hold a component of type {other}"),
            ),
        }
        check(faulty, component, &path, &mut seen);
    }
}

fn check(faulty: &mut Faulty, component: &Value, path: &str, seen: &mut Seen) {
    seen.count += 1;
    let kind = kind(component);
    if let Some(id) = component.get("custom_id") {
        let id = id.as_str().unwrap_or_default();
        faulty.length(&format!("{path}.custom_id"), 1, 100, id.chars().count());
        if !seen.custom_ids.insert(id.to_owned()) {
            let message = "Component custom id cannot be duplicated";
            faulty.add(
                &format!("{path}.custom_id"),
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                message,
            );
        }
    }
    let held: Vec<&Value> = inner(component).collect();
    match kind {
        ROW => row(faulty, &held, path),
        BUTTON => button(faulty, component, path),
        kind if is_select(kind) => select(faulty, component, path),
        TEXT_INPUT => text_input(faulty, component, path),
        SECTION => faulty.length(
            &format!("{path}.components"),
            1,
            3,
            component["components"].as_array().map_or(0, Vec::len),
        ),
        TEXT_DISPLAY => {
            let count = component["content"].as_str().map_or(0, length);
            seen.text += count;
            faulty.length(&format!("{path}.content"), 1, 4000, count);
        }
        MEDIA_GALLERY => {
            faulty.length(
                &format!("{path}.items"),
                1,
                10,
                component["items"].as_array().map_or(0, Vec::len),
            );
        }
        CONTAINER => faulty.length(&format!("{path}.components"), 1, 40, held.len()),
        0 => faulty.add(
            &format!("{path}.type"),
            "BASE_TYPE_REQUIRED",
            "This field is required",
        ),
        _ => {}
    }
    for (nth, child) in held.into_iter().enumerate() {
        check(faulty, child, &format!("{path}.components.{nth}"), seen);
    }
}

fn row(faulty: &mut Faulty, held: &[&Value], path: &str) {
    let buttons = held.iter().filter(|child| kind(child) == BUTTON).count();
    faulty.length(&format!("{path}.components"), 1, 5, held.len());
    if buttons != held.len() && held.len() > 1 {
        let message = "A row holds up to five buttons or one select";
        faulty.add(
            &format!("{path}.components"),
            "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
            message,
        );
    }
}

fn button(faulty: &mut Faulty, button: &Value, path: &str) {
    let label = button["label"].as_str().map_or(0, length);
    faulty.length(&format!("{path}.label"), 0, 80, label);
    let style = button["style"].as_u64().unwrap_or_default();
    let has = |key: &str| button.get(key).is_some_and(|value| !value.is_null());
    match style {
        1..=4 if !has("custom_id") => {
            faulty.add(
                &format!("{path}.custom_id"),
                "BASE_TYPE_REQUIRED",
                "A custom id is required",
            );
        }
        1..=4 if has("url") => {
            faulty.add(
                &format!("{path}.url"),
                "BUTTON_COMPONENT_URL_NOT_ALLOWED",
                "A url is for link buttons only",
            );
        }
        5 => {
            let url = button["url"].as_str().unwrap_or_default();
            if !super::message::is_link(url) || url.len() > 512 {
                faulty.add(
                    &format!("{path}.url"),
                    "URL_TYPE_INVALID_URL",
                    "Not a well formed URL.",
                );
            }
            if has("custom_id") {
                let message = "A custom id and url cannot both be specified";
                faulty.add(
                    &format!("{path}.custom_id"),
                    "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                    message,
                );
            }
        }
        1..=4 | 6 => {}
        _ => faulty.add(
            &format!("{path}.style"),
            "BASE_TYPE_CHOICES",
            "Value must be one of (1, 2, 3, 4, 5, 6).",
        ),
    }
    if style != 6 && label == 0 && !has("emoji") {
        faulty.add(
            &format!("{path}.label"),
            "BUTTON_COMPONENT_LABEL_REQUIRED",
            "A label or an emoji is required",
        );
    }
}

fn select(faulty: &mut Faulty, select: &Value, path: &str) {
    if select.get("custom_id").is_none() {
        faulty.add(
            &format!("{path}.custom_id"),
            "BASE_TYPE_REQUIRED",
            "A custom id is required",
        );
    }
    faulty.length(
        &format!("{path}.placeholder"),
        0,
        150,
        select["placeholder"].as_str().map_or(0, length),
    );
    if kind(select) != STRING_SELECT {
        return;
    }
    let options = select["options"].as_array().map_or(&[][..], Vec::as_slice);
    faulty.length(&format!("{path}.options"), 1, 25, options.len());
    let mut values = HashSet::new();
    for (nth, option) in options.iter().enumerate() {
        for (key, least) in [("label", 1), ("value", 1), ("description", 0)] {
            let count = option[key].as_str().map_or(0, length);
            faulty.length(&format!("{path}.options.{nth}.{key}"), least, 100, count);
        }
        if !values.insert(option["value"].as_str().unwrap_or_default()) {
            let message = "The specified option value is already used";
            faulty.add(
                &format!("{path}.options.{nth}.value"),
                "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                message,
            );
        }
    }
    let most = select["max_values"].as_u64().unwrap_or(1);
    let least = select["min_values"].as_u64().unwrap_or(1);
    if least > 25 || !(1..=25).contains(&most) || least > most {
        faulty.add(
            &format!("{path}.max_values"),
            "NUMBER_TYPE_MAX",
            "min_values and max_values do not fit",
        );
    }
}

fn text_input(faulty: &mut Faulty, input: &Value, path: &str) {
    if input.get("custom_id").is_none() {
        faulty.add(
            &format!("{path}.custom_id"),
            "BASE_TYPE_REQUIRED",
            "A custom id is required",
        );
    }
    faulty.length(
        &format!("{path}.label"),
        0,
        45,
        input["label"].as_str().map_or(0, length),
    );
    faulty.length(
        &format!("{path}.placeholder"),
        0,
        100,
        input["placeholder"].as_str().map_or(0, length),
    );
    faulty.length(
        &format!("{path}.value"),
        0,
        4000,
        input["value"].as_str().map_or(0, length),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sentences(components: &Value, v2: bool) -> String {
        let mut faulty = Faulty::default();
        message(&mut faulty, components, v2);
        faulty.sentences()
    }

    fn row_of(components: &Value) -> Value {
        json!([{"type": 1, "components": components}])
    }

    #[test]
    fn rows_of_buttons_and_selects() {
        let button = json!({"type": 2, "style": 1, "label": "Go", "custom_id": "a"});
        let select =
            json!({"type": 3, "custom_id": "s", "options": [{"label": "a", "value": "1"}]});
        assert_eq!(sentences(&row_of(&json!([button])), false), "");
        assert_eq!(sentences(&row_of(&json!([select])), false), "");
        assert!(sentences(&row_of(&json!([button, select])), false).contains("one select"));
        assert!(sentences(&row_of(&json!([button, button])), false).contains("duplicated"));
        let link = json!({"type": 2, "style": 5, "label": "Go", "custom_id": "a", "url": "https://example.org"});
        assert!(sentences(&row_of(&json!([link])), false).contains("both"));
        let naked = json!({"type": 2, "style": 1, "label": "Go"});
        assert!(sentences(&row_of(&json!([naked])), false).contains("custom id"));
    }

    #[test]
    fn newer_components_need_their_flag_and_are_counted() {
        let text = json!({"type": 10, "content": "x".repeat(2100)});
        assert!(sentences(&json!([text]), false).contains("type"));
        assert_eq!(sentences(&json!([text]), true), "");
        assert!(sentences(&json!([text, text]), true).contains("4000"));
        let many: Vec<Value> = (0..41)
            .map(|_| json!({"type": 10, "content": "x"}))
            .collect();
        assert!(sentences(&json!(many), true).contains("40"));
    }

    #[test]
    fn finds_a_nested_component() {
        let components = json!([{"type": 17, "components": [
            {"type": 9, "components": [], "accessory": {"type": 2, "custom_id": "deep"}}]}]);
        assert!(find(&components, "deep").is_some());
        assert!(find(&components, "other").is_none());
        assert!(has_interactive(&components));
    }
}
