//! What the plugin logs, in the hub's log.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use ballast_abi::{self as abi, Host, Str};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Sends what this library logs to the hub, from the first instance on. Where somebody listens already, as in an
/// author's own tests, it stays as it is.
pub(crate) fn forward(host: Host) {
    let _ = tracing::subscriber::set_global_default(Forward { host, spans: AtomicU64::new(1) });
}

/// Events go to the hub; spans are only counted.
struct Forward {
    host: Host,
    spans: AtomicU64,
}

const LEVELS: [(Level, u32, LevelFilter); 5] = [
    (Level::ERROR, abi::ERROR, LevelFilter::ERROR),
    (Level::WARN, abi::WARN, LevelFilter::WARN),
    (Level::INFO, abi::INFO, LevelFilter::INFO),
    (Level::DEBUG, abi::DEBUG, LevelFilter::DEBUG),
    (Level::TRACE, abi::TRACE, LevelFilter::TRACE),
];

fn code(level: &Level) -> u32 {
    LEVELS.iter().find(|(known, ..)| known == level).map_or(abi::ERROR, |(_, code, _)| *code)
}

impl Forward {
    fn logs(&self, code: u32) -> bool {
        self.host.logs.is_some_and(|logs| unsafe { logs(self.host.data, code) } != 0)
    }
}

impl Subscriber for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logs(code(metadata.level()))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let highest = LEVELS.iter().rev().find(|(_, code, _)| self.logs(*code));
        Some(highest.map_or(LevelFilter::OFF, |(.., filter)| *filter))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed).max(1))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(log) = self.host.log else { return };
        let mut said = Said::default();
        event.record(&mut said);
        let fields = if said.fields.is_empty() { None } else { serde_json::to_string(&said.fields).ok() };
        let fields = fields.as_deref().map_or(Str::NONE, Str::of);
        let target = event.metadata().target();
        unsafe { log(self.host.data, code(event.metadata().level()), Str::of(target), Str::of(&said.message), fields) };
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl Said {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.put(field, format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.put(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}
