//! A Redis of our own, which may be killed: started on a free port, and gone with the value.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

const START_WITHIN: Duration = Duration::from_secs(10);

pub struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    /// # Errors
    /// There is no `redis-server`, or it does not listen within 10 s.
    pub fn start() -> anyhow::Result<Redis> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let redis = Redis {
            child: spawn(port)?,
            port,
        };
        redis.listens()?;
        Ok(redis)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// By SIGKILL.
    ///
    /// # Errors
    /// It is gone already.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// On the same port.
    ///
    /// # Errors
    /// As of [`Redis::start`].
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.port)?;
        self.listens()
    }

    fn listens(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            ensure!(Instant::now() < deadline, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

fn spawn(port: u16) -> anyhow::Result<Child> {
    Command::new("redis-server")
        .args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
            &port.to_string(),
        ])
        .current_dir(std::env::temp_dir())
        .stdout(Stdio::null())
        .spawn()
        .context("no redis-server (apt-get install redis-server)")
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
