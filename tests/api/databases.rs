//! Databases of one test each.

pub use ballast_tests::Postgres;
