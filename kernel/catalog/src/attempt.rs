//! Tries of a password: how many there may be, with one row for each account and address that has failed lately.
//!
//! Each try moves the moment at which its row says nothing any more further into the future; where that would lie beyond
//! the window, the try is refused. So a row is one number, counting is one statement whichever node does it, and what
//! is in the past can be removed.

use std::time::Duration;

use ballast_database::{Result, for_both, transaction};
use ballast_types::Timestamp;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::Catalog;
use crate::tables::attempts;

/// One thing that a try is counted against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Charge {
    /// A digest of it.
    pub key: [u8; 32],
    /// How much of the window the try uses up.
    pub cost: Duration,
}

/// Rows that one sweep removes at most.
const SWEPT: i64 = 10_000;

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

for_both! {
    /// None where all are counted; otherwise none of them is, and this is the moment from which on they would be.
    pub async fn charge(c: &mut Connection, charges: Vec<Charge>, now: i64, window: i64) -> Result<Option<i64>> {
        use attempts::{key, table, until};
        for (at, charge) in charges.iter().enumerate() {
            let (bytes, cost) = (charge.key.to_vec(), milliseconds(charge.cost));
            let longer = case_when(until.gt(now), until + cost).otherwise((now + cost).into_sql::<BigInt>());
            let row = (key.eq(&bytes), until.eq(now + cost));
            let insert = diesel::insert_into(table).values(row).on_conflict(key).do_update().set(until.eq(longer));
            // `insert.filter`, which the prelude's own `filter` hides.
            let room = until.le(now + window - cost);
            if diesel::query_dsl::methods::FilterDsl::filter(insert, room).execute(c).await? == 0 {
                let full: i64 = table.find(&bytes).select(until).first(c).await?;
                refund(c, charges[..at].to_vec()).await?;
                return Ok(Some(full + cost - window));
            }
        }
        Ok(None)
    }

    pub async fn refund(c: &mut Connection, charges: Vec<Charge>) -> Result<()> {
        use attempts::{table, until};
        for charge in charges {
            let row = table.find(charge.key.to_vec());
            diesel::update(row).set(until.eq(until - milliseconds(charge.cost))).execute(c).await?;
        }
        Ok(())
    }

    pub async fn sweep(c: &mut Connection, before: i64) -> Result<usize> {
        use attempts::{key, table, until};
        let over = table.filter(until.lt(before)).select(key).limit(SWEPT);
        let keys: Vec<Vec<u8>> = lock_idle!(over).load(c).await?;
        Ok(diesel::delete(table.filter(key.eq_any(keys))).execute(c).await?)
    }
}

impl Catalog {
    /// Counts a try against each of these, or against none where one of them has no room in the window; then this is
    /// when it has.
    pub async fn charge_attempt(
        &self,
        mut charges: Vec<Charge>,
        now: Timestamp,
        window: Duration,
    ) -> Result<Option<Timestamp>> {
        // Two tries that share two rows take them in the same order.
        charges.sort();
        let refused = transaction!(self.database, charge(charges, now.0, milliseconds(window)))?;
        Ok(refused.map(Timestamp))
    }

    /// Takes back what a try was counted, because it was no failure.
    pub async fn refund_attempt(&self, mut charges: Vec<Charge>) -> Result<()> {
        charges.sort();
        transaction!(self.database, refund(charges))
    }

    /// Removes rows that said nothing any more at this moment; how many. More may be left where it is ten thousand.
    pub async fn sweep_attempts(&self, before: Timestamp) -> Result<usize> {
        transaction!(self.database, sweep(before.0))
    }
}
