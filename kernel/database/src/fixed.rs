//! Statements that are prepared once.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

/// A statement whose text is the same whatever is bound to it.
#[derive(Clone, Copy, Debug)]
pub struct Fixed<Q>(Q);

/// Has each connection prepare a statement once and keep it. Diesel prepares updates, and inserts with a tail, anew each
/// time, because their text may differ from call to call; on PostgreSQL that is a round trip more. Not for statements with
/// a list of values, of which each length would be kept.
pub fn fixed<Q>(statement: Q) -> Fixed<Q> {
    Fixed(statement)
}

impl<DB: Backend, Q: QueryFragment<DB>> QueryFragment<DB> for Fixed<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

/// It is known by its text.
impl<Q> QueryId for Fixed<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Connection, Q> RunQueryDsl<Connection> for Fixed<Q> {}
