//! The composition root (D): makes every part, joins them, and takes them down in order.

#![expect(
    clippy::disallowed_methods,
    reason = "the composition root starts the tasks and draws the seeds"
)]

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;
use crate::auth::vapid::Vapid;
use crate::cluster::bus::About;
use crate::cluster::redis::RedisBus;
use crate::config::{AuthMode, ClusterConfig, Config};
use crate::control::Control;
use crate::fetch::Fetcher;
use crate::handover::{Ports, Predecessor, Succession};
use crate::http::addresses::Addresses;
use crate::http::api::guard::Guard;
use crate::http::api::{self, Api};
use crate::http::files::Files;
use crate::http::ice_servers::{IssueCredential, RelayCredential};
use crate::http::origins::Origins;
use crate::http::port::Service;
use crate::http::tls::Tls;
use crate::http::websocket::Gate;
use crate::http::whip::resources::Resources;
use crate::http::{self, ops, port};
use crate::id::NodeId;
use crate::inherited::Inherited;
use crate::load::Shares;
use crate::log;
use crate::metrics::Metrics;
use crate::push::{NUDGES_MAX, Push};
use crate::relay::driver::RelayHandle;
use crate::sfu::candidates;
use crate::sfu::flow::Flow;
use crate::sfu::handle::{self as sfu, Certificate, SfuConfig, SfuHandle};
use crate::signaling::driver::HubHandle;
use crate::signaling::driver::nodes::Nodes;
use crate::signaling::hub::{FileBounds, HubConfig};
use crate::signaling::keeper::Archive;
use crate::signaling::restoring;
use crate::store::{Claim, Held, Place, Store, Tenancy};
use crate::webhooks::{Couriers, Webhooks};
use crate::{doctor, overload, supervisor, traces, udp};

/// What waits in the queue from the SFU to the hub. When it is full, events wait in the worker, which never stops for it.
const SFU_EVENTS_MAX: usize = 4096;

/// What waits in the queue from the UDP ports to the relay. Beyond it, datagrams are lost.
const TURN_DATAGRAMS_MAX: usize = 1024;

/// How often it is looked whether the database is still this server's.
const CLAIM_LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long a stop at once waits for the hub to tell browsers and to note what lasts.
const AT_ONCE: Duration = Duration::from_secs(4);

/// How long media goes on where another process serves: longer than a page takes to notice that its websocket is gone (3 s without a
/// pong) and to come back, with the connection that it makes then.
const LINGER: Duration = Duration::from_secs(15);
const LINGER_LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a stop waits for HTTP requests under way, after the calls.
const HTTP_PATIENCE: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A port is taken, the data folder cannot be written, or the kernel refuses a socket: one sentence that names it.
pub fn run(config: Config) -> anyhow::Result<()> {
    log::start(&config.log);
    let passed = Inherited::from_environment().context("the sockets of systemd cannot be taken")?;
    let (predecessor, inherited) = match Predecessor::find(&config.data).context("the running server does not hand over")? {
        Some((predecessor, inherited)) => (Some(predecessor), inherited),
        None => (None, passed),
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?
        .block_on(serve(config, inherited, predecessor))
}

async fn serve(config: Config, mut inherited: Inherited, mut predecessor: Option<Predecessor>) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new());
    let readiness = Arc::new(ops::Readiness::default());
    let mut stops = Stops::new()?;
    // Asked for in every mode, because unasked it ends the process.
    let mut hangups = signal(SignalKind::hangup())?;

    std::fs::create_dir_all(&config.data).with_context(|| format!("the data folder {} cannot be made", config.data.display()))?;
    let sending = traces::start(&config.traces, &config.cluster.as_ref().map_or_else(host_name, node_name))?;
    let listener =
        listen_at(config.listen, &mut inherited).with_context(|| format!("server.listen {} cannot be bound", config.listen))?;
    let listen = listener.local_addr()?;
    let ops_listener = listen_at(config.ops_listen, &mut inherited)
        .with_context(|| format!("server.ops_listen {} cannot be bound", config.ops_listen))?;
    let ops_listen = ops_listener.local_addr()?;
    inherited.check_none_left()?;

    let advertised = match config.public_addresses.as_slice() {
        [] => candidates::discover(&udp::ipv6_table()).context("the addresses of this machine cannot be listed")?,
        public => public.to_vec(),
    };
    let (sfu_events, from_sfu) = mpsc::channel(SFU_EVENTS_MAX);
    let (turn, to_relay) = mpsc::channel(TURN_DATAGRAMS_MAX);
    let sfu_config = SfuConfig {
        listen,
        bound: inherited.take_udp(),
        workers: config.workers,
        candidates: advertised.clone(),
        strangers: predecessor.as_ref().map(Predecessor::strangers).transpose()?,
        tcp_port: Some(listen.port()),
        busy_max: share(config.cut_percent),
        certificate: Certificate::generate().context("no certificate for the transports")?,
        turn,
    };
    let (media, workers) = sfu::start(sfu_config, metrics.clone(), sfu_events).context("media cannot be served")?;
    let tls = Tls::start(&config.tls, &config.data, &advertised, &metrics).context("HTTPS cannot be served")?;
    let ports = Ports {
        main: listener.as_fd().try_clone_to_owned()?,
        ops: ops_listener.as_fd().try_clone_to_owned()?,
        udp: owned(workers.sockets())?,
    };
    let (succession, mut successors) = Succession::new(ports, media.clone());

    // What could go wrong before has not: from here on the predecessor does not serve any more.
    if let Some(predecessor) = &mut predecessor {
        tokio::task::block_in_place(|| predecessor.await_turn()).context("the running server did not hand over")?;
    }
    let mut store = Store::open(&config.store)
        .await
        .with_context(|| format!("the database in {} cannot be opened", config.store))?;
    let node_name = config.cluster.as_ref().map(node_name);
    let claim = store
        .claim(node_name.clone().map_or(Tenancy::Alone, Tenancy::Among))
        .await
        .with_context(|| format!("the database in {} cannot be used", config.store))?;

    let webhooks = Webhooks::new(&config.webhooks);
    let hub_config = HubConfig {
        ring_timeout: config.ring_timeout,
        resume_grace: config.resume_timeout,
        sessions_max: config.sessions,
        sessions_per_user_max: config.sessions_per_user,
        participants_per_room_max: config.participants_per_room,
        pairs: config.auth == AuthMode::Open,
        tells_application: !webhooks.is_none(),
        files: config.chat.files.map(|sizes| FileBounds {
            file_bytes_max: sizes.one,
            user_bytes_max: sizes.of_user,
            bytes_max: sizes.all,
        }),
        ..HubConfig::default()
    };
    let restored = restoring::restore(&store, &metrics).await;
    let udp = media.addresses();
    let relay = start_relay(&media, &advertised, to_relay, &metrics)?;
    let sfu = media.clone();
    let ask_sfu = Box::new(move |command| sfu.send(command).is_ok());
    let sessions = relay.clone();
    let session_ended = Box::new(move |session| sessions.end_session(session));
    let nodes = match &config.cluster {
        Some(cluster) => {
            let about = About {
                name: node_name.unwrap_or_default(),
                media: media_addresses(&media, &advertised),
                ..About::default()
            };
            Some(join_cluster(cluster, about, relay.clone(), &metrics)?)
        }
        None => None,
    };
    let (push, nudges) = mpsc::channel(NUDGES_MAX);
    let vapid = push_key(&store).await?;
    let sender = Push {
        store: store.clone(),
        vapid: vapid.clone(),
        fetcher: Fetcher::new(None)?.guarded(&config.push.allowed_hosts),
        contact: config.push.contact.clone(),
        metrics: metrics.clone(),
    };
    let pushing = tokio::spawn(sender.run(nudges));
    let hub = HubHandle::start(
        hub_config,
        restored,
        ask_sfu,
        from_sfu,
        Archive {
            store: store.clone(),
            history_lasts: config.history_lasts,
            history_calls_max: config.history_calls_per_user,
            reports_last: config.reports_last,
            files_last: config.chat.files_last,
            bytes_max: config.store_bytes_max,
            webhooks: webhooks.clone(),
        },
        metrics.clone(),
        session_ended,
        nodes,
        push,
    );
    let mut adopted = tokio::spawn(keep_claim(claim, store.clone()));
    let couriers =
        Couriers::start(&webhooks, &config.webhooks, &store, &metrics).context("webhooks cannot be sent: webhooks.ca")?;
    let barred = store.blocked_users().await.context("the blocked users cannot be read")?;
    hub.operate(|hub, now| hub.bar_only(barred, now)).await?;
    let authenticator = Authenticator::start(&config.auth, store.clone(), metrics.clone()).await?;
    let addresses = Addresses::new(config.connections_per_address, config.websockets_per_address);
    let gate = Gate {
        hub: hub.clone(),
        authenticator,
        metrics: metrics.clone(),
        origins: Origins::new(config.allowed_origins.clone()),
        addresses: addresses.clone(),
        resources: Resources::new(metrics.clone()),
        stun_port: listen.port(),
        relay: Some(issue_credentials(relay.clone())),
    };

    let api = Api::new(
        hub.clone(),
        store.clone(),
        webhooks,
        vapid.public(),
        &config.auth,
        metrics.clone(),
        Instant::now(),
    );
    let by_key = (!config.api.keys.is_empty()).then(|| Guard::Keys {
        keys: config.api.keys.clone().into(),
        addresses: addresses.clone(),
        metrics: metrics.clone(),
    });
    // Whoever reaches it is on this machine; else it takes a key like the main port.
    let of_operator = if ops_listen.ip().is_loopback() {
        Some(Guard::ThisMachine)
    } else {
        by_key.clone()
    };

    let cut_media = CancellationToken::new();
    let main_service = Service {
        router: http::router(
            gate,
            Files::new(store.clone(), metrics.clone()),
            api::router(api.clone(), by_key),
        ),
        tls: tls.as_ref().map(|tls| tls.config.clone().into()),
        media: Some(port::Media {
            sfu: media.clone(),
            relay: relay.clone(),
            addresses,
            cut: cut_media.clone(),
        }),
        metrics: metrics.clone(),
    };
    let ops_service = Service {
        router: ops::router(
            metrics.clone(),
            readiness.clone(),
            hub.clone(),
            api::router(api.without_pages(), of_operator),
        ),
        tls: None,
        media: None,
        metrics: metrics.clone(),
    };
    let stop_http = CancellationToken::new();
    let serving = tokio::spawn(port::serve(listener, main_service, stop_http.clone(), HTTP_PATIENCE));
    let serving_ops = tokio::spawn(port::serve(ops_listener, ops_service, stop_http.clone(), HTTP_PATIENCE));
    let faults = config.injects_faults.then(|| media.clone());
    if faults.is_some() {
        tracing::warn!("TANDEM_INJECT_FAULTS is set: whoever may use the control socket can break connections");
    }
    let controlled = match Control::bind(&config.data) {
        Ok(control) => Some(tokio::spawn(control.serve(hub.clone(), succession, faults))),
        Err(error) => {
            tracing::warn!(%error, "no control socket in the data folder: `tandem drain` and `tandem upgrade` will not reach this server");
            None
        }
    };
    readiness.set(true);
    let limits = Shares {
        workers: share(config.busy_percent),
        memory: share(config.memory_percent),
        files: share(config.open_files_percent),
    };
    overload::watch(limits, hub.clone(), metrics.clone());
    supervisor::ready(&hub);
    greet(&config, listen, ops_listen, &udp, &advertised, tls.as_ref());
    tracing::info!(%listen, ops = %ops_listen, version = env!("CARGO_PKG_VERSION"), "started");
    if let Some(Err(error)) = predecessor.as_mut().map(Predecessor::tell_serving) {
        tracing::warn!(%error, "the server before this one was gone before it had handed over all its media");
    }

    let successor = loop {
        tokio::select! {
            () = stops.next() => break None,
            Some(successor) = successors.recv() => break Some(successor),
            () = hub.ended() => anyhow::bail!("the hub ended by a fault: see the log above it, and please report it"),
            _ = &mut adopted => anyhow::bail!("another node has taken up what this one had, which was away for the database and the other nodes: start it again"),
            _ = hangups.recv() => match &tls {
                Some(tls) => tls.refresh(),
                None => tracing::info!("SIGHUP: there is no certificate to look for"),
            },
        }
    };
    readiness.set(false);
    // Its file is gone then, before a successor makes its own, and nothing but the listeners has the ports.
    if let Some(controlled) = controlled {
        controlled.abort();
        let _ = controlled.await;
    }
    let moves = successor.is_some() || hub.operate(|hub, _| hub.may_be_adopted()).await.unwrap_or(false);
    if successor.is_none() {
        supervisor::stopping();
    }
    if moves {
        tracing::info!("stopping: what runs goes on elsewhere");
        // Whoever comes is answered there from here on.
        stop_http.cancel();
        let _ = tokio::join!(stop_at_once(&hub), serving, serving_ops);
    } else {
        tracing::info!("stopping: new calls are refused");
        tokio::select! {
            () = hub.stop(config.stop_timeout) => {}
            () = stops.next() => {
                tracing::info!("stopping at once");
                stop_at_once(&hub).await;
            }
        }
        stop_http.cancel();
        let _ = tokio::join!(serving, serving_ops);
    }
    drop(couriers);
    pushing.abort();
    // The claim goes with it.
    adopted.abort();
    let _ = adopted.await;
    store.close().await;
    if let Some(successor) = successor {
        successor
            .take_over(&media)
            .await
            .context("the process that was to take over did not serve")?;
    }
    if moves {
        tracing::info!("media goes on here until it has moved");
        linger(&metrics, &mut stops).await;
    }
    relay.stop();
    cut_media.cancel();
    if tokio::task::spawn_blocking(move || workers.stop()).await.is_err() {
        tracing::error!("a media worker did not end in order");
    }
    // A thread that is not the runtime's waits for the collector, by requests that run on it.
    let _ = tokio::task::spawn_blocking(move || sending.stop()).await;
    tracing::info!("stopped");
    Ok(())
}

fn owned(sockets: &[UdpSocket]) -> std::io::Result<Vec<OwnedFd>> {
    sockets.iter().map(|socket| socket.as_fd().try_clone_to_owned()).collect()
}

async fn stop_at_once(hub: &HubHandle) {
    if timeout(AT_ONCE, hub.stop(Duration::ZERO)).await.is_err() {
        tracing::error!("the hub did not end");
    }
}

/// While transports are here: pages make theirs with the successor, and then close these.
async fn linger(metrics: &Metrics, stops: &mut Stops) {
    let left = || ["connecting", "connected"].map(|state| metrics.transports.with_label_values(&[state]).get());
    let gone = async {
        loop {
            tokio::time::sleep(LINGER_LOOK_EVERY).await;
            if left().iter().all(|number| *number <= 0) {
                break;
            }
        }
    };
    tokio::select! {
        () = gone => {}
        () = tokio::time::sleep(LINGER) => tracing::info!("connections were left that had not moved"),
        () = stops.next() => {}
    }
}

/// What push messages are signed with, made at the first start.
async fn push_key(store: &Store) -> anyhow::Result<Arc<Vapid>> {
    let fresh = Vapid::fresh().context("there are no random numbers")?;
    let key = store.push_key(&fresh).await.context("the key for web push cannot be kept")?;
    let vapid = Vapid::new(&key).context("the key for web push in the database is none: delete the row of push_key")?;
    Ok(Arc::new(vapid))
}

/// Looks after the claim for as long as the server runs. Returns when another node has adopted this one.
async fn keep_claim(mut claim: Claim, store: Store) {
    let mut was_lost = false;
    loop {
        tokio::time::sleep(CLAIM_LOOK_EVERY).await;
        match claim.renew(&store).await {
            Ok(Held::Still) => {}
            Ok(Held::Again) => {
                was_lost = false;
                tracing::info!("the database was away, and is this server's again");
            }
            Ok(Held::Adopted) => return,
            Ok(Held::NotAnyMore) if !std::mem::replace(&mut was_lost, true) => {
                tracing::error!(
                    "another server took the database while it was away for this one: stop one of the two (docs/cluster.md)"
                );
            }
            // Others have said that the database is away.
            Ok(Held::NotAnyMore) | Err(_) => {}
        }
    }
}

fn node_name(cluster: &ClusterConfig) -> String {
    match cluster.node_name.as_str() {
        "" => host_name(),
        name => name.to_owned(),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Other nodes are heard from here on, as soon as Redis is there.
fn join_cluster(cluster: &ClusterConfig, about: About, relay: RelayHandle, metrics: &Arc<Metrics>) -> anyhow::Result<Nodes> {
    let me = NodeId::from_random(rand::random());
    let (bus, packets) = RedisBus::start(cluster, me, metrics.clone())?;
    tracing::info!(node = %me, about.name, "one of several nodes");
    let tell_relay = Box::new(move |others| relay.set_others(others));
    Ok(Nodes::new(me, about, Box::new(bus), packets, tell_relay))
}

fn listen_at(address: SocketAddr, inherited: &mut Inherited) -> std::io::Result<TcpListener> {
    match inherited.take_listener(address) {
        Some(listener) => port::adopt(listener),
        None => port::bind(address),
    }
}

/// The addresses that we advertise, at each worker's port.
fn media_addresses(sfu: &SfuHandle, advertised: &[IpAddr]) -> Vec<SocketAddr> {
    let workers = sfu.addresses();
    let at = |worker: &SocketAddr| {
        advertised
            .iter()
            .map(|ip| SocketAddr::new(*ip, worker.port()))
            .collect::<Vec<_>>()
    };
    workers.iter().flat_map(at).collect()
}

/// The relay reaches our own SFU from the start, and those of other nodes as they come.
fn start_relay(
    sfu: &SfuHandle,
    advertised: &[IpAddr],
    mut datagrams: mpsc::Receiver<(Flow, Vec<u8>)>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<RelayHandle> {
    let peers = media_addresses(sfu, advertised);
    let relay = RelayHandle::start(peers, sfu.clone(), metrics.clone()).context("the relay has no random numbers")?;
    let handle = relay.clone();
    tokio::spawn(async move {
        while let Some((flow, datagram)) = datagrams.recv().await {
            handle.handle_datagram(flow.remote, flow.local, datagram);
        }
    });
    Ok(relay)
}

/// Credentials for the relay, which are good while their session lives.
fn issue_credentials(relay: RelayHandle) -> IssueCredential {
    Box::new(move |session| {
        relay.begin_session(session);
        let credential = relay.credentials(session);
        RelayCredential {
            username: credential.username,
            credential: credential.password,
            lasts: Duration::from_secs(credential.ttl_s),
        }
    })
}

/// What a person who has just started it wants to know.
fn greet(
    config: &Config,
    listen: SocketAddr,
    ops_listen: SocketAddr,
    udp: &[SocketAddr],
    advertised: &[IpAddr],
    tls: Option<&Tls>,
) {
    let port = listen.port();
    let ports: Vec<String> = udp.iter().map(|address| address.port().to_string()).collect();
    let reached: Vec<String> = advertised.iter().map(ToString::to_string).collect();
    let reached = if reached.is_empty() {
        "this machine only".to_owned()
    } else {
        let why = match config.public_addresses.is_empty() {
            true => "of this machine's interfaces",
            false => "as network.public_addresses says",
        };
        format!("{}, {why}", reached.join(", "))
    };
    println!("tandem {}", env!("CARGO_PKG_VERSION"));
    println!("  open      http://localhost:{port}/");
    println!("  and       http://localhost:{port}/?user=2  to be a second person in the same browser");
    if let Some(tls) = tls {
        for ip in advertised.iter().filter(|_| listen.ip().is_unspecified()) {
            println!("  open      https://{}/  from other devices", SocketAddr::new(*ip, port));
        }
        println!("  TLS       certificate SHA-256 {}", tls.certificate().fingerprint);
    }
    println!("  metrics   http://{ops_listen}/metrics");
    println!("  data      {}", config.data.display());
    if let Place::Postgres(url) = &config.store {
        println!("  database  {url}");
    }
    println!("  media     udp port {} at {reached}", ports.join(", "));
    if config.public_addresses.is_empty() && advertised.iter().all(|ip| doctor::is_private(*ip)) {
        println!("            all private: for calls from elsewhere, name the public address in network.public_addresses");
    }
}

/// SIGTERM and SIGINT.
struct Stops {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stops {
    fn new() -> std::io::Result<Stops> {
        Ok(Stops {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn share(percent: u8) -> f64 {
    f64::from(percent) / 100.0
}
