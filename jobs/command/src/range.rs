//! The ranges of Nagios plugins, as in `-w 10:20` and in performance data.

use std::fmt;
use std::str::FromStr;

/// A range of values, and on which side of it the alarm is. `10` alerts below 0 and above 10, `10:` below 10, `~:10`
/// above 10, `10:20` outside of 10 to 20, and `@10:20` inside. The ends belong to the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The smallest value inside; negative infinity for `~`.
    pub start: f64,
    /// The largest value inside; infinity if none is given.
    pub end: f64,
    /// Whether the values inside alert, and not those outside: a leading `@`.
    pub inside: bool,
}

impl Range {
    /// Whether `value` lies in the range. Nothing contains a value that is no number.
    pub fn contains(&self, value: f64) -> bool {
        self.start <= value && value <= self.end
    }

    /// Whether `value` is a reason to alert. A value that is no number alerts only where being outside does.
    pub fn alerts(&self, value: f64) -> bool {
        self.contains(value) == self.inside
    }
}

impl FromStr for Range {
    type Err = String;

    /// # Errors
    /// A sentence that shows the forms.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is no range; write \"10\", \"10:\", \"~:10\", \"10:20\" or \"@10:20\"");
        let number = |text: &str| {
            let value: f64 = text.parse().map_err(|_| bad())?;
            if value.is_finite() { Ok(value) } else { Err(bad()) }
        };
        let trimmed = text.trim();
        let (bare, inside) = trimmed.strip_prefix('@').map_or((trimmed, false), |b| (b, true));
        let (start, end) = match bare.split_once(':') {
            None => (0.0, number(bare)?),
            Some((start, end)) => (
                match start {
                    "" => 0.0,
                    "~" => f64::NEG_INFINITY,
                    start => number(start)?,
                },
                if end.is_empty() { f64::INFINITY } else { number(end)? },
            ),
        };
        if start > end {
            return Err(format!("the range \"{text}\" ends before it starts; put the smaller number first"));
        }
        Ok(Self { start, end, inside })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inside {
            f.write_str("@")?;
        }
        if self.start == f64::NEG_INFINITY {
            f.write_str("~:")?;
        } else if self.start != 0.0 || self.end == f64::INFINITY {
            write!(f, "{}:", self.start)?;
        }
        if self.end == f64::INFINITY { Ok(()) } else { write!(f, "{}", self.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_alerts_where_it_should() {
        for (text, quiet, loud) in [
            ("10", vec![0.0, 5.0, 10.0], vec![-0.1, 10.1, f64::NAN]),
            ("10:", vec![10.0, 1e9], vec![9.9, -1.0]),
            ("~:10", vec![-1e9, 10.0], vec![10.1]),
            ("10:20", vec![10.0, 15.0, 20.0], vec![9.9, 20.1]),
            ("@10:20", vec![9.9, 20.1], vec![10.0, 15.0, 20.0]),
            ("-5.5:-1", vec![-5.5, -1.0], vec![-6.0, 0.0]),
            ("@~:0", vec![0.1], vec![0.0, -7.0]),
            (":10", vec![0.0], vec![-1.0]),
            ("0:", vec![0.0], vec![-0.1]),
            ("0", vec![0.0], vec![0.1, -0.1]),
        ] {
            let range: Range = text.parse().unwrap();
            for value in quiet {
                assert!(!range.alerts(value), "{text} is quiet at {value}");
            }
            for value in loud {
                assert!(range.alerts(value), "{text} alerts at {value}");
            }
            let again: Range = range.to_string().parse().unwrap();
            assert_eq!(again, range, "{text} shown as {range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in ["", "@", "x", "10:x", "20:10", "1:2:3", "10%", "inf", "NaN", "~"] {
            assert!(bad.parse::<Range>().is_err(), "{bad}");
        }
        let error = "20:10".parse::<Range>().unwrap_err();
        assert!(error.contains("smaller number first"), "{error}");
    }
}
