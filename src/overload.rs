//! Looks at what the process uses (D), and tells the hub when it may not take on more. Nothing is counted for a packet: a worker adds up
//! the time that it sleeps.

#![expect(clippy::disallowed_methods, reason = "a driver: it has a clock and a task")]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource as Ulimit, getrlimit};

use crate::load::{Load, Resource, Shares};
use crate::metrics::Metrics;
use crate::signaling::driver::HubHandle;

/// How often is looked: as often as a worker says how busy it was. On a server that has nothing to do, this is most of what it does.
const EVERY: Duration = Duration::from_secs(1);

/// Starts to look, for as long as the hub lives.
pub fn watch(limits: Shares, hub: HubHandle, metrics: Arc<Metrics>) {
    let memory_bytes = memory_bytes();
    tokio::spawn(async move {
        let mut load = Load::new(limits);
        let mut told = None;
        loop {
            let short = load.handle_measured(measure(memory_bytes, &metrics), Instant::now());
            if short != told {
                if hub.set_overloaded(short.is_some()).await.is_err() {
                    return;
                }
                for resource in Resource::ALL {
                    let is_it = i64::from(short == Some(resource));
                    metrics.overloaded.with_label_values(&[resource.as_str()]).set(is_it);
                }
                match short {
                    Some(short) => tracing::warn!(short = short.as_str(), "overloaded: new calls and joins are refused"),
                    None => tracing::info!("no longer overloaded: new calls and joins are taken"),
                }
                told = short;
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

fn measure(memory_bytes: Option<u64>, metrics: &Metrics) -> Shares {
    let busy = metrics.workers_busy();
    let share = |used: Option<u64>, all: Option<u64>| match (used, all) {
        (Some(used), Some(all)) if all > 0 => used as f64 / all as f64,
        _ => 0.0,
    };
    Shares {
        workers: busy.iter().sum::<f64>() / busy.len().max(1) as f64,
        memory: share(resident_bytes(), memory_bytes),
        files: share(open_files(), getrlimit(Ulimit::Nofile).current),
    }
}

/// What this process may use: what its control group has, or the machine.
fn memory_bytes() -> Option<u64> {
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    [group, machine.map(|kib| kib * 1024)].into_iter().flatten().min()
}

/// proc_pid_statm(5): the second number, in pages.
fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Since Linux 6.2 the size of the folder is their number; before, they are counted.
fn open_files() -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok(),
        number => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_measured() {
        let (used, all) = (resident_bytes().expect("Linux"), memory_bytes().expect("Linux"));
        assert!(used > 1 << 20 && used < all, "{used} of {all}");
        let before = open_files().expect("Linux");
        let more: Vec<fs::File> = (0..20).map(|_| fs::File::open("/dev/null").expect("it is there")).collect();
        // Other tests open and close files too.
        assert!(open_files().expect("Linux") + 10 > before + more.len() as u64);
    }
}
