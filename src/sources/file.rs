//! The same answers, saved to disk: for replays, demonstrations and machines without a network.
//!
//! A saved answer is a `.json` file or a packed `.json.zst`. Its name should hold when it was taken:
//! `pools-2026-02-16_0034.json.zst`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Answer, Batch, Outage, SMALL_BODY, SourceError, aside,
    defillama::{
        categories::Categories,
        chart::{self, ChartDay},
        pools::{self, newest_time},
    },
    excerpt,
};
use crate::domain::{
    ids::PoolId,
    method::Method,
    pool::Pool,
    reading::{DEFILLAMA, FeedStats, Observed, Reading},
    time::{Day, Timestamp},
};

/// What is wrong, without the beginning of what was read: a file that was named by mistake may hold a secret.
fn unquoted(error: SourceError) -> SourceError {
    match error {
        SourceError::Malformed(complaint) => {
            let complaint = complaint.split(": \"").next().unwrap_or_default();
            SourceError::Malformed(complaint.to_owned())
        }
        other => other,
    }
}

/// The cap on decoded bytes of a file.
const MAX_BODY: u64 = 64 * 1024 * 1024;
/// As a file's name ends when it is packed.
const PACKED: &str = ".json.zst";
const PLAIN: &str = ".json";

/// A saved answer and when it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    pub path: PathBuf,
    /// The newest time that one of its pools states for itself; else the time in the file's name;
    /// else midnight UTC of the date in it.
    pub stated: Option<Timestamp>,
}

/// The decoded bytes of a saved answer. Blocks.
///
/// # Errors
///
/// [`SourceError::Unavailable`] when the file cannot be read, [`SourceError::TooLarge`] above 64 MiB
/// decoded, [`SourceError::Malformed`] when it cannot be unpacked or its end is missing.
pub fn read_pools(path: &Path) -> Result<Vec<u8>, SourceError> {
    read_within(path, MAX_BODY)
}

/// The decoded bytes of a file, of which there may be so many. Blocks.
pub(super) fn read_within(path: &Path, cap: u64) -> Result<Vec<u8>, SourceError> {
    let unreadable = |error| SourceError::Unavailable(Outage::File(error));
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    if path.as_os_str().to_string_lossy().ends_with(".zst") {
        let decoder = zstd::stream::read::Decoder::new(file).map_err(unreadable)?;
        // The unpacker reports its own troubles as errors of reading; those of the disk have a kind.
        decoder
            .take(cap.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| match error.kind() {
                io::ErrorKind::Other | io::ErrorKind::UnexpectedEof => {
                    SourceError::Malformed(format!(
                        "it cannot be unpacked ({})",
                        excerpt(error.to_string().as_bytes())
                    ))
                }
                _ => unreadable(error),
            })?;
    } else {
        file.take(cap.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
    }
    if bytes.len() as u64 > cap {
        return Err(SourceError::TooLarge { cap });
    }
    Ok(bytes)
}

/// The saved answers of a folder (not of folders in it) in the order in which they were taken, those
/// of an unknown time last. Reads every file. Blocks.
///
/// A file that cannot be read is listed by the time in its name: the error shows when it is used.
///
/// # Errors
///
/// [`SourceError::Unavailable`] when the folder cannot be listed.
pub fn snapshots(dir: &Path) -> Result<Vec<SnapshotFile>, SourceError> {
    let unreadable = |error| SourceError::Unavailable(Outage::File(error));
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let Some(stem) = name
            .strip_suffix(PACKED)
            .or_else(|| name.strip_suffix(PLAIN))
        else {
            continue;
        };
        if !path.is_file() {
            continue;
        }
        let inner = read_pools(&path)
            .and_then(|body| newest_time(&body))
            .ok()
            .flatten();
        let stated = inner.or_else(|| time_in(stem));
        found.push(SnapshotFile { path, stated });
    }
    found.sort_by(|one, other| {
        let key = |file: &SnapshotFile| (file.stated.is_none(), file.stated);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.path.cmp(&other.path))
    });
    Ok(found)
}

/// The time in a name such as `pools-2026-02-16_0034` or `pools-2026-02-16T0034`; midnight UTC where
/// there is a date alone.
fn time_in(name: &str) -> Option<Timestamp> {
    const MINUTE_MS: i64 = 60_000;
    (0..name.len()).find_map(|start| {
        let date = name.get(start..start + 10)?;
        let shaped = date.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        let day = Day::parse(date).filter(|_| shaped)?.start();
        let minutes = name
            .get(start + 10..)
            .and_then(|rest| rest.strip_prefix(['_', 'T']))
            .and_then(minutes_in)
            .unwrap_or(0);
        Some(Timestamp::from_millis(day.millis() + minutes * MINUTE_MS))
    })
}

/// `HHMM` at the start of a text, in minutes.
fn minutes_in(text: &str) -> Option<i64> {
    let part = |range| {
        let digits: &str = text.get(range)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|_| plain)
    };
    let hours = part(0..2).filter(|hours| *hours < 24)?;
    let minutes = part(2..4).filter(|minutes| *minutes < 60)?;
    Some(hours * 60 + minutes)
}

/// What a pool showed on each day of its life, ascending, as it was saved in `{pool}.json` or
/// `{pool}.json.zst` of a folder; nothing for a pool that has no such file.
pub async fn chart(folder: &Path, pool: PoolId) -> Result<Vec<ChartDay>, SourceError> {
    let paths = [PLAIN, PACKED].map(|ending| folder.join(format!("{pool}{ending}")));
    aside(move || match paths.iter().find(|path| path.exists()) {
        Some(path) => chart::parse(&read_within(path, SMALL_BODY)?),
        None => Ok(Vec::new()),
    })
    .await
    .map_err(unquoted)
}

/// Recorded charts as batches, one for each UTC day: a file with one pool's answer a line, which also
/// names the pool. What the pools are is not in it. Blocks.
///
/// # Errors
///
/// [`SourceError::Unavailable`] when the file cannot be read, [`SourceError::Malformed`] when a line
/// is no such answer.
pub fn charts(path: &Path) -> Result<Vec<Batch>, SourceError> {
    let mut days: BTreeMap<Day, Vec<Observed>> = BTreeMap::new();
    for (pool, chart) in recorded_charts(path)? {
        let pool = nameless(pool);
        for day in chart {
            days.entry(day.at.day())
                .or_default()
                .push(observed(&pool, &day));
        }
    }
    Ok(days.into_iter().map(batch_of_day).collect())
}

/// Recorded charts pool by pool: a file with one pool's answer a line, which also names the pool.
/// Blocks.
///
/// # Errors
///
/// As [`charts`].
pub fn recorded_charts(path: &Path) -> Result<Vec<(PoolId, Vec<ChartDay>)>, SourceError> {
    #[derive(serde::Deserialize)]
    struct Line {
        pool: PoolId,
    }
    const MAX_CHARTS: u64 = 1024 * 1024 * 1024;
    read_within(path, MAX_CHARTS)?
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            let named: Line = serde_json::from_slice(line)
                .map_err(|error| SourceError::Malformed(error.to_string()))?;
            Ok((named.pool, chart::parse(line)?))
        })
        .collect()
}

/// A pool of which only the id is known.
fn nameless(id: PoolId) -> Pool {
    Pool {
        id,
        chain: Arc::from(""),
        protocol: Arc::from(""),
        symbol: "".into(),
        meta: None,
        method: Method::Unknown,
        stablecoin: false,
        multi_asset: false,
        impermanent_loss: false,
        underlying: Box::new([]),
    }
}

fn observed(pool: &Pool, day: &ChartDay) -> Observed {
    Observed {
        pool: pool.clone(),
        reading: Reading {
            at: day.at,
            apy: day.apy,
            base: day.base,
            reward: day.reward,
            tvl_usd: day.tvl_usd,
        },
        feed: FeedStats::default(),
        own_time: true,
        reward_tokens: Box::default(),
    }
}

/// What a source would have answered at the end of the day.
fn batch_of_day((day, rows): (Day, Vec<Observed>)) -> Batch {
    Batch {
        source: DEFILLAMA,
        fetched_at: Day(day.0.saturating_add(1)).start(),
        digest: u64::from(day.0.cast_unsigned()),
        rows,
        skipped: 0,
        conflicting: 0,
    }
}

/// A saved answer in the place of the upstream.
#[derive(Debug, Clone)]
pub struct FileSource {
    path: PathBuf,
    categories: Arc<Categories>,
    /// Of the last usable content.
    digest: Option<u64>,
}

impl FileSource {
    /// Reads nothing yet: the file may be missing now and be there later.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            categories: Arc::new(Categories::bundled()),
            digest: None,
        }
    }

    /// The last content was not taken over, so the same bytes count as news once more.
    pub fn forget(&mut self) {
        self.digest = None;
    }

    /// All pools in the file, or that they are as they were. `now` stands for the time of fetching.
    pub async fn pools(&mut self, now: Timestamp) -> Result<Answer, SourceError> {
        let path = self.path.clone();
        let last = self.digest;
        let categories = Arc::clone(&self.categories);
        let answer = aside(move || {
            let body = read_pools(&path)?;
            pools::answer(&body, last, now, &categories)
        })
        .await
        .map_err(unquoted)?;
        if let Answer::Batch(batch) = &answer {
            self.digest = Some(batch.digest);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::shared;

    const BODY: &str = r#"{"status":"success","data":[{"pool":"747c1d2a-c668-4682-b9f9-296708a3dd90",
        "chain":"Ethereum","project":"lido","symbol":"STETH","tvlUsd":1,"apy":2.5}]}"#;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// F-X01: a file with a secret that was named by mistake is not quoted, since that is logged.
    #[tokio::test]
    async fn what_is_no_answer_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "MTEx.canary").unwrap();
        let now = Timestamp::from_millis(0);
        let error = FileSource::new(&path).pools(now).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(
            said.contains("line 1") && !said.contains("canary"),
            "{said}"
        );
    }

    #[test]
    fn names_hold_times() {
        for (name, want) in [
            ("pools-2026-02-16_0034", Some(moment("2026-02-16T00:34:00"))),
            ("pools-2026-02-16T2359", Some(moment("2026-02-16T23:59:00"))),
            ("pools-2026-02-16", Some(moment("2026-02-16"))),
            ("pools-2026-02-16_9934", Some(moment("2026-02-16"))),
            ("pools-2026-02-16_+034", Some(moment("2026-02-16"))),
            ("2026-02-16-pools", Some(moment("2026-02-16"))),
            ("pools-2026-13-16", None),
            ("pools", None),
            (
                "ünïcödé-2026-02-16_0034",
                Some(moment("2026-02-16T00:34:00")),
            ),
        ] {
            assert_eq!(time_in(name), want, "{name}");
        }
    }

    #[test]
    fn snapshots_stand_in_the_order_of_their_times() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let timed = BODY.replace(
            "\"apy\":2.5",
            "\"apy\":2.5,\"timestamp\":\"2025-01-01T10:00:00.000Z\"",
        );
        // Named later than it says of itself.
        write("pools-2025-03-01.json", timed.as_bytes());
        write("pools-2025-02-01_1200.json", BODY.as_bytes());
        let packed = zstd::encode_all(BODY.as_bytes(), 3).unwrap();
        write("pools-2025-01-31.json.zst", &packed);
        write("undated.json", BODY.as_bytes());
        write("pools-2025-02-02.json", b"broken");
        write("notes-2025-01-01.txt", b"");
        let found = snapshots(folder.path()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|file| file.path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "pools-2025-03-01.json",
                "pools-2025-01-31.json.zst",
                "pools-2025-02-01_1200.json",
                "pools-2025-02-02.json",
                "undated.json",
            ]
        );
        assert_eq!(found[0].stated, Some(moment("2025-01-01T10:00:00")));
        assert_eq!(found[4].stated, None);
        assert!(matches!(
            snapshots(&folder.path().join("nowhere")),
            Err(SourceError::Unavailable(Outage::File(_)))
        ));
    }

    #[test]
    fn packed_files_have_a_cap_and_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.json.zst");
        fs::write(
            &path,
            zstd::encode_all(vec![b' '; 300_000].as_slice(), 3).unwrap(),
        )
        .unwrap();
        assert!(matches!(
            read_within(&path, 200_000),
            Err(SourceError::TooLarge { cap: 200_000 })
        ));
        assert_eq!(read_within(&path, 300_000).unwrap().len(), 300_000);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        assert!(matches!(read_pools(&path), Err(SourceError::Malformed(_))));
        fs::write(&path, b"no zstd at all").unwrap();
        assert!(matches!(read_pools(&path), Err(SourceError::Malformed(_))));
    }

    #[tokio::test]
    async fn a_file_is_a_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pools.json");
        let mut source = FileSource::new(&path);
        let now = Timestamp::from_millis(1_000);
        assert!(matches!(
            source.pools(now).await,
            Err(SourceError::Unavailable(Outage::File(_)))
        ));
        fs::write(&path, BODY).unwrap();
        let Answer::Batch(batch) = source.pools(now).await.unwrap() else {
            panic!("the first reading is a change");
        };
        assert_eq!((batch.rows.len(), batch.fetched_at), (1, now));
        assert_eq!(source.pools(now).await.unwrap(), Answer::Unchanged);
        fs::write(&path, BODY.replace("2.5", "2.6")).unwrap();
        assert!(matches!(source.pools(now).await, Ok(Answer::Batch(_))));
    }

    #[tokio::test]
    async fn charts_lie_in_a_folder_by_their_pools() {
        const CHART: &str = r#"{"status":"success","data":[
            {"timestamp":"2026-02-15T23:01:02.000Z","tvlUsd":10,"apy":2.5,"apyBase":null,"apyReward":null},
            {"timestamp":"2026-02-16T23:01:02.000Z","tvlUsd":11,"apy":2.6,"apyBase":null,"apyReward":null}]}"#;
        let folder = tempfile::tempdir().unwrap();
        let pool = |last: char| format!("747c1d2a-c668-4682-b9f9-296708a3dd9{last}");
        let write =
            |name: String, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write(format!("{}.json", pool('0')), CHART.as_bytes());
        let packed = zstd::encode_all(CHART.as_bytes(), 3).unwrap();
        write(format!("{}.json.zst", pool('1')), &packed);
        write(format!("{}.json", pool('2')), &CHART.as_bytes()[..90]);
        let read = async |last: char| chart(folder.path(), pool(last).parse().unwrap()).await;
        for saved in ['0', '1'] {
            let days = read(saved).await.unwrap();
            let told: Vec<_> = days.iter().map(|day| (day.at, day.tvl_usd)).collect();
            let at = |day: u32| moment(&format!("2026-02-{day}T23:01:02"));
            assert_eq!(told, [(at(15), 10.0), (at(16), 11.0)]);
        }
        assert!(matches!(read('2').await, Err(SourceError::Malformed(_))));
        assert_eq!(read('3').await.unwrap(), []);
    }

    #[test]
    fn the_captured_snapshots_have_their_times() {
        if let Some(folder) = shared::data("stable-snapshots") {
            let found = snapshots(&folder).unwrap();
            assert_eq!(found.len(), 12);
            assert_eq!(found[0].stated, Some(moment("2026-02-16T00:34:00")));
            assert_eq!(found[11].stated, Some(moment("2026-02-27T09:02:00")));
        }
        if let Some(folder) = shared::data("dex-snapshots") {
            let found = snapshots(&folder).unwrap();
            assert_eq!(found.len(), 7);
            assert_eq!(found[0].stated, Some(moment("2025-08-31T14:07:28.874Z")));
            assert_eq!(found[6].stated, Some(moment("2025-09-27T10:15:48.657Z")));
        }
    }
}
