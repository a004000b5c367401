//! `/yield find`: pools that fit, best first.

use crate::{
    discord::{
        autocomplete,
        commands::shown_to,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::{Name, OneOf, Written},
        reply,
    },
    domain::{method::MethodFilter, money::Amount, scope::Scope, time::Timestamp},
    market::{
        search::{Order, Query, VerdictFilter},
        view::View,
    },
    render::{self, message::Message, numbers, text},
};
use rust_decimal::prelude::ToPrimitive as _;

/// How many pools one answer shows.
const SHOWN: usize = 10;

/// Find pools by asset, method, chain, size and verdict
#[poise::command(slash_command)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn find(
    ctx: Context<'_>,
    #[description = "Token that the pool holds, such as USDC"]
    #[autocomplete = "autocomplete::asset"]
    asset: Option<Name>,
    #[description = "How the pool earns"] method: Option<OneOf<MethodFilter>>,
    #[description = "Chain, such as Ethereum"]
    #[autocomplete = "autocomplete::chain"]
    chain: Option<Name>,
    #[description = "Protocol, such as aave-v3"]
    #[autocomplete = "autocomplete::protocol"]
    protocol: Option<Name>,
    #[description = "Smallest TVL in US dollars, such as 10m"] min_tvl: Option<Written<Amount>>,
    #[description = "Lowest APY in percent"]
    #[min = 0]
    #[max = 1_000_000]
    min_apy: Option<f64>,
    #[description = "Highest APY in percent; 100 when left out"]
    #[min = 0]
    #[max = 1_000_000]
    max_apy: Option<f64>,
    #[description = "Which verdicts; all but the unsustainable when left out"] verdict: Option<
        OneOf<VerdictFilter>,
    >,
    #[description = "Only pools whose tokens all follow a currency"] stable_only: Option<bool>,
    #[description = "What comes first"] sort: Option<OneOf<Order>>,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let market = bot.app.market.view(now);
    let server = caller.guild.map(|guild| bot.app.alerting.server(guild));
    let most = server.and_then(|server| server.max_apy);
    let verdicts = verdict.map_or_else(VerdictFilter::default, |verdict| verdict.0);
    // Who asks for the unsustainable, or for all, asks for what the screen refuses too.
    let is_screened = verdicts == VerdictFilter::NotUnsustainable;
    let most = is_screened.then(|| most.unwrap_or(bot.app.market.screen().max_apy));
    let asked = Asked {
        asset,
        method: method.map(|method| method.0),
        chain,
        protocol,
        min_tvl: match min_tvl {
            Some(amount) => amount.0.get().to_f64(),
            None => server.and_then(|server| server.min_tvl),
        },
        min_apy,
        max_apy: max_apy.or(most),
        verdicts,
        stable_only: stable_only.unwrap_or(false),
        order: sort.map_or_else(Order::default, |order| order.0),
    };
    let message = answer(&market, &asked, now)?;
    reply::send(app, message, shown_to(bot, &caller, private)).await
}

/// What was asked for, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub asset: Option<Name>,
    pub method: Option<MethodFilter>,
    pub chain: Option<Name>,
    pub protocol: Option<Name>,
    /// US dollars.
    pub min_tvl: Option<f64>,
    pub min_apy: Option<f64>,
    pub max_apy: Option<f64>,
    pub verdicts: VerdictFilter,
    pub stable_only: bool,
    pub order: Order,
}

/// Finds and words it.
pub fn answer(market: &View, asked: &Asked, now: Timestamp) -> Result<Message, Trouble> {
    if market.is_empty() {
        return Err(Trouble::NoMarketYet);
    }
    let query = Query {
        scope: Scope {
            pool: None,
            asset: lookup::asset(market, asked.asset.as_ref())?,
            protocol: lookup::protocol(market, asked.protocol.as_ref())?,
            chain: lookup::chain(market, asked.chain.as_ref())?,
            method: asked.method,
            min_tvl: asked.min_tvl,
            stable_only: asked.stable_only,
        },
        min_apy: asked.min_apy,
        max_apy: asked.max_apy,
        verdicts: asked.verdicts,
        order: asked.order,
    };
    let found = market.find(&query, SHOWN);
    let rows: Vec<_> = found
        .shown
        .iter()
        .map(|listing| super::view(market, listing))
        .collect();
    Ok(render::pool::found(
        &render::pool::Found {
            asked: words(&query),
            rows: &rows,
            total: found.total,
            hidden: found.hidden,
            source: market.origin.source,
            fetched_at: market.answered_at,
        },
        now,
    ))
}

/// The filter in plain words; what shows them escapes them.
fn words(query: &Query) -> String {
    let scope = &query.scope;
    let mut parts = Vec::new();
    parts.extend(scope.asset.as_deref().map(text::plain_name));
    parts.extend(scope.method.map(|method| match method {
        MethodFilter::Staking => "staking".to_owned(),
        MethodFilter::One(method) => method.label().to_owned(),
    }));
    parts.extend(
        scope
            .protocol
            .as_deref()
            .map(|protocol| format!("in {}", text::plain_name(protocol))),
    );
    parts.extend(
        scope
            .chain
            .as_deref()
            .map(|chain| format!("on {}", text::plain_name(chain))),
    );
    parts.extend(
        scope
            .min_tvl
            .map(|floor| format!("TVL ≥ {}", numbers::dollars(floor))),
    );
    parts.extend(
        query
            .min_apy
            .map(|floor| format!("APY ≥ {}", numbers::limit(floor))),
    );
    if scope.stable_only {
        parts.push("stablecoins only".to_owned());
    }
    match query.verdicts {
        VerdictFilter::NotUnsustainable => {}
        VerdictFilter::Only(verdict) => parts.push(format!("{} only", verdict.slug())),
        VerdictFilter::Any => parts.push("any verdict".to_owned()),
    }
    parts.join(", ")
}
