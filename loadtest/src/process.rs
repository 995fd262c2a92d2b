//! What the operating system says of processes and sockets (Linux: proc(5)).

use std::fs;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

/// A look at a process.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub resident_kib: u64,
    pub file_handles: u64,
    pub threads: u64,
}

/// `None`: there is no such process, or it is not ours to look at.
pub fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Usage {
        resident_kib: field("VmRSS:")?,
        file_handles: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64,
        threads: field("Threads:")?,
    })
}

/// CPU time that its threads have used, of those whose name begins so; of those that are there still.
pub fn cpu_time(pid: u32, threads: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let path = task.ok()?.path();
        let read = |name| fs::read_to_string(path.join(name)).ok();
        // A thread that has just ended.
        let (Some(name), Some(times)) = (read("comm"), read("schedstat")) else {
            continue;
        };
        if name.starts_with(threads) {
            total += Duration::from_nanos(times.split_whitespace().next()?.parse().ok()?);
        }
    }
    Some(total)
}

/// Datagrams that found the receive buffer of a UDP port full, of all sockets that are bound to it.
pub fn udp_overflows(port: u16) -> u64 {
    let mut total = 0;
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let local = fields.get(1).and_then(|address| address.rsplit(':').next());
            if local.is_some_and(|hex| u16::from_str_radix(hex, 16) == Ok(port)) {
                total += fields.last().and_then(|drops| drops.parse::<u64>().ok()).unwrap_or(0);
            }
        }
    }
    total
}

/// Which cores a thread may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// What is measured has it for itself.
    First,
    Others,
}

/// Keeps this thread, and all that it starts, to these cores. On a machine with one core nothing changes.
pub fn pin(cores: Cores) {
    let mut set = CpuSet::new();
    match cores {
        Cores::First => set.set(0),
        // The kernel leaves out those that it does not have.
        Cores::Others => (1..CpuSet::MAX_CPU).for_each(|core| set.set(core)),
    }
    let _ = sched_setaffinity(None, &set);
}
