//! The word that was probably meant.

/// The candidate nearest to `word`, where one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = |candidate: &str| strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase());
    let scored = candidates.into_iter().map(|candidate| (near(candidate), candidate));
    scored.filter(|(score, _)| *score >= 0.6).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word_and_a_stranger_finds_none() {
        let words = ["threshold", "suffixes", "keep_versions"];
        assert_eq!(nearest("treshold", words), Some("threshold"));
        assert_eq!(nearest("Suffixs", words), Some("suffixes"));
        assert_eq!(nearest("keep-versions", words), Some("keep_versions"));
        assert_eq!(nearest("colour", words), None);
    }
}
