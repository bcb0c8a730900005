//! The hub's own secrets: what it signs URLs and cookies with.

use ballast_database::{Error, Result, for_both, read, transaction};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Catalog;
use crate::tables::secrets;

for_both! {
    pub async fn find(c: &mut Connection, name: String) -> Result<Option<Vec<u8>>> {
        Ok(secrets::table.find(name).select(secrets::value).first(c).await.optional()?)
    }

    /// Of several nodes that come with a value, the first wins and all read what it wrote.
    pub async fn agree(c: &mut Connection, name: String, value: Vec<u8>) -> Result<Vec<u8>> {
        let row = (secrets::name.eq(&name), secrets::value.eq(value));
        diesel::insert_into(secrets::table).values(row).on_conflict_do_nothing().execute(c).await?;
        Ok(secrets::table.find(name).select(secrets::value).first(c).await?)
    }
}

impl Catalog {
    /// 32 random bytes, drawn the first time that any node asks for this name and the same for all from then on.
    pub async fn secret(&self, name: &str) -> Result<[u8; 32]> {
        let value = match read!(self.database, find(name.to_owned()))? {
            Some(value) => value,
            None => transaction!(self.database, agree(name.to_owned(), random()?.to_vec()))?,
        };
        let wrong = |value: Vec<u8>| Error::corrupt(format!("secrets.value of '{name}': {} bytes", value.len()));
        value.try_into().map_err(wrong)
    }
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Unavailable(format!("no random numbers: {error}")))?;
    Ok(bytes)
}
