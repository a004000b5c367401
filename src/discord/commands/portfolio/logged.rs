//! A person's positions with the income that they logged, valued for this moment.

use rust_decimal::Decimal;

use crate::{
    app::App,
    domain::{
        currency::Exchange,
        flow::Received,
        ids::{PositionId, UserId},
        income::Portfolio,
        ledger::Logged,
        person::Chosen,
        time::Day,
    },
    market::view::View,
    store::StoreError,
};

/// All of it, as of today.
pub(super) struct Books {
    pub(super) chosen: Chosen,
    pub(super) view: View,
    pub(super) portfolio: Portfolio,
    pub(super) received: Vec<Received>,
    pub(super) entries: Vec<Logged>,
    pub(super) exchange: Exchange,
    /// The owner's own date.
    pub(super) today: Day,
}

/// `None` where the person has neither a position nor an income.
pub(super) async fn books(app: &App, owner: UserId) -> Result<Option<Books>, StoreError> {
    let now = app.clock.now();
    let chosen = app.store.chosen(owner).await?;
    let positions = app.store.positions(owner).await?;
    let entries = app.store.entries(owner).await?;
    if positions.is_empty() && entries.is_empty() {
        return Ok(None);
    }
    let view = app.market.view(now);
    let portfolio = app.market.valued(&app.store, &view, positions, now).await;
    let exchange = app.market.exchange(now).unwrap_or_default();
    let received = entries.iter();
    let received = received.map(|logged| Received::of(logged, &exchange, chosen.zone));
    Ok(Some(Books {
        received: received.collect(),
        exchange: Exchange::clone(&exchange),
        today: chosen.zone.day(now),
        chosen,
        view,
        portfolio,
        entries,
    }))
}

/// What was logged of a position from a day on.
#[derive(Default)]
pub(super) struct Of {
    /// US dollars.
    pub(super) received: Decimal,
    /// How many incomes have no price, or are in a currency whose exchange is not known.
    pub(super) unpriced: usize,
    /// The last day on which something was paid.
    pub(super) last: Option<Day>,
    /// What receiving it has cost, in US dollars of today's exchange.
    pub(super) fees: Decimal,
    /// Fees whose exchange is not known.
    pub(super) unknown_fees: usize,
}

impl Books {
    pub(super) fn of(&self, position: PositionId, since: Day) -> Of {
        let mut of = Of::default();
        let both = self.received.iter().zip(&self.entries);
        for (income, logged) in both {
            if income.position != Some(position) || income.day < since {
                continue;
            }
            match income.usd {
                Some(usd) => of.received = of.received.saturating_add(usd),
                None => of.unpriced += 1,
            }
            if income.is_payout {
                of.last = of.last.max(Some(income.day));
            }
            if let Some(fee) = logged.entry.fee {
                match self.exchange.to_usd(fee.amount.get(), fee.currency) {
                    Some(usd) => of.fees = of.fees.saturating_add(usd),
                    None => of.unknown_fees += 1,
                }
            }
        }
        of
    }
}
