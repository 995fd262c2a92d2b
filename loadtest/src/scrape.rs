//! The server's metrics, as text over HTTP.

use std::collections::BTreeMap;

use anyhow::ensure;
use hyper::Method;

use crate::http;

/// Every sample, by its name with labels as it was written.
#[derive(Debug, Default)]
pub struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// # Errors
    /// The server's operator listener is not at this address.
    pub async fn take(address: &str) -> anyhow::Result<Scrape> {
        let answer = http::ask(address, Method::GET, "/metrics", None).await?;
        ensure!(answer.status.is_success(), "no metrics at {address}: {}", answer.status);
        Ok(Scrape::parse(&answer.body))
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
