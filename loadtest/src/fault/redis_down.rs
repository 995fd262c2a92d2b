//! Redis is killed under calls over two nodes, and started again.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::figures::Figures;
use super::{Fault, SETTLE};
use crate::redis::Redis;
use crate::scrape::Scrape;
use crate::server::Server;
use crate::session::Session;
use crate::talk::Talk;

/// How long Redis is away.
const AWAY: Duration = Duration::from_secs(5);

/// The two find each other, lose each other, and find each other again within this.
const WITHIN: Duration = Duration::from_secs(30);

/// Between two tries to call somebody on the other node.
const TRY_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn once(asked: &Fault, figures: &mut Figures) -> anyhow::Result<()> {
    let mut redis = tokio::task::block_in_place(Redis::start)?;
    let url = redis.url();
    let node = |name: &str| {
        let environment = [
            ("TANDEM__CLUSTER__REDIS_URL", url.as_str()),
            ("TANDEM__CLUSTER__NODE_NAME", name),
            // A node does not know of a visitor whether it is on this machine.
            ("TANDEM__NETWORK__PUBLIC_ADDRESSES", "127.0.0.1"),
        ];
        tokio::task::block_in_place(|| Server::start_with(&asked.server, &environment))
    };
    let (a, b) = (node("a")?, node("b")?);
    hear_each_other(&[&a, &b]).await?;
    let mut talks = Vec::new();
    for _ in 0..asked.talks.max(1) {
        talks.push(Talk::between([&a.url, &b.url], asked.media()).await?);
    }
    let (mut caller, mut callee) = (Session::open(&a.url).await?, Session::open(&b.url).await?);
    ensure!(rings(&mut caller, &mut callee).await?, "nobody is reached on the other node");
    sleep(SETTLE).await;
    talks.iter().for_each(Talk::reset_gaps);

    tokio::task::block_in_place(|| redis.kill())?;
    let fault = Instant::now();
    while fault.elapsed() < AWAY {
        let called = Instant::now();
        let rang = rings(&mut caller, &mut callee).await?;
        ensure!(!rang, "a call came through without Redis");
        figures.add("refused_after_call_ms", called.elapsed());
        sleep(TRY_EVERY * 4).await;
    }

    tokio::task::block_in_place(|| redis.start_again())?;
    let back = Instant::now();
    while !rings(&mut caller, &mut callee).await? {
        ensure!(back.elapsed() < WITHIN, "it does not heal");
        sleep(TRY_EVERY).await;
    }
    figures.add("healed_after_start_ms", back.elapsed());
    sleep(SETTLE).await;
    figures.finish(talks).await
}

pub(super) async fn hear_each_other(nodes: &[&Server]) -> anyhow::Result<()> {
    let since = Instant::now();
    for node in nodes {
        while Scrape::take(&node.ops).await?.value("tandem_cluster_nodes{state=\"heard\"}") < 1.0 {
            ensure!(since.elapsed() < WITHIN, "the nodes do not hear each other");
            sleep(TRY_EVERY).await;
        }
    }
    Ok(())
}

/// Calls, and takes the call back. False: the other node cannot be reached, says the server.
async fn rings(caller: &mut Session, callee: &mut Session) -> anyhow::Result<bool> {
    callee.send(json!({ "type": "ping" })).await?;
    caller.send(json!({ "type": "call", "user_id": callee.user_id })).await?;
    let answer = timeout(WITHIN, async {
        loop {
            let event = caller.next().await?;
            match event["type"].as_str() {
                Some("error") if event["code"] == "node_unreachable" => return anyhow::Ok(None),
                Some("call_ringing") => return Ok(Some(event)),
                Some("error" | "call_ended") => bail!("another answer to a call: {event}"),
                _ => {}
            }
        }
    });
    let Some(ringing) = answer.await?? else {
        return Ok(false);
    };
    timeout(WITHIN, callee.expect("incoming_call")).await??;
    caller
        .send(json!({ "type": "cancel", "call_id": ringing["call_id"] }))
        .await?;
    for side in [caller, callee] {
        timeout(WITHIN, side.expect("call_ended")).await??;
    }
    Ok(true)
}
