//! A server that has too much to do refuses what is new, and what runs goes on.

use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use crate::support::{Server, Tab, talk};
use crate::whip::{Device, SDP, ask};

/// A refusal costs the server next to nothing, also when it has too much to do.
const REFUSED_WITHIN: Duration = Duration::from_millis(100);

async fn expect_refusal(tab: &mut Tab, command: serde_json::Value) {
    // The fastest of three: the machine may have more to do than the server.
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let asked = Instant::now();
        tab.send(command.clone()).await;
        let refused = tab.expect("error").await;
        fastest = fastest.min(asked.elapsed());
        let (code, again) = (&refused["code"], &refused["retry_after_s"]);
        assert_eq!((code, again), (&json!("overloaded"), &json!(10)), "{refused}");
    }
    assert!(fastest < REFUSED_WITHIN, "refused after {fastest:?}");
}

#[tokio::test]
async fn short_of_file_handles_it_refuses_and_heals() {
    let server = Server::start_with(&[("TANDEM__LIMITS__OPEN_FILES_PERCENT", "50")]);
    let (mut a, mut b) = (Tab::open(&server).await, Tab::open(&server).await);
    let (mut c, mut d) = (Tab::open(&server).await, Tab::open(&server).await);
    c.send(json!({"type": "create_link"})).await;
    let link = c.expect("link_created").await["link"]["link_id"].clone();
    let mut room_id = json!(null);
    for tab in [&mut c, &mut d] {
        tab.send(json!({"type": "join", "link_id": link})).await;
        room_id = tab.expect("room_joined").await["room"]["room_id"].clone();
    }
    let call_id = talk(&mut a, &mut b).await;
    let mut stranger = Tab::open(&server).await;

    let folder = format!("/proc/{}/fd", server.pid());
    let open = std::fs::read_dir(folder).expect("its files").count() as u64;
    let limit = Rlimit {
        current: Some(2 * open + 40),
        maximum: Some(2 * open + 40),
    };
    let pid = Pid::from_raw(server.pid().cast_signed());
    prlimit(pid, Resource::Nofile, limit).expect("it is our child");
    // Silent connections are closed after five seconds.
    let crowd: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(("127.0.0.1", server.port)).expect("it listens"))
        .collect();
    server.metric_becomes("tandem_overloaded{resource=\"files\"}", 1.0);
    expect_refusal(&mut stranger, json!({"type": "call", "user_id": a.user_id()})).await;
    expect_refusal(&mut stranger, json!({"type": "join", "link_id": link})).await;
    let path = format!("/whip/{}/Studio", link.as_str().expect("text"));
    let answer = ask(&server, "POST", &path, &[("content-type", SDP)], &Device::new(0).offer);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")), "{answer:?}");
    // Who was in a room finds back into it, and a call goes on to its end.
    d.send(json!({"type": "leave", "room_id": room_id})).await;
    d.expect("room_left").await;
    d.send(json!({"type": "join", "link_id": link})).await;
    d.expect("room_joined").await;
    a.send(json!({"type": "hang_up", "call_id": call_id})).await;
    b.expect("call_ended").await;

    drop(crowd);
    server.metric_becomes("tandem_overloaded{resource=\"files\"}", 0.0);
    stranger.send(json!({"type": "join", "link_id": link})).await;
    stranger.expect("room_joined").await;
}

#[tokio::test]
async fn busy_workers_refuse_and_heal() {
    let server = Server::start_with(&[("TANDEM__LIMITS__BUSY_PERCENT", "2")]);
    let mut stranger = Tab::open(&server).await;
    let done = Arc::new(AtomicBool::new(false));
    let (stop, port) = (Arc::clone(&done), server.port);
    let flood = std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let request = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        while !stop.load(Ordering::Relaxed) {
            // A full socket is as good as a datagram.
            let _ = socket.send_to(&request, ("127.0.0.1", port));
        }
    });
    server.metric_becomes("tandem_overloaded{resource=\"workers\"}", 1.0);
    expect_refusal(&mut stranger, json!({"type": "create_link"})).await;
    done.store(true, Ordering::Relaxed);
    flood.join().expect("no panic");
    server.metric_becomes("tandem_overloaded{resource=\"workers\"}", 0.0);
    stranger.send(json!({"type": "create_link"})).await;
    stranger.expect("link_created").await;
}
