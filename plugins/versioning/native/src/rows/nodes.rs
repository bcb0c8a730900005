//! Nodes, and the secret that cuts them.

use ballast_database::{Database, Result, for_both, read, write};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::{native_nodes, native_store};

for_both! {
    /// Id and body of those of these nodes that are there.
    pub async fn load(c: &mut Connection, ids: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let wanted = native_nodes::table.filter(native_nodes::id.eq_any(ids));
        Ok(wanted.select((native_nodes::id, native_nodes::body)).load(c).await?)
    }

    /// The store's secret: this one where there is none yet.
    pub async fn secret(c: &mut Connection, proposed: Vec<u8>) -> Result<Vec<u8>> {
        let row = (native_store::id.eq(1), native_store::secret.eq(proposed));
        diesel::insert_into(native_store::table).values(row).on_conflict_do_nothing().execute(c).await?;
        Ok(native_store::table.find(1).select(native_store::secret).first(c).await?)
    }
}

/// Id and body of those of these nodes that are there.
pub async fn load(database: &Database, ids: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    read!(database, load(ids))
}

/// The store's secret: this one where there is none yet.
pub async fn secret(database: &Database, proposed: Vec<u8>) -> Result<Vec<u8>> {
    write!(database, secret(proposed))
}
