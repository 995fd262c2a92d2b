//! The operator's door on this machine (D): a Unix socket in the data folder, open to the user that the server runs as. A line asks,
//! a line of JSON answers.

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

use crate::id::UserId;
use crate::signaling::driver::{HubError, HubHandle};
use crate::signaling::output::Running;

/// The socket's name in the data folder.
const FILE: &str = "control.sock";

/// The longest question.
const LINE_BYTES_MAX: usize = 32;

/// For how long one who has connected may hold up the others.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Stands before the id of a user whom nothing is to be left of.
const FORGET: &str = "forget ";

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

    /// Answers one after the other, for ever.
    pub async fn serve(self, hub: HubHandle) {
        loop {
            match self.listener.accept().await {
                Ok((mut stream, _)) => {
                    // Whoever is slow or breaks off gets no answer.
                    let _ = timeout(PATIENCE, answer(&mut stream, &hub)).await;
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

async fn answer(stream: &mut tokio::net::UnixStream, hub: &HubHandle) -> io::Result<()> {
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
        return stream.write_all(format!("{forgotten}\n").as_bytes()).await;
    }
    let asked = Question::parse(line);
    let running: Result<Running, HubError> = match asked {
        None => {
            return stream
                .write_all(b"{\"error\": \"expected drain, undrain, running or forget\"}\n")
                .await;
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
    stream.write_all(&text).await
}

/// Asks the server that runs with this data folder.
///
/// # Errors
/// None does, it belongs to another user, or it is going down.
pub fn ask(data: &Path, question: Question) -> io::Result<Running> {
    say(data, question.as_str())
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
    let forgotten: Forgotten = say(data, &format!("{FORGET}{user}"))?;
    Ok(forgotten.was_there)
}

/// Whether an error of these says that no server runs there.
pub fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn say<T: serde::de::DeserializeOwned>(data: &Path, words: &str) -> io::Result<T> {
    let mut stream = UnixStream::connect(data.join(FILE))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(format!("{words}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(4096)).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(|_| io::Error::other(format!("the server answered {line:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_understood_and_fits() {
        for question in Question::ALL {
            assert_eq!(Question::parse(question.as_str()), Some(question));
            assert!(question.as_str().len() < LINE_BYTES_MAX);
        }
        assert_eq!(Question::parse("stop"), None);
        let longest = format!("{FORGET}{}\n", UserId::from_random(u64::MAX));
        assert!(longest.len() <= LINE_BYTES_MAX);
    }
}
