//! Commands and notices reach the servers of every shard.

use discord_twin::{Guild, Invocation, Twin, guild_on_shard};

use crate::support::{LONG, TestBot, USDC, Upstream, admin, answer, market, said, world};

/// A server is served by the shard that Discord gives it to, and by no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_each_of_two_shards_is_answered_and_told() {
    let guilds = [guild_on_shard(0, 2, 0), guild_on_shard(1, 2, 0)];
    let mut world = world().shards(2);
    for guild in guilds {
        world = world.guild(Guild::new(guild, "Test").channel(guild + 1, "yields"));
    }
    let twin = Twin::start(world).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 2).await;
    for guild in guilds {
        let call = Invocation::of("alerts add")
            .in_guild(guild)
            .by(admin())
            .option("at_once", true);
        let call = call
            .option("when", "apy_below")
            .option("value", 3)
            .option("pool", USDC)
            .option("hold", "1s");
        let reply = twin.run(&call).await.unwrap();
        let said = said(&reply);
        assert!(reply.ephemeral, "{said}");
        let here = format!("is set for <#{}>", guild + 1);
        for words in [
            &here,
            "APY falls to 3 % or lower",
            "held 1 s",
            "No pool meets it",
        ] {
            assert!(said.contains(words), "“{words}” is not in: {said}");
        }
    }
    for step in 0..3 {
        upstream.set(answer(&market(2.0 - f64::from(step) / 10.0)));
        upstream.taken().await;
    }
    for guild in guilds {
        twin.wait_for_messages(guild + 1, 1, LONG).await.unwrap();
        assert_eq!(twin.channel(guild + 1).len(), 1);
    }
    bot.end(&twin);
}
