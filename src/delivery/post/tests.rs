use proptest::prelude::*;

use super::*;
use crate::delivery::outcome::Unclear;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_000_000 + 86_400_000);
const WEBHOOK: Carrier = Carrier::Webhook(WebhookId(7));

fn waits() -> Waits {
    Waits::default()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn sending(carrier: Carrier, attempt: u32) -> Post {
    let claimed = Post::new(carrier, NOW, LATER).claimed(carrier, 1, Some(MessageId(5)), NOW);
    Post { attempt, ..claimed }
}

fn after(attempt: u32, outcome: &Outcome) -> Post {
    sending(WEBHOOK, attempt).settled(outcome, NOW, 1.0, &waits())
}

const fn limited(scope: Scope, wait: Duration) -> Outcome {
    Outcome::Limited { scope, wait }
}

/// A limit may have been what the dead process was answered, so nothing is repeated at once, not even
/// where a nonce would make it harmless.
#[test]
fn what_a_dead_process_left_rests_before_anything_is_done() {
    for (carrier, rest, then) in [
        (Carrier::Bot, seconds(5), Turn::Send),
        (WEBHOOK, seconds(30), Turn::Look),
    ] {
        let orphan = sending(carrier, 1).orphaned(NOW, &waits());
        let rested = NOW.plus(rest);
        assert_eq!(orphan.turn(NOW, &waits()), Turn::Rest(rested));
        assert_eq!(orphan.turn(rested, &waits()), then);
    }
}

#[test]
fn each_class_leads_where_it_should() {
    let two = seconds(2);
    let accepted = Outcome::Accepted {
        message: Some(MessageId(7)),
    };
    let rows = [
        (
            Outcome::Unreached,
            State::Waiting,
            Some(1_000),
            Effect::None,
        ),
        (accepted, State::Delivered, None, Effect::None),
        (
            Outcome::Accepted { message: None },
            State::Delivered,
            None,
            Effect::None,
        ),
        (
            limited(Scope::User, two),
            State::Waiting,
            Some(2_250),
            Effect::Pause(two),
        ),
        (
            limited(Scope::Shared, two),
            State::Waiting,
            Some(2_250),
            Effect::Pause(two),
        ),
        (
            limited(Scope::Global, two),
            State::Waiting,
            Some(2_250),
            Effect::PauseAll(two),
        ),
        (
            Outcome::Banned { wait: two },
            State::Waiting,
            Some(2_250),
            Effect::PauseAllThenProbe(two),
        ),
        (
            Outcome::Unclear(Unclear::Gateway),
            State::Uncertain,
            Some(30_000),
            Effect::None,
        ),
        (
            Outcome::Unclear(Unclear::TimedOut),
            State::Uncertain,
            Some(30_000),
            Effect::None,
        ),
        (
            Outcome::Filtered { code: 200_000 },
            State::Dead,
            None,
            Effect::None,
        ),
        (
            Outcome::DeadEnd(DeadEnd::WebhookGone),
            State::Parked,
            None,
            Effect::Park(DeadEnd::WebhookGone),
        ),
        (
            Outcome::DeadEnd(DeadEnd::WrongKind),
            State::Parked,
            None,
            Effect::Park(DeadEnd::WrongKind),
        ),
        (
            Outcome::BotTokenRefused,
            State::Pending,
            Some(0),
            Effect::None,
        ),
    ];
    for (outcome, state, wait, asks) in rows {
        let post = after(1, &outcome);
        assert_eq!(post.state, state, "{outcome:?}");
        let due = wait.map(|wait| NOW.plus(Duration::from_millis(wait)));
        assert_eq!(post.due_at, due, "{outcome:?}");
        assert_eq!(effect(&outcome), asks);
    }
}

#[test]
fn a_refused_body_is_tried_once_in_plain_text() {
    let malformed = Outcome::Malformed { code: Some(50035) };
    let plain = after(1, &malformed);
    assert_eq!((plain.state, plain.plainer), (State::Pending, false));
    let again = plain.claimed(WEBHOOK, 1, None, NOW);
    assert_eq!(
        again.settled(&malformed, NOW, 1.0, &waits()).state,
        State::Dead
    );
}

#[test]
fn the_back_off_grows_to_half_an_hour_and_limits_do_not_count() {
    let wait = |attempt| {
        after(attempt, &Outcome::Unreached)
            .due_at
            .unwrap()
            .since(NOW)
    };
    let grown: Vec<u64> = (1..=9).map(|attempt| wait(attempt).as_secs()).collect();
    assert_eq!(grown, [1, 5, 30, 120, 300, 900, 1800, 1800, 1800]);
    let limited = after(4, &limited(Scope::User, seconds(1)));
    assert_eq!(limited.attempt, 3);
}

#[test]
fn what_would_come_too_late_expires() {
    let wait = limited(Scope::User, seconds(90_000));
    assert_eq!(after(1, &wait).state, State::Expired);
    // A post that may have arrived never does.
    let unclear = Outcome::Unclear(Unclear::Broken);
    let late = LATER.plus(seconds(1));
    let post = sending(WEBHOOK, 1).settled(&unclear, late, 1.0, &waits());
    assert_eq!(post.state, State::Uncertain);
    assert_eq!(post.looked(None, late, &waits()).state, State::Expired);
}

#[test]
fn the_bot_repeats_with_its_nonce_and_a_webhook_never_does() {
    let unclear = Outcome::Unclear(Unclear::Broken);
    let bot = sending(Carrier::Bot, 1).settled(&unclear, NOW, 1.0, &waits());
    assert_eq!(bot.due_at, Some(NOW.plus(seconds(1))));
    assert_eq!(bot.turn(NOW.plus(seconds(1)), &waits()), Turn::Send);
    let too_late = NOW.plus(seconds(91));
    assert_eq!(bot.turn(too_late, &waits()), Turn::Look);
    let webhook = sending(WEBHOOK, 1).settled(&unclear, NOW, 1.0, &waits());
    for (at, turn) in [(29, None), (30, Some(Turn::Look)), (91, Some(Turn::Look))] {
        let at = NOW.plus(seconds(at));
        let rest = Turn::Rest(NOW.plus(seconds(30)));
        assert_eq!(webhook.turn(at, &waits()), turn.unwrap_or(rest));
    }
}

/// Whoever was told "wait" by a repetition still does not know of the first request.
#[test]
fn a_refused_repetition_leaves_it_uncertain() {
    let unclear = Outcome::Unclear(Unclear::Broken);
    let bot = sending(Carrier::Bot, 1).settled(&unclear, NOW, 0.0, &waits());
    let repeated = bot.claimed(WEBHOOK, 1, None, NOW);
    assert_eq!(repeated.carrier, Carrier::Bot, "only its nonce protects it");
    for outcome in [
        limited(Scope::User, seconds(5)),
        Outcome::Unreached,
        Outcome::HeldBack {
            wait: Duration::ZERO,
        },
        Outcome::DeadEnd(DeadEnd::ChannelGone),
        Outcome::Malformed { code: None },
    ] {
        let post = repeated.clone().settled(&outcome, NOW, 1.0, &waits());
        assert_eq!(post.state, State::Uncertain, "{outcome:?}");
        assert!(post.due_at.is_some());
    }
    // The message was made, and somebody has deleted it since.
    let gone = repeated.settled(&Outcome::MessageGone, NOW, 1.0, &waits());
    assert_eq!(gone.state, State::Delivered);
}

#[test]
fn only_what_was_sent_anew_is_looked_for_once_more() {
    let unclear = Outcome::Unclear(Unclear::Broken);
    let uncertain = sending(WEBHOOK, 1).settled(&unclear, NOW, 1.0, &waits());
    let found = uncertain.clone().looked(Some(MessageId(9)), NOW, &waits());
    assert_eq!((found.state, found.due_at), (State::Delivered, None));
    let anew = uncertain.looked(None, NOW, &waits());
    assert_eq!((anew.state, anew.due_at), (State::Pending, Some(NOW)));
    let accepted = Outcome::Accepted {
        message: Some(MessageId(11)),
    };
    let delivered =
        anew.claimed(WEBHOOK, 1, Some(MessageId(10)), NOW)
            .settled(&accepted, NOW, 1.0, &waits());
    assert_eq!(delivered.floor, Some(MessageId(5)), "the first copy counts");
    let sweep = NOW.plus(seconds(300));
    assert_eq!(delivered.due_at, Some(sweep));
    assert_eq!(delivered.turn(sweep, &waits()), Turn::Look);
    let swept = delivered.looked(Some(MessageId(8)), sweep, &waits());
    assert_eq!((swept.message, swept.due_at), (Some(MessageId(8)), None));
}

/// F-D11: somebody deletes the message at once. It was told, whether its answer came or a repetition learns that
/// it is gone, and a second look neither sends it again nor forgets which one it was.
#[test]
fn what_somebody_deletes_stays_told() {
    let unclear = Outcome::Unclear(Unclear::Broken);
    let uncertain = sending(Carrier::Bot, 1).settled(&unclear, NOW, 0.0, &waits());
    assert_eq!(uncertain.turn(NOW, &waits()), Turn::Send);
    let repeated = uncertain.claimed(Carrier::Bot, 1, None, NOW);
    let gone = repeated.settled(&Outcome::MessageGone, NOW, 1.0, &waits());
    assert_eq!((gone.state, gone.message), (State::Delivered, None));
    assert_eq!(gone.turn(LATER, &waits()), Turn::Nothing);

    let told = Post {
        state: State::Delivered,
        message: Some(MessageId(9)),
        anew: true,
        due_at: Some(NOW),
        ..Post::new(WEBHOOK, NOW, LATER)
    };
    assert_eq!(told.turn(NOW, &waits()), Turn::Look);
    let looked = told.looked(None, NOW, &waits());
    assert_eq!(
        (looked.state, looked.message, looked.due_at),
        (State::Delivered, Some(MessageId(9)), None)
    );
}

#[test]
fn the_oldest_copy_stays() {
    let mut copies = vec![MessageId(9), MessageId(3), MessageId(5), MessageId(3)];
    assert_eq!(Post::heal(&mut copies), Some(MessageId(3)));
    assert_eq!(copies, [MessageId(5), MessageId(9)]);
    assert_eq!(Post::heal(&mut Vec::new()), None);
}

proptest! {
    /// Whatever comes of an attempt, the post is never left as being sent, and nothing is done
    /// before Discord's own wait is over.
    #[test]
    fn an_attempt_always_ends_somewhere(
        attempt in 1_u32..40,
        outcome in prop_oneof![
            Just(Outcome::Unreached),
            Just(Outcome::Accepted { message: Some(MessageId(1)) }),
            Just(Outcome::Unclear(Unclear::Server)),
            Just(Outcome::DeadEnd(DeadEnd::NoAccess)),
            Just(Outcome::Malformed { code: Some(50006) }),
            (0_u64..100_000).prop_map(|ms| Outcome::Limited {
                scope: Scope::User,
                wait: Duration::from_millis(ms),
            }),
            (0_u64..100_000).prop_map(|ms| Outcome::Banned { wait: Duration::from_millis(ms) }),
        ],
        shelf_ms in 0_u64..100_000,
        jitter in 0.0_f64..=1.0,
        by_bot in any::<bool>(),
    ) {
        let not_after = NOW.plus(Duration::from_millis(shelf_ms));
        let carrier = if by_bot { Carrier::Bot } else { WEBHOOK };
        let claimed = Post { not_after, ..sending(carrier, attempt) };
        let post = claimed.settled(&outcome, NOW, jitter, &waits());
        prop_assert_ne!(post.state, State::Sending);
        prop_assert_ne!(post.state, State::Superseded);
        prop_assert_eq!(
            post.state == State::Delivered,
            matches!(outcome, Outcome::Accepted { .. })
        );
        prop_assert_eq!(
            post.state == State::Uncertain,
            matches!(outcome, Outcome::Unclear(_))
        );
        prop_assert_eq!(
            post.state == State::Parked,
            matches!(effect(&outcome), Effect::Park(_))
        );
        let open = matches!(post.state, State::Pending | State::Waiting | State::Uncertain);
        prop_assert_eq!(post.due_at.is_some(), open);
        if let (Outcome::Limited { wait, .. } | Outcome::Banned { wait }, Some(due)) =
            (&outcome, post.due_at)
        {
            prop_assert!(due >= NOW.plus(*wait));
            prop_assert!(due <= NOW.plus(*wait + LIMIT_JITTER));
        }
    }
}
