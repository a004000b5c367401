//! Addresses of the source's site, `defillama.com`, as people paste them.

use super::ids::PoolId;

/// What such an address is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link<'a> {
    /// `https://defillama.com/yields/pool/{id}`
    Pool(PoolId),
    /// `https://defillama.com/protocol/{slug}`: a protocol or a family of them. Not checked against
    /// anything.
    Protocol(&'a str),
}

const HOST: &str = "defillama.com/";

/// The address that `text` is, with or without its scheme, `www.`, a query, a last slash and the
/// brackets by which Discord shows no preview.
pub fn parse(text: &str) -> Option<Link<'_>> {
    let text = text.trim();
    let text = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .unwrap_or(text);
    let at = find_host(text)?;
    let host_alone = before_host(text.get(..at)?) == Some("");
    let link = about(text.get(at + HOST.len()..)?)?;
    (host_alone && !text.contains(char::is_whitespace)).then_some(link)
}

/// The addresses in a text, in their order, each as often as it stands there.
pub fn links(text: &str) -> impl Iterator<Item = Link<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(from..)?;
            let at = from + find_host(rest)?;
            from = at + HOST.len();
            let begins = before_host(text.get(..at)?).is_some_and(ends_between_words);
            if let Some(link) = text.get(from..).and_then(about).filter(|_| begins) {
                return Some(link);
            }
        }
    })
}

/// Where the host's name begins.
fn find_host(text: &str) -> Option<usize> {
    let host = HOST.as_bytes();
    memchr::memchr2_iter(b'd', b'D', text.as_bytes()).find(|at| {
        let end = at + host.len();
        let name = text.as_bytes().get(*at..end);
        name.is_some_and(|name| name.eq_ignore_ascii_case(host))
    })
}

/// What stands before the scheme and `www.` of an address; `None` when the host is only the end of
/// another one.
fn before_host(before: &str) -> Option<&str> {
    let before = strip_end(before, "www.").unwrap_or(before);
    for scheme in ["https://", "http://"] {
        if let Some(before) = strip_end(before, scheme) {
            return Some(before);
        }
    }
    ends_between_words(before).then_some(before)
}

fn strip_end<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(end.len())?;
    let last = text.get(at..)?;
    last.eq_ignore_ascii_case(end).then(|| text.get(..at))?
}

/// Nothing of another word or address stands at the end.
fn ends_between_words(text: &str) -> bool {
    !text.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '@' | ':'))
}

/// What the path behind the host is about.
fn about(path: &str) -> Option<Link<'_>> {
    if let Some(id) = strip_start(path, "yields/pool/") {
        let id = segment(id);
        // A key has one form there, which leaves no room for anything beside it.
        return (id.len() == 36).then(|| id.parse().ok().map(Link::Pool))?;
    }
    let slug = segment(strip_start(path, "protocol/")?).trim_end_matches('.');
    (!slug.is_empty() && slug.len() <= 80).then_some(Link::Protocol(slug))
}

fn strip_start<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let first = text.get(..start.len())?;
    first
        .eq_ignore_ascii_case(start)
        .then(|| text.get(start.len()..))?
}

/// Up to the next slash, query or whatever else cannot stand in a key or a slug.
fn segment(path: &str) -> &str {
    let in_segment = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    path.split(|c| !in_segment(c)).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "aa70268e-4b52-42bf-a116-608b370f9501";

    fn pool() -> Link<'static> {
        Link::Pool(ID.parse().unwrap())
    }

    #[test]
    fn addresses_as_people_paste_them() {
        for (before, after) in [
            ("https://defillama.com/yields/pool/", ""),
            ("http://defillama.com/yields/pool/", ""),
            ("https://www.defillama.com/yields/pool/", ""),
            ("defillama.com/yields/pool/", ""),
            ("HTTPS://DefiLlama.com/Yields/Pool/", ""),
            ("https://defillama.com/yields/pool/", "/"),
            ("https://defillama.com/yields/pool/", "?utm_source=x&y=1"),
            ("https://defillama.com/yields/pool/", "#chart"),
            (" <https://defillama.com/yields/pool/", "> "),
        ] {
            let text = format!("{before}{ID}{after}");
            assert_eq!(parse(&text), Some(pool()), "{text}");
        }
        let protocol = "https://defillama.com/protocol/ether.fi-stake?tvl=true";
        assert_eq!(parse(protocol), Some(Link::Protocol("ether.fi-stake")));
    }

    #[test]
    fn other_addresses_are_not_taken_for_it() {
        for text in [
            ID,
            "https://defillama.com/yields",
            "https://defillama.com/yields/pool/",
            "https://defillama.com/yields/pool/aa70268e",
            "https://defillama.com/yields/pool/aa70268e-4b52-42bf-a116-608b370f9501x",
            "https://defillama.com/protocol/",
            "https://evil.com/defillama.com/yields/pool/aa70268e-4b52-42bf-a116-608b370f9501",
            "https://notdefillama.com/yields/pool/aa70268e-4b52-42bf-a116-608b370f9501",
            "https://defillama.com.evil.com/yields/pool/aa70268e-4b52-42bf-a116-608b370f9501",
            "https://x@defillama.com/yields/pool/aa70268e-4b52-42bf-a116-608b370f9501",
            "see https://defillama.com/yields/pool/aa70268e-4b52-42bf-a116-608b370f9501",
            "https://defillama.com/yields/pool/aa70268e-4b52-42bf-a116-608b370f9501 now",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_in_a_text() {
        let text = format!(
            "Look: [here](https://defillama.com/yields/pool/{ID}), **https://defillama.com/protocol/lido**. \
             And https://evil.com/defillama.com/protocol/no; <http://www.defillama.com/protocol/aave/>."
        );
        let found: Vec<Link<'_>> = links(&text).collect();
        let expected = [pool(), Link::Protocol("lido"), Link::Protocol("aave")];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(defillama.com/|protocol/|yields/pool/|https://|<|\\PC){0,30}") {
            prop_assert!(links(&text).count() <= text.len());
            if parse(&text).is_some() {
                prop_assert!(links(text.trim()).count() >= 1);
            }
        }
    }
}
