//! Everything a browser or an operator fetches: the page, the websocket, the API, metrics and health.

pub mod api;
pub mod assets;
pub mod headers;
pub mod ops;
pub mod port;
pub mod websocket;
