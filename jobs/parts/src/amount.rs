//! Sizes and shares as people write them, `"5GiB"` and `"10%"`, and limits of two degrees made of them.

use crate::one_or_many::OneOrMany;
use checker_job::Verdict;
use std::fmt;

/// The units of sizes: powers of 1024 (IEC 80000-13) and of 1000 (SI).
const UNITS: [(&str, u64); 11] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads a size such as `512B`, `64KiB`, `5GiB` (powers of 1024) or `5GB` (powers of 1000).
///
/// # Errors
/// A sentence that shows the form.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let form = || format!("{text:?} is no size; write it as \"512KiB\", \"5GiB\" or \"2TB\"");
    let bare = text.trim();
    let digits = bare.find(|c: char| !c.is_ascii_digit()).ok_or_else(form)?;
    let (number, unit) = bare.split_at_checked(digits).ok_or_else(form)?;
    let number: u64 = number.parse().map_err(|_| form())?;
    let factor = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| *factor);
    number.checked_mul(factor.ok_or_else(form)?).ok_or_else(form)
}

/// A size for people: `640 B`, `1.5 GiB`, `26 GiB`. Rounded down, so that what is below a limit never looks like it.
pub fn size_words(bytes: u64) -> String {
    let binary = UNITS.iter().take(6).rev().find(|(_, factor)| bytes >= *factor);
    let (unit, factor) = binary.copied().unwrap_or(("B", 1));
    let (whole, tenth) = (bytes / factor, bytes % factor * 10 / factor);
    if whole >= 10 || tenth == 0 { format!("{whole} {unit}") } else { format!("{whole}.{tenth} {unit}") }
}

/// How much `part` is of `whole`, in hundredths of a percent, rounded down; at most 100 %.
fn share(part: u64, whole: u64) -> u64 {
    let hundredths = u128::from(part) * 10_000 / u128::from(whole.max(1));
    u64::try_from(hundredths.min(10_000)).unwrap_or(10_000)
}

/// How much `part` is of `whole`, for people: `74%`, `4.3%`.
pub fn share_words(part: u64, whole: u64) -> String {
    hundredths_words(share(part, whole))
}

/// A share of a limit, as somebody wrote it: `12.5%`, where [`share_words`] would say `12%`.
pub fn limit_words(hundredths: u64) -> String {
    let (whole, decimals) = (hundredths / 100, format!("{:02}", hundredths % 100));
    match decimals.trim_end_matches('0') {
        "" => format!("{whole}%"),
        decimals => format!("{whole}.{decimals}%"),
    }
}

fn hundredths_words(hundredths: u64) -> String {
    let (whole, tenth, last) = (hundredths / 100, hundredths % 100 / 10, hundredths % 10);
    match (whole, tenth, last) {
        (10.., _, _) | (_, 0, 0) => format!("{whole}%"),
        (0, _, 1..) => format!("0.{tenth}{last}%"),
        _ => format!("{whole}.{tenth}%"),
    }
}

/// Reads a share such as `10%` or `2.5%`, in hundredths of a percent.
///
/// # Errors
/// A sentence that shows the form.
pub fn parse_percent(text: &str) -> Result<u64, String> {
    let form = || format!("{text:?} is no share; write it as \"10%\" or \"2.5%\", from 0.01% to 100%");
    let bare = text.trim().strip_suffix('%').ok_or_else(form)?.trim_end();
    let (whole, decimals) = bare.split_once('.').unwrap_or((bare, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || whole.is_empty() || whole.len() > 3 || decimals.len() > 2 {
        return Err(form());
    }
    let number: u64 = format!("{whole}{decimals:0<2}").parse().map_err(|_| form())?;
    if (1..=10_000).contains(&number) { Ok(number) } else { Err(form()) }
}

/// One limit: a share of the whole, a size, one of each, or neither, which is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// In hundredths of a percent.
    pub share: Option<u64>,
    /// In bytes.
    pub bytes: Option<u64>,
}

impl Amount {
    /// Reads a share, a size, one of each, or `never`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, String> {
        let mut amount = Self::default();
        match texts {
            [] => return Err("the list is empty; leave the key out, or write \"never\"".to_owned()),
            [one] if one.as_ref() == "never" => return Ok(amount),
            _ => {}
        }
        for text in texts.iter().map(AsRef::as_ref) {
            let is_second = if text.ends_with('%') {
                amount.share.replace(parse_percent(text)?).is_some()
            } else {
                let size = parse_size(text).map_err(|why| format!("{why}; or a share, as in \"10%\"; or \"never\""));
                amount.bytes.replace(size?).is_some()
            };
            if is_second {
                return Err(format!("{text:?} is one too many: give one share, one size, or one of each"));
            }
        }
        Ok(amount)
    }

    fn share_of(share: u64, whole: u64) -> u64 {
        u64::try_from(u128::from(whole) * u128::from(share) / 10_000).unwrap_or(u64::MAX)
    }

    /// The limit for such a whole: of share and size the one that is met later.
    fn of(&self, whole: u64, side: Side) -> Option<u64> {
        let share = self.share.map(|share| Self::share_of(share, whole));
        let both = self.bytes.into_iter().chain(share);
        if side == Side::Below { both.min() } else { both.max() }
    }
}

/// On which side of a limit it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Too little is bad, as of what is free.
    Below,
    /// Too much is bad, as of what is used.
    Above,
}

/// Limits of two degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degrees {
    side: Side,
    /// From here on it wants a look.
    pub warning: Amount,
    /// From here on it is broken.
    pub critical: Amount,
}

/// A limit that was crossed. It shows itself as a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// In bytes, or whatever was counted.
    pub limit: u64,
    /// The share that it was made of, in hundredths of a percent.
    share: Option<u64>,
}

impl Crossed {
    /// For what is no size.
    pub fn count_words(&self) -> String {
        self.share.map_or_else(|| self.limit.to_string(), limit_words)
    }
}

impl fmt::Display for Crossed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share {
            Some(share) => write!(f, "{} ({})", limit_words(share), size_words(self.limit)),
            None => f.write_str(&size_words(self.limit)),
        }
    }
}

/// One of the two keys of [`Degrees`]: its name, what the user wrote, and what holds if that is nothing.
#[derive(Clone, Copy, Debug)]
pub struct Degree<'a> {
    /// The key.
    pub key: &'static str,
    /// What the settings say.
    pub given: Option<&'a OneOrMany<String>>,
    /// What holds otherwise.
    pub usual: &'a [&'a str],
}

impl Degree<'_> {
    fn amount(&self, side: Side) -> Result<Amount, (&'static str, String)> {
        let read = self.given.map_or_else(|| Amount::parse(self.usual), |given| Amount::parse(&given.0));
        let read = read.and_then(|amount| {
            // A limit that nothing can cross only looks as if something were judged.
            if side == Side::Below && amount.bytes == Some(0) {
                return Err("nothing is ever less than that; write \"never\", or leave it out".to_owned());
            }
            if side == Side::Above && amount.share == Some(10_000) {
                return Err("nothing is ever more than 100%; write \"99%\", or \"never\"".to_owned());
            }
            Ok(amount)
        });
        read.map_err(|why| (self.key, why))
    }

    fn words(&self) -> String {
        let by_default = if self.given.is_none() { ", by default" } else { "" };
        let texts: Vec<String> = self.given.map_or_else(
            || self.usual.iter().map(|text| format!("\"{text}\"")).collect(),
            |given| given.iter().map(|text| format!("\"{text}\"")).collect(),
        );
        format!("{} (which is {}{by_default})", self.key, texts.join(" and "))
    }
}

impl Degrees {
    /// Reads both keys.
    ///
    /// # Errors
    /// All that is wrong, as key and sentence; among it a limit that nothing can cross, and a critical that is not worse than
    /// the warning.
    pub fn read(side: Side, warning: Degree<'_>, critical: Degree<'_>) -> Result<Self, Vec<(&'static str, String)>> {
        let (first, second) = match (warning.amount(side), critical.amount(side)) {
            (Ok(first), Ok(second)) => (first, second),
            (first, second) => return Err([first.err(), second.err()].into_iter().flatten().collect()),
        };
        let is_worse = |first: Option<u64>, second: Option<u64>| {
            first.zip(second).is_none_or(|(w, c)| if side == Side::Below { c < w } else { c > w })
        };
        if is_worse(first.share, second.share) && is_worse(first.bytes, second.bytes) {
            return Ok(Self { side, warning: first, critical: second });
        }
        // The one that the user wrote; of two, the graver.
        let (wrong, other, is_warning) =
            if critical.given.is_some() { (critical, warning, false) } else { (warning, critical, true) };
        let word = if is_warning == (side == Side::Below) { "more" } else { "less" };
        Err(vec![(wrong.key, format!("it must be {word} than {}, or nobody is ever warned; set both", other.words()))])
    }

    /// What `value` is, of such a whole, and which limit it has crossed.
    pub fn judge(&self, value: u64, whole: u64) -> Option<(Verdict, Crossed)> {
        let crossed = |amount: &Amount| {
            let limit = amount.of(whole, self.side)?;
            let is_bad = if self.side == Side::Below { value < limit } else { value > limit };
            let share = amount.share.filter(|share| Amount::share_of(*share, whole) == limit);
            is_bad.then_some(Crossed { limit, share })
        };
        let critical = crossed(&self.critical).map(|limit| (Verdict::Failed, limit));
        critical.or_else(|| crossed(&self.warning).map(|limit| (Verdict::Warning, limit)))
    }

    /// The ranges of Nagios for such a whole, in bytes: warning and critical.
    pub fn ranges(&self, whole: u64) -> [Option<String>; 2] {
        let colon = if self.side == Side::Below { ":" } else { "" };
        [&self.warning, &self.critical].map(|a| a.of(whole, self.side).map(|limit| format!("{limit}{colon}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes) in
            [("0B", 0), ("512B", 512), ("64KiB", 65_536), (" 5 GiB ", 5 << 30), ("5GB", 5_000_000_000), ("1kB", 1_000)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "5", "GiB", "-1GiB", "1.5GiB", "5gib", "5G", "99999999999TiB", "5GiBs"] {
            let why = parse_size(bad).unwrap_err();
            assert!(why.contains("write it as \"512KiB\""), "{bad}: {why}");
        }
        for (bytes, words) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (1_536, "1.5 KiB"),
            ((10 << 30) - 1, "9.9 GiB"),
            (26 << 30, "26 GiB"),
            (u64::MAX, "16383 PiB"),
        ] {
            assert_eq!(size_words(bytes), words);
        }
    }

    #[test]
    fn shares_are_read_and_shown() {
        for (text, hundredths) in [("10%", 1_000), ("2.5%", 250), ("0.05 %", 5), ("100%", 10_000)] {
            assert_eq!(parse_percent(text), Ok(hundredths), "{text}");
        }
        for bad in ["", "%", "10", "0%", "101%", "-1%", "1.234%", ".5%", "1e2%", "+1%"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
        for (part, whole, words) in
            [(1, 2, "50%"), (43, 1_000, "4.3%"), (1, 1_000, "0.1%"), (5, 10_000, "0.05%"), (0, 9, "0%"), (1, 0, "100%")]
        {
            assert_eq!(share_words(part, whole), words);
        }
        assert_eq!(share_words(u64::MAX, u64::MAX), "100%");
    }

    fn degrees(side: Side, warning: &[&str], critical: &[&str]) -> Result<Degrees, Vec<(&'static str, String)>> {
        let list = |texts: &[&str]| OneOrMany(texts.iter().map(|t| (*t).to_owned()).collect());
        let (first, second) = (list(warning), list(critical));
        let degree = |key, given| Degree { key, given: Some(given), usual: &["1%"] };
        Degrees::read(side, degree("warning", &first), degree("critical", &second))
    }

    #[test]
    fn of_a_share_and_a_size_the_later_counts() {
        let both = degrees(Side::Below, &["10%", "50B"], &["5%", "20B"]).unwrap();
        for (free, whole, want) in [
            (10, 100, None),
            (9, 100, Some((Verdict::Warning, "10% (10 B)"))),
            (4, 100, Some((Verdict::Failed, "5% (5 B)"))),
            (50, 1_000, None),
            (49, 1_000, Some((Verdict::Warning, "50 B"))),
            (19, 1_000, Some((Verdict::Failed, "20 B"))),
        ] {
            let judged = both.judge(free, whole);
            let judged = judged.map(|(verdict, limit)| (verdict, limit.to_string()));
            assert_eq!(judged.as_ref().map(|(v, w)| (*v, w.as_str())), want, "{free} of {whole}");
        }
        assert_eq!(both.ranges(1_000), [Some("50:".to_owned()), Some("20:".to_owned())]);
        let used = degrees(Side::Above, &["50%", "10B"], &["never"]).unwrap();
        let (verdict, limit) = used.judge(51, 100).unwrap();
        assert_eq!(
            (verdict, limit.to_string(), limit.count_words()),
            (Verdict::Warning, "50% (50 B)".to_owned(), "50%".to_owned())
        );
        assert_eq!(used.judge(11, 12).unwrap().1.count_words(), "10");
        // A limit is said as it was written: a value is rounded, and must not look like it.
        let fine = degrees(Side::Below, &["12.5%"], &["10.05%"]).unwrap();
        let said = |free| fine.judge(free, 10_000).map(|(_, limit)| (limit.count_words(), limit.to_string()));
        let words = |count: &str, size: &str| Some((count.to_owned(), size.to_owned()));
        assert_eq!(said(1_249), words("12.5%", "12.5% (1.2 KiB)"));
        assert_eq!(said(1_004), words("10.05%", "10.05% (1005 B)"));
        assert_eq!((used.judge(50, 100), used.judge(10, 12)), (None, None));
        assert_eq!(used.ranges(100), [Some("50".to_owned()), None]);
    }

    #[test]
    fn wrong_limits_are_refused_by_the_key_that_was_written() {
        for (side, warning, critical) in
            [(Side::Below, ["5%"], ["5%"]), (Side::Below, ["1GiB"], ["2GiB"]), (Side::Above, ["50%"], ["40%"])]
        {
            let found = degrees(side, &warning, &critical).unwrap_err();
            assert!(found[0].0 == "critical" && found[0].1.contains(warning[0]), "{found:?}");
        }
        let (low, usual) = (OneOrMany(vec!["3%".to_owned()]), ["5%", "1GiB"]);
        let warning = Degree { key: "warning", given: Some(&low), usual: &["10%"] };
        let critical = Degree { key: "critical", given: None, usual: &usual };
        let found = Degrees::read(Side::Below, warning, critical).unwrap_err();
        let said = "it must be more than critical (which is \"5%\" and \"1GiB\", by default), or nobody is ever warned; \
                    set both";
        assert_eq!(found, [("warning", said.to_owned())]);
        let found = degrees(Side::Below, &["10%", "20%"], &["ten"]).unwrap_err();
        assert_eq!(found.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["warning", "critical"]);
        assert!(found[0].1.contains("one too many") && found[1].1.contains("or \"never\""), "{found:?}");
        assert!(degrees(Side::Below, &[], &["1%"]).unwrap_err()[0].1.contains("empty"));
        let found = degrees(Side::Below, &["1GiB"], &["0B"]).unwrap_err();
        assert!(found[0].0 == "critical" && found[0].1.contains("nothing is ever less"), "{found:?}");
        let found = degrees(Side::Above, &["90%"], &["100%"]).unwrap_err();
        assert!(found[0].0 == "critical" && found[0].1.contains("nothing is ever more"), "{found:?}");
        assert!(degrees(Side::Above, &["0B"], &["99.99%"]).is_ok() && degrees(Side::Below, &["100%"], &["1B"]).is_ok());
    }
}
