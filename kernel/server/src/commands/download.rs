//! `ballast download` and `ballast plan`

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use ballast_landing::{Download, FileStatus, Options as Ways, Order, Throttle};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::{Options, Speed, Wanted};
use crate::exit::Exit;
use crate::output;
use crate::remote::{self, Found, Remote};

/// How often progress is shown.
const SHOW: Duration = Duration::from_millis(100);
/// How often it is told in JSON.
const TELL: Duration = Duration::from_millis(500);
/// Files that have a bar of their own at the same time.
const BARS: usize = 8;

/// Says what would be downloaded.
pub fn plan(options: &Options, wanted: &Wanted, json: bool) -> Result<(), Exit> {
    super::runtime()?.block_on(async {
        let remote = Remote::open(options, wanted).await?;
        let found = remote.find().await?;
        if json {
            return line(&plan_event(&remote, &found));
        }
        warn(&found);
        let total = found.files.iter().map(|(file, _)| file.size).sum();
        let heading = ["SIZE", "LFS", "PATH"].map(str::to_owned);
        let rows = found.files.iter().map(|(file, _)| {
            let lfs = if file.is_lfs { "yes" } else { "" };
            [output::size(file.size), lfs.to_owned(), file.path.to_string()]
        });
        let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
        output::print(&output::columns(&rows))?;
        output::print(&format!("{} files, {}, at {}\n", found.files.len(), output::size(total), found.commit))
    })
}

/// Downloads.
pub fn run(options: &Options, wanted: &Wanted, speed: &Speed, json: bool) -> Result<(), Exit> {
    super::runtime()?.block_on(async {
        let remote = Remote::open(options, wanted).await?;
        let found = remote.find().await?;
        if json {
            line(&plan_event(&remote, &found))?;
        } else {
            warn(&found);
        }
        let cache = remote::cache(speed.cache_dir.clone())?;
        let (commit, snapshot) =
            (found.commit, cache.repository(remote.source.kind, &remote.id).snapshot(found.commit));
        let ways = ways(&remote.settings, speed);
        let Remote { downloader, source, id, .. } = remote;
        let download = Download::new(&cache, Order { downloader, source, id, commit, files: found.files }, ways);
        let mut told = BTreeMap::new();
        let ended = {
            let shown = async {
                match json {
                    true => tell(&download, &mut told).await,
                    false => show(&download).await,
                }
            };
            tokio::select! {
                ended = download.run() => ended,
                broken = shown => return broken,
            }
        };
        if json {
            files(&download, &mut told)?;
        }
        match ended {
            Ok(()) if json => line(&json!({ "event": "done", "commit": commit, "path": snapshot })),
            Ok(()) => output::print(&format!("{}\n", snapshot.display())),
            Err(error) => {
                if json {
                    line(&json!({ "event": "failed", "error": error.context }))?;
                }
                Err(remote::exit(error))
            }
        }
    })
}

fn ways(config: &ballast_config::JobsConfig, speed: &Speed) -> Ways {
    Ways {
        connections: speed.connections.map_or(config.connections, u32::from),
        active: speed.max_active.map_or(config.max_active, u32::from),
        pieces_from: config.multipart_threshold,
        verify_digest: config.verify == ballast_config::JobVerify::Sha256,
        retries: config.retries,
        throttle: Arc::new(Throttle::new(speed.limit_rate.or(config.bytes_per_second))),
        flush: config.flush,
        view: speed.view,
    }
}

fn warn(found: &Found) {
    for filter in &found.idle {
        eprintln!("ballast: the filter '{filter}' matches no file");
    }
}

fn line(event: &Value) -> Result<(), Exit> {
    output::print(&format!("{event}\n"))
}

fn plan_event(remote: &Remote, found: &Found) -> Value {
    let files = found.files.iter().map(|(file, _)| json!({ "path": file.path, "size": file.size, "lfs": file.is_lfs }));
    json!({
        "event": "plan",
        "repo": remote.source.repo,
        "type": remote.source.kind,
        "revision": remote.source.revision,
        "commit": found.commit,
        "files": files.collect::<Vec<_>>(),
        "totalFiles": found.files.len(),
        "totalSize": found.files.iter().map(|(file, _)| file.size).sum::<u64>(),
        "idleFilters": found.idle,
    })
}

/// What changed of files since the last look.
fn files(download: &Download, before: &mut BTreeMap<usize, FileStatus>) -> Result<(), Exit> {
    for (at, file) in download.progress().files.iter().enumerate() {
        let status = file.now().status;
        let told = before.insert(at, status).unwrap_or(FileStatus::Pending);
        if told != status && matches!(status, FileStatus::Complete | FileStatus::Failed) {
            line(&json!({ "event": "file", "path": file.path, "status": status }))?;
        }
    }
    Ok(())
}

/// Tells events until this is dropped.
async fn tell(download: &Download, told: &mut BTreeMap<usize, FileStatus>) -> Result<(), Exit> {
    loop {
        tokio::time::sleep(TELL).await;
        files(download, told)?;
        let (done, total, whole) = sums(download);
        let files = download.progress().files.len();
        line(&json!({
            "event": "progress", "downloadedBytes": done, "totalBytes": total, "completedFiles": whole,
            "totalFiles": files,
        }))?;
    }
}

/// Bytes that are there, bytes in all, files that are whole.
fn sums(download: &Download) -> (u64, u64, usize) {
    let moments = download.progress().files.iter().map(|file| (file.now(), file.size));
    moments.fold((0, 0, 0), |(done, total, whole), (now, size)| {
        (done + now.downloaded.min(size), total + size, whole + usize::from(now.status == FileStatus::Complete))
    })
}

/// Shows bars until this is dropped.
async fn show(download: &Download) -> Result<(), Exit> {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let style =
        |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let of_file = style("{wide_msg} {bytes:>10}/{total_bytes:<10} {bar:24}");
    let (_, size, _) = sums(download);
    let total = bars.add(ProgressBar::new(size));
    total.set_style(style("{wide_msg} {bytes:>10}/{total_bytes:<10} {bar:24} {bytes_per_sec} {eta}"));
    let mut shown: BTreeMap<usize, ProgressBar> = BTreeMap::new();
    loop {
        let (done, _, whole) = sums(download);
        total.set_position(done);
        total.set_message(format!("{whole} of {} files", download.progress().files.len()));
        for (at, file) in download.progress().files.iter().enumerate() {
            let now = file.now();
            match (now.status, shown.get(&at)) {
                (FileStatus::Downloading, Some(bar)) => bar.set_position(now.downloaded),
                (FileStatus::Downloading, None) if shown.len() < BARS => {
                    let bar = bars.insert_before(&total, ProgressBar::new(file.size));
                    bar.set_style(of_file.clone());
                    bar.set_message(file.path.to_string());
                    shown.insert(at, bar);
                }
                (FileStatus::Complete | FileStatus::Failed, Some(bar)) => {
                    bar.finish_and_clear();
                    shown.remove(&at);
                }
                _ => {}
            }
        }
        tokio::time::sleep(SHOW).await;
    }
}
