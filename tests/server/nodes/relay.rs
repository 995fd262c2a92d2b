//! TURN at one node into the SFU of another, by coturn's client.

use std::time::{Duration, Instant};

use super::two_nodes;
use crate::one_port::{Uclient, credentials};
use crate::support::{PATIENCE, Tab};

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_of_a_node_reaches_the_sfu_of_another() {
    let (_redis, a, b) = two_nodes(&[("TANDEM__NETWORK__PUBLIC_ADDRESSES", "127.0.0.1")]);
    let tab = Tab::open(&a).await;
    let (username, password) = credentials(&tab);
    let taken = "tandem_udp_datagrams_total{direction=\"in\"}";
    let before = b.metric(taken);
    let mut uclient = Uclient::start_to(("127.0.0.1", b.port), &a, &["-t"], &username, &password);
    uclient.prints(&["Received relay addr"]).expect("an allocation");
    let deadline = Instant::now() + PATIENCE;
    while b.metric(taken) < before + 10.0 {
        assert!(
            Instant::now() < deadline,
            "b got {} datagrams, a relayed {} bytes and dropped {}",
            b.metric(taken) - before,
            a.metric("tandem_relay_bytes_total{direction=\"in\"}"),
            a.metric("tandem_relay_dropped_total{reason=\"not_our_peer\"}"),
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
