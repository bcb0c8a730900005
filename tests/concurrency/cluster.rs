//! The hubs that a test runs against.

use ballast_tests::{Client, Deployment, Hub, Postgres, Rows};

/// One hub, or two with one database and one folder of bytes.
pub struct Cluster {
    pub hubs: Vec<Hub>,
    pub token: String,
    pub rows: Rows,
    /// How another node of it is started, and the database that it keeps.
    database: Option<Postgres>,
    first: Deployment,
    set: Vec<(&'static str, String)>,
}

fn with(deployment: Deployment, set: &[(&str, String)]) -> Deployment {
    set.iter().fold(deployment, |deployment, (key, value)| deployment.set(key, value))
}

impl Cluster {
    /// One process on SQLite.
    pub fn one(set: &[(&'static str, String)]) -> Self {
        let first = with(Deployment::new(), set);
        let hubs = vec![first.start()];
        let (token, rows) = (hubs[0].admin_token(), Rows::of(&first));
        Self { hubs, token, rows, database: None, first, set: set.to_vec() }
    }

    /// Two processes on PostgreSQL; none where the tests have no server.
    pub fn two(set: &[(&'static str, String)]) -> Option<Self> {
        let database = Postgres::new()?;
        let first = with(database.deployment(), set);
        let hubs = vec![first.start()];
        let (token, rows) = (hubs[0].admin_token(), database.rows());
        let mut cluster = Self { hubs, token, rows, database: Some(database), first, set: set.to_vec() };
        let second = cluster.another();
        cluster.hubs.push(second);
        Some(cluster)
    }

    /// One more node; on SQLite, where there can be only one, the same again after its end.
    pub fn another(&mut self) -> Hub {
        match &self.database {
            Some(database) => with(database.beside(&self.first), &self.set).start(),
            None => {
                self.hubs.drain(..).for_each(Hub::kill);
                self.first.start()
            }
        }
    }

    /// The administrator, at each hub.
    pub fn clients(&self) -> Vec<Client> {
        self.hubs.iter().map(|hub| hub.client().with_token(&self.token)).collect()
    }

    /// Ends what is under way as if its time were over, on a node that starts: it recovers first of all.
    pub fn recover(&mut self) {
        self.rows.change("UPDATE operations SET deadline = 0");
        self.rows.change("UPDATE leases SET expires = 0");
        self.rows.change("UPDATE ledger_reservations SET expires_at = 0");
        let hub = self.another();
        self.hubs.push(hub);
        let begun = std::time::Instant::now();
        let left = || {
            let tables = ["operations", "ledger_reservations", "leases", "holdings WHERE pending IS NOT NULL"];
            tables.map(|table| self.rows.number(&format!("SELECT count(*) FROM {table}")))
        };
        while left() != [0; 4] {
            assert!(begun.elapsed().as_secs() < 90, "not recovered: {:?}\n{}", left(), self.hubs.last().unwrap().log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
