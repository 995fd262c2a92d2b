//! Nodes that speak with Redis over TLS.

use serde_json::json;

use super::ended;
use super::redis::{Redis, hear_each_other};
use crate::support::{Tab, talk};

#[tokio::test]
async fn nodes_hear_each_other_over_tls_and_trust_nobody_else() {
    let mut redis = Redis::start_with_tls();
    let authority = redis.authority();
    let trusted = [("TANDEM__CLUSTER__REDIS_CA", authority.as_str())];
    let (a, b) = (redis.node("a", &trusted), redis.node("b", &trusted));
    // The public authorities know nothing of this Redis.
    let stranger = redis.node("c", &[]);
    hear_each_other(&[&a, &b]);
    let (mut ada, mut bob) = (Tab::open(&a).await, Tab::open(&b).await);
    let call_id = talk(&mut ada, &mut bob).await;
    ada.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
    assert_eq!(stranger.metric("tandem_cluster_bus_up"), 0.0);
    assert_eq!(stranger.metric("tandem_cluster_words_total{direction=\"in\"}"), 0.0);

    redis.kill();
    a.metric_becomes("tandem_cluster_bus_up", 0.0);
    redis.start_again();
    for node in [&a, &b] {
        node.metric_becomes("tandem_cluster_bus_up", 1.0);
    }
    hear_each_other(&[&a, &b]);
    let call_id = talk(&mut bob, &mut ada).await;
    bob.send(json!({ "type": "hang_up", "call_id": call_id })).await;
    ended(&mut [&mut ada, &mut bob], "hung_up").await;
}
