//! The server's metrics, as text over HTTP.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Every sample, by its name with labels as it was written.
#[derive(Debug, Default)]
pub struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// # Errors
    /// The server's operator listener is not at this address.
    pub async fn take(address: &str) -> anyhow::Result<Scrape> {
        let mut socket = TcpStream::connect(address)
            .await
            .with_context(|| format!("no metrics at {address}"))?;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "no metrics at {address}: {answer:.100}");
        Ok(Scrape::parse(&answer))
    }

    fn parse(text: &str) -> Scrape {
        let samples = text.lines().filter(|line| line.starts_with("tandem_"));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Scrape(samples.filter_map(sample).collect())
    }

    pub fn value(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// The samples of a family with one label: (its value, how much).
    pub fn by_label<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.iter().filter_map(move |(name, value)| {
            let label = name.strip_prefix(family)?.strip_prefix('{')?.split('"').nth(1)?;
            Some((label, *value))
        })
    }
}
