//! Which uniqueness a refused row would have broken.

use ballast_database::Error;

/// What is taken already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clash {
    /// A user's or organisation's name, or another spelling of it.
    Namespace,
    /// A user's e-mail address, in whatever case.
    Email,
    /// A repository's name, or another spelling of it, among those of its kind in its namespace.
    Repository,
    /// An identity that is linked to somebody else.
    Identity,
}

impl Clash {
    /// The clash that an error tells of; none for any other error.
    ///
    /// SQLite names the columns (`UNIQUE constraint failed: users.email_lower`), PostgreSQL the constraint
    /// (`users_email_lower_key`): both name the table.
    pub fn of(error: &Error) -> Option<Self> {
        let Error::Exists { constraint } = error else { return None };
        let tables = [
            ("namespaces", Self::Namespace),
            ("users", Self::Email),
            ("repositories", Self::Repository),
            ("identities", Self::Identity),
        ];
        tables.into_iter().find(|(table, _)| constraint.contains(table)).map(|(_, clash)| clash)
    }
}
