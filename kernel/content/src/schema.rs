//! The tables, as diesel sees them. What they mean stands in the migrations.

diesel::table! { blobs (sha256) { sha256 -> Binary, size -> BigInt, oid -> Nullable<Binary>, idle_since -> Nullable<BigInt>, sums -> Nullable<Binary>, } }
diesel::table! { objects (id) { id -> BigInt, storage -> Text, key -> Text, packed -> Bool, lease -> Nullable<BigInt>, created -> BigInt, deleting -> Bool, size -> BigInt, gone -> BigInt, upload -> Nullable<Text>, } }
diesel::table! { locations (sha256, storage) { sha256 -> Binary, storage -> Text, object -> BigInt, start -> BigInt, damaged -> Nullable<BigInt>, spare -> Nullable<BigInt>, } }
diesel::table! { leases (id) { id -> BigInt, repository -> BigInt, expires -> BigInt, } }
diesel::table! { lease_blobs (lease, sha256) { lease -> BigInt, sha256 -> Binary, } }
diesel::table! { lease_reservations (lease, reservation) { lease -> BigInt, sha256 -> Binary, reservation -> BigInt, } }
diesel::table! { holdings (repository, sha256) { repository -> BigInt, sha256 -> Binary, pending -> Nullable<BigInt>, since -> BigInt, path -> Nullable<Text>, } }
diesel::table! { purged (repository, sha256) { repository -> BigInt, sha256 -> Binary, at -> BigInt, pruned -> Bool, } }
diesel::table! { also_pending (lease, sha256) { lease -> BigInt, repository -> BigInt, sha256 -> Binary, } }
diesel::table! { kept_promises (lease, reservation) { lease -> BigInt, repository -> BigInt, reservation -> BigInt, } }
diesel::table! { held (repository) { repository -> BigInt, bytes -> BigInt, revision -> BigInt, } }
diesel::table! { uploads (id) { id -> BigInt, lease -> BigInt, repository -> BigInt, sha256 -> Binary, size -> BigInt, part_size -> BigInt, completed -> Bool, object -> Nullable<BigInt>, assembly -> Nullable<BigInt>, } }
diesel::table! { parts (upload, number) { upload -> BigInt, number -> Integer, object -> BigInt, size -> BigInt, etag -> Text, } }

diesel::table! { xorbs (xorb) { xorb -> Binary, sha256 -> Binary, record -> Binary, raw -> BigInt, named -> BigInt, thinned -> Nullable<BigInt>, } }
diesel::table! { xet_files (file) { file -> Binary, sha256 -> Binary, terms -> Binary, } }
diesel::table! { xet_uses (file, xorb) { file -> Binary, xorb -> Binary, } }
diesel::table! { xet_chunks (chunk, xorb) { chunk -> Binary, xorb -> Binary, } }

diesel::joinable!(locations -> objects (object));
diesel::joinable!(locations -> blobs (sha256));
diesel::joinable!(lease_blobs -> leases (lease));
diesel::joinable!(lease_reservations -> leases (lease));
diesel::joinable!(holdings -> blobs (sha256));
diesel::joinable!(parts -> objects (object));
diesel::joinable!(uploads -> leases (lease));
diesel::joinable!(xorbs -> blobs (sha256));
diesel::joinable!(xet_files -> blobs (sha256));
diesel::joinable!(xet_uses -> xet_files (file));
diesel::joinable!(xet_uses -> xorbs (xorb));
diesel::joinable!(xet_chunks -> xorbs (xorb));
diesel::allow_tables_to_appear_in_same_query!(
    blobs,
    objects,
    locations,
    leases,
    lease_blobs,
    lease_reservations,
    holdings,
    purged,
    also_pending,
    kept_promises,
    held,
    uploads,
    parts,
    xorbs,
    xet_files,
    xet_uses,
    xet_chunks,
);
