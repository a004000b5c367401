//! What can go wrong, and what has to come of it. A test that shows one names its id.

use std::{fs, path::Path};

/// A fault's id, the fault, and what has to happen.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "F-S01",
        "the process is killed between any two steps",
        "nothing is lost, nothing doubled",
    ),
    (
        "F-S02",
        "Discord stores a message and its answer is lost",
        "the post is uncertain, looked for, and told once",
    ),
    (
        "F-S03",
        "SIGTERM while notices are sent",
        "nothing new is claimed, what is under way ends within 10 s, exit 0; a second one ends at once",
    ),
    (
        "F-S04",
        "power is lost and the write-ahead log is torn",
        "it opens with a prefix of the commits, and the intent of each message that was sent is there",
    ),
    (
        "F-S05",
        "bits flip in the write-ahead log",
        "receipts that vanish are looked for and not sent blindly",
    ),
    (
        "F-S06",
        "the disk is full",
        "no batch is half kept, nothing is sent without its intent, receipts wait; it goes on by itself",
    ),
    (
        "F-S07",
        "another program holds the database",
        "5 s are waited, then a person is told to try again and the step comes again",
    ),
    (
        "F-S08",
        "the database is damaged",
        "no start and no further write, exit 78, the file is left as it is",
    ),
    (
        "F-S09",
        "a newer version has written the database",
        "no start, exit 78, both versions are named",
    ),
    (
        "F-S11",
        "a second process is started on the same database",
        "it ends within a second with exit 75 and names the first, before it connects",
    ),
    (
        "F-S12",
        "two processes share a token",
        "sessions that end again and again are warned of, in the log, the figures and the operator's channel",
    ),
    (
        "F-S18",
        "the linked SQLite can lose a write-ahead log",
        "the version is checked",
    ),
    (
        "F-D01",
        "429 for a webhook, a channel or everything",
        "nothing is sent inside of the pause; what is shared counts against nobody",
    ),
    (
        "F-D02",
        "the headers of a bucket change or are missing",
        "they are learnt anew; without them a start value holds",
    ),
    (
        "F-D03",
        "the time of day in the headers is wrong",
        "lengths alone are used, on a monotonic clock",
    ),
    (
        "F-D04",
        "the edge bans the address",
        "nothing is sent until the ban is over, and its page is not logged",
    ),
    (
        "F-D05",
        "very many requests are refused",
        "first what can wait is held back, then all but channels that are known to work",
    ),
    (
        "F-D06",
        "a webhook is gone or has another token",
        "parked at the first answer, made again once, the admin is told",
    ),
    (
        "F-D07",
        "the channel, a right or the server is gone, or the server is unavailable",
        "parked with all settings and back by itself; an outage of the server changes nothing",
    ),
    (
        "F-D08",
        "Discord fails for long",
        "single requests try, then the backlog leaves at the pace",
    ),
    (
        "F-D09",
        "the bot's token is revoked",
        "nothing more is asked with it, exit 77, what waits is kept",
    ),
    (
        "F-D10",
        "an answer says yes and holds no message",
        "told, with the message unknown",
    ),
    (
        "F-G01",
        "the gateway is silent",
        "noticed within two heartbeats, closed and resumed; notices go on",
    ),
    (
        "F-G02",
        "the gateway asks to reconnect or ends the session",
        "resumed, or identified anew after a random wait",
    ),
    (
        "F-G03",
        "the gateway refuses for good",
        "no second try, the process ends with its code",
    ),
    (
        "F-G04",
        "the process is started again and again",
        "identifies are counted over restarts, and waited for before they run out",
    ),
    (
        "F-G05",
        "one shard of many is down",
        "the others go on, and it is started again",
    ),
    (
        "F-G06",
        "an interaction is answered too late, or after its token has died",
        "it is said first that an answer will come; what cannot be told any more is noted and let go",
    ),
    (
        "F-G07",
        "the same interaction comes twice",
        "it is known for 15 minutes, and done and answered once",
    ),
    (
        "F-G08",
        "a request to the interactions endpoint is forged, changed, old or repeated",
        "401, and nothing of it reaches a command; without a word in the configuration no port is open",
    ),
    (
        "F-G09",
        "the gateway sends what nobody knows, or a server of megabytes",
        "it is passed over, the session goes on, and nothing of it is logged",
    ),
    (
        "F-T01",
        "the clock is set back by an hour or ahead by a day",
        "waits keep their length and nothing is done twice",
    ),
    (
        "F-T02",
        "the machine sleeps and wakes up",
        "as if the clock had been set ahead",
    ),
    (
        "F-T03",
        "clocks go forward or back in spring and autumn",
        "each local date has each time once: after the gap, and the first of two",
    ),
    (
        "F-S13",
        "somebody reads for so long that the log cannot be brought home",
        "it is told from 64 MB on, and the log is cut back once they have ended",
    ),
    (
        "F-S14",
        "a backup takes the place of the database",
        "the run knows it: what was on its way is looked for, what waited is not told, and nothing is told twice",
    ),
    (
        "F-L04",
        "one person, or one server, asks or is told very much",
        "five commands in ten seconds, one heavy one in thirty; servers are told in turn, whatever they have",
    ),
    (
        "F-L07",
        "messages pile up over the years",
        "words go after a week, messages after a month, undelivered ones after three; those of open episodes stay",
    ),
    (
        "F-X01",
        "a secret could stand in logs, errors, figures, the database or what commands print",
        "none does, with every fault and all of the log",
    ),
    (
        "F-X09",
        "somebody reaches for what another person keeps",
        "refused, and nothing of it is told",
    ),
    (
        "F-X10",
        "somebody reaches for the alerts of another server",
        "refused; the right is looked at each time",
    ),
    (
        "F-X11",
        "what somebody holds could be seen by others",
        "it is in no channel, log, figure or file in the open",
    ),
    (
        "F-X13",
        "a button is old, made up or another's",
        "refused: its mark is for its reader and a quarter of an hour",
    ),
    (
        "F-X17",
        "somebody uses what is for the operator",
        "refused; the configuration alone names operators",
    ),
    (
        "F-X18",
        "the figures could be read from outside, or name people",
        "they are served to this machine alone, and no label is an id",
    ),
    (
        "F-X22",
        "the database or a backup is stolen",
        "neither holdings nor tokens nor whose they are can be read",
    ),
    (
        "F-X23",
        "the key is lost or another",
        "no start, nothing is changed; the way on is named and keeps every alert",
    ),
    (
        "F-X24",
        "somebody wants to be erased",
        "all of theirs and their key are gone, from the log as well",
    ),
    (
        "F-X19",
        "a crate is known to be weak, was taken back, or comes from elsewhere",
        "the check fails; what is let through is named with its reason. The live list is asked by CI alone",
    ),
    (
        "F-X20",
        "a container runs as root or can write its own root",
        "it runs as a number, reads only, and has no shell and no capabilities",
    ),
    (
        "F-X21",
        "a file with a secret can be read by others",
        "no start, exit 78, the command that mends it",
    ),
    (
        "F-U01",
        "the source fails, refuses or cannot be found",
        "what it said last stands with its age, it is asked later and later, and nothing is told of it",
    ),
    (
        "F-U02",
        "the source is silent, stalls or drips",
        "given up after 5 s to connect, 15 s to begin, 10 s without a byte, a minute in all; nobody else waits",
    ),
    ("F-U03", "an answer is cut off", "nothing of it is believed"),
    (
        "F-U04",
        "a page comes in the place of data",
        "it is no batch, and its first 80 characters are told, escaped",
    ),
    (
        "F-U05",
        "an answer is huge, endless or lies about its length",
        "broken off at the cap; memory grows by less than twice of it",
    ),
    (
        "F-U06",
        "an answer unpacks to far more than it is",
        "the cap is on unpacked bytes, more than 100 for one is refused, and so is a packing within a packing",
    ),
    (
        "F-U07",
        "figures are texts, null, not finite, absurd, doubled, nested or missing",
        "a bad row is skipped and counted; with more than 5 % of them nothing is believed; no rule sees nonsense",
    ),
    (
        "F-U08",
        "a pool is listed twice",
        "once if both say the same, else not at all",
    ),
    (
        "F-U09",
        "the data stand still",
        "their age is shown, they are stale after 3 h, and they confirm nothing",
    ),
    (
        "F-U10",
        "a pool vanishes",
        "missing after three answers and 3 h, which is told once; its episode goes on when it is back",
    ),
    (
        "F-U11",
        "most pools vanish",
        "under 70 % of the usual number nothing is believed, and the source counts as failing",
    ),
    (
        "F-U12",
        "a unit changes by a hundred",
        "pools of a protocol that move so together are suspect until they are back, or have stood for a day",
    ),
    (
        "F-U13",
        "a spike is real",
        "told with the answer that confirms it, from when it began",
    ),
    (
        "F-U14",
        "the source says that it is asked too often",
        "it is left alone for as long as it says",
    ),
    (
        "F-U15",
        "the source leads elsewhere",
        "nobody is asked but the source",
    ),
    (
        "F-U16",
        "a certificate is expired, another's or of nobody known",
        "as if the source could not be reached",
    ),
    (
        "F-U17",
        "two sources disagree",
        "both are shown by their names, and each is measured by itself",
    ),
    (
        "F-X02",
        "a text is written like SQL",
        "it is kept as it is and never obeyed",
    ),
    (
        "F-X03",
        "a name tries to call people",
        "nobody is called by any message, answer or edit",
    ),
    (
        "F-X04",
        "a name is written like markdown or a link",
        "it shows as what it is; addresses are our own",
    ),
    (
        "F-X05",
        "texts are longer than Discord takes",
        "cut between graphemes, rows dropped with how many; every limit holds",
    ),
    (
        "F-X06",
        "a symbol hides, turns or stacks characters, or passes for another",
        "what is hidden is gone, marks are few, and what passes for Latin letters gets a warning sign and its pool's id",
    ),
    (
        "F-X14",
        "options are flooded with text",
        "every text has a longest form, and no pattern is read from anybody",
    ),
    (
        "F-X15",
        "a text would write lines or colours into the log",
        "it is escaped, for people and in JSON",
    ),
    (
        "F-X16",
        "a cell is written like a formula",
        "it has a mark before it that keeps it a text",
    ),
    (
        "F-D11",
        "somebody deletes a message at once",
        "it stays told; a repetition that learns of it counts as told",
    ),
    (
        "F-D12",
        "Discord takes ten seconds for each request",
        "given up after 20 s and then uncertain; 32 are under way at most; commands are answered",
    ),
    (
        "F-D13",
        "a filter of the server refuses a text",
        "given up at once, with a reason that the admin reads; the next notice goes out",
    ),
    (
        "F-D14",
        "a forum, a thread, another kind of channel, or one that was closed",
        "told in the way that it takes; what takes no plain message is parked",
    ),
    (
        "F-L01",
        "there are ten times as many alerts",
        "a pool costs what watches it, and no more",
    ),
    (
        "F-L02",
        "very many notices wait",
        "the oldest first for each channel, and the channels in turn",
    ),
    (
        "F-L03",
        "one move of the market fires everything",
        "one message for a channel, and each notice is told by it",
    ),
    (
        "F-L05",
        "Discord always refuses a notice, or it cannot be made out",
        "given up after the second try, or told in few words; its neighbours are told",
    ),
    (
        "F-L06",
        "a channel is limited for an hour",
        "its own queue waits, and no other",
    ),
    (
        "F-S10",
        "a migration is cut off",
        "each step is there in whole or not at all, the next start goes on, and a copy from before is kept",
    ),
    (
        "F-S15",
        "the system gives no more memory",
        "the process ends as by a kill, and the next one goes on",
    ),
    (
        "F-S16",
        "a task or a command panics",
        "a command or a notice fails alone; for a loop of the bot the process ends with 70 and is started again. No value is logged",
    ),
    (
        "F-T04",
        "a time zone is unknown, or is not known any more",
        "a person is told so; what was kept is read as UTC, and nothing else is lost with it",
    ),
    (
        "F-X12",
        "who made an alert goes, or a person blocks the bot",
        "the alert is the server's and stays; the person is not written to, and loses nothing",
    ),
];

/// Faults that no test here can show, with the reason.
const NOT_SHOWN: &[(&str, &str)] = &[
    (
        "F-S12",
        "the other half: two machines with one token cannot see each other on SQLite; a lock for it comes with \
         PostgreSQL. What is documented: one process for a token",
    ),
    (
        "F-X07",
        "nobody gives the bot an address to call: webhooks are its own",
    ),
    (
        "F-X08",
        "nobody pastes a webhook's address: webhooks are its own",
    ),
    (
        "F-X19",
        "the live list of advisories: a test would depend on the network and on the day; CI asks for it daily, and \
         what the check does with such a list is shown",
    ),
];

/// A test, by its file and its name.
type Shown = (String, String);

/// The files with tests below a folder, this one left out: each with its path from the root, and its text.
fn sources(root: &Path, folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(root, &path, into);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with(file!()) {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            into.push((name, fs::read_to_string(path).unwrap()));
        }
    }
}

/// The tests whose comments name this.
fn showing(text: &str, id: &str) -> Vec<String> {
    let mut shown = Vec::new();
    let mut lines = text.lines().map(str::trim_start);
    let mut named = false;
    while let Some(line) = lines.next() {
        if line.starts_with("///") {
            named |= line.contains(id);
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            let function = lines.find_map(|line| line.split_once("fn "));
            let name = function.and_then(|(_, rest)| rest.split(['(', '<']).next());
            if let (true, Some(name)) = (named, name) {
                shown.push(name.to_owned());
            }
            named = false;
        } else {
            named = false;
        }
    }
    shown
}

fn all_shown(id: &str) -> Vec<Shown> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(root, &root.join(folder), &mut files);
    }
    files.sort();
    let named = |(file, text): &(String, String)| {
        let names = showing(text, id).into_iter();
        names.map(|name| (file.clone(), name)).collect::<Vec<_>>()
    };
    files.iter().flat_map(named).collect()
}

/// A fault without a test is a promise without one.
#[test]
fn each_fault_has_a_test_that_names_it() {
    let missing: Vec<_> = FAULTS
        .iter()
        .filter(|(id, ..)| all_shown(id).is_empty())
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(all_shown("F-S00").is_empty());
}

/// `tests/README.md` says which test shows what. With `UPDATE_TABLE` set it is written anew.
#[test]
fn the_table_of_faults_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (head, _) = text.split_once("\n| fault |").expect("the table");
    let mut faults: Vec<_> = FAULTS.iter().collect();
    faults.sort_by_key(|(id, ..)| *id);
    let rows = faults.into_iter().map(|(id, fault, expected)| {
        let shown = all_shown(id);
        let shown: Vec<String> = shown
            .iter()
            .map(|(file, name)| format!("[`{name}`](../{file})"))
            .collect();
        format!("| {id} | {fault} | {expected} | {} |", shown.join(", "))
    });
    let others = NOT_SHOWN.iter().map(|(id, why)| format!("* {id}: {why}."));
    let lines = [
        head.to_owned(),
        "| fault | what happens | what has to come of it | shown by |".to_owned(),
        "| --- | --- | --- | --- |".to_owned(),
    ];
    let between = ["", "Not shown here:", ""].map(str::to_owned);
    let all: Vec<String> = lines
        .into_iter()
        .chain(rows)
        .chain(between)
        .chain(others)
        .collect();
    let wanted = all.join("\n") + "\n";
    if std::env::var_os("UPDATE_TABLE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let now = fs::read_to_string(&path).unwrap();
    assert!(
        now == wanted,
        "run UPDATE_TABLE=1 cargo test --test it the_table_of_faults"
    );
}
