//! What positions have in common, in words and as a small picture that a phone shows.

use super::{
    count,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::bare,
    pool::footer,
    text,
};
use crate::domain::{
    correlation::{Dependency, Effective, On, Shared, shared},
    pool::Pool,
    time::Timestamp,
};

/// What some pools share, and how many independent positions they are worth.
pub fn correlation(
    pools: &[&Pool],
    source: &str,
    fetched_at: Timestamp,
    now: Timestamp,
) -> Message {
    let held: Vec<(f64, &Pool)> = pools.iter().map(|pool| (1.0, *pool)).collect();
    let all = shared(pools);
    let legend: Vec<String> = pools
        .iter()
        .zip(1..)
        .map(|(pool, at)| format!("{at}\\. {}", name(pool)))
        .collect();
    let mut fields = vec![Field::wide("Shared", in_common(pools))];
    if !all.is_empty() {
        fields.push(Field::wide(
            "Who relies on what",
            picture(&all, pools.len()),
        ));
    }
    if let Some(effective) = Effective::of(&held) {
        fields.push(Field::wide(
            "Independent positions",
            effective_words(&effective, pools.len()),
        ));
    }
    fields.push(Field::wide(
        "Not known",
        "oracles, auditors and who can change a protocol: no source that is read names them, and \
         pools may share those as well",
    ));
    Message::from(Embed {
        title: format!("What {} positions have in common", pools.len()),
        description: legend.join("\n"),
        colour: Colour::Blue,
        fields,
        footer: footer(source, fetched_at, None, now),
        ..Embed::default()
    })
}

/// What pools share, those lines first that the most of them share: `**3 of 4** (1, 2, 3): lido, …`.
pub(crate) fn in_common(pools: &[&Pool]) -> String {
    let mut lines: Vec<(Vec<usize>, Vec<String>)> = Vec::new();
    for shared in shared(pools) {
        let words = dependency_words(&shared.dependency);
        match lines.iter_mut().find(|(by, _)| *by == shared.by) {
            Some((_, names)) => names.push(words),
            None => lines.push((shared.by, vec![words])),
        }
    }
    if lines.is_empty() {
        return "nothing that is known".to_owned();
    }
    let all = pools.len();
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(by, names)| {
            let names = names.join(", ");
            if by.len() == all {
                let word = if all == 2 { "both" } else { "all" };
                return format!("- **{word}** rely on {names}");
            }
            let places: Vec<String> = by.iter().map(|at| (at + 1).to_string()).collect();
            format!(
                "- **{} of {all}** ({}) rely on {names}",
                by.len(),
                places.join(", ")
            )
        })
        .collect();
    super::lines_within(&lines, 1_000)
}

fn dependency_words(dependency: &Dependency) -> String {
    match dependency.on {
        On::Stablecoins => "coins that follow a currency".to_owned(),
        On::Protocol | On::Token | On::Chain => text::name(&dependency.name),
    }
}

/// Rows of the picture; more do not fit a phone's screen.
const ROWS: usize = 12;
/// Characters of a row's name: with five columns it stays narrower than a phone shows without breaking
/// lines.
const NAME: usize = 14;

/// A dot where a pool relies on it, in letters of one width.
fn picture(all: &[Shared], pools: usize) -> String {
    let columns: Vec<String> = (1..=pools).map(|at| at.to_string()).collect();
    let mut rows = vec![format!("{:NAME$} {}", "", columns.join(" "))];
    for shared in all.iter().take(ROWS) {
        let name = match shared.dependency.on {
            On::Stablecoins => "stablecoins".to_owned(),
            // A backtick would end the block.
            _ => text::clean(&shared.dependency.name, NAME).replace('`', "'"),
        };
        let dots: Vec<&str> = (0..pools)
            .map(|at| if shared.by.contains(&at) { "●" } else { "·" })
            .collect();
        rows.push(format!("{name:NAME$} {}", dots.join(" ")));
    }
    let block = format!("```\n{}\n```", rows.join("\n"));
    match all.len().checked_sub(ROWS) {
        Some(more) if more > 0 => format!("{block}\nand {} more", count(more, "one", "ones")),
        _ => block,
    }
}

fn effective_words(effective: &Effective, pools: usize) -> String {
    let told = |value: f64| bare((value * 10.0).round() / 10.0);
    format!(
        "Held in equal parts these {pools} are worth about\n\
         - **{}** by what their tokens stand for\n\
         - **{}** by protocol\n\
         - **{}** by chain\n\
         - **{}** by how they earn\n\
         Each is 1 ÷ the sum of the squared shares; {pools} would mean that nothing is shared.",
        told(effective.asset),
        told(effective.protocol),
        told(effective.chain),
        told(effective.method)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    fn pool(symbol: &str, protocol: &str, chain: &str) -> Pool {
        Pool {
            symbol: symbol.into(),
            protocol: protocol.into(),
            chain: chain.into(),
            stablecoin: symbol == "USDC",
            ..samples::pool()
        }
    }

    #[test]
    fn three_of_four_share_a_receipt() {
        let pools = [
            pool("WSTETH", "aave-v3", "Ethereum"),
            pool("WSTETH-WETH", "balancer-v2", "Ethereum"),
            pool("WSTETH", "morpho-v1", "Base"),
            pool("USDC", "aave-v2", "Base"),
        ];
        let (now, pools) = (samples::now(), pools.each_ref());
        insta::assert_json_snapshot!(correlation(&pools, "DefiLlama", now, now));
    }

    #[test]
    fn pools_that_share_nothing() {
        let pools = [
            pool("WSTETH", "aave-v3", "Ethereum"),
            pool("JITOSOL", "kamino-lend", "Solana"),
        ];
        let (now, pools) = (samples::now(), pools.each_ref());
        let message = correlation(&pools, "DefiLlama", now, now);
        let words: Vec<&str> = message.embeds[0]
            .fields
            .iter()
            .map(|it| &*it.value)
            .collect();
        assert_eq!(words[0], "nothing that is known");
        assert!(words[1].contains("**2** by chain"), "{words:?}");
    }

    #[test]
    fn names_break_neither_the_picture_nor_the_message() {
        let long = "PROTOCOL-OF-A-NAME-THAT-IS-TOO-LONG";
        let pools = [
            pool(
                "A```B-@EVERYONE-C-D-E-F-G-H-I-J-K-L-M",
                long,
                "[x](https://evil)",
            ),
            pool(
                "A```B-@EVERYONE-C-D-E-F-G-H-I-J-K-L-M",
                long,
                "[x](https://evil)",
            ),
        ];
        let (now, pools) = (samples::now(), pools.each_ref());
        let message = correlation(&pools, "DefiLlama", now, now);
        assert_eq!(message.clone().fitted(), message);
        let picture = &message.embeds[0].fields[1].value;
        assert_eq!(picture.matches("```").count(), 2, "{picture}");
        assert!(picture.ends_with("more"), "{picture}");
        let widths = picture.lines().map(|line| line.chars().count());
        assert!(widths.max() <= Some(NAME + 11), "{picture}");
        assert!(!message.to_discord().to_string().contains("@EVERYONE-"));
    }
}
