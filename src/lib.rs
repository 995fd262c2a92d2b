//! Tandem: self-hosted browser calls in one binary.
//!
//! The house plan, a line a room. Cores are pure (no tokio, socket, clock, thread or randomness of their own); drivers,
//! marked (D), are thin. docs/ARCHITECTURE.md follows a packet and a call through them.

/// Which user a new websocket is, and what it may do: by an id and its secret, or by a token of the operator's.
pub mod auth;
/// The calendar, for drivers and glue (D).
pub mod clock;
/// Several nodes: who is there, and words between them, once and in order.
pub mod cluster;
/// Every key of config.toml, layered defaults < file < environment < flags.
pub mod config;
/// The operator's door on this machine (D).
pub mod control;
/// `tandem export`, `tandem forget` and `tandem backup`.
pub mod data;
/// What is wrong with an installation, and how it is put right.
pub mod doctor;
/// `tandem drain`: waits until a restart would cut no call.
pub mod drain;
/// Requests to servers of others (D).
pub mod fetch;
/// Files in chats: what kind one is, and tickets for it; pure.
pub mod files;
/// What a session may do; pure, said by a token and obeyed by signaling.
pub mod grants;
/// A new process takes the place of the running one, and cuts no call (D).
pub mod handover;
/// The heap in large pages (D).
pub mod heap;
/// Everything a browser or an operator fetches (D).
pub mod http;
/// The identifiers of everything, as newtypes.
pub mod id;
/// Sockets that are open already: systemd's, or those of the process before (D).
pub mod inherited;
/// Whether the server has too much to do to take on more; pure.
pub mod load;
/// What is logged, and how.
pub mod log;
/// Every Prometheus metric.
pub mod metrics;
/// What the process uses, and what the hub is told of it (D).
pub mod overload;
/// What people missed, by the services of their browsers.
pub mod push;
/// How many answers one network may have of us; pure, and shared by the cores that answer strangers.
pub mod rate;
/// TURN into our own SFU, over UDP, TCP and TLS.
pub mod relay;
/// The composition root and the ordered shutdown (D).
pub mod server;
/// Media: how one participant's packets reach the others.
pub mod sfu;
/// Who may meet whom: calls, rooms, sessions and the wire protocol.
pub mod signaling;
/// What survives a restart (D).
pub mod store;
/// What systemd is told (D).
pub mod supervisor;
/// What took how long, for a collector of OpenTelemetry (D).
pub mod traces;
/// Datagrams in and out of the kernel in batches (D).
pub mod udp;
/// `tandem upgrade`: has the running server hand over to a new process.
pub mod upgrade;
/// What of its room a participant looks at; pure, said by a page and obeyed by the SFU.
pub mod view;
/// The operator's application is told what happens.
pub mod webhooks;
