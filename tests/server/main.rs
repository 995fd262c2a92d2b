//! The real binary over HTTP and its websocket: every outcome of a call, identity over restarts, the page and the operator's port.

#![allow(clippy::disallowed_methods, reason = "a test of a real process lives in real time")]

mod acme;
mod api;
mod bed;
mod calls;
mod chat;
#[path = "../postgres/cluster.rs"]
mod cluster;
mod data;
mod database;
mod disk;
mod doctor;
mod drain;
mod files;
mod history;
mod nodes;
mod one_port;
mod overload;
mod pages;
mod pairing;
mod people;
mod process;
mod push;
mod reports;
mod rooms;
mod sessions;
mod sign_in;
mod supervised;
mod support;
mod survive;
mod tls;
mod tokens;
mod traces;
mod upgrade;
mod webhooks;
mod whip;
