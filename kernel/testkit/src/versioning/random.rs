//! Random commits, compared with the model.

use std::sync::Arc;

use ballast_contract::versioning::{Change, Committed, Node, Versioning};
use ballast_types::RepoPath;

use super::model::{Model, is_below};
use super::repo::*;
use crate::Random;

/// Few names, of which some begin others: collisions are wanted.
const NAMES: &[&str] = &["a", "b", "a.b", "a-b", "a0", "x y", "ü", "Z", "_", "~"];

fn any_path(random: &Random) -> String {
    let depth = 1 + random.below(4);
    let mut name = |_| match random.below(3) {
        0 => format!("f{}", random.below(200)),
        _ => NAMES[random.below(NAMES.len())].to_owned(),
    };
    (0..depth).map(&mut name).collect::<Vec<_>>().join("/")
}

fn any_node(random: &Random) -> Node {
    let text = format!("text {}", random.below(40));
    match random.below(10) {
        0 => Node::Symlink { file: regular(&text) },
        1 => Node::Submodule { commit: ballast_types::GitOid([random.below(5) as u8; 20]) },
        2 => Node::File { file: regular(&text), executable: true },
        3 | 4 => large(&text, 1_000_000 + text.len() as u64),
        _ => file(&text),
    }
}

/// Some steps, of which most but not all make sense on the model's tip.
pub(super) fn changes(random: &Random, model: &Model, count: usize) -> Vec<Change> {
    let files = model.files();
    let existing: Vec<&String> = files.keys().collect();
    let mut free: Vec<String> = existing.iter().map(|path| (*path).clone()).collect();
    let mut changes = Vec::new();
    while changes.len() < count {
        let fresh = any_path(random);
        let clashes = free.iter().any(|path| is_below(path, &fresh) || is_below(&fresh, path));
        let known = existing.get(random.below(existing.len().max(1)));
        match (random.below(100), known) {
            // Now and then a step that may be refused, and the whole commit with it.
            (0, _) => changes.push(Change::Put { path: path(&fresh), node: any_node(random) }),
            (1, _) => changes.push(delete(&fresh)),
            (2..=20, Some(known)) => {
                changes.push(Change::Put { path: path(known), node: any_node(random) });
                free.push((*known).clone());
            }
            (21..=30, Some(known)) if free.contains(known) => {
                free.retain(|path| path != *known);
                changes.push(delete(known));
            }
            (31..=33, Some(known)) if known.contains('/') => {
                let folder = &known[..known.rfind('/').unwrap_or(0)];
                if free.iter().any(|path| is_below(path, folder)) {
                    free.retain(|path| !is_below(path, folder));
                    changes.push(delete_folder(folder));
                }
            }
            (34..=45, Some(_)) if !clashes => {
                let (at, files) = &model.commits[random.below(model.commits.len())];
                if let Some(from) = files.keys().nth(random.below(files.len().max(1))) {
                    changes.push(copy(from, Some(*at).filter(|_| random.below(4) > 0), &fresh));
                    free.push(fresh);
                }
            }
            _ if !clashes => {
                changes.push(Change::Put { path: path(&fresh), node: any_node(random) });
                free.push(fresh);
            }
            _ => {}
        }
    }
    changes
}

pub async fn random_commits_agree_with_the_model(engine: &Arc<dyn Versioning>) {
    let (mut made, mut refused) = (0, 0);
    for seed in [1, 2, 3] {
        let repo = Repo::new(engine).await;
        let (mut model, random) = (Model::default(), Random::new(seed));
        for round in 0..25 {
            let mut request = repo.request(Vec::new());
            let count = if round == 3 { 600 } else { 1 + random.below(30) };
            request.changes = changes(&random, &model, count);
            let answer = engine.commit(request.clone()).await;
            let tip = model.commits.last().map(|(id, _)| *id);
            match (model.commit(&request), answer) {
                (Ok(Some(id)), Ok(answer)) => {
                    assert_eq!(answer, Committed::New(id), "seed {seed}, round {round}");
                    made += 1;
                }
                (Ok(None), Ok(answer)) => assert_eq!(Some(answer), tip.map(Committed::Unchanged)),
                (Err(kind), Err(error)) => {
                    assert_eq!(error.kind, kind, "seed {seed}, round {round}: {error}");
                    refused += 1;
                }
                (model, engine) => panic!("seed {seed}, round {round}: {model:?} in the model, {engine:?} in fact"),
            }
        }
        agrees(&repo, &model).await;
    }
    assert!(made > 30 && refused > 3, "{made} made, {refused} refused: the test has lost its meaning");
}

async fn agrees(repo: &Repo, model: &Model) {
    let (engine, key) = (&repo.engine, repo.key);
    for (id, files) in &model.commits {
        assert_eq!(&repo.files(*id).await, files);
    }
    let (tip, files) = model.commits.last().unwrap();
    let log = pages(10, async |after| engine.log(key, *tip, after, 10).await).await;
    assert!(log.iter().map(|info| info.id).eq(model.commits.iter().rev().map(|(id, _)| *id)));
    let known: Vec<RepoPath> = model.last.keys().map(|text| path(text)).collect();
    let last = engine.last_commits(key, *tip, &known).await.unwrap();
    assert!(last.into_iter().eq(model.last.values().map(|id| Some(*id))));
    let sizes = engine.folder_sizes(key, *tip, &known).await.unwrap();
    for (folder, size) in known.iter().zip(sizes) {
        let inside = files.iter().filter(|(path, _)| is_below(path, folder.as_str()));
        let sum: u64 = inside.clone().filter_map(|(_, node)| Some(node.file()?.size())).sum();
        assert_eq!(size, (inside.count() > 0).then_some(sum), "{folder}");
    }
}
