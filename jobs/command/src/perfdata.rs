//! The performance data of Nagios plugins: `'label'=value[unit];warning;critical;min;max`, separated by blanks.

use checker_job::Metric;

/// Reads all that can be read. What cannot is returned as the second value, one sentence each: a plugin with broken
/// numbers has still checked something, so this is never an error.
pub(crate) fn parse(text: &str) -> (Vec<Metric>, Vec<String>) {
    let (mut metrics, mut ignored) = (Vec::new(), Vec::new());
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((label, after)) = label(rest) else {
            // Go on behind the next blank: one broken piece must not cost the others. Behind a quote that is never
            // closed nobody knows where the pieces begin.
            let unclosed = rest.starts_with('\'') && rest.matches('\'').count() == 1;
            let (bad, tail) = match rest.split_once(char::is_whitespace) {
                Some(split) if !unclosed => split,
                _ => (rest, ""),
            };
            ignored.push(format!("performance data ignored, no label=value: {bad}"));
            rest = tail.trim_start();
            continue;
        };
        let (data, tail) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
        match metric(&label, data) {
            Ok(Some(metric)) => metrics.push(metric),
            Ok(None) => {}
            Err(()) => ignored.push(format!("performance data ignored, no number: {label}={data}")),
        }
        rest = tail.trim_start();
    }
    (metrics, ignored)
}

/// The label without its quotes, and what follows its `=`.
fn label(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('\'') else {
        let (label, after) = text.split_once('=')?;
        let sound = !label.is_empty() && !label.contains(|c: char| c.is_whitespace() || c == '\'');
        return sound.then(|| (label.to_owned(), after));
    };
    let mut label = String::new();
    loop {
        let (part, after) = rest.split_once('\'')?;
        label.push_str(part);
        // Two quotes are one quote of the label.
        match after.strip_prefix('\'') {
            Some(more) => {
                label.push('\'');
                rest = more;
            }
            None if label.is_empty() => return None,
            None => return Some((label, after.strip_prefix('=')?)),
        }
    }
}

/// One metric; `None` for the value `U`, which says that it could not be determined.
fn metric(label: &str, data: &str) -> Result<Option<Metric>, ()> {
    let mut fields = data.split(';');
    let (number, unit) = split_number(fields.next().unwrap_or_default());
    if number.is_empty() && unit == "U" {
        return Ok(None);
    }
    let value = number_of(number).ok_or(())?;
    let mut metric = Metric::new(label.to_owned(), value, unit.to_owned());
    let mut range = || fields.next().map(str::trim).filter(|range| !range.is_empty()).map(str::to_owned);
    metric.warning = range();
    metric.critical = range();
    let mut limit = || fields.next().and_then(|text| number_of(split_number(text).0));
    metric.min = limit();
    metric.max = limit();
    Ok(Some(metric))
}

/// Where the number ends and its unit begins. An `e` belongs to the number only if an exponent follows.
fn split_number(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let sign_follows = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        match byte {
            b'0'..=b'9' | b'.' | b',' => at += 1,
            b'+' | b'-' if at == 0 => at += 1,
            b'e' | b'E' if at > 0 && sign_follows && digit(at + 2) => at += 2,
            b'e' | b'E' if at > 0 && digit(at + 1) => at += 1,
            _ => break,
        }
    }
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// A number of either custom: some plugins print the decimal comma of a locale.
fn number_of(text: &str) -> Option<f64> {
    let value: f64 = text.replace(',', ".").parse().ok()?;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Metric {
        let (mut metrics, ignored) = parse(text);
        assert!(ignored.is_empty() && metrics.len() == 1, "{text}: {metrics:?} {ignored:?}");
        metrics.remove(0)
    }

    #[test]
    fn a_full_metric_is_read() {
        let metric = one("/=14893973504B;267847005634;~:267847005635;0;270552530944");
        assert_eq!((&*metric.label, &*metric.unit), ("/", "B"));
        assert_eq!(metric.value.to_string(), "14893973504");
        assert_eq!(metric.warning.as_deref(), Some("267847005634"));
        assert_eq!(metric.critical.as_deref(), Some("~:267847005635"));
        assert_eq!((metric.min, metric.max), (Some(0.0), Some(270_552_530_944.0)));
    }

    #[test]
    fn labels_may_be_quoted() {
        for (text, label) in [
            ("'C:\\ used %'=5%", "C:\\ used %"),
            ("'it''s = here'=5", "it's = here"),
            ("''''=5", "'"),
            ("a_b.c=5", "a_b.c"),
            ("größe=5", "größe"),
        ] {
            assert_eq!(one(text).label, label, "{text}");
        }
    }

    #[test]
    fn numbers_and_units_are_told_apart() {
        for (text, value, unit) in [
            ("x=1", 1.0, ""),
            ("x=-1.5s", -1.5, "s"),
            ("x=+3c", 3.0, "c"),
            ("x=0,25s", 0.25, "s"),
            ("x=.5%", 0.5, "%"),
            ("x=1e3ms", 1_000.0, "ms"),
            ("x=1.5E-3s", 0.001_5, "s"),
            ("x=5EB", 5.0, "EB"),
            ("x=20°C", 20.0, "°C"),
        ] {
            let metric = one(text);
            assert!((metric.value - value).abs() < 1e-12, "{text}: {metric:?}");
            assert_eq!(metric.unit, unit, "{text}");
        }
    }

    #[test]
    fn fields_may_be_missing_empty_or_too_many() {
        let metric = one("procs=94;1:400;;0;");
        assert_eq!(metric.warning.as_deref(), Some("1:400"));
        assert_eq!((metric.critical, metric.min, metric.max), (None, Some(0.0), None));
        let metric = one("x=1;@5:6");
        assert_eq!((metric.warning.as_deref(), metric.max), (Some("@5:6"), None));
        assert_eq!(one("x=1;;;;;;;").value.to_string(), "1");
        assert_eq!(one("x=1MB;;;0MB;10MB").max, Some(10.0));
    }

    #[test]
    fn several_are_read_and_broken_ones_cost_only_themselves() {
        let (metrics, ignored) = parse("  a=1 junk b=2s;;;;\t'c d'=3 =4 e=five f=U g=NaN 'h'5 i=--1 j=7");
        let labels: Vec<&str> = metrics.iter().map(|m| &*m.label).collect();
        assert_eq!(labels, ["a", "b", "c d", "j"]);
        assert_eq!(ignored.len(), 6, "{ignored:?}");
        assert!(ignored.iter().any(|i| i.contains("e=five")), "{ignored:?}");
        for hopeless in ["'never closed=5", "''=5", "'", "=", "|", "'a'", "\u{fffd}"] {
            let (metrics, ignored) = parse(hopeless);
            assert!(metrics.is_empty() && !ignored.is_empty(), "{hopeless}: {metrics:?}");
        }
        assert_eq!(parse(""), (vec![], vec![]));
    }
}
