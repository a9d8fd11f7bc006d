//! Users and passwords, and the places that passwords come from.

use super::env::Env;
use super::secret::{self, Secret};
use super::section::Section;
use std::path::Path;
use toml::Spanned;

/// User and password; `credentials` are the names that are looked for in `$CREDENTIALS_DIRECTORY`.
pub(crate) fn login(s: &mut Section<'_, '_>, credentials: &[&str]) -> Option<(String, Secret)> {
    let tried = s.has("pass") || s.has("pass_file");
    let pass_span = s.span_of(if s.has("pass") { "pass" } else { "pass_file" });
    let user = s.text("user", "\"alpha-checker@example.com\"");
    let found = password(s, credentials);
    match (user, found) {
        (Some(user), Some(pass)) => Some((user.into_inner(), pass)),
        (Some(user), None) if !tried => {
            s.cx.error(
                user.span(),
                "there is a user and no password",
                format!(
                    "add pass_file = \"mail.secret\" (a file with mode 600 that holds the password), or give the credential \"{}\"",
                    credentials.first().copied().unwrap_or("mail")
                ),
            );
            None
        }
        (None, _) if tried && !s.given("user") => {
            s.cx.error(
                pass_span,
                "there is a password and no user",
                "add for example: user = \"alpha-checker@example.com\"",
            );
            None
        }
        _ => None,
    }
}

fn password(s: &mut Section<'_, '_>, credentials: &[&str]) -> Option<Secret> {
    let (has_pass, file_span) = (s.has("pass"), s.span_of("pass_file"));
    let pass = s.text("pass", "\"...\"");
    let file = s.text("pass_file", "\"mail.secret\"");
    if has_pass && file.is_some() {
        s.cx.error(file_span, "\"pass\" and \"pass_file\" are both given", "keep pass_file, and take out pass");
        return None;
    }
    if has_pass {
        return pass.map(|p| Secret::new(p.into_inner()));
    }
    if let Some(name) = file {
        return secret_file(s, &name);
    }
    for name in credentials {
        let Some(path) = s.cx.env.credentials.as_ref().map(|c| c.join(name)) else {
            break;
        };
        if path.exists() {
            return match secret::read(&path, &guarded(s.cx.env)) {
                Ok(secret) => Some(secret),
                Err(fault) => {
                    s.cx.fault(s.span.clone(), fault);
                    None
                }
            };
        }
    }
    s.cx.env.mail_pass.clone()
}

/// Reads the secret in the file that a key names.
pub(crate) fn secret_file(s: &Section<'_, '_>, name: &Spanned<String>) -> Option<Secret> {
    let path = s.cx.paths.beside(name.get_ref());
    match secret::read(&path, &guarded(s.cx.env)) {
        Ok(secret) => Some(secret),
        Err(fault) => {
            s.cx.fault(name.span(), fault);
            None
        }
    }
}

/// Folders that the system guards as a whole, so that the modes of the files in them say nothing.
pub(crate) fn guarded(env: &Env) -> Vec<&Path> {
    let mut out = vec![Path::new("/run/secrets")];
    out.extend(env.credentials.as_deref());
    out
}
