//! Jobs and who works on them.

use ballast_catalog::{Catalog, Job, JobFile, JobFileStatus, JobProgress, JobStatus, JobWish};
use ballast_types::{CommitId, RepoKind, Timestamp};

use ballast_database::on_both;

use crate::{NOW, open};

fn wish(repo: &str) -> JobWish {
    JobWish {
        kind: RepoKind::Model,
        repo: repo.to_owned(),
        revision: "main".to_owned(),
        filters: vec!["Q4".to_owned()],
        excludes: vec![],
        subfolders: false,
    }
}

async fn job(catalog: &Catalog, name: &str) -> Job {
    catalog.create_job(name, &wish(name), "/cache/hub", NOW, 100).await.unwrap().0
}

fn later(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

fn file(position: usize, downloaded: u64, status: JobFileStatus) -> JobFile {
    JobFile { position, path: format!("file-{position}"), size: 10, downloaded, status }
}

on_both! {
    async fn the_same_job_is_made_once_until_it_is_over(scratch: &Scratch) {
        let catalog = open(scratch).await;
        let asking: Vec<_> = (0..6)
            .map(|at| {
                let catalog = catalog.clone();
                let wish = JobWish { filters: vec![if at % 2 == 0 { "Q4" } else { "q4" }.to_owned()], ..wish("a/b") };
                tokio::spawn(async move { catalog.create_job(&format!("n{at}"), &wish, "", NOW, 9).await.unwrap() })
            })
            .collect();
        let (mut made, mut names) = (0, std::collections::BTreeSet::new());
        for asked in asking {
            let (job, new) = asked.await.unwrap();
            made += usize::from(new);
            names.insert(job.name);
        }
        assert_eq!((made, names.len()), (1, 1));
        let name = names.pop_first().unwrap();
        catalog.turn_job(&name, &[JobStatus::Queued], JobStatus::Cancelled, NOW).await.unwrap().unwrap();
        let (again, made) = catalog.create_job("again", &wish("a/b"), "", NOW, 9).await.unwrap();
        assert!(made && again.name == "again");
    }

    async fn of_many_workers_one_gets_a_job_until_it_is_not_heard_of(scratch: &Scratch) {
        let catalog = open(scratch).await;
        job(&catalog, "one").await;
        let workers: Vec<_> = (0..6)
            .map(|_| {
                let catalog = catalog.clone();
                tokio::spawn(async move { catalog.take_job(NOW, later(10)).await.unwrap() })
            })
            .collect();
        let mut taken = vec![];
        for worker in workers {
            taken.extend(worker.await.unwrap());
        }
        assert_eq!(taken.len(), 1);
        let first = &taken[0];
        assert_eq!((first.status, first.run, first.started_at), (JobStatus::Running, 1, Some(NOW)));
        assert!(catalog.tell_of_job(first, later(20), JobProgress::default(), &[]).await.unwrap());
        assert_eq!(catalog.take_job(later(15), later(30)).await.unwrap(), None);
        let second = catalog.take_job(later(21), later(30)).await.unwrap().unwrap();
        assert_eq!((second.run, second.started_at), (2, Some(NOW)));
        // Who was replaced has nothing more to say.
        assert!(!catalog.tell_of_job(first, later(99), JobProgress::default(), &[]).await.unwrap());
        assert!(!catalog.end_job(first, JobStatus::Failed, "late", later(22)).await.unwrap());
        assert!(!catalog.plan_job(first, CommitId([1; 20]), JobProgress::default(), &[]).await.unwrap());
        assert!(catalog.end_job(&second, JobStatus::Completed, "", later(22)).await.unwrap());
        assert_eq!(catalog.take_job(later(99), later(100)).await.unwrap(), None);
    }

    async fn a_run_that_is_winding_down_does_not_touch_a_job_that_was_queued_again(scratch: &Scratch) {
        let catalog = open(scratch).await;
        job(&catalog, "one").await;
        let old = catalog.take_job(NOW, later(10)).await.unwrap().unwrap();
        let progress = JobProgress { total_files: 1, total_bytes: 10, ..JobProgress::default() };
        let planned = [file(0, 0, JobFileStatus::Pending)];
        assert!(catalog.plan_job(&old, CommitId([1; 20]), progress, &planned).await.unwrap());
        catalog.turn_job("one", &[JobStatus::Running], JobStatus::Paused, NOW).await.unwrap().unwrap();
        let queued = catalog.turn_job("one", &[JobStatus::Paused], JobStatus::Queued, NOW).await.unwrap().unwrap();
        assert_eq!((queued.progress, queued.pinned), (JobProgress::default(), Some(CommitId([1; 20]))));
        assert!(!catalog.end_job(&old, JobStatus::Completed, "", NOW).await.unwrap());
        assert!(!catalog.tell_of_job(&old, later(9), progress, &planned).await.unwrap());
        assert_eq!(catalog.find_job("one").await.unwrap().unwrap().status, JobStatus::Queued);
        assert!(catalog.job_files(vec![queued.id], 9).await.unwrap().is_empty());
        assert!(catalog.turn_job("one", &[JobStatus::Paused], JobStatus::Queued, NOW).await.unwrap().is_none());
    }

    async fn progress_is_kept_by_file(scratch: &Scratch) {
        let catalog = open(scratch).await;
        job(&catalog, "one").await;
        let job = catalog.take_job(NOW, later(10)).await.unwrap().unwrap();
        let planned: Vec<_> = (0..3).map(|at| file(at, 0, JobFileStatus::Pending)).collect();
        let progress = JobProgress { total_files: 3, total_bytes: 30, ..JobProgress::default() };
        assert!(catalog.plan_job(&job, CommitId([1; 20]), progress, &planned).await.unwrap());
        let further = JobProgress { downloaded_bytes: 14, completed_files: 1, bytes_per_second: 7, ..progress };
        let changed = [file(0, 10, JobFileStatus::Complete), file(1, 4, JobFileStatus::Downloading)];
        let before = catalog.job_versions(9).await.unwrap();
        assert!(catalog.tell_of_job(&job, later(10), further, &changed).await.unwrap());
        assert!(catalog.job_versions(9).await.unwrap()[0].1 > before[0].1);
        let files = catalog.job_files(vec![job.id], 2).await.unwrap();
        assert_eq!(files, changed.map(|file| (job.id, file)));
        assert_eq!(catalog.find_job("one").await.unwrap().unwrap().progress, further);
    }

    async fn jobs_that_are_over_are_remembered_for_a_while(scratch: &Scratch) {
        let catalog = open(scratch).await;
        for name in ["a", "b", "c", "d"] {
            catalog.create_job(name, &wish(name), "", NOW, 2).await.unwrap();
            if name != "a" {
                catalog.turn_job(name, &[JobStatus::Queued], JobStatus::Cancelled, NOW).await.unwrap();
            }
        }
        catalog.create_job("e", &wish("e"), "", NOW, 2).await.unwrap();
        let names: Vec<_> = catalog.list_jobs(9).await.unwrap().into_iter().map(|job| job.name).collect();
        assert_eq!(names, ["a", "c", "d", "e"], "what is under way stays");
    }

    async fn settings_are_one_row(scratch: &Scratch) {
        let catalog = open(scratch).await;
        assert_eq!(catalog.job_settings().await.unwrap(), None);
        for body in ["{}", "{\"retries\":1}"] {
            catalog.set_job_settings(body.to_owned()).await.unwrap();
            assert_eq!(catalog.job_settings().await.unwrap().as_deref(), Some(body));
        }
    }
}
