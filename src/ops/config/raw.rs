//! What was written and where, with nothing believed yet.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Profile, Provider,
    providers::{Format, Serialized, Toml},
    value::{Dict, Value},
};
use toml_edit::{Document, Item, TableLike};

use super::{Config, Fault, Place, nearest::nearest, variable_of};
use crate::ops::{logging::redact, secrets::mode_open_to_others};

/// Longer values are cut when a complaint repeats them.
const SHOWN_CHARS: usize = 60;

/// The keys that may hold a secret in the file itself, each with the one that names a file instead.
const SECRET_KEYS: [(&str, &str); 3] = [
    ("discord.token", "discord.token_file"),
    ("sources.coingecko.key", "sources.coingecko.key_file"),
    (
        "sources.token_metrics.key",
        "sources.token_metrics.key_file",
    ),
];

/// The values as written, by `section.key`, and what was wrong already with the writing. It is not
/// printable, since a token may stand in it.
#[derive(Default)]
pub struct Raw {
    pub(super) values: BTreeMap<String, Given>,
    pub(super) faults: Vec<Fault>,
}

/// One value and its place.
pub(super) struct Given {
    pub(super) written: Written,
    pub(super) place: Place,
}

/// A value in the kinds that TOML knows, as far as we care for them.
pub(super) enum Written {
    Text(String),
    Whole(i128),
    Decimal(f64),
    Flag(bool),
    /// A table without keys.
    Nothing,
    /// A date or an array.
    Other,
}

impl Raw {
    /// Reads the file, if there is one, and puts the variables over it. Whatever fails becomes a
    /// fault, and the rest is read all the same.
    pub fn read(file: Option<&Path>, variables: Vec<(String, String)>) -> Self {
        let mut raw = Self::default();
        let mut figment = Figment::new();
        let mut source = None;
        if let Some(path) = file
            && let Some(file) = raw.file(path)
        {
            figment = figment.merge(Toml::string(&file.text));
            source = Some(file);
        }
        let variables = raw.known(variables);
        for (key, text) in &variables {
            figment = figment.merge(Serialized::default(key, text));
        }
        match figment.data() {
            Ok(mut profiles) => {
                let dict = profiles.remove(&Profile::Default).unwrap_or_default();
                let mut leaves = Vec::new();
                flatten("", dict, &mut leaves);
                for (key, written) in leaves {
                    let place = if variables.contains_key(&key) {
                        Place::Environment {
                            variable: variable_of(&key),
                        }
                    } else {
                        Place::File {
                            path: file.unwrap_or(Path::new("")).to_owned(),
                            line: source.as_ref().and_then(|file| file.line_of(&key)),
                        }
                    };
                    raw.values.insert(key, Given { written, place });
                }
            }
            // Its words would quote the line, which may hold a secret.
            Err(_) => raw.faults.push(Fault {
                place: Place::File {
                    path: file.unwrap_or(Path::new("")).to_owned(),
                    line: None,
                },
                key: None,
                value: None,
                expected: "is not TOML 1.0".to_owned(),
            }),
        }
        if let Some(file) = source {
            raw.refuse_shared_secrets(&file);
        }
        raw
    }

    fn file(&mut self, path: &Path) -> Option<Source> {
        let about = |line, expected| Fault {
            place: Place::File {
                path: path.to_owned(),
                line,
            },
            key: None,
            value: None,
            expected,
        };
        let (text, mode) = match read(path) {
            Ok(read) => read,
            Err(error) => {
                self.faults
                    .push(about(None, format!("cannot be read: {error}")));
                return None;
            }
        };
        match Document::parse(&text) {
            Ok(document) => {
                let mut lines = BTreeMap::new();
                index("", document.as_table(), &text, &mut lines);
                Some(Source {
                    path: path.to_owned(),
                    open_mode: mode,
                    lines,
                    text,
                })
            }
            Err(error) => {
                let line = error.span().map(|span| line_at(&text, span.start));
                let what = error.message().replace('\n', ", ");
                self.faults
                    .push(about(line, format!("is not TOML: {what}")));
                None
            }
        }
    }

    /// The variables that name a key, by the key; the others become faults.
    fn known(&mut self, variables: Vec<(String, String)>) -> BTreeMap<String, String> {
        if variables.is_empty() {
            return BTreeMap::new();
        }
        let keys = Config::keys();
        let mut known = BTreeMap::new();
        for (variable, text) in variables {
            if let Some(key) = keys.iter().find(|key| variable_of(key) == variable) {
                known.insert(key.clone(), text);
                continue;
            }
            let meant = variable
                .trim_start_matches(super::PREFIX)
                .replace("__", ".")
                .to_lowercase();
            let expected = match nearest(&meant, &keys).map(variable_of) {
                Some(hint) => format!("unknown variable; the nearest one is {hint}"),
                None => "unknown variable; config.example.toml shows all keys".to_owned(),
            };
            self.faults.push(Fault {
                place: Place::Environment { variable },
                key: None,
                value: None,
                expected,
            });
        }
        known
    }

    fn refuse_shared_secrets(&mut self, file: &Source) {
        let Some(mode) = file.open_mode else {
            return;
        };
        for (key, elsewhere) in SECRET_KEYS {
            if let Some(given) = self.values.get(key)
                && matches!(given.place, Place::File { .. })
            {
                self.faults.push(Fault {
                    place: given.place.clone(),
                    key: Some(key.to_owned()),
                    value: None,
                    expected: format!(
                        "stands in a file that others can read (mode {mode:04o}); run `chmod 600 {}`, or name a file of its own with {elsewhere}",
                        file.path.display()
                    ),
                });
            }
        }
    }
}

impl Given {
    pub(super) const fn is_from_environment(&self) -> bool {
        matches!(self.place, Place::Environment { .. })
    }

    /// The value as a complaint may repeat it.
    pub(super) fn shown(&self) -> String {
        match &self.written {
            // A query or a user name in an address may be a key or a password.
            Written::Text(text) if text.contains("://") && text.contains(['@', '?']) => {
                "the value".to_owned()
            }
            Written::Text(text) => {
                let redacted = redact(text);
                let mut shown: String = redacted.chars().take(SHOWN_CHARS).collect();
                if shown.len() < redacted.len() {
                    shown.push('…');
                }
                format!("{shown:?}")
            }
            Written::Whole(number) => number.to_string(),
            Written::Decimal(number) => number.to_string(),
            Written::Flag(flag) => flag.to_string(),
            Written::Nothing | Written::Other => "the value".to_owned(),
        }
    }
}

struct Source {
    path: PathBuf,
    text: String,
    /// The file's mode, when it lets others read.
    open_mode: Option<u32>,
    lines: BTreeMap<String, usize>,
}

impl Source {
    /// The line of a key, or of the nearest table around it.
    fn line_of(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return Some(*line);
            }
            key = key.rsplit_once('.')?.0;
        }
    }
}

fn read(path: &Path) -> io::Result<(String, Option<u32>)> {
    let file = fs::File::open(path)?;
    let mode = mode_open_to_others(&file.metadata()?);
    Ok((io::read_to_string(file)?, mode))
}

/// Notes the line of every key.
fn index(prefix: &str, table: &dyn TableLike, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (name, _) in table.iter() {
        let Some((key, item)) = table.get_key_value(name) else {
            continue;
        };
        let path = joined(prefix, name);
        // A dotted or repeated header leaves its line with the table rather than with the key.
        if let Some(span) = key.span().or_else(|| item.span()) {
            lines.insert(path.clone(), line_at(text, span.start));
        }
        if let Some(inner) = Item::as_table_like(item) {
            index(&path, inner, text, lines);
        }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// `section.key`. A name that has a dot of its own is quoted, lest it pass for two.
fn joined(prefix: &str, name: &str) -> String {
    let name = if name.contains('.') {
        format!("{name:?}")
    } else {
        name.to_owned()
    };
    if prefix.is_empty() {
        name
    } else {
        format!("{prefix}.{name}")
    }
}

fn flatten(prefix: &str, dict: Dict, leaves: &mut Vec<(String, Written)>) {
    for (name, value) in dict {
        let key = joined(prefix, &name);
        let written = match value {
            Value::Dict(_, inner) if inner.is_empty() => Written::Nothing,
            // The parser's way of saying that this is a date.
            Value::Dict(_, inner) if inner.keys().any(|name| name.starts_with("$__")) => {
                Written::Other
            }
            Value::Dict(_, inner) => {
                flatten(&key, inner, leaves);
                continue;
            }
            Value::String(_, text) => Written::Text(text),
            Value::Char(_, letter) => Written::Text(letter.to_string()),
            Value::Bool(_, flag) => Written::Flag(flag),
            Value::Num(_, number) => number_of(number),
            Value::Empty(..) | Value::Array(..) => Written::Other,
        };
        leaves.push((key, written));
    }
}

fn number_of(number: figment::value::Num) -> Written {
    number
        .to_i128()
        .or_else(|| number.to_u128().and_then(|number| number.try_into().ok()))
        .map(Written::Whole)
        .or_else(|| number.to_f64().map(Written::Decimal))
        .unwrap_or(Written::Other)
}
