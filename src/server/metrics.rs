//! What the endpoint counts, for Prometheus. Numbers only: who did what is in no label.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use yingke_core::wire::v1::{Answer, Verdict};

/// Upper bounds of the buckets of the time that a sync takes, in milliseconds.
const BUCKETS_MS: [u64; 9] = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000];

#[derive(Debug, Default)]
pub struct Metrics {
    /// By route, as it is written in the router, and status.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    sync_buckets: [AtomicU64; BUCKETS_MS.len()],
    sync_count: AtomicU64,
    sync_micros: AtomicU64,
    accepted: AtomicU64,
    had: AtomicU64,
    refused: AtomicU64,
    later: AtomicU64,
    pulled: AtomicU64,
    listeners: AtomicU64,
    piece_bytes: AtomicU64,
    pictures_kept: AtomicU64,
    pictures_refused: AtomicU64,
    pictures_given: AtomicU64,
    picture_bytes_given: AtomicU64,
}

fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Metrics {
    pub fn answered(&self, route: &str, status: u16) {
        let mut requests = self.requests.lock().expect("nobody panics while counting");
        *requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    pub fn synced(&self, answer: &Answer, took: Duration) {
        let took_ms = took.as_millis();
        if let Some(bucket) = BUCKETS_MS.iter().position(|bound| took_ms <= u128::from(*bound)) {
            add(&self.sync_buckets[bucket], 1);
        }
        add(&self.sync_count, 1);
        add(&self.sync_micros, usize::try_from(took.as_micros()).unwrap_or(usize::MAX));
        for verdict in &answer.verdicts {
            match verdict {
                Verdict::Accepted { had: false, .. } => add(&self.accepted, 1),
                Verdict::Accepted { had: true, .. } => add(&self.had, 1),
                Verdict::Refused { .. } => add(&self.refused, 1),
                Verdict::Later { .. } => add(&self.later, 1),
            }
        }
        add(&self.pulled, answer.page.as_ref().map_or(0, |page| page.changes.len()));
    }

    /// A piece of a picture came.
    pub fn took_piece(&self, bytes: usize) {
        add(&self.piece_bytes, bytes);
    }

    /// A picture had come whole, and was what it should be or not.
    pub fn opened(&self, is_kept: bool) {
        add(if is_kept { &self.pictures_kept } else { &self.pictures_refused }, 1);
    }

    /// Somebody fetched a picture, or a part of one.
    pub fn gave_picture(&self, bytes: usize) {
        add(&self.pictures_given, 1);
        add(&self.picture_bytes_given, bytes);
    }

    /// Counts a stream of hints as long as what it gives back lives.
    #[must_use]
    pub fn listens(self: &Arc<Self>) -> Listening {
        add(&self.listeners, 1);
        Listening(self.clone())
    }

    /// As Prometheus reads it. Source: text exposition format 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, kind: &str, samples: &[(String, String)]| {
            let _ = writeln!(text, "# TYPE yingke_{name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "yingke_{name}{labels} {value}");
            }
        };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let requests = self.requests.lock().expect("nobody panics while counting").clone();
        let requests: Vec<_> = requests
            .into_iter()
            .map(|((route, status), count)| (format!("{{route=\"{route}\",status=\"{status}\"}}"), count.to_string()))
            .collect();
        line("requests_total", "counter", &requests);
        let verdicts =
            [("accepted", &self.accepted), ("had", &self.had), ("refused", &self.refused), ("later", &self.later)];
        let verdicts = verdicts.map(|(verdict, count)| (format!("{{verdict=\"{verdict}\"}}"), read(count).to_string()));
        line("changes_total", "counter", &verdicts);
        line("changes_pulled_total", "counter", &[(String::new(), read(&self.pulled).to_string())]);
        line("event_streams", "gauge", &[(String::new(), read(&self.listeners).to_string())]);
        let ends =
            [("kept", &self.pictures_kept), ("refused", &self.pictures_refused), ("given", &self.pictures_given)];
        let ends = ends.map(|(end, count)| (format!("{{end=\"{end}\"}}"), read(count).to_string()));
        line("pictures_total", "counter", &ends);
        let ways = [("in", &self.piece_bytes), ("out", &self.picture_bytes_given)];
        let ways = ways.map(|(way, bytes)| (format!("{{way=\"{way}\"}}"), read(bytes).to_string()));
        line("picture_bytes_total", "counter", &ways);
        let _ = writeln!(text, "# TYPE yingke_sync_seconds histogram");
        let mut sum = 0;
        for (bound, bucket) in BUCKETS_MS.iter().zip(&self.sync_buckets) {
            sum += read(bucket);
            let _ = writeln!(text, "yingke_sync_seconds_bucket{{le=\"{}\"}} {sum}", *bound as f64 / 1e3);
        }
        let count = read(&self.sync_count);
        let _ = writeln!(text, "yingke_sync_seconds_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "yingke_sync_seconds_sum {}", read(&self.sync_micros) as f64 / 1e6);
        let _ = writeln!(text, "yingke_sync_seconds_count {count}");
        text
    }
}

/// One open stream of hints.
#[derive(Debug)]
pub struct Listening(Arc<Metrics>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use yingke_core::{fixture, id::ChangeId, wire::v1::Refusal};

    use super::*;

    #[test]
    fn numbers_in_the_form_that_prometheus_reads() {
        let metrics = Arc::new(Metrics::default());
        metrics.answered("/v1/sync", 200);
        metrics.answered("/v1/sync", 200);
        metrics.answered("/v1/me", 401);
        let answer = Answer {
            version: 1,
            epoch: "e1".into(),
            server_time: fixture::NOW,
            verdicts: vec![Verdict::Refused { id: ChangeId::from_bytes([1; 16]), reason: Refusal::Different }],
            page: None,
            directory: String::new(),
            known_phones: String::new(),
            numbers: None,
        };
        metrics.synced(&answer, Duration::from_micros(2_500));
        metrics.synced(&answer, Duration::from_secs(60));
        metrics.took_piece(700);
        metrics.opened(true);
        metrics.opened(false);
        metrics.gave_picture(600);
        let listening = metrics.listens();
        drop(metrics.listens());
        expect![[r#"
            # TYPE yingke_requests_total counter
            yingke_requests_total{route="/v1/me",status="401"} 1
            yingke_requests_total{route="/v1/sync",status="200"} 2
            # TYPE yingke_changes_total counter
            yingke_changes_total{verdict="accepted"} 0
            yingke_changes_total{verdict="had"} 0
            yingke_changes_total{verdict="refused"} 2
            yingke_changes_total{verdict="later"} 0
            # TYPE yingke_changes_pulled_total counter
            yingke_changes_pulled_total 0
            # TYPE yingke_event_streams gauge
            yingke_event_streams 1
            # TYPE yingke_pictures_total counter
            yingke_pictures_total{end="kept"} 1
            yingke_pictures_total{end="refused"} 1
            yingke_pictures_total{end="given"} 1
            # TYPE yingke_picture_bytes_total counter
            yingke_picture_bytes_total{way="in"} 700
            yingke_picture_bytes_total{way="out"} 600
            # TYPE yingke_sync_seconds histogram
            yingke_sync_seconds_bucket{le="0.001"} 0
            yingke_sync_seconds_bucket{le="0.003"} 1
            yingke_sync_seconds_bucket{le="0.01"} 1
            yingke_sync_seconds_bucket{le="0.03"} 1
            yingke_sync_seconds_bucket{le="0.1"} 1
            yingke_sync_seconds_bucket{le="0.3"} 1
            yingke_sync_seconds_bucket{le="1"} 1
            yingke_sync_seconds_bucket{le="3"} 1
            yingke_sync_seconds_bucket{le="10"} 1
            yingke_sync_seconds_bucket{le="+Inf"} 2
            yingke_sync_seconds_sum 60.0025
            yingke_sync_seconds_count 2
        "#]]
        .assert_eq(&metrics.text());
        drop(listening);
    }
}
