//! One data folder that lives through many ends of its hub.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ballast_tests::{Client, Deployment, Faults, Hub, Platters, Postgres, Rows};
use serde_json::json;

use crate::books;
use crate::check::{Depth, check, go_on};
use crate::writer::{At, PART, PARTS_ABOVE, Place, Writer};

const SHARED: &str = "admin/shared";
const LIMIT: Duration = Duration::from_secs(60);

pub struct World {
    /// On the disk of `faults`.
    pub deployment: Deployment,
    pub faults: Faults,
    pub writers: Vec<Writer>,
    platters: Option<Platters>,
    postgres: Option<Postgres>,
    plain: Deployment,
    rounds: usize,
}

impl World {
    pub fn on_sqlite(writers: usize, seed: u64) -> Self {
        Self::new(Deployment::new(), None, writers, seed)
    }

    /// None where the tests have no server.
    pub fn on_postgres(writers: usize, seed: u64) -> Option<Self> {
        let postgres = Postgres::new()?;
        Some(Self::new(postgres.deployment(), Some(postgres), writers, seed))
    }

    /// One whose disk forgets what was not synced.
    pub fn with_platters(writers: usize, seed: u64) -> Self {
        let world = Self::on_sqlite(writers, seed);
        let (deployment, platters) = world.faults.under_with_platters(&world.plain);
        Self { deployment, platters: Some(platters), ..world }
    }

    fn new(deployment: Deployment, postgres: Option<Postgres>, writers: usize, seed: u64) -> Self {
        let plain = deployment
            .set("lfs.multipart_threshold", &PARTS_ABOVE.to_string())
            .set("lfs.part_size", &PART.to_string())
            // Room is promised and counted only where there is a limit.
            .set("quota.main.plugin", "quota.ledger")
            .set("quota.main.config.default_public_bytes", "100000000000")
            .set("quota.main.config.default_private_bytes", "100000000000");
        let faults = Faults::new();
        let mut deployment = faults.under(&plain);
        if let Some(port) = postgres.as_ref().and_then(|_| port()) {
            deployment = deployment.environment("BALLAST_FAULTS_PORT", &port);
        }
        let writers = (0..writers).map(|number| Writer::new(number, SHARED, seed)).collect();
        Self { deployment, faults, writers, platters: None, postgres, plain, rounds: 0 }
    }

    /// The branch that all writers share.
    pub fn shared() -> Place {
        (SHARED.to_owned(), "main".to_owned())
    }

    /// The first start, with the repository that all share.
    pub fn begin(&self) -> Hub {
        let hub = self.deployment.start();
        let new = json!({ "name": SHARED, "type": "model" });
        hub.admin().post("/api/repos/create").json(&new).send().expect(200);
        hub
    }

    /// Whatever lies on the disk is synced.
    pub fn settle(&self) {
        self.platters.iter().for_each(Platters::settle);
    }

    /// Cuts the power, so that what was not synced is lost, or by chance some of it.
    pub fn cut(&self, chance: Option<u64>) {
        self.platters.iter().for_each(|platters| platters.cut(chance));
        self.settle();
    }

    /// All writers write; when so many requests were sent, and a moment has passed, the hub is killed.
    pub fn write_until_killed(&mut self, hub: Hub, requests: usize, moment: Duration) {
        let (client, asked) = (hub.admin(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let (client, asked) = (&client, &asked);
            let threads: Vec<_> = self
                .writers
                .iter_mut()
                .map(|writer| scope.spawn(move || -> io::Result<()> { write(writer, client, asked) }))
                .collect();
            let begun = Instant::now();
            let failed = || threads.iter().any(|thread| thread.is_finished());
            while asked.load(Ordering::SeqCst) < requests && !failed() {
                assert!(begun.elapsed() < LIMIT, "the writers stand still:\n{}", hub.log());
                std::thread::park_timeout(Duration::from_micros(200));
            }
            let reached = Instant::now();
            while reached.elapsed() < moment {
                std::thread::yield_now();
            }
            let log = hub.log();
            hub.kill();
            for thread in threads {
                assert!(thread.join().is_ok(), "a writer was answered what it did not expect:\n{log}");
            }
        });
    }

    /// One writer does each kind of write once; the hub may die meanwhile. Whether it did.
    pub fn act_all(&mut self, hub: &Hub) -> bool {
        let asked = AtomicUsize::new(0);
        let mut at = At::new(&hub.admin(), &asked);
        self.writers[0].act_all(&mut at, &Self::shared()).is_err()
    }

    /// Panics unless the hub holds what its writers were told; then writes to every branch.
    pub fn check(&mut self, hub: &Hub, depth: Depth) {
        self.rounds += 1;
        let client = hub.admin();
        for writer in &mut self.writers {
            check(&client, writer, depth);
            go_on(&client, writer, self.rounds);
        }
    }

    fn storage(&self) -> PathBuf {
        self.plain.data().join("storage")
    }

    pub fn rows(&self) -> Rows {
        match &self.postgres {
            Some(postgres) => postgres.rows(),
            None => Rows::of(&self.plain),
        }
    }

    /// When every deadline is over nothing is under way, and when every grace is over too nothing is stored that
    /// nobody names; a power cut brings nothing of it back. Looks at everything once more.
    pub fn end(mut self, hub: Hub) {
        self.check(&hub, Depth::All);
        hub.kill();
        for hours in [400, 800] {
            self.faults.advance(hours);
            let hub = self.deployment.start();
            let rows = self.rows();
            books::wait_until_nothing_is_under_way(&rows, || hub.log());
            books::agree(&rows);
            if hours == 800 {
                books::wait_until_files_are_rows(&rows, &self.storage());
            }
            self.writers.iter_mut().for_each(Writer::forget_uploads);
            self.check(&hub, Depth::All);
            hub.kill();
            self.cut(None);
        }
        let hub = self.deployment.start();
        books::wait_until_files_are_rows(&self.rows(), &self.storage());
        hub.kill();
        self.faults.advance(0);
        // Without the library too.
        let hub = self.plain.start();
        self.check(&hub, Depth::All);
        assert!(!hub.log().contains("panicked"), "{}", hub.log());
    }
}

fn write(writer: &mut Writer, client: &Client, asked: &AtomicUsize) -> io::Result<()> {
    let mut at = At::new(client, asked);
    loop {
        writer.act(&mut at)?;
    }
}

/// The port of the PostgreSQL server of the tests.
fn port() -> Option<String> {
    let url = std::env::var("BALLAST_TEST_POSTGRES").ok()?;
    let host = url.split('@').nth(1)?.split('/').next()?;
    host.rsplit(':').next().map(str::to_owned)
}
