//! Writes under way. A row tells recovery what a node that died was holding: a lease and reservations.

use ballast_database::{Result, fixed, for_both, read, transaction, write};
use ballast_types::{LeaseId, OperationId, RepoKey, ReservationId, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::event::{NewEvent, NewRow};
use crate::rows;
use crate::tables::{events, operation_reservations, operations, repositories};
use crate::{Catalog, RepoState};

/// One write, from before its first byte to its end. Its ids are its writer's choice, so that they are on record before
/// anything is held under them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub id: OperationId,
    pub repo: RepoKey,
    pub lease: LeaseId,
    pub reservations: Vec<ReservationId>,
    /// From then on recovery may conclude it.
    pub deadline: Timestamp,
    pub created_at: Timestamp,
    /// What it is for, to be read by people: `commit`, `lfs upload`.
    pub purpose: String,
    /// Who writes, where it is somebody's.
    pub actor: Option<UserKey>,
    /// The pull request of the repository that this write merges.
    pub merges: Option<u32>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = operations, treat_none_as_default_value = false)]
struct Row {
    id: i64,
    repository: i64,
    lease: i64,
    purpose: String,
    deadline: i64,
    created_at: i64,
    actor: Option<i64>,
    merges: Option<i64>,
}

/// Some rows, and the `(operation, reservation)` pairs that belong to them.
type Rows = (Vec<Row>, Vec<(i64, i64)>);

/// What a write says of its repository: where the default branch stands since, if that is known, and when it was.
#[derive(AsChangeset)]
#[diesel(table_name = repositories)]
struct Touch {
    head: Option<Vec<u8>>,
    updated_at: i64,
}

for_both! {
    pub async fn begin(c: &mut Connection, row: Row, reservations: Vec<i64>) -> Result<bool> {
        // The lock keeps a deletion from passing by: either it sees this row, or this sees that it has begun.
        let living = repositories::table.find(row.repository)
            .filter(repositories::state.ne(RepoState::Deleting.as_str()))
            .select(repositories::id);
        let found: Option<i64> = lock!(living).first(c).await.optional()?;
        if found.is_none() {
            return Ok(false);
        }
        let id = row.id;
        diesel::insert_into(operations::table).values(row).execute(c).await?;
        reserve(c, id, reservations).await?;
        Ok(true)
    }

    pub async fn add(c: &mut Connection, id: i64, reservation: i64) -> Result<bool> {
        // Locked, so that it cannot be closed in between and leave a reservation that nobody knows.
        let open: Option<i64> = lock!(operations::table.find(id).select(operations::id)).first(c).await.optional()?;
        if open.is_some() {
            reserve(c, id, vec![reservation]).await?;
        }
        Ok(open.is_some())
    }

    async fn reserve(c: &mut Connection, id: i64, reservations: Vec<i64>) -> Result<()> {
        use operation_reservations::{operation, reservation, table};
        let rows: Vec<_> = reservations.into_iter().map(|key| (operation.eq(id), reservation.eq(key))).collect();
        bulk_insert!(c, table, rows)?;
        Ok(())
    }

    pub async fn extend(c: &mut Connection, id: i64, deadline: i64) -> Result<bool> {
        let open = operations::table.find(id).filter(operations::deadline.le(deadline));
        Ok(diesel::update(open).set(operations::deadline.eq(deadline)).execute(c).await? > 0)
    }

    pub async fn close(c: &mut Connection, id: i64, event: Option<NewRow>) -> Result<bool> {
        // Of several that close it at once, the row's own lock lets one delete it.
        if diesel::delete(operations::table.find(id)).execute(c).await? == 0 {
            return Ok(false);
        }
        if let Some(event) = event {
            let older = repositories::table.find(event.repository).filter(repositories::updated_at.le(event.at));
            let touch = Touch { head: event.head.clone(), updated_at: event.at };
            fixed(diesel::update(older).set(touch)).execute(c).await?;
            diesel::insert_into(events::table).values(event).execute(c).await?;
        }
        Ok(true)
    }

    pub async fn find(c: &mut Connection, id: i64) -> Result<Rows> {
        let found = operations::table.find(id).select(Row::as_select()).load(c).await?;
        with_reservations(c, found).await
    }

    pub async fn expired(c: &mut Connection, now: i64, after: i64, limit: i64) -> Result<Rows> {
        let found = operations::table.filter(operations::deadline.le(now).and(operations::id.gt(after)));
        let found = found.order(operations::id).limit(limit).select(Row::as_select()).load(c).await?;
        with_reservations(c, found).await
    }

    pub async fn all(c: &mut Connection, overdue_at: Option<i64>, after: i64, limit: i64) -> Result<Rows> {
        let found = operations::table.filter(operations::id.gt(after));
        let found = found.filter(operations::deadline.le(overdue_at.unwrap_or(i64::MAX)));
        let found = found.order(operations::id).limit(limit).select(Row::as_select()).load(c).await?;
        with_reservations(c, found).await
    }

    pub async fn of_repository(c: &mut Connection, repository: i64, after: i64, limit: i64) -> Result<Rows> {
        let found = operations::table.filter(operations::repository.eq(repository).and(operations::id.gt(after)));
        let found = found.order(operations::id).limit(limit).select(Row::as_select()).load(c).await?;
        with_reservations(c, found).await
    }

    async fn with_reservations(c: &mut Connection, found: Vec<Row>) -> Result<Rows> {
        use operation_reservations::{operation, reservation, table};
        let ids: Vec<i64> = found.iter().map(|row| row.id).collect();
        let columns = (operation, reservation);
        let pairs = table.filter(operation.eq_any(ids)).order(columns).select(columns).load(c).await?;
        Ok((found, pairs))
    }
}

fn operations((found, pairs): Rows) -> Result<Vec<Operation>> {
    let of = |id: i64| pairs.iter().filter(move |pair| pair.0 == id).map(|pair| ReservationId(pair.1)).collect();
    let operation = |row: Row| {
        Ok(Operation {
            id: OperationId(row.id),
            repo: RepoKey(row.repository),
            lease: LeaseId(row.lease),
            reservations: of(row.id),
            deadline: Timestamp(row.deadline),
            created_at: Timestamp(row.created_at),
            purpose: row.purpose,
            actor: row.actor.map(UserKey),
            merges: row.merges.map(|number| rows::count("operations.merges", row.id, number)).transpose()?,
        })
    };
    found.into_iter().map(operation).collect()
}

impl Catalog {
    /// Puts a write on record; before it, nothing may be reserved, leased or stored. False, and nothing recorded, when
    /// the repository is gone or is being deleted.
    pub async fn begin_operation(&self, operation: Operation) -> Result<bool> {
        let row = Row {
            id: operation.id.0,
            repository: operation.repo.0,
            lease: operation.lease.0,
            purpose: operation.purpose,
            deadline: operation.deadline.0,
            created_at: operation.created_at.0,
            actor: operation.actor.map(|user| user.0),
            merges: operation.merges.map(i64::from),
        };
        let reservations = operation.reservations.iter().map(|id| id.0).collect();
        transaction!(self.database, begin(row, reservations))
    }

    /// Puts a further reservation on record, before it is made. False, and not to be made, when the operation is closed.
    pub async fn add_reservation(&self, id: OperationId, reservation: ReservationId) -> Result<bool> {
        transaction!(self.database, add(id.0, reservation.0))
    }

    /// Gives a write more time; never less. False when it is closed, or has more already.
    pub async fn extend_operation(&self, id: OperationId, deadline: Timestamp) -> Result<bool> {
        write!(self.database, extend(id.0, deadline.0))
    }

    /// Ends a write: its row goes, and in the same step its event is in the outbox and the repository says that its
    /// content changed, and where its default branch stands. What is older than the last such word changes nothing there,
    /// so that a write that recovery finishes late hides none that came after it. True for exactly one of those who try,
    /// however many they are.
    pub async fn close_operation(&self, id: OperationId, event: Option<NewEvent>) -> Result<bool> {
        let database = event.as_ref().map_or_else(|| self.database.clone(), |event| self.changing(event.repo));
        transaction!(database, close(id.0, event.map(NewRow::from)))
    }

    /// A write that is not closed yet.
    pub async fn find_operation(&self, id: OperationId) -> Result<Option<Operation>> {
        Ok(operations(read!(self.database, find(id.0))?)?.pop())
    }

    /// Writes past their deadline, by their ids: what recovery concludes.
    pub async fn expired_operations(
        &self,
        now: Timestamp,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        let after = after.map_or(i64::MIN, |id| id.0);
        operations(read!(self.database, expired(now.0, after, rows::limit(limit)))?)
    }

    /// All writes under way, by their ids; with a moment, those alone whose deadline was over by then.
    pub async fn list_operations(
        &self,
        overdue_at: Option<Timestamp>,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        let after = after.map_or(i64::MIN, |id| id.0);
        operations(read!(self.database, all(overdue_at.map(|moment| moment.0), after, rows::limit(limit)))?)
    }

    /// A repository's writes under way, by their ids.
    pub async fn operations_of(
        &self,
        repo: RepoKey,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        let after = after.map_or(i64::MIN, |id| id.0);
        operations(read!(self.database, of_repository(repo.0, after, rows::limit(limit)))?)
    }
}
