//! All files of a remote repository, out of its pages.

use std::collections::HashSet;

use ballast_contract::downloader::{Downloader, Source, SourceFile};
use ballast_contract::{Error, ErrorKind, Result};

/// More files than this are not downloaded as one repository.
const MOST: usize = 2_000_000;

/// Every file of a source whose revision is a commit. An error where the remote hub's pages do not make one listing.
pub async fn list_files(downloader: &dyn Downloader, source: &Source) -> Result<Vec<SourceFile>> {
    let wrong = |why: String| Error::new(ErrorKind::Corrupt, "landing.plan", why);
    let (mut files, mut paths, mut after): (Vec<SourceFile>, HashSet<_>, _) = (Vec::new(), HashSet::new(), None);
    loop {
        let page = downloader.plan(source, after.clone()).await?;
        for file in page.items {
            if !paths.insert(file.path.clone()) {
                return Err(wrong(format!("the remote hub lists {} twice", file.path)));
            }
            files.push(file);
        }
        if files.len() > MOST {
            return Err(wrong(format!("the remote hub lists more than {MOST} files")));
        }
        match page.next {
            None => return Ok(files),
            next if next == after => {
                return Err(wrong("the remote hub's listing comes back to where it was".to_owned()));
            }
            next => after = next,
        }
    }
}
