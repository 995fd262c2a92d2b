//! A running binary, and a browser's side of its websocket.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long anything that should happen may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One process of the binary under test.
pub struct Server {
    child: Child,
    pub data: std::path::PathBuf,
    environment: Vec<(String, String)>,
    pub port: u16,
    ops: String,
    log: Arc<Mutex<Vec<String>>>,
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// Starts with config keys from the environment.
    pub fn start_with(environment: &[(&str, &str)]) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Server::start_in(folder.path().to_owned(), environment);
        server._folder = Some(folder);
        server
    }

    /// Starts on a data folder that outlives the process.
    pub fn start_in(data: std::path::PathBuf, environment: &[(&str, &str)]) -> Server {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Server::launch(data, environment.iter().map(owned).collect(), 0)
    }

    /// Kills the process, and starts it again on the same port and data.
    pub fn kill_and_start(&mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("it ends");
        let folder = self._folder.take();
        *self = Server::launch(self.data.clone(), self.environment.clone(), self.port);
        self._folder = folder;
    }

    /// The same, with one more config key.
    pub fn kill_and_start_with(&mut self, key: &str, value: &str) {
        self.environment.push((key.to_owned(), value.to_owned()));
        self.kill_and_start();
    }

    /// Starts on a port that the test chose.
    pub fn start_on(port: u16, data: std::path::PathBuf, environment: &[(&str, &str)]) -> Server {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Server::launch(data, environment.iter().map(owned).collect(), port)
    }

    fn launch(data: std::path::PathBuf, environment: Vec<(String, String)>, port: u16) -> Server {
        Server::run(Command::new(env!("CARGO_BIN_EXE_tandem")), data, environment, port)
    }

    /// Starts on a data folder that is a file system of its own in memory, which only this server sees: in a mount namespace, for
    /// which whoever is not root gets a user namespace too.
    pub fn start_on_a_disk_of(mib: u32) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("unshare");
        command.args(if is_root() { "-m".split(' ') } else { "-r -m".split(' ') });
        let mount = format!("mount -t tmpfs -o size={mib}m tandem \"$1\" && shift && exec \"$@\"");
        command
            .args(["sh", "-c", &mount, "sh"])
            .arg(folder.path())
            .arg(env!("CARGO_BIN_EXE_tandem"));
        let mut server = Server::run(command, folder.path().to_owned(), Vec::new(), 0);
        server._folder = Some(folder);
        server
    }

    /// The binary with the server's configuration, to be told what to do beside it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        command.arg("--data").arg(&self.data).envs(self.environment.iter().cloned());
        command
    }

    /// A file of the server's, where it sees a file system of its own.
    pub fn seen_by_it(&self, path: &std::path::Path) -> std::path::PathBuf {
        let root = format!("/proc/{}/root", self.child.id());
        std::path::Path::new(&root).join(path.strip_prefix("/").expect("from the root on"))
    }

    /// The binary as another process that sees what the server sees.
    pub fn beside_it(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.child.id().to_string(), "-m"]);
        if !is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.args([env!("CARGO_BIN_EXE_tandem"), "--data"]).arg(&self.data);
        command
    }

    fn run(mut command: Command, data: std::path::PathBuf, environment: Vec<(String, String)>, port: u16) -> Server {
        command
            .args([
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--ops-listen",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(&data)
            .envs(environment.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (child, log, first, mut lines) = loop {
            let mut child = command.spawn().expect("the binary starts");
            let log = Arc::new(Mutex::new(Vec::new()));
            let (errors, kept) = (BufReader::new(child.stderr.take().expect("its log")), log.clone());
            let reading = std::thread::spawn(move || {
                for line in errors.lines().map_while(Result::ok) {
                    eprintln!("{line}");
                    kept.lock().expect("no test panics with it").push(line);
                }
            });
            let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
            if let Some(line) = lines.next() {
                break (child, log, line, lines);
            }
            // The port that is free for TCP may be another test's for UDP.
            reading.join().expect("its log is read");
            let log: Vec<String> = std::mem::take(&mut log.lock().expect("no test panics with it"));
            let is_taken = port == 0
                && log
                    .iter()
                    .any(|line| line.contains("UDP port") && line.contains("already in use"));
            assert!(is_taken, "the server says where it listens before it ends: {log:?}");
            child.wait().expect("it has ended");
        };
        let mut first = Some(first);
        let (mut port, mut ops) = (None, None);
        while port.is_none() || ops.is_none() {
            let line = first
                .take()
                .or_else(|| lines.next())
                .expect("the server says where it listens before it ends")
                .expect("text");
            for word in line.split_whitespace() {
                if let Some(rest) = word
                    .strip_prefix("http://localhost:")
                    .or(word.strip_prefix("http://127.0.0.1:"))
                {
                    match rest.split_once('/') {
                        Some((number, "")) => port = port.or(number.parse().ok()),
                        Some((number, "metrics")) => ops = Some(format!("127.0.0.1:{number}")),
                        _ => {}
                    }
                }
            }
        }
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Server {
            child,
            data,
            environment,
            port: port.expect("a port"),
            ops: ops.expect("an address"),
            log,
            _folder: None,
        }
    }

    /// The lines of its log that hold these words.
    pub fn logged(&self, words: &str) -> Vec<String> {
        let log = self.log.lock().expect("no test panics with it");
        log.iter().filter(|line| line.contains(words)).cloned().collect()
    }

    /// Waits for lines with these words, for they come through a pipe: so many at least. All that are there then.
    pub fn said(&self, words: &str, number: usize) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.logged(words);
            if lines.len() >= number {
                return lines;
            }
            assert!(Instant::now() < deadline, "{words:?} was said only in {lines:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(done.success());
    }

    /// Waits for the process to end by itself; its exit code.
    pub fn wait(&mut self, patience: Duration) -> Option<i32> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server did not end within {patience:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A request to the main port as raw bytes; (head, body) of the answer as text.
    pub fn request(&self, request: &str) -> (String, String) {
        exchange(&format!("127.0.0.1:{}", self.port), request)
    }

    pub fn get(&self, path: &str) -> (String, String) {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\n\r\n",
            self.port
        ))
    }

    pub fn ops(&self, path: &str) -> (String, String) {
        exchange(
            &self.ops,
            &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        )
    }

    /// A request to the operator's listener with these headers.
    pub fn operate(&self, method: &str, path: &str, headers: &str) -> (String, String) {
        exchange(
            &self.ops,
            &format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n"),
        )
    }

    /// The value of one series; 0 if it is not there.
    pub fn metric(&self, series: &str) -> f64 {
        let (_, body) = self.ops("/metrics");
        let prefix = format!("{series} ");
        body.lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .map_or(0.0, |value| value.parse().expect("a number"))
    }
    /// Waits until a series has a value: the server counts after it has answered.
    pub fn metric_becomes(&self, series: &str, value: f64) {
        let deadline = Instant::now() + PATIENCE;
        while self.metric(series) != value {
            assert!(
                Instant::now() < deadline,
                "{series} is {} and not {value}",
                self.metric(series)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn exchange(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("an HTTP answer");
    (head.to_owned(), body.to_owned())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|one| one.uid() == 0)
}

/// One open tab: a websocket, and what `welcome` said.
pub struct Tab {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
    reference: u64,
    held: VecDeque<Value>,
    pub seq: u64,
    pub welcome: Value,
}

impl Tab {
    /// A first visit.
    pub async fn open(server: &Server) -> Tab {
        Tab::hello(server, json!({})).await
    }

    /// Another tab of the same user.
    pub async fn beside(server: &Server, tab: &Tab) -> Tab {
        Tab::hello(server, json!({ "user": tab.credentials() })).await
    }

    /// Says hello with these fields and expects a welcome.
    pub async fn hello(server: &Server, fields: Value) -> Tab {
        let (mut tab, answer) = Tab::greet(server, fields).await;
        assert_eq!(answer["type"], "welcome", "{answer}");
        tab.welcome = answer;
        tab
    }

    /// Says hello with these fields; whatever is answered.
    pub async fn greet(server: &Server, fields: Value) -> (Tab, Value) {
        Tab::connect(server).await.say_hello(fields).await
    }

    async fn say_hello(mut self, fields: Value) -> (Tab, Value) {
        let mut hello = json!({ "type": "hello", "protocol": 1 });
        hello
            .as_object_mut()
            .expect("an object")
            .extend(fields.as_object().expect("an object").clone());
        self.send(hello).await;
        let answer = self.next().await;
        // A resumed session goes on counting where it was.
        self.reference = self.reference.max(answer["last_ref"].as_u64().unwrap_or(0));
        (self, answer)
    }

    /// The same from a browser that has cookies.
    pub async fn greet_with_cookie(server: &Server, cookie: &str, fields: Value) -> (Tab, Value) {
        let tab = Tab::connect_with_cookie(server, Some(cookie)).await;
        tab.say_hello(fields).await
    }

    /// Opens the websocket and says nothing.
    pub async fn connect(server: &Server) -> Tab {
        Tab::connect_with_cookie(server, None).await
    }

    async fn connect_with_cookie(server: &Server, cookie: Option<&str>) -> Tab {
        let url = format!("ws://127.0.0.1:{}/ws", server.port);
        let mut request = url.into_client_request().expect("a request");
        if let Some(cookie) = cookie.filter(|cookie| !cookie.is_empty()) {
            request.headers_mut().insert("cookie", cookie.parse().expect("a header"));
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("a websocket");
        Tab {
            socket,
            reference: 0,
            held: VecDeque::new(),
            seq: 0,
            welcome: Value::Null,
        }
    }

    /// The same from another address of this machine; the HTTP status if it was refused.
    pub async fn connect_from(server: &Server, from: &str) -> Result<Tab, u16> {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{from}:0").parse().expect("an address")).expect("bound");
        let to = format!("127.0.0.1:{}", server.port).parse().expect("an address");
        let stream = MaybeTlsStream::Plain(socket.connect(to).await.expect("it listens"));
        let request = format!("ws://127.0.0.1:{}/ws", server.port)
            .into_client_request()
            .expect("a request");
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Tab {
                socket,
                reference: 0,
                held: VecDeque::new(),
                seq: 0,
                welcome: Value::Null,
            }),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Comes back to its session on another websocket.
    pub async fn come_back(&mut self, server: &Server) -> Value {
        let (mut tab, welcome) = Tab::greet(server, json!({ "user": self.credentials(), "resume": self.resume() })).await;
        assert_eq!(
            (&welcome["type"], &welcome["resumed"]),
            (&json!("welcome"), &json!(true)),
            "{welcome}"
        );
        tab.seq = self.seq;
        // Shown once, at the first visit.
        let secret = self.welcome["secret"].clone();
        tab.welcome = welcome.clone();
        tab.welcome["secret"] = secret;
        *self = tab;
        welcome
    }

    /// Closes the websocket as a browser does that leaves the page.
    pub async fn leave(&mut self) {
        let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
            code: 1001.into(),
            reason: "".into(),
        };
        self.socket.close(Some(frame)).await.expect("closed");
    }

    pub fn user_id(&self) -> String {
        self.welcome["user_id"].as_str().expect("a user id").to_owned()
    }

    /// What proves this user; only the tab of the first visit knows the secret.
    pub fn credentials(&self) -> Value {
        json!({ "user_id": self.welcome["user_id"], "secret": self.welcome["secret"] })
    }

    pub fn resume(&self) -> Value {
        json!({ "session_id": self.welcome["session_id"], "secret": self.welcome["resume_secret"], "seq": self.seq })
    }

    /// Sends a command; its `ref`.
    pub async fn send(&mut self, mut command: Value) -> u64 {
        self.reference += 1;
        command["ref"] = json!(self.reference);
        self.socket.send(Message::text(command.to_string())).await.expect("sent");
        self.reference
    }

    /// Sends a frame as it is, which the server may cut off while it is under way.
    pub async fn send_raw(&mut self, message: Message) {
        let _ = self.socket.send(message).await;
    }

    /// Says that the page is there, which is not answered: this `ref` was taken before.
    pub async fn beat(&mut self) {
        self.send_raw(Message::text(r#"{"ref":0,"type":"ping"}"#)).await;
    }

    /// Goes on with a `ref` above this one.
    pub fn count_from(&mut self, reference: u64) {
        self.reference = reference;
    }

    /// The next event, in order; those without part in a story are told apart by `expect`.
    pub async fn next(&mut self) -> Value {
        match self.held.pop_front() {
            Some(event) => event,
            None => self.read().await.expect("the websocket was closed"),
        }
    }

    /// The next event that is not about the history, whose rows come when the store has kept them.
    pub async fn answer(&mut self) -> Value {
        loop {
            let event = self.next().await;
            if event["type"] != "history_changed" {
                return event;
            }
        }
    }

    async fn read(&mut self) -> Option<Value> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let Ok(next) = tokio::time::timeout(Duration::from_secs(1), self.socket.next()).await else {
                let late = tokio::time::Instant::now() >= deadline;
                assert!(!late, "no event in time; held: {:?}", self.held);
                self.beat().await;
                continue;
            };
            match next {
                Some(Ok(Message::Text(text))) => {
                    let event: Value = serde_json::from_str(&text).expect("JSON");
                    if let Some(seq) = event["seq"].as_u64() {
                        assert_eq!(seq, self.seq + 1, "events are numbered without gaps: {event}");
                        self.seq = seq;
                    }
                    return Some(event);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next event of this type; others before it are kept for later.
    pub async fn expect(&mut self, kind: &str) -> Value {
        if let Some(at) = self.held.iter().position(|event| event["type"] == kind) {
            return self.held.remove(at).expect("it is there");
        }
        loop {
            let event = self
                .read()
                .await
                .unwrap_or_else(|| panic!("closed while waiting for {kind}; held: {:?}", self.held));
            if event["type"] == kind {
                return event;
            }
            self.held.push_back(event);
        }
    }

    /// Waits until everything sent before is answered, and says which events of this type came meanwhile.
    pub async fn count(&mut self, kind: &str) -> usize {
        self.send(json!({ "type": "ping" })).await;
        self.expect("pong").await;
        self.held.iter().filter(|event| event["type"] == kind).count()
    }

    /// Waits for the server to close the websocket; the close code, if it gave one.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("a close in time")
            {
                Some(Ok(Message::Close(frame))) => return frame.map(|f| f.code.into()),
                Some(Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Drops the connection as a dying network would: without a word.
    pub fn vanish(self) {
        drop(self.socket);
    }
}

/// Rings: (the caller's `call_ringing`, the callee's `incoming_call`).
pub async fn ring(caller: &mut Tab, callee: &mut Tab) -> (Value, Value) {
    let to = callee.user_id();
    caller.send(json!({ "type": "call", "user_id": to })).await;
    (caller.expect("call_ringing").await, callee.expect("incoming_call").await)
}

/// Rings and answers; the call's id.
pub async fn talk(caller: &mut Tab, callee: &mut Tab) -> Value {
    let (_, incoming) = ring(caller, callee).await;
    callee.send(json!({ "type": "accept", "call_id": incoming["call_id"] })).await;
    caller.expect("call_answered").await;
    callee.expect("call_answered").await;
    incoming["call_id"].clone()
}

/// Waits until the store has what the hub has put into its queue.
pub async fn settle(server: &Server) {
    // What was sent before by others is with the hub when it answers this.
    Tab::open(server).await;
    let deadline = Instant::now() + PATIENCE;
    while server.metric("tandem_store_waiting") > 0.0 {
        assert!(Instant::now() < deadline, "the store does not come to an end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What a process was started with.
pub fn environment_of(pid: impl std::fmt::Display) -> Vec<String> {
    let all = std::fs::read(format!("/proc/{pid}/environ")).expect("it runs");
    let each = all.split(|byte| *byte == 0);
    each.map(|one| String::from_utf8_lossy(one).into_owned()).collect()
}
