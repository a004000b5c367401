use super::*;
use crate::delivery::post::{Effect, effect};

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect(),
        body: Bytes::from_static(body.as_bytes()),
        complete: true,
    }
}

fn judged(authority: Authority, answer: &Answer) -> Outcome {
    of_answer(authority, answer, Duration::from_hours(1))
}

const fn limited(scope: Scope, millis: u64) -> Outcome {
    Outcome::Limited {
        scope,
        wait: Duration::from_millis(millis),
    }
}

const fn banned(seconds: u64) -> Outcome {
    Outcome::Banned {
        wait: Duration::from_secs(seconds),
    }
}

const fn accepted(message: Option<u64>) -> Outcome {
    Outcome::Accepted {
        message: match message {
            Some(id) => Some(MessageId(id)),
            None => None,
        },
    }
}

#[test]
fn each_answer_has_its_class() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    const HTML: (&str, &str) = ("content-type", "text/html; charset=UTF-8");
    let rows: Vec<(Answer, Outcome)> = vec![
        (answer(200, &[JSON], r#"{"id":"42"}"#), accepted(Some(42))),
        (answer(204, &[], ""), accepted(None)),
        (answer(200, &[HTML], "<html>"), accepted(None)),
        (answer(200, &[JSON], r#"{"id":"#), accepted(None)),
        (
            answer(429, &[JSON, ("retry-after", "2")], r#"{"retry_after":1.5}"#),
            limited(Scope::User, 2000),
        ),
        (
            answer(429, &[JSON, ("retry-after", "1")], r#"{"retry_after":1.5}"#),
            limited(Scope::User, 1500),
        ),
        (
            answer(
                429,
                &[JSON, ("x-ratelimit-scope", "shared"), ("retry-after", "45")],
                r#"{"global":false}"#,
            ),
            limited(Scope::Shared, 45_000),
        ),
        (
            answer(429, &[JSON], r#"{"retry_after":0.25,"global":true}"#),
            limited(Scope::Global, 250),
        ),
        (
            answer(429, &[JSON, ("x-ratelimit-global", "true")], "{}"),
            limited(Scope::Global, 5000),
        ),
        (
            answer(429, &[JSON], r#"{"retry_after":-1}"#),
            limited(Scope::User, 5000),
        ),
        (
            answer(429, &[JSON], r#"{"retry_after":1e300}"#),
            limited(Scope::User, 7 * 86_400_000),
        ),
        (answer(429, &[HTML], "<html>"), banned(3600)),
        (answer(429, &[], "error code: 1015"), banned(3600)),
        (answer(429, &[], ""), banned(3600)),
        (answer(429, &[HTML, ("retry-after", "90")], ""), banned(90)),
        (answer(403, &[HTML], "<html>"), banned(3600)),
        (
            answer(403, &[("content-type", "text/plain")], "error code: 1015"),
            banned(3600),
        ),
        (answer(403, &[JSON], r#"{"code":40333}"#), banned(3600)),
        (answer(502, &[HTML], ""), Outcome::Unclear(Unclear::Gateway)),
        (answer(503, &[], ""), Outcome::Unclear(Unclear::Gateway)),
        (answer(500, &[], ""), Outcome::Unclear(Unclear::Server)),
        (answer(504, &[], ""), Outcome::Unclear(Unclear::Server)),
        (answer(408, &[], ""), Outcome::Unclear(Unclear::Server)),
        (
            answer(400, &[JSON], r#"{"code":130000}"#),
            Outcome::Unclear(Unclear::Server),
        ),
        (
            answer(400, &[JSON], r#"{"code":50035}"#),
            Outcome::Malformed { code: Some(50035) },
        ),
        (
            answer(400, &[JSON], r#"{"code":50006}"#),
            Outcome::Malformed { code: Some(50006) },
        ),
        (
            answer(400, &[JSON], r#"{"code":50109}"#),
            Outcome::Malformed { code: Some(50109) },
        ),
        (answer(413, &[], ""), Outcome::Malformed { code: None }),
        (
            answer(400, &[JSON], r#"{"code":200000}"#),
            Outcome::Filtered { code: 200_000 },
        ),
        (
            answer(403, &[JSON], r#"{"code":240000}"#),
            Outcome::Filtered { code: 240_000 },
        ),
        (
            answer(400, &[JSON], r#"{"code":220003}"#),
            Outcome::DeadEnd(DeadEnd::WrongKind),
        ),
        (
            answer(400, &[JSON], r#"{"code":30007}"#),
            Outcome::WebhooksFull,
        ),
        (
            answer(401, &[JSON], r#"{"code":50027}"#),
            Outcome::DeadEnd(DeadEnd::TokenChanged),
        ),
        (
            answer(401, &[JSON], r#"{"code":0}"#),
            Outcome::DeadEnd(DeadEnd::TokenChanged),
        ),
        (
            answer(403, &[JSON], r#"{"code":50013}"#),
            Outcome::DeadEnd(DeadEnd::NoPermission),
        ),
        (
            answer(403, &[JSON], r#"{"code":50001}"#),
            Outcome::DeadEnd(DeadEnd::NoAccess),
        ),
        (answer(403, &[], ""), Outcome::DeadEnd(DeadEnd::Forbidden)),
        (
            answer(404, &[JSON], r#"{"code":10015}"#),
            Outcome::DeadEnd(DeadEnd::WebhookGone),
        ),
        (
            answer(404, &[JSON], r#"{"code":10003}"#),
            Outcome::DeadEnd(DeadEnd::ChannelGone),
        ),
        (answer(404, &[], ""), Outcome::DeadEnd(DeadEnd::WebhookGone)),
        (
            answer(404, &[HTML], "<html>"),
            Outcome::DeadEnd(DeadEnd::NotDiscord),
        ),
        (
            answer(302, &[("location", "http://169.254.169.254/")], ""),
            Outcome::DeadEnd(DeadEnd::NotDiscord),
        ),
    ];
    for (answer, want) in rows {
        let got = judged(Authority::WebhookToken, &answer);
        assert_eq!(got, want, "{} {:?}", answer.status, answer.body);
    }
}

/// F-D05: what Discord counts towards a ban of the address, as its documentation says.
#[test]
fn refusals_and_limits_count_as_invalid_unless_the_limit_is_shared() {
    let gone = Outcome::DeadEnd(DeadEnd::WebhookGone);
    for (status, outcome, counts) in [
        (Some(401), Outcome::BotTokenRefused, true),
        (Some(403), Outcome::Filtered { code: 240_000 }, true),
        (Some(403), banned(1), true),
        (Some(429), limited(Scope::User, 1), true),
        (Some(429), limited(Scope::Global, 1), true),
        (Some(429), limited(Scope::Shared, 1), false),
        (Some(404), gone, false),
        (Some(200), accepted(None), false),
        (None, Outcome::Unreached, false),
    ] {
        assert_eq!(
            is_invalid(status, &outcome),
            counts,
            "{status:?} {outcome:?}"
        );
    }
}

#[test]
fn a_refused_token_is_the_one_that_was_sent() {
    let refused = answer(401, &[], r#"{"code":0}"#);
    assert_eq!(
        judged(Authority::BotToken, &refused),
        Outcome::BotTokenRefused
    );
    let page = answer(401, &[("content-type", "text/html")], "sign in first");
    assert_eq!(
        judged(Authority::BotToken, &page),
        Outcome::DeadEnd(DeadEnd::NotDiscord)
    );
}

#[test]
fn an_answer_that_breaks_off_is_believed_only_when_it_refuses() {
    let mut cut = answer(200, &[], r#"{"id":"42"#);
    cut.complete = false;
    assert_eq!(
        judged(Authority::WebhookToken, &cut),
        Outcome::Unclear(Unclear::Broken)
    );
    cut = answer(
        429,
        &[("content-type", "application/json"), ("retry-after", "3")],
        r#"{"retr"#,
    );
    cut.complete = false;
    assert_eq!(
        judged(Authority::WebhookToken, &cut),
        limited(Scope::User, 3000)
    );
}

#[test]
fn dead_ends_keep_their_names() {
    for end in DeadEnd::ALL {
        assert_eq!(DeadEnd::parse(end.slug()), Some(end));
    }
}

const EITHER: [Authority; 2] = [Authority::WebhookToken, Authority::BotToken];

/// F-D13: what a filter of the server refuses is told with the code that says so, and is no fault of the channel.
#[test]
fn what_a_filter_refuses_is_named_by_its_code() {
    for (status, body, code) in [
        (400, r#"{"code":200000}"#, 200_000),
        (400, r#"{"code":200001}"#, 200_001),
        (403, r#"{"code":240000}"#, 240_000),
    ] {
        for authority in EITHER {
            let outcome = judged(authority, &answer(status, &[], body));
            assert_eq!(outcome, Outcome::Filtered { code });
            assert_eq!(outcome.error().unwrap(), format!("filtered {code}"));
            assert_eq!(effect(&outcome), Effect::None);
        }
    }
}

/// F-D14: a forum without a title, tags that are missing, a voice channel, and a thread that was closed: none of
/// them takes a plain message, however often it is sent.
#[test]
fn a_channel_of_another_kind_and_a_closed_thread_are_parked() {
    let kinds = [
        r#"{"code":220001}"#,
        r#"{"code":220002}"#,
        r#"{"code":220003}"#,
        r#"{"code":220004}"#,
        r#"{"code":50024}"#,
        r#"{"code":50073}"#,
    ];
    let closed = [r#"{"code":50083}"#, r#"{"code":160005}"#];
    let kinds = kinds.map(|body| (body, DeadEnd::WrongKind));
    let closed = closed.map(|body| (body, DeadEnd::ThreadClosed));
    for (body, end) in kinds.into_iter().chain(closed) {
        for (status, authority) in [400, 403].into_iter().zip(EITHER) {
            let outcome = judged(authority, &answer(status, &[], body));
            assert_eq!(outcome, Outcome::DeadEnd(end), "{body}");
            assert_eq!(effect(&outcome), Effect::Park(end));
        }
    }
}

/// F-D11: that a message is gone is said of the message, and not of its channel or its webhook.
#[test]
fn a_message_that_is_gone_is_no_channel_that_is() {
    for authority in EITHER {
        let gone = answer(404, &[], r#"{"code":10008}"#);
        assert_eq!(judged(authority, &gone), Outcome::MessageGone);
    }
}
