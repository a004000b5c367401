//! What the bot does, what its words mean, and what it cannot do.

use super::{
    message::{Colour, Embed, Field, Message},
    text,
};

const LOOK_UPS: &str = "\
`/yield find` – pools by asset, method, chain and size, ranked\n\
`/yield pool` – one pool: what it pays, who pays, whether it will last\n\
`/yield history` – what it paid over the last days, drawn\n\
`/yield staking` – what staking an asset pays: direct, delegated, liquid\n\
`/yield compare` – up to four pools side by side\n\
`/yield stack` – yields on top of each other, looped if you like, and what breaks them\n\
`/risk check` – whether a yield will last, who pays it, and what can go wrong\n\
`/risk rules` – what decides a verdict and each check\n\
`/risk il` – what moving prices cost in a liquidity pool, against its fees\n\
`/risk correlation` – what up to five positions have in common\n\
*Apps › Check this yield* in a message's menu – which pools it can mean, and what they pay\n\
Wherever a pool is asked for, its address on DefiLlama will do.";

const YOURS: &str = "\
`/portfolio add`, `edit`, `remove`, `import`, `export` – what you hold, and where it earns\n\
`/portfolio view`, `income`, `calendar`, `performance` – what it earns and earned, and when that comes\n\
`/portfolio risk`, `review` – what all of it depends on, what would be left, and what changed in a quarter\n\
`/portfolio settings` – your currency, time zone, tax rate and wanted allocation\n\
`/yield better` – where it would earn more at no more risk\n\
`/ledger log`, `list`, `edit`, `delete`, `summary`, `export`, `import` – income that you received, for your tax records\n\
`/plan list`, `delete` – goals that you kept from a plan\n\
`/watch add`, `goal`, `better`, `remind`, `list`, `pause`, `resume`, `remove`, `test` – be written to when that changes";

const COMMANDS: &str = "\
`/setup` – from nothing to a first alert, for who manages the server\n\
`/alerts add`, `list`, `show`, `edit`, `remove`, `undo` – tell a channel when that changes\n\
`/alerts preview`, `why`, `history`, `test` – what an alert would say, and why it is silent\n\
`/alerts mute`, `quiet`, `digest`, `move`, `export`, `import`, `templates` – when, where, and to keep\n\
`/config view`, `set`, `audit` – what this server has chosen, and who did\n\
`/privacy show`, `export`, `delete` – what is kept of you\n\
`/status` – how old the data is and whether notices arrive";

const PLANS: &str = "\
`/plan goal` – which yield an income takes from a capital, and whether such a yield lasts\n\
`/plan capital` – which capital an income takes at a yield\n\
`/plan allocate` – a capital over staking, lending, liquidity and farming, at what pools pay now\n\
`/plan index` – what an index would hold and pay today\n\
`/plan scenario` – supplemental income, early retirement, independence, with the arithmetic\n\
`/plan project` – a capital year by year, drawn, and when it runs out\n\
`/plan cashflow` – an income divided into tax reserve, what is put back, and what is paid out\n\
Only you see these, nothing of them is kept but a goal that you save, and they work in direct messages too.";

const VERDICTS: &str = "\
✅ **sustainable** – paid by fees or interest, and close to what the pool usually pays\n\
🟡 **mixed** – partly paid in reward tokens, or not certain to last\n\
❌ **unsustainable** – mostly reward tokens, far above its usual rate, over 100 %, or too small\n\
❔ **unknown** – too little is known to say; never read it as good\n\
The worse of *who pays* and *will it last* counts. The chances beside it are for keeping at least half \
of today's rate, and of the last month's mean, over the next 30 days; the lower one counts.";

const LIMITS: &str = "\
The feed is hourly and holds back five-fold rises for up to 5 h. With the default hold of 2 h a \
notice comes some 3 h after the move; `hold` and `clear_hold` of `/alerts add` set how long a move and \
its end have to last. **This is no emergency alarm.**\n\
A rate is what the source states: before your fees, taxes and lock-ups. An APY is a projection, not \
a promise. Nothing here is advice.";

/// The help page. `contact` says whom to ask: the words of whoever runs this bot.
pub fn help(contact: Option<&str>) -> Message {
    let contact = contact
        // The operator's own words, which may hold an address to copy.
        .map(|contact| text::clean(contact, text::SENTENCE))
        .filter(|contact| !contact.is_empty())
        .unwrap_or_else(|| "whoever runs this bot has left no contact".to_owned());
    Message::from(Embed {
        title: "What crypto earns, whether it will last, and when that changes".to_owned(),
        colour: Colour::Blue,
        fields: vec![
            Field::wide("Looking up", LOOK_UPS),
            Field::wide("Planning", PLANS),
            Field::wide("Yours, seen by you alone", YOURS),
            Field::wide("Everything else", COMMANDS),
            Field::wide("What a verdict means", VERDICTS),
            Field::wide("Limits", LIMITS),
            Field::wide("Contact", contact),
        ],
        footer: "data: DefiLlama · not advice".to_owned(),
        ..Embed::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_and_reads_well() {
        let message = help(Some("admin@example.org"));
        assert!(
            message.embeds[0]
                .fields
                .iter()
                .all(|field| !field.value.ends_with('…'))
        );
        insta::assert_json_snapshot!(message);
    }
}
