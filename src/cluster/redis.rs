//! Redis pub/sub as a bus (D): the only file that knows Redis. One connection publishes, one is subscribed; each is made anew when it
//! breaks or says nothing, for as long as it takes. Nobody waits for either.

#![expect(clippy::disallowed_methods, reason = "a driver has tasks")]

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSubStream};
use redis::{Client, RedisError, TlsCertificates};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::bus::{Bus, Packet};
use crate::config::ClusterConfig;
use crate::id::NodeId;
use crate::metrics::Metrics;

/// Packets that wait to be published. When it is full, one is lost, and repeated like any other.
const OUTGOING_MAX: usize = 4096;

/// Packets that wait to be read. When it is full, one is lost.
const INCOMING_MAX: usize = 4096;

/// Packets that are published together.
const BATCH_MAX: usize = 128;

/// One beyond this is not read.
const PACKET_BYTES_MAX: usize = 1024 * 1024;

/// How long Redis may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// A subscription that brings nothing for so long is dead: this node's own beats come back twice a second.
const SILENT_MAX: Duration = Duration::from_secs(2);

/// Between two tries to connect.
const TRY_EVERY: Duration = Duration::from_millis(200);

/// What all nodes hear.
const EVERYBODY: &str = "tandem:1:all";

fn channel(to: Option<NodeId>) -> String {
    to.map_or_else(|| EVERYBODY.to_owned(), |node| format!("tandem:1:node:{node}"))
}

/// See the module's documentation.
pub struct RedisBus {
    outgoing: mpsc::Sender<(String, Vec<u8>)>,
    metrics: Arc<Metrics>,
}

/// Why Redis cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    #[error("cluster.redis_url is not a URL of Redis, or cluster.redis_ca holds no certificate in PEM: {0}")]
    Config(#[source] RedisError),
    #[error("cluster.redis_ca: {path}: {source}")]
    Authority { path: PathBuf, source: io::Error },
}

fn client(config: &ClusterConfig) -> Result<Client, NoClient> {
    let Some(path) = &config.redis_authority else {
        return Client::open(config.redis_url.as_str()).map_err(NoClient::Config);
    };
    let root_cert = std::fs::read(path).map_err(|source| NoClient::Authority {
        path: path.clone(),
        source,
    })?;
    let trusted = TlsCertificates {
        client_tls: None,
        root_cert: Some(root_cert),
    };
    Client::build_with_tls(config.redis_url.as_str(), trusted).map_err(NoClient::Config)
}

impl RedisBus {
    /// Starts its two tasks on the running tokio runtime. They end when the bus and the receiver are dropped.
    ///
    /// # Errors
    /// The URL is none of Redis, or the file of the authority cannot be read. Whether Redis is there is not an error: it may come later.
    pub fn start(
        config: &ClusterConfig,
        me: NodeId,
        metrics: Arc<Metrics>,
    ) -> Result<(RedisBus, mpsc::Receiver<Packet>), NoClient> {
        let client = client(config)?;
        let (outgoing, to_publish) = mpsc::channel(OUTGOING_MAX);
        let (hand_on, incoming) = mpsc::channel(INCOMING_MAX);
        tokio::spawn(publish(client.clone(), to_publish, Arc::clone(&metrics)));
        tokio::spawn(listen(client, me, hand_on, Arc::clone(&metrics)));
        Ok((RedisBus { outgoing, metrics }, incoming))
    }
}

impl Bus for RedisBus {
    fn publish(&mut self, to: Option<NodeId>, packet: &Packet) {
        let Ok(bytes) = serde_json::to_vec(packet) else { return };
        if self.outgoing.try_send((channel(to), bytes)).is_err() {
            self.metrics.cluster_packets_lost.with_label_values(&["full"]).inc();
        }
    }
}

/// Whether Redis is there now.
///
/// # Errors
/// Why not, in its words or ours.
pub async fn probe(config: &ClusterConfig) -> Result<(), String> {
    let client = client(config).map_err(|error| error.to_string())?;
    let asking = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<()>(&mut connection).await
    };
    match timeout(ANSWERS_WITHIN, asking).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("nothing within {} s", ANSWERS_WITHIN.as_secs())),
    }
}

async fn publish(client: Client, mut outgoing: mpsc::Receiver<(String, Vec<u8>)>, metrics: Arc<Metrics>) {
    let mut batch = Vec::new();
    loop {
        let Some(mut connection) = connect(&client).await else {
            // What nobody could hear is not said later: it is repeated.
            let lost = std::iter::from_fn(|| outgoing.try_recv().ok()).count();
            metrics.cluster_packets_lost.with_label_values(&["down"]).inc_by(lost as u64);
            if outgoing.is_closed() {
                return;
            }
            sleep(TRY_EVERY).await;
            continue;
        };
        loop {
            batch.clear();
            if outgoing.recv_many(&mut batch, BATCH_MAX).await == 0 {
                return;
            }
            let mut pipe = redis::pipe();
            for (channel, bytes) in &batch {
                pipe.cmd("PUBLISH").arg(channel).arg(&bytes[..]).ignore();
            }
            let done = timeout(ANSWERS_WITHIN, pipe.query_async::<()>(&mut connection)).await;
            if !matches!(done, Ok(Ok(()))) {
                metrics
                    .cluster_packets_lost
                    .with_label_values(&["down"])
                    .inc_by(batch.len() as u64);
                break;
            }
        }
    }
}

async fn connect(client: &Client) -> Option<MultiplexedConnection> {
    let connecting = client.get_multiplexed_async_connection();
    match timeout(ANSWERS_WITHIN, connecting).await {
        Ok(Ok(connection)) => Some(connection),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no connection to redis");
            None
        }
        Err(_) => None,
    }
}

async fn listen(client: Client, me: NodeId, hand_on: mpsc::Sender<Packet>, metrics: Arc<Metrics>) {
    while !hand_on.is_closed() {
        if let Ok(Ok(mut messages)) = timeout(ANSWERS_WITHIN, subscribe(&client, me)).await {
            while let Ok(Some(message)) = timeout(SILENT_MAX, messages.next()).await {
                let bytes = message.get_payload_bytes();
                let packet = (bytes.len() <= PACKET_BYTES_MAX)
                    .then(|| serde_json::from_slice(bytes).ok())
                    .flatten();
                let lost = match packet {
                    None => "unreadable",
                    Some(packet) => match hand_on.try_send(packet) {
                        Ok(()) => continue,
                        Err(mpsc::error::TrySendError::Full(_)) => "full",
                        Err(mpsc::error::TrySendError::Closed(_)) => return,
                    },
                };
                metrics.cluster_packets_lost.with_label_values(&[lost]).inc();
            }
        }
        sleep(TRY_EVERY).await;
    }
}

async fn subscribe(client: &Client, me: NodeId) -> Result<PubSubStream, RedisError> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(&[channel(None), channel(Some(me))]).await?;
    Ok(subscription.into_on_message())
}
