//! Alerts as a file: what is read of it is written and read again without a difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stipend::{
    alerting::rules_file::{parse, write},
    domain::{
        alert::Alert,
        ids::{AlertId, ChannelId, GuildId, UserId},
        time::Timestamp,
    },
};

fuzz_target!(|text: &str| {
    let Ok(rules) = parse(text) else {
        return;
    };
    assert!(!rules.is_empty());
    let alerts: Vec<Alert> = (1..)
        .zip(&rules)
        .map(|(number, named)| Alert {
            id: AlertId(number),
            guild: GuildId(1),
            channel: named.channel.unwrap_or(ChannelId(2)),
            rule: named.rule.clone(),
            manner: named.manner,
            version: 1,
            created_by: UserId(3),
            created_at: Timestamp::default(),
        })
        .collect();
    let again = parse(&write(&alerts).expect("rules have a form in TOML"));
    let again = again.expect("what we write is a file of rules");
    assert_eq!(again.len(), alerts.len());
    for (alert, named) in alerts.iter().zip(&again) {
        assert_eq!((&alert.rule, &alert.manner), (&named.rule, &named.manner));
        assert_eq!(named.channel, Some(alert.channel));
    }
});
