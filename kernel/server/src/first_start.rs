//! The first administrator of a hub, and the token that is told once.
//!
//! The token is on disk before the administrator is in the database, under a name that says it is not finished: a hub
//! that ends in between begins again with the same token, and never has an administrator whose token nobody knows.

use std::path::{Path, PathBuf};

use ballast_services::Operator;
use ballast_types::{Name, Secret};

use crate::data_dir;
use crate::exit::Exit;

const TOKEN: &str = "admin-token";
const UNFINISHED: &str = "admin-token.unfinished";

/// What the first start made.
pub struct FirstStart {
    pub administrator: Name,
    pub token: Secret,
    /// Where the token is kept.
    pub path: PathBuf,
}

/// Makes the administrator of a hub that has no user, or goes on with that; none where it is done.
pub async fn make(operator: &Operator, folder: &Path) -> Result<Option<FirstStart>, Exit> {
    let token = match data_dir::read_secret(folder, UNFINISHED)? {
        Some(token) => token,
        None if operator.is_new().await.map_err(Exit::failure)? => {
            let token = operator.first_token().map_err(Exit::failure)?;
            data_dir::write_secret(folder, UNFINISHED, &token)?;
            token
        }
        None => return Ok(None),
    };
    let administrator = operator.first_start(token.clone()).await.map_err(Exit::failure)?;
    let path = data_dir::rename_secret(folder, UNFINISHED, TOKEN)?;
    Ok(Some(FirstStart { administrator, token, path }))
}
