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
}

impl Redis {
    pub fn start() -> Redis {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let child = launch(port, &folder);
        let redis = Redis { child, port, folder };
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
        vec![
            ("TANDEM__CLUSTER__REDIS_URL", leak(format!("redis://127.0.0.1:{}", self.port))),
            ("TANDEM__CLUSTER__NODE_NAME", leak(name.to_owned())),
        ]
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("it ends");
    }

    pub fn start_again(&mut self) {
        self.child = launch(self.port, &self.folder);
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
        while self.say("PING").ok().as_deref() != Some("+PONG\r\n") {
            assert!(Instant::now() < deadline, "redis-server did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn pair<'a>(pair: &(&'a str, &'a str)) -> (&'a str, &'a str) {
    *pair
}

fn launch(port: u16, folder: &tempfile::TempDir) -> Child {
    Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ])
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
