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
    let received = entries.iter().map(|logged| {
        let worth = logged.entry.worth();
        Received {
            day: chosen.zone.day(logged.entry.at),
            usd: worth.and_then(|worth| exchange.to_usd(worth.amount, worth.currency)),
            position: logged.entry.position,
        }
    });
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

impl Books {
    /// What was logged of a position from a day on, in US dollars, and the last day on which anything was.
    pub(super) fn received_since(
        &self,
        position: PositionId,
        since: Day,
    ) -> (Decimal, Option<Day>) {
        let of_it = self
            .received
            .iter()
            .filter(|income| income.position == Some(position) && income.day >= since);
        of_it.fold((Decimal::ZERO, None), |(sum, last), income| {
            let usd = income.usd.unwrap_or_default();
            (sum.saturating_add(usd), last.max(Some(income.day)))
        })
    }

    /// What receiving it has cost from a day on, in US dollars of today's exchange.
    pub(super) fn fees_since(&self, position: PositionId, since: Day) -> Decimal {
        let fees = self.entries.iter().filter_map(|logged| {
            let entry = &logged.entry;
            let is_meant =
                entry.position == Some(position) && self.chosen.zone.day(entry.at) >= since;
            let fee = entry.fee.filter(|_| is_meant)?;
            self.exchange.to_usd(fee.amount.get(), fee.currency)
        });
        fees.fold(Decimal::ZERO, Decimal::saturating_add)
    }
}
