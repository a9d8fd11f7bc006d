//! The Rust code of `docs/writing-a-job.md`, compiled: each block of the document stands word for word in one of the
//! files here.

#[expect(unreachable_pub, reason = "as in a crate of its own")]
mod listing;
#[expect(unreachable_pub, reason = "as in a crate of its own")]
mod many;
#[expect(unreachable_pub, reason = "as in a crate of its own")]
mod one;

const COMPILED: [&str; 3] =
    [include_str!("writing/one.rs"), include_str!("writing/listing.rs"), include_str!("writing/many.rs")];

/// Each block marked as Rust is compiled. A whole `main.rs` is another program and cannot be.
pub(super) fn blocks_are_compiled(document: &str) -> Vec<String> {
    let blocks = blocks(document);
    if blocks.len() < 4 {
        return vec![format!(
            "docs/writing-a-job.md shows {} blocks of Rust: too few to be the right file",
            blocks.len()
        )];
    }
    let unknown =
        |block: &&String| !block.contains("fn main()") && !COMPILED.iter().any(|file| file.contains(&***block));
    blocks
        .iter()
        .filter(unknown)
        .map(|block| {
            let first = block.lines().next().unwrap_or_default();
            format!(
                "docs/writing-a-job.md: the block that begins with `{first}` does not stand in tests/tidy/writing/: make \
                 both the same, word for word"
            )
        })
        .collect()
}

fn blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut parts = document.split("\n```");
    parts.next();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        if let Some(code) = block.strip_prefix("rust\n") {
            blocks.push(format!("{code}\n"));
        }
    }
    blocks
}

#[test]
fn the_example_is_shown_as_it_is() {
    let document = include_str!("../../docs/writing-a-job.md");
    let (_, rest) = document.split_once("```text\nasync fn vacuity").expect("the block");
    let (shown, _) = rest.split_once("\n```").expect("its end");
    let indented = shown.replace('\n', "\n    ").replace("\n    \n", "\n\n");
    let example = include_str!("../../jobs/example/src/lib.rs");
    assert!(
        example.contains(&format!("    async fn vacuity{indented}\n")),
        "docs/writing-a-job.md shows another vacuity than jobs/example has"
    );
}

#[test]
fn a_block_that_nobody_compiled_is_found() {
    let block = |code: &str| format!("Words.\n\n```rust\n{code}\n```\n\n```toml\nx = 1\n```\n");
    let known = COMPILED[0].lines().find(|line| line.starts_with("use ")).unwrap();
    let whole = "fn main() {\n    x()\n}";
    let document = [known, known, whole, "no such code"].map(block).concat();
    let found = blocks_are_compiled(&document);
    assert!(found.len() == 1 && found[0].contains("`no such code`"), "{found:?}");
    assert_eq!(blocks_are_compiled("").len(), 1);
}
