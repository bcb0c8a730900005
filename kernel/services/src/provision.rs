//! Accounts for those whom an auth instance knows and the hub does not yet.

use std::sync::Arc;

use ballast_catalog::{Clash, NewUser, User};
use ballast_contract::auth::Identity;
use ballast_types::Name;
use serde_json::json;

use crate::audit::{By, user_object};
use crate::register::checked_email;
use crate::{Failure, Hub, Result};

/// Names that are tried where the first is taken: `ada`, `ada-2`, …
const TRIES: u32 = 50;

impl Hub {
    /// The user that a subject is from now on: by the name that the instance suggests, or one like it. Nobody who is here
    /// already is taken for them, whatever their name or address. `BadCredential` where the instance brings no users.
    pub(crate) async fn provision(&self, instance: &str, identity: &Identity) -> Result<Arc<User>> {
        if !self.settings().provision.iter().any(|known| known == instance) {
            return Err(Failure::BadCredential);
        }
        let mut email = identity.email_hint.as_deref().and_then(|text| checked_email(text).ok());
        let suggested = identity.name_hint.as_deref().unwrap_or(&identity.subject);
        let mut names = names(suggested);
        let mut name = names.next();
        while let Some(wanted) = &name {
            let new = NewUser {
                name: wanted.clone(),
                full_name: String::new(),
                email: email.clone(),
                email_verified: email.is_some(),
                administrator: false,
                created_at: self.now(),
            };
            let details = json!({ "instance": instance, "subject": identity.subject, "email": email });
            let noted = self.noting(By::Newcomer(wanted), "user.provision", user_object(wanted), details);
            match noted.register_user(new, instance, &identity.subject, None).await {
                Ok(user) => return user.map(Arc::new).ok_or(Failure::BadCredential),
                Err(error) => match Clash::of(&error) {
                    Some(Clash::Namespace) => name = names.next(),
                    Some(Clash::Email) if email.is_some() => email = None,
                    // Another request of the same newcomer was faster.
                    Some(Clash::Identity) => {
                        let found = self.catalog().find_identity(instance, &identity.subject).await?;
                        return found.ok_or(Failure::BadCredential);
                    }
                    _ => return Err(error.into()),
                },
            }
        }
        let why = format!("No name like '{}' is free here: ask whoever runs this hub", suggested.escape_debug());
        Err(Failure::Conflict(why))
    }
}

/// What somebody may be called, the best first.
fn names(suggested: &str) -> impl Iterator<Item = Name> {
    // Of an address, what stands before the host.
    let local = suggested.split('@').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
    let text: String = local.chars().map(plain).take(Name::MAX - 8).collect();
    let parts: Vec<&str> = text.split(['-', '.']).filter(|part| !part.is_empty()).collect();
    let base = if parts.is_empty() { "user".to_owned() } else { parts.join("-") };
    let numbered = move |number: u32| match number {
        1 => base.clone(),
        _ => format!("{base}-{number}"),
    };
    let names = (1..=TRIES).filter_map(move |number| numbered(number).parse::<Name>().ok());
    names.filter(|name| !name.is_reserved())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(suggested: &str, count: usize) -> Vec<String> {
        names(suggested).take(count).map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_suggestion_becomes_a_name_and_those_that_are_like_it() {
        assert_eq!(first("ada", 3), ["ada", "ada-2", "ada-3"]);
        assert_eq!(first("Ada.Lovelace@example.org", 1), ["Ada-Lovelace"]);
        assert_eq!(first("ü--ber mensch.git", 1), ["ber-mensch-git"]);
        assert_eq!(first("@", 2), ["user-2", "user-3"]);
        assert_eq!(first("admin", 1), ["admin-2"], "what the hub's own pages are called is nobody's");
        assert!(first(&"x".repeat(500), 50).iter().all(|name| name.len() <= Name::MAX));
    }
}
