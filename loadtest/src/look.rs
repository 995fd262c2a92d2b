//! What a server has used and counted at a moment, so that two looks tell what happened between them.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::process;
use crate::scrape::Scrape;

/// The server that is looked at.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Its websocket.
    pub url: String,
    /// Its metrics: host and port.
    pub ops: String,
    pub pid: u32,
}

impl Watched {
    /// The server's UDP port has the number of its TCP port.
    fn udp_port(&self) -> u16 {
        let after_host = self.url.rsplit(':').next().unwrap_or_default();
        let digits = after_host.split('/').next().unwrap_or_default();
        digits.parse().unwrap_or(0)
    }
}

/// What the server has used and counted at a moment.
pub struct Look {
    pub at: Instant,
    pub scrape: Scrape,
    /// Of the whole process, and of the threads that forward media.
    pub cpu: Duration,
    pub worker_cpu: Duration,
    pub own_cpu: Duration,
    pub resident_kib: u64,
    /// Datagrams that its UDP port had no room for.
    pub overflows: u64,
}

impl Look {
    /// # Errors
    /// The server is gone, or has no metrics.
    pub async fn take(watched: &Watched) -> anyhow::Result<Look> {
        let cpu = |pid, threads| process::cpu_time(pid, threads).context("the server is gone");
        Ok(Look {
            scrape: Scrape::take(&watched.ops).await?,
            at: Instant::now(),
            cpu: cpu(watched.pid, "")?,
            worker_cpu: cpu(watched.pid, "sfu-")?,
            overflows: process::udp_overflows(watched.udp_port()),
            own_cpu: cpu(std::process::id(), "")?,
            resident_kib: process::usage(watched.pid).context("the server is gone")?.resident_kib,
        })
    }

    /// By how much a counter grew in a second.
    pub fn grown_since(&self, earlier: &Look, name: &str) -> f64 {
        (self.scrape.value(name) - earlier.scrape.value(name)) / (self.at - earlier.at).as_secs_f64()
    }

    /// Packets of media a second, in or out.
    pub fn media_since(&self, earlier: &Look, direction: &str) -> f64 {
        let name = |kind| format!("tandem_media_packets_total{{direction=\"{direction}\",kind=\"{kind}\"}}");
        ["audio", "video"]
            .map(|kind| self.grown_since(earlier, &name(kind)))
            .iter()
            .sum()
    }
}
