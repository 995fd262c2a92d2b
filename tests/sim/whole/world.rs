//! The world: a server, pages, what lies between them, and the one clock.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem::sfu::counters::Counters;
use tandem::sfu::handle::InjectedFault;
use tandem::signaling::output::Fact;

use super::alarm::Alarm;
use super::internet::{Arrival, Internet};
use super::nat::NatKind;
use super::page::{Page, View};
use super::server::Server;
use super::sfu::Sfu;
use super::stand_in::StandIn;
use super::websocket::{Outgoing, Websocket};
use crate::network::{Datagram, Dice, Link};

const SERVER: ([u8; 4], u16) = ([10, 0, 0, 1], 3478);

/// Frames that a failed story shows.
const SHOWN_MAX: usize = 20;

pub struct World {
    pub now: Instant,
    begin: Instant,
    seed: u64,
    has_media: bool,
    pub server: Server,
    pub internet: Internet,
    pub pages: Vec<Page>,
    /// Of each page.
    websockets: Vec<Option<Websocket>>,
    /// Each page's way to the server: (delay, jitter).
    ways: Vec<(Duration, Duration)>,
    /// When the server notices which websocket's end.
    gone: Vec<(Instant, u64)>,
    /// When which page comes back.
    returning: Vec<(Instant, usize)>,
    serial: u64,
    pub dice: Dice,
    pub counters: Vec<Counters>,
    shown: VecDeque<String>,
    alarm: Alarm,
}

impl World {
    /// With the real SFU.
    pub fn new(seed: u64) -> World {
        World::with(seed, Sfu::real(SocketAddr::from(SERVER)))
    }

    /// Without packets.
    pub fn without_media(seed: u64) -> World {
        World::with(seed, Sfu::StandIn(StandIn::default()))
    }

    fn with(seed: u64, sfu: Sfu) -> World {
        let begin = Instant::now();
        let mut dice = Dice::new(seed);
        let server = SocketAddr::from(SERVER);
        World {
            now: begin,
            begin,
            seed,
            has_media: matches!(sfu, Sfu::Real(_)),
            server: Server::new(sfu, server, dice.next()),
            internet: Internet::new(server, dice.next()),
            pages: Vec::new(),
            websockets: Vec::new(),
            ways: Vec::new(),
            gone: Vec::new(),
            returning: Vec::new(),
            serial: 0,
            dice,
            counters: Vec::new(),
            shown: VecDeque::new(),
            alarm: Alarm::new(),
        }
    }

    /// Opens a page as a user that is made for it, behind a NAT or in the open; returns its number.
    pub fn open(&mut self, nat: Option<NatKind>, link: Link) -> usize {
        let ip = self.internet.add_host(nat, link);
        self.pages.push(Page::new(ip, SocketAddr::from(SERVER), self.has_media));
        self.websockets.push(None);
        self.ways.push((link.delay, link.jitter));
        let page = self.pages.len() - 1;
        self.connect(page);
        self.run_until("welcomed", Duration::from_secs(5), |w| w.pages[page].is_welcomed);
        page
    }

    /// Opens a further page of the user of another.
    pub fn open_another(&mut self, of: usize, link: Link) -> usize {
        let ip = self.internet.add_host(None, link);
        let mut page = Page::new(ip, SocketAddr::from(SERVER), self.has_media);
        page.credentials.clone_from(&self.pages[of].credentials);
        self.pages.push(page);
        self.websockets.push(None);
        self.ways.push((link.delay, link.jitter));
        let page = self.pages.len() - 1;
        self.connect(page);
        self.run_until("welcomed", Duration::from_secs(5), |w| w.pages[page].is_welcomed);
        page
    }

    /// Gives a page a websocket.
    pub fn connect(&mut self, page: usize) {
        self.serial += 1;
        let (delay, jitter) = self.ways[page];
        self.websockets[page] = Some(Websocket::new(self.serial, delay, jitter));
        self.pages[page].handle_open();
        self.settle();
    }

    /// Whether every frame has arrived.
    pub fn is_settled(&self) -> bool {
        self.websockets.iter().flatten().all(|w| w.poll_timeout().is_none())
    }

    /// Cuts a page's websocket: what is on the way is lost. The server notices it after a while.
    pub fn cut(&mut self, page: usize, noticed_after: Duration) {
        if let Some(websocket) = self.websockets[page].take() {
            self.gone.push((self.now + noticed_after, websocket.serial));
            self.pages[page].handle_gone();
            self.show(page, "-- cut");
        }
    }

    /// The same, and the page comes back.
    pub fn cut_for(&mut self, page: usize, noticed_after: Duration, back_after: Duration) {
        self.cut(page, noticed_after);
        self.returning.push((self.now + back_after, page));
    }

    /// A page is closed, or its machine is: nothing comes from it any more.
    pub fn vanish(&mut self, page: usize, noticed_after: Duration) {
        self.cut(page, noticed_after);
        let dead = Link { loss: 1.0, ..Link::GOOD };
        self.internet.set_links(page, dead, dead);
    }

    /// Breaks a page's transport.
    pub fn inject(&mut self, fault: InjectedFault, page: usize) {
        if let View::Talking { room, me, .. } = &self.pages[page].view {
            let (room, me) = (room.parse().expect("an id"), me.parse().expect("an id"));
            self.server.sfu.inject(fault, room, me, self.now);
        }
        self.settle();
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step(end);
        }
        self.counters.push(self.server.sfu.take_counters());
    }

    /// Lets time pass until something is true; how much did.
    pub fn run_until(&mut self, what: &str, within: Duration, mut done: impl FnMut(&World) -> bool) -> Duration {
        let begin = self.now;
        while !done(self) {
            assert!(self.now < begin + within, "not within {within:?}: {what}");
            self.step(begin + within);
        }
        self.now - begin
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let mut next = [self.server.poll_timeout(), self.internet.poll_timeout()]
            .into_iter()
            .flatten()
            .min();
        let websockets = self.websockets.iter().flatten().filter_map(Websocket::poll_timeout);
        let pages = self.pages.iter().filter_map(Page::poll_timeout);
        let gone = self.gone.iter().map(|(at, _)| *at);
        let returning = self.returning.iter().map(|(at, _)| *at);
        for at in websockets.chain(pages).chain(gone).chain(returning) {
            next = Some(next.map_or(at, |next| next.min(at)));
        }
        next
    }

    fn step(&mut self, end: Instant) {
        // What pages were made to say since the last step.
        self.settle();
        let next = self.poll_timeout().map_or(end, |at| at.min(end));
        // Time always moves, so that nobody who asks for the present again and again can hold the world.
        self.now = next.max(self.now + Duration::from_micros(100));
        let now = self.now;
        for (_, websocket) in self.gone.extract_if(.., |(at, _)| *at <= now) {
            self.server.handle_gone(websocket, now);
        }
        let back: Vec<_> = self.returning.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, page) in back {
            if self.websockets[page].is_none() {
                self.connect(page);
            }
        }
        for page in 0..self.pages.len() {
            while let Some(text) = self.websockets[page].as_mut().and_then(|w| w.receive_up(now)) {
                self.show(page, &format!("-> {text}"));
                let serial = self.websockets[page].as_ref().map_or(0, |w| w.serial);
                self.server.handle_text(serial, &text, now);
            }
        }
        while let Some(arrival) = self.internet.receive(now) {
            match arrival {
                Arrival::AtServer(Datagram {
                    source,
                    destination,
                    payload,
                }) => self.server.sfu.handle_datagram(source, destination, &payload, now),
                Arrival::AtHost(page, datagram) => self.pages[page].handle_datagram(&datagram, now),
            }
        }
        self.server.handle_timeout(now);
        self.settle();
        for page in 0..self.pages.len() {
            while let Some(outgoing) = self.websockets[page].as_mut().and_then(|w| w.receive_down(now)) {
                self.hear(page, outgoing);
            }
            if self.pages[page].poll_timeout().is_some_and(|at| at <= now) {
                self.pages[page].handle_timeout(now);
            }
        }
        self.settle();
    }

    fn hear(&mut self, page: usize, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Text(text) => {
                self.show(page, &format!("<- {text}"));
                self.pages[page].handle_text(&text, self.now);
            }
            Outgoing::Close => {
                self.show(page, "<- close");
                self.websockets[page] = None;
                self.pages[page].handle_gone();
            }
        }
    }

    /// Puts what everybody says and sends on its way.
    fn settle(&mut self) {
        let now = self.now;
        for (serial, outgoing) in self.server.poll_outgoing(now) {
            let websocket = self.websockets.iter_mut().flatten().find(|w| w.serial == serial);
            if let Some(websocket) = websocket {
                websocket.send_down(outgoing, &mut self.dice, now);
            }
        }
        for send in self.server.sfu.poll_sends() {
            let datagram = Datagram {
                source: SocketAddr::from(SERVER),
                destination: send.flow.remote,
                payload: send.payload,
            };
            self.internet.send_to_host(datagram, now);
        }
        for (n, page) in self.pages.iter_mut().enumerate() {
            if let Some(websocket) = &mut self.websockets[n] {
                for text in page.outbox.drain(..) {
                    websocket.send_up(text, &mut self.dice, now);
                }
            }
            for datagram in page.poll_datagrams() {
                self.internet.send_from_host(n, datagram, now);
            }
        }
    }

    /// The reasons with which every call ended in the eyes of the server. A call that ends twice ends the test.
    pub fn ends(&self) -> BTreeMap<String, &'static str> {
        let mut ends = BTreeMap::new();
        for fact in &self.server.facts {
            if let Fact::CallEnded { call, reason, .. } = fact {
                assert_eq!(ends.insert(call.to_string(), reason.as_str()), None, "{call} ended twice");
            }
        }
        ends
    }

    /// Whether each of two pages is in a call with the other.
    pub fn are_talking(&self, a: usize, b: usize) -> bool {
        match (&self.pages[a].view, &self.pages[b].view) {
            (View::Talking { call, me, .. }, View::Talking { call: same, other, .. }) => call == same && me == other,
            _ => false,
        }
    }

    /// Everybody has gone, and nothing is left of it.
    pub fn assert_empty(&self) {
        assert_eq!(self.server.hub.counts(), Default::default());
        assert!(!self.server.hub.has_calls());
        assert_eq!(self.server.sfu.count_transports(), 0);
        if let Sfu::StandIn(stand_in) = &self.server.sfu {
            assert!(!stand_in.has_rooms());
        }
        let ends = self.ends();
        for fact in &self.server.facts {
            if let Fact::CallStarted { call, .. } = fact {
                assert!(ends.contains_key(&call.to_string()), "{call} never ended");
            }
        }
        for page in &self.pages {
            for (call, reason) in &page.ended {
                assert_eq!(ends.get(call), Some(&reason.as_str()), "two reasons for {call}");
            }
        }
    }

    fn show(&mut self, page: usize, what: &str) {
        let at = (self.now - self.begin).as_secs_f64();
        if self.shown.len() == SHOWN_MAX {
            self.shown.pop_front();
        }
        let mut what = what.to_owned();
        if let Some((end, _)) = what.char_indices().nth(200) {
            what.truncate(end);
        }
        self.shown.push_back(format!("{at:9.3} page {page} {what}"));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let test = std::thread::current().name().unwrap_or("whole::random").to_owned();
            eprintln!("seed {} after {:?} of virtual time:", self.seed, self.now - self.begin);
            for line in &self.shown {
                eprintln!("{line}");
            }
            eprintln!("again: TANDEM_SEED={} cargo test --test sim {test}", self.seed);
        } else {
            let heard = self.alarm.heard();
            assert!(heard.is_empty(), "seed {}: logged at error level: {heard:?}", self.seed);
        }
    }
}
