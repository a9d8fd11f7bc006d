//! The words of a shell's command, well enough to see what it runs. Nothing is run by them.

use std::iter::Peekable;
use std::str::Chars;

/// A piece of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Word(Word),
    /// A redirection, and whether standard output goes there.
    Redirect {
        out: bool,
    },
    /// What stands between two commands.
    End,
}

/// A word without its quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// A shell would put something else in its place.
    pub(super) open: bool,
    quoted: bool,
}

/// Words that only hold commands together.
const AROUND: [&str; 14] =
    ["if", "then", "else", "elif", "fi", "while", "until", "do", "done", "!", "{", "}", "esac", "time"];

/// The pieces of a command.
pub(super) fn pieces(command: &str) -> Vec<Piece> {
    let mut reader = Reader { rest: command.chars().peekable() };
    let mut pieces = Vec::new();
    while let Some(c) = reader.rest.peek().copied() {
        let piece = match c {
            ' ' | '\t' => {
                reader.rest.next();
                continue;
            }
            '#' => break,
            '<' | '>' => reader.redirect(c == '>'),
            '&' => {
                reader.rest.next();
                if reader.rest.peek() == Some(&'>') { reader.redirect(true) } else { Piece::End }
            }
            ';' | '|' | '(' | ')' | '\n' => {
                reader.rest.next();
                Piece::End
            }
            _ => reader.word_or_number(),
        };
        pieces.push(piece);
    }
    pieces
}

/// The commands in it: their words, without what holds them together and without redirections.
pub(super) fn commands(command: &str) -> Vec<Vec<Word>> {
    let pieces = pieces(command);
    let commands = pieces.split(|piece| *piece == Piece::End).map(|pieces| {
        let words = pieces.iter().filter_map(|piece| if let Piece::Word(word) = piece { Some(word) } else { None });
        words.skip_while(|w| !w.quoted && AROUND.contains(&w.text.as_str())).cloned().collect::<Vec<_>>()
    });
    commands.filter(|words| !words.is_empty()).collect()
}

/// Whether the output of its last command goes elsewhere.
pub(super) fn output_goes_away(command: &str) -> bool {
    let pieces = pieces(command);
    let last = pieces.split(|p| *p == Piece::End).rfind(|pieces| !pieces.is_empty());
    last.is_some_and(|last| last.contains(&Piece::Redirect { out: true }))
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    /// `2>` is no word.
    fn word_or_number(&mut self) -> Piece {
        let word = self.word();
        let number = !word.quoted && !word.open && word.text.bytes().all(|b| b.is_ascii_digit());
        match self.rest.peek() {
            Some('>') if number => self.redirect(word.text == "1"),
            Some('<') if number => self.redirect(false),
            _ => Piece::Word(word),
        }
    }

    /// From its first sign to the end of the word that it names.
    fn redirect(&mut self, out: bool) -> Piece {
        while self.rest.next_if(|c| matches!(c, '<' | '>' | '&' | '|')).is_some() {}
        while self.rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        let to = self.word();
        Piece::Redirect { out: out && to.text != "2" }
    }

    fn word(&mut self) -> Word {
        let mut word = Word::default();
        while let Some(c) =
            self.rest.next_if(|c| !matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>'))
        {
            match c {
                '\'' => {
                    word.quoted = true;
                    word.text.extend(self.rest.by_ref().take_while(|c| *c != '\''));
                }
                '"' => self.double(&mut word),
                '\\' => {
                    word.quoted = true;
                    word.text.extend(self.rest.next());
                }
                '$' | '`' => self.open(c, &mut word),
                c => word.text.push(c),
            }
        }
        word
    }

    fn double(&mut self, word: &mut Word) {
        word.quoted = true;
        while let Some(c) = self.rest.next() {
            match c {
                '"' => return,
                '\\' => word.text.extend(self.rest.next()),
                '$' | '`' => self.open(c, word),
                c => word.text.push(c),
            }
        }
    }

    /// `$x`, `${x}`, `$(x)` and `` `x` `` stay as they are.
    fn open(&mut self, first: char, word: &mut Word) {
        word.open = true;
        word.text.push(first);
        let (opens, closes) = match self.rest.peek() {
            _ if first == '`' => ('`', '`'),
            Some('(') => ('(', ')'),
            Some('{') => ('{', '}'),
            _ => return,
        };
        let mut depth = u32::from(first == '`');
        for c in self.rest.by_ref() {
            word.text.push(c);
            if c == closes {
                depth = depth.saturating_sub(1);
            } else if c == opens {
                depth = depth.saturating_add(1);
            }
            if depth == 0 {
                return;
            }
        }
    }
}
