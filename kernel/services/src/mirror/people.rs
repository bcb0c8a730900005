//! Users and organisations of other hubs, as far as those say who they are.

use std::sync::Arc;
use std::time::Duration;

use ballast_catalog::NamespaceKind;
use ballast_contract::downloader::SourceProfile;
use ballast_contract::{Error, ErrorKind};
use ballast_types::{Name, Timestamp};

use super::{MirrorParts, MirrorSource, Provenance};
use crate::{Failure, Hub, Result};

impl Hub {
    /// What other hubs that are mirrored say of a name that is none of this hub; the failure itself where they say nothing.
    pub async fn known_elsewhere(
        &self,
        failure: Failure,
        name: &str,
        kind: Option<NamespaceKind>,
    ) -> Result<(SourceProfile, Provenance)> {
        let Some(parts) = self.mirrors().parts.clone() else { return Err(failure) };
        let Ok(name) = name.parse::<Name>() else { return Err(failure) };
        if !matches!(failure, Failure::NotFound(_)) {
            return Err(failure);
        }
        if self.catalog().find_namespace(&name).await?.is_some() {
            return Err(failure);
        }
        for source in parts.sources.iter().filter(|source| source.rules.takes_namespace(&name)) {
            let Some((profile, provenance)) = self.profile_at(&parts, source, &name).await? else { continue };
            let found = if profile.is_organization { NamespaceKind::Organization } else { NamespaceKind::User };
            return match kind.is_none_or(|kind| kind == found) {
                true => Ok((profile, provenance)),
                false => Err(failure),
            };
        }
        Err(failure)
    }

    /// None where that hub knows nobody of that name.
    async fn profile_at(
        &self,
        parts: &MirrorParts,
        source: &MirrorSource,
        name: &Name,
    ) -> Result<Option<(SourceProfile, Provenance)>> {
        let endpoint = source.downloader.endpoint();
        let (key, people) = ((endpoint.clone(), name.lower()), &self.mirrors().people);
        let known = people.get(&key);
        let is_fresh = |at: &Timestamp| at.after(parts.fresh) > self.now();
        let (profile, stale) = match known {
            Some((profile, at)) if is_fresh(&at) => (profile, None),
            known => match self.ask_for(parts, source, name, known.is_some()).await {
                Ok(profile) => {
                    people.insert(key, (profile.clone(), self.now()));
                    (profile, None)
                }
                Err(error) => {
                    let (profile, at) = known.ok_or(Failure::Remote(error))?;
                    let age = u64::try_from(self.now().0 - at.0).unwrap_or(0);
                    (profile, Some(Duration::from_millis(age)))
                }
            },
        };
        Ok(profile.map(|profile| ((*profile).clone(), Provenance { source: endpoint, stale })))
    }

    /// Whoever knows something already waits less long.
    async fn ask_for(
        &self,
        parts: &MirrorParts,
        source: &MirrorSource,
        name: &Name,
        known: bool,
    ) -> std::result::Result<Option<Arc<SourceProfile>>, Error> {
        let endpoint = source.downloader.endpoint();
        let unreachable = |why: String| Error::new(ErrorKind::Unavailable, "mirror.profile", why);
        if known && self.mirrors().unreachable.contains_key(&endpoint) {
            return Err(unreachable(format!("{endpoint} cannot be reached")));
        }
        let limit = if known { parts.patience } else { super::look::LIMIT };
        let told = tokio::time::timeout(limit, source.downloader.profile(name)).await;
        match told.unwrap_or_else(|_| Err(unreachable(format!("{endpoint} has not answered within {limit:?}")))) {
            Ok(profile) => Ok(Some(Arc::new(profile))),
            Err(error) if error.is(ErrorKind::NotFound) || error.is(ErrorKind::Unauthenticated) => Ok(None),
            Err(error) => {
                self.mirrors().unreachable.insert(endpoint, ());
                Err(error)
            }
        }
    }
}
