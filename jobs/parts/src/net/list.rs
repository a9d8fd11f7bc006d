use super::Endpoint;
use checker_job::TableErrors;

/// The endpoints that the key `address` lists, each once. What is wrong is noted; `example` is what such an address looks
/// like for this kind: `"imap.example.com:993"`.
pub fn endpoints<'t>(
    errors: &mut TableErrors<'_>,
    list: impl IntoIterator<Item = &'t String>,
    example: &str,
) -> Vec<Endpoint> {
    let mut list = list.into_iter().peekable();
    if list.peek().is_none() {
        errors.note("address", format!("the list is empty; name at least one, as in \"{example}\""));
    }
    errors.each("address", list, |text| Endpoint::parse_like(text, example), Endpoint::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_shown_as_the_kind_writes_it() {
        let mut all = Vec::new();
        let mut errors = TableErrors::new(0, &mut all);
        let list = ["a.example:22", "A.example:22", "b.example", "[::1]:22"].map(str::to_owned);
        let good = endpoints(&mut errors, &list, "ns.example.com:22");
        assert_eq!(good.iter().map(Endpoint::as_str).collect::<Vec<_>>(), ["a.example:22", "[::1]:22"]);
        assert_eq!(endpoints(&mut errors, [], "ns.example.com:22"), []);
        let said: Vec<String> = all.iter().map(ToString::to_string).collect();
        let no_port = "address: \"b.example\" has no port; add it, as in \"b.example:22\"";
        let empty = "address: the list is empty; name at least one, as in \"ns.example.com:22\"";
        assert_eq!(said, ["address: a.example:22 stands in the list twice; take one out", no_port, empty]);
    }
}
