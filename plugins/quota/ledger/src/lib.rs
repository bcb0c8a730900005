//! `quota.ledger`: bytes promised and bytes kept, in the hub's own database.
//!
//! Three tables: what each repository holds and has reserved, the sums of both for each account, and the reservations.
//! The sums are changed in the same transaction as what they add up, under row locks taken in one order (`books`), so
//! that they are exact on every node at every moment, and a question about an account reads one row.

mod books;
mod config;
mod failure;
mod rows;

use async_trait::async_trait;
use ballast_contract::quota::{Account, Held, Limit, Quota, Reservation, Scope, Usage};
use ballast_contract::{Component, Health, Result};
use ballast_database::{Database, Migrations};
use ballast_types::{RepoKey, ReservationId, Timestamp};

use books::Books;
pub use config::LedgerConfig;
use failure::during;

/// The instance.
pub struct Ledger {
    books: Books,
}

/// An instance over a database; nothing is read or written before it starts. `Invalid` where a default is more than
/// the database can hold.
pub async fn open(config: LedgerConfig, database: Database) -> Result<Ledger> {
    for bytes in [config.default_private_bytes, config.default_public_bytes].into_iter().flatten() {
        rows::signed(bytes).map_err(during("quota.open"))?;
    }
    Ok(Ledger { books: Books::new(database, config) })
}

/// Its tables.
pub fn migrations() -> Migrations {
    ballast_database::migrations!()
}

#[async_trait]
impl Component for Ledger {
    async fn start(&self) -> Result<()> {
        let migrated = self.books.database.migrate(migrations()).await;
        migrated.map_err(|error| during("quota.start")(error.into()))
    }

    async fn health(&self) -> Health {
        match self.books.database.ping().await {
            Ok(()) => Health::Ready,
            Err(error) => Health::Unavailable(error.to_string()),
        }
    }
}

#[async_trait]
impl Quota for Ledger {
    async fn place(&self, repo: RepoKey, account: Account, force: bool) -> Result<()> {
        self.books.place(repo, account, force).await.map_err(during("quota.place"))
    }

    async fn reserve(&self, repo: RepoKey, reservations: &[Reservation], expires: Timestamp) -> Result<()> {
        self.books.reserve(repo, reservations.to_vec(), expires.0).await.map_err(during("quota.reserve"))
    }

    async fn settle(&self, repo: RepoKey, held: Held, reservations: &[ReservationId]) -> Result<()> {
        self.books.settle(repo, held, numbers(reservations)).await.map_err(during("quota.settle"))
    }

    async fn release(&self, reservations: &[ReservationId]) -> Result<()> {
        self.books.release(&numbers(reservations)).await.map_err(during("quota.release"))
    }

    async fn forget(&self, repo: RepoKey) -> Result<()> {
        self.books.forget(repo).await.map_err(during("quota.forget"))
    }

    async fn usage(&self, scopes: &[Scope]) -> Result<Vec<Usage>> {
        self.usages(scopes).await.map_err(during("quota.usage"))
    }

    async fn limits(&self, scopes: &[Scope]) -> Result<Vec<Limit>> {
        self.limits_as_set(scopes).await.map_err(during("quota.limits"))
    }

    async fn set_limit(&self, scope: Scope, limit: Limit) -> Result<()> {
        self.books.set_limit(scope, limit).await.map_err(during("quota.set_limit"))
    }

    async fn expire(&self, now: Timestamp) -> Result<()> {
        self.books.expire(now.0).await.map_err(during("quota.expire"))
    }
}

impl Ledger {
    async fn usages(&self, scopes: &[Scope]) -> failure::Result<Vec<Usage>> {
        let recent = &self.books.recent;
        let known: Option<Vec<Usage>> = scopes.iter().map(|scope| recent.get(scope)).collect();
        if let Some(known) = known {
            return Ok(known);
        }
        let marks: Vec<_> = scopes.iter().map(|scope| recent.mark(scope)).collect();
        let usages = self.read_usages(scopes).await?;
        for ((scope, usage), mark) in scopes.iter().zip(&usages).zip(marks) {
            recent.put(*scope, *usage, mark);
        }
        Ok(usages)
    }

    async fn read_usages(&self, scopes: &[Scope]) -> failure::Result<Vec<Usage>> {
        let config = &self.books.config;
        let standing = self.books.standing(scopes.to_vec()).await?;
        let of_account = |account: &Account| match standing.accounts.get(account) {
            Some(row) => row.usage(config),
            None => Ok(Usage { limit: rows::default_of(config, account.visibility), ..Usage::default() }),
        };
        let of_scope = |scope: &Scope| match scope {
            Scope::Account(account) => of_account(account),
            Scope::Repository(repo) => match standing.repositories.get(repo) {
                Some(row) => row.usage(of_account(&row.account()?)?.limit),
                None => Ok(Usage::default()),
            },
        };
        scopes.iter().map(of_scope).collect()
    }

    async fn limits_as_set(&self, scopes: &[Scope]) -> failure::Result<Vec<Limit>> {
        let standing = self.books.standing(scopes.to_vec()).await?;
        let of_scope = |scope: &Scope| match scope {
            Scope::Account(account) => standing.accounts.get(account).map(|row| row.limit()),
            Scope::Repository(repo) => standing.repositories.get(repo).map(|row| row.limit()),
        };
        scopes.iter().map(|scope| of_scope(scope).unwrap_or(Ok(Limit::Default))).collect()
    }
}

fn numbers(reservations: &[ReservationId]) -> Vec<i64> {
    reservations.iter().map(|id| id.0).collect()
}
