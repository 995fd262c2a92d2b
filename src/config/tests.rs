//! What the program makes of files, the environment and flags.

use std::io::Write;

use super::*;

fn load(file: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
    let mut on_disk = tempfile::NamedTempFile::with_suffix(".toml").expect("a temporary file");
    on_disk.write_all(file.as_bytes()).expect("written");
    let flags = Flags {
        config: Some(on_disk.path().to_owned()),
        ..flags
    };
    Config::from_layers(
        &flags,
        environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    )
}

fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
    let text = load(file, environment, Flags::default())
        .expect_err("it was taken")
        .to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    text
}

#[test]
fn the_example_is_the_defaults() {
    let config = Config::from_layers(&Flags::default(), vec![]).expect("the defaults are valid");
    assert_eq!(config.listen, "[::]:8443".parse().unwrap());
    assert_eq!(config.ring_timeout, Duration::from_secs(45));
    assert_eq!(load(EXAMPLE, &[], Flags::default()).expect("the example is valid"), config);
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\nops_listen = \"127.0.0.1:2\"\n[calls]\nring_timeout_s = 7\n";
    let environment = [
        ("TANDEM__SERVER__LISTEN", "127.0.0.1:3"),
        ("TANDEM__CALLS__RING_TIMEOUT_S", "8"),
    ];
    let flags = Flags {
        listen: Some("127.0.0.1:4".to_owned()),
        ..Flags::default()
    };
    let config = load(file, &environment, flags).expect("valid");
    assert_eq!(config.listen, "127.0.0.1:4".parse().unwrap());
    assert_eq!(config.ops_listen, "127.0.0.1:2".parse().unwrap());
    assert_eq!(config.ring_timeout, Duration::from_secs(8));
    assert_eq!(config.workers, 1);
}

#[test]
fn lists_come_from_the_environment_too() {
    let environment = [("TANDEM__NETWORK__PUBLIC_ADDRESSES", "203.0.113.7,2001:db8::7")];
    let config = load("", &environment, Flags::default()).expect("valid");
    assert_eq!(
        config.public_addresses,
        ["203.0.113.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]
    );
}

#[test]
fn a_refusal_names_the_key_the_value_and_what_would_be_right() {
    for (file, named) in [
        ("[server]\nlisten = \"here\"\n", ["server.listen", "here", "[::]:8443"]),
        ("[calls]\nring_timeout_s = 0\n", ["calls.ring_timeout_s", "\"0\"", "1 to 600"]),
        (
            "[calls]\nring_timeout_s = \"soon\"\n",
            ["calls.ring_timeout_s", "soon", "integer"],
        ),
        ("[tls]\nmode = \"on\"\n", ["tls.mode", "on", "self-made"]),
        ("[auth]\nmode = \"jwt\"\n", ["auth.mode", "jwt", "\"token\""]),
        ("[auth]\nmode = \"oidc\"\n", ["auth.oidc.issuer", "https://", "\"oidc\""]),
        (
            "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"http://id.example\"\n",
            ["auth.oidc.issuer", "http://id.example", "https://"],
        ),
        (
            "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\n",
            ["auth.oidc.client_id", "the provider", "\"oidc\""],
        ),
        (
            "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\nrequired_claim = \"groups\"\n",
            ["auth.oidc.required_claim", "groups", "groups=calls"],
        ),
        (
            "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\norigin = \"https://a.example/calls\"\n",
            ["auth.oidc.origin", "a.example/calls", "https://call.example.org"],
        ),
        (
            "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\nclient_secret_file = \"/none\"\n",
            ["auth.oidc.client_secret_file", "/none", "can be read"],
        ),
        (
            "[auth]\nmode = \"oidc\"\n[auth.oidc]\nissuer = \"https://id.example\"\nclient_id = \"t\"\nsession_hours = 0\n",
            ["auth.oidc.session_hours", "\"0\"", "1 to 8760"],
        ),
        ("[auth]\nmode = \"token\"\n", ["auth.keys", "secret_file", "auth.jwks"]),
        (
            "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"a\"\n",
            ["auth.keys", "\"a\"", "secret_file"],
        ),
        (
            "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"a\"\nsecret_file = \"/none\"\n",
            ["auth.keys", "a: /none", "can be read"],
        ),
        (
            "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"a\"\nsecret = \"\"\n",
            ["auth.keys", "\"a\"", "32 random bytes"],
        ),
        (
            "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"a\"\nsecret = \"s\"\n[[auth.keys]]\nid = \"a\"\nsecret = \"t\"\n",
            ["auth.keys", "\"a\"", "once"],
        ),
        (
            "[auth]\nmode = \"token\"\njwks = \"http://keys.example\"\n",
            ["auth.jwks", "http://keys.example", "https://"],
        ),
        (
            "[auth]\nmode = \"token\"\njwks = \"https://keys.example\"\nsign_in_url = \"javascript:alert(1)\"\n",
            ["auth.sign_in_url", "javascript", "https://"],
        ),
        (
            "[auth]\nmode = \"token\"\njwks = \"k.json\"\nleeway_s = 301\n",
            ["auth.leeway_s", "301", "0 to 300"],
        ),
        (
            "[auth]\n[[auth.keys]]\nid = \"a\"\nkey = \"s\"\n",
            ["auth.keys", "`key`", "secret_file"],
        ),
        (
            "[tls]\nmode = \"files\"\nkey = \"/none\"\n",
            ["tls.certificate", "PEM", "files"],
        ),
        ("[tls]\nmode = \"acme\"\n", ["tls.domains", "call.example.org", "acme"]),
        (
            "[tls]\nmode = \"acme\"\ndomains = [\"*.example.org\"]\n",
            ["tls.domains", "*.example.org", "call.example.org"],
        ),
        (
            "[tls]\nmode = \"acme\"\ndomains = [\"a.example\"]\nacme_directory = \"http://ca\"\n",
            ["tls.acme_directory", "http://ca", "https://"],
        ),
        (
            "[tls]\nmode = \"acme\"\ndomains = [\"a.example\"]\nacme_ca = \"/none.pem\"\n",
            ["tls.acme_ca", "/none.pem", "PEM"],
        ),
        (
            "[api]\nkeys = [\"12345678901234567890123456789012\", \"too short\"]\n",
            ["api.keys", "number 2 of 9 characters", "32 to 256"],
        ),
        (
            "[[webhooks.endpoints]]\nurl = \"ftp://app.example\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
            ["webhooks.endpoints", "ftp://app.example", "https://"],
        ),
        (
            "[[webhooks.endpoints]]\nurl = \"https://app.example\"\n",
            ["webhooks.endpoints", "https://app.example", "secret_file"],
        ),
        (
            "[[webhooks.endpoints]]\nurl = \"https://app.example\"\nsecret = \"whsec_dG9vIHNob3J0\"\n",
            ["webhooks.endpoints", "a secret of 18 characters", "openssl rand -base64 32"],
        ),
        (
            "[[webhooks.endpoints]]\nurl = \"https://app.example\"\nsecret_file = \"/none\"\n",
            ["webhooks.endpoints", "https://app.example: /none", "can be read"],
        ),
        (
            "[[webhooks.endpoints]]\nurl = \"https://a.example\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\nevents = [\"call\"]\n",
            ["webhooks.endpoints", "https://a.example: call", "call.started"],
        ),
        (
            "[push]\ncontact = \"admin@example.org\"\n",
            ["push.contact", "admin@example.org", "mailto:"],
        ),
        (
            "[push]\nallowed_hosts = [\"https://push.example\"]\n",
            ["push.allowed_hosts", "https://push.example", "push.example.org"],
        ),
        (
            "[traces]\notlp_url = \"http://collector.example.org:4318/v1/traces\"\n",
            ["traces.otlp_url", "http://collector.example.org:4318/v1/traces", "https"],
        ),
        ("[webhooks]\nattempts = 0\n", ["webhooks.attempts", "0", "1 to 20"]),
        (
            "[cluster]\nredis_url = \"10.0.0.5:6379\"\n",
            ["cluster.redis_url", "10.0.0.5", "redis://"],
        ),
        (
            "[cluster]\nredis_url = \"redis://10.0.0.5:6379\"\nredis_ca = \"Cargo.toml\"\n",
            ["cluster.redis_ca", "Cargo.toml", "rediss://"],
        ),
        (
            "[cluster]\nredis_url = \"rediss://10.0.0.5:6379\"\nredis_ca = \"/nowhere/ca.pem\"\n",
            ["cluster.redis_ca", "/nowhere/ca.pem", "a file in PEM"],
        ),
        ("[limits]\nbusy_percent = 101\n", ["limits.busy_percent", "101", "0 to 100"]),
        ("[media]\nworkers = 65\n", ["media.workers", "65", "1 to 64"]),
        ("[log]\nfilter = \"tandem=loud\"\n", ["log.filter", "tandem=loud", "debug"]),
        (
            "[store]\nurl = \"mysql://ada:s3cret@db/calls\"\n",
            [
                "store.url",
                "\"mysql://…\"",
                "postgres://tandem:password@db.example.org/tandem",
            ],
        ),
        (
            "[store]\nurl = \"tandem.db\"\n",
            ["store.url", "tandem.db", "or nothing for SQLite in the data folder"],
        ),
        (
            "[store]\nurl = \"postgres://ada@db/calls?sslmode=maybe\"\n",
            ["store.url", "postgres://…", "verify-full"],
        ),
        (
            "[store]\nurl = \"postgres://ada@db/calls\"\nsize_mib_max = 7\n",
            ["store.size_mib_max", "\"7\"", "because store.url is set"],
        ),
        ("[log]\nformat = \"xml\"\n", ["log.format", "xml", "json"]),
        (
            "[network]\npublic_addresses = [\"example.org\"]\n",
            ["network.public_addresses", "example.org", "203.0.113.7"],
        ),
        (
            "[network]\nstun = \"stun.example.org\"\n",
            ["network.stun", "stun.example.org", "3478"],
        ),
        (
            "[server]\nallowed_origins = [\"example.org\"]\n",
            ["server.allowed_origins", "example.org", "https://"],
        ),
        ("[calls]\nring = 3\n", ["calls", "`ring`", "ring_timeout_s"]),
        ("[call]\n", ["call: ", "`call`", "`calls`"]),
    ] {
        let text = refusal(file, &[]);
        for part in named {
            assert!(text.contains(part), "{text:?} does not name {part:?}");
        }
    }
    let text = refusal("", &[("TANDEM__CALLS__RING", "3")]);
    assert!(text.contains("`ring`"), "{text}");
    let text = refusal("", &[("TANDEM__MEDIA__WORKERS", "many")]);
    assert!(text.contains("media.workers") && text.contains("many"), "{text}");
}

#[test]
fn a_provider_is_read_with_its_secret_and_that_is_never_printed() {
    let named = [
        ("TANDEM__AUTH__MODE", "oidc"),
        ("TANDEM__AUTH__OIDC__ISSUER", "https://id.example/realm"),
        ("TANDEM__AUTH__OIDC__CLIENT_ID", "tandem"),
        ("TANDEM__AUTH__OIDC__CLIENT_SECRET", "long enough"),
        ("TANDEM__AUTH__OIDC__SCOPES", "profile,groups"),
        ("TANDEM__AUTH__OIDC__EMAIL_DOMAINS", "Example.org"),
        ("TANDEM__AUTH__OIDC__REQUIRED_CLAIM", "groups=a=b"),
    ];
    let config = load("", &named, Flags::default()).expect("valid");
    let AuthMode::Oidc(auth) = &config.auth else {
        panic!("{:?}", config.auth)
    };
    assert_eq!(auth.scopes, ["openid", "profile", "groups"]);
    assert_eq!(auth.email_domains, ["example.org"]);
    assert_eq!(auth.required_claim, Some(("groups".to_owned(), "a=b".to_owned())));
    assert_eq!(
        auth.client_secret.as_ref().map(Secret::bytes),
        Some(b"long enough".as_slice())
    );
    assert!(!format!("{config:?}").contains("long enough"));
    assert!(!auth.guests && auth.origin.is_none());
}

#[test]
fn a_secret_is_read_and_never_printed() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"out of a file, and long enough\n").expect("written");
    let text = "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"one\"\nsecret = \"typed in, and long enough\"\n";
    let in_file = load(text, &[], Flags::default()).expect("valid");
    let keys = format!("two:{}", file.path().display());
    let named = [("TANDEM__AUTH__MODE", "token"), ("TANDEM__AUTH__KEYS", keys.as_str())];
    let in_environment = load("", &named, Flags::default()).expect("valid");
    for (config, id, secret) in [
        (in_file, "one", "typed in, and long enough"),
        (in_environment, "two", "out of a file, and long enough"),
    ] {
        let AuthMode::Token(auth) = &config.auth else {
            panic!("{:?}", config.auth)
        };
        assert_eq!(
            (auth.keys[0].id.as_str(), auth.keys[0].secret.bytes()),
            (id, secret.as_bytes())
        );
        assert!(!format!("{config:?}").contains("long enough"));
    }
    let url = "postgres://ada:long enough@db/calls";
    let flags = Flags {
        store_url: Some(url.to_owned()),
        ..Flags::default()
    };
    let by_flag = load(
        "[store]\nurl = \"postgres://other@db/other\"\n",
        &[("TANDEM__STORE__URL", "x")],
        flags,
    )
    .expect("valid");
    let by_environment = load("", &[("TANDEM__STORE__URL", url)], Flags::default()).expect("valid");
    for config in [by_flag, by_environment] {
        assert_eq!(config.store.to_string(), "postgres://db:5432/calls");
        assert!(!format!("{config:?}").contains("long"));
    }
    let text = refusal("[[auth.keys]]\nid = \"one\"\nsecret = [\"long enough\"]\n", &[]);
    assert!(!text.contains("long enough"), "{text}");
}

#[test]
fn the_data_folder_is_where_the_system_keeps_such_things() {
    let all = |name: &str| Some(PathBuf::from(format!("/{name}")));
    assert_eq!(data_folder("x", all), Path::new("x"));
    assert_eq!(data_folder("", all), Path::new("/STATE_DIRECTORY"));
    assert_eq!(
        data_folder("", |n| all(n).filter(|_| n != "STATE_DIRECTORY")),
        Path::new("/XDG_DATA_HOME/tandem")
    );
    assert_eq!(
        data_folder("", |n| all(n).filter(|_| n == "HOME")),
        Path::new("/HOME/.local/share/tandem")
    );
}
