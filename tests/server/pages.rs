//! What is fetched over HTTP: the page, its headers, the API, and the operator's port.

use crate::support::Server;

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        line.split_once(':')
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.trim())
    })
}

fn status(head: &str) -> u16 {
    head.split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status line")
}

#[test]
fn every_answer_carries_the_security_headers() {
    let server = Server::start();
    for path in ["/", "/call/0000-0000-0001", "/api/v1/server", "/nothing", "/ws"] {
        let (head, _) = server.get(path);
        let policy = header(&head, "content-security-policy").unwrap_or_else(|| panic!("{path}: {head}"));
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&head, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&head, "referrer-policy"), Some("no-referrer"), "{path}");
        assert!(
            header(&head, "permissions-policy").is_some_and(|p| p.contains("camera=(self)")),
            "{path}"
        );
    }
}

#[test]
fn assets_are_compressed_and_kept_for_ever() {
    let server = Server::start();
    let (_, page) = server.get("/");
    let asset = page
        .split('"')
        .find(|part| part.starts_with("/assets/") && part.ends_with(".js"))
        .expect("the page has a script");
    let (plain, _) = server.get(asset);
    assert_eq!(status(&plain), 200);
    assert_eq!(header(&plain, "cache-control"), Some("public, max-age=31536000, immutable"));
    let length = |head: &str| {
        header(head, "content-length")
            .and_then(|l| l.parse::<usize>().ok())
            .expect("a length")
    };
    for encoding in ["br", "gzip"] {
        let (head, _) = server.request(&format!(
            "GET {asset} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept-encoding: {encoding}\r\n\r\n"
        ));
        assert_eq!(header(&head, "content-encoding"), Some(encoding));
        assert!(length(&head) * 2 < length(&plain), "{encoding} saves less than half");
    }
    assert_eq!(header(&server.get("/").0, "cache-control"), Some("no-cache"));
}

#[test]
fn a_foreign_origin_may_not_open_the_websocket() {
    let server = Server::start_with(&[("TANDEM__SERVER__ALLOWED_ORIGINS", "https://intranet.example.org")]);
    let upgrade = |origin: &str| {
        server.request(&format!(
            "GET /ws HTTP/1.1\r\nhost: localhost:{}\r\n{origin}connection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nconnection: close\r\n\r\n",
            server.port
        ))
    };
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://localhost:1",
    ] {
        let (head, body) = upgrade(&format!("origin: {origin}\r\n"));
        assert_eq!(status(&head), 403, "{origin}: {head}");
        assert!(body.contains(origin) && body.contains("server.allowed_origins"), "{body}");
    }
}

#[test]
fn a_page_of_another_origin_loads_the_library_and_reads_why_it_may_not_connect() {
    let server = Server::start();
    for file in ["/sdk/tandem.js", "/sdk/element.js"] {
        let (head, _) = server.get(file);
        assert_eq!(status(&head), 200, "{file}: {head}");
        assert_eq!(header(&head, "access-control-allow-origin"), Some("*"), "{file}");
        assert_eq!(header(&head, "cross-origin-resource-policy"), Some("cross-origin"), "{file}");
        assert!(
            header(&head, "content-type").is_some_and(|t| t.contains("javascript")),
            "{file}: {head}"
        );
        assert_eq!(header(&head, "cache-control"), Some("no-cache"), "{file}");
        assert!(header(&head, "etag").is_some(), "{file}: {head}");
    }
    let (head, body) = server.get("/sdk/tandem.d.ts");
    assert_eq!(header(&head, "content-type"), Some("text/plain; charset=utf-8"), "{head}");
    assert!(body.contains("class Tandem"), "{body}");
    // The page itself is for its own origin alone.
    let (head, _) = server.get("/");
    assert_eq!(header(&head, "access-control-allow-origin"), None);
    assert_eq!(header(&head, "cross-origin-resource-policy"), Some("same-origin"));
    // A script that was refused asks again without the upgrade, and may read the answer.
    let (head, body) =
        server.request("GET /ws HTTP/1.1\r\nhost: localhost\r\norigin: https://shop.example\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&head), 403, "{head}");
    assert_eq!(header(&head, "access-control-allow-origin"), Some("*"), "{head}");
    assert!(
        body.contains("https://shop.example") && body.contains("server.allowed_origins"),
        "{body}"
    );
}

#[test]
fn the_api_says_what_the_server_is_and_what_is_not_there() {
    let server = Server::start();
    let (head, body) = server.get("/api/v1/server");
    assert_eq!(
        (status(&head), header(&head, "content-type")),
        (200, Some("application/json"))
    );
    assert!(body.contains("\"protocol\":1"), "{body}");
    let (head, body) = server.get("/api/v1/nothing");
    assert_eq!(
        (status(&head), header(&head, "content-type")),
        (404, Some("application/problem+json"))
    );
    assert!(body.contains("\"status\":404"), "{body}");
}

#[test]
fn metrics_pass_promtool_and_health_is_told() {
    let server = Server::start();
    assert_eq!(status(&server.ops("/livez").0), 200);
    assert_eq!(status(&server.ops("/readyz").0), 200);
    let (head, body) = server.ops("/metrics");
    assert!(
        header(&head, "content-type").is_some_and(|t| t.starts_with("text/plain; version=0.0.4")),
        "{head}"
    );
    let families = body.lines().filter(|line| line.starts_with("# TYPE tandem_")).count();
    assert!(families >= 12, "only {families} families of ours");
    assert_eq!(status(&server.get("/metrics").0), 404, "metrics are not for the main port");

    let mut promtool = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("promtool is installed by the test command (Debian package prometheus)");
    std::io::Write::write_all(&mut promtool.stdin.take().expect("its input"), body.as_bytes()).expect("written");
    let said = promtool.wait_with_output().expect("promtool ends");
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(said.status.success() && text.is_empty(), "promtool says: {text}");
}
