//! What somebody else's text can mean: which pools, and which rate it promises.
//!
//! The text is anybody's, so it is cut to a fixed length first, and everything after that is one pass
//! over its words and one over the market. Addresses of pools come first. Where there are none, whole
//! words that are names of protocols, tokens and chains are looked up in the snapshot's directories,
//! and the pools that the most of them name are the ones that can be meant.

use std::collections::BTreeSet;

use foldhash::HashMap;

use super::snapshot::Snapshot;
use crate::domain::{
    correlation::{family, root},
    ids::PoolId,
    link::{self, Link},
    listing::Listing,
    rate::Percent,
};

/// Characters that are read. A message of Discord has up to 4,000, and its embeds 6,000.
pub const MOST_TEXT: usize = 10_000;
/// Words that are looked up.
const MOST_WORDS: usize = 1_000;
/// Pools that are named.
const MOST_POOLS: usize = 5;
/// Of those, pools of protocols that are named beside what fits best.
const MOST_BESIDE: usize = 2;
/// Addresses that are followed.
const MOST_LINKS: usize = 50;

/// What a text can mean.
#[derive(Debug, Default)]
pub struct Mention<'a> {
    /// The pools that fit best, the largest first, at most five.
    pub fits: Vec<&'a Listing>,
    /// How many more fit as well.
    pub more: usize,
    pub by: By,
    /// A pool whose address stands in the text, and which the source does not list.
    pub unlisted: Option<PoolId>,
    /// The names by which they were found: protocols, tokens, chains. Where no pool fits, names that the
    /// text holds all the same.
    pub names: Vec<String>,
    pub claim: Option<Claim>,
    /// Protocols are named beside what fits best, so that nobody can tell whose rate is stated.
    pub has_others: bool,
}

/// By what pools were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    #[default]
    Nothing,
    /// The text holds their address.
    Address,
    /// Protocol and tokens are named.
    ProtocolAndToken,
    Token,
    Protocol,
}

/// A rate that the text states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    pub stated: Percent,
    pub per: Period,
}

/// The time for which a rate is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Day,
    Week,
    Month,
    /// Or not said.
    Year,
}

impl Period {
    const fn a_year(self) -> f64 {
        match self {
            Self::Day => 365.0,
            Self::Week => 52.0,
            Self::Month => 12.0,
            Self::Year => 1.0,
        }
    }
}

impl Claim {
    /// The rate for a year, in percent, without compounding.
    pub fn yearly(self) -> Percent {
        Percent::new(self.stated.get() * self.per.a_year()).unwrap_or(self.stated)
    }
}

impl Snapshot {
    /// What `text` can mean.
    pub fn mentioned(&self, text: &str) -> Mention<'_> {
        let text: String = text
            .chars()
            .take(MOST_TEXT)
            .filter(|character| shows(*character))
            .collect();
        let claim = claim(&text);
        let linked = Linked::of(&text);
        let listed: Vec<&Listing> = linked.pools.iter().filter_map(|id| self.get(*id)).collect();
        if !listed.is_empty() {
            return Mention {
                more: listed.len().saturating_sub(MOST_POOLS),
                fits: listed.into_iter().take(MOST_POOLS).collect(),
                by: By::Address,
                claim,
                ..Mention::default()
            };
        }
        let found = Found::in_text(self, &text, &linked);
        Mention {
            unlisted: linked.pools.first().copied(),
            claim,
            ..found.fitting(self)
        }
    }
}

/// Characters that show nothing would tear names apart.
const fn shows(character: char) -> bool {
    !matches!(
        character,
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}'
    )
}

/// The addresses of a text.
#[derive(Default)]
struct Linked {
    pools: Vec<PoolId>,
    protocols: Vec<String>,
}

impl Linked {
    fn of(text: &str) -> Self {
        let mut linked = Self::default();
        for link in link::links(text).take(MOST_LINKS) {
            match link {
                Link::Pool(id) if !linked.pools.contains(&id) => linked.pools.push(id),
                Link::Pool(_) => {}
                Link::Protocol(slug) => linked.protocols.push(slug.to_lowercase()),
            }
        }
        linked
    }
}

/// How surely a word is meant as a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    /// It could be an ordinary word.
    Hardly,
    Surely,
}

/// What the way in which a phrase is written says of it.
#[derive(Debug, Clone, Copy)]
struct Written {
    as_protocol: Sure,
    as_token: Sure,
}

impl Written {
    fn covers(self, other: Self) -> bool {
        self.as_protocol >= other.as_protocol && self.as_token >= other.as_token
    }
}

/// The names of a market that a text holds.
#[derive(Default)]
struct Found {
    /// Places in the directory of protocols; whether the slug is meant or the family, and how surely.
    protocols: HashMap<usize, (Whole, Sure)>,
    /// Tokens in lower case.
    tokens: HashMap<String, Sure>,
    /// Places in the directory of chains.
    chains: BTreeSet<usize>,
}

/// Whether a protocol is named itself, or by its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whole {
    Family,
    Slug,
}

/// Words of the trade that are also names of tokens somewhere.
const TRADE: [&str; 13] = [
    "apy", "apr", "tvl", "usd", "defi", "lp", "pt", "yt", "nft", "dao", "roi", "all", "max",
];

/// So many tokens of the largest TVL are known well enough to be meant in small letters, too, if there
/// is this much of them in US dollars.
const WELL_KNOWN: usize = 50;
const WELL_KNOWN_USD: f64 = 1e8;

impl Found {
    fn in_text(market: &Snapshot, text: &str, linked: &Linked) -> Self {
        let names = market.names();
        let mut families: HashMap<String, Vec<usize>> = HashMap::default();
        for (at, (slug, _)) in names.protocols.all().enumerate() {
            let of = family(slug).to_lowercase();
            families.entry(of).or_default().push(at);
        }
        let mut found = Self::default();
        for slug in &linked.protocols {
            found.protocol(market, &families, slug, Sure::Surely);
        }
        let words = words(text);
        let shouts = shouts(text);
        let mut looked_up: HashMap<String, Written> = HashMap::default();
        for at in 0..words.len() {
            let mut phrase = String::new();
            for (nth, word) in words.iter().skip(at).take(LONGEST_NAME).enumerate() {
                if nth > 0 {
                    let Some(joint) = word.joint else { break };
                    phrase.push(joint);
                }
                phrase.push_str(&word.lower);
                let written = word.written(nth > 0, shouts);
                // What comes again says something new only where it is surer of itself.
                let known = looked_up.get(&phrase);
                if known.is_none_or(|known| !known.covers(written)) {
                    looked_up.insert(phrase.clone(), written);
                    found.phrase(market, &families, &phrase, written);
                }
            }
        }
        found
    }

    fn phrase(
        &mut self,
        market: &Snapshot,
        families: &HashMap<String, Vec<usize>>,
        phrase: &str,
        written: Written,
    ) {
        let names = market.names();
        let dashed = phrase.replace(' ', "-");
        self.protocol(market, families, &dashed, written.as_protocol);
        for form in [phrase, &dashed] {
            if let Some((at, _)) = names.chains.place(form) {
                self.chains.insert(at);
            }
        }
        // `USDC.e` is one token; `USDC-WETH` and `USDC WETH` are two.
        let digits_alone = phrase.bytes().all(|byte| byte.is_ascii_digit());
        if phrase.contains([' ', '-']) || digits_alone || TRADE.contains(&phrase) {
            return;
        }
        // `Aave` is the protocol, `AAVE` and `$aave` can be its token.
        let names_a_protocol = families.contains_key(&dashed);
        if names_a_protocol && written.as_token == Sure::Hardly {
            return;
        }
        for token in [phrase.to_owned(), format!("w{phrase}")] {
            let Some((place, listings)) = names.assets.place(&token) else {
                continue;
            };
            // Whoever writes of ETH means WETH as well; no other token with a W is the same coin.
            if token.len() > phrase.len() && root(&token) != phrase.to_uppercase() {
                continue;
            }
            let well_known = place < WELL_KNOWN
                && phrase.chars().count() > 2
                && tvl_of(market, listings) >= WELL_KNOWN_USD;
            let sure = if well_known {
                Sure::Surely
            } else {
                written.as_token
            };
            let known = self.tokens.entry(token).or_insert(sure);
            *known = sure.max(*known);
        }
    }

    fn protocol(
        &mut self,
        market: &Snapshot,
        families: &HashMap<String, Vec<usize>>,
        slug: &str,
        sure: Sure,
    ) {
        let whole = market
            .names()
            .protocols
            .place(slug)
            .map(|(at, _)| (at, Whole::Slug));
        let of_family = families.get(slug).into_iter().flatten();
        let of_family = of_family.map(|at| (*at, Whole::Family));
        for (at, whole) in whole.into_iter().chain(of_family) {
            let known = self.protocols.entry(at).or_insert((whole, sure));
            *known = (whole.max(known.0), sure.max(known.1));
        }
    }

    /// The pools that fit best.
    fn fitting(self, market: &Snapshot) -> Mention<'_> {
        let marks = self.marks(market);
        let ranks = marks.iter().zip(market.listings()).map(|(marks, listing)| {
            let rank = marks.rank(listing);
            (rank, listing)
        });
        let mut best: Option<(By, u8)> = None;
        let mut fits = Vec::new();
        let mut count = 0_usize;
        for (rank, listing) in ranks {
            let Some(rank) = rank else { continue };
            if best.is_none_or(|best| better(rank, best)) {
                best = Some(rank);
                fits.clear();
                count = 0;
            }
            if best == Some(rank) {
                count += 1;
                if fits.len() < MOST_POOLS {
                    fits.push(listing);
                }
            }
        }
        let others = beside(market, &marks, &fits);
        fits.truncate(MOST_POOLS.saturating_sub(others.len()));
        let more = count - fits.len();
        let has_others = !others.is_empty();
        fits.extend(others);
        Mention {
            more,
            by: best.map_or(By::Nothing, |(by, _)| by),
            names: self.names(market, &fits),
            fits,
            has_others,
            ..Mention::default()
        }
    }

    /// What is named of each listing.
    fn marks(&self, market: &Snapshot) -> Vec<Marks> {
        let names = market.names();
        let mut marks = vec![Marks::default(); market.listings().len()];
        let mut mark = |at: &u32, set: &dyn Fn(&mut Marks)| {
            if let Some(marks) = marks.get_mut(*at as usize) {
                set(marks);
            }
        };
        for (place, (_, listings)) in names.protocols.all().enumerate() {
            if let Some(named) = self.protocols.get(&place) {
                for at in listings {
                    mark(at, &|marks| marks.protocol = Some(*named));
                }
            }
        }
        for (token, sure) in &self.tokens {
            let listings = names.assets.place(token).map_or(&[][..], |(_, at)| at);
            for at in listings {
                mark(at, &|marks| {
                    marks.tokens = marks.tokens.saturating_add(1);
                    marks.surely |= *sure == Sure::Surely;
                });
            }
        }
        for (place, (_, listings)) in names.chains.all().enumerate() {
            if self.chains.contains(&place) {
                for at in listings {
                    mark(at, &|marks| marks.chain = true);
                }
            }
        }
        marks
    }

    /// The names by which the pools were found: protocols, tokens, chains. Without any pool, the tokens
    /// that are surely meant.
    fn names(&self, market: &Snapshot, fits: &[&Listing]) -> Vec<String> {
        let directories = market.names();
        let (mut protocols, mut tokens, mut chains) = (Vec::new(), Vec::new(), Vec::new());
        for listing in fits {
            let pool = &listing.pool;
            let place = directories.protocols.place(&pool.protocol.to_lowercase());
            if place.is_some_and(|(place, _)| self.protocols.contains_key(&place)) {
                note(&mut protocols, &pool.protocol);
            }
            for token in pool.assets() {
                if self.tokens.contains_key(&token.to_lowercase()) {
                    note(&mut tokens, token);
                }
            }
            let place = directories.chains.place(&pool.chain.to_lowercase());
            if place.is_some_and(|(place, _)| self.chains.contains(&place)) {
                note(&mut chains, &pool.chain);
            }
        }
        if fits.is_empty() {
            let sure = self
                .tokens
                .iter()
                .filter(|(_, sure)| **sure == Sure::Surely);
            let written = sure.filter_map(|(token, _)| directories.assets.written(token));
            tokens.extend(written.map(str::to_owned));
            tokens.sort_unstable();
            tokens.truncate(MOST_NAMES);
        }
        protocols.append(&mut tokens);
        protocols.append(&mut chains);
        protocols
    }
}

/// The best pool of each protocol whose name of several words stands in the text beside what fits
/// best: a second offer names no token, or one that fits less well.
fn beside<'a>(market: &'a Snapshot, marks: &[Marks], fits: &[&Listing]) -> Vec<&'a Listing> {
    let told: Vec<&str> = fits.iter().map(|it| family(&it.pool.protocol)).collect();
    let mut others: Vec<((By, u8), &Listing)> = Vec::new();
    for (marks, listing) in marks.iter().zip(market.listings()) {
        let slug = &*listing.pool.protocol;
        let is_named = marks.protocol == Some((Whole::Slug, Sure::Surely));
        if !is_named || !slug.contains('-') || told.contains(&family(slug)) {
            continue;
        }
        let Some(rank) = marks.rank(listing) else {
            continue;
        };
        match others.iter_mut().find(|(_, it)| *it.pool.protocol == *slug) {
            Some(known) if better(rank, known.0) => *known = (rank, listing),
            Some(_) => {}
            None => others.push((rank, listing)),
        }
    }
    others.truncate(MOST_BESIDE);
    others.into_iter().map(|(_, listing)| listing).collect()
}

fn note(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        names.push(name.to_owned());
    }
}

/// US dollars in some listings together.
fn tvl_of(market: &Snapshot, listings: &[u32]) -> f64 {
    let listings = listings.iter();
    let listed = listings.filter_map(|at| market.listings().get(*at as usize));
    listed.map(|listing| listing.reading.tvl_usd).sum()
}

/// Names that are told where no pool fits.
const MOST_NAMES: usize = 5;

/// What a text names of one listing.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    protocol: Option<(Whole, Sure)>,
    /// How many of its tokens.
    tokens: u8,
    /// One of them surely.
    surely: bool,
    chain: bool,
}

impl Marks {
    /// By what the listing can be meant and how well it fits; `None` when it is not meant.
    fn rank(self, listing: &Listing) -> Option<(By, u8)> {
        if self.protocol.is_none() && !self.surely {
            return None;
        }
        let has_all = self.tokens > 0 && usize::from(self.tokens) >= distinct(listing);
        let by = match self.protocol {
            Some(_) if self.tokens > 0 => By::ProtocolAndToken,
            None if has_all => By::Token,
            Some((_, Sure::Surely)) => By::Protocol,
            _ => return None,
        };
        let slug = self.protocol.is_some_and(|(whole, _)| whole == Whole::Slug);
        let tokens = if has_all { 8 + self.tokens.min(3) } else { 0 };
        Some((by, tokens + u8::from(slug) * 4 + u8::from(self.chain) * 4))
    }
}

/// How many different tokens a pool has.
fn distinct(listing: &Listing) -> usize {
    let mut seen: Vec<&str> = Vec::new();
    for token in listing.pool.assets() {
        if !seen.iter().any(|known| known.eq_ignore_ascii_case(token)) {
            seen.push(token);
        }
    }
    seen.len()
}

/// What is named by more is meant before what is named by less.
fn better(left: (By, u8), right: (By, u8)) -> bool {
    let place = |by| match by {
        By::Address => 4,
        By::ProtocolAndToken => 3,
        By::Token => 2,
        By::Protocol => 1,
        By::Nothing => 0,
    };
    (place(left.0), left.1) > (place(right.0), right.1)
}

/// A name has up to so many words: `crypto.com-liquid-staking`.
const LONGEST_NAME: usize = 4;

/// One word of a text.
struct Word {
    lower: String,
    /// What joins it to the word before, where they can be of one name.
    joint: Option<char>,
    /// A `$` stands before it.
    dollar: bool,
    /// Letters in upper case.
    capitals: usize,
}

impl Word {
    /// How a phrase that ends with the word is written. Protocols begin with a capital letter and tokens
    /// have several; where everything has them, that says nothing.
    fn written(&self, of_several: bool, shouts: bool) -> Written {
        let sure = |is_sure| {
            if is_sure { Sure::Surely } else { Sure::Hardly }
        };
        let capitals = if shouts { 0 } else { self.capitals };
        Written {
            as_protocol: sure(of_several || self.dollar || capitals > 0),
            as_token: sure(self.dollar || capitals > 1),
        }
    }
}

fn words(text: &str) -> Vec<Word> {
    // The sign of the tether coin is no letter.
    let in_word = |c: char| c.is_alphanumeric() || c == '₮';
    let mut words: Vec<Word> = Vec::new();
    let mut between = String::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if in_word(character) {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            if words.len() == MOST_WORDS {
                break;
            }
            let joint = match between.as_str() {
                " " | "-" | "." if !words.is_empty() => between.chars().next(),
                _ => None,
            };
            words.push(Word {
                lower: word.to_lowercase(),
                joint,
                dollar: between.ends_with('$'),
                capitals: word.chars().filter(|c| c.is_uppercase()).count(),
            });
            word.clear();
            between.clear();
        }
        // More than one character is no joint, and nobody asks what stood before the last.
        if between.len() > 4 {
            between.clear();
            between.push(' ');
        }
        between.push(character);
    }
    words
}

/// Where most letters are in upper case, that says nothing of a word.
fn shouts(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (capitals, all) = letters.fold((0_u32, 0_u32), |(capitals, all), letter| {
        (capitals + u32::from(letter.is_uppercase()), all + 1)
    });
    all >= 20 && capitals * 5 > all * 3
}

/// Percentages that are looked at.
const MOST_CLAIMS: usize = 100;
/// How far around a percentage its meaning is looked for, in characters.
const AROUND: usize = 24;
/// A stated rate above this is noise.
const MOST_STATED: f64 = 1e12;

/// The highest rate that a text states. Percentages that stand beside a word for a yield come before
/// all others.
fn claim(text: &str) -> Option<Claim> {
    let text: Vec<char> = text.chars().map(|c| c.to_ascii_lowercase()).collect();
    let signs = text
        .iter()
        .enumerate()
        .filter(|(_, c)| matches!(c, '%' | '％'));
    let claims: Vec<(bool, Claim)> = signs
        .take(MOST_CLAIMS)
        .filter_map(|(at, _)| stated(&text, at))
        .collect();
    let highest = |only_rates: bool| {
        let claims = claims.iter().filter(|(is_rate, _)| *is_rate || !only_rates);
        let claims = claims.map(|(_, claim)| *claim);
        claims.max_by(|a, b| a.yearly().get().total_cmp(&b.yearly().get()))
    };
    highest(true).or_else(|| highest(false))
}

/// What stands before a percent sign, and whether it is a rate.
fn stated(text: &[char], sign: usize) -> Option<(bool, Claim)> {
    let before = text.get(..sign)?;
    let end = before.iter().rposition(|c| *c != ' ')? + 1;
    let of_number = |c: &char| c.is_ascii_digit() || matches!(c, '.' | ',');
    let length = before
        .get(..end)?
        .iter()
        .rev()
        .take(20)
        .take_while(|c| of_number(c))
        .count();
    let start = end - length;
    let number: String = text.get(start..end)?.iter().collect();
    let stated = number_of(&number)?;
    let after: String = text.iter().skip(sign + 1).take(AROUND).collect();
    let ahead: String = text
        .get(start.saturating_sub(AROUND)..start)?
        .iter()
        .collect();
    let after = own_part(&after);
    let ahead = own_start(&ahead);
    let per = period(after).or_else(|| period(ahead));
    let is_rate = per.is_some()
        || [after, ahead].iter().any(|side| names_a_yield(side))
        || names_a_place(after);
    let per = per.unwrap_or(Period::Year);
    Some((is_rate, Claim { stated, per }))
}

/// What stands behind a percentage and belongs to it: where another number follows, that has what
/// stands behind the comma, as in `90 % of it, APY 8 %`.
fn own_part(after: &str) -> &str {
    let line = after.split('\n').next().unwrap_or_default();
    match line.split_once(|c: char| c.is_ascii_digit()) {
        Some((before, _)) => before.split([',', ';']).next().unwrap_or_default(),
        None => line,
    }
}

/// What stands ahead of a percentage and belongs to it: where another one stands there, that has what
/// stands before the comma.
fn own_start(ahead: &str) -> &str {
    let line = ahead.rsplit('\n').next().unwrap_or_default();
    match line.rsplit_once(['%', '％']) {
        Some((_, after)) => after.rsplit([',', ';']).next().unwrap_or_default(),
        None => line,
    }
}

/// `1,200`, `1,200.5` and `1.200,5` have thousands; `12,5`, `0,125` and `.5` have none.
fn number_of(digits: &str) -> Option<Percent> {
    let digits = digits.trim_end_matches(['.', ',']).trim_start_matches(',');
    let plain = match (digits.rfind('.'), digits.rfind(',')) {
        (Some(dot), Some(comma)) if dot < comma => digits.replace('.', "").replace(',', "."),
        (Some(_), Some(_)) => digits.replace(',', ""),
        (Some(_), None) if digits.matches('.').count() > 1 && in_thousands(digits, '.') => {
            digits.replace('.', "")
        }
        (None, Some(_)) if in_thousands(digits, ',') => digits.replace(',', ""),
        _ => digits.replace(',', "."),
    };
    let value: f64 = plain.parse().ok()?;
    Percent::new(value).filter(|rate| rate.get() <= MOST_STATED)
}

fn period(around: &str) -> Option<Period> {
    let words = around.split(|c: char| !c.is_alphanumeric());
    words.into_iter().find_map(|word| match word {
        "day" | "daily" | "24h" => Some(Period::Day),
        "week" | "weekly" => Some(Period::Week),
        "month" | "monthly" => Some(Period::Month),
        "year" | "yearly" | "annual" | "annually" | "apy" | "apr" | "annum" => Some(Period::Year),
        _ => None,
    })
}

/// Whether a number is written in groups of three digits: `1,200`, and neither `0,125` nor `1234,567`.
fn in_thousands(digits: &str, joint: char) -> bool {
    let mut groups = digits.split(joint);
    let first = groups.next().unwrap_or_default();
    first != "0" && (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
}

/// `300 % with Quick Farm`, `5 % on USDC`; but not `20 % with code X`, `90 % on fees`.
fn names_a_place(after: &str) -> bool {
    let mut words = after.split(|c: char| !c.is_alphanumeric());
    let joins = matches!(words.find(|word| !word.is_empty()), Some("with" | "on"));
    let is_ordinary = |word| {
        matches!(
            word,
            "code" | "fees" | "top" | "the" | "a" | "all" | "every" | "your" | "our" | "my"
        )
    };
    joins
        && words
            .next()
            .is_some_and(|word| !word.is_empty() && !is_ordinary(word))
}

fn names_a_yield(around: &str) -> bool {
    let words = around.split(|c: char| !c.is_alphanumeric());
    words.into_iter().any(|word| {
        [
            "yield", "interest", "return", "reward", "earn", "pay", "profit", "roi",
        ]
        .iter()
        .any(|start| word.starts_with(start))
    })
}

#[cfg(test)]
mod tests;
