use super::*;
use proptest::prelude::*;

/// Lines that look like tables of jobs, and all that may stand between them.
const LINES: [&str; 44] = [
    "[[job.tcp]]",
    "[[job.http]]",
    "  [[job.tcp]] # one\r",
    "[[job.tcp]] x",
    "[[ job.tcp ]]",
    "[[job.\"tcp\"]]",
    "[[job.a.b]]",
    "[job.tcp.more]",
    "[job]",
    "[[peer]]",
    "[general]",
    "[general.more]",
    "job = 1",
    "a = 1",
    "a = \"x\"",
    "\tb=\"ü # no comment\" # ü",
    "b = 'x\"'\r",
    "c = \"\"",
    "c = \"\" \"\"",
    "d = \"\"\"x\"\"\"",
    "d = \"\"\"",
    "\"\"\"",
    "e = '''x",
    "x'''",
    "f = \"a\\tb\"",
    "f = \"a\\qb\"",
    "g = \"open",
    "g = \"tab\tinside\"",
    "g = \"bell\u{7}\"",
    "h = [\"a\", 'b'] # two",
    "h = [",
    "]",
    "i = { x = 1, y = { z = [2] } }",
    "j = true#x",
    "j = tru",
    "k.l = 2",
    "\"m\" = 3",
    "n = 1979-05-27 07:32:00",
    "o = 0x1F",
    "= 1",
    "p 1",
    "# a comment with ü",
    "# a bell \u{7}",
    "",
];

/// What the parser makes of a table of jobs.
fn parsed(root: &DeTable<'_>, list: &KindTables<'_>) -> String {
    let job = root.get("job").unwrap().get_ref().as_table().unwrap();
    let (kind, tables) = job.get_key_value(list.kind.get_ref().as_ref()).unwrap();
    let tables = tables.get_ref().as_array().unwrap().iter();
    let tables: Vec<_> = tables.map(|t| (t.span(), t.get_ref().as_table().unwrap())).collect();
    format!("{kind:?} {tables:?}")
}

/// Whether `text` is read the quick way. Then the parser must have found the same.
fn quick(text: &str) -> bool {
    let Some(document) = read(text, 0) else {
        return false;
    };
    let mut root = DeTable::parse(text).unwrap_or_else(|e| panic!("{text}\n{e}")).into_inner();
    for list in &document.jobs {
        let tables: Vec<_> = list.tables.iter().map(|(span, pairs)| (span.clone(), pairs.to_table())).collect();
        assert_eq!(format!("{:?} {tables:?}", list.kind), parsed(&root, list), "{text}");
    }
    let kinds = root.get("job").map_or(0, |job| job.get_ref().as_table().unwrap().len());
    assert_eq!(document.jobs.len(), kinds, "{text}");
    root.remove("job");
    assert_eq!(format!("{:?}", document.root), format!("{root:?}"), "{text}");
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn it_finds_what_the_parser_finds_or_nothing(lines in prop::collection::vec(0..LINES.len(), 0..9)) {
        let lines: Vec<&str> = lines.into_iter().map(|i| LINES[i]).collect();
        quick(&lines.join("\n"));
    }
}

#[test]
fn plain_tables_are_read_the_quick_way() {
    for text in [
        "",
        "[[job.tcp]]\naddress = \"ns:53\"",
        "[general]\nx = \"\"\"\n[[job.no]]\n\"\"\"\n\n[[job.tcp]]\r\na = 'b' # c\r\n\r\n[[job.http]]\nurl = \"x\"\n",
        "[[job.tcp]]\nn = 5 # five\nt = false\nl = [\"a\", \"b\"]\ni = { a = 1 }\nx = \"\\n\"\n[log]\nlevel = 1\n[[job.tcp]]",
    ] {
        let whole = text.contains("\"\"\"");
        assert_eq!(quick(text), !whole, "{text}");
    }
}

#[test]
fn what_is_not_as_plain_is_left_to_the_parser() {
    for text in [
        "[[job.tcp]]\na = 1\na = 2",
        "[[job.tcp]]\na.b = 1",
        "[[job.tcp]]\na = [\n1]",
        "[[job.tcp]]\n[job.tcp.more]\na = 1",
        "[job]\nx = 1\n[[job.tcp]]",
        "[a]\n[[job.tcp]]\n[a]",
        "x = [\n[[job.tcp]]\n]",
        "[[job.tcp]] address = \"x\"",
        "[[job.tcp]]\na = \"x\" # \u{7}",
        "[[job.tcp]]\na = \"x",
    ] {
        assert!(!quick(text), "{text}");
    }
}

#[test]
fn places_count_from_the_base() {
    let document = read("[general]\na = 1\n[[job.tcp]]\nb = \"c\"\nd = [2]", 100).unwrap();
    let list = document.jobs.first().unwrap();
    let (header, pairs) = list.tables.first().unwrap();
    assert_eq!((list.kind.span(), header.clone()), (122..125, 116..127));
    assert_eq!(pairs.get("b").unwrap().span(), 132..135);
    assert_eq!(pairs.get("d").unwrap().get_ref().as_array().unwrap().first().unwrap().span(), 141..142);
    assert_eq!(document.root.get("general").unwrap().span(), 100..109);
}
