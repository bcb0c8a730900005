//! Likes: who likes which repository.

use ballast_catalog::Liked;
use ballast_contract::Page;
use ballast_contract::auth::Role;
use ballast_types::{Name, RepoId, RepoKey, RepoKind, Timestamp, UserKey};

use crate::caller::Known;
use crate::paging::{after, page_size, paged};
use crate::{Caller, Failure, Hub, Readable, Result};

/// Somebody who likes a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liker {
    pub name: Name,
    pub full_name: String,
}

/// A repository that somebody likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    pub kind: RepoKind,
    pub id: RepoId,
    /// Since when.
    pub at: Timestamp,
}

impl Readable {
    /// The caller likes it from now on; answers how many do. `Invalid` where they did already.
    pub async fn like(&self) -> Result<u64> {
        let known = self.somebody()?;
        let liked = self.hub.catalog().like(self.key(), known.user.key, self.hub.now()).await?;
        self.changed_mind(liked, "You like it already")
    }

    /// The caller likes it no more; answers how many do. `Invalid` where they did not.
    pub async fn unlike(&self) -> Result<u64> {
        let known = self.somebody()?;
        let liked = self.hub.catalog().unlike(self.key(), known.user.key).await?;
        self.changed_mind(liked, "You do not like it")
    }

    fn somebody(&self) -> Result<&Known> {
        let known = self.caller.known_for(self.key())?;
        match known.credential.role {
            Role::Read => Err(Failure::Forbidden("Liking takes a token with role write".to_owned())),
            Role::Write | Role::Admin => Ok(known),
        }
    }

    fn changed_mind(&self, Liked { changed, likes }: Liked, otherwise: &str) -> Result<u64> {
        match changed {
            true => Ok(likes),
            false => Err(Failure::Invalid(format!("{otherwise}: '{}'", self.id()))),
        }
    }

    /// Whether the caller likes it; nobody likes nothing.
    pub async fn is_liked(&self) -> Result<bool> {
        match self.caller.known_for(self.key()) {
            Ok(known) => Ok(self.hub.catalog().likes(self.key(), known.user.key).await?),
            Err(_) => Ok(false),
        }
    }

    /// How many like it.
    pub fn count_likes(&self) -> u64 {
        self.repository.likes
    }

    /// Who likes it: 100 at a time unless asked, at most 1000.
    pub async fn likers(&self, cursor: Option<&str>, limit: Option<usize>) -> Result<Page<Liker>> {
        let limit = page_size(limit, 100, 1000);
        let after = after(cursor)?.map(UserKey);
        let found = self.hub.catalog().likers(self.key(), after, limit + 1).await?;
        let page = paged(found, limit, |user| user.key.0);
        let liker = |user: ballast_catalog::User| Liker { name: user.name, full_name: user.full_name };
        Ok(Page { items: page.items.into_iter().map(liker).collect(), next: page.next })
    }
}

impl Hub {
    /// What a user likes, as far as the caller may see it: 100 at a time unless asked, at most 1000.
    pub async fn likes_of(
        &self,
        caller: &Caller,
        user: &str,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<Like>> {
        let absent = || Failure::NotFound(format!("There is no user '{}'", user.escape_debug()));
        let name: Name = user.parse().map_err(|_| absent())?;
        let user = self.catalog().find_user(&name).await?.ok_or_else(absent)?;
        let limit = page_size(limit, 100, 1000);
        let after = after(cursor)?.map(RepoKey);
        let found = self.catalog().liked_by(user.key, caller.viewer(), after, limit + 1).await?;
        let page = paged(found, limit, |liked| liked.repository.key.0);
        let like = |liked: ballast_catalog::LikedRepository| Like {
            kind: liked.repository.kind,
            id: RepoId { namespace: liked.namespace, name: liked.repository.name },
            at: liked.at,
        };
        let items = self.listed_by_rules(caller, page.items, |liked| &liked.repository).await?;
        Ok(Page { items: items.into_iter().map(like).collect(), next: page.next })
    }
}
