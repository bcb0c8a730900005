//! The role's promises, kept on both databases.

use ballast_database::on_both;
use ballast_testkit::versioning::conforms;

use crate::world::started;

on_both! {
    async fn the_engine_keeps_the_promises_of_its_role(scratch: &Scratch) {
        conforms(started(scratch).await).await;
    }
}
