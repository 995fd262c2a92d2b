//! A call or a room of synthetic browsers, with media over the server's SFU. It goes on over a restart of the server, as pages do.

mod direct;
mod facts;
mod way;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use loadtest::participant::Participant;
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{interval, sleep, timeout};

use self::direct::Role;
pub use self::facts::{Facts, Fate, Flow};
use self::way::Way;
use crate::place::layers;
use crate::session::Session;

/// From the answer to the first decoded frame on all sides: beyond it, the call is taken to have failed.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// A page says `ping` more often than the server expects it.
const PING_EVERY: Duration = Duration::from_secs(2);

/// A page in a call comes back at once, then after anything up to this, doubled with each failure up to the other.
const BACK_AFTER_MAX: Duration = Duration::from_millis(250);
const BACK_AFTER_LAST_MAX: Duration = Duration::from_secs(1);

/// Where a connection goes on to bring media, the next one is made within this; where nothing came for so long, at once.
const MOVE_WITHIN: Duration = Duration::from_secs(4);
const SILENT_AFTER: Duration = Duration::from_millis(400);

/// For how long a connection is kept when the next one brings all that it brought, because others may still be on theirs, and in any case.
const OVERLAP: Duration = Duration::from_secs(2);
const OVERLAP_MAX: Duration = Duration::from_secs(10);

/// After that a session is over (`calls.resume_timeout_s`).
const BACK_WITHIN: Duration = Duration::from_secs(15);

/// A running call or room.
pub struct Talk {
    sides: Vec<Side>,
    stop: Arc<AtomicBool>,
    pub room: String,
    /// Their ids in a room, in the order of its sides; none of a call.
    pub participants: Vec<String>,
    /// From the answer, or the first join, until all saw the first frame.
    pub setup: Duration,
}

struct Side {
    facts: Arc<Mutex<Facts>>,
    task: JoinHandle<anyhow::Result<()>>,
}

/// What may be done as soon as a side's addresses are known, before it connects.
pub type OnAnswer = Arc<dyn Fn(&Facts) + Send + Sync>;

/// Does nothing then.
fn heedless() -> OnAnswer {
    Arc::new(|_| {})
}

/// How media gets from one side to the other.
#[derive(Clone)]
pub enum Media {
    Forwarded(OnAnswer),
    Direct,
}

impl Media {
    pub fn forwarded() -> Media {
        Media::Forwarded(heedless())
    }
}

impl Talk {
    /// Connects two new users by a call, and returns when both see and hear each other.
    ///
    /// # Errors
    /// The server cannot be reached, refuses a command, or no media comes within [`CONNECT_WITHIN`].
    pub async fn start(url: &str, media: Media) -> anyhow::Result<Talk> {
        Talk::between([url, url], media).await
    }

    /// The same between two nodes.
    ///
    /// # Errors
    /// As of [`Talk::start`].
    pub async fn between(urls: [&str; 2], media: Media) -> anyhow::Result<Talk> {
        let (caller, callee) = (Session::open(urls[0]).await?, Session::open(urls[1]).await?);
        Talk::ring(caller, callee, media).await
    }

    /// The same on the first of two nodes: both come back to either.
    ///
    /// # Errors
    /// As of [`Talk::start`].
    pub async fn behind(urls: [&str; 2], media: Media) -> anyhow::Result<Talk> {
        let (mut caller, mut callee) = (Session::open(urls[0]).await?, Session::open(urls[0]).await?);
        for session in [&mut caller, &mut callee] {
            session.also_at(urls[1]);
        }
        Talk::ring(caller, callee, media).await
    }

    /// So many at the same time.
    ///
    /// # Errors
    /// As of [`Talk::start`].
    pub async fn many<F>(number: usize, one: impl Fn() -> F) -> anyhow::Result<Vec<Talk>>
    where
        F: Future<Output = anyhow::Result<Talk>> + Send + 'static,
    {
        let mut starting: JoinSet<_> = (0..number).map(|_| one()).collect();
        let mut talks = Vec::new();
        while let Some(started) = starting.join_next().await {
            talks.push(started??);
        }
        Ok(talks)
    }

    async fn ring(mut caller: Session, mut callee: Session, media: Media) -> anyhow::Result<Talk> {
        let through_server = matches!(media, Media::Forwarded(_));
        caller
            .send(json!({ "type": "call", "user_id": callee.user_id, "always_through_server": through_server }))
            .await?;
        let incoming = callee.expect("incoming_call").await?;
        let ringing = caller.expect("call_ringing").await?;
        ensure!(incoming["room_id"] == ringing["room_id"], "two rooms for one call");
        let room = incoming["room_id"].as_str().context("a room")?.to_owned();
        callee
            .send(json!({ "type": "accept", "call_id": incoming["call_id"] }))
            .await?;
        let mut sessions = Vec::new();
        for mut session in [caller, callee] {
            let answered = session.expect("call_answered").await?;
            let link = match &media {
                Media::Forwarded(on_answer) => Link::Forwarded(on_answer.clone()),
                Media::Direct => Link::Direct(Role::read(&answered)?),
            };
            sessions.push((session, link));
        }
        Talk::connect(sessions, &room).await
    }

    /// So many new users meet in a room by a link, and it is locked once they are in. Each looks at one of the others, and two have their microphones on.
    ///
    /// # Errors
    /// As of [`Talk::start`].
    pub async fn gather(url: &str, number: usize) -> anyhow::Result<Talk> {
        let mut sessions = vec![Session::open(url).await?];
        sessions[0].send(json!({ "type": "create_link", "name": "load" })).await?;
        let created = sessions[0].expect("link_created").await?;
        let link = created["link"]["link_id"].as_str().context("a link has an id")?.to_owned();
        for _ in 1..number {
            sessions.push(Session::open(url).await?);
        }
        let (mut room, mut ids) = (String::new(), Vec::new());
        for session in &mut sessions {
            session.send(json!({ "type": "join", "link_id": link })).await?;
            let joined = session.expect("room_joined").await?;
            room = joined["room"]["room_id"].as_str().context("a room has an id")?.to_owned();
            ids.push(
                joined["participant_id"]
                    .as_str()
                    .context("a participant has an id")?
                    .to_owned(),
            );
        }
        sessions[0]
            .send(json!({ "type": "lock", "room_id": room, "locked": true }))
            .await?;
        for (index, session) in sessions.iter_mut().enumerate() {
            let tile = json!({
                "participant_id": ids[(index + 1) % ids.len()], "source": "camera", "weight": "rest", "width_px": 480, "height_px": 270,
            });
            session
                .send(json!({ "type": "view", "room_id": room, "view": { "kind": "tiles", "tiles": [tile] } }))
                .await?;
        }
        let sessions = sessions.into_iter();
        let sessions = sessions.map(|session| (session, Link::Forwarded(heedless())));
        let mut talk = Talk::connect(sessions.collect(), &room).await?;
        talk.participants = ids;
        Ok(talk)
    }

    async fn connect(sessions: Vec<(Session, Link)>, room: &str) -> anyhow::Result<Talk> {
        let began = Instant::now();
        let stop = Arc::<AtomicBool>::default();
        let sides = sessions.into_iter().enumerate().map(|(index, (session, link))| {
            let facts = Arc::<Mutex<Facts>>::default();
            let hold = Hold {
                session: Some(session),
                room: room.to_owned(),
                attempt: 0,
                announced: false,
                speaks: index < 2,
                facts: facts.clone(),
                link,
            };
            let task = tokio::spawn(hold.run(stop.clone()));
            Side { facts, task }
        });
        let mut talk = Talk {
            sides: sides.collect(),
            stop,
            room: room.to_owned(),
            participants: Vec::new(),
            setup: Duration::ZERO,
        };
        let all_see = async {
            while talk
                .facts()
                .iter()
                .any(|facts| facts.picture.came == 0 || facts.sound.came == 0)
            {
                if talk.sides.iter().any(|side| side.task.is_finished()) {
                    break;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let saw = timeout(CONNECT_WITHIN, all_see).await;
        talk.setup = began.elapsed();
        if saw.is_err() || talk.is_over() {
            let facts = talk.facts();
            talk.stop().await?;
            bail!("no media within {CONNECT_WITHIN:?}: {facts:?}");
        }
        Ok(talk)
    }

    pub fn facts(&self) -> Vec<Facts> {
        let facts = |side: &Side| side.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.sides.iter().map(facts).collect()
    }

    /// Somebody is out of it.
    pub fn is_over(&self) -> bool {
        self.sides.iter().any(|side| side.task.is_finished())
    }

    /// Measures gaps anew.
    pub fn reset_gaps(&self) {
        for side in &self.sides {
            side.facts.lock().unwrap_or_else(PoisonError::into_inner).reset = true;
        }
    }

    /// Lets something happen to one side.
    pub fn strike(&self, side: usize, fate: Fate) {
        self.sides[side].facts.lock().unwrap_or_else(PoisonError::into_inner).fate = Some(fate);
    }

    /// # Errors
    /// What went wrong on a side while it ran.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for side in self.sides {
            side.task.await??;
        }
        Ok(())
    }
}

/// One side.
struct Hold {
    /// None: it is on its way back.
    session: Option<Session>,
    room: String,
    attempt: u32,
    /// Whether the server has said that it stops.
    announced: bool,
    speaks: bool,
    facts: Arc<Mutex<Facts>>,
    link: Link,
}

/// With whom it connects.
enum Link {
    Forwarded(OnAnswer),
    Direct(Role),
}

/// The connection before, which goes on until another one brings what it brought.
struct Before {
    way: Way,
    since: Instant,
    /// Since when the other one does.
    needless_since: Option<Instant>,
}

async fn work(before: &mut Option<Before>) {
    match before {
        Some(before) => before.way.work().await,
        None => std::future::pending().await,
    }
}

async fn next(session: &mut Option<Session>) -> anyhow::Result<Value> {
    match session {
        Some(session) => session.next().await,
        None => std::future::pending().await,
    }
}

type Returning = JoinHandle<anyhow::Result<(Session, Value)>>;

async fn returned(returning: &mut Option<Returning>) -> anyhow::Result<(Session, Value)> {
    match returning {
        Some(task) => {
            let done = task.await;
            *returning = None;
            done?
        }
        None => std::future::pending().await,
    }
}

impl Hold {
    /// Until it is told to stop.
    async fn run(mut self, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
        let mut way = self.connect().await?;
        let mut before = None;
        let mut returning = None;
        let mut moves_at: Option<Instant> = None;
        let mut ping = interval(PING_EVERY);
        while !stop.load(Ordering::Relaxed) {
            tokio::select! {
                () = way.work() => {}
                () = work(&mut before) => {}
                event = next(&mut self.session) => match event {
                    Ok(event) => if self.heed(&event, &mut way.participant)? {
                        way = self.connect().await?;
                    },
                    Err(_) => returning = self.session.take().map(|session| tokio::spawn(come_back(session))),
                },
                back = returned(&mut returning) => {
                    let (session, welcome) = back?;
                    self.session = Some(session);
                    self.note_return(&welcome);
                    // A server that did not say that it stops was killed, and carries nothing any more.
                    let within = if std::mem::take(&mut self.announced) { MOVE_WITHIN } else { Duration::ZERO };
                    if let Link::Forwarded(_) = self.link {
                        moves_at = Some(Instant::now() + within.mul_f64(share_of(&self.room)));
                    }
                }
                _ = ping.tick() => self.send(json!({ "type": "ping" })).await,
            }
            let is_gone = way.participant.is_closed || self.is_silent();
            if moves_at.is_some_and(|at| Instant::now() >= at || is_gone) {
                moves_at = None;
                let fresh = self.connect().await?;
                let way = std::mem::replace(&mut way, fresh);
                before = Some(Before {
                    way,
                    since: Instant::now(),
                    needless_since: None,
                });
            }
            self.look_at(&way, &mut before);
            let fate = self.facts().fate.take();
            match fate {
                None => {}
                Some(Fate::Vanish) => {
                    while !stop.load(Ordering::Relaxed) {
                        sleep(Duration::from_millis(20)).await;
                    }
                }
                Some(Fate::Rebind) => way.socket = UdpSocket::bind("127.0.0.1:0").await?,
                Some(Fate::Roam) => {
                    // From there the server's addresses are not reached, by a socket of the other family.
                    way.socket = UdpSocket::bind("[::1]:0").await?;
                    returning = self.session.take().map(|session| tokio::spawn(come_back(session)));
                }
            }
        }
        way.close();
        Ok(())
    }

    /// If the websocket is gone, the next event says so.
    async fn send(&mut self, command: Value) {
        if let Some(session) = &mut self.session {
            let _ = session.send(command).await;
        }
    }

    /// True: its connection is to be made again.
    fn heed(&mut self, event: &Value, participant: &mut Participant) -> anyhow::Result<bool> {
        let is_ours = event["attempt"] == self.attempt;
        match event["type"].as_str() {
            Some("offer_answered") if is_ours => {
                let sdp = event["sdp"].as_str().context("an answer has SDP")?;
                note_server(&mut self.facts(), participant.address, sdp);
                let facts = self.facts().clone();
                if let Link::Forwarded(on_answer) = &self.link {
                    on_answer(&facts);
                }
                participant.accept_answer(sdp, Instant::now());
            }
            Some("server_stopping") => self.announced = true,
            Some("layers_wanted") => participant.want(&layers(event)),
            Some("transport_lost") if is_ours => {
                self.facts().lost += 1;
                return Ok(true);
            }
            Some("participant_changed") if event["participant"]["reconnecting"] == true => {
                self.facts().told_away.push(Instant::now());
            }
            Some("participant_left") => self.facts().told_gone.push(Instant::now()),
            Some("call_ended" | "room_left") => bail!("it ended: {event}"),
            _ => {}
        }
        Ok(false)
    }

    fn look_at(&self, way: &Way, before: &mut Option<Before>) {
        let now = Instant::now();
        let (mut picture, mut sound) = way.received();
        if let Some(old) = before {
            if picture > 0 && sound > 0 {
                old.needless_since.get_or_insert(now);
            }
            let is_over = old.needless_since.is_some_and(|since| now - since > OVERLAP);
            if is_over || now - old.since > OVERLAP_MAX {
                if let Some(old) = before.take() {
                    old.way.close();
                }
            } else {
                let (pictures, sounds) = old.way.received();
                (picture, sound) = (picture + pictures, sound + sounds);
            }
        }
        let mut facts = self.facts();
        if std::mem::take(&mut facts.reset) {
            facts.picture.longest_gap = Duration::ZERO;
            facts.sound.longest_gap = Duration::ZERO;
        }
        (facts.missing, facts.not_shown) = way.flaws();
        facts.picture.note(picture, now);
        facts.sound.note(sound, now);
    }

    fn facts(&self) -> std::sync::MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing comes: the process that carried it is gone.
    fn is_silent(&self) -> bool {
        let facts = self.facts();
        let last = facts.picture.last.max(facts.sound.last);
        last.is_none_or(|last| last.elapsed() >= SILENT_AFTER)
    }

    fn note_return(&self, welcome: &Value) {
        let mut facts = self.facts();
        facts.resumed += 1;
        facts.call = welcome["call"].clone();
    }

    async fn connect(&mut self) -> anyhow::Result<Way> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let participant = match &self.link {
            Link::Forwarded(_) => self.offer(socket.local_addr()?).await,
            Link::Direct(role) => {
                let session = self
                    .session
                    .as_mut()
                    .context("a direct connection is made once, by the first websocket")?;
                let mut participant = role.connect(session, &self.room, socket.local_addr()?).await?;
                participant.publish(Instant::now());
                self.publish().await;
                let report = json!({ "type": "report_path", "room_id": self.room, "path": "direct", "reason": "first_media" });
                self.send(report).await;
                participant
            }
        };
        Ok(Way { socket, participant })
    }

    async fn offer(&mut self, address: SocketAddr) -> Participant {
        let now = Instant::now();
        let (mut participant, sdp) = Participant::new(address, 1, now);
        participant.microphone_on = self.speaks;
        participant.publish(now);
        self.attempt += 1;
        let lines = json!([
            { "mid": participant.microphone().to_string(), "source": "microphone" },
            { "mid": participant.camera().to_string(), "source": "camera" },
        ]);
        let offer = json!({ "type": "offer", "room_id": self.room, "attempt": self.attempt, "sdp": sdp, "sources": lines });
        self.send(offer).await;
        self.publish().await;
        participant
    }

    async fn publish(&mut self) {
        let sources: &[&str] = if self.speaks { &["microphone", "camera"] } else { &["camera"] };
        let publish = json!({ "type": "publish", "room_id": self.room, "sources": sources });
        self.send(publish).await;
    }
}

/// From 0 to 1, the same for all in a room.
fn share_of(room: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    room.hash(&mut hasher);
    hasher.finish() as f64 / u64::MAX as f64
}

/// As a page does whose websocket was closed.
async fn come_back(mut session: Session) -> anyhow::Result<(Session, Value)> {
    let gone = Instant::now();
    let mut within = BACK_AFTER_MAX;
    loop {
        match session.resume().await {
            Ok(welcome) => return Ok((session, welcome)),
            Err(error) if gone.elapsed() > BACK_WITHIN => return Err(error.context("no way back for 15 s")),
            Err(_) => {
                sleep(within.mul_f64(rand::random())).await;
                within = BACK_AFTER_LAST_MAX.min(within * 2);
            }
        }
    }
}

fn note_server(facts: &mut Facts, address: SocketAddr, sdp: &str) {
    facts.address = Some(address);
    facts.ufrag = sdp
        .lines()
        .find_map(|line| line.strip_prefix("a=ice-ufrag:"))
        .map(str::to_owned);
    // a=candidate:<foundation> 1 udp <priority> <address> <port> typ host
    facts.server = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .find_map(|candidate| {
            let fields: Vec<&str> = candidate.split(' ').collect();
            let server = SocketAddr::new(fields.get(4)?.parse().ok()?, fields.get(5)?.parse().ok()?);
            (fields.get(2) == Some(&"udp") && server.ip().is_loopback() && server.is_ipv4()).then_some(server)
        });
}
