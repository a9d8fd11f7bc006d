//! "Did you mean": the nearest known word.

/// The word of `known` that is most likely meant by `word`, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |w: &str| w.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let allowed = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter_map(|k| {
            let other = plain(k);
            let d = distance(&word, &other);
            let part = word.len() >= 4 && other.len() >= 4;
            let inside = part && (other.contains(&word) || word.contains(&other));
            (d <= allowed || inside).then_some((d, k))
        })
        .min_by_key(|(d, k)| (*d, k.len()))
        .map(|(_, k)| k)
}

/// How many letters must be put in, taken out, changed or swapped to get from `a` to `b`.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = '\0';
    for (i, ca) in a.chars().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, cb) in b.iter().enumerate() {
            let at = |r: &[usize], n: usize| r.get(n).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&last, j) + usize::from(ca != *cb)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && previous == *cb && b.get(j - 1) == Some(&ca);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
        previous = ca;
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["failure_threshold", "timeout", "every", "host", "address"];
        for (word, want) in [
            ("timeuot", Some("timeout")),
            ("failure-threshold", Some("failure_threshold")),
            ("Every", Some("every")),
            ("addr", Some("address")),
            ("threshold", Some("failure_threshold")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), want, "{word}");
        }
        assert_eq!(distance("abcd", "acbd"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
