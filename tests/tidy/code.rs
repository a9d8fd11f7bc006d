//! Rust text without what is no code, good enough for files that rustfmt has written.

/// `text` with comments and the insides of literals as spaces; each line keeps its number.
pub(super) fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
fn skipped(chars: &[char], at: usize) -> usize {
    let here = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (here(at), here(at + 1)) {
        ('/', '/') => find(chars, at, &['\n']).unwrap_or(chars.len()),
        ('/', '*') => find(chars, at + 2, &['*', '/']).map_or(chars.len(), |i| i + 2),
        ('r', '"' | '#') if !word_before => raw_string(chars, at),
        ('"', _) => string(chars, at),
        ('\'', '\\') => find(chars, at + 3, &['\'']).map_or(at, |i| i + 1),
        ('\'', _) if here(at + 2) == '\'' => at + 3,
        _ => at,
    }
}

fn find(chars: &[char], from: usize, what: &[char]) -> Option<usize> {
    (from..chars.len()).find(|&i| chars[i..].starts_with(what))
}

fn string(chars: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn raw_string(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    find(chars, at + 2 + hashes, &end).map_or(chars.len(), |i| i + end.len())
}

/// The code without a module of tests at its end.
pub(super) fn without_tests(code: &str) -> &str {
    let Some(start) = code.find("#[cfg(test)]\nmod ") else {
        return code;
    };
    let opens = code[start..].lines().nth(1).is_some_and(|line| line.ends_with('{'));
    if opens { &code[..start] } else { code }
}

/// Whether a file of this name holds tests only.
pub(super) fn is_test_path(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The paths, without `.rs`, of the modules that this file declares for tests only.
pub(super) fn test_modules(path: &str, text: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let folder = match stem.rsplit_once('/') {
        Some((folder, "lib" | "main" | "mod")) => folder,
        _ => stem,
    };
    let declared = text.split("#[cfg(test)]\n").skip(1).filter_map(|rest| rest.lines().next());
    declared
        .filter_map(|line| line.trim().trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .map(|module| format!("{folder}/{module}"))
        .collect()
}

/// Whether `word` stands in `line` as a whole word. A `word` that ends or begins with a sign needs no border there.
pub(super) fn has(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joined =
            |edge: Option<char>, beside: Option<char>| edge.is_some_and(is_word) && beside.is_some_and(is_word);
        !joined(word.chars().next(), before) && !joined(word.chars().next_back(), after)
    })
}

/// `PATH:LINE: ` and words for each line that holds one of `words`.
pub(super) fn lines_with(path: &str, text: &str, words: &[&str], remedy: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in words.iter().filter(|w| has(line, w)) {
            found.push(format!("{path}:{}: {}: {remedy}", number + 1, word.trim()));
        }
    }
    found
}

#[test]
fn code_is_told_from_comments_and_literals() {
    let text = "let a = \"x // \\\" y\"; // no\nlet b = r#\"unsafe \"z\" \"#;\n/* no\nno */ let c: &'a str = f('\"', '\\'', b'\\n');";
    let code = code_of(text);
    assert_eq!(code.lines().count(), text.lines().count());
    for gone in ["x //", "no", "unsafe", "z", "\""] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
    for kept in ["let a =", "let b =", "let c: &'a str = f("] {
        assert!(code.contains(kept), "{kept} not in {code}");
    }
}

#[test]
fn modules_of_tests_are_known_by_their_declaration() {
    let text = "mod a;\n#[cfg(test)]\nmod life;\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(test_modules("src/decide/schedule.rs", text), ["src/decide/schedule/life"]);
    assert_eq!(test_modules("src/lib.rs", text), ["src/life"]);
    assert!(is_test_path("jobs/tcp/src/tests.rs") && is_test_path("tests/x.rs") && !is_test_path("src/attests.rs"));
}

#[test]
fn words_are_whole_words() {
    assert!(has("x.await;", ".await") && has("unsafe {", "unsafe") && has("tokio::spawn", "tokio"));
    assert!(!has("unsafe_code", "unsafe") && !has("x.awaiting", ".await") && !has("mktemp MARKS", "MARK"));
}

#[test]
fn a_module_of_tests_is_left_out_and_one_in_a_file_of_its_own_is_no_end() {
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {\n b\n}\n"), "a\n");
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests;\nb\n"), "a\n#[cfg(test)]\nmod tests;\nb\n");
}
