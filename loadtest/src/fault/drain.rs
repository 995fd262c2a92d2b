//! One of two nodes that share a database is stopped in order, with all calls on it: they go on at the other one.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::time::sleep;

use super::figures::Figures;
use super::redis_down::hear_each_other;
use super::{Fault, SETTLE};
use crate::redis::Redis;
use crate::server::Server;
use crate::talk::Talk;

/// A node stays for as long as its media has not moved, and no longer than this.
const GONE_WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn once(asked: &Fault, figures: &mut Figures) -> anyhow::Result<()> {
    let store = asked
        .store_url
        .as_deref()
        .context("--store-url has to name a database of PostgreSQL of its own: loadtest/drain.sh makes one")?;
    let redis = tokio::task::block_in_place(Redis::start)?;
    let url = redis.url();
    // A database that several runs share knows the nodes of each.
    let run = format!("{:x}", rand::random::<u32>());
    let node = |name: &str| {
        let name = format!("{name}-{run}");
        let environment = [
            ("TANDEM__STORE__URL", store),
            ("TANDEM__CLUSTER__REDIS_URL", url.as_str()),
            ("TANDEM__CLUSTER__NODE_NAME", name.as_str()),
        ];
        tokio::task::block_in_place(|| Server::start_with(&asked.server, &environment))
    };
    let (mut a, b) = (node("a")?, node("b")?);
    hear_each_other(&[&a, &b]).await?;
    let talks = Talk::many(asked.talks.max(1), || {
        let (urls, media) = ([a.url.clone(), b.url.clone()], asked.media());
        async move { Talk::behind([&urls[0], &urls[1]], media).await }
    })
    .await?;
    sleep(SETTLE).await;
    talks.iter().for_each(Talk::reset_gaps);

    let fault = Instant::now();
    a.terminate()?;
    while !a.is_gone()? {
        ensure!(fault.elapsed() < GONE_WITHIN, "the node is still there after {GONE_WITHIN:?}");
        sleep(Duration::from_millis(10)).await;
    }
    figures.add("gone_ms", fault.elapsed());
    // What comes from here on is the other node's.
    sleep(SETTLE).await;
    for side in talks.iter().flat_map(Talk::facts) {
        ensure!(side.resumed == 1, "one came back {} times", side.resumed);
    }
    figures.finish(talks).await
}
