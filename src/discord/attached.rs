//! Files that people hand over with a command.

use std::time::Duration;

use poise::serenity_prelude as serenity;
use reqwest::{Client, StatusCode, Url, redirect::Policy};
use tracing::warn;

use super::errors::{CommandError, Trouble};

/// Discord hands a file of some kilobytes out at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where Discord keeps what people upload:
/// <https://discord.com/developers/docs/reference#signed-attachment-cdn-urls>.
const HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];

/// The bytes of a file that is at most so long, by what Discord says before anything is fetched. It is asked
/// for at Discord's own addresses alone, or where `api_url` says that something stands in for Discord. Why one
/// cannot be fetched is not repeated: it holds the address, by which anybody could.
pub(super) async fn bytes(
    file: &serenity::Attachment,
    most_kib: u32,
    api_url: &str,
) -> Result<Vec<u8>, CommandError> {
    if file.size > most_kib * 1024 {
        return Err(Trouble::FileTooLong { most_kib }.into());
    }
    let fetched = async {
        let url = believed(&file.url, api_url)?;
        fetch(url, file.size).await.ok().flatten()
    };
    let fetched = tokio::time::timeout(PATIENCE, fetched).await;
    fetched.ok().flatten().ok_or_else(|| {
        warn!("a file that somebody handed over cannot be fetched");
        Trouble::FileUnreachable.into()
    })
}

/// An address that may be asked.
fn believed(told: &str, api_url: &str) -> Option<Url> {
    let url = Url::parse(told).ok()?;
    let is_discords = url.scheme() == "https"
        && url.port().is_none()
        && url.host_str().is_some_and(|host| HOSTS.contains(&host));
    let stands_in = Url::parse(api_url).is_ok_and(|api| api.origin() == url.origin());
    (is_discords || stands_in).then_some(url)
}

/// All of a file that is as long as was told. What is longer is not read to its end.
async fn fetch(url: Url, told: u32) -> reqwest::Result<Option<Vec<u8>>> {
    let client = Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .build()?;
    let mut answer = client.get(url).send().await?;
    if answer.status() != StatusCode::OK {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await? {
        bytes.extend_from_slice(&part);
        if u32::try_from(bytes.len()).map_or(true, |length| length > told) {
            return Ok(None);
        }
    }
    Ok((u32::try_from(bytes.len()) == Ok(told)).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use axum::{Router, body::Body, response::Redirect, routing::get};
    use futures::stream;

    use super::*;

    fn told(url: &str, size: u32) -> serenity::Attachment {
        serde_json::from_value(serde_json::json!({
            "id": "1", "filename": "a.csv", "size": size, "url": url, "proxy_url": url,
        }))
        .unwrap()
    }

    /// A stand-in for Discord with files, and how often the one was asked for that lies elsewhere.
    async fn files() -> (String, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let elsewhere = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { "twelve bytes" }
        };
        let endless = || async {
            let parts = stream::repeat_with(|| Ok::<_, Infallible>("twelve bytes"));
            Body::from_stream(parts)
        };
        let router = Router::new()
            .route("/file", get(|| async { "twelve bytes" }))
            .route(
                "/moved",
                get(|| async { Redirect::temporary("/elsewhere") }),
            )
            .route("/elsewhere", get(elsewhere))
            .route("/endless", get(endless));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (format!("http://{address}"), asked)
    }

    async fn got(url: &str, size: u32, api_url: &str) -> Option<Vec<u8>> {
        bytes(&told(url, size), 64, api_url).await.ok()
    }

    /// What Discord said of a file is what is taken, to the byte; nothing else ends up in memory.
    #[tokio::test]
    async fn a_file_is_as_long_as_was_told_or_is_not_taken() {
        let (discord, _) = files().await;
        let file = format!("{discord}/file");
        let whole = got(&file, 12, &discord).await;
        assert_eq!(whole.as_deref(), Some(b"twelve bytes".as_slice()));
        assert_eq!(got(&file, 11, &discord).await, None);
        assert_eq!(got(&file, 13, &discord).await, None);
        // Read to its end, this would take as long as is waited at most.
        let endless = format!("{discord}/endless");
        let endless = got(&endless, 12, &discord);
        let read = tokio::time::timeout(PATIENCE / 2, endless).await;
        assert_eq!(read, Ok(None));
        assert_eq!(got(&format!("{discord}/absent"), 0, &discord).await, None);
    }

    /// An answer cannot send the bot to another address, such as one in the operator's own network.
    #[tokio::test]
    async fn nobody_is_led_elsewhere() {
        let (discord, asked) = files().await;
        assert_eq!(got(&format!("{discord}/moved"), 12, &discord).await, None);
        let (other, asked_there) = files().await;
        let there = format!("{other}/elsewhere");
        assert_eq!(got(&there, 12, &discord).await, None);
        let both = [asked, asked_there].map(|asked| asked.load(Ordering::Relaxed));
        assert_eq!(both, [0, 0]);
    }

    #[test]
    fn only_discords_own_addresses_are_believed() {
        let is = |url: &str| believed(url, "https://discord.com").is_some();
        assert!(is(
            "https://cdn.discordapp.com/ephemeral-attachments/1/2/a.csv?ex=1&is=2&hm=3"
        ));
        assert!(is("https://media.discordapp.net/attachments/1/2/a.csv"));
        for url in [
            "http://cdn.discordapp.com/attachments/1/2/a.csv",
            "https://cdn.discordapp.com:8443/a.csv",
            "https://cdn.discordapp.com.example.org/a.csv",
            "https://cdn.discordapp.com@127.0.0.1/a.csv",
            "https://169.254.169.254/a.csv",
            "file:///etc/passwd",
            "a.csv",
        ] {
            assert!(!is(url), "{url}");
        }
    }
}
