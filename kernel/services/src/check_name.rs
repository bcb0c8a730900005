//! Whether a name is free, for whoever fills in a form.

use ballast_types::{Name, RepoId, RepoKind};

use crate::{Caller, Hub, Result};

/// What would become of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameCheck {
    pub available: bool,
    /// Lower case without `-` and `_`: two names that agree in it are one.
    pub normalized: String,
    /// What has the name already, as far as the caller may know of it.
    pub conflict: Option<String>,
    pub message: String,
}

impl NameCheck {
    fn taken(name: &Name, conflict: String) -> Self {
        let message = format!("The name conflicts with '{conflict}': case, '-' and '_' make no difference");
        Self { available: false, normalized: name.normalized(), conflict: Some(conflict), message }
    }

    fn free(name: &Name) -> Self {
        Self {
            available: true,
            normalized: name.normalized(),
            conflict: None,
            message: format!("The name '{name}' is available"),
        }
    }

    fn impossible(name: &str, message: String) -> Self {
        let normalized = name.chars().filter(|c| !matches!(c, '-' | '_')).take(Name::MAX).collect::<String>();
        Self { available: false, normalized: normalized.to_lowercase(), conflict: None, message }
    }
}

impl Hub {
    /// Whether a user, an organisation or (with a kind) a repository could have this name. A repository that the caller
    /// may not see keeps nobody from being told that its name is free: it is not told of.
    pub async fn check_name(
        &self,
        caller: &Caller,
        name: &str,
        namespace: Option<&str>,
        kind: Option<RepoKind>,
    ) -> Result<NameCheck> {
        let parsed = match name.parse::<Name>() {
            Ok(parsed) => parsed,
            Err(why) => return Ok(NameCheck::impossible(name, why.to_string())),
        };
        let own = caller.user_name().map(Name::as_str);
        match (namespace.or(own.filter(|_| kind.is_some())), kind) {
            (Some(namespace), kind) => {
                self.check_repository_name(caller, parsed, namespace, kind.unwrap_or(RepoKind::Model)).await
            }
            (None, _) => self.check_namespace_name(parsed).await,
        }
    }

    async fn check_namespace_name(&self, name: Name) -> Result<NameCheck> {
        if name.is_reserved() {
            let why = format!("The name '{name}' is reserved for the hub's own pages");
            return Ok(NameCheck::impossible(name.as_str(), why));
        }
        let taken = self.catalog().find_similar_namespace(&name).await?;
        Ok(taken.map_or_else(|| NameCheck::free(&name), |taken| NameCheck::taken(&name, taken.name.to_string())))
    }

    async fn check_repository_name(
        &self,
        caller: &Caller,
        name: Name,
        namespace: &str,
        kind: RepoKind,
    ) -> Result<NameCheck> {
        let absent = || format!("There is no user or organisation '{}'", namespace.escape_debug());
        let found = match namespace.parse::<Name>() {
            Ok(namespace) => self.catalog().find_namespace(&namespace).await?,
            Err(_) => None,
        };
        let Some(owner) = found else { return Ok(NameCheck::impossible(name.as_str(), absent())) };
        let Some(there) = self.catalog().find_namesake(kind, owner.key, &name).await? else {
            return Ok(NameCheck::free(&name));
        };
        let id = RepoId { namespace: owner.name.clone(), name: there };
        let visible = self.sees_private(caller, owner.key, owner.kind).await?
            || self.readable(caller, kind, owner.name.as_str(), id.name.as_str()).await.is_ok();
        Ok(if visible { NameCheck::taken(&name, id.to_string()) } else { NameCheck::free(&name) })
    }
}
