//! A server of our own: started on a free port with an empty data directory, and gone with the value.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::process;
use crate::session;

const START_WITHIN: Duration = Duration::from_secs(30);

/// A process that has handed over goes when all connections have moved, or after a quarter of a minute.
const GONE_WITHIN: Duration = Duration::from_secs(30);

pub struct Server {
    binary: PathBuf,
    child: Child,
    /// The process in its place, which is no child of ours.
    successor: Option<Pid>,
    data: PathBuf,
    environment: Vec<(String, String)>,
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
        Server::start_with(binary, &[])
    }

    /// The same with keys of its configuration in the environment.
    ///
    /// # Errors
    /// As of [`Server::start`].
    pub fn start_with(binary: &Path, environment: &[(&str, &str)]) -> anyhow::Result<Server> {
        let data = std::env::temp_dir().join(format!("tandem-loadtest-{}-{:x}", std::process::id(), rand::random::<u64>()));
        fs::create_dir(&data).with_context(|| format!("no folder {}", data.display()))?;
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let environment: Vec<_> = environment.iter().map(owned).collect();
        let child = spawn(binary, &data, "127.0.0.1:0", &environment)?;
        let mut server = Server {
            binary: binary.to_owned(),
            child,
            successor: None,
            data,
            environment,
            url: String::new(),
            ops: String::new(),
        };
        server.find()?;
        Ok(server)
    }

    /// Ends it by a signal (SIGKILL or SIGTERM), waits until it is gone, and starts it anew on the same port and folder. How long it
    /// took to be gone, and the moment at which the new one listened.
    ///
    /// # Errors
    /// As of [`Server::start`].
    pub fn restart(&mut self, signal: Signal) -> anyhow::Result<(Duration, Instant)> {
        let pid = Pid::from_raw(self.child.id() as i32).context("a process has an id")?;
        let began = Instant::now();
        kill_process(pid, signal)?;
        self.child.wait()?;
        let ended = began.elapsed();
        let listen = session::host(&self.url)?.to_owned();
        self.child = spawn(&self.binary, &self.data, &listen, &self.environment)?;
        self.find()?;
        Ok((ended, Instant::now()))
    }

    /// # Errors
    /// It is gone already.
    pub fn terminate(&self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.child.id() as i32).context("a process has an id")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// # Errors
    /// The kernel does not say.
    pub fn is_gone(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Has it hand over to a new process of the same binary (`tandem upgrade`), and waits until that serves and the old one is gone. How
    /// long the old one was there from then on, and the moment at which the new one served.
    ///
    /// # Errors
    /// The new process does not serve, or the old one does not go.
    pub fn upgrade(&mut self) -> anyhow::Result<(Duration, Instant)> {
        let asked = Command::new(&self.binary)
            .args(["upgrade", "--data"])
            .arg(&self.data)
            .output()
            .context("tandem upgrade cannot be run")?;
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        let served = Instant::now();
        let pid = said.split_whitespace().nth(1).and_then(|pid| pid.parse::<i32>().ok());
        let Some(pid) = pid.and_then(Pid::from_raw).filter(|_| asked.status.success()) else {
            bail!("tandem upgrade: {said}{}", String::from_utf8_lossy(&asked.stderr));
        };
        self.successor = Some(pid);
        while self.child.try_wait()?.is_none() {
            if served.elapsed() > GONE_WITHIN {
                bail!("the old process is still there after {GONE_WITHIN:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok((served.elapsed(), served))
    }

    /// Says a line at its control socket; what it answers.
    ///
    /// # Errors
    /// It is gone.
    pub fn control(&self, line: &str) -> anyhow::Result<String> {
        let mut stream = UnixStream::connect(self.data.join("control.sock")).context("no control socket")?;
        stream.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Waits until it says where it listens.
    fn find(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        while Instant::now() < deadline {
            let said = fs::read_to_string(self.data.join("printed")).unwrap_or_default();
            let after = |line: &str, end: &str| Some(line.split_once("http://")?.1.strip_suffix(end)?.to_owned());
            let page = said
                .lines()
                .find_map(|line| after(line, "/").filter(|host| host.starts_with("localhost:")));
            let ops = said.lines().find_map(|line| after(line, "/metrics"));
            if let (Some(page), Some(ops)) = (page, ops) {
                self.url = format!("ws://{}/ws", page.replace("localhost", "127.0.0.1"));
                self.ops = ops;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let log = fs::read_to_string(self.data.join("log")).unwrap_or_default();
        bail!("{} does not say where it listens: {log}", self.binary.display())
    }

    pub fn pid(&self) -> u32 {
        match self.successor {
            Some(pid) => pid.as_raw_nonzero().get().unsigned_abs(),
            None => self.child.id(),
        }
    }
}

fn spawn(binary: &Path, data: &Path, listen: &str, environment: &[(String, String)]) -> anyhow::Result<Child> {
    let file = |name: &str| fs::File::create(data.join(name)).with_context(|| format!("{name} cannot be written"));
    let mut command = Command::new(binary);
    command
        .args(["--listen", listen, "--ops-listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env("TANDEM__LIMITS__PARTICIPANTS_PER_ROOM", "500")
        .env("TANDEM__LIMITS__SESSIONS", "100000")
        // What it does when it is full is measured too, and not that it refuses to be.
        .env("TANDEM__LIMITS__BUSY_PERCENT", "0")
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(file("printed")?)
        .stderr(file("log")?);
    // A thread hands its cores on to what it starts.
    let start = std::thread::spawn(move || {
        process::pin(process::Cores::First);
        command.spawn()
    });
    let started = start.join().map_err(|_| anyhow::anyhow!("no thread"))?;
    started.with_context(|| format!("{} cannot be started", binary.display()))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(successor) = self.successor {
            let _ = kill_process(successor, Signal::KILL);
        }
        let _ = fs::remove_dir_all(&self.data);
    }
}
