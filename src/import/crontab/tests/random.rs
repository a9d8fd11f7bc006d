use super::super::*;
use super::cronlike::{Whose, handed_on};
use super::tables;
use proptest::prelude::*;

const CHECKER: &str = "/opt/checker";

/// The words of a command in which only single quotes and `\'` mean something.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut inside) = (Vec::new(), None::<String>, false);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                inside = !inside;
                word.get_or_insert_default();
            }
            ' ' | '\t' if !inside => words.extend(word.take()),
            '\\' if !inside => word.get_or_insert_default().extend(rest.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!inside, "{text}");
    words.extend(word);
    words
}

/// What a wrapped line runs is what the old one ran.
fn same(old: &str, new: &str, form: Form, shell: &str) {
    let (Line::Call(old), Line::Call(new)) = (line::read(old, form), line::read(new, form)) else {
        panic!("{old:?} {new:?}");
    };
    assert_eq!((old.before, old.user), (new.before, new.user));
    for whose in [Whose::Debian, Whose::Cronie] {
        let ((old, input), (new, new_input)) = (handed_on(old.command, whose), handed_on(new.command, whose));
        assert_eq!(input, new_input);
        let new = words(&new);
        let [checker, run, name, dashes, command @ ..] = new.as_slice() else { panic!("{new:?}") };
        assert_eq!([checker, run, dashes], [CHECKER, "run", "--"]);
        assert!(name.len() <= 60 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{name}");
        match command {
            [sh, c, text] if sh == shell && c == "-c" => assert_eq!(*text, old),
            plain => assert_eq!(*plain, old.split([' ', '\t']).filter(|w| !w.is_empty()).collect::<Vec<_>>()),
        }
    }
}

/// All that must be so whatever is in a crontab.
fn holds(text: &str, form: Form) {
    let made = propose(text, form, CHECKER);
    let (old, new): (Vec<&str>, Vec<&str>) = (text.split('\n').collect(), made.crontab.split('\n').collect());
    assert_eq!(old.len(), new.len());
    let count = tables(&made).len();
    let mut shell = SH.to_owned();
    for (old, new) in old.iter().zip(&new) {
        if let Line::Setting { name: "SHELL", value } = line::read(old, form) {
            value.clone_into(&mut shell);
        }
        if old != new {
            same(old, new, form, &shell);
        }
    }
    assert!(count <= old.len());
    assert!(made.notes.iter().all(|n| (1..=old.len()).contains(&n.line) && !n.text.contains(char::is_control)));
    assert!(made.notes.is_sorted_by_key(|n| n.line));
    let again = propose(&made.crontab, form, CHECKER);
    assert_eq!(again.crontab, made.crontab);
}

fn command() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z'\"\\\\% $;&|<>(){}#`=~*\\[\\]!/.\u{e4}\u{2028}-]{0,40}",
        "(cd /x && |nice |A=b |flock -n /l |sh -c |sudo -u x -- |php |checker |\\. ){0,3}[a-z/'\\\\%. ]{1,30}",
        "\\PC{0,30}",
        "('|\\\\|%|\"|a| ){0,20}",
    ]
}

fn lines() -> impl Strategy<Value = String> {
    let time = prop_oneof![
        4 => "([0-9*]{1,2} [0-9*]{1,2} [*1] [*1] [*0-7] |@daily |@reboot\t|-\\*/5 \\* \\* \\* \\* )",
        1 => "[-0-9*@/, \t]{0,12}",
    ];
    let line = prop_oneof![
        6 => (time, "(root |www-data )?", command()).prop_map(|(a, b, c)| a + &b + &c),
        1 => "[#A-Z_'\" =]{0,6}= ?.{0,8}",
        1 => "SHELL=(/bin/bash|/bin/zsh|/bin/dash|fish|/x/fish)",
        1 => "CRON_TZ=(Europe/Berlin|UTC|x|\"\"|.{0,5})",
    ];
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn whatever_is_in_it(text in prop_oneof!["(.|\n|\r|\t|\0){0,200}", "\\PC*"]) {
        holds(&text, Form::User);
        holds(&text, Form::System);
    }

    #[test]
    fn whatever_its_lines_are(text in lines()) {
        holds(&text, Form::User);
        holds(&text, Form::System);
    }

    #[test]
    fn whatever_bytes_are_in_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        holds(&text, Form::User);
        holds(&text, Form::System);
    }
}
