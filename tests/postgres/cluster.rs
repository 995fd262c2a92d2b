//! A PostgreSQL server of the tests' own: one for a process, with a database for each test; or one that a test stops and kills.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// What is behind `cluster.sh`, which takes it away when this process is gone.
pub struct Cluster {
    script: Mutex<Script>,
    /// Of its first database.
    url: String,
    databases: AtomicU32,
}

struct Script {
    _process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Cluster {
    pub fn start() -> Cluster {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/cluster.sh");
        let mut process = Command::new(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash is there");
        let input = process.stdin.take().expect("a pipe");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut url = String::new();
        output.read_line(&mut url).expect("text");
        assert!(
            url.ends_with('\n'),
            "PostgreSQL does not start: its message stands above this one"
        );
        Cluster {
            script: Mutex::new(Script {
                _process: process,
                input,
                output,
            }),
            url: url.trim_end().to_owned(),
            databases: AtomicU32::new(0),
        }
    }

    /// The one that all tests of a process share.
    pub fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Cluster::start)
    }

    /// The URL of a new database.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.say(&format!("create {name}"));
        self.url.replacen("/postgres?", &format!("/{name}?"), 1)
    }

    /// Has the script do something.
    pub fn say(&self, words: &str) {
        // A test that failed with it has left it as it was.
        let mut script = self.script.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(script.input, "{words}").expect("the script runs");
        let mut answer = String::new();
        script.output.read_line(&mut answer).expect("text");
        assert_eq!(answer, "done\n", "{words}");
    }
}
