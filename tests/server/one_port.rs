//! Everything that one port carries, spoken by tools that are not ours: openssl, curl, and coturn's TURN client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{PATIENCE, Server, Tab};

/// What a page is told of the relay.
pub fn credentials(tab: &Tab) -> (String, String) {
    let servers = tab.welcome["ice_servers"].as_array().expect("a list");
    let relay = servers.iter().find(|server| server["username"].is_string()).expect("a relay");
    let text = |key: &str| relay[key].as_str().expect("a string").to_owned();
    (text("username"), text("credential"))
}

/// One of our own addresses that the relay may reach.
fn peer() -> String {
    let found = if_addrs::get_if_addrs().expect("interfaces");
    let ours = found.iter().map(|i| i.ip()).find(|ip| ip.is_ipv4() && !ip.is_loopback());
    ours.expect("an address besides 127.0.0.1").to_string()
}

/// coturn's client, which sends to one of our own addresses through the relay. `options`: what carries it.
pub struct Uclient {
    child: Child,
}

impl Uclient {
    fn start(server: &Server, options: &[&str], username: &str, password: &str) -> Uclient {
        Uclient::start_to((&peer(), server.port), server, options, username, password)
    }

    /// To this address and port, which another server may have.
    pub fn start_to(to: (&str, u16), server: &Server, options: &[&str], username: &str, password: &str) -> Uclient {
        let (port, to_port) = (server.port.to_string(), to.1.to_string());
        let child = Command::new("turnutils_uclient")
            .args(options)
            .args(["-v", "-s", "-c", "-n", "50", "-m", "1"])
            .args(["-u", username, "-w", password])
            .args(["-p", &port, "-e", to.0, "-r", &to_port, "127.0.0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("turnutils_uclient is installed by the test command (Debian package coturn)");
        Uclient { child }
    }

    /// Reads what it prints until a line has one of these words; the line.
    pub fn prints(&mut self, words: &[&str]) -> Option<String> {
        let mut lines = BufReader::new(self.child.stdout.as_mut().expect("its output")).lines();
        let deadline = Instant::now() + PATIENCE;
        lines.find_map(|line| {
            assert!(Instant::now() < deadline, "it does not come to an end");
            line.ok().filter(|line| words.iter().any(|word| line.contains(word)))
        })
    }
}

impl Drop for Uclient {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const CARRIERS: [(&str, &[&str]); 3] = [("udp", &[]), ("tcp", &["-t"]), ("tls", &["-t", "-S"])];

#[tokio::test(flavor = "multi_thread")]
async fn coturns_client_allocates_over_every_carrier_and_loses_it_with_its_session() {
    let server = Server::start_with(&[("TANDEM__CALLS__RESUME_TIMEOUT_S", "1")]);
    for (carrier, options) in CARRIERS {
        let mut tab = Tab::open(&server).await;
        let (username, password) = credentials(&tab);
        let mut uclient = Uclient::start(&server, options, &username, &password);
        let allocated = uclient.prints(&["Received relay addr"]).expect(carrier);
        assert!(allocated.contains(&peer()), "{carrier}: {allocated}");
        let gauge = format!("tandem_relay_allocations{{transport=\"{carrier}\"}}");
        let deadline = Instant::now() + PATIENCE;
        while server.metric(&gauge) == 0.0 {
            assert!(Instant::now() < deadline, "no allocation over {carrier}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tab.leave().await;
        server.metric_becomes(&gauge, 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_ended_credentials_are_refused() {
    let server = Server::start_with(&[("TANDEM__CALLS__RESUME_TIMEOUT_S", "1")]);
    let tab = Tab::open(&server).await;
    let (username, password) = credentials(&tab);
    let (expiry, session) = username.split_once(':').expect("expiry and session");
    let later = format!("{}:{session}", expiry.parse::<u64>().expect("a time") + 3600);
    let expired = format!("1000000000:{session}");
    for (why, username, password) in [
        ("another password", username.as_str(), "Zm9yZ2Vk"),
        ("a later expiry", &later, &password),
        ("an expired one", &expired, &password),
        ("no such form", "ada", &password),
    ] {
        for (carrier, options) in CARRIERS {
            let mut uclient = Uclient::start(&server, options, username, password);
            let printed = uclient.prints(&["Received relay addr", "Cannot complete Allocation", "error 4"]);
            let printed = printed.unwrap_or_default();
            assert!(!printed.contains("Received relay addr"), "{why} over {carrier}: {printed}");
        }
    }
    assert_eq!(server.metric("tandem_relay_allocations{transport=\"udp\"}"), 0.0);
    assert!(server.get("/").0.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_negative_options_of_coturns_client_do_no_harm() {
    let server = Server::start();
    let tab = Tab::open(&server).await;
    let (username, password) = credentials(&tab);
    for option in ["-x", "-X", "-N", "-R", "-G", "-T", "-D"] {
        for (_, options) in CARRIERS {
            let options = [options, &[option]].concat();
            let mut uclient = Uclient::start(&server, &options, &username, &password);
            tokio::time::sleep(Duration::from_millis(400)).await;
            drop(uclient.child.stdout.take());
        }
    }
    for carrier in ["udp", "tcp", "tls"] {
        let gauge = format!("tandem_relay_allocations{{transport=\"{carrier}\"}}");
        assert!(server.metric(&gauge) <= 8.0, "{carrier}");
    }
    assert!(server.logged("panicked").is_empty());
    assert!(server.get("/").0.starts_with("HTTP/1.1 200"));
}

/// The standard output of a tool that is given nothing to read.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} is installed by the test command: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_speaks_everything_at_the_same_time() {
    let server = Server::start();
    let url = format!("https://127.0.0.1:{}/", server.port);
    let mut tab = Tab::open(&server).await;
    let (username, password) = credentials(&tab);
    let mut turn = Uclient::start(&server, &["-t", "-S"], &username, &password);
    assert!(turn.prints(&["Received relay addr"]).is_some());

    let format = "%{http_version} %{http_code}";
    for (version, expected) in [("--http1.1", "1.1 200"), ("--http2", "2 200")] {
        let told = output("curl", &["-sk", version, "-o", "/dev/null", "-w", format, &url]);
        assert_eq!(told, expected);
    }
    let address = format!("127.0.0.1:{}", server.port);
    for alpn in ["h2", "http/1.1", "stun.turn"] {
        let told = output("openssl", &["s_client", "-connect", &address, "-alpn", alpn]);
        assert!(told.contains(&format!("ALPN protocol: {alpn}")), "{alpn}: {told}");
    }

    // ICE-TCP: a check that is answered only if it reaches the transport of its ufrag; this one is of nobody, so it is closed.
    let mut ice = TcpStream::connect(&address).expect("the port");
    ice.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut check = vec![0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    check.extend([7; 12]);
    check.extend([0, 6, 0, 7]);
    check.extend(b"nobody:\0");
    let mut frame = (check.len() as u16).to_be_bytes().to_vec();
    frame.extend(&check);
    ice.write_all(&frame).expect("it is taken");
    assert_eq!(ice.read(&mut [0; 64]).expect("it is closed"), 0);
    assert!(server.metric("tandem_tcp_connections_total{protocol=\"ice_tcp\"}") >= 1.0);

    tab.send(json!({ "type": "ping" })).await;
    let pong: Value = tab.expect("pong").await;
    assert_eq!(pong["type"], "pong");
    for protocol in ["http", "https", "https_2", "ice_tcp", "turn_tls"] {
        let series = format!("tandem_tcp_connections_total{{protocol=\"{protocol}\"}}");
        assert!(server.metric(&series) >= 1.0, "{protocol}");
    }
}

#[test]
fn silent_and_unknown_openers_are_closed_and_counted() {
    let server = Server::start();
    let open = || TcpStream::connect(("127.0.0.1", server.port)).expect("the port");
    let silent = open();
    let mut unknown = open();
    unknown.write_all(b"\x05\x01\x00").expect("it is taken");
    for mut stream in [unknown, silent] {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        assert_eq!(stream.read(&mut [0; 8]).expect("it is closed"), 0);
    }
    for reason in ["unknown", "slow"] {
        let series = format!("tandem_tcp_refused_total{{reason=\"{reason}\"}}");
        server.metric_becomes(&series, 1.0);
    }
}
