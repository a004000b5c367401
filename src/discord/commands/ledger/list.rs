//! `/ledger list`: the newest entries, narrowed if wanted, and page by page those before.

use crate::{
    app::App,
    discord::{
        autocomplete,
        buttons::Button,
        context::{Context, parts},
        errors::CommandError,
        params::{Name, OneOf},
    },
    domain::{ids::UserId, ledger::Kind, ledger::export},
    render::{self, ledger::Narrowed, message::Message},
};

/// What you logged, the newest first
#[poise::command(slash_command)]
pub(super) async fn list(
    ctx: Context<'_>,
    #[description = "Only of this year, by the calendar of your time zone"]
    #[min = 2009]
    #[max = 2100]
    year: Option<i32>,
    #[description = "Only this kind of income"] kind: Option<OneOf<Kind>>,
    #[description = "Only of this token"]
    #[autocomplete = "autocomplete::asset"]
    asset: Option<Name>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let narrowed = Narrowed {
        year,
        kind: kind.map(|kind| kind.0),
        asset: asset.map(|asset| asset.0),
    };
    let answer = page(&ctx.data().app, caller.user, &narrowed, 0);
    super::super::answer_alone(app, answer).await
}

/// The page before which so many newer entries stand.
pub async fn page(
    app: &App,
    owner: UserId,
    narrowed: &Narrowed,
    from: u32,
) -> Result<Message, CommandError> {
    let entries = app.store.entries(owner).await?;
    if entries.is_empty() {
        return Ok(render::ledger::empty());
    }
    let zone = app.store.chosen(owner).await?.zone;
    let mut found = export::of_year(&entries, narrowed.year, zone);
    found.retain(|logged| {
        let entry = &logged.entry;
        let asset = narrowed.asset.as_deref();
        narrowed.kind.is_none_or(|kind| kind == entry.kind)
            && asset.is_none_or(|asset| asset.eq_ignore_ascii_case(&entry.asset))
    });
    found.reverse();
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let turn = |from: usize| {
        let from = u32::try_from(from).unwrap_or(u32::MAX);
        let narrowed = narrowed.clone();
        Button::Page {
            owner,
            from,
            narrowed,
        }
        .encode()
    };
    Ok(render::ledger::list(&found, narrowed, from, turn))
}
