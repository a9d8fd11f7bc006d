//! What cron makes of a command before a shell sees it.

/// Whose cron.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    Debian,
    Cronie,
}

/// What the shell is given with -c, and what is written to its input.
pub(super) fn handed_on(command: &str, whose: Whose) -> (String, Option<String>) {
    let mut shell = String::new();
    let mut rest = command.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek().copied()) {
            ('%', _) => return (shell, Some(input(&rest.collect::<String>()))),
            ('\\', Some('%')) => shell.extend(rest.next()),
            ('\\', Some('\\')) => {
                shell.extend(rest.next());
                if matches!(whose, Whose::Cronie) {
                    shell.push('\\');
                }
            }
            ('\\', Some(next)) => {
                rest.next();
                shell.extend(['\\', next]);
            }
            _ => shell.push(c),
        }
    }
    (shell, None)
}

fn input(text: &str) -> String {
    let lines = text.replace("\\%", "\0").replace('%', "\n").replace('\0', "%");
    if lines.is_empty() || lines.ends_with('\n') { lines } else { lines + "\n" }
}

#[test]
fn percent_signs() {
    let both = |text| [handed_on(text, Whose::Debian), handed_on(text, Whose::Cronie)];
    for made in both(r"a \% b%c%d\%e") {
        assert_eq!(made, ("a % b".to_owned(), Some("c\nd%e\n".to_owned())));
    }
    assert_eq!(both(r"a \\% \n").map(|(shell, _)| shell), [r"a \", r"a \\"]);
    assert_eq!(both(r"a \n\").map(|made| made.0), [r"a \n\"; 2]);
}
