//! What an alert would have said, before anybody subscribes to it.

use std::collections::BTreeMap;

use super::{
    DOT, alerts, count, lines_within,
    message::{Button, ButtonStyle, Colour, Embed, Field, Message, limits},
    numbers::{day, span},
};
use crate::domain::{
    alert::Rule,
    ids::{AlertId, ChannelId},
    preview::Preview,
    time::{Day, Span, Timestamp},
};

/// How many days are named one by one.
const NAMED: usize = 8;

/// Charts are being read, so many of so many.
pub fn progress(read: usize, of: usize) -> Message {
    Message::text(format!(
        "Reading what is known of the past: {read} of {of} charts…"
    ))
}

/// The preview of an alert that is set.
pub fn alert(id: AlertId, rule: &Rule, preview: &Preview) -> Message {
    card(
        format!("Alert #{id}: the last {} days", preview.days),
        rule,
        preview,
    )
}

/// The preview of an alert that is not set yet. The buttons set it and leave it.
pub fn draft(
    rule: &Rule,
    channel: ChannelId,
    preview: &Preview,
    [set, leave]: [String; 2],
) -> Message {
    let mut message = card(
        format!("A preview: the last {} days", preview.days),
        rule,
        preview,
    );
    message.content = format!("Shall I watch this for <#{channel}>?");
    message.with_buttons([
        Button::press("Set it", ButtonStyle::Primary, set),
        Button::press("Leave it", ButtonStyle::Secondary, leave),
    ])
}

/// The previews of several alerts that are not set yet, each as a line. The buttons set and leave them.
pub fn drafts(
    head: &str,
    previews: &[(Rule, ChannelId, Preview)],
    [set, leave]: [String; 2],
) -> Message {
    let lines: Vec<String> = previews
        .iter()
        .map(|(rule, channel, preview)| {
            format!(
                "**{}** in <#{channel}>\n{} {}",
                alerts::words_for(rule, None),
                verdict(preview),
                covered(preview)
            )
        })
        .collect();
    let mut message = Message::from(Embed {
        title: format!("{} to be set", count(previews.len(), "alert", "alerts")),
        description: lines_within(&lines, limits::DESCRIPTION - 100),
        colour: Colour::Blue,
        footer: "the past says nothing certain of what comes".to_owned(),
        ..Embed::default()
    });
    head.clone_into(&mut message.content);
    message.with_buttons([
        Button::press("Set them", ButtonStyle::Primary, set),
        Button::press("Leave them", ButtonStyle::Secondary, leave),
    ])
}

fn covered(preview: &Preview) -> String {
    format!(
        "({} of {} covered, {} days)",
        preview.covered,
        count(preview.pools, "pool", "pools"),
        preview.days
    )
}

fn card(title: String, rule: &Rule, preview: &Preview) -> Message {
    let mut fields = Vec::new();
    let noisy = noisiest(preview);
    if !preview.is_blind {
        fields.push(Field::wide("When", days(preview)));
        if let Some((noisiest, most)) = noisy.filter(|(_, most)| *most > 1) {
            fields.push(Field::narrow(
                "Noisiest day",
                format!("{}: {most}", noon(noisiest)),
            ));
        }
        if let Some((hold, fewer)) = preview.longer {
            fields.push(Field::narrow(
                "A longer hold",
                format!(
                    "{} would drop {} of {}",
                    span(hold),
                    preview.spoken.len() - fewer,
                    preview.spoken.len()
                ),
            ));
        }
    }
    fields.push(Field::wide("Rests on", rests_on(preview)));
    Message::from(Embed {
        title,
        description: format!("{}\n{}", alerts::words_for(rule, None), verdict(preview)),
        colour: Colour::Blue,
        fields,
        footer: "the past says nothing certain of what comes".to_owned(),
        ..Embed::default()
    })
}

fn verdict(preview: &Preview) -> String {
    if preview.is_blind {
        return "It is about the data itself, of which the past keeps nothing: there is no preview."
            .to_owned();
    }
    if preview.covered == 0 {
        return "Nothing is known of the past of its pools, so nobody can say.".to_owned();
    }
    let spoken = preview.spoken.len();
    if spoken == 0 {
        return "It would have said **nothing**.".to_owned();
    }
    let ends = if preview.ends > 0 {
        format!(
            ", and {} that it was over",
            count(preview.ends, "time", "times")
        )
    } else {
        String::new()
    };
    format!(
        "It would have spoken **{}**, about {}{ends}.",
        count(spoken, "time", "times"),
        count(preview.of_pools, "pool", "pools")
    )
}

/// The days on which it would have spoken, and how often.
fn by_day(preview: &Preview) -> BTreeMap<Day, usize> {
    let mut days = BTreeMap::new();
    for at in &preview.spoken {
        *days.entry(Timestamp::day(*at)).or_default() += 1;
    }
    days
}

fn days(preview: &Preview) -> String {
    let days = by_day(preview);
    if days.is_empty() {
        return "never".to_owned();
    }
    let mut words: Vec<String> = days
        .iter()
        .rev()
        .take(NAMED)
        .map(|(of, times)| {
            let times = if *times > 1 {
                format!(" ×{times}")
            } else {
                String::new()
            };
            format!("{}{times}", noon(*of))
        })
        .collect();
    if days.len() > NAMED {
        words.push(format!("+{} more days before", days.len() - NAMED));
    }
    words.join(DOT)
}

/// A day as most readers have it, whatever their zone: its noon is within it nearly everywhere.
fn noon(of: Day) -> String {
    day(of.start().plus(Span::hours(12).0))
}

fn noisiest(preview: &Preview) -> Option<(Day, usize)> {
    by_day(preview).into_iter().max_by_key(|(_, times)| *times)
}

fn rests_on(preview: &Preview) -> String {
    let doubted = if preview.doubted > 0 {
        format!(
            "; {} not used",
            count(preview.doubted, "doubtful reading", "doubtful readings")
        )
    } else {
        String::new()
    };
    let largest = if preview.pools > preview.looked_at {
        format!(" (the {} largest are looked at)", preview.looked_at)
    } else {
        String::new()
    };
    format!(
        "daily history: shorter moves unseen before {}, every reading since; {} of {} covered{largest}{doubted}",
        day(preview.exact_since),
        preview.covered,
        count(preview.pools, "pool", "pools")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    fn preview() -> Preview {
        let at = |days: u64| samples::now().minus(Span::days(days).0);
        Preview {
            days: 90,
            pools: 93,
            covered: 41,
            looked_at: 93,
            spoken: vec![at(60), at(12), at(12), at(3)],
            ends: 2,
            doubted: 3,
            of_pools: 3,
            longer: Some((Span::days(1), 2)),
            exact_since: at(14),
            is_blind: false,
        }
    }

    #[test]
    fn a_preview_says_how_often_when_and_what_it_rests_on() {
        let rule = samples::below();
        let seen = draft(
            &rule,
            ChannelId(5),
            &preview(),
            ["1|s|5|1", "1|c|5"].map(str::to_owned),
        );
        insta::assert_json_snapshot!(seen);
        let nothing = Preview {
            spoken: Vec::new(),
            longer: None,
            ..preview()
        };
        let told = |preview: &Preview| {
            alert(AlertId(1), &rule, preview).embeds[0]
                .description
                .clone()
        };
        assert!(told(&nothing).ends_with("It would have said **nothing**."));
        let unknown = Preview {
            covered: 0,
            ..nothing.clone()
        };
        assert!(told(&unknown).ends_with("nobody can say."));
        let blind = Preview {
            is_blind: true,
            ..nothing
        };
        assert!(told(&blind).ends_with("there is no preview."));
    }
}
