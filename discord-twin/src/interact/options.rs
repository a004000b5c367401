//! The client's side of a command: it knows the definitions and refuses what does not fit them.

use serde_json::{Map, Value, json};

use super::Invocation;
use crate::{
    TwinError,
    check::commands::{SAFE_INTEGER, option, type_of},
    gateway::payload,
    ids::id_of,
    state::{Commands, State, user},
    world::{Guild, permission},
};

/// A command that was found, with the names that led to it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) command: Value,
    /// Group and sub-command names with their option types.
    path: Vec<(String, u64)>,
    /// The definitions of the options at the end of the path.
    pub(crate) options: Vec<Value>,
    guild: Option<u64>,
}

/// Finds a command by its path; those of the server come before the global ones.
pub(crate) fn find(
    commands: &Commands,
    guild: Option<u64>,
    path: &str,
) -> Result<Found, TwinError> {
    let unknown = || TwinError::UnknownCommand(path.to_owned());
    let mut names = path.trim_start_matches('/').split_whitespace();
    let name = names.next().ok_or_else(unknown)?;
    let (command, of_guild) = named(commands, guild, CHAT, name).ok_or_else(unknown)?;
    let mut at = command;
    let mut found = Vec::new();
    for name in names {
        let inner = at["options"].as_array().ok_or_else(unknown)?;
        let is_it =
            |entry: &&Value| entry["name"] == name && matches!(entry["type"].as_u64(), Some(1 | 2));
        at = inner.iter().find(is_it).ok_or_else(unknown)?;
        found.push((name.to_owned(), at["type"].as_u64().unwrap_or_default()));
    }
    let options = at["options"].as_array().cloned().unwrap_or_default();
    let has_deeper = |entry: &Value| {
        matches!(
            entry["type"].as_u64(),
            Some(option::SUB_COMMAND | option::GROUP)
        )
    };
    if options.iter().any(has_deeper) {
        // A command with sub-commands cannot be called itself.
        return Err(unknown());
    }
    Ok(Found {
        command: command.clone(),
        path: found,
        options,
        guild: of_guild,
    })
}

/// Finds a command for messages by its name, which may hold blanks.
pub(crate) fn find_for_messages(
    commands: &Commands,
    guild: Option<u64>,
    name: &str,
) -> Result<Found, TwinError> {
    let found = named(commands, guild, MESSAGE, name);
    let (command, of_guild) = found.ok_or_else(|| TwinError::UnknownCommand(name.to_owned()))?;
    Ok(Found {
        command: command.clone(),
        path: Vec::new(),
        options: Vec::new(),
        guild: of_guild,
    })
}

/// The types of commands.
const CHAT: u64 = 1;
const MESSAGE: u64 = 3;

/// The command of a type and name, and the server that it is registered for, if it is for one alone.
fn named<'a>(
    commands: &'a Commands,
    guild: Option<u64>,
    kind: u64,
    name: &str,
) -> Option<(&'a Value, Option<u64>)> {
    let is_it = |command: &&Value| type_of(command) == kind && command["name"] == name;
    let of_guild = guild.and_then(|guild| commands.guild.get(&guild)?.iter().find(is_it));
    match of_guild {
        Some(command) => Some((command, guild)),
        None => commands.global.iter().find(is_it).map(|it| (it, None)),
    }
}

/// Refuses what the client does not even show: wrong place or missing permission.
pub(crate) fn permits(
    command: &Value,
    guild: Option<u64>,
    call: &Invocation,
) -> Result<(), TwinError> {
    let name = &call.command;
    let context = u64::from(guild.is_none());
    if let Some(contexts) = command["contexts"].as_array()
        && !contexts.iter().any(|entry| entry.as_u64() == Some(context))
    {
        let place = if guild.is_some() {
            "a server"
        } else {
            "a direct conversation"
        };
        return Err(TwinError::NotOffered(format!(
            "/{name} is not offered in {place}"
        )));
    }
    if guild.is_none() || call.permitted || call.person.permissions & permission::ADMINISTRATOR != 0
    {
        return Ok(());
    }
    let Some(needed) = id_of(&command["default_member_permissions"]) else {
        return Ok(());
    };
    // "0" means administrators only.
    if needed == 0 || call.person.permissions & needed != needed {
        return Err(TwinError::NotOffered(format!(
            "/{name} needs the permission bits {needed}"
        )));
    }
    Ok(())
}

impl Found {
    /// The `data` of the interaction.
    pub(crate) fn data(self, options: Vec<Value>, resolved: &Value, guild: Option<u64>) -> Value {
        let mut options = options;
        for (name, kind) in self.path.iter().rev() {
            options = vec![json!({"name": name, "type": kind, "options": options})];
        }
        let rest = json!({ "options": options, "resolved": resolved });
        self.with(rest, guild)
    }

    /// The `data` of the interaction where the command is chosen in the menu of a message.
    pub(crate) fn data_on(self, message: u64, body: &Value, guild: Option<u64>) -> Value {
        let id = message.to_string();
        let resolved = json!({ "messages": { &id: body } });
        self.with(json!({ "target_id": id, "resolved": resolved }), guild)
    }

    fn with(&self, rest: Value, guild: Option<u64>) -> Value {
        let mut data = rest;
        for key in ["id", "name"] {
            data[key] = self.command[key].clone();
        }
        data["type"] = json!(type_of(&self.command));
        if self.guild.is_some() {
            data["guild_id"] = json!(guild.map(|guild| guild.to_string()));
        }
        data
    }
}

/// Turns what a person typed into options, and collects the objects that ids stand for.
pub(crate) struct Resolver<'a> {
    pub(crate) state: &'a State,
    pub(crate) guild: Option<u64>,
    pub(crate) resolved: Map<String, Value>,
}

impl Resolver<'_> {
    /// The options in the order of their definitions. While one is `focused`, the others may be missing or wrong.
    pub(crate) fn fill(
        &mut self,
        definitions: &[Value],
        given: &Map<String, Value>,
        focused: Option<&str>,
    ) -> Result<Vec<Value>, TwinError> {
        let names: Vec<&str> = definitions
            .iter()
            .filter_map(|entry| entry["name"].as_str())
            .collect();
        let wanted = given.keys().map(String::as_str).chain(focused);
        for name in wanted {
            if !names.contains(&name) {
                return Err(TwinError::Option {
                    name: name.to_owned(),
                    why: "the command has no such option".to_owned(),
                });
            }
        }
        let mut filled = Vec::new();
        for definition in definitions {
            let name = definition["name"].as_str().unwrap_or_default();
            let kind = definition["type"].as_u64().unwrap_or_default();
            if focused == Some(name) {
                if definition["autocomplete"] != true {
                    let why = "it has no autocomplete".to_owned();
                    return Err(TwinError::Option {
                        name: name.to_owned(),
                        why,
                    });
                }
                // Whatever is being typed arrives as text, also for numbers.
                let typed = match given.get(name) {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                filled.push(json!({"name": name, "type": kind, "value": typed, "focused": true}));
                continue;
            }
            let Some(value) = given.get(name) else {
                if definition["required"] == true && focused.is_none() {
                    let why = "it is required".to_owned();
                    return Err(TwinError::Option {
                        name: name.to_owned(),
                        why,
                    });
                }
                continue;
            };
            let value = if focused.is_some() {
                value.clone()
            } else {
                self.value(definition, kind, value)
                    .map_err(|why| TwinError::Option {
                        name: name.to_owned(),
                        why,
                    })?
            };
            filled.push(json!({"name": name, "type": kind, "value": value}));
        }
        Ok(filled)
    }

    fn value(&mut self, definition: &Value, kind: u64, value: &Value) -> Result<Value, String> {
        match kind {
            option::STRING => {
                let text = value
                    .as_str()
                    .ok_or_else(|| format!("{value} is not text"))?;
                let count = text.chars().count() as u64;
                let most = definition["max_length"].as_u64().unwrap_or(6000);
                if count == 0
                    || count < definition["min_length"].as_u64().unwrap_or_default()
                    || count > most
                {
                    return Err(format!("{count} characters are too few or too many"));
                }
            }
            option::INTEGER => {
                let number = value
                    .as_i64()
                    .ok_or_else(|| format!("{value} is not a whole number"))?;
                if number.abs() > SAFE_INTEGER {
                    return Err(format!("{number} is outside of ±(2^53-1)"));
                }
                within(definition, value)?;
            }
            option::NUMBER => {
                if !value.is_number() {
                    return Err(format!("{value} is not a number"));
                }
                within(definition, value)?;
            }
            option::BOOLEAN => {
                value
                    .as_bool()
                    .ok_or_else(|| format!("{value} is neither true nor false"))?;
            }
            _ => return self.object(definition, kind, value),
        }
        let choices = definition["choices"]
            .as_array()
            .filter(|choices| !choices.is_empty());
        if let Some(choices) = choices {
            let offered = choices.iter().any(|choice| {
                choice["value"] == *value
                    || choice["value"]
                        .as_f64()
                        .is_some_and(|number| Some(number) == value.as_f64())
            });
            if !offered {
                return Err(format!("{value} is not among the choices"));
            }
        }
        Ok(value.clone())
    }

    /// Options that name a user, channel or role: the id goes into the option, the object beside it.
    fn object(&mut self, definition: &Value, kind: u64, value: &Value) -> Result<Value, String> {
        let id = id_of(value).ok_or_else(|| format!("{value} is not an id"))?;
        let guild = self.guild.and_then(|guild| self.state.guild(guild));
        let is_role = guild
            .is_some_and(|guild| guild.id == id || guild.roles.iter().any(|role| role.id == id));
        match kind {
            option::CHANNEL => {
                let channel = self
                    .state
                    .channel(id)
                    .ok_or_else(|| format!("there is no channel {id}"))?;
                if channel.guild != self.guild {
                    return Err(format!("channel {id} is in another server"));
                }
                let number = u64::from(channel.channel.kind.number());
                let types = definition["channel_types"]
                    .as_array()
                    .filter(|types| !types.is_empty());
                if types
                    .is_some_and(|types| !types.iter().any(|entry| entry.as_u64() == Some(number)))
                {
                    return Err(format!(
                        "channel {id} is of type {number}, which is not offered"
                    ));
                }
                let mut object = payload::channel(&channel.channel, guild, self.state.world.bot);
                object["permissions"] = json!(self.state.bot_permissions(id).to_string());
                self.note("channels", id, object);
            }
            option::ROLE => {
                let guild = guild
                    .filter(|_| is_role)
                    .ok_or_else(|| format!("there is no role {id}"))?;
                self.note("roles", id, role(guild, id));
            }
            option::MENTIONABLE if is_role => {
                let role = guild.map(|guild| role(guild, id)).unwrap_or_default();
                self.note("roles", id, role);
            }
            option::USER | option::MENTIONABLE => {
                let object = user(id, &self.state.user_name(id));
                if let Some(guild) = guild {
                    let mut member = payload::member(guild, &object);
                    if let Some(fields) = member.as_object_mut() {
                        fields.remove("user");
                        fields.remove("deaf");
                        fields.remove("mute");
                        fields.insert("permissions".to_owned(), json!("0"));
                    }
                    self.note("members", id, member);
                }
                self.note("users", id, object);
            }
            option::ATTACHMENT => {
                let (object, _) = self
                    .state
                    .uploads
                    .get(&id)
                    .ok_or_else(|| format!("no file {id} was uploaded"))?;
                self.note("attachments", id, object.clone());
            }
            other => return Err(format!("the twin does not know the option type {other}")),
        }
        Ok(json!(id.to_string()))
    }

    fn note(&mut self, kind: &str, id: u64, object: Value) {
        let entry = self.resolved.entry(kind).or_insert_with(|| json!({}));
        entry[id.to_string()] = object;
    }
}

fn within(definition: &Value, value: &Value) -> Result<(), String> {
    let number = value.as_f64().unwrap_or_default();
    let below = definition["min_value"]
        .as_f64()
        .is_some_and(|least| number < least);
    let above = definition["max_value"]
        .as_f64()
        .is_some_and(|most| number > most);
    if below || above {
        Err(format!("{number} is too small or too large"))
    } else {
        Ok(())
    }
}

/// A role of a server as an interaction shows it.
fn role(guild: &Guild, id: u64) -> Value {
    let roles = payload::roles(guild);
    let found = roles.as_array().and_then(|roles| {
        let id = id.to_string();
        roles.iter().find(|role| role["id"] == id.as_str())
    });
    found.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Guild, World};

    fn commands() -> Commands {
        let command = json!({"id": "5", "name": "alerts", "type": 1, "default_member_permissions": "32", "contexts": [0],
            "options": [{"type": 1, "name": "add", "options": [
                {"type": 3, "name": "pool", "required": true, "autocomplete": true, "max_length": 10},
                {"type": 4, "name": "days", "min_value": 1, "max_value": 30},
                {"type": 3, "name": "kind", "choices": [{"name": "A", "value": "a"}]},
                {"type": 7, "name": "channel", "channel_types": [0]}]}]});
        Commands {
            global: vec![command],
            ..Commands::default()
        }
    }

    fn fill(given: &Value, focused: Option<&str>) -> Result<Vec<Value>, TwinError> {
        let world = World::default().guild(Guild::new(10, "g").channel(11, "c"));
        let state = State::new(world);
        let found = find(&commands(), Some(10), "alerts add").unwrap();
        let mut resolver = Resolver {
            state: &state,
            guild: Some(10),
            resolved: Map::new(),
        };
        resolver.fill(&found.options, given.as_object().unwrap(), focused)
    }

    #[test]
    fn finds_only_what_can_be_called() {
        let commands = commands();
        assert!(find(&commands, None, "/alerts add").is_ok());
        for path in ["alerts", "alerts remove", "other", "alerts add pool"] {
            assert!(find(&commands, None, path).is_err(), "{path}");
        }
    }

    #[test]
    fn finds_commands_for_messages_by_their_whole_name() {
        let mut commands = commands();
        let menu = json!({"id": "6", "name": "Explain this", "type": 3});
        commands.global.push(menu);
        let found = find_for_messages(&commands, Some(10), "Explain this").unwrap();
        let data = found.data_on(77, &json!({"id": "77"}), Some(10));
        assert_eq!(data["target_id"], "77");
        assert_eq!(data["resolved"]["messages"]["77"]["id"], "77");
        assert_eq!((&data["type"], &data["id"]), (&json!(3), &json!("6")));
        assert!(data.get("options").is_none());
        for name in ["Explain", "explain this", "alerts"] {
            assert!(find_for_messages(&commands, None, name).is_err(), "{name}");
        }
        assert!(find(&commands, None, "Explain this").is_err());
    }

    #[test]
    fn takes_fitting_options_and_refuses_others() {
        let good = fill(
            &json!({"pool": "x", "days": 3, "kind": "a", "channel": 11}),
            None,
        )
        .unwrap();
        assert_eq!(good.len(), 4);
        assert_eq!(good[3]["value"], "11");
        let cases = [
            json!({}),
            json!({"pool": ""}),
            json!({"pool": "x".repeat(11)}),
            json!({"pool": 5}),
            json!({"pool": "x", "days": 31}),
            json!({"pool": "x", "days": 1.5}),
            json!({"pool": "x", "kind": "b"}),
            json!({"pool": "x", "channel": 12}),
            json!({"pool": "x", "other": 12}),
        ];
        for given in cases {
            assert!(fill(&given, None).is_err(), "{given}");
        }
    }

    #[test]
    fn autocomplete_is_partial() {
        let typed = fill(&json!({"pool": "x", "days": 99}), Some("pool")).unwrap();
        assert_eq!(
            typed[0],
            json!({"name": "pool", "type": 3, "value": "x", "focused": true})
        );
        assert!(fill(&json!({}), Some("days")).is_err());
    }

    #[test]
    fn the_client_hides_what_is_not_permitted() {
        let command = &commands().global[0];
        let call = Invocation::of("alerts add").in_guild(10);
        assert!(permits(command, Some(10), &call).is_err());
        assert!(
            permits(
                command,
                Some(10),
                &Invocation {
                    permitted: true,
                    ..call.clone()
                }
            )
            .is_ok()
        );
        let manager = call.by(crate::Person::default().manager());
        assert!(permits(command, Some(10), &manager).is_ok());
        assert!(permits(command, None, &manager).is_err());
    }
}
