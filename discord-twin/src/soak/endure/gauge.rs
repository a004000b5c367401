//! What a process holds and uses, and how long people waited.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::super::bot::Bot;

/// Looks at a running bot from outside.
#[derive(Debug)]
pub(super) struct Gauge {
    process: PathBuf,
    folder: PathBuf,
}

/// What it saw at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    at: Duration,
    /// Resident, in megabytes of a million bytes.
    pub(super) memory: f64,
    most: f64,
    threads: f64,
    files: usize,
    /// The database with its log, in megabytes.
    database: f64,
    /// Processor time so far, in seconds.
    processor: f64,
}

/// The kernel's unit of processor time in `/proc/PID/stat`: a hundredth of a second on Linux.
const TICKS: f64 = 100.0;

impl Gauge {
    pub(super) fn of(bot: &Bot) -> io::Result<Self> {
        let process = bot.process().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self {
            process: Path::new("/proc").join(process.to_string()),
            folder: bot.folder().to_owned(),
        })
    }

    pub(super) fn read(&self, at: Duration) -> io::Result<Reading> {
        let status = fs::read_to_string(self.process.join("status"))?;
        let megabytes = |name| figure(&status, name) * 1024.0 / 1e6;
        let stat = fs::read_to_string(self.process.join("stat"))?;
        // After the name in brackets, which may hold anything: user and system time are numbers 12 and 13.
        let spent = stat.rsplit(')').next().unwrap_or_default();
        let spent = spent.split_whitespace().skip(11).take(2);
        let ticks: f64 = spent.filter_map(|word| word.parse::<f64>().ok()).sum();
        Ok(Reading {
            at,
            memory: megabytes("VmRSS:"),
            most: megabytes("VmHWM:"),
            threads: figure(&status, "Threads:"),
            files: fs::read_dir(self.process.join("fd"))?.count(),
            database: self.database(),
            processor: ticks / TICKS,
        })
    }

    fn database(&self) -> f64 {
        let length = |name: &str| {
            let file = fs::metadata(self.folder.join(name));
            file.map_or(0, |file| file.len() / 1000)
        };
        let kilobytes = length("stipend.db") + length("stipend.db-wal");
        f64::from(u32::try_from(kilobytes).unwrap_or(u32::MAX)) / 1e3
    }
}

fn figure(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>3} min    {:.0} MB resident, {:.0} at most; {} threads, {} files open; database {:.0} MB; processor {:.0} s",
            self.at.as_secs() / 60,
            self.memory,
            self.most,
            self.threads,
            self.files,
            self.database,
            self.processor,
        )
    }
}

/// How long people waited, in microseconds: for the first answer of any kind, and for the one that says
/// something.
#[derive(Debug, Default)]
pub(super) struct Times {
    first: Vec<u32>,
    whole: Vec<u32>,
}

impl Times {
    pub(super) fn add(&mut self, first: Duration, whole: Duration) {
        let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.first.push(micros(first));
        self.whole.push(micros(whole));
    }
}

/// What this many of a thousand waited at most, in milliseconds.
fn within(times: &[u32], per_mille: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = sorted.len().saturating_sub(1) * per_mille / 1000;
    f64::from(sorted.get(rank).copied().unwrap_or_default()) / 1e3
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |times: &[u32]| {
            let [p50, p99, most] = [500, 990, 1000].map(|share| within(times, share));
            format!("p50 {p50:.1} p99 {p99:.1} most {most:.0} ms")
        };
        write!(
            f,
            "first answer {}; whole answer {} ({})",
            row(&self.first),
            row(&self.whole),
            self.first.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_of_the_sorted_times() {
        let times: Vec<u32> = (0..=1000).rev().map(|nth| nth * 1000).collect();
        let ranks = [0, 500, 990, 1000].map(|share| within(&times, share));
        assert_eq!(
            ranks.map(|rank| rank.to_string()),
            ["0", "500", "990", "1000"]
        );
        assert_eq!(within(&[], 990).to_string(), "0");
    }

    #[test]
    fn a_status_is_read_by_the_names_of_its_lines() {
        let status = "Name:\tstipend\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\nThreads:\t7\n";
        assert_eq!(figure(status, "VmRSS:").to_string(), "1024");
        assert_eq!(figure(status, "Threads:").to_string(), "7");
        assert_eq!(figure(status, "VmSwap:").to_string(), "0");
    }
}
