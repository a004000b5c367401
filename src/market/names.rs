//! The words by which people find pools, laid out once for each snapshot.

use foldhash::{HashMap, HashMapExt as _};
use memchr::memmem::Finder;

use crate::domain::{listing::Listing, pool::assets_of, scope::Scope};

/// All names of a market. Positions are those of the snapshot's listings.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) assets: Directory,
    pub(super) protocols: Directory,
    pub(super) chains: Directory,
    texts: Texts,
}

impl Names {
    /// `listings` come in the order of the snapshot, largest TVL first.
    pub(super) fn of(listings: &[Listing]) -> Self {
        let mut assets = Gathered::default();
        let mut protocols = Gathered::default();
        let mut chains = Gathered::default();
        let mut texts = Texts::default();
        for (at, listing) in (0..).zip(listings) {
            let pool = &listing.pool;
            let tvl = listing.reading.tvl_usd;
            for asset in pool.assets() {
                assets.add(asset, at, tvl);
            }
            protocols.add(&pool.protocol, at, tvl);
            chains.add(&pool.chain, at, tvl);
            texts.add(&[
                &pool.symbol,
                &pool.protocol,
                &pool.chain,
                pool.method.slug(),
                pool.meta.as_deref().unwrap_or_default(),
            ]);
        }
        Self {
            assets: assets.finish(),
            protocols: protocols.finish(),
            chains: chains.finish(),
            texts,
        }
    }

    /// The fewest listings that hold all that a filter can mean, and what of the filter is left to
    /// be asked of each; `None` when it names none of them.
    pub(super) fn candidates(&self, scope: &Scope) -> Option<(&[u32], Scope)> {
        // A symbol of several tokens is no name of its own.
        let asset = scope
            .asset
            .as_deref()
            .filter(|name| assets_of(name).eq([*name]));
        let without_asset = |name| {
            let rest = Scope {
                asset: None,
                ..scope.clone()
            };
            (self.assets.listings(name), rest)
        };
        let without_protocol = |name| {
            let rest = Scope {
                protocol: None,
                ..scope.clone()
            };
            (self.protocols.listings(name), rest)
        };
        let without_chain = |name| {
            let rest = Scope {
                chain: None,
                ..scope.clone()
            };
            (self.chains.listings(name), rest)
        };
        let lists = [
            asset.map(without_asset),
            scope.protocol.as_deref().map(without_protocol),
            scope.chain.as_deref().map(without_chain),
        ];
        lists
            .into_iter()
            .flatten()
            .min_by_key(|(listings, _)| listings.len())
    }

    /// Positions of the listings about which all of `words` are written, in order. The words are in
    /// lower case.
    pub(super) fn mentioning<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = usize> {
        self.texts.holding(words)
    }

    /// The symbol of a listing in lower case.
    pub(super) fn symbol(&self, at: usize) -> &str {
        self.texts.get(at).lines().next().unwrap_or_default()
    }
}

/// Names of one sort, those with the largest TVL first. The same name in another case is the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    names: Vec<Name>,
    by_lower: HashMap<Box<str>, u32>,
}

#[derive(Debug, Clone)]
struct Name {
    /// As the largest pool writes it.
    written: Box<str>,
    lower: Box<str>,
    listings: Vec<u32>,
}

impl Directory {
    /// The place of a name among all, the largest TVL first, and the listings that bear it. The name
    /// is in lower case.
    pub(super) fn place(&self, lower: &str) -> Option<(usize, &[u32])> {
        let at = *self.by_lower.get(lower)? as usize;
        self.names
            .get(at)
            .map(|name| (at, name.listings.as_slice()))
    }

    /// All names as the market writes them, the largest TVL first, with the listings that bear them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &[u32])> {
        let names = self.names.iter();
        names.map(|name| (&*name.written, name.listings.as_slice()))
    }

    /// Positions of the listings that bear the name.
    fn listings(&self, name: &str) -> &[u32] {
        self.get(name).map_or(&[], |name| name.listings.as_slice())
    }

    /// The name as the market writes it.
    pub(super) fn written(&self, name: &str) -> Option<&str> {
        self.get(name).map(|name| &*name.written)
    }

    fn get(&self, name: &str) -> Option<&Name> {
        let at = self.by_lower.get(name.to_lowercase().as_str())?;
        self.names.get(*at as usize)
    }

    /// Names that begin with `text`, then those that hold it, each by TVL.
    pub(super) fn like(&self, text: &str, limit: usize) -> Vec<String> {
        let text = text.trim().to_lowercase();
        let finder = Finder::new(text.as_bytes());
        let mut begin = Vec::new();
        let mut hold = Vec::new();
        for name in &self.names {
            if begin.len() == limit {
                break;
            }
            if name.lower.starts_with(&text) {
                begin.push(&name.written);
            } else if hold.len() < limit && finder.find(name.lower.as_bytes()).is_some() {
                hold.push(&name.written);
            }
        }
        let found = begin.into_iter().chain(hold).take(limit);
        found.map(ToString::to_string).collect()
    }
}

/// A directory on its way, in the order in which names come up.
#[derive(Default)]
struct Gathered {
    names: Vec<(Name, f64)>,
    at_of: HashMap<Box<str>, usize>,
    lower: String,
}

impl Gathered {
    fn add(&mut self, name: &str, at: u32, tvl: f64) {
        self.lower.clear();
        push_lower(&mut self.lower, name);
        if let Some((name, sum)) = self
            .at_of
            .get(self.lower.as_str())
            .and_then(|at| self.names.get_mut(*at))
        {
            // `ETH-ETH` bears its name twice.
            if name.listings.last() != Some(&at) {
                name.listings.push(at);
                *sum += tvl;
            }
            return;
        }
        let lower: Box<str> = self.lower.as_str().into();
        self.at_of.insert(lower.clone(), self.names.len());
        let name = Name {
            written: name.into(),
            lower,
            listings: vec![at],
        };
        self.names.push((name, tvl));
    }

    fn finish(mut self) -> Directory {
        self.names.sort_by(|(a, a_tvl), (b, b_tvl)| {
            b_tvl.total_cmp(a_tvl).then_with(|| a.lower.cmp(&b.lower))
        });
        let names: Vec<Name> = self.names.into_iter().map(|(name, _)| name).collect();
        let mut by_lower: HashMap<Box<str>, u32> = HashMap::with_capacity(names.len());
        by_lower.extend((0..).zip(&names).map(|(at, name)| (name.lower.clone(), at)));
        Directory { names, by_lower }
    }
}

/// Many short texts as one piece of memory, so that looking through all of them is one pass.
#[derive(Debug, Clone, Default)]
struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    fn add(&mut self, fields: &[&str]) {
        for field in fields {
            push_lower(&mut self.all, field);
            self.all.push('\n');
        }
        self.ends.push(self.all.len());
    }

    fn get(&self, at: usize) -> &str {
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let begin = begin.copied().unwrap_or(0);
        let end = self.ends.get(at).copied().unwrap_or(begin);
        self.all.get(begin..end).unwrap_or_default()
    }

    fn holding<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = usize> {
        // The longest word is likely the rarest: all texts are searched for it as one.
        let rarest = words.iter().max_by_key(|word| word.len());
        let rarest = Finder::new(rarest.map_or("", String::as_str));
        let finders: Vec<Finder<'_>> = words.iter().map(Finder::new).collect();
        let (mut at, mut from) = (0, 0);
        std::iter::from_fn(move || {
            loop {
                let hit = from + rarest.find(self.all.as_bytes().get(from..)?)?;
                while *self.ends.get(at)? <= hit {
                    at += 1;
                }
                from = *self.ends.get(at)?;
                let text = self.get(at).as_bytes();
                at += 1;
                if finders.iter().all(|finder| finder.find(text).is_some()) {
                    return Some(at - 1);
                }
            }
        })
    }
}

fn push_lower(into: &mut String, text: &str) {
    if text.is_ascii() {
        let begin = into.len();
        into.push_str(text);
        if let Some(added) = into.get_mut(begin..) {
            added.make_ascii_lowercase();
        }
    } else {
        into.push_str(&text.to_lowercase());
    }
}
