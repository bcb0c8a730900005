use ballast_services::{Daily, Day, Like, Liker, Series, Trending};
use ballast_types::Visibility;
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;

use crate::base_url::BaseUrl;
use crate::paged::{Paged, PagedObject};

/// That somebody likes a repository now, or no more.
#[derive(Object)]
pub struct LikeChanged {
    pub success: bool,
    pub message: String,
    pub likes_count: u64,
}

/// Whether the caller likes a repository.
#[derive(Object)]
pub struct IsLiked {
    pub liked: bool,
}

/// Somebody who likes a repository.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct LikerItem {
    pub user: String,
    pub fullname: String,
    /// Where the picture is, if there is one.
    pub avatar_url: String,
}

impl LikerItem {
    pub fn new(liker: Liker, base: &BaseUrl) -> Self {
        let avatar_url = base.join(&format!("/api/users/{}/avatar", liker.name));
        Self { user: liker.name.to_string(), fullname: liker.full_name, avatar_url }
    }
}

/// Those who like a repository, and how many there are.
#[derive(Object)]
pub struct LikerList {
    pub likers: Vec<NamedLiker>,
    pub total: u64,
}

/// Somebody who likes a repository.
#[derive(Object)]
pub struct NamedLiker {
    pub username: String,
    pub full_name: String,
}

impl From<Liker> for NamedLiker {
    fn from(liker: Liker) -> Self {
        Self { username: liker.name.to_string(), full_name: liker.full_name }
    }
}

/// Those who like a repository: a bare list, as clients read it, or with `format=full` an object.
pub enum Likers {
    List(Paged<LikerItem>),
    Full(PagedObject<LikerList>),
}

impl IntoResponse for Likers {
    fn into_response(self) -> Response {
        match self {
            Self::List(list) => list.into_response(),
            Self::Full(object) => object.into_response(),
        }
    }
}

impl ApiResponse for Likers {
    fn meta() -> MetaResponses {
        let mut meta = Paged::<LikerItem>::meta();
        let either =
            MetaSchema { one_of: vec![Vec::<LikerItem>::schema_ref(), LikerList::schema_ref()], ..MetaSchema::ANY };
        for content in meta.responses.iter_mut().flat_map(|response| &mut response.content) {
            content.schema = MetaSchemaRef::Inline(Box::new(either.clone()));
        }
        meta
    }

    fn register(registry: &mut Registry) {
        LikerItem::register(registry);
        LikerList::register(registry);
    }
}

/// A repository that somebody likes.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct LikeItem {
    pub created_at: String,
    pub repo: LikedRepo,
}

/// A repository's name and type.
#[derive(Object, Serialize)]
pub struct LikedRepo {
    /// `namespace/name`
    pub name: String,
    /// `model`, `dataset` or `space`.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
}

impl From<Like> for LikeItem {
    fn from(like: Like) -> Self {
        let repo = LikedRepo { name: like.id.to_string(), kind: like.kind.to_string() };
        Self { created_at: like.at.to_string(), repo }
    }
}

/// How often a repository was downloaded, and how many like it.
#[derive(Object)]
pub struct RepositoryStats {
    pub downloads: u64,
    pub likes: u64,
}

/// The days that an answer is about, first and last included.
#[derive(Object)]
pub struct Period {
    /// `2026-11-01`
    pub start: String,
    pub end: String,
    pub days: u32,
}

/// A day as `2026-11-21`.
fn written(day: Day) -> String {
    day.start().to_string().chars().take(10).collect()
}

impl Period {
    pub fn new(start: Day, end: Day, days: u32) -> Self {
        Self { start: written(start), end: written(end), days }
    }
}

/// Downloads of one day.
#[derive(Object)]
pub struct DailyStats {
    pub date: String,
    /// What a visitor fetches within a quarter of an hour is one.
    pub downloads: u64,
    /// Those by users of this hub.
    pub authenticated: u64,
    pub anonymous: u64,
    /// Files that were asked for.
    pub files: u64,
}

impl From<Daily> for DailyStats {
    fn from(daily: Daily) -> Self {
        Self {
            date: written(daily.day),
            downloads: daily.known + daily.anonymous,
            authenticated: daily.known,
            anonymous: daily.anonymous,
            files: daily.files,
        }
    }
}

/// Downloads by day.
#[derive(Object)]
pub struct RecentStats {
    /// Every day of the period, oldest first.
    pub stats: Vec<DailyStats>,
    pub period: Period,
}

impl RecentStats {
    pub fn new(series: Series, days: u32) -> Self {
        let ends = (series.days.first(), series.days.last());
        let (start, end) = match ends {
            (Some(first), Some(last)) => (first.day, last.day),
            _ => (Day(0), Day(0)),
        };
        Self { stats: series.days.into_iter().map(DailyStats::from).collect(), period: Period::new(start, end, days) }
    }
}

/// A repository that is downloaded much these days.
#[derive(Object)]
pub struct TrendingRepository {
    /// `namespace/name`
    pub id: String,
    /// `model`, `dataset` or `space`.
    #[oai(rename = "type")]
    pub kind: String,
    pub downloads: u64,
    pub likes: u64,
    /// In the period.
    pub recent_downloads: u64,
    pub private: bool,
}

impl From<Trending> for TrendingRepository {
    fn from(trending: Trending) -> Self {
        let info = trending.repository;
        Self {
            id: info.id.to_string(),
            kind: info.kind.to_string(),
            downloads: info.downloads,
            likes: info.likes,
            recent_downloads: trending.recent_downloads,
            private: info.visibility == Visibility::Private,
        }
    }
}

/// What is downloaded most these days.
#[derive(Object)]
pub struct TrendingList {
    pub trending: Vec<TrendingRepository>,
    pub period: Period,
}
