//! Every Prometheus metric: `tandem_<area>_<thing>[_<unit>][_total]`, base units, labels from closed sets and never an id.
//! docs/metrics.md is checked against this file.

use prometheus::core::Collector;
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::auth::oidc::fault::Fault as OidcFault;
use crate::auth::token::Fault;
use crate::load::Resource;

/// All metrics of one process. Cheap to share behind an `Arc`; every update is one atomic operation.
pub struct Metrics {
    registry: Registry,

    /// Open websockets.
    pub websockets: IntGauge,
    /// Sessions, attached to a websocket or waiting to be resumed.
    pub sessions: IntGauge,
    /// Live calls, by `state`: `ringing`, `answered`.
    pub calls: IntGaugeVec,
    /// Ended calls, by end `reason`.
    pub call_ended: IntCounterVec,
    /// Seconds from the answer to the first decoded media, as the browsers report it.
    pub call_setup_seconds: Histogram,
    /// Paths that participants came to see each other on, by `path`, `protocol` and `reason`.
    pub call_path: IntCounterVec,
    /// Rooms with at least one participant.
    pub rooms: IntGauge,
    /// Participants in rooms.
    pub participants: IntGauge,
    /// WHIP and WHEP resources, by `kind` (`whip`, `whep`).
    pub resources: IntGaugeVec,
    /// What came of each `join` by a link, by `outcome`.
    pub joins: IntCounterVec,
    /// Calls that rang somebody into a room that was there.
    pub invitations: IntCounter,
    /// Who waits in lobbies.
    pub lobby: IntGauge,
    /// Commands refused, by error `code`.
    pub commands_refused: IntCounterVec,
    /// Times that a limit was reached, by `limit`.
    pub limit_reached: IntCounterVec,
    /// Times that a bounded queue was full, by `queue`.
    pub queue_full: IntCounterVec,

    /// The server's ends of WebRTC connections, by `state`: `connecting`, `connected`.
    pub transports: IntGaugeVec,
    /// Transports given up, by `reason`.
    pub transport_lost: IntCounterVec,
    /// RTP packets, by `direction` (`in`, `out`) and `kind` (`audio`, `video`).
    pub media_packets: IntCounterVec,
    /// RTP payload bytes, by `direction` and `kind`.
    pub media_bytes: IntCounterVec,
    /// Media packets and datagrams that were not forwarded, by `reason`.
    pub media_dropped: IntCounterVec,
    /// Seconds from the receive call that returned a media packet to the send call that took its last copy.
    pub media_forward_seconds: Histogram,
    /// Key frame requests, by `direction`: `in` (from receivers), `out` (to publishers), `throttled` (not passed on).
    pub keyframe_requests: IntCounterVec,
    /// Subscriptions that are carrying a video layer, by `layer` (`low`, `middle`, `high`, `single`).
    pub subscription_layer: IntGaugeVec,
    /// Datagrams, by `direction`.
    pub udp_datagrams: IntCounterVec,
    /// Datagrams that the kernel did not take, by `reason` (`full`, `refused`).
    pub udp_send_lost: IntCounterVec,
    /// STUN Binding requests answered as a STUN server.
    pub stun_bindings: IntCounter,
    /// Connections to the TCP port, by what `protocol` they speak.
    pub tcp_connections: IntCounterVec,
    /// Connections that were not served, by `reason`.
    pub tcp_refused: IntCounterVec,
    /// 1 while new calls are refused because the server is drained.
    pub draining: IntGauge,
    /// 1 while new calls are refused because this `resource` is short: `workers`, `memory`, `files`.
    pub overloaded: IntGaugeVec,
    /// Other nodes, by `state`: `heard`, `away`.
    pub cluster_nodes: IntGaugeVec,
    /// 1 while the bus between nodes works.
    pub cluster_bus_up: IntGauge,
    /// Sessions of other nodes that have their call here.
    pub cluster_visitors: IntGauge,
    /// Websockets here whose session is on another node.
    pub cluster_doors: IntGauge,
    /// Nodes whose sessions and rooms this one has taken up.
    pub cluster_adoptions: IntCounter,
    /// Words between nodes, by `direction`.
    pub cluster_words: IntCounterVec,
    /// Words that other nodes have not acknowledged.
    pub cluster_words_waiting: IntGauge,
    /// Packets that were lost here, by `reason`: `full`, `down`, `unreadable`.
    pub cluster_packets_lost: IntCounterVec,
    /// Share of the last second that each `worker` thread was busy, 0 to 1.
    pub worker_busy_ratio: GaugeVec,
    /// What each `worker` leaves out of pictures: 0 nothing, 1 the highest layers, 2 all.
    pub worker_cut: IntGaugeVec,

    /// Allocations of the relay, by `transport` between browser and us (`udp`, `tcp`, `tls`).
    pub relay_allocations: IntGaugeVec,
    /// Payload bytes through the relay, by `direction`: `in` (from browsers), `out`.
    pub relay_bytes: IntCounterVec,
    /// TURN requests refused and connections closed, by `reason`.
    pub relay_refused: IntCounterVec,
    /// Datagrams that the relay did not pass on, by `reason`.
    pub relay_dropped: IntCounterVec,

    /// HTTP requests, by status `class` (`2xx` …).
    pub http_requests: IntCounterVec,
    /// When the TLS certificate in use ends, in seconds since 1970; 0 without TLS.
    pub tls_certificate_expiry: IntGauge,
    /// Times that another certificate was to come into use, by `result`: `ok`, `failed`.
    pub tls_reload: IntCounterVec,
    /// Tokens at a sign-in, by `outcome`: `accepted`, `failed`, or what was wrong.
    pub tokens: IntCounterVec,
    /// Sign-ins with the provider, by `outcome`: `accepted`, or why not.
    pub sign_ins: IntCounterVec,
    /// Times that the key set was read, by `result`.
    pub jwks_reads: IntCounterVec,
    /// Messages to the operator's application, by `outcome`: `delivered`, `failed` (attempts), `dead`, `dropped`.
    pub webhooks: IntCounterVec,
    /// Those that wait to be sent.
    pub webhooks_waiting: IntGauge,
    /// Messages to people who have no page open, by `outcome`: `delivered`, `failed`, `ended`, `limited`.
    pub push: IntCounterVec,
    /// Failures of the store, by `operation`.
    pub store_failures: IntCounterVec,
    /// The database without its journal.
    pub store_bytes: IntGauge,
    /// Changes on their way to the store.
    pub store_waiting: IntGauge,
    /// Files in chats, by `outcome`: `sent`, `fetched`, `refused`, `cut`, `failed`.
    pub files: IntCounterVec,
    /// That there is place for in files.
    pub file_bytes: IntGauge,
}

/// Seconds; from what loopback takes to what a caller hangs up on.
const SETUP_BUCKETS: &[f64] = &[0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0, 10.0];

/// Seconds; from one packet alone to a worker that cannot keep up.
const FORWARD_BUCKETS: &[f64] = &[0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05];

impl Metrics {
    /// Registers every metric.
    ///
    /// # Panics
    /// If two metrics have one name, which is a mistake in this file.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let r = &registry;
        let metrics = Metrics {
            websockets: register(r, IntGauge::new("tandem_websockets", "Open websockets.")),
            sessions: register(
                r,
                IntGauge::new(
                    "tandem_sessions",
                    "Sessions, attached to a websocket or waiting to be resumed.",
                ),
            ),
            calls: gauges(r, "tandem_calls", "Live calls.", &["state"]),
            call_ended: counters(r, "tandem_call_ended_total", "Ended calls.", &["reason"]),
            call_setup_seconds: histogram(
                r,
                "tandem_call_setup_seconds",
                "Seconds from the answer to the first decoded media, as the browsers report it.",
                SETUP_BUCKETS,
            ),
            call_path: counters(
                r,
                "tandem_call_path_total",
                "Paths that media came to flow on.",
                &["path", "protocol", "reason"],
            ),
            rooms: register(r, IntGauge::new("tandem_rooms", "Rooms with at least one participant.")),
            participants: register(r, IntGauge::new("tandem_participants", "Participants in rooms.")),
            resources: gauges(r, "tandem_resources", "WHIP and WHEP resources.", &["kind"]),
            joins: counters(r, "tandem_joins_total", "What came of each join by a link.", &["outcome"]),
            invitations: register(
                r,
                IntCounter::new(
                    "tandem_invitations_total",
                    "Calls that rang somebody into a room that was there.",
                ),
            ),
            lobby: register(r, IntGauge::new("tandem_lobby", "People who wait in lobbies.")),
            commands_refused: counters(r, "tandem_commands_refused_total", "Commands refused.", &["code"]),
            limit_reached: counters(r, "tandem_limit_reached_total", "Times that a limit was reached.", &["limit"]),
            queue_full: counters(
                r,
                "tandem_queue_full_total",
                "Times that a bounded queue was full.",
                &["queue"],
            ),
            transports: gauges(r, "tandem_transports", "The server's ends of WebRTC connections.", &["state"]),
            transport_lost: counters(r, "tandem_transport_lost_total", "Transports given up.", &["reason"]),
            media_packets: counters(r, "tandem_media_packets_total", "RTP packets.", &["direction", "kind"]),
            media_bytes: counters(r, "tandem_media_bytes_total", "RTP payload bytes.", &["direction", "kind"]),
            media_dropped: counters(
                r,
                "tandem_media_dropped_total",
                "Media packets and datagrams that were not forwarded.",
                &["reason"],
            ),
            media_forward_seconds: histogram(
                r,
                "tandem_media_forward_seconds",
                "Seconds from receiving a media packet to having sent its last copy.",
                FORWARD_BUCKETS,
            ),
            keyframe_requests: counters(r, "tandem_keyframe_requests_total", "Key frame requests.", &["direction"]),
            subscription_layer: gauges(
                r,
                "tandem_subscription_layer",
                "Subscriptions carrying a video layer.",
                &["layer"],
            ),
            udp_datagrams: counters(r, "tandem_udp_datagrams_total", "Datagrams on the UDP port.", &["direction"]),
            udp_send_lost: counters(
                r,
                "tandem_udp_send_lost_total",
                "Datagrams that the kernel did not take.",
                &["reason"],
            ),
            stun_bindings: register(
                r,
                IntCounter::new(
                    "tandem_stun_bindings_total",
                    "STUN Binding requests answered as a STUN server.",
                ),
            ),
            tcp_connections: counters(
                r,
                "tandem_tcp_connections_total",
                "Connections to the TCP port, by what they speak.",
                &["protocol"],
            ),
            tcp_refused: counters(
                r,
                "tandem_tcp_refused_total",
                "Connections to the TCP port that were not served.",
                &["reason"],
            ),
            draining: register(
                r,
                IntGauge::new(
                    "tandem_draining",
                    "1 while new calls are refused because the server is drained.",
                ),
            ),
            overloaded: gauges(
                r,
                "tandem_overloaded",
                "1 while new calls are refused because a resource is short.",
                &["resource"],
            ),
            cluster_nodes: gauges(r, "tandem_cluster_nodes", "Other nodes.", &["state"]),
            cluster_bus_up: register(
                r,
                IntGauge::new("tandem_cluster_bus_up", "1 while Redis carries words between nodes."),
            ),
            cluster_visitors: register(
                r,
                IntGauge::new(
                    "tandem_cluster_visitors",
                    "Sessions of other nodes that have their call or room here.",
                ),
            ),
            cluster_doors: register(
                r,
                IntGauge::new("tandem_cluster_doors", "Websockets here whose session is on another node."),
            ),
            cluster_adoptions: register(
                r,
                IntCounter::new(
                    "tandem_cluster_adoptions_total",
                    "Nodes that were gone, and whose sessions and rooms this one took up.",
                ),
            ),
            cluster_words: counters(r, "tandem_cluster_words_total", "Words between nodes.", &["direction"]),
            cluster_words_waiting: register(
                r,
                IntGauge::new(
                    "tandem_cluster_words_waiting",
                    "Words that other nodes have not acknowledged.",
                ),
            ),
            cluster_packets_lost: counters(
                r,
                "tandem_cluster_packets_lost_total",
                "Packets between nodes that were lost here, and are repeated.",
                &["reason"],
            ),
            worker_busy_ratio: register(
                r,
                GaugeVec::new(
                    Opts::new(
                        "tandem_worker_busy_ratio",
                        "Share of the last second that a worker was busy, 0 to 1.",
                    ),
                    &["worker"],
                ),
            ),
            worker_cut: gauges(
                r,
                "tandem_worker_cut",
                "What a worker that has too much to do leaves out: 0 nothing, 1 the highest layers of cameras, 2 all pictures.",
                &["worker"],
            ),
            relay_allocations: gauges(r, "tandem_relay_allocations", "Allocations of the relay.", &["transport"]),
            relay_bytes: counters(
                r,
                "tandem_relay_bytes_total",
                "Payload bytes through the relay.",
                &["direction"],
            ),
            relay_refused: counters(
                r,
                "tandem_relay_refused_total",
                "TURN requests refused and connections closed.",
                &["reason"],
            ),
            relay_dropped: counters(
                r,
                "tandem_relay_dropped_total",
                "Datagrams that the relay did not pass on.",
                &["reason"],
            ),
            http_requests: counters(r, "tandem_http_requests_total", "HTTP requests.", &["class"]),
            tls_certificate_expiry: register(
                r,
                IntGauge::new(
                    "tandem_tls_certificate_expiry_timestamp_seconds",
                    "When the TLS certificate in use ends, in seconds since 1970; 0 without TLS.",
                ),
            ),
            tls_reload: counters(
                r,
                "tandem_tls_reload_total",
                "Times that another TLS certificate was to come into use.",
                &["result"],
            ),
            tokens: counters(r, "tandem_tokens_total", "Tokens presented at a sign-in.", &["outcome"]),
            sign_ins: counters(r, "tandem_sign_ins_total", "Sign-ins with the provider.", &["outcome"]),
            jwks_reads: counters(r, "tandem_jwks_reads_total", "Times that the key set was read.", &["result"]),
            webhooks: counters(
                r,
                "tandem_webhooks_total",
                "Messages to the endpoints of webhooks.",
                &["outcome"],
            ),
            webhooks_waiting: register(
                r,
                IntGauge::new(
                    "tandem_webhooks_waiting",
                    "Messages that wait to be sent to the endpoints of webhooks.",
                ),
            ),
            push: counters(
                r,
                "tandem_push_total",
                "Web push messages to people who have no page open.",
                &["outcome"],
            ),
            store_bytes: register(
                r,
                IntGauge::new(
                    "tandem_store_bytes",
                    "Bytes of the database that are in use, without its journal.",
                ),
            ),
            store_waiting: register(r, IntGauge::new("tandem_store_waiting", "Changes that wait to be kept.")),
            store_failures: counters(r, "tandem_store_failures_total", "Failures of the store.", &["operation"]),
            files: counters(
                r,
                "tandem_files_total",
                "Files in chats that were sent or fetched, and what else became of requests for them.",
                &["outcome"],
            ),
            file_bytes: register(
                r,
                IntGauge::new(
                    "tandem_file_bytes",
                    "Bytes that files in chats have, those that are being sent included.",
                ),
            ),
            registry,
        };
        metrics.show_zeroes();
        #[cfg(target_os = "linux")]
        metrics
            .registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("process metrics have names of their own");
        metrics
    }

    /// The share of the last second that each worker was busy, 0 to 1.
    pub fn workers_busy(&self) -> Vec<f64> {
        let families = self.worker_busy_ratio.collect();
        let mut busy: Vec<(usize, f64)> = families
            .iter()
            .flat_map(|family| family.get_metric())
            .filter_map(|metric| {
                let worker = metric.get_label().first()?.value().parse().ok()?;
                Some((worker, metric.get_gauge().get_value()))
            })
            .collect();
        busy.sort_unstable_by_key(|(worker, _)| *worker);
        busy.into_iter().map(|(_, busy)| busy).collect()
    }

    /// The Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("writing to memory does not fail");
        String::from_utf8(text).expect("the text format is UTF-8")
    }

    /// Makes the label values that an operator alerts on exist from the start, so that a rate over them is 0 and not absent.
    fn show_zeroes(&self) {
        for reason in [
            "declined",
            "busy",
            "no_answer",
            "cancelled",
            "hung_up",
            "connection_lost",
            "unreachable",
            "removed",
        ] {
            self.call_ended.with_label_values(&[reason]);
        }
        for outcome in [
            "entered",
            "lobby",
            "no_such_link",
            "passphrase_needed",
            "room_locked",
            "room_full",
            "not_allowed",
            "rate_limited",
        ] {
            self.joins.with_label_values(&[outcome]);
        }
        for resource in Resource::ALL {
            self.overloaded.with_label_values(&[resource.as_str()]);
        }
        for state in ["ringing", "answered"] {
            self.calls.with_label_values(&[state]);
        }
        for kind in ["whip", "whep"] {
            self.resources.with_label_values(&[kind]);
        }
        for state in ["connecting", "connected"] {
            self.transports.with_label_values(&[state]);
        }
        for transport in ["udp", "tcp", "tls"] {
            self.relay_allocations.with_label_values(&[transport]);
        }
        for direction in ["in", "out"] {
            self.relay_bytes.with_label_values(&[direction]);
            self.udp_datagrams.with_label_values(&[direction]);
            for kind in ["audio", "video"] {
                self.media_packets.with_label_values(&[direction, kind]);
                self.media_bytes.with_label_values(&[direction, kind]);
            }
        }
        for reason in ["full", "down", "unreadable"] {
            self.cluster_packets_lost.with_label_values(&[reason]);
        }
        for state in ["heard", "away"] {
            self.cluster_nodes.with_label_values(&[state]);
        }
        for direction in ["in", "out"] {
            self.cluster_words.with_label_values(&[direction]);
        }
        for reason in ["full", "refused"] {
            self.udp_send_lost.with_label_values(&[reason]);
        }
        for fault in Fault::ALL {
            self.tokens.with_label_values(&[fault.as_str()]);
        }
        for outcome in ["accepted", "failed"] {
            self.tokens.with_label_values(&[outcome]);
        }
        for outcome in ["delivered", "failed", "dead", "dropped"] {
            self.webhooks.with_label_values(&[outcome]);
        }
        for fault in OidcFault::ALL {
            self.sign_ins.with_label_values(&[fault.as_str()]);
        }
        self.sign_ins.with_label_values(&["accepted"]);
        for outcome in ["delivered", "failed", "ended", "limited"] {
            self.push.with_label_values(&[outcome]);
        }
        for result in ["ok", "failed"] {
            self.jwks_reads.with_label_values(&[result]);
            self.tls_reload.with_label_values(&[result]);
        }
        for direction in ["in", "out", "throttled"] {
            self.keyframe_requests.with_label_values(&[direction]);
        }
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

/// Adds to several children of a counter with one label: (its value, how many more).
pub fn add_each(counter: &IntCounterVec, counts: &[(&str, u64)]) {
    for (label, count) in counts {
        counter.with_label_values(&[label]).inc_by(*count);
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let metric = made.expect("the name and labels of a metric are valid");
    registry
        .register(Box::new(metric.clone()))
        .expect("every metric has a name of its own");
    metric
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    register(
        registry,
        Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/metrics.md has a row for each family of ours, and no other.
    #[test]
    fn the_documentation_names_every_metric() {
        let source = include_str!("metrics.rs").split("#[cfg(test)]").next().expect("the code");
        let in_code: Vec<&str> = source.split('"').filter(|word| word.starts_with("tandem_")).collect();
        let in_docs: Vec<&str> = include_str!("../docs/metrics.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        assert!(in_code.len() >= 12, "the names were not found");
        assert_eq!(
            in_docs, in_code,
            "docs/metrics.md (left) has other names than metrics.rs (right), or another order"
        );
    }

    /// The alert rules and the dashboard ask for nothing that is not there.
    #[test]
    fn ops_names_only_metrics_that_exist() {
        let metrics = Metrics::new();
        let text = metrics.render();
        let source = include_str!("metrics.rs");
        for (file, asks) in [
            ("alerts.yml", include_str!("../ops/prometheus/alerts.yml")),
            ("alerts.test.yml", include_str!("../ops/prometheus/alerts.test.yml")),
            ("tandem.json", include_str!("../ops/grafana/tandem.json")),
            ("operating.md", include_str!("../docs/operating.md")),
        ] {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let words = asks.split(|c| !is_name(c));
            let named: Vec<&str> = words
                .filter(|word| word.starts_with("tandem_") || word.starts_with("process_"))
                .collect();
            assert!(named.len() > 5, "{file}: the names were not found");
            for name in named {
                let family = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end))
                    .unwrap_or(name);
                let is_there = source.contains(&format!("\"{family}\"")) || text.contains(&format!("# TYPE {family} "));
                assert!(is_there, "{file} asks for {name}, which there is not");
            }
        }
    }

    #[test]
    fn what_is_rendered_is_the_text_format() {
        let metrics = Metrics::new();
        metrics.call_ended.with_label_values(&["busy"]).inc();
        let text = metrics.render();
        assert!(text.contains("tandem_call_ended_total{reason=\"busy\"} 1\n"), "{text}");
        assert!(text.contains("# HELP tandem_sessions "), "{text}");
    }
}
