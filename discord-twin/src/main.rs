//! Runs the twin by itself: prints the address and the token, and stays until Ctrl-C.
#![forbid(unsafe_code)]

use std::{error::Error, io::Write, net::SocketAddr};

use discord_twin::{Guild, Twin, World};

const USAGE: &str = "usage: discord-twin [--listen 127.0.0.1:0] [--world FILE.json]";

struct Arguments {
    listen: SocketAddr,
    world: World,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut world = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(USAGE);
        match word.as_str() {
            "--listen" => listen = value()?.parse()?,
            "--world" => world = Some(serde_json::from_slice(&std::fs::read(value()?)?)?),
            _ => return Err(USAGE.into()),
        }
    }
    let world = world.unwrap_or_else(|| {
        let id = discord_twin::guild_on_shard(0, 1, 0);
        World::default().guild(
            Guild::new(id, "Twin")
                .channel(id + 1, "general")
                .channel(id + 2, "yields"),
        )
    });
    Ok(Arguments { listen, world })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { listen, world } = arguments()?;
    let twin = Twin::start_on(world, listen).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", twin.base_url())?;
    writeln!(out, "{}", twin.token())?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    twin.stop().await;
    Ok(())
}
