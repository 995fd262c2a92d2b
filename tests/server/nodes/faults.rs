//! What Redis and nodes do to calls when they fail: each while a call over two nodes and one on a single node go on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::redis::{Redis, hear_each_other};
use super::{ended, is_empty, meanwhile, two_nodes};
use crate::support::{Server, Tab, ring, talk};

/// Two calls that must not notice anything, and who tries new ones.
struct Witnesses {
    over: (Tab, Tab),
    on_one: (Tab, Tab),
    caller: Tab,
    far: Tab,
    near: Tab,
}

impl Witnesses {
    async fn open(a: &Server, b: &Server) -> Witnesses {
        let mut over = (Tab::open(a).await, Tab::open(b).await);
        talk(&mut over.0, &mut over.1).await;
        let mut on_one = (Tab::open(a).await, Tab::open(a).await);
        talk(&mut on_one.0, &mut on_one.1).await;
        Witnesses {
            over,
            on_one,
            caller: Tab::open(a).await,
            far: Tab::open(b).await,
            near: Tab::open(a).await,
        }
    }

    async fn beat(&mut self) {
        for tab in [&mut self.over.0, &mut self.over.1, &mut self.on_one.0, &mut self.on_one.1] {
            tab.beat().await;
        }
    }

    async fn wait(&mut self, long: Duration) {
        let until = Instant::now() + long;
        while Instant::now() < until {
            self.beat().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// A call on one node works, at once.
    async fn near_works(&mut self) {
        self.beat().await;
        let call_id = talk(&mut self.caller, &mut self.near).await;
        self.caller.send(json!({ "type": "hang_up", "call_id": call_id })).await;
        ended(&mut [&mut self.caller, &mut self.near], "hung_up").await;
    }

    /// A call to the other node is refused in time.
    async fn far_is_refused(&mut self) -> Duration {
        self.beat().await;
        let since = Instant::now();
        let user_id = self.far.user_id();
        self.caller.send(json!({ "type": "call", "user_id": user_id })).await;
        let Witnesses {
            over, on_one, caller, ..
        } = self;
        let mut talking = [&mut over.0, &mut over.1, &mut on_one.0, &mut on_one.1];
        let error = meanwhile(&mut talking, caller.expect("error")).await;
        assert_eq!(error["code"], "node_unreachable", "{error}");
        let long = since.elapsed();
        assert!(long < Duration::from_secs(2), "{long:?}");
        long
    }

    /// Whether a call to the other node comes through now.
    async fn far_works(&mut self) -> bool {
        self.beat().await;
        let user_id = self.far.user_id();
        self.caller.send(json!({ "type": "call", "user_id": user_id })).await;
        let answer = self.caller.answer().await;
        if answer["type"] == "error" {
            assert_eq!(answer["code"], "node_unreachable", "{answer}");
            return false;
        }
        assert_eq!(answer["type"], "call_ringing", "{answer}");
        self.far.expect("incoming_call").await;
        self.caller
            .send(json!({ "type": "cancel", "call_id": answer["call_id"] }))
            .await;
        ended(&mut [&mut self.caller, &mut self.far], "cancelled").await;
        true
    }

    async fn heals(&mut self, since: Instant) -> Duration {
        while !self.far_works().await {
            assert!(since.elapsed() < Duration::from_secs(10), "it does not heal");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let long = since.elapsed();
        assert!(long < Duration::from_secs(5), "healed after {long:?}");
        long
    }

    /// Nobody in the calls that ran was told of anything.
    async fn saw_nothing(&mut self) {
        for tab in [&mut self.over.0, &mut self.over.1, &mut self.on_one.0, &mut self.on_one.1] {
            for kind in ["call_ended", "participant_changed", "participant_left", "error"] {
                assert_eq!(tab.count(kind).await, 0, "{kind}");
            }
        }
    }
}

/// Until the nodes have noticed it is 1.5 s; then for some seconds.
async fn fault(name: &str, mut redis: Redis, a: &Server, b: &Server, begin: impl Fn(&mut Redis), end: impl Fn(&mut Redis)) {
    let mut witnesses = Witnesses::open(a, b).await;
    assert!(witnesses.far_works().await);
    begin(&mut redis);
    let at_once = witnesses.far_is_refused().await;
    witnesses.near_works().await;
    witnesses.wait(Duration::from_secs(2)).await;
    a.metric_becomes("tandem_cluster_bus_up", 0.0);
    let later = witnesses.far_is_refused().await;
    witnesses.near_works().await;
    witnesses.saw_nothing().await;
    assert!(a.ops("/readyz").0.starts_with("HTTP/1.1 200"));
    // Long enough to be away for, if it were the nodes.
    witnesses.wait(Duration::from_secs(4)).await;
    end(&mut redis);
    let healed = witnesses.heals(Instant::now()).await;
    witnesses.near_works().await;
    witnesses.saw_nothing().await;
    println!(
        "{name}: refused after {} ms at once and {} ms later, healed after {} ms",
        at_once.as_millis(),
        later.as_millis(),
        healed.as_millis()
    );
    // What was said to the other node meanwhile is not lost.
    let call_id = |welcome: &Value| welcome["call"]["call_id"].clone();
    let call = call_id(&witnesses.over.0.come_back(a).await);
    witnesses.over.1.send(json!({ "type": "hang_up", "call_id": call })).await;
    ended(&mut [&mut witnesses.over.0, &mut witnesses.over.1], "hung_up").await;
}

#[tokio::test]
async fn redis_is_killed_and_comes_back() {
    let (redis, a, b) = two_nodes(&[]);
    fault("killed", redis, &a, &b, Redis::kill, Redis::start_again).await;
}

#[tokio::test]
async fn redis_stands_still() {
    let (redis, a, b) = two_nodes(&[]);
    fault(
        "stopped",
        redis,
        &a,
        &b,
        |redis| redis.signal("STOP"),
        |redis| redis.signal("CONT"),
    )
    .await;
}

#[tokio::test]
async fn redis_is_flushed() {
    let (redis, a, b) = two_nodes(&[]);
    let mut witnesses = Witnesses::open(&a, &b).await;
    for _ in 0..5 {
        redis.say("FLUSHALL").expect("it answers");
        assert!(witnesses.far_works().await);
    }
    witnesses.saw_nothing().await;
}

#[tokio::test]
async fn redis_drops_every_connection_again_and_again() {
    let (redis, a, b) = two_nodes(&[]);
    let mut witnesses = Witnesses::open(&a, &b).await;
    for _ in 0..5 {
        redis.say("CLIENT KILL TYPE pubsub").expect("it answers");
        redis.say("CLIENT KILL TYPE normal").ok();
        witnesses.heals(Instant::now()).await;
    }
    witnesses.saw_nothing().await;
}

#[tokio::test]
async fn what_rings_and_who_hangs_up_while_redis_is_gone_comes_to_an_end() {
    let (mut redis, a, b) = two_nodes(&[]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    let (mut carol, mut dave) = (Tab::open(&a).await, Tab::open(&b).await);
    talk(&mut ada, &mut bob).await;
    let (ringing, _) = ring(&mut carol, &mut dave).await;
    let call = bob.come_back(&b).await["call"]["call_id"].clone();
    redis.kill();
    ada.beat().await;
    // The caller takes it back, and cannot tell the other.
    carol.send(json!({ "type": "cancel", "call_id": ringing["call_id"] })).await;
    meanwhile(&mut [&mut ada, &mut bob, &mut dave], ended(&mut [&mut carol], "cancelled")).await;
    let since = Instant::now();
    bob.send(json!({ "type": "hang_up", "call_id": call })).await;
    meanwhile(&mut [&mut ada, &mut dave], ended(&mut [&mut bob], "hung_up")).await;
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    meanwhile(&mut [&mut ada], ended(&mut [&mut dave], "cancelled")).await;
    let rang = since.elapsed();
    assert!(rang < Duration::from_secs(7), "{rang:?}");
    // Bob is free for others of his node.
    meanwhile(&mut [&mut ada], talk(&mut dave, &mut bob)).await;
    redis.start_again();
    ended(&mut [&mut ada], "hung_up").await;
    println!("it rang on for {} ms", rang.as_millis());
    hear_each_other(&[&a, &b]);
    a.metric_becomes("tandem_cluster_visitors", 0.0);
    talk(&mut ada, &mut carol).await;
}

#[tokio::test]
async fn a_node_that_is_killed_is_noticed_by_those_who_have_a_call_there() {
    let (_redis, a, mut b) = two_nodes(&[("TANDEM__CALLS__RESUME_TIMEOUT_S", "2")]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    // Each node has one call of the two.
    let (mut carol, mut dave) = (Tab::open(&a).await, Tab::open(&b).await);
    talk(&mut ada, &mut bob).await;
    talk(&mut dave, &mut carol).await;
    let since = Instant::now();
    b.signal("KILL");
    let shown = meanwhile(&mut [&mut carol], ada.expect("participant_changed")).await;
    assert_eq!(shown["participant"]["reconnecting"], true);
    let shown = meanwhile(&mut [&mut ada], carol.expect("participant_changed")).await;
    assert_eq!(shown["participant"]["reconnecting"], true);
    let noticed = since.elapsed();
    meanwhile(&mut [&mut carol], ended(&mut [&mut ada], "connection_lost")).await;
    ended(&mut [&mut carol], "connection_lost").await;
    let over = since.elapsed();
    println!(
        "a killed node: noticed after {} ms, over after {} ms",
        noticed.as_millis(),
        over.as_millis()
    );
    assert!(
        noticed < Duration::from_secs(6) && over < Duration::from_secs(9),
        "{noticed:?} {over:?}"
    );
    b.kill_and_start();
    hear_again(&a, &b);
    let mut bob = Tab::open(&b).await;
    let call_id = talk(&mut ada, &mut bob).await;
    ada.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
    is_empty(&[&a]);
}

fn hear_again(a: &Server, b: &Server) {
    a.metric_becomes("tandem_cluster_nodes{state=\"heard\"}", 1.0);
    b.metric_becomes("tandem_cluster_nodes{state=\"heard\"}", 1.0);
}
