//! The command tree, and for each command who may use it and who sees its answer.

use std::sync::Arc;

use poise::serenity_prelude as serenity;
use serenity::ComponentInteraction;
use tracing::warn;

use super::{
    authorize::{Action, Actor, Right},
    buttons::Button,
    context::{Bot, Caller},
    errors::{self, CommandError, Trouble},
    pace::Effort,
    presses::Press,
    reply::{self, Visibility},
    stamp::{self, Refused},
};
use crate::{domain::ids::UserId, render::message::Message};

pub mod alerts;
pub mod check;
pub mod config;
pub mod consent;
mod fate;
pub mod help;
pub mod ledger;
pub mod notice;
pub mod operator;
pub mod plan;
pub mod portfolio;
pub mod privacy;
pub mod risk;
pub mod setup;
pub mod status;
pub mod watch;
pub mod yield_;

type Command = poise::Command<Arc<Bot>, CommandError>;
type Application<'a> = poise::ApplicationContext<'a, Arc<Bot>, CommandError>;

/// One command, by its whole name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    /// Who sees the answer when nothing else is asked for.
    pub visibility: Visibility,
    pub right: Right,
    /// What it takes to answer.
    pub effort: Effort,
}

impl Entry {
    /// It reads a file, or looks through the past of many pools.
    const fn heavy(self) -> Self {
        Self {
            effort: Effort::Heavy,
            ..self
        }
    }
}

/// Every command that can be called. One that is missing here is refused.
pub const TABLE: [Entry; 77] = [
    public("yield find"),
    public("yield pool"),
    public("yield staking"),
    public("yield compare"),
    public("yield stack"),
    public("risk check"),
    public("risk rules"),
    public("risk il"),
    public("risk correlation").heavy(),
    private(check::NAME),
    public("yield history"),
    personal("yield better"),
    private("plan goal"),
    private("plan capital"),
    private("plan allocate"),
    private("plan index"),
    private("plan scenario"),
    private("plan project"),
    personal("plan cashflow"),
    personal("plan list"),
    personal("plan delete"),
    personal("portfolio add"),
    personal("portfolio view"),
    personal("portfolio edit"),
    personal("portfolio remove"),
    personal("portfolio income"),
    personal("portfolio performance"),
    personal("portfolio calendar"),
    personal("portfolio risk"),
    personal("portfolio review"),
    personal("portfolio import").heavy(),
    personal("portfolio export"),
    personal("portfolio settings"),
    personal("ledger log"),
    personal("ledger list"),
    personal("ledger edit"),
    personal("ledger delete"),
    personal("ledger import").heavy(),
    personal("ledger summary"),
    personal("ledger export"),
    personal("watch add"),
    personal("watch goal"),
    personal("watch better"),
    personal("watch remind"),
    personal("watch list"),
    personal("watch pause"),
    personal("watch resume"),
    personal("watch remove"),
    personal("watch test"),
    managing("alerts add"),
    managing("alerts list"),
    managing("alerts show"),
    managing("alerts history"),
    managing("alerts remove"),
    managing("alerts mute"),
    managing("alerts unmute"),
    managing("alerts test"),
    managing("alerts why"),
    managing("alerts preview").heavy(),
    managing("alerts edit"),
    managing("alerts undo"),
    managing("alerts move"),
    managing("alerts quiet"),
    managing("alerts digest"),
    managing("alerts templates"),
    managing("alerts export"),
    managing("alerts import").heavy(),
    managing("config view"),
    managing("config set"),
    managing("config audit"),
    managing("setup"),
    personal("privacy show"),
    personal("privacy export"),
    personal("privacy delete"),
    private("status"),
    private("help"),
    operating("operator queue"),
];

const fn public(name: &'static str) -> Entry {
    Entry {
        name,
        visibility: Visibility::Public,
        right: Right::Everyone,
        effort: Effort::Command,
    }
}

const fn private(name: &'static str) -> Entry {
    Entry {
        visibility: Visibility::Private,
        ..public(name)
    }
}

/// What is kept of its caller.
const fn personal(name: &'static str) -> Entry {
    Entry {
        right: Right::Owner,
        ..private(name)
    }
}

const fn managing(name: &'static str) -> Entry {
    Entry {
        right: Right::ManageServer,
        ..private(name)
    }
}

const fn operating(name: &'static str) -> Entry {
    Entry {
        right: Right::Operator,
        ..private(name)
    }
}

/// What people send beside commands, as figures and the log name it.
pub const AUTOCOMPLETE: &str = "autocomplete";
pub const BUTTON: &str = "button";
pub const MODAL: &str = "modal";

/// The name as the table has it. Whatever else Discord may send has one name, so that no text from outside
/// is counted by.
pub fn known(name: &str) -> &'static str {
    entry(name).map_or("other", |entry| entry.name)
}

/// What the table says of a command.
pub fn entry(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.name == name)
}

/// The whole tree, for registering and for dispatch.
pub fn all() -> Vec<Command> {
    vec![
        yield_::yield_(),
        risk::risk(),
        check::check(),
        plan::plan(),
        portfolio::portfolio(),
        ledger::ledger(),
        watch::watch(),
        alerts::alerts(),
        config::config(),
        setup::setup(),
        privacy::privacy(),
        status::status(),
        help::help(),
        operator::operator(),
    ]
}

/// Who sees the answer of a look-up: whom the asker wants, and else whom the server wants.
fn shown_to(bot: &Bot, caller: &Caller, private: Option<bool>) -> Visibility {
    let usual = || {
        let server = caller.guild.map(|guild| bot.app.alerting.server(guild));
        server.is_some_and(|server| !server.public_lookups)
    };
    if private.unwrap_or_else(usual) {
        Visibility::Private
    } else {
        Visibility::Public
    }
}

/// Answers the caller alone. It may take a moment, so that an answer will come is said first.
async fn answer_alone(
    ctx: Application<'_>,
    answer: impl Future<Output = Result<Message, CommandError>>,
) -> Result<(), CommandError> {
    reply::defer(ctx, Visibility::Private).await?;
    send_alone(ctx, answer.await?).await
}

/// Sends an answer that its caller alone sees, with what they have not been told yet of messages to them.
async fn send_alone(ctx: Application<'_>, mut message: Message) -> Result<(), CommandError> {
    let caller = UserId(ctx.interaction.user.id.get());
    let app = &ctx.data().app;
    if is_personal(ctx) {
        app.store.note_use(caller, app.clock.now()).await?;
    }
    let news = [
        watch::news(app, caller).await?,
        privacy::key_lost(app, caller).await?,
    ];
    for line in news.into_iter().flatten() {
        message.content.push('\n');
        message.content.push_str(&line);
    }
    reply::send(ctx, message.fitted(), Visibility::Private).await
}

fn is_personal(ctx: Application<'_>) -> bool {
    entry(&ctx.command().qualified_name).is_some_and(|entry| entry.right == Right::Owner)
}

/// Answers the press of a button.
pub async fn press(bot: &Bot, ctx: &serenity::Context, press: &ComponentInteraction) {
    let Err(failed) = pressed(bot, ctx, press).await else {
        return;
    };
    let told = errors::told(&bot.app, &failed, BUTTON, press.id.get()).await;
    let Some(message) = told else {
        return;
    };
    // Where the press was acknowledged before it failed, the message itself has to say so.
    if reply::whisper(bot, ctx, press, message.clone())
        .await
        .is_err()
        && let Err(error) = reply::replace(bot, ctx, press, message).await
    {
        warn!(%error, "an error could not be told");
    }
}

async fn pressed(
    bot: &Bot,
    ctx: &serenity::Context,
    press: &ComponentInteraction,
) -> Result<(), CommandError> {
    let actor = Actor::of(&press.user, press.guild_id, press.member.as_ref());
    bot.pace(&actor, Effort::Press)?;
    let button = match meant(bot, actor.user, &press.data.custom_id)? {
        Meant::Press(meant) => {
            bot.authorize(&actor, Action::Press(meant))?;
            if meant.shows_what_is_kept() {
                let app = &bot.app;
                app.store.note_use(actor.user, app.clock.now()).await?;
            }
            return notice::pressed(bot, ctx, press, meant).await;
        }
        Meant::Button(button) => button,
    };
    bot.authorize(&actor, Action::Button(&button))?;
    let owner = actor.user;
    if let Button::Save { held, .. } = button {
        let message = consent::wanted(bot, owner, held).await?;
        return reply::whisper(bot, ctx, press, message).await;
    }
    reply::acknowledge(ctx, press).await?;
    // A second press comes in before the answer to the first has taken the buttons away; that answer
    // is the one to stay. A page is turned as often as somebody likes.
    let is_answer = !matches!(button, Button::Page { .. } | Button::Positions { .. });
    if is_answer && !bot.first_answer(press.message.id.get(), &button) {
        return Ok(());
    }
    let message = match act(bot, &button, &actor).await {
        Ok(message) => message,
        // It is acknowledged, so the message itself has to say so.
        Err(failed) => match errors::told(&bot.app, &failed, BUTTON, press.id.get()).await {
            Some(message) => message,
            None => return Ok(()),
        },
    };
    reply::replace(bot, ctx, press, message).await
}

/// What a component means.
#[derive(Debug, PartialEq)]
enum Meant {
    Button(Button),
    Press(Press),
}

/// What the text of a component means that this person sent. Nothing but the buttons that stand under
/// notices is believed without our mark.
fn meant(bot: &Bot, sender: UserId, text: &str) -> Result<Meant, Trouble> {
    let now = bot.app.clock.now();
    let meaning = match bot.app.stamp.read(sender, text, now) {
        Ok(meaning) => meaning,
        Err(Refused::Unmarked) => {
            let press = Press::decode(text).filter(|press| press.stands_on_notices());
            return press.map(Meant::Press).ok_or(Trouble::Expired);
        }
        Err(Refused::Over) => return Err(Trouble::Expired),
        // Where it was made for another, that is what to say.
        Err(Refused::Forged) => {
            let button = stamp::alleged(text).and_then(Button::decode);
            return Err(match button {
                Some(button) if button.owner() != sender => Trouble::NotYours,
                _ => Trouble::Expired,
            });
        }
    };
    Press::decode(meaning)
        .map(Meant::Press)
        .or_else(|| Button::decode(meaning).map(Meant::Button))
        .ok_or(Trouble::Expired)
}

async fn act(bot: &Bot, button: &Button, actor: &Actor) -> Result<Message, CommandError> {
    let owner = actor.user;
    match button {
        Button::Agree { held, .. } => consent::agreed(bot, owner, *held).await,
        Button::Keep { held, .. } | Button::Save { held, .. } => {
            consent::wanted(bot, owner, *held).await
        }
        Button::Set { held, .. } => alerts::add::set(bot, actor, *held).await,
        Button::Page { from, narrowed, .. } => {
            ledger::list::page(&bot.app, owner, narrowed, *from).await
        }
        Button::Positions {
            from,
            order,
            currency,
            ..
        } => {
            let from = usize::try_from(*from).unwrap_or(usize::MAX);
            let looked = portfolio::view::looked(&bot.app, owner, (*currency, *order), from);
            Ok(looked.await?.0)
        }
        Button::Reviewed { .. } => portfolio::review::noted(bot, owner).await,
        Button::Log { window, .. } => portfolio::income::log(bot, owner, *window).await,
        Button::Erase { .. } => {
            bot.pending.forget(owner);
            bot.drafts.forget(owner);
            privacy::erase(&bot.app.store, owner).await
        }
        Button::Cancel { .. } => {
            bot.pending.forget(owner);
            bot.drafts.forget(owner);
            Ok(crate::render::privacy::unchanged())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn definitions() -> Vec<Value> {
        poise::builtins::create_application_commands(&all())
            .iter()
            .map(|definition| serde_json::to_value(definition).unwrap())
            .collect()
    }

    fn children(of: &Value) -> &[Value] {
        of["options"].as_array().map_or(&[], Vec::as_slice)
    }

    fn is_subcommand(option: &Value) -> bool {
        matches!(option["type"].as_u64(), Some(1 | 2))
    }

    fn text(of: &Value, key: &str) -> String {
        of[key].as_str().unwrap_or_default().to_owned()
    }

    fn length(text: &str) -> usize {
        text.chars().count()
    }

    /// Characters that count towards Discord's limit for a command.
    fn weight(of: &Value) -> usize {
        let choices = of["choices"].as_array().map_or(&[][..], Vec::as_slice);
        let own = length(&text(of, "name")) + length(&text(of, "description"));
        let values = choices
            .iter()
            .map(|choice| length(&text(choice, "name")) + length(&text(choice, "value")));
        own + values.sum::<usize>() + children(of).iter().map(weight).sum::<usize>()
    }

    /// Whether it is a command in the menu of a message: a name, and nothing else.
    fn is_in_a_menu(definition: &Value) -> bool {
        definition["type"] == 3
    }

    fn check_names(of: &Value, path: &str) {
        let name = text(of, "name");
        let path = format!("{path} {name}");
        let named_well = (1..=32).contains(&length(&name))
            && name
                .chars()
                .all(|c| c == '_' || c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit());
        assert!(named_well, "the name of{path}");
        let description = length(&text(of, "description"));
        assert!((1..=100).contains(&description), "the description of{path}");
        assert!(children(of).len() <= 25, "the options of{path}");
        let mut optional = false;
        for option in children(of).iter().filter(|option| !is_subcommand(option)) {
            let required = option["required"].as_bool().unwrap_or(false);
            assert!(!(required && optional), "required before optional in{path}");
            optional |= !required;
        }
        let choices = of["choices"].as_array().map_or(&[][..], Vec::as_slice);
        assert!(choices.len() <= 25, "the choices of{path}");
        let completes = of["autocomplete"].as_bool().unwrap_or(false);
        assert!(
            !completes || choices.is_empty(),
            "choices or autocomplete in{path}"
        );
        for child in children(of) {
            check_names(child, &path);
        }
    }

    /// F-X05: names, descriptions, options, choices and the weight of commands.
    #[test]
    fn definitions_are_within_the_limits() {
        let (in_menus, typed): (Vec<Value>, Vec<Value>) =
            definitions().into_iter().partition(is_in_a_menu);
        assert!(in_menus.len() <= 15);
        for definition in &in_menus {
            assert!((1..=32).contains(&length(&text(definition, "name"))));
            assert_eq!(text(definition, "description"), "");
            assert!(children(definition).is_empty());
        }
        assert!(typed.len() <= 100);
        for definition in &typed {
            check_names(definition, "");
            let weight = weight(definition);
            assert!(
                weight <= 8_000,
                "{} weighs {weight}",
                text(definition, "name")
            );
        }
    }

    /// The longest text that any option takes.
    const LONGEST_TEXT: u64 = 300;

    fn check_lengths(of: &Value, path: &str) {
        let path = format!("{path} {}", text(of, "name"));
        let picked = of["choices"]
            .as_array()
            .is_some_and(|them| !them.is_empty());
        if of["type"] == 3 && !picked {
            let most = of["max_length"].as_u64();
            let bounded = most.is_some_and(|most| most <= LONGEST_TEXT);
            assert!(bounded, "the length of{path}: {most:?}");
        }
        for child in children(of) {
            check_lengths(child, &path);
        }
    }

    /// F-X14: whatever people may write is bounded before it comes to us.
    #[test]
    fn every_text_has_a_longest_form() {
        for definition in definitions().iter().filter(|it| !is_in_a_menu(it)) {
            for option in children(definition) {
                check_lengths(option, &text(definition, "name"));
            }
        }
    }

    fn callable(of: &Value, path: &str, into: &mut Vec<String>) {
        let path = format!("{path}{}", text(of, "name"));
        let subcommands: Vec<&Value> = children(of).iter().filter(|it| is_subcommand(it)).collect();
        if subcommands.is_empty() {
            into.push(path);
            return;
        }
        for subcommand in subcommands {
            callable(subcommand, &format!("{path} "), into);
        }
    }

    #[test]
    fn every_command_has_its_entry_and_every_entry_its_command() {
        let mut names = Vec::new();
        for definition in definitions() {
            callable(&definition, "", &mut names);
        }
        names.sort();
        let mut known: Vec<String> = TABLE.iter().map(|entry| entry.name.to_owned()).collect();
        known.sort();
        assert_eq!(names, known);
    }

    #[test]
    fn the_names_of_dispatch_are_those_of_the_table() {
        fn leaves(command: &Command, into: &mut Vec<String>) {
            if command.subcommands.is_empty() {
                into.push(command.qualified_name.to_string());
            }
            for subcommand in &command.subcommands {
                leaves(subcommand, into);
            }
        }
        let mut commands = all();
        poise::set_qualified_names(&mut commands);
        let mut names = Vec::new();
        for command in &commands {
            leaves(command, &mut names);
        }
        for name in names {
            assert!(entry(&name).is_some(), "{name} has no entry");
        }
    }

    #[test]
    fn what_needs_a_right_is_registered_with_it() {
        for definition in definitions() {
            let mut names = Vec::new();
            callable(&definition, "", &mut names);
            let needs = |right| names.iter().any(|name| entry(name).unwrap().right == right);
            let managing = needs(Right::ManageServer);
            let right = if managing {
                Some("32")
            } else {
                needs(Right::Operator).then_some("8")
            };
            let registered = definition["default_member_permissions"].as_str();
            assert_eq!(registered, right, "{}", names.join(", "));
            if managing {
                assert_eq!(definition["contexts"], serde_json::json!([0]));
            }
        }
    }

    #[test]
    fn only_look_ups_are_public() {
        for entry in TABLE {
            let public = entry.visibility == Visibility::Public;
            if entry.name == "yield better" {
                assert!(!public, "it tells what its caller holds");
                continue;
            }
            let looks_up = ["yield ", "risk "]
                .iter()
                .any(|group| entry.name.starts_with(group));
            assert_eq!(public, looks_up, "{}", entry.name);
        }
    }
}
