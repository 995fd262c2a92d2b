//! One synthetic browser: a websocket that speaks docs/protocol.md.

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A session of a user of its own.
pub struct Session {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    reference: u64,
    /// Its user's id.
    pub user_id: String,
}

impl Session {
    /// Connects and says hello as a new user.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses the session.
    pub async fn open(url: &str) -> anyhow::Result<Session> {
        let (socket, _) = tokio_tungstenite::connect_async(url)
            .await
            .with_context(|| format!("{url} cannot be reached"))?;
        let mut session = Session {
            socket,
            reference: 0,
            user_id: String::new(),
        };
        session.send(json!({ "type": "hello", "protocol": 1 })).await?;
        let welcome = session.expect("welcome").await?;
        session.user_id = welcome["user_id"].as_str().context("welcome names the user")?.to_owned();
        Ok(session)
    }

    pub async fn send(&mut self, mut command: Value) -> anyhow::Result<()> {
        self.reference += 1;
        command["ref"] = self.reference.into();
        Ok(self.socket.send(Message::text(command.to_string())).await?)
    }

    /// The next event. Safe to be dropped before it comes.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            let message = self.socket.next().await.context("the websocket was closed")??;
            if let Message::Text(text) = message {
                return Ok(serde_json::from_str(&text)?);
            }
        }
    }

    /// The next event of this type; others before it are passed over, but an error is an error.
    pub async fn expect(&mut self, kind: &str) -> anyhow::Result<Value> {
        loop {
            let event = self.next().await.with_context(|| format!("while waiting for {kind}"))?;
            if event["type"] == kind {
                return Ok(event);
            }
            if event["type"] == "error" {
                bail!("refused while waiting for {kind}: {event}");
            }
        }
    }
}
