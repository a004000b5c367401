//! The same backlog by serenity's own webhook execution under its own limiter, as a bot that uses both
//! would do it: a task for each webhook, which tells its notices one after the other.
//!
//! serenity's limiter speaks to `https://discord.com` and leaves out the proxy that a client may have.
//! So its client finds loopback under that name, where the encryption is taken off in front of the
//! stand-in, and trusts nothing but a certificate that is made for the run.

use std::{net::SocketAddr, ops::Range, sync::Arc};

use discord_twin::{NewWebhook, Twin};
use poise::serenity_prelude::{
    CreateAllowedMentions, CreateEmbed, CreateEmbedFooter, ExecuteWebhook, Http, HttpBuilder,
    WebhookId,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

const DISCORD: &str = "discord.com";

/// Tells each webhook its notices, all at the same time. An error is passed over, as after a line in the log.
pub(super) async fn tell(twin: &Twin, notices: Vec<(NewWebhook, Range<u64>)>) {
    let (front, certificate, encryption) = encrypted(twin).await;
    let http = Arc::new(client(twin, front, &certificate));
    let mut tasks = JoinSet::new();
    for (webhook, numbers) in notices {
        tasks.spawn(tell_one(Arc::clone(&http), webhook, numbers));
    }
    while let Some(told) = tasks.join_next().await {
        told.expect("a task");
    }
    encryption.abort();
}

async fn tell_one(http: Arc<Http>, webhook: NewWebhook, numbers: Range<u64>) {
    for number in numbers {
        let embed = CreateEmbed::new()
            .title(super::title(number))
            .description(super::text())
            .footer(CreateEmbedFooter::new("not advice"));
        let notice = ExecuteWebhook::new()
            .embed(embed)
            .allowed_mentions(CreateAllowedMentions::new());
        let id = WebhookId::new(webhook.id);
        let sent = http.execute_webhook(id, None, &webhook.token, true, Vec::new(), &notice);
        drop(sent.await);
    }
}

/// serenity's client as it comes, but for where it finds Discord and whom it trusts.
fn client(twin: &Twin, front: SocketAddr, certificate: &[u8]) -> Http {
    let root = reqwest::Certificate::from_der(certificate).expect("a certificate");
    let client = reqwest::Client::builder()
        .no_proxy()
        .resolve(DISCORD, front)
        .tls_built_in_root_certs(false)
        .add_root_certificate(root)
        .build()
        .expect("a client");
    HttpBuilder::new(twin.token()).client(client).build()
}

/// Takes the encryption off in front of the stand-in. Returns where, and the certificate.
async fn encrypted(twin: &Twin) -> (SocketAddr, Vec<u8>, JoinHandle<()>) {
    let made = rcgen::generate_simple_self_signed([DISCORD.to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let bytes = certificate.to_vec();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key that fits");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let front = listener.local_addr().expect("an address");
    let behind = twin.base_url().trim_start_matches("http://").to_owned();
    let serving = tokio::spawn(async move {
        while let Ok((plain, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let mut outer = acceptor.accept(plain).await?;
                let mut inner = TcpStream::connect(behind).await?;
                copy_bidirectional(&mut outer, &mut inner).await
            });
        }
    });
    (front, bytes, serving)
}
