use std::collections::BTreeSet;

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn clock(text: &str) -> TimeOfDay {
    text.parse().unwrap()
}

fn daily(at: &str) -> Cadence {
    Cadence::Day { at: clock(at) }
}

/// The moments at which an offset of a zone changes from 2020 to 2035, to the hour.
fn transitions(zone: Zone) -> Vec<i64> {
    let (start, end) = (moment("2020-01-01").millis(), moment("2036-01-01").millis());
    let offset = |at: i64| {
        let local = zone.local(Timestamp::from_millis(at));
        local.naive_local().and_utc().timestamp_millis() - at
    };
    let mut found = Vec::new();
    let mut at = start;
    // No two changes lie within half a day, so that days without one are passed at once.
    while at < end {
        if offset(at) != offset(at + DAY / 2) {
            let change = (at..at + DAY / 2)
                .step_by(usize::try_from(HOUR).unwrap())
                .find(|hour| offset(*hour) != offset(*hour + HOUR));
            found.extend(change);
        }
        at += DAY / 2;
    }
    found
}

/// The first moment of a date at which the clock shows this time or a later one, by looking at each
/// minute in turn.
fn plainly(zone: Zone, date: NaiveDate, at: TimeOfDay, from: i64, to: i64) -> Option<i64> {
    let wanted = date.and_time(at.clock());
    (from..to)
        .step_by(usize::try_from(MINUTE).unwrap())
        .find(|minute| zone.local(Timestamp::from_millis(*minute)).naive_local() >= wanted)
}

/// F-T04: a zone is kept by its name, so that a newer table of zones moves what is told at a local time; what a
/// person types is no zone unless it is known.
#[test]
fn names_are_found_whatever_the_case_and_by_their_place() {
    assert_eq!(zone(" europe/berlin ").name(), "Europe/Berlin");
    assert_eq!(Zone::parse("Berlin"), None);
    assert_eq!(Zone::matching("new y", 5), ["America/New_York"]);
    assert_eq!(
        Zone::matching("", 3),
        ["UTC", "Europe/London", "Europe/Berlin"]
    );
    assert_eq!(
        Zone::matching("ber", 2),
        ["Atlantic/Bermuda", "Europe/Berlin"]
    );
    assert!(COMMON.iter().all(|name| Zone::parse(name).is_some()));
    let kept = serde_json::to_string(&zone("Asia/Kathmandu")).unwrap();
    assert_eq!(
        serde_json::from_str::<Zone>(&kept).unwrap(),
        zone("Asia/Kathmandu")
    );
}

#[test]
fn times_of_day_are_read_as_people_write_them() {
    for (text, shown) in [
        ("9", "09:00"),
        ("09:30", "09:30"),
        (" 9:05 pm", "21:05"),
        ("12am", "00:00"),
        ("12 PM", "12:00"),
        ("23:59", "23:59"),
    ] {
        assert_eq!(clock(text).to_string(), shown, "{text}");
    }
    for wrong in [
        "24:00", "9:60", "13pm", "0am", "noon", "", "009", "9:5:1", "-1",
    ] {
        assert!(wrong.parse::<TimeOfDay>().is_err(), "{wrong}");
    }
}

#[test]
fn a_time_that_is_skipped_comes_after_the_gap_and_one_that_is_doubled_comes_once() {
    let next = |name: &str, at: &str, after: &str| {
        daily(at).next_after(zone(name), moment(after)).to_string()
    };
    assert_eq!(
        next("Europe/Berlin", "02:30", "2026-03-28T12:00:00Z"),
        "2026-03-29T01:00:00Z"
    );
    assert_eq!(
        next("Europe/Berlin", "02:30", "2026-10-24T12:00:00Z"),
        "2026-10-25T00:30:00Z"
    );
    // The clock shows 02:30 again, and the day has had it.
    assert_eq!(
        next("Europe/Berlin", "02:30", "2026-10-25T00:30:00Z"),
        "2026-10-26T01:30:00Z"
    );
    // Lord Howe moves by half an hour.
    assert_eq!(
        next("Australia/Lord_Howe", "02:15", "2026-10-03T00:00:00Z"),
        "2026-10-03T15:30:00Z"
    );
    assert_eq!(
        next("Asia/Kathmandu", "09:00", "2026-01-01T03:15:00Z"),
        "2026-01-02T03:15:00Z"
    );
    // Midnight itself does not exist on this day in Beirut.
    assert_eq!(
        next("Asia/Beirut", "00:00", "2026-03-28T12:00:00Z"),
        "2026-03-28T22:00:00Z"
    );
}

#[test]
fn quiet_hours_over_midnight_end_in_the_morning() {
    let night = QuietHours::new(clock("22:00"), clock("07:00"), Days::All).unwrap();
    let end = |at: &str| night.end(zone("Europe/Berlin"), moment(at));
    assert_eq!(end("2026-01-10T20:59:00Z"), None);
    assert_eq!(
        end("2026-01-10T21:00:00Z"),
        Some(moment("2026-01-11T06:00:00Z"))
    );
    assert_eq!(
        end("2026-01-11T05:59:00Z"),
        Some(moment("2026-01-11T06:00:00Z"))
    );
    assert_eq!(end("2026-01-11T06:00:00Z"), None);
    // The night in which the clock goes forward is an hour shorter.
    assert_eq!(
        end("2026-03-28T23:00:00Z"),
        Some(moment("2026-03-29T05:00:00Z"))
    );
    let day = QuietHours::new(clock("12:00"), clock("13:00"), Days::All).unwrap();
    assert_eq!(
        day.end(Zone::default(), moment("2026-01-10T13:00:00Z")),
        None
    );
    assert_eq!(
        QuietHours::new(clock("9"), clock("09:00"), Days::All),
        Err(NoHours)
    );
    assert!(serde_json::from_str::<QuietHours>(r#"{"from":"09:00","to":"09:00"}"#).is_err());
}

#[test]
fn a_weekly_digest_falls_on_its_local_weekday() {
    let monday = Cadence::Week {
        on: Weekday::Monday,
        at: clock("00:30"),
    };
    let sydney = zone("Australia/Sydney");
    let mut at = moment("2026-01-01");
    for _ in 0..104 {
        let next = monday.next_after(sydney, at);
        assert!(next > at);
        assert_eq!(
            Weekday::of(sydney.local(next).date_naive()),
            Weekday::Monday
        );
        at = next;
    }
    assert_eq!(zone("UTC").local(at).date_naive().to_string(), "2027-12-26");
}

/// F-T03: over every change of a clock from 2020 to 2035, in every zone: each date has each time once,
/// at the first moment at which the clock shows it or is past it.
#[test]
fn each_date_has_each_time_once_whenever_a_clock_is_changed() {
    let times = [
        "00:00", "00:30", "01:30", "02:00", "02:30", "03:00", "12:00", "23:30",
    ];
    // Zones with the same changes are walked once.
    let mut walked = BTreeSet::new();
    let mut changes = 0;
    for zone in TZ_VARIANTS.iter().copied().map(Zone) {
        let transitions = transitions(zone);
        let offsets: Vec<String> = transitions
            .iter()
            .map(|at| zone.local(Timestamp::from_millis(*at)).to_rfc3339())
            .collect();
        if transitions.is_empty() || !walked.insert((transitions.clone(), offsets)) {
            continue;
        }
        for change in transitions {
            changes += 1;
            for time in times {
                let start = change - 2 * DAY;
                let mut at = Timestamp::from_millis(start);
                let mut dates = Vec::new();
                while at.millis() < change + 2 * DAY {
                    let next = daily(time).next_after(zone, at);
                    assert!(next > at, "{zone} {time}");
                    dates.push(next);
                    at = next;
                }
                for pair in dates.windows(2) {
                    let apart = pair[1].since(pair[0]).as_millis();
                    assert!(
                        (20 * 3_600_000..=28 * 3_600_000).contains(&apart),
                        "{zone} {time}: {} and {}",
                        pair[0],
                        pair[1]
                    );
                }
            }
            let date = zone.local(Timestamp::from_millis(change)).date_naive();
            let wanted = plainly(zone, date, clock("02:30"), change - DAY, change + 2 * DAY);
            let found = zone.moment(date, clock("02:30").clock()).millis();
            assert_eq!(Some(found), wanted, "{zone} on {date}");
        }
    }
    assert!(changes > 1_000, "{changes}");
}

/// Quiet hours of a weekend begin on its days, and those of Friday's weekday night run into Saturday.
#[test]
fn quiet_hours_begin_on_their_days() {
    let zone = zone("Europe/Berlin");
    let hours = |days| QuietHours::new(clock("22:00"), clock("07:00"), days).unwrap();
    let friday_night = moment("2026-07-03T21:00:00Z");
    let saturday_night = moment("2026-07-04T21:00:00Z");
    assert!(hours(Days::Weekdays).end(zone, friday_night).is_some());
    assert!(hours(Days::Weekends).end(zone, friday_night).is_none());
    assert!(hours(Days::Weekdays).end(zone, saturday_night).is_none());
    assert!(hours(Days::Weekends).end(zone, saturday_night).is_some());
    let saturday_morning = moment("2026-07-04T03:00:00Z");
    assert!(hours(Days::Weekdays).end(zone, saturday_morning).is_some());
    assert_eq!(
        hours(Days::Weekends).to_string(),
        "22:00 to 07:00 at weekends"
    );
}
