//! `ballast token …`

use std::time::Duration;

use ballast_contract::auth::{NewToken, Role};
use ballast_types::{Name, Timestamp};

use super::user::parse;
use super::{with_hub, with_hub_changing};
use crate::cli::{self, Options, Token};
use crate::exit::Exit;
use crate::output;

/// Does what is asked of tokens.
pub fn run(options: &Options, command: Token) -> Result<(), Exit> {
    match command {
        Token::Create { user, name, role, expires } => {
            let role = match role {
                cli::Role::Read => Role::Read,
                cli::Role::Write => Role::Write,
                cli::Role::Admin => Role::Admin,
            };
            let days = |days: u32| Timestamp::now().after(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
            let new = NewToken { name, role, repositories: None, expires_at: expires.map(days), value: None };
            create(options, &parse(&user)?, &new)
        }
        Token::List { user } => list(options, &parse(&user)?),
        Token::Revoke { user, id, .. } => revoke(options, &parse(&user)?, id),
    }
}

/// Prints the token and nothing else, so that a script can catch it.
fn create(options: &Options, user: &Name, new: &NewToken) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let user = hub.operator().get_user(user).await.map_err(Exit::failure)?;
        let token = hub.operator().create_token(&user, new).await.map_err(Exit::failure)?;
        output::print(&format!("{}\n", token.value.expose()))
    })
}

fn list(options: &Options, user: &Name) -> Result<(), Exit> {
    with_hub(options, async |hub| {
        let user = hub.operator().get_user(user).await.map_err(Exit::failure)?;
        let tokens = hub.operator().list_tokens(&user).await.map_err(Exit::failure)?;
        let mut rows = vec![["ID", "NAME", "ROLE", "SINCE", "EXPIRES", "LAST USED"].map(str::to_owned)];
        rows.extend(tokens.into_iter().map(|token| {
            let moment = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
            let (id, role) = (token.id.to_string(), token.role.as_str().to_owned());
            [id, token.name, role, token.created_at.to_string(), moment(token.expires_at), moment(token.last_used)]
        }));
        output::print(&output::columns(&rows))
    })
}

/// Without a number, all of them.
fn revoke(options: &Options, user: &Name, id: Option<i64>) -> Result<(), Exit> {
    with_hub_changing(options, async |hub| {
        let revoked = match id {
            Some(id) => hub.operator().revoke_token_of(user.as_str(), id).await,
            None => hub.operator().revoke_tokens_of(user.as_str()).await,
        };
        revoked.map_err(Exit::failure)
    })
}
