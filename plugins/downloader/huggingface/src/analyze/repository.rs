//! A subject with its files at hand, read within limits.
//!
//! What is read is chosen by names that the repository's owner wrote, and is as long as its header says; so every read
//! has a limit of its own, and an analysis has one for all of them. A file that cannot be read is a warning, and the
//! answer leaves out what it would have said; only what may be different the next time (a hub that is busy or away) ends
//! the analysis, so that nobody takes half an answer for the whole.

use std::sync::{Mutex, PoisonError};

use ballast_contract::downloader::{Fetched, SourceFile};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{ByteRange, RepoKind};
use futures::TryStreamExt;

use super::card::{self, Card};
use super::document::Document;
use super::report::FileInfo;
use super::subject::{About, Subject};

/// What all of this fails under.
pub(crate) const OPERATION: &str = "downloader.analyze";

/// The most files that are looked at.
const MAX_FILES: usize = 100_000;
/// The most files that an answer lists: one of them takes a kilobyte as JSON in memory.
const MAX_LISTED: usize = 10_000;
/// The most bytes that one analysis reads.
const MAX_BYTES: u64 = 64 << 20;
/// The most reads of one analysis.
const MAX_READS: u32 = 96;
/// The longest config that is read whole. Tokenizer configs with every added token in them have 1 to 2 MiB.
const MAX_CONFIG: u64 = 4 << 20;
/// The most warnings that are kept.
const MAX_WARNINGS: usize = 20;

/// The repository.
pub(crate) struct Repository<'a> {
    subject: &'a dyn Subject,
    pub(crate) kind: RepoKind,
    /// In the order of their paths.
    pub(crate) files: Vec<SourceFile>,
    pub(crate) about: About,
    pub(crate) card: Card,
    spent: Mutex<Spent>,
    warnings: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Spent {
    bytes: u64,
    reads: u32,
}

impl<'a> Repository<'a> {
    /// Lists the files, and reads what the hub and the card say.
    pub(crate) async fn open(subject: &'a dyn Subject, kind: RepoKind) -> Result<Self> {
        let ((files, truncated), about) = futures::try_join!(list(subject), async { Ok(subject.about().await) })?;
        let spent = Mutex::default();
        let mut repository = Self {
            subject,
            kind,
            files,
            about: About::default(),
            card: Card::default(),
            spent,
            warnings: Mutex::default(),
        };
        if truncated {
            repository.warn(format!("the repository has more than {MAX_FILES} files; the others are not counted"));
        }
        match about {
            Ok(about) => repository.about = about,
            Err(error) => repository.bear("what the hub says about the repository", error)?,
        }
        repository.card = repository.metadata().await?;
        Ok(repository)
    }

    async fn metadata(&self) -> Result<Card> {
        let card = Card::new(self.about.card.clone());
        let Some(readme) = self.find("README.md").filter(|_| card.is_empty()) else { return Ok(card) };
        let head = ByteRange { start: 0, end: card::MAX as u64 };
        let text = match self.read(readme, head).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => return self.bear("README.md", error).map(|()| card),
        };
        Ok(Card::parse(&text).unwrap_or_else(|why| {
            self.warn(format!("README.md: {why}"));
            card
        }))
    }

    /// The file of this path.
    pub(crate) fn find(&self, path: &str) -> Option<&SourceFile> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(at)
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// The files that the answer lists.
    pub(crate) fn listed(&self) -> &[SourceFile] {
        if self.files.len() > MAX_LISTED {
            self.warn(format!("of {} files the first {MAX_LISTED} are listed", self.files.len()));
        }
        &self.files[..self.files.len().min(MAX_LISTED)]
    }

    /// The files that are in no folder.
    pub(crate) fn root(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| !file.path.as_str().contains('/'))
    }

    /// The files below a folder.
    pub(crate) fn below(&self, folder: &str) -> impl Iterator<Item = &SourceFile> {
        let inside =
            move |file: &&SourceFile| file.path.as_str().strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.files.iter().filter(inside)
    }

    /// The fields of a JSON file; none of them where it is missing, too large, no object, or may not be read.
    pub(crate) async fn document(&self, path: &str) -> Result<Document> {
        let Some(file) = self.find(path) else { return Ok(Document::default()) };
        if file.size > MAX_CONFIG {
            self.warn(format!("{path}: not read, because it is larger than {MAX_CONFIG} bytes"));
            return Ok(Document::default());
        }
        let bytes = match self.read(file, ByteRange::whole(file.size)).await {
            Ok(bytes) => bytes,
            Err(error) => return self.bear(path, error).map(|()| Document::default()),
        };
        Ok(Document::parse(&bytes).unwrap_or_else(|error| {
            self.warn(format!("{path}: {error}"));
            Document::default()
        }))
    }

    /// Bytes of a file: those of the range that exist. What a hub sends before and behind them is passed over.
    pub(crate) async fn read(&self, file: &SourceFile, range: ByteRange) -> Result<Vec<u8>> {
        let range = ByteRange { start: range.start, end: range.end.min(file.size) };
        if range.is_empty() {
            return Ok(vec![]);
        }
        self.spend(range.len())?;
        let Fetched { range: sent, bytes: mut stream } = self.subject.read(file, range).await?;
        let skipped = range.start.checked_sub(sent.start).filter(|_| sent.end >= range.end);
        let other = || Error::new(ErrorKind::Corrupt, OPERATION, "other bytes came than were asked for");
        let (mut skip, mut bytes) = (skipped.ok_or_else(other)?, vec![]);
        while (bytes.len() as u64) < range.len() {
            let Some(piece) = stream.try_next().await? else { break };
            let before = skip.min(piece.len() as u64);
            skip -= before;
            let piece = piece.get(before as usize..).unwrap_or_default();
            let wanted = (range.len() - bytes.len() as u64).min(piece.len() as u64);
            bytes.extend_from_slice(piece.get(..wanted as usize).unwrap_or_default());
        }
        Ok(bytes)
    }

    fn spend(&self, bytes: u64) -> Result<()> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.bytes.saturating_add(bytes) > MAX_BYTES || spent.reads == MAX_READS {
            let why = format!("an analysis reads at most {MAX_BYTES} bytes in {MAX_READS} pieces, and this one has");
            return Err(Error::new(ErrorKind::Unsupported, OPERATION, why));
        }
        spent.bytes += bytes;
        spent.reads += 1;
        Ok(())
    }

    /// Goes on without what failed; not where it may succeed the next time.
    pub(crate) fn bear(&self, what: &str, error: Error) -> Result<()> {
        match error.kind {
            ErrorKind::Unavailable | ErrorKind::OverLimit | ErrorKind::Internal => Err(error),
            _ => {
                self.warn(format!("{what}: {}", error.context));
                Ok(())
            }
        }
    }

    /// The same for what was read of it.
    pub(crate) fn borne<T>(&self, what: &str, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) => self.bear(what, error).map(|()| None),
        }
    }

    /// Says what is missing in the answer.
    pub(crate) fn warn(&self, warning: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < MAX_WARNINGS && !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// What was warned of.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the hub or the card has this tag.
    pub(crate) fn tagged(&self, tag: &str) -> bool {
        self.about
            .tags
            .iter()
            .map(String::as_str)
            .chain(self.card.texts("tags"))
            .any(|each| each.eq_ignore_ascii_case(tag))
    }

    /// The task that the hub or the card names.
    pub(crate) fn task(&self) -> Option<&str> {
        self.about.pipeline_tag.as_deref().or_else(|| self.card.text("pipeline_tag"))
    }

    /// The library that the hub or the card names.
    pub(crate) fn library(&self) -> Option<&str> {
        self.about.library.as_deref().or_else(|| self.card.text("library_name"))
    }

    /// The model that this one was made of, as the card says it.
    pub(crate) fn base_model(&self) -> Option<String> {
        self.card.texts("base_model").first().map(|&name| name.to_owned())
    }
}

/// All files, or the first `MAX_FILES`, and whether there are more.
async fn list(subject: &dyn Subject) -> Result<(Vec<SourceFile>, bool)> {
    let (mut files, mut after) = (vec![], None);
    loop {
        let page = subject.files(after).await?;
        let stuck = page.items.is_empty();
        files.extend(page.items);
        after = page.next;
        if after.is_none() || stuck || files.len() > MAX_FILES {
            break;
        }
    }
    let truncated = files.len() > MAX_FILES || after.is_some();
    files.truncate(MAX_FILES);
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    Ok((files, truncated))
}

/// How the answer shows files.
pub(crate) fn shown<'a>(files: impl IntoIterator<Item = &'a SourceFile>) -> Vec<FileInfo> {
    files.into_iter().map(FileInfo::from).collect()
}

/// The sum of the sizes; as much as a number holds where hubs lie.
pub(crate) fn total<'a>(files: impl IntoIterator<Item = &'a SourceFile>) -> u64 {
    files.into_iter().fold(0, |sum, file| file.size.saturating_add(sum))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use ballast_contract::Page;
    use futures::{StreamExt, stream};

    use super::*;
    use crate::analyze::subject::Ref;
    use crate::analyze::testing::{Fake, opened};

    fn piece(start: u64, end: u64) -> ByteRange {
        ByteRange { start, end }
    }

    #[tokio::test]
    async fn an_analysis_reads_so_many_bytes_and_so_often_and_no_more() {
        let fake = Fake::default().large("a", "x", u64::MAX).file("b", "yz");
        let repository = opened(&fake).await;
        let (large, small) = (repository.find("a").unwrap(), repository.find("b").unwrap());
        for end in [MAX_BYTES + 1, u64::MAX] {
            let error = repository.read(large, piece(0, end)).await.unwrap_err();
            assert!(error.is(ErrorKind::Unsupported), "{error}");
        }
        for _ in 0..MAX_READS {
            assert_eq!(repository.read(small, piece(1, 9)).await.unwrap(), b"z");
        }
        assert!(repository.read(small, piece(0, 1)).await.unwrap_err().is(ErrorKind::Unsupported));
        assert_eq!(repository.read(small, piece(2, 9)).await.unwrap(), b"");
        assert_eq!(fake.reads().len(), MAX_READS as usize);
    }

    /// A hub that answers as it likes.
    struct Odd {
        /// What it says that it sends.
        sends: ByteRange,
    }

    #[async_trait]
    impl Subject for Odd {
        async fn files(&self, _: Option<String>) -> Result<Page<SourceFile>> {
            Ok(Page { items: vec![], next: Some("on and on".to_owned()) })
        }

        async fn refs(&self) -> Result<Vec<Ref>> {
            Ok(vec![])
        }

        async fn about(&self) -> Result<About> {
            Ok(About::default())
        }

        async fn read(&self, _: &SourceFile, _: ByteRange) -> Result<Fetched> {
            let endless = stream::repeat_with(|| Ok(bytes::Bytes::from_static(b"0123456789")));
            Ok(Fetched { range: self.sends, bytes: endless.boxed() })
        }
    }

    #[tokio::test]
    async fn of_what_a_hub_sends_too_much_the_bytes_asked_for_are_taken() {
        let fake = Fake::default().large("a", "", 1000);
        let file = opened(&fake).await.find("a").unwrap().clone();
        let sent = |start, end| {
            let file = file.clone();
            async move {
                let odd = Odd { sends: piece(start, end) };
                Repository::open(&odd, RepoKind::Model).await.unwrap().read(&file, piece(25, 37)).await
            }
        };
        assert_eq!(sent(0, 1000).await.unwrap(), b"567890123456");
        assert_eq!(sent(25, 37).await.unwrap(), b"012345678901");
        for (start, end) in [(26, 1000), (0, 36), (0, 0)] {
            assert!(sent(start, end).await.unwrap_err().is(ErrorKind::Corrupt), "{start} to {end}");
        }
    }

    #[tokio::test]
    async fn a_list_that_does_not_come_forward_ends() {
        let odd = Odd { sends: piece(0, 0) };
        let repository = Repository::open(&odd, RepoKind::Model).await.unwrap();
        assert_eq!((repository.files.len(), repository.warnings().len()), (0, 1));
    }

    #[tokio::test]
    async fn of_a_huge_repository_a_part_is_counted_and_a_smaller_one_listed() {
        let files = (0..=MAX_FILES).map(|n| format!("{n:06}"));
        let fake = files.fold(Fake::default(), |fake, path| fake.file(&path, "x"));
        let analysis = fake.analyzed().await.unwrap();
        assert_eq!((analysis.file_count, analysis.files.len()), (MAX_FILES, MAX_LISTED));
        assert_eq!(analysis.warnings.len(), 2);
    }
}
