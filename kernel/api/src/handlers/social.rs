use ballast_types::RepoKind;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::{Group, kind};
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::paged::{Paged, PagedObject};
use crate::wire::{
    IsLiked, Kinds, LikeChanged, LikeItem, LikerItem, LikerList, Likers, Period, RecentStats, RepositoryStats,
    TrendingList,
};

pub struct Social;

#[OpenApi(tag = "Group::Social")]
impl Social {
    /// Like a repository
    ///
    /// Whoever may see it may. 400 where the caller likes it already.
    #[oai(path = "/api/:kinds/:namespace/:name/like", method = "post", operation_id = "like_repository")]
    async fn like_repository(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<LikeChanged>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let likes_count = repository.like().await?;
        Ok(Json(LikeChanged { success: true, message: "Repository liked successfully".to_owned(), likes_count }))
    }

    /// Like a repository no more
    ///
    /// 400 where the caller does not like it.
    #[oai(path = "/api/:kinds/:namespace/:name/like", method = "delete", operation_id = "unlike_repository")]
    async fn unlike_repository(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<LikeChanged>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let likes_count = repository.unlike().await?;
        Ok(Json(LikeChanged { success: true, message: "Repository unliked successfully".to_owned(), likes_count }))
    }

    /// Do I like a repository?
    ///
    /// False for an anonymous caller.
    #[oai(path = "/api/:kinds/:namespace/:name/like", method = "get", operation_id = "is_repository_liked")]
    async fn is_repository_liked(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<IsLiked>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        Ok(Json(IsLiked { liked: repository.is_liked().await? }))
    }

    /// List who likes a repository
    ///
    /// With their names and avatars; `format=full` says also how many they are.
    #[oai(path = "/api/:kinds/:namespace/:name/likers", method = "get", operation_id = "list_likers")]
    #[allow(clippy::too_many_arguments)]
    async fn list_likers(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
        /// `full`: an object with the number of all.
        format: Query<Option<String>>,
    ) -> Answer<Likers> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let page = repository.likers(cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(match format.0.as_deref() {
            Some("full") => {
                let likers = page.items.into_iter().map(Into::into).collect();
                Likers::Full(PagedObject::new(LikerList { likers, total: repository.count_likes() }, next))
            }
            _ => {
                let items = page.items.into_iter().map(|liker| LikerItem::new(liker, &call.base)).collect();
                Likers::List(Paged::new(items).followed_by(next))
            }
        })
    }

    /// List what a user likes
    ///
    /// As far as the caller may see it.
    #[oai(path = "/api/users/:username/likes", method = "get", operation_id = "list_user_likes")]
    async fn list_user_likes(
        &self,
        call: OpenCall,
        username: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<LikeItem>> {
        let page = call.hub.likes_of(&call.caller, &username, cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(Paged::new(page.items.into_iter().map(LikeItem::from).collect()).followed_by(next))
    }

    /// Get a repository's downloads and likes
    ///
    /// Downloads are counted once for each visitor and quarter of an hour.
    #[oai(path = "/api/:kinds/:namespace/:name/stats", method = "get", operation_id = "get_repository_stats")]
    async fn get_repository_stats(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<RepositoryStats>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        Ok(Json(RepositoryStats { downloads: repository.count_downloads(), likes: repository.count_likes() }))
    }

    /// Get a repository's downloads by day
    ///
    /// One entry for each day, also for those without a download.
    #[oai(path = "/api/:kinds/:namespace/:name/stats/recent", method = "get", operation_id = "get_recent_stats")]
    async fn get_recent_stats(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// 1 to 365, by default 30: today and the days before.
        days: Query<Option<u32>>,
    ) -> Answer<Json<RecentStats>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let days = days.0.unwrap_or(30);
        Ok(Json(RecentStats::new(repository.recent_downloads(days).await?, days)))
    }

    /// List what is downloaded most these days
    ///
    /// Of what the caller may see; younger downloads count more.
    #[oai(path = "/api/trending", method = "get", operation_id = "list_trending")]
    async fn list_trending(
        &self,
        call: OpenCall,
        /// `model` (by default), `dataset` or `space`.
        repo_type: Query<Option<String>>,
        /// 1 to 365, by default 7: today and the days before.
        days: Query<Option<u32>>,
        /// 1 to 100, by default 20.
        limit: Query<Option<usize>>,
    ) -> Answer<Json<TrendingList>> {
        let kind: RepoKind = kind(repo_type.0.as_deref())?;
        let days = days.0.unwrap_or(7);
        let (trending, [start, end]) = call.hub.trending(&call.caller, kind, days, limit.0).await?;
        let trending = trending.into_iter().map(Into::into).collect();
        Ok(Json(TrendingList { trending, period: Period::new(start, end, days) }))
    }
}
