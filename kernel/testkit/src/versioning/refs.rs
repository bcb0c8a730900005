//! Refs and revisions.

use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{Annotation, Ref, RefUpdate, Versioning};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, Revision, Signature, Timestamp};

use super::repo::*;

fn update(name: &str, old: Option<CommitId>, new: Option<CommitId>) -> RefUpdate {
    RefUpdate { name: name.parse().unwrap(), old, new, annotation: None }
}

impl Repo {
    pub(super) async fn resolve(&self, text: &str) -> Option<CommitId> {
        match self.engine.resolve(self.key, &Revision::new(text)).await {
            Ok(id) => Some(id),
            Err(error) if error.is(ErrorKind::NotFound) => None,
            Err(error) => panic!("{error}"),
        }
    }

    async fn refs(&self, prefix: &str) -> Vec<Ref> {
        pages(2, async |after| self.engine.refs(self.key, prefix, after, 2).await).await
    }

    async fn names(&self, prefix: &str) -> Vec<String> {
        self.refs(prefix).await.into_iter().map(|one| one.name.to_string()).collect()
    }

    async fn move_refs(&self, updates: &[RefUpdate]) -> std::result::Result<(), ErrorKind> {
        self.engine.update_refs(self.key, updates).await.map_err(|error| error.kind)
    }
}

pub async fn a_revision_is_resolved_in_the_promised_order(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(repo.commit_new(vec![put("a", &n.to_string())]).await);
    }
    let beginning = ids[0].to_string()[..9].to_owned();
    let updates = [
        update("refs/heads/v1", None, Some(ids[1])),
        update("refs/tags/v1", None, Some(ids[2])),
        update("refs/tags/t/x.y", None, Some(ids[3])),
        update("refs/pr/1", None, Some(ids[4])),
        update("refs/heads/pr/1", None, Some(ids[0])),
        update(&format!("refs/heads/{}", &ids[1].to_string()[..9]), None, Some(ids[3])),
    ];
    repo.move_refs(&updates).await.unwrap();
    for (text, expected) in [
        (ids[2].to_string().as_str(), ids[2]),
        (ids[2].to_string().to_uppercase().as_str(), ids[2]),
        ("main", ids[5]),
        ("refs/heads/main", ids[5]),
        ("heads/main", ids[5]),
        ("v1", ids[1]),
        ("refs/tags/v1", ids[2]),
        ("tags/v1", ids[2]),
        ("t/x.y", ids[3]),
        ("refs/pr/1", ids[4]),
        ("pr/1", ids[0]),
        (&ids[1].to_string()[..9], ids[3]),
        (&beginning, ids[0]),
        (&ids[0].to_string()[..39], ids[0]),
    ] {
        assert_eq!(repo.resolve(text).await, Some(expected), "{text}");
    }
    let (foreign, short) = ("f".repeat(40), &ids[0].to_string()[..6]);
    for text in ["", "none", "MAIN", "t", "refs/heads", "main\0", "a b", "../x", &foreign, short, &"x".repeat(5000)] {
        assert_eq!(repo.resolve(text).await, None, "{text:?}");
    }
}

pub async fn an_unborn_branch_is_listed_and_not_resolved(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    assert_eq!(repo.refs("").await, [Ref { name: main(), commit: None, tag: None }]);
    assert_eq!(repo.resolve("main").await, None);
    let tip = repo.commit_new(vec![put("a", "1")]).await;
    assert_eq!(repo.refs("").await, [Ref { name: main(), commit: Some(tip), tag: None }]);
}

pub async fn refs_are_listed_by_name_below_a_prefix(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let tip = repo.commit_new(vec![put("a", "1")]).await;
    let names = ["refs/heads/Z", "refs/heads/a-b", "refs/heads/a/b", "refs/heads/ü", "refs/pr/1", "refs/tags/v1.0"];
    repo.move_refs(&names.map(|name| update(name, None, Some(tip)))).await.unwrap();
    let mut all = names.to_vec();
    all.push("refs/heads/main");
    all.sort_unstable();
    assert_eq!(repo.names("").await, all, "by their bytes");
    assert_eq!(repo.names("refs/tags/").await, ["refs/tags/v1.0"]);
    assert_eq!(repo.names("refs/heads/a").await, ["refs/heads/a-b", "refs/heads/a/b"]);
    assert_eq!(repo.names("refs/x").await, [""; 0]);
    assert_eq!(repo.names("refs/heads_").await, [""; 0], "a prefix is no pattern");
    assert_eq!(repo.names("\0").await, [""; 0]);
}

pub async fn refs_move_all_together_or_not_at_all(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let (a, b) = (repo.commit_new(vec![put("a", "1")]).await, repo.commit_new(vec![put("a", "2")]).await);
    let good = update("refs/heads/good", None, Some(a));
    repo.move_refs(&[update("refs/heads/x", None, Some(a))]).await.unwrap();
    let before = repo.refs("").await;
    for (bad, kind) in [
        (update("refs/heads/x", None, Some(a)), ErrorKind::AlreadyExists),
        (update("refs/heads/x", Some(b), Some(a)), ErrorKind::Conflict),
        (update("refs/heads/x", Some(b), None), ErrorKind::Conflict),
        (update("refs/heads/none", Some(a), Some(b)), ErrorKind::Conflict),
        (update("refs/heads/none", Some(a), None), ErrorKind::NotFound),
        (update("refs/heads/y", None, Some(CommitId([1; 20]))), ErrorKind::NotFound),
        (update("refs/heads/x", Some(a), Some(CommitId([1; 20]))), ErrorKind::NotFound),
    ] {
        assert_eq!(repo.move_refs(&[good.clone(), bad.clone()]).await, Err(kind), "{bad:?}");
        assert_eq!(repo.refs("").await, before, "{bad:?}");
    }
    let moves = [
        good,
        update("refs/heads/x", Some(a), Some(b)),
        update("refs/heads/main", Some(b), None),
        update("refs/pr/7", None, Some(b)),
    ];
    repo.move_refs(&moves).await.unwrap();
    assert_eq!(repo.names("").await, ["refs/heads/good", "refs/heads/x", "refs/pr/7"]);
    assert_eq!((repo.resolve("x").await, repo.resolve("good").await), (Some(b), Some(a)));
    repo.move_refs(&[]).await.unwrap();
}

pub async fn a_ref_cannot_be_a_folder_of_another(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let a = repo.commit_new(vec![put("a", "1")]).await;
    repo.move_refs(&[update("refs/heads/x/y", None, Some(a)), update("refs/heads/x.z", None, Some(a))]).await.unwrap();
    for (name, other) in [("refs/heads/x", "refs/heads/x/y"), ("refs/heads/x/y/z", "refs/heads/x/y")] {
        let error = engine.update_refs(repo.key, &[update(name, None, Some(a))]).await.unwrap_err();
        assert!(error.is(ErrorKind::AlreadyExists) && error.context.contains(other), "{error}");
    }
    let both = [update("refs/heads/n", None, Some(a)), update("refs/heads/n/m", None, Some(a))];
    assert_eq!(repo.move_refs(&both).await, Err(ErrorKind::AlreadyExists));
    // In one step, the one may make room for the other.
    let moves = [update("refs/heads/x", None, Some(a)), update("refs/heads/x/y", Some(a), None)];
    repo.move_refs(&moves).await.unwrap();
    assert_eq!(repo.resolve("x").await, Some(a));
}

pub async fn an_annotated_tag_has_an_object_and_a_commit(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let a = repo.commit_new(vec![put("a", "1")]).await;
    let tagger = Signature::new("Ada", "ada@example.org");
    let annotation = Annotation { tagger, time: Timestamp::from_seconds(1_700_000_000), message: "One\n".to_owned() };
    let annotated = RefUpdate { annotation: Some(annotation), ..update("refs/tags/v1", None, Some(a)) };
    repo.move_refs(&[annotated, update("refs/tags/light", None, Some(a))]).await.unwrap();
    let text = format!("object {a}\ntype commit\ntag v1\ntagger Ada <ada@example.org> 1700000000 +0000\n\nOne\n");
    let tag = Some(object_id(ObjectKind::Tag, text.as_bytes()));
    let found = repo.refs("refs/tags/").await;
    assert_eq!(found[0], Ref { name: "refs/tags/light".parse().unwrap(), commit: Some(a), tag: None });
    assert_eq!(found[1], Ref { name: "refs/tags/v1".parse().unwrap(), commit: Some(a), tag });
    assert_eq!(repo.resolve("v1").await, Some(a), "through the tag");
    repo.move_refs(&[update("refs/tags/v1", Some(a), None)]).await.unwrap();
    assert_eq!(repo.resolve("v1").await, None);
}

pub async fn branches_and_proposals_take_commits(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let a = repo.commit_new(vec![put("a", "1")]).await;
    for name in ["refs/heads/feature/x.y", "refs/pr/12"] {
        repo.move_refs(&[update(name, None, Some(a))]).await.unwrap();
        let mut request = repo.request(vec![put("b", name)]);
        request.branch = name.parse().unwrap();
        let tip = engine.commit(request).await.unwrap().tip();
        assert_eq!(repo.resolve(name).await, Some(tip));
        assert_eq!(repo.files(tip).await.len(), 2);
    }
    assert_eq!(repo.tip().await, Some(a));
}
