//! Alerts in a TOML file, for replays, the demonstration and operators, and for taking a server's alerts
//! elsewhere.

use serde::{Deserialize, Serialize};

use crate::domain::{
    alert::{Alert, Rule},
    episode::Timing,
    ids::{ChannelId, RoleId},
    manner::{Digest, Manner},
    rule::{Condition, Kind, RuleError, Terms, Unit},
    scope::Scope,
    time::Span,
    verdict::Verdict,
};

/// A rule with the name that the file gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedRule {
    pub name: String,
    pub rule: Rule,
    /// How it speaks, where the file says so.
    pub manner: Manner,
    /// Where it spoke when it was written down.
    pub channel: Option<ChannelId>,
}

/// Why a rules file cannot be used, with the alert that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum RulesFileError {
    /// Not the TOML that is expected; the message names line and column.
    #[error("{0}")]
    Toml(String),
    #[error("alert \"{name}\": {fault}")]
    Rule { name: String, fault: RuleError },
    #[error("two alerts are named \"{0}\"; each needs a name of its own")]
    SameName(String),
    #[error("the file holds no [[alert]]")]
    Empty,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    alert: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    when: Kind,
    value: Option<Value>,
    unit: Option<Unit>,
    window: Option<Span>,
    hold: Option<Span>,
    clear_at: Option<f64>,
    clear_hold: Option<Span>,
    major: Option<f64>,
    remind: Option<Span>,
    /// Texts, since TOML's integers are too short for Discord's ids.
    channel: Option<String>,
    role: Option<String>,
    digest: Option<Digest>,
    #[serde(default)]
    scope: Scope,
}

/// A number, or for `verdict_becomes` a verdict.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, or a verdict such as \"mixed\"")]
enum Value {
    Number(f64),
    Verdict(Verdict),
}

/// Reads the alerts of a rules file, in their order.
pub fn parse(text: &str) -> Result<Vec<NamedRule>, RulesFileError> {
    let file: File =
        toml::from_str(text).map_err(|error| RulesFileError::Toml(error.to_string()))?;
    if file.alert.is_empty() {
        return Err(RulesFileError::Empty);
    }
    let mut rules: Vec<NamedRule> = Vec::with_capacity(file.alert.len());
    for entry in file.alert {
        if rules.iter().any(|earlier| earlier.name == entry.name) {
            return Err(RulesFileError::SameName(entry.name));
        }
        let terms = Terms {
            value: entry.value.and_then(|value| match value {
                Value::Number(number) => Some(number),
                Value::Verdict(_) => None,
            }),
            verdict: entry.value.and_then(|value| match value {
                Value::Verdict(verdict) => Some(verdict),
                Value::Number(_) => None,
            }),
            unit: entry.unit,
            window: entry.window,
            clear_at: entry.clear_at,
            major: entry.major,
        };
        let condition =
            Condition::new(entry.when, terms).map_err(|fault| RulesFileError::Rule {
                name: entry.name.clone(),
                fault,
            })?;
        let usual = entry.when.timing(Timing::default());
        let timing = Timing {
            hold: entry.hold.unwrap_or(usual.hold),
            clear_hold: entry.clear_hold.unwrap_or(usual.clear_hold),
            remind: entry.remind,
        };
        rules.push(NamedRule {
            name: entry.name,
            rule: Rule {
                scope: entry.scope,
                condition,
                timing,
            },
            manner: Manner {
                role: id(entry.role.as_deref()).map(RoleId),
                digest: entry.digest,
                muted_until: None,
            },
            channel: id(entry.channel.as_deref()).map(ChannelId),
        });
    }
    Ok(rules)
}

fn id(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}

/// Writes alerts down, in a form that [`parse`] reads. There is no secret in it.
pub fn write(alerts: &[Alert]) -> Result<String, toml::ser::Error> {
    let alert = alerts.iter().map(entry).collect();
    toml::to_string(&File { alert })
}

fn entry(alert: &Alert) -> Entry {
    let Rule {
        scope,
        condition,
        timing,
    } = &alert.rule;
    let terms = condition.terms();
    let verdict = terms.verdict.map(Value::Verdict);
    Entry {
        name: format!("alert {}", alert.id),
        when: condition.kind(),
        value: terms.value.map(Value::Number).or(verdict),
        unit: terms.unit,
        window: terms.window,
        hold: Some(timing.hold),
        clear_at: terms.clear_at,
        clear_hold: Some(timing.clear_hold),
        major: terms.major,
        remind: timing.remind,
        channel: Some(alert.channel.to_string()),
        role: alert.manner.role.map(|role| role.to_string()),
        digest: alert.manner.digest,
        scope: scope.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::{AlertId, GuildId, UserId},
        time::Timestamp,
    };

    #[test]
    fn the_rules_that_come_along_are_read() {
        for text in [
            include_str!("../../examples/rules.toml"),
            include_str!("../../data/demo-rules.toml"),
        ] {
            assert!(parse(text).unwrap().len() >= 6);
        }
    }

    /// Whatever alerts a server has, the file of them makes the same ones again.
    #[test]
    fn what_is_written_down_is_read_again() {
        let text = include_str!("../../examples/rules.toml");
        let alerts: Vec<Alert> = (1..)
            .zip(parse(text).unwrap())
            .map(|(number, named)| Alert {
                id: AlertId(number),
                guild: GuildId(1),
                channel: ChannelId(u64::MAX),
                rule: named.rule,
                manner: Manner {
                    role: Some(RoleId(7)),
                    digest: Some(Digest::Weekly),
                    muted_until: None,
                },
                version: 1,
                created_by: UserId(2),
                created_at: Timestamp::default(),
            })
            .collect();
        let again = parse(&write(&alerts).unwrap()).unwrap();
        assert_eq!(again.len(), alerts.len());
        for (alert, named) in alerts.iter().zip(again) {
            assert_eq!(named.rule, alert.rule);
            assert_eq!(named.manner, alert.manner);
            assert_eq!(named.channel, Some(alert.channel));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| parse(text).unwrap_err().to_string();
        assert!(wrong("").contains("no [[alert]]"));
        assert!(wrong("[[alert]]\nname = 'a'\nwhen = 'apy_abov'").contains("apy_abov"));
        assert!(
            wrong("[[alert]]\nname = 'a'\nwhen = 'apy_above'")
                .contains("alert \"a\": `apy_above` needs a value")
        );
        assert!(
            wrong("[[alert]]\nname = 'a'\nwhen = 'apy_above'\nvalue = 1\nholds = '2h'")
                .contains("holds")
        );
        let twice = "[[alert]]\nname = 'a'\nwhen = 'apy_above'\nvalue = 1\n";
        assert!(wrong(&twice.repeat(2)).contains("two alerts"));
    }
}
