//! `tandem doctor` with the real binary.

use std::process::Command;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::support::Server;

/// Its exit code and its findings.
fn doctor(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["doctor", "--json", "--ops-listen", "127.0.0.1:0"])
        .args(arguments)
        .env("TANDEM__LIMITS__SESSIONS", "100")
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    (output.status.code().expect("it ends by itself"), report["findings"].clone())
}

/// The words and the fixes of all problems of one check.
fn problems(findings: &Value, check: &str) -> Vec<String> {
    let all = findings.as_array().expect("a list").iter();
    all.filter(|finding| finding["check"] == check && finding["level"] == "problem")
        .map(|finding| {
            format!(
                "{} -> {}",
                finding["what"],
                finding["fix"].as_str().expect("a problem names its fix")
            )
        })
        .collect()
}

#[test]
fn a_server_that_runs_is_found_and_reached() {
    let named = [("TANDEM__NETWORK__PUBLIC_ADDRESSES", "127.0.0.1")];
    let server = Server::start_with(&named);
    let listen = format!("127.0.0.1:{}", server.port);
    let data = server.data.to_str().expect("UTF-8");
    let (code, findings) = doctor(&["--listen", &listen, "--data", data], &named);
    assert_eq!(code, 0, "{findings:#}");
    let reach = findings.as_array().expect("a list").iter().find(|f| f["check"] == "reach");
    assert_eq!(reach.expect("it is looked at")["level"], "ok", "{findings:#}");
}

#[test]
fn a_database_of_postgresql_is_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("UTF-8");
    let arguments = ["--listen", "127.0.0.1:0", "--data", data];
    let url = Cluster::shared().database();
    let (_, findings) = doctor(&arguments, &[("TANDEM__STORE__URL", &url)]);
    let database = findings.as_array().expect("a list").iter().find(|f| f["check"] == "database");
    let database = database.expect("it is looked at");
    assert_eq!(database["level"], "ok", "{findings:#}");
    let what = database["what"].as_str().expect("text");
    assert!(
        what.contains("answers (PostgreSQL ") && what.contains("first start"),
        "{what}"
    );
    let wrong = url.replace("tandem:", "tandem:no-");
    let (code, findings) = doctor(&arguments, &[("TANDEM__STORE__URL", &wrong)]);
    let said = problems(&findings, "database").join("\n");
    assert!(code == 1 && said.contains("password authentication failed"), "{findings:#}");
    assert!(!findings.to_string().contains("no-a-password"), "{findings:#}");
}

#[test]
fn what_is_wrong_is_named_with_its_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("bound").to_string();
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "cut off").expect("written");
    let broken = broken.to_str().expect("UTF-8");
    // A file is in the place of its parent folder, which holds for root too.
    let data = format!("{broken}/data");
    let (code, findings) = doctor(
        &["--listen", &listen, "--data", &data],
        &[
            ("TANDEM__TLS__MODE", "files"),
            ("TANDEM__TLS__CERTIFICATE", broken),
            ("TANDEM__TLS__KEY", broken),
            ("TANDEM__CLUSTER__REDIS_URL", "redis://127.0.0.1:1"),
        ],
    );
    assert_eq!(code, 1);
    for (check, named) in [
        ("tcp_port", "server.listen"),
        ("certificate", "tls.certificate"),
        ("data", "server.data"),
        ("cluster", "cluster.redis_url"),
    ] {
        let found = problems(&findings, check);
        assert!(found.len() == 1 && found[0].contains(named), "{check}: {found:?}");
    }
    let (code, findings) = doctor(&[], &[("TANDEM__CALLS__RING", "3")]);
    assert_eq!((code, problems(&findings, "config").len()), (1, 1), "{findings:#}");
}
