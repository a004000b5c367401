//! Foreign text at its worst, put through everything that is rendered: it shows as what it is, or not at all,
//! and no message passes Discord's limits. The limits stand here as Discord's manual states them, and not as
//! `message.rs` does.

mod limits;
mod told;

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use discord_twin::Judge;
use proptest::prelude::*;

use crate::{
    domain::{ids::PoolId, listing::Listing, pool::Pool},
    render::{
        message::{Action, Message},
        samples,
    },
};

/// Stands before whatever could be read as a mark of Discord's, so that a mark which went through can be
/// told from one of ours.
const HOOK: char = 'ʒ';

/// Texts of upstreams and of people.
#[derive(Debug, Clone)]
struct Foreign([String; 6]);

impl Foreign {
    fn text(&self, which: usize) -> &str {
        &self.0[which % self.0.len()]
    }

    fn pool(&self, which: usize) -> Pool {
        let number = u8::try_from(which).expect("few pools") + 1;
        Pool {
            id: PoolId::from_bytes([number; 16]),
            symbol: self.text(which).into(),
            protocol: Arc::from(self.text(which + 1)),
            chain: Arc::from(self.text(which + 2)),
            meta: Some(self.text(which + 3).into()),
            ..samples::hostile_pool()
        }
    }

    fn listing(&self, which: usize) -> Listing {
        Listing {
            pool: Arc::new(self.pool(which)),
            ..samples::listing()
        }
    }
}

const PIECES: [&str; 44] = [
    "@everyone",
    "@here",
    "<@666>",
    "<@!666>",
    "<@&666>",
    "<#666>",
    "</evil:666>",
    "<t:666:R>",
    "<:evil:666>",
    "<a:evil:666>",
    "<id:guide>",
    "https://evil.example/",
    "http://evil.example",
    "ftp://evil.example",
    "discord.gg/evil",
    "[x](https://evil.example)",
    "[x](<https://evil.example>)",
    "](https://evil.example)",
    "```",
    "``",
    "`",
    "||",
    "~~",
    "**",
    "__",
    "*",
    "_",
    "\n# head",
    "\n## head",
    "\n> quote",
    "\n>>> quote",
    "\n- item",
    "\n1. item",
    "\n-# small",
    "\\",
    "\\\\",
    "\r",
    "\u{202E}",
    "\u{2066}",
    "\u{200D}",
    "\u{FEFF}",
    "\u{1B}[31m",
    "USDС",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}",
];

fn foreign() -> impl Strategy<Value = Foreign> {
    let piece = prop_oneof![
        4 => proptest::sample::select(PIECES.to_vec()).prop_map(|piece| format!("{HOOK}{piece}z")),
        2 => any::<char>().prop_map(|one| format!("{HOOK}{one}z")),
        1 => "[a-z0-9 ·–]{1,12}",
    ];
    let text = (proptest::collection::vec(piece, 1..10), 0_usize..40);
    let text = text.prop_map(|(pieces, times)| match times {
        0 => pieces.concat().repeat(20),
        1 => String::new(),
        _ => pieces.concat(),
    });
    proptest::collection::vec(text, 6).prop_map(|texts| {
        let texts = <[String; 6]>::try_from(texts).expect("six of them");
        Foreign(texts)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 40, ..ProptestConfig::default() })]

    /// F-X04, F-X05, F-X06: whatever upstreams and people write, in everything that is told of it.
    #[test]
    fn foreign_text_shows_as_what_it_is(foreign in foreign()) {
        let mut faults = Vec::new();
        for (file, told) in told::ALL {
            let told = told(&foreign).into_iter().flat_map(|message| {
                let fitted = message.clone().fitted();
                stays_as_it_is(&fitted);
                [message, fitted]
            });
            let found = told.filter_map(|message| fault_of(&message));
            faults.extend(found.take(1).map(|fault| format!("{file}: {fault}")));
        }
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

/// Fitting is done on each way out, so it may not go on for ever.
#[track_caller]
fn stays_as_it_is(message: &Message) {
    assert_eq!(
        &message.clone().fitted(),
        message,
        "what fits stays as it is"
    );
}

/// The stand-in's own opinion, with Discord's description where that lies beside the repository.
static JUDGE: LazyLock<Judge> = LazyLock::new(|| {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let shared = std::env::var_os("STIPEND_SHARED").map_or_else(beside, PathBuf::from);
    let openapi = shared.join("discord/openapi.json");
    if openapi.is_file() {
        Judge::with(&openapi)
    } else {
        Judge::default()
    }
});

/// What is wrong with a message.
fn fault_of(message: &Message) -> Option<String> {
    let seen = |text: &&str| fault(text).or_else(|| hidden(text));
    let within = |text: &str, fault: String| format!("{fault} in {text:?}");
    let marked_up = marked_up(message).into_iter();
    let mut found = marked_up.filter_map(|text| seen(&text).map(|fault| within(text, fault)));
    let plain = plain(message).into_iter();
    let mut unseen = plain.filter_map(|text| hidden(text).map(|fault| within(text, fault)));
    let buttons = message.buttons.iter().flatten();
    let opened = buttons.filter_map(|button| match &button.action {
        Action::Open(url) => Some(url.as_str()),
        Action::Press(_) => None,
    });
    let titles = message
        .embeds
        .iter()
        .filter_map(|embed| embed.url.as_deref());
    let mut strange = opened.chain(titles).filter(|url| !is_ours(url));
    found
        .next()
        .or_else(|| unseen.next())
        .or_else(|| strange.next().map(str::to_owned))
        .or_else(|| {
            let body = message.to_discord();
            let refused = || JUDGE.fault(&body, message.files.len());
            limits::fault(&body).or_else(refused)
        })
}

/// What Discord reads as markdown.
fn marked_up(message: &Message) -> Vec<&str> {
    let mut texts = vec![message.content.as_str()];
    for embed in &message.embeds {
        texts.extend([embed.title.as_str(), &embed.description]);
        for field in &embed.fields {
            texts.extend([field.name.as_str(), &field.value]);
        }
    }
    texts
}

/// What Discord shows letter by letter.
fn plain(message: &Message) -> Vec<&str> {
    let mut texts: Vec<&str> = message.embeds.iter().map(|embed| &*embed.footer).collect();
    let buttons = message.buttons.iter().flatten();
    texts.extend(buttons.map(|button| button.label.as_str()));
    if let Some(select) = &message.select {
        texts.push(&select.invitation);
        for choice in &select.choices {
            texts.extend([choice.label.as_str(), &choice.description]);
        }
    }
    texts
}

fn is_ours(url: &str) -> bool {
    let ours = [
        "https://defillama.com/yields/pool/",
        "https://discord.com/channels/",
    ];
    ours.iter().any(|ours| {
        url.strip_prefix(ours).is_some_and(|rest| {
            rest.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-/@".contains(c))
        })
    })
}

/// A mark of somebody else's that Discord would obey.
fn fault(text: &str) -> Option<String> {
    let words = without_code(text);
    for line in words.lines() {
        for begins in ["# ", "## ", "### ", "> ", ">>> "] {
            if line.starts_with(begins) {
                return Some(format!("a line of {begins:?}"));
            }
        }
    }
    for called in ["@everyone", "@here"] {
        if words.contains(called) {
            return Some(called.to_owned());
        }
    }
    // An address goes on to whatever cannot be in one of ours.
    let addresses = words.split(['(', ')', ' ', '<', '>', '\n', '"', '*', '`']);
    let mut strange = addresses.filter(|part| part.contains("://") && !is_ours(part));
    if let Some(address) = strange.next() {
        return Some(address.to_owned());
    }
    for piece in [
        "<@666", "<@!666", "<@&666", "<#666", ":666>", "<t:666", "<id:",
    ] {
        if words.contains(piece) {
            return Some(piece.to_owned());
        }
    }
    let mut letters = words.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == HOOK
            && letters
                .peek()
                .is_some_and(|next| "*_~|`><#[]()@:/".contains(*next))
        {
            return Some(format!("{HOOK}{:?}", letters.peek()));
        }
    }
    None
}

/// The text without what stands between backticks, where nothing is a mark. Backticks that are left open are
/// a fault of their own.
fn without_code(text: &str) -> String {
    let mut words = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                words.push(letter);
                words.extend(letters.next());
            }
            '`' => {
                let mut fence = 1;
                while letters.next_if_eq(&'`').is_some() {
                    fence += 1;
                }
                let rest: String = letters.clone().collect();
                let Some((code, _)) = rest.split_once(&"`".repeat(fence)) else {
                    words.extend([HOOK, letter]);
                    continue;
                };
                let skipped = code.chars().count() + fence;
                letters.by_ref().take(skipped).for_each(drop);
            }
            _ => words.push(letter),
        }
    }
    words
}

/// A character that shows as nothing or turns the direction. The zero-width space behind an `@` is ours.
fn hidden(text: &str) -> Option<String> {
    let mut before = ' ';
    for letter in text.chars() {
        let is_ours = letter == '\n' || (letter == '\u{200B}' && before == '@');
        let is_hidden = letter.is_control()
            || matches!(
                letter,
                '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}'
                    | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
                    | '\u{3164}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
            );
        if is_hidden && !is_ours {
            return Some(format!("{letter:?}"));
        }
        before = letter;
    }
    None
}

/// The check is worth what it finds.
#[test]
fn marks_are_found() {
    for (text, is_fault) in [
        ("**USDC** <t:1771705260:R>", false),
        (
            "[DefiLlama](https://defillama.com/yields/pool/aa70268e-4b52-42bf-a116-608b370f9501)",
            false,
        ),
        (r"ʒ\*\*x\*\* ʒ\[x\]\(https\:\/\/evil\.example\)", false),
        ("`ʒ**` and ```\nʒ[x]\n```", false),
        ("ʒ**x**", true),
        ("a @everyone", true),
        ("see https://evil.example", true),
        ("[x](https://defillama.com.evil.example/yields/pool/)", true),
        ("fine\n# head", true),
        ("`ʒ` ʒ`", true),
        ("<@&666>", true),
    ] {
        assert_eq!(fault(text).is_some(), is_fault, "{text}");
    }
    assert!(hidden("a\u{202E}b").is_some() && hidden("a\u{200B}b").is_some());
    assert!(hidden("@\u{200B}everyone\n").is_none());
}

/// F-X04: a file of replies that is not put through this is one of which nobody knows.
#[test]
fn every_file_that_words_foreign_text_is_tried() {
    /// Those that say nothing of anybody else's, and what they say instead.
    const OWN: [(&str, &str); 20] = [
        ("alarm", "our own words, and our own names of sources"),
        ("help", "our own words"),
        (
            "income",
            "amounts and methods; what a position is called is tried in portfolio",
        ),
        ("message", "its own tests"),
        ("numbers", "figures"),
        ("payer", "tried with the pool"),
        ("plan", "figures of a plan"),
        ("plan/allocation", "figures of a plan"),
        ("plan/capital", "figures of a plan"),
        ("plan/cashflow", "figures of a plan"),
        ("plan/goal", "figures of a plan"),
        ("plan/goals", "figures of a plan"),
        ("plan/projection", "figures of a plan"),
        ("plan/scenario", "figures of a plan"),
        ("press", "our own words"),
        ("preview", "counts; what a rule says is tried in alerts"),
        ("privacy", "counts and dates"),
        ("server", "settings, and what admins did in our own words"),
        ("setup", "our own words"),
        ("verdict", "tried with the pool"),
    ];
    let tried = told::ALL.map(|(file, _)| file);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render");
    let mut untried = Vec::new();
    for folder in ["", "plan/", "watch/"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Some(name) = name.strip_suffix(".rs") else {
                continue;
            };
            let name = format!("{folder}{name}");
            let is_own = OWN.iter().any(|(file, _)| *file == name);
            let helps = ["picture", "samples", "text", "track"].contains(&name.as_str());
            if !tried.contains(&&*name) && !is_own && !helps && !name.ends_with("tests") {
                untried.push(name);
            }
        }
    }
    assert!(untried.is_empty(), "{untried:?}");
}
