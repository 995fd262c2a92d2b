//! A server of our own: started on a free port with an empty data directory, and gone with the value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process;

const START_WITHIN: Duration = Duration::from_secs(30);

pub struct Server {
    child: Child,
    data: PathBuf,
    /// Of its websocket.
    pub url: String,
    /// Of its metrics: host and port.
    pub ops: String,
}

impl Server {
    /// Starts it on the first core; everything else has to keep to the others.
    ///
    /// # Errors
    /// It does not start, or says nothing of where it listens within 30 s.
    pub fn start(binary: &Path) -> anyhow::Result<Server> {
        let data = std::env::temp_dir().join(format!("tandem-loadtest-{}-{:x}", std::process::id(), rand::random::<u64>()));
        fs::create_dir(&data).with_context(|| format!("no folder {}", data.display()))?;
        let printed = data.join("printed");
        let file = |name: &str| fs::File::create(data.join(name)).with_context(|| format!("{name} cannot be written"));
        let mut command = Command::new(binary);
        command
            .args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .env("TANDEM__LIMITS__PARTICIPANTS_PER_ROOM", "500")
            .stdin(Stdio::null())
            .stdout(file("printed")?)
            .stderr(file("log")?);
        // A thread hands its cores on to what it starts.
        let start = std::thread::spawn(move || {
            process::pin(process::Cores::First);
            command.spawn()
        });
        let started = start.join().map_err(|_| anyhow::anyhow!("no thread"))?;
        let child = started.with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut server = Server {
            child,
            data,
            url: String::new(),
            ops: String::new(),
        };
        let deadline = Instant::now() + START_WITHIN;
        while Instant::now() < deadline {
            let said = fs::read_to_string(&printed).unwrap_or_default();
            let after = |line: &str, end: &str| Some(line.split_once("http://")?.1.strip_suffix(end)?.to_owned());
            let page = said
                .lines()
                .find_map(|line| after(line, "/").filter(|host| host.starts_with("localhost:")));
            let ops = said.lines().find_map(|line| after(line, "/metrics"));
            if let (Some(page), Some(ops)) = (page, ops) {
                server.url = format!("ws://{}/ws", page.replace("localhost", "127.0.0.1"));
                server.ops = ops;
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(server.data.join("log")).unwrap_or_default();
        bail!("{} does not say where it listens: {log}", binary.display())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}
