//! One synthetic browser: a websocket that speaks docs/protocol.md.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A session of a user of its own.
pub struct Session {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    reference: u64,
    /// Its user's id.
    pub user_id: String,
    /// Of the nodes behind the load balancer: the one in use first.
    urls: Vec<String>,
    /// Of the user, told once.
    secret: String,
    id: String,
    resume_secret: String,
    /// Of the last event that has one.
    seen: u64,
}

impl Session {
    /// Connects and says hello as a new user.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses the session.
    pub async fn open(url: &str) -> anyhow::Result<Session> {
        let socket = connect(url).await?;
        Session::greet(url, socket).await
    }

    /// The same from an address of this machine, so that many come from as many.
    ///
    /// # Errors
    /// As of [`Session::open`], and the server has to be an IP address.
    pub async fn open_from(source: IpAddr, url: &str) -> anyhow::Result<Session> {
        let server: SocketAddr = host(url)?.parse().context("the URL has no IP address and port")?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        let stream = socket
            .connect(server)
            .await
            .with_context(|| format!("{url} cannot be reached"))?;
        let (socket, _) = tokio_tungstenite::client_async(url, MaybeTlsStream::Plain(stream)).await?;
        Session::greet(url, socket).await
    }

    async fn greet(url: &str, socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> anyhow::Result<Session> {
        let mut session = Session {
            socket,
            reference: 0,
            user_id: String::new(),
            urls: vec![url.to_owned()],
            secret: String::new(),
            id: String::new(),
            resume_secret: String::new(),
            seen: 0,
        };
        session.send(json!({ "type": "hello", "protocol": 1 })).await?;
        let welcome = session.expect("welcome").await?;
        session.secret = welcome["secret"].as_str().context("a new user has a secret")?.to_owned();
        session.note(&welcome)?;
        Ok(session)
    }

    /// On another websocket, as after one that was closed: what the server says of the session and its call.
    ///
    /// # Errors
    /// The server cannot be reached, or does not have the session any more.
    pub async fn resume(&mut self) -> anyhow::Result<Value> {
        let url = self.urls[0].clone();
        // Where that fails, the next one is next.
        self.urls.rotate_left(1);
        self.socket = connect(&url).await?;
        self.send(json!({
            "type": "hello", "protocol": 1,
            "user": { "user_id": self.user_id, "secret": self.secret },
            "resume": { "session_id": self.id, "secret": self.resume_secret, "seq": self.seen },
        }))
        .await?;
        let welcome = self.expect("welcome").await?;
        if welcome["resumed"] != true {
            bail!("the server does not know the session any more: {welcome}");
        }
        self.note(&welcome)?;
        self.urls.rotate_right(1);
        Ok(welcome)
    }

    /// A load balancer may bring it there as well.
    pub fn also_at(&mut self, url: &str) {
        self.urls.push(url.to_owned());
    }

    fn note(&mut self, welcome: &Value) -> anyhow::Result<()> {
        let text = |name: &str| {
            welcome[name]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("welcome has no {name}"))
        };
        (self.user_id, self.id, self.resume_secret) = (text("user_id")?, text("session_id")?, text("resume_secret")?);
        Ok(())
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
                let event: Value = serde_json::from_str(&text)?;
                self.seen = event["seq"].as_u64().unwrap_or(self.seen);
                return Ok(event);
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

/// Host and port of a server, of its websocket's URL.
///
/// # Errors
/// It is none of a websocket without TLS.
pub fn host(url: &str) -> anyhow::Result<&str> {
    let host = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next());
    host.with_context(|| format!("{url:?} is no URL like ws://127.0.0.1:8443/ws"))
}

async fn connect(url: &str) -> anyhow::Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    let connected = tokio_tungstenite::connect_async(url).await;
    Ok(connected.with_context(|| format!("{url} cannot be reached"))?.0)
}
