//! The real binary under systemd, which the test plays: what it is told, and sockets that outlive a restart.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Server};

/// What systemd is told.
pub struct Notices {
    socket: UnixDatagram,
    /// For `NOTIFY_SOCKET`.
    pub path: String,
    _folder: tempfile::TempDir,
}

impl Notices {
    pub fn new() -> Notices {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Notices {
            socket,
            path: path.to_str().expect("UTF-8").to_owned(),
            _folder: folder,
        }
    }

    /// The next one.
    pub fn hear(&self) -> String {
        let mut buffer = [0; 256];
        let length = self.socket.recv(&mut buffer).expect("told in time");
        String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned()
    }
}

#[test]
fn systemd_hears_that_the_server_is_ready_alive_and_stopping() {
    let notices = Notices::new();
    let hear = || notices.hear();
    let mut server = Server::start_with(&[("NOTIFY_SOCKET", &*notices.path), ("WATCHDOG_USEC", "200000")]);
    assert_eq!(hear(), "READY=1");
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "a tenth of a second each was asked for"
    );
    server.signal("TERM");
    let mut last = hear();
    while last == "WATCHDOG=1" {
        last = hear();
    }
    assert_eq!(last, "STOPPING=1");
    assert_eq!(server.wait(PATIENCE), Some(0));
}

/// The sockets of a `tandem.socket`, and the process that has them now.
struct Unit {
    tcp: TcpListener,
    udp: UdpSocket,
    at: SocketAddr,
    data: tempfile::TempDir,
}

impl Unit {
    fn new() -> Unit {
        loop {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let at = tcp.local_addr().expect("an address");
            // The UDP port of the same number may be somebody else's.
            if let Ok(udp) = UdpSocket::bind(at) {
                udp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                let data = tempfile::tempdir().expect("a folder");
                return Unit { tcp, udp, at, data };
            }
        }
    }

    /// Gives both to a process as descriptors 3 and 4.
    fn start(&self, listen: &str) -> Child {
        let inherit = |fd: BorrowedFd<'_>| {
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).expect("set");
            fd.as_raw_fd()
        };
        let (tcp, udp) = (inherit(self.tcp.as_fd()), inherit(self.udp.as_fd()));
        // Out of the way first: one of them may be 3 or 4 itself.
        let script = format!(
            "exec 200<&{tcp} 201<&{udp}; exec 3<&200 4<&201; exec 200<&- 201<&-; \
             export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$0\" \"$@\""
        );
        Command::new("bash")
            .args(["-c", &script, env!("CARGO_BIN_EXE_tandem"), "--listen", listen])
            .args(["--ops-listen", "127.0.0.1:0", "--data"])
            .arg(self.data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    fn get(&self) -> std::io::Result<String> {
        get(self.at)
    }
}

/// One request on a connection of its own; however long it waits for somebody to answer.
pub fn get(at: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\n\r\n",
        at.port()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

fn stop(child: &mut Child) -> Option<i32> {
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "TERM", &pid])
            .status()
            .expect("kill runs")
            .success()
    );
    child.wait().expect("it ends").code()
}

#[test]
fn with_the_sockets_of_systemd_a_restart_loses_no_attempt() {
    let unit = Unit::new();
    let listen = unit.at.to_string();
    let mut child = unit.start(&listen);
    assert_eq!(unit.get().expect("served"), "HTTP/1.1 200 OK");
    let done = Arc::new(AtomicBool::new(false));
    let knockers: Vec<_> = (0..4)
        .map(|_| {
            let (done, at) = (Arc::clone(&done), unit.at);
            std::thread::spawn(move || {
                let mut answers = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    answers.push(get(at).map_err(|error| error.to_string()));
                }
                answers
            })
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(stop(&mut child), Some(0));
        child = unit.start(&listen);
        assert_eq!(unit.get().expect("served"), "HTTP/1.1 200 OK");
    }
    assert_eq!(stop(&mut child), Some(0));
    // Nobody is there now, and whoever comes waits.
    let (done_too, at) = (Arc::clone(&done), unit.at);
    let waits = std::thread::spawn(move || {
        let answer = get(at);
        done_too.store(true, Ordering::Relaxed);
        answer
    });
    // A STUN Binding request, RFC 8489 section 5.
    let asks = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    asks.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    asks.send_to(&request, unit.at).expect("sent");
    child = unit.start(&listen);
    let mut answer = [0; 256];
    let length = asks.recv(&mut answer).expect("what came while nobody was there is answered");
    assert_eq!((&answer[..2], &answer[8..20]), (&[1, 1][..], &request[8..]), "{length} bytes");
    assert_eq!(waits.join().expect("no panic").expect("served"), "HTTP/1.1 200 OK");
    let answers: Vec<_> = knockers.into_iter().flat_map(|k| k.join().expect("no panic")).collect();
    let lost: Vec<_> = answers
        .iter()
        .filter(|answer| *answer != &Ok("HTTP/1.1 200 OK".to_owned()))
        .collect();
    assert!(lost.is_empty(), "of {} attempts: {lost:?}", answers.len());
    assert!(answers.len() >= 20, "only {} attempts", answers.len());
    println!("{} attempts over 6 restarts", answers.len());
    assert_eq!(stop(&mut child), Some(0));
}

#[test]
fn sockets_at_other_ports_than_the_configuration_names_stop_the_start() {
    let unit = Unit::new();
    let mut child = unit.start("127.0.0.1:1");
    let mut said = String::new();
    child.stderr.take().expect("its log").read_to_string(&mut said).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    // Whoever is not root may not bind port 1, and is told that first.
    assert!(said.contains("server.listen"), "{said}");
}
