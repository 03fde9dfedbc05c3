//! A recorder of metrics, for tests that check counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// All metrics of this process.
#[derive(Clone, Debug, Default)]
pub struct MetricsRecorder(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

/// Counts the values recorded in a histogram.
struct ValueCounter(Arc<AtomicU64>);

impl HistogramFn for ValueCounter {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl MetricsRecorder {
    /// Installs itself as the recorder of this process.
    ///
    /// # Panics
    /// Panics if there is one already.
    #[must_use]
    pub fn install() -> Self {
        let recorder = Self::default();
        metrics::set_global_recorder(recorder.clone()).expect("the only recorder");
        recorder
    }

    /// Returns a counter, the bits of a gauge, or the number of values in a histogram. Labels follow the
    /// name as ` label=value`.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.values().get(name).map_or(0, |number| number.load(Ordering::SeqCst))
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Arc<AtomicU64>>> {
        self.0.lock().expect("the lock is not poisoned")
    }

    fn of(&self, key: &Key) -> Arc<AtomicU64> {
        let mut name = key.name().to_owned();
        key.labels().for_each(|label| name += &format!(" {}={}", label.key(), label.value()));
        Arc::clone(self.values().entry(name).or_default())
    }
}

impl Recorder for MetricsRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(ValueCounter(self.of(key))))
    }
}
