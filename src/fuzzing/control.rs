//! One line on the control socket, either way.

use super::in_time;
use crate::control::{Answer, Ask};

/// The bytes are a question to the daemon, or its answer, or neither.
///
/// # Panics
/// If what was read and written again is something else.
pub fn control(data: &[u8]) {
    in_time(|| {
        if let Ok(ask) = serde_json::from_slice::<Ask>(data) {
            let text = serde_json::to_string(&ask).unwrap_or_default();
            assert!(!text.contains('\n'), "one line: {text}");
            assert_eq!(serde_json::from_str::<Ask>(&text).ok(), Some(ask), "read and written again");
        }
        if let Ok(mut answer) = serde_json::from_slice::<Answer>(data) {
            // What it holds is another's, and may have numbers that JSON cannot keep to the last bit.
            answer.status = answer.status.filter(|status| !status.to_string().contains(['.', 'e']));
            let text = serde_json::to_string(&answer).unwrap_or_default();
            assert!(!text.contains('\n'), "one line: {text}");
            assert_eq!(serde_json::from_str::<Answer>(&text).ok(), Some(answer), "read and written again");
        }
    });
}
