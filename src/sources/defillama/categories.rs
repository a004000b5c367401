//! Which kind of protocol stands behind a project slug.
//!
//! The pool feed names a project and nothing more, and the list that states categories is an answer
//! of several megabytes. So a table goes with the program: it makes every pool's method known from
//! the first reading on, and the same in a replay. A project that is not in it has an unknown method.

use std::collections::HashMap;

use crate::domain::method::Method;

/// `project,category`, a line a project, sorted; neither field holds a comma or quotes.
const TABLE: &str = include_str!("../../../data/protocol-categories.csv");

/// The upstream category of every project that is known.
#[derive(Debug, Clone)]
pub struct Categories(HashMap<Box<str>, Box<str>>);

impl Categories {
    /// The table that goes with the program.
    pub fn bundled() -> Self {
        Self(
            rows(TABLE)
                .map(|(project, category)| (project.into(), category.into()))
                .collect(),
        )
    }

    /// The upstream category of a project slug.
    pub fn category(&self, project: &str) -> Option<&str> {
        self.0.get(project).map(AsRef::as_ref)
    }

    /// How a pool of the project earns; unknown when the project is.
    pub fn method(&self, project: &str, exposure_multi: bool) -> Method {
        self.category(project).map_or(Method::Unknown, |category| {
            Method::of_category(category, exposure_multi)
        })
    }
}

/// The lines below the header. A line without a comma is left out; a test shows that there is none.
fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_table_is_sound() {
        assert_eq!(TABLE.lines().next(), Some("project,category"));
        let lines = TABLE.lines().count() - 1;
        let parsed: Vec<_> = rows(TABLE).collect();
        assert_eq!(parsed.len(), lines, "a line has no comma");
        for (project, category) in &parsed {
            assert!(
                !project.is_empty() && !category.is_empty(),
                "{project},{category}"
            );
            assert!(!category.contains([',', '"']), "{project},{category}");
        }
        // Sorted without equals, so no project is named twice.
        assert!(parsed.is_sorted_by(|(before, _), (after, _)| before < after));
        assert_eq!(Categories::bundled().0.len(), lines);
    }

    #[test]
    fn projects_have_the_method_of_their_category() {
        let categories = Categories::bundled();
        for (project, multi, method) in [
            ("aave-v3", false, Method::Lending),
            ("morpho-v1", true, Method::Lending),
            ("lido", false, Method::StakingLiquid),
            ("uniswap-v3", true, Method::Liquidity),
            ("curve-dex", true, Method::Liquidity),
            ("yearn-finance", false, Method::Aggregator),
            ("beefy", true, Method::Aggregator),
            ("extra-finance-leverage-farming", true, Method::Farming),
            ("reserve-protocol", false, Method::Index),
            ("a-project-of-tomorrow", false, Method::Unknown),
        ] {
            assert_eq!(categories.method(project, multi), method, "{project}");
        }
    }
}
