//! Many notices in one message: as cards while there is room, the rest as a list in a file.

use super::{
    DOT, lines_within,
    message::{Button, Choice, Colour, Embed, File, Message, Select, cut, limits},
    press, text,
};
use crate::domain::ids::{EntryId, RoleId};

/// A notice that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// As it would go out alone.
    pub message: Message,
    /// As lines of plain text.
    pub summary: String,
    /// What readers may ask about.
    pub asked: Option<EntryId>,
    /// The role that is called.
    pub role: Option<RoleId>,
    /// What one reader may open of their own; the same for several notices stands there once.
    pub own: Vec<Button>,
}

/// The file that holds what has no room as a card.
const LIST: &str = "notices.txt";
/// Code points that are kept free for a marker and what stands before it.
const MARKER_ROOM: usize = 16;

/// Code points of a line that stands for a notice.
const LINE: usize = 400;
/// What begins the line of a notice's end.
pub const OVER: &str = "Over:";

/// How many of `parts` one message can tell, from the first; 0 only without any. What has no room as a
/// card goes into a list where it `may_attach` one.
///
/// A part that is more than cards goes alone.
pub fn fitting(parts: &[Part], may_attach: bool) -> usize {
    let cards = parts.iter().take_while(|part| is_cards(&part.message));
    match cards.count() {
        0 | 1 => parts.len().min(1),
        run if may_attach => run,
        run => shown(&parts[..run]),
    }
}

/// One message for `parts`, of which [`fitting`] said that they fit. `marker` is shown at its end, so
/// that the message can be known again.
pub fn bundle(parts: &[Part], marker: &str) -> Message {
    if let [alone] = parts {
        let mut message = alone.message.clone();
        if alone.asked.is_some() {
            message.buttons.push(press::buttons(None));
        }
        own(&mut message, parts);
        call(&mut message, parts);
        return marked(message, marker);
    }
    let shown = shown(parts);
    let mut message = cards(&parts[..shown]);
    if parts.len() > shown {
        message.content = format!("+{} more in the attached list", parts.len() - shown);
        message.files.push(list(&parts[shown..]));
    }
    equip(&mut message, parts);
    marked(message, marker)
}

fn cards(parts: &[Part]) -> Message {
    let embeds = parts.iter().flat_map(|part| part.message.embeds.iter());
    Message {
        embeds: embeds.cloned().collect(),
        ..Message::default()
    }
}

/// What readers may do with these parts, and whom they call.
fn equip(message: &mut Message, parts: &[Part]) {
    message.select = select(parts);
    own(message, parts);
    call(message, parts);
}

/// One message for `parts` without a file: cards for as many as have room, and the rest in short above them.
/// `None` where even that is too long, so that some of it would not be told any more.
pub fn without_file(parts: &[Part], marker: &str) -> Option<Message> {
    let (shown, rest) = parts.split_at(shown(parts).min(parts.len()));
    let short: Vec<String> = rest.iter().flat_map(in_short).collect();
    let mut message = cards(shown);
    message.content = short.join("\n");
    equip(&mut message, parts);
    let fits = message.content.chars().count() <= limits::CONTENT - MARKER_ROOM;
    fits.then(|| marked(message, marker))
}

/// What changed, and how that ended where it has.
fn in_short(part: &Part) -> impl Iterator<Item = String> {
    let mut lines = part.summary.lines();
    let first = lines.next().map(|line| text::escape_to(line, LINE));
    let over = lines.filter_map(|line| line.trim_start().strip_prefix(OVER));
    let over = over.map(|words| format!("**{OVER}** {}", text::escape_to(words.trim(), LINE)));
    first.into_iter().chain(over)
}

/// Puts what one reader may open of their own below the message.
fn own(message: &mut Message, parts: &[Part]) {
    let mut buttons: Vec<Button> = Vec::new();
    for button in parts.iter().flat_map(|part| &part.own) {
        if !buttons.contains(button) {
            buttons.push(button.clone());
        }
    }
    let rows = buttons.chunks(limits::BUTTONS_PER_ROW);
    message.buttons.extend(rows.map(<[Button]>::to_vec));
}

/// Code points of a list that stand in the message itself.
const LISTED: usize = 3_500;

/// How many of these lines a list shows in the message itself, from the first.
pub fn listable(lines: &[String]) -> usize {
    let mut used = 0;
    let fits = lines.iter().take_while(|line| {
        used += line.chars().count() + 1;
        used <= LISTED
    });
    fits.count()
}

/// Many notices as one list, each a line, below what heads it; those that have no room there stand in a
/// file.
pub fn roll_up(heads: &[String], notices: &[Part], marker: &str) -> Message {
    let lines: Vec<String> = notices
        .iter()
        .map(|part| line(&part.message, &part.summary))
        .collect();
    let shown = listable(&lines).max(usize::from(!lines.is_empty()));
    let embed = Embed {
        description: cut(&lines[..shown].join("\n"), limits::DESCRIPTION),
        colour: Colour::Blue,
        footer: "not advice".to_owned(),
        ..Embed::default()
    };
    let mut words = heads.to_vec();
    let mut message = Message::default();
    if shown > 0 {
        message.embeds.push(embed);
    }
    if let Some(rest) = notices.get(shown..).filter(|rest| !rest.is_empty()) {
        words.push(format!("+{} more in the attached list", rest.len()));
        message.files.push(list(rest));
    }
    message.content = cut(&words.join("\n"), limits::CONTENT - MARKER_ROOM);
    message.select = select(notices);
    marked(message, marker)
}

/// The file that lists these notices.
fn list(notices: &[Part]) -> File {
    let lines: Vec<&str> = notices.iter().map(|part| part.summary.as_str()).collect();
    File {
        name: LIST.to_owned(),
        bytes: (lines.join("\n") + "\n").into_bytes(),
        description: String::new(),
    }
}

/// What opens one of several notices.
fn select(notices: &[Part]) -> Option<Select> {
    let choices: Vec<Choice> = notices.iter().filter_map(choice).collect();
    (!choices.is_empty()).then(|| press::which(choices))
}

/// The card of an episode that is over: as it was told, with how it ended.
#[must_use]
pub fn over(mut opening: Message, ending: &Message) -> Message {
    if let (Some(card), Some(end)) = (opening.embeds.first_mut(), ending.embeds.first()) {
        card.title.clone_from(&end.title);
        card.colour = end.colour;
        card.description = format!("{}\n**Over:** {}", card.description, end.description);
    }
    opening
}

/// The end of an episode whose beginning stands at `link`.
#[must_use]
pub fn linked(mut ending: Message, link: &str) -> Message {
    if let Some(card) = ending.embeds.first_mut() {
        card.description = format!("{}{DOT}[what was told]({link})", card.description);
    }
    ending
}

/// A notice as one line of a list: whose it is, and what changed.
pub fn line(message: &Message, summary: &str) -> String {
    match message.embeds.first() {
        Some(card) => format!("{} – {}", card.title, changes(&card.description)),
        None => text::escape(summary.lines().next().unwrap_or_default()),
    }
}

/// A card's words of the change, without those of the pool above them.
fn changes(description: &str) -> String {
    let lines: Vec<&str> = description.lines().collect();
    let from = lines.iter().position(|line| line.contains("**"));
    lines[from.unwrap_or(0)..].join(" ")
}

/// A notice by its first line: whose it is, and what changed.
fn choice(part: &Part) -> Option<Choice> {
    let entry = part.asked?;
    let line = part.summary.lines().next()?;
    let (label, description) = line.split_once(" – ").unwrap_or((line, ""));
    Some(Choice {
        value: entry.to_string(),
        label: label.to_owned(),
        description: description.to_owned(),
    })
}

/// Calls the roles of these parts, each once.
fn call(message: &mut Message, parts: &[Part]) {
    for role in parts.iter().filter_map(|part| part.role) {
        if !message.roles.contains(&role) {
            message.roles.push(role);
        }
    }
    let mut words: Vec<String> = message
        .roles
        .iter()
        .map(|role| format!("<@&{role}>"))
        .collect();
    if !message.content.is_empty() {
        words.push(std::mem::take(&mut message.content));
    }
    message.content = words.join(" ");
}

/// How many of these have room as cards; the first one always has.
fn shown(parts: &[Part]) -> usize {
    let mut room = limits::EMBEDS_TOTAL - MARKER_ROOM;
    let mut cards = 0;
    let fitting = parts.iter().take_while(|part| {
        let length: usize = part.message.embeds.iter().map(Embed::length).sum();
        cards += part.message.embeds.len();
        let fits = length <= room && cards <= limits::EMBEDS;
        room = room.saturating_sub(length);
        fits
    });
    fitting.count().max(1)
}

/// The same notices as text alone, for when Discord refuses the cards.
pub fn plain(parts: &[Part], marker: &str) -> Message {
    let lines: Vec<String> = parts
        .iter()
        .flat_map(|part| part.summary.lines())
        .map(|line| text::escape_to(line, LINE))
        .filter(|line| !line.is_empty())
        .collect();
    let room = limits::CONTENT - mark(marker).chars().count();
    marked(Message::text(lines_within(&lines, room)), marker)
}

fn is_cards(message: &Message) -> bool {
    message.content.is_empty()
        && message.buttons.is_empty()
        && message.files.is_empty()
        && !message.embeds.is_empty()
}

fn mark(marker: &str) -> String {
    format!("{DOT}{marker}")
}

/// The message with the marker in its last footer, or else at the end of its text.
fn marked(message: Message, marker: &str) -> Message {
    if marker.is_empty() {
        return message.fitted();
    }
    let mut message = message.fitted();
    let mark = mark(marker);
    let over = message
        .embeds
        .iter()
        .map(Embed::length)
        .sum::<usize>()
        .saturating_add(mark.chars().count())
        .saturating_sub(limits::EMBEDS_TOTAL);
    if let Some(last) = message.embeds.last_mut() {
        last.shorten_by(over);
        let footer = cut(&last.footer, limits::FOOTER - mark.chars().count());
        last.footer = if footer.is_empty() {
            marker.to_owned()
        } else {
            footer + &mark
        };
    } else {
        let content = cut(&message.content, limits::CONTENT - mark.chars().count());
        message.content = format!("{content}{mark}");
    }
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKER: &str = "#7F3K-92QD";

    fn part(number: usize, length: usize) -> Part {
        Part {
            message: Message::from(Embed {
                title: format!("pool {number}"),
                description: "x".repeat(length),
                footer: "not advice".to_owned(),
                ..Embed::default()
            }),
            summary: format!("pool {number} – APY 4 % → 2 %\n   base 2 %"),
            asked: None,
            role: None,
            own: Vec::new(),
        }
    }

    fn parts(count: usize, length: usize) -> Vec<Part> {
        (0..count).map(|number| part(number, length)).collect()
    }

    #[test]
    fn one_notice_stays_as_it_is_but_for_its_marker() {
        let one = parts(1, 50);
        assert_eq!(fitting(&one, true), 1);
        let message = bundle(&one, MARKER);
        assert_eq!(message.embeds[0].footer, "not advice · #7F3K-92QD");
        assert_eq!(message.embeds[0].title, one[0].message.embeds[0].title);
        assert!(message.content.is_empty());
    }

    #[test]
    fn what_has_no_room_as_a_card_is_listed_in_a_file() {
        let many = parts(47, 50);
        assert_eq!(fitting(&many, true), 47);
        let all = bundle(&many, MARKER);
        assert_eq!(all.embeds.len(), 10);
        assert_eq!(all.content, "+37 more in the attached list");
        let [list] = &all.files[..] else {
            panic!("{:?}", all.files);
        };
        let list = String::from_utf8(list.bytes.clone()).unwrap();
        assert_eq!(
            list.lines().filter(|line| line.starts_with("pool")).count(),
            37
        );
        assert!(list.starts_with("pool 10 "));
        assert_eq!(fitting(&many, false), 10);
        assert!(bundle(&many[..10], MARKER).files.is_empty());
    }

    #[test]
    fn a_part_with_text_of_its_own_goes_alone() {
        let mut mixed = parts(3, 50);
        mixed[1].message.content = "hello".to_owned();
        assert_eq!(fitting(&mixed, true), 1);
        assert_eq!(fitting(&mixed[1..], true), 1);
        assert_eq!(fitting(&[], true), 0);
    }

    #[test]
    fn plain_text_names_every_notice_or_how_many_more() {
        let few = plain(&parts(2, 50), MARKER);
        assert_eq!(
            few.content,
            "pool 0 – APY 4 % → 2 %\nbase 2 %\npool 1 – APY 4 % → 2 %\nbase 2 % · #7F3K-92QD"
        );
        let many = plain(&parts(200, 50), MARKER);
        assert!(
            many.content.ends_with("more · #7F3K-92QD"),
            "{}",
            many.content
        );
    }

    proptest! {
        /// Whatever is merged stays within Discord's limits, keeps its marker, and loses no notice.
        #[test]
        fn a_bundle_fits_and_tells_what_it_says(
            lengths in prop::collection::vec(0_usize..5_900, 1..30),
            may_attach in any::<bool>(),
        ) {
            let parts: Vec<Part> = lengths
                .iter()
                .enumerate()
                .map(|(number, length)| part(number, *length))
                .collect();
            let told = fitting(&parts, may_attach);
            let message = bundle(&parts[..told], MARKER);
            prop_assert_eq!(&message, &message.clone().fitted());
            prop_assert!(message.embeds.last().unwrap().footer.ends_with(MARKER));
            let list = message
                .files
                .first()
                .map(|file| String::from_utf8(file.bytes.clone()).unwrap())
                .unwrap_or_default();
            for number in 0..told {
                let title = format!("pool {number}");
                let card = message.embeds.iter().any(|embed| embed.title == title);
                let listed = list.lines().any(|line| line.starts_with(&format!("{title} ")));
                prop_assert!(card != listed, "{}", title);
            }
            prop_assert!(told >= 1);
        }
    }
}
