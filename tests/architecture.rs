//! The house rules of docs/ARCHITECTURE.md, held by reading the source tree: who may import whom, what a core may not touch, and
//! how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file outside its tests.
const FILE_LINES_MAX: usize = 600;

/// The thin files that may touch tokio, sockets, clocks, threads and randomness.
const DRIVERS: &[&str] = &[
    "src/cluster/redis.rs",
    "src/relay/driver.rs",
    "src/relay/datagrams.rs",
    "src/relay/others.rs",
    "src/relay/stream.rs",
    "src/sfu/worker.rs",
    "src/sfu/handle.rs",
    "src/sfu/ice_tcp.rs",
    "src/sfu/link.rs",
    "src/sfu/stranger.rs",
    "src/signaling/counting.rs",
    "src/signaling/driver.rs",
    "src/signaling/driver/attaching.rs",
    "src/signaling/driver/draining.rs",
    "src/signaling/driver/hashing.rs",
    "src/signaling/driver/nodes.rs",
    "src/signaling/driver/storing.rs",
    "src/signaling/driver/tracing_calls.rs",
    "src/signaling/keeper.rs",
    "src/signaling/media_words.rs",
    "src/signaling/reader.rs",
    "src/signaling/restoring.rs",
    "src/signaling/retention.rs",
    "src/doctor/mod.rs",
    "src/doctor/facts.rs",
];

/// Folders whose other files are cores.
const CORE_FOLDERS: &[&str] = &["src/cluster/", "src/relay/", "src/sfu/", "src/signaling/", "src/doctor/"];

/// Files of the root that cores may import, and which are as pure.
const CORE_FILES: &[&str] = &[
    "src/files.rs",
    "src/grants.rs",
    "src/id.rs",
    "src/load.rs",
    "src/rate.rs",
    "src/view.rs",
];

/// What a core may not name.
const IMPURE: &[&str] = &[
    "tokio::",
    "std::net::UdpSocket",
    "std::net::Tcp",
    "std::fs",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "rand::rng(",
    "rand::random",
    "axum::",
    "sqlx::",
    "prometheus::",
    "tracing::info",
    "tracing::warn",
    "tracing::error",
];

/// (the word, the only places that may use it, why).
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("axum::", &["src/http/"], "HTTP belongs to http/"),
    ("sqlx::", &["src/store/"], "SQL belongs to store/"),
    (
        "prometheus::",
        &["src/metrics.rs"],
        "a move to another metrics library is to be one file",
    ),
    (
        "str0m::Rtc",
        &["src/sfu/transport.rs", "src/sfu/transport/"],
        "the contract of Rtc is kept in one place",
    ),
    (
        "use redis::",
        &["src/cluster/redis.rs"],
        "a move to another bus is to be one file",
    ),
    (
        "opentelemetry",
        &["src/traces.rs"],
        "a move to another form of traces is to be one file",
    ),
    ("jsonwebtoken::", &["src/auth/"], "who is let in is decided in one folder"),
    ("quinn_udp::", &["src/udp.rs"], "datagram system calls belong to udp.rs"),
    (
        "use nix::",
        &["src/udp.rs", "src/udp/"],
        "datagram system calls belong to udp.rs",
    ),
];

/// (folder, what its files may not import, why).
const NOT_FROM: &[(&str, &[&str], &str)] = &[
    (
        "src/sfu/",
        &[
            "crate::signaling",
            "crate::relay",
            "crate::http",
            "crate::store",
            "crate::auth",
        ],
        "the SFU does not know what a call is",
    ),
    (
        "src/cluster/",
        &[
            "crate::signaling",
            "crate::http",
            "crate::sfu",
            "crate::relay",
            "crate::store",
            "crate::auth",
        ],
        "what nodes say to each other is text to it",
    ),
    (
        "src/relay/",
        &["crate::signaling", "crate::http", "crate::store", "crate::auth"],
        "the relay knows sessions by their id and nothing else",
    ),
    (
        "src/store/",
        &["crate::signaling", "crate::http", "crate::sfu"],
        "the store does not know who asks",
    ),
    ("src/id.rs", &["crate::"], "ids depend on nothing"),
    (
        "src/files.rs",
        &["crate::sfu", "crate::signaling", "crate::http", "crate::store", "crate::auth"],
        "what several folders import depends on ids alone",
    ),
    ("src/rate.rs", &["crate::"], "what several cores import depends on nothing"),
    (
        "src/grants.rs",
        &["crate::sfu", "crate::signaling", "crate::http", "crate::auth"],
        "what several cores import depends on ids alone",
    ),
    (
        "src/view.rs",
        &["crate::sfu", "crate::signaling", "crate::http"],
        "what several cores import depends on ids alone",
    ),
];

/// What a core may not import (the drivers of its folder may).
const CORE_NOT_FROM: &[(&str, &[&str])] = &[
    ("src/relay/", &["crate::sfu", "crate::metrics"]),
    (
        "src/signaling/",
        &[
            "crate::sfu",
            "crate::relay",
            "crate::http",
            "crate::store",
            "crate::metrics",
            "crate::auth",
            "crate::cluster",
            "crate::push",
            "crate::webhooks",
        ],
    ),
    ("src/cluster/", &["crate::metrics"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|e| e.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// (path from the root, the lines before the tests, without comments).
fn code() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    assert!(found.len() > 10, "the source tree was not found");
    found
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(root)
                .expect("below the root")
                .to_string_lossy()
                .replace('\\', "/");
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            let lines = text
                .lines()
                .take_while(|line| *line != "#[cfg(test)]")
                .map(|line| line.split("//").next().unwrap_or("").to_owned())
                .collect();
            (name, lines)
        })
        .collect()
}

fn is_core(name: &str) -> bool {
    let in_core_folder = CORE_FOLDERS.iter().any(|folder| name.starts_with(folder));
    (in_core_folder && !DRIVERS.contains(&name)) || CORE_FILES.contains(&name)
}

fn check(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn drivers_exist() {
    let names: Vec<String> = code().into_iter().map(|(name, _)| name).collect();
    check(
        DRIVERS
            .iter()
            .filter(|d| !names.iter().any(|n| n == *d))
            .map(|d| format!("{d} is listed as a driver and is not there"))
            .collect(),
    );
}

#[test]
fn cores_are_pure() {
    let mut faults = Vec::new();
    for (name, lines) in code().iter().filter(|(name, _)| is_core(name)) {
        for (number, line) in lines.iter().enumerate() {
            for word in IMPURE.iter().filter(|word| line.contains(*word)) {
                faults.push(format!("{name}:{}: a core may not use `{word}`", number + 1));
            }
        }
    }
    check(faults);
}

#[test]
fn imports_follow_the_plan() {
    let mut faults = Vec::new();
    for (name, lines) in &code() {
        for (number, line) in lines.iter().enumerate() {
            for (word, places, why) in ONLY_IN {
                if line.contains(word) && !places.iter().any(|place| name.starts_with(place)) {
                    faults.push(format!("{name}:{}: `{word}` only in {places:?}: {why}", number + 1));
                }
            }
            for (folder, words, why) in NOT_FROM {
                for word in words.iter().filter(|word| name.starts_with(folder) && line.contains(*word)) {
                    faults.push(format!("{name}:{}: `{word}` not from {folder}: {why}", number + 1));
                }
            }
            for (folder, words) in CORE_NOT_FROM
                .iter()
                .filter(|(folder, _)| name.starts_with(folder) && is_core(name))
            {
                for word in words.iter().filter(|word| line.contains(*word)) {
                    faults.push(format!("{name}:{}: a core of {folder} does not know `{word}`", number + 1));
                }
            }
        }
    }
    check(faults);
}

#[test]
fn no_file_swallows_its_neighbours() {
    check(
        code()
            .iter()
            .filter(|(_, lines)| lines.len() > FILE_LINES_MAX)
            .map(|(name, lines)| format!("{name}: {} lines, at most {FILE_LINES_MAX}", lines.len()))
            .collect(),
    );
}
