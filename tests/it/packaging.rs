//! What operators start the bot with: the image, its compose file and the unit of systemd. Where an engine or
//! systemd runs, `deploy/check-layout` and `systemd-analyze` see more; what must never be lost is held here.

use std::{collections::BTreeSet, fs, iter, path::Path};

use stipend::ops::{config::Config, exit::Exit};

pub(crate) fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The instructions of a Dockerfile, one a line, without comments.
fn instructions(text: &str) -> Vec<String> {
    let mut whole = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part);
        } else {
            open.push_str(line);
            whole.push(std::mem::take(&mut open));
        }
    }
    whole
}

/// F-X20: the image is one static binary that runs as a user with a number and no name, checks itself, and
/// has nothing that could start a shell.
#[test]
fn the_image_runs_as_nobody_and_without_a_shell() {
    let instructions = instructions(&file("Dockerfile"));
    let last = instructions.iter().rposition(|it| it.starts_with("FROM "));
    let last = &instructions[last.unwrap()..];
    let of = |name: &str| -> Vec<&str> {
        let with = last
            .iter()
            .filter_map(|it| it.strip_prefix(name)?.strip_prefix(' '));
        with.collect()
    };
    assert_eq!(of("FROM"), ["scratch"]);
    assert_eq!(of("USER"), ["65532:65532"]);
    assert_eq!(of("VOLUME"), ["/data"]);
    assert_eq!(of("STOPSIGNAL"), ["SIGTERM"]);
    assert_eq!(of("ENTRYPOINT"), ["[\"/usr/local/bin/stipend\"]"]);
    assert_eq!(of("CMD"), ["[\"run\"]"]);
    assert_eq!(of("EXPOSE"), [""; 0]);
    let check = of("HEALTHCHECK");
    let [check] = check[..] else {
        panic!("{check:?}");
    };
    assert!(
        check.ends_with("CMD [\"/usr/local/bin/stipend\", \"health\", \"--live\"]"),
        "{check}"
    );
    assert!(
        !last
            .iter()
            .any(|it| it.starts_with("RUN ") || it.starts_with("ADD ")),
        "{last:#?}"
    );
}

/// F-X20: what the compose file gives up for each container, the one for copies included.
#[test]
fn containers_are_given_nothing_that_they_can_do_without() {
    let compose = file("docker-compose.yml");
    let (_, services) = compose.split_once("\nservices:\n").unwrap();
    let (services, _) = services.split_once("\nvolumes:\n").unwrap();
    let given_up = [
        "    user: \"65532:65532\"\n",
        "    read_only: true\n",
        "    cap_drop: [ALL]\n",
        "    security_opt: [\"no-new-privileges:true\"]\n",
        "    mem_limit: ",
        "    pids_limit: ",
    ];
    let (bot, copies) = services.split_once("\n  litestream:\n").unwrap();
    for service in [bot, copies] {
        // After a reboot, the two other ways to start again would not.
        assert!(
            service.contains("    restart: unless-stopped\n"),
            "{service}"
        );
        for line in given_up {
            assert!(service.contains(line), "{line} is not in:\n{service}");
        }
        for line in [
            "privileged",
            "cap_add",
            "network_mode",
            "docker.sock",
            "pid:",
        ] {
            assert!(!service.contains(line), "{line} is in:\n{service}");
        }
    }
    for line in [
        "    tmpfs: [\"/tmp:",
        "    secrets: [discord_token, stipend.key]\n",
        "    stop_grace_period: 30s\n",
        "    healthcheck:\n",
    ] {
        assert!(bot.contains(line), "{line}");
    }
    assert!(copies.contains("    profiles: [litestream]\n"));
    assert!(
        !compose.contains("ports:"),
        "nothing is open to the network"
    );
}

/// The unit asks for what keeps a broken bot from hurting its machine, and starts no bot anew that cannot
/// start: the codes for that are those of the program.
#[test]
fn the_unit_is_closed_and_knows_the_exit_codes() {
    let unit = file("deploy/systemd/stipend.service");
    let lines: BTreeSet<&str> = unit.lines().collect();
    for line in [
        "Type=notify",
        "ExecStart=/usr/local/bin/stipend run",
        "WatchdogSec=60",
        "Restart=on-failure",
        "RestartSec=5",
        "RestartSteps=10",
        "DynamicUser=yes",
        "StateDirectory=stipend",
        "StateDirectoryMode=0700",
        "UMask=0077",
        "LimitCORE=0",
        "LoadCredential=discord_token:/etc/stipend/discord_token",
        "LoadCredential=stipend.key:/etc/stipend/stipend.key",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelLogs=yes",
        "ProtectControlGroups=yes",
        "ProtectClock=yes",
        "ProtectProc=invisible",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "RestrictNamespaces=yes",
        "LockPersonality=yes",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
    ] {
        assert!(lines.contains(line), "{line}");
    }
    let not_again = [
        Exit::Usage,
        Exit::AlreadyRunning,
        Exit::TokenRefused,
        Exit::Unusable,
    ];
    let codes: Vec<String> = not_again
        .iter()
        .map(|exit| exit.code().to_string())
        .collect();
    let line = format!("RestartPreventExitStatus={}", codes.join(" "));
    assert!(lines.contains(&*line), "{line}");
    for exit in [Exit::Unavailable, Exit::Internal] {
        assert!(!codes.contains(&exit.code().to_string()), "{exit:?}");
    }
}

/// What the unit hands to the bot and what root types read the same settings, from a file that the bot's user
/// may reach, and which says where the database and the key are.
#[test]
fn the_unit_and_its_operator_read_one_file() {
    let unit = file("deploy/systemd/stipend.service");
    assert!(unit.contains("\nEnvironment=STIPEND_CONFIG=/etc/stipend.toml\n"));
    assert!(
        !unit.contains("\nEnvironment=STIPEND_DATABASE__URL"),
        "two places would name it"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/stipend.toml");
    let config = Config::load(Some(&path), iter::empty()).unwrap();
    assert_eq!(
        config.database.path(),
        Path::new("/var/lib/stipend/stipend.db")
    );
    let key = Path::new("/etc/stipend/stipend.key");
    assert_eq!(config.secrets.master_key_file, key);
    assert!(unit.contains("\nLoadCredential=stipend.key:/etc/stipend/stipend.key\n"));
    let token = Path::new("/etc/stipend/discord_token");
    assert_eq!(config.discord.token_file.as_deref(), Some(token));
    let readme = file("README.md");
    assert!(readme.contains("install -m 644 deploy/systemd/stipend.toml /etc/stipend.toml\n"));
    // What is typed as it stands there finds the database.
    let (_, after) = readme.split_once("\n**With systemd**").unwrap();
    let (systemd, _) = after.split_once("\nIn Docker").unwrap();
    for block in systemd.split("```sh\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        let before = block.find("export STIPEND_CONFIG=/etc/stipend.toml\n");
        let first = ["stipend backup", "stipend restore", "stipend health"];
        let first = first.iter().filter_map(|command| block.find(command)).min();
        assert!(before.is_some() && before < first, "{block}");
    }
}

/// What README installs from an unpacked release is in it.
#[test]
fn a_release_holds_what_readme_installs_from_it() {
    let release = file(".github/workflows/release.yml");
    assert!(release.contains("cp -r deploy \"out/$NAME/\"\n"));
    let readme = file("README.md");
    let (_, after) = readme.split_once("\n**With systemd**").unwrap();
    let (install, _) = after.split_once("\nSettings go into").unwrap();
    let named: Vec<&str> = install
        .split_whitespace()
        .filter(|word| word.starts_with("deploy/"))
        .collect();
    assert_eq!(named.len(), 2, "{named:?}");
    for path in named {
        file(path);
    }
}

/// The three ways to start the bot name the same files, so that a database or a key is not looked for in two
/// places, and each key that they set is one that there is.
#[test]
fn what_the_image_and_the_unit_set_are_settings() {
    let keys = Config::keys();
    let keys = keys.iter();
    let known: BTreeSet<String> = keys
        .map(|key| format!("STIPEND_{}", key.replace('.', "__").to_uppercase()))
        // The one that is no setting and names their file.
        .chain(["STIPEND_CONFIG".to_owned()])
        .collect();
    let name = |c: char| c.is_ascii_uppercase() || c == '_';
    for path in [
        "Dockerfile",
        "docker-compose.yml",
        "deploy/systemd/stipend.service",
        "deploy/check-layout",
    ] {
        let text = file(path);
        let mut set = 0;
        for (at, _) in text.match_indices("STIPEND_") {
            let (_, rest) = text.split_at(at);
            let end = rest.find(|c| !name(c)).unwrap_or(rest.len());
            let (variable, rest) = rest.split_at(end);
            if rest.starts_with('=') || rest.starts_with(':') {
                set += 1;
                assert!(known.contains(variable), "{path}: {variable}");
            }
        }
        assert!(set > 0, "{path}");
    }
}
