//! Leases: a time-limited hold on blobs that no commit names yet, for one repository.
//!
//! A lease lives until it is dropped, or until a sweep after its end takes it: only the sweep ends it, so that nothing
//! depends on two clocks agreeing.

use ballast_database::{for_both, read, transaction};
use ballast_types::{LeaseId, RepoKey, ReservationId, Sha256, Timestamp};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::failure::Failure;
use crate::rows::{PIECE, PromiseRow, columns, sha256_of};
use crate::schema::{blobs, holdings, lease_blobs, lease_reservations, leases};
use crate::{Content, random_key};

impl Content {
    /// A lease for a repository.
    pub async fn create_lease(&self, repo: RepoKey, expires: Timestamp) -> Result<LeaseId> {
        let lease = LeaseId(random_key()?);
        let inserted: Result<(), Failure> =
            ballast_database::write!(self.database(), insert_lease(lease, repo, expires));
        inserted.map(|()| lease).map_err(|failure| failure.during("content.create_lease"))
    }

    /// Moves a lease's end further away; never nearer. `Conflict` where the lease has ended.
    pub async fn extend_lease(&self, lease: LeaseId, expires: Timestamp) -> Result<()> {
        let extended: Result<(), Failure> = transaction!(self.database(), extend(lease, expires));
        extended.map_err(|failure| failure.during("content.extend_lease"))
    }

    /// Ends a lease. Deletes no blob: what nobody else names begins its grace now. Answers the reservations that were
    /// promised under it and that no commit used: release them. Idempotent.
    pub async fn drop_lease(&self, lease: LeaseId) -> Result<Vec<ReservationId>> {
        self.end_lease(lease).await.map_err(|failure| failure.during("content.drop_lease"))
    }

    /// The same for this room.
    pub(crate) async fn end_lease(&self, lease: LeaseId) -> Result<Vec<ReservationId>, Failure> {
        let now = Timestamp::now();
        transaction!(self.database(), end_lease(lease, now, None))
    }

    /// Remembers which reservation was made for which expected blob, until a commit confirms that blob. `Conflict`
    /// where the lease has ended.
    pub async fn promise(&self, lease: LeaseId, promises: &[(Sha256, ReservationId)]) -> Result<()> {
        let row = |(sha256, reservation): &(Sha256, ReservationId)| PromiseRow {
            lease: lease.0,
            sha256: sha256.0.to_vec(),
            reservation: reservation.0,
        };
        let rows: Vec<_> = promises.iter().map(row).collect();
        let promised: Result<(), Failure> = transaction!(self.database(), insert_promises(lease, rows));
        promised.map_err(|failure| failure.during("content.promise"))
    }

    /// Takes the promises for these expected blobs away from a lease; answers them, to be released. `Conflict` where the
    /// lease has ended.
    pub async fn take_promises(&self, lease: LeaseId, expected: &[Sha256]) -> Result<Vec<ReservationId>> {
        let mut taken = Vec::new();
        for piece in columns(expected).chunks(PIECE) {
            let piece = piece.to_vec();
            let some: Result<Vec<i64>, Failure> = transaction!(self.database(), take_promises(lease, piece));
            taken.extend(some.map_err(|failure| failure.during("content.promise"))?.into_iter().map(ReservationId));
        }
        Ok(taken)
    }

    /// Forgets promises that were released. Idempotent.
    pub async fn forget_promises(&self, lease: LeaseId, promises: &[ReservationId]) -> Result<()> {
        let promises = promises.iter().map(|promise| promise.0).collect::<Vec<_>>();
        let forgotten: Result<(), Failure> =
            ballast_database::write!(self.database(), forget_promises(lease, promises));
        forgotten.map_err(|failure| failure.during("content.promise"))
    }

    /// The blobs that a lease has, in order. None of them where the lease has ended.
    pub async fn leased_blobs(&self, lease: LeaseId) -> Result<Vec<Sha256>> {
        let blobs: Result<_, Failure> = read!(self.database(), list_leased(lease));
        blobs.map_err(|failure| failure.during("content.leased_blobs"))
    }

    /// Ends a lease whose time is over at `now`; one that was extended meanwhile stays.
    pub(crate) async fn expire_lease(&self, lease: LeaseId, now: Timestamp) -> Result<Vec<ReservationId>, Failure> {
        transaction!(self.database(), end_lease(lease, now, Some(now)))
    }

    /// Leases whose time is over at `now`.
    pub(crate) async fn expired_leases(&self, now: Timestamp, limit: i64) -> Result<Vec<LeaseId>, Failure> {
        read!(self.database(), list_expired(now, limit))
    }

    /// The leases of a repository.
    pub(crate) async fn leases_of(&self, repo: RepoKey, limit: i64) -> Result<Vec<LeaseId>, Failure> {
        read!(self.database(), list_of(repo, limit))
    }
}

type Result<T, E = ballast_contract::Error> = std::result::Result<T, E>;

for_both! {
    pub async fn insert_lease(c: &mut Connection, lease: LeaseId, repo: RepoKey, expires: Timestamp) -> Result<(), Failure> {
        let row = (leases::id.eq(lease.0), leases::repository.eq(repo.0), leases::expires.eq(expires.0));
        diesel::insert_into(leases::table).values(row).execute(c).await?;
        Ok(())
    }

    pub async fn extend(c: &mut Connection, lease: LeaseId, expires: Timestamp) -> Result<(), Failure> {
        lock_lease!(c, lease);
        let later = leases::table.find(lease.0).filter(leases::expires.lt(expires.0));
        diesel::update(later).set(leases::expires.eq(expires.0)).execute(c).await?;
        Ok(())
    }

    pub async fn insert_promises(c: &mut Connection, lease: LeaseId, rows: Vec<PromiseRow>) -> Result<(), Failure> {
        lock_lease!(c, lease);
        bulk_insert!(c, lease_reservations::table, rows)?;
        Ok(())
    }

    pub async fn take_promises(c: &mut Connection, lease: LeaseId, expected: Vec<Vec<u8>>) -> Result<Vec<i64>, Failure> {
        lock_lease!(c, lease);
        let of_lease = lease_reservations::table.filter(lease_reservations::lease.eq(lease.0));
        let these = of_lease.filter(lease_reservations::sha256.eq_any(&expected));
        let taken = these.select(lease_reservations::reservation).load(c).await?;
        let of_lease = lease_reservations::table.filter(lease_reservations::lease.eq(lease.0));
        diesel::delete(of_lease.filter(lease_reservations::sha256.eq_any(&expected))).execute(c).await?;
        Ok(taken)
    }

    pub async fn forget_promises(c: &mut Connection, lease: LeaseId, promises: Vec<i64>) -> Result<(), Failure> {
        let of_lease = lease_reservations::table.filter(lease_reservations::lease.eq(lease.0));
        diesel::delete(of_lease.filter(lease_reservations::reservation.eq_any(promises))).execute(c).await?;
        Ok(())
    }

    pub async fn list_leased(c: &mut Connection, lease: LeaseId) -> Result<Vec<Sha256>, Failure> {
        let query = lease_blobs::table.filter(lease_blobs::lease.eq(lease.0)).order(lease_blobs::sha256);
        let rows: Vec<Vec<u8>> = query.select(lease_blobs::sha256).load(c).await?;
        rows.iter().map(|row| sha256_of(row)).collect()
    }

    pub async fn list_expired(c: &mut Connection, now: Timestamp, limit: i64) -> Result<Vec<LeaseId>, Failure> {
        let query = leases::table.filter(leases::expires.le(now.0)).order(leases::expires).limit(limit);
        Ok(query.select(leases::id).load::<i64>(c).await?.into_iter().map(LeaseId).collect())
    }

    pub async fn list_of(c: &mut Connection, repo: RepoKey, limit: i64) -> Result<Vec<LeaseId>, Failure> {
        let query = leases::table.filter(leases::repository.eq(repo.0)).order(leases::id).limit(limit);
        Ok(query.select(leases::id).load::<i64>(c).await?.into_iter().map(LeaseId).collect())
    }

    /// With `only_if_over`, a lease that ends later is left alone.
    pub async fn end_lease(
        c: &mut Connection,
        lease: LeaseId,
        now: Timestamp,
        only_if_over: Option<Timestamp>,
    ) -> Result<Vec<ReservationId>, Failure> {
        let query = leases::table.find(lease.0).select(leases::expires);
        let expires: Option<i64> = lock!(query).first(c).await.optional()?;
        match (expires, only_if_over) {
            (None, _) => return Ok(Vec::new()),
            (Some(expires), Some(over)) if expires > over.0 => return Ok(Vec::new()),
            _ => {}
        }
        let promised = lease_reservations::table.filter(lease_reservations::lease.eq(lease.0));
        let reservations: Vec<i64> = promised.select(lease_reservations::reservation).load(c).await?;
        let leased = lease_blobs::table.filter(lease_blobs::lease.eq(lease.0)).select(lease_blobs::sha256);
        let held = holdings::table.filter(holdings::sha256.eq(blobs::sha256));
        let unheld = blobs::table.filter(blobs::sha256.eq_any(leased)).filter(not(exists(held)));
        let idle: Vec<Vec<u8>> = lock!(unheld.order(blobs::sha256).select(blobs::sha256)).load(c).await?;
        for piece in idle.chunks(PIECE) {
            let rows = blobs::table.filter(blobs::sha256.eq_any(piece));
            diesel::update(rows).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        }
        // By themselves they go at once, and along with the lease one by one.
        diesel::delete(lease_blobs::table.filter(lease_blobs::lease.eq(lease.0))).execute(c).await?;
        diesel::delete(leases::table.find(lease.0)).execute(c).await?;
        Ok(reservations.into_iter().map(ReservationId).collect())
    }
}
