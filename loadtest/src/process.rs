//! What the operating system says of the server's process (Linux: proc(5)).

use std::fs;

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
