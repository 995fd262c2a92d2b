//! A real Redis of a test's own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Server};

pub struct Redis {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    tls: bool,
}

impl Redis {
    pub fn start() -> Redis {
        Redis::launch(false)
    }

    /// One that speaks TLS alone, by a certificate of its own for `localhost`.
    pub fn start_with_tls() -> Redis {
        Redis::launch(true)
    }

    fn launch(tls: bool) -> Redis {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let folder = tempfile::tempdir().expect("a temporary folder");
        if tls {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
            std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).expect("written");
            std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).expect("written");
        }
        let redis = Redis {
            child: launch(port, &folder, tls),
            port,
            folder,
            tls,
        };
        redis.is_there();
        redis
    }

    /// A node that shares it.
    pub fn node(&self, name: &str, environment: &[(&str, &str)]) -> Server {
        Server::start_with(
            &[&self.keys(name)[..], environment]
                .concat()
                .iter()
                .map(pair)
                .collect::<Vec<_>>(),
        )
    }

    pub fn node_in(&self, name: &str, data: std::path::PathBuf) -> Server {
        Server::start_in(data, &self.keys(name).iter().map(pair).collect::<Vec<_>>())
    }

    pub fn keys(&self, name: &str) -> Vec<(&'static str, &'static str)> {
        // For as long as the test runs.
        let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let url = match self.tls {
            true => format!("rediss://localhost:{}", self.port),
            false => format!("redis://127.0.0.1:{}", self.port),
        };
        vec![
            ("TANDEM__CLUSTER__REDIS_URL", leak(url)),
            ("TANDEM__CLUSTER__NODE_NAME", leak(name.to_owned())),
        ]
    }

    /// What vouches for it where it speaks TLS.
    pub fn authority(&self) -> String {
        self.folder.path().join("ca.pem").to_str().expect("UTF-8").to_owned()
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("it ends");
    }

    pub fn start_again(&mut self) {
        self.child = launch(self.port, &self.folder, self.tls);
        self.is_there();
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// One command; its answer.
    pub fn say(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 512];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    fn is_there(&self) {
        let deadline = Instant::now() + PATIENCE;
        let answers = || match self.tls {
            true => TcpStream::connect(("127.0.0.1", self.port)).is_ok(),
            false => self.say("PING").ok().as_deref() == Some("+PONG\r\n"),
        };
        while !answers() {
            assert!(Instant::now() < deadline, "redis-server did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn pair<'a>(pair: &(&'a str, &'a str)) -> (&'a str, &'a str) {
    *pair
}

fn launch(port: u16, folder: &tempfile::TempDir, tls: bool) -> Child {
    let number = port.to_string();
    let mut command = Command::new("redis-server");
    match tls {
        true => command.args([
            "--port",
            "0",
            "--tls-port",
            &number,
            "--tls-auth-clients",
            "no",
            "--tls-cert-file",
            "ca.pem",
        ]),
        false => command.args(["--port", &number]),
    };
    if tls {
        command.args(["--tls-key-file", "key.pem"]);
    }
    command
        .current_dir(folder)
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server of Debian's package runs (apt-get install redis-server)")
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until each of these hears so many others.
pub fn hear_each_other(nodes: &[&Server]) {
    for node in nodes {
        node.metric_becomes("tandem_cluster_nodes{state=\"heard\"}", (nodes.len() - 1) as f64);
    }
}
