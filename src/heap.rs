//! One heap for all threads, in large pages, where the allocator is glibc's.
//!
//! What a packet touches on its way to a hundred participants lies in more pages of 4 KiB than the processor remembers translations of.
//! In pages of 2 MiB a forwarded packet costs a fifth less (docs/decisions/0019). glibc is told so by its environment alone, before
//! `main` begins, and has large pages in its main heap only; so the process starts itself once more.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where glibc looks for what it is told (mallopt and "Tunables" in its manual). Other libraries know nothing of it.
const VARIABLE: &str = "GLIBC_TUNABLES";

const LARGE_PAGES: &str = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1";

/// Which process was started anew; it leaves its environment to those that it starts. (glibc takes its own variable away where the file of
/// the binary has privileges.)
const ANEW: &str = "TANDEM_STARTED_ANEW";

/// Starts this process anew, as the same one, with large pages; returns if it has been told already what its heap is to be like, or if that
/// cannot be done. Call it first of all, while there is nothing to be lost.
pub fn use_large_pages() {
    let me = std::process::id().to_string();
    let is_told = match std::env::var(ANEW) {
        Ok(process) => process == me,
        Err(_) => std::env::var_os(VARIABLE).is_some(),
    };
    if !cfg!(target_env = "gnu") || is_told {
        return;
    }
    let mut arguments = std::env::args_os();
    if let (Ok(program), Some(name)) = (std::env::current_exe(), arguments.next()) {
        let mut anew = Command::new(program);
        anew.arg0(name).args(arguments).env(VARIABLE, LARGE_PAGES).env(ANEW, me);
        // What comes back is an error, and the heap is as it was.
        let _ = anew.exec();
    }
}
