use std::fmt;

/// A problem with one table, found by the kind itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnError {
    /// Index into the `Vec` that [`JobSpawner::spawn`](crate::JobSpawner::spawn) was given.
    pub table: usize,
    /// The key at fault, or `None` for the table as a whole.
    pub key: Option<String>,
    /// What is wrong and what to do, as a sentence without a full stop.
    pub message: String,
}

impl SpawnError {
    /// A problem of `key` in table number `table`.
    pub fn key(table: usize, key: &str, message: impl Into<String>) -> Self {
        Self { table, key: Some(key.to_owned()), message: message.into() }
    }

    /// A problem of table number `table` as a whole.
    pub fn table(table: usize, message: impl Into<String>) -> Self {
        Self { table, key: None, message: message.into() }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for SpawnError {}

/// What is wrong with one table, noted while it is read: a wrong key is noted and left out, so that the others are read too
/// and all of it is reported at once.
#[derive(Debug)]
pub struct TableErrors<'a> {
    table: usize,
    all: &'a mut Vec<SpawnError>,
}

impl<'a> TableErrors<'a> {
    /// Those of table number `table`; they are added to `all`.
    pub fn new(table: usize, all: &'a mut Vec<SpawnError>) -> Self {
        Self { table, all }
    }

    /// Notes what is wrong with `key`, as [`SpawnError::message`].
    pub fn note(&mut self, key: &str, message: impl Into<String>) {
        self.all.push(SpawnError::key(self.table, key, message));
    }

    /// Notes what is wrong with the table as a whole.
    pub fn note_whole(&mut self, message: impl Into<String>) {
        self.all.push(SpawnError::table(self.table, message));
    }

    /// What was read of `key`; nothing, once it is noted why.
    pub fn keep<T>(&mut self, key: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|why| self.note(key, why)).ok()
    }

    /// What was read of the list `key`: each entry that can be read, once. `shown` is how an entry stands in a sentence.
    pub fn each<I: IntoIterator, T: PartialEq>(
        &mut self,
        key: &str,
        list: I,
        read: impl Fn(I::Item) -> Result<T, String>,
        shown: impl Fn(&T) -> String,
    ) -> Vec<T> {
        let mut good = Vec::new();
        for entry in list {
            let Some(entry) = self.keep(key, read(entry)) else { continue };
            if good.contains(&entry) {
                self.note(key, format!("{} stands in the list twice; take one out", shown(&entry)));
            } else {
                good.push(entry);
            }
        }
        good
    }

    /// Whether nothing is wrong so far, with this table or with another.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_noted_and_the_rest_is_kept() {
        let mut all = Vec::new();
        let mut errors = TableErrors::new(3, &mut all);
        assert!(errors.is_empty());
        let number = |text: &str| text.parse::<u8>().map_err(|_| format!("{text:?} is no number"));
        assert_eq!(errors.keep("one", number("1")), Some(1));
        assert_eq!(errors.keep("two", number("x")), None);
        assert_eq!(errors.each("list", ["1", "y", "2", "01"], number, u8::to_string), [1, 2]);
        errors.note_whole("say more");
        assert!(!errors.is_empty());
        let said: Vec<String> = all.iter().map(ToString::to_string).collect();
        let twice = "list: 1 stands in the list twice; take one out";
        assert_eq!(said, ["two: \"x\" is no number", "list: \"y\" is no number", twice, "say more"]);
        assert!(all.iter().all(|error| error.table == 3));
    }
}
