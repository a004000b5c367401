use std::fs;

use proptest::prelude::*;

use super::*;
use crate::domain::time::Span;

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.toml");
    fs::write(&path, text).unwrap();
    loaded(Some(&path), variables)
        .map_err(|said| said.replace(path.to_str().unwrap(), "stipend.toml"))
}

fn loaded(path: Option<&Path>, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Config::load(path, variables).map_err(|faults| faults.to_string())
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(with(text, &[]).unwrap_err(), want, "{text}");
}

#[test]
fn nothing_written_gives_the_defaults() {
    let config = with("", &[]).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    assert_eq!(config.discord.api_url, "https://discord.com");
    assert_eq!(config.sources.defillama.interval, Span::minutes(15));
    assert_eq!(config.sources.defillama.max_body_bytes, 67_108_864);
    assert_eq!(config.database.path(), Path::new("stipend.db"));
    assert_eq!(config.delivery.max_per_second.get(), 40);
    assert_eq!(config.ops.listen.to_string(), "127.0.0.1:9464");
}

#[test]
fn the_example_shows_every_key_and_every_default() {
    let example = include_str!("../../../config.example.toml");
    let config = with(example, &[]).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));

    let mut section = String::new();
    let mut shown = Vec::new();
    for line in example.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            name.clone_into(&mut section);
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ")
            && !key.contains(' ')
        {
            shown.push(format!("{section}.{key}"));
        }
    }
    assert_eq!(shown, Config::keys());
}

#[test]
fn the_example_still_loads_with_its_optional_keys() {
    let example = include_str!("../../../config.example.toml");
    let text: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            // A file that others can read may hold no secret.
            Some(key)
                if !key.starts_with([' ', '#'])
                    && !line.starts_with("#token =")
                    && !line.starts_with("#key =") =>
            {
                key
            }
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n");
    let config = with(&text, &[]).unwrap();
    assert!(config.discord.token_file.is_some());
    assert!(config.sources.coingecko.key_file.is_some());
    assert!(config.sources.token_metrics.key_file.is_some());
    assert!(config.sources.file.path.is_some() && config.sources.file.charts.is_some());
    assert!(config.sources.incidents.path.is_some());
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_its_line_and_what_is_allowed() {
    check(
        "\n[sources.defillama]\n# often\ninterval = \"5\"\n",
        "stipend.toml:4: sources.defillama.interval: \"5\" is not a length of time; write it like 15m (1s or more)",
    );
    check(
        "[delivery]\nmax_per_second = \"40\"",
        "stipend.toml:2: delivery.max_per_second: \"40\" is not a whole number; 1 to 50 is allowed",
    );
    check(
        "[delivery]\nmax_per_second = 2.5",
        "stipend.toml:2: delivery.max_per_second: 2.5 is not a whole number; 1 to 50 is allowed",
    );
    check(
        "sources.defillama.enabled = \"yes\"",
        "stipend.toml:1: sources.defillama.enabled: \"yes\" is neither true nor false",
    );
    check(
        "[ops]\nlisten = \"localhost\"\nlog_format = \"xml\"",
        "stipend.toml:2: ops.listen: \"localhost\" is not an address and port; write it like 127.0.0.1:9464 or [::1]:9464\n\
         stipend.toml:3: ops.log_format: \"xml\" is none of auto, human, json",
    );
    check(
        "[delivery]\ntimeout = [1]\n[alerts]\nhold = 2020-01-01",
        "stipend.toml:2: delivery.timeout: the value is not a length of time; write it like 5m (10ms to 5m)\n\
         stipend.toml:4: alerts.hold: the value is not a length of time; write it like 15m (0s to 14d)",
    );
}

#[test]
fn a_public_key_is_one_that_could_be() {
    let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let config = with(&format!("[discord]\npublic_key = \"{key}\""), &[]).unwrap();
    assert_eq!(config.discord.public_key.unwrap().to_string(), key);
    for wrong in ["3d40", &"0".repeat(64), &"x".repeat(64)] {
        let said = with(&format!("[discord]\npublic_key = \"{wrong}\""), &[]).unwrap_err();
        assert!(said.contains("copy its 64 hexadecimal digits"), "{said}");
    }
}

#[test]
fn a_value_out_of_range_is_told_with_the_range() {
    check(
        "[delivery]\nmax_per_second = 60",
        "stipend.toml:2: delivery.max_per_second: 60 is out of range; 1 to 50 is allowed",
    );
    check(
        "[delivery]\nmax_per_second = -1",
        "stipend.toml:2: delivery.max_per_second: -1 is out of range; 1 to 50 is allowed",
    );
    check(
        "[discord]\nshards = 1025",
        "stipend.toml:2: discord.shards: 1025 is out of range; 0 to 1024 is allowed",
    );
    check(
        "[verdict]\nmax_apy = nan",
        "stipend.toml:2: verdict.max_apy: NaN is out of range; 0.01 to 1000000 is allowed",
    );
    check(
        "[sources.defillama]\ninterval = \"500ms\"\ntimeout = \"11m\"",
        "stipend.toml:2: sources.defillama.interval: \"500ms\" is out of range; 1s or more is allowed\n\
         stipend.toml:3: sources.defillama.timeout: \"11m\" is out of range; 1s to 10m is allowed",
    );
    check(
        "[sources.defillama]\ninterval = \"900y\"",
        "stipend.toml:2: sources.defillama.interval: \"900y\" is too long; at most 365d is allowed",
    );
}

#[test]
fn the_ends_of_a_range_are_allowed() {
    let config = with(
        "[delivery]\nmax_per_second = 50\ntimeout = \"1s\"\n[alerts]\nhold = \"0s\"\n[discord]\nshards = 1024\n[ops]\nlisten = \"127.0.0.1:0\"",
        &[],
    )
    .unwrap();
    assert_eq!(config.delivery.max_per_second.get(), 50);
    assert_eq!(config.discord.shards.unwrap().get(), 1024);
    assert_eq!(config.alerts.timing.hold, Span::minutes(0));
    assert_eq!(config.ops.listen.port(), 0);
}

#[test]
fn keys_that_do_not_fit_together_are_told_with_both_names() {
    check(
        "[delivery]\nsettle = \"20s\"",
        "stipend.toml:2: delivery.settle: delivery.settle (20s) has to be longer than delivery.timeout (20s)",
    );
    check(
        "[delivery]\ntimeout = \"1m\"\ninvalid_soft = 500",
        "stipend.toml:2: delivery.timeout: delivery.settle (30s) has to be longer than delivery.timeout (1m)\n\
         stipend.toml:3: delivery.invalid_soft: delivery.invalid_hard (500) has to be more than delivery.invalid_soft (500)",
    );
    let said = with("", &[("STIPEND_DELIVERY__INVALID_HARD", "200")]);
    assert_eq!(
        said.unwrap_err(),
        "STIPEND_DELIVERY__INVALID_HARD: delivery.invalid_hard (200) has to be more than delivery.invalid_soft (200)"
    );
    assert!(with("[delivery]\ntimeout = \"10ms\"\nsettle = \"11ms\"", &[]).is_ok());
}

#[test]
fn a_back_off_is_an_ascending_row_of_a_few_lengths() {
    let row = |text: &str| with(&format!("[delivery]\nback_off = \"{text}\""), &[]);
    let config = row("10ms, 1s,1h 30m , 1d").unwrap();
    let steps: Vec<String> = config
        .delivery
        .back_off
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(steps, ["10ms", "1s", "1h 30m", "1d"]);
    let twelve: Vec<String> = (1..=12).map(|step| format!("{step}s")).collect();
    assert!(row(&twelve.join(",")).is_ok());
    let thirteen = format!("{},13s", twelve.join(","));
    for bad in [
        "", "1s,", "5s, 1s", "1s, 1s", "9ms", "25h", "soon", &thirteen,
    ] {
        let said = row(bad).unwrap_err();
        assert_eq!(
            said,
            format!(
                "stipend.toml:2: delivery.back_off: \"{bad}\" is not a row of 1 to 12 ascending lengths of time \
                 from 10ms to 1d; write it like \"1s, 5s, 30s\""
            )
        );
    }
}

/// A harness prints what it ran with; pasted into a file it has to run the same, no key left out.
#[test]
fn delivery_prints_as_it_would_be_written() {
    let mut delivery = Config::default().delivery;
    delivery.timeout = Span::minutes(1);
    delivery.settle = Span::minutes(2);
    delivery.back_off = vec![Span::minutes(1), Span::hours(2)];
    delivery.merge = false;
    delivery.channel_per_minute = 0;
    let printed = delivery.to_string();
    let again = with(&format!("[delivery]\n{printed}"), &[]).unwrap();
    assert_eq!(again.delivery, delivery);
    let keys: Vec<String> = printed
        .lines()
        .map(|line| format!("delivery.{}", line.split_once(" = ").unwrap().0))
        .collect();
    let mut known = Config::keys();
    known.retain(|key| key.starts_with("delivery."));
    assert_eq!(keys, known);
}

#[test]
fn lengths_of_time_are_read_in_every_form() {
    for (text, want) in [
        ("90s", Span::minutes(1).0 + Span::minutes(1).0 / 2),
        ("15m", Span::minutes(15).0),
        ("2h", Span::hours(2).0),
        ("1h 30m", Span::minutes(90).0),
        ("7d", Span::days(7).0),
    ] {
        let config = with(&format!("[alerts]\nhold = \"{text}\""), &[]).unwrap();
        assert_eq!(config.alerts.timing.hold.0, want, "{text}");
    }
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one() {
    check(
        "[delivery]\ntimout = \"5s\"",
        "stipend.toml:2: delivery.timout: unknown key; the nearest one is delivery.timeout",
    );
    check(
        "max_per_second = 4",
        "stipend.toml:1: max_per_second: unknown key; the nearest one is delivery.max_per_second",
    );
    check(
        "[delivry]\ntimeout = \"5s\"",
        "stipend.toml:2: delivry.timeout: unknown key; the nearest one is delivery.timeout",
    );
    check(
        "\n\"delivery.timeout\" = \"5s\"",
        "stipend.toml:2: \"delivery.timeout\": unknown key; the nearest one is delivery.timeout",
    );
    check(
        "[weather]\nforecast = \"rain\"",
        "stipend.toml:2: weather.forecast: unknown key; config.example.toml shows all there are",
    );
    assert!(with("[delivry]", &[]).is_err());
    assert!(with("[delivery]", &[]).is_ok());
}

#[test]
fn a_section_that_is_no_section_is_told() {
    check(
        "delivery = 5",
        "stipend.toml:1: delivery: is a section, not a key; write it as [delivery]",
    );
    check(
        "[[delivery]]\ntimeout = \"5s\"",
        "stipend.toml:1: delivery: is a section, not a key; write it as [delivery]",
    );
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = "\
[ops]
log_level = \"loud\"

[delivery]
timeout = \"soon\"
rate = 40

[alerts]
hold = \"1h\"
per_guild = 0
";
    let said = with(
        text,
        &[
            ("STIPEND_PORTFOLIO__PER_USER", "many"),
            ("STIPEND_ALERT__HOLD", "2h"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap_err();
    let lines: Vec<&str> = said
        .lines()
        .map(|line| line.split_once(' ').unwrap().0)
        .collect();
    assert_eq!(
        lines,
        [
            "stipend.toml:2:",
            "stipend.toml:5:",
            "stipend.toml:6:",
            "stipend.toml:10:",
            "STIPEND_ALERT__HOLD:",
            "STIPEND_PORTFOLIO__PER_USER:",
        ],
        "{said}"
    );
}

#[test]
fn the_environment_wins_over_the_file_and_knows_only_text() {
    let config = with(
        "[delivery]\nmax_per_second = 10\ntimeout = \"5s\"",
        &[
            ("STIPEND_DELIVERY__MAX_PER_SECOND", "20"),
            ("STIPEND_SOURCES__DEFILLAMA__ENABLED", "false"),
            ("STIPEND_VERDICT__MAX_APY", "12.5"),
            ("STIPEND_SECRETS__MASTER_KEY_FILE", "1234"),
        ],
    )
    .unwrap();
    assert_eq!(config.delivery.max_per_second.get(), 20);
    assert_eq!(config.delivery.timeout.to_string(), "5s");
    assert!(!config.sources.defillama.enabled);
    assert!((config.verdict.max_apy - 12.5).abs() < f64::EPSILON);
    assert_eq!(config.secrets.master_key_file, Path::new("1234"));
}

#[test]
fn a_variable_that_is_wrong_or_unknown_is_told_by_its_name() {
    for (variable, text, want) in [
        (
            "STIPEND_DELIVERY__MAX_PER_SECOND",
            "60",
            "STIPEND_DELIVERY__MAX_PER_SECOND: \"60\" is out of range; 1 to 50 is allowed",
        ),
        (
            "STIPEND_DELIVERY_TIMEOUT",
            "5s",
            "STIPEND_DELIVERY_TIMEOUT: unknown variable; the nearest one is STIPEND_DELIVERY__TIMEOUT",
        ),
        (
            "STIPEND_HOLIDAY_GREETING",
            "merry",
            "STIPEND_HOLIDAY_GREETING: unknown variable; config.example.toml shows all keys",
        ),
        (
            "STIPEND_DISCORD__TOKN",
            "canary",
            "STIPEND_DISCORD__TOKN: unknown variable; the nearest one is STIPEND_DISCORD__TOKEN",
        ),
    ] {
        assert_eq!(with("", &[(variable, text)]).unwrap_err(), want);
    }
}

#[test]
fn an_empty_variable_leaves_an_optional_key_out() {
    let config = with(
        "",
        &[
            ("STIPEND_DISCORD__TOKEN", ""),
            ("STIPEND_DISCORD__TOKEN_FILE", ""),
        ],
    )
    .unwrap();
    assert!(config.discord.token.is_none());
    assert!(config.discord.token_file.is_none());
}

#[test]
fn the_environment_names_the_file_and_the_command_line_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    fs::write(&one, "[portfolio]\nper_user = 1").unwrap();
    fs::write(&other, "[portfolio]\nper_user = 2").unwrap();
    let variable = [("STIPEND_CONFIG", one.to_str().unwrap())];
    assert_eq!(loaded(None, &variable).unwrap().portfolio.per_user, 1);
    let config = loaded(Some(&other), &variable).unwrap();
    assert_eq!(config.portfolio.per_user, 2);
}

#[test]
fn a_file_that_cannot_be_used_is_told_along_with_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.toml");
    let said = loaded(Some(&absent), &[("STIPEND_OPS__LISTEN", "here")]).unwrap_err();
    assert!(said.contains("absent.toml: cannot be read: "), "{said}");
    assert!(said.contains("STIPEND_OPS__LISTEN: "), "{said}");

    let said = with("[ops]\nlisten = \n", &[]).unwrap_err();
    assert!(said.starts_with("stipend.toml:2: is not TOML: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let said = with(
        "[ops]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"",
        &[],
    )
    .unwrap_err();
    assert!(said.starts_with("stipend.toml:3: is not TOML: "), "{said}");
}

#[test]
fn a_line_that_cannot_be_read_is_not_repeated() {
    for line in [
        "token = canary",
        "token = \"canary",
        "token = \"\\x41canary\"",
    ] {
        let said = with(&format!("[discord]\n{line}\n"), &[]).unwrap_err();
        assert!(said.contains("is not TOML"), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused_with_its_name(text in "(\\PC|[\\[\\]=\".\n]|delivery|timeout|hold|alerts){0,40}") {
        if let Err(said) = with(&text, &[]) {
            prop_assert!(!said.is_empty());
            for line in said.lines() {
                prop_assert!(line.starts_with("stipend.toml"), "{line:?}");
            }
        }
    }
}

#[test]
fn addresses_of_services_are_plain_and_lose_their_last_slash() {
    let config = with("[discord]\napi_url = \"http://127.0.0.1:8080//\"", &[]).unwrap();
    assert_eq!(config.discord.api_url, "http://127.0.0.1:8080");
    for url in [
        "discord.com",
        "ftp://discord.com",
        "file:///etc/passwd",
        "https://user:canary@discord.com",
        "https://canary@discord.com",
        "https://discord.com?key=canary",
        "https://discord.com#canary",
        "https://",
    ] {
        let said = with(&format!("[discord]\napi_url = \"{url}\""), &[]).unwrap_err();
        assert!(
            said.starts_with("stipend.toml:2: discord.api_url: "),
            "{said}"
        );
        assert!(
            !said.contains("canary@") && !said.contains("=canary"),
            "{said}"
        );
    }
}

#[test]
fn only_an_sqlite_file_is_a_database() {
    let config = with("[database]\nurl = \"sqlite:///data/stipend.db\"", &[]).unwrap();
    assert_eq!(config.database.path(), Path::new("/data/stipend.db"));
    check(
        "[database]\nurl = \"postgres://stipend:canary@localhost/stipend\"",
        "stipend.toml:2: database.url: the value names PostgreSQL, which is a later piece of work; write it like sqlite://stipend.db or sqlite:///data/stipend.db",
    );
    for url in [
        "sqlite://",
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite://a?mode=ro",
        "a.db",
    ] {
        assert!(
            with(&format!("[database]\nurl = \"{url}\""), &[]).is_err(),
            "{url}"
        );
    }
}

/// F-X21: so it is where the configuration itself holds a secret.
#[cfg(unix)]
#[test]
fn a_token_in_the_file_needs_a_file_of_ones_own() {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.toml");
    fs::write(&path, "[discord]\ntoken = \"canary\"").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let said = loaded(Some(&path), &[]).unwrap_err();
    assert!(said.contains("stipend.toml:2: discord.token: "), "{said}");
    assert!(said.contains("`chmod 600 "), "{said}");
    // The variable takes the place of what stands in the file.
    assert!(loaded(Some(&path), &[("STIPEND_DISCORD__TOKEN", "other")]).is_ok());

    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let config = loaded(Some(&path), &[]).unwrap();
    assert_eq!(
        config.discord.token.as_ref().unwrap().expose_secret(),
        "canary"
    );
    assert!(!format!("{config:?}").contains("canary"));
    fs::write(&path, "[discord]\ntoken = 12345").unwrap();
    let said = loaded(Some(&path), &[]).unwrap_err();
    assert!(
        said.ends_with("discord.token: the value is not text; put it in quotes"),
        "{said}"
    );
}
