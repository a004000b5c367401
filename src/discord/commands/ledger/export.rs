//! `/ledger export`: the caller's entries as a file.

use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{Name, OneOf},
    },
    domain::{
        ids::UserId,
        ledger::export::{Format, of_year, write},
        zone::Zone,
    },
    render::{
        self,
        message::{File, Message},
    },
};

/// Your ledger as a file, for a spreadsheet, a program or a tax tool
#[poise::command(slash_command)]
pub(super) async fn export(
    ctx: Context<'_>,
    #[description = "Only of this year, by the calendar of the time zone"]
    #[min = 2009]
    #[max = 2100]
    year: Option<i32>,
    #[description = "What the file is written as; a table when left out"] format: Option<
        OneOf<Format>,
    >,
    #[description = "Whose clock and calendar count; your own time zone when left out"]
    #[autocomplete = "autocomplete::zone"]
    time_zone: Option<Name>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let format = format.map(|format| format.0).unwrap_or_default();
    let answer = answer(&ctx.data().app, caller.user, year, format, time_zone);
    super::super::answer_alone(app, answer).await
}

async fn answer(
    app: &App,
    owner: UserId,
    year: Option<i32>,
    format: Format,
    zone: Option<Name>,
) -> Result<Message, CommandError> {
    let zone = match zone {
        Some(Name(name)) => Zone::parse(&name).ok_or(Trouble::ZoneUnknown(name))?,
        None => app.store.chosen(owner).await?.zone,
    };
    let entries = app.store.entries(owner).await?;
    let wanted = of_year(&entries, year, zone);
    if let (Some(year), true) = (year, wanted.is_empty() && !entries.is_empty()) {
        return Ok(render::ledger::nothing_of(year));
    }
    let mut message = Message::text(render::ledger::exported(wanted.len(), format));
    message.files.push(File {
        name: format.file_name(year),
        bytes: write(format, &wanted, zone),
        description: String::new(),
    });
    Ok(message)
}
