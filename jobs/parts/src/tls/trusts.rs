use super::Trust;
use checker_job::TableErrors;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// One [`Trust`] for each CA file that the tables of a kind name, however many they are.
#[derive(Debug)]
pub struct Trusts {
    alpn: &'static [&'static [u8]],
    by_file: BTreeMap<Option<PathBuf>, Arc<Trust>>,
}

impl Trusts {
    /// Those of a kind that offers these protocols, as [`Trust::system`] takes them.
    pub fn new(alpn: &'static [&'static [u8]]) -> Self {
        Self { alpn, by_file: BTreeMap::new() }
    }

    /// That of a table with this `ca_file`. A file that cannot be used is noted for each table that names it.
    pub fn of(&mut self, errors: &mut TableErrors<'_>, file: Option<&PathBuf>) -> Arc<Trust> {
        self.named(errors, "ca_file", file)
    }

    /// The same where the key has another name.
    pub fn named(&mut self, errors: &mut TableErrors<'_>, name: &str, file: Option<&PathBuf>) -> Arc<Trust> {
        let key = file.cloned();
        if let Some(known) = self.by_file.get(&key) {
            return known.clone();
        }
        let system = || Arc::new(Trust::system(self.alpn));
        let Some(path) = file else { return self.by_file.entry(None).or_insert_with(system).clone() };
        let Some(trust) = errors.keep(name, Trust::with_ca_file(path, self.alpn)) else { return system() };
        self.by_file.entry(key).or_insert(Arc::new(trust)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_once_and_a_bad_one_is_told_of_each_table() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("ca.pem"), folder.path().join("none.pem"));
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        std::fs::write(&good, certificate.pem()).unwrap();
        let (mut trusts, mut all) = (Trusts::new(&[]), Vec::new());
        let mut of = |table: usize, file| trusts.of(&mut TableErrors::new(table, &mut all), file);
        assert!(Arc::ptr_eq(&of(0, None), &of(1, None)), "the system's");
        assert!(Arc::ptr_eq(&of(2, Some(&good)), &of(3, Some(&good))) && of(2, Some(&good)).own().len() == 1);
        assert!(of(4, Some(&bad)).own().is_empty() && of(5, Some(&bad)).own().is_empty());
        assert_eq!(all.iter().map(|error| error.table).collect::<Vec<_>>(), [4, 5]);
        assert!(all.iter().all(|error| error.to_string().starts_with("ca_file: ")), "{all:?}");
    }
}
