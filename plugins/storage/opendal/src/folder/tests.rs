//! What only a folder can get wrong.

use std::fs::FileTimes;
use std::time::SystemTime;

use ballast_contract::storage::Assembly;

use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::new(place.path().to_str().unwrap()).unwrap();
    (place, folder)
}

async fn put(folder: &Folder, key: &str) {
    folder.create(&key.parse().unwrap()).await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn a_start_removes_uploads_that_are_too_old_and_leaves_younger_ones() {
    let (place, folder) = folder();
    folder.prepare().await.unwrap();
    for (below, stale) in STALE {
        let below = place.path().join(below);
        for (name, age) in [("old", stale + DAY / 24), ("young", stale - DAY / 24)] {
            let file = File::create(below.join(name)).unwrap();
            file.set_times(FileTimes::new().set_modified(SystemTime::now() - age)).unwrap();
        }
        folder.prepare().await.unwrap();
        let left: Vec<_> = fs::read_dir(below).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["young"]);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told_with_what_to_do() {
    let (place, _) = folder();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let below = Folder::new(file.join("below").to_str().unwrap()).unwrap();
    let error = below.prepare().await.unwrap_err().to_string();
    assert!(error.contains("file/below cannot be written") && error.contains("writable"), "{error}");
}

#[tokio::test]
async fn what_comes_and_goes_leaves_no_folder() {
    let (place, folder) = folder();
    folder.prepare().await.unwrap();
    put(&folder, "parts/7/1").await;
    put(&folder, "parts/8/1").await;
    folder.delete(&["parts/7/1".parse().unwrap()]).await.unwrap();
    assert!(!place.path().join("parts/7").exists());
    assert!(place.path().join("parts/8/1").exists());
    put(&folder, "parts/7/2").await;
    assert!(place.path().join("parts/7/2").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_finds_its_folder_while_others_empty_it() {
    let (_place, folder) = folder();
    folder.prepare().await.unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let folder = folder.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    let key = format!("a/b/{n}");
                    put(&folder, &key).await;
                    folder.delete(&[key.parse().unwrap()]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn what_others_put_into_the_folder_is_not_listed() {
    let (place, folder) = folder();
    folder.prepare().await.unwrap();
    put(&folder, "a/1").await;
    fs::create_dir(place.path().join("lost+found")).unwrap();
    fs::write(place.path().join("lost+found/1"), "").unwrap();
    fs::write(place.path().join("README.TXT"), "").unwrap();
    let listed = folder.list(None, 10).await.unwrap();
    assert_eq!(listed.items, ["a/1".parse().unwrap()]);
}

#[tokio::test]
async fn what_is_flushed_beside_the_writing_is_whole() {
    let (_place, folder) = folder();
    folder.prepare().await.unwrap();
    let key: StorageKey = "large".parse().unwrap();
    for in_place in [false, true] {
        let mut writer = match in_place {
            false => folder.create(&key).await.unwrap(),
            true => folder.write_part(&key, 0).await.unwrap(),
        };
        let mut written = Vec::new();
        for number in 0..170_u8 {
            let piece = vec![number; 600_000];
            written.extend_from_slice(&piece);
            writer.write(piece.into()).await.unwrap();
        }
        assert_eq!(writer.commit().await.unwrap(), written.len() as u64);
        if in_place {
            folder.close(&key).await.unwrap().publish().await.unwrap();
        }
        let mut read = Vec::new();
        io::Read::read_to_end(&mut folder.open(&key).unwrap(), &mut read).unwrap();
        assert!(read == written);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_whose_name_is_in_memory_is_opened_at_once() {
    let (_place, folder) = folder();
    folder.prepare().await.unwrap();
    put(&folder, "a/1").await;
    folder.open(&"a/1".parse().unwrap()).unwrap();
    assert!(folder.open_at_once(&"a/1".parse().unwrap()).is_some());
    assert!(folder.open_at_once(&"a".parse().unwrap()).is_none(), "a folder is no object");
    assert!(folder.open_at_once(&"a/2".parse().unwrap()).is_none());
}
