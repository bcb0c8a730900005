//! Which files of a repository somebody wants.
//!
//! A filter is a part of a path (`q4_k_m`), or with `*` a pattern of the whole path (`*Q4_K_M.gguf`); upper and lower case
//! are the same. Filters choose among large files; what is small comes along, since a model without its config is of no
//! use, and so do tokenizers, which are large files in some repositories. What is excluded stays away whatever it is.

use ballast_contract::downloader::SourceFile;
use ballast_types::RepoPath;

/// What somebody wants of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    filters: Vec<String>,
    excludes: Vec<String>,
}

/// The wanted files, each with the filter that chose it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    pub files: Vec<(SourceFile, Option<String>)>,
    /// Filters that chose nothing.
    pub idle: Vec<String>,
}

impl Selection {
    /// Everything where there are no filters.
    pub fn new(filters: &[String], excludes: &[String]) -> Self {
        let plain = |texts: &[String]| {
            let texts = texts.iter().map(|text| text.trim().to_lowercase());
            texts.filter(|text| !text.is_empty()).collect()
        };
        Self { filters: plain(filters), excludes: plain(excludes) }
    }

    /// Of these files, those that are wanted.
    pub fn choose(&self, files: Vec<SourceFile>) -> Selected {
        let mut selected = Selected::default();
        let mut busy = vec![false; self.filters.len()];
        for file in files {
            let path = file.path.as_str().to_lowercase();
            if self.excludes.iter().any(|pattern| fits(pattern, &path)) {
                continue;
            }
            let chosen = (0..self.filters.len()).filter(|at| file.is_lfs && fits(&self.filters[*at], &path));
            // The longest says the most: `q4_k_m` and not `q4`.
            let by = chosen.inspect(|at| busy[*at] = true).max_by_key(|at| self.filters[*at].len());
            let filter = by.map(|at| self.filters[at].clone());
            if filter.is_some() || self.filters.is_empty() || !file.is_lfs || is_tokenizer(&file.path) {
                selected.files.push((file, filter));
            }
        }
        let idle = self.filters.iter().zip(busy).filter(|(_, busy)| !busy);
        selected.idle = idle.map(|(filter, _)| filter.clone()).collect();
        selected
    }
}

fn is_tokenizer(path: &RepoPath) -> bool {
    let name = path.file_name().to_lowercase();
    name.contains("tokenizer") || matches!(name.as_str(), "vocab.json" | "vocab.txt" | "merges.txt" | "spiece.model")
}

/// Whether a pattern is in a path, or with `*` is the path.
fn fits(pattern: &str, path: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return path.contains(pattern) };
    let Some(mut left) = path.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_contract::downloader::Expected;
    use ballast_types::GitOid;

    fn files(paths: &[(&str, bool)]) -> Vec<SourceFile> {
        let file = |(path, is_lfs): &(&str, bool)| SourceFile {
            path: path.parse().unwrap(),
            size: 1,
            expected: Expected::Git(GitOid([0; 20])),
            is_lfs: *is_lfs,
        };
        paths.iter().map(file).collect()
    }

    fn chosen(filters: &[&str], excludes: &[&str]) -> (Vec<(String, Option<String>)>, Vec<String>) {
        let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let all = files(&[
            ("README.md", false),
            ("m.Q4_K_M.gguf", true),
            ("m.Q4_K_S.gguf", true),
            ("m.Q8_0.gguf", true),
            ("tokenizer.model", true),
        ]);
        let selected = Selection::new(&texts(filters), &texts(excludes)).choose(all);
        (selected.files.into_iter().map(|(file, by)| (file.path.into(), by)).collect(), selected.idle)
    }

    fn names(selected: &(Vec<(String, Option<String>)>, Vec<String>)) -> Vec<&str> {
        selected.0.iter().map(|(path, _)| path.as_str()).collect()
    }

    #[test]
    fn filters_choose_large_files_and_the_rest_comes_along() {
        let selected = chosen(&["q4", "Q4_K_M", "q9"], &[]);
        assert_eq!(names(&selected), ["README.md", "m.Q4_K_M.gguf", "m.Q4_K_S.gguf", "tokenizer.model"]);
        assert_eq!(selected.0[1].1.as_deref(), Some("q4_k_m"), "the longest filter names it");
        assert_eq!(selected.0[2].1.as_deref(), Some("q4"));
        assert_eq!(selected.1, ["q9"], "a filter that chose nothing is told of");
        assert_eq!(names(&chosen(&[], &[])).len(), 5);
    }

    #[test]
    fn what_is_excluded_stays_away_whatever_chose_it() {
        assert_eq!(names(&chosen(&["q4"], &["K_S", "readme"])), ["m.Q4_K_M.gguf", "tokenizer.model"]);
    }

    #[test]
    fn a_star_stands_for_anything_in_a_whole_path() {
        for (pattern, path, fit) in [
            ("*.gguf", "a/b.gguf", true),
            ("*.gguf", "b.gguf.md", false),
            ("a/*q4*.gguf", "a/m-q4_k.gguf", true),
            ("a/*q4*.gguf", "b/m-q4_k.gguf", false),
            ("ab*ba", "aba", false),
            ("*", "anything", true),
        ] {
            assert_eq!(fits(pattern, path), fit, "{pattern} {path}");
        }
    }
}
