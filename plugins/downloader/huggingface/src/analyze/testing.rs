//! A repository made by hand, and the files that tests put into it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use ballast_contract::downloader::{Expected, Fetched, Source, SourceFile};
use ballast_contract::{Error, ErrorKind, Page, Result};
use ballast_types::{ByteRange, GitOid, RepoKind, Revision, Sha256};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::Value;

use super::repository::Repository;
use super::subject::{About, Ref, RefType, Subject};
use super::{Analysis, analyze};

/// How many files a page has.
const PAGE: usize = 1000;

/// A repository in memory.
#[derive(Default)]
pub(crate) struct Fake {
    files: BTreeMap<String, (Vec<u8>, u64, bool)>,
    about: About,
    faults: BTreeMap<String, ErrorKind>,
    reads: Mutex<Vec<(String, ByteRange)>>,
    whole: bool,
}

impl Fake {
    /// A small file.
    pub(crate) fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        let size = content.len() as u64;
        self.files.insert(path.to_owned(), (content, size, false));
        self
    }

    /// A config.
    pub(crate) fn json(self, path: &str, content: Value) -> Self {
        self.file(path, content.to_string())
    }

    /// A file in LFS that is said to be of this size, with its first bytes.
    pub(crate) fn large(mut self, path: &str, head: impl Into<Vec<u8>>, size: u64) -> Self {
        self.files.insert(path.to_owned(), (head.into(), size, true));
        self
    }

    /// With this said by its hub.
    pub(crate) fn about(self, about: About) -> Self {
        Self { about, ..self }
    }

    /// With a task that its hub names.
    pub(crate) fn task(mut self, task: &str) -> Self {
        self.about.pipeline_tag = Some(task.to_owned());
        self
    }

    /// Where reading this file fails; `about` and `refs` are what they say.
    pub(crate) fn fault(mut self, path: &str, kind: ErrorKind) -> Self {
        self.faults.insert(path.to_owned(), kind);
        self
    }

    /// Where its hub sends whole files whatever is asked for.
    pub(crate) fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// What was read so far.
    pub(crate) fn reads(&self) -> Vec<(String, ByteRange)> {
        self.reads.lock().unwrap().clone()
    }

    fn fails(&self, what: &str) -> Result<()> {
        match self.faults.get(what) {
            Some(kind) => Err(Error::new(*kind, "fake", "as the test says")),
            None => Ok(()),
        }
    }

    /// The analysis of it as a model.
    pub(crate) async fn analyzed(&self) -> Result<Analysis> {
        self.analyzed_as(RepoKind::Model).await
    }

    /// The analysis of it.
    pub(crate) async fn analyzed_as(&self, kind: RepoKind) -> Result<Analysis> {
        let asked = Source { kind, repo: "acme/thing".to_owned(), revision: Revision::main(), token: None };
        analyze(self, &asked, &"a".repeat(40).parse().unwrap()).await
    }

    /// One field of the answer.
    pub(crate) async fn told(&self, field: &str) -> Value {
        serde_json::to_value(self.analyzed().await.unwrap()).unwrap()[field].take()
    }
}

#[async_trait]
impl Subject for Fake {
    async fn files(&self, after: Option<String>) -> Result<Page<SourceFile>> {
        self.fails("files")?;
        let past = |path: &str| after.as_deref().is_none_or(|after| path > after);
        let file = |(path, (_, size, is_lfs)): (&String, &(Vec<u8>, u64, bool))| SourceFile {
            path: path.parse().unwrap(),
            size: *size,
            expected: if *is_lfs { Expected::Sha256(Sha256([0xab; 32])) } else { Expected::Git(GitOid([0xcd; 20])) },
            is_lfs: *is_lfs,
        };
        let items: Vec<_> = self.files.iter().filter(|(path, _)| past(path)).take(PAGE).map(file).collect();
        let next = (items.len() == PAGE).then(|| items.last().unwrap().path.as_str().to_owned());
        Ok(Page { items, next })
    }

    async fn refs(&self) -> Result<Vec<Ref>> {
        self.fails("refs")?;
        Ok(vec![Ref { name: "main".to_owned(), kind: RefType::Branch, commit: Some("a".repeat(40)) }])
    }

    async fn about(&self) -> Result<About> {
        self.fails("about").map(|()| self.about.clone())
    }

    async fn read(&self, file: &SourceFile, range: ByteRange) -> Result<Fetched> {
        self.fails(file.path.as_str())?;
        self.reads.lock().unwrap().push((file.path.to_string(), range));
        let content = &self.files[file.path.as_str()].0;
        let range = if self.whole { ByteRange::whole(file.size) } else { range };
        let end = content.len().min(range.end as usize);
        let bytes = Bytes::copy_from_slice(content.get(range.start as usize..end).unwrap_or_default());
        let pieces: Vec<_> = bytes.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Ok(Fetched { range, bytes: stream::iter(pieces).boxed() })
    }
}

/// A fake as the analyzer sees it.
pub(crate) async fn opened(fake: &Fake) -> Repository<'_> {
    Repository::open(fake, RepoKind::Model).await.unwrap()
}

/// A safetensors file with these tensors, all zeros.
pub(crate) fn safetensors(tensors: &[(&str, &str, &[u64])], metadata: &[(&str, &str)]) -> Vec<u8> {
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    if !metadata.is_empty() {
        let metadata: BTreeMap<_, _> = metadata.iter().copied().collect();
        header.insert("__metadata__".to_owned(), serde_json::to_value(metadata).unwrap());
    }
    for (name, dtype, shape) in tensors {
        let start = end;
        end += shape.iter().product::<u64>() * super::safetensors::bits(dtype).unwrap() / 8;
        let tensor = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]});
        header.insert((*name).to_owned(), tensor);
    }
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes(), header.as_slice(), &vec![0; end as usize]].concat()
}

/// A GGUF file's head, written as its specification says.
pub(crate) struct GgufFile {
    pub(crate) entries: Vec<u8>,
    pub(crate) count: u64,
    pub(crate) tensors: Vec<u8>,
    pub(crate) tensor_count: u64,
}

impl GgufFile {
    pub(crate) fn new() -> Self {
        Self { entries: vec![], count: 0, tensors: vec![], tensor_count: 0 }
    }

    pub(crate) fn entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.entries.extend(text(key));
        self.entries.extend(kind.to_le_bytes());
        self.entries.extend(value);
        self.count += 1;
        self
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, 8, &text(value))
    }

    pub(crate) fn number(self, key: &str, value: u32) -> Self {
        self.entry(key, 4, &value.to_le_bytes())
    }

    pub(crate) fn words(self, key: &str, words: &[&str]) -> Self {
        let head = [8_u32.to_le_bytes().as_slice(), &(words.len() as u64).to_le_bytes()].concat();
        let words = words.iter().flat_map(|word| text(word)).collect();
        self.entry(key, 9, &[head, words].concat())
    }

    pub(crate) fn tensor(mut self, name: &str, shape: &[u64]) -> Self {
        self.tensors.extend(text(name));
        self.tensors.extend((shape.len() as u32).to_le_bytes());
        self.tensors.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
        self.tensors.extend([0; 12]);
        self.tensor_count += 1;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let counts = [self.tensor_count.to_le_bytes(), self.count.to_le_bytes()].concat();
        [b"GGUF".as_slice(), &3_u32.to_le_bytes(), &counts, &self.entries, &self.tensors].concat()
    }

    /// Mistral 7B, as far as an analyzer sees it.
    pub(crate) fn mistral() -> Self {
        let sizes = [("context_length", 32_768), ("embedding_length", 4096), ("block_count", 32)];
        let heads = [("attention.head_count", 32), ("attention.head_count_kv", 8)];
        let file = Self::new().text("general.architecture", "llama").text("general.name", "Mistral 7B Instruct v0.2");
        let numbers = sizes.into_iter().chain(heads);
        numbers.fold(file, |file, (key, value)| file.number(&format!("llama.{key}"), value))
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}
