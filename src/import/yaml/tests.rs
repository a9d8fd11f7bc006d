use super::*;
use proptest::prelude::*;

fn none(_: &str) -> Option<String> {
    None
}

fn at<'a>(node: &'a Node, key: &str) -> &'a Entry {
    node.map().iter().find(|e| e.key == key).unwrap_or_else(|| panic!("no {key} in {node:?}"))
}

#[test]
fn keys_know_their_lines() {
    let read = read("a: 1\n\nb:\n  - x: 2\n    y: 'z'\n  - |\n    two\n    lines\n", &none).unwrap();
    assert_eq!((at(&read.root, "a").line, at(&read.root, "b").line), (1, 3));
    let items = at(&read.root, "b").value.list();
    assert_eq!((at(&items[0], "y").line, at(&items[0], "y").value.text()), (5, Some("z")));
    assert_eq!(items[1].text(), Some("two\nlines\n"));
}

#[test]
fn aliases_and_merged_maps_are_filled_in() {
    let text = "base: &base\n  interval: 5m\n  conditions: [a]\nlist:\n  - <<: *base\n    interval: 1m\n  - *base\n  - <<: [*base, {k: v}]\n";
    let read = read(text, &none).unwrap();
    let items = at(&read.root, "list").value.list();
    let interval = |i: usize| at(&items[i], "interval").value.text().map(str::to_owned);
    assert_eq!([interval(0), interval(1), interval(2)], ["1m", "5m", "5m"].map(|t| Some(t.to_owned())));
    assert_eq!(at(&items[0], "conditions").value.list()[0].text(), Some("a"));
    assert_eq!(at(&items[2], "k").value.text(), Some("v"));
}

#[test]
fn a_bomb_is_no_bomb() {
    let lists = (1..60).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")));
    let text = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}", lists.collect::<Vec<_>>().concat());
    assert!(
        read(&text, &none).err().unwrap().contains("more than 500000 values"),
        "each alias counts as what it names"
    );
    let deep = (1..1_000).map(|n| format!("- &a{n} [*a{}]\n", n - 1)).collect::<Vec<_>>().concat();
    assert!(read(&format!("- &a0 [x]\n{deep}"), &none).err().unwrap().contains("line 64: more than 64 levels"));
    let maps = (1..30).map(|n| {
        let keys = (0..2_000).map(|k| format!("k{n}_{k}: 1, ")).collect::<Vec<_>>().concat();
        format!("m{n}: &m{n} {{<<: *m{}, {keys}}}\n", n - 1)
    });
    let merged = format!("m0: &m0 {{a: 1, b: 2}}\n{}", maps.collect::<Vec<_>>().concat());
    assert!(read(&merged, &none).err().unwrap().contains("more than 500000 values"));
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    for (text, words) in [
        ("a: 1\n b: 2\n", "line 2: this is no YAML"),
        ("a: [1\n", "this is no YAML"),
        ("a: *b\n", "this is no YAML"),
        ("a: &a [*a]\n", "line 1: the alias"),
        ("? [1, 2]\n: x\n", "line 1: a key must be a text"),
        (&"[".repeat(100), "more than 64 levels"),
    ] {
        let why = read(text, &none).err().unwrap_or_else(|| panic!("{text} is taken"));
        assert!(why.contains(words), "{text}: {why}");
    }
}

#[test]
fn variables_are_filled_in_or_named() {
    let env = |name: &str| (name == "HOST").then(|| "example.com".to_owned());
    let read = read("a: https://${HOST}/$HOST\nb: $$HOST and $ and $5\nc: ${NOT_SET}/$NO\n", &env).unwrap();
    let text = |key: &str| at(&read.root, key).value.text().unwrap().to_owned();
    assert_eq!(text("a"), "https://example.com/example.com");
    assert_eq!(text("b"), "$HOST and $ and $5");
    assert_eq!(text("c"), "${NOT_SET}/$NO");
    let told: Vec<_> = read.variables.iter().map(|(line, name, set)| (*line, name.as_str(), *set)).collect();
    assert_eq!(told, [(1, "HOST", true), (1, "HOST", true), (3, "NOT_SET", false), (3, "NO", false)]);
}

#[test]
fn a_second_document_is_named() {
    assert_eq!(read("a: 1\n---\nb: 2\n", &none).unwrap().second, Some(2));
    assert!(read("", &none).unwrap().root.is_empty());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-c:&*\\[\\]{}<'\"|>$!%@#,\n -]{0,80}") {
        drop(read(&text, &none));
    }
}
