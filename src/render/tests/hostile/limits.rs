//! Discord's limits of a message, written down from its manual ("Message Object", "Embed Limits", "Component
//! Reference"), in code points.

use serde_json::Value;

/// Each text of a message: where it stands, and how long it may be.
const TEXTS: [(&str, usize); 9] = [
    ("/content", 2_000),
    ("/embeds/*/title", 256),
    ("/embeds/*/description", 4_096),
    ("/embeds/*/author/name", 256),
    ("/embeds/*/footer/text", 2_048),
    ("/embeds/*/fields/*/name", 256),
    ("/embeds/*/fields/*/value", 1_024),
    ("/components/*/components/*/label", 80),
    ("/components/*/components/*/custom_id", 100),
];

/// Each text of a select menu, and of a link.
const OF_A_MENU: [(&str, usize); 5] = [
    ("/components/*/components/*/placeholder", 150),
    ("/components/*/components/*/options/*/label", 100),
    ("/components/*/components/*/options/*/value", 100),
    ("/components/*/components/*/options/*/description", 100),
    ("/components/*/components/*/url", 512),
];

/// Each list of a message: where it stands, and how many may be in it.
const LISTS: [(&str, usize); 5] = [
    ("/embeds", 10),
    ("/embeds/*/fields", 25),
    ("/components", 5),
    ("/components/*/components", 5),
    ("/components/*/components/*/options", 25),
];

/// Of all embeds of a message together: titles, descriptions, names and values of fields, footers, authors.
const EMBEDS_TOGETHER: usize = 6_000;

/// Texts that may not be empty where they are.
const NEVER_EMPTY: [&str; 4] = [
    "/embeds/*/fields/*/name",
    "/embeds/*/fields/*/value",
    "/components/*/components/*/options/*/label",
    "/components/*/components/*/options/*/value",
];

/// What stands at such a path; `*` is each of a list.
fn at<'a>(body: &'a Value, path: &str) -> Vec<&'a Value> {
    let steps = path.split('/').filter(|step| !step.is_empty());
    steps.fold(vec![body], |values, step| {
        let below = values.into_iter().flat_map(|value| match step {
            "*" => value.as_array().into_iter().flatten().collect::<Vec<_>>(),
            key => value.get(key).into_iter().collect(),
        });
        below.collect()
    })
}

fn length(text: &Value) -> usize {
    text.as_str().map_or(0, |text| text.chars().count())
}

/// What in a body Discord would refuse, or what it could take as leave to call somebody.
pub(super) fn fault(body: &Value) -> Option<String> {
    let long = TEXTS.into_iter().chain(OF_A_MENU).find_map(|(path, most)| {
        let lengths = at(body, path).into_iter().map(length);
        let longest = lengths.max().filter(|longest| *longest > most)?;
        Some(format!("{path} has {longest}"))
    });
    let many = LISTS.into_iter().find_map(|(path, most)| {
        let lengths = at(body, path)
            .into_iter()
            .map(|list| list.as_array().map_or(0, Vec::len));
        let longest = lengths.max().filter(|longest| *longest > most)?;
        Some(format!("{path} has {longest}"))
    });
    let empty = NEVER_EMPTY.into_iter().find_map(|path| {
        let is_blank = |text: &&Value| text.as_str().is_none_or(|text| text.trim().is_empty());
        at(body, path)
            .iter()
            .any(is_blank)
            .then(|| format!("{path} is empty"))
    });
    let together: usize = TEXTS[1..7]
        .iter()
        .flat_map(|(path, _)| at(body, path))
        .map(length)
        .sum();
    let mut ids = at(body, "/components/*/components/*/custom_id");
    let all = ids.len();
    ids.sort_by_key(|id| id.as_str());
    ids.dedup();
    let says_nothing = length(&body["content"]) == 0 && at(body, "/embeds/*").is_empty();
    let others = [
        (together > EMBEDS_TOGETHER, "its embeds have too much text"),
        (ids.len() < all, "a custom id stands there twice"),
        (says_nothing, "it says nothing"),
        (
            body["allowed_mentions"]["parse"] != serde_json::json!([]),
            "it may call people",
        ),
    ];
    let other = others.into_iter().find(|(is_so, _)| *is_so);
    long.or(many)
        .or(empty)
        .or_else(|| other.map(|(_, what)| what.to_owned()))
}

/// The paths lead where they are meant to.
#[test]
fn each_limit_is_found() {
    let body = serde_json::json!({
        "content": "c", "embeds": [{
            "title": "t", "description": "d", "author": {"name": "a"}, "footer": {"text": "f"},
            "fields": [{"name": "n", "value": "v"}],
        }],
        "components": [{"components": [{
            "label": "l", "custom_id": "i", "placeholder": "p", "url": "u",
            "options": [{"label": "l", "value": "v", "description": "d"}],
        }]}],
    });
    for (path, _) in TEXTS.into_iter().chain(OF_A_MENU) {
        assert_eq!(at(&body, path).len(), 1, "{path}");
    }
    for (path, _) in LISTS {
        assert!(at(&body, path)[0].is_array(), "{path}");
    }
    let silent = serde_json::json!({"content": "c", "allowed_mentions": {"parse": []}});
    assert_eq!(fault(&silent), None);
    assert!(fault(&body).is_some_and(|fault| fault == "it may call people"));
    let mut long = silent;
    long["content"] = "c".repeat(2_001).into();
    assert!(fault(&long).is_some_and(|fault| fault == "/content has 2001"));
}
