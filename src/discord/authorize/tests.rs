use super::*;
use crate::{
    discord::commands::TABLE,
    discord::{commands::portfolio::income::Window, presses::MUTES},
    domain::{
        ids::{AlertId, EntryId},
        income::Order,
    },
    render::{ledger::Narrowed, press::Mine},
};

const ME: UserId = UserId(1);
const SOMEBODY: UserId = UserId(2);
const OPERATOR: UserId = UserId(3);
const HERE: GuildId = GuildId(10);
const ELSEWHERE: GuildId = GuildId(11);

/// Everybody there is: where they act, and with what rights.
fn actors() -> Vec<Actor> {
    let rights = [
        Permissions::empty(),
        Permissions::SEND_MESSAGES | Permissions::MANAGE_CHANNELS,
        Permissions::MANAGE_GUILD,
        Permissions::ADMINISTRATOR,
    ];
    let mut actors = Vec::new();
    for user in [ME, SOMEBODY, OPERATOR] {
        for server in [None, Some(HERE), Some(ELSEWHERE)] {
            for rights in rights {
                actors.push(Actor {
                    user,
                    server,
                    rights,
                });
            }
        }
    }
    actors
}

fn objects() -> [Object; 8] {
    [
        Object::Market,
        Object::Person(ME),
        Object::Person(SOMEBODY),
        Object::Server(HERE),
        Object::Server(ELSEWHERE),
        Object::Draft(ME, HERE),
        Object::Draft(ME, ELSEWHERE),
        Object::Bot,
    ]
}

/// One of each kind. A kind that is missing does not compile.
macro_rules! one_of_each {
    ($kind:ident: $($variant:ident $fields:tt),* $(,)?) => {{
        let _none_is_missing = |one: &$kind| match one {
            $($kind::$variant { .. } => ()),*
        };
        vec![$($kind::$variant $fields),*]
    }};
}

fn buttons() -> Vec<Button> {
    let owner = ME;
    one_of_each![Button:
        Agree { owner, held: 1 },
        Keep { owner, held: 1 },
        Save { owner, held: 1 },
        Set { owner, held: 1 },
        Erase { owner },
        Cancel { owner },
        Page { owner, from: 20, narrowed: Narrowed::default() },
        Positions { owner, from: 20, order: Order::Verdict, currency: None },
        Reviewed { owner },
        Log { owner, window: Window::LastYear },
    ]
}

fn presses() -> Vec<Press> {
    let (alert, entry) = (AlertId(1), EntryId(1));
    let (asks, mine) = (Ask::ALL.into_iter(), Mine::ALL.into_iter());
    let asks = asks.flat_map(|ask| [None, Some(entry)].map(|entry| Press::Ask { ask, entry }));
    let mutes = MUTES.map(|length| Press::Mute { alert, length });
    let rest = one_of_each![Press:
        Ask { ask: Ask::Why, entry: None },
        Which {},
        Mute { alert, length: MUTES[0] },
        Amount { entry },
        Mine(Mine::ALL[0]),
    ];
    let each = asks.chain(mine.map(Press::Mine)).chain(mutes);
    each.chain(rest).collect()
}

/// Who may do what, written down once more. Commands are read by their first word or two; one that is not named
/// here fails the test.
fn right_to(action: &Action<'_>) -> Right {
    match action {
        Action::Command(name) => {
            let mut words = name.split(' ');
            match (words.next().unwrap(), words.next()) {
                ("yield", Some("better")) | ("plan", Some("cashflow" | "list" | "delete")) => {
                    Right::Owner
                }
                ("yield" | "risk" | "Check" | "plan" | "status" | "help", _) => Right::Everyone,
                ("portfolio" | "ledger" | "watch" | "privacy", _) => Right::Owner,
                ("alerts" | "config" | "setup", _) => Right::ManageServer,
                ("operator", _) => Right::Operator,
                other => panic!("{other:?} is new: who may do it?"),
            }
        }
        // What sets alerts is the server's; every other button belongs to whom it was made for.
        Action::Button(Button::Set { .. })
        | Action::Press(Press::Ask { ask: Ask::Mute, .. } | Press::Mute { .. }) => {
            Right::ManageServer
        }
        Action::Button(_) | Action::Press(Press::Mine(_)) => Right::Owner,
        Action::Press(Press::Ask { .. } | Press::Which | Press::Amount { .. }) => Right::Present,
    }
}

/// What has to be true for somebody to do something: written down once more, in the plainest way.
fn wanted(actor: &Actor, right: Right, object: Object) -> bool {
    let manages = actor
        .rights
        .intersects(Permissions::MANAGE_GUILD | Permissions::ADMINISTRATOR);
    let is_here = |server| actor.server == Some(server);
    match right {
        Right::Everyone => object == Object::Market,
        Right::Owner => object == Object::Person(actor.user),
        Right::Present => matches!(object, Object::Server(server) if is_here(server)),
        Right::ManageServer => match object {
            Object::Server(server) => manages && is_here(server),
            Object::Draft(owner, server) => manages && is_here(server) && owner == actor.user,
            _ => false,
        },
        Right::Operator => actor.user == OPERATOR && object == Object::Bot,
    }
}

/// F-X09, F-X10, F-X17: every command, button and press, by everybody, on everything: what belongs to
/// another person, another server or the operator is out of reach.
#[test]
fn nobody_does_what_is_not_theirs_to_do() {
    let buttons = buttons();
    let commands = TABLE.iter().map(|entry| Action::Command(entry.name));
    let actions: Vec<Action<'_>> = commands
        .chain(buttons.iter().map(Action::Button))
        .chain(presses().into_iter().map(Action::Press))
        .collect();
    let mut allowed = 0;
    for action in &actions {
        let right = right_to(action);
        for actor in actors() {
            for object in objects() {
                let may = authorize(&actor, *action, object, &[OPERATOR]).is_ok();
                let wanted = wanted(&actor, right, object);
                assert_eq!(may, wanted, "{action:?} by {actor:?} on {object:?}");
                allowed += usize::from(may);
            }
            // What they reach by doing it themselves is what the table says, and nothing of somebody else's.
            let Ok(reached) = action.object(&actor) else {
                continue;
            };
            let may = authorize(&actor, *action, reached, &[OPERATOR]).is_ok();
            let own = match reached {
                Object::Person(owner) => owner == actor.user,
                Object::Draft(owner, server) => owner == actor.user && actor.server == Some(server),
                Object::Server(server) => actor.server == Some(server),
                Object::Market | Object::Bot => true,
            };
            assert!(own || !may, "{action:?} by {actor:?} reaches {reached:?}");
        }
    }
    assert!(allowed > actions.len(), "something is allowed at all");
}

/// Deny by default: what no table names is for nobody, not even for the operator.
#[test]
fn what_nobody_thought_of_is_refused() {
    for actor in actors() {
        for object in objects() {
            let action = Action::Command("portfolio steal");
            let refused = authorize(&actor, action, object, &[OPERATOR]);
            assert_eq!(refused, Err(Trouble::Outdated));
        }
        let action = Action::Command("portfolio steal");
        assert_eq!(action.object(&actor), Err(Trouble::Outdated));
    }
}

/// Each refusal says what is missing.
#[test]
fn a_refusal_says_what_is_missing() {
    let actor = |server, rights| Actor {
        user: ME,
        server,
        rights,
    };
    let may = |actor: Actor, action: Action<'_>| {
        authorize(&actor, action, action.object(&actor)?, &[OPERATOR])
    };
    let (outside, member, admin) = (
        actor(None, Permissions::empty()),
        actor(Some(HERE), Permissions::empty()),
        actor(Some(HERE), Permissions::MANAGE_GUILD),
    );
    let set = Action::Command("alerts add");
    assert_eq!(may(outside, set), Err(Trouble::OnlyInServers));
    assert_eq!(may(member, set), Err(Trouble::NeedsManageServer));
    assert_eq!(may(admin, set), Ok(()));
    let erase = Button::Erase { owner: SOMEBODY };
    assert_eq!(may(admin, Action::Button(&erase)), Err(Trouble::NotYours));
    let draft = Button::Set {
        owner: SOMEBODY,
        held: 1,
    };
    assert_eq!(may(admin, Action::Button(&draft)), Err(Trouble::NotYours));
    let queue = Action::Command("operator queue");
    assert_eq!(may(admin, queue), Err(Trouble::OnlyForOperator));
    let why = Press::Ask {
        ask: Ask::Why,
        entry: None,
    };
    assert_eq!(
        may(outside, Action::Press(why)),
        Err(Trouble::OnlyInServers)
    );
    assert_eq!(may(member, Action::Press(why)), Ok(()));
}
