//! The hub's one task: takes what websockets, the SFU and the clock bring, and carries out what the hub says.

#![expect(clippy::disallowed_methods, reason = "a driver has the clock, tasks and randomness")]

mod attaching;
mod draining;
mod hashing;
pub mod nodes;
mod storing;
mod tracing_calls;

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::attaching::Attached;
use self::hashing::{Hashed, PASSPHRASES_MAX, hash_passphrases};
use self::nodes::Nodes;
use self::storing::Forgotten;
use self::tracing_calls::CallTraces;
use super::counting::count;
use super::hub::restore::Restored;
use super::hub::{Attach, AttachRefused, Hub, HubConfig};
use super::keeper::{self, Archive};
use super::limits::Limit;
use super::media_words::{media_fact, sfu_command};
use super::output::{CloseReason, Fact, Keep, MediaFact, MediaNews, MediaRequest, Output, Running};
use super::protocol::{CommandFrame, ErrorCode, EventFrame, TransportLostReason};
use super::push::Nudge;
use super::reader;
use super::records::{Finding, News, Question};
use super::session::Departure;
use crate::id::{ConnectionId, LinkId, SessionId, UserId};
use crate::metrics::Metrics;
use crate::sfu::handle::{SfuCommand, SfuEvent};
use crate::store::Store;

/// Inputs that wait for the hub. When it is full, websockets are not read, and their browsers wait.
const INPUTS_MAX: usize = 1024;

/// The capacity that a websocket's outbox should have. A browser that lets it fill up is closed, and may resume.
pub const OUTBOX_FRAMES_MAX: usize = 256;

/// Names that wait to be kept. When it is full, a changed name is lost at the next restart.
const NAMES_MAX: usize = 1024;

/// Changes that wait to be noted for a restart. When it is full, one is lost: a session or call is forgotten at the next restart, or
/// waits in vain to be resumed.
const KEEP_MAX: usize = 16_384;

/// What of the store's answers waits for the hub. When it is full, the store's tasks wait.
const NEWS_MAX: usize = 1024;

/// Questions that wait to be answered from the store. When it is full, one is refused.
const QUESTIONS_MAX: usize = 256;

/// For how long the hub's end waits for what is to be kept.
const SAVE_WAIT_MAX: Duration = Duration::from_secs(2);

/// RFC 6455 section 7.4.1: the server goes away, or a page is left.
pub const CLOSE_GOING_AWAY: u16 = 1001;
/// RFC 6455 section 7.4.1: against the server's policy.
pub const CLOSE_POLICY: u16 = 1008;
/// IANA's registry: try again later.
const CLOSE_TRY_AGAIN: u16 = 1013;
/// Ours: the session goes on on another websocket, so this one must not come back by itself.
const CLOSE_REPLACED: u16 = 4001;

/// For a websocket to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// In `welcome` and `pong`, the ICE servers are still to be filled in.
    Frame(Box<EventFrame>),
    /// The last thing to write. The sender is dropped after it.
    Close { code: u16, reason: &'static str },
}

/// Why [`HubHandle`] did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    #[error(transparent)]
    Refused(#[from] AttachRefused),
    #[error("the server is going down")]
    Gone,
}

impl HubError {
    /// What to tell the browser before its websocket is closed.
    pub fn code(self) -> ErrorCode {
        match self {
            HubError::Refused(refused) => refused.code(),
            HubError::Gone => ErrorCode::ShuttingDown,
        }
    }
}

/// The door of the hub for websockets and for the shutdown. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HubHandle {
    inputs: mpsc::Sender<Input>,
}

enum Input {
    Attach {
        new: Box<Attach>,
        outbox: mpsc::Sender<Outgoing>,
        reply: oneshot::Sender<Result<ConnectionId, AttachRefused>>,
    },
    Command {
        connection: ConnectionId,
        frame: Box<CommandFrame>,
    },
    BadFrame {
        connection: ConnectionId,
        reference: Option<u32>,
        code: ErrorCode,
        message: String,
    },
    Detach {
        connection: ConnectionId,
        how: Departure,
    },
    Overload(bool),
    /// None: only to look.
    Drain {
        on: Option<bool>,
        reply: oneshot::Sender<Running>,
    },
    Forget {
        user: UserId,
        reply: Forgotten,
    },
    /// Something for the operator's application, which takes its answer along.
    Operate(Deed),
    Stop {
        deadline: Instant,
        done: oneshot::Sender<()>,
    },
}

type Deed = Box<dyn FnOnce(&mut Hub, Instant) + Send>;

/// How the driver asks the SFU; false: it is not there.
pub type AskSfu = Box<dyn FnMut(SfuCommand) -> bool + Send>;

/// Told of every session that is gone, for what others keep of it.
pub type SessionEnded = Box<dyn Fn(SessionId) + Send>;

impl HubHandle {
    /// Starts the hub's task on the running tokio runtime. It ends after [`HubHandle::stop`], or when every handle is dropped.
    #[expect(clippy::too_many_arguments, reason = "the composition root joins what there is")]
    pub fn start(
        config: HubConfig,
        restored: Restored,
        ask_sfu: AskSfu,
        sfu_events: mpsc::Receiver<SfuEvent>,
        archive: Archive,
        metrics: Arc<Metrics>,
        session_ended: SessionEnded,
        nodes: Option<Nodes>,
        push: mpsc::Sender<Nudge>,
    ) -> HubHandle {
        let (inputs, inbox) = mpsc::channel(INPUTS_MAX);
        let (names, names_to_save) = mpsc::channel(NAMES_MAX);
        let (keeps, to_keep) = mpsc::channel(KEEP_MAX);
        let (tell_news, news) = mpsc::channel(NEWS_MAX);
        let (questions, to_read) = mpsc::channel(QUESTIONS_MAX);
        let (found, findings) = mpsc::channel(NEWS_MAX);
        let (store, webhooks) = (archive.store.clone(), archive.webhooks.clone());
        let shares_store = store.is_shared();
        let saver = tokio::spawn(save_names(names_to_save, store.clone(), Arc::clone(&metrics)));
        let keeper = tokio::spawn(keeper::run(to_keep, tell_news, archive, Arc::clone(&metrics)));
        tokio::spawn(reader::run(to_read, found, store, webhooks, Arc::clone(&metrics)));
        let (passphrases, to_hash) = mpsc::channel(PASSPHRASES_MAX);
        let (hashed, hashes) = mpsc::channel(PASSPHRASES_MAX);
        tokio::spawn(hash_passphrases(to_hash, hashed));
        let mut hub = Hub::new(config, StdRng::from_rng(&mut rand::rng()));
        hub.restore(restored, Instant::now());
        if let Some(nodes) = &nodes {
            hub.join_cluster(nodes.me(), nodes.name(), shares_store);
        }
        let driver = Driver {
            hub,
            keeps,
            keeper,
            news,
            questions,
            findings,
            inbox,
            sfu_events: Some(sfu_events),
            ask_sfu,
            names,
            saver,
            passphrases,
            hashes,
            metrics,
            session_ended,
            nodes,
            push,
            outboxes: HashMap::new(),
            arriving: HashMap::new(),
            forgetting: Vec::new(),
            call_traces: CallTraces::default(),
            next_connection: 1,
            stopping: None,
        };
        tokio::spawn(driver.run());
        HubHandle { inputs }
    }

    /// Gives a websocket its session. `welcome` and what follows it comes through the outbox, which needs room for
    /// [`OUTBOX_FRAMES_MAX`]. Call [`HubHandle::detach`] with the id when the websocket is gone, however it went.
    pub async fn attach(&self, new: Attach, outbox: mpsc::Sender<Outgoing>) -> Result<ConnectionId, HubError> {
        let (reply, answer) = oneshot::channel();
        let new = Box::new(new);
        self.put(Input::Attach { new, outbox, reply }).await?;
        Ok(answer.await.map_err(|_| HubError::Gone)??)
    }

    /// Takes a command. Waits while the hub has too much to do: do not read the websocket further meanwhile.
    pub async fn command(&self, connection: ConnectionId, frame: CommandFrame) -> Result<(), HubError> {
        let frame = Box::new(frame);
        self.put(Input::Command { connection, frame }).await
    }

    /// Takes a frame that was too large or no command: it is answered by an error in its place, and counts towards the rate limit.
    pub async fn bad_frame(
        &self,
        connection: ConnectionId,
        reference: Option<u32>,
        code: ErrorCode,
        message: String,
    ) -> Result<(), HubError> {
        self.put(Input::BadFrame {
            connection,
            reference,
            code,
            message,
        })
        .await
    }

    /// The websocket is gone. To say so twice, or after it was closed from here, does no harm.
    pub async fn detach(&self, connection: ConnectionId, how: Departure) {
        // When the hub is gone, so is the session.
        let _ = self.put(Input::Detach { connection, how }).await;
    }

    /// Does something in the hub for the operator's application, in its turn among all else; what came of it.
    pub async fn operate<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut Hub, Instant) -> T + Send + 'static,
    ) -> Result<T, HubError> {
        let (reply, answer) = oneshot::channel();
        let deed = Box::new(move |hub: &mut Hub, now| {
            // Whoever asked may be gone.
            let _ = reply.send(deed(hub, now));
        });
        self.put(Input::Operate(deed)).await?;
        answer.await.map_err(|_| HubError::Gone)
    }

    /// Drains. Returns when no call lives any more or `wait` has passed; all browsers are told that the server goes down and their
    /// websockets are closed then, and the hub ends.
    pub async fn stop(&self, wait: Duration) {
        let (done, stopped) = oneshot::channel();
        let deadline = Instant::now() + wait;
        if self.put(Input::Stop { deadline, done }).await.is_ok() {
            // An error is a hub that has ended already.
            let _ = stopped.await;
        }
    }

    /// Returns when the hub has ended. Without [`HubHandle::stop`] that is a fault: the server cannot go on without it.
    pub async fn ended(&self) {
        self.inputs.closed().await;
    }

    async fn put(&self, input: Input) -> Result<(), HubError> {
        self.inputs.send(input).await.map_err(|_| HubError::Gone)
    }
}

struct Driver {
    hub: Hub,
    inbox: mpsc::Receiver<Input>,
    /// None: the SFU has ended.
    sfu_events: Option<mpsc::Receiver<SfuEvent>>,
    ask_sfu: AskSfu,
    names: mpsc::Sender<(UserId, String)>,
    saver: JoinHandle<()>,
    keeps: mpsc::Sender<Keep>,
    keeper: JoinHandle<()>,
    /// What has come to be kept.
    news: mpsc::Receiver<News>,
    /// What is to be read in the store, and what was.
    questions: mpsc::Sender<Question>,
    findings: mpsc::Receiver<Finding>,
    /// Pass phrases to hash, and what came of them.
    passphrases: mpsc::Sender<(SessionId, LinkId, String)>,
    hashes: mpsc::Receiver<Hashed>,
    metrics: Arc<Metrics>,
    session_ended: SessionEnded,
    /// None: this is the only node.
    nodes: Option<Nodes>,
    /// Who is told by the services of their browsers.
    push: mpsc::Sender<Nudge>,
    /// Where each websocket's frames go. Looked up, never listed in order.
    outboxes: HashMap<ConnectionId, mpsc::Sender<Outgoing>>,
    /// Websockets whose session is still looked for on other nodes. Looked up, never listed in order.
    arriving: HashMap<ConnectionId, (mpsc::Sender<Outgoing>, Attached)>,
    /// Users whom the store is to forget, and who waits for that.
    forgetting: Vec<(UserId, Forgotten)>,
    call_traces: CallTraces,
    next_connection: u64,
    stopping: Option<Stopping>,
}

struct Stopping {
    deadline: Instant,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Driver {
    async fn run(mut self) {
        self.carry_out();
        self.show();
        loop {
            let deadline = self.stopping.as_ref().map(|s| s.deadline);
            let due = [self.hub.poll_timeout(), deadline, self.nodes_due()];
            let due = due.into_iter().flatten().min();
            tokio::select! {
                input = self.inbox.recv() => match input {
                    Some(input) => self.take(input),
                    None => break,
                },
                event = next(&mut self.sfu_events) => match event {
                    Some(event) => self.hub.handle_media(media_fact(event), Instant::now()),
                    None => self.sfu_events = None,
                },
                Some((session, hash)) = self.hashes.recv() => self.hub.handle_hashed(session, hash, Instant::now()),
                Some(news) = self.news.recv() => self.take_news(news),
                Some(finding) = self.findings.recv() => self.hub.handle_finding(finding, Instant::now()),
                packet = nodes::packet(&mut self.nodes) => self.take_packet(packet),
                () = until(due) => self.hub.handle_timeout(Instant::now()),
            }
            let now = Instant::now();
            self.tend_nodes(now);
            self.carry_out();
            self.show();
            if self
                .stopping
                .as_ref()
                .is_some_and(|s| now >= s.deadline || !self.hub.has_calls())
            {
                break;
            }
        }
        if self.stopping.is_some() {
            self.hub.announce_stop(Instant::now());
            self.carry_out();
        }
        self.leave_nodes();
        for (_, outbox) in self.outboxes.drain() {
            let reason = "the server is going down";
            // One that is full is closed by the sender's end.
            let _ = outbox.try_send(Outgoing::Close {
                code: CLOSE_GOING_AWAY,
                reason,
            });
        }
        drop(self.names);
        drop(self.keeps);
        drop(self.news);
        // What waits is kept, unless the store hangs.
        let _ = tokio::time::timeout(SAVE_WAIT_MAX, async { tokio::join!(self.saver, self.keeper) }).await;
        for waiting in self.stopping.into_iter().flat_map(|s| s.waiting) {
            // Nobody may be waiting any more.
            let _ = waiting.send(());
        }
    }

    fn take(&mut self, input: Input) {
        let now = Instant::now();
        match input {
            Input::Attach { new, outbox, reply } => self.attach(*new, outbox, reply, now),
            Input::Command { connection, frame } => self.hub.handle_command(connection, *frame, now),
            Input::BadFrame {
                connection,
                reference,
                code,
                message,
            } => self.hub.handle_bad_frame(connection, reference, code, &message, now),
            Input::Detach { connection, how } => {
                self.outboxes.remove(&connection);
                self.hub.handle_detach(connection, how, now);
            }
            Input::Overload(overloaded) => self.hub.set_overloaded(overloaded),
            Input::Drain { on, reply } => self.drain(on, reply),
            Input::Forget { user, reply } => self.forget(user, reply),
            Input::Operate(deed) => deed(&mut self.hub, now),
            Input::Stop { deadline, done } => {
                self.hub.set_draining(true);
                let stopping = self.stopping.get_or_insert(Stopping {
                    deadline,
                    waiting: Vec::new(),
                });
                stopping.deadline = stopping.deadline.min(deadline);
                stopping.waiting.push(done);
            }
        }
    }

    fn carry_out(&mut self) {
        loop {
            self.carry_out_hub();
            // What other nodes say makes the hub say something, and the other way round.
            if !self.hear_nodes() {
                return;
            }
        }
    }

    fn carry_out_hub(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Send { connection, frame } => self.send(connection, Outgoing::Frame(Box::new(frame))),
                Output::Attached { connection, done } => {
                    if let Some(waiting) = self.arriving.remove(&connection) {
                        self.end_attach(connection, done, waiting, Instant::now());
                    }
                }
                Output::Close { connection, why } => {
                    let (code, reason) = match why {
                        CloseReason::Replaced => (CLOSE_REPLACED, "the session goes on elsewhere"),
                        CloseReason::RateLimited => (CLOSE_POLICY, "too many commands"),
                        CloseReason::Forgotten => (CLOSE_POLICY, "the user is gone"),
                        CloseReason::SignedOut => (CLOSE_POLICY, "this browser was signed out"),
                        CloseReason::Silent => (CLOSE_POLICY, "nothing was heard for too long"),
                        CloseReason::Moved => (CLOSE_TRY_AGAIN, "the room is at another node"),
                        CloseReason::NodeAway => (CLOSE_TRY_AGAIN, "the node of the session is not heard"),
                    };
                    self.send(connection, Outgoing::Close { code, reason });
                    self.outboxes.remove(&connection);
                }
                Output::Media(request) => self.ask_sfu(request),
                Output::SaveName { user, name } => {
                    if self.names.try_send((user, name)).is_err() {
                        self.metrics.queue_full.with_label_values(&["names"]).inc();
                    }
                }
                Output::Hash {
                    session,
                    link,
                    passphrase,
                } => self.hash(session, link, passphrase),
                Output::Keep(keep) => self.keep(keep),
                Output::Read(question) => self.read(question),
                Output::Push(nudge) => {
                    if self.push.try_send(nudge).is_err() {
                        self.metrics.queue_full.with_label_values(&["push"]).inc();
                    }
                }
                Output::Say { to, word } => self.say(to, &word),
                Output::Count(fact) => {
                    if let Fact::SessionEnded { session, .. } | Fact::VisitorGone { session } | Fact::DoorShut { session } = fact
                    {
                        (self.session_ended)(session);
                    }
                    if crate::traces::is_on()
                        && let Some(trace) = self.call_traces.handle_fact(&fact, Instant::now())
                    {
                        crate::traces::tell(&trace);
                    }
                    count(fact, &self.metrics);
                }
            }
        }
    }

    /// Puts a frame into an outbox; its last place is for the close.
    fn send(&mut self, connection: ConnectionId, outgoing: Outgoing) {
        let Some(outbox) = self.outboxes.get(&connection) else {
            return;
        };
        let is_last_place = outbox.capacity() <= 1 && matches!(outgoing, Outgoing::Frame(_));
        let outgoing = if is_last_place {
            self.metrics.queue_full.with_label_values(&["outbox"]).inc();
            self.metrics.limit_reached.with_label_values(&[Limit::Outbox.as_str()]).inc();
            Outgoing::Close {
                code: CLOSE_TRY_AGAIN,
                reason: "the browser does not keep up",
            }
        } else {
            outgoing
        };
        let sent = outbox.try_send(outgoing);
        if is_last_place || matches!(sent, Err(TrySendError::Closed(_) | TrySendError::Full(_))) {
            self.outboxes.remove(&connection);
            self.hub.handle_detach(connection, Departure::Dropped, Instant::now());
        }
    }

    /// Has something read beside the hub; what cannot wait is told so.
    fn read(&mut self, question: Question) {
        if let Err(TrySendError::Full(question) | TrySendError::Closed(question)) = self.questions.try_send(question) {
            self.metrics.queue_full.with_label_values(&["questions"]).inc();
            self.hub.handle_finding(question.unanswered(true), Instant::now());
        }
    }

    fn ask_sfu(&mut self, request: MediaRequest) {
        let offered = match &request {
            MediaRequest::Offer {
                room,
                participant,
                attempt,
                ..
            } => Some((*room, *participant, *attempt)),
            MediaRequest::Admit { .. }
            | MediaRequest::Publish { .. }
            | MediaRequest::View { .. }
            | MediaRequest::Leave { .. }
            | MediaRequest::CloseRoom { .. } => None,
        };
        let asked = (self.ask_sfu)(sfu_command(request));
        if let Some((room, participant, attempt)) = offered.filter(|_| !asked) {
            let what = MediaNews::TransportLost {
                attempt,
                reason: TransportLostReason::Fault,
            };
            let fact = MediaFact::Transport { room, participant, what };
            self.hub.handle_media(fact, Instant::now());
        }
    }

    fn show(&mut self) {
        let counts = self.hub.counts();
        self.show_nodes(counts, self.hub.takes_nothing_new());
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.sessions.set(gauge(counts.sessions));
        self.metrics.calls.with_label_values(&["ringing"]).set(gauge(counts.ringing));
        self.metrics
            .calls
            .with_label_values(&["answered"])
            .set(gauge(counts.answered));
        self.metrics.rooms.set(gauge(counts.rooms));
        self.metrics.participants.set(gauge(counts.participants));
        self.metrics.lobby.set(gauge(counts.waiting));
        self.metrics.draining.set(i64::from(self.hub.is_draining()));
    }
}

/// One name after the other, so that the last one stays.
async fn save_names(mut names: mpsc::Receiver<(UserId, String)>, store: Store, metrics: Arc<Metrics>) {
    while let Some((user, name)) = names.recv().await {
        if let Err(error) = store.set_name(user, &name).await {
            metrics.store_failures.with_label_values(&["set_name"]).inc();
            tracing::warn!(error = &error as &dyn Error, "name not kept");
        }
    }
}

/// Never, where there is no SFU.
async fn next(events: &mut Option<mpsc::Receiver<SfuEvent>>) -> Option<SfuEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

/// Never, where nothing is due.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::{Value, json};
    use tokio::time::timeout;

    use super::*;
    use crate::sfu::handle::Offer;
    use crate::signaling::hub::Identity;
    use crate::signaling::protocol::Resume;
    use crate::store::Place;

    /// Nothing here takes long, except on a machine that has too much to do.
    const LONG: Duration = Duration::from_secs(20);

    struct Server {
        hub: HubHandle,
        asked: Arc<Mutex<Vec<SfuCommand>>>,
        sfu_events: mpsc::Sender<SfuEvent>,
        store: Store,
        metrics: Arc<Metrics>,
        _directory: tempfile::TempDir,
    }

    struct Tab {
        hub: HubHandle,
        connection: ConnectionId,
        outbox: mpsc::Receiver<Outgoing>,
        reference: u32,
        welcome: Value,
    }

    async fn server(sfu_is_there: bool) -> Server {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&Place::Folder(directory.path().to_owned()))
            .await
            .expect("it opens");
        let metrics = Arc::new(Metrics::new());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (sfu_events, events) = mpsc::channel(16);
        let list = Arc::clone(&asked);
        let ask_sfu: AskSfu = Box::new(move |command| {
            list.lock().expect("nobody panicked").push(command);
            sfu_is_there
        });
        let config = HubConfig::default();
        let hub = HubHandle::start(
            config,
            Restored::default(),
            ask_sfu,
            events,
            Archive {
                store: store.clone(),
                history_lasts: Duration::from_secs(3600),
                files_last: Duration::from_secs(1),
                bytes_max: None,
                webhooks: crate::webhooks::Webhooks::none(),
                history_calls_max: 100,
                reports_last: Duration::from_secs(3600),
            },
            Arc::clone(&metrics),
            Box::new(|_| {}),
            None,
            mpsc::channel(1).0,
        );
        Server {
            hub,
            asked,
            sfu_events,
            store,
            metrics,
            _directory: directory,
        }
    }

    fn a_hello(user: u64, resume: Option<Resume>) -> Attach {
        Attach {
            identity: Some(Identity {
                user_id: UserId::from_random(user),
                name: format!("user {user}"),
                grants: crate::grants::Grants::ALL,
                person: crate::signaling::person::Person::default(),
            }),
            new_secret: None,
            missed: Some(0),
            resume,
            reference: 1,
            loopback: true,
            address: None,
            unattended: false,
            device: None,
            browser: String::new(),
        }
    }

    impl Server {
        async fn open(&self, user: u64, outbox_max: usize, resume: Option<Resume>) -> Tab {
            let (sender, outbox) = mpsc::channel(outbox_max);
            let attached = self.hub.attach(a_hello(user, resume), sender).await;
            let mut tab = Tab {
                hub: self.hub.clone(),
                connection: attached.expect("there is room"),
                outbox,
                reference: 1,
                welcome: Value::Null,
            };
            tab.welcome = tab.expect("welcome").await;
            tab
        }
    }

    impl Tab {
        async fn next(&mut self) -> Option<Outgoing> {
            timeout(LONG, self.outbox.recv()).await.expect("in time")
        }

        /// The next event, which has to be of this type.
        async fn expect(&mut self, kind: &str) -> Value {
            match self.next().await {
                Some(Outgoing::Frame(frame)) => {
                    let event: Value = serde_json::from_str(&frame.to_json()).expect("JSON");
                    assert_eq!(event["type"], kind, "{event}");
                    event
                }
                other => panic!("{kind} was expected: {other:?}"),
            }
        }

        async fn expect_close(&mut self, code: u16) {
            match self.next().await {
                Some(Outgoing::Close { code: found, .. }) => assert_eq!(found, code),
                other => panic!("a close was expected: {other:?}"),
            }
            assert_eq!(self.next().await, None, "the close is the last");
        }

        async fn send(&mut self, mut command: Value) {
            self.reference += 1;
            command["ref"] = self.reference.into();
            let frame = CommandFrame::from_json(&command.to_string()).expect("a command");
            self.hub.command(self.connection, frame).await.expect("the hub is there");
        }

        fn resume(&self, seq: u64) -> Option<Resume> {
            let text = |key: &str| self.welcome[key].as_str().expect("text").to_owned();
            Some(Resume {
                session_id: text("session_id").parse().expect("an id"),
                secret: text("resume_secret"),
                seq,
                tries: 0,
            })
        }
    }

    #[tokio::test]
    async fn a_call_from_end_to_end() {
        let server = server(true).await;
        let mut ada = server.open(1, OUTBOX_FRAMES_MAX, None).await;
        let mut bob = server.open(2, OUTBOX_FRAMES_MAX, None).await;
        let user_id = bob.welcome["user_id"].clone();
        ada.send(json!({"type": "call", "user_id": user_id})).await;
        let ringing = ada.expect("call_ringing").await;
        let (call_id, room_id) = (&ringing["call_id"], &ringing["room_id"]);
        bob.expect("incoming_call").await;
        bob.send(json!({"type": "offer", "room_id": room_id, "attempt": 1, "sdp": "v=0", "sources": []}))
            .await;
        bob.send(json!({"type": "accept", "call_id": call_id})).await;
        ada.expect("call_answered").await;
        bob.expect("call_answered").await;
        assert_eq!(server.metrics.calls.with_label_values(&["ringing"]).get(), 0);
        let asked = std::mem::take(&mut *server.asked.lock().expect("nobody panicked"));
        let [
            SfuCommand::Offer(Offer {
                room,
                participant,
                loopback: true,
                ..
            }),
            SfuCommand::Admit { .. },
            SfuCommand::Admit { .. },
        ] = asked[..]
        else {
            panic!("{asked:?}")
        };
        let answered = SfuEvent::Answered {
            room,
            participant,
            attempt: 1,
            sdp: "v=0 answer".to_owned(),
        };
        server.sfu_events.send(answered).await.expect("the hub is there");
        assert_eq!(bob.expect("offer_answered").await["ref"], 2);
        ada.send(json!({"type": "hang_up", "call_id": call_id})).await;
        // A tab that is closed right after it hung up has hung up.
        ada.hub.detach(ada.connection, Departure::Left).await;
        assert_eq!(bob.expect("call_ended").await["reason"], "hung_up");
        server.hub.stop(Duration::ZERO).await;
        bob.expect("server_stopping").await;
        bob.expect_close(CLOSE_GOING_AWAY).await;
        assert_eq!(server.metrics.call_ended.with_label_values(&["hung_up"]).get(), 1);
        assert_eq!(server.metrics.sessions.get(), 2, "one attached, one that may resume");
        let late = server.hub.attach(a_hello(3, None), mpsc::channel(2).0).await;
        assert_eq!(late, Err(HubError::Gone));
    }

    #[tokio::test]
    async fn a_browser_that_does_not_keep_up_is_closed_and_may_resume() {
        let server = server(true).await;
        let mut slow = server.open(1, 4, None).await;
        for _ in 0..9 {
            slow.send(json!({"type": "set_name", "name": "Ada"})).await;
        }
        for _ in 0..3 {
            slow.expect("name_changed").await;
        }
        slow.expect_close(CLOSE_TRY_AGAIN).await;
        assert_eq!(server.metrics.queue_full.with_label_values(&["outbox"]).get(), 1);
        let mut again = server.open(1, OUTBOX_FRAMES_MAX, slow.resume(3)).await;
        assert_eq!(again.welcome["resumed"], true);
        let last_ref = again.welcome["last_ref"].as_u64().expect("a number");
        let missed = again.expect("name_changed").await;
        assert_eq!(missed["seq"], 4);
        assert!(last_ref >= 5, "what was taken is not asked for again");
    }

    #[tokio::test]
    async fn the_older_websocket_of_a_session_is_closed() {
        let server = server(true).await;
        let mut old = server.open(1, OUTBOX_FRAMES_MAX, None).await;
        let mut new = server.open(1, OUTBOX_FRAMES_MAX, old.resume(0)).await;
        old.expect_close(CLOSE_REPLACED).await;
        old.hub.detach(old.connection, Departure::Dropped).await;
        new.send(json!({"type": "ping"})).await;
        new.expect("pong").await;
    }

    #[tokio::test]
    async fn without_an_sfu_the_browser_is_told() {
        let server = server(false).await;
        let mut first = server.open(1, OUTBOX_FRAMES_MAX, None).await;
        let _second = server.open(1, OUTBOX_FRAMES_MAX, None).await;
        first.send(json!({"type": "call", "user_id": first.welcome["user_id"]})).await;
        let ringing = first.expect("call_ringing").await;
        let room_id = &ringing["room_id"];
        first
            .send(json!({"type": "offer", "room_id": room_id, "attempt": 1, "sdp": "v=0", "sources": []}))
            .await;
        assert_eq!(first.expect("transport_lost").await["reason"], "fault");
    }

    #[tokio::test]
    async fn a_name_is_kept_and_a_bad_frame_is_answered() {
        let server = server(true).await;
        let user = UserId::from_random(1);
        server.store.add_user(user, "", 0).await.expect("it is kept");
        let mut ada = server.open(1, OUTBOX_FRAMES_MAX, None).await;
        ada.send(json!({"type": "set_name", "name": "Ada"})).await;
        ada.expect("name_changed").await;
        let message = "not JSON".to_owned();
        let sent = server
            .hub
            .bad_frame(ada.connection, None, ErrorCode::BadCommand, message)
            .await;
        assert_eq!(sent, Ok(()));
        assert_eq!(ada.expect("error").await["code"], "bad_command");
        assert_eq!(server.metrics.commands_refused.with_label_values(&["bad_command"]).get(), 1);
        let kept = timeout(LONG, async {
            while server
                .store
                .user(user)
                .await
                .expect("it is read")
                .is_none_or(|row| row.name != "Ada")
            {
                tokio::task::yield_now().await;
            }
        });
        kept.await.expect("the name is kept in time");
    }

    #[tokio::test]
    async fn pass_phrases_are_hashed_beside_the_hub_and_do_not_pile_up() {
        let server = server(true).await;
        let command = json!({"type": "create_link", "passphrase": "open sesame"});
        let mut tabs = Vec::new();
        // More by so many that a machine with much to do hashes not all of those meanwhile.
        for user in 1..=PASSPHRASES_MAX as u64 + 40 {
            tabs.push(server.open(user, OUTBOX_FRAMES_MAX, None).await);
        }
        for tab in &mut tabs {
            tab.send(command.clone()).await;
        }
        let mut last = tabs.pop().expect("there are many");
        assert_eq!(last.expect("error").await["code"], "rate_limited");
        assert!(server.metrics.queue_full.with_label_values(&["passphrases"]).get() >= 1);
        let mut first = tabs.remove(0);
        assert_eq!(first.expect("link_created").await["link"]["has_passphrase"], true);
    }

    async fn until_true(mut fact: impl FnMut() -> bool) {
        let waiting = async {
            while !fact() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, waiting).await.expect("in time");
    }

    #[tokio::test]
    async fn a_drain_can_be_taken_back() {
        let server = server(true).await;
        let mut ada = server.open(1, OUTBOX_FRAMES_MAX, None).await;
        assert!(server.hub.drain().await.expect("the hub is there").draining);
        ada.send(json!({"type": "create_link"})).await;
        assert_eq!(ada.expect("error").await["code"], "shutting_down");
        assert_eq!(server.metrics.draining.get(), 1);
        let running = server.hub.undrain().await.expect("the hub is there");
        assert_eq!(running, Running::default());
        ada.send(json!({"type": "create_link"})).await;
        ada.expect("link_created").await;
        assert_eq!(server.metrics.draining.get(), 0);
    }

    #[tokio::test]
    async fn a_shutdown_waits_for_a_call_to_end() {
        let server = server(true).await;
        let mut first = server.open(1, OUTBOX_FRAMES_MAX, None).await;
        let mut second = server.open(1, OUTBOX_FRAMES_MAX, None).await;
        first.send(json!({"type": "call", "user_id": first.welcome["user_id"]})).await;
        let call_id = first.expect("call_ringing").await["call_id"].clone();
        second.expect("incoming_call").await;
        let hub = server.hub.clone();
        let stopping = tokio::spawn(async move { hub.stop(LONG).await });
        let mut third = server.open(3, OUTBOX_FRAMES_MAX, None).await;
        until_true(|| server.metrics.draining.get() == 1).await;
        third.send(json!({"type": "create_link"})).await;
        assert_eq!(third.expect("error").await["code"], "shutting_down");
        assert!(!stopping.is_finished());
        first.send(json!({"type": "cancel", "call_id": call_id})).await;
        first.expect("call_ended").await;
        first.expect("server_stopping").await;
        first.expect_close(CLOSE_GOING_AWAY).await;
        timeout(LONG, stopping).await.expect("in time").expect("it did not panic");
    }
}
