//! Who the caller is, in full.

use ballast_catalog::User;
use ballast_contract::auth::CredentialInfo;
use ballast_types::Name;

use crate::{Caller, Hub, Result};

/// The caller, as it sees itself.
#[derive(Clone, Debug)]
pub struct Whoami {
    pub user: User,
    pub organizations: Vec<Membership>,
    pub credential: CredentialInfo,
}

/// One organisation of a user.
#[derive(Clone, Debug)]
pub struct Membership {
    pub name: Name,
    pub full_name: String,
    /// `visitor`, `member`, `admin` or `super-admin`.
    pub role: &'static str,
}

/// More organisations than this are not shown.
const MAX_ORGANIZATIONS: usize = 1000;

impl Hub {
    /// The caller's own account. `CredentialRequired` for nobody.
    pub fn own_account(&self, caller: &Caller) -> Result<User> {
        Ok(User::clone(&caller.known()?.user))
    }

    /// The user behind a credential. `CredentialRequired` for nobody.
    pub async fn whoami(&self, caller: &Caller) -> Result<Whoami> {
        let known = caller.known()?;
        let found = self.catalog().memberships(known.user.key, None, MAX_ORGANIZATIONS).await?;
        let membership = |(organization, role): (ballast_catalog::Organization, ballast_catalog::OrgRole)| Membership {
            name: organization.name,
            full_name: organization.full_name,
            role: role.as_str(),
        };
        let organizations = found.into_iter().map(membership).collect();
        Ok(Whoami { user: User::clone(&known.user), organizations, credential: known.credential.clone() })
    }
}
