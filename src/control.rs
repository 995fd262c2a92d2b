//! The operator's door on this machine (D): a Unix socket in the data folder, open to the user that the server runs as. A line asks,
//! a line of JSON answers.

#![expect(clippy::disallowed_methods, reason = "a driver: what lasts has a task of its own")]

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::timeout;

use crate::handover::Succession;
use crate::id::UserId;
use crate::sfu::handle::{InjectedFault, SfuCommand, SfuHandle};
use crate::signaling::driver::{HubError, HubHandle};
use crate::signaling::output::Running;

/// The socket's name in the data folder.
const FILE: &str = "control.sock";

/// The longest question.
const LINE_BYTES_MAX: usize = 64;

/// For how long one who has connected may hold up the others.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// … until another process serves.
const UPGRADED_WITHIN: Duration = Duration::from_secs(180);

/// Starts the binary again, and hands over to it.
const UPGRADE: &str = "upgrade";

/// What the process says that is to take this one's place. It is answered by sockets, and what follows is `handover.rs`'s.
pub const SUCCEED: &str = "succeed\n";

/// Stands before the id of a user whom nothing is to be left of.
const FORGET: &str = "forget ";

/// Stands before `panic` or `endless`, a room's and a participant's id: breaks that transport, for a test.
const FAULT: &str = "fault ";

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Drain,
    Undrain,
    Running,
}

impl Question {
    const ALL: [Question; 3] = [Question::Drain, Question::Undrain, Question::Running];

    fn as_str(self) -> &'static str {
        match self {
            Question::Drain => "drain",
            Question::Undrain => "undrain",
            Question::Running => "running",
        }
    }

    fn parse(word: &str) -> Option<Question> {
        Question::ALL.into_iter().find(|question| question.as_str() == word)
    }
}

/// The socket of a running server; its file goes with it.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Takes the place of what a server that was killed left there.
    ///
    /// # Errors
    /// The folder takes no sockets, or its path is too long for one (107 bytes).
    pub fn bind(data: &Path) -> io::Result<Control> {
        let path = data.join(FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Control { listener, path })
    }

    /// Answers one after the other, for ever. `faults`: the SFU whose transports may be broken for a test.
    pub async fn serve(self, hub: HubHandle, succession: Succession, faults: Option<SfuHandle>) {
        loop {
            match self.listener.accept().await {
                Ok((mut stream, _)) => {
                    // Whoever is slow or breaks off gets no answer.
                    if let Ok(Ok(Some(lasting))) = timeout(PATIENCE, answer(&mut stream, &hub, faults.as_ref())).await {
                        tokio::spawn(carry_out(lasting, stream, succession.clone()));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed on the control socket");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// What takes its time.
#[derive(Debug, Clone, Copy)]
enum Lasting {
    Upgrade,
    Succeed,
}

async fn carry_out(lasting: Lasting, mut stream: tokio::net::UnixStream, succession: Succession) {
    match lasting {
        Lasting::Upgrade => {
            let answer = match succession.upgrade().await {
                Ok(pid) => serde_json::json!({ "pid": pid }),
                Err(error) => serde_json::json!({ "error": format!("{error:#}") }),
            };
            // Whoever asked may be gone.
            let _ = stream.write_all(format!("{answer}\n").as_bytes()).await;
        }
        Lasting::Succeed => {
            if let Err(error) = succession.receive(stream).await {
                tracing::warn!(%error, "a process that was to take over did not come to it: this one goes on");
            }
        }
    }
}

/// What is to be done yet, if that takes its time.
async fn answer(stream: &mut tokio::net::UnixStream, hub: &HubHandle, faults: Option<&SfuHandle>) -> io::Result<Option<Lasting>> {
    let mut line = Vec::new();
    while line.len() < LINE_BYTES_MAX && !line.ends_with(b"\n") {
        if stream.read_buf(&mut line).await? == 0 {
            break;
        }
    }
    let line = std::str::from_utf8(&line).unwrap_or_default().trim_end();
    if let Some(user) = line.strip_prefix(FORGET).and_then(|user| user.parse().ok()) {
        let forgotten = match hub.forget(user).await {
            Ok(Some(was_there)) => serde_json::json!({ "was_there": was_there }),
            Ok(None) => serde_json::json!({ "error": "the store failed: see the server's log" }),
            Err(error) => serde_json::json!({ "error": error.to_string() }),
        };
        stream.write_all(format!("{forgotten}\n").as_bytes()).await?;
        return Ok(None);
    }
    if let (Some(order), Some(sfu)) = (line.strip_prefix(FAULT).and_then(parse_fault), faults) {
        let injected = sfu.send(order).is_ok();
        let injected = serde_json::json!({ "injected": injected });
        stream.write_all(format!("{injected}\n").as_bytes()).await?;
        return Ok(None);
    }
    match line {
        UPGRADE => return Ok(Some(Lasting::Upgrade)),
        _ if line == SUCCEED.trim_end() => return Ok(Some(Lasting::Succeed)),
        _ => {}
    }
    let asked = Question::parse(line);
    let running: Result<Running, HubError> = match asked {
        None => {
            stream
                .write_all(b"{\"error\": \"expected drain, undrain, running, upgrade, succeed or forget\"}\n")
                .await?;
            return Ok(None);
        }
        Some(Question::Drain) => hub.drain().await,
        Some(Question::Undrain) => hub.undrain().await,
        Some(Question::Running) => hub.running().await,
    };
    let mut text = match running {
        Ok(running) => serde_json::to_vec(&running)?,
        Err(error) => serde_json::to_vec(&serde_json::json!({ "error": error.to_string() }))?,
    };
    text.push(b'\n');
    stream.write_all(&text).await?;
    Ok(None)
}

fn parse_fault(words: &str) -> Option<SfuCommand> {
    let mut words = words.split(' ');
    let fault = match words.next()? {
        "panic" => InjectedFault::Panic,
        "endless" => InjectedFault::Endless,
        _ => return None,
    };
    Some(SfuCommand::InjectFault {
        room: words.next()?.parse().ok()?,
        participant: words.next()?.parse().ok()?,
        fault,
    })
}

/// Asks the server that runs with this data folder.
///
/// # Errors
/// None does, it belongs to another user, or it is going down.
pub fn ask(data: &Path, question: Question) -> io::Result<Running> {
    say(data, question.as_str(), ANSWER_WITHIN)
}

/// Has the server that runs with this data folder forget a user; whether there was one.
///
/// # Errors
/// The same, or its store failed.
pub fn forget(data: &Path, user: UserId) -> io::Result<bool> {
    #[derive(Deserialize)]
    struct Forgotten {
        was_there: bool,
    }
    let forgotten: Forgotten = say(data, &format!("{FORGET}{user}"), ANSWER_WITHIN)?;
    Ok(forgotten.was_there)
}

/// Has the server that runs with this data folder start its binary again and hand over to it; the id of that process.
///
/// # Errors
/// The same, or the new process did not come to serve.
pub fn upgrade(data: &Path) -> io::Result<u32> {
    #[derive(Deserialize)]
    struct Upgraded {
        pid: Option<u32>,
        error: Option<String>,
    }
    let upgraded: Upgraded = say(data, UPGRADE, UPGRADED_WITHIN)?;
    upgraded
        .pid
        .ok_or_else(|| io::Error::other(upgraded.error.unwrap_or_default()))
}

/// Comes to the server that runs with this data folder.
///
/// # Errors
/// None does, or it belongs to another user.
pub fn connect(data: &Path) -> anyhow::Result<UnixStream> {
    UnixStream::connect(data.join(FILE)).map_err(|error| explain(error, data))
}

/// An error of these as a sentence that says what to do.
pub fn explain(error: io::Error, data: &Path) -> anyhow::Error {
    let data = data.display();
    match error.kind() {
        _ if is_nobody(&error) => {
            anyhow::anyhow!("no server runs with the data folder {data}; name its own with --data or --config")
        }
        io::ErrorKind::PermissionDenied => anyhow::anyhow!("the server in {data} is another user's: become that user, or root"),
        _ => anyhow::Error::from(error),
    }
}

/// Whether an error of these says that no server runs there.
pub fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn say<T: serde::de::DeserializeOwned>(data: &Path, words: &str, within: Duration) -> io::Result<T> {
    let mut stream = UnixStream::connect(data.join(FILE))?;
    stream.set_read_timeout(Some(within))?;
    stream.write_all(format!("{words}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(4096)).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(|_| io::Error::other(format!("the server answered {line:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ParticipantId, RoomId};

    #[test]
    fn every_question_is_understood_and_fits() {
        for question in Question::ALL {
            assert_eq!(Question::parse(question.as_str()), Some(question));
            assert!(question.as_str().len() < LINE_BYTES_MAX);
        }
        assert_eq!(Question::parse("stop"), None);
        let longest = format!("{FORGET}{}\n", UserId::from_random(u64::MAX));
        assert!(longest.len() <= LINE_BYTES_MAX);
        let (room, participant) = (RoomId::from_random(u64::MAX), ParticipantId::from_random(u64::MAX));
        let longest = format!("{FAULT}endless {room} {participant}\n");
        assert!(longest.len() <= LINE_BYTES_MAX);
        let fault = InjectedFault::Endless;
        assert_eq!(
            parse_fault(longest.trim_end().strip_prefix(FAULT).unwrap()),
            Some(SfuCommand::InjectFault {
                room,
                participant,
                fault
            })
        );
        assert_eq!(parse_fault(&format!("sleep {room} {participant}")), None);
    }
}
