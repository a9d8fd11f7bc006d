//! What folders are for, what people call them, and in which order they are looked at.

use imap_proto::NameAttribute;

/// What a folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where mail arrives.
    Inbox,
    /// What the provider takes for spam.
    Junk,
    /// Any other folder: a filter may have put the message there.
    Other,
    /// All messages of the mailbox, sent ones too (Gmail).
    All,
    /// What was thrown away.
    Trash,
    /// Copies of what was sent.
    Sent,
    /// What is not sent yet.
    Drafts,
}

/// A folder of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// Its name as the server wants it.
    pub(super) name: String,
    /// Its name as people read it.
    pub(super) shown: String,
    pub(super) place: Place,
    /// The name alone says what it is for.
    pub(super) by_name: bool,
}

/// What one line of a list of folders says.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) delimiter: Option<String>,
    pub(super) place: Option<Place>,
    /// It holds folders and no messages.
    pub(super) no_messages: bool,
}

/// Sorts out the attributes of RFC 3501, RFC 5258 and RFC 6154.
pub(super) fn listed(name: &imap::types::Name<'_>) -> Listed {
    let mut listed = Listed {
        name: name.name().to_owned(),
        delimiter: name.delimiter().map(str::to_owned),
        place: None,
        no_messages: false,
    };
    for attribute in name.attributes() {
        match attribute {
            NameAttribute::NoSelect => listed.no_messages = true,
            NameAttribute::Extension(other) if other.eq_ignore_ascii_case("\\NonExistent") => listed.no_messages = true,
            NameAttribute::All => listed.place = Some(Place::All),
            NameAttribute::Junk => listed.place = Some(Place::Junk),
            NameAttribute::Sent => listed.place = Some(Place::Sent),
            NameAttribute::Trash => listed.place = Some(Place::Trash),
            NameAttribute::Drafts => listed.place = Some(Place::Drafts),
            // An archive is read like any other folder.
            NameAttribute::Archive => listed.place = Some(Place::Other),
            _ => {}
        }
    }
    listed
}

/// The folders that can hold messages, in the order in which they are looked at: where mail arrives comes first, and what
/// shows the messages of other folders last. Where no folder has the attribute of a place, well-known names tell it.
pub(super) fn sort_out(list: &[Listed]) -> Vec<Folder> {
    let told = |place: Place| list.iter().any(|l| l.place == Some(place));
    let mut folders: Vec<Folder> = list.iter().filter(|l| !l.no_messages).map(|l| folder(l, &told)).collect();
    folders.sort_by_key(|f| f.place as u8);
    folders.dedup_by(|a, b| a.name == b.name);
    folders
}

fn folder(listed: &Listed, told: &dyn Fn(Place) -> bool) -> Folder {
    let shown = decoded(&listed.name);
    let with = |place, by_name| Folder { name: listed.name.clone(), shown: shown.clone(), place, by_name };
    if listed.name.eq_ignore_ascii_case("INBOX") {
        return with(Place::Inbox, false);
    }
    if let Some(place) = listed.place {
        return with(place, false);
    }
    let last = listed.delimiter.as_deref().filter(|d| !d.is_empty()).and_then(|d| shown.rsplit(d).next());
    match well_known(last.unwrap_or(&shown)).filter(|&place| !told(place)) {
        Some(place) => with(place, true),
        None => with(Place::Other, false),
    }
}

/// Names that servers and mail programs give by themselves, in lower case, a line for each place.
const WELL_KNOWN: [(Place, &str); 4] = [
    (
        Place::Junk,
        "junk|spam|bulk|bulk mail|junk email|junk e-mail|junk mail|spamverdacht|spam-verdacht|spamordner|unerwünscht|\
         courrier indésirable|indésirables|pourriel|correo no deseado|posta indesiderata|ongewenste e-mail",
    ),
    (
        Place::Sent,
        "sent|sent items|sent mail|sent messages|sent-mail|gesendet|gesendete elemente|gesendete objekte|\
         gesendete nachrichten|envoyés|éléments envoyés|messages envoyés|enviados|elementos enviados|posta inviata|\
         inviata|verzonden|verzonden items|wysłane",
    ),
    (Place::Drafts, "drafts|draft|entwürfe|brouillons|borradores|bozze|concepten|rascunhos"),
    (
        Place::Trash,
        "trash|deleted|deleted items|deleted messages|papierkorb|gelöscht|gelöschte elemente|gelöschte objekte|\
         corbeille|papelera|elementos eliminados|cestino|prullenbak|lixeira",
    ),
];

/// What a folder of this name is for, where nothing else tells.
pub(super) fn well_known(name: &str) -> Option<Place> {
    let name = name.to_lowercase();
    WELL_KNOWN.iter().find(|(_, names)| names.split('|').any(|n| n == name)).map(|(place, _)| *place)
}

/// A folder's name as people read it: servers send UTF-16 in a Base64 of their own (RFC 3501, 5.1.3). What is none stays
/// as it is.
pub(super) fn decoded(name: &str) -> String {
    let mut shown = String::new();
    let mut rest = name;
    while let Some((plain, after)) = rest.split_once('&') {
        let Some((inner, tail)) = after.split_once('-') else { break };
        let letters = if inner.is_empty() { Some("&".to_owned()) } else { utf16(inner) };
        let Some(letters) = letters else { break };
        shown.push_str(plain);
        shown.push_str(&letters);
        rest = tail;
    }
    shown.push_str(rest);
    super::error::clean_words(shown.as_bytes())
}

fn utf16(text: &str) -> Option<String> {
    let (mut bits, mut count, mut units) = (0_u32, 0_u32, Vec::new());
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b',' => 63,
            _ => return None,
        };
        bits = ((bits << 6) | u32::from(value)) & 0x003f_ffff;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from((bits >> count) & 0xffff).ok()?);
        }
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, place: Option<Place>) -> Listed {
        Listed { name: name.to_owned(), delimiter: Some("/".to_owned()), place, no_messages: false }
    }

    fn places(list: &[Listed]) -> Vec<(String, Place, bool)> {
        sort_out(list).into_iter().map(|f| (f.shown, f.place, f.by_name)).collect()
    }

    #[test]
    fn names_are_shown_as_people_read_them() {
        for (sent, shown) in [
            ("Entw&APw-rfe", "Entwürfe"),
            ("Gel&APY-scht/&2D3cqQ-", "Gelöscht/💩"),
            ("&ZeVnLIqe-", "日本語"),
            ("A&-B", "A&B"),
            ("a & b", "a & b"),
            ("&APw", "&APw"),
            ("&2D0-", "&2D0-"),
            ("&!-", "&!-"),
        ] {
            assert_eq!(decoded(sent), shown);
        }
    }

    #[test]
    fn attributes_count_more_than_names() {
        let found = places(&[
            line("Gesendet", Some(Place::Sent)),
            line("Sent", None),
            line("Verd&AOQ-chtig", Some(Place::Junk)),
            line("inbox", Some(Place::Trash)),
            line("INBOX/Spam", None),
            line("Archiv", Some(Place::Other)),
        ]);
        let expected = [
            ("inbox", Place::Inbox, false),
            ("Verdächtig", Place::Junk, false),
            ("Sent", Place::Other, false),
            ("INBOX/Spam", Place::Other, false),
            ("Archiv", Place::Other, false),
            ("Gesendet", Place::Sent, false),
        ];
        assert_eq!(found, expected.map(|(n, p, b)| (n.to_owned(), p, b)));
    }

    #[test]
    fn names_serve_where_attributes_lack() {
        let found = places(&[line("INBOX/Entw&APw-rfe", None), line("Work", None), line("INBOX/SPAM", None)]);
        let expected =
            [("INBOX/SPAM", Place::Junk, true), ("Work", Place::Other, false), ("INBOX/Entwürfe", Place::Drafts, true)];
        assert_eq!(found, expected.map(|(n, p, b)| (n.to_owned(), p, b)));
        let empty = Listed { no_messages: true, ..line("Sent", None) };
        assert!(places(&[empty]).is_empty(), "what holds no messages is not opened");
    }
}
