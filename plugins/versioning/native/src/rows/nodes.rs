//! Nodes, and the secret that cuts them.

use ballast_database::{Database, Result, for_both, read, transaction, write};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::schema::{NodeRow, native_nodes, native_store};

diesel::define_sql_function! {
    /// In bytes, in both dialects.
    fn length(body: diesel::sql_types::Binary) -> diesel::sql_types::Integer;
}

/// A node's id, its stamp, and its body's length.
pub type Stored = (Vec<u8>, i64, i32);

for_both! {
    /// Id and body of those of these nodes that are there.
    pub async fn load(c: &mut Connection, ids: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let wanted = native_nodes::table.filter(native_nodes::id.eq_any(ids));
        Ok(wanted.select((native_nodes::id, native_nodes::body)).load(c).await?)
    }

    /// Keeps nodes that nothing leads to yet.
    pub async fn keep(c: &mut Connection, rows: Vec<NodeRow>) -> Result<()> {
        bulk_insert!(
            c, native_nodes::table, rows,
            on_conflict(native_nodes::id).do_update().set(native_nodes::stamp.eq(excluded(native_nodes::stamp)))
        )?;
        Ok(())
    }

    /// The first nodes by id, behind this one.
    pub async fn page(c: &mut Connection, after: Vec<u8>, limit: i64) -> Result<Vec<Stored>> {
        let wanted = native_nodes::table.filter(native_nodes::id.gt(after)).order(native_nodes::id).limit(limit);
        Ok(wanted.select((native_nodes::id, native_nodes::stamp, length(native_nodes::body))).load(c).await?)
    }

    /// Gives those of these nodes a tombstone that were last written before the cutoff. Nodes that a commit under way
    /// is writing are passed over.
    pub async fn bury(c: &mut Connection, ids: Vec<Vec<u8>>, cutoff: i64, tombstone: i64) -> Result<()> {
        let old = native_nodes::table.filter(native_nodes::id.eq_any(ids)).filter(native_nodes::stamp.lt(cutoff));
        let idle: Vec<Vec<u8>> = lock_idle!(old.select(native_nodes::id)).load(c).await?;
        let these = native_nodes::table.filter(native_nodes::id.eq_any(idle));
        diesel::update(these).set(native_nodes::stamp.eq(tombstone)).execute(c).await?;
        Ok(())
    }

    /// Takes tombstones back.
    pub async fn revive(c: &mut Connection, ids: Vec<Vec<u8>>, tombstone: i64, stamp: i64) -> Result<()> {
        let these = native_nodes::table.filter(native_nodes::id.eq_any(ids)).filter(native_nodes::stamp.eq(tombstone));
        diesel::update(these).set(native_nodes::stamp.eq(stamp)).execute(c).await?;
        Ok(())
    }

    /// Removes those of these nodes that have this tombstone still; answers how many, and their bodies' length. Nodes
    /// that a commit under way brings back are passed over.
    pub async fn remove(c: &mut Connection, ids: Vec<Vec<u8>>, tombstone: i64) -> Result<(u64, u64)> {
        let dead = native_nodes::table.filter(native_nodes::id.eq_any(ids)).filter(native_nodes::stamp.eq(tombstone));
        let dead = dead.select((native_nodes::id, length(native_nodes::body)));
        let idle: Vec<(Vec<u8>, i32)> = lock_idle!(dead).load(c).await?;
        let bytes = idle.iter().map(|(_, length)| u64::from(length.unsigned_abs())).sum();
        let ids: Vec<Vec<u8>> = idle.into_iter().map(|(id, _)| id).collect();
        let removed = diesel::delete(native_nodes::table.filter(native_nodes::id.eq_any(ids))).execute(c).await?;
        Ok((removed as u64, bytes))
    }

    /// The store's secret: this one where there is none yet.
    pub async fn secret(c: &mut Connection, proposed: Vec<u8>) -> Result<Vec<u8>> {
        let row = (native_store::id.eq(1), native_store::secret.eq(proposed));
        diesel::insert_into(native_store::table).values(row).on_conflict_do_nothing().execute(c).await?;
        Ok(native_store::table.find(1).select(native_store::secret).first(c).await?)
    }
}

/// Keeps nodes that nothing leads to yet: a sweep may take them away, until a commit that leads to them stamps them again.
pub async fn keep(database: &Database, rows: Vec<NodeRow>) -> Result<()> {
    transaction!(database, keep(rows))
}

/// Id and body of those of these nodes that are there.
pub async fn load(database: &Database, ids: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    read!(database, load(ids))
}

/// The store's secret: this one where there is none yet.
pub async fn secret(database: &Database, proposed: Vec<u8>) -> Result<Vec<u8>> {
    write!(database, secret(proposed))
}

/// The first nodes by id, behind this one.
pub async fn page(database: &Database, after: Vec<u8>, limit: i64) -> Result<Vec<Stored>> {
    read!(database, page(after, limit))
}

/// Gives those of these nodes a tombstone that were last written before the cutoff.
pub async fn bury(database: &Database, ids: Vec<Vec<u8>>, cutoff: i64, tombstone: i64) -> Result<()> {
    transaction!(database, bury(ids, cutoff, tombstone))
}

/// Takes tombstones back.
pub async fn revive(database: &Database, ids: Vec<Vec<u8>>, tombstone: i64, stamp: i64) -> Result<()> {
    write!(database, revive(ids, tombstone, stamp))
}

/// Removes those of these nodes that have this tombstone still; answers how many, and their bodies' length.
pub async fn remove(database: &Database, ids: Vec<Vec<u8>>, tombstone: i64) -> Result<(u64, u64)> {
    transaction!(database, remove(ids, tombstone))
}
